// What the monitoring role sees and who else does not; what collectors are told; and the page's own doors.
import { expect, test } from 'vitest'
import { connected, createWorld, refusalOf } from '../../../test/harness.ts'
import { asOwner } from '../../base/owner.ts'
import { createServer } from '../../server.ts'
import { asMonitor, keptFor } from './store.ts'
import { Traffic } from './traffic.ts'

const world = await createWorld({ owner: true })
const admin = world.person('andina', 'admin')
await asOwner(world.ownerUrl, (owner) => owner.query('SELECT put_installation_admin($1, true)', [admin.email]))
const api = '/api/v1/installation'
const seen = <Row>(text: string) => asMonitor(world.ownerUrl, (ask) => ask<Row>(text))
const scrape = async () => (await world.app.inject({ url: '/metrics' })).payload
const figure = (text: string, series: string) => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

test('the views of the guidelines are there, with their columns, for the monitoring role alone', async () => {
  const columns = async (view: string) => (await seen<{ name: string }>(`SELECT attname AS name FROM pg_attribute WHERE attrelid = '${view}'::regclass AND attnum > 0`)).map((row) => row.name)
  expect(await columns('slow_queries')).toEqual(['query', 'calls', 'total_time', 'mean_time', 'stddev_time', 'rows', 'hit_percent'])
  expect((await columns('table_usage_stats')).slice(0, 12)).toEqual([
    'schemaname',
    'tablename',
    'seq_scan',
    'seq_tup_read',
    'idx_scan',
    'idx_tup_fetch',
    'n_tup_ins',
    'n_tup_upd',
    'n_tup_del',
    'n_live_tup',
    'n_dead_tup',
    'index_usage_percent',
  ])
  expect((await seen("SELECT FROM table_usage_stats WHERE tablename = 'equipment'")).length).toBe(1)
  for (const url of [world.appUrl, world.reportingUrl])
    for (const what of ['slow_queries', 'table_usage_stats', 'index_usage_stats', 'list_statements()', 'measure_installation()', 'pg_stat_statements'])
      expect(await refusalOf(() => connected(url, (q) => q(`SELECT * FROM ${what}`))), what).toBe('42501')
  for (const table of ['equipment', 'users', 'audit_logs', 'sessions']) expect(await refusalOf(() => seen(`SELECT FROM ${table}`)), table).toBe('42501')
  expect(await refusalOf(() => seen('CREATE TEMPORARY TABLE t (id int)'))).toBe('25006')
})

test('a slow statement is found, without its values; an index share is exact', async () => {
  await connected(world.appUrl, (q) => q("SELECT pg_sleep(0.12), 'secret of a slow one' AS slow_marker"))
  const rows = await seen<{ query: string; mean_time: number }>("SELECT query, mean_time FROM slow_queries WHERE query LIKE '%slow_marker%'")
  expect(rows).toEqual([{ query: 'SELECT pg_sleep($1), $2 AS slow_marker', mean_time: expect.any(Number) }])
  const [share] = await seen<{ given: number; wanted: number }>(`SELECT index_usage_percent AS given, round(100.0 * idx_scan / nullif(seq_scan + idx_scan, 0), 2) AS wanted
    FROM table_usage_stats WHERE tablename = 'sessions'`)
  expect(share?.given).toBe(share?.wanted)
})

test('a password in a statement never shows, also where the server keeps the texts of utility statements', async () => {
  const secret = `pw-${Date.now()}`
  await connected(world.superuserUrl, async (q) => {
    expect((await q('SHOW pg_stat_statements.track_utility'))[0]['pg_stat_statements.track_utility']).toBe('off')
    await q('SET pg_stat_statements.track_utility = on')
    await q('CREATE ROLE passing_by')
    for (const text of [`ALTER ROLE passing_by PASSWORD '${secret}'`, `/* select */ ALTER ROLE passing_by PASSWORD '${secret}'`, `DO $$BEGIN PERFORM '${secret}'; END$$`]) await q(text)
    await q('DROP ROLE passing_by')
    expect((await q('SELECT FROM pg_stat_statements WHERE query LIKE $1', [`%${secret}%`])).length, 'the server itself keeps it').toBeGreaterThanOrEqual(2)
  })
  const texts = await seen<{ query: string }>('SELECT query FROM list_statements()')
  expect(texts.length).toBeGreaterThan(10)
  expect(texts.filter(({ query }) => query.includes(secret) || /^\s*(alter|create|do|set)\b/i.test(query))).toEqual([])
})

test('without pg_stat_statements the views answer with nothing, and the page says so', async () => {
  await connected(world.superuserUrl, (q) => q('DROP EXTENSION pg_stat_statements'))
  try {
    expect(await seen('SELECT * FROM slow_queries')).toEqual([])
    const { body } = await world.as('andina', 'admin').get(`${api}/database`)
    expect(body).toMatchObject({ knows_statements: false, slow_queries: [], busiest: [], sees_everything: true })
  } finally {
    await connected(world.superuserUrl, (q) =>
      q('CREATE EXTENSION pg_stat_statements; REVOKE ALL ON pg_stat_statements, pg_stat_statements_info FROM PUBLIC; GRANT SELECT ON pg_stat_statements TO monitoring_user'),
    )
  }
})

test('only who looks after the installation gets an answer', async () => {
  const calls = [
    ['GET', `${api}/load`],
    ['GET', `${api}/database`],
    ['POST', `${api}/jobs/audit_chain/run`],
  ] as const
  for (const [method, path] of calls) {
    const body = method === 'GET' ? undefined : {}
    expect((await world.nobody('andina').call(method, path, body, {})).status, path).toBe(401)
    for (const who of ['manager', 'operator', 'viewer'] as const) expect((await world.as('andina', who).call(method, path, body, {})).status, path).toBe(403)
    expect((await world.as('sur', 'admin').call(method, path, body, {})).body, path).toMatchObject({ status: 403, code: 'installation_required' })
    expect((await world.as('andina', 'admin').call(method, path, body, {})).status, path).toBe(200)
  }
  expect((await world.as('andina', 'admin').post(`${api}/jobs/no_such_job/run`)).status).toBe(404)
})

test('a job is run by hand: its work is done, its state told, a failure too, and the metrics follow', async () => {
  const client = world.as('andina', 'admin')
  await world.machine()
  const before = (await client.post(`${api}/jobs/audit_chain/run`)).body
  expect(before).toMatchObject({ name: 'audit_chain', is_running: false, error: null, succeeded_at: expect.any(String) })
  const left = await world.sqlAdmin((q) => q('SELECT FROM audit_logs l WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = l.id)'))
  expect(left).toEqual([])
  await connected(world.superuserUrl, (q) => q('ALTER FUNCTION chain_audit_logs(integer) RENAME TO chain_nothing'))
  const failed = (await client.post(`${api}/jobs/audit_chain/run`)).body
  const told = await scrape()
  await connected(world.superuserUrl, (q) => q('ALTER FUNCTION chain_nothing(integer) RENAME TO chain_audit_logs'))
  expect(failed).toMatchObject({ runs: before.runs + 1, failures: before.failures + 1, error: expect.stringContaining('chain_audit_logs') })
  expect(figure(told, 'job_failing{job="audit_chain"}')).toBe(1)
  expect(figure(told, 'job_failures_total{job="audit_chain"}')).toBe(before.failures + 1)
  expect(figure(told, 'job_last_success_timestamp_seconds{job="audit_chain"}')).toBeCloseTo(Date.parse(before.succeeded_at) / 1000, 2)
  expect((await client.get(`${api}/load`)).body.jobs.map((job: { name: string }) => job.name).sort()).toEqual([
    'audit_chain',
    'backups',
    'log_partitions',
    'maintenance_digest',
    'utilization_sums',
    'webhook_log',
    'webhooks',
  ])
})

test('the metrics tell what waits: sessions, unchained audit, webhooks, failed sign-ins; and name nobody', async () => {
  const client = world.as('andina', 'admin')
  const hook = await client.post('/webhooks', { name: 'Contabilidad', url: 'https://contabilidad.invalid/in' })
  expect(hook.status).toBe(201)
  await world.machine({ name: 'Motoniveladora secreta' })
  await world.app.inject({ method: 'POST', url: '/api/v1/session', payload: { email: admin.email, password: 'not the password' } })
  // An event waits only once every older transaction of the server has ended, those of other databases too: the count may still rise.
  const waiting = async () =>
    (
      await seen<{ events: number; open: number; webhooks: number }>('SELECT webhook_events_waiting AS events, audit_unchained AS open, webhooks_active AS webhooks FROM measure_installation()')
    )[0] ?? { events: 0, open: 0, webhooks: 0 }
  await expect.poll(async () => (await waiting()).events, { timeout: 10_000 }).toBeGreaterThan(0)
  const before = await waiting()
  expect(before).toMatchObject({ webhooks: 1 })
  expect(before.open).toBeGreaterThan(0)
  const text = await freshScrape()
  expect(figure(text, 'database_up')).toBe(1)
  expect(figure(text, 'webhook_events_waiting')).toBeGreaterThanOrEqual(before.events)
  expect(figure(text, 'webhook_events_waiting')).toBeLessThanOrEqual((await waiting()).events)
  expect(figure(text, 'audit_unchained_rows')).toBe(before.open)
  expect(figure(await scrape(), 'sign_ins_failed_total')).toBe(1)
  expect(figure(text, 'database_size_bytes')).toBeGreaterThan(1e6)
  for (const secret of ['Andina', 'andina.test', 'Contabilidad', 'contabilidad.invalid', 'secreta', world.companies.andina.id, admin.userId, admin.secret]) expect(text, secret).not.toContain(secret)
  for (const name of text.matchAll(/^([a-z_]+)(?:\{.*\})? [-\d.e+]+$/gm)) expect(text, name[1]).toContain(`# HELP ${name[1]?.replace(/_(bucket|sum|count)$/, '')} `)
})

/** A new server over the same database has asked it nothing yet. */
async function freshScrape(): Promise<string> {
  const app = await createServer(world.config, world.db, world.ownerUrl)
  const { payload } = await app.inject({ url: '/metrics' })
  await app.close()
  return payload
}

test('collectors ask the database once, however many they are; a dead one is asked again', async () => {
  let asked = 0
  const read = keptFor(60_000, async () => ++asked)
  expect(await Promise.all([read(), read(), read()])).toEqual([1, 1, 1])
  expect(await read()).toBe(1)
  const failing = keptFor(0, async () => Promise.reject(new Error(`no ${++asked}`)))
  await expect(failing()).rejects.toThrow('no 2')
  await expect(failing()).rejects.toThrow('no 3')
})

test('what waits for a lock is waited for a second, then given up', async () => {
  await connected(world.superuserUrl, async (q) => {
    await q('BEGIN; LOCK TABLE equipment IN ACCESS EXCLUSIVE MODE')
    expect(await refusalOf(() => seen("SELECT * FROM table_usage_stats WHERE tablename = 'equipment'"))).toBe('55P03')
    expect(await seen("SELECT current_setting('statement_timeout') AS most")).toEqual([{ most: '5s' }])
    await q('ROLLBACK')
  })
})

test('the last hour is counted minute by minute, and forgotten after it', () => {
  let now = Date.parse('2026-11-28T10:00:30Z')
  const traffic = new Traffic(() => now)
  for (let i = 0; i < 99; i++) traffic.note(10, 200)
  traffic.note(900, 503)
  const { minutes, hour } = traffic.read()
  expect(minutes).toHaveLength(60)
  expect(minutes.at(-1)).toMatchObject({ at: '2026-11-28T10:00:00.000Z', requests: 100, failed: 1 })
  expect(hour.requests).toBe(100)
  expect(hour.p50_ms).toBeGreaterThanOrEqual(10)
  expect(hour.p99_ms).toBeLessThan(13)
  now += 30 * 60_000
  traffic.note(900, 200)
  expect(traffic.read().hour).toMatchObject({ requests: 101, failed: 1 })
  now += 30 * 60_000
  expect(traffic.read().hour).toMatchObject({ requests: 1, failed: 0 })
  expect(traffic.read().hour.p50_ms).toBeGreaterThanOrEqual(900)
  now += 60 * 60_000
  expect(traffic.read().hour).toMatchObject({ requests: 0, p50_ms: null })
})
