// A month of days with entries: a table of weeks, on a phone a list of days; and the buttons to go to another month.
import { Button, Group, Text } from '@mantine/core'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useFormat } from './format.ts'
import { useTranslation } from './i18n.ts'
import { usePhone } from './phone.ts'
import { useCompany } from './session.tsx'
import { groupBy } from './text.ts'
import { PageLink, type Search, useUrl } from './url.tsx'

const shown = 3
const iso = (date: Date) => date.toISOString().slice(0, 10)
export const plusDays = (day: string, days: number): string => iso(new Date(Date.parse(day) + days * 86_400_000))
const plusMonths = (month: string, months: number) => iso(new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 1 + months, 1))).slice(0, 7)

/** The weeks of a month, Monday first, each of seven days. */
function weeksOf(month: string): string[][] {
  const first = `${month}-01`
  const start = plusDays(first, -((new Date(first).getUTCDay() + 6) % 7))
  const weeks: string[][] = []
  for (let day = start; day < `${plusMonths(month, 1)}-01`; day = plusDays(day, 7)) weeks.push(Array.from({ length: 7 }, (_, i) => plusDays(day, i)))
  return weeks
}

export type MonthEntry = { key: string; day: string; text: string; to: string; search: Search; tone: string; mark: string }

/** The month that the address asks for, this one when it asks for none, and its first and last day. */
export function useMonth(): { month: string; from: string; to: string } {
  const [search] = useUrl()
  const today = useFormat().today()
  const month = /^(19|20|21)\d\d-(0[1-9]|1[0-2])$/.test(search.month ?? '') ? (search.month ?? '') : today.slice(0, 7)
  return { month, from: `${month}-01`, to: plusDays(`${plusMonths(month, 1)}-01`, -1) }
}

const useName = (month: string) => new Intl.DateTimeFormat(useTranslation().i18n.language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(new Date(`${month}-01`))

export function MonthSteps() {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  const { month } = useMonth()
  const name = useName(month)
  const go = (months: number) => setSearch({ month: plusMonths(month, months) })
  return (
    <Group gap="xs" mb="sm">
      <Button variant="default" aria-label={t('web.month_before')} onClick={() => go(-1)}>
        <IconChevronLeft size={18} aria-hidden />
      </Button>
      <h2 className="month-name" aria-live="polite">
        {name}
      </h2>
      <Button variant="default" aria-label={t('web.month_after')} onClick={() => go(1)}>
        <IconChevronRight size={18} aria-hidden />
      </Button>
      <Button variant="subtle" onClick={() => setSearch({ month: undefined })}>
        {t('web.this_month')}
      </Button>
    </Group>
  )
}

type MonthProps = {
  entries: readonly MonthEntry[]
  /** Where the entries of a day are all shown, when there are more than fit; left out: the day shows all. */
  more?: (day: string) => { to: string; search: Search }
  /** What stands there when nothing happens in this month. */
  empty: string
}

export function Month({ entries, more, empty }: MonthProps) {
  const phone = usePhone()
  const byDay = groupBy(entries, (entry) => entry.day)
  if (!phone) return <Weeks byDay={byDay} {...(more ? { more } : {})} />
  return byDay.size === 0 ? <p className="quiet-note">{empty}</p> : <Days byDay={byDay} />
}

type ByDay = Map<string, MonthEntry[]>

function Weeks({ byDay, more }: { byDay: ByDay; more?: NonNullable<MonthProps['more']> }) {
  const { i18n } = useTranslation()
  const { month } = useMonth()
  const name = useName(month)
  const today = useFormat().today()
  const { workingDays } = useCompany()
  const isRest = (day: string) => !workingDays.includes(new Date(day).getUTCDay() || 7)
  const weeks = weeksOf(month)
  const weekday = (day: string, length: 'short' | 'long') => new Intl.DateTimeFormat(i18n.language, { weekday: length, timeZone: 'UTC' }).format(new Date(day))
  return (
    <div className="list-scroll">
      <table className="calendar">
        <caption className="visually-hidden">{name}</caption>
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
                <td key={day} data-outside={!day.startsWith(month) || undefined} data-rest={isRest(day) || undefined} {...(day === today ? { 'aria-current': 'date' as const } : {})}>
                  {day.startsWith(month) && <DayCell day={day} entries={byDay.get(day) ?? []} {...(more ? { more } : {})} />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function DayCell({ day, entries, more }: { day: string; entries: MonthEntry[]; more?: NonNullable<MonthProps['more']> }) {
  const { t } = useTranslation()
  const rest = more ? entries.length - shown : 0
  return (
    <>
      <time dateTime={day} className="calendar-day">
        {Number(day.slice(8))}
      </time>
      <ul className="calendar-entries">
        {(more ? entries.slice(0, shown) : entries).map((entry) => (
          <li key={entry.key}>
            <EntryLink entry={entry} />
          </li>
        ))}
        {more && rest > 0 && (
          <li>
            <PageLink {...more(day)} className="calendar-more">
              {t('web.more_entries', { count: rest })}
            </PageLink>
          </li>
        )}
      </ul>
    </>
  )
}

function EntryLink({ entry, children }: { entry: MonthEntry; children?: ReactNode }) {
  return (
    <PageLink to={entry.to} search={entry.search} className={`calendar-entry tone-${entry.tone}`} title={`${entry.mark}: ${entry.text}`}>
      <span className="visually-hidden">{entry.mark}: </span>
      {entry.text}
      {children}
    </PageLink>
  )
}

function Days({ byDay }: { byDay: ByDay }) {
  const format = useFormat()
  const today = format.today()
  return (
    <ul className="cards">
      {[...byDay.keys()].sort().map((day) => (
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
