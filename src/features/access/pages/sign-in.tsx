// Signing in, in the language of the person, and back to where they were going.
import { Alert, Button, Divider, PasswordInput, SegmentedControl, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { Language } from '../../../plain/words.ts'
import { call, ProblemError } from '../../../web/client.ts'
import { languages, SchemeToggle } from '../../../web/header.tsx'
import { changeLanguage, useTranslation } from '../../../web/i18n.ts'
import { meKey } from '../../../web/session.tsx'
import { useUrl } from '../../../web/url.tsx'
import { getSingleSignOn, type SsoProblem, ssoProblems, startSingleSignOn } from '../../single-sign-on/contract.ts'
import { changeMe, signIn } from '../contract.ts'

export function SignInPage() {
  const { t, i18n } = useTranslation()
  const [touched, setTouched] = useState(false)
  useEffect(() => {
    document.title = `${t('access.sign_in')} · ${t('web.product')}`
  }, [t])
  const choose = (language: string) => {
    setTouched(true)
    changeLanguage(language as Language)
  }
  return (
    <div className="sign-in">
      <header className="sign-in-tools">
        <SegmentedControl size="sm" aria-label={t('web.language')} data={languages.map(({ code, name }) => ({ value: code, label: name }))} value={i18n.language} onChange={choose} />
        <SchemeToggle />
      </header>
      <main className="sign-in-card">
        <img src="/icon.svg" alt="" width={44} height={44} />
        <Title order={1} size="h2" mt="sm">
          {t('access.sign_in_title')}
        </Title>
        <Text c="dimmed" size="sm" mb="lg">
          {t('access.sign_in_text')}
        </Text>
        <SignInForm languageTouched={touched} />
        <SingleSignOn />
      </main>
    </div>
  )
}

/** Signs in and goes on to where the person was going; `problem` is the sentence of a refusal. */
function useSignIn(languageTouched: boolean) {
  const { i18n } = useTranslation()
  const [search] = useUrl()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const [asksCode, setAsksCode] = useState(false)
  const submit = async (email: string, password: string, totp: string) => {
    setBusy(true)
    setProblem(null)
    try {
      const me = await call(signIn, { body: { email: email.trim(), password, ...(totp ? { totp } : {}) } })
      queries.clear()
      const language = i18n.language as Language
      const isNew = languageTouched && me.user.language !== language
      queries.setQueryData(meKey, isNew ? { ...me, user: { ...me.user, language } } : me)
      await navigate({ to: safePath(search.next), replace: true })
      if (isNew) void call(changeMe, { body: { language } }).catch(() => undefined)
    } catch (error) {
      // The first time the account asks for its code is no refusal.
      if (error instanceof ProblemError && error.code === 'totp_needed') setAsksCode(true)
      else setProblem((error as Error).message)
    } finally {
      setBusy(false)
    }
  }
  const restart = () => {
    setAsksCode(false)
    setProblem(null)
  }
  return { submit, busy, problem, asksCode, restart }
}

function SignInForm({ languageTouched }: { languageTouched: boolean }) {
  const { t } = useTranslation()
  const { submit, busy, problem: refused, asksCode, restart } = useSignIn(languageTouched)
  const [search] = useUrl()
  const [isTried, setTried] = useState(false)
  const cameBack = !isTried && ssoProblems.includes(search.problem as SsoProblem) ? t(`single_sign_on.${search.problem}`) : null
  const problem = refused ?? cameBack
  const [values, setValues] = useState({ email: '', password: '', code: '' })
  const set = (change: Partial<typeof values>) => setValues((old) => ({ ...old, ...change }))
  const send = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    void submit(values.email, values.password, asksCode ? values.code.trim() : '')
  }
  const again = () => {
    restart()
    set({ password: '', code: '' })
  }
  return (
    <form onSubmit={send}>
      <Stack>
        {problem && (
          <Alert color="red" role="alert" className="alert-bad">
            {problem}
          </Alert>
        )}
        {asksCode ? <CodeField value={values.code} problem={problem} onChange={(code) => set({ code })} /> : <PasswordFields {...values} problem={problem} onChange={set} />}
        <Button type="submit" size="md" loading={busy} fullWidth>
          {t('access.sign_in')}
        </Button>
        {asksCode ? (
          <Button variant="default" onClick={again}>
            {t('second_factor.back')}
          </Button>
        ) : (
          <Text size="sm" c="dimmed">
            {t('access.forgot')}
          </Text>
        )}
      </Stack>
    </form>
  )
}

/** A button only where the installation has an identity provider. */
function SingleSignOn() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const [provider, setProvider] = useState<string | null>(null)
  // Not through the cache of queries, which is emptied when a session ends. Without an answer there is the password.
  useEffect(() => {
    call(getSingleSignOn).then(
      (found) => setProvider(found.provider),
      () => undefined,
    )
  }, [])
  if (!provider) return null
  const href = `${startSingleSignOn.path}?next=${encodeURIComponent(safePath(search.next))}`
  return (
    <>
      <Divider label={t('single_sign_on.or')} my="md" />
      <Button component="a" href={href} size="md" variant="default" fullWidth>
        {t('single_sign_on.button', { provider })}
      </Button>
    </>
  )
}

type FieldsProps = { email: string; password: string; problem: string | null; onChange: (change: { email?: string; password?: string }) => void }

function PasswordFields({ email, password, problem, onChange }: FieldsProps) {
  const { t } = useTranslation()
  const passwordField = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (problem) passwordField.current?.focus()
  }, [problem])
  return (
    <>
      <TextInput
        label={t('access.email')}
        type="email"
        name="email"
        autoComplete="username"
        required
        withAsterisk={false}
        autoFocus
        size="md"
        value={email}
        onChange={(event) => onChange({ email: event.currentTarget.value })}
      />
      <PasswordInput
        ref={passwordField}
        label={t('access.password')}
        name="password"
        autoComplete="current-password"
        required
        withAsterisk={false}
        size="md"
        value={password}
        onChange={(event) => onChange({ password: event.currentTarget.value })}
        visibilityToggleButtonProps={{ 'aria-label': t('access.show_password'), tabIndex: 0 }}
      />
    </>
  )
}

function CodeField({ value, problem, onChange }: { value: string; problem: string | null; onChange: (value: string) => void }) {
  const { t } = useTranslation()
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (problem) field.current?.select()
  }, [problem])
  return (
    <TextInput
      ref={field}
      label={t('second_factor.code_or_recovery')}
      description={t('second_factor.ask')}
      autoComplete="one-time-code"
      required
      withAsterisk={false}
      autoFocus
      size="md"
      maxLength={40}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

/** Only a path of this site: what is after `next` may have been written by anyone. */
const safePath = (next: string | undefined) => (next && /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/')
