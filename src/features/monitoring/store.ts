// Reads how the database works, as the monitoring role, on a connection of its own that no request waits for.
import pg from 'pg'
import { migrationStatus } from '../../base/migrate.ts'
import type { DatabaseUse } from './contract.ts'

type Ask = <Row>(text: string) => Promise<Row[]>

/** One read-only transaction as monitoring_user: a statement ends after 5 seconds, a wait for a lock after 1. */
export async function asMonitor<T>(ownerUrl: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'bitcorp_erp monitoring',
    connectionTimeoutMillis: 5000,
    types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === 20 || oid === 1700 ? Number : pg.types.getTypeParser(oid, format as 'text')) } as pg.CustomTypesConfig,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query("BEGIN READ ONLY; SET LOCAL ROLE monitoring_user; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'; SET LOCAL timezone = 'UTC'")
    return await work(async <Row>(text: string) => (await client.query(text)).rows as Row[])
  } finally {
    await client.end().catch(() => {})
  }
}

/** The answer of `read`, for as long as given: whoever asks meanwhile, or while it is under way, gets the same one. */
export function keptFor<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  let until = 0
  return () => {
    if (!answer || Date.now() >= until) {
      until = Number.POSITIVE_INFINITY
      answer = read().finally(() => {
        until = Date.now() + ms
      })
      answer.catch(() => {})
    }
    return answer
  }
}

export type Measures = {
  bytes: number
  commits: number
  rollbacks: number
  deadlocks: number
  temp_bytes: number
  blocks_hit: number
  blocks_read: number
  locks_waiting: number
  oldest_transaction_s: number
  slow_statements: number
  connections: Record<string, number>
  live_sessions: number
  audit_unchained: number
  webhooks_active: number
  webhooks_failing: number
  webhooks_disabled: number
  webhook_events_waiting: number
}

const figures = `SELECT pg_database_size(current_database()) AS bytes, d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks, d.temp_bytes, d.blks_hit AS blocks_hit, d.blks_read AS blocks_read,
    (SELECT count(*) FROM pg_locks l WHERE NOT l.granted) AS locks_waiting,
    coalesce((SELECT extract(epoch FROM max(clock_timestamp() - a.xact_start)) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()), 0)::float8 AS oldest_transaction_s
  FROM pg_stat_database d WHERE d.datname = current_database()`
const activity = `SELECT coalesce(a.state, 'other') AS state, count(*) AS count FROM pg_stat_activity a WHERE a.datname = current_database() GROUP BY 1`

export function measure(ownerUrl: string): Promise<Measures> {
  return asMonitor(ownerUrl, async (ask) => {
    const [base] = await ask<Omit<Measures, 'connections' | 'slow_statements'>>(`SELECT f.*, m.* FROM (${figures}) f, measure_installation() m`)
    const [slow] = await ask<{ count: number }>('SELECT count(*) AS count FROM slow_queries')
    const states = await ask<{ state: string; count: number }>(activity)
    if (!base) throw new Error('the database has no figures about itself')
    return { ...base, slow_statements: slow?.count ?? 0, connections: Object.fromEntries(states.map(({ state, count }) => [state, count])) }
  })
}

const instant = (column: string) => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
const statement = (mean: string) => `query, calls, round(total_time::numeric, 1) AS total_ms, round(mean_time::numeric, 2) AS mean_ms, rows, round((${mean})::numeric, 1) AS hit_percent`

/** Everything the page shows of the database. The partitions and migrations stand where others can read them too. */
export async function readDatabaseUse(ownerUrl: string): Promise<DatabaseUse> {
  const migrations = await migrationStatus(ownerUrl)
  return asMonitor(ownerUrl, async (ask) => {
    const [figure] = await ask<Measures>(figures)
    const [server] = await ask<{
      server_version: string
      started_at: string
      most: number
      knows_statements: boolean
      sees_everything: boolean
    }>(`SELECT current_setting('server_version') AS server_version,
      ${instant('pg_postmaster_start_time()')} AS started_at, current_setting('max_connections')::int AS most,
      EXISTS (SELECT FROM list_statements()) AS knows_statements, pg_has_role('monitoring_user', 'pg_monitor', 'USAGE') AS sees_everything`)
    const states = await ask<{ state: string; count: number }>(activity)
    const [months] = await ask<{ missing_months: number; stray_rows: number }>('SELECT missing_months, stray_rows FROM examine_equipment_logs()')
    const of = (...names: string[]) => states.filter(({ state }) => names.includes(state)).reduce((sum, { count }) => sum + count, 0)
    if (!figure || !server || !months) throw new Error('the database has no figures about itself')
    const { most, ...facts } = server
    const read = figure.blocks_hit + figure.blocks_read
    return {
      ...facts,
      ...months,
      bytes: figure.bytes,
      cache_hit_percent: read === 0 ? null : Math.round((1000 * figure.blocks_hit) / read) / 10,
      connections: { total: states.reduce((sum, { count }) => sum + count, 0), active: of('active'), in_transaction: of('idle in transaction', 'idle in transaction (aborted)'), most },
      oldest_transaction_s: Math.round(figure.oldest_transaction_s * 10) / 10,
      locks_waiting: figure.locks_waiting,
      slow_queries: await ask(`SELECT ${statement('hit_percent')} FROM slow_queries ORDER BY mean_time DESC LIMIT 20`),
      busiest: await ask(
        `SELECT ${statement('100.0 * shared_blks_hit / nullif(shared_blks_hit + shared_blks_read, 0)')} FROM list_statements() WHERE query !~ 'pg_stat|list_statements' ORDER BY total_time DESC LIMIT 10`,
      ),
      ...(await readTables(ask)),
      migrations,
    }
  })
}

async function readTables(ask: Ask): Promise<Pick<DatabaseUse, 'tables' | 'indexes' | 'unused_indexes' | 'invalid_indexes' | 'partitions'>> {
  const indexes = await ask<{ name: string; table: string; bytes: number; scans: number; is_rule: boolean; is_valid: boolean }>(
    "SELECT indexname AS name, tablename AS table, index_bytes AS bytes, idx_scan AS scans, is_rule, is_valid FROM index_usage_stats WHERE schemaname = 'public' ORDER BY index_bytes DESC, indexname",
  )
  return {
    tables:
      await ask(`SELECT tablename AS name, total_bytes AS bytes, n_live_tup AS live_rows, n_dead_tup AS dead_rows, seq_scan AS scans, coalesce(idx_scan, 0) AS index_scans, index_usage_percent, cache_hit_percent,
      ${instant('last_vacuum_at')} AS last_vacuum_at, ${instant('last_analyze_at')} AS last_analyze_at FROM table_usage_stats WHERE schemaname = 'public' ORDER BY total_bytes DESC, tablename`),
    indexes: indexes.length,
    unused_indexes: indexes.filter((index) => index.scans === 0 && !index.is_rule).map(({ name, table, bytes }) => ({ name, table, bytes })),
    invalid_indexes: indexes.filter((index) => !index.is_valid).map(({ name }) => name),
    partitions: await ask(`SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes, greatest(s.n_live_tup, 0) AS rows FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE i.inhparent = 'public.equipment_logs'::regclass ORDER BY c.relname`),
  }
}
