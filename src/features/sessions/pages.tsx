// Where I am signed in: every browser and command, and ending one or all others.
import { Button, Text } from '@mantine/core'
import { IconDeviceDesktop, IconLogout } from '@tabler/icons-react'
import { useState } from 'react'
import { ConfirmDialog } from '../../web/dialog.tsx'
import { useFormat } from '../../web/format.ts'
import { useTranslation } from '../../web/i18n.ts'
import { Page } from '../../web/page.tsx'
import { useAction, useList } from '../../web/query.ts'
import { EmptyState } from '../../web/states.tsx'
import { type Column, DataList } from '../../web/table.tsx'
import { ToneBadge } from '../../web/tone.tsx'
import { PageLink } from '../../web/url.tsx'
import { endOtherSessions, endSession, listSessions, type Session } from './contract.ts'

export function SessionsPage() {
  const { t } = useTranslation()
  const [isAsking, setAsking] = useState(false)
  const rows = useList(listSessions, { query: {} })
  const others = rows.items?.filter((session) => !session.is_current).length ?? 0
  return (
    <Page
      title={t('sessions.title')}
      subtitle={others === 0 && rows.items ? t('sessions.only_here') : t('sessions.subtitle')}
      actions={
        others > 0 && (
          <Button variant="default" leftSection={<IconLogout size={16} aria-hidden />} onClick={() => setAsking(true)}>
            {t('sessions.end_others')}
          </Button>
        )
      }
      above={
        <PageLink to="/account" className="up-link">
          ← {t('web.account')}
        </PageLink>
      }
    >
      <DataList
        id="sessions"
        caption={t('sessions.title')}
        columns={useSessionColumns()}
        card={(session) => <SessionCard session={session} />}
        rows={rows}
        rowKey={(session) => session.id}
        empty={<EmptyState icon={<IconDeviceDesktop size={40} />} title={t('sessions.only_here')} />}
        fixed
      />
      {isAsking && <EndOthersDialog onClose={() => setAsking(false)} />}
    </Page>
  )
}

function useSessionColumns(): Column<Session>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'device', title: t('sessions.device'), render: (session) => <Device session={session} /> },
    { key: 'address', title: t('sessions.address'), render: (session) => <span className="break-words">{session.ip_address ?? '–'}</span> },
    { key: 'began', title: t('sessions.began'), render: (session) => <span className="nowrap">{format.instant(session.created_at)}</span> },
    { key: 'seen', title: t('sessions.seen'), render: (session) => <span className="nowrap">{format.instant(session.last_seen_at)}</span> },
    { key: 'actions', title: t('sessions.actions'), align: 'right', width: 160, render: (session) => !session.is_current && <EndButton session={session} /> },
  ]
}

function SessionCard({ session }: { session: Session }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <div className="card-head">
      <div>
        <Device session={session} />
        <Text size="sm" c="dimmed" className="break-words">
          {session.ip_address ?? '–'}
        </Text>
        <Text size="sm" c="dimmed">
          {t('sessions.seen')}: {format.instant(session.last_seen_at)}
        </Text>
      </div>
      {!session.is_current && <EndButton session={session} />}
    </div>
  )
}

function Device({ session }: { session: Session }) {
  const { t } = useTranslation()
  return (
    <div className="card-line">
      <Text component="span" fw={600} size="sm">
        {useDeviceName(session)}
      </Text>
      {session.is_current && <ToneBadge tone="ok">{t('sessions.this_one')}</ToneBadge>}
    </div>
  )
}

function EndButton({ session }: { session: Session }) {
  const { t } = useTranslation()
  const format = useFormat()
  const end = useAction(endSession, { done: t('sessions.ended') })
  return (
    <Button
      variant="default"
      size="xs"
      loading={end.isPending}
      aria-label={t('sessions.end_of', { device: useDeviceName(session), when: format.instant(session.created_at) })}
      onClick={() => end.mutate({ params: { session_id: session.id } })}
    >
      {t('sessions.end')}
    </Button>
  )
}

function EndOthersDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const end = useAction(endOtherSessions, { done: ({ ended }) => t('sessions.ended_others', { count: ended }), onDone: onClose })
  return (
    <ConfirmDialog opened onClose={onClose} title={t('sessions.end_others_title')} confirm={t('sessions.end_others')} danger busy={end.isPending} onConfirm={() => end.mutate({})}>
      {t('sessions.end_others_text')}
    </ConfirmDialog>
  )
}

// The first that fits: a browser names those it descends from as well.
const browsers: [RegExp, string][] = [
  [/Edg(A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux|X11/, 'Linux'],
]

function useDeviceName({ kind, user_agent }: Session): string {
  const { t } = useTranslation()
  if (kind === 'command') return t('sessions.command')
  const nameIn = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(user_agent ?? ''))?.[1]
  const [browser, system] = [nameIn(browsers), nameIn(systems)]
  if (!browser) return t('sessions.unknown_browser')
  return system ? t('sessions.on', { browser, system }) : browser
}
