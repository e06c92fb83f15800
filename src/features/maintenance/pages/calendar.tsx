// A month of work and of services that fall due, day by day.
import { Text } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Month, type MonthEntry, MonthSteps, useMonth } from '../../../web/month.tsx'
import { Page } from '../../../web/page.tsx'
import { useRead } from '../../../web/query.ts'
import { ErrorState } from '../../../web/states.tsx'
import { useUrl } from '../../../web/url.tsx'
import { type Equipment, listEquipment } from '../../equipment/contract.ts'
import { listMaintenance, type MaintenanceRecord } from '../contract.ts'
import { useWorkTitle, Views } from './marks.tsx'

function useEntries(machineId: string | undefined) {
  const { from, to } = useMonth()
  const { t } = useTranslation()
  const title = useWorkTitle()
  const today = useFormat().today()
  const inMonth = (field: string): Record<string, string> => ({ [`${field}.gte`]: from, [`${field}.lte`]: to, sort: field })
  const ofMachine: Record<string, string> = machineId ? { equipment_id: machineId } : {}
  const work = useRead(listMaintenance, { query: { ...inMonth('scheduled_date'), ...ofMachine, limit: 200 } }, { keep: true })
  const due = useRead(listEquipment, { query: { ...inMonth('next_maintenance_date'), status: 'active,maintenance', limit: 200 } }, { keep: true })
  const ofWork = (record: MaintenanceRecord): MonthEntry => ({
    key: record.id,
    day: record.scheduled_date,
    text: `${record.equipment_name} · ${title(record)}`,
    to: '/maintenance/records',
    search: { equipment_id: record.equipment_id },
    tone: record.status === 'done' ? 'ok' : record.status === 'in_progress' ? 'warn' : record.scheduled_date < today ? 'bad' : 'info',
    mark: t(`maintenance.status_${record.status}`),
  })
  const ofDue = (machine: Equipment): MonthEntry => ({
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
  const { t } = useTranslation()
  const [search] = useUrl()
  const { entries, error, isFetching, isCut, refetch } = useEntries(search.equipment_id)
  const more = (day: string) => ({ to: '/maintenance/records', search: { 'scheduled_date.gte': day, 'scheduled_date.lte': day } })
  return (
    <Page title={t('maintenance.title')} subtitle={t('maintenance.calendar_text')}>
      <Views here="/maintenance/calendar" {...(search.equipment_id ? { search: { equipment_id: search.equipment_id } } : {})} />
      <MonthSteps />
      {error && entries.length === 0 ? (
        <ErrorState error={error} retry={refetch} />
      ) : (
        <div aria-busy={isFetching}>
          <Month entries={entries} more={more} empty={t('maintenance.month_empty')} />
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
