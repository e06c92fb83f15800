// The categories that were deleted: by whom, when, and the way back.
import { Group, Stack, Text } from '@mantine/core'
import { IconArrowBackUp } from '@tabler/icons-react'
import { ActionButton } from '../../../web/action.tsx'
import { Dialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useAction, useRead } from '../../../web/query.ts'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { useUrl } from '../../../web/url.tsx'
import { type Category, listCategories, restoreCategory } from '../contract.ts'

export function DeletedDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const deleted = useRead(listCategories, { query: { deleted: 'true' } })
  return (
    <Dialog opened onClose={onClose} title={t('categories.deleted_list')} size="lg">
      {!deleted.data && (deleted.error ? <ErrorState error={deleted.error} retry={deleted.refetch} /> : <LoadingState />)}
      {deleted.data?.items.length === 0 && <EmptyState title={t('categories.deleted_none')} />}
      <Stack component="ul" gap="sm" className="deleted-list">
        {deleted.data?.items.map((category) => (
          <Deleted key={category.id} category={category} onClose={onClose} />
        ))}
      </Stack>
    </Dialog>
  )
}

function Deleted({ category, onClose }: { category: Category; onClose: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [, setSearch] = useUrl()
  const restore = useAction(restoreCategory, {
    done: t('categories.restored', { name: category.name }),
    onDone: () => {
      onClose()
      setSearch({ category: category.id })
    },
  })
  return (
    <Group component="li" justify="space-between" wrap="nowrap">
      <div>
        <Text fw={600} className="break-words">
          {category.name}
        </Text>
        <Text size="sm" c="dimmed">
          {t(category.deleted_by_name ? 'categories.deleted_by' : 'categories.deleted_at', { when: format.instant(category.deleted_at), who: category.deleted_by_name })}
        </Text>
      </div>
      <ActionButton
        op={restoreCategory}
        variant="default"
        loading={restore.isPending}
        aria-label={t('categories.restore_one', { name: category.name })}
        leftSection={<IconArrowBackUp size={16} aria-hidden />}
        onClick={() => restore.mutate({ params: { category_id: category.id } })}
      >
        {t('categories.restore')}
      </ActionButton>
    </Group>
  )
}
