// The log of a machine: its meters, what people and devices wrote down, and what happened, filtered by kind and time.
import { Group, Text } from '@mantine/core'
import { IconAntenna, IconArrowsExchange, IconClockHour4, IconGauge, IconNote, IconRefreshDot, IconRoad } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { ChoiceFilter, FilterBar, TextFilter } from '../../../web/filters.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { type Tone, ToneBadge } from '../../../web/tone.tsx'
import { type Search, useUrl } from '../../../web/url.tsx'
import { addLog, type LogEntry, type LogType, listLogs, logTypes } from '../../logs/contract.ts'
import type { Equipment } from '../contract.ts'
import { type Asked, LogDialog } from './log-dialogs.tsx'
import { Meters, useReading } from './meters.tsx'
import { labelOfKey, useShow } from './values.tsx'

const looks: Record<LogType, { tone: Tone; icon: typeof IconNote }> = {
  note: { tone: 'info', icon: IconNote },
  meter_hours: { tone: 'ok', icon: IconClockHour4 },
  meter_km: { tone: 'ok', icon: IconRoad },
  telemetry: { tone: 'idle', icon: IconAntenna },
  status: { tone: 'warn', icon: IconRefreshDot },
  assignment: { tone: 'info', icon: IconArrowsExchange },
}

export function Log({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [search] = useUrl()
  const [asked, setAsked] = useState<Asked | null>(null)
  const query = queryOf(search, format.timeZone)
  const rows = useList(listLogs, { params: { equipment_id: machine.id }, query })
  const columns = useColumns()
  const isFiltered = Object.keys(query).length > 0
  const add = (what: Asked, icon: React.ReactNode, primary: boolean) => (
    <ActionButton op={addLog} unless={machine.is_deleted && t('logs.deleted')} leftSection={icon} onClick={() => setAsked(what)} {...(primary ? {} : { variant: 'default' as const })}>
      {t(`logs.add_${what}`)}
    </ActionButton>
  )
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Meters machine={machine} />
        <Group gap="xs">
          {add('reading', <IconGauge size={18} aria-hidden />, true)}
          {add('note', <IconNote size={18} aria-hidden />, false)}
        </Group>
      </Group>
      <DataList
        id="machine-log"
        caption={t('machine.tab_log')}
        rows={rows}
        rowKey={(row) => row.id}
        columns={columns}
        toolbar={<Filters />}
        empty={<EmptyState title={t(isFiltered ? 'logs.none_found' : 'logs.none')}>{t(isFiltered ? 'logs.none_found_text' : 'logs.none_text')}</EmptyState>}
      />
      <LogDialog asked={asked} machine={machine} onClose={() => setAsked(null)} />
    </>
  )
}

/** Days of the address as instants of the company's zone; the last day counts whole. */
function queryOf(search: Search, timeZone: string): Record<string, string> {
  const day = (text: string | undefined, more: number) =>
    text && !Number.isNaN(Date.parse(text)) ? instantOf(new Date(Date.parse(`${text}T00:00:00Z`) + more * 86_400_000).toISOString().slice(0, 10), '00:00', timeZone) : undefined
  const [from, until] = [day(search.from, 0), day(search.until, 1)]
  return { ...(search.event_type ? { event_type: search.event_type } : {}), ...(from ? { 'created_at.gte': from } : {}), ...(until ? { 'created_at.lt': until } : {}) }
}

function Filters() {
  const { t } = useTranslation()
  const main = <ChoiceFilter name="event_type" label={t('logs.type')} choices={logTypes.map((value) => ({ value, label: t(`logs.type_${value}`) }))} />
  return (
    <FilterBar mainNames={['event_type']} panelNames={['from', 'until']} main={main}>
      <div className="pair">
        <TextFilter name="from" type="date" label={t('logs.since')} />
        <TextFilter name="until" type="date" label={t('logs.until')} />
      </div>
    </FilterBar>
  )
}

function useColumns(): Column<LogEntry>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    {
      key: 'created_at',
      title: t('logs.created_at'),
      width: 190,
      render: (row) => (
        <>
          <span className="nowrap">{format.instant(row.created_at)}</span>
          {isLate(row) && <span className="cell-second dimmed">{t('logs.late', { when: format.instant(row.received_at) })}</span>}
        </>
      ),
    },
    { key: 'type', title: t('logs.type'), width: 150, render: (row) => <TypeBadge type={row.event_type} /> },
    { key: 'what', title: t('logs.what'), render: (row) => <What entry={row} /> },
    { key: 'recorded_by', title: t('logs.recorded_by'), width: 190, render: (row) => row.recorded_by_name ?? t('logs.system') },
  ]
}

/** Written down more than an hour after it was read. */
const isLate = (row: LogEntry) => row.received_at !== null && Date.parse(row.received_at) - Date.parse(row.created_at) > 3_600_000

function TypeBadge({ type }: { type: LogType }) {
  const { t } = useTranslation()
  return (
    <ToneBadge tone={looks[type].tone} icon={looks[type].icon}>
      {t(`logs.type_${type}`)}
    </ToneBadge>
  )
}

function What({ entry }: { entry: LogEntry }) {
  const { t } = useTranslation()
  const reading = useReading()
  return (
    <>
      {entry.reading !== null && (
        <span className="inline">
          <strong>{reading(entry)}</strong>
          {entry.is_correction && <ToneBadge tone="warn">{t('logs.corrected')}</ToneBadge>}
        </span>
      )}
      {entry.event_type === 'status' && <StatusChange data={entry.event_data} />}
      {entry.event_type === 'assignment' && t(entry.event_data.action === 'returned' ? 'logs.returned' : 'logs.handed_over', { name: entry.person_name ?? t('logs.somebody') })}
      {entry.event_type === 'telemetry' && <Telemetry data={entry.event_data} />}
      {entry.notes && (
        <Text size="sm" className="written">
          {entry.notes}
        </Text>
      )}
    </>
  )
}

function StatusChange({ data }: { data: LogEntry['event_data'] }) {
  const { t } = useTranslation()
  const { show } = useShow()
  return (
    <>
      {data.old_status ? t('logs.status_from', { old: show('status', data.old_status), new: show('status', data.status) }) : show('status', data.status)}
      {typeof data.reason === 'string' && (
        <Text size="sm" c="dimmed" className="written">
          {data.reason}
        </Text>
      )}
    </>
  )
}

const shownValues = 6

function Telemetry({ data }: { data: LogEntry['event_data'] }) {
  const { t } = useTranslation()
  const values = Object.entries(data)
  return (
    <Text size="sm" component="span" className="written">
      {values
        .slice(0, shownValues)
        .map(([key, value]) => `${labelOfKey(key)}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
        .join(' · ')}
      {values.length > shownValues && ` ${t('logs.telemetry_more', { count: values.length - shownValues })}`}
    </Text>
  )
}
