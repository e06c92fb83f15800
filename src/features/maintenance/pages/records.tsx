// All work on machines: filtered by machine, kind, state and days, with the next step of each.
import { Menu, Stack, Text } from '@mantine/core'
import { IconDotsVertical, IconPaperclip, IconTool } from '@tabler/icons-react'
import { useEffect } from 'react'
import { ActionItem } from '../../../web/action.tsx'
import { ChoiceFilter, FilterBar, pickSearch, TextFilter } from '../../../web/filters.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useList, useRead } from '../../../web/query.ts'
import { useMay } from '../../../web/session.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { useUrl } from '../../../web/url.tsx'
import { getEquipment } from '../../equipment/contract.ts'
import { changeMaintenance, createMaintenance, listFiles, listMaintenance, type MaintenanceRecord, maintenanceStatuses, maintenanceTypes, sendToMaintenance } from '../contract.ts'
import { PlanButtons } from './board.tsx'
import { type Asked, guards, stepsOf, useAsked, WorkDialog } from './dialogs.tsx'
import { MachineName, Views, WorkStatus } from './marks.tsx'

const mainNames = ['status', 'type']
const panelNames = ['scheduled_date.gte', 'scheduled_date.lte', 'technician.contains', 'title.contains']
type Ask = (asked: Asked) => void

export function MaintenanceRecordsPage() {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const may = useMay()
  const { asked, ask, close } = useAsked()
  const filters = pickSearch(search, [...mainNames, ...panelNames, 'equipment_id', 'sort'])
  const rows = useList(listMaintenance, { query: filters })
  const { data: machine } = useRead(getEquipment, { params: { equipment_id: search.equipment_id ?? '' } }, { enabled: search.equipment_id !== undefined })
  const target = machine && search.equipment_id ? { id: machine.id, name: machine.name } : null
  const columns = useColumns(ask)
  // A link from a machine's page asks at once; once asked, the address is an ordinary one.
  useEffect(() => {
    const step = search.ask === 'send' || search.ask === 'plan' ? search.ask : null
    if (!step || !machine) return
    if (may(step === 'send' ? sendToMaintenance : createMaintenance).allowed) ask({ step, machine: { id: machine.id, name: machine.name } })
    setSearch({ ask: undefined }, { replace: true })
  }, [search.ask, machine, may, ask, setSearch])
  return (
    <Page
      title={t('maintenance.title')}
      subtitle={target ? <MachineName id={target.id} name={target.name} code={machine?.serial_number ?? ''} /> : t('maintenance.records_text')}
      actions={<PlanButtons ask={ask} machine={target} />}
    >
      <Views here="/maintenance/records" {...(target ? { search: { equipment_id: target.id } } : {})} />
      <DataList<MaintenanceRecord>
        id="maintenance"
        caption={t('maintenance.view_records')}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.id}
        defaultSort="-scheduled_date"
        card={(row) => <RecordCard row={row} ask={ask} />}
        toolbar={<Filters />}
        empty={
          <EmptyState icon={<IconTool size={40} stroke={1.3} />} title={t('maintenance.none')}>
            {t('maintenance.none_text')}
          </EmptyState>
        }
      />
      <WorkDialog asked={asked} onClose={close} />
    </Page>
  )
}

function Filters() {
  const { t } = useTranslation()
  const main = (
    <>
      <ChoiceFilter name="status" label={t('maintenance.status')} choices={maintenanceStatuses.map((value) => ({ value, label: t(`maintenance.status_${value}`) }))} />
      <ChoiceFilter name="type" label={t('maintenance.type')} choices={maintenanceTypes.map((value) => ({ value, label: t(`maintenance.type_${value}`) }))} />
    </>
  )
  return (
    <FilterBar mainNames={mainNames} panelNames={panelNames} main={main}>
      <div className="pair">
        <TextFilter name="scheduled_date.gte" type="date" label={t('maintenance.from')} />
        <TextFilter name="scheduled_date.lte" type="date" label={t('maintenance.until')} />
      </div>
      <TextFilter name="title.contains" label={t('maintenance.work')} />
      <TextFilter name="technician.contains" label={t('maintenance.technician')} />
    </FilterBar>
  )
}

function useColumns(ask: Ask): Column<MaintenanceRecord>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'machine', title: t('maintenance.machine'), render: (row) => <MachineName id={row.equipment_id} name={row.equipment_name} code={row.serial_number} /> },
    { key: 'type', title: t('maintenance.type'), sort: 'type', render: (row) => t(`maintenance.type_${row.type}`) },
    { key: 'title', title: t('maintenance.work'), render: (row) => <WorkAndFiles row={row} ask={ask} /> },
    { key: 'status', title: t('maintenance.status'), sort: 'status', render: (row) => <WorkStatus status={row.status} /> },
    { key: 'scheduled_date', title: t('maintenance.scheduled_date'), sort: 'scheduled_date', render: (row) => format.day(row.scheduled_date) },
    { key: 'completed_date', title: t('maintenance.completed_date'), sort: 'completed_date', render: (row) => format.day(row.completed_date) },
    { key: 'technician', title: t('maintenance.technician'), extra: true, render: (row) => row.technician ?? '–' },
    { key: 'cost', title: t('maintenance.cost'), sort: 'cost', align: 'right', render: (row) => format.money(row.cost) },
    { key: 'meter_reading', title: t('maintenance.meter_reading'), extra: true, align: 'right', render: (row) => format.number(row.meter_reading === null ? null : Number(row.meter_reading)) },
    { key: 'parts', title: t('maintenance.parts'), extra: true, render: (row) => row.parts ?? '–' },
    { key: 'notes', title: t('maintenance.notes'), extra: true, render: (row) => row.notes ?? row.cancel_reason ?? '–' },
    { key: 'created_by', title: t('maintenance.created_by'), extra: true, render: (row) => row.created_by_name ?? '–' },
    { key: 'actions', title: t('maintenance.actions'), align: 'right', render: (row) => <Steps row={row} ask={ask} /> },
  ]
}

/** What is done, with a paperclip where there are photos or invoices. */
function WorkAndFiles({ row, ask }: { row: MaintenanceRecord; ask: Ask }) {
  const { t } = useTranslation()
  return (
    <span className="inline">
      {row.title ?? '–'}
      {row.file_count > 0 && (
        <button
          type="button"
          className="icon-button"
          aria-label={`${t('maintenance.files_count', { count: row.file_count })}: ${row.equipment_name}`}
          onClick={() => ask({ step: 'files', work: workOf(row) })}
        >
          <IconPaperclip size={18} aria-hidden />
        </button>
      )}
    </span>
  )
}

const workOf = (row: MaintenanceRecord) => ({ id: row.id, type: row.type, title: row.title, scheduled_date: row.scheduled_date, machine: { id: row.equipment_id, name: row.equipment_name } })

function Steps({ row, ask }: { row: MaintenanceRecord; ask: Ask }) {
  const { t } = useTranslation()
  const steps = stepsOf(row.status)
  const work = workOf(row)
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <button type="button" className="icon-button" aria-label={`${t('maintenance.actions')}: ${row.equipment_name}`}>
          <IconDotsVertical size={18} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {steps.map((step) => (
          <ActionItem key={step} op={guards[step]} onClick={() => ask({ step, work })}>
            {t(`maintenance.${step}`)}
          </ActionItem>
        ))}
        <ActionItem op={changeMaintenance} onClick={() => ask({ step: 'edit', work })}>
          {t('maintenance.edit')}
        </ActionItem>
        <ActionItem op={listFiles} onClick={() => ask({ step: 'files', work })}>
          {row.file_count > 0 ? t('maintenance.files_count', { count: row.file_count }) : t('maintenance.files')}
        </ActionItem>
      </Menu.Dropdown>
    </Menu>
  )
}

function RecordCard({ row, ask }: { row: MaintenanceRecord; ask: Ask }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <Stack gap={6}>
      <div className="card-head">
        <MachineName id={row.equipment_id} name={row.equipment_name} code={row.serial_number} />
        <Steps row={row} ask={ask} />
      </div>
      <div className="inline">
        <WorkStatus status={row.status} /> {t(`maintenance.type_${row.type}`)}
      </div>
      <Text size="sm">{[row.title, row.technician].filter(Boolean).join(' · ')}</Text>
      <Text size="sm" c="dimmed">
        {t('maintenance.planned_for', { day: format.day(row.scheduled_date) })}
        {row.completed_date && ` · ${t('maintenance.done_on', { day: format.day(row.completed_date) })}`}
        {row.cost && ` · ${format.money(row.cost)}`}
      </Text>
    </Stack>
  )
}
