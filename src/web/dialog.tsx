// A dialog with a question or a short form, and one for leaving with something unsaved.
import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useBlocker } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from './i18n.ts'
import { usePhone } from './phone.ts'

export function Dialog({ opened, onClose, title, children, size = 'md' }: { opened: boolean; onClose: () => void; title: string; children: ReactNode; size?: string }) {
  const phone = usePhone() ?? false
  const { t } = useTranslation()
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} fullScreen={phone} closeButtonProps={{ 'aria-label': t('web.close') }}>
      {children}
    </Modal>
  )
}

/** Asks before something that matters. `children` says what will happen. */
export function ConfirmDialog({
  opened,
  onClose,
  title,
  children,
  confirm,
  danger,
  busy,
  onConfirm,
}: {
  opened: boolean
  onClose: () => void
  title: string
  children?: ReactNode
  confirm: string
  danger?: boolean
  busy?: boolean
  onConfirm: () => void
}) {
  const { t } = useTranslation()
  return (
    <Dialog opened={opened} onClose={onClose} title={title}>
      <Stack>
        {typeof children === 'string' ? <Text>{children}</Text> : children}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus={danger || undefined}>
            {t('web.cancel')}
          </Button>
          <Button {...(danger ? { color: 'red.9' } : {})} loading={busy ?? false} onClick={onConfirm} data-autofocus={danger ? undefined : true}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}

/** Keeps a person from leaving a page with unsaved input without being asked. */
export function UnsavedGuard({ when }: { when: boolean }) {
  const { t } = useTranslation()
  const blocker = useBlocker({ shouldBlockFn: ({ current, next }) => when && current.pathname !== next.pathname, enableBeforeUnload: () => when, withResolver: true })
  return (
    <ConfirmDialog opened={blocker.status === 'blocked'} onClose={() => blocker.reset?.()} title={t('web.unsaved_title')} confirm={t('web.unsaved_leave')} danger onConfirm={() => blocker.proceed?.()}>
      {t('web.unsaved_text')}
    </ConfirmDialog>
  )
}
