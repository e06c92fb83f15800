// How work on a machine reads everywhere: its kind, its state, the machine it is for, and the pages' common head.
import { IconAlarm, IconAlertTriangle, IconCalendar, IconCircleCheck, IconCircleX, IconClock, IconTool } from '@tabler/icons-react'
import { useTranslation } from '../../../web/i18n.ts'
import { type Tone, ToneBadge } from '../../../web/tone.tsx'
import { PageLink, type Search } from '../../../web/url.tsx'
import type { DueState, MaintenanceStatus } from '../contract.ts'

const looks = {
  scheduled: { tone: 'info', icon: IconCalendar },
  in_progress: { tone: 'warn', icon: IconTool },
  done: { tone: 'ok', icon: IconCircleCheck },
  cancelled: { tone: 'idle', icon: IconCircleX },
} as const satisfies Record<MaintenanceStatus, { tone: Tone; icon: typeof IconTool }>

export function WorkStatus({ status }: { status: MaintenanceStatus }) {
  const { t } = useTranslation()
  return (
    <ToneBadge tone={looks[status].tone} icon={looks[status].icon}>
      {t(`maintenance.status_${status}`)}
    </ToneBadge>
  )
}

export const dueLooks = {
  overdue: { tone: 'bad', icon: IconAlertTriangle },
  week: { tone: 'warn', icon: IconAlarm },
  month: { tone: 'info', icon: IconClock },
  later: { tone: 'idle', icon: IconCalendar },
} as const satisfies Record<DueState, { tone: Tone; icon: typeof IconTool }>

/** "3 days overdue", "today", "in 12 days". */
export function DaysLeft({ days, due }: { days: number; due: DueState }) {
  const { t } = useTranslation()
  const words = days < 0 ? t('maintenance.days_over', { count: -days }) : days === 0 ? t('maintenance.due_today') : t('maintenance.days_left', { count: days })
  return (
    <ToneBadge tone={dueLooks[due].tone} icon={dueLooks[due].icon}>
      {words}
    </ToneBadge>
  )
}

export function MachineName({ id, name, code }: { id: string; name: string; code: string }) {
  return (
    <span>
      <PageLink to={`/equipment/${id}`} className="row-link">
        {name}
      </PageLink>
      <span className="mono dimmed code-below">{code}</span>
    </span>
  )
}

export function useWorkTitle(): (work: { type: string; title: string | null }) => string {
  const { t } = useTranslation()
  return ({ type, title }) => (title ? `${t(`maintenance.type_${type}`)}: ${title}` : t(`maintenance.type_${type}`))
}

const views = { '/maintenance': 'board', '/maintenance/calendar': 'calendar', '/maintenance/records': 'records' } as const

/** The three ways to look at the same work. A chosen machine stays chosen. */
export function Views({ here, search }: { here: keyof typeof views; search?: Search }) {
  const { t } = useTranslation()
  return (
    <nav className="subnav" aria-label={t('maintenance.title')}>
      {Object.entries(views).map(([to, name]) => (
        <PageLink key={to} to={to} {...(search ? { search } : {})} {...(to === here ? { 'aria-current': 'page' as const } : {})}>
          {t(`maintenance.view_${name}`)}
        </PageLink>
      ))}
    </nav>
  )
}
