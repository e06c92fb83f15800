// Everything that happened to a machine, day by day, in sentences.
import { Button, Center, Skeleton, Text, Title } from '@mantine/core'
import {
  type Icon,
  IconArrowBackUp,
  IconArrowsExchange,
  IconCalendar,
  IconCalendarPlus,
  IconCalendarX,
  IconCircleCheck,
  IconCirclePlus,
  IconCircleX,
  IconEdit,
  IconHandGrab,
  IconHistory,
  IconPaperclip,
  IconRefreshDot,
  IconRestore,
  IconTool,
  IconTrash,
} from '@tabler/icons-react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { EmptyState, ErrorState } from '../../../web/states.tsx'
import { type Equipment, getTimeline, type TimelineEntry } from '../contract.ts'
import { type Moment, momentsOf } from './moments.ts'
import { labelOfKey, templateOf, useCategories, useShow } from './values.tsx'

export function Timeline({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const { items, query } = useList(getTimeline, { params: { equipment_id: machine.id }, query: { limit: 50 } })
  const format = useFormat()
  if (!items) return query.error ? <ErrorState error={query.error} retry={query.refetch} /> : <Loading />
  const days = new Map<string, Moment[]>()
  for (const moment of momentsOf(items)) {
    const day = dayOf(moment.entry.occurred_at, format.timeZone)
    days.set(day, [...(days.get(day) ?? []), moment])
  }
  if (days.size === 0) return <EmptyState icon={<IconHistory size={40} stroke={1.3} />} title={t('machine.no_timeline')} />
  return (
    <div className="timeline surface">
      {[...days].map(([day, moments]) => (
        <section key={day} aria-labelledby={`day-${day}`}>
          <Title order={2} size="h3" id={`day-${day}`} className="timeline-day">
            {longDay(day, format.today(), t)}
          </Title>
          <ol>
            {moments.map((moment) => (
              <Line key={moment.entry.id} moment={moment} machine={machine} />
            ))}
          </ol>
        </section>
      ))}
      {query.error && <ErrorState error={query.error} retry={query.fetchNextPage} />}
      {query.hasNextPage ? (
        <Center mt="sm">
          <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('machine.older')}
          </Button>
        </Center>
      ) : (
        <Text size="sm" c="dimmed" ta="center" mt="sm">
          {t('machine.timeline_start')}
        </Text>
      )}
    </div>
  )
}

const dayOf = (instant: string, timeZone: string) => new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(instant))

type Translate = ReturnType<typeof useTranslation>['t']

function longDay(day: string, today: string, t: Translate): string {
  const name = new Intl.DateTimeFormat(document.documentElement.lang === 'en' ? 'en-GB' : 'es-PE', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${day}T00:00:00Z`),
  )
  return day === today ? `${t('machine.today')} · ${name}` : name.charAt(0).toUpperCase() + name.slice(1)
}

const looks: Record<Moment['kind'], { icon: Icon; tone: string }> = {
  created: { icon: IconCirclePlus, tone: 'info' },
  changed: { icon: IconEdit, tone: 'idle' },
  status_changed: { icon: IconRefreshDot, tone: 'warn' },
  handed_over: { icon: IconHandGrab, tone: 'info' },
  taken: { icon: IconHandGrab, tone: 'info' },
  returned: { icon: IconArrowBackUp, tone: 'ok' },
  transferred: { icon: IconArrowsExchange, tone: 'info' },
  hand_over_changed: { icon: IconEdit, tone: 'idle' },
  reserved: { icon: IconCalendarPlus, tone: 'info' },
  picked_up: { icon: IconHandGrab, tone: 'info' },
  reservation_cancelled: { icon: IconCalendarX, tone: 'idle' },
  accepted: { icon: IconCircleCheck, tone: 'ok' },
  deleted: { icon: IconTrash, tone: 'bad' },
  restored: { icon: IconRestore, tone: 'ok' },
  work_planned: { icon: IconCalendar, tone: 'info' },
  work_begun: { icon: IconTool, tone: 'warn' },
  work_changed: { icon: IconEdit, tone: 'idle' },
  work_done: { icon: IconCircleCheck, tone: 'ok' },
  work_cancelled: { icon: IconCircleX, tone: 'idle' },
  file_added: { icon: IconPaperclip, tone: 'info' },
  file_removed: { icon: IconTrash, tone: 'idle' },
  other: { icon: IconHistory, tone: 'idle' },
}

function Line({ moment, machine }: { moment: Moment; machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { entry, kind } = moment
  const { icon: LineIcon, tone } = looks[kind]
  const time = format.instant(entry.occurred_at)
  return (
    <li className="timeline-line">
      <span className={`timeline-icon tone-${tone}`}>
        <LineIcon size={18} aria-hidden />
      </span>
      <div className="timeline-body">
        <Text fw={600}>
          <Sentence moment={moment} />
        </Text>
        <Details moment={moment} machine={machine} />
        <Text size="sm" c="dimmed">
          <time dateTime={entry.occurred_at} title={time}>
            {time.slice(-5)}
          </time>{' '}
          · {entry.recorded_by_name ?? t('machine.system')}
        </Text>
      </div>
    </li>
  )
}

function Sentence({ moment: { kind, entry, from } }: { moment: Moment }) {
  const { t } = useTranslation()
  const { show, label } = useShow()
  const person = entry.holder_name ?? t('machine.somebody')
  if (kind === 'status_changed') return t('machine.event_status_changed', { old: show('status', entry.old.status), new: show('status', entry.new.status) })
  if (kind === 'changed') {
    const fields = changedFields(entry)
    return fields.length === 1 ? t('machine.event_changed_one', { field: label(fields[0] ?? '') }) : t('machine.event_changed_many', { count: fields.length })
  }
  return t(`machine.event_${kind}`, { person, from: from ?? t('machine.somebody'), type: labelOfKey(entry.event_type) })
}

function Details({ moment: { kind, entry, notes }, machine }: { moment: Moment; machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const due = kind === 'handed_over' || kind === 'taken' || kind === 'transferred' || kind === 'picked_up' ? (entry.new.due_at as string | null) : null
  return (
    <>
      {(kind === 'changed' || kind === 'restored') && <Changes entry={entry} machine={machine} />}
      {due && <Text size="sm">{t('assignments.due', { when: format.instant(due) })}</Text>}
      {kind === 'reserved' && <Text size="sm">{t('assignments.period', { from: format.instant(entry.new.reserved_from as string), until: format.instant(entry.new.reserved_until as string) })}</Text>}
      {entry.reason && (
        <Text size="sm" className="written">
          {t('machine.because', { reason: entry.reason })}
        </Text>
      )}
      {notes && (
        <Text size="sm" className="written quote">
          {notes}
        </Text>
      )}
    </>
  )
}

const technical = new Set(['maintenance_counted_from', 'version', 'updated_at', 'updated_by', 'created_at', 'created_by', 'is_deleted', 'deleted_at', 'deleted_by', 'id', 'company_id'])
const changedFields = (entry: TimelineEntry) => Object.keys(entry.new).filter((field) => !technical.has(field))

/** Old and new of each changed field; of specifications only the ones that differ. */
function Changes({ entry, machine }: { entry: TimelineEntry; machine: Equipment }) {
  const { t } = useTranslation()
  const { show, showSpecification, label } = useShow()
  const categories = useCategories()
  const template = templateOf(categories ?? [], machine.category_id)
  const lines = changedFields(entry).flatMap((field) => {
    if (field !== 'specifications') return [{ key: field, name: label(field), old: show(field, entry.old[field], machine.currency), new: show(field, entry.new[field], machine.currency) }]
    const [old, now] = [entry.old.specifications ?? {}, entry.new.specifications ?? {}] as Record<string, unknown>[]
    return [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])]
      .filter((key) => JSON.stringify(old?.[key]) !== JSON.stringify(now?.[key]))
      .map((key) => {
        const known = template.find((one) => one.key === key)
        return { key, name: known?.label ?? labelOfKey(key), old: showSpecification(old?.[key], known), new: showSpecification(now?.[key], known) }
      })
  })
  return (
    <ul className="changes">
      {lines.map((line) => (
        <li key={line.key}>
          <span className="dimmed">{line.name}:</span> <del>{line.old}</del> <span aria-hidden>→</span>
          <span className="visually-hidden">{t('machine.becomes')}</span> <ins>{line.new}</ins>
        </li>
      ))}
    </ul>
  )
}

function Loading() {
  const { t } = useTranslation()
  return (
    <div className="surface" role="status" aria-label={t('web.loading')}>
      {[70, 55, 80, 60, 75].map((width) => (
        <Skeleton key={width} height={18} my="md" width={`${width}%`} />
      ))}
    </div>
  )
}
