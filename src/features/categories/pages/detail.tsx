// One category: where it stands, its machines, its interval, its specification fields, and what can be done with it.
import { Group, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconArrowsMove, IconPencil, IconPlus, IconTir, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { ConfirmDialog } from '../../../web/dialog.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { useAction, useRead } from '../../../web/query.ts'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { listEquipment, statuses } from '../../equipment/contract.ts'
import { type Category, changeCategory, createCategory, deleteCategory } from '../contract.ts'
import { ancestors, fieldOrigins } from './branches.ts'
import { FieldTable } from './fields.tsx'
import { MoveDialog } from './move.tsx'

type Props = { category: Category; rows: readonly Category[] }

export function CategoryDetail({ category, rows }: Props) {
  const { t } = useTranslation()
  const parents = ancestors(rows, category)
  return (
    <section className="surface" aria-labelledby="category-name">
      <Stack>
        <div>
          {parents.length > 0 && (
            <nav aria-label={t('categories.where')} className="crumbs">
              {parents.map((parent, place) => (
                <span key={parent.id}>
                  <PageLink to="/categories" search={{ category: parent.id }}>
                    {parent.name}
                  </PageLink>
                  {place < parents.length - 1 && <span aria-hidden> / </span>}
                </span>
              ))}
            </nav>
          )}
          <Title order={2} id="category-name" className="break-words">
            {category.name}
          </Title>
          {category.description && (
            <Text className="keep-lines" c="dimmed">
              {category.description}
            </Text>
          )}
        </div>
        <Actions category={category} rows={rows} />
        <Facts category={category} rows={rows} />
        <Template category={category} rows={rows} />
      </Stack>
    </section>
  )
}

function Actions({ category, rows }: Props) {
  const { t, i18n } = useTranslation()
  const [open, setOpen] = useState<'move' | 'delete' | null>(null)
  const below = rows.filter((row) => row.parent_id === category.id).length
  const held = [below > 0 && t('categories.subcategories', { count: below }), category.equipment_count > 0 && t('categories.machines', { count: category.equipment_count })].filter(
    (text) => text !== false,
  )
  const inUse = held.length > 0 && t('categories.in_use', { held: new Intl.ListFormat(i18n.language, { type: 'conjunction' }).format(held) })
  return (
    <Group gap="xs">
      <ActionButton op={createCategory} variant="default" px="sm" to="/categories/new" search={{ below: category.id }} leftSection={<IconPlus size={16} aria-hidden />}>
        {t('categories.add_below')}
      </ActionButton>
      <ActionButton op={changeCategory} variant="default" px="sm" to={`/categories/${category.id}/edit`} leftSection={<IconPencil size={16} aria-hidden />}>
        {t('web.edit')}
      </ActionButton>
      <ActionButton op={changeCategory} variant="default" px="sm" onClick={() => setOpen('move')} leftSection={<IconArrowsMove size={16} aria-hidden />}>
        {t('categories.move')}
      </ActionButton>
      <ActionButton op={deleteCategory} variant="default" px="sm" unless={inUse} onClick={() => setOpen('delete')} leftSection={<IconTrash size={16} aria-hidden />}>
        {t('web.delete')}
      </ActionButton>
      {open === 'move' && <MoveDialog category={category} rows={rows} onClose={() => setOpen(null)} />}
      {open === 'delete' && <DeleteDialog category={category} onClose={() => setOpen(null)} />}
    </Group>
  )
}

function DeleteDialog({ category, onClose }: { category: Category; onClose: () => void }) {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  const remove = useAction(deleteCategory, {
    done: t('categories.deleted', { name: category.name }),
    onDone: () => {
      onClose()
      setSearch({ category: category.parent_id ?? undefined }, { replace: true })
    },
  })
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('categories.delete_title', { name: category.name })}
      confirm={t('web.delete')}
      danger
      busy={remove.isPending}
      onConfirm={() => remove.mutate({ params: { category_id: category.id }, version: category.version }, { onError: onClose })}
    >
      {t('categories.delete_text')}
    </ConfirmDialog>
  )
}

function Facts({ category, rows }: Props) {
  const { t } = useTranslation()
  const nearest = ancestors(rows, category)
    .reverse()
    .find((parent) => parent.maintenance_interval_days !== null)
  return (
    <dl className="fact-list">
      <div className="fact-wide">
        <dt>{t('categories.equipment')}</dt>
        <dd>
          <PageLink to="/equipment" search={{ category_id: category.id }} className="with-icon">
            <IconTir size={18} aria-hidden />
            {t('categories.machines', { count: category.equipment_count })}
          </PageLink>
          {category.equipment_count > 0 && <Counts category={category} />}
        </dd>
      </div>
      <div>
        <dt>{t('categories.type_code')}</dt>
        <dd>{category.type_code ? <span className="mono">{category.type_code}</span> : '–'}</dd>
      </div>
      <div>
        <dt>{t('categories.interval')}</dt>
        <dd>
          {category.maintenance_interval_days === null
            ? nearest
              ? t('categories.interval_above', { days: t('categories.days', { count: nearest.maintenance_interval_days ?? 0 }), category: nearest.name })
              : '–'
            : t('categories.days', { count: category.maintenance_interval_days })}
        </dd>
      </div>
    </dl>
  )
}

/** How many of the machines stand right here, how many are in which status, and how many lack what is asked for. */
function Counts({ category }: { category: Category }) {
  const { t } = useTranslation()
  const { data } = useRead(listEquipment, { query: { category_id: category.id, incomplete: 'true', count: 'true', limit: 1 } })
  const lacking = data?.total ?? 0
  const at = { category_id: category.id }
  return (
    <ul className="category-counts">
      {category.equipment_here < category.equipment_count && <li>{t('categories.here', { count: category.equipment_here })}</li>}
      {statuses
        .filter((status) => category.equipment_by_status[status] > 0)
        .map((status) => (
          <li key={status}>
            <PageLink to="/equipment" search={{ ...at, status }}>
              {t(`categories.count_${status}`, { count: category.equipment_by_status[status] })}
            </PageLink>
          </li>
        ))}
      {lacking > 0 && (
        <li>
          <PageLink to="/equipment" search={{ ...at, incomplete: 'true' }} className="with-icon tone-warn-text">
            <IconAlertTriangle size={16} aria-hidden />
            {t('categories.lacking', { count: lacking })}
          </PageLink>
        </li>
      )}
    </ul>
  )
}

function Template({ category, rows }: Props) {
  const { t } = useTranslation()
  const fields = fieldOrigins(rows, category)
  return (
    <div>
      <Title order={3} mb={4}>
        {t('categories.template')}
      </Title>
      {fields.length > 0 ? (
        <FieldTable label={t('categories.template')} fields={fields} own={category.id} />
      ) : (
        <Text c="dimmed" size="sm">
          {t('categories.template_none')}
        </Text>
      )}
    </div>
  )
}
