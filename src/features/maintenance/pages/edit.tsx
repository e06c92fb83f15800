// The form that changes a record: all of open work, and of what is done or cancelled its bill and notes.
import { Alert, Text, Textarea, TextInput } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall, useRead } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { ErrorState, LoadingState } from '../../../web/states.tsx'
import { changeMaintenance, getMaintenance, type MaintenanceChange, type MaintenanceRecord } from '../contract.ts'
import { useWorkTitle } from './marks.tsx'
import { TypeField } from './type-field.tsx'
import { readingOrNull, textOrNull, type Work } from './work.ts'

type Draft = Record<'scheduled_date' | 'title' | 'technician' | 'meter_reading' | 'parts' | 'notes' | 'cost' | 'currency', string> & { type: MaintenanceRecord['type'] }

const draftOf = (record: MaintenanceRecord, currency: string): Draft => ({
  type: record.type,
  scheduled_date: record.scheduled_date,
  title: record.title ?? '',
  technician: record.technician ?? '',
  meter_reading: record.meter_reading ?? '',
  parts: record.parts ?? '',
  notes: record.notes ?? '',
  cost: record.cost?.amount ?? '',
  currency: record.cost?.currency ?? currency,
})
const amountOf = (text: string) => text.trim().replace(/\s/g, '').replace(',', '.')

/** Only what was changed is sent, so that a record that is done is not asked to change its day. */
function changeOf(draft: Draft, base: Draft): MaintenanceChange {
  const change: MaintenanceChange = {}
  for (const field of ['title', 'technician', 'parts', 'notes'] as const) if (draft[field] !== base[field]) change[field] = textOrNull(draft[field])
  if (draft.type !== base.type) change.type = draft.type
  if (draft.scheduled_date !== base.scheduled_date) change.scheduled_date = draft.scheduled_date
  if (draft.meter_reading !== base.meter_reading) change.meter_reading = readingOrNull(draft.meter_reading)
  if (draft.cost !== base.cost || draft.currency !== base.currency) change.cost = draft.cost.trim() ? { amount: amountOf(draft.cost), currency: draft.currency.toUpperCase() } : null
  return change
}

export function EditForm({ work, onClose }: { work: Work; onClose: () => void }) {
  const record = useRead(getMaintenance, { params: { maintenance_id: work.id } }, { staleTime: 0 })
  if (record.data) return <Fields record={record.data} onClose={onClose} />
  return record.error ? <ErrorState error={record.error} retry={record.refetch} /> : <LoadingState />
}

function useEdit(record: MaintenanceRecord, onClose: () => void) {
  const { t } = useTranslation()
  const call = useCall()
  const { currency } = useCompany()
  return useSaveForm<Draft, MaintenanceRecord>({
    initial: draftOf(record, currency),
    version: record.version,
    validate: (values) => ({
      ...(values.scheduled_date ? {} : { scheduled_date: t('maintenance.day_needed') }),
      ...(values.cost && !/^\d{1,12}(\.\d{1,2})?$/.test(amountOf(values.cost)) ? { cost: t('maintenance.cost_form') } : {}),
    }),
    save: (values, version, { base }) => call(changeMaintenance, { params: { maintenance_id: record.id }, body: changeOf(values, base), ...(version === undefined ? {} : { version }) }),
    reload: async () => {
      const now = await call(getMaintenance, { params: { maintenance_id: record.id } })
      return { values: draftOf(now, currency), version: now.version }
    },
    places: { idx_maintenance_records_open: 'scheduled_date', mr_facts_fixed: 'scheduled_date' },
    onSaved: () => {
      onClose()
      notifyDone(t('maintenance.edit_done', { name: record.equipment_name }))
    },
  })
}

function Fields({ record, onClose }: { record: MaintenanceRecord; onClose: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const title = useWorkTitle()
  const state = useEdit(record, onClose)
  const { form } = state
  const isOpen = record.status === 'scheduled' || record.status === 'in_progress'
  const labels = Object.fromEntries(
    (['type', 'title', 'technician', 'meter_reading', 'parts', 'notes', 'cost', 'currency', 'scheduled_date'] as const).map((field) => [field, t(`maintenance.${field === 'title' ? 'work' : field}`)]),
  )
  const show = (field: keyof Draft, value: unknown) =>
    field === 'type' ? t(`maintenance.type_${value as Draft['type']}`) : field === 'scheduled_date' ? format.day(String(value)) : String(value || '–')
  return (
    <FormBody state={state} submitLabel={t('web.save')} onCancel={onClose} labels={labels} show={show}>
      {isOpen ? (
        <>
          <TypeField {...form.getInputProps('type')} />
          <div className="fields-grid">
            <TextInput type="date" label={t('maintenance.scheduled_date')} required {...form.getInputProps('scheduled_date')} />
            <TextInput label={t('maintenance.meter_reading')} inputMode="decimal" {...form.getInputProps('meter_reading')} />
          </div>
        </>
      ) : (
        <>
          <Text fw={600}>{title(record)}</Text>
          <Alert variant="light" icon={<IconInfoCircle aria-hidden />} className="alert-info">
            {t('maintenance.edit_finished')}
          </Alert>
        </>
      )}
      <TextInput label={t('maintenance.work')} maxLength={200} {...form.getInputProps('title')} />
      <TextInput label={t('maintenance.technician')} maxLength={200} {...form.getInputProps('technician')} />
      <div className="fields-grid">
        <TextInput label={t('maintenance.cost')} inputMode="decimal" {...form.getInputProps('cost')} />
        <TextInput label={t('maintenance.currency')} maxLength={3} className="upper" {...form.getInputProps('currency')} />
      </div>
      <Textarea label={t('maintenance.parts')} autosize minRows={2} maxLength={4000} {...form.getInputProps('parts')} />
      <Textarea label={t('maintenance.notes')} autosize minRows={2} maxLength={4000} {...form.getInputProps('notes')} />
    </FormBody>
  )
}
