// How much the machines are used: the company, a category or one machine month by month, with the way down from each to the next.
import { Button, Menu, Select } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { type ReactNode, useState } from 'react'
import { download } from '../../../web/client.ts'
import { useFormat, wallClockOf } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { MomentBar, MomentButton } from '../../../web/moment.tsx'
import { notifyProblem } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { useRead } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { PageLink, useMoment, useUrl } from '../../../web/url.tsx'
import { listCategories } from '../../categories/contract.ts'
import { getEquipment, listEquipment } from '../../equipment/contract.ts'
import { exportUtilization, getUtilization, type MonthUse } from '../contract.ts'
import { CategoryBreakdown, MachineBreakdown, type Span, wholeHours } from './breakdown.tsx'
import { MonthChart } from './chart.tsx'
import './utilization.css'

const periods = ['3', '6', '12', '24', '60'] as const

/** The months from today's, or the past moment's, back: `?months=24`, a year when nothing is said. */
function useSpan(): Span & { months: string } {
  const [search] = useUrl()
  const moment = useMoment()
  const format = useFormat()
  const today = moment ? wallClockOf(moment.as_of, format.timeZone) : format.today()
  const months = periods.find((one) => one === search.months) ?? '12'
  const first = new Date(`${today.slice(0, 7)}-01T00:00:00Z`)
  first.setUTCMonth(first.getUTCMonth() - Number(months) + 1)
  return { from: first.toISOString().slice(0, 7), to: today.slice(0, 7), months, ...moment }
}

export function UtilizationPage() {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const { months, ...span } = useSpan()
  const moment = useMoment()
  const { equipment_id: machineId, category_id: categoryId } = search
  const scope = machineId ? { equipment_id: machineId } : categoryId ? { category_id: categoryId } : {}
  const { data, error, refetch } = useRead(getUtilization, { query: { ...span, ...scope } }, { keep: true })
  const { data: categories } = useRead(listCategories, { query: moment ?? {} }, { staleTime: 300_000, keep: true })
  const { data: machine } = useRead(getEquipment, { params: { equipment_id: machineId ?? '' }, query: moment ?? {} }, { enabled: Boolean(machineId), keep: true })
  // The slider reaches back to the first machine of the register.
  const first = useRead(listEquipment, { query: { sort: 'created_at', limit: 1 } }, { enabled: moment !== undefined, staleTime: 300_000 }).data?.items[0]?.created_at
  const category = categories?.items.find((one) => one.id === categoryId)
  const name = machineId ? machine?.name : categoryId ? category?.name : t('utilization.whole_company')
  return (
    <Page
      title={t('utilization.title')}
      subtitle={t('utilization.text')}
      actions={
        <>
          <MomentButton since={undefined} />
          <ExportMenu query={{ ...span, ...(categoryId ? { category_id: categoryId } : {}) }} />
        </>
      }
    >
      <MomentBar since={first} />
      <nav className="subnav" aria-label={t('utilization.reports')}>
        <PageLink to="/utilization" aria-current="page">
          {t('utilization.title')}
        </PageLink>
        <PageLink to="/fleet-value">{t('valuation.fleet_title')}</PageLink>
      </nav>
      <div className="filter-bar">
        <Select
          label={t('utilization.period')}
          data={periods.map((value) => ({ value, label: t('utilization.months', { count: Number(value) }) }))}
          value={months}
          allowDeselect={false}
          onChange={(value) => setSearch({ months: value === '12' ? undefined : (value ?? undefined) }, { replace: true })}
        />
      </div>
      <Crumbs categories={categories?.items ?? []} categoryId={machineId ? (machine?.category_id ?? categoryId) : categoryId} machine={machineId ? machine : undefined} />
      <div className="stack">
        {error && !data ? <ErrorState error={error} retry={refetch} /> : !data ? <LoadingState /> : <Shown months={data.items} name={name ?? ''} />}
        {machine && machineId ? (
          <PageLink to={`/equipment/${machine.id}`} search={moment ?? {}} className="up-link">
            {t('utilization.to_machine')}
          </PageLink>
        ) : (
          <>
            <CategoryBreakdown span={span} parent={category ?? null} />
            <MachineBreakdown span={span} categoryId={categoryId} />
          </>
        )}
      </div>
    </Page>
  )
}

type Named = { id: string; name: string; parent_id: string | null }

/** Company › category › … › machine; each leads back up. */
function Crumbs({ categories, categoryId, machine }: { categories: Named[]; categoryId: string | undefined; machine: { name: string } | undefined }) {
  const { t } = useTranslation()
  const [{ months, as_of, known_at }] = useUrl()
  const kept = { months, as_of, known_at }
  const branch: Named[] = []
  for (let at = categories.find((one) => one.id === categoryId); at && !branch.includes(at); at = categories.find((one) => one.id === at?.parent_id)) branch.unshift(at)
  const steps: { key: string; node: ReactNode }[] = [
    { key: 'company', node: categoryId || machine ? link(t('utilization.whole_company'), kept) : t('utilization.whole_company') },
    ...branch.map((one) => ({ key: one.id, node: one.id === categoryId && !machine ? one.name : link(one.name, { ...kept, category_id: one.id }) })),
    ...(machine ? [{ key: 'machine', node: machine.name }] : []),
  ]
  return (
    <nav className="crumbs use-crumbs" aria-label={t('utilization.where')}>
      {steps.map(({ key, node }, place) => (
        <span key={key}>
          {place > 0 && ' › '}
          {node}
        </span>
      ))}
    </nav>
  )
}

const link = (name: string, search: Record<string, string | undefined>) => (
  <PageLink to="/utilization" search={search}>
    {name}
  </PageLink>
)

function Shown({ months, name }: { months: MonthUse[]; name: string }) {
  const { t } = useTranslation()
  const format = useFormat()
  const moment = useMoment()
  if (months.length === 0) return <EmptyState title={t('utilization.none')}>{t('utilization.none_text')}</EmptyState>
  const sum = (field: 'assigned_hours' | 'available_hours') => months.reduce((total, one) => total + one[field], 0)
  const [assigned, available] = [sum('assigned_hours'), sum('available_hours')]
  const tiles = [
    [t('utilization.column_utilization'), format.percent(available > 0 ? (assigned / available).toFixed(3) : null)],
    [t('utilization.column_assigned_hours'), format.number(wholeHours(assigned))],
    [t('utilization.column_available_hours'), format.number(wholeHours(available))],
    [moment ? t('utilization.machines_then') : t('utilization.machines_now'), format.number(months.at(-1)?.machine_count)],
  ] as const
  return (
    <div className="stack">
      <section className="tiles" aria-label={name}>
        {tiles.map(([label, value]) => (
          <div key={label} className="tile">
            <span className="tile-number">{value}</span>
            <span className="tile-label">{label}</span>
          </div>
        ))}
      </section>
      <MonthChart months={months} title={name} />
    </div>
  )
}

function ExportMenu({ query }: { query: Span & { category_id?: string } }) {
  const { t } = useTranslation()
  const company = useCompany()
  const [busy, setBusy] = useState(false)
  const save = async (format: 'csv' | 'xlsx') => {
    setBusy(true)
    try {
      await download(exportUtilization, { params: { company_id: company.company_id }, query: { ...query, format } }, `${t('utilization.export_name')}.${format}`)
    } catch (error) {
      notifyProblem(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" loading={busy} leftSection={<IconDownload size={18} aria-hidden />}>
          {t('utilization.export')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void save('xlsx')}>Excel (XLSX)</Menu.Item>
        <Menu.Item onClick={() => void save('csv')}>CSV</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
