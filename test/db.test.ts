// The way to the database: identity and statement in one round trip, on shared connections, without mixing callers up.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { readConfig } from '../src/base/config.ts'
import { Database, hashSecret, type Identity } from '../src/base/db.ts'
import { createServer } from '../src/server.ts'
import { Client, createWorld, type Reply } from './harness.ts'
import { startRelay } from './relay.ts'

const world = await createWorld()
const identityOf = (company: 'andina' | 'sur', who: 'manager' | 'viewer'): Identity => ({
  credential: hashSecret(world.companies[company].people[who].secret),
  companyId: world.companies[company].id,
  metadata: '{}',
  roles: null,
})

test('2,000 statements of four callers in flight on the shared connections are never mixed up, errors among them included', async () => {
  const callers = (['andina', 'sur'] as const).flatMap((company) =>
    (['manager', 'viewer'] as const).map((who) => ({ identity: identityOf(company, who), userId: world.companies[company].people[who].userId, companyId: world.companies[company].id })),
  )
  const outcomes = await Promise.all(
    Array.from({ length: 2000 }, async (_, i) => {
      const caller = callers[i % callers.length] ?? callers[0]
      if (!caller) throw new Error('there are callers')
      const runner = world.db.as(caller.identity, true)
      if (i % 7 === 0)
        return runner.run(sql`SELECT 1 / ${0}::int`).then(
          () => 'no error',
          (error) => (error.code === '22012' ? 'ok' : String(error)),
        )
      const [row] = await runner.run<{ user_id: string; company_id: string; n: number }>(sql`SELECT user_id, company_id, ${i}::int AS n FROM caller`)
      return row?.user_id === caller.userId && row.company_id === caller.companyId && row.n === i && runner.caller().userId === caller.userId ? 'ok' : `mixed up: ${JSON.stringify(row)}`
    }),
  )
  expect(new Set(outcomes)).toEqual(new Set(['ok']))
})

test('the identity is gone after the statement, also after an error', async () => {
  await world.db.as(identityOf('andina', 'manager')).run(sql`SELECT 1`)
  await world.db
    .as(identityOf('andina', 'manager'))
    .run(sql`SELECT 1 / 0`)
    .catch(() => {})
  const rows = await Promise.all(Array.from({ length: 20 }, () => world.db.plain<{ found: boolean }>(sql`SELECT EXISTS (SELECT FROM caller_account) AS found`)))
  expect(rows.flat().every((row) => !row.found)).toBe(true)
})

test('a refused caller never reaches the statement', async () => {
  const nobody: Identity = { credential: null, companyId: world.companies.andina.id, metadata: '{}', roles: null }
  await expect(world.db.as(nobody, true).run(sql`SELECT 1 / 0`)).rejects.toMatchObject({ code: 'BC401' })
})

test('a machine is read, listed, searched, created, changed and handed over in one round trip each', async () => {
  const wire = await startRelay(world.appUrl)
  const db = new Database(wire.url, { size: 1, overflow: 0 })
  const app = await createServer(readConfig({ BITCORP_LOG_LEVEL: 'fatal' }), db)
  const me = world.companies.andina.people.manager
  const client = new Client(app, `/api/v1/companies/${world.companies.andina.id}`, world.as('andina', 'manager').auth)
  const trips: Record<string, number> = {}
  const count = async (name: string, status: number, call: Promise<Reply>): Promise<Reply> => {
    const before = wire.sent('S')
    const reply = await call
    expect([name, reply.status, reply.text]).toEqual([name, status, reply.text])
    trips[name] = wire.sent('S') - before
    return reply
  }
  try {
    await client.get('/equipment-summary')
    const { body } = await count('create', 201, client.post('/equipment', { name: 'Excavadora', ownership: 'rented' }))
    const machine = `/equipment/${body.id}`
    await count('get', 200, client.get(machine))
    await count('list', 200, client.get('/equipment?status=active&limit=50'))
    await count('search', 200, client.get('/equipment?q=excavadora'))
    await count('change', 200, client.patch(machine, { name: 'Excavadora 2' }, { version: 1 }))
    await count('assign', 201, client.post(`${machine}/assign`, { user_id: me.userId }))
    await count('return', 200, client.post(`${machine}/return`))
    await count('status', 200, client.post(`${machine}/status`, { status: 'maintenance', reason: 'oil' }))
    await count('timeline', 200, client.get(`${machine}/timeline`))
    expect(trips).toEqual({ create: 1, get: 1, list: 1, search: 1, change: 1, assign: 1, return: 1, status: 1, timeline: 1 })
  } finally {
    await app.close()
    await db.close()
    await wire.close()
  }
})
