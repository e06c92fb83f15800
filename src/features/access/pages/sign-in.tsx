// Signing in, in the language of the person, and back to where they were going.
import { Alert, Button, PasswordInput, SegmentedControl, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Language } from '../../../plain/words.ts'
import { call } from '../../../web/client.ts'
import { languages, SchemeToggle } from '../../../web/header.tsx'
import { changeLanguage } from '../../../web/i18n.ts'
import { meKey } from '../../../web/session.tsx'
import { useUrl } from '../../../web/url.tsx'
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
  const submit = async (email: string, password: string) => {
    setBusy(true)
    setProblem(null)
    try {
      const me = await call(signIn, { body: { email: email.trim(), password } })
      queries.clear()
      const language = i18n.language as Language
      const isNew = languageTouched && me.user.language !== language
      queries.setQueryData(meKey, isNew ? { ...me, user: { ...me.user, language } } : me)
      await navigate({ to: safePath(search.next), replace: true })
      if (isNew) void call(changeMe, { body: { language } }).catch(() => undefined)
    } catch (error) {
      setProblem((error as Error).message)
    } finally {
      setBusy(false)
    }
  }
  return { submit, busy, problem }
}

function SignInForm({ languageTouched }: { languageTouched: boolean }) {
  const { t } = useTranslation()
  const { submit, busy, problem } = useSignIn(languageTouched)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const passwordField = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (problem) passwordField.current?.focus()
  }, [problem])
  const send = (event: FormEvent) => {
    event.preventDefault()
    void submit(email, password)
  }
  return (
    <form onSubmit={send}>
      <Stack>
        {problem && (
          <Alert color="red" role="alert" className="alert-bad">
            {problem}
          </Alert>
        )}
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
          onChange={(event) => setEmail(event.currentTarget.value)}
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
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('access.show_password'), tabIndex: 0 }}
        />
        <Button type="submit" size="md" loading={busy} fullWidth>
          {t('access.sign_in')}
        </Button>
        <Text size="sm" c="dimmed">
          {t('access.forgot')}
        </Text>
      </Stack>
    </form>
  )
}

/** Only a path of this site: what is after `next` may have been written by anyone. */
const safePath = (next: string | undefined) => (next && /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/')
