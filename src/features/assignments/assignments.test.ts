// Hand-overs through the HTTP door: one holder at a time, operators for themselves, transfers in one step, the record of it.
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const operator = world.as('andina', 'operator')
const id = (who: Parameters<typeof world.person>[1]) => world.person('andina', who).userId
const problem = (reply: Reply) => `${reply.status} ${reply.body.code}`
const holder = async (machine: Body) => (await manager.get(`/equipment/${machine.id}`)).body.holder?.user_id ?? null

test('a machine is handed over, shown with its holder, and taken back', async () => {
  const machine = await world.machine()
  const due = new Date(Date.now() + 86_400_000).toISOString()
  const given = await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator'), notes: 'Con llave', due_at: due })
  expect(given.status).toBe(201)
  expect(given.body).toMatchObject({
    equipment_id: machine.id,
    user_id: id('operator'),
    holder_name: 'operator de andina',
    assigned_by: id('manager'),
    notes: 'Con llave',
    returned_at: null,
    serial_number: machine.serial_number,
  })
  expect((await manager.get(`/equipment/${machine.id}`)).body.holder).toMatchObject({ assignment_id: given.body.id, user_id: id('operator') })
  expect([given.body.due_at, (await manager.get(`/equipment/${machine.id}`)).body.holder.due_at].map((at) => Date.parse(at))).toEqual([Date.parse(due), Date.parse(due)])
  const back = await operator.post(`/equipment/${machine.id}/return`, { notes: 'Sin novedad' })
  expect(back.body).toMatchObject({ id: given.body.id, returned_by: id('operator'), return_notes: 'Sin novedad', notes: 'Con llave', version: 2 })
  expect(await holder(machine)).toBe(null)
  expect(problem(await manager.post(`/equipment/${machine.id}/return`))).toBe('409 ea_nothing_to_return')
})

test('one machine has one holder at a time', async () => {
  const machine = await world.machine()
  expect((await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') })).status).toBe(201)
  expect(problem(await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator2') }))).toMatch(/^409 (ea_one_holder_at_a_time|idx_equipment_assignments_open)$/)
  const past = `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_at, returned_at, returned_by) VALUES ($1, $2, $3, now() - interval '2 days', now() + interval '1 day', $3)`
  const values = [world.companies.andina.id, machine.id, id('operator2')]
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(past, values)))).toBe('ea_one_holder_at_a_time')
})

test('an operator takes and returns for themselves alone', async () => {
  const machine = await world.machine()
  expect(problem(await operator.post(`/equipment/${machine.id}/assign`, { user_id: id('operator2') }))).toBe('403 not_allowed')
  expect((await operator.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') })).status).toBe(201)
  expect(problem(await world.as('andina', 'operator2').post(`/equipment/${machine.id}/return`))).toBe('403 not_allowed')
  expect(await holder(machine)).toBe(id('operator'))
  expect((await operator.post(`/equipment/${machine.id}/transfer`, { user_id: id('operator2') })).status).toBe(403)
  expect((await operator.post(`/equipment/${machine.id}/return`)).status).toBe(200)
  expect((await world.as('andina', 'viewer').post(`/equipment/${machine.id}/assign`, { user_id: id('viewer') })).status).toBe(403)
})

test('only an active machine is handed over, and only to a member of the company', async () => {
  const machine = await world.machine()
  for (const [who, userId] of [
    ['a stranger', id('stranger')],
    ['one who left', id('ended')],
    ['another company’s', world.person('sur', 'operator').userId],
    ['nobody', '01900000-0000-7000-8000-000000000000'],
  ]) {
    expect(problem(await manager.post(`/equipment/${machine.id}/assign`, { user_id: userId })), who).toBe('422 fk_ea_user')
  }
  await manager.post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: 'taller' })
  expect(problem(await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') }))).toBe('409 ea_machine_active')
  const foreign = await world.machine({}, 'sur')
  for (const equipmentId of [foreign.id, '01900000-0000-7000-8000-000000000000']) {
    for (const verb of ['assign', 'transfer']) expect(problem(await manager.post(`/equipment/${equipmentId}/${verb}`, { user_id: id('operator') }))).toBe('404 not_found')
    expect(problem(await manager.post(`/equipment/${equipmentId}/return`))).toBe('404 not_found')
    expect(problem(await manager.get(`/equipment/${equipmentId}/assignments`))).toBe('404 not_found')
  }
})

test('a transfer is one step: both halves or none', async () => {
  const machine = await world.machine()
  expect(problem(await manager.post(`/equipment/${machine.id}/transfer`, { user_id: id('operator') }))).toBe('409 ea_nothing_to_return')
  await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') })
  expect(problem(await manager.post(`/equipment/${machine.id}/transfer`, { user_id: id('operator') }))).toBe('409 ea_transfer_to_another')
  expect(problem(await manager.post(`/equipment/${machine.id}/transfer`, { user_id: id('stranger') }))).toBe('422 fk_ea_user')
  expect(await holder(machine), 'after two refused transfers').toBe(id('operator'))
  const passed = await manager.post(`/equipment/${machine.id}/transfer`, { user_id: id('operator2'), notes: 'Cambio de turno' })
  expect([passed.status, passed.body.user_id]).toEqual([201, id('operator2')])
  const { items } = (await manager.get(`/equipment/${machine.id}/assignments`)).body
  expect(items.map((a: Body) => [a.user_id, a.returned_at === null])).toEqual([
    [id('operator2'), true],
    [id('operator'), false],
  ])
  // As text an instant that ends in zeros would come after a later one.
  expect(Date.parse(items[0].assigned_at)).toBeGreaterThanOrEqual(Date.parse(items[1].returned_at))
})

test('a hand-over that happened stays as it was', async () => {
  const machine = await world.machine()
  const { body } = await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') })
  const facts = ["assigned_at = now() - interval '9 days'", `user_id = '${id('operator2')}'`, `assigned_by = '${id('operator2')}'`, 'is_deleted = true']
  for (const fact of facts) expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`UPDATE equipment_assignments SET ${fact} WHERE id = $1`, [body.id]))), fact).toBe('ea_facts_fixed')
  await manager.post(`/equipment/${machine.id}/return`)
  for (const fact of ['returned_at = NULL, returned_by = NULL', "returned_at = now() - interval '1 hour'"]) {
    expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`UPDATE equipment_assignments SET ${fact} WHERE id = $1`, [body.id]))), fact).toBe('ea_facts_fixed')
  }
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('DELETE FROM equipment_assignments WHERE id = $1', [body.id])))).toBe('42501')
  expect(await refusalOf(() => world.sqlAdmin((q) => q('DELETE FROM equipment_assignments WHERE id = $1', [body.id])))).toBe('base_soft_delete_only')
})

const refused: [string, object, string][] = [
  ['no person', {}, '400 input_invalid'],
  ['a person that is no id', { user_id: 'x' }, '400 input_invalid'],
  ['notes of spaces', { user_id: id('operator'), notes: '   ' }, '400 input_invalid'],
  ['endless notes', { user_id: id('operator'), notes: 'x'.repeat(2001) }, '400 input_invalid'],
  ['an endless term', { user_id: id('operator'), due_at: 'infinity' }, '400 input_invalid'],
  ['a term that is over', { user_id: id('operator'), due_at: '2020-01-01T00:00:00Z' }, '422 ea_due_after_assigned'],
  ['a time of hand-over', { user_id: id('operator'), assigned_at: '2020-01-01T00:00:00Z' }, '400 input_invalid'],
  ['another giver', { user_id: id('operator'), assigned_by: id('admin') }, '400 input_invalid'],
]
test.each(refused)('a hand-over is refused with %s', async (_what, body, expected) => {
  const machine = await world.machine()
  expect(problem(await manager.post(`/equipment/${machine.id}/assign`, body))).toBe(expected)
  expect(await holder(machine)).toBe(null)
})

test('SQL cannot hand over in another’s name or in the future', async () => {
  const machine = await world.machine()
  const insert = (more: string) => `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by, assigned_at) VALUES ($1, $2, $3, $4, ${more}) RETURNING assigned_by`
  const values = [world.companies.andina.id, machine.id, id('operator'), id('admin')]
  expect((await world.sqlAs('andina', 'manager', (q) => q(insert('NULL'), values)))[0].assigned_by).toBe(id('manager'))
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(insert("now() + interval '1 day'"), values)))).toBe('ea_not_in_future')
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(insert("'-infinity'"), values)))).toBe('ea_times_finite')
})

test('hand-overs are listed by person, by machine, open and overdue, page by page', async () => {
  const machines = [await world.machine(), await world.machine(), await world.machine()]
  for (const machine of machines) await manager.post(`/equipment/${machine.id}/assign`, { user_id: id('admin') })
  await manager.post(`/equipment/${machines[0].id}/return`)
  const items = async (query: string) => (await manager.get(`/assignments?${query}`)).body.items.map((a: Body) => a.equipment_id)
  expect(await items(`user_id=${id('admin')}`)).toEqual([machines[2].id, machines[1].id, machines[0].id])
  expect(await items(`user_id=${id('admin')}&sort=assigned_at`)).toEqual(machines.map((m) => m.id))
  expect(await items(`user_id=${id('admin')}&open=true`)).toEqual([machines[2].id, machines[1].id])
  expect(await items(`equipment_id=${machines[1].id}`)).toEqual([machines[1].id])
  expect(await items('overdue=true')).toEqual([])
  await world.sqlAdmin((q) => q("UPDATE equipment_assignments SET due_at = assigned_at + interval '1 microsecond' WHERE equipment_id = $1", [machines[2].id]))
  expect(await items('overdue=true')).toEqual([machines[2].id])
  const walked: string[] = []
  let cursor = ''
  do {
    const { body } = await manager.get(`/assignments?limit=4${cursor}`)
    walked.push(...body.items.map((a: Body) => a.id))
    cursor = body.next_cursor ? `&cursor=${body.next_cursor}` : ''
  } while (cursor)
  const total = (await world.sqlAdmin((q) => q('SELECT count(*) AS n FROM equipment_assignments WHERE company_id = $1', [world.companies.andina.id])))[0].n
  expect([new Set(walked).size, walked.length]).toEqual([total, total])
})

test('the same Idempotency-Key hands over once', async () => {
  const machine = await world.machine()
  const replies = [1, 2].map(() => manager.post(`/equipment/${machine.id}/assign`, { user_id: id('operator') }, { key: 'entrega-1' }))
  const [first, second] = await Promise.all(replies)
  expect([first?.status, second?.status]).toEqual([201, 201])
  expect(first?.text).toBe(second?.text)
  expect((await manager.get(`/equipment/${machine.id}/assignments`)).body.items.length).toBe(1)
})
