// What one webhook sent: every try with its answer, and from any event on once more.
import { Text } from '@mantine/core'
import { IconSend } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { ConfirmDialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useAction, useList } from '../../../web/query.ts'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import { type Delivery, listDeliveries, listWebhooks, replayWebhook } from '../contract.ts'

export function DeliveriesPage() {
  const { t } = useTranslation()
  const { webhookId = '' } = useParams({ strict: false }) as { webhookId?: string }
  const webhook = useList(listWebhooks, { query: {} }).items?.find((one) => one.id === webhookId)
  const rows = useList(listDeliveries, { params: { webhook_id: webhookId }, query: {} })
  const [from, setFrom] = useState<string | null>(null)
  const replay = useAction(replayWebhook, { done: t('webhooks.replayed'), onDone: () => setFrom(null) })
  return (
    <Page
      title={webhook ? t('webhooks.log_of', { name: webhook.name }) : t('webhooks.log')}
      subtitle={t('webhooks.log_text')}
      above={
        <PageLink to="/settings/webhooks" className="up-link">
          ← {t('webhooks.title')}
        </PageLink>
      }
    >
      <DataList
        id="deliveries"
        caption={t('webhooks.log')}
        columns={useColumns(setFrom)}
        card={(delivery) => <Card delivery={delivery} onReplay={setFrom} />}
        rows={rows}
        rowKey={(delivery) => delivery.id}
        empty={
          <EmptyState icon={<IconSend size={40} />} title={t('webhooks.log_empty')}>
            {t('webhooks.log_empty_text')}
          </EmptyState>
        }
      />
      {from && (
        <ConfirmDialog
          opened
          onClose={() => setFrom(null)}
          title={t('webhooks.replay_title')}
          confirm={t('webhooks.replay')}
          busy={replay.isPending}
          onConfirm={() => replay.mutate({ params: { webhook_id: webhookId }, body: { from } })}
        >
          {t('webhooks.replay_text')}
        </ConfirmDialog>
      )}
    </Page>
  )
}

function useColumns(onReplay: (from: string) => void): Column<Delivery>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'when', title: t('webhooks.when'), render: (d) => <span className="nowrap">{format.instant(d.attempted_at)}</span> },
    { key: 'event', title: t('webhooks.event'), render: (d) => (d.event_id ? d.event_type : t('webhooks.test_event')) },
    { key: 'attempt', title: t('webhooks.attempt'), align: 'right', render: (d) => d.attempt },
    { key: 'result', title: t('webhooks.result'), render: (d) => <Result delivery={d} /> },
    { key: 'actions', title: t('webhooks.actions'), align: 'right', render: (d) => <Replay delivery={d} onReplay={onReplay} /> },
  ]
}

function Result({ delivery }: { delivery: Delivery }) {
  const { t } = useTranslation()
  const format = useFormat()
  const facts = [delivery.response_code, t('webhooks.took', { ms: delivery.duration_ms }), delivery.next_attempt_at && t('webhooks.again_at', { at: format.instant(delivery.next_attempt_at) })]
  return (
    <>
      <ToneBadge tone={delivery.status === 'delivered' ? 'ok' : 'bad'}>{t(`webhooks.${delivery.status}`)}</ToneBadge>{' '}
      <Text span size="sm" c="dimmed">
        {facts.filter(Boolean).join(' · ')}
      </Text>
      {delivery.error && <Text size="sm">{t(`webhooks.${delivery.error}`)}</Text>}
      {delivery.response_text && (
        <Text size="xs" c="dimmed" lineClamp={2} className="break-words mono">
          {delivery.response_text}
        </Text>
      )}
    </>
  )
}

function Replay({ delivery, onReplay }: { delivery: Delivery; onReplay: (from: string) => void }) {
  const { t } = useTranslation()
  const { position } = delivery
  if (!position) return null
  return (
    <ActionButton op={replayWebhook} size="xs" variant="default" onClick={() => onReplay(position)}>
      {t('webhooks.replay')}
    </ActionButton>
  )
}

function Card({ delivery, onReplay }: { delivery: Delivery; onReplay: (from: string) => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <>
      <Text fw={600} className="break-words">
        {delivery.event_id ? delivery.event_type : t('webhooks.test_event')}
      </Text>
      <Text size="sm" c="dimmed">
        {format.instant(delivery.attempted_at)} · {t('webhooks.attempt')} {delivery.attempt}
      </Text>
      <Result delivery={delivery} />
      <div>
        <Replay delivery={delivery} onReplay={onReplay} />
      </div>
    </>
  )
}
