// The dialog that changes a machine's status: what each status means, why it changes, and a question before the final one.
import { Checkbox, Radio, Stack, Textarea } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { ProblemError } from '../../../web/client.ts'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { changeStatus, type Equipment, type Status, statuses } from '../contract.ts'
import { fullName, StatusBadge } from './status.tsx'

export function StatusDialog({ machine, opened, onClose }: { machine: Equipment; opened: boolean; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Dialog opened={opened} onClose={onClose} title={t('machine.status_title', { name: fullName(machine) })} size="lg">
      <StatusForm machine={machine} onClose={onClose} />
    </Dialog>
  )
}

function StatusForm({ machine, onClose }: { machine: Equipment; onClose: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const queries = useQueryClient()
  const state = useSaveForm({
    initial: { status: null as Status | null, reason: '', sure: false },
    validate: ({ status, reason, sure }) => ({
      ...(status ? {} : { status: t('machine.status_needed') }),
      ...(reason.trim() ? {} : { reason: t('machine.reason_needed') }),
      ...(status === 'disposed' && !sure ? { sure: t('machine.sure_needed') } : {}),
    }),
    save: async ({ status, reason }, _, { key }) => {
      try {
        return await call(changeStatus, { params: { equipment_id: machine.id }, body: { status: status ?? 'active', reason: reason.trim(), version: machine.version }, idempotencyKey: key })
      } catch (error) {
        // The page behind shows what is true now before the person decides again.
        if (error instanceof ProblemError && error.status === 412) await queries.invalidateQueries()
        throw error
      }
    },
    onSaved: (saved) => {
      onClose()
      notifyDone(t('machine.status_done', { name: fullName(machine), status: t(`equipment.status_${saved.status}`) }))
    },
  })
  const { form } = state
  return (
    <FormBody state={state} submitLabel={t('machine.change_status')} onCancel={onClose}>
      <div className="inline">
        {t('machine.status_now')} <StatusBadge status={machine.status} />
      </div>
      <Radio.Group label={t('machine.status_new')} required {...form.getInputProps('status')}>
        <Stack gap="xs" mt="xs">
          {statuses
            .filter((status) => status !== machine.status)
            .map((status) => (
              <Choice key={status} machine={machine} status={status} />
            ))}
        </Stack>
      </Radio.Group>
      <Textarea label={t('machine.reason')} description={t('machine.reason_hint')} required autosize minRows={2} maxLength={2000} {...form.getInputProps('reason')} />
      {form.values.status === 'disposed' && <Checkbox label={t('machine.sure')} {...form.getInputProps('sure', { type: 'checkbox' })} />}
    </FormBody>
  )
}

function Choice({ machine, status }: { machine: Equipment; status: Status }) {
  const { t } = useTranslation()
  const isEnd = status === 'retired' || status === 'disposed'
  const held = isEnd && machine.holder ? t('machine.held', { name: machine.holder.display_name }) : undefined
  return <Radio value={status} disabled={held !== undefined} className="choice-line" label={t(`equipment.status_${status}`)} description={held ?? t(`machine.means_${status}`)} />
}
