// The form that closes work as done: what it cost, who did it, and what it means for the machine's next service.
import { Checkbox, Text, Textarea, TextInput } from '@mantine/core'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall, useRead } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { LoadingState } from '../../../web/states.tsx'
import { type Equipment, getEquipment } from '../../equipment/contract.ts'
import { completeMaintenance } from '../contract.ts'
import { useWorkTitle } from './marks.tsx'
import { readingOrNull, textOrNull, type Work } from './work.ts'

export function CompleteForm({ work, onClose }: { work: Work; onClose: () => void }) {
  const { data: machine } = useRead(getEquipment, { params: { equipment_id: work.machine.id } })
  return machine ? <Fields work={work} machine={machine} onClose={onClose} /> : <LoadingState />
}

const amountOf = (text: string) => text.trim().replace(/\s/g, '').replace(',', '.')

function useComplete(work: Work, machine: Equipment, onClose: () => void) {
  const { t } = useTranslation()
  const call = useCall()
  const today = useFormat().today()
  const { currency } = useCompany()
  return useSaveForm({
    initial: {
      completed_date: today,
      cost: '',
      currency,
      technician: '',
      parts: '',
      notes: '',
      meter_reading: '',
      counts_as_service: work.type === 'preventive',
      next_maintenance_date: '',
      back_to_active: machine.status === 'maintenance',
    },
    validate: (values) => ({
      ...(values.completed_date ? {} : { completed_date: t('maintenance.day_needed') }),
      ...(values.cost && !/^\d{1,12}(\.\d{1,2})?$/.test(amountOf(values.cost)) ? { cost: t('maintenance.cost_form') } : {}),
    }),
    save: (values, _, { key }) => {
      const texts = { technician: values.technician, parts: values.parts, notes: values.notes }
      const said = Object.fromEntries(
        Object.entries(texts)
          .filter(([, text]) => text.trim())
          .map(([field, text]) => [field, textOrNull(text)]),
      )
      return call(completeMaintenance, {
        params: { maintenance_id: work.id },
        body: {
          ...said,
          completed_date: values.completed_date,
          counts_as_service: values.counts_as_service,
          back_to_active: values.back_to_active,
          meter_reading: readingOrNull(values.meter_reading),
          ...(values.cost ? { cost: { amount: amountOf(values.cost), currency: values.currency } } : {}),
          ...(values.counts_as_service && values.next_maintenance_date ? { next_maintenance_date: values.next_maintenance_date } : {}),
        },
        idempotencyKey: key,
      })
    },
    places: { mr_next_date_needed: 'next_maintenance_date', equipment_maintenance_dates_logical: 'next_maintenance_date', mr_done_not_in_future: 'completed_date' },
    onSaved: () => {
      onClose()
      notifyDone(t('maintenance.complete_done', { name: machine.name }))
    },
  })
}

function Fields({ work, machine, onClose }: { work: Work; machine: Equipment; onClose: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const title = useWorkTitle()
  const state = useComplete(work, machine, onClose)
  const { form } = state
  const rule = t(`maintenance.rule_${machine.maintenance_rule}`)
  return (
    <FormBody state={state} submitLabel={t('maintenance.complete')} onCancel={onClose}>
      <div>
        <Text fw={600}>{title(work)}</Text>
        <Text size="sm" c="dimmed">
          {t('maintenance.planned_for', { day: format.day(work.scheduled_date) })}
        </Text>
      </div>
      <div className="fields-grid">
        <TextInput type="date" label={t('maintenance.completed_date')} required max={format.today()} {...form.getInputProps('completed_date')} />
        <TextInput label={t('maintenance.meter_reading')} inputMode="decimal" {...form.getInputProps('meter_reading')} />
      </div>
      <div className="fields-grid">
        <TextInput label={t('maintenance.cost')} inputMode="decimal" {...form.getInputProps('cost')} />
        <TextInput label={t('maintenance.currency')} maxLength={3} className="upper" {...form.getInputProps('currency')} />
      </div>
      <TextInput label={t('maintenance.technician')} maxLength={200} {...form.getInputProps('technician')} />
      <Textarea label={t('maintenance.parts')} autosize minRows={2} maxLength={4000} {...form.getInputProps('parts')} />
      <Textarea label={t('maintenance.notes')} autosize minRows={2} maxLength={4000} {...form.getInputProps('notes')} />
      <Checkbox label={t('maintenance.counts')} description={t('maintenance.counts_hint')} {...form.getInputProps('counts_as_service', { type: 'checkbox' })} />
      {form.values.counts_as_service && (
        <TextInput type="date" label={t('maintenance.next_date')} description={t('maintenance.next_date_hint', { rule })} {...form.getInputProps('next_maintenance_date')} />
      )}
      {machine.status === 'maintenance' && <Checkbox label={t('maintenance.back_to_active')} {...form.getInputProps('back_to_active', { type: 'checkbox' })} />}
    </FormBody>
  )
}
