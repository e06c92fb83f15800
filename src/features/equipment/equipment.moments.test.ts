// As of and known at: what was true at an instant, by what was recorded up to another one. That answers never change: test/moments.test.ts.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const viewer = world.as('andina', 'viewer')
const operator = world.person('andina', 'operator').userId
const problem = (reply: Reply) => `${reply.status} ${reply.body?.code}`

/** The database's own instant, exact to the microsecond. */
const now = () => world.db.plain<{ now: string }>(sql`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`).then(([row]) => row?.now ?? '')
const at = (asOf: string, knownAt?: string) => `as_of=${asOf}${knownAt ? `&known_at=${knownAt}` : ''}`
const ask = async (path: string, query: string): Promise<Body> => {
  const reply = await viewer.get(`${path}${path.includes('?') ? '&' : '?'}${query}`)
  return reply.status === 200 ? reply.body : `${reply.status}`
}
const newCategory = async (fields: object) => (await manager.post('/equipment-categories', fields)).body

test('a machine as it was: its fields, its category’s name, its holder', async () => {
  const roads = await newCategory({ name: 'Vías', maintenance_interval_days: 30 })
  const born = await now()
  const machine = await world.machine({ name: 'Antigua', category_id: roads.id, tags: ['uno'], specifications: { peso: 1.5 }, purchase_price: { amount: '10.50', currency: 'PEN' } })
  const path = `/equipment/${machine.id}`
  const first = await now()
  await manager.post(`${path}/assign`, { user_id: operator, notes: 'para la obra' })
  const held = await now()
  const before = await ask(path, '')
  await manager.patch(`/equipment-categories/${roads.id}`, { name: 'Carreteras' }, { version: 1 })
  await manager.patch(path, { name: 'Nueva', tags: ['dos'], specifications: { peso: 2 }, purchase_price: { amount: '11.00', currency: 'USD' } }, { version: '*' })
  await manager.post(`${path}/return`)
  await manager.delete(path, { version: '*' })
  expect(await ask(path, at(born)), 'not yet registered').toBe('404')
  expect(await ask(path, at(first))).toEqual(machine)
  expect(await ask(path, at(held))).toEqual(before)
  expect(before.holder).toMatchObject({ display_name: 'operator de andina', notes: 'para la obra' })
  expect(await ask(path, at(await now()))).toMatchObject({ name: 'Nueva', category_name: 'Carreteras', holder: null, is_deleted: true })
  expect(await ask(path, at(first, held))).toEqual(machine)
  expect(await ask(path, at(held, first)), 'at that time nobody knew of the hand-over').toEqual(machine)
})

test('a correction: what was true then, and what was known then, are two answers', async () => {
  const { id } = await world.machine()
  const path = `/equipment/${id}`
  const status = async (query: string) => (await ask(path, query)).status
  const start = await now()
  const middle = await now()
  const known = await now()
  await manager.post(`${path}/status-corrections`, { status: 'maintenance', effective_from: start, effective_to: known, reason: 'el parte llegó tarde' })
  const after = await now()
  expect(await status(at(middle))).toBe('maintenance')
  expect(await status(at(middle, known))).toBe('active')
  expect(await status(at(middle, after))).toBe('maintenance')
  expect(await status(at(after, known))).toBe('active')
  expect(
    [(await viewer.get(`/equipment?status=maintenance&limit=200&${at(middle)}`)).body.items, (await viewer.get(`/equipment?status=maintenance&limit=200&${at(middle, known)}`)).body.items].map(
      (items) => items.some((m: Body) => m.id === id),
    ),
  ).toEqual([true, false])
  // One that reaches the present moves the status; what was known before it stays.
  await manager.post(`${path}/status-corrections`, { status: 'retired', effective_from: middle, reason: 'nunca volvió' })
  expect([await status(''), await status(at(middle, known)), await status(at(middle, after)), await status(at(middle))]).toEqual(['retired', 'active', 'maintenance', 'retired'])
})

test('the list as it was: deleted ones appear, later ones do not; filters, order, pages, search and counts look at that time', async () => {
  const branch = await newCategory({ name: 'Rama' })
  const other = await newCategory({ name: 'Otra rama' })
  const made = [] as Body[]
  for (let n = 0; n < 5; n++) made.push(await world.machine({ name: `Lista ${n}`, location: `Lugar ${n}`, category_id: branch.id, manufacturer: 'Momento' }))
  await manager.post(`/equipment/${made[1].id}/assign`, { user_id: operator })
  const then = await now()
  const query = 'manufacturer=Momento'
  const live = (await viewer.get(`/equipment?${query}&count=true`)).body
  await manager.delete(`/equipment/${made[0].id}`, { version: 1 })
  await manager.patch(`/equipment/${made[2].id}`, { name: 'Cambiada', manufacturer: 'Ya no', category_id: other.id }, { version: 1 })
  await manager.post(`/equipment/${made[1].id}/return`)
  await manager.patch(`/equipment-categories/${branch.id}`, { parent_id: other.id }, { version: 1 })
  await world.machine({ name: 'Lista 9', manufacturer: 'Momento' })
  expect(await ask(`/equipment?${query}&count=true`, at(then))).toEqual(live)
  const names = async (more: string, when = then) => (await ask(`/equipment?${more}`, at(when))).items.map((m: Body) => m.name)
  const all = ['Lista 4', 'Lista 3', 'Lista 2', 'Lista 1', 'Lista 0']
  expect(await names(query)).toEqual(all)
  expect(await names(`${query}&sort=name`)).toEqual([...all].reverse())
  expect(await names(`category_id=${branch.id}`)).toEqual(all)
  expect(await names(`category_id=${other.id}`)).toEqual([])
  expect(await names(`category_id=${other.id}`, await now())).toEqual(['Lista 4', 'Lista 3', 'Cambiada', 'Lista 1'])
  expect([await names(`${query}&in_use=true`), await names(`${query}&holder_id=${operator}`), await names(`${query}&in_use=false&name.contains=1`)]).toEqual([['Lista 1'], ['Lista 1'], []])
  expect([await names('q=LISTA+l%C3%BAgar&location=Lugar+2'), await names('q=cambiada'), await names(`${query}&deleted=true`)]).toEqual([['Lista 2'], [], []])
  expect(await names('deleted=true&manufacturer=Momento', await now())).toEqual(['Lista 0'])
  for (const sort of ['-created_at', 'name', '-location']) {
    const paged = [] as string[]
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Body = await ask(`/equipment?${query}&sort=${sort}&limit=2${cursor && `&cursor=${cursor}`}`, at(then))
      paged.push(...page.items.map((m: Body) => m.name))
      cursor = page.next_cursor
    }
    expect(paged, sort).toEqual(await names(`${query}&sort=${sort}`))
    expect(paged.length).toBe(5)
  }
})

test('hand-overs as they stood: one that came back since is still out', async () => {
  const machine = await world.machine({ name: 'Entregada' })
  const path = `/equipment/${machine.id}`
  await manager.post(`${path}/assign`, { user_id: operator, notes: 'ida' })
  const out = await now()
  const list = `/assignments?equipment_id=${machine.id}`
  const [then, thenOfMachine] = [(await viewer.get(list)).body, (await viewer.get(`${path}/assignments`)).body]
  await manager.post(`${path}/return`, { notes: 'vuelta' })
  const back = await now()
  await manager.patch(path, { name: 'Renombrada' }, { version: '*' })
  await manager.post(`${path}/assign`, { user_id: world.person('andina', 'manager').userId })
  expect(await ask(list, at(out))).toEqual(then)
  expect(await ask(`${path}/assignments`, at(out))).toEqual(thenOfMachine)
  expect((await ask(`${list}&open=true`, at(out))).items.length).toBe(1)
  expect((await ask(`${list}&open=true`, at(back))).items).toEqual([])
  expect((await ask(list, at(back))).items).toMatchObject([{ return_notes: 'vuelta', equipment_name: 'Entregada' }])
  expect((await ask(list, at(back, out))).items, 'nobody knew of the return').toEqual(then.items)
})

test('the tree as it was, with the machines it held', async () => {
  const [one, two] = [await newCategory({ name: 'Uno', specification_template: [{ key: 'peso', label: 'Peso', type: 'number' }] }), await newCategory({ name: 'Dos' })]
  const leaf = await newCategory({ name: 'Hoja', parent_id: one.id })
  const machine = await world.machine({ category_id: leaf.id })
  const then = await now()
  const tree = (await viewer.get('/equipment-categories')).body
  const leafThen = (await viewer.get(`/equipment-categories/${leaf.id}`)).body
  await manager.patch(`/equipment-categories/${leaf.id}`, { parent_id: two.id, name: 'Otra' }, { version: 1 })
  await manager.patch(`/equipment/${machine.id}`, { category_id: two.id }, { version: 1 })
  await manager.delete(`/equipment-categories/${leaf.id}`, { version: '*' })
  await newCategory({ name: 'Tres' })
  expect(await ask('/equipment-categories', at(then))).toEqual(tree)
  expect(await ask(`/equipment-categories/${leaf.id}`, at(then))).toEqual(leafThen)
  expect(leafThen.equipment_count).toBe(1)
  expect(await ask(`/equipment-categories/${leaf.id}`, at(await now()))).toBe('404')
})

test('an instant that has not come, or is none, is refused; another company sees nothing of ours', async () => {
  const { id } = await world.machine()
  const future = () => new Date(Date.now() + 5000).toISOString()
  for (const path of ['/equipment', `/equipment/${id}`, '/assignments', `/equipment/${id}/assignments`, '/equipment-categories'])
    for (const name of ['as_of', 'known_at']) {
      const reply = await viewer.get(`${path}?${name}=${future()}`)
      expect([problem(reply), reply.body.errors[0].field, reply.body.errors[0].code]).toEqual(['400 input_invalid', `query.${name}`, 'instant_not_come'])
      for (const wrong of ['ayer', 'infinity', '2026-02-30T00:00:00Z', '']) expect((await viewer.get(`${path}?${name}=${wrong}`)).status, `${path} ${wrong}`).toBe(400)
    }
  const theirs = world.as('sur', 'admin')
  const asked = at(await now())
  expect((await theirs.get(`/equipment/${id}?${asked}`)).status).toBe(404)
  for (const path of ['/equipment', '/assignments', '/equipment-categories']) expect((await theirs.get(`${path}?${asked}`)).body.items).toEqual([])
  expect(await ask('/equipment', at('2001-01-01T00:00:00Z'))).toEqual({ items: [], next_cursor: null })
  expect((await manager.get(`/imports/export?format=csv&${asked}`)).status, 'an export never passes off now as then').not.toBe(200)
})
