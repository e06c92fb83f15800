// The dialogs that write into a machine's log: what a meter shows, or a note.
import { Checkbox, Group, Radio, Textarea, TextInput } from '@mantine/core'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { addLog, type Meter, meters } from '../../logs/contract.ts'
import type { Equipment } from '../contract.ts'
import { useMeters, useReading } from './meters.tsx'
import { fullName } from './status.tsx'

export type Asked = 'reading' | 'note'
type FormProps = { machine: Equipment; onClose: () => void }

export function LogDialog({ asked, machine, onClose }: FormProps & { asked: Asked | null }) {
  const { t } = useTranslation()
  if (!asked) return null
  return (
    <Dialog opened onClose={onClose} title={t(`logs.add_${asked}_title`, { name: fullName(machine) })} size="lg">
      {asked === 'reading' ? <ReadingForm machine={machine} onClose={onClose} /> : <NoteForm machine={machine} onClose={onClose} />}
    </Dialog>
  )
}

function ReadingForm({ machine, onClose }: FormProps) {
  const { t } = useTranslation()
  const call = useCall()
  const { timeZone } = useFormat()
  const known = useMeters(machine)
  const reading = useReading()
  const state = useSaveForm({
    initial: { event_type: (known?.[0]?.event_type ?? 'meter_hours') as Meter, reading: '', is_correction: false, created_at: '', notes: '' },
    validate: (values) => ({
      ...(values.reading.trim() ? (numberOf(values.reading) === undefined ? { reading: t('logs.reading_form') } : {}) : { reading: t('logs.reading_needed') }),
    }),
    save: (values, _, { key }) => {
      const [day = '', time = ''] = values.created_at.split('T')
      return call(addLog, {
        params: { equipment_id: machine.id },
        body: {
          event_type: values.event_type,
          reading: numberOf(values.reading) ?? null,
          is_correction: values.is_correction,
          created_at: day && time ? instantOf(day, time.slice(0, 5), timeZone) : null,
          notes: values.notes.trim() || null,
        },
        idempotencyKey: key,
      })
    },
    onSaved: () => {
      onClose()
      notifyDone(t('logs.reading_done', { name: fullName(machine) }))
    },
  })
  const { form } = state
  const last = known?.find((meter) => meter.event_type === form.values.event_type)
  return (
    <FormBody state={state} submitLabel={t('logs.save')} onCancel={onClose}>
      <Radio.Group label={t('logs.meter')} required {...form.getInputProps('event_type')}>
        <Group mt="xs">
          {meters.map((meter) => (
            <Radio key={meter} value={meter} label={t(`logs.type_${meter}`)} />
          ))}
        </Group>
      </Radio.Group>
      <div className="fields-grid">
        <TextInput
          label={t('logs.reading')}
          description={t('logs.reading_hint', { last: last ? reading(last) : '–' })}
          inputMode="decimal"
          required
          data-autofocus
          {...form.getInputProps('reading')}
        />
        <TextInput type="datetime-local" label={t('logs.read_at')} description={t('logs.read_at_hint')} {...form.getInputProps('created_at')} />
      </div>
      <Checkbox label={t('logs.is_correction')} description={t('logs.is_correction_hint')} {...form.getInputProps('is_correction', { type: 'checkbox' })} />
      <Textarea label={t('logs.notes')} description={t('logs.notes_hint')} autosize minRows={2} maxLength={2000} {...form.getInputProps('notes')} />
    </FormBody>
  )
}

function NoteForm({ machine, onClose }: FormProps) {
  const { t } = useTranslation()
  const call = useCall()
  const state = useSaveForm({
    initial: { notes: '' },
    validate: ({ notes }) => (notes.trim() ? {} : { notes: t('logs.note_needed') }),
    save: ({ notes }, _, { key }) => call(addLog, { params: { equipment_id: machine.id }, body: { event_type: 'note', notes: notes.trim() }, idempotencyKey: key }),
    onSaved: () => {
      onClose()
      notifyDone(t('logs.note_done', { name: fullName(machine) }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('logs.save')} onCancel={onClose}>
      <Textarea label={t('logs.notes')} required autosize minRows={3} maxLength={2000} data-autofocus {...state.form.getInputProps('notes')} />
    </FormBody>
  )
}

/** A comma before three digits parts thousands, any other is the decimal point. Undefined when it is no reading. */
function numberOf(text: string): string | undefined {
  const plain = text
    .trim()
    .replace(/,(?=\d{3}(\D|$))/g, '')
    .replace(',', '.')
  return /^\d{1,8}(\.\d{1,2})?$/.test(plain) ? plain : undefined
}
