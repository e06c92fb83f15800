// The feed of events: whoever follows it meets each event once, in order, however late some transactions commit.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { type Body, connected, createWorld, type Query, transaction } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'

// Others' transactions on the same server may hold the feed back.
vi.setConfig({ testTimeout: 60_000 })
const world = await createWorld({ poolSize: 8 })
const companyId = world.companies.andina.id
const manager = world.as('andina', 'manager')
const rename = (q: Query, id: string, name: string) => q('UPDATE equipment SET name = $2 WHERE id = $1', [id, name])

/** All there is after a position, page by page. */
async function read(after: string | undefined, limit = 1000): Promise<{ items: Body[]; after: string }> {
  const items: Body[] = []
  let at = after
  for (;;) {
    const reply = await manager.get(`/events/feed?limit=${limit}${at ? `&after=${at}` : ''}`)
    expect([reply.status, reply.text]).toEqual([200, reply.text])
    items.push(...reply.body.items)
    at = reply.body.next_after
    if (reply.body.at_end) return { items, after: at ?? '' }
  }
}
const stored = (): Promise<string[]> => world.sqlAdmin(async (q) => (await q('SELECT id FROM domain_events WHERE company_id = $1 ORDER BY transaction_id, sequence', [companyId])).map((r) => r.id))

/** The same once so many have come: a transaction of any database of the server may hold the feed back for a while. */
async function readUntil(after: string | undefined, count: number): Promise<{ items: Body[]; after: string }> {
  for (const began = Date.now(); ; ) {
    const found = await read(after)
    if (found.items.length >= count || Date.now() - began > 40_000) return found
    await sleep(20)
  }
}
const readAll = async () => readUntil(undefined, (await stored()).length)
const end = async () => (await readAll()).after

/** What only a restored copy can hold: the triggers that keep the records are off for this transaction. */
const beyondRules = (work: (query: Query) => Promise<unknown>) =>
  world.sqlAdmin(async (q) => {
    await q('SET LOCAL session_replication_role = replica')
    await work(q)
  })

/** An open transaction of the manager; `commit` ends it. */
async function open(work: (query: Query) => Promise<unknown>): Promise<{ commit: () => Promise<void> }> {
  let go: () => void = () => {}
  const asked = new Promise<void>((done) => (go = done))
  let ready: () => void = () => {}
  const begun = new Promise<void>((done) => (ready = done))
  const whole = transaction(world.appUrl, true, async (query) => {
    await query('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), companyId, '{}'])
    await work(query)
    ready()
    await asked
  })
  await Promise.race([begun, whole])
  return {
    commit: () => {
      go()
      return whole
    },
  }
}

test('an older transaction that commits later is never skipped, and nothing comes twice', async () => {
  const [a, b]: Body[] = [await world.machine(), await world.machine()]
  const start = await end()
  const older = await open((q) => rename(q, a.id, 'mayor'))
  const younger = await open((q) => rename(q, b.id, 'menor'))
  await younger.commit()
  const between = await read(start)
  expect(between.items, 'the younger waits for the older').toEqual([])
  await older.commit()
  const then = await readUntil(between.after, 2)
  expect(then.items.map((e) => e.event_data.new.name)).toEqual(['mayor', 'menor'])
  expect((await read(then.after)).items).toEqual([])
})

test('from any past position the rest follows, whole and in order, in pages of any size', async () => {
  for (let i = 0; i < 5; i++) await world.machine()
  await world.machine({}, 'sur')
  const all = (await readAll()).items
  expect(all.map((e) => e.id)).toEqual(await stored())
  for (const from of [0, 3, all.length - 2]) expect((await read(all[from].position, 3)).items).toEqual(all.slice(from + 1))
  expect((await read(all.at(-1).position)).after).toBe(all.at(-1).position)
})

test('a reader beside eight writers, some rolling back, meets each event once and in order', async () => {
  const machines: Body[] = []
  for (let i = 0; i < 8; i++) machines.push(await world.machine())
  const start = await end()
  let writing = true
  const seen: Body[] = []
  const reader = (async () => {
    for (let at = start, until = Number.POSITIVE_INFINITY; ; ) {
      if (!writing && until === Number.POSITIVE_INFINITY) until = Date.now() + 40_000
      const page = await read(at, 7)
      seen.push(...page.items)
      at = page.after
      if (Date.now() > until || (!writing && seen.length >= 368)) return
    }
  })()
  await Promise.all(
    machines.map((machine, w) =>
      connected(world.appUrl, async (q) => {
        for (let i = 0; i < 25; i++) {
          await q('BEGIN')
          await q('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), companyId, '{}'])
          await rename(q, machine.id, `m${w} ${i} a`)
          if (i % 3 === 0) await q('SELECT pg_sleep(0.01)')
          await rename(q, machine.id, `m${w} ${i} b`)
          await q(i % 10 === 9 ? 'ROLLBACK' : 'COMMIT')
        }
      }),
    ),
  )
  writing = false
  await reader
  expect(seen.length).toBe(8 * 23 * 2)
  expect(new Set(seen.map((e) => e.id)).size).toBe(seen.length)
  expect(seen.map((e) => e.id)).toEqual((await stored()).slice(-seen.length))
})

test('it is for managers of the company, refuses what is no position, and goes by its index', async () => {
  for (const [who, status] of [
    ['admin', 200],
    ['manager', 200],
    ['operator', 403],
    ['viewer', 403],
    ['ended', 404],
  ] as const)
    expect([who, (await world.as('andina', who).get('/events/feed')).status]).toEqual([who, status])
  for (const after of ['x', '1', '-1-1', '9999999999999999999-1', "1-1' OR 1=1"]) expect((await manager.get(`/events/feed?after=${encodeURIComponent(after)}`)).status).toBe(400)
  await readAll()
  const foreign = (await world.as('sur', 'manager').get('/events/feed')).body.items
  expect(foreign.length).toBeGreaterThan(0)
  expect((await read(undefined)).items.filter((e) => foreign.some((f: Body) => f.id === e.id))).toEqual([])
  const plan = await world.sqlAs('andina', 'manager', async (q) => {
    await q('SET LOCAL enable_seqscan = off')
    return q(`EXPLAIN SELECT v.id FROM domain_events v WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
      AND (v.transaction_id, v.sequence) > ('5'::xid8, 3) ORDER BY v.transaction_id, v.sequence LIMIT 10`)
  })
  expect(plan.map((r) => r['QUERY PLAN']).join('\n')).toMatch(/Index Scan using idx_domain_events_feed[\s\S]*?Index Cond: \(\(company_id = .*ROW\(transaction_id, sequence\) >/)
})

test('a position of nothing, of another company or of a lost past is refused instead of skipping', async () => {
  const all = (await readAll()).items
  const last = all.at(-1)
  const foreign = (await world.as('sur', 'manager').get('/events/feed')).body.items[0]
  const [transaction, sequence, mark] = last.position.split('-')
  for (const after of [foreign.position, `${transaction}-${sequence}-000000000000`, `999999999999999999-1-${mark}`, `${transaction}-${Number(sequence) + 1}-${mark}`]) {
    const reply = await manager.get(`/events/feed?after=${after}`)
    expect([after, reply.status, reply.body.code]).toEqual([after, 410, 'feed_position_gone'])
  }
  // An older copy of the database is put back: the last event never happened, and something else did.
  await beyondRules((q) => q('DELETE FROM domain_events WHERE id = $1', [last.id]))
  await world.machine()
  expect((await manager.get(`/events/feed?after=${last.position}`)).body.code).toBe('feed_position_gone')
  expect((await manager.get(`/events/feed?after=${all.at(-2).position}`)).status).toBe(200)
})

test('loaded into another server, whose transactions count from less, the feed goes on behind what came with it', async () => {
  const renew = () => world.sqlAdmin(async (q) => (await q('SELECT renew_event_feed() AS renewed'))[0].renewed)
  await renew()
  expect(await renew()).toBe(false)
  const before = (await readAll()).items
  const cut = before[Math.floor(before.length / 2)]
  // As if it had been written at transactions far beyond this server's own, elsewhere.
  await beyondRules(async (q) => {
    await q('UPDATE domain_events SET transaction_id = (transaction_id::text::bigint + 1000000000)::text::xid8')
    await q("UPDATE event_feed_epochs SET server_mark = 'another server'")
  })
  const machine = await world.machine({ name: 'primera aquí' })
  expect(await renew()).toBe(true)
  const again = await readUntil(undefined, before.length + 1)
  expect(again.items.map((e) => e.id)).toEqual([...before.map((e) => e.id), expect.any(String)])
  expect(again.items.at(-1)).toMatchObject({ aggregate_id: machine.id, event_type: 'equipment_created' })
  const position = cut.position.replace(/^\d+/, (xid: string) => String(Number(xid) + 1_000_000_000))
  expect((await read(position, 3)).items.map((e) => e.id)).toEqual(again.items.slice(before.indexOf(cut) + 1).map((e) => e.id))
  await manager.patch(`/equipment/${machine.id}`, { name: 'segunda' }, { version: 1 })
  expect((await readUntil(again.after, 1)).items.map((e) => e.event_data.new.name)).toEqual(['segunda'])
})
