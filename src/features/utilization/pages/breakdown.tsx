// What utilization is made of: the categories below the chosen one, and its machines, the most used first.
import { Title } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { type Column, DataList } from '../../../web/table.tsx'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { type CategoryUse, listCategoryUse, listMachineUse, type MachineUse } from '../contract.ts'

/** The months shown, and the moment of the past that they are told of. */
export type Span = { from: string; to: string; as_of?: string; known_at?: string }
type Use = { utilization: number | null; assigned_hours: number; available_hours: number; assignment_count: number }

/** Minutes matter in the first hours only. */
export const wholeHours = (hours: number) => (hours < 100 ? Math.round(hours * 10) / 10 : Math.round(hours))

function UseBar({ value }: { value: number | null }) {
  const format = useFormat()
  return (
    <span className="nowrap">
      {format.percent(value === null ? null : value.toFixed(3))}
      <span className="use-bar" aria-hidden>
        <span style={{ width: `${Math.min(100, (value ?? 0) * 100)}%` }} />
      </span>
    </span>
  )
}

function useUseColumns<T extends Use>(sortable: boolean): Column<T>[] {
  const { t } = useTranslation()
  const format = useFormat()
  const sort = (name: string) => (sortable ? { sort: name } : {})
  return [
    { key: 'utilization', title: t('utilization.column_utilization'), align: 'right', render: (row) => <UseBar value={row.utilization} />, ...sort('utilization') },
    { key: 'assigned_hours', title: t('utilization.column_assigned_hours'), align: 'right', render: (row) => format.number(wholeHours(row.assigned_hours)), ...sort('assigned_hours') },
    { key: 'available_hours', title: t('utilization.column_available_hours'), align: 'right', render: (row) => format.number(wholeHours(row.available_hours)) },
    { key: 'assignment_count', title: t('utilization.column_assignment_count'), align: 'right', render: (row) => format.number(row.assignment_count), ...sort('assignment_count') },
  ]
}

export function CategoryBreakdown({ span, parent }: { span: Span; parent: { id: string; name: string } | null }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [search] = useUrl()
  const rows = useList(listCategoryUse, { query: { ...span, ...(parent ? { parent_id: parent.id } : {}) } })
  const columns: Column<CategoryUse>[] = [
    {
      key: 'category',
      title: t('utilization.column_category_name'),
      render: (row) =>
        row.category_id ? (
          <PageLink to="/utilization" search={{ ...search, category_id: row.category_id, sort: undefined }} className="row-link">
            {row.category_name}
          </PageLink>
        ) : (
          <span className="dimmed">{parent ? t('utilization.directly_in', { name: parent.name }) : t('utilization.no_category')}</span>
        ),
    },
    ...useUseColumns<CategoryUse>(false),
    { key: 'machine_count', title: t('utilization.machines'), align: 'right', render: (row) => format.number(row.machine_count) },
  ]
  // A branch without branches has nothing to open.
  if (rows.items && !rows.items.some((row) => row.category_id)) return null
  const caption = t('utilization.by_category')
  return (
    <section>
      <Title order={2} mb="sm">
        {caption}
      </Title>
      <DataList fixed id="utilization-categories" caption={caption} columns={columns} rows={rows} rowKey={(row) => row.category_id ?? 'none'} empty={null} />
    </section>
  )
}

export function MachineBreakdown({ span, categoryId }: { span: Span; categoryId: string | undefined }) {
  const { t } = useTranslation()
  const [search] = useUrl()
  const sort = search.sort ?? '-assigned_hours'
  const rows = useList(listMachineUse, { query: { ...span, sort, ...(categoryId ? { category_id: categoryId } : {}) } })
  const columns: Column<MachineUse>[] = [
    {
      key: 'name',
      title: t('utilization.column_equipment_name'),
      sort: 'name',
      render: (row) => (
        <span>
          <PageLink to="/utilization" search={{ ...search, equipment_id: row.id, sort: undefined }} className="row-link">
            {row.name}
          </PageLink>
          <span className="cell-second">
            {row.fleet_code ?? row.serial_number}
            {row.is_deleted && ` · ${t('utilization.deleted')}`}
          </span>
        </span>
      ),
    },
    ...useUseColumns<MachineUse>(true),
    { key: 'category', title: t('utilization.column_category_name'), render: (row) => row.category_name ?? '–' },
  ]
  const caption = t('utilization.by_machine')
  return (
    <section>
      <Title order={2} mb="sm">
        {caption}
      </Title>
      <DataList fixed id="utilization-machines" caption={caption} columns={columns} rows={rows} rowKey={(row) => row.id} defaultSort="-assigned_hours" empty={<p>{t('utilization.none')}</p>} />
    </section>
  )
}
