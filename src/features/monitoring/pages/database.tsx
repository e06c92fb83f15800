// How the database is used: its load, slow statements, tables, indexes, months of the log, migrations.
import { Alert, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { type Format, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { ToneBadge } from '../../../web/tone.tsx'
import type { DatabaseUse, Statement } from '../contract.ts'
import { Facts, Tile } from './facts.tsx'

/** 1536 is "1.5 kB": as an administrator reads it. */
export function useSize(): (bytes: number) => string {
  const { i18n } = useTranslation()
  return (bytes) => {
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const
    const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log(bytes) / Math.log(1000)))
    return new Intl.NumberFormat(i18n.language === 'en' ? 'en-GB' : 'es-PE', { style: 'unit', unit: units[step] ?? 'byte', unitDisplay: 'short', maximumFractionDigits: step < 2 ? 0 : 1 }).format(
      bytes / 1000 ** step,
    )
  }
}

const share = (format: Format, percent: number | null) => format.percent(percent === null ? null : (percent / 100).toFixed(4))

function Part({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
  const id = `part-${title.replace(/\W+/g, '-')}`
  return (
    <section className="surface" aria-labelledby={id}>
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      {text && (
        <Text component="div" size="sm" c="dimmed" mb="xs">
          {text}
        </Text>
      )}
      {children}
    </section>
  )
}

export function DatabaseParts({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  const format = useFormat()
  const size = useSize()
  return (
    <>
      <Part title={t('monitoring.database')} text={t('monitoring.database_text', { version: use.server_version, since: format.instant(use.started_at) })}>
        <div className="tiles">
          <Tile value={size(use.bytes)} label={t('monitoring.size')} />
          <Tile value={share(format, use.cache_hit_percent)} label={t('monitoring.cache_hits')} />
          <Tile value={use.connections.total} label={t('monitoring.server_connections', use.connections)} />
          <Tile value={t('monitoring.seconds', { seconds: format.number(use.oldest_transaction_s) })} label={t('monitoring.oldest')} tone={use.oldest_transaction_s > 300 ? 'bad' : undefined} />
          <Tile value={use.locks_waiting} label={t('monitoring.locks')} tone={use.locks_waiting > 0 ? 'bad' : undefined} />
        </div>
      </Part>
      {!use.sees_everything && (
        <Alert color="yellow" variant="light" className="alert-warn">
          {t('monitoring.sees_little')}
        </Alert>
      )}
      <Statements use={use} />
      <Tables use={use} />
      <div className="columns-2">
        <Indexes use={use} />
        <Partitions use={use} />
      </div>
      <Migrations use={use} />
    </>
  )
}

function Statements({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  if (!use.knows_statements) return <Part title={t('monitoring.unknown_statements')} text={t('monitoring.unknown_statements_text')} />
  return (
    <>
      <Part title={t('monitoring.slow')} text={t('monitoring.slow_text')}>
        {use.slow_queries.length === 0 ? <ToneBadge tone="ok">{t('monitoring.no_slow')}</ToneBadge> : <StatementList caption={t('monitoring.slow')} statements={use.slow_queries} />}
      </Part>
      <Part title={t('monitoring.busiest')}>
        <StatementList caption={t('monitoring.busiest')} statements={use.busiest} />
      </Part>
    </>
  )
}

function StatementList({ caption, statements }: { caption: string; statements: Statement[] }) {
  const { t } = useTranslation()
  const format = useFormat()
  const ms = (value: number) => <span className="nowrap">{t('monitoring.ms', { ms: format.number(value) })}</span>
  const rows = statements.map((statement, place) => ({ ...statement, place }))
  return (
    <Facts
      caption={caption}
      first={5}
      rows={rows}
      rowKey={(row) => String(row.place)}
      columns={[
        { key: 'statement', title: t('monitoring.statement'), render: (row) => <StatementText text={row.query} /> },
        { key: 'mean', title: t('monitoring.mean'), align: 'right', render: (row) => ms(row.mean_ms) },
        { key: 'calls', title: t('monitoring.calls'), align: 'right', render: (row) => format.number(row.calls) },
        { key: 'total', title: t('monitoring.total'), align: 'right', render: (row) => ms(row.total_ms) },
        { key: 'rows', title: t('monitoring.rows'), align: 'right', render: (row) => format.number(row.rows) },
        { key: 'hits', title: t('monitoring.cache_hits'), align: 'right', render: (row) => share(format, row.hit_percent) },
      ]}
    />
  )
}

/** Its beginning; opened, the whole of it. */
function StatementText({ text }: { text: string }) {
  const flat = text.replace(/\s+/g, ' ').trim()
  if (flat.length <= 90) return <code className="load-code">{flat}</code>
  return (
    <details className="load-statement">
      <summary>
        <code className="load-code">{flat.slice(0, 88)}…</code>
      </summary>
      <code className="load-code">{flat}</code>
    </details>
  )
}

function Tables({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  const format = useFormat()
  const size = useSize()
  const largest = Math.max(1, ...use.tables.map((table) => table.bytes))
  return (
    <Part title={t('monitoring.tables')} text={t('monitoring.tables_text')}>
      <Facts
        caption={t('monitoring.tables')}
        rows={use.tables}
        rowKey={(table) => table.name}
        columns={[
          { key: 'name', title: t('monitoring.table'), render: (table) => <code className="load-code">{table.name}</code> },
          {
            key: 'size',
            title: t('monitoring.size'),
            render: (table) => (
              <span className="nowrap">
                <span className="load-bar" aria-hidden>
                  <span style={{ width: `${(100 * table.bytes) / largest}%` }} />
                </span>{' '}
                {size(table.bytes)}
              </span>
            ),
          },
          { key: 'rows', title: t('monitoring.live_rows'), align: 'right', render: (table) => format.number(table.live_rows) },
          { key: 'dead', title: t('monitoring.dead_rows'), align: 'right', render: (table) => format.number(table.dead_rows) },
          { key: 'index', title: t('monitoring.index_usage'), align: 'right', render: (table) => share(format, table.index_usage_percent) },
          { key: 'cache', title: t('monitoring.cache_hits'), align: 'right', render: (table) => share(format, table.cache_hit_percent) },
          {
            key: 'vacuum',
            title: t('monitoring.last_vacuum'),
            render: (table) => <span className="nowrap">{table.last_vacuum_at ? format.instant(table.last_vacuum_at) : t('monitoring.never')}</span>,
          },
        ]}
      />
    </Part>
  )
}

function Indexes({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  const size = useSize()
  return (
    <Part title={t('monitoring.indexes')} text={t('monitoring.indexes_text', { count: use.indexes, unused: use.unused_indexes.length })}>
      {use.invalid_indexes.length > 0 && (
        <Alert color="red" variant="light" className="alert-bad" mb="xs">
          {t('monitoring.invalid', { names: use.invalid_indexes.join(', ') })}
        </Alert>
      )}
      {use.unused_indexes.length === 0 ? (
        <ToneBadge tone="ok">{t('monitoring.all_used')}</ToneBadge>
      ) : (
        <Facts
          caption={t('monitoring.indexes')}
          first={6}
          rows={use.unused_indexes}
          rowKey={(index) => index.name}
          columns={[
            { key: 'name', title: t('monitoring.index'), render: (index) => <code className="load-code">{index.name}</code> },
            { key: 'size', title: t('monitoring.size'), align: 'right', render: (index) => <span className="nowrap">{size(index.bytes)}</span> },
          ]}
        />
      )}
    </Part>
  )
}

function Partitions({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  const format = useFormat()
  const size = useSize()
  const trouble = [
    use.missing_months > 0 && t('monitoring.partitions_missing', { count: use.missing_months }),
    use.stray_rows > 0 && t('monitoring.partitions_stray', { count: use.stray_rows }),
  ].filter(Boolean)
  return (
    <Part title={t('monitoring.partitions')} text={<ToneBadge tone={trouble.length ? 'bad' : 'ok'}>{trouble.join(' ') || t('monitoring.partitions_ok')}</ToneBadge>}>
      <Facts
        caption={t('monitoring.partitions')}
        rows={use.partitions}
        rowKey={(part) => part.name}
        columns={[
          { key: 'name', title: t('monitoring.table'), render: (part) => <code className="load-code">{part.name}</code> },
          { key: 'rows', title: t('monitoring.live_rows'), align: 'right', render: (part) => format.number(part.rows) },
          { key: 'size', title: t('monitoring.size'), align: 'right', render: (part) => <span className="nowrap">{size(part.bytes)}</span> },
        ]}
      />
    </Part>
  )
}

function Migrations({ use }: { use: DatabaseUse }) {
  const { t } = useTranslation()
  const format = useFormat()
  const wrong = use.migrations.filter((one) => one.state !== 'applied').map((one) => one.version)
  const words = wrong.length ? t('monitoring.migrations_wrong', { names: wrong.join(', ') }) : t('monitoring.migrations_ok', { count: use.migrations.length })
  return (
    <Part title={t('monitoring.migrations')} text={<ToneBadge tone={wrong.length ? 'bad' : 'ok'}>{words}</ToneBadge>}>
      <Facts
        caption={t('monitoring.migrations')}
        first={5}
        rows={[...use.migrations].reverse()}
        rowKey={(one) => one.version}
        columns={[
          { key: 'version', title: t('monitoring.migration'), render: (one) => `${one.version} · ${one.description}` },
          { key: 'state', title: t('monitoring.state'), render: (one) => <ToneBadge tone={one.state === 'applied' ? 'ok' : 'bad'}>{t(`monitoring.migration_${one.state}`)}</ToneBadge> },
          { key: 'when', title: t('monitoring.when'), render: (one) => <span className="nowrap">{format.instant(one.applied_at)}</span> },
        ]}
      />
    </Part>
  )
}
