// How the installation works: requests, jobs, connections, the database's own figures. For who looks after the installation.
import { type Static, Type } from 'typebox'
import { Choice, Instant, Nullable, operation } from '../../plain/operation.ts'

const path = '/api/v1/installation'
const strict = { additionalProperties: false }
const Count = Type.Integer()
const Maybe = Nullable(Type.Number())

const requests = { requests: Count, failed: Type.Integer({ description: 'Answered with 500 or above' }), p50_ms: Maybe, p95_ms: Maybe, p99_ms: Maybe }
export const Traffic = Type.Object({ minutes: Type.Array(Type.Object({ at: Instant, ...requests }, strict)), hour: Type.Object(requests, strict) }, strict)
export type Traffic = Static<typeof Traffic>

export const Job = Type.Object(
  {
    name: Type.String(),
    every_ms: Count,
    is_running: Type.Boolean(),
    runs: Count,
    failures: Count,
    started_at: Nullable(Instant),
    ended_at: Nullable(Instant),
    duration_ms: Nullable(Count),
    succeeded_at: Nullable(Instant),
    error: Nullable(Type.String({ description: 'Why the last run failed; null once a run went well' })),
    next_at: Nullable(Instant),
  },
  strict,
)
export type Job = Static<typeof Job>

export const getLoad = operation({
  id: 'getInstallationLoad',
  method: 'GET',
  path: `${path}/load`,
  who: 'installation',
  summary: 'What this server does: requests of the last hour, jobs, connections, memory',
  reply: Type.Object(
    {
      version: Type.String(),
      node: Type.String(),
      started_at: Instant,
      memory_bytes: Count,
      lag_ms: Type.Number({ description: 'How late the program comes to its work, 99 of 100 times at most' }),
      connections: Type.Object({ total: Count, idle: Count, waiting: Count }),
      traffic: Traffic,
      jobs: Type.Array(Job),
    },
    strict,
  ),
})

const Statement = Type.Object({ query: Type.String(), calls: Count, total_ms: Type.Number(), mean_ms: Type.Number(), rows: Count, hit_percent: Maybe }, strict)
export type Statement = Static<typeof Statement>
const TableUse = Type.Object(
  {
    name: Type.String(),
    bytes: Count,
    live_rows: Count,
    dead_rows: Count,
    scans: Count,
    index_scans: Count,
    index_usage_percent: Maybe,
    cache_hit_percent: Maybe,
    last_vacuum_at: Nullable(Instant),
    last_analyze_at: Nullable(Instant),
  },
  strict,
)
export type TableUse = Static<typeof TableUse>
const Migration = Type.Object(
  { version: Type.String(), description: Type.String(), state: Choice(['applied', 'pending', 'edited', 'unknown'] as const), applied_at: Nullable(Type.String()), applied_by: Nullable(Type.String()) },
  strict,
)

export const getDatabaseUse = operation({
  id: 'getInstallationDatabase',
  method: 'GET',
  path: `${path}/database`,
  who: 'installation',
  summary: 'How the database is used, as the monitoring role sees it: slow statements, tables, indexes, partitions, migrations',
  reply: Type.Object(
    {
      server_version: Type.String(),
      started_at: Instant,
      bytes: Count,
      cache_hit_percent: Maybe,
      connections: Type.Object({ total: Count, active: Count, in_transaction: Count, most: Count }, strict),
      oldest_transaction_s: Type.Number(),
      locks_waiting: Count,
      knows_statements: Type.Boolean({ description: 'False: pg_stat_statements is missing or not loaded' }),
      sees_everything: Type.Boolean({ description: 'False: monitoring_user is no member of pg_monitor' }),
      slow_queries: Type.Array(Statement, { description: 'More than 100 ms on average' }),
      busiest: Type.Array(Statement, { description: 'What takes most time altogether' }),
      tables: Type.Array(TableUse),
      indexes: Count,
      unused_indexes: Type.Array(Type.Object({ name: Type.String(), table: Type.String(), bytes: Count }, strict), { description: 'Never used since the statistics began, and no rule needs them' }),
      invalid_indexes: Type.Array(Type.String()),
      partitions: Type.Array(Type.Object({ name: Type.String(), bytes: Count, rows: Count }, strict)),
      missing_months: Count,
      stray_rows: Count,
      migrations: Type.Array(Migration),
    },
    strict,
  ),
})
export type DatabaseUse = Static<typeof getDatabaseUse.reply>

export const runJob = operation({
  id: 'runInstallationJob',
  method: 'POST',
  path: `${path}/jobs/{job}/run`,
  who: 'installation',
  keyed: false,
  summary: 'Run a job now; under way already, its end is waited for, ten seconds at most',
  params: Type.Object({ job: Type.String({ pattern: '^[a-z_]{1,50}$' }) }),
  reply: Job,
})
