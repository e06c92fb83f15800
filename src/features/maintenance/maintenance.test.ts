// Work on machines through the HTTP door: planning, steps, what a service moves and what it leaves, who is due, and races.
import { expect, test } from 'vitest'
import { awayFromMidnight, type Body, createWorld } from '../../../test/harness.ts'

await awayFromMidnight(-5, 14)
const world = await createWorld({ poolSize: 20 })
const manager = world.as('andina', 'manager')
const operator = world.as('andina', 'operator')
const companyId = world.companies.andina.id

const problem = (reply: { status: number; body: Body }) => `${reply.status} ${reply.body.code}`
const day = (offset: number, from = today()) => new Date(Date.parse(from) + offset * 86_400_000).toISOString().slice(0, 10)
/** The company's zone is America/Lima, five hours behind UTC all year. */
function today() {
  return new Date(Date.now() - 5 * 3600_000).toISOString().slice(0, 10)
}
const category = async (fields: object) => (await manager.post('/equipment-categories', { name: `Clase ${Math.random()}`, ...fields })).body
const machineNow = async (id: string) => (await manager.get(`/equipment/${id}`)).body
const plan = async (equipmentId: string, fields: object = {}) => {
  const reply = await manager.post('/maintenance-records', { equipment_id: equipmentId, type: 'preventive', scheduled_date: today(), ...fields })
  if (reply.status !== 201) throw new Error(`plan: ${reply.status} ${reply.text}`)
  return reply.body
}
const complete = (id: string, fields: object = {}) => manager.post(`/maintenance-records/${id}/complete`, fields)

test('a machine is sent to maintenance in one step: status, history, record, events and audit', async () => {
  const { id } = await world.machine()
  const reply = await manager.post(`/equipment/${id}/send-to-maintenance`, {
    type: 'corrective',
    reason: 'Fuga de aceite',
    title: 'Cambiar sello',
    technician: 'Taller Central',
    meter_reading: '1250.5',
  })
  expect([reply.status, reply.headers.etag]).toEqual([201, '"1"'])
  expect(reply.body).toMatchObject({
    equipment_id: id,
    type: 'corrective',
    status: 'in_progress',
    title: 'Cambiar sello',
    scheduled_date: today(),
    technician: 'Taller Central',
    meter_reading: '1250.5',
    created_by: world.person('andina', 'manager').userId,
    created_by_name: 'manager de andina',
  })
  expect(reply.body.started_at).not.toBeNull()
  expect(await machineNow(id)).toMatchObject({ status: 'maintenance', version: 2 })
  const [period] = (await manager.get(`/equipment/${id}/status-history`)).body.items
  expect(period).toMatchObject({ status: 'maintenance', reason: 'Fuga de aceite', effective_to: null, id: reply.body.status_period_id })
  const timeline = (await manager.get(`/equipment/${id}/timeline`)).body.items
  expect(timeline.slice(0, 2).map((entry: Body) => [entry.event_type, entry.reason])).toEqual([
    ['maintenance_created', 'Fuga de aceite'],
    ['equipment_status_changed', 'Fuga de aceite'],
  ])
  const audit = (await world.as('andina', 'admin').get(`/audit-logs?entity_id=${reply.body.id}`)).body.items
  expect(audit.map((entry: Body) => [entry.entity_type, entry.action])).toEqual([['maintenance', 'created']])
})

test('sending for a later day plans the work; a machine that is not there, disposed or changed meanwhile is not sent', async () => {
  const { id } = await world.machine()
  const send = (machineId: string, fields: object = {}) => manager.post(`/equipment/${machineId}/send-to-maintenance`, { type: 'preventive', reason: 'servicio', ...fields })
  expect(problem(await send(id, { version: 7 }))).toBe('412 version_conflict')
  expect((await machineNow(id)).status).toBe('active')
  expect((await send(id, { scheduled_date: day(3), version: 1 })).body).toMatchObject({ status: 'scheduled', scheduled_date: day(3), started_at: null })
  expect(problem(await send(id, { scheduled_date: day(3) }))).toBe('409 idx_maintenance_records_open')
  expect(problem(await send('01900000-0000-7000-8000-000000000000'))).toBe('404 not_found')
  expect(problem(await send((await world.machine({}, 'sur')).id))).toBe('404 not_found')
  await manager.post(`/equipment/${id}/status`, { status: 'disposed', reason: 'fin' })
  expect(problem(await send(id))).toBe('409 equipment_disposed_final')
})

test('work is planned, begun, done; every step writes its event and is possible once', async () => {
  const { id } = await world.machine()
  const record = await plan(id, { type: 'corrective', scheduled_date: day(2), title: 'Frenos', cost: '80' })
  expect(record).toMatchObject({ status: 'scheduled', version: 1, cost: { amount: '80.00', currency: 'PEN' } })
  expect(problem(await manager.post('/maintenance-records', { equipment_id: id, type: 'corrective', scheduled_date: day(2) }))).toBe('409 idx_maintenance_records_open')
  expect((await plan(id, { scheduled_date: day(2) })).status, 'another kind on that day').toBe('scheduled')
  const begun = await manager.post(`/maintenance-records/${record.id}/start`, { to_maintenance: true, reason: 'al taller' })
  expect(begun.body).toMatchObject({ status: 'in_progress', version: 2 })
  expect(await machineNow(id)).toMatchObject({ status: 'maintenance' })
  expect(begun.body.status_period_id).toBe((await manager.get(`/equipment/${id}/status-history`)).body.items[0].id)
  expect(problem(await manager.post(`/maintenance-records/${record.id}/start`))).toBe('409 mr_status_step')
  const done = await complete(record.id, { cost: { amount: '120.50', currency: 'USD' }, parts: 'Pastillas x4', notes: 'ok', back_to_active: true })
  expect(done.body).toMatchObject({
    status: 'done',
    completed_date: today(),
    counts_as_service: false,
    cost: { amount: '120.50', currency: 'USD' },
    parts: 'Pastillas x4',
    title: 'Frenos',
    version: 3,
  })
  expect(await machineNow(id)).toMatchObject({ status: 'active', last_maintenance_date: null })
  expect(problem(await complete(record.id))).toBe('409 mr_status_step')
  expect(problem(await manager.post(`/maintenance-records/${record.id}/cancel`, { reason: 'x' }))).toBe('409 mr_status_step')
  const events = (await manager.get(`/events?aggregate_id=${record.id}`)).body.items
  expect(events.map((e: Body) => [e.event_type, e.event_version])).toEqual([
    ['maintenance_completed', 3],
    ['maintenance_started', 2],
    ['maintenance_created', 1],
  ])
})

test('cancelled work frees its day, says why, and can give the machine back', async () => {
  const { id } = await world.machine()
  const sent = (await manager.post(`/equipment/${id}/send-to-maintenance`, { type: 'preventive', reason: 'servicio' })).body
  expect(problem(await manager.post(`/maintenance-records/${sent.id}/cancel`, {}))).toBe('400 input_invalid')
  const gone = await manager.post(`/maintenance-records/${sent.id}/cancel`, { reason: 'Sin repuestos', back_to_active: true })
  expect(gone.body).toMatchObject({ status: 'cancelled', cancel_reason: 'Sin repuestos', completed_date: null, counts_as_service: null })
  expect(await machineNow(id)).toMatchObject({ status: 'active', last_maintenance_date: null })
  expect((await plan(id)).status).toBe('scheduled')
})

test('a record changes with the version that was read; what is done keeps its kind and days but takes its bill', async () => {
  const { id } = await world.machine()
  const record = await plan(id)
  const change = (fields: object, version: number) => manager.patch(`/maintenance-records/${record.id}`, fields, { version })
  expect((await change({ scheduled_date: day(5), technician: 'Ana', type: 'corrective' }, 1)).body).toMatchObject({ scheduled_date: day(5), technician: 'Ana', type: 'corrective', version: 2 })
  expect(problem(await change({ title: 'otra' }, 1))).toBe('412 version_conflict')
  expect(problem(await complete(record.id, { version: 1 }))).toBe('412 version_conflict')
  expect((await complete(record.id, { version: 2 })).status).toBe(200)
  expect(problem(await change({ scheduled_date: day(6) }, 3))).toBe('409 mr_facts_fixed')
  expect((await change({ cost: '55.10', parts: 'Filtro' }, 3)).body).toMatchObject({ cost: { amount: '55.10', currency: 'PEN' }, parts: 'Filtro' })
  expect((await change({ cost: null }, 4)).body.cost).toBeNull()
})

const refused: [string, object, string][] = [
  ['an unknown kind', { type: 'repair' }, '400 input_invalid'],
  ['no kind', { type: undefined }, '400 input_invalid'],
  ['a day that is none', { scheduled_date: '2026-02-30' }, '400 input_invalid'],
  ['an endless day', { scheduled_date: 'infinity' }, '400 input_invalid'],
  ['a day before machines', { scheduled_date: '1800-01-01' }, '422 mr_dates_range'],
  ['a blank title', { title: ' ' }, '400 input_invalid'],
  ['an invisible title', { title: '\u200b' }, '422 mr_title_not_empty'],
  ['an invisible technician', { technician: '\u2060' }, '422 mr_technician_not_empty'],
  ['a negative cost', { cost: '-1' }, '400 input_invalid'],
  ['a cost that is no number', { cost: 'NaN' }, '400 input_invalid'],
  ['a reading with two decimals', { meter_reading: '1.25' }, '400 input_invalid'],
  ['endless notes', { notes: 'x'.repeat(4001) }, '400 input_invalid'],
  ['a machine that is nowhere', { equipment_id: '01900000-0000-7000-8000-000000000000' }, '422 fk_mr_equipment'],
  ...['status', 'version', 'completed_at', 'started_at', 'company_id', 'created_by'].map((field): [string, object, string] => [
    `${field}, which is the database's`,
    { [field]: null },
    '400 input_invalid',
  ]),
]
test.each(refused)('planning refuses %s', async (_name, fields, expected) => {
  const { id } = await world.machine()
  const reply = await manager.post('/maintenance-records', { equipment_id: id, type: 'preventive', scheduled_date: today(), ...fields })
  expect(problem(reply)).toBe(expected)
  expect(reply.body.detail.length).toBeGreaterThan(10)
})

test('a retired machine, and one of another company, is not worked on', async () => {
  const { id } = await world.machine()
  await manager.post(`/equipment/${id}/status`, { status: 'retired', reason: 'vieja' })
  expect(problem(await manager.post('/maintenance-records', { equipment_id: id, type: 'preventive', scheduled_date: today() }))).toBe('409 mr_machine_in_service')
  const theirs = await world.machine({}, 'sur')
  expect(problem(await manager.post('/maintenance-records', { equipment_id: theirs.id, type: 'preventive', scheduled_date: today() }))).toBe('422 fk_mr_equipment')
  const own = await plan((await world.machine()).id)
  const stranger = world.as('sur', 'admin')
  expect(problem(await stranger.get(`/maintenance-records/${own.id}`))).toBe('404 not_found')
  expect(problem(await stranger.post(`/maintenance-records/${own.id}/complete`))).toBe('404 not_found')
  expect((await stranger.get(`/maintenance-records?equipment_id=${own.equipment_id}`)).body.items).toEqual([])
})

test('floating: a service done early or late moves the next one from the day it was done', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 30, last_maintenance_date: day(-40) })
  expect(await machineNow(id)).toMatchObject({ next_maintenance_date: day(-10), maintenance_rule: 'floating', maintenance_counted_from: day(-40) })
  expect((await complete((await plan(id, { scheduled_date: day(-10) })).id, { completed_date: day(-4) })).body).toMatchObject({ counts_as_service: true, completed_date: day(-4) })
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: day(-4), next_maintenance_date: day(26) })
  await complete((await plan(id, { scheduled_date: day(26) })).id)
  expect(await machineNow(id), 'early').toMatchObject({ last_maintenance_date: today(), next_maintenance_date: day(30), maintenance_counted_from: today() })
})

test('fixed: a service done early or late moves the next one from the day it was planned for, past the day it was done', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 30, maintenance_rule: 'fixed', last_maintenance_date: day(-40) })
  await complete((await plan(id, { scheduled_date: day(-10) })).id, { completed_date: day(-4) })
  expect(await machineNow(id), 'late').toMatchObject({ last_maintenance_date: day(-4), next_maintenance_date: day(20), maintenance_counted_from: day(-10) })
  await complete((await plan(id, { scheduled_date: day(20) })).id)
  expect(await machineNow(id), 'early').toMatchObject({ last_maintenance_date: today(), next_maintenance_date: day(50), maintenance_counted_from: day(20) })
  const late = (await world.machine({ maintenance_interval_days: 30, maintenance_rule: 'fixed', last_maintenance_date: day(-100) })).id
  await complete((await plan(late, { scheduled_date: day(-70) })).id, { completed_date: day(-5) })
  expect(await machineNow(late), 'two intervals late').toMatchObject({ next_maintenance_date: day(20) })
})

test('a repair leaves the service dates unless it is said to count; an older service never moves them back', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 10, last_maintenance_date: day(-3) })
  await complete((await plan(id, { type: 'emergency' })).id)
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: day(-3), next_maintenance_date: day(7) })
  await complete((await plan(id, { type: 'preventive' })).id, { completed_date: day(-8) })
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: day(-3), next_maintenance_date: day(7) })
  await complete((await plan(id, { type: 'corrective' })).id, { counts_as_service: true })
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: today(), next_maintenance_date: day(10) })
  await complete((await plan(id, { type: 'preventive', scheduled_date: day(1) })).id, { counts_as_service: false, completed_date: today() })
  expect(problem(await complete((await plan(id)).id, { completed_date: day(1) }))).toBe('422 mr_done_not_in_future')
})

test('a given next date is never erased: kept without an interval, asked for when it is past, and what is given stands', async () => {
  const { id } = await world.machine({ next_maintenance_date: day(40) })
  await complete((await plan(id)).id, { completed_date: day(-30) })
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: day(-30), next_maintenance_date: day(40), maintenance_counted_from: null })
  const past = (await world.machine({ next_maintenance_date: day(-1) })).id
  const record = await plan(past)
  expect(problem(await complete(record.id, { back_to_active: true }))).toBe('409 mr_next_date_needed')
  expect((await manager.get(`/maintenance-records/${record.id}`)).body, 'nothing half done').toMatchObject({ status: 'scheduled', version: 1 })
  expect(problem(await complete(record.id, { next_maintenance_date: today() }))).toBe('422 equipment_maintenance_dates_logical')
  expect((await complete(record.id, { next_maintenance_date: day(90) })).status).toBe(200)
  expect(await machineNow(past)).toMatchObject({ last_maintenance_date: today(), next_maintenance_date: day(90), maintenance_counted_from: null })
  await complete((await plan(past, { scheduled_date: day(9) })).id, { next_maintenance_date: null })
  expect((await machineNow(past)).next_maintenance_date).toBeNull()
})

test('a next date given with a service stands before the rule, also when it is the one the machine had', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 30, last_maintenance_date: day(-20) })
  await complete((await plan(id)).id, { completed_date: day(-5), next_maintenance_date: day(10) })
  expect(await machineNow(id)).toMatchObject({ last_maintenance_date: day(-5), next_maintenance_date: day(10), maintenance_counted_from: null })
  const other = (await world.machine({ maintenance_interval_days: 30, last_maintenance_date: day(-20), next_maintenance_date: day(77) })).id
  await complete((await plan(other)).id, { next_maintenance_date: day(78) })
  expect((await machineNow(other)).next_maintenance_date).toBe(day(78))
})

test('changing an interval moves computed dates: the machine’s own before the nearest category’s, and no given one', async () => {
  const parent = await category({ maintenance_interval_days: 100 })
  const child = await category({ parent_id: parent.id })
  const in_child = { category_id: child.id, last_maintenance_date: day(-10) }
  const [computed, given, own, bare] = await Promise.all([
    world.machine(in_child),
    world.machine({ ...in_child, next_maintenance_date: day(55) }),
    world.machine({ ...in_child, maintenance_interval_days: 20 }),
    world.machine({ category_id: child.id }),
  ])
  const days = async () => Promise.all([computed, given, own, bare].map(async ({ id }) => (await machineNow(id)).next_maintenance_date))
  expect(await days()).toEqual([day(90), day(55), day(10), null])
  expect((await manager.patch(`/equipment-categories/${parent.id}`, { maintenance_interval_days: 50 }, { version: '*' })).status).toBe(200)
  expect(await days(), 'the parent’s').toEqual([day(40), day(55), day(10), null])
  expect((await manager.patch(`/equipment-categories/${child.id}`, { maintenance_interval_days: 30 }, { version: '*' })).status).toBe(200)
  expect(await days(), 'a nearer one').toEqual([day(20), day(55), day(10), null])
  await manager.patch(`/equipment-categories/${parent.id}`, { maintenance_interval_days: 70 }, { version: '*' })
  expect(await days(), 'the farther one counts no more').toEqual([day(20), day(55), day(10), null])
  await manager.patch(`/equipment/${own.id}`, { maintenance_interval_days: 25 }, { version: '*' })
  await manager.patch(`/equipment/${given.id}`, { maintenance_interval_days: 25 }, { version: '*' })
  expect(await days(), 'the machine’s own').toEqual([day(20), day(55), day(15), null])
  await manager.patch(`/equipment/${own.id}`, { maintenance_interval_days: null }, { version: '*' })
  expect(await days(), 'back to the category’s').toEqual([day(20), day(55), day(20), null])
  await manager.patch(`/equipment-categories/${child.id}`, { maintenance_interval_days: null }, { version: '*' })
  expect(await days(), 'back to the parent’s').toEqual([day(60), day(55), day(60), null])
  await manager.patch(`/equipment-categories/${parent.id}`, { maintenance_interval_days: null }, { version: '*' })
  expect(await days(), 'no interval erases nothing').toEqual([day(60), day(55), day(60), null])
  await manager.patch(`/equipment-categories/${parent.id}`, { maintenance_interval_days: 11 }, { version: '*' })
  expect(await days(), 'and a new one finds them').toEqual([day(1), day(55), day(1), null])
  const events = (await manager.get(`/events?aggregate_id=${computed.id}`)).body.items
  expect(
    events.map((e: Body) => e.event_version),
    'each move is an event',
  ).toEqual([5, 4, 3, 2, 1])
})

test('moving a branch, or a machine to another category, moves computed dates and leaves given ones', async () => {
  const [often, seldom] = [await category({ maintenance_interval_days: 20 }), await category({ maintenance_interval_days: 200 })]
  const branch = await category({ parent_id: often.id })
  const leaf = await category({ parent_id: branch.id })
  const computed = await world.machine({ category_id: leaf.id, last_maintenance_date: day(-5) })
  const given = await world.machine({ category_id: leaf.id, last_maintenance_date: day(-5), next_maintenance_date: day(44) })
  const days = async () => Promise.all([computed, given].map(async ({ id }) => (await machineNow(id)).next_maintenance_date))
  expect(await days()).toEqual([day(15), day(44)])
  expect((await manager.patch(`/equipment-categories/${branch.id}`, { parent_id: seldom.id }, { version: '*' })).status).toBe(200)
  expect(await days()).toEqual([day(195), day(44)])
  for (const { id } of [computed, given]) await manager.patch(`/equipment/${id}`, { category_id: often.id }, { version: '*' })
  expect(await days()).toEqual([day(15), day(44)])
})

test('what the next service is counted from is not for a client to claim', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 30, last_maintenance_date: day(-5) })
  expect((await manager.patch(`/equipment/${id}`, { maintenance_counted_from: day(0) }, { version: 1 })).status).toBe(400)
  const [row] = await world.sqlAs('andina', 'manager', (q) =>
    q('UPDATE equipment SET maintenance_counted_from = $2 WHERE id = $1 RETURNING maintenance_counted_from, next_maintenance_date', [id, day(1)]),
  )
  expect(row).toEqual({ maintenance_counted_from: day(-5), next_maintenance_date: day(25) })
})

test('an operator reports a breakdown, and no more', async () => {
  const { id } = await world.machine()
  const report = (fields: object) => operator.post('/maintenance-records', { equipment_id: id, type: 'emergency', scheduled_date: today(), notes: 'No arranca', ...fields })
  expect((await report({})).body).toMatchObject({ status: 'scheduled', type: 'emergency', created_by_name: 'operator de andina' })
  expect(problem(await report({ scheduled_date: day(1), cost: '5' }))).toBe('403 not_allowed')
  expect(problem(await report({ type: 'preventive' }))).toBe('403 not_allowed')
  expect(problem(await operator.post(`/equipment/${id}/send-to-maintenance`, { type: 'emergency', reason: 'x' }))).toBe('403 role_required')
  expect(problem(await world.as('andina', 'viewer').post('/maintenance-records', { equipment_id: id, type: 'emergency', scheduled_date: today() }))).toBe('403 role_required')
  expect((await world.as('andina', 'viewer').get(`/maintenance-records?equipment_id=${id}`)).body.items).toHaveLength(1)
})

test('the list filters by machine, kind, state and days, and pages without a gap', async () => {
  const { id } = await world.machine()
  for (let i = 0; i < 7; i++) await plan(id, { scheduled_date: day(100 + i), type: i % 2 ? 'corrective' : 'preventive', technician: `T${i}` })
  const list = async (query: string) => (await manager.get(`/maintenance-records?equipment_id=${id}&${query}`)).body
  expect((await list('sort=scheduled_date&type=preventive')).items.map((r: Body) => r.technician)).toEqual(['T0', 'T2', 'T4', 'T6'])
  expect((await list(`scheduled_date.gte=${day(102)}&scheduled_date.lte=${day(103)}&count=true`)).total).toBe(2)
  const seen: string[] = []
  for (let cursor = ''; ; ) {
    const page = await list(`limit=3${cursor && `&cursor=${cursor}`}`)
    seen.push(...page.items.map((r: Body) => r.technician))
    if (!page.next_cursor) break
    cursor = page.next_cursor
  }
  expect(seen).toEqual(['T6', 'T5', 'T4', 'T3', 'T2', 'T1', 'T0'])
  expect(problem(await manager.get('/maintenance-records?colour=red'))).toBe('400 input_invalid')
})

test('who is due stands in the company’s days, the most urgent first, without retired or deleted machines', async () => {
  const admin = world.as('sur', 'admin')
  await admin.patch('', { settings: { time_zone: 'Pacific/Kiritimati', currency: 'PEN', language: 'es' } }, { version: '*' })
  const there = new Date(Date.now() + 14 * 3600_000).toISOString().slice(0, 10)
  const at = async (offset: number) => world.machine({ name: `a ${offset}`, next_maintenance_date: day(offset, there) }, 'sur')
  const all = []
  for (const offset of [-1, 0, 7, 8, 30, 31]) all.push(await at(offset))
  const [retired, deleted] = [await at(-2), await at(-3)]
  await admin.post(`/equipment/${retired.id}/status`, { status: 'retired', reason: 'x' })
  await admin.delete(`/equipment/${deleted.id}`, { version: 1 })
  const open = await admin.post(`/equipment/${all[0].id}/send-to-maintenance`, { type: 'preventive', reason: 'x', title: 'Servicio' })
  const due = async (query: string) => (await world.as('sur', 'viewer').get(`/maintenance-due?${query}`)).body.items.map((m: Body) => [m.days_left, m.due])
  expect(await due('within=7')).toEqual([
    [-1, 'overdue'],
    [0, 'week'],
    [7, 'week'],
  ])
  expect(await due('')).toEqual([
    [-1, 'overdue'],
    [0, 'week'],
    [7, 'week'],
    [8, 'month'],
    [30, 'month'],
  ])
  expect(await due('due=overdue')).toEqual([[-1, 'overdue']])
  expect(await due('due=later')).toEqual([[31, 'later']])
  const first = (await admin.get('/maintenance-due?limit=1&count=true&within=400')).body
  expect(first).toMatchObject({ total: 6, items: [{ name: 'a -1', status: 'maintenance', interval_days: null, open_work: { id: open.body.id, title: 'Servicio', status: 'in_progress' } }] })
  expect((await admin.get(`/maintenance-due?limit=9&within=400&cursor=${first.next_cursor}`)).body.items.map((m: Body) => m.name)).toEqual(['a 0', 'a 7', 'a 8', 'a 30', 'a 31'])
})

test('sixteen clients complete the same work: one does, and the machine moves once', async () => {
  const { id } = await world.machine({ maintenance_interval_days: 30 })
  const sent = (await manager.post(`/equipment/${id}/send-to-maintenance`, { type: 'preventive', reason: 'servicio' })).body
  const replies = await Promise.all(Array.from({ length: 16 }, (_, i) => complete(sent.id, { back_to_active: true, notes: `cliente ${i}` })))
  expect(replies.map(problemOrDone).sort()).toEqual(['200', ...Array(15).fill('409 mr_status_step')])
  expect(await machineNow(id)).toMatchObject({ status: 'active', version: 3, last_maintenance_date: today(), next_maintenance_date: day(30) })
  const notes = replies.find((reply) => reply.status === 200)?.body.notes
  expect((await manager.get(`/maintenance-records/${sent.id}`)).body).toMatchObject({ version: 2, notes })
})
const problemOrDone = (reply: { status: number; body: Body }) => (reply.status === 200 ? '200' : problem(reply))

test('sixteen clients send the same machine: one record, one change of status', async () => {
  const { id } = await world.machine()
  const replies = await Promise.all(Array.from({ length: 16 }, () => manager.post(`/equipment/${id}/send-to-maintenance`, { type: 'emergency', reason: 'avería' })))
  expect(replies.map((r) => r.status).sort()).toEqual([201, ...Array(15).fill(409)])
  expect(await world.sqlAdmin((q) => q('SELECT status FROM equipment_status_history WHERE equipment_id = $1 ORDER BY effective_from', [id]))).toEqual([{ status: 'active' }, { status: 'maintenance' }])
})

test('an interval changed while services are done leaves every machine with the day that follows from both', async () => {
  const kind = await category({ maintenance_interval_days: 10 })
  const machines = await Promise.all(Array.from({ length: 8 }, (_, i) => world.machine({ category_id: kind.id, ...(i % 2 ? { last_maintenance_date: day(-9) } : {}) })))
  const records = await Promise.all(machines.map(({ id }) => plan(id)))
  const untilDone = async (work: () => Promise<{ status: number }>) => {
    for (let tries = 0; tries < 20; tries++) if ((await work()).status !== 409) return
  }
  await Promise.all([
    ...records.map((record) => untilDone(() => complete(record.id))),
    ...[20, 30, 40].map((days) => untilDone(() => manager.patch(`/equipment-categories/${kind.id}`, { maintenance_interval_days: days }, { version: '*' }))),
  ])
  const interval = (await manager.get(`/equipment-categories/${kind.id}`)).body.maintenance_interval_days
  for (const { id } of machines) expect(await machineNow(id)).toMatchObject({ last_maintenance_date: today(), next_maintenance_date: day(interval) })
  const [count] = await world.sqlAdmin((q) => q('SELECT count(*) AS n FROM equipment WHERE company_id = $1 AND maintenance_counted_from IS NOT NULL', [companyId]))
  expect(Number(count.n)).toBeGreaterThanOrEqual(8)
})

test('a first service done while an interval is being changed waits for the change', async () => {
  const kind = await category({ maintenance_interval_days: 10 })
  const { id } = await world.machine({ category_id: kind.id })
  const record = await plan(id)
  const { done } = await world.sqlAs(
    'andina',
    'manager',
    async (q) => {
      await q('UPDATE equipment_categories SET maintenance_interval_days = 50 WHERE id = $1', [kind.id])
      const done = complete(record.id)
      expect(await Promise.race([done.then(() => 'done'), new Promise((resolve) => setTimeout(resolve, 300, 'waits'))])).toBe('waits')
      return { done }
    },
    { commit: true },
  )
  expect((await done).status).toBe(200)
  expect((await machineNow(id)).next_maintenance_date).toBe(day(50))
})
