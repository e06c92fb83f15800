// How a machine's state reads everywhere: status, holder, and whether its service is due.
import { IconAlertTriangle, IconArchive, IconCircleCheck, IconCircleX, IconClock, IconTool, IconUser } from '@tabler/icons-react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { type Tone, ToneBadge } from '../../../web/tone.tsx'
import type { Equipment, Status } from '../contract.ts'

const looks = {
  active: { tone: 'ok', icon: IconCircleCheck },
  maintenance: { tone: 'warn', icon: IconTool },
  retired: { tone: 'idle', icon: IconArchive },
  disposed: { tone: 'idle', icon: IconCircleX },
} as const satisfies Record<Status, { tone: Tone; icon: typeof IconTool }>

export function StatusBadge({ status }: { status: Status }) {
  const { t } = useTranslation()
  return (
    <ToneBadge tone={looks[status].tone} icon={looks[status].icon}>
      {t(`equipment.status_${status}`)}
    </ToneBadge>
  )
}

/** Who has it and until when; late is said in words. */
export function HolderCell({ machine }: { machine: Pick<Equipment, 'holder' | 'status'> }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { holder } = machine
  if (!holder) return <span className="dimmed">{machine.status === 'active' ? t('equipment.available') : '–'}</span>
  const isLate = holder.due_at !== null && Date.parse(holder.due_at) < format.now()
  return (
    <>
      <span className="inline">
        <IconUser size={15} aria-hidden />
        {holder.display_name}
      </span>
      {isLate && (
        <span className="cell-second tone-bad-text">
          <IconAlertTriangle size={12} aria-hidden /> {t('equipment.late', { since: format.relative(holder.due_at) })}
        </span>
      )}
    </>
  )
}

/** Past or within a week, for machines that are not out of service. */
function useService(machine: Pick<Equipment, 'next_maintenance_date' | 'status'>): 'past' | 'near' | undefined {
  const format = useFormat()
  if (!machine.next_maintenance_date || machine.status === 'retired' || machine.status === 'disposed') return undefined
  const days = Math.round((Date.parse(machine.next_maintenance_date) - Date.parse(format.today())) / 86_400_000)
  return days < 0 ? 'past' : days <= 7 ? 'near' : undefined
}

/** The next service, with a warning when it is near or past. */
export function ServiceDate({ machine }: { machine: Pick<Equipment, 'next_maintenance_date' | 'status'> }) {
  const { t } = useTranslation()
  const day = useFormat().day(machine.next_maintenance_date)
  const service = useService(machine)
  if (service === 'past') {
    return (
      <ToneBadge tone="bad" icon={IconAlertTriangle}>
        {t('equipment.service_was', { day })}
      </ToneBadge>
    )
  }
  if (service === 'near') {
    return (
      <ToneBadge tone="warn" icon={IconClock}>
        {t('equipment.service_is', { day })}
      </ToneBadge>
    )
  }
  return <span className={machine.next_maintenance_date ? 'nowrap' : 'dimmed'}>{day}</span>
}

/** The same on two lines, for a narrow column. */
export function ServiceCell({ machine }: { machine: Pick<Equipment, 'next_maintenance_date' | 'status'> }) {
  const { t } = useTranslation()
  const day = useFormat().day(machine.next_maintenance_date)
  const service = useService(machine)
  const ServiceIcon = service === 'past' ? IconAlertTriangle : IconClock
  return (
    <>
      <span className={machine.next_maintenance_date ? 'nowrap' : 'dimmed'}>{day}</span>
      {service && (
        <span className={`cell-second tone-${service === 'past' ? 'bad' : 'warn'}-text`}>
          <ServiceIcon size={12} aria-hidden /> {t(`equipment.service_${service}`)}
        </span>
      )}
    </>
  )
}

/** Machines of one kind often share a name; the code tells them apart. */
export const fullName = (machine: Pick<Equipment, 'name' | 'fleet_code' | 'serial_number'>) => `${machine.name} ${machine.fleet_code ?? machine.serial_number}`
