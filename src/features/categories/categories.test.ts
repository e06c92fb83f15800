// The category tree through the HTTP door: paths, moves, circles, use.
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const path = '/equipment-categories'

const problem = (reply: Reply) => `${reply.status} ${reply.body.code}`
const create = async (fields: object): Promise<Body> => {
  const reply = await manager.post(path, fields)
  expect(reply.status, reply.text).toBe(201)
  return reply.body
}
const get = async (id: string) => (await manager.get(`${path}/${id}`)).body
const label = (id: string) => id.replaceAll('-', '')

test('a category has the path of its parents, whatever a client says', async () => {
  const a = await create({ name: 'Maquinaria' })
  const b = await create({ name: 'Excavación', parent_id: a.id })
  const c = await create({ name: 'Sobre orugas', parent_id: b.id, type_code: 'EX', maintenance_interval_days: 250 })
  expect([a.path, b.path, c.path]).toEqual([label(a.id), `${label(a.id)}.${label(b.id)}`, `${label(a.id)}.${label(b.id)}.${label(c.id)}`])
  expect([a.depth, c.depth]).toEqual([1, 3])
  expect((await manager.post(path, { name: 'x', path: 'x' })).status).toBe(400)
  const [row] = await world.sqlAs('andina', 'manager', (q) => q("UPDATE equipment_categories SET path = 'made.up' WHERE id = $1 RETURNING path::text", [c.id]))
  expect(row.path).toBe(c.path)
})

test('a moved category takes all below it along, in one step', async () => {
  const [left, right] = [await create({ name: 'Izquierda' }), await create({ name: 'Derecha' })]
  const branch = await create({ name: 'Rama', parent_id: left.id })
  const leaf = await create({ name: 'Hoja', parent_id: branch.id })
  const moved = await manager.patch(`${path}/${branch.id}`, { parent_id: right.id }, { version: 1 })
  expect(moved.body).toMatchObject({ parent_id: right.id, path: `${label(right.id)}.${label(branch.id)}`, version: 2 })
  expect((await get(leaf.id)).path).toBe(`${label(right.id)}.${label(branch.id)}.${label(leaf.id)}`)
  expect((await manager.patch(`${path}/${branch.id}`, { parent_id: null }, { version: 2 })).body.path).toBe(label(branch.id))
  expect((await get(leaf.id)).depth).toBe(2)
})

test('a circle, a parent that is nowhere or elsewhere, and too deep a tree are refused', async () => {
  const top = await create({ name: 'Arriba' })
  const low = await create({ name: 'Abajo', parent_id: top.id })
  const lowest = await create({ name: 'Más abajo', parent_id: low.id })
  expect(problem(await manager.patch(`${path}/${top.id}`, { parent_id: lowest.id }, { version: 1 }))).toBe('409 category_no_circle')
  expect(problem(await manager.patch(`${path}/${top.id}`, { parent_id: top.id }, { version: 1 }))).toBe('409 category_no_circle')
  const foreign = (await world.as('sur', 'manager').post(path, { name: 'Ajena' })).body
  for (const parent of [foreign.id, '01900000-0000-7000-8000-000000000000']) {
    expect(problem(await manager.post(path, { name: 'x', parent_id: parent }))).toBe('422 fk_category_parent')
    expect(problem(await manager.patch(`${path}/${lowest.id}`, { parent_id: parent }, { version: '*' }))).toBe('422 fk_category_parent')
  }
  let deep = lowest
  for (let depth = 4; depth <= 20; depth++) deep = await create({ name: `Nivel ${depth}`, parent_id: deep.id })
  expect(problem(await manager.post(path, { name: 'Nivel 21', parent_id: deep.id }))).toBe('422 category_depth')
  expect(
    problem(await manager.patch(`${path}/${low.id}`, { parent_id: (await create({ name: 'Intermedia', parent_id: top.id })).id }, { version: '*' })),
    'a move that makes the branch too deep',
  ).toBe('422 category_depth')
  expect((await get(deep.id)).depth).toBe(20)
})

test('siblings have different names, whatever their case; elsewhere a name is free', async () => {
  const parent = await create({ name: 'Únicos' })
  const first = await create({ name: 'Grúas', parent_id: parent.id })
  expect(problem(await manager.post(path, { name: 'GRÚAS', parent_id: parent.id }))).toBe('409 idx_equipment_categories_sibling_name')
  expect(problem(await manager.post(path, { name: 'únicos' }))).toBe('409 idx_equipment_categories_sibling_name')
  await create({ name: 'Grúas' })
  expect((await world.as('sur', 'manager').post(path, { name: 'Únicos' })).status).toBe(201)
  expect((await manager.delete(`${path}/${first.id}`, { version: 1 })).status).toBe(204)
  await create({ name: 'Grúas', parent_id: parent.id })
})

test('a category with machines or categories in it stays; an empty one goes', async () => {
  const parent = await create({ name: 'En uso' })
  const child = await create({ name: 'Con máquina', parent_id: parent.id })
  const machine = await world.machine({ category_id: child.id })
  for (const { id } of [parent, child]) expect(problem(await manager.delete(`${path}/${id}`, { version: 1 }))).toBe('409 category_in_use')
  await manager.delete(`/equipment/${machine.id}`, { version: 1 })
  expect(problem(await manager.delete(`${path}/${child.id}`))).toBe('428 if_match_missing')
  expect((await manager.delete(`${path}/${child.id}`, { version: 1 })).status).toBe(204)
  expect((await manager.get(`${path}/${child.id}`)).status).toBe(404)
  expect(problem(await manager.post(path, { name: 'Bajo la borrada', parent_id: child.id }))).toBe('422 fk_category_parent')
  expect(problem(await manager.post('/equipment', { name: 'x', ownership: 'rented', category_id: child.id })), 'no machine goes into a deleted category').toBe('422 fk_equipment_category')
  const again = await manager.post(`/equipment/${machine.id}/restore`)
  expect([again.status, again.body.category_id ?? again.body.code], 'a machine restored from a deleted category').toEqual([422, 'fk_equipment_category'])
  expect((await manager.delete(`${path}/${parent.id}`, { version: 1 })).status).toBe(204)
})

test('the tree lists each category after its parent with what it holds and inherits', async () => {
  const parent = await create({ name: 'Zona', specification_template: [{ key: 'peso_t', label: 'Peso', type: 'number', unit: 't' }] })
  const child = await create({ name: 'Zona hija', parent_id: parent.id, specification_template: [{ key: 'motor', label: 'Motor', type: 'choice', choices: ['diésel', 'eléctrico'] }] })
  await world.machine({ category_id: child.id })
  const { body } = await world.as('andina', 'viewer').get(path)
  const places = body.items.map((c: Body) => c.id)
  for (const item of body.items) if (item.parent_id) expect(places.indexOf(item.parent_id)).toBeLessThan(places.indexOf(item.id))
  expect(body.items.find((c: Body) => c.id === parent.id)).toMatchObject({ equipment_count: 1 })
  expect(body.items.find((c: Body) => c.id === child.id).inherited_template.map((f: Body) => f.key)).toEqual(['peso_t', 'motor'])
})

const refused: [string, object, string][] = [
  ['no name', {}, '400 input_invalid'],
  ['a blank name', { name: '  ' }, '400 input_invalid'],
  ['an invisible name', { name: '\u2800' }, '422 category_name_not_empty'],
  ['a long name', { name: 'x'.repeat(101) }, '400 input_invalid'],
  ['a type code of three letters', { name: 'x', type_code: 'ABC' }, '400 input_invalid'],
  ['a type code in small letters', { name: 'x', type_code: 'ab' }, '400 input_invalid'],
  ['an interval of nothing', { name: 'x', maintenance_interval_days: 0 }, '400 input_invalid'],
  ['an interval of a fraction', { name: 'x', maintenance_interval_days: 1.5 }, '400 input_invalid'],
  ['a key twice', { name: 'x', specification_template: [1, 2].map(() => ({ key: 'a', label: 'A', type: 'text' })) }, '422 category_template_valid'],
  ['a choice without choices', { name: 'x', specification_template: [{ key: 'a', label: 'A', type: 'choice' }] }, '422 category_choices_given'],
  ['an unknown type', { name: 'x', specification_template: [{ key: 'a', label: 'A', type: 'file' }] }, '400 input_invalid'],
]
test.each(refused)('a category is refused with %s', async (_what, fields, expected) => {
  expect(problem(await manager.post(path, fields))).toBe(expected)
})

test('a change needs the version that was read; only managers and admins write', async () => {
  const { id } = await create({ name: 'Versionada' })
  expect(problem(await manager.patch(`${path}/${id}`, { name: 'Otra' }))).toBe('428 if_match_missing')
  expect((await manager.patch(`${path}/${id}`, { name: 'Otra' }, { version: 1 })).body.version).toBe(2)
  expect(problem(await manager.patch(`${path}/${id}`, { name: 'Tercera' }, { version: 1 }))).toBe('412 version_conflict')
  for (const who of ['operator', 'viewer'] as const) {
    expect((await world.as('andina', who).post(path, { name: 'No' })).status).toBe(403)
    expect((await world.as('andina', who).patch(`${path}/${id}`, { name: 'No' }, { version: 2 })).status).toBe(403)
    expect((await world.as('andina', who).delete(`${path}/${id}`, { version: 2 })).status).toBe(403)
  }
  expect(await refusalOf(() => world.sqlAdmin((q) => q('DELETE FROM equipment_categories WHERE id = $1', [id])))).toBe('base_soft_delete_only')
})

type Field = { key: string; label: string; type: string; unit?: string; required?: boolean; choices?: string[] }
const power: Field = { key: 'power_kw', label: 'Potencia', type: 'number', unit: 'kW', required: true }
const drive: Field = { key: 'drive', label: 'Tracción', type: 'choice', choices: ['orugas', 'ruedas'] }
const cabin: Field = { key: 'cabin', label: 'Cabina', type: 'boolean' }
const checked: Field = { key: 'checked', label: 'Revisada', type: 'date' }
const note: Field = { key: 'note', label: 'Nota', type: 'text' }
let branches = 0
/** A branch whose top asks for power, whose leaf asks for the rest. */
async function branch(): Promise<{ top: Body; leaf: Body }> {
  branches++
  const top = await create({ name: `Plantilla ${branches}`, specification_template: [power] })
  return { top, leaf: await create({ name: 'Hoja', parent_id: top.id, specification_template: [drive, cabin, checked, note] }) }
}
const register = (category_id: string, specifications: object) => manager.post('/equipment', { name: 'Con plantilla', ownership: 'rented', category_id, specifications })
const faults = (reply: Reply) => reply.body.errors.map((e: Body) => `${e.field} ${e.code}`)

test('the template is inherited and the database holds every machine against it, naming each field', async () => {
  const { top, leaf } = await branch()
  const fits = { power_kw: 110.5, drive: 'orugas', cabin: true, checked: '2024-02-29', note: 'de obra', otra_clave: ['libre', 1] }
  expect((await register(leaf.id, fits)).status).toBe(201)
  expect((await register(leaf.id, { power_kw: 1, drive: null, note: ' ' })).status, 'blank and null count as not given').toBe(201)
  const refused = await register(leaf.id, { drive: 'alas', cabin: 'sí', checked: '2025-02-29', note: 7 })
  expect(problem(refused)).toBe('422 equipment_specifications_template')
  expect(faults(refused)).toEqual([
    'specifications.power_kw specification_required',
    'specifications.drive specification_choice',
    'specifications.cabin specification_boolean',
    'specifications.checked specification_date',
    'specifications.note specification_text',
  ])
  expect(refused.body.detail).toContain('Potencia, Tracción')
  expect(refused.body.errors[1].detail).toBe('Tracción: choose one of these: orugas, ruedas.')
  const spanish = await manager.post('/equipment', { name: 'x', ownership: 'rented', category_id: top.id, specifications: { power_kw: '110' } }, { headers: { 'accept-language': 'es' } })
  expect(spanish.body.errors).toEqual([{ field: 'specifications.power_kw', code: 'specification_number', detail: 'Potencia: debe ser un número.' }])
  for (const day of ['2024-13-01', '2024-04-31', '24-01-01', 'infinity', '2024-1-1', 20240101])
    expect(faults(await register(leaf.id, { power_kw: 1, checked: day })), String(day)).toEqual(['specifications.checked specification_date'])
})

test('no door goes around the template: SQL, a change of category, a change of specifications, an import', async () => {
  const { leaf } = await branch()
  const insert = `INSERT INTO equipment (company_id, name, ownership, category_id, specifications) VALUES ($1, 'x', 'rented', $2, '{"power_kw": "mucha"}')`
  const values = [world.companies.andina.id, leaf.id]
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(insert, values)))).toBe('equipment_specifications_template')
  expect(await refusalOf(() => world.sqlAdmin((q) => q(insert, values)))).toBe('equipment_specifications_template')
  const free = await world.machine({ specifications: { drive: 'alas' } })
  expect(faults(await manager.patch(`/equipment/${free.id}`, { category_id: leaf.id }, { version: 1 }))).toEqual([
    'specifications.power_kw specification_required',
    'specifications.drive specification_choice',
  ])
  const moved = await manager.patch(`/equipment/${free.id}`, { category_id: leaf.id, specifications: { power_kw: 9 } }, { version: 1 })
  expect(moved.status).toBe(200)
  expect(faults(await manager.patch(`/equipment/${free.id}`, { specifications: {} }, { version: 2 }))).toEqual(['specifications.power_kw specification_required'])
  expect((await manager.patch(`/equipment/${free.id}`, { category_id: null, specifications: {} }, { version: 2 })).status, 'out of the category, nothing is asked').toBe(200)
})

test('the nearer category decides about a field that two have; the branch above keeps its own', async () => {
  const { top } = await branch()
  const own = await create({ name: 'Otra', parent_id: top.id, specification_template: [{ ...power, label: 'Clase', type: 'choice', choices: ['A', 'B'], required: false }, note] })
  const below = await create({ name: 'Más abajo', parent_id: own.id })
  expect((await get(below.id)).inherited_template.map((f: Body) => `${f.key} ${f.type}`)).toEqual(['power_kw choice', 'note text'])
  expect((await register(below.id, { power_kw: 'A' })).status).toBe(201)
  expect((await register(below.id, {})).status).toBe(201)
  expect(faults(await register(top.id, { power_kw: 'A' }))).toEqual(['specifications.power_kw specification_number'])
})

test('a stricter template or a move blocks nobody: machines that lack something are found, and asked when they next change', async () => {
  const [plain, strict] = [await create({ name: 'Sin plantilla' }), await create({ name: 'Con exigencia', specification_template: [power] })]
  const [first, second] = [(await register(plain.id, { note: 1 })).body, (await register(plain.id, { power_kw: 3, note: 'b' })).body]
  const lacking = async (extra = '') => (await manager.get(`/equipment?incomplete=true&category_id=${plain.id}${extra}`)).body.items.map((m: Body) => m.id)
  expect(await lacking()).toEqual([])
  expect((await manager.patch(`${path}/${plain.id}`, { specification_template: [note] }, { version: 1 })).status).toBe(200)
  expect(await lacking()).toEqual([first.id])
  expect((await manager.patch(`${path}/${plain.id}`, { parent_id: strict.id }, { version: '*' })).status).toBe(200)
  expect(await lacking()).toEqual([first.id])
  expect((await manager.get(`/equipment?incomplete=false&category_id=${plain.id}`)).body.items.map((m: Body) => m.id)).toEqual([second.id])
  expect((await manager.get(`/equipment?incomplete=true&category_id=${strict.id}&count=true`)).body.total, 'and below').toBe(1)
  expect((await manager.patch(`/equipment/${first.id}`, { location: 'Puno' }, { version: 1 })).status, 'other changes go through').toBe(200)
  expect(faults(await manager.patch(`/equipment/${first.id}`, { specifications: { note: 'x' } }, { version: 2 }))).toEqual(['specifications.power_kw specification_required'])
  expect((await manager.patch(`/equipment/${first.id}`, { specifications: { note: 'x', power_kw: 2 } }, { version: 2 })).status).toBe(200)
  expect(await lacking()).toEqual([])
  expect((await world.as('sur', 'manager').get('/equipment?incomplete=true')).body.items).toEqual([])
})

test('the list of what lacks something says the same as the database when it is asked of each machine', async () => {
  const { leaf } = await branch()
  const values = [undefined, null, '', ' ', 'orugas', 'x', 0, 1.5, true, '2024-02-29', '2023-02-29', [], {}]
  await world.sqlAdmin((q) => q('ALTER TABLE equipment DISABLE TRIGGER trigger_030_check_first_specifications'))
  for (const value of values) await register(leaf.id, { power_kw: value, drive: value, cabin: value, checked: value, note: value })
  for (const key of ['drive', 'cabin', 'checked', 'note']) for (const value of values) await register(leaf.id, { power_kw: 1, [key]: value })
  await world.sqlAdmin((q) => q('ALTER TABLE equipment ENABLE TRIGGER trigger_030_check_first_specifications'))
  const all = (await manager.get(`/equipment?category_id=${leaf.id}&limit=200`)).body.items as Body[]
  expect(all.length).toBe(values.length * 5)
  const lacking = new Set((await manager.get(`/equipment?category_id=${leaf.id}&incomplete=true&limit=200`)).body.items.map((m: Body) => m.id))
  for (const machine of all) expect((await register(leaf.id, machine.specifications)).status, JSON.stringify(machine.specifications)).toBe(lacking.has(machine.id) ? 422 : 201)
  expect(lacking.size).toBeGreaterThan(20)
  expect(lacking.size).toBeLessThan(all.length)
})

test('machines roll up: here, here and below, and by status', async () => {
  const top = await create({ name: 'Suma' })
  const left = await create({ name: 'Uno', parent_id: top.id })
  const right = await create({ name: 'Dos', parent_id: top.id })
  const low = await create({ name: 'Tres', parent_id: left.id })
  const made: Body[] = []
  for (const category_id of [top.id, left.id, low.id, low.id, right.id]) made.push(await world.machine({ category_id }))
  await manager.post(`/equipment/${made[2]?.id}/status`, { status: 'maintenance', reason: 'x' })
  await manager.post(`/equipment/${made[4]?.id}/status`, { status: 'disposed', reason: 'x' })
  await manager.delete(`/equipment/${made[3]?.id}`, { version: 1 })
  const listed = (await manager.get(path)).body.items as Body[]
  const sums = (c: Body) => [c.equipment_here, c.equipment_count, c.equipment_by_status]
  const expected: [string, number, number, object][] = [
    [top.id, 1, 4, { active: 2, maintenance: 1, retired: 0, disposed: 1 }],
    [left.id, 1, 2, { active: 1, maintenance: 1, retired: 0, disposed: 0 }],
    [low.id, 1, 1, { active: 0, maintenance: 1, retired: 0, disposed: 0 }],
    [right.id, 1, 1, { active: 0, maintenance: 0, retired: 0, disposed: 1 }],
  ]
  for (const [id, here, below, status] of expected) {
    expect(sums(await get(id))).toEqual([here, below, status])
    expect(sums(listed.find((c) => c.id === id))).toEqual([here, below, status])
  }
  await manager.patch(`${path}/${low.id}`, { parent_id: right.id }, { version: '*' })
  expect([(await get(left.id)).equipment_count, (await get(right.id)).equipment_count, (await get(top.id)).equipment_count], 'a moved branch takes its machines along').toEqual([1, 2, 4])
})

test('a deleted category is listed with who and when, and comes back to its place; not under one that is deleted, nor beside its namesake', async () => {
  const parent = await create({ name: 'Vuelve' })
  const child = await create({ name: 'Hija que vuelve', parent_id: parent.id, specification_template: [note] })
  expect(problem(await manager.post(`${path}/${child.id}/restore`))).toBe('404 not_found')
  for (const id of [child.id, parent.id]) expect((await manager.delete(`${path}/${id}`, { version: 1 })).status).toBe(204)
  const deleted = (await manager.get(`${path}?deleted=true`)).body.items as Body[]
  expect(deleted.slice(0, 2).map((c) => [c.id, c.is_deleted, c.deleted_by, c.deleted_by_name])).toEqual(
    [parent.id, child.id].map((id) => [id, true, world.person('andina', 'manager').userId, 'manager de andina']),
  )
  expect(Date.now() - Date.parse(deleted[0]?.deleted_at)).toBeLessThan(60_000)
  expect((await manager.get(path)).body.items.some((c: Body) => c.is_deleted)).toBe(false)
  expect(problem(await manager.post(`${path}/${child.id}/restore`))).toBe('409 category_parent_deleted')
  expect(problem(await world.as('andina', 'viewer').post(`${path}/${parent.id}/restore`))).toBe('403 role_required')
  const namesake = await create({ name: 'Vuelve' })
  expect(problem(await manager.post(`${path}/${parent.id}/restore`))).toBe('409 idx_equipment_categories_sibling_name')
  await manager.delete(`${path}/${namesake.id}`, { version: 1 })
  expect((await manager.post(`${path}/${parent.id}/restore`)).body).toMatchObject({ id: parent.id, version: 3, is_deleted: false, deleted_at: null, deleted_by: null })
  expect((await manager.post(`${path}/${child.id}/restore`)).body).toMatchObject({ path: `${label(parent.id)}.${label(child.id)}`, specification_template: [note] })
})

const parts: [string, object][] = [
  ['a unit that is no text', { type: 'number', unit: 5 }],
  ['a blank unit', { type: 'number', unit: '\u2800' }],
  ['a long unit', { type: 'number', unit: 'x'.repeat(21) }],
  ['a required that is neither true nor false', { type: 'text', required: 'yes' }],
  ['a choice twice', { type: 'choice', choices: ['a', 'a'] }],
  ['a choice that is no text', { type: 'choice', choices: [1] }],
  ['a blank choice', { type: 'choice', choices: [' '] }],
]
test.each(parts)('by SQL too, a template is refused with %s', async (_what, field) => {
  const insert = `INSERT INTO equipment_categories (company_id, name, path, specification_template) VALUES ($1, 'x', '', $2)`
  const template = JSON.stringify([{ key: 'a', label: 'A', ...field }])
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(insert, [world.companies.andina.id, template])))).toBe('category_template_parts')
})
