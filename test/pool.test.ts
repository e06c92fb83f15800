// The connections that serve: how many, how long one waits for them, how old they grow, and what is said when the database says nothing.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import { type PoolSettings, poolDefaults, readConfig } from '../src/base/config.ts'
import { Database, hashSecret, type Identity } from '../src/base/db.ts'
import { logStatements } from '../src/base/statement-log.ts'
import { createServer } from '../src/server.ts'
import { Client, createWorld, type Reply } from './harness.ts'
import { until } from './program.ts'
import { startRelay } from './relay.ts'

const world = await createWorld()
const company = world.companies.andina
const identity: Identity = { credential: hashSecret(company.people.manager.secret), companyId: company.id, metadata: '{"request_id": "r-1"}', roles: null }
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A database of these settings, over a relay, with a server on it. */
async function open(settings: Partial<PoolSettings>) {
  const relay = await startRelay(world.appUrl)
  const db = new Database(relay.url, settings)
  const config = readConfig({ BITCORP_LOG_LEVEL: 'fatal', BITCORP_RATE_LIMIT: '10000000' })
  const app = await createServer({ ...config, pool: { ...config.pool, ...settings } }, db)
  ends.push(
    relay.close,
    () => db.close(),
    () => app.close(),
  )
  const person = new Client(app, `/api/v1/companies/${company.id}`, world.as('andina', 'manager').auth)
  return { relay, db, app, person, register: () => person.post('/equipment', { name: 'Compactador', ownership: 'rented' }) }
}
const told = (reply: Reply) => [reply.status, reply.body.code, Number(reply.headers['retry-after']) > 0]
const pid = async (db: Database, shared: boolean) => (await db.as(identity, shared).run<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`))[0]?.pid
const busy = (db: Database, seconds: number) => db.as(identity).run(sql`SELECT pg_sleep(${seconds})`)

test('who waits too long for a connection is told to come again, in words, and is counted; the next one is served', async () => {
  const { db, app, register } = await open({ size: 1, overflow: 0, checkoutMs: 1500 })
  expect((await register()).status).toBe(201)
  const holding = busy(db, 4)
  const reply = await register()
  expect(told(reply)).toEqual([503, 'database_busy', true])
  expect(reply.body.detail).toMatch(/All connections to the database are in use/)
  await holding
  expect((await register()).status).toBe(201)
  const metrics = (await app.inject('/metrics')).payload
  expect(metrics).toMatch(/^database_pool_waits_total 1$/m)
  expect(metrics).toMatch(/^database_pool_timeouts_total 1$/m)
  expect(metrics).toMatch(/^database_connections\{state="total"\} 1$/m)
})

test('beyond the size as many more open as the overflow allows, and close when they are idle', async () => {
  const { db } = await open({ size: 1, overflow: 2, overflowIdleMs: 1000 })
  await Promise.all(Array.from({ length: 6 }, () => busy(db, 0.1)))
  expect(db.counts().total).toBe(3)
  expect(db.tallies().waits).toBe(3)
  await until(() => db.counts().total === 1, 20_000)
  await sleep(300)
  expect(db.counts().total).toBe(1)
})

test('a connection older than the limit is replaced, in the pool and among the readers', async () => {
  const { db } = await open({ size: 1, overflow: 0, recycleMs: 300 })
  for (const shared of [false, true]) {
    const first = await pid(db, shared)
    await until(async () => (await pid(db, shared)) !== first && (await pid(db, shared)) !== first, 10_000)
  }
})

test('a line that died while idle is noticed before use: the statement is answered over a new one', async () => {
  const { db, relay, register } = await open({ size: 3, overflow: 0, pingAfterMs: 0, silenceMs: 60_000 })
  await Promise.all([busy(db, 0.1), busy(db, 0.1), busy(db, 0.1), pid(db, true), pid(db, true)])
  await sleep(5)
  relay.silenceOpen()
  expect((await register()).status).toBe(201)
  expect(await pid(db, true)).toBeGreaterThan(0)
  expect(db.counts().total).toBe(1)
  expect(db.tallies().replaced).toBeGreaterThanOrEqual(4)
})

test('a connection in use is not asked before each statement', async () => {
  const { db, relay } = await open({ size: 1, overflow: 0 })
  for (let i = 0; i < 20; i++) await Promise.all([pid(db, false), pid(db, true)])
  expect([relay.sent('Q'), relay.sent('S')]).toEqual([0, 40])
})

test('each connection speaks UTC, has its name and its timeouts', async () => {
  const { db } = await open({ statementMs: 7000, readMs: 6000, lockMs: 5000, idleTransactionMs: 4000 })
  const settings = sql<
    Record<string, string>
  >`SELECT current_setting('timezone') AS zone, current_setting('datestyle') AS dates, current_setting('application_name') AS name, current_setting('statement_timeout') AS statement,
    current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`
  const expected = { zone: 'UTC', dates: 'ISO, MDY', name: 'bitcorp_erp', statement: '7s', lock: '5s', idle: '4s' }
  expect(await db.plain(settings)).toEqual([expected])
  expect(await db.as(identity).run(settings)).toEqual([expected])
  expect(await db.as(identity).transaction((tx) => tx.run(settings))).toEqual([expected])
  expect(await db.as(identity, true).run(settings)).toEqual([{ ...expected, statement: '6s' }])
})

test('a frozen database: who waits and who comes is told to come again while it lasts; then all is served again', async () => {
  const { db, relay, person, register } = await open({ size: 3, overflow: 0, silenceMs: 2000 })
  expect((await register()).status).toBe(201)
  relay.freeze()
  // More than there are connections, over each path: the pool, the readers, a transaction.
  const calls = () => [
    register(),
    register(),
    register(),
    register(),
    person.get('/equipment'),
    person.get('/equipment-summary'),
    person.post('/equipment', { name: 'X', ownership: 'rented' }, { key: 'k-1' }),
  ]
  for (const reply of await Promise.all(calls())) expect(told(reply)).toEqual([503, 'database_unavailable', true])
  for (const reply of await Promise.all(calls())) expect(told(reply)).toEqual([503, 'database_unavailable', true])
  expect(db.tallies().silences).toBe(1)
  relay.thaw()
  await until(async () => (await person.get('/equipment')).status === 200 && (await register()).status === 201, 30_000)
})

test('a database that is only slow is not taken for frozen', async () => {
  const { db } = await open({ size: 1, overflow: 0, silenceMs: 2000 })
  await busy(db, 4)
  expect(db.tallies().silences).toBe(0)
})

test('a single connection that hangs is given up at its own deadline, and the transaction on it too', async () => {
  const { db, relay, register } = await open({ size: 1, overflow: 0, statementMs: 1500, silenceMs: 2000 })
  const stuck = db.as(identity).transaction(async (tx) => {
    await tx.run(sql`SELECT 1`)
    relay.silenceOpen()
    return tx.run(sql`SELECT 2`)
  })
  await expect(stuck).rejects.toThrow(/read timeout/)
  expect(db.counts().total).toBe(0)
  await register()
})

test('slow statements are logged, all of them by the switch: their text and who asked, never a value', async () => {
  const { db } = await open({})
  const write = async (settings: Partial<PoolSettings>) => {
    const lines: { level: number; msg: string; statement: string; ms: number; request_id?: string; failed?: string }[] = []
    const { log } = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(JSON.parse(line)) } } })
    db.onStatement = undefined
    logStatements(db, log, { ...poolDefaults, ...settings })
    await db.as(identity).run(sql`SELECT pg_sleep(1.2), ${'secreto'}::text`)
    await db.plain(sql`SELECT ${'secreto'}::text`)
    await db
      .as(identity)
      .transaction((tx) => tx.run(sql`SELECT ${'secreto'}::int`))
      .catch(() => {})
    expect(JSON.stringify(lines)).not.toMatch(/secreto|[0-9a-f]{64}/)
    return lines.map(({ msg, statement, request_id, failed }) => [msg, statement, request_id, failed])
  }
  const slow = ['slow statement', 'SELECT pg_sleep(1.2), $1::text', 'r-1', undefined]
  expect(await write({ slowMs: 0 })).toEqual([])
  expect(await write({ slowMs: 1000 })).toEqual([slow])
  expect(await write({ slowMs: 1000, logStatements: true })).toEqual([slow, ['statement', 'SELECT $1::text', undefined, undefined], ['statement', 'SELECT $1::int', 'r-1', '22P02']])
})

test('settings are read from the environment, scaled to the machine, and refused with a sentence when they make no sense', () => {
  const { pool } = readConfig({})
  expect([pool.size, pool.overflow]).toEqual([Math.min(20, 5 * availableParallelism()), Math.min(30, Math.ceil(1.5 * pool.size))])
  expect(readConfig({ BITCORP_DB_POOL_SIZE: '3', BITCORP_DB_POOL_OVERFLOW: '0', BITCORP_DB_RECYCLE: '60', BITCORP_DB_POOLER: '1' }).pool).toMatchObject({
    size: 3,
    overflow: 0,
    recycleMs: 60_000,
    pooler: true,
  })
  for (const name of [
    'POOL_SIZE',
    'POOL_OVERFLOW',
    'CHECKOUT_TIMEOUT',
    'CONNECT_TIMEOUT',
    'RECYCLE',
    'PING_AFTER',
    'STATEMENT_TIMEOUT',
    'READ_TIMEOUT',
    'LOCK_TIMEOUT',
    'IDLE_TRANSACTION_TIMEOUT',
    'SILENCE_TIMEOUT',
    'SLOW_MS',
  ])
    for (const wrong of ['-1', '1.5', 'many', '99999999'])
      expect(() => readConfig({ [`BITCORP_DB_${name}`]: wrong })).toThrow(new RegExp(`^BITCORP_DB_${name} is "${wrong}"; it must be a whole number from \\d+ to \\d+\\.$`))
  for (const name of ['LOG_STATEMENTS', 'POOLER']) expect(() => readConfig({ [`BITCORP_DB_${name}`]: 'maybe' })).toThrow(`BITCORP_DB_${name} is "maybe"; it must be 1 or 0.`)
})
