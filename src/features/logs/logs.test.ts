// The log of a machine through the HTTP door: readings, notes, batches, what the database writes itself, and how pages are read.
import { expect, test } from 'vitest'
import { type Body, connected, createWorld } from '../../../test/harness.ts'
import { verifyProjections } from '../proof/projections.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const operator = world.as('andina', 'operator')
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
const days = (n: number) => ago(n * 1440)
const log = async (id: string, query = '') => (await manager.get(`/equipment/${id}/logs${query}`)).body.items as Body[]
const problem = (reply: { status: number; body: Body }) => [reply.status, reply.body.code, reply.body.errors?.[0]?.field]

test('readings and notes are written by people, newest first, and a machine’s newest reading is known', async () => {
  const { id } = await world.machine()
  const add = async (fields: object) => (await operator.post(`/equipment/${id}/logs`, fields)).body
  await add({ event_type: 'meter_hours', reading: '1200', created_at: days(3) })
  await add({ event_type: 'meter_km', reading: '88000.5', created_at: days(2) })
  const last = await add({ event_type: 'meter_hours', reading: '1212.25', notes: 'Turno de noche' })
  await add({ event_type: 'note', notes: 'Fuga en el cilindro' })
  expect(last).toMatchObject({ event_type: 'meter_hours', reading: '1212.25', notes: 'Turno de noche', is_correction: false, recorded_by_name: 'operator de andina', entry_key: null, event_data: {} })
  expect((await log(id)).map((e) => [e.event_type, e.reading ?? e.notes ?? e.event_data.status])).toEqual([
    ['note', 'Fuga en el cilindro'],
    ['meter_hours', '1212.25'],
    ['status', 'active'],
    ['meter_km', '88000.50'],
    ['meter_hours', '1200.00'],
  ])
  const meters = (await world.as('andina', 'viewer').get(`/equipment/${id}/meters`)).body.items
  expect(meters.map((m: Body) => [m.event_type, m.reading])).toEqual([
    ['meter_hours', '1212.25'],
    ['meter_km', '88000.50'],
  ])
})

test('status and hand-overs stand in the log when they happen, each once, and proof finds them equal to the events', async () => {
  const { id } = await world.machine()
  await manager.post(`/equipment/${id}/assign`, { user_id: world.person('andina', 'operator').userId })
  await manager.post(`/equipment/${id}/return`)
  await manager.post(`/equipment/${id}/status`, { status: 'maintenance', reason: 'Fuga' })
  const entries = await log(id)
  expect(entries.map((e) => [e.event_type, e.event_data.action ?? e.event_data.status, e.event_data.reason ?? e.person_name])).toEqual([
    ['status', 'maintenance', 'Fuga'],
    ['assignment', 'returned', 'operator de andina'],
    ['assignment', 'handed_over', 'operator de andina'],
    ['status', 'active', null],
  ])
  const faults = () => connected(world.ownerUrl, async (q) => q('SET ROLE record_keeper').then(() => verifyProjections(q as never)))
  expect(await faults()).toEqual([])
  await world.sqlAdmin((q) => q(`SET LOCAL session_replication_role = replica; DELETE FROM equipment_logs WHERE id = '${entries[0].id}'`))
  expect((await faults()).map((f) => [f.rule, f.where])).toEqual([['event_stands_in_log', `equipment ${id}`]])
  await world.sqlAdmin((q) =>
    q(`INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at) SELECT company_id, id, 'status', '{"status": "retired"}', now() FROM equipment WHERE id = '${id}'`),
  )
  expect((await faults()).map((f) => f.rule).sort()).toEqual(['event_stands_in_log', 'log_tells_an_event'])
})

test('a meter does not run backwards without saying so, in whatever order readings come', async () => {
  const { id } = await world.machine()
  const add = (reading: string, at: string, more: object = {}) => operator.post(`/equipment/${id}/logs`, { event_type: 'meter_hours', reading, created_at: at, ...more })
  expect((await add('500', days(10))).status).toBe(201)
  expect((await add('800', days(2))).status).toBe(201)
  expect(problem(await add('799.99', ago(5)))).toEqual([422, 'equipment_logs_meter_backwards', 'reading'])
  expect(problem(await add('801', days(5)))).toEqual([422, 'equipment_logs_meter_backwards', 'reading'])
  expect(problem(await add('499', days(5)))).toEqual([422, 'equipment_logs_meter_backwards', 'reading'])
  expect((await add('650', days(5))).status).toBe(201)
  expect((await add('3', ago(4), { is_correction: true })).body.is_correction).toBe(true)
  expect((await add('4', ago(3))).status).toBe(201)
  expect(problem(await add('3.5', ago(2)))).toEqual([422, 'equipment_logs_meter_backwards', 'reading'])
  // The other meter counts for itself.
  expect((await operator.post(`/equipment/${id}/logs`, { event_type: 'meter_km', reading: '1' })).status).toBe(201)
})

test('bad input is refused at its field', async () => {
  const { id } = await world.machine()
  const theirs = await world.machine({}, 'sur')
  const at = (fields: object, machine = id) => operator.post(`/equipment/${machine}/logs`, { event_type: 'meter_hours', reading: '5', ...fields }).then(problem)
  expect(await at({ created_at: '2099-01-01T00:00:00Z' })).toEqual([422, 'equipment_logs_created_at_range', 'created_at'])
  expect(await at({ created_at: '1999-01-01T00:00:00Z' })).toEqual([422, 'equipment_logs_created_at_range', 'created_at'])
  for (const created_at of ['0000-01-01T00:00:00Z', '2026-11-01T00:00:00+23:00', 'ayer', 5]) expect(await at({ created_at })).toEqual([400, 'input_invalid', 'created_at'])
  for (const reading of ['NaN', 'Infinity', '-1', '1e5', '123456789', '1.234', 5]) expect(await at({ reading })).toEqual([400, 'input_invalid', 'reading'])
  expect(await at({ reading: null })).toEqual([422, 'equipment_logs_reading_of_meter', 'reading'])
  expect(await at({ event_type: 'status' })).toEqual([400, 'input_invalid', 'event_type'])
  expect(await at({ event_type: 'note', reading: null })).toEqual([422, 'equipment_logs_note_says', 'notes'])
  for (const machine of [theirs.id, '01900000-0000-7000-8000-000000000000']) {
    expect((await at({}, machine)).slice(0, 2)).toEqual([404, 'not_found'])
    expect(problem(await operator.get(`/equipment/${machine}/logs`)).slice(0, 2)).toEqual([404, 'not_found'])
    expect(problem(await operator.get(`/equipment/${machine}/meters`)).slice(0, 2)).toEqual([404, 'not_found'])
  }
  expect(problem(await world.as('andina', 'viewer').post(`/equipment/${id}/logs`, { event_type: 'note', notes: 'x' })).slice(0, 2)).toEqual([403, 'role_required'])
  expect(problem(await operator.get(`/equipment/${id}/logs?event_type=nota`))).toEqual([400, 'input_invalid', 'query.event_type'])
  await manager.delete(`/equipment/${id}`, { version: 1 })
  expect((await at({})).slice(0, 2)).toEqual([404, 'not_found'])
})

const entry = (equipment_id: string, n: number, more: object = {}) => ({ entry_key: `gps-${n}`, equipment_id, event_type: 'telemetry', created_at: ago(n), event_data: { speed: n }, ...more })

test('a batch adds each entry once, says what became of each, and adds nothing when it is sent again', async () => {
  const [one, two] = [await world.machine(), await world.machine()]
  const theirs = await world.machine({}, 'sur')
  const same = ago(50)
  const entries = [
    entry(one.id, 1),
    entry(two.id, 2, { event_type: 'meter_km', reading: '100.5', event_data: {} }),
    entry(two.id, 1, { event_type: 'meter_km', reading: '99', event_data: {} }),
    entry(theirs.id, 3),
    entry('01900000-0000-7000-8000-000000000000', 4),
    entry(one.id, 5, { created_at: '2099-01-01T00:00:00Z' }),
    entry(one.id, 6, { event_data: { text: 'x'.repeat(4001) } }),
    entry(one.id, 7, { event_type: 'note', notes: 'Batería baja' }),
    entry(one.id, 8, { event_type: 'meter_hours' }),
    entry(one.id, 9, { created_at: same }),
    entry(one.id, 9, { created_at: same }),
    entry(one.id, 9, { created_at: same, event_data: { speed: 'otra' } }),
  ]
  const lines = (reply: Body) => reply.results.map((r: Body) => [r.entry_key, r.outcome, r.code, r.field])
  const refused = [
    ['gps-1', 'refused', 'equipment_logs_meter_backwards', 'reading'],
    ['gps-3', 'refused', 'fk_equipment_logs_equipment', 'equipment_id'],
    ['gps-4', 'refused', 'fk_equipment_logs_equipment', 'equipment_id'],
    ['gps-5', 'refused', 'equipment_logs_created_at_range', 'created_at'],
    ['gps-6', 'refused', 'equipment_logs_event_data_size', 'event_data'],
  ]
  const first = await operator.post('/equipment-logs/batch', { entries })
  expect(first.status, first.text).toBe(200)
  expect(lines(first.body)).toEqual([
    ['gps-1', 'added', null, null],
    ['gps-2', 'added', null, null],
    ...refused,
    ['gps-7', 'added', null, null],
    ['gps-8', 'refused', 'equipment_logs_reading_of_meter', 'reading'],
    ['gps-9', 'added', null, null],
    ['gps-9', 'repeated', null, null],
    ['gps-9', 'refused', 'equipment_logs_entry_differs', 'entry_key'],
  ])
  expect(first.body.results[3].detail).toBe(first.body.results[4].detail)
  const again = (await operator.post('/equipment-logs/batch', { entries })).body
  expect([again.added, again.repeated, again.refused]).toEqual([0, 5, 7])
  expect(again.results[0].id).toBe(first.body.results[0].id)
  expect((await log(one.id)).filter((e) => e.entry_key)).toHaveLength(3)
  expect(await world.sqlAdmin(async (q) => (await q('SELECT count(*) AS n FROM equipment_logs WHERE equipment_id = $1 AND event_type = $2', [theirs.id, 'telemetry']))[0].n)).toBe(0)
})

test('a batch of the wrong form is refused whole, at the field of the entry', async () => {
  const { id } = await world.machine()
  const send = async (entries: unknown, who: 'operator' | 'viewer' = 'operator') => problem(await world.as('andina', who).post('/equipment-logs/batch', { entries }))
  expect(await send([entry(id, 1), entry(id, 2, { reading: 'NaN', event_type: 'meter_km' })])).toEqual([400, 'input_invalid', 'entries.1.reading'])
  expect(await send([entry(id, 1, { entry_key: '' })])).toEqual([400, 'input_invalid', 'entries.0.entry_key'])
  expect(await send([])).toEqual([400, 'input_invalid', 'entries'])
  expect(await send(Array.from({ length: 1001 }, (_, n) => entry(id, n)))).toEqual([400, 'input_invalid', 'entries'])
  expect((await send([entry(id, 1, { event_data: { text: 'x'.repeat(1_100_000) } })])).slice(0, 2)).toEqual([413, 'too_large'])
  expect((await send([entry(id, 1)], 'viewer')).slice(0, 2)).toEqual([403, 'role_required'])
  expect(await log(id, '?event_type=telemetry')).toEqual([])
})

test('pages follow each other without gap or repetition, through filters by kind and time and across months', async () => {
  const { id } = await world.machine()
  const entries = Array.from({ length: 60 }, (_, n) => entry(id, n * 1440 + 3, n % 3 ? {} : { event_type: 'meter_km', reading: String(1000 - n), event_data: {} }))
  expect((await operator.post('/equipment-logs/batch', { entries: entries.reverse() })).body.added).toBe(60)
  const all = async (query: string) => {
    const found: Body[] = []
    for (let cursor = ''; ; ) {
      const page = (await manager.get(`/equipment/${id}/logs?limit=7${query}${cursor}`)).body
      found.push(...page.items)
      if (!page.next_cursor) return found
      cursor = `&cursor=${page.next_cursor}`
    }
  }
  const whole = await all('')
  expect(whole).toHaveLength(61)
  expect(whole.map((e) => e.created_at)).toEqual(whole.map((e) => e.created_at as string).sort((a, b) => Date.parse(b) - Date.parse(a)))
  expect(new Set(whole.map((e) => e.id)).size).toBe(61)
  const kinds = await all('&event_type=meter_km,status')
  expect(kinds.map((e) => e.id)).toEqual(whole.filter((e) => e.event_type !== 'telemetry').map((e) => e.id))
  const since = days(30)
  expect(await all(`&created_at.gte=${since}&event_type=telemetry`)).toEqual(whole.filter((e) => e.event_type === 'telemetry' && Date.parse(e.created_at) >= Date.parse(since)))
})

test('one machine’s page is read from the indexes of the months, and a rare kind from its own end', async () => {
  const { id } = await world.machine()
  await operator.post('/equipment-logs/batch', { entries: Array.from({ length: 400 }, (_, n) => entry(id, n * 200)) })
  await world.sqlAdmin((q) => q('ANALYZE equipment_logs'))
  const plan = async (kind: string) =>
    world.sqlAs('andina', 'viewer', async (q) => {
      // Months that hold nothing yet are as quickly read whole: what counts is how each is read when it holds much.
      await q('SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off')
      const rows = await q(
        `EXPLAIN SELECT l.* FROM equipment_logs l WHERE l.company_id = (SELECT c.company_id FROM caller c) AND l.equipment_id = '${id}' AND ${kind} ORDER BY l.created_at DESC, l.id DESC LIMIT 51`,
      )
      return rows.map((row) => row['QUERY PLAN'] as string).join('\n')
    })
  const scans = (text: string) => text.match(/(Index Scan using \w+|Seq Scan|Bitmap Heap Scan) on equipment_logs_\w+/g) ?? []
  for (const kind of ['true', "l.event_type = 'note'"]) {
    const text = await plan(kind)
    expect(scans(text).length, text).toBeGreaterThanOrEqual(5)
    expect(
      scans(text).filter((scan) => !scan.startsWith('Index Scan')),
      text,
    ).toEqual([])
    expect(text).not.toMatch(/Sort\s+\(/)
  }
  expect(await plan("l.event_type = 'note'")).toMatch(/event_type\)::text = 'note'/)
})
