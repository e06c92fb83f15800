// Many at once: thirty-two clients on connections of their own, twenty-five rounds each, after one prize.
import { afterEach, expect, test } from 'vitest'
import { type Body, createWorld, type Query, type Reply, transaction } from './harness.ts'

const world = await createWorld({ poolSize: 32 })
const clients = 32
const rounds = 25
const manager = world.as('andina', 'manager')
const andina = world.companies.andina.id

/** All at the same time; gives the replies. */
const atOnce = (work: (n: number) => Promise<Reply>): Promise<Reply[]> => Promise.all(Array.from({ length: clients }, (_, n) => work(n)))
const tally = (replies: Reply[]) => {
  const counts: Record<string, number> = {}
  for (const reply of replies) {
    const key = `${reply.status} ${reply.body?.code ?? ''}`.trim()
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}
const eachRound = async (work: (round: number) => Promise<void>) => {
  for (let round = 0; round < rounds; round++) await work(round)
}
const count = (sql: string, values: unknown[] = []) => world.sqlAdmin(async (q) => (await q(`SELECT count(*) AS n FROM ${sql}`, values))[0].n)

/** Rows of the company by each index of overlaps (GiST), and by the table itself: an entry lost there is a promise lost. */
async function countByOverlapIndexes(q: Query) {
  const counts: { index: string; by: string; rows: number }[] = []
  for (const { index, table, predicate } of await q(`
    SELECT x.indexrelid::regclass::text AS index, x.indrelid::regclass::text AS table, coalesce(pg_get_expr(x.indpred, x.indrelid), 'true') AS predicate
    FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'gist'`)) {
    await q(`UPDATE pg_index SET indisvalid = (indexrelid = '${index}'::regclass) WHERE indrelid = '${table}'::regclass`)
    for (const by of ['table', 'index']) {
      await q(`SELECT set_config('enable_seqscan', $1, true), set_config('enable_indexscan', $2, true), set_config('enable_bitmapscan', 'off', true)`, by === 'table' ? ['on', 'off'] : ['off', 'on'])
      const rows = `FROM ${table} t WHERE t.company_id = '${andina}' AND (${predicate})`
      expect(JSON.stringify(await q(`EXPLAIN SELECT t.* ${rows}`)).includes(`using ${index} `)).toBe(by === 'index')
      counts.push({ index, by, rows: (await q(`SELECT count(t.*)::int AS n ${rows}`))[0].n })
    }
  }
  return counts
}

afterEach(async () => {
  const counts = await transaction(world.superuserUrl, false, countByOverlapIndexes)
  expect(counts.length).toBeGreaterThanOrEqual(8)
  expect(counts.filter(({ by }) => by === 'index').map(({ index, rows }) => [index, rows])).toEqual(counts.filter(({ by }) => by === 'table').map(({ index, rows }) => [index, rows]))
})

test('the clients really are on connections of their own', async () => {
  let warm: Promise<Reply[]> | undefined
  await transaction(world.superuserUrl, false, async (q) => {
    await q('LOCK TABLE equipment IN EXCLUSIVE MODE')
    warm = atOnce(() => manager.post('/equipment', { name: 'Calentamiento', ownership: 'rented' }))
    const waiting = () => count("pg_stat_activity WHERE usename = 'application_user' AND datname = current_database() AND wait_event_type = 'Lock'")
    await expect.poll(async () => Number(await waiting()), { timeout: 30_000, interval: 50 }).toBe(clients)
  })
  expect(tally((await warm) ?? [])).toEqual({ 201: clients })
})

test('one change wins a version', async () => {
  const machine = await world.machine()
  await eachRound(async (round) => {
    const replies = await atOnce((n) => manager.patch(`/equipment/${machine.id}`, { location: `Obra ${round} ${n}` }, { version: round + 1 }))
    expect(tally(replies)).toEqual({ 200: 1, '412 version_conflict': clients - 1 })
    const winner = replies.find((reply) => reply.status === 200)
    expect((await manager.get(`/equipment/${machine.id}`)).body).toEqual(winner?.body)
  })
  expect(await count('domain_events WHERE aggregate_id = $1', [machine.id])).toBe(rounds + 1)
})

test('one person takes a machine', async () => {
  const users = (['admin', 'manager', 'operator', 'operator2'] as const).map((who) => world.person('andina', who).userId)
  const machine = await world.machine()
  await eachRound(async (round) => {
    const counts = tally(await atOnce((n) => manager.post(`/equipment/${machine.id}/assign`, { user_id: users[n % 4] })))
    expect(counts[201], JSON.stringify(counts)).toBe(1)
    expect(
      Object.keys(counts).every((key) => /^(201|409 (ea_one_holder_at_a_time|idx_equipment_assignments_open))$/.test(key)),
      JSON.stringify(counts),
    ).toBe(true)
    expect(await count('equipment_assignments WHERE equipment_id = $1 AND returned_at IS NULL', [machine.id])).toBe(1)
    const back = tally(await atOnce(() => manager.post(`/equipment/${machine.id}/return`)))
    expect(back).toEqual({ 200: 1, '409 ea_nothing_to_return': clients - 1 })
    expect(await count('equipment_assignments WHERE equipment_id = $1', [machine.id])).toBe(round + 1)
  })
})

test('a machine passed on by many has one holder throughout', async () => {
  const users = (['admin', 'manager', 'operator', 'operator2'] as const).map((who) => world.person('andina', who).userId)
  const machine = await world.machine()
  await manager.post(`/equipment/${machine.id}/assign`, { user_id: users[0] })
  for (let round = 0; round < 5; round++) {
    const counts = tally(await atOnce((n) => manager.post(`/equipment/${machine.id}/transfer`, { user_id: users[n % 4] })))
    expect(
      Object.keys(counts).every((key) => /^(201|409 ea_transfer_to_another)$/.test(key)),
      JSON.stringify(counts),
    ).toBe(true)
    expect(await count('equipment_assignments WHERE equipment_id = $1 AND returned_at IS NULL', [machine.id])).toBe(1)
  }
})

/** So many hours from now. */
const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const overlapping = () =>
  count(
    `equipment_assignments a JOIN equipment_assignments b ON b.company_id = a.company_id AND b.equipment_id = a.equipment_id AND b.id > a.id
     AND claimed_period(a.reserved_from, a.reserved_until, a.cancelled_at, a.assigned_at, a.due_at, a.returned_at)
      && claimed_period(b.reserved_from, b.reserved_until, b.cancelled_at, b.assigned_at, b.due_at, b.returned_at)`,
  )

test('one person reserves what many want at overlapping times', async () => {
  const users = (['admin', 'manager', 'operator', 'operator2'] as const).map((who) => world.person('andina', who).userId)
  await eachRound(async () => {
    const machine = await world.machine()
    const replies = await atOnce((n) => manager.post(`/equipment/${machine.id}/reservations`, { user_id: users[n % 4], reserved_from: at(10 + n / 8), reserved_until: at(20 + n / 8) }))
    expect(tally(replies)).toEqual({ 201: 1, '409 ea_claims_do_not_overlap': clients - 1 })
    const winner = replies.find((reply) => reply.status === 201)
    expect(replies.filter((reply) => reply.status === 409).every((reply) => reply.body.blocked_by.assignment_id === winner?.body.id)).toBe(true)
  })
  expect(await overlapping()).toBe(0)
})

test('hand-overs, transfers, returns and reservations of one machine wait for each other and never in a circle', async () => {
  const users = (['admin', 'manager', 'operator', 'operator2'] as const).map((who) => world.person('andina', who).userId)
  const machine = await world.machine()
  const seen: Record<string, number> = {}
  await eachRound(async (round) => {
    const replies = await atOnce((n) => {
      const person = { user_id: users[(n + round) % 4] }
      if (n % 4 === 0) return manager.post(`/equipment/${machine.id}/transfer`, { ...person, due_at: at(1 + (n % 5)) })
      if (n % 4 === 1) return manager.post(`/equipment/${machine.id}/reservations`, { ...person, reserved_from: at(2 + n / 10), reserved_until: at(2.5 + n / 10) })
      if (n % 4 === 2) return manager.post(`/equipment/${machine.id}/assign`, { ...person, due_at: n % 8 === 2 ? null : at(1 + (n % 5)) })
      return manager.post(`/equipment/${machine.id}/return`)
    })
    for (const [key, times] of Object.entries(tally(replies))) seen[key] = (seen[key] ?? 0) + times
    expect(await count('equipment_assignments WHERE equipment_id = $1 AND assigned_at IS NOT NULL AND returned_at IS NULL', [machine.id])).toBeLessThanOrEqual(1)
  })
  expect(
    Object.keys(seen).filter((key) => !/^(20[01]|409 ea_(one_holder_at_a_time|claims_do_not_overlap|due_needed|nothing_to_return|transfer_to_another))$/.test(key)),
    JSON.stringify(seen),
  ).toEqual([])
  expect(seen['201'], JSON.stringify(seen)).toBeGreaterThan(rounds)
  expect(await overlapping()).toBe(0)
})

test('one row for an idempotency key, and the same words to all', async () => {
  await eachRound(async (round) => {
    const replies = await atOnce(() => manager.post('/equipment', { name: `Una sola ${round}`, ownership: 'rented' }, { key: `carrera-${round}` }))
    expect(tally(replies)).toEqual({ 201: clients })
    expect(new Set(replies.map((reply) => reply.text)).size).toBe(1)
    expect(replies.filter((reply) => reply.headers['idempotency-replayed'] === 'true').length).toBe(clients - 1)
    expect(await count('equipment WHERE name = $1', [`Una sola ${round}`])).toBe(1)
  })
})

test('no code is given twice, also beside codes given by hand', async () => {
  const codes = new Set<string>()
  const category = (await manager.post('/equipment-categories', { name: 'Carrera', type_code: 'RR' })).body
  await eachRound(async (round) => {
    const replies = await atOnce((n) => {
      const byHand = n % 8 === 0 ? { serial_number: `EQ-2020-RR-${String(round * clients + n + 1).padStart(6, '0')}` } : {}
      return manager.post('/equipment', { name: 'Carrera', ownership: 'rented', category_id: category.id, ...byHand })
    })
    expect(tally(replies)).toEqual({ 201: clients })
    for (const reply of replies) codes.add(reply.body.serial_number)
  })
  expect(codes.size).toBe(clients * rounds)
  const generated = [...codes]
    .filter((code) => !code.startsWith('EQ-2020'))
    .map((code) => Number(code.slice(-6)))
    .sort((a, b) => a - b)
  expect(generated).toEqual(generated.map((_, i) => i + 1))
})

test('opposite moves of categories never make a circle, nor a deadlock', async () => {
  const ids: string[] = []
  for (let n = 0; n < 6; n++) ids.push((await manager.post('/equipment-categories', { name: `Mueve ${n}` })).body.id)
  await eachRound(async (round) => {
    const counts = tally(
      await atOnce((n) => {
        const from = ids[(n + round) % 6]
        const to = n % 7 === 6 ? null : ids[(n * 5 + round * 3 + 1) % 6]
        return manager.patch(`/equipment-categories/${from}`, { parent_id: to }, { version: '*' })
      }),
    )
    expect(
      Object.keys(counts).every((key) => /^(200|409 category_no_circle)$/.test(key)),
      JSON.stringify(counts),
    ).toBe(true)
    const broken = await count(
      `equipment_categories k LEFT JOIN equipment_categories p ON p.company_id = k.company_id AND p.id = k.parent_id
       WHERE k.company_id = $1 AND k.path <> coalesce(p.path, ''::ltree) || replace(k.id::text, '-', '')`,
      [andina],
    )
    expect(broken).toBe(0)
  })
})

test('a machine is handed over or retired, never both', async () => {
  const outcomes: Record<string, number> = {}
  await eachRound(async () => {
    const machine = await world.machine()
    const replies = await Promise.all([
      manager.post(`/equipment/${machine.id}/assign`, { user_id: world.person('andina', 'operator').userId }),
      manager.post(`/equipment/${machine.id}/status`, { status: 'retired', reason: 'carrera' }),
      manager.delete(`/equipment/${machine.id}`, { version: '*' }),
    ])
    const done = replies.map((reply) => (reply.status < 300 ? 1 : 0))
    outcomes[done.join('')] = (outcomes[done.join('')] ?? 0) + 1
    expect(
      replies.every((reply) => reply.status < 300 || reply.status === 409 || reply.status === 404),
      JSON.stringify(replies.map((r) => r.text)),
    ).toBe(true)
    const lost = await count("equipment e JOIN equipment_assignments a ON a.equipment_id = e.id AND a.returned_at IS NULL WHERE e.id = $1 AND (e.status = 'retired' OR e.is_deleted)", [machine.id])
    expect(lost).toBe(0)
  })
  expect(
    Object.keys(outcomes).every((outcome) => ['100', '011', '010', '001'].includes(outcome)),
    JSON.stringify(outcomes),
  ).toBe(true)
})

test('a category is deleted or takes a machine, never both', async () => {
  await eachRound(async (round) => {
    const category = (await manager.post('/equipment-categories', { name: `Se va ${round}` })).body
    const [gone, ...entered] = await Promise.all([
      manager.delete(`/equipment-categories/${category.id}`, { version: 1 }),
      ...[1, 2, 3].map(() => manager.post('/equipment', { name: 'Entra', ownership: 'rented', category_id: category.id })),
    ])
    const inside = entered.filter((reply) => reply.status === 201).length
    expect([gone?.status, inside > 0 ? 'held' : 'empty', tally(entered)]).toSatisfy(([status, held]: Body[]) => (status === 204 ? held === 'empty' : status === 409 && held === 'held'))
  })
})

test('a company keeps an admin, whoever leaves at the same time', async () => {
  const people = (await world.as('andina', 'admin').get('/users?limit=200')).body.items as Body[]
  const two = (['manager', 'operator2'] as const).map((who) => ({ client: world.as('andina', who), row: people.find((p) => p.user_id === world.person('andina', who).userId) }))
  const admin = { client: world.as('andina', 'admin'), row: people.find((p) => p.user_id === world.person('andina', 'admin').userId) }
  await world.sqlAdmin((q) => q("UPDATE user_company_roles SET role = 'admin' WHERE id = ANY ($1)", [two.map((p) => p.row.id)]))
  const replies = await Promise.all([admin, ...two].map(({ client, row }) => client.patch(`/users/${row.id}`, { is_active: false }, { version: '*' })))
  expect(await count("user_company_roles WHERE company_id = $1 AND role = 'admin' AND ended_at IS NULL", [andina])).toBeGreaterThanOrEqual(1)
  expect(replies.filter((reply) => reply.status === 200).length).toBeLessThan(3)
  await world.sqlAdmin((q) => q('UPDATE user_company_roles SET ended_at = NULL WHERE id = $1', [two[0]?.row.id]))
})

test('after all of it the events of every machine are whole and in order', async () => {
  const holes = await count(
    `(SELECT e.id FROM equipment e JOIN domain_events v ON v.company_id = e.company_id AND v.aggregate_id = e.id GROUP BY e.company_id, e.id, e.version
      HAVING max(v.event_version) <> e.version OR count(*) <> e.version OR min(v.event_version) <> 1) holes`,
  )
  expect(holes).toBe(0)
  expect(await count('equipment')).toBeGreaterThan(800)
})
