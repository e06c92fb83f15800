// My account: name, language, password.
import { Alert, Button, PasswordInput, Radio, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQueryClient } from '@tanstack/react-query'
import type { Language } from '../../../plain/words.ts'
import { call, ProblemError } from '../../../web/client.ts'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { languages } from '../../../web/header.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { Page } from '../../../web/page.tsx'
import { meKey, useSession } from '../../../web/session.tsx'
import { PageLink } from '../../../web/url.tsx'
import { changeMe } from '../contract.ts'

export function AccountPage() {
  const { t } = useTranslation()
  const { me } = useSession()
  return (
    <Page title={t('web.account')} subtitle={me.user.email}>
      {me.companies.some(({ needs }) => needs === 'password') && (
        <Alert role="alert" className="alert-info" mb="md">
          {t('access.given_password')}
        </Alert>
      )}
      <div className="columns-2">
        <section className="surface">
          <ProfileForm />
        </section>
        <section className="surface">
          <PasswordForm />
        </section>
        <section className="surface">
          <Title order={2}>{t('access.tokens')}</Title>
          <Text size="sm" c="dimmed" mb="sm">
            {t('access.tokens_link')}
          </Text>
          <Button component={PageLink} to="/account/tokens" variant="default">
            {t('access.tokens')}
          </Button>
        </section>
        <section className="surface">
          <Title order={2}>{t('second_factor.title')}</Title>
          <Text size="sm" c="dimmed" mb="sm">
            {t('second_factor.subtitle')}
          </Text>
          <Button component={PageLink} to="/account/second-factor" variant="default">
            {t('second_factor.title')}
          </Button>
        </section>
        <section className="surface">
          <Title order={2}>{t('access.sessions')}</Title>
          <Text size="sm" c="dimmed" mb="sm">
            {t('access.sessions_link')}
          </Text>
          <Button component={PageLink} to="/account/sessions" variant="default">
            {t('access.sessions_open')}
          </Button>
        </section>
      </div>
    </Page>
  )
}

function ProfileForm() {
  const { t } = useTranslation()
  const { me } = useSession()
  const queries = useQueryClient()
  const state = useSaveForm({
    initial: { full_name: me.user.full_name, language: me.user.language as Language },
    save: (values) => call(changeMe, { body: values }),
    onSaved: (saved) => {
      queries.setQueryData(meKey, saved)
      notifyDone(t('access.account_saved'))
    },
  })
  return (
    <FormBody state={state} submitLabel={t('web.save')} guard>
      <Title order={2}>{t('access.profile')}</Title>
      <TextInput label={t('access.full_name')} autoComplete="name" required {...state.form.getInputProps('full_name')} />
      <Radio.Group label={t('web.language')} {...state.form.getInputProps('language')}>
        <Stack gap="xs" mt="xs">
          {languages.map(({ code, name }) => (
            <Radio key={code} value={code} label={name} />
          ))}
        </Stack>
      </Radio.Group>
    </FormBody>
  )
}

function PasswordForm() {
  const { t } = useTranslation()
  const { me } = useSession()
  const queries = useQueryClient()
  const form = useForm({
    initialValues: { current_password: '', new_password: '' },
    validate: { current_password: (text) => (text ? null : t('access.current_needed')), new_password: (text) => (text.length < 12 ? t('access.new_too_short') : null) },
  })
  const submit = form.onSubmit(async (values) => {
    try {
      queries.setQueryData(meKey, await call(changeMe, { body: values }))
      form.reset()
      notifyDone(t('access.password_saved'))
    } catch (error) {
      const problem = error instanceof ProblemError ? error.problem : undefined
      const field = problem?.errors.find((entry) => entry.field.endsWith('new_password'))
      form.setErrors(field ? { new_password: field.detail } : { current_password: (error as Error).message })
    }
  })
  const eye = { 'aria-label': t('access.show_password'), tabIndex: 0 }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Title order={2}>{t('access.change_password')}</Title>
        <input type="email" name="username" autoComplete="username" value={me.user.email} readOnly hidden />
        <PasswordInput label={t('access.current_password')} autoComplete="current-password" visibilityToggleButtonProps={eye} {...form.getInputProps('current_password')} />
        <PasswordInput
          label={t('access.new_password')}
          description={t('access.new_password_hint')}
          autoComplete="new-password"
          visibilityToggleButtonProps={eye}
          {...form.getInputProps('new_password')}
        />
        <Button type="submit" loading={form.submitting} variant="default">
          {t('access.change_password')}
        </Button>
      </Stack>
    </form>
  )
}
