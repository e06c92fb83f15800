// One machine: who has it, what may be done with it, what it is, and everything that happened to it.
import { Alert, Group, Menu, Tabs, Text } from '@mantine/core'
import { IconAlertTriangle, IconCalendarPlus, IconClock, IconDotsVertical, IconEdit, IconListCheck, IconRefreshDot, IconRestore, IconTool, IconTrash } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { ActionButton, ActionItem } from '../../../web/action.tsx'
import { ProblemError } from '../../../web/client.ts'
import { ConfirmDialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { MomentBar, MomentButton } from '../../../web/moment.tsx'
import { BackLink, Page } from '../../../web/page.tsx'
import { usePhone } from '../../../web/phone.ts'
import { useAction, useRead } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { ErrorState, LoadingState } from '../../../web/states.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { useGo, useMoment, useUrl } from '../../../web/url.tsx'
import { createMaintenance, listMaintenance, sendToMaintenance } from '../../maintenance/contract.ts'
import { changeEquipment, changeStatus, deleteEquipment, type Equipment, getEquipment, restoreEquipment } from '../contract.ts'
import { HolderPanel } from './handover.tsx'
import { Log } from './log.tsx'
import { HandOvers, StatusHistory } from './records.tsx'
import { StatusDialog } from './state.tsx'
import { fullName, StatusBadge } from './status.tsx'
import { Specifications, Summary } from './summary.tsx'
import { Timeline } from './timeline.tsx'
import { MachineValue } from './value.tsx'

export function MachinePage() {
  const { t } = useTranslation()
  const { equipmentId } = useParams({ strict: false }) as { equipmentId: string }
  const moment = useMoment()
  const { data: machine, error, refetch } = useRead(getEquipment, { params: { equipment_id: equipmentId }, query: moment ?? {} }, { keep: true })
  if (machine && !error) return <Machine machine={machine} />
  if (!error) return <LoadingState />
  const isMissing = error instanceof ProblemError && (error.status === 404 || error.status === 400)
  if (!isMissing) return <ErrorState error={error} retry={refetch} />
  return (
    <Page title={t(moment ? 'machine.not_yet' : 'machine.missing')} above={<BackLink to="/equipment" label={t('machine.to_list')} />}>
      <MomentBar since={undefined} />
      <Text>{t(moment ? 'machine.not_yet_text' : 'machine.missing_text')}</Text>
    </Page>
  )
}

function Machine({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const phone = usePhone() ?? false
  return (
    <Page title={machine.name} above={<BackLink to="/equipment" label={t('machine.to_list')} />} subtitle={<Codes machine={machine} />} actions={!phone && <Actions machine={machine} />}>
      <MomentBar since={machine.created_at} />
      {machine.is_deleted ? (
        <Alert color="gray" mb="md" icon={<IconTrash size={18} aria-hidden />} title={t('machine.is_deleted')}>
          {t('machine.is_deleted_text', { when: format.instant(machine.deleted_at) })}
        </Alert>
      ) : (
        <HolderPanel machine={machine} />
      )}
      {phone && (
        <Group gap="xs" mb="sm">
          <Actions machine={machine} />
        </Group>
      )}
      <MachineTabs machine={machine} />
    </Page>
  )
}

function Codes({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const codes = [
    ['fleet_code', machine.fleet_code],
    ['serial_number', machine.serial_number],
    ['plate', machine.plate],
  ] as const
  return (
    <div className="machine-codes">
      <StatusBadge status={machine.status} />
      {machine.next_maintenance_date && machine.status !== 'retired' && machine.status !== 'disposed' && <ServiceMark machine={machine} />}
      {codes.map(
        ([field, code]) =>
          code && (
            <span key={field}>
              <span className="visually-hidden">{t(`equipment.${field}`)}: </span>
              <span className="mono code" title={t(`equipment.${field}`)}>
                {code}
              </span>
            </span>
          ),
      )}
      <span>{[machine.manufacturer, machine.model, machine.year].filter(Boolean).join(' ')}</span>
    </div>
  )
}

/** Only when the service is near or past: in the head, a date far away would be noise. */
function ServiceMark({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const days = Math.round((Date.parse(machine.next_maintenance_date ?? '') - Date.parse(format.today())) / 86_400_000)
  if (days > 7) return null
  return (
    <ToneBadge tone={days < 0 ? 'bad' : 'warn'} icon={days < 0 ? IconAlertTriangle : IconClock}>
      {t(days < 0 ? 'machine.service_was' : 'machine.service_is', { day: format.day(machine.next_maintenance_date) })}
    </ToneBadge>
  )
}

const Actions = ({ machine }: { machine: Equipment }) => (
  <>
    <MomentButton since={machine.created_at} />
    <Changes machine={machine} />
  </>
)

function Changes({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const [asks, setAsks] = useState<'status' | 'delete' | null>(null)
  const params = { equipment_id: machine.id }
  const remove = useAction(deleteEquipment, { done: t('machine.deleted', { name: fullName(machine) }), onDone: () => setAsks(null) })
  const restore = useAction(restoreEquipment, { done: t('machine.restored', { name: fullName(machine) }) })
  if (machine.is_deleted)
    return (
      <ActionButton op={restoreEquipment} loading={restore.isPending} leftSection={<IconRestore size={18} aria-hidden />} onClick={() => restore.mutate({ params })}>
        {t('web.restore')}
      </ActionButton>
    )
  return (
    <>
      <ActionButton
        op={changeStatus}
        unless={machine.status === 'disposed' && t('machine.disposed_final')}
        variant="default"
        leftSection={<IconRefreshDot size={18} aria-hidden />}
        onClick={() => setAsks('status')}
      >
        {t('machine.change_status')}
      </ActionButton>
      <ActionButton op={changeEquipment} to={`/equipment/${machine.id}/edit`} variant="default" leftSection={<IconEdit size={18} aria-hidden />}>
        {t('web.edit')}
      </ActionButton>
      <Menu position="bottom-end">
        <Menu.Target>
          <button type="button" className="icon-button" aria-label={t('web.more')}>
            <IconDotsVertical size={20} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <MaintenanceItems machine={machine} />
          <Menu.Divider />
          <ActionItem
            op={deleteEquipment}
            unless={machine.holder && t('machine.held', { name: machine.holder.display_name })}
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() => setAsks('delete')}
          >
            {t('machine.delete')}
          </ActionItem>
        </Menu.Dropdown>
      </Menu>
      <StatusDialog machine={machine} opened={asks === 'status'} onClose={() => setAsks(null)} />
      <ConfirmDialog
        opened={asks === 'delete'}
        onClose={() => setAsks(null)}
        title={t('machine.delete_title', { name: fullName(machine) })}
        confirm={t('web.delete')}
        danger
        busy={remove.isPending}
        onConfirm={() => remove.mutate({ params, version: machine.version })}
      >
        <Text>{t('machine.delete_text')}</Text>
      </ConfirmDialog>
    </>
  )
}

function MaintenanceItems({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const go = useGo()
  const { role } = useCompany()
  return (
    <>
      <ActionItem
        op={sendToMaintenance}
        unless={(machine.status === 'maintenance' && t('maintenance.there_already')) || (machine.status === 'disposed' && t('machine.disposed_final'))}
        leftSection={<IconTool size={16} aria-hidden />}
        onClick={() => go('/maintenance/records', { search: { equipment_id: machine.id, ask: 'send' } })}
      >
        {t('maintenance.send')}
      </ActionItem>
      <ActionItem op={createMaintenance} leftSection={<IconCalendarPlus size={16} aria-hidden />} onClick={() => go('/maintenance/records', { search: { equipment_id: machine.id, ask: 'plan' } })}>
        {t(role === 'operator' ? 'maintenance.report' : 'maintenance.plan')}
      </ActionItem>
      <ActionItem op={listMaintenance} leftSection={<IconListCheck size={16} aria-hidden />} onClick={() => go('/maintenance/records', { search: { equipment_id: machine.id } })}>
        {t('maintenance.of_machine')}
      </ActionItem>
    </>
  )
}

const tabs = { summary: Summary, specifications: Specifications, value: MachineValue, timeline: Timeline, log: Log, hand_overs: HandOvers, statuses: StatusHistory } as const

function MachineTabs({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const chosen = search.tab !== undefined && search.tab in tabs ? search.tab : 'summary'
  const list = useRef<HTMLDivElement>(null)
  // On a phone the row of tabs is wider than the screen.
  useEffect(() => {
    // In a block: newer browsers answer with a promise, which an effect must not return.
    list.current?.querySelector(`[data-tab=${chosen}]`)?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [chosen])
  // The columns, order and filters of one tab's list mean nothing to another's.
  const choose = (tab: string | null) =>
    setSearch({ tab: tab === 'summary' || tab === null ? undefined : tab, cols: undefined, sort: undefined, event_type: undefined, from: undefined, until: undefined }, { replace: true })
  return (
    <Tabs value={chosen} onChange={choose} keepMounted={false} className="record-tabs">
      <Tabs.List ref={list} aria-label={machine.name}>
        {Object.keys(tabs).map((tab) => (
          <Tabs.Tab key={tab} value={tab} data-tab={tab}>
            {t(`machine.tab_${tab}`)}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {Object.entries(tabs).map(([tab, Content]) => (
        <Tabs.Panel key={tab} value={tab} pt="md">
          <Content machine={machine} />
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
