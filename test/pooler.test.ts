// Behind the real PgBouncer in transaction mode: the product's own requests, callers that are never mixed up, settings that hold.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PoolSettings, readConfig } from '../src/base/config.ts'
import { Database, hashSecret, type Identity, type Runner } from '../src/base/db.ts'
import { createServer } from '../src/server.ts'
import { Client, type CompanyName, createWorld, type Who } from './harness.ts'
import { pgbouncer, startPgbouncer } from './pgbouncer.ts'
import { buildWhenStale, cleanUp, makeFolder, run } from './program.ts'

const world = await createWorld()
const identityOf = (company: CompanyName, who: Who): Identity => ({
  credential: hashSecret(world.companies[company].people[who].secret),
  companyId: world.companies[company].id,
  metadata: '{}',
  roles: null,
})

// Where everything is proved it must be there; elsewhere who has none is told so by the name.
const isNeeded = Boolean(process.env.CI)
test.runIf(isNeeded || pgbouncer)('PgBouncer is installed (apt-get install pgbouncer)', () => expect(pgbouncer).toBeDefined())

describe.skipIf(!pgbouncer)(pgbouncer ? 'behind PgBouncer' : 'SKIPPED, no PgBouncer on this machine: behind PgBouncer', () => {
  let url: string
  let db: Database
  let app: Awaited<ReturnType<typeof createServer>>
  let stop: () => Promise<void>
  const as = (company: CompanyName, who: Who) => new Client(app, `/api/v1/companies/${world.companies[company].id}`, world.as(company, who).auth)
  const settings: Partial<PoolSettings> = { size: 8, overflow: 0, pooler: true, statementMs: 7000, readMs: 6000, lockMs: 5000, idleTransactionMs: 4000, pingAfterMs: 0, checkoutMs: 60_000 }

  beforeAll(async () => {
    // Fewer connections to the server than clients: each statement may land on another one.
    const bouncer = await startPgbouncer(pgbouncer ?? '', world.appUrl, 3)
    url = bouncer.url
    stop = bouncer.stop
    db = new Database(url, settings)
    app = await createServer(readConfig({ BITCORP_LOG_LEVEL: 'fatal', BITCORP_RATE_LIMIT: '10000000', BITCORP_CHECK_REPLIES: '1' }), db)
  })
  afterAll(async () => {
    await app.close()
    await db.close()
    await stop()
    await cleanUp()
  })

  test('a machine is registered, read, listed, searched, changed, handed over and taken back; who may not is refused', async () => {
    const manager = as('andina', 'manager')
    const { status, body } = await manager.post('/equipment', { name: 'Motoniveladora', ownership: 'rented' })
    expect([status, body.name]).toEqual([201, 'Motoniveladora'])
    expect((await manager.get(`/equipment/${body.id}`)).body.id).toBe(body.id)
    expect((await manager.get('/equipment?limit=10')).body.items.map((e: { id: string }) => e.id)).toContain(body.id)
    expect((await manager.get('/equipment?q=motoniveladora')).body.items.map((e: { id: string }) => e.id)).toEqual([body.id])
    expect((await manager.patch(`/equipment/${body.id}`, { name: 'Motoniveladora 2' }, { version: 1 })).status).toBe(200)
    expect((await manager.patch(`/equipment/${body.id}`, { name: 'Motoniveladora 3' }, { version: 1 })).status).toBe(412)
    expect((await manager.get(`/equipment/${body.id}/timeline`)).status).toBe(200)
    expect((await as('andina', 'viewer').post('/equipment', { name: 'X', ownership: 'rented' })).status).toBe(403)
    expect((await as('sur', 'manager').get(`/equipment/${body.id}`)).status).toBe(404)
    expect((await world.nobody('andina').get('/equipment')).status).toBe(401)
    const signIn = await app.inject({ method: 'POST', url: '/api/v1/session', payload: { email: world.companies.andina.people.admin.email, password: 'wrong' } })
    expect(signIn.statusCode).toBe(401)
    expect((await app.inject('/readyz')).statusCode).toBe(200)
  })

  test('twelve take one machine at once: one gets it; the same key makes one machine', async () => {
    const machine = await world.machine()
    const user_id = world.companies.andina.people.operator.userId
    const taken = await Promise.all(Array.from({ length: 12 }, () => as('andina', 'manager').post(`/equipment/${machine.id}/assign`, { user_id })))
    expect(taken.map(({ status }) => status).sort()).toEqual([201, ...Array(11).fill(409)])
    const returned = await Promise.all(Array.from({ length: 6 }, () => as('andina', 'manager').post(`/equipment/${machine.id}/return`)))
    expect(returned.map(({ status }) => status).sort()).toEqual([200, ...Array(5).fill(409)])
    const made = await Promise.all(Array.from({ length: 8 }, () => as('andina', 'manager').post('/equipment', { name: 'Una sola', ownership: 'rented' }, { key: 'pooler-1' })))
    expect(new Set(made.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1)
    expect(made[0]?.status).toBe(201)
  })

  test('a spreadsheet is brought in: all rows of it, or none', async () => {
    const rows = (n: number, bad = '') => `name,ownership\n${Array.from({ length: n }, (_, i) => `Importada ${n}-${i},rented`).join('\n')}\n${bad}`
    const send = (body: string) => as('andina', 'manager').post('/equipment/import?file_name=a.csv', body, { headers: { 'content-type': 'text/csv' } })
    const good = await send(rows(40))
    expect([good.status, good.text.slice(0, 300)]).toEqual([200, good.text.slice(0, 300)])
    expect((await send(rows(30, ',rented'))).status).toBeGreaterThanOrEqual(400)
    const count = async (name: string) => (await world.sqlAdmin((query) => query('SELECT count(*)::int AS n FROM equipment WHERE name LIKE $1', [name])))[0].n
    expect([await count('Importada 40-%'), await count('Importada 30-%')]).toEqual([40, 0])
  })

  test('2,000 statements of four callers in flight, over readers, pool and transactions, are never mixed up, errors among them included', async () => {
    const callers = (['andina', 'sur'] as const).flatMap((company) =>
      (['manager', 'viewer'] as const).map((who) => ({ identity: identityOf(company, who), userId: world.companies[company].people[who].userId, companyId: world.companies[company].id })),
    )
    const outcomes = await Promise.all(
      Array.from({ length: 2000 }, async (_, i) => {
        const caller = callers[i % callers.length] ?? callers[0]
        if (!caller) throw new Error('there are callers')
        const runner = db.as(caller.identity, i % 3 !== 0)
        const mine = sql<{ user_id: string; company_id: string; n: number }>`SELECT user_id, company_id, ${i}::int AS n FROM caller`
        if (i % 7 === 0)
          return runner.run(sql`SELECT 1 / ${0}::int`).then(
            () => 'no error',
            (error) => (error.code === '22012' ? 'ok' : String(error)),
          )
        const twice = (tx: Runner) => tx.run(mine).then(() => tx.run(mine))
        const [row] = i % 10 === 1 ? await runner.transaction(twice) : await runner.run(mine)
        return row?.user_id === caller.userId && row.company_id === caller.companyId && row.n === i && runner.caller().userId === caller.userId ? 'ok' : `mixed up: ${JSON.stringify(row)}`
      }),
    )
    expect(new Set(outcomes)).toEqual(new Set(['ok']))
    // Identity and settings end with each transaction: who comes next on the same connection of the server is nobody.
    const left = await Promise.all(
      Array.from({ length: 50 }, () => db.plain(sql`SELECT coalesce(current_setting('app.caller', true), '') AS credential, EXISTS (SELECT FROM caller_account) AS found`)),
    )
    expect(new Set(left.flat().map((row) => JSON.stringify(row)))).toEqual(new Set(['{"credential":"","found":false}']))
  })

  test('a refused caller never reaches the statement', async () => {
    const nobody: Identity = { credential: null, companyId: world.companies.andina.id, metadata: '{}', roles: null }
    for (const shared of [false, true]) await expect(db.as(nobody, shared).run(sql`SELECT 1 / 0`)).rejects.toMatchObject({ code: 'BC401' })
  })

  test('UTC, ISO dates, the name and the timeouts hold on every path, whatever the server says by itself', async () => {
    await world.sqlAdmin((query) => query("ALTER ROLE application_user SET timezone = 'America/Lima'"))
    await world.sqlAdmin((query) => query("ALTER ROLE application_user SET datestyle = 'German'"))
    const bouncer = await startPgbouncer(pgbouncer ?? '', world.appUrl, 2)
    const other = new Database(bouncer.url, settings)
    try {
      const asked = sql<
        Record<string, string>
      >`SELECT current_setting('timezone') AS zone, current_setting('datestyle') AS dates, current_setting('application_name') AS name, current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle, '2026-03-01T12:00:00Z'::timestamptz AS moment`
      const expected = { zone: 'UTC', dates: 'ISO, MDY', name: 'bitcorp_erp', statement: '7s', lock: '5s', idle: '4s', moment: '2026-03-01T12:00:00Z' }
      const me = identityOf('andina', 'manager')
      expect(await other.plain(asked)).toEqual([expected])
      expect(await other.as(me).run(asked)).toEqual([expected])
      expect(await other.as(me).transaction((tx) => tx.run(asked))).toEqual([expected])
      expect(await other.as(me, true).run(asked)).toEqual([{ ...expected, statement: '6s' }])
      const short = new Database(bouncer.url, { ...settings, statementMs: 300 })
      await expect(short.as(me).run(sql`SELECT pg_sleep(5)`)).rejects.toMatchObject({ code: '57014' })
      await short.close()
    } finally {
      await other.close()
      await bouncer.stop()
      await world.sqlAdmin((query) => query('ALTER ROLE application_user RESET ALL'))
    }
  })

  test('a start through a pooler that nobody told of is refused with a sentence', async () => {
    buildWhenStale()
    const program = await run(['serve'], makeFolder(), { env: { DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: url, BITCORP_DEMO: '0' } })
    expect([program.code, program.errors]).toEqual([1, expect.stringMatching(/leads to a pooler; set BITCORP_DB_POOLER=1/)])
  })
})
