// A month of work and of services that fall due, day by day: a table of weeks, on a phone a list of days.
import { Button, Group, Text } from '@mantine/core'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../../web/format.ts'
import { Page } from '../../../web/page.tsx'
import { usePhone } from '../../../web/phone.ts'
import { useRead } from '../../../web/query.ts'
import { ErrorState } from '../../../web/states.tsx'
import { groupBy } from '../../../web/text.ts'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { type Equipment, listEquipment } from '../../equipment/contract.ts'
import { listMaintenance, type MaintenanceRecord } from '../contract.ts'
import { useWorkTitle, Views } from './marks.tsx'

const shown = 3
const iso = (date: Date) => date.toISOString().slice(0, 10)
const plusDays = (day: string, days: number) => iso(new Date(Date.parse(day) + days * 86_400_000))
const plusMonths = (month: string, months: number) => iso(new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1 + months, 1))).slice(0, 7)

/** The weeks of a month, Monday first, each of seven days. */
function weeksOf(month: string): string[][] {
  const first = `${month}-01`
  const start = plusDays(first, -((new Date(first).getUTCDay() + 6) % 7))
  const weeks: string[][] = []
  for (let day = start; day < `${plusMonths(month, 1)}-01`; day = plusDays(day, 7)) weeks.push(Array.from({ length: 7 }, (_, i) => plusDays(day, i)))
  return weeks
}

type Entry = { key: string; day: string; text: string; to: string; search: Record<string, string>; tone: string; mark: string }

function useEntries(month: string, machineId: string | undefined) {
  const { t } = useTranslation()
  const title = useWorkTitle()
  const today = useFormat().today()
  const [from, to] = [`${month}-01`, plusDays(`${plusMonths(month, 1)}-01`, -1)]
  const inMonth = (field: string): Record<string, string> => ({ [`${field}.gte`]: from, [`${field}.lte`]: to, sort: field })
  const ofMachine: Record<string, string> = machineId ? { equipment_id: machineId } : {}
  const work = useRead(listMaintenance, { query: { ...inMonth('scheduled_date'), ...ofMachine, limit: 200 } }, { keep: true })
  const due = useRead(listEquipment, { query: { ...inMonth('next_maintenance_date'), status: 'active,maintenance', limit: 200 } }, { keep: true })
  const ofWork = (record: MaintenanceRecord): Entry => ({
    key: record.id,
    day: record.scheduled_date,
    text: `${record.equipment_name} · ${title(record)}`,
    to: '/maintenance/records',
    search: { equipment_id: record.equipment_id },
    tone: record.status === 'done' ? 'ok' : record.status === 'in_progress' ? 'warn' : record.scheduled_date < today ? 'bad' : 'info',
    mark: t(`maintenance.status_${record.status}`),
  })
  const ofDue = (machine: Equipment): Entry => ({
    key: `due-${machine.id}`,
    day: machine.next_maintenance_date ?? '',
    text: `${machine.fleet_code ?? ''} ${machine.name}`.trim(),
    to: `/equipment/${machine.id}`,
    search: {},
    tone: (machine.next_maintenance_date ?? '') < today ? 'bad' : 'idle',
    mark: t('maintenance.service_due'),
  })
  const machines = (due.data?.items ?? []).filter((machine) => !machineId || machine.id === machineId)
  return {
    entries: [...(work.data?.items ?? []).filter((record) => record.status !== 'cancelled').map(ofWork), ...machines.map(ofDue)],
    error: work.error ?? due.error,
    isFetching: work.isFetching || due.isFetching,
    isCut: Boolean(work.data?.next_cursor ?? due.data?.next_cursor),
    refetch: () => Promise.all([work.refetch(), due.refetch()]),
  }
}

export function MaintenanceCalendarPage() {
  const { t, i18n } = useTranslation()
  const phone = usePhone()
  const [search, setSearch] = useUrl()
  const today = useFormat().today()
  const month = /^(19|20|21)\d\d-(0[1-9]|1[0-2])$/.test(search.month ?? '') ? (search.month ?? '') : today.slice(0, 7)
  const { entries, error, isFetching, isCut, refetch } = useEntries(month, search.equipment_id)
  const name = new Intl.DateTimeFormat(i18n.language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(new Date(`${month}-01`))
  const go = (months: number) => setSearch({ month: plusMonths(month, months) })
  const byDay = groupBy(entries, (entry) => entry.day)
  return (
    <Page title={t('maintenance.title')} subtitle={t('maintenance.calendar_text')}>
      <Views here="/maintenance/calendar" {...(search.equipment_id ? { search: { equipment_id: search.equipment_id } } : {})} />
      <Group gap="xs" mb="sm">
        <Button variant="default" aria-label={t('maintenance.month_before')} onClick={() => go(-1)}>
          <IconChevronLeft size={18} aria-hidden />
        </Button>
        <h2 className="month-name" aria-live="polite">
          {name}
        </h2>
        <Button variant="default" aria-label={t('maintenance.month_after')} onClick={() => go(1)}>
          <IconChevronRight size={18} aria-hidden />
        </Button>
        <Button variant="subtle" onClick={() => setSearch({ month: undefined })}>
          {t('maintenance.this_month')}
        </Button>
      </Group>
      {error && entries.length === 0 ? (
        <ErrorState error={error} retry={refetch} />
      ) : (
        <div aria-busy={isFetching}>
          {phone ? <Days byDay={byDay} today={today} /> : <Weeks month={month} caption={name} byDay={byDay} today={today} />}
          {isCut && (
            <Text size="sm" c="dimmed" mt="xs">
              {t('maintenance.calendar_cut')}
            </Text>
          )}
        </div>
      )}
    </Page>
  )
}

type ByDay = Map<string, Entry[]>

function Weeks({ month, caption, byDay, today }: { month: string; caption: string; byDay: ByDay; today: string }) {
  const { i18n } = useTranslation()
  const weeks = weeksOf(month)
  const weekday = (day: string, length: 'short' | 'long') => new Intl.DateTimeFormat(i18n.language, { weekday: length, timeZone: 'UTC' }).format(new Date(day))
  return (
    <div className="list-scroll">
      <table className="calendar">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {weeks[0]?.map((day) => (
              <th key={day} scope="col">
                <abbr title={weekday(day, 'long')}>{weekday(day, 'short')}</abbr>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]}>
              {week.map((day) => (
                <td key={day} data-outside={!day.startsWith(month) || undefined} {...(day === today ? { 'aria-current': 'date' as const } : {})}>
                  {day.startsWith(month) && <DayCell day={day} entries={byDay.get(day) ?? []} />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function DayCell({ day, entries }: { day: string; entries: Entry[] }) {
  const { t } = useTranslation()
  const more = entries.length - shown
  return (
    <>
      <time dateTime={day} className="calendar-day">
        {Number(day.slice(8))}
      </time>
      <ul className="calendar-entries">
        {entries.slice(0, shown).map((entry) => (
          <li key={entry.key}>
            <EntryLink entry={entry} />
          </li>
        ))}
        {more > 0 && (
          <li>
            <PageLink to="/maintenance/records" search={{ 'scheduled_date.gte': day, 'scheduled_date.lte': day }} className="calendar-more">
              {t('maintenance.more_entries', { count: more })}
            </PageLink>
          </li>
        )}
      </ul>
    </>
  )
}

function EntryLink({ entry, children }: { entry: Entry; children?: ReactNode }) {
  return (
    <PageLink to={entry.to} search={entry.search} className={`calendar-entry tone-${entry.tone}`} title={`${entry.mark}: ${entry.text}`}>
      <span className="visually-hidden">{entry.mark}: </span>
      {entry.text}
      {children}
    </PageLink>
  )
}

function Days({ byDay, today }: { byDay: ByDay; today: string }) {
  const { t } = useTranslation()
  const format = useFormat()
  const days = [...byDay.keys()].sort()
  if (days.length === 0) return <p className="quiet-note">{t('maintenance.month_empty')}</p>
  return (
    <ul className="cards">
      {days.map((day) => (
        <li key={day} className="card" {...(day === today ? { 'aria-current': 'date' as const } : {})}>
          <Text fw={600}>{format.day(day)}</Text>
          <ul className="calendar-entries">
            {byDay.get(day)?.map((entry) => (
              <li key={entry.key}>
                <EntryLink entry={entry}>
                  <span className="dimmed"> · {entry.mark}</span>
                </EntryLink>
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  )
}
