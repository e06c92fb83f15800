// Finding machines through the HTTP door: filters, order, pages without loss or repetition, and search.
import { expect, test } from 'vitest'
import { type Body, connected, createWorld } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const viewer = world.as('andina', 'viewer')

/** Forty-five machines with ties and empty values in every column that can be sorted by. */
const fill = (company: 'andina' | 'sur') =>
  world.sqlAs(
    company,
    'manager',
    (q) =>
      q(
        `INSERT INTO equipment (company_id, name, description, ownership, manufacturer, model, manufacturer_serial_number, fleet_code, plate, year, purchase_date, purchase_price, current_value,
           depreciation_rate, status, location, last_maintenance_date, next_maintenance_date, warranty_expires_at, specifications, tags)
         SELECT $1, 'Máquina ' || n % 7, 'Nota ' || n % 3, (ARRAY['rented', 'leased'])[n % 2 + 1], CASE WHEN n % 5 > 0 THEN 'Marca ' || n % 5 END, CASE WHEN n % 4 > 0 THEN 'M' || n % 4 END,
           CASE WHEN n % 3 = 0 THEN 'SN' || n % 6 END, CASE WHEN n % 9 = 0 THEN 'F-' || n END, CASE WHEN n % 6 = 0 THEN 'ABC-' || n % 4 END, CASE WHEN n % 5 > 1 THEN 2015 + n % 5 END,
           CASE WHEN n % 4 > 1 THEN date '2020-01-01' + n % 4 END, CASE WHEN n % 6 > 2 THEN 1000.5 * (n % 6) END, CASE WHEN n % 8 > 4 THEN n % 8 END, CASE WHEN n % 3 > 0 THEN 0.1 * (n % 3) END,
           (ARRAY['active', 'maintenance', 'retired'])[n % 3 + 1], CASE WHEN n % 2 > 0 THEN 'Obra ' || n % 4 END, CASE WHEN n % 7 > 3 THEN date '2026-01-01' + n % 7 END,
           CASE WHEN n % 7 > 2 THEN date '2026-06-01' + n % 7 END, CASE WHEN n % 5 > 3 THEN date '2030-01-01' END,
           jsonb_build_object('peso_t', n % 6, 'motor', 'C' || n % 3) || CASE WHEN n % 10 = 0 THEN '{"peso_t": "mucho"}' ELSE '{}' END::jsonb, ARRAY['t' || n % 3, 'u' || n % 2]
         FROM generate_series(1, 45) n`,
        [world.companies[company].id],
      ),
    { commit: true },
  )
await fill('andina')
await fill('sur')

const words = {
  excavator: {
    name: 'Excavadora hidráulica',
    manufacturer: 'Caterpillar',
    model: '320D',
    plate: 'XYZ-987',
    manufacturer_serial_number: 'CATSN00031X',
    fleet_code: 'EXC-12',
    tags: ['zanja'],
    location: 'Ayacucho',
  },
  grader: { name: 'Motor grader', manufacturer: 'Komatsu', model: 'GD555', description: 'Maintains roads; excavadora de apoyo con dirección asistida' },
}
const machines = { excavator: (await world.machine(words.excavator)).id, grader: (await world.machine(words.grader)).id, other: (await world.machine(words.excavator, 'sur')).id }
const serial = (await viewer.get(`/equipment/${machines.excavator}`)).body.serial_number

const list = (query: string) => viewer.get(`/equipment?${query}`)
const all: Body[] = (await list('limit=200')).body.items
const ids = (items: Body[]) => items.map((item: Body) => item.id)

async function pages(query: string, limit: number): Promise<Body[]> {
  const items: Body[] = []
  let cursor = ''
  for (let n = 0; n < 60; n++) {
    const reply = await list(`${query}&limit=${limit}${cursor}`)
    expect(reply.status, reply.text).toBe(200)
    expect(reply.body.items.length).toBeLessThanOrEqual(limit)
    items.push(...reply.body.items)
    if (!reply.body.next_cursor) return items
    cursor = `&cursor=${encodeURIComponent(reply.body.next_cursor)}`
  }
  throw new Error('the pages do not end')
}

const sortable = [
  'created_at',
  'updated_at',
  'name',
  'serial_number',
  'fleet_code',
  'manufacturer',
  'model',
  'manufacturer_serial_number',
  'year',
  'plate',
  'ownership',
  'purchase_date',
  'purchase_price',
  'current_value',
  'depreciation_rate',
  'currency',
  'status',
  'location',
  'last_maintenance_date',
  'next_maintenance_date',
  'warranty_expires_at',
]
const spanish = new Intl.Collator('es')
const numbers = ['year', 'purchase_price', 'current_value', 'depreciation_rate']
const instants = ['created_at', 'updated_at']
/** Microseconds since 1970: a whole second carries no fraction, and as text would come after its own fractions. */
const micros = (instant: string) => Date.parse(instant) * 1000 + Number((/\.\d{3}(\d+)/.exec(instant)?.[1] ?? '').padEnd(3, '0'))
test.each(sortable)('pages by %s, both ways, neither lose nor repeat a machine', async (field) => {
  for (const sign of ['', '-']) {
    const whole = (await list(`sort=${sign}${field}&limit=200`)).body.items
    expect(ids(await pages(`sort=${sign}${field}`, 7))).toEqual(ids(whole))
    expect(new Set(ids(whole))).toEqual(new Set(ids(all)))
    const values = whole.map((item: Body) => item[field]?.amount ?? item[field]).filter((value: unknown) => value !== null)
    const compare = (a: string, b: string) => (numbers.includes(field) ? Number(a) - Number(b) : instants.includes(field) ? micros(a) - micros(b) : spanish.compare(a, b))
    const disorder = values.flatMap((value: string, i: number) => (i > 0 && (sign ? -1 : 1) * compare(value, values[i - 1]) < 0 ? [[values[i - 1], value]] : []))
    expect(disorder, `${sign}${field} in order`).toEqual([])
    expect(
      whole.slice(0, values.length).every((item: Body) => item[field] !== null),
      'empty values come last',
    ).toBe(true)
  }
})

test('tags and values with any sign in them are found as they are written, and follow a change at once', async () => {
  const odd = await world.machine({ name: 'De todo', tags: ["d'agua", 'a\\b', 'x | y:*'], specifications: { nota: "5' \\ & (ñ)", largo: 'z'.repeat(300), lleno: 0 } })
  const found = async (query: string) => ids((await list(query)).body.items)
  const value = (text: string) => encodeURIComponent(text)
  for (const tag of ["d'agua", 'a\\b', 'x | y:*']) expect(await found(`tags=${value(tag)}`), tag).toEqual([odd.id])
  for (const sign of [`nota=${value("5' \\ & (ñ)")}`, `largo=${'z'.repeat(300)}`, 'lleno=0']) expect(await found(`specifications.${sign}`), sign).toEqual([odd.id])
  expect(await found('tags=x'), 'a part of a tag is another tag').toEqual([])
  await manager.patch(`/equipment/${odd.id}`, { tags: ['otra'], specifications: { lleno: 1 } }, { version: 1 })
  expect([await found('tags=otra'), await found(`tags=${value("d'agua")}`), await found('specifications.lleno=1'), await found('specifications.lleno=0')]).toEqual([[odd.id], [], [odd.id], []])
  await manager.delete(`/equipment/${odd.id}`, { version: 2 })
})

test('a page stays right while machines are added before it', async () => {
  const first = await list('limit=10')
  const added = await world.machine({ name: 'Recién llegada' })
  const rest = await pages(`cursor=${encodeURIComponent(first.body.next_cursor)}`, 10).catch(() => [])
  const second = await list(`limit=200&cursor=${encodeURIComponent(first.body.next_cursor)}`)
  expect([...ids(first.body.items), ...ids(second.body.items)]).toEqual(ids(all))
  expect(ids(rest)).not.toContain(added.id)
  await manager.delete(`/equipment/${added.id}`, { version: 1 })
})

const filters: [string, (m: Body) => boolean][] = [
  ['status=active', (m) => m.status === 'active'],
  ['status=active,retired', (m) => m.status !== 'maintenance'],
  ['status.ne=active', (m) => m.status !== 'active'],
  ['ownership=leased', (m) => m.ownership === 'leased'],
  ['manufacturer=Marca%202', (m) => m.manufacturer === 'Marca 2'],
  ['manufacturer.contains=ca%203', (m) => m.manufacturer === 'Marca 3'],
  ['manufacturer.empty=true', (m) => m.manufacturer === null],
  ['plate.empty=false', (m) => m.plate !== null],
  ['year.gte=2018', (m) => m.year >= 2018],
  ['year=2017,2018', (m) => m.year === 2017 || m.year === 2018],
  ['purchase_price.gt=3001.5', (m) => Number(m.purchase_price?.amount) > 3001.5],
  ['purchase_date.lte=2020-01-03', (m) => m.purchase_date !== null && m.purchase_date <= '2020-01-03'],
  ['next_maintenance_date.lt=2026-06-05&status=active', (m) => m.status === 'active' && m.next_maintenance_date !== null && m.next_maintenance_date < '2026-06-05'],
  ['tags=t1', (m) => m.tags.includes('t1')],
  ['tags=t1,t2', (m) => m.tags.includes('t1') || m.tags.includes('t2')],
  ['specifications.motor=C2', (m) => m.specifications.motor === 'C2'],
  ['specifications.motor=C1,C2', (m) => ['C1', 'C2'].includes(m.specifications.motor)],
  ['specifications.peso_t.gte=4', (m) => typeof m.specifications.peso_t === 'number' && m.specifications.peso_t >= 4],
  ['specifications.color.empty=true', () => true],
  ['name.contains=M%C3%81QUINA%203', (m) => m.name === 'Máquina 3'],
]
test.each(filters)('the filter %s gives what it says, and the count agrees', async (query, wanted) => {
  const reply = await list(`${query}&limit=200&count=true`)
  const expected = ids(all.filter(wanted))
  expect(expected.length).toBeGreaterThan(0)
  expect(ids(reply.body.items)).toEqual(expected)
  expect(reply.body.total).toBe(expected.length)
  expect(ids(await pages(query, 3))).toEqual(expected)
  expect((await list(`${query}&limit=1&count=true`)).body.total).toBe(expected.length)
})

const refused = [
  'status.gt=a,b',
  'year=abc',
  'year.gte=1,2',
  'colour=red',
  'sort=colour',
  'sort=tags',
  'purchase_date=2026-02-30',
  'cursor=xyz',
  'limit=0',
  'limit=201',
  'specifications.peso_t.gt=abc',
  'created_at.gt=infinity',
  'year=NaN',
  'holder_id=7',
  'in_use=maybe',
  'name.like=x',
  'specifications.a.b.c=1',
]
test.each(refused)('the list refuses ?%s and names the field', async (query) => {
  const reply = await list(query)
  expect([reply.status, reply.body.code]).toEqual([400, 'input_invalid'])
  expect(reply.body.errors[0].field).toContain(query.split(/[=.]/)[0])
})

test('a cursor is of one order only', async () => {
  const { body } = await list('sort=name&limit=3')
  const reply = await list(`sort=-name&limit=3&cursor=${body.next_cursor}`)
  expect([reply.status, reply.body.errors[0].code]).toEqual([400, 'cursor_invalid'])
})

test('a category’s filter takes all below it; holder and use follow the assignments', async () => {
  const parent = (await manager.post('/equipment-categories', { name: 'Línea amarilla' })).body
  const child = (await manager.post('/equipment-categories', { name: 'Tractores', parent_id: parent.id })).body
  const inChild = await world.machine({ name: 'Tractor', category_id: child.id })
  const inParent = await world.machine({ name: 'Tractor', category_id: parent.id })
  expect(ids((await list(`category_id=${parent.id}`)).body.items)).toEqual([inParent.id, inChild.id])
  expect(ids((await list(`category_id=${child.id}`)).body.items)).toEqual([inChild.id])
  expect(ids((await world.as('sur', 'viewer').get(`/equipment?category_id=${parent.id}`)).body.items)).toEqual([])
  const operator = world.person('andina', 'operator').userId
  await manager.post(`/equipment/${inChild.id}/assign`, { user_id: operator })
  expect(ids((await list(`holder_id=${operator}`)).body.items)).toEqual([inChild.id])
  expect(ids((await list('in_use=true')).body.items)).toEqual([inChild.id])
  expect(ids((await list('in_use=false&limit=200')).body.items)).not.toContain(inChild.id)
})

const searches: [string, string, 'excavator' | 'grader'][] = [
  ['words without accents', 'excavadora hidraulica', 'excavator'],
  ['words with accents', 'EXCAVADORA HIDRÁULICA', 'excavator'],
  ['the start of a word', 'excav', 'excavator'],
  ['a plural by its Spanish stem', 'excavadoras', 'excavator'],
  ['a plural by its English stem', 'graders', 'grader'],
  ['a typo', 'excabadora', 'excavator'],
  ['another typo', 'caterpilar', 'excavator'],
  ['the whole code', serial, 'excavator'],
  ['a fragment of the code', serial.slice(-4), 'excavator'],
  ['the plate', 'xyz-987', 'excavator'],
  ['the plate without its dash', 'XYZ987', 'excavator'],
  ['a fragment of the plate', '987', 'excavator'],
  ['the maker’s serial', 'CATSN00031X', 'excavator'],
  ['a fragment of the maker’s serial', '0031x', 'excavator'],
  ['the maker', 'komatsu', 'grader'],
  ['the model', '320d', 'excavator'],
  ['the fleet code', 'exc-12', 'excavator'],
  ['a tag', 'zanja', 'excavator'],
  ['the place', 'ayacucho', 'excavator'],
  ['words of different fields', 'caterpillar zanja', 'excavator'],
  // Words of a description are not known to the correction of typos: only accents and stems can find these.
  ['a description’s word without its accent', 'direccion', 'grader'],
  ['a description’s word by its Spanish stem', 'apoyos', 'grader'],
  ['a description’s word by its English stem', 'maintaining', 'grader'],
]
test.each(searches)('search finds by %s: %s', async (_how, q, wanted) => {
  const reply = await list(`q=${encodeURIComponent(q)}`)
  expect(ids(reply.body.items)).toContain(machines[wanted])
  expect(ids(reply.body.items)).not.toContain(machines.other)
})

test('search ranks the name above a mention, and finds nothing for nonsense', async () => {
  expect(ids((await list('q=excavadora')).body.items)).toEqual([machines.excavator, machines.grader])
  expect((await list('q=qwzzkx')).body.items).toEqual([])
  expect((await list('q=caterpillar+komatsu')).body.items, 'every word must be there').toEqual([])
  expect(ids((await list('q=excavadora&sort=name')).body.items)).toEqual([machines.excavator, machines.grader])
  expect(ids((await list('q=excavadora&limit=1')).body.items)).toEqual([machines.excavator])
  expect((await list('q=excavadora&count=true&limit=1')).body.total).toBe(2)
  for (const q of ['%', "'", '\\', ':*', '!', '&|', ' ', "c1:'", '('.repeat(400)]) expect((await list(`q=${encodeURIComponent(q)}`)).status, q).toBe(200)
})

test('search follows a change at once', async () => {
  const { id, version } = await world.machine({ name: 'Barredora' })
  expect(ids((await list('q=barredora')).body.items)).toEqual([id])
  await manager.patch(`/equipment/${id}`, { name: 'Fresadora' }, { version })
  expect(ids((await list('q=barredora')).body.items)).toEqual([])
  expect(ids((await list('q=fresadora')).body.items)).toEqual([id])
})

test('search uses its index as application_user, under row security', async () => {
  await world.sqlAs(
    'andina',
    'manager',
    (q) => q("INSERT INTO equipment (company_id, name, ownership) SELECT $1, 'Relleno ' || n, 'rented' FROM generate_series(1, 1500) n", [world.companies.andina.id]),
    { commit: true },
  )
  // As autovacuum does after so many rows: what waits outside the index's tree is brought in.
  await connected(world.superuserUrl, (q) => q('VACUUM ANALYZE equipment_search_documents'))
  // This transaction's own scans: other connections tell theirs of before seconds later.
  const scans = await world.sqlAs('andina', 'viewer', async (q) => {
    expect((await q("SELECT FROM search_equipment('excavadora')")).length).toBe(2)
    return q("SELECT pg_stat_get_xact_numscans('idx_equipment_search'::regclass)::int AS index, pg_stat_get_xact_numscans('equipment_search_documents'::regclass)::int AS whole")
  })
  expect(scans).toEqual([{ index: expect.any(Number), whole: 0 }])
  expect(scans[0].index).toBeGreaterThan(0)
})

test('a search in SQL gives 2,000 machines at most, 1 at least, and of the own company alone', async () => {
  const theirs = await world.machine({ name: 'Pilotadora' }, 'sur')
  const found = (company: 'andina' | 'sur') => world.sqlAs(company, 'viewer', (q) => q("SELECT equipment_id AS id FROM search_equipment('pilotadora')"))
  expect([await found('andina'), await found('sur')]).toEqual([[], [{ id: theirs.id }]])
  await world.sqlAs('andina', 'manager', async (q) => {
    await q("INSERT INTO equipment (company_id, name, ownership) SELECT $1, 'Pilotadora ' || n, 'rented' FROM generate_series(1, 2100) n", [world.companies.andina.id])
    const counts = []
    for (const limit of ['', ', 1000000', ', 7', ', 0', ', -5']) counts.push((await q(`SELECT FROM search_equipment('pilotadora'${limit})`)).length)
    expect(counts).toEqual([1000, 2000, 7, 1, 1])
  })
})

test('a machine in a list, written by the database, says exactly what it says by itself, now and as of a moment', async () => {
  const [held] = (await viewer.get('/equipment?status=active&limit=1')).body.items
  expect((await manager.post(`/equipment/${held.id}/assign`, { user_id: world.person('andina', 'operator').userId, notes: 'dice "+00:00"' })).status).toBe(201)
  const gone = await world.machine({ name: 'Retirada "+00"' })
  expect((await manager.delete(`/equipment/${gone.id}`, { version: '*' })).status).toBe(204)
  const moment = new Date().toISOString()
  for (const path of ['?limit=200', '?limit=200&deleted=true', `?limit=200&as_of=${moment}`]) {
    const { items } = (await viewer.get(`/equipment${path}`)).body
    expect(items.length).toBeGreaterThan(0)
    for (const item of items) expect(item).toEqual((await viewer.get(`/equipment/${item.id}${path.includes('as_of') ? `?as_of=${moment}` : ''}`)).body)
  }
})
