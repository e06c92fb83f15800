// The backups of the installation: whether the last is proven, what is wrong, one more now, and how to get back.
import { Alert, Code, Group, Progress, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconDatabaseExport, IconLock } from '@tabler/icons-react'
import { ActionButton } from '../../web/action.tsx'
import { useFormat } from '../../web/format.ts'
import { useTranslation } from '../../web/i18n.ts'
import { InstallationTabs } from '../../web/installation.tsx'
import { Page } from '../../web/page.tsx'
import { useAction, useRead } from '../../web/query.ts'
import { useMay } from '../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../web/states.tsx'
import { ToneBadge } from '../../web/tone.tsx'
import { PageLink } from '../../web/url.tsx'
import { type Backup, type Backups, listBackups, startBackup } from './contract.ts'

export function BackupsPage() {
  const { t } = useTranslation()
  const may = useMay()(listBackups)
  const read = useRead(listBackups, {}, { enabled: may.allowed, keep: true, refetchInterval: 2000 })
  const start = useAction(startBackup, { done: ({ started }) => t(started ? 'backups.started' : 'backups.busy') })
  const tabs = <InstallationTabs here="/installation/backups" />
  if (!may.allowed)
    return (
      <Page title={t('backups.title')} subtitle={t('backups.subtitle')}>
        <EmptyState icon={<IconLock size={40} />} title={t('backups.refused')}>
          {may.reason}
        </EmptyState>
      </Page>
    )
  const isBusy = start.isPending || Boolean(read.data?.running)
  const now = (
    <ActionButton op={startBackup} leftSection={<IconDatabaseExport size={16} aria-hidden />} loading={isBusy} onClick={() => start.mutate({})}>
      {t('backups.now')}
    </ActionButton>
  )
  return (
    <Page title={t('backups.title')} subtitle={t('backups.subtitle')} actions={now} above={tabs}>
      {!read.data && (read.error ? <ErrorState error={read.error} retry={read.refetch} /> : <LoadingState />)}
      {read.data && <Content found={read.data} />}
    </Page>
  )
}

/** On every other page, for who looks after the installation: a small line while the backups are not well. */
export function BackupAlarm() {
  const { t } = useTranslation()
  const { data } = useRead(listBackups, {}, { keep: true, staleTime: 60_000, refetchInterval: 300_000 })
  if (!data?.alarm) return null
  return (
    <Alert role="alert" color="red" variant="light" className="alert-bad" mb="md" icon={<IconAlertTriangle aria-hidden />}>
      {t('backups.banner', { why: t(`backups.short_${data.alarm}`) })} <PageLink to="/installation/backups">{t('backups.banner_link')}</PageLink>
    </Alert>
  )
}

function Content({ found }: { found: Backups }) {
  const { t } = useTranslation()
  return (
    <Stack>
      <Warnings found={found} />
      {found.running && <Running running={found.running} />}
      <State found={found} />
      <section className="surface" aria-labelledby="backups-kept">
        <Title order={2} size="h4" mb="xs" id="backups-kept">
          {t('backups.list')}
        </Title>
        {found.items.length === 0 && (
          <EmptyState icon={<IconDatabaseExport size={40} />} title={t('backups.empty')}>
            {t('backups.empty_text')}
          </EmptyState>
        )}
        <Stack gap="xs" component="ul" className="plain-list">
          {found.items.map((backup) => (
            <Kept key={backup.id} backup={backup} />
          ))}
        </Stack>
      </section>
      <HowTo newest={found.items.find((backup) => backup.state === 'proven')} />
    </Stack>
  )
}

function Warnings({ found }: { found: Backups }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <>
      {found.alarm && (
        <Alert role="alert" color="red" variant="light" className="alert-bad" icon={<IconAlertTriangle aria-hidden />} title={t('backups.alarm')}>
          {t(`backups.alarm_${found.alarm}`, { at: format.instant(found.last_failure?.at), reason: found.last_failure?.reason ?? '' })}
          {found.archive_missing && ` ${t('backups.archive_missing', { name: found.archive_missing })}`}
          {found.archive_trouble && (
            <Text size="sm" className="mono break-words">
              {found.archive_trouble}
            </Text>
          )}
        </Alert>
      )}
      {found.hour === null && (
        <Alert role="note" variant="light" color="yellow" className="alert-warn" title={t('backups.off')}>
          {t('backups.off_text')}
        </Alert>
      )}
      {found.same_disk && found.hour !== null && (
        <Alert role="note" variant="light" color="yellow" className="alert-warn">
          {t('backups.same_disk')}
        </Alert>
      )}
    </>
  )
}

function Running({ running }: { running: NonNullable<Backups['running']> }) {
  const { t } = useTranslation()
  const steps = { copy: 0, compare: 60, prove: 70, prune: 98 } as const
  const part = running.step === 'copy' && running.total > 0 ? (60 * running.done) / running.total : 0
  const value = Math.min(100, Math.round(steps[running.step] + part))
  return (
    <section className="surface" aria-live="polite">
      <Text mb="xs">{t(`backups.step_${running.step}`)}</Text>
      <Progress value={value} aria-label={t(`backups.step_${running.step}`)} />
    </section>
  )
}

function State({ found }: { found: Backups }) {
  const { t } = useTranslation()
  const format = useFormat()
  const facts: [string, string][] = [
    [t('backups.last'), found.last_proven_at ? `${format.instant(found.last_proven_at)} (${format.relative(found.last_proven_at)})` : t('backups.never')],
    [t('backups.next'), found.hour === null ? t('backups.by_hand') : t('backups.every_day', { hour: found.hour })],
    [t('backups.kept'), t('backups.days', { count: found.keep_days })],
    [t('backups.moments'), t(found.point_in_time ? 'backups.every_moment' : 'backups.each_backup')],
    ...(found.archived_at ? [[t('backups.archived'), format.relative(found.archived_at)] as [string, string]] : []),
    [t('backups.folder'), found.folder],
  ]
  return (
    <section className="surface">
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="break-words">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

const tones = { proven: 'ok', failed: 'bad', unproven: 'warn', damaged: 'bad' } as const

function Kept({ backup }: { backup: Backup }) {
  const { t } = useTranslation()
  const format = useFormat()
  const size = backup.bytes === null ? null : `${format.number(Math.round(backup.bytes / 1e5) / 10)} MB`
  const facts = [
    size,
    backup.rows === null ? null : t('backups.rows', { count: backup.rows }),
    backup.encrypted ? t('backups.encrypted') : null,
    backup.kind === 'dump' ? t('backups.kind_dump') : null,
  ]
  return (
    <li>
      <Group gap="sm">
        <ToneBadge tone={tones[backup.state]}>{t(`backups.state_${backup.state}`)}</ToneBadge>
        <Text fw={600}>{format.instant(backup.created_at)}</Text>
        <Text size="sm" c="dimmed">
          {facts.filter(Boolean).join(' · ')}
        </Text>
        <Text size="sm" c="dimmed" className="mono">
          {backup.id}
        </Text>
      </Group>
      {backup.reason && (
        <Text size="sm" className="break-words">
          {backup.reason}
        </Text>
      )}
    </li>
  )
}

function HowTo({ newest }: { newest: Backup | undefined }) {
  const { t } = useTranslation()
  const moment = newest?.proven_at ?? new Date().toISOString()
  return (
    <section className="surface" aria-labelledby="backups-restore">
      <Title order={2} size="h4" id="backups-restore">
        {t('backups.restore')}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {t('backups.restore_text')}
      </Text>
      <Text size="sm">{t('backups.restore_newest')}</Text>
      <Command text="npx bitcorp restore --force" />
      <Text size="sm" mt="xs">
        {t('backups.restore_time')}
      </Text>
      <Command text={`npx bitcorp restore --force --to-time ${moment}`} />
      <Text size="sm" mt="xs">
        {t('backups.restore_beside')}
      </Text>
      <Command text="npx bitcorp restore --into ./copy" />
      <Text size="sm" mt="xs">
        {t('backups.restore_keys')}
      </Text>
    </section>
  )
}

/** Wraps on a narrow screen: nothing to scroll sideways, and copied it is one line all the same. */
function Command({ text }: { text: string }) {
  return (
    <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
      {text}
    </Code>
  )
}
