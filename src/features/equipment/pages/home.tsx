// Where a person starts: an operator with their machines, the others with what needs them today.
import { Button } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconClock, IconTir, IconTool, IconUser } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useRead } from '../../../web/query.ts'
import { useCompany, useSession } from '../../../web/session.tsx'
import { ErrorState } from '../../../web/states.tsx'
import type { Tone } from '../../../web/tone.tsx'
import { PageLink, type Search } from '../../../web/url.tsx'
import { listAssignments } from '../../assignments/contract.ts'
import { getSummary, listEquipment } from '../contract.ts'
import { MyMachines } from './mine.tsx'
import { ServiceDate } from './status.tsx'

const dayMs = 86_400_000
const inDays = (today: string, days: number) => new Date(Date.parse(today) + days * dayMs).toISOString().slice(0, 10)

export function HomePage() {
  const { t } = useTranslation()
  const { me } = useSession()
  const company = useCompany()
  const isOperator = company.role === 'operator'
  return (
    <Page title={t('equipment.home_hello', { name: me.user.full_name.split(' ')[0] })} subtitle={`${company.name} · ${t(`web.role_${company.role}`)}`}>
      {isOperator ? <MyMachines always /> : <Overview />}
    </Page>
  )
}

function Overview() {
  const { data: summary } = useRead(getSummary, {})
  return (
    <div className="stack">
      <Tiles />
      {summary && summary.held_by_me > 0 && <MyMachines />}
      <div className="columns-2">
        <HandOversOverdue />
        <ServiceToPlan />
      </div>
    </div>
  )
}

function Tiles() {
  const { t } = useTranslation()
  const today = useFormat().today()
  const { data: n, error, refetch } = useRead(getSummary, {})
  if (error && !n) return <ErrorState error={error} retry={refetch} />
  return (
    <section className="tiles" aria-label={t('equipment.title')} aria-busy={!n}>
      <Tile count={n?.total} label={t('equipment.home_total')} icon={<IconTir size={18} aria-hidden />} />
      <Tile count={n?.active} label={t('equipment.home_active')} icon={<IconCircleCheck size={18} aria-hidden />} tone="ok" search={{ status: 'active' }} />
      <Tile count={n?.in_use} label={t('equipment.home_in_use')} icon={<IconUser size={18} aria-hidden />} tone="info" search={{ in_use: 'true' }} />
      <Tile count={n?.maintenance} label={t('equipment.status_maintenance')} icon={<IconTool size={18} aria-hidden />} tone="warn" search={{ status: 'maintenance' }} />
      <Tile
        count={n?.service_overdue}
        label={t('equipment.home_overdue')}
        icon={<IconAlertTriangle size={18} aria-hidden />}
        tone="bad"
        search={{ status: 'active,maintenance', 'next_maintenance_date.lt': today, sort: 'next_maintenance_date' }}
      />
      <Tile
        count={n?.service_soon}
        label={t('equipment.home_soon')}
        icon={<IconClock size={18} aria-hidden />}
        tone="warn"
        search={{ status: 'active,maintenance', 'next_maintenance_date.gte': today, 'next_maintenance_date.lte': inDays(today, 7), sort: 'next_maintenance_date' }}
      />
    </section>
  )
}

function Tile({ count, label, icon, tone, search }: { count: number | undefined; label: string; icon: ReactNode; tone?: Tone; search?: Search }) {
  const format = useFormat()
  return (
    <PageLink to="/equipment" {...(search ? { search } : {})} className="tile">
      <span className={`tile-number ${tone && count ? `tone-${tone}-text` : ''}`}>{count === undefined ? '…' : format.number(count)}</span>
      <span className="tile-label">
        {icon}
        {label}
      </span>
    </PageLink>
  )
}

function Panel({ title, to, search, children }: { title: string; to: string; search: Search; children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <section className="surface">
      <div className="panel-head">
        <h2>{title}</h2>
        <Button component={PageLink} to={to} search={search} variant="subtle" size="compact-sm" aria-label={`${t('equipment.home_all')}: ${title}`}>
          {t('equipment.home_all')}
        </Button>
      </div>
      {children}
    </section>
  )
}

function HandOversOverdue() {
  const { t } = useTranslation()
  const format = useFormat()
  const { data } = useRead(listAssignments, { query: { state: 'overdue', limit: 6, sort: 'due_at' } })
  return (
    <Panel title={t('equipment.home_hand_overs')} to="/assignments" search={{ show: 'overdue' }}>
      {data?.items.length === 0 && (
        <p className="quiet-note">
          <IconCircleCheck size={18} aria-hidden className="tone-ok-text" />
          {t('equipment.home_hand_overs_none')}
        </p>
      )}
      <ul className="plain-list">
        {data?.items.map((hand) => (
          <li key={hand.id} className="row-line">
            <PageLink to={`/equipment/${hand.equipment_id}`} className="row-link">
              {hand.equipment_name}
            </PageLink>
            <span className="tone-bad-text">{t('equipment.late_since', { holder: hand.holder_name, since: format.relative(hand.due_at) })}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function ServiceToPlan() {
  const { t } = useTranslation()
  const until = inDays(useFormat().today(), 7)
  const filter = { status: 'active,maintenance', 'next_maintenance_date.lte': until, sort: 'next_maintenance_date' }
  const { data } = useRead(listEquipment, { query: { ...filter, limit: 6 } })
  return (
    <Panel title={t('equipment.home_service')} to="/equipment" search={filter}>
      {data?.items.length === 0 && (
        <p className="quiet-note">
          <IconCircleCheck size={18} aria-hidden className="tone-ok-text" />
          {t('equipment.home_service_none')}
        </p>
      )}
      <ul className="plain-list">
        {data?.items.map((machine) => (
          <li key={machine.id} className="row-line">
            <span>
              <PageLink to={`/equipment/${machine.id}`} className="row-link">
                {machine.name}
              </PageLink>{' '}
              <span className="mono dimmed">{machine.fleet_code ?? machine.serial_number}</span>
            </span>
            <ServiceDate machine={machine} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}
