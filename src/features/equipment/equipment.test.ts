// The life of a machine through the HTTP door: its code, its versions, its status and the history of it, deletion and return.
import { expect, test } from 'vitest'
import { type Body, createWorld, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const viewer = world.as('andina', 'viewer')
const companyId = world.companies.andina.id
const year = new Date(Date.now() - 5 * 3600_000).getUTCFullYear()

const problem = (reply: { status: number; body: Body }) => `${reply.status} ${reply.body.code}`
const register = (fields: object) => manager.post('/equipment', { name: 'Cargador frontal', ownership: 'rented', ...fields })
const category = async (fields: object) => (await manager.post('/equipment-categories', fields)).body

test('a machine is registered with what the database fills in, and read by everyone of the company', async () => {
  const reply = await register({ name: 'Rodillo liso', manufacturer: 'BOMAG', model: 'BW 213', year: 2019, tags: ['alquilado'], specifications: { peso_t: 12.5 } })
  expect([reply.status, reply.headers.etag]).toEqual([201, '"1"'])
  expect(reply.body).toMatchObject({ name: 'Rodillo liso', status: 'active', currency: 'PEN', version: 1, created_by: world.person('andina', 'manager').userId, holder: null, is_deleted: false })
  for (const who of ['admin', 'manager', 'operator', 'viewer'] as const) expect((await world.as('andina', who).get(`/equipment/${reply.body.id}`)).body).toEqual(reply.body)
  expect((await world.as('sur', 'admin').get(`/equipment/${reply.body.id}`)).status).toBe(404)
})

test('codes are given in order by year and type, each company its own', async () => {
  const excavators = await category({ name: 'Excavadoras', type_code: 'EX' })
  const small = await category({ name: 'Mini', parent_id: excavators.id })
  const codes = []
  for (let i = 0; i < 3; i++) codes.push((await register({ category_id: small.id })).body.serial_number)
  expect(codes).toEqual([1, 2, 3].map((n) => `EQ-${year}-EX-00000${n}`))
  expect((await world.machine({}, 'sur')).serial_number).toBe(`EQ-${year}-GN-000001`)
  expect((await register({ serial_number: `EQ-${year}-EX-000005` })).status).toBe(201)
  expect((await register({ category_id: small.id })).body.serial_number, 'past the code given by hand').toBe(`EQ-${year}-EX-000006`)
})

test('a code is of the form EQ-YYYY-XX-NNNNNN and stands once in a company', async () => {
  expect((await register({ serial_number: 'EQ-2020-EX-12' })).status).toBe(400)
  expect(
    await refusalOf(() =>
      world.sqlAs('andina', 'manager', (q) => q("INSERT INTO equipment (company_id, name, ownership, serial_number) VALUES ($1, 'x', 'rented', 'eq-2020-ex-000001')", [companyId])),
    ),
  ).toBe('equipment_serial_format')
  const first = (await register({ serial_number: 'EQ-2020-TR-000007', fleet_code: 'TR-07' })).body
  expect(problem(await register({ serial_number: 'EQ-2020-TR-000007' }))).toBe('409 idx_equipment_serial_number')
  expect(problem(await register({ fleet_code: 'tr-07' }))).toBe('409 idx_equipment_fleet_code')
  expect((await world.machine({ serial_number: 'EQ-2020-TR-000007', fleet_code: 'TR-07' }, 'sur')).serial_number).toBe('EQ-2020-TR-000007')
  expect((await manager.delete(`/equipment/${first.id}`, { version: 1 })).status).toBe(204)
  const second = await register({ serial_number: 'EQ-2020-TR-000007' })
  expect(second.status, 'a deleted machine frees its codes').toBe(201)
  expect(problem(await manager.post(`/equipment/${first.id}/restore`))).toBe('409 equipment_restore_code_taken')
})

test('an owned machine has a purchase date and price, a rented one need not', async () => {
  expect(problem(await manager.post('/equipment', { name: 'Volquete' }))).toBe('422 equipment_owned_needs_purchase')
  const owned = await manager.post('/equipment', { name: 'Volquete', purchase_date: '2024-02-29', purchase_price: { amount: '350000.50', currency: 'USD' } })
  expect(owned.body).toMatchObject({ ownership: 'owned', purchase_date: '2024-02-29', purchase_price: { amount: '350000.50', currency: 'USD' }, currency: 'USD' })
  expect(problem(await manager.patch(`/equipment/${owned.body.id}`, { purchase_price: null }, { version: 1 }))).toBe('422 equipment_owned_needs_purchase')
})

test('one machine counts in one currency, and none is changed silently', async () => {
  const usd = (amount: string) => ({ amount, currency: 'USD' })
  const pen = (amount: string) => ({ amount, currency: 'PEN' })
  expect(problem(await register({ purchase_price: usd('10.00'), current_value: pen('10.00') }))).toBe('422 equipment_one_currency')
  expect(problem(await register({ purchase_price: usd('10.00'), currency: 'PEN' }))).toBe('422 equipment_one_currency')
  const { id } = (await register({ purchase_price: usd('10.00') })).body
  expect(problem(await manager.patch(`/equipment/${id}`, { current_value: pen('5.00') }, { version: 1 }))).toBe('422 equipment_one_currency')
  expect((await manager.patch(`/equipment/${id}`, { current_value: usd('5.00') }, { version: 1 })).body.current_value).toEqual(usd('5.00'))
  expect((await manager.patch(`/equipment/${id}`, { current_value: pen('5.00'), currency: 'PEN' }, { version: 2 })).body).toMatchObject({ currency: 'PEN', purchase_price: pen('10.00') })
})

const refused: [string, object, string][] = [
  ['an empty name', { name: '' }, '400 input_invalid'],
  ['a blank name', { name: ' \t ' }, '400 input_invalid'],
  ['an invisible name', { name: '\u200b\u2060' }, '422 equipment_name_not_empty'],
  ['a huge name', { name: 'x'.repeat(201) }, '400 input_invalid'],
  ['a name that is no text', { name: 7 }, '400 input_invalid'],
  ['NUL', { name: 'a\u0000b' }, '400 input_invalid'],
  ['half a character', { name: 'a\ud800' }, '400 input_invalid'],
  ['a price of nothing', { purchase_price: '0' }, '422 equipment_purchase_price_positive'],
  ['a price that is no number', { purchase_price: 'NaN' }, '400 input_invalid'],
  ['an endless price', { purchase_price: 'Infinity' }, '400 input_invalid'],
  ['a huge price', { purchase_price: '1234567890123' }, '400 input_invalid'],
  ['a rate above one', { depreciation_rate: '1.5' }, '400 input_invalid'],
  ['a year long past', { year: 1899 }, '400 input_invalid'],
  ['a day that is none', { purchase_date: '2026-02-30' }, '400 input_invalid'],
  ['an endless day', { purchase_date: 'infinity' }, '400 input_invalid'],
  ['a day before machines', { purchase_date: '1700-01-01' }, '422 equipment_dates_range'],
  ['a warranty that ended before the purchase', { purchase_date: '2024-01-02', warranty_expires_at: '2024-01-01' }, '422 equipment_warranty_future'],
  ['a next service before the last', { last_maintenance_date: '2024-01-02', next_maintenance_date: '2024-01-01' }, '422 equipment_maintenance_dates_logical'],
  ['tags twice', { tags: ['a', 'a'] }, '400 input_invalid'],
  ['specifications that are a list', { specifications: [] }, '400 input_invalid'],
  ['huge specifications', { specifications: { a: 'x'.repeat(21_000) } }, '422 equipment_specifications_schema'],
  ['an unknown status', { status: 'broken' }, '400 input_invalid'],
  ['a category that is nowhere', { category_id: '01900000-0000-7000-8000-000000000000' }, '422 fk_equipment_category'],
  ...['id', 'version', 'company_id', 'created_at', 'created_by', 'updated_by', 'is_deleted', 'deleted_at', 'holder'].map((field): [string, object, string] => [
    `${field}, which is the database's`,
    { [field]: null },
    '400 input_invalid',
  ]),
]
test.each(refused)('registering refuses %s', async (_name, fields, expected) => {
  const reply = await register(fields)
  expect(problem(reply)).toBe(expected)
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(reply.body.detail.length).toBeGreaterThan(10)
  if (expected.startsWith('400')) expect(reply.body.errors[0]).toMatchObject({ field: Object.keys(fields)[0] })
})

test('who wrote, when and which version is not for SQL to claim either', async () => {
  const [row] = await world.sqlAs('andina', 'manager', (q) =>
    q(
      `INSERT INTO equipment (company_id, name, ownership, version, created_by, updated_by, created_at, is_deleted, deleted_at)
       VALUES ($1, 'x', 'rented', 9, $2, $2, '2000-01-01', true, '2000-01-01') RETURNING version, created_by, updated_by, created_at > now() - interval '1 hour' AS fresh, is_deleted, deleted_at`,
      [companyId, world.person('andina', 'viewer').userId],
    ),
  )
  const self = world.person('andina', 'manager').userId
  expect(row).toEqual({ version: 1, created_by: self, updated_by: self, fresh: true, is_deleted: false, deleted_at: null })
})

test('a change needs the version that was read, and only the first with it wins', async () => {
  const { id } = await world.machine()
  const path = `/equipment/${id}`
  expect(problem(await manager.patch(path, { location: 'Obra 1' }))).toBe('428 if_match_missing')
  const changed = await manager.patch(path, { location: 'Obra 1' }, { version: 1 })
  expect([changed.status, changed.headers.etag, changed.body.location]).toEqual([200, '"2"', 'Obra 1'])
  expect(problem(await manager.patch(path, { location: 'Obra 2' }, { version: 1 }))).toBe('412 version_conflict')
  expect(problem(await manager.patch(path, { location: 'Obra 2' }, { headers: { 'if-match': 'two' } }))).toBe('412 version_conflict')
  expect((await viewer.get(path)).body.location).toBe('Obra 1')
  expect((await manager.patch(path, { location: 'Obra 2' }, { version: '*' })).body.version).toBe(3)
  expect((await manager.patch(path, { location: 'Obra 2' }, { version: 3 })).body.version, 'a change that changes nothing').toBe(3)
  expect((await manager.patch(path, {}, { version: 2 })).status, 'an empty change with an old version').toBe(412)
  expect((await manager.patch('/equipment/01900000-0000-7000-8000-000000000000', {}, { version: 1 })).status).toBe(404)
  expect((await manager.patch(path, { location: null, tags: [], specifications: {} }, { version: 3 })).body).toMatchObject({ location: null, version: 4 })
})

const roleCases: ['manager' | 'operator' | 'viewer', number][] = [
  ['manager', 201],
  ['operator', 403],
  ['viewer', 403],
]
test.each(roleCases)('a %s registers: %i', async (who, status) => {
  expect((await world.as('andina', who).post('/equipment', { name: 'Grúa', ownership: 'leased' })).status).toBe(status)
})

const historyOf = (id: string) =>
  world.sqlAdmin((q) => q('SELECT status, effective_from, effective_to, reason, changed_by FROM equipment_status_history WHERE equipment_id = $1 ORDER BY effective_from', [id]))

test('the status history has every status, without gap or overlap, and its last is the machine’s', async () => {
  const { id } = await world.machine()
  for (const status of ['maintenance', 'active', 'retired']) expect((await manager.post(`/equipment/${id}/status`, { status, reason: `hacia ${status}` })).body.status).toBe(status)
  const periods = await historyOf(id)
  expect(periods.map((p) => p.status)).toEqual(['active', 'maintenance', 'active', 'retired'])
  expect(periods.map((p) => p.reason)).toEqual([null, 'hacia maintenance', 'hacia active', 'hacia retired'])
  expect(periods.map((p) => p.effective_to)).toEqual([...periods.slice(1).map((p) => p.effective_from), null])
  expect(new Set(periods.map((p) => p.changed_by))).toEqual(new Set([world.person('andina', 'manager').userId]))
  const served = await viewer.get(`/equipment/${id}/status-history`)
  expect(served.body.items.map((p: Body) => p.status)).toEqual(['retired', 'active', 'maintenance', 'active'])
  expect((await manager.post(`/equipment/${id}/status`, { status: 'active', reason: 'x', version: 2 })).status).toBe(412)
  expect((await manager.post(`/equipment/${id}/status`, { status: 'active' })).status, 'a reason is needed').toBe(400)
})

test('two changes of status in one transaction both stand', async () => {
  const { id } = await world.machine()
  await world.sqlAs(
    'andina',
    'manager',
    async (q) => {
      await q("UPDATE equipment SET status = 'maintenance' WHERE id = $1", [id])
      await q("UPDATE equipment SET status = 'active' WHERE id = $1", [id])
    },
    { commit: true },
  )
  expect((await historyOf(id)).map((p) => p.status)).toEqual(['active', 'maintenance', 'active'])
})

test('the status of every machine is the open period of its history, however it was changed', async () => {
  const { id } = await world.machine()
  await world.sqlAs('andina', 'manager', (q) => q("UPDATE equipment SET status = 'maintenance' WHERE id = $1", [id]), { commit: true })
  const drift = `SELECT count(*) AS n FROM equipment e LEFT JOIN equipment_status_history h ON h.company_id = e.company_id AND h.equipment_id = e.id AND h.effective_to IS NULL
    WHERE h.status IS DISTINCT FROM e.status`
  await world.sqlAdmin(async (q) => {
    expect((await q(drift))[0].n).toBe(0)
    await q('SAVEPOINT here')
    await q('ALTER TABLE equipment DISABLE TRIGGER trigger_700_record_status')
    await q("UPDATE equipment SET status = 'retired' WHERE id = $1", [id])
    expect((await q(drift))[0].n, 'seen once the trigger is off').toBe(1)
    await q('ROLLBACK TO here')
  })
  for (const sql of ["UPDATE equipment_status_history SET status = 'active'", 'DELETE FROM equipment_status_history'])
    expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(sql)))).toBe('42501')
})

test('disposed is final; retired and disposed wait until nobody has the machine', async () => {
  const { id } = await world.machine()
  await manager.post(`/equipment/${id}/assign`, { user_id: world.person('andina', 'operator').userId })
  for (const status of ['retired', 'disposed']) expect(problem(await manager.post(`/equipment/${id}/status`, { status, reason: 'fin' }))).toBe('409 equipment_retire_while_assigned')
  expect(problem(await manager.delete(`/equipment/${id}`, { version: '*' }))).toBe('409 equipment_delete_while_assigned')
  expect((await manager.post(`/equipment/${id}/status`, { status: 'maintenance', reason: 'taller' })).status).toBe(200)
  await manager.post(`/equipment/${id}/return`)
  expect((await manager.post(`/equipment/${id}/status`, { status: 'disposed', reason: 'vendida' })).body.status).toBe('disposed')
  expect(problem(await manager.post(`/equipment/${id}/status`, { status: 'active', reason: 'otra vez' }))).toBe('409 equipment_disposed_final')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q("UPDATE equipment SET status = 'active' WHERE id = $1", [id])))).toBe('equipment_disposed_final')
})

test('a deleted machine leaves the lists, keeps its history, and comes back whole', async () => {
  const machine = await world.machine({ name: 'Compresora para borrar' })
  const path = `/equipment/${machine.id}`
  const listed = async (query: string) => (await viewer.get(`/equipment?${query}`)).body.items.map((m: Body) => m.id).includes(machine.id)
  expect(problem(await manager.delete(path))).toBe('428 if_match_missing')
  expect(problem(await manager.delete(path, { version: 7 }))).toBe('412 version_conflict')
  expect((await manager.delete(path, { version: 1 })).status).toBe(204)
  expect([await listed('limit=200'), await listed('q=compresora+borrar'), await listed('deleted=true')]).toEqual([false, false, true])
  expect((await viewer.get(path)).body).toMatchObject({ is_deleted: true, deleted_by: world.person('andina', 'manager').userId })
  expect((await manager.patch(path, { name: 'x' }, { version: '*' })).status).toBe(404)
  expect((await manager.post(`${path}/assign`, { user_id: world.person('andina', 'operator').userId })).status).toBe(404)
  expect((await manager.post(`${path}/status`, { status: 'retired', reason: 'x' })).status).toBe(404)
  expect((await viewer.get(`${path}/timeline`)).body.items[0].event_type).toBe('equipment_deleted')
  expect((await manager.post(`${path}/restore`)).body).toMatchObject({ is_deleted: false, deleted_at: null, deleted_by: null, version: 3, name: machine.name })
  expect([await listed('limit=200'), await listed('q=compresora+borrar'), await listed('deleted=true')]).toEqual([true, true, false])
  expect(await refusalOf(() => world.sqlAdmin((q) => q('DELETE FROM equipment WHERE id = $1', [machine.id])))).toBe('base_soft_delete_only')
})

test('the next service follows from the category’s interval; a date given stands', async () => {
  const parent = await category({ name: 'Con servicio', maintenance_interval_days: 90 })
  const child = await category({ name: 'Hereda', parent_id: parent.id })
  const machine = (await register({ category_id: child.id, last_maintenance_date: '2026-01-01' })).body
  expect(machine.next_maintenance_date).toBe('2026-04-01')
  const later = await manager.patch(`/equipment/${machine.id}`, { last_maintenance_date: '2026-02-01', next_maintenance_date: '2026-03-01' }, { version: 1 })
  expect(later.body.next_maintenance_date).toBe('2026-03-01')
  expect((await manager.patch(`/equipment/${machine.id}`, { location: 'Km 12' }, { version: 2 })).body.next_maintenance_date).toBe('2026-03-01')
  expect((await manager.patch(`/equipment/${machine.id}`, { last_maintenance_date: '2026-03-01' }, { version: 3 })).body.next_maintenance_date).toBe('2026-05-30')
})

test('the same Idempotency-Key gives the same reply and one machine', async () => {
  const body = { name: 'Motoniveladora única', ownership: 'rented' }
  const first = await manager.post('/equipment', body, { key: 'alta-1' })
  const again = await manager.post('/equipment', body, { key: 'alta-1' })
  expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([201, first.text, 'true'])
  expect((await viewer.get('/equipment?name=Motoniveladora%20%C3%BAnica&count=true')).body.total).toBe(1)
  expect(problem(await manager.post('/equipment', { ...body, name: 'Otra' }, { key: 'alta-1' }))).toBe('422 idempotency_key_reused')
  expect((await world.as('andina', 'admin').post('/equipment', body, { key: 'alta-1' })).body.id, 'another person’s key').not.toBe(first.body.id)
  expect((await manager.post('/equipment', { name: '\u200b', ownership: 'rented' }, { key: 'alta-2' })).status).toBe(422)
  expect((await manager.post('/equipment', body, { key: 'alta-2' })).status, 'a refused request keeps no key').toBe(201)
})

test('the summary counts what the lists show', async () => {
  const { body } = await viewer.get('/equipment-summary')
  const count = async (query: string) => (await viewer.get(`/equipment?count=true&limit=1&${query}`)).body.total
  expect(body.total).toBe(await count(''))
  for (const status of ['active', 'maintenance', 'retired', 'disposed']) expect(body[status], status).toBe(await count(`status=${status}`))
  expect(body.in_use).toBe(await count('in_use=true'))
})

/** What SQL may not store either, whoever runs it: the constraint that refuses, and what was tried. */
const unstorable: [string, string][] = [
  ['equipment_name_not_empty', "name = '  '"],
  ['equipment_name_not_empty', "name = E'\\u200b'"],
  ['equipment_serial_format', "serial_number = 'EQ-26-X-1'"],
  ['equipment_fleet_code_not_empty', "fleet_code = ' '"],
  ['equipment_manufacturer_not_empty', "manufacturer = ''"],
  ['equipment_model_not_empty', "model = ''"],
  ['equipment_manufacturer_serial_not_empty', "manufacturer_serial_number = ''"],
  ['equipment_plate_not_empty', "plate = ''"],
  ['equipment_location_not_empty', "location = ''"],
  ['equipment_year_range', 'year = 1899'],
  ['equipment_ownership_valid', "ownership = 'lent'"],
  ['equipment_owned_needs_purchase', "ownership = 'owned'"],
  ['equipment_purchase_price_positive', "purchase_price = 'NaN'"],
  ['equipment_purchase_price_positive', 'purchase_price = 0'],
  ['equipment_current_value_range', "current_value = 'NaN'"],
  ['equipment_current_value_range', 'current_value = -0.01'],
  ['equipment_depreciation_rate_range', "depreciation_rate = 'NaN'"],
  ['equipment_depreciation_rate_range', 'depreciation_rate = 1.01'],
  ['equipment_currency_form', "currency = 'sol'"],
  ['equipment_status_valid', "status = 'lost'"],
  ['equipment_dates_range', "purchase_date = 'infinity'"],
  ['equipment_dates_range', "warranty_expires_at = '-infinity'"],
  ['equipment_maintenance_dates_logical', "last_maintenance_date = '2026-05-02', next_maintenance_date = '2026-05-01'"],
  ['equipment_warranty_future', "purchase_date = '2026-05-02', warranty_expires_at = '2026-05-01'"],
  ['equipment_specifications_schema', "specifications = '[]'"],
  ['equipment_tags_valid', "tags = '{a,a}'"],
  ['equipment_description_length', "description = repeat('x', 10001)"],
]
const tried = (await register({})).body.id as string
test.each(unstorable)('%s refuses %s from any door', async (constraint, set) => {
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(`UPDATE equipment SET ${set} WHERE id = $1`, [tried])))).toBe(constraint)
  expect(await refusalOf(() => world.sqlAdmin((q) => q(`UPDATE equipment SET ${set} WHERE id = $1`, [tried]))), 'the superuser too').toBe(constraint)
})
