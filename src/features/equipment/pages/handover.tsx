// Who has the machine, and the buttons and dialogs to hand it over, pass it on and take it back.
import { Button, Group, Text, TextInput } from '@mantine/core'
import { IconArrowBackUp, IconArrowRight, IconArrowsExchange, IconCircleCheck, IconHandGrab, IconHourglass, IconUserCheck, IconUserOff } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { LookupOption } from '../../../web/lookup.tsx'
import { notifyDone } from '../../../web/notify.tsx'
import { useAction, useCall } from '../../../web/query.ts'
import { useCompany, useSession } from '../../../web/session.tsx'
import { noState, type StateValues } from '../../../web/state-fields.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { useUrl } from '../../../web/url.tsx'
import { accept, assign, takeBack, transfer } from '../../assignments/contract.ts'
import type { Equipment } from '../contract.ts'
import { PersonField } from './person-field.tsx'
import { Reservations, ReserveButton, ReserveForm } from './reservations.tsx'
import { MachineState, ReturnForm, stateOfMachine } from './returning.tsx'
import { fullName } from './status.tsx'

type Step = 'assign' | 'transfer' | 'return' | 'reserve'

export function HolderPanel({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const [step, setStep] = useState<Step>(search.ask === 'reserve' ? 'reserve' : 'assign')
  const [opened, setOpened] = useState(search.ask === 'reserve')
  const reasons = useReasons(machine)
  const operator = useCompany().role === 'operator'
  const back = useRef<ReturnType<typeof setTimeout>>(undefined)
  const start = (next: Step) => () => {
    clearTimeout(back.current)
    setStep(next)
    setOpened(true)
  }
  const close = () => {
    setOpened(false)
    if (search.ask) setSearch({ ask: undefined }, { replace: true })
  }
  const panel = useRef<HTMLElement>(null)
  // The button that opened the dialog may be disabled now, so the focus goes to what changed; not from the next dialog's hands.
  const finish = () => {
    close()
    back.current = setTimeout(() => panel.current?.focus(), 300)
  }
  const assignButton = (
    <ActionButton key="assign" op={assign} unless={reasons.assign} variant={machine.holder ? 'default' : 'filled'} leftSection={<IconHandGrab size={20} aria-hidden />} onClick={start('assign')}>
      {t(operator ? 'assignments.take' : 'assignments.assign')}
    </ActionButton>
  )
  const returnButton = (
    <ActionButton key="return" op={takeBack} unless={reasons.return} variant={machine.holder ? 'filled' : 'default'} leftSection={<IconArrowBackUp size={20} aria-hidden />} onClick={start('return')}>
      {t('assignments.return')}
    </ActionButton>
  )
  const transferButton = (
    <ActionButton key="transfer" op={transfer} unless={reasons.transfer} variant="default" leftSection={<IconArrowsExchange size={20} aria-hidden />} onClick={start('transfer')}>
      {t('assignments.transfer')}
    </ActionButton>
  )
  return (
    <section ref={panel} tabIndex={-1} className="surface holder-panel" aria-label={t('equipment.holder')}>
      <Holder machine={machine} />
      <div className="big-actions">
        {machine.holder ? [returnButton, transferButton, assignButton] : [assignButton, transferButton, returnButton]}
        <ReserveButton machine={machine} onClick={start('reserve')} />
      </div>
      <Reservations of={{ equipment_id: machine.id }} />
      <Dialog opened={opened} onClose={close} title={t(`assignments.${step === 'assign' && operator ? 'take' : step}_title`, { name: fullName(machine) })}>
        {step === 'return' && <ReturnForm machine={machine} onClose={close} onDone={finish} />}
        {step === 'reserve' && <ReserveForm machine={machine} onClose={close} onDone={finish} />}
        {(step === 'assign' || step === 'transfer') && <HandOverForm machine={machine} step={step} onClose={close} onDone={finish} />}
      </Dialog>
    </section>
  )
}

function Holder({ machine: { holder, status } }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { me } = useSession()
  if (!holder) {
    return (
      <div className="holder">
        <IconUserOff size={28} className="holder-icon" aria-hidden />
        <div>
          <Text fw={650}>{t(status === 'active' ? 'assignments.nobody' : 'assignments.nobody_not_active')}</Text>
          {status !== 'active' && (
            <Text size="sm" c="dimmed">
              {t('assignments.only_active')}
            </Text>
          )}
        </div>
      </div>
    )
  }
  const isLate = holder.due_at !== null && Date.parse(holder.due_at) < format.now()
  return (
    <div className="holder">
      <IconUserCheck size={28} className="holder-icon" aria-hidden />
      <div>
        <Text fw={650}>{holder.user_id === me.user.id ? t('assignments.you_have_it') : t('assignments.has_it', { name: holder.display_name })}</Text>
        <Text size="sm" c="dimmed">
          {t('assignments.since', { when: format.instant(holder.assigned_at), ago: format.relative(holder.assigned_at) })}
        </Text>
        {holder.due_at && (
          <div className="inline">
            <Text size="sm" c="dimmed">
              {t('assignments.due', { when: format.instant(holder.due_at) })}
            </Text>
            {isLate && <ToneBadge tone="bad">{t('equipment.late', { since: format.relative(holder.due_at) })}</ToneBadge>}
          </div>
        )}
        <Acceptance holder={holder} />
      </div>
    </div>
  )
}

/** Until the holder says so, that they have the machine stands there as pending; for them, with the button to say it. */
export function Acceptance({ holder, large }: { holder: NonNullable<Equipment['holder']>; large?: boolean }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const { role } = useCompany()
  const confirm = useAction(accept, { done: t('assignments.accept_done') })
  if (holder.accepted_at) return null
  const mine = holder.user_id === me.user.id && role !== 'viewer'
  return (
    <div className={large ? 'accept' : 'inline'}>
      <ToneBadge tone="warn" icon={IconHourglass}>
        {t(mine ? 'assignments.pending_mine' : 'assignments.pending')}
      </ToneBadge>
      {mine && (
        <Button
          size={large ? 'lg' : 'xs'}
          fullWidth={large ?? false}
          loading={confirm.isPending}
          leftSection={<IconCircleCheck size={18} aria-hidden />}
          onClick={() => confirm.mutate({ params: { assignment_id: holder.assignment_id } })}
        >
          {t('assignments.accept')}
        </Button>
      )}
    </div>
  )
}

/** Why a step is not possible now, whatever the role; the database has the last word. */
function useReasons(machine: Equipment): Record<Exclude<Step, 'reserve'>, string | false> {
  const { t } = useTranslation()
  const { me } = useSession()
  const { role } = useCompany()
  const { holder, status } = machine
  const notActive = status !== 'active' && t('assignments.only_active')
  const nobody = !holder && t('assignments.nobody_has_it')
  const other = role === 'operator' && holder !== null && holder.user_id !== me.user.id && t('assignments.not_yours', { name: holder.display_name })
  return { assign: (holder !== null && t('machine.held', { name: holder.display_name })) || notActive, transfer: nobody || notActive, return: nobody || other }
}

type HandOverValues = StateValues & { user_id: string | null; due_at: { day: string; time: string } }

function HandOverForm({ machine, step, onClose, onDone }: { machine: Equipment; step: 'assign' | 'transfer'; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation()
  const call = useCall()
  const { me } = useSession()
  const { role, timeZone, workingHours } = useCompany()
  const operator = role === 'operator'
  const [person, setPerson] = useState<LookupOption | null>(operator ? { value: me.user.id, label: me.user.full_name } : null)
  const state = useSaveForm<HandOverValues, unknown>({
    initial: { user_id: person?.value ?? null, due_at: { day: '', time: '' }, ...noState },
    validate: ({ user_id, due_at }) => ({ ...(user_id ? {} : { user_id: t('assignments.person_needed') }), ...(due_at.time && !due_at.day ? { due_at: t('assignments.day_needed') } : {}) }),
    save: ({ user_id, due_at, ...values }, _, { key }) =>
      call(step === 'assign' ? assign : transfer, {
        params: { equipment_id: machine.id },
        body: { user_id: user_id ?? '', ...stateOfMachine(values), due_at: due_at.day ? instantOf(due_at.day, due_at.time || workingHours.to, timeZone) : null },
        idempotencyKey: key,
      }),
    places: { ea_due_needed: 'due_at' },
    onSaved: () => {
      onDone()
      notifyDone(t(operator ? 'assignments.taken' : `assignments.${step}_done`, { name: fullName(machine), person: person?.label }))
    },
  })
  return (
    <FormBody state={state} submitLabel={t(operator ? 'assignments.take' : `assignments.${step}`)} onCancel={onClose}>
      {step === 'transfer' && <FromTo from={machine.holder?.display_name ?? ''} to={person?.label} />}
      {operator ? (
        <Text>{t('assignments.take_text')}</Text>
      ) : (
        <PersonField
          value={person}
          without={step === 'transfer' ? machine.holder?.user_id : undefined}
          error={state.form.errors.user_id}
          onChange={(option) => {
            setPerson(option)
            state.form.setFieldValue('user_id', option?.value ?? null)
          }}
        />
      )}
      <DueField form={state.form} />
      <MachineState form={state.form} />
    </FormBody>
  )
}

function FromTo({ from, to }: { from: string; to: string | undefined }) {
  const { t } = useTranslation()
  return (
    <div className="from-to">
      <div>
        <Text size="xs" c="dimmed">
          {t('assignments.from')}
        </Text>
        <Text fw={600}>{from}</Text>
      </div>
      <IconArrowRight size={22} aria-hidden />
      <div aria-live="polite">
        <Text size="xs" c="dimmed">
          {t('assignments.to')}
        </Text>
        <Text fw={600} className={to ? '' : 'dimmed'}>
          {to ?? t('assignments.choose')}
        </Text>
      </div>
    </div>
  )
}

function DueField({ form }: { form: ReturnType<typeof useSaveForm<HandOverValues, unknown>>['form'] }) {
  const { t } = useTranslation()
  const today = useFormat().today()
  const day = form.getInputProps('due_at.day')
  return (
    <Group gap="sm" align="flex-start" wrap="nowrap" grow>
      <TextInput type="date" label={t('assignments.due_day')} min={today} description={t('assignments.due_hint')} {...day} error={form.errors.due_at ?? day.error} />
      <TextInput type="time" label={t('assignments.due_time')} description={t('assignments.due_time_hint')} {...form.getInputProps('due_at.time')} />
    </Group>
  )
}
