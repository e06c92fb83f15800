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
