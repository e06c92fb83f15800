// A webhook's name, address and events: made or changed.
import { MultiSelect, TextInput } from '@mantine/core'
import { Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { notifyDone } from '../../../web/notify.tsx'
import { useCall } from '../../../web/query.ts'
import { changeWebhook, createWebhook, eventTypes, type Webhook } from '../contract.ts'

export function WebhookDialog({ webhook, onClose, onMade }: { webhook?: Webhook; onClose: () => void; onMade?: (name: string, secret: string) => void }) {
  const { t } = useTranslation()
  const send = useCall()
  const state = useSaveForm({
    initial: { name: webhook?.name ?? '', url: webhook?.url ?? 'https://', event_types: webhook?.event_types ?? [] },
    ...(webhook ? { version: webhook.version } : {}),
    validate: ({ name, url }) => ({
      ...(name.trim() ? {} : { name: t('webhooks.need_name') }),
      ...(URL.canParse(url.trim()) ? {} : { url: t('webhooks.need_url') }),
    }),
    save: async ({ name, url, event_types }, version) => {
      const body = { name: name.trim(), url: url.trim(), event_types }
      if (!webhook) return send(createWebhook, { body })
      return { webhook: await send(changeWebhook, { params: { webhook_id: webhook.id }, body, ...(version === undefined ? {} : { version }) }), secret: null }
    },
    places: { webhooks_url_form: 'url' },
    onSaved: ({ webhook: saved, secret }) => {
      if (secret) onMade?.(saved.name, secret)
      else notifyDone(t('webhooks.saved', { name: saved.name }))
      onClose()
    },
  })
  const { form } = state
  const choices = [...new Set([...eventTypes, ...form.values.event_types])]
  return (
    <Dialog opened onClose={onClose} title={t(webhook ? 'webhooks.edit' : 'webhooks.add')} size="lg">
      <FormBody state={state} submitLabel={t(webhook ? 'web.save' : 'webhooks.add')} onCancel={onClose}>
        <TextInput label={t('webhooks.name')} description={t('webhooks.name_hint')} required maxLength={100} autoComplete="off" data-autofocus {...form.getInputProps('name')} />
        <TextInput label={t('webhooks.url')} description={t('webhooks.url_hint')} required type="url" maxLength={2000} autoComplete="off" {...form.getInputProps('url')} />
        <MultiSelect label={t('webhooks.types')} description={t('webhooks.types_hint')} data={choices} searchable clearable hidePickedOptions {...form.getInputProps('event_types')} />
      </FormBody>
    </Dialog>
  )
}
