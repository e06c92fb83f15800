// What collectors are told: /metrics, /healthz and /readyz. Names and helps in the style of Prometheus; no label names a company, a person or a secret.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { JobState } from '../../base/jobs.ts'
import { poolMetrics } from '../../base/pool-metrics.ts'
import { signIn as signInOperation } from '../access/contract.ts'
import { keptFor, type Measures, measure } from './store.ts'
import { Traffic } from './traffic.ts'

export type Watch = { registry: Registry; traffic: Traffic; lagMs: () => Promise<number> }

/** A scrape asks the database at most once in so many milliseconds, however many collectors there are. */
const keepMs = 5000

/** Comes before the routes: only what is registered after it is counted. `ownerUrl` left out: the database's own figures are too. */
export function serveMetrics(app: FastifyInstance, ownerUrl: string | undefined): Watch {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const traffic = new Traffic()
  countRequests(app, registry, traffic)
  countJobs(app, registry)
  tellOfLogs(app, registry)
  if (ownerUrl) tellOfDatabase(registry, ownerUrl)
  const hidden = { schema: { hide: true }, config: { rateLimit: false } }
  app.get('/healthz', hidden, async () => ({ status: 'up' }))
  app.get('/readyz', hidden, async () => {
    await app.ground.db.plain(sql`SELECT begin_request(NULL, NULL, NULL, NULL) FROM pg_class WHERE false`)
    return { status: 'ready' }
  })
  // Not public: only for a collector on the same machine.
  app.get('/metrics', hidden, async (request, reply) => {
    // Whoever comes through a proxy on this machine brings the header along.
    if (request.headers['x-forwarded-for'] !== undefined || !/^(127\.|::1|::ffff:127\.)/.test(request.socket.remoteAddress ?? '')) return reply.callNotFound()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
  const lagMs = async () => {
    const values = (await registry.getSingleMetric('nodejs_eventloop_lag_p99_seconds')?.get())?.values ?? []
    return Math.round(Number(values[0]?.value ?? 0) * 10_000) / 10
  }
  return { registry, traffic, lagMs }
}

function countRequests(app: FastifyInstance, registry: Registry, traffic: Traffic): void {
  const registers = [registry]
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests',
    labelNames: ['method', 'route', 'status'],
    registers,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
  })
  const limited = new Counter({ name: 'http_requests_limited_total', help: 'Requests refused because there were too many (429)', registers })
  const failed = new Counter({ name: 'sign_ins_failed_total', help: 'Sign-ins with a wrong address, password or code', registers })
  const signIn = `${signInOperation.method} ${signInOperation.path}`
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode, elapsedTime } = reply
    const route = request.routeOptions.url ?? 'none'
    durations.observe({ method: request.method, route, status: String(statusCode) }, elapsedTime / 1000)
    if (statusCode === 429) limited.inc()
    if (statusCode === 401 && `${request.method} ${route}` === signIn) failed.inc()
    // A stream of events lasts as long as somebody listens: that is no duration of a request.
    if (route.startsWith('/api/') && !String(reply.getHeader('content-type')).startsWith('text/event-stream')) traffic.note(elapsedTime, statusCode)
  })
  poolMetrics(registry, app.ground.db, app.ground.turns)
}

function countJobs(app: FastifyInstance, registry: Registry): void {
  const registers = [registry]
  const labelNames = ['job'] as const
  const seconds = (instant: string | null) => (instant === null ? undefined : Date.parse(instant) / 1000)
  const gauge = (name: string, help: string, value: (job: JobState) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const job of app.ground.jobs.list()) {
          const found = value(job)
          if (found !== undefined) this.set({ job: job.name }, found)
        }
      },
    })
  const counter = (name: string, help: string, value: (job: JobState) => number) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const job of app.ground.jobs.list()) this.inc({ job: job.name }, value(job))
      },
    })
  gauge('job_last_success_timestamp_seconds', 'When the job last went well', (job) => seconds(job.succeeded_at))
  gauge('job_last_duration_seconds', 'How long the last run took', (job) => (job.duration_ms === null ? undefined : job.duration_ms / 1000))
  gauge('job_interval_seconds', 'How often the job runs', (job) => job.every_ms / 1000)
  gauge('job_failing', '1 when the last run failed', (job) => (job.error === null ? 0 : 1))
  counter('job_runs_total', 'Runs since the start', (job) => job.runs)
  counter('job_failures_total', 'Runs that failed since the start', (job) => job.failures)
}

type Told<T> = [name: string, kind: typeof Gauge | typeof Counter, help: string, value: (found: T) => number | Record<string, number>, label?: string]

/** Values that come from the database. While it cannot tell them they are left out: an old number would look like a true one. */
function tell<T>(registry: Registry, read: () => Promise<T>, list: Told<T>[]): void {
  for (const [name, Kind, help, value, label] of list) {
    const metric = new Kind({
      name,
      help,
      ...(label ? { labelNames: [label] } : {}),
      registers: [registry],
      async collect() {
        metric.reset()
        if (!label) metric.remove()
        const found = await read().catch(() => undefined)
        if (found === undefined) return
        const values = value(found)
        if (typeof values === 'number') metric.inc(values)
        else for (const [key, one] of Object.entries(values)) metric.inc({ [label ?? '']: key }, one)
      },
    })
  }
}

function tellOfLogs(app: FastifyInstance, registry: Registry): void {
  type Health = { missing_months: number; stray_rows: number }
  const read = keptFor(keepMs, async () => (await app.ground.db.plain<Health>(sql`SELECT missing_months, stray_rows FROM examine_equipment_logs()`))[0] ?? { missing_months: 0, stray_rows: 0 })
  tell(registry, read, [
    ['equipment_logs_default_rows', Gauge, 'Entries of machines’ logs without a partition of their month; must be 0', (found) => found.stray_rows],
    ['equipment_logs_missing_months', Gauge, 'Partitions that are missing of this month and the three to come; must be 0', (found) => found.missing_months],
  ])
}

function tellOfDatabase(registry: Registry, ownerUrl: string): void {
  const read = keptFor(keepMs, () => measure(ownerUrl))
  const up = new Gauge({
    name: 'database_up',
    help: '1 when the database told its figures, 0 when it did not',
    registers: [registry],
    async collect() {
      up.set(
        await read().then(
          () => 1,
          () => 0,
        ),
      )
    },
  })
  tell<Measures>(registry, read, [
    ['database_size_bytes', Gauge, 'Size of the database', (found) => found.bytes],
    ['database_server_connections', Gauge, 'Connections to this database of all programs, by what they do', (found) => found.connections, 'state'],
    ['database_transactions_total', Counter, 'Transactions since the statistics began', (found) => ({ committed: found.commits, rolled_back: found.rollbacks }), 'outcome'],
    ['database_blocks_total', Counter, 'Blocks found in memory (hit) or fetched (read)', (found) => ({ hit: found.blocks_hit, read: found.blocks_read }), 'from'],
    ['database_deadlocks_total', Counter, 'Deadlocks since the statistics began', (found) => found.deadlocks],
    ['database_temporary_bytes_total', Counter, 'Bytes that statements wrote to temporary files', (found) => found.temp_bytes],
    ['database_locks_waiting', Gauge, 'Locks that somebody waits for', (found) => found.locks_waiting],
    ['database_oldest_transaction_seconds', Gauge, 'Age of the oldest open transaction', (found) => found.oldest_transaction_s],
    ['database_slow_statements', Gauge, 'Statements that take more than 100 ms on average', (found) => found.slow_statements],
    ['sessions_live', Gauge, 'People signed in to the page', (found) => found.live_sessions],
    ['audit_unchained_rows', Gauge, 'Rows of the audit that the chain does not hold yet; counted to 10000', (found) => found.audit_unchained],
    [
      'webhooks',
      Gauge,
      'Webhooks by state; failing: its last try failed, it tries again; disabled: given up',
      (found) => ({ active: found.webhooks_active, failing: found.webhooks_failing, disabled: found.webhooks_disabled }),
      'state',
    ],
    ['webhook_events_waiting', Gauge, 'Events that active webhooks have not delivered yet; each counted to 1000', (found) => found.webhook_events_waiting],
  ])
}
