// The page of who looks after the installation: how it works now, how the last hour was, and what asks for attention.
import { Title } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { InstallationTabs } from '../../../web/installation.tsx'
import { Page } from '../../../web/page.tsx'
import { useRead } from '../../../web/query.ts'
import { useMay } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { PageLink } from '../../../web/url.tsx'
import { getDatabaseUse, getLoad } from '../contract.ts'
import { TrafficCharts } from './charts.tsx'
import { DatabaseParts, useSize } from './database.tsx'
import { Tile } from './facts.tsx'
import { Jobs } from './jobs.tsx'
import './installation.css'

const everyMs = 15_000

export function InstallationPage() {
  const { t } = useTranslation()
  const may = useMay()(getLoad)
  const load = useRead(getLoad, {}, { enabled: may.allowed, refetchInterval: everyMs })
  const use = useRead(getDatabaseUse, {}, { enabled: may.allowed, refetchInterval: everyMs })
  if (!may.allowed)
    return (
      <Page title={t('web.installation_load')}>
        <EmptyState icon={<IconLock size={40} />} title={t('monitoring.refused')}>
          {may.reason}
        </EmptyState>
      </Page>
    )
  return (
    <Page title={t('web.installation_load')} subtitle={t('monitoring.subtitle')}>
      <InstallationTabs here="/installation" />
      <div className="stack">
        {load.data ? <Load load={load.data} /> : load.error ? <ErrorState error={load.error} retry={load.refetch} /> : <LoadingState />}
        {use.data ? <DatabaseParts use={use.data} /> : use.error ? <ErrorState error={use.error} retry={use.refetch} /> : <LoadingState />}
        <nav className="surface" aria-label={t('monitoring.elsewhere')}>
          <PageLink to="/installation/backups">{t('monitoring.to_backups')}</PageLink>
          {' · '}
          <PageLink to="/installation/replicas">{t('monitoring.to_replicas')}</PageLink>
        </nav>
      </div>
    </Page>
  )
}

function Load({ load }: { load: NonNullable<ReturnType<typeof useRead<typeof getLoad>>['data']> }) {
  const { t } = useTranslation()
  const format = useFormat()
  const size = useSize()
  const { hour, minutes } = load.traffic
  const { total, idle, waiting } = load.connections
  const ms = (value: number | null) => (value === null ? '–' : t('monitoring.ms', { ms: format.number(value) }))
  return (
    <>
      <section className="surface" aria-labelledby="hour">
        <Title order={2} size="h4" id="hour" mb="xs">
          {t('monitoring.hour')}
        </Title>
        <div className="tiles">
          <Tile value={format.number(hour.requests)} label={t('monitoring.requests')} />
          <Tile value={format.number(hour.failed)} label={t('monitoring.failed')} tone={hour.failed > 0 ? 'bad' : undefined} />
          <Tile value={ms(hour.p50_ms)} label={t('monitoring.usual')} />
          <Tile value={ms(hour.p95_ms)} label={t('monitoring.most')} />
          <Tile value={ms(hour.p99_ms)} label={t('monitoring.nearly_all')} />
          <Tile value={total - idle} label={t('monitoring.connections_text', { busy: total - idle, total, waiting })} tone={waiting > 0 ? 'bad' : undefined} />
          <Tile value={size(load.memory_bytes)} label={t('monitoring.memory')} />
          <Tile value={ms(load.lag_ms)} label={t('monitoring.lag')} />
        </div>
        {hour.requests > 0 ? <TrafficCharts minutes={minutes} /> : <EmptyState title={t('monitoring.no_requests')}>{t('monitoring.no_requests_text')}</EmptyState>}
        <p className="load-version">
          {t('monitoring.version')}: Bitcorp ERP {load.version}, Node {load.node} · {t('monitoring.running_since')} {format.instant(load.started_at)}
        </p>
      </section>
      <Jobs jobs={load.jobs} />
    </>
  )
}
