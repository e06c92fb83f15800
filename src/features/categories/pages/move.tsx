// Moving a category with all below it to another place in the tree.
import { Alert, Stack, Text } from '@mantine/core'
import { useMemo } from 'react'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { Tree, type TreeRow } from '../../../web/tree.tsx'
import { type Category, changeCategory, getCategory } from '../contract.ts'
import { isWithin } from './branches.ts'

const top = 'top'

export function MoveDialog({ category, rows, onClose }: { category: Category; rows: readonly Category[]; onClose: () => void }) {
  const { t } = useTranslation()
  const send = useCall()
  const params = { category_id: category.id }
  const state = useSaveForm({
    initial: { parent_id: category.parent_id ?? top },
    version: category.version,
    save: ({ parent_id }, version) => send(changeCategory, { params, body: { parent_id: parent_id === top ? null : parent_id }, ...(version === undefined ? {} : { version }) }),
    reload: async () => {
      const now = await send(getCategory, { params })
      return { values: { parent_id: now.parent_id ?? top }, version: now.version }
    },
    validate: ({ parent_id }) => {
      const target = rows.find((row) => row.id === parent_id)
      return target && isWithin(target, category) ? { parent_id: t('categories.no_circle') } : {}
    },
    onSaved: () => {
      notifyDone(t('categories.moved', { name: category.name }))
      onClose()
    },
  })
  const places = useMemo<TreeRow[]>(() => [{ id: top, parent_id: null, name: t('categories.top') }, ...rows.map((row) => ({ id: row.id, parent_id: row.parent_id ?? top, name: row.name }))], [rows, t])
  const isBelow = ({ id }: TreeRow) => rows.some((row) => row.id === id && isWithin(row, category))
  const choose = (parent_id: string) => {
    state.form.setFieldValue('parent_id', parent_id)
    if (isBelow({ id: parent_id, parent_id: null, name: '' })) state.form.setFieldError('parent_id', t('categories.no_circle'))
  }
  const target = places.find((place) => place.id === state.form.values.parent_id)
  const error = state.form.errors.parent_id
  return (
    <Dialog opened onClose={onClose} title={t('categories.move_title', { name: category.name })} size="lg">
      <FormBody
        state={state}
        submitLabel={t('categories.move')}
        onCancel={onClose}
        labels={{ parent_id: t('categories.parent') }}
        show={(_, value) => places.find((place) => place.id === value)?.name ?? t('categories.top')}
      >
        <Text size="sm">{t('categories.move_text')}</Text>
        <div className="tree-box">
          <Tree label={t('categories.move_to')} rows={places} selected={state.form.values.parent_id} onSelect={choose} refused={isBelow} autoFocus />
        </div>
        <Stack gap="xs" role="status">
          {error ? (
            <Alert color="red" className="alert-bad">
              {error}
            </Alert>
          ) : (
            <Text size="sm" fw={600}>
              {t('categories.move_result', { parent: target?.name ?? '' })}
            </Text>
          )}
        </Stack>
      </FormBody>
    </Dialog>
  )
}
