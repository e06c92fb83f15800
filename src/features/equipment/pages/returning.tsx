// Giving a machine back, and what is said about a machine whenever it changes hands.
import { Text } from '@mantine/core'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { useSession } from '../../../web/session.tsx'
import { noState, StateFields, type StateValues, stateOf } from '../../../web/state-fields.tsx'
import { type Condition, conditions, takeBack } from '../../assignments/contract.ts'
import type { Equipment } from '../contract.ts'
import { fullName } from './status.tsx'

export const stateOfMachine = stateOf<Condition>

export function MachineState({ form, returning }: { form: { getInputProps: (path: string) => object }; returning?: boolean }) {
  const { t } = useTranslation()
  const say = (key: string) => t(returning && key.startsWith('notes') ? `assignments.return_${key}` : `assignments.${key}`)
  return <StateFields form={form} conditions={conditions} say={say} {...(returning ? { autoFocus: true } : {})} />
}

export function ReturnForm({ machine, onClose, onDone }: { machine: Equipment; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const { me } = useSession()
  const mine = machine.holder?.user_id === me.user.id
  const state = useSaveForm<StateValues, unknown>({
    initial: noState,
    save: (values, _, { key }) => call(takeBack, { params: { equipment_id: machine.id }, body: stateOfMachine(values), idempotencyKey: key }),
    onSaved: () => {
      onDone()
      notifyDone(t('assignments.return_done', { name: fullName(machine) }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('assignments.return')} onCancel={onClose}>
      <Text>{mine ? t('assignments.return_mine_text') : t('assignments.return_text', { name: machine.holder?.display_name })}</Text>
      <MachineState form={state.form} returning />
    </FormBody>
  )
}
