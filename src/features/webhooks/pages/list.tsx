// The webhooks of a company: where events are sent, how it goes, and what an admin can do about it.
import { Alert, Group, Stack, Text, Title } from '@mantine/core'
import { IconLock, IconPlus, IconWebhook } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { ConfirmDialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useAction, useList } from '../../../web/query.ts'
import { SecretPanel } from '../../../web/secret.tsx'
import { useMay } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import { changeWebhook, createWebhook, deleteWebhook, listWebhooks, renewWebhookSecret, testWebhook, type Webhook } from '../contract.ts'
import { WebhookDialog } from './form.tsx'

type Shown = { name: string; secret: string; renewed: boolean }
type Asked = { webhook: Webhook; what: 'change' | 'renew' | 'delete' }

export function WebhooksPage() {
  const { t } = useTranslation()
  const may = useMay()(listWebhooks)
  const rows = useList(listWebhooks, { query: {} }, { enabled: may.allowed })
  const [isMaking, setMaking] = useState(false)
  const [shown, setShown] = useState<Shown | null>(null)
  const [asked, setAsked] = useState<Asked | null>(null)
  const up = (
    <PageLink to="/settings" className="up-link">
      ← {t('web.nav_settings')}
    </PageLink>
  )
  if (!may.allowed)
    return (
      <Page title={t('webhooks.title')} subtitle={t('webhooks.subtitle')} above={up}>
        <EmptyState icon={<IconLock size={40} />} title={t('history.refused')}>
          {may.reason}
        </EmptyState>
      </Page>
    )
  const add = (
    <ActionButton op={createWebhook} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
      {t('webhooks.add')}
    </ActionButton>
  )
  return (
    <Page title={t('webhooks.title')} subtitle={t('webhooks.subtitle')} actions={add} above={up}>
      {shown && (
        <SecretPanel
          title={t('webhooks.made_title', { name: shown.name })}
          text={t(shown.renewed ? 'webhooks.renewed_text' : 'webhooks.made_text')}
          fields={[{ label: t('webhooks.secret'), value: shown.secret }]}
          onDone={() => setShown(null)}
        />
      )}
      {!rows.items && (rows.query.error ? <ErrorState error={rows.query.error} retry={rows.query.refetch} /> : <LoadingState />)}
      {rows.items?.length === 0 && (
        <EmptyState icon={<IconWebhook size={40} />} title={t('webhooks.empty')}>
          {t('webhooks.empty_text')}
        </EmptyState>
      )}
      <Stack>
        {rows.items?.map((webhook) => (
          <WebhookCard key={webhook.id} webhook={webhook} onAsk={(what) => setAsked({ webhook, what })} />
        ))}
      </Stack>
      {isMaking && <WebhookDialog onClose={() => setMaking(false)} onMade={(name, secret) => setShown({ name, secret, renewed: false })} />}
      {asked?.what === 'change' && <WebhookDialog webhook={asked.webhook} onClose={() => setAsked(null)} />}
      {asked?.what === 'renew' && <RenewDialog webhook={asked.webhook} onClose={() => setAsked(null)} onMade={(secret) => setShown({ name: asked.webhook.name, secret, renewed: true })} />}
      {asked?.what === 'delete' && <DeleteDialog webhook={asked.webhook} onClose={() => setAsked(null)} />}
    </Page>
  )
}

function WebhookCard({ webhook, onAsk }: { webhook: Webhook; onAsk: (what: Asked['what']) => void }) {
  const { t } = useTranslation()
  const test = useAction(testWebhook, { quiet: true })
  const turn = useAction(changeWebhook, {})
  const state = !webhook.is_active ? 'off' : webhook.failures > 0 ? 'retrying' : 'on'
  const params = { webhook_id: webhook.id }
  return (
    <section className="surface" aria-labelledby={`hook-${webhook.id}`}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <Title order={2} size="h4" id={`hook-${webhook.id}`} className="break-words">
          {webhook.name}
        </Title>
        <ToneBadge tone={({ on: 'ok', retrying: 'warn', off: 'idle' } as const)[state]}>{t(`webhooks.${state}`)}</ToneBadge>
      </Group>
      <Text size="sm" className="break-words mono">
        {webhook.url}
      </Text>
      <DeliveryState webhook={webhook} />
      <TestAnswer answer={test.data} />
      <Group gap="xs" mt="sm">
        <ActionButton op={testWebhook} size="sm" variant="default" loading={test.isPending} onClick={() => test.mutate({ params })}>
          {t('webhooks.test')}
        </ActionButton>
        <ActionButton op={listWebhooks} size="sm" variant="default" to={`/settings/webhooks/${webhook.id}`}>
          {t('webhooks.log')}
        </ActionButton>
        <ActionButton op={changeWebhook} size="sm" variant="default" onClick={() => onAsk('change')}>
          {t('webhooks.edit')}
        </ActionButton>
        <ActionButton
          op={changeWebhook}
          size="xs"
          variant="default"
          loading={turn.isPending}
          onClick={() => turn.mutate({ params, body: { is_active: !webhook.is_active }, version: webhook.version })}
        >
          {t(webhook.is_active ? 'webhooks.switch_off' : 'webhooks.switch_on')}
        </ActionButton>
        <ActionButton op={renewWebhookSecret} size="sm" variant="default" onClick={() => onAsk('renew')}>
          {t('webhooks.renew')}
        </ActionButton>
        <ActionButton op={deleteWebhook} size="sm" variant="default" onClick={() => onAsk('delete')}>
          {t('webhooks.delete')}
        </ActionButton>
      </Group>
    </section>
  )
}

/** What it is told of, when it last was, and why it is off or tries again. */
function DeliveryState({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <>
      <Text size="sm" c="dimmed" className="break-words">
        {webhook.event_types.length ? webhook.event_types.join(', ') : t('webhooks.all_events')} · {t('webhooks.last')}:{' '}
        {webhook.last_delivered_at ? format.instant(webhook.last_delivered_at) : t('webhooks.never')}
      </Text>
      {webhook.disabled_reason && webhook.disabled_at && (
        <Alert mt="xs" className="alert-bad" color="red" variant="light">
          {t(`webhooks.off_${webhook.disabled_reason}`, { at: format.instant(webhook.disabled_at) })}
        </Alert>
      )}
      {webhook.next_attempt_at && (
        <Text size="sm" mt="xs">
          {t('webhooks.retrying_text', { count: webhook.failures, at: format.instant(webhook.next_attempt_at) })}
        </Text>
      )}
    </>
  )
}

function TestAnswer({ answer }: { answer: { delivered: boolean; response_code: number | null; response_text: string | null; error: string | null; duration_ms: number } | undefined }) {
  const { t } = useTranslation()
  if (!answer) return null
  return (
    <Alert mt="xs" role="status" variant="light" color={answer.delivered ? 'green' : 'red'} className={answer.delivered ? 'alert-ok' : 'alert-bad'}>
      {answer.delivered ? t('webhooks.test_ok', { code: answer.response_code, ms: answer.duration_ms }) : `${t('webhooks.test_failed')}. ${answer.error ? t(`webhooks.${answer.error}`) : ''}`}
      {(answer.response_text || (!answer.delivered && answer.response_code)) && (
        <Text size="sm" className="break-words mono">
          {t('webhooks.answer')}: {answer.response_code} {answer.response_text}
        </Text>
      )}
    </Alert>
  )
}

function RenewDialog({ webhook, onClose, onMade }: { webhook: Webhook; onClose: () => void; onMade: (secret: string) => void }) {
  const { t } = useTranslation()
  const renew = useAction(renewWebhookSecret, {
    onDone: ({ secret }) => {
      onMade(secret)
      onClose()
    },
  })
  const go = () => renew.mutate({ params: { webhook_id: webhook.id } })
  return (
    <ConfirmDialog opened onClose={onClose} title={t('webhooks.renew_title', { name: webhook.name })} confirm={t('webhooks.renew')} busy={renew.isPending} onConfirm={go}>
      {t('webhooks.renew_confirm')}
    </ConfirmDialog>
  )
}

function DeleteDialog({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { t } = useTranslation()
  const remove = useAction(deleteWebhook, { done: t('webhooks.deleted', { name: webhook.name }), onDone: onClose })
  const go = () => remove.mutate({ params: { webhook_id: webhook.id }, version: webhook.version })
  return (
    <ConfirmDialog opened onClose={onClose} title={t('webhooks.delete_title', { name: webhook.name })} confirm={t('webhooks.delete')} danger busy={remove.isPending} onConfirm={go}>
      {t('webhooks.delete_text')}
    </ConfirmDialog>
  )
}
