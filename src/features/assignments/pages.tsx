// All hand-overs of the company: who has what, what is overdue, what came back; with a button to take a machine back.
import { Button, Group, SegmentedControl, Stack, Text, Textarea } from '@mantine/core'
import { IconArrowBackUp, IconArrowsExchange, IconClockExclamation } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ActionButton } from '../../web/action.tsx'
import { Dialog } from '../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../web/form.tsx'
import { useFormat } from '../../web/format.ts'
import { Lookup, type LookupOption } from '../../web/lookup.tsx'
import { notifyDone } from '../../web/notify.tsx'
import { Page } from '../../web/page.tsx'
import { usePhone } from '../../web/phone.ts'
import { useCall, useList } from '../../web/query.ts'
import { useCompany, useSession } from '../../web/session.tsx'
import { EmptyState } from '../../web/states.tsx'
import { type Column, DataList } from '../../web/table.tsx'
import { ToneBadge } from '../../web/tone.tsx'
import { PageLink, useUrl } from '../../web/url.tsx'
import { listPeople } from '../access/contract.ts'
import { listEquipment } from '../equipment/contract.ts'
import { type Assignment, listAssignments, takeBack } from './contract.ts'

const shows = { open: { open: 'true' }, overdue: { overdue: 'true' }, returned: { open: 'false' }, all: {} } as const
type Show = keyof typeof shows

type Chosen = { show: Show; mine: boolean; person: LookupOption | null; machine: LookupOption | null }

/** What the address asks for. An operator sees their own first. Names travel along so that a shared link reads well. */
function useChosen(): [Chosen, (patch: Record<string, string | undefined>) => void] {
  const [search, setSearch] = useUrl()
  const operator = useCompany().role === 'operator'
  const option = (id: string | undefined, label: string | undefined) => (id ? { value: id, label: label ?? id } : null)
  const show = search.show !== undefined && search.show in shows ? (search.show as Show) : 'open'
  return [{ show, mine: (search.whose ?? (operator ? 'mine' : 'all')) === 'mine', person: option(search.user_id, search.person), machine: option(search.equipment_id, search.machine) }, setSearch]
}

export function AssignmentsPage() {
  const { t } = useTranslation()
  const { me } = useSession()
  const [search] = useUrl()
  const [chosen] = useChosen()
  const [returning, setReturning] = useState<Assignment | null>(null)
  const [opened, setOpened] = useState(false)
  const giveBack = (row: Assignment) => {
    setReturning(row)
    setOpened(true)
  }
  const columns = useColumns(giveBack)
  const userId = chosen.mine ? me.user.id : chosen.person?.value
  const rows = useList(listAssignments, {
    query: { ...shows[chosen.show], ...(userId ? { user_id: userId } : {}), ...(chosen.machine ? { equipment_id: chosen.machine.value } : {}), ...(search.sort ? { sort: search.sort } : {}) },
  })
  return (
    <Page title={t('assignments.title')} subtitle={t('assignments.subtitle')}>
      <DataList
        id="assignments"
        caption={t('assignments.title')}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.id}
        defaultSort="-assigned_at"
        toolbar={<Filters />}
        empty={<Nothing chosen={chosen} />}
        card={(row) => <AssignmentCard row={row} onReturn={() => giveBack(row)} />}
      />
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t('assignments.return_title', { name: returning ? nameOf(returning) : '' })}>
        {returning && <ReturnForm row={returning} onClose={() => setOpened(false)} />}
      </Dialog>
    </Page>
  )
}

function Filters() {
  const { t } = useTranslation()
  const call = useCall()
  const phone = usePhone()
  const { company_id } = useCompany()
  const [chosen, setSearch] = useChosen()
  const findPeople = async (q: string, signal: AbortSignal) =>
    (await call(listPeople, { query: { ...(q ? { q } : {}), limit: 50, sort: 'display_name' }, signal })).items.map((person) => ({
      value: person.user_id,
      label: person.display_name,
      hint: t(`web.role_${person.role}`),
    }))
  const findMachines = async (q: string, signal: AbortSignal) =>
    (await call(listEquipment, { query: q ? { q, limit: 30 } : { limit: 30, sort: 'name' }, signal })).items.map((machine) => ({
      value: machine.id,
      label: machine.name,
      hint: [machine.fleet_code, machine.serial_number].filter(Boolean).join(' · '),
    }))
  const full = { fullWidth: phone ?? false }
  return (
    <>
      <SegmentedControl
        {...full}
        aria-label={t('assignments.show')}
        data={(Object.keys(shows) as Show[]).map((value) => ({ value, label: t(`assignments.show_${value}`) }))}
        value={chosen.show}
        onChange={(show) => setSearch({ show: show === 'open' ? undefined : show })}
      />
      <SegmentedControl
        {...full}
        aria-label={t('assignments.whose')}
        data={['all', 'mine'].map((value) => ({ value, label: t(`assignments.whose_${value}`) }))}
        value={chosen.mine ? 'mine' : 'all'}
        onChange={(whose) => setSearch({ whose, user_id: undefined, person: undefined })}
      />
      {!chosen.mine && (
        <Lookup
          id={['people', company_id]}
          find={findPeople}
          value={chosen.person}
          onChange={(option) => setSearch({ user_id: option?.value, person: option?.label })}
          label={t('assignments.holder')}
          hideLabel
          placeholder={t('assignments.any_person')}
          clearable
        />
      )}
      <Lookup
        id={['machines', company_id]}
        find={findMachines}
        value={chosen.machine}
        onChange={(option) => setSearch({ equipment_id: option?.value, machine: option?.label })}
        label={t('assignments.machine')}
        hideLabel
        placeholder={t('assignments.any_machine')}
        clearable
      />
    </>
  )
}

function useColumns(onReturn: (row: Assignment) => void): Column<Assignment>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'machine', title: t('assignments.machine'), render: (row) => <MachineLink row={row} /> },
    { key: 'holder', title: t('assignments.holder'), render: (row) => row.holder_name },
    { key: 'assigned', title: t('assignments.assigned_at'), sort: 'assigned_at', render: (row) => <When instant={row.assigned_at} by={row.assigned_by_name} /> },
    { key: 'due', title: t('assignments.due_at'), sort: 'due_at', render: (row) => <Due row={row} /> },
    {
      key: 'returned',
      title: t('assignments.returning'),
      render: (row) => (row.returned_at ? <When instant={row.returned_at} by={row.returned_by_name} /> : <ReturnButton row={row} onReturn={() => onReturn(row)} />),
    },
    { key: 'ago', title: t('assignments.since_when'), extra: true, render: (row) => format.relative(row.assigned_at) },
    { key: 'notes', title: t('assignments.notes'), extra: true, render: (row) => [row.notes, row.return_notes].filter(Boolean).join(' · ') || '–' },
  ]
}

function AssignmentCard({ row, onReturn }: { row: Assignment; onReturn: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <Stack gap={6}>
      <MachineLink row={row} />
      <Text size="sm">
        {row.holder_name}{' '}
        <span className="dimmed">
          ·{' '}
          {row.returned_at
            ? `${format.instant(row.assigned_at)} – ${format.instant(row.returned_at)}`
            : t('assignments.since', { when: format.instant(row.assigned_at), ago: format.relative(row.assigned_at) })}
        </span>
      </Text>
      {row.due_at && !row.returned_at && (
        <div className="inline">
          <Text size="sm" c="dimmed">
            {t('assignments.due_at')}
          </Text>{' '}
          <Due row={row} />
        </div>
      )}
      {row.returned_at === null && <ReturnButton row={row} onReturn={onReturn} />}
    </Stack>
  )
}

const codeOf = (row: Assignment) => row.fleet_code ?? row.serial_number
/** Machines of one kind often share a name; the code tells them apart. */
const nameOf = (row: Assignment) => `${row.equipment_name} ${codeOf(row)}`

function MachineLink({ row }: { row: Assignment }) {
  return (
    <span>
      <PageLink to={`/equipment/${row.equipment_id}`} className="row-link">
        {row.equipment_name}
      </PageLink>
      <Text size="xs" c="dimmed" component="span" display="block" className="mono">
        {codeOf(row)}
      </Text>
    </span>
  )
}

function When({ instant, by }: { instant: string | null; by: string | null }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <span>
      <span className="nowrap">{format.instant(instant)}</span>
      {by && (
        <Text size="xs" c="dimmed" component="span" display="block">
          {t('assignments.by', { name: by })}
        </Text>
      )}
    </span>
  )
}

function Due({ row }: { row: Assignment }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (!row.due_at) return <span className="dimmed">–</span>
  const isLate = row.returned_at === null && Date.parse(row.due_at) < Date.now()
  return (
    <span className="stacked">
      <span className="nowrap">{format.instant(row.due_at)}</span>
      {isLate && (
        <ToneBadge tone="bad" icon={IconClockExclamation}>
          {t('assignments.late', { since: format.relative(row.due_at) })}
        </ToneBadge>
      )}
    </span>
  )
}

function ReturnButton({ row, onReturn }: { row: Assignment; onReturn: () => void }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const { role } = useCompany()
  const other = role === 'operator' && row.user_id !== me.user.id && t('assignments.not_yours', { name: row.holder_name })
  return (
    <ActionButton
      op={takeBack}
      unless={other}
      variant="default"
      size="xs"
      leftSection={<IconArrowBackUp size={18} aria-hidden />}
      onClick={onReturn}
      aria-label={t('assignments.return_title', { name: nameOf(row) })}
    >
      {t('assignments.return')}
    </ActionButton>
  )
}

function ReturnForm({ row, onClose }: { row: Assignment; onClose: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const { me } = useSession()
  const state = useSaveForm({
    initial: { notes: '' },
    save: ({ notes }, _, { key }) => call(takeBack, { params: { equipment_id: row.equipment_id }, body: { notes: notes.trim() || null }, idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('assignments.return_done', { name: nameOf(row) }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.return')} onCancel={onClose}>
      <Text>{row.user_id === me.user.id ? t('assignments.return_mine_text') : t('assignments.return_text', { name: row.holder_name })}</Text>
      <Textarea label={t('assignments.return_notes')} description={t('assignments.return_notes_hint')} autosize minRows={2} maxLength={2000} data-autofocus {...state.form.getInputProps('notes')} />
    </FormBody>
  )
}

function Nothing({ chosen }: { chosen: Chosen }) {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  const icon = <IconArrowsExchange size={40} stroke={1.3} />
  const narrowed = chosen.person !== null || chosen.machine !== null
  if (chosen.show === 'overdue' && !narrowed) return <EmptyState icon={icon} title={t('assignments.none_overdue')} />
  if (chosen.show === 'open' && !narrowed)
    return (
      <EmptyState
        icon={icon}
        title={t(chosen.mine ? 'assignments.none_mine' : 'assignments.none_open')}
        action={
          <Button variant="default" component={PageLink} to="/equipment" search={{ status: 'active', in_use: 'false' }}>
            {t('equipment.home_available')}
          </Button>
        }
      />
    )
  return (
    <EmptyState
      icon={icon}
      title={t('assignments.none_found')}
      action={
        <Group>
          <Button variant="default" onClick={() => setSearch({ show: 'all', whose: 'all', user_id: undefined, person: undefined, equipment_id: undefined, machine: undefined })}>
            {t('web.clear_filters')}
          </Button>
        </Group>
      }
    >
      {t('assignments.none_found_text')}
    </EmptyState>
  )
}
