// Reservations, condition and acceptance through the HTTP door: nothing overlaps, and who is in the way is named.
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const operator = world.as('andina', 'operator')
const operator2 = world.as('andina', 'operator2')
const id = (who: Parameters<typeof world.person>[1]) => world.person('andina', who).userId
const problem = (reply: Reply) => `${reply.status} ${reply.body.code}`
const start = Date.now()
/** So many hours from when the tests began. */
const at = (hours: number) => new Date(start + hours * 3_600_000).toISOString()
const reserve = (client: typeof manager, machine: Body, from: number, until: number, who: Parameters<typeof world.person>[1] = 'operator') =>
  client.post(`/equipment/${machine.id}/reservations`, { user_id: id(who), reserved_from: at(from), reserved_until: at(until) })
const assign = (machine: Body, due: number | null, who: Parameters<typeof world.person>[1] = 'operator', more: Body = {}) =>
  manager.post(`/equipment/${machine.id}/assign`, { user_id: id(who), due_at: due === null ? null : at(due), ...more })
/** Lets hours pass for one row: everything about it happened that much earlier. */
const age = (row: Body, hours: number) =>
  world.sqlAdmin(async (q) => {
    await q('ALTER TABLE equipment_assignments DISABLE TRIGGER USER')
    const earlier = ['reserved_from', 'reserved_until', 'assigned_at', 'due_at', 'accepted_at'].map((column) => `${column} = ${column} - make_interval(mins => $2)`).join(', ')
    await q(`UPDATE equipment_assignments SET ${earlier} WHERE id = $1`, [row.id, hours * 60])
    await q('ALTER TABLE equipment_assignments ENABLE TRIGGER USER')
  })

test('reservations follow each other back to back, and none overlaps', async () => {
  const machine = await world.machine()
  const first = await reserve(manager, machine, 10, 20)
  expect([first.status, first.body.state, first.body.assigned_at, first.body.reserved_by_name, first.body.accepted_at]).toEqual([201, 'reserved', null, 'manager de andina', null])
  for (const [from, until] of [
    [10, 20],
    [9, 11],
    [19, 21],
    [12, 13],
    [5, 30],
  ] as const) {
    const refused = await reserve(manager, machine, from, until, 'operator2')
    expect(problem(refused), `${from} to ${until}`).toBe('409 ea_claims_do_not_overlap')
    expect(refused.body.blocked_by).toMatchObject({ assignment_id: first.body.id, user_id: id('operator'), holder_name: 'operator de andina' })
    expect(refused.body.detail).toMatch(/not free at that time\. operator de andina, \d\d\/\d\d\/\d{4} \d\d:\d\d – \d\d\/\d\d\/\d{4} \d\d:\d\d$/)
  }
  expect((await reserve(manager, machine, 20, 30, 'operator2')).status).toBe(201)
  expect((await reserve(manager, machine, 2, 10, 'operator2')).status).toBe(201)
  expect(problem(await reserve(manager, machine, 30, 30))).toBe('422 ea_reserved_period')
  expect(problem(await reserve(manager, machine, 40, 30))).toBe('422 ea_reserved_period')
  expect(problem(await reserve(manager, machine, 40, 40 + 24 * 367))).toBe('422 ea_reserved_period')
  expect(problem(await reserve(manager, machine, -2, 1))).toBe('422 ea_reserved_ahead')
  expect(problem(await reserve(manager, await world.machine({}, 'sur'), 1, 2))).toBe('404 not_found')
})

test('the constraint itself refuses what overlaps, whoever writes', async () => {
  const machine = await world.machine()
  await reserve(manager, machine, 10, 20)
  const values = [world.companies.andina.id, machine.id, id('operator2')]
  const insert = (from: number, until: number) =>
    `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, reserved_from, reserved_until) VALUES ($1, $2, $3, '${at(from)}', '${at(until)}')`
  for (const write of [world.sqlAs.bind(null, 'andina', 'manager'), world.sqlAdmin]) {
    expect(await refusalOf(() => (write as typeof world.sqlAdmin)((q) => q(insert(19, 21), values)))).toBe('ea_claims_do_not_overlap')
    const open = 'INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by) VALUES ($1, $2, $3, $3)'
    expect(await refusalOf(() => (write as typeof world.sqlAdmin)((q) => q(open, values))), 'without end').toBe('ea_claims_do_not_overlap')
  }
})

test('a hand-over must be back before the next reservation; without a due date it keeps the machine', async () => {
  const machine = await world.machine()
  const { body: reserved } = await reserve(manager, machine, 24, 48, 'operator2')
  const open = await assign(machine, null)
  expect([problem(open), open.body.blocked_by.assignment_id]).toEqual(['409 ea_due_needed', reserved.id])
  expect(problem(await assign(machine, 25))).toBe('409 ea_claims_do_not_overlap')
  expect((await assign(machine, 24)).status, 'back to back').toBe(201)
  const endless = await world.machine()
  await assign(endless, null)
  const refused = await reserve(manager, endless, 24 * 300, 24 * 301, 'operator2')
  expect([problem(refused), refused.body.blocked_by.until]).toEqual(['409 ea_claims_do_not_overlap', null])
  expect(refused.body.detail).toMatch(/– …$/)
  await manager.post(`/equipment/${endless.id}/return`)
  expect((await reserve(manager, endless, 24 * 300, 24 * 301, 'operator2')).status).toBe(201)
})

test('picking up turns the reservation into the hand-over, early too when nobody is in the way', async () => {
  const machine = await world.machine()
  const { body: reserved } = await reserve(operator, machine, 5, 10)
  const picked = await operator.post(`/assignments/${reserved.id}/pick-up`, { condition: 'worn', meter_reading: '1204.5', notes: 'Llanta gastada' })
  expect(picked.body).toMatchObject({ id: reserved.id, state: 'out', due_at: reserved.reserved_until, condition: 'worn', meter_reading: '1204.5', assigned_by: id('operator'), version: 2 })
  expect(picked.body.accepted_at, 'who takes it has seen it').toBe(picked.body.assigned_at)
  expect((await manager.get(`/equipment/${machine.id}`)).body.holder.assignment_id).toBe(reserved.id)
  for (const verb of ['pick-up', 'cancel']) expect(problem(await operator.post(`/assignments/${reserved.id}/${verb}`, verb === 'cancel' ? { reason: 'ya no' } : {}))).toBe('409 ea_not_reserved')

  const shared = await world.machine()
  const { body: later } = await reserve(manager, shared, 5, 10)
  const { body: before } = await reserve(manager, shared, 1, 5, 'operator2')
  const early = await operator.post(`/assignments/${later.id}/pick-up`)
  expect([problem(early), early.body.blocked_by.assignment_id]).toEqual(['409 ea_claims_do_not_overlap', before.id])
  expect(problem(await operator.post(`/assignments/${before.id}/pick-up`)), 'another’s').toBe('403 not_allowed')
  expect(problem(await operator.post('/assignments/01900000-0000-7000-8000-000000000000/pick-up'))).toBe('404 not_found')
})

test('handing over to who has it reserved now picks that reservation up, also by a transfer', async () => {
  const machine = await world.machine()
  const { body: reserved } = await reserve(manager, machine, 0, 8)
  const given = await assign(machine, null)
  expect([given.status, given.body.id, given.body.due_at, given.body.accepted_at]).toEqual([201, reserved.id, reserved.reserved_until, null])
  const { body: next } = await reserve(manager, machine, 8, 12, 'operator2')
  await age(reserved, 9)
  await age(next, 8.5)
  const passed = await manager.post(`/equipment/${machine.id}/transfer`, { user_id: id('operator2'), condition: 'good' })
  expect([passed.status, passed.body.id, passed.body.condition]).toEqual([201, next.id, 'good'])
  const { items } = (await manager.get(`/equipment/${machine.id}/assignments`)).body
  expect(items.map((row: Body) => [row.id, row.state, row.return_condition])).toEqual([
    [next.id, 'out', null],
    [reserved.id, 'returned', 'good'],
  ])
})

test('who keeps a machine past its time is overdue, and named to the next', async () => {
  const machine = await world.machine()
  const { body: held } = await assign(machine, 4)
  const { body: next } = await reserve(manager, machine, 4, 9, 'operator2')
  await age(held, 5)
  await age(next, 4.5)
  const refused = await operator2.post(`/assignments/${next.id}/pick-up`)
  expect([problem(refused), refused.body.blocked_by.assignment_id]).toEqual(['409 ea_one_holder_at_a_time', held.id])
  expect(refused.body.detail).toContain('operator de andina')
  expect((await manager.get(`/assignments?state=overdue&equipment_id=${machine.id}&sort=due_at`)).body.items.map((row: Body) => [row.id, row.state])).toEqual([[held.id, 'overdue']])
  expect((await operator.post(`/equipment/${machine.id}/return`)).status, 'late, but back').toBe(200)
  expect((await operator2.post(`/assignments/${next.id}/pick-up`)).status).toBe(200)
})

test('a reservation nobody came for blocks until its end and no longer', async () => {
  const machine = await world.machine()
  const { body: missed } = await reserve(manager, machine, 1, 4, 'operator2')
  await age(missed, 2)
  expect(problem(await assign(machine, null))).toBe('409 ea_claims_do_not_overlap')
  await age(missed, 4)
  expect((await manager.get(`/assignments?state=missed&equipment_id=${machine.id}`)).body.items.map((row: Body) => row.id)).toEqual([missed.id])
  for (const verb of ['pick-up', 'cancel']) expect(problem(await operator2.post(`/assignments/${missed.id}/${verb}`, verb === 'cancel' ? { reason: 'tarde' } : {}))).toBe('409 ea_reservation_over')
  expect((await assign(machine, null)).status).toBe(201)
})

test('a cancelled reservation frees its time and keeps its reason', async () => {
  const machine = await world.machine()
  const { body: reserved } = await reserve(manager, machine, 10, 20, 'operator2')
  expect(problem(await operator.post(`/assignments/${reserved.id}/cancel`, { reason: 'Lo quiero yo' }))).toBe('403 not_allowed')
  expect(problem(await operator2.post(`/assignments/${reserved.id}/cancel`, { reason: '  ' }))).toBe('400 input_invalid')
  const cancelled = await operator2.post(`/assignments/${reserved.id}/cancel`, { reason: 'Cambio de frente' })
  expect(cancelled.body).toMatchObject({ state: 'cancelled', cancel_reason: 'Cambio de frente' })
  expect((await reserve(manager, machine, 10, 20)).status).toBe(201)
  expect(problem(await operator2.post(`/assignments/${reserved.id}/pick-up`))).toBe('409 ea_not_reserved')
  const again = (sql: string) => refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`UPDATE equipment_assignments SET ${sql} WHERE id = $1`, [reserved.id])))
  expect(await again('cancelled_at = NULL, cancel_reason = NULL')).toBe('ea_facts_fixed')
  expect(await again("cancel_reason = 'otra'")).toBe('ea_facts_fixed')
  const events = (await manager.get(`/events?aggregate_id=${reserved.id}`)).body.items
  expect(events.map((event: Body) => [event.event_type, event.metadata.reason])).toEqual([
    ['assignment_cancelled', 'Cambio de frente'],
    ['assignment_reserved', undefined],
  ])
})

test('operators reserve for themselves alone, viewers for nobody', async () => {
  const machine = await world.machine()
  expect(problem(await reserve(operator, machine, 1, 2, 'operator2'))).toBe('403 not_allowed')
  expect((await reserve(operator, machine, 1, 2)).status).toBe(201)
  expect(problem(await reserve(world.as('andina', 'viewer'), machine, 3, 4, 'viewer'))).toBe('403 role_required')
  expect(problem(await reserve(manager, machine, 5, 6, 'stranger'))).toBe('422 fk_ea_user')
})

test('the holder alone accepts, once, while the machine is out', async () => {
  const machine = await world.machine()
  const { body: given } = await assign(machine, null, 'operator', { condition: 'good', meter_reading: '88' })
  expect((await operator.get(`/equipment?holder_id=${id('operator')}`)).body.items.find((row: Body) => row.id === machine.id).holder).toMatchObject({ accepted_at: null, condition: 'good' })
  expect(problem(await manager.post(`/assignments/${given.id}/accept`))).toBe('403 ea_accepted_by_holder')
  expect(problem(await operator2.post(`/assignments/${given.id}/accept`))).toBe('403 not_allowed')
  expect(await refusalOf(() => world.sqlAdmin((q) => q('UPDATE equipment_assignments SET accepted_at = now() WHERE id = $1', [given.id]))), 'nor the owner').toBe('ea_accepted_by_holder')
  expect((await operator.post(`/assignments/${given.id}/accept`)).body.accepted_at).toEqual(expect.any(String))
  expect(problem(await operator.post(`/assignments/${given.id}/accept`))).toBe('409 ea_nothing_to_accept')
  const mine = await world.machine()
  expect((await operator.post(`/equipment/${mine.id}/assign`, { user_id: id('operator') })).body.accepted_at, 'to oneself').toEqual(expect.any(String))
  const back = await world.machine()
  const { body: left } = await assign(back, null)
  await operator.post(`/equipment/${back.id}/return`)
  expect(problem(await operator.post(`/assignments/${left.id}/accept`))).toBe('409 ea_nothing_to_accept')
  expect(await refusalOf(() => world.sqlAs('andina', 'operator', (q) => q('UPDATE equipment_assignments SET accepted_at = now() WHERE id = $1', [left.id])))).toBe('ea_facts_fixed')
})

test('condition and meter are written down at both ends, and stay', async () => {
  const machine = await world.machine()
  expect(problem(await assign(machine, null, 'operator', { condition: 'damaged' }))).toBe('422 ea_damage_described')
  expect(problem(await assign(machine, null, 'operator', { condition: 'new' }))).toBe('400 input_invalid')
  const { body: given } = await assign(machine, null, 'operator', { condition: 'damaged', notes: 'Vidrio roto', meter_reading: '1500.2' })
  expect(problem(await operator.post(`/equipment/${machine.id}/return`, { meter_reading: '1400' }))).toBe('422 ea_meter_runs_forward')
  expect(problem(await operator.post(`/equipment/${machine.id}/return`, { condition: 'damaged' }))).toBe('422 ea_damage_described')
  const back = await operator.post(`/equipment/${machine.id}/return`, { condition: 'worn', meter_reading: '1512.7', notes: 'Vidrio cambiado' })
  expect(back.body).toMatchObject({ id: given.id, condition: 'damaged', meter_reading: '1500.2', return_condition: 'worn', return_meter_reading: '1512.7', return_notes: 'Vidrio cambiado' })
  for (const fact of [
    "condition = 'good'",
    'meter_reading = 1',
    "return_condition = 'good'",
    'return_meter_reading = 9999',
    'accepted_at = now()',
    "reserved_from = now(), reserved_until = now() + interval '1 day'",
  ])
    expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`UPDATE equipment_assignments SET ${fact} WHERE id = $1`, [given.id]))), fact).toBe('ea_facts_fixed')
})

test('a machine that is reserved stays in service; in maintenance it can be reserved, once retired no more', async () => {
  const machine = await world.machine()
  await manager.post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: 'taller' })
  const { body: reserved } = await reserve(manager, machine, 10, 20)
  expect(problem(await operator.post(`/assignments/${reserved.id}/pick-up`))).toBe('409 ea_machine_active')
  expect(problem(await manager.post(`/equipment/${machine.id}/status`, { status: 'retired', reason: 'vieja' }))).toBe('409 ea_leaves_while_reserved')
  expect(problem(await manager.delete(`/equipment/${machine.id}`, { version: '*' }))).toBe('409 ea_leaves_while_reserved')
  await manager.post(`/assignments/${reserved.id}/cancel`, { reason: 'Se retira' })
  expect((await manager.post(`/equipment/${machine.id}/status`, { status: 'retired', reason: 'vieja' })).status).toBe(200)
  expect(problem(await reserve(manager, machine, 10, 20))).toBe('409 ea_machine_in_service')
})

test('“why is it not free?” names who is in the way, to those who may see it', async () => {
  const machine = await world.machine()
  const ask = (client: typeof manager, from: number, to?: number) => client.get(`/equipment/${machine.id}/availability?from=${at(from)}${to === undefined ? '' : `&to=${at(to)}`}`)
  expect((await ask(operator, 0, 100)).body).toEqual({ is_free: true, status: 'active', blocked_by: [] })
  const { body: held } = await assign(machine, 10)
  const { body: next } = await reserve(manager, machine, 20, 30, 'operator2')
  expect((await ask(world.as('andina', 'viewer'), 0, 100)).body.blocked_by).toMatchObject([
    { assignment_id: held.id, state: 'out', holder_name: 'operator de andina' },
    { assignment_id: next.id, state: 'reserved', holder_name: 'operator2 de andina' },
  ])
  expect((await ask(operator, 10, 20)).body.is_free).toBe(true)
  expect((await ask(operator, 10)).body).toMatchObject({ is_free: false, blocked_by: [{ assignment_id: next.id }] })
  expect((await ask(operator, 20, 10)).status).toBe(422)
  const policy = (using: string) => world.sqlAdmin((q) => q(`ALTER POLICY equipment_assignments_select ON equipment_assignments USING (${using})`))
  const mine = 'company_id = (SELECT c.company_id FROM caller c)'
  await policy(`${mine} AND (user_id = (SELECT c.user_id FROM caller c) OR company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'manager'))`)
  expect((await ask(operator, 20, 30)).body, 'hidden, but not free').toEqual({ is_free: false, status: 'active', blocked_by: [] })
  const refused = await reserve(operator, machine, 25, 35)
  expect([problem(refused), refused.body.blocked_by, refused.body.detail]).toEqual(['409 ea_claims_do_not_overlap', undefined, 'The machine is not free at that time.'])
  await policy(mine)
  expect((await reserve(operator, machine, 25, 35)).body.blocked_by.assignment_id).toBe(next.id)
  expect(problem(await world.as('sur', 'manager').get(`/equipment/${machine.id}/availability?from=${at(0)}`))).toBe('404 not_found')
})

test('the calendar gives what touches a period, page by page, by machine and by person', async () => {
  const [one, two] = [await world.machine(), await world.machine()]
  const { body: past } = await assign(one, null, 'viewer')
  await age(past, 50)
  await manager.post(`/equipment/${one.id}/return`)
  const { body: out } = await assign(one, 6, 'viewer')
  const { body: ahead } = await reserve(manager, one, 30, 40, 'viewer')
  const { body: other } = await reserve(manager, two, 31, 33, 'viewer')
  const { body: gone } = await reserve(manager, two, 34, 36, 'viewer')
  await manager.post(`/assignments/${gone.id}/cancel`, { reason: 'no' })
  const ids = async (from: number, to: number, more = '') =>
    (await manager.get(`/assignments/calendar?from=${at(from)}&to=${at(to)}&user_id=${id('viewer')}${more}`)).body.items.map((row: Body) => row.id)
  expect(await ids(-100, 100)).toEqual([past.id, out.id, ahead.id, other.id])
  expect(await ids(-100, 100, `&equipment_id=${two.id}`)).toEqual([other.id])
  expect(await ids(-20, -10)).toEqual([past.id])
  expect(await ids(6, 30), 'back by then').toEqual([])
  expect(await ids(32, 33)).toEqual([ahead.id, other.id])
  const walked: string[] = []
  let cursor = ''
  do {
    const { body } = await manager.get(`/assignments/calendar?from=${at(-100)}&to=${at(100)}&user_id=${id('viewer')}&limit=1${cursor}`)
    walked.push(...body.items.map((row: Body) => row.id))
    cursor = body.next_cursor ? `&cursor=${body.next_cursor}` : ''
  } while (cursor)
  expect(walked).toEqual([past.id, out.id, ahead.id, other.id])
  expect((await manager.get(`/assignments/calendar?from=${at(0)}&to=${at(24 * 400)}`)).status).toBe(422)
  expect((await manager.get('/assignments?state=reserved,constructor')).status).toBe(400)
  expect(
    (await manager.get(`/assignments?user_id=${id('viewer')}`)).body.items.map((row: Body) => row.id),
    'a list of hand-overs',
  ).toEqual([out.id, past.id])
  expect((await manager.get(`/assignments?user_id=${id('viewer')}&state=reserved&sort=starts_at`)).body.items.map((row: Body) => row.id)).toEqual([ahead.id, other.id])
})
