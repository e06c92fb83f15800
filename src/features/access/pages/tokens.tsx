// Tokens for programs that call the API in a person's name: made, shown once, ended.
import { ActionIcon, Checkbox, Code, Group, Select, Stack, Text, TextInput, Tooltip } from '@mantine/core'
import { IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { call } from '../../../web/client.ts'
import { ConfirmDialog, Dialog } from '../../../web/dialog.tsx'
import { FormBody, useSaveForm } from '../../../web/form.tsx'
import { instantOf, makeFormat, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useAction, useList } from '../../../web/query.ts'
import { SecretPanel } from '../../../web/secret.tsx'
import { useCompany, useSession } from '../../../web/session.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import { createToken, listTokens, revokeToken, scopes, type Token } from '../contract.ts'

type Scope = (typeof scopes)[number]
type Made = { name: string; company_id: string; token: string }

export function TokensPage() {
  const { t } = useTranslation()
  const company = useCompany()
  const [isMaking, setMaking] = useState(false)
  const [made, setMade] = useState<Made | null>(null)
  const [ending, setEnding] = useState<Token | null>(null)
  const rows = useList(listTokens, { query: {} })
  const add = (
    <ActionButton op={createToken} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
      {t('access.token_add')}
    </ActionButton>
  )
  return (
    <Page
      title={t('access.tokens')}
      subtitle={t('access.tokens_subtitle', { company: company.name })}
      actions={add}
      above={
        <PageLink to="/account" className="up-link">
          ← {t('web.account')}
        </PageLink>
      }
    >
      {made && (
        <SecretPanel
          title={t('access.token_made_title', { name: made.name })}
          text={t('access.token_made_text')}
          fields={[{ label: t('access.token_secret'), value: made.token }]}
          onDone={() => setMade(null)}
        >
          <div>
            <Text size="sm" mb={4}>
              {t('access.token_example')}
            </Text>
            <Code block className="wrap-code">{`curl -H "Authorization: Bearer $TOKEN" ${location.origin}/api/v1/companies/${made.company_id}/equipment`}</Code>
          </div>
        </SecretPanel>
      )}
      <DataList
        id="tokens"
        caption={t('access.tokens')}
        columns={useTokenColumns(setEnding)}
        card={(token) => <TokenCard token={token} onEnd={() => setEnding(token)} />}
        rows={rows}
        rowKey={(token) => token.id}
        empty={
          <EmptyState icon={<IconKey size={40} />} title={t('access.tokens_empty')}>
            {t('access.tokens_empty_text')}
          </EmptyState>
        }
        rowClass={(token) => (stateOf(token) === 'active' ? undefined : 'row-ended')}
      />
      {isMaking && <NewTokenDialog onClose={() => setMaking(false)} onMade={setMade} />}
      {ending && <EndTokenDialog token={ending} onClose={() => setEnding(null)} />}
    </Page>
  )
}

const stateOf = (token: Token) => (token.revoked_at ? 'revoked' : Date.parse(token.expires_at) <= Date.now() ? 'expired' : 'active')
const tones = { active: 'ok', expired: 'idle', revoked: 'bad' } as const

function useTokenColumns(onEnd: (token: Token) => void): Column<Token>[] {
  const { t } = useTranslation()
  const format = useFormat()
  const { me } = useSession()
  return [
    {
      key: 'name',
      title: t('access.token_name'),
      render: (token) => (
        <Text component="span" fw={600} size="sm" className="break-words">
          {token.name}
        </Text>
      ),
    },
    { key: 'owner', title: t('access.token_owner'), render: (token) => (token.user_id === me.user.id ? <ToneBadge tone="info">{t('access.you')}</ToneBadge> : (token.user_name ?? '–')) },
    { key: 'scopes', title: t('access.token_scopes'), render: (token) => token.scopes.map((scope) => t(`access.scope_${scope}`)).join(', ') },
    { key: 'created_at', title: t('access.token_created'), render: (token) => <span className="nowrap">{format.instant(token.created_at)}</span> },
    { key: 'expires_at', title: t('access.token_ends'), render: (token) => <span className="nowrap">{format.instant(token.expires_at)}</span> },
    { key: 'state', title: t('access.token_state'), render: (token) => <ToneBadge tone={tones[stateOf(token)]}>{t(`access.token_${stateOf(token)}`)}</ToneBadge> },
    { key: 'actions', title: t('access.actions'), align: 'right', width: 80, render: (token) => stateOf(token) === 'active' && <RevokeButton token={token} onClick={() => onEnd(token)} /> },
  ]
}

function TokenCard({ token, onEnd }: { token: Token; onEnd: () => void }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { me } = useSession()
  return (
    <div className="card-head">
      <div>
        <Text fw={600} className="break-words">
          {token.name}
        </Text>
        <Text size="sm">{token.scopes.map((scope) => t(`access.scope_${scope}`)).join(', ')}</Text>
        <Text size="sm" c="dimmed">
          {t('access.token_ends')}: {format.instant(token.expires_at)}
        </Text>
        <div className="card-line">
          <ToneBadge tone={tones[stateOf(token)]}>{t(`access.token_${stateOf(token)}`)}</ToneBadge>
          {token.user_id === me.user.id ? (
            <ToneBadge tone="info">{t('access.you')}</ToneBadge>
          ) : (
            <Text component="span" size="sm">
              {token.user_name}
            </Text>
          )}
        </div>
      </div>
      {stateOf(token) === 'active' && <RevokeButton token={token} onClick={onEnd} />}
    </div>
  )
}

function RevokeButton({ token, onClick }: { token: Token; onClick: () => void }) {
  const { t } = useTranslation()
  const label = t('access.token_revoke_of', { name: token.name })
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" className="quiet" size="lg" aria-label={label} onClick={onClick}>
        <IconTrash size={18} />
      </ActionIcon>
    </Tooltip>
  )
}

function EndTokenDialog({ token, onClose }: { token: Token; onClose: () => void }) {
  const { t } = useTranslation()
  const revoke = useAction(revokeToken, { done: t('access.token_revoked_done', { name: token.name }), onDone: onClose })
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('access.token_revoke_title', { name: token.name })}
      confirm={t('access.token_revoke')}
      danger
      busy={revoke.isPending}
      onConfirm={() => revoke.mutate({ params: { token_id: token.id } })}
    >
      {t('access.token_revoke_text')}
    </ConfirmDialog>
  )
}

function NewTokenDialog({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const company = useCompany()
  const zoneOf = (id: string) => me.companies.find((known) => known.company_id === id)?.settings.time_zone ?? company.timeZone
  const state = useSaveForm({
    initial: { name: '', company_id: company.company_id, scopes: ['read'] as Scope[], last_day: inDays(90, company.timeZone) },
    validate: (values) => ({
      ...(values.name.trim() ? {} : { name: t('access.need_token_name') }),
      ...(values.scopes.length ? {} : { scopes: t('access.token_scopes_needed') }),
      ...(values.last_day && values.last_day >= inDays(0, zoneOf(values.company_id)) ? {} : { last_day: t('access.need_later_day') }),
    }),
    save: ({ name, company_id, scopes: chosen, last_day }) =>
      call(createToken, { body: { name: name.trim(), company_id, scopes: chosen, expires_at: instantOf(nextDay(last_day), '00:00', zoneOf(company_id)) } }),
    onSaved: ({ token }) => {
      onMade({ name: state.form.values.name.trim(), company_id: state.form.values.company_id, token })
      onClose()
    },
  })
  const { form } = state
  return (
    <Dialog opened onClose={onClose} title={t('access.token_add')} size="lg">
      <FormBody state={state} submitLabel={t('access.token_add')} onCancel={onClose}>
        <TextInput label={t('access.token_name')} description={t('access.token_name_hint')} required autoComplete="off" maxLength={100} data-autofocus {...form.getInputProps('name')} />
        {me.companies.length > 1 && (
          <Select label={t('web.company')} data={me.companies.map((known) => ({ value: known.company_id, label: known.name }))} allowDeselect={false} {...form.getInputProps('company_id')} />
        )}
        <Checkbox.Group label={t('access.token_scopes')} description={t('access.token_scopes_hint')} inputWrapperOrder={['label', 'description', 'input', 'error']} {...form.getInputProps('scopes')}>
          <Stack gap="xs" mt="xs">
            {scopes.map((scope) => (
              <Checkbox key={scope} value={scope} label={t(`access.scope_${scope}`)} description={t(`access.scope_${scope}_may`)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Group align="flex-end" gap="xs">
          <TextInput type="date" label={t('access.token_last_day')} required min={inDays(0, company.timeZone)} {...form.getInputProps('last_day')} />
          {[30, 90, 365].map((days) => (
            <ActionButton key={days} op={createToken} variant="default" onClick={() => form.setFieldValue('last_day', inDays(days, company.timeZone))}>
              {t('access.token_days', { count: days })}
            </ActionButton>
          ))}
        </Group>
      </FormBody>
    </Dialog>
  )
}

const plusDays = (day: string, days: number) => new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
const nextDay = (day: string) => plusDays(day, 1)
const inDays = (days: number, zone: string) => plusDays(makeFormat('es', zone).today(), days)
