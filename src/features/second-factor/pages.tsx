// The second factor of my account: set up with a QR code, recovery codes, switched off.
import { Alert, Button, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { create } from 'qrcode'
import { useState } from 'react'
import { call } from '../../web/client.ts'
import { Dialog } from '../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../web/form.tsx'
import { useFormat } from '../../web/format.ts'
import { useTranslation } from '../../web/i18n.ts'
import { notifyDone } from '../../web/notify.tsx'
import { Page } from '../../web/page.tsx'
import { useRead } from '../../web/query.ts'
import { CopyField, SecretPanel } from '../../web/secret.tsx'
import { useMaybeCompany } from '../../web/session.tsx'
import { ErrorState, LoadingState } from '../../web/states.tsx'
import { ToneBadge } from '../../web/tone.tsx'
import { PageLink } from '../../web/url.tsx'
import { beginSecondFactor, confirmSecondFactor, endSecondFactor, getSecondFactor, renewRecoveryCodes } from './contract.ts'

type Made = { secret: string; uri: string }
type Asking = 'begin' | 'renew' | 'end'

export function SecondFactorPage() {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const state = useRead(getSecondFactor, {})
  const [asking, setAsking] = useState<Asking | null>(null)
  const [made, setMade] = useState<Made | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const isDemanded = useMaybeCompany()?.needs === 'second_factor'
  return (
    <Page
      title={t('second_factor.title')}
      subtitle={t('second_factor.subtitle')}
      above={
        // There is no way back where the person did not come by themselves.
        !isDemanded && (
          <PageLink to="/account" className="up-link">
            ← {t('web.account')}
          </PageLink>
        )
      }
    >
      {isDemanded && !made && (
        <Alert role="alert" className="alert-info" mb="md">
          {t('second_factor.demanded')}
        </Alert>
      )}
      {codes && (
        <CodesPanel
          codes={codes}
          onDone={() => {
            setCodes(null)
            // What the company demanded is there now: not before the codes were read.
            void queries.invalidateQueries()
          }}
        />
      )}
      {made && (
        <ConfirmPanel
          made={made}
          onCancel={() => setMade(null)}
          onCodes={(confirmed) => {
            setMade(null)
            setCodes(confirmed)
          }}
        />
      )}
      {state.error && <ErrorState error={state.error} retry={state.refetch} />}
      {!state.data && !state.error && <LoadingState />}
      {state.data && !made && !codes && <StatePanel state={state.data} onAsk={setAsking} />}
      {asking === 'begin' && <BeginDialog onClose={() => setAsking(null)} onMade={setMade} />}
      {asking === 'renew' && <RenewDialog onClose={() => setAsking(null)} onCodes={setCodes} />}
      {asking === 'end' && <EndDialog onClose={() => setAsking(null)} />}
    </Page>
  )
}

function CodesPanel({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useTranslation()
  return (
    <SecretPanel title={t('second_factor.codes_title')} text={t('second_factor.codes_text')} fields={[{ label: t('second_factor.codes'), value: codes.join(' ') }]} onDone={onDone}>
      <ol className="recovery-codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
    </SecretPanel>
  )
}

function StatePanel({ state, onAsk }: { state: { is_active: boolean; active_since: string | null; recovery_codes_left: number }; onAsk: (asking: Asking) => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (!state.is_active)
    return (
      <section className="surface">
        <Stack align="flex-start">
          <ToneBadge tone="idle">{t('second_factor.off')}</ToneBadge>
          <Text>{t('second_factor.off_text')}</Text>
          <Text size="sm" c="dimmed">
            {t('second_factor.begin_hint')}
          </Text>
          <Button onClick={() => onAsk('begin')}>{t('second_factor.begin')}</Button>
        </Stack>
      </section>
    )
  return (
    <section className="surface">
      <Stack align="flex-start">
        <ToneBadge tone="ok">{t('second_factor.on', { when: format.instant(state.active_since ?? '') })}</ToneBadge>
        <Text>{t('second_factor.codes_left', { count: state.recovery_codes_left })}</Text>
        <Group>
          <Button variant="default" onClick={() => onAsk('renew')}>
            {t('second_factor.renew')}
          </Button>
          <Button variant="default" onClick={() => onAsk('end')}>
            {t('second_factor.end')}
          </Button>
        </Group>
      </Stack>
    </section>
  )
}

function ConfirmPanel({ made, onCancel, onCodes }: { made: Made; onCancel: () => void; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation()
  const state = useSaveForm({
    initial: { code: '' },
    save: ({ code }) => call(confirmSecondFactor, { body: { code } }),
    onSaved: ({ recovery_codes }) => {
      notifyDone(t('second_factor.enabled'))
      onCodes(recovery_codes)
    },
  })
  return (
    <section className="surface" aria-labelledby="scan-title">
      <Stack>
        <div>
          <Title order={2} id="scan-title">
            {t('second_factor.scan_title')}
          </Title>
          <Text size="sm">{t('second_factor.scan_text')}</Text>
        </div>
        <QrCode text={made.uri} label={t('second_factor.qr')} />
        <CopyField label={t('second_factor.secret')} value={made.secret} />
        <FormBody state={state} submitLabel={t('second_factor.confirm')} onCancel={onCancel}>
          <TextInput label={t('second_factor.code')} inputMode="numeric" autoComplete="one-time-code" required maxLength={7} data-autofocus {...state.form.getInputProps('code')} />
        </FormBody>
      </Stack>
    </section>
  )
}

/** Dark on light in either colour scheme, with the quiet margin that readers need. */
function QrCode({ text, label }: { text: string; label: string }) {
  const { size, data } = create(text, { errorCorrectionLevel: 'M' }).modules
  const squares = Array.from(data, (isDark, at) => (isDark ? `M${(at % size) + 4} ${Math.floor(at / size) + 4}h1v1h-1z` : '')).join('')
  const side = size + 8
  return (
    <svg className="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <rect width={side} height={side} fill="#fff" />
      <path d={squares} fill="#000" />
    </svg>
  )
}

function BeginDialog({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const { t } = useTranslation()
  const state = useSaveForm({
    initial: { password: '' },
    save: (values) => call(beginSecondFactor, { body: values }),
    onSaved: (made) => {
      onMade(made)
      onClose()
    },
  })
  return (
    <Dialog opened onClose={onClose} title={t('second_factor.begin')}>
      <FormBody state={state} submitLabel={t('second_factor.begin')} onCancel={onClose}>
        <PasswordField {...state.form.getInputProps('password')} />
      </FormBody>
    </Dialog>
  )
}

function RenewDialog({ onClose, onCodes }: { onClose: () => void; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation()
  const state = useSaveForm({
    initial: { password: '', code: '' },
    save: (values) => call(renewRecoveryCodes, { body: values }),
    onSaved: ({ recovery_codes }) => {
      onCodes(recovery_codes)
      onClose()
    },
  })
  return (
    <Dialog opened onClose={onClose} title={t('second_factor.renew')}>
      <FormBody state={state} submitLabel={t('second_factor.renew')} onCancel={onClose}>
        <Text>{t('second_factor.renew_text')}</Text>
        <PasswordField {...state.form.getInputProps('password')} />
        <CodeField {...state.form.getInputProps('code')} />
      </FormBody>
    </Dialog>
  )
}

function EndDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const state = useSaveForm({
    initial: { password: '', code: '' },
    save: (values) => call(endSecondFactor, { body: values }),
    onSaved: () => {
      notifyDone(t('second_factor.ended'))
      onClose()
    },
  })
  return (
    <Dialog opened onClose={onClose} title={t('second_factor.end')}>
      <FormBody state={state} submitLabel={t('second_factor.end')} onCancel={onClose}>
        <Text>{t('second_factor.end_text')}</Text>
        <PasswordField {...state.form.getInputProps('password')} />
        <CodeField {...state.form.getInputProps('code')} />
      </FormBody>
    </Dialog>
  )
}

type FieldProps = { value?: string; onChange?: (event: unknown) => void; error?: unknown }

function PasswordField(props: FieldProps) {
  const { t } = useTranslation()
  const eye = { 'aria-label': t('access.show_password'), tabIndex: 0 }
  return <PasswordInput label={t('second_factor.password')} autoComplete="current-password" required data-autofocus visibilityToggleButtonProps={eye} {...(props as object)} />
}

function CodeField(props: FieldProps) {
  const { t } = useTranslation()
  return <TextInput label={t('second_factor.code_or_recovery')} autoComplete="one-time-code" required maxLength={40} {...(props as object)} />
}
