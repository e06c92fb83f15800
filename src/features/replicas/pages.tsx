// The replicas as who looks after the installation sees them: how each is, why reports were read elsewhere, and how to make one.
import { Group, Stack, Table, Text, Title } from '@mantine/core'
import { IconCopy, IconLock } from '@tabler/icons-react'
import type { ReplyOf } from '../../plain/operation.ts'
import { useFormat } from '../../web/format.ts'
import { useTranslation } from '../../web/i18n.ts'
import { InstallationTabs } from '../../web/installation.tsx'
import { Page } from '../../web/page.tsx'
import { useRead } from '../../web/query.ts'
import { CopyField } from '../../web/secret.tsx'
import { useMay } from '../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../web/states.tsx'
import { ToneBadge } from '../../web/tone.tsx'
import { listReplicas, type ReplicaView } from './contract.ts'

type Report = ReplyOf<typeof listReplicas>
const tones = { unknown: 'idle', up: 'ok', late: 'warn', down: 'bad', promoted: 'bad', strange: 'bad', mighty: 'bad' } as const

export function ReplicasPage() {
  const { t } = useTranslation()
  const may = useMay()(listReplicas)
  const { data, error, refetch } = useRead(listReplicas, {}, { enabled: may.allowed, refetchInterval: 5000, keep: true })
  return (
    <Page title={t('replicas.title')} subtitle={t('replicas.subtitle')}>
      <InstallationTabs here="/installation/replicas" />
      {!may.allowed ? (
        <EmptyState icon={<IconLock size={40} />} title={t('replicas.refused')}>
          {may.reason}
        </EmptyState>
      ) : data ? (
        <Shown report={data} />
      ) : error ? (
        <ErrorState error={error} retry={refetch} />
      ) : (
        <LoadingState />
      )}
    </Page>
  )
}

function Shown({ report }: { report: Report }) {
  const { t } = useTranslation()
  return (
    <Stack>
      {report.items.length === 0 ? (
        <EmptyState icon={<IconCopy size={40} />} title={t('replicas.empty')}>
          {t('replicas.empty_text')}
        </EmptyState>
      ) : (
        report.items.map((replica) => <ReplicaCard key={replica.name} replica={replica} maxLag={report.max_lag_seconds} />)
      )}
      {report.items.length > 0 && <Fallbacks report={report} />}
      <HowTo embedded={report.embedded} />
    </Stack>
  )
}

function ReplicaCard({ replica, maxLag }: { replica: ReplicaView; maxLag: number }) {
  const { t } = useTranslation()
  const format = useFormat()
  const facts = [
    [t('replicas.lag'), replica.lag_seconds === null ? t('replicas.lag_unknown') : t('replicas.seconds', { seconds: format.number(replica.lag_seconds) })],
    [t('replicas.reads'), format.number(replica.reads)],
    [t('replicas.since'), format.instant(replica.since)],
  ]
  return (
    <section className="surface" aria-labelledby={`replica-${replica.name}`}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <Title order={2} size="h4" id={`replica-${replica.name}`} className="break-words mono">
          {replica.name}
        </Title>
        <ToneBadge tone={tones[replica.state]}>{t(`replicas.state_${replica.state}`)}</ToneBadge>
      </Group>
      <Text size="sm" mt={4}>
        {t(`replicas.text_${replica.state}`, { seconds: format.number(maxLag) })}
      </Text>
      <Group gap="xl" mt="sm" mb={0} component="dl">
        {facts.map(([name, value]) => (
          <div key={name}>
            <Text component="dt" size="xs" c="dimmed">
              {name}
            </Text>
            <Text component="dd" m={0} fw={600}>
              {value}
            </Text>
          </div>
        ))}
      </Group>
      {replica.last_error && replica.state !== 'up' && (
        <Text size="sm" c="dimmed" mt="xs" className="break-words">
          {t('replicas.last_error')}: <span className="mono">{replica.last_error}</span>
        </Text>
      )}
    </section>
  )
}

/** Why reports were read on the primary: most of it is as it should be, so each reason says what it means. */
function Fallbacks({ report }: { report: Report }) {
  const { t } = useTranslation()
  const format = useFormat()
  const some = report.fallbacks.filter(({ count }) => count > 0)
  return (
    <section className="surface" aria-labelledby="replica-fallbacks">
      <Title order={2} size="h4" id="replica-fallbacks">
        {t('replicas.fallbacks')}
      </Title>
      {some.length === 0 ? (
        <Text size="sm" c="dimmed" mt={4}>
          {t('replicas.no_fallbacks')}
        </Text>
      ) : (
        <Table mt="xs" verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('replicas.reason')}</Table.Th>
              <Table.Th ta="right">{t('replicas.count')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {some.map(({ reason, count }) => (
              <Table.Tr key={reason}>
                <Table.Td>{t(`replicas.reason_${reason}`, { ms: format.number(report.wait_ms), seconds: format.number(report.max_lag_seconds) })}</Table.Td>
                <Table.Td ta="right">{format.number(count)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </section>
  )
}

const commands = {
  embedded: ['bitcorp replica add /mnt/disk2/replica', 'bitcorp replica serve /mnt/disk2/replica', 'DATABASE_REPLICA_URL=postgresql://127.0.0.1:PORT/bitcorp_erp bitcorp serve'],
  own: ['pg_basebackup -h PRIMARY -U REPLICATOR -D DIR -R -C -S bitcorp_1 -X stream', 'pg_ctl -D DIR start', 'DATABASE_REPLICA_URL=postgresql://REPLICA:5432/bitcorp bitcorp serve'],
}

function HowTo({ embedded }: { embedded: boolean }) {
  const { t } = useTranslation()
  const kind = embedded ? 'embedded' : 'own'
  return (
    <section className="surface" aria-labelledby="replica-how">
      <Title order={2} size="h4" id="replica-how">
        {t('replicas.how')}
      </Title>
      <Text size="sm" c="dimmed" mt={4} mb="xs">
        {t(`replicas.how_${kind}`)}
      </Text>
      <Stack gap="xs">
        {commands[kind].map((command, i) => (
          <CopyField key={command} label={t(`replicas.step_${i + 1}`)} value={command} />
        ))}
      </Stack>
      <Text size="sm" c="dimmed" mt="sm">
        {t(embedded ? 'replicas.lost_embedded' : 'replicas.lost_own')}
      </Text>
    </section>
  )
}
