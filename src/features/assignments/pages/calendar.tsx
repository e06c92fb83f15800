// A month of hand-overs and reservations: what leaves and comes back each day; of one machine or person, every day it is taken.
import { Text } from '@mantine/core'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Month, type MonthEntry, MonthSteps, plusDays, useMonth } from '../../../web/month.tsx'
import { Page } from '../../../web/page.tsx'
import { useRead } from '../../../web/query.ts'
import { ErrorState } from '../../../web/states.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { type Assignment, calendar } from '../contract.ts'
import { Filters, useChosen, useUserId, Views } from './choose.tsx'

const tones = { out: 'info', overdue: 'bad', returned: 'ok', reserved: 'warn', missed: 'idle', cancelled: 'idle' } as const

/** Out and back again, so that colour is not alone in telling. */
const arrows: Record<string, string> = { out: '↗ ', reserved: '↗ ', due: '↙ ', overdue: '↙ ', returned: '↙ ', back: '↙ ' }
const legend = { out: 'info', due: 'idle', overdue: 'bad', returned: 'ok', reserved: 'warn' } as const

/** The calendar day of an instant where the company is. */
function useDayOf(): (instant: string) => string {
  const { timeZone } = useFormat()
  const days = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return (instant) => days.format(new Date(instant))
}

const startOf = (row: Assignment) => row.assigned_at ?? row.reserved_from ?? row.created_at
/** When it ended or shall end; null: nobody said. */
const endOf = (row: Assignment) => row.returned_at ?? (row.assigned_at ? row.due_at : row.reserved_until)

function useEntries() {
  const { t } = useTranslation()
  const { from, to } = useMonth()
  const { timeZone, today } = useFormat()
  const dayOf = useDayOf()
  const [chosen] = useChosen()
  const userId = useUserId()
  const isOne = chosen.machine !== null || userId !== undefined
  const period = { from: instantOf(from, '00:00', timeZone), to: instantOf(plusDays(to, 1), '00:00', timeZone) }
  const narrowed = { ...(userId ? { user_id: userId } : {}), ...(chosen.machine ? { equipment_id: chosen.machine.value } : {}) }
  const read = useRead(calendar, { query: { ...period, ...narrowed, limit: 200 } }, { keep: true })
  const entry = (row: Assignment, day: string, mark: string, tone: string): MonthEntry => ({
    key: `${row.id} ${day} ${mark}`,
    day,
    text: `${isOne ? '' : (arrows[mark] ?? '')}${chosen.machine ? row.holder_name : `${row.fleet_code ?? row.equipment_name} · ${row.holder_name}`}`,
    to: `/equipment/${row.equipment_id}`,
    search: {},
    tone,
    mark: t(`assignments.mark_${mark}`),
  })
  const everyDay = (row: Assignment) => {
    const last = row.state === 'overdue' ? today() : dayOf(new Date(Date.parse(endOf(row) ?? period.to) - 1).toISOString())
    const days: MonthEntry[] = []
    for (let day = [dayOf(startOf(row)), from].sort()[1] ?? from; day <= last && day <= to; day = plusDays(day, 1)) days.push(entry(row, day, row.state, tones[row.state]))
    return days
  }
  const ends = (row: Assignment) => {
    const end = endOf(row)
    const mark = { out: 'due', overdue: 'overdue', returned: 'returned', reserved: 'back', missed: 'missed', cancelled: 'missed' }[row.state]
    const begun = entry(row, dayOf(startOf(row)), row.assigned_at ? 'out' : row.state, row.assigned_at ? 'info' : tones[row.state])
    return [begun, ...(end && row.state !== 'missed' ? [entry(row, dayOf(end), mark, row.state === 'out' ? 'idle' : tones[row.state])] : [])]
  }
  const entries = (read.data?.items ?? []).flatMap(isOne ? everyDay : ends).filter(({ day }) => day >= from && day <= to)
  return { entries, read, isOne }
}

function Legend({ isOne }: { isOne: boolean }) {
  const { t } = useTranslation()
  const marks = (Object.keys(legend) as (keyof typeof legend)[]).filter((mark) => !isOne || mark !== 'due')
  return (
    <ul className="legend" aria-label={t('assignments.legend')}>
      {marks.map((mark) => (
        <li key={mark}>
          <ToneBadge tone={legend[mark]}>
            {!isOne && arrows[mark]}
            {t(`assignments.mark_${mark}`)}
          </ToneBadge>
        </li>
      ))}
    </ul>
  )
}

export function AssignmentCalendarPage() {
  const { t } = useTranslation()
  const { entries, read, isOne } = useEntries()
  return (
    <Page title={t('assignments.title')} subtitle={t('assignments.calendar_text')}>
      <Views here="/assignments/calendar" />
      <div className="list-tools">
        <Filters />
      </div>
      <MonthSteps />
      {read.error && !read.data ? (
        <ErrorState error={read.error} retry={read.refetch} />
      ) : (
        <div aria-busy={read.isFetching}>
          <Legend isOne={isOne} />
          <Month entries={entries} empty={t('assignments.calendar_empty')} />
          {read.data?.next_cursor && (
            <Text size="sm" c="dimmed" mt="xs">
              {t('assignments.calendar_cut')}
            </Text>
          )}
        </div>
      )}
    </Page>
  )
}
