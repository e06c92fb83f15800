// Reads on replicas: nobody reads older than their own last write, nobody fails because a replica does, nobody sees another company.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from '../src/base/config.ts'
import { Database, hashSecret } from '../src/base/db.ts'
import { createServer } from '../src/server.ts'
import { Client, type CompanyName, connected, createWorld, freePort, type Reply, refusalOf, sessionHeaders, transaction, type Who } from './harness.ts'
import { cleanUp, until } from './program.ts'
import { makeStandby } from './standby.ts'

const standby = await makeStandby()
const world = await createWorld()
// As in production: what is acknowledged is in the record of writes. The tests' server does without elsewhere.
await world.sqlAdmin((query) => query(`ALTER DATABASE ${new URL(world.appUrl).pathname.slice(1)} SET synchronous_commit = on`))

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await standby.close()
  await cleanUp()
})

/** A server of its own, as a process would be: it shares no memory with the others. */
async function serve(urls: string[], env: Record<string, string> = {}) {
  const db = new Database(world.appUrl, { size: 8, overflow: 0 })
  const app = await createServer(readConfig({ BITCORP_LOG_LEVEL: 'fatal', BITCORP_CHECK_REPLIES: '1', BITCORP_RATE_LIMIT: '10000000', DATABASE_REPLICA_URL: urls.join(','), ...env }), db)
  const close = async () => {
    await app.close()
    await db.close()
  }
  closing.push(close)
  const { replicas } = app.ground
  return {
    replicas,
    as: (company: CompanyName, who: Who) => new Client(app, `/api/v1/companies/${world.companies[company].id}`, sessionHeaders(world.companies[company].people[who].secret)),
    served: () => replicas.all.reduce((sum, replica) => sum + replica.served, 0),
    fell: () => Object.values(replicas.fallbacks).reduce((sum, count) => sum + count, 0),
    up: () => until(() => replicas.all.every((replica) => replica.state === 'up'), 60_000),
    metrics: async () => (await app.inject('/metrics')).payload,
  }
}
type Server = Awaited<ReturnType<typeof serve>>

const machine = (n: number) => ({ name: `Máquina ${n}`, ownership: 'owned', purchase_date: '2020-01-01', purchase_price: { amount: '1000.00', currency: 'PEN' }, depreciation_rate: '0.1' })
const counted = (reply: Reply): number => reply.body.totals[0]?.machine_count ?? 0

test('reports, exports and questions about the past are read on the replica, and say the same as the primary', async () => {
  // It may wait as long as a slow machine needs: here everything is to be read on the replica.
  const [here, there] = [await serve([]), await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20000' })]
  await there.up()
  const made = await there.as('andina', 'manager').post('/equipment', machine(0))
  expect(made.status).toBe(201)
  expect(made.headers['x-bitcorp-position']).toMatch(/^1-[0-9A-F]+\/[0-9A-F]+$/)
  expect((await here.as('andina', 'manager').get('/fleet-value')).headers['x-bitcorp-position']).toBeUndefined()
  const past = 'as_of=2020-01-01T00:00:00Z'
  const reports = ['/fleet-value', '/utilization', '/utilization/categories', '/utilization/machines', '/equipment/export', '/utilization/export']
  const questions = [
    `/equipment?${past}`,
    `/equipment?${past}&sort=name`,
    `/assignments?${past}`,
    `/equipment/${made.body.id}/assignments?${past}`,
    `/equipment-categories?${past}`,
    `/utilization?${past}`,
  ]
  for (const path of [...reports, ...questions]) {
    const before = there.served()
    // Hours in use go on between two answers: it must be one of those before and after.
    const ask = (server: Server) => server.as('andina', 'viewer').get(path)
    const [first, asked, last] = [await ask(here), await ask(there), await ask(here)]
    expect([path, asked.status]).toEqual([path, 200])
    expect([first.text, last.text]).toContain(asked.text)
    expect([path, there.served() > before]).toEqual([path, true])
  }
  // Each export of the audit is in the next one: its text cannot be compared.
  const earlier = there.served()
  expect((await there.as('andina', 'admin').get('/audit-logs/export')).status).toBe(200)
  expect(there.served()).toBeGreaterThan(earlier)
  expect(there.fell()).toBe(0)
  // An instant that replicas may not have reached yet is the primary's, and so is all that is no report.
  const before = there.served()
  for (const path of ['/equipment', '/utilization']) await there.as('andina', 'viewer').get(`${path}?as_of=${new Date(Date.now() - 5000).toISOString()}`)
  await there.as('andina', 'viewer').get('/equipment')
  expect(there.served()).toBe(before)
  // The audit of an export is written on the primary.
  const exports = await world.sqlAdmin((query) => query("SELECT count(*)::int AS n FROM audit_logs WHERE action = 'exported'"))
  expect(exports[0].n).toBe(7)
})

test('replay stops and goes on: of 320 reads after a write none is older than it, by header or by memory', async () => {
  const [one, other] = [await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20' }), await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20' })]
  await Promise.all([one.up(), other.up()])
  const [writer, elsewhere] = [one.as('sur', 'manager'), other.as('sur', 'manager')]
  const stale: string[] = []
  for (let i = 1; i <= 320; i++) {
    if (i % 40 === 10) await standby.pause()
    if (i % 40 === 30) await standby.resume()
    const written = await writer.post('/equipment', machine(i))
    const position = String(written.headers['x-bitcorp-position'])
    // To the server that wrote without a word, or to another one with the position that the write answered.
    const [how, read] = i % 2 ? ['memory', await writer.get('/fleet-value')] : ['header', await elsewhere.get('/fleet-value', { headers: { 'x-bitcorp-position': position } })]
    if (read.status !== 200 || counted(read) < i) stale.push(`${i} by ${how}: ${read.status}, ${counted(read)} machines`)
  }
  await standby.resume()
  process.stdout.write(`own writes: ${one.served() + other.served()} read on the replica, ${one.fell() + other.fell()} on the primary, ${JSON.stringify(one.replicas.fallbacks)}\n`)
  expect(stale).toEqual([])
  expect(one.served() + other.served()).toBeGreaterThan(50)
  expect(one.replicas.fallbacks.behind + other.replicas.fallbacks.behind).toBeGreaterThan(50)
})

test('what is no position, or one from the future, is answered by the primary', async () => {
  const server = await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20' })
  await server.up()
  for (const position of ['', 'x', '1-0/0/0', '1-FFFFFFFF/FFFFFFFF', '9-0/1', "1-0/1'; DROP TABLE equipment"]) {
    const before = server.served()
    expect([position, (await server.as('sur', 'viewer').get('/fleet-value', { headers: { 'x-bitcorp-position': position } })).status]).toEqual([position, 200])
    expect(server.served()).toBe(before)
  }
})

test('the other sessions of the person, and a server started again, read no older than the last write either', async () => {
  const server = await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20' })
  await server.up()
  await standby.pause()
  try {
    const body = { name: 'other', company_id: world.companies.andina.id, scopes: ['read'], expires_at: new Date(Date.now() + 86_400_000).toISOString() }
    const made = await server.as('andina', 'manager').post('/api/v1/tokens', body)
    expect([made.status, made.headers['x-bitcorp-position'] !== undefined]).toEqual([201, true])
    const before = counted(await server.as('andina', 'manager').get('/fleet-value'))
    await server.as('andina', 'manager').post('/equipment', machine(1))
    const read = await server.as('andina', 'manager').get('/fleet-value', { headers: { authorization: `Bearer ${made.body.token}`, cookie: '' } })
    expect([read.status, counted(read)]).toEqual([200, before + 1])
    const again = await serve([standby.url], { BITCORP_REPLICA_WAIT_MS: '20' })
    await until(() => again.replicas.all[0]?.state === 'up' || again.replicas.all[0]?.state === 'late', 60_000)
    expect(counted(await again.as('andina', 'manager').get('/fleet-value'))).toBe(before + 1)
    expect(again.served()).toBe(0)
  } finally {
    await standby.resume()
  }
})

test('a replica that is late is left alone until it has caught up, and its lag is told', async () => {
  const server = await serve([standby.url], { BITCORP_REPLICA_MAX_LAG: '1' })
  await server.up()
  await standby.pause()
  try {
    await server.as('andina', 'manager').post('/equipment', machine(2))
    await until(() => server.replicas.all[0]?.state === 'late', 60_000)
    const before = server.served()
    expect((await server.as('sur', 'viewer').get('/fleet-value')).status).toBe(200)
    expect([server.served(), server.replicas.fallbacks.late]).toEqual([before, 1])
    expect(await server.metrics()).toMatch(/^replica_lag_seconds\{replica="127\.0\.0\.1:\d+\/t_\w+"\} [1-9]/m)
    expect(await server.metrics()).toMatch(/^replica_fallback_reads_total\{reason="late"\} 1$/m)
  } finally {
    await standby.resume()
  }
  await server.up()
  const before = server.served()
  await server.as('sur', 'viewer').get('/fleet-value')
  expect(server.served()).toBe(before + 1)
})

test('on the standby each sees their own company alone, nobody nothing, and nothing can be written', async () => {
  const server = await serve([standby.url])
  await server.up()
  const callers = (['andina', 'sur'] as const).flatMap((company) => (['manager', 'viewer'] as const).map((who) => ({ company, who })))
  const wanted = new Map<CompanyName, string>()
  for (const company of ['andina', 'sur'] as const) wanted.set(company, (await server.as(company, 'viewer').get('/equipment/export')).text)
  expect(wanted.get('andina')).not.toBe(wanted.get('sur'))
  const before = server.served()
  const texts = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => ({
      company: callers[i % 4]?.company,
      text: (await server.as(callers[i % 4]?.company ?? 'andina', callers[i % 4]?.who ?? 'viewer').get('/equipment/export')).text,
    })),
  )
  expect(texts.filter(({ company, text }) => text !== wanted.get(company ?? 'andina'))).toEqual([])
  expect(server.served()).toBeGreaterThan(before)

  const url = new URL(world.appUrl)
  url.port = String(standby.port)
  const { id, people } = world.companies.andina
  const seen = await transaction(url.href, false, async (query) => {
    await query('SELECT begin_request($1, $2, NULL, NULL)', [hashSecret(people.viewer.secret), id])
    return [await query('SELECT DISTINCT company_id FROM equipment'), await refusalOf(() => query("UPDATE equipment SET name = 'x'"))]
  })
  expect(seen).toEqual([[{ company_id: id }], '25006'])
  expect(await connected(url.href, (query) => query('SELECT count(*)::int AS n FROM equipment'))).toEqual([{ n: 0 }])
})

test('whoever was signed out is refused at once, though the replica has not heard of it', async () => {
  const server = await serve([standby.url])
  await server.up()
  await server.as('andina', 'operator2').get('/fleet-value')
  await standby.pause()
  try {
    await world.sqlAdmin((query) => query('UPDATE sessions SET ended_at = now() WHERE token_hash = $1', [hashSecret(world.companies.andina.people.operator2.secret)]))
    expect((await server.as('andina', 'operator2').get('/fleet-value')).status).toBe(401)
  } finally {
    await standby.resume()
  }
})

/** Reports and exports without a break while `work` goes on; gives every answer that was not the right one. */
async function readWhile(server: Server, work: () => Promise<void>): Promise<{ asked: number; wrong: string[] }> {
  const told = { asked: 0, wrong: [] as string[], done: false }
  const reader = async (n: number) => {
    const [company, path] = [n % 2 ? 'sur' : 'andina', n % 3 ? '/fleet-value' : '/equipment/export'] as const
    const client = server.as(company, 'viewer')
    for (const least = (await client.get(path)).text.length; !told.done; await sleep(10)) {
      const reply = await client.get(path).catch((error) => ({ status: 0, text: String(error) }))
      told.asked++
      if (reply.status !== 200 || reply.text.length < least) told.wrong.push(`${path}: ${reply.status} ${reply.text.slice(0, 200)}`)
    }
  }
  const readers = Array.from({ length: 6 }, (_, n) => reader(n))
  await sleep(300)
  await work()
  told.done = true
  await Promise.all(readers)
  return told
}

test('a replica that is killed, or stands still, fails no request, and is read again afterwards', async () => {
  const server = await serve([standby.url])
  await server.up()
  const killed = await readWhile(server, async () => {
    process.kill(standby.pid(), 'SIGKILL')
    await until(() => server.replicas.all[0]?.state === 'down', 60_000)
    await server.up()
    const before = server.served()
    await until(() => server.served() > before + 5, 60_000)
  })
  const frozen = await readWhile(server, async () => {
    standby.signal('SIGSTOP')
    try {
      await until(() => server.replicas.all[0]?.state === 'down', 60_000)
      const before = server.fell()
      await until(() => server.fell() > before + 20, 60_000)
    } finally {
      standby.signal('SIGCONT')
    }
    await server.up()
  })
  process.stdout.write(`killed: ${killed.asked} reads, frozen: ${frozen.asked} reads, ${server.served()} on the replica, the rest ${JSON.stringify(server.replicas.fallbacks)}\n`)
  expect([killed.wrong, frozen.wrong]).toEqual([[], []])
  expect(standby.said.join(' ')).toMatch(/The database is back/)
})

test('of two replicas one is enough; an address where nobody answers is no trouble for anyone', async () => {
  const second = await makeStandby()
  const nowhere = `postgresql://someone:hidden-secret@127.0.0.1:${await freePort()}/none`
  try {
    const server = await serve([standby.url, second.url, nowhere])
    await until(() => server.replicas.all.map((replica) => replica.state).join() === 'up,up,down', 60_000)
    expect(server.replicas.all[2]?.lastError).toMatch(/ECONNREFUSED/)
    expect(`${server.replicas.all[2]?.name} ${server.replicas.all[2]?.lastError}`).not.toMatch(/hidden-secret|someone/)
    const { wrong } = await readWhile(server, async () => {
      await until(() => server.replicas.all.slice(0, 2).every((replica) => replica.served > 3), 60_000)
      await second.stop()
      const [before, fell] = [server.replicas.all[0]?.served ?? 0, server.fell()]
      await until(() => (server.replicas.all[0]?.served ?? 0) > before + 10, 60_000)
      expect(server.fell() - fell).toBeLessThan(20)
    })
    expect(wrong).toEqual([])
  } finally {
    await second.start()
    await second.close()
  }
})

test('a superuser’s address is not used, nor the primary’s own, nor another server’s', async () => {
  const mighty = new URL(world.superuserUrl)
  mighty.port = String(standby.port)
  const server = await serve([mighty.href, world.appUrl])
  await until(() => server.replicas.all.map((replica) => replica.state).join() === 'mighty,promoted', 60_000)
  expect((await server.as('andina', 'viewer').get('/fleet-value')).status).toBe(200)
  expect(server.served()).toBe(0)
})

test('a replica that is promoted under load fails no request, is read no more and never written', async () => {
  const server = await serve([standby.url])
  await server.up()
  let served = 0
  const { asked, wrong } = await readWhile(server, async () => {
    await until(() => server.served() > 20, 60_000)
    await standby.query('SELECT pg_promote(true, 60)')
    await until(() => server.replicas.all[0]?.state === 'promoted', 60_000)
    served = server.served()
    await sleep(1500)
    for (let i = 0; i < 20; i++) expect((await server.as('andina', 'manager').post('/equipment', machine(i))).status).toBe(201)
  })
  process.stdout.write(`promoted: ${asked} reads, ${server.served()} on the replica before it, the rest ${JSON.stringify(server.replicas.fallbacks)}\n`)
  expect(wrong).toEqual([])
  expect(server.served()).toBe(served)
  const [row] = await connected(`${standby.url.replace('//', `//postgres:${new URL(world.superuserUrl).password}@`)}${new URL(world.appUrl).pathname}`, (query) =>
    query("SELECT max(created_at) > now() - interval '2 seconds' AS new FROM equipment"),
  )
  expect(row.new).toBe(false)
})
