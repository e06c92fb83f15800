// All hand-overs of the company: who has what, what is overdue, what came back; with a button to take a machine back.
import { Button, Group, Stack, Text } from '@mantine/core'
import { IconArrowBackUp, IconArrowsExchange, IconClockExclamation, IconHourglass } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { useCall, useList } from '../../../web/query.ts'
import { useCompany, useSession } from '../../../web/session.tsx'
import { noState, StateFields, type StateValues, stateOf } from '../../../web/state-fields.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { type Assignment, type Condition, conditions, listAssignments, takeBack } from '../contract.ts'
import { type Chosen, Filters, shows, useChosen, useUserId, Views } from './choose.tsx'

export function AssignmentsPage() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const [chosen] = useChosen()
  const [returning, setReturning] = useState<Assignment | null>(null)
  const [opened, setOpened] = useState(false)
  const giveBack = (row: Assignment) => {
    setReturning(row)
    setOpened(true)
  }
  const columns = useColumns(chosen.show === 'reserved', giveBack)
  const userId = useUserId()
  const { state, sort } = shows[chosen.show]
  const rows = useList(listAssignments, {
    query: { state, sort: search.sort ?? sort, ...(userId ? { user_id: userId } : {}), ...(chosen.machine ? { equipment_id: chosen.machine.value } : {}) },
  })
  return (
    <Page title={t('assignments.title')} subtitle={t('assignments.subtitle')}>
      <Views here="/assignments" />
      <DataList
        id="assignments"
        caption={t('assignments.title')}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.id}
        defaultSort={sort}
        toolbar={<Filters byState />}
        empty={<Nothing chosen={chosen} />}
        card={(row) => <AssignmentCard row={row} onReturn={() => giveBack(row)} />}
      />
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t('assignments.return_title', { name: returning ? nameOf(returning) : '' })}>
        {returning && <ReturnForm row={returning} onClose={() => setOpened(false)} />}
      </Dialog>
    </Page>
  )
}

function useColumns(reserved: boolean, onReturn: (row: Assignment) => void): Column<Assignment>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'machine', title: t('assignments.machine'), render: (row) => <MachineLink row={row} /> },
    { key: 'holder', title: t('assignments.holder'), render: (row) => <Holder row={row} /> },
    reserved
      ? { key: 'assigned', title: t('assignments.reserved_from_day'), sort: 'starts_at', render: (row) => <When instant={row.reserved_from} by={row.reserved_by_name} /> }
      : { key: 'assigned', title: t('assignments.assigned_at'), sort: 'assigned_at', render: (row) => <When instant={row.assigned_at} by={row.assigned_by_name} /> },
    reserved
      ? { key: 'due', title: t('assignments.reserved_until_day'), render: (row) => <span className="nowrap">{format.instant(row.reserved_until)}</span> }
      : { key: 'due', title: t('assignments.due_at'), sort: 'due_at', render: (row) => <Due row={row} /> },
    {
      key: 'returned',
      title: t(reserved ? 'assignments.pick_up' : 'assignments.returning'),
      render: (row) => (row.returned_at ? <When instant={row.returned_at} by={row.returned_by_name} /> : <NextStep row={row} onReturn={() => onReturn(row)} />),
    },
    { key: 'ago', title: t('assignments.since_when'), extra: true, render: (row) => format.relative(row.assigned_at ?? row.reserved_from) },
    { key: 'notes', title: t('assignments.notes'), extra: true, render: (row) => <Described row={row} /> },
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
          {row.state === 'reserved'
            ? t('assignments.period', { from: format.instant(row.reserved_from), until: format.instant(row.reserved_until) })
            : row.returned_at
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
      <Pending row={row} />
      {row.returned_at === null && <NextStep row={row} onReturn={onReturn} />}
    </Stack>
  )
}

const codeOf = (row: Assignment) => row.fleet_code ?? row.serial_number
/** Machines of one kind often share a name; the code tells them apart. */
const nameOf = (row: Assignment) => `${row.equipment_name} ${codeOf(row)}`

/** Given to somebody who has not said yet that it is with them. */
function Pending({ row }: { row: Assignment }) {
  const { t } = useTranslation()
  if ((row.state !== 'out' && row.state !== 'overdue') || row.accepted_at) return null
  return (
    <ToneBadge tone="warn" icon={IconHourglass}>
      {t('assignments.pending')}
    </ToneBadge>
  )
}

function Holder({ row }: { row: Assignment }) {
  return (
    <span className="stacked">
      {row.holder_name}
      <Pending row={row} />
    </span>
  )
}

/** What was said when it was handed over, and when it came back. */
function Described({ row }: { row: Assignment }) {
  const { t } = useTranslation()
  const said = (condition: Condition | null, meter: string | null, notes: string | null) => [condition && t(`assignments.condition_${condition}`), meter, notes].filter(Boolean).join(' · ')
  const lines = [said(row.condition, row.meter_reading, row.notes), said(row.return_condition, row.return_meter_reading, row.return_notes)].filter(Boolean)
  return <>{lines.join(' → ') || '–'}</>
}

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

/** Back from who has it; a reservation is picked up or given up where the machine is shown. */
function NextStep({ row, onReturn }: { row: Assignment; onReturn: () => void }) {
  const { t } = useTranslation()
  if (row.assigned_at) return <ReturnButton row={row} onReturn={onReturn} />
  return (
    <Button component={PageLink} to={`/equipment/${row.equipment_id}`} search={{ reservation: row.id }} variant="default" size="xs" aria-label={`${t('assignments.open_machine')}: ${nameOf(row)}`}>
      {t('assignments.open_machine')}
    </Button>
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
  const state = useSaveForm<StateValues, unknown>({
    initial: noState,
    save: (values, _, { key }) => call(takeBack, { params: { equipment_id: row.equipment_id }, body: stateOf<Condition>(values), idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('assignments.return_done', { name: nameOf(row) }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.return')} onCancel={onClose}>
      <Text>{row.user_id === me.user.id ? t('assignments.return_mine_text') : t('assignments.return_text', { name: row.holder_name })}</Text>
      <StateFields form={state.form} conditions={conditions} say={(key) => t(key.startsWith('notes') ? `assignments.return_${key}` : `assignments.${key}`)} autoFocus />
    </FormBody>
  )
}

function Nothing({ chosen }: { chosen: Chosen }) {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  const icon = <IconArrowsExchange size={40} stroke={1.3} />
  const narrowed = chosen.person !== null || chosen.machine !== null
  if (chosen.show === 'overdue' && !narrowed) return <EmptyState icon={icon} title={t('assignments.none_overdue')} />
  if (chosen.show === 'reserved' && !narrowed)
    return (
      <EmptyState
        icon={icon}
        title={t('assignments.none_reserved')}
        action={
          <Button variant="default" component={PageLink} to="/equipment" search={{ status: 'active,maintenance' }}>
            {t('assignments.reserve_choose')}
          </Button>
        }
      >
        {t('assignments.none_reserved_text')}
      </EmptyState>
    )
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
