// Where the link of a mail leads: choosing a password. Open to whoever has the link, which works once.
import { Alert, Button, Loader, PasswordInput, SegmentedControl, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useState } from 'react'
import type { Language } from '../../../plain/words.ts'
import { call } from '../../../web/client.ts'
import { languages, SchemeToggle } from '../../../web/header.tsx'
import { changeLanguage, useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { usePasswordLink as chooseWithLink, readPasswordLink } from '../contract.ts'

export function PasswordPage() {
  const { t, i18n } = useTranslation()
  const [token] = useState(() => location.hash.slice(1))
  const link = useQuery({ queryKey: ['password-link', token], queryFn: () => call(readPasswordLink, { body: { token } }), enabled: token !== '', retry: false, staleTime: Number.POSITIVE_INFINITY })
  const title = t(link.data?.is_new ? 'access.link_page_new' : 'access.link_page_reset')
  useEffect(() => {
    document.title = `${title} · ${t('web.product')}`
  }, [title, t])
  const trouble = token === '' ? t('access.link_page_missing') : link.error?.message
  return (
    <div className="sign-in">
      <header className="sign-in-tools">
        <SegmentedControl
          size="sm"
          aria-label={t('web.language')}
          data={languages.map(({ code, name }) => ({ value: code, label: name }))}
          value={i18n.language}
          onChange={(language) => changeLanguage(language as Language)}
        />
        <SchemeToggle />
      </header>
      <main className="sign-in-card">
        <img src="/icon.svg" alt="" width={44} height={44} />
        <Title order={1} size="h2" mt="sm" mb="lg">
          {title}
        </Title>
        {trouble && (
          <Alert color="red" variant="light" role="alert" className="alert-bad" icon={<IconAlertTriangle aria-hidden />}>
            {trouble}
          </Alert>
        )}
        {!trouble && !link.data && <Loader />}
        {link.data && <Choose token={token} email={link.data.email} name={link.data.full_name} />}
      </main>
    </div>
  )
}

function Choose({ token, email, name }: { token: string; email: string; name: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [password, setPassword] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const save = async (event: FormEvent) => {
    event.preventDefault()
    if (password.length < 12) return setError(t('access.new_too_short'))
    setBusy(true)
    try {
      await call(chooseWithLink, { body: { token, password } })
      notifyDone(t('access.link_page_done'))
      await navigate({ to: '/sign-in' })
    } catch (refused) {
      setError((refused as Error).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <form noValidate onSubmit={(event) => void save(event)}>
      <Stack>
        <Text>{t('access.link_page_text', { name, email })}</Text>
        <input type="email" name="username" autoComplete="username" value={email} readOnly hidden />
        <PasswordInput
          label={t('access.new_password')}
          description={t('access.new_password_hint')}
          autoComplete="new-password"
          required
          maxLength={200}
          value={password}
          error={error}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('access.show_password') }}
        />
        <Button type="submit" loading={busy}>
          {t('access.link_page_save')}
        </Button>
      </Stack>
    </form>
  )
}
