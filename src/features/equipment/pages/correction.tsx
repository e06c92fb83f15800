// The dialog that puts right which status a machine had in the past: what, from when, until when, and why.
import { Radio, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { instantOfWallClock, useFormat, wallClockOf } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { correctStatus, type Equipment, type Status, statuses } from '../contract.ts'
import { fullName } from './status.tsx'

type DialogProps = { machine: Equipment; opened: boolean; onClose: () => void }

export function CorrectionDialog({ machine, opened, onClose }: DialogProps) {
  const { t } = useTranslation()
  return (
    <Dialog opened={opened} onClose={onClose} title={t('machine.correct_title', { name: fullName(machine) })} size="lg">
      <CorrectionForm machine={machine} onClose={onClose} />
    </Dialog>
  )
}

function CorrectionForm({ machine, onClose }: Omit<DialogProps, 'opened'>) {
  const { t } = useTranslation()
  const call = useCall()
  const { timeZone } = useFormat()
  const born = wallClockOf(machine.created_at, timeZone)
  const now = wallClockOf(new Date().toISOString(), timeZone)
  // The minute of its registration means: from the beginning.
  const instant = (clock: string) => (clock === born ? machine.created_at : instantOfWallClock(clock, timeZone))
  const state = useSaveForm({
    initial: { status: null as Status | null, effective_from: '', effective_to: '', reason: '' },
    validate: ({ status, effective_from, reason }) => ({
      ...(status ? {} : { status: t('machine.status_needed') }),
      ...(instant(effective_from) ? {} : { effective_from: t('machine.from_needed') }),
      ...(reason.trim() ? {} : { reason: t('machine.reason_needed') }),
    }),
    save: ({ status, effective_from, effective_to, reason }, _, { key }) =>
      call(correctStatus, {
        params: { equipment_id: machine.id },
        body: { status: status ?? 'active', effective_from: instant(effective_from) ?? '', effective_to: instant(effective_to) ?? null, reason: reason.trim(), version: machine.version },
        idempotencyKey: key,
      }),
    onSaved: () => {
      onClose()
      notifyDone(t('machine.correct_done', { name: fullName(machine) }))
    },
    places: { equipment_disposed_final: 'status' },
  })
  const { form } = state
  return (
    <FormBody state={state} submitLabel={t('machine.correct_save')} onCancel={onClose}>
      <Text size="sm">{t('machine.correct_text')}</Text>
      <Radio.Group label={t('machine.correct_status')} required {...form.getInputProps('status')}>
        <Stack gap="xs" mt="xs">
          {statuses.map((status) => (
            <Radio key={status} value={status} className="choice-line" label={t(`equipment.status_${status}`)} description={t(`machine.means_${status}`)} />
          ))}
        </Stack>
      </Radio.Group>
      <div className="fields-grid">
        <TextInput type="datetime-local" label={t('machine.from')} description={t('machine.from_hint')} required min={born} max={now} {...form.getInputProps('effective_from')} />
        <TextInput type="datetime-local" label={t('machine.to')} description={t('machine.to_hint')} min={born} max={now} {...form.getInputProps('effective_to')} />
      </div>
      <Textarea label={t('machine.reason')} description={t('machine.correct_reason_hint')} required autosize minRows={2} maxLength={2000} {...form.getInputProps('reason')} />
    </FormBody>
  )
}
