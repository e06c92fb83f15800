// What stands where data will be: loading, nothing there yet (with what to do), and an error with a way on.
import { Button, Center, Loader, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from './i18n.ts'

export function LoadingState() {
  const { t } = useTranslation()
  return (
    <Center mih={240} role="status" aria-label={t('web.loading')}>
      <Loader />
    </Center>
  )
}

/** `order` 1 where it stands for a whole page. */
export function EmptyState({ icon, title, children, action, order = 2 }: { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode; order?: 1 | 2 }) {
  return (
    <Stack align="center" gap="xs" py="xl" px="md" ta="center" maw={520} mx="auto">
      {icon && (
        <span className="empty-icon" aria-hidden>
          {icon}
        </span>
      )}
      <Title order={order} size="h3">
        {title}
      </Title>
      {children && <Text c="dimmed">{children}</Text>}
      {action}
    </Stack>
  )
}

export function ErrorState({ error, retry }: { error: unknown; retry?: () => unknown }) {
  const { t } = useTranslation()
  return (
    <Stack align="center" gap="sm" py="xl" px="md" ta="center" role="alert">
      <IconAlertTriangle size={32} className="tone-bad-text" aria-hidden />
      <Text maw={520}>{error instanceof Error && error.message ? error.message : t('web.went_wrong')}</Text>
      {retry && (
        <Button variant="default" leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => void retry()}>
          {t('web.try_again')}
        </Button>
      )}
    </Stack>
  )
}
