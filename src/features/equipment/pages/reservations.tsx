// Reservations of a machine: who has it next, and the dialogs to reserve it, pick it up and cancel.
import { Button, Group, Text, Textarea, TextInput } from '@mantine/core'
import { IconCalendarEvent, IconCalendarX, IconCircleCheck, IconHandGrab } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { LookupOption } from '../../../web/lookup.tsx'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall, useRead } from '../../../web/query.ts'
import { useCompany, useSession } from '../../../web/session.tsx'
import { noState, type StateValues } from '../../../web/state-fields.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { type Assignment, availability, cancelReservation, listAssignments, pickUp, reserve } from '../../assignments/contract.ts'
import type { Equipment } from '../contract.ts'
import { PersonField } from './person-field.tsx'
import { MachineState, stateOfMachine } from './returning.tsx'

type Asked = { step: 'pick_up' | 'cancel'; row: Assignment }
const nameOf = (row: Assignment) => `${row.equipment_name} ${row.fleet_code ?? row.serial_number}`

/** The next reservations of a machine, or of a person; nothing when there are none. */
export function Reservations({ of }: { of: { equipment_id: string } | { user_id: string } }) {
  const { t } = useTranslation()
  const [search] = useUrl()
  const { data } = useRead(listAssignments, { query: { ...of, state: 'reserved', sort: 'starts_at', limit: 10 } })
  const [asked, setAsked] = useState<Asked | null>(null)
  if (!data || data.items.length === 0) return null
  const byMachine = 'equipment_id' in of
  return (
    <section aria-labelledby="next-reservations" className="reservations">
      <Group justify="space-between">
        <h2 id="next-reservations">{t(byMachine ? 'assignments.reserved_next' : 'assignments.reserved_mine')}</h2>
        {byMachine && (
          <Button component={PageLink} to="/assignments/calendar" search={{ ...of, machine: nameOf(data.items[0] as Assignment) }} variant="subtle" size="compact-sm">
            {t('assignments.view_calendar')}
          </Button>
        )}
      </Group>
      <ul className="plain-list">
        {data.items.map((row) => (
          <li key={row.id} className="row-line" {...(search.reservation === row.id ? { 'aria-current': true } : {})}>
            <ReservationText row={row} byMachine={byMachine} />
            <ReservationActions row={row} ask={setAsked} />
          </li>
        ))}
      </ul>
      {asked && (
        <Dialog opened onClose={() => setAsked(null)} title={t(`assignments.${asked.step}_title`, { name: nameOf(asked.row) })}>
          {asked.step === 'pick_up' ? <PickUpForm row={asked.row} onClose={() => setAsked(null)} /> : <CancelForm row={asked.row} onClose={() => setAsked(null)} />}
        </Dialog>
      )}
    </section>
  )
}

function ReservationText({ row, byMachine }: { row: Assignment; byMachine: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <span>
      {byMachine ? (
        <strong>{row.holder_name}</strong>
      ) : (
        <PageLink to={`/equipment/${row.equipment_id}`} className="row-link">
          {nameOf(row)}
        </PageLink>
      )}
      <Text size="sm" c="dimmed" component="span" display="block">
        {t('assignments.period', { from: format.instant(row.reserved_from), until: format.instant(row.reserved_until) })}
        {row.notes && ` · ${row.notes}`}
      </Text>
    </span>
  )
}

function ReservationActions({ row, ask }: { row: Assignment; ask: (asked: Asked) => void }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const { role } = useCompany()
  const other = role === 'operator' && row.user_id !== me.user.id && t('assignments.not_your_reservation', { name: row.holder_name })
  if (role === 'viewer' || other) return null
  const isTime = Date.parse(row.reserved_from ?? '') <= Date.now()
  return (
    <Group gap="xs" wrap="nowrap">
      <Button
        size="xs"
        variant={isTime ? 'filled' : 'default'}
        leftSection={<IconHandGrab size={18} aria-hidden />}
        aria-label={t('assignments.pick_up_title', { name: nameOf(row) })}
        onClick={() => ask({ step: 'pick_up', row })}
      >
        {t('assignments.pick_up')}
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconCalendarX size={18} aria-hidden />}
        aria-label={t('assignments.cancel_title', { name: nameOf(row) })}
        onClick={() => ask({ step: 'cancel', row })}
      >
        {t('assignments.cancel')}
      </Button>
    </Group>
  )
}

function PickUpForm({ row, onClose }: { row: Assignment; onClose: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const format = useFormat()
  const state = useSaveForm<StateValues, unknown>({
    initial: noState,
    save: (values, _, { key }) => call(pickUp, { params: { assignment_id: row.id }, body: stateOfMachine(values), idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('assignments.pick_up_done', { name: nameOf(row), person: row.holder_name }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.pick_up')} onCancel={onClose}>
      <Text>{t('assignments.pick_up_text', { person: row.holder_name, until: format.instant(row.reserved_until) })}</Text>
      <MachineState form={state.form} />
    </FormBody>
  )
}

function CancelForm({ row, onClose }: { row: Assignment; onClose: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const state = useSaveForm({
    initial: { reason: '' },
    validate: ({ reason }) => (reason.trim() ? {} : { reason: t('assignments.reason_needed') }),
    save: ({ reason }, _, { key }) => call(cancelReservation, { params: { assignment_id: row.id }, body: { reason: reason.trim() }, idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('assignments.cancel_done', { name: nameOf(row) }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.cancel')} onCancel={onClose}>
      <Text>{t('assignments.cancel_text', { person: row.holder_name })}</Text>
      <Textarea label={t('assignments.reason')} required autosize minRows={2} maxLength={2000} data-autofocus {...state.form.getInputProps('reason')} />
    </FormBody>
  )
}

type ReserveValues = { user_id: string | null; reserved_from: { day: string; time: string }; reserved_until: { day: string; time: string }; notes: string }

export function ReserveForm({ machine, onClose, onDone }: { machine: Equipment; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const { me } = useSession()
  const { role, timeZone } = useCompany()
  const operator = role === 'operator'
  const [person, setPerson] = useState<LookupOption | null>(operator ? { value: me.user.id, label: me.user.full_name } : null)
  const at = ({ day, time }: { day: string; time: string }, otherwise: string) => (day ? instantOf(day, time || otherwise, timeZone) : null)
  const periodOf = (values: ReserveValues) => ({ from: at(values.reserved_from, '07:00'), to: at(values.reserved_until, '18:00') })
  const state = useSaveForm<ReserveValues, unknown>({
    initial: { user_id: person?.value ?? null, reserved_from: { day: '', time: '07:00' }, reserved_until: { day: '', time: '18:00' }, notes: '' },
    validate: (values) => ({
      ...(values.user_id ? {} : { user_id: t('assignments.person_needed') }),
      ...(values.reserved_from.day ? {} : { reserved_from: t('assignments.day_missing') }),
      ...(values.reserved_until.day ? {} : { reserved_until: t('assignments.day_missing') }),
    }),
    save: (values, _, { key }) => {
      const { from, to } = periodOf(values)
      const body = { user_id: values.user_id ?? '', reserved_from: from ?? '', reserved_until: to ?? '', notes: values.notes.trim() || null }
      return call(reserve, { params: { equipment_id: machine.id }, body, idempotencyKey: key })
    },
    onSaved: () => {
      onDone()
      notifyDone(t('assignments.reserve_done', { name: `${machine.name} ${machine.fleet_code ?? machine.serial_number}`, person: person?.label }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.reserve')} onCancel={onClose}>
      {operator ? (
        <Text>{t('assignments.reserve_text')}</Text>
      ) : (
        <PersonField
          value={person}
          error={state.form.errors.user_id}
          onChange={(option) => {
            setPerson(option)
            state.form.setFieldValue('user_id', option?.value ?? null)
          }}
        />
      )}
      <MomentField form={state.form} name="reserved_from" />
      <MomentField form={state.form} name="reserved_until" />
      <Availability machine={machine} {...periodOf(state.form.values)} />
      <Textarea label={t('assignments.notes')} description={t('assignments.reserve_notes_hint')} autosize minRows={2} maxLength={2000} {...state.form.getInputProps('notes')} />
    </FormBody>
  )
}

function MomentField({ form, name }: { form: ReturnType<typeof useSaveForm<ReserveValues, unknown>>['form']; name: 'reserved_from' | 'reserved_until' }) {
  const { t } = useTranslation()
  const today = useFormat().today()
  const day = form.getInputProps(`${name}.day`)
  return (
    <Group gap="sm" align="flex-start" wrap="nowrap" grow>
      <TextInput type="date" label={t(`assignments.${name}_day`)} min={today} required {...day} error={form.errors[name] ?? day.error} />
      <TextInput type="time" label={t(`assignments.${name}_time`)} {...form.getInputProps(`${name}.time`)} />
    </Group>
  )
}

/** Answers while the period is being chosen: free, or who is in the way. */
function Availability({ machine, from, to }: { machine: Equipment; from: string | null; to: string | null }) {
  const { t } = useTranslation()
  const format = useFormat()
  const isPeriod = from !== null && to !== null && from < to
  const { data } = useRead(availability, { params: { equipment_id: machine.id }, query: { from: from ?? '', ...(to ? { to } : {}) } }, { enabled: isPeriod, keep: true })
  return (
    <div aria-live="polite" className="availability">
      {isPeriod && data?.is_free && (
        <ToneBadge tone="ok" icon={IconCircleCheck}>
          {t('assignments.is_free')}
        </ToneBadge>
      )}
      {isPeriod && data && !data.is_free && (
        <>
          <ToneBadge tone="warn" icon={IconCalendarEvent}>
            {t('assignments.not_free')}
          </ToneBadge>
          <ul className="plain-list">
            {data.blocked_by.map((row) => (
              <li key={row.assignment_id}>
                <strong>{row.holder_name}</strong> <span className="dimmed">({t(`assignments.state_${row.state}`)})</span>
                <br />
                {row.until ? t('assignments.period', { from: format.instant(row.from), until: format.instant(row.until) }) : t('assignments.period_open', { from: format.instant(row.from) })}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}

export function ReserveButton({ machine, onClick }: { machine: Equipment; onClick: () => void }) {
  const { t } = useTranslation()
  const gone = (machine.status === 'retired' || machine.status === 'disposed') && t('assignments.only_in_service')
  return (
    <ActionButton op={reserve} unless={gone} variant="default" leftSection={<IconCalendarEvent size={20} aria-hidden />} onClick={onClick}>
      {t('assignments.reserve')}
    </ActionButton>
  )
}
