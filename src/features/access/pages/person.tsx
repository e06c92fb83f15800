// The dialogs about one person: adding, changing name and role, ending the membership.
import { Alert, Button, Group, List, Radio, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertTriangle, IconInfoCircle, IconRefresh } from '@tabler/icons-react'
import type { Static } from 'typebox'
import { type Role, roles } from '../../../plain/roles.ts'
import { ConfirmDialog, Dialog } from '../../../web/dialog.tsx'
import { FormBody, type SaveForm, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone, notifyProblem } from '../../../web/notify.tsx'
import { useAction, useCall } from '../../../web/query.ts'
import { useSession } from '../../../web/session.tsx'
import { addPerson, changePerson, getPerson, type Person } from '../contract.ts'
import { type Days, PeriodFields, usePeriod } from './period.tsx'

type NewPerson = { email: string; display_name: string; role: Role; password: string; begins_at: string; ends_at: string }
export type FirstPassword = { name: string; email: string; password: string }

export function AddPersonDialog({ onClose, onFirstPassword }: { onClose: () => void; onFirstPassword: (first: FirstPassword) => void }) {
  const { t } = useTranslation()
  const period = usePeriod()
  const send = useCall()
  const state = useSaveForm<NewPerson, Static<typeof addPerson.reply>>({
    initial: { email: '', display_name: '', role: 'operator', password: '', begins_at: '', ends_at: '' },
    places: { ucr_period_valid: 'ends_at' },
    validate: ({ email, display_name, password, begins_at, ends_at }) => ({
      ...(/^\S+@\S+\.\S+$/.test(email.trim()) ? {} : { email: t('access.need_email') }),
      ...(display_name.trim() ? {} : { display_name: t('access.need_name') }),
      ...(password && password.length < 12 ? { password: t('access.new_too_short') } : {}),
      ...(ends_at && ends_at < begins_at ? { ends_at: t('access.ends_before') } : {}),
    }),
    save: ({ email, display_name, role, password, ...days }) =>
      send(addPerson, { body: { email: email.trim(), display_name: display_name.trim(), role, ...(password ? { password } : {}), ...period.sent(days) } }),
    onSaved: (person) => {
      notifyDone(t('access.person_added', { name: person.display_name }))
      const { password } = state.form.values
      if (password) onFirstPassword({ name: person.display_name, email: person.email ?? '', password })
      if (person.mail) (person.mail === 'sent' ? notifyDone : notifyProblem)(t(`access.mail_${person.mail}`, { email: person.email }))
      onClose()
    },
  })
  const { form } = state
  return (
    <Dialog opened onClose={onClose} title={t('access.person_add')} size="lg">
      <FormBody state={state} submitLabel={t('access.person_add')} onCancel={onClose}>
        <TextInput label={t('access.email')} type="email" required autoComplete="off" maxLength={255} data-autofocus {...form.getInputProps('email')} />
        <TextInput label={t('access.full_name')} required autoComplete="off" maxLength={200} {...form.getInputProps('display_name')} />
        <RolePicker state={state as unknown as SaveForm<{ role: Role }>} />
        <FirstPasswordField form={form} />
        <PeriodFields state={state as unknown as SaveForm<Days>} />
      </FormBody>
    </Dialog>
  )
}

function FirstPasswordField({ form }: Pick<SaveForm<NewPerson>, 'form'>) {
  const { t } = useTranslation()
  return (
    <div>
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <TextInput
          label={`${t('access.first_password')} (${t('web.optional')})`}
          className="grow"
          classNames={{ input: 'mono' }}
          autoComplete="off"
          maxLength={200}
          aria-describedby="first-password-hint"
          {...form.getInputProps('password')}
          error={null}
          aria-invalid={form.errors.password ? true : undefined}
        />
        <Button variant="default" leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => form.setFieldValue('password', makePassword())}>
          {t('access.generate')}
        </Button>
      </Group>
      {form.errors.password && (
        <Text size="xs" c="var(--mantine-color-error)" mt={4} role="alert">
          {form.errors.password}
        </Text>
      )}
      <Text size="xs" c="dimmed" mt={4} id="first-password-hint">
        {t('access.first_password_hint')}
      </Text>
    </div>
  )
}

export function ChangePersonDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const send = useCall()
  const period = usePeriod()
  const params = { person_id: person.id }
  const state = useSaveForm({
    initial: { display_name: person.display_name, role: person.role as Role, ...period.shown(person) },
    version: person.version,
    places: { ucr_period_valid: 'ends_at' },
    validate: ({ display_name, begins_at, ends_at }) => ({
      ...(display_name.trim() ? {} : { display_name: t('access.need_name') }),
      ...(ends_at && ends_at < begins_at ? { ends_at: t('access.ends_before') } : {}),
    }),
    save: ({ display_name, role, ...days }, version, { base }) =>
      send(changePerson, { params, body: { display_name: display_name.trim(), role, ...period.sent(days, base) }, ...(version === undefined ? {} : { version }) }),
    reload: async () => {
      const now = await send(getPerson, { params })
      return { values: { display_name: now.display_name, role: now.role, ...period.shown(now) }, version: now.version }
    },
    onSaved: (saved) => {
      notifyDone(t('access.person_saved', { name: saved.display_name }))
      onClose()
    },
  })
  const isLosingOwn = person.user_id === me.user.id && person.role === 'admin' && state.form.values.role !== 'admin'
  const show = (field: string, value: unknown) => (field === 'role' ? t(`web.role_${value}`) : String(value || '–'))
  return (
    <Dialog opened onClose={onClose} title={t('access.person_change_title', { name: person.display_name })} size="lg">
      <FormBody
        state={state}
        submitLabel={t('web.save')}
        onCancel={onClose}
        labels={{ display_name: t('access.full_name'), role: t('access.role'), begins_at: t('access.begins'), ends_at: t('access.ends') }}
        show={show}
      >
        <TextInput label={t('access.full_name')} description={t('access.display_name_hint')} required autoComplete="off" maxLength={200} data-autofocus {...state.form.getInputProps('display_name')} />
        <RolePicker state={state as unknown as SaveForm<{ role: Role }>} />
        <PeriodFields state={state as unknown as SaveForm<Days>} />
        <div role="status">
          {isLosingOwn && (
            <Alert icon={<IconInfoCircle aria-hidden />} className="alert-warn">
              {t('access.own_role_warning')}
            </Alert>
          )}
        </div>
      </FormBody>
    </Dialog>
  )
}

function RolePicker({ state }: { state: SaveForm<{ role: Role }> }) {
  const { t } = useTranslation()
  return (
    <Radio.Group label={t('access.role')} {...state.form.getInputProps('role')}>
      <Stack gap="xs" mt="xs">
        {roles.map((role) => (
          <Radio key={role} value={role} label={t(`web.role_${role}`)} description={t(`access.role_${role}_may`)} />
        ))}
      </Stack>
    </Radio.Group>
  )
}

export function EndMembershipDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const end = useAction(changePerson, { quiet: true, done: t('access.person_ended', { name: person.display_name }), onDone: onClose })
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('access.end_title', { name: person.display_name })}
      confirm={t('access.person_end')}
      danger
      busy={end.isPending}
      onConfirm={() => end.mutate({ params: { person_id: person.id }, body: { is_active: false }, version: person.version })}
    >
      <Stack gap="sm">
        {end.error && (
          <Alert color="red" role="alert" className="alert-bad" icon={<IconAlertTriangle aria-hidden />}>
            {end.error.message}
          </Alert>
        )}
        {person.user_id === me.user.id && (
          <Alert icon={<IconInfoCircle aria-hidden />} className="alert-warn">
            {t('access.end_own')}
          </Alert>
        )}
        <List spacing={6}>
          {['access', 'tokens', 'history', 'reopen'].map((what) => (
            <List.Item key={what}>{t(`access.end_${what}`)}</List.Item>
          ))}
        </List>
      </Stack>
    </ConfirmDialog>
  )
}

/** Four groups of five letters and digits that are not mistaken for each other; about 98 bits. */
function makePassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  const bytes = crypto.getRandomValues(new Uint8Array(80))
  const usable = [...bytes].filter((byte) => byte < letters.length * 8).map((byte) => letters[byte % letters.length])
  return usable.length < 20 ? makePassword() : [0, 5, 10, 15].map((at) => usable.slice(at, at + 5).join('')).join('-')
}
