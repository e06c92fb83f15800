// What the fleet is worth at a day, by category and currency, with the way down to the categories below.
import { TextInput, Title } from '@mantine/core'
import { useFormat } from '../../web/format.ts'
import { useTranslation } from '../../web/i18n.ts'
import { Page } from '../../web/page.tsx'
import { useRead } from '../../web/query.ts'
import { EmptyState, ErrorState, LoadingState } from '../../web/states.tsx'
import { type Column, DataList } from '../../web/table.tsx'
import { PageLink, useUrl } from '../../web/url.tsx'
import { listCategories } from '../categories/contract.ts'
import { type CategoryValue, type FleetValue, getFleetValue } from './contract.ts'

export function FleetValuePage() {
  const { t } = useTranslation()
  const format = useFormat()
  const [search, setSearch] = useUrl()
  const asOf = /^(19|20|21)\d\d-\d\d-\d\d$/.test(search.as_of ?? '') ? search.as_of : undefined
  const read = useRead(getFleetValue, { query: { ...(asOf ? { as_of: asOf } : {}), ...(search.category_id ? { parent_id: search.category_id } : {}) } }, { keep: true })
  return (
    <Page title={t('valuation.fleet_title')} subtitle={t('valuation.fleet_text')}>
      <nav className="subnav" aria-label={t('utilization.reports')}>
        <PageLink to="/utilization">{t('utilization.title')}</PageLink>
        <PageLink to="/fleet-value" aria-current="page">
          {t('valuation.fleet_title')}
        </PageLink>
      </nav>
      <div className="filter-bar">
        <TextInput
          type="date"
          label={t('valuation.as_of')}
          min="1900-01-01"
          max="2199-12-31"
          value={asOf ?? read.data?.as_of ?? format.today()}
          onChange={(event) => setSearch({ as_of: event.currentTarget.value || undefined }, { replace: true })}
        />
      </div>
      <Crumbs />
      {read.error && !read.data ? <ErrorState error={read.error} retry={read.refetch} /> : !read.data ? <LoadingState /> : <Value value={read.data} read={read} />}
    </Page>
  )
}

function Crumbs() {
  const { t } = useTranslation()
  const [{ category_id: chosen, as_of }] = useUrl()
  const { data } = useRead(listCategories, {}, { staleTime: 300_000 })
  const branch: { id: string; name: string }[] = []
  const find = (id: string | null | undefined) => data?.items.find((one) => one.id === id)
  for (let at = find(chosen); at && !branch.includes(at); at = find(at.parent_id)) branch.unshift(at)
  if (!chosen) return null
  return (
    <nav className="crumbs" aria-label={t('utilization.where')}>
      <PageLink to="/fleet-value" search={{ as_of }}>
        {t('utilization.whole_company')}
      </PageLink>
      {branch.map((one) => (
        <span key={one.id}>
          {' › '}
          {one.id === chosen ? (
            one.name
          ) : (
            <PageLink to="/fleet-value" search={{ as_of, category_id: one.id }}>
              {one.name}
            </PageLink>
          )}
        </span>
      ))}
    </nav>
  )
}

function Value({ value, read }: { value: FleetValue; read: { isFetching: boolean } }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [search] = useUrl()
  if (value.items.length === 0 && value.unvalued_count === 0) return <EmptyState title={t('valuation.none')}>{t('valuation.none_text')}</EmptyState>
  const columns: Column<CategoryValue>[] = [
    {
      key: 'category',
      title: t('utilization.column_category_name'),
      render: (row) =>
        row.category_id ? (
          <PageLink to="/fleet-value" search={{ ...search, category_id: row.category_id }} className="row-link">
            {row.category_name}
          </PageLink>
        ) : (
          <span className="dimmed">{t(search.category_id ? 'valuation.directly' : 'utilization.no_category')}</span>
        ),
    },
    { key: 'machine_count', title: t('utilization.machines'), align: 'right', render: (row) => format.number(row.machine_count) },
    { key: 'purchase_total', title: t('valuation.bought'), align: 'right', render: (row) => format.money(row.purchase_total) },
    { key: 'depreciated', title: t('valuation.depreciated'), align: 'right', render: (row) => format.money(row.depreciated) },
    { key: 'book_total', title: t('valuation.book_value'), align: 'right', render: (row) => <strong>{format.money(row.book_total)}</strong> },
  ]
  const rows = { items: value.items, pages: [value.items], total: value.items.length, query: { ...read, hasNextPage: false, isPlaceholderData: false } as never }
  return (
    <div className="stack">
      {value.totals.length > 0 && (
        <section className="tiles tiles-wide" aria-label={t('valuation.totals')}>
          {value.totals.map((total) => (
            <div key={total.currency} className="tile">
              <span className="tile-number">{format.money(total.book_total)}</span>
              <span className="tile-label">{t('valuation.total_of', { count: total.machine_count })}</span>
            </div>
          ))}
        </section>
      )}
      {value.unvalued_count > 0 && <p className="dimmed">{t('valuation.unvalued', { count: value.unvalued_count })}</p>}
      {value.items.length > 0 && (
        <section>
          <Title order={2} mb="sm">
            {t('utilization.by_category')}
          </Title>
          <DataList fixed id="fleet-value" caption={t('utilization.by_category')} columns={columns} rows={rows} rowKey={(row) => `${row.category_id} ${row.currency}`} empty={null} />
        </section>
      )}
    </div>
  )
}
