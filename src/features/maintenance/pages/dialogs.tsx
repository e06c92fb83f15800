// The dialogs that write down work: plan it, send a machine, begin, complete, cancel.
import { Checkbox, Text, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Operation } from '../../../plain/operation.ts'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Lookup, type LookupOption } from '../../../web/lookup.tsx'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { listEquipment } from '../../equipment/contract.ts'
import { cancelMaintenance, createMaintenance, type MaintenanceType, sendToMaintenance, startMaintenance } from '../contract.ts'
import { CompleteForm } from './complete.tsx'
import { EditForm } from './edit.tsx'
import { FilesPanel } from './files.tsx'
import { useWorkTitle } from './marks.tsx'
import { TypeField } from './type-field.tsx'
import { type Machine, readingOrNull, textOrNull, type Work } from './work.ts'

export type Asked = { step: 'plan' | 'send'; machine: Machine | null } | { step: 'start' | 'complete' | 'cancel' | 'edit' | 'files'; work: Work }
type Close = { onClose: () => void }

/** What is asked at the moment, if anything; a page keeps one. */
export function useAsked() {
  const [asked, setAsked] = useState<Asked | null>(null)
  return { asked, ask: setAsked, close: () => setAsked(null) }
}

export function WorkDialog({ asked, onClose }: { asked: Asked | null } & Close) {
  const { t } = useTranslation()
  const { role } = useCompany()
  if (!asked) return null
  const machine = 'work' in asked ? asked.work.machine : asked.machine
  const title = asked.step === 'plan' && role === 'operator' ? 'report' : asked.step
  return (
    <Dialog opened onClose={onClose} title={t(machine ? `maintenance.${title}_title_of` : `maintenance.${title}_title`, { name: machine?.name })} size="lg">
      {asked.step === 'plan' && <PlanForm machine={asked.machine} onClose={onClose} />}
      {asked.step === 'send' && <SendForm machine={asked.machine} onClose={onClose} />}
      {asked.step === 'start' && <StartForm work={asked.work} onClose={onClose} />}
      {asked.step === 'complete' && <CompleteForm work={asked.work} onClose={onClose} />}
      {asked.step === 'cancel' && <CancelForm work={asked.work} onClose={onClose} />}
      {asked.step === 'edit' && <EditForm work={asked.work} onClose={onClose} />}
      {asked.step === 'files' && <FilesPanel work={asked.work} onClose={onClose} />}
    </Dialog>
  )
}

function MachineField({ value, error, onChange }: { value: LookupOption | null; error: React.ReactNode; onChange: (option: LookupOption | null) => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const { company_id } = useCompany()
  const find = async (q: string, signal: AbortSignal) => {
    const { items } = await call(listEquipment, { query: { status: 'active,maintenance', limit: 30, ...(q ? { q } : { sort: 'name' }) }, signal })
    return items.map((machine) => ({ value: machine.id, label: machine.name, hint: [machine.fleet_code, machine.serial_number].filter(Boolean).join(' · ') }))
  }
  return (
    <Lookup
      id={['machines at work', company_id]}
      find={find}
      value={value}
      onChange={onChange}
      label={t('maintenance.machine')}
      placeholder={t('maintenance.machine_hint')}
      error={error}
      required
      autoFocus
    />
  )
}

function useMachine(machine: Machine | null) {
  const [option, setOption] = useState<LookupOption | null>(machine && { value: machine.id, label: machine.name })
  return { option, setOption, given: machine !== null }
}

type PlanValues = { equipment_id: string | null; type: MaintenanceType; scheduled_date: string; title: string; technician: string; notes: string; meter_reading: string; reason: string }

function usePlanValues(machine: Machine | null, type: MaintenanceType): PlanValues {
  const today = useFormat().today()
  return { equipment_id: machine?.id ?? null, type, scheduled_date: today, title: '', technician: '', notes: '', meter_reading: '', reason: '' }
}

/** Texts as the server takes them: nothing is null, a decimal comma a point. */
function PlanForm({ machine, onClose }: { machine: Machine | null } & Close) {
  const { t } = useTranslation()
  const call = useCall()
  const operator = useCompany().role === 'operator'
  const chosen = useMachine(machine)
  const state = useSaveForm<PlanValues, unknown>({
    initial: usePlanValues(machine, operator ? 'emergency' : 'preventive'),
    validate: (values) => ({
      ...(values.equipment_id ? {} : { equipment_id: t('maintenance.machine_needed') }),
      ...(values.scheduled_date ? {} : { scheduled_date: t('maintenance.day_needed') }),
      ...(operator && !values.notes.trim() ? { notes: t('maintenance.what_needed') } : {}),
    }),
    save: (values, _, { key }) =>
      call(createMaintenance, {
        body: {
          equipment_id: values.equipment_id ?? '',
          type: values.type,
          scheduled_date: values.scheduled_date,
          title: textOrNull(values.title),
          technician: textOrNull(values.technician),
          notes: textOrNull(values.notes),
          meter_reading: readingOrNull(values.meter_reading),
        },
        idempotencyKey: key,
      }),
    places: { idx_maintenance_records_open: 'scheduled_date' },
    onSaved: () => {
      onClose()
      notifyDone(t(operator ? 'maintenance.report_done' : 'maintenance.plan_done', { name: chosen.option?.label }))
    },
  })
  const { form } = state
  return (
    <FormBody state={state} submitLabel={t(operator ? 'maintenance.report_send' : 'maintenance.plan')} onCancel={onClose}>
      {!chosen.given && (
        <MachineField
          value={chosen.option}
          error={form.errors.equipment_id}
          onChange={(option) => {
            chosen.setOption(option)
            form.setFieldValue('equipment_id', option?.value ?? null)
          }}
        />
      )}
      {operator ? <Text>{t('maintenance.report_text')}</Text> : <TypeField {...form.getInputProps('type')} />}
      {!operator && <TextInput type="date" label={t('maintenance.scheduled_date')} required {...form.getInputProps('scheduled_date')} />}
      {!operator && <TextInput label={t('maintenance.work')} description={t('maintenance.work_hint')} maxLength={200} {...form.getInputProps('title')} />}
      {!operator && <TextInput label={t('maintenance.technician')} maxLength={200} {...form.getInputProps('technician')} />}
      <Textarea label={t(operator ? 'maintenance.what' : 'maintenance.notes')} required={operator} autosize minRows={2} maxLength={4000} {...form.getInputProps('notes')} />
      {operator && <TextInput label={t('maintenance.meter_reading')} inputMode="decimal" {...form.getInputProps('meter_reading')} />}
    </FormBody>
  )
}

function SendForm({ machine, onClose }: { machine: Machine | null } & Close) {
  const { t } = useTranslation()
  const call = useCall()
  const chosen = useMachine(machine)
  const state = useSaveForm<PlanValues, unknown>({
    initial: usePlanValues(machine, 'corrective'),
    validate: (values) => ({ ...(values.equipment_id ? {} : { equipment_id: t('maintenance.machine_needed') }), ...(values.reason.trim() ? {} : { reason: t('maintenance.reason_needed') }) }),
    save: (values, _, { key }) =>
      call(sendToMaintenance, {
        params: { equipment_id: values.equipment_id ?? '' },
        body: {
          type: values.type,
          reason: values.reason.trim(),
          scheduled_date: values.scheduled_date || null,
          title: textOrNull(values.title),
          technician: textOrNull(values.technician),
          meter_reading: readingOrNull(values.meter_reading),
        },
        idempotencyKey: key,
      }),
    places: { idx_maintenance_records_open: 'scheduled_date' },
    onSaved: () => {
      onClose()
      notifyDone(t('maintenance.send_done', { name: chosen.option?.label }))
    },
  })
  const { form } = state
  return (
    <FormBody state={state} submitLabel={t('maintenance.send')} onCancel={onClose}>
      <Text>{t('maintenance.send_text')}</Text>
      {!chosen.given && (
        <MachineField
          value={chosen.option}
          error={form.errors.equipment_id}
          onChange={(option) => {
            chosen.setOption(option)
            form.setFieldValue('equipment_id', option?.value ?? null)
          }}
        />
      )}
      <TypeField {...form.getInputProps('type')} />
      <Textarea label={t('maintenance.reason')} required autosize minRows={2} maxLength={2000} {...form.getInputProps('reason')} />
      <TextInput label={t('maintenance.work')} description={t('maintenance.work_hint')} maxLength={200} {...form.getInputProps('title')} />
      <div className="fields-grid">
        <TextInput type="date" label={t('maintenance.scheduled_date')} description={t('maintenance.later_hint')} {...form.getInputProps('scheduled_date')} />
        <TextInput label={t('maintenance.meter_reading')} inputMode="decimal" {...form.getInputProps('meter_reading')} />
      </div>
      <TextInput label={t('maintenance.technician')} maxLength={200} {...form.getInputProps('technician')} />
    </FormBody>
  )
}

function StartForm({ work, onClose }: { work: Work } & Close) {
  const { t } = useTranslation()
  const call = useCall()
  const title = useWorkTitle()
  const state = useSaveForm({
    initial: { to_maintenance: true, reason: '' },
    save: (values, _, { key }) =>
      call(startMaintenance, { params: { maintenance_id: work.id }, body: { to_maintenance: values.to_maintenance, reason: textOrNull(values.reason) }, idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('maintenance.start_done', { name: work.machine.name }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('maintenance.start')} onCancel={onClose}>
      <Text fw={600}>{title(work)}</Text>
      <Checkbox label={t('maintenance.to_maintenance')} description={t('maintenance.to_maintenance_hint')} {...state.form.getInputProps('to_maintenance', { type: 'checkbox' })} />
      {state.form.values.to_maintenance && (
        <Textarea label={t('maintenance.reason')} description={t('maintenance.start_reason_hint')} autosize minRows={2} maxLength={2000} {...state.form.getInputProps('reason')} />
      )}
    </FormBody>
  )
}

function CancelForm({ work, onClose }: { work: Work } & Close) {
  const { t } = useTranslation()
  const call = useCall()
  const title = useWorkTitle()
  const state = useSaveForm({
    initial: { reason: '', back_to_active: false },
    validate: ({ reason }) => (reason.trim() ? {} : { reason: t('maintenance.reason_needed') }),
    save: ({ reason, back_to_active }, _, { key }) => call(cancelMaintenance, { params: { maintenance_id: work.id }, body: { reason: reason.trim(), back_to_active }, idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('maintenance.cancel_done', { name: work.machine.name }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('maintenance.cancel')} onCancel={onClose}>
      <Text fw={600}>{title(work)}</Text>
      <Textarea label={t('maintenance.reason')} required autosize minRows={2} maxLength={2000} {...state.form.getInputProps('reason')} />
      <Checkbox label={t('maintenance.back_to_active')} {...state.form.getInputProps('back_to_active', { type: 'checkbox' })} />
    </FormBody>
  )
}

/** The steps that are possible from a state, in the order a person takes them. */
export const stepsOf = (status: string): readonly ('start' | 'complete' | 'cancel')[] =>
  status === 'scheduled' ? ['start', 'complete', 'cancel'] : status === 'in_progress' ? ['complete', 'cancel'] : []
export const guards: Record<'start' | 'complete' | 'cancel', Pick<Operation, 'who'>> = { start: startMaintenance, complete: startMaintenance, cancel: cancelMaintenance }
