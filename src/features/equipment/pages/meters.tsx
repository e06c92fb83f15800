// The newest reading of each meter of a machine, and how a reading is written.
import { Group } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { type LatestReading, listMeters } from '../../logs/contract.ts'
import type { Equipment } from '../contract.ts'

export function useReading(): (meter: { event_type: string; reading: string | null }) => string {
  const { t } = useTranslation()
  const format = useFormat()
  return ({ event_type, reading }) => t(event_type === 'meter_km' ? 'logs.unit_km' : 'logs.unit_hours', { value: format.number(reading === null ? null : Number(reading)) })
}

export function useMeters(machine: Equipment): LatestReading[] | undefined {
  return useRead(listMeters, { params: { equipment_id: machine.id } }).data?.items
}

/** The newest reading of each meter, and how old it is. */
export function Meters({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const reading = useReading()
  const meters = useMeters(machine)
  if (!meters) return null
  if (meters.length === 0) return <span className="dimmed">{t('logs.no_reading')}</span>
  return (
    <Group gap="lg">
      {meters.map((meter) => (
        <span key={meter.event_type} className="inline nowrap">
          <strong>{reading(meter)}</strong>
          <span className="dimmed" title={format.instant(meter.created_at)}>
            {format.relative(meter.created_at)}
          </span>
        </span>
      ))}
    </Group>
  )
}
