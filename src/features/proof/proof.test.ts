// Events prove the rows: whatever is done through the door adds up, and whatever is changed behind it is found and named.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Query } from '../../../test/harness.ts'
import { verifyEvents } from './events.ts'
import type { Fault } from './look.ts'

const world = await createWorld()
const verify = (rebuild = true) => verifyEvents(world.ownerUrl, () => {}, { rebuild })
const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(list.length, 1)]

const kinds = ['category', 'create', 'edit', 'assign', 'reserve', 'promise', 'transfer', 'return', 'status', 'correct', 'delete', 'restore', 'move', 'person', 'token', 'company', 'service'] as const

/** One step of a day: what is done, to which of the things there are. */
const step = fc.record({
  who: fc.constantFrom('admin' as const, 'manager' as const, 'operator' as const),
  what: fc.constantFrom(...kinds),
  at: fc.nat(50),
  text: fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
  number: fc.integer({ min: 0, max: 9999 }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Things = { machines: string[]; categories: string[] }

async function doStep(things: Things, { who, what, at, text, number }: Step): Promise<number> {
  const client = world.as('andina', who)
  const machine = `/equipment/${pick(things.machines, at)}`
  const category = pick(things.categories, number) ?? null
  const person = world.person('andina', number % 2 ? 'operator' : 'manager').userId
  const any = { version: '*' as const }
  const kept = async (reply: Promise<{ status: number; body: Body }>, into: string[]) => {
    const { status, body } = await reply
    if (status === 201) into.push(body.id)
    return status
  }
  const steps: Record<string, () => Promise<number>> = {
    create: () => kept(client.post('/equipment', { name: `x${text}`, ownership: 'rented', category_id: category, tags: number % 2 ? [`t${number}`] : [] }), things.machines),
    edit: async () => (await client.patch(machine, { name: `y${text}`, category_id: category, purchase_price: { amount: `${number + 1}.5`, currency: 'PEN' } }, any)).status,
    status: async () => (await client.post(`${machine}/status`, { status: pick(['active', 'maintenance', 'retired'], number), reason: text.trim() || 'x' }, any)).status,
    assign: async () => (await client.post(`${machine}/assign`, { user_id: person })).status,
    reserve: async () => {
      const [reserved_from, reserved_until] = [number / 10, number / 10 + 5].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString())
      return (await client.post(`${machine}/reservations`, { user_id: person, reserved_from, reserved_until })).status
    },
    promise: async () => {
      const row = pick((await client.get('/assignments?state=reserved,out&limit=200')).body.items as Body[], number)
      const step = pick(['accept', 'pick-up', 'cancel'], at)
      return row ? (await client.post(`/assignments/${row.id}/${step}`, step === 'cancel' ? { reason: 'x' } : {})).status : 0
    },
    transfer: async () => (await client.post(`${machine}/transfer`, { user_id: person })).status,
    return: async () => (await client.post(`${machine}/return`, {})).status,
    correct: async () => {
      const from = Date.now() - 2 - (number % 400)
      const body = { status: pick(['retired', 'maintenance', 'active'], number + at), reason: text.trim() || 'x' }
      const to = number % 2 ? new Date(from + (number % 60) + 1).toISOString() : null
      return (await client.post(`${machine}/status-corrections`, { ...body, effective_from: new Date(from).toISOString(), effective_to: to })).status
    },
    delete: async () => (await client.delete(machine, any)).status,
    restore: async () => (await client.post(`${machine}/restore`)).status,
    category: () => kept(client.post('/equipment-categories', { name: `c${number} ${at}`, parent_id: category }), things.categories),
    move: async () => (await client.patch(`/equipment-categories/${pick(things.categories, at)}`, { parent_id: category }, any)).status,
    person: async () => (await client.post('/users', { email: `p${number % 5}@andina.test`, display_name: `p${number}`, role: 'viewer' })).status,
    token: async () => (await client.post('/api/v1/tokens', { company_id: world.companies.andina.id, name: `n${number}`, scopes: ['read'], expires_at: '2099-01-01T00:00:00Z' })).status,
    company: async () => (await client.patch('', { phone: `9${number}` }, any)).status,
    service: async () => (await client.post(`${machine}/send-to-maintenance`, { type: 'corrective', reason: 'x' })).status,
  }
  return (await steps[what]?.()) ?? 0
}

/** What makes the first of a kind possible: the second machine is reserved and that cancelled; the first was there six milliseconds ago. */
const planned: Partial<Record<Step['what'], Partial<Step>>> = {
  reserve: { at: 1 },
  promise: { at: 2, number: 0 },
  transfer: { number: 1 },
  status: { number: 3 },
  correct: { number: 4 },
  move: { at: 1 },
}

test('whatever is done through the door, events tell every row byte for byte, and the tables can be built again from them', async () => {
  const things: Things = { machines: [], categories: [] }
  const seen: Record<string, number> = {}
  // One of each kind first, each possible after the ones before; then as it comes.
  for (const what of ['category', 'create', ...kinds] as const) {
    expect(await doStep(things, { who: 'admin', what, at: 0, text: 'x', number: Object.keys(seen).length * 2, ...planned[what] }), what).toBeLessThan(300)
    seen[what] = 1
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 40 }), async (steps) => {
      for (const s of steps) {
        const status = await doStep(things, s)
        expect(status, s.what).toBeLessThan(500)
        if (status < 300) seen[s.what] = (seen[s.what] ?? 0) + 1
      }
      const report = await verify()
      expect(report.faults).toEqual([])
    }),
    { numRuns: 8, endOnFailure: true },
  )
  // It proves something only if every kind of step was really done.
  expect(Object.keys(seen).sort()).toEqual([...kinds].sort())
  const { rows, events } = await verify(false)
  expect(rows).toBeGreaterThan(20)
  expect(events).toBeGreaterThan(rows)
})

/** Changes the records as only a superuser with its triggers off can, verifies, and puts everything back. */
async function tampered(how: (query: Query) => Promise<unknown>, undo: (query: Query) => Promise<unknown>): Promise<Fault[]> {
  const off = (work: (query: Query) => Promise<unknown>) =>
    world.sqlAdmin(async (query) => {
      await query("SET LOCAL session_replication_role = 'replica'")
      await work(query)
    })
  expect((await verify(false)).faults).toEqual([])
  await off(how)
  try {
    return (await verify(false)).faults
  } finally {
    await off(undo)
    expect((await verify(false)).faults).toEqual([])
  }
}

const subject = async () => {
  const machine = await world.machine({ name: 'Grúa torre' })
  const client = world.as('andina', 'manager')
  await client.patch(`/equipment/${machine.id}`, { name: 'Grúa torre 2' }, { version: 1 })
  await client.post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: 'aceite' }, { version: 2 })
  await client.patch(`/equipment/${machine.id}`, { name: 'Grúa torre 3' }, { version: 3 })
  return machine.id as string
}
const first = (faults: Fault[], rule: string) => faults.find((f) => f.rule === rule)

test('a changed row is found: the column and both values are named', async () => {
  const id = await subject()
  const faults = await tampered(
    (q) => q("UPDATE equipment SET location = 'robada' WHERE id = $1", [id]),
    (q) => q('UPDATE equipment SET location = NULL WHERE id = $1', [id]),
  )
  expect(first(faults, 'row_equals_events')).toMatchObject({
    company_id: world.companies.andina.id,
    aggregate_type: 'equipment',
    aggregate_id: id,
    version: 4,
    column: 'location',
    found: '"robada"',
    expected: 'null',
  })
  expect(faults.map((f) => f.rule)).toEqual(['row_equals_events', 'search_document_equals_rebuilt'])
})

test('a changed event is found, also where a later one covers it', async () => {
  const id = await subject()
  const set = (name: string) => (q: Query) =>
    q(`UPDATE domain_events SET event_data = jsonb_set(event_data, '{new,name}', to_jsonb($2::text)) WHERE aggregate_id = $1 AND event_version = 2`, [id, name])
  const faults = await tampered(set('Otra'), set('Grúa torre 2'))
  expect(faults.map((f) => f.rule)).toEqual(['event_follows_the_one_before', 'event_equals_audit'])
  expect(faults[0]).toMatchObject({ aggregate_id: id, version: 4, column: 'name', found: '"Grúa torre 2"', expected: '"Otra"' })
  expect(faults[1]).toMatchObject({ aggregate_id: id, version: 2 })
})

test('a reason, an author or an instant changed in an event is found by its twin in the audit', async () => {
  const id = await subject()
  const [event] = await world.sqlAdmin((q) => q('SELECT metadata, occurred_at, recorded_by FROM domain_events WHERE aggregate_id = $1 AND event_version = 3', [id]))
  const back = (q: Query) =>
    q('UPDATE domain_events SET metadata = $2, occurred_at = $3, recorded_by = $4 WHERE aggregate_id = $1 AND event_version = 3', [id, event.metadata, event.occurred_at, event.recorded_by])
  for (const set of [`metadata = '{"reason": "otro"}'`, "occurred_at = occurred_at - interval '1 day'", 'recorded_by = NULL']) {
    const faults = await tampered((q) => q(`UPDATE domain_events SET ${set} WHERE aggregate_id = $1 AND event_version = 3`, [id]), back)
    expect(first(faults, 'event_equals_audit')).toMatchObject({ aggregate_id: id, version: 3 })
  }
})

test('a missing event is found as the version that is not there', async () => {
  const id = await subject()
  const [event] = await world.sqlAdmin((q) => q('SELECT to_jsonb(e) AS row FROM domain_events e WHERE aggregate_id = $1 AND event_version = 2', [id]))
  const faults = await tampered(
    (q) => q('DELETE FROM domain_events WHERE aggregate_id = $1 AND event_version = 2', [id]),
    (q) => q('INSERT INTO domain_events OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::domain_events, $1)', [JSON.stringify(event.row)]),
  )
  expect(faults[0]).toMatchObject({ rule: 'versions_without_gap', aggregate_id: id, version: 2, found: 'none; the next is version 3' })
})

test('a row without events, and events without a row, are found', async () => {
  const id = await subject()
  const key = [id]
  const [row] = await world.sqlAdmin((q) => q('SELECT to_jsonb(e) AS row FROM equipment e WHERE id = $1', key))
  const insert = (q: Query, body: object) => q('INSERT INTO equipment SELECT * FROM jsonb_populate_record(NULL::equipment, $1)', [JSON.stringify(body)])
  const gone = await tampered(
    (q) => q('DELETE FROM equipment WHERE id = $1', key),
    (q) => insert(q, row.row),
  )
  expect(first(gone, 'row_for_events')).toMatchObject({ aggregate_type: 'equipment', aggregate_id: id })
  const ghost = '01900000-0000-7000-8000-00000000abcd'
  const added = await tampered(
    (q) => insert(q, { ...row.row, id: ghost, serial_number: 'EQ-2001-GN-000001' }),
    (q) => q('DELETE FROM equipment WHERE id = $1', [ghost]),
  )
  expect(first(added, 'versions_without_gap')).toMatchObject({ aggregate_id: ghost, version: 1, found: 'none' })
  expect(first(added, 'status_is_current_period')).toMatchObject({ id: ghost })
})

test('a status or a period changed behind the history is found', async () => {
  const id = await subject()
  const status = (to: string) => (q: Query) => q('UPDATE equipment SET status = $2 WHERE id = $1', [id, to])
  const faults = await tampered(status('active'), status('maintenance'))
  expect(first(faults, 'row_equals_events')).toMatchObject({ column: 'status', found: '"active"', expected: '"maintenance"' })
  expect(first(faults, 'status_is_current_period')).toMatchObject({ id, found: 'active', expected: 'maintenance' })
  const shift = (sign: string) => (q: Query) =>
    q(`UPDATE equipment_status_history SET effective_to = effective_to ${sign} interval '1 microsecond' WHERE equipment_id = $1 AND effective_to IS NOT NULL`, [id])
  const gap = await tampered(shift('-'), shift('+'))
  // What the history tells of the fleet is another thing then, too.
  expect([...new Set(gap.map((f) => f.rule))]).toEqual(['status_periods_without_gap', 'status_periods_equal_events', 'fleet_periods_equal_events'])
  const reason = (text: string) => (q: Query) => q('UPDATE equipment_status_history SET reason = $2 WHERE equipment_id = $1 AND effective_to IS NULL', [id, text])
  expect(first(await tampered(reason('nada'), reason('aceite')), 'status_periods_equal_events')).toMatchObject({ id })
})

test('a search document and a counter out of step are found; a trigger switched off too', async () => {
  const id = await subject()
  const [kept] = await world.sqlAdmin((q) => q('SELECT document::text FROM equipment_search_documents WHERE equipment_id = $1', [id]))
  const search = await tampered(
    (q) => q("UPDATE equipment_search_documents SET document = '' WHERE equipment_id = $1", [id]),
    (q) => q('UPDATE equipment_search_documents SET document = $2::tsvector WHERE equipment_id = $1', [id, kept.document]),
  )
  expect(search).toMatchObject([{ rule: 'search_document_equals_rebuilt', id }])
  const count = (sign: string) => (q: Query) => q(`UPDATE equipment_serial_counters SET last_number = last_number ${sign} 1 WHERE company_id = $1`, [world.companies.andina.id])
  expect((await tampered(count('-'), count('+'))).map((f) => f.rule)).toContain('serial_counter_past_codes')
  const trigger = (state: string) => (q: Query) => q(`ALTER TABLE equipment ${state} TRIGGER trigger_900_record_change`)
  expect((await tampered(trigger('DISABLE'), trigger('ENABLE'))).map((f) => f.rule)).toEqual(['trigger_on'])
})

test('a column younger than its rows needs no event', async () => {
  const [id] = [await subject()]
  await world.sqlAdmin((q) => q('ALTER TABLE equipment ADD COLUMN wheels integer NOT NULL DEFAULT 4, ADD COLUMN notes jsonb DEFAULT \'{"a": 1.50}\', ADD COLUMN colour text'))
  expect((await verify()).faults).toEqual([])
  await world.sqlAdmin((q) => q('UPDATE equipment SET wheels = 6 WHERE id = $1', [id]))
  expect((await verify()).faults).toEqual([])
  await world.sqlAdmin((q) => q('ALTER TABLE equipment DROP COLUMN wheels, DROP COLUMN notes, DROP COLUMN colour'))
  expect((await verify()).faults).toEqual([])
})

test('values that are equal but not the same (1.0 and 1.00) are no hole between row and events', async () => {
  const id = await subject()
  const write = (set: string) => world.sqlAs('andina', 'manager', (q) => q(`UPDATE equipment SET ${set} WHERE id = $1`, [id]), { commit: true })
  await write(`specifications = '{"peso": 1.0}'`)
  await write(`specifications = '{"peso": 1.00}'`)
  expect((await verify()).faults).toEqual([])
  await write(`specifications = '{"peso": 1.000}', location = 'Puno'`)
  expect((await verify()).faults).toEqual([])
})
