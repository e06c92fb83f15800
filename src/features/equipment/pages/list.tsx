// All machines of the company: search, filters, sort, columns and export, everything in the address.
import { Button, Menu } from '@mantine/core'
import { IconDownload, IconFileImport, IconPlus, IconTir } from '@tabler/icons-react'
import type { QueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { download } from '../../../web/client.ts'
import { ChoiceFilter, FilterBar, pickSearch, SearchBox, TextFilter } from '../../../web/filters.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { MomentBar, MomentButton } from '../../../web/moment.tsx'
import { notifyProblem } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { fetchAhead, useList, useRead } from '../../../web/query.ts'
import { useCompany, useMay } from '../../../web/session.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { DataList } from '../../../web/table.tsx'
import { momentOf, type Search, useMoment, useUrl } from '../../../web/url.tsx'
import { listCategories } from '../../categories/contract.ts'
import { exportEquipment, importEquipment } from '../../imports/contract.ts'
import { createEquipment, type Equipment, listEquipment, ownerships, restoreEquipment, statuses } from '../contract.ts'
import { MachineCard, useEquipmentColumns } from './columns.tsx'

const mainNames = ['status', 'category_id', 'in_use']
const panelNames = [
  'holder_id',
  'ownership',
  'manufacturer.contains',
  'location.contains',
  'year.gte',
  'year.lte',
  'next_maintenance_date.gte',
  'next_maintenance_date.lt',
  'next_maintenance_date.lte',
  'tags',
  'incomplete',
  'deleted',
]
const filterNames = [...mainNames, ...panelNames]

const idOf = (machine: Equipment) => machine.id
const pathOf = (machine: Equipment) => `/equipment/${machine.id}`

const chosen = (search: Search) => pickSearch(search, [...filterNames, 'q', 'sort'])

/** What the page will show at this address, asked for while it is not there yet. */
export function fetchMachines(queries: QueryClient, companyId: string, search: Search): Promise<void> {
  return fetchAhead(queries, listEquipment, companyId, { query: { ...chosen(search), ...momentOf(search) } })
}

export function EquipmentListPage() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const moment = useMoment()
  // The slider reaches back to the first machine of the register.
  const first = useRead(listEquipment, { query: { sort: 'created_at', limit: 1 } }, { enabled: moment !== undefined, staleTime: 300_000 }).data?.items[0]?.created_at
  return (
    <Page
      title={t('equipment.title')}
      actions={
        <>
          <MomentButton since={undefined} />
          <ExportMenu filters={chosen(search)} />
          <ActionButton op={createEquipment} to="/equipment/new" leftSection={<IconPlus size={18} aria-hidden />}>
            {t('equipment.register')}
          </ActionButton>
        </>
      }
    >
      <MomentBar since={first} />
      <Machines
        toolbar={
          <>
            <SearchBox label={t('equipment.search')} />
            <EquipmentFilters />
          </>
        }
      />
    </Page>
  )
}

/** By itself, so that each page that comes while someone scrolls draws the rows anew and nothing else. */
function Machines({ toolbar }: { toolbar: ReactNode }) {
  const { t } = useTranslation()
  const [search] = useUrl()
  const [counted, setCounted] = useState(false)
  const columns = useEquipmentColumns()
  const moment = useMoment()
  const filters = chosen(search)
  const rows = useList(listEquipment, { query: { ...filters, ...moment, ...(counted ? { count: 'true' } : {}) } })
  const narrowed = Object.keys(filters).some((name) => name !== 'sort')
  return (
    <DataList<Equipment>
      id="equipment"
      caption={t('equipment.title')}
      columns={columns}
      rows={rows}
      rowKey={idOf}
      rowTo={pathOf}
      steady
      card={(row) => <MachineCard machine={row} />}
      {...(filters.q ? {} : { defaultSort: '-created_at' })}
      onCount={() => setCounted(true)}
      toolbar={toolbar}
      empty={narrowed ? <NothingFound /> : moment ? <NothingThen /> : <NoMachines />}
    />
  )
}

function EquipmentFilters() {
  const { t } = useTranslation()
  const may = useMay()
  const { data: categories } = useRead(listCategories, {}, { staleTime: 300_000 })
  const tree = categories?.items.map((category) => ({ value: category.id, label: category.name, indent: category.depth - Math.min(...categories.items.map((other) => other.depth)) })) ?? []
  const main = (
    <>
      <ChoiceFilter name="status" label={t('equipment.status')} choices={statuses.map((value) => ({ value, label: t(`equipment.status_${value}`) }))} />
      <ChoiceFilter name="category_id" label={t('equipment.category')} choices={tree} />
      <ChoiceFilter
        name="in_use"
        label={t('equipment.in_use')}
        single
        choices={[
          { value: 'true', label: t('equipment.in_use_yes') },
          { value: 'false', label: t('equipment.in_use_no') },
        ]}
      />
    </>
  )
  return (
    <FilterBar mainNames={mainNames} panelNames={panelNames} main={main}>
      <ChoiceFilter name="ownership" label={t('equipment.ownership')} choices={ownerships.map((value) => ({ value, label: t(`equipment.ownership_${value}`) }))} />
      <TextFilter name="manufacturer.contains" label={t('equipment.manufacturer')} />
      <TextFilter name="location.contains" label={t('equipment.location')} />
      <div className="pair">
        <TextFilter name="year.gte" type="number" label={t('equipment.year_from')} />
        <TextFilter name="year.lte" type="number" label={t('equipment.year_to')} />
      </div>
      <div className="pair">
        <TextFilter name="next_maintenance_date.gte" type="date" label={t('equipment.service_from')} />
        <TextFilter name="next_maintenance_date.lte" type="date" label={t('equipment.service_to')} />
      </div>
      <TextFilter name="tags" label={t('equipment.tags')} placeholder={t('equipment.tags_hint')} />
      <ChoiceFilter name="incomplete" label={t('equipment.incomplete')} single choices={(['true', 'false'] as const).map((value) => ({ value, label: t(`equipment.incomplete_${value}`) }))} />
      {may(restoreEquipment).allowed && <ChoiceFilter name="deleted" label={t('equipment.deleted')} single choices={[{ value: 'true', label: t('equipment.deleted_only') }]} />}
    </FilterBar>
  )
}

function ExportMenu({ filters }: { filters: Record<string, string> }) {
  const { t } = useTranslation()
  const company = useCompany()
  const moment = useMoment()
  const [busy, setBusy] = useState(false)
  const save = async (format: 'csv' | 'xlsx') => {
    setBusy(true)
    try {
      const { sort: _, ...query } = filters
      await download(exportEquipment, { params: { company_id: company.company_id }, query: { ...query, format } }, `equipment.${format}`)
    } catch (error) {
      notifyProblem(error)
    } finally {
      setBusy(false)
    }
  }
  if (moment) {
    return (
      <Button variant="default" disabled title={t('web.past_export')} leftSection={<IconDownload size={18} aria-hidden />}>
        {t('equipment.export')}
      </Button>
    )
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" loading={busy} leftSection={<IconDownload size={18} aria-hidden />}>
          {t('equipment.export')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('equipment.export_hint')}</Menu.Label>
        <Menu.Item onClick={() => void save('xlsx')}>Excel (XLSX)</Menu.Item>
        <Menu.Item onClick={() => void save('csv')}>CSV</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function NothingFound() {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  const clear = () => setSearch(Object.fromEntries([...filterNames, 'q'].map((name) => [name, undefined])))
  return (
    <EmptyState
      icon={<IconTir size={40} stroke={1.3} />}
      title={t('equipment.none_found')}
      action={
        <Button variant="default" onClick={clear}>
          {t('web.clear_filters')}
        </Button>
      }
    >
      {t('equipment.none_found_text')}
    </EmptyState>
  )
}

function NothingThen() {
  const { t } = useTranslation()
  return (
    <EmptyState icon={<IconTir size={40} stroke={1.3} />} title={t('equipment.none_then')}>
      {t('equipment.none_then_text')}
    </EmptyState>
  )
}

function NoMachines() {
  const { t } = useTranslation()
  return (
    <EmptyState
      icon={<IconTir size={40} stroke={1.3} />}
      title={t('equipment.none_yet')}
      action={
        <div className="inline">
          <ActionButton op={createEquipment} to="/equipment/new">
            {t('equipment.register')}
          </ActionButton>
          <ActionButton op={importEquipment} to="/import" variant="default" leftSection={<IconFileImport size={18} aria-hidden />}>
            {t('equipment.import')}
          </ActionButton>
        </div>
      }
    >
      {t('equipment.none_yet_text')}
    </EmptyState>
  )
}
