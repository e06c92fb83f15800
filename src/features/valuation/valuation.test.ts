// What machines are worth: the formula by cases and by property, and the value of machine, schedule and fleet through the HTTP door.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Body, createWorld, transaction } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const pen = (amount: string) => ({ amount, currency: 'PEN' })
const get = async (path: string) => {
  const reply = await manager.get(path)
  expect(reply.status, reply.text).toBe(200)
  return reply.body
}

test('book values are right to the cent, by anniversaries, leap years included', async () => {
  const cases: [string, string, string, string, string, string | null][] = [
    // price, salvage, rate, bought, day, value
    ['100000.00', '0', '0.25', '2020-01-01', '2020-01-01', '100000.00'],
    ['100000.00', '0', '0.25', '2020-01-01', '2020-12-31', '75068.31'], // 365 of 366 days
    ['100000.00', '0', '0.25', '2020-01-01', '2021-01-01', '75000.00'],
    ['100000.00', '0', '0.25', '2020-01-01', '2021-12-31', '50068.49'], // 364 of 365 days
    ['100000.00', '0', '0.25', '2020-01-01', '2024-01-01', '0.00'],
    ['100000.00', '10000.00', '0.25', '2020-01-01', '2023-12-31', '10000.00'],
    ['100000.00', '0', '0.25', '2019-12-31', '2019-12-30', null],
    // Bought on 29 February: the year ends on the 28th, the fourth on the 29th.
    ['1461.00', '0', '0.25', '2020-02-29', '2021-02-28', '1095.75'],
    ['1461.00', '0', '0.25', '2020-02-29', '2021-03-01', '1094.75'],
    ['1461.00', '0', '0.25', '2020-02-29', '2024-02-28', '1.00'],
    ['1461.00', '0', '0.25', '2020-02-29', '2024-02-29', '0.00'],
    // Half cents go away from zero: 0.10 - 0.10 * 0.05 is 0.095.
    ['0.10', '0', '0.05', '2021-01-01', '2022-01-01', '0.10'],
    ['0.10', '0', '0.15', '2021-01-01', '2022-01-01', '0.09'],
    ['500.00', '500.00', '0.2', '2021-01-01', '2030-01-01', '500.00'],
    ['500.00', '0', '0', '2021-01-01', '2099-01-01', '500.00'],
    ['999999999999.99', '0.01', '0.0001', '1900-01-01', '2200-01-01', '969999999999.99'],
  ]
  await world.sqlBare(async (q) => {
    for (const [price, salvage, rate, from, at, value] of cases) {
      const [row] = await q('SELECT get_book_value($1, $2, $3, $4, $5)::text AS value', [price, salvage, rate, from, at])
      expect(row.value, `${price} ${rate} ${from} ${at}`).toBe(value)
    }
    expect((await q("SELECT provolatile, proisstrict FROM pg_proc WHERE proname = 'get_book_value'"))[0]).toEqual({ provolatile: 'i', proisstrict: true })
  })
})

const cents = fc.integer({ min: 1, max: 999_999_999_99 }).map((n) => (n / 100).toFixed(2))
const plans = fc
  .record({
    price: cents,
    part: fc.integer({ min: 0, max: 100 }),
    rate: fc.integer({ min: 100, max: 10_000 }),
    from: fc.date({ min: new Date('1990-01-01'), max: new Date('2030-12-31'), noInvalidDate: true }),
  })
  .map(({ price, part, rate, from }) => ({ price, salvage: (Math.floor(Number(price) * part) / 100).toFixed(2), rate: (rate / 10_000).toFixed(4), from: from.toISOString().slice(0, 10) }))

test('any schedule sums to price minus salvage to the cent, never rises, and stops at the salvage value', async () => {
  let rows = 0
  await transaction(world.appUrl, false, (q) =>
    fc.assert(
      fc.asyncProperty(plans, fc.integer({ min: 0, max: 40_000 }), async ({ price, salvage, rate, from }, days) => {
        const [sum] = await q(
          `SELECT count(*)::int AS n, coalesce(sum(depreciation), 0) = $1::numeric - $2::numeric AS whole, coalesce(bool_and(depreciation >= 0 AND closing_value >= $2::numeric), true) AS falls,
             coalesce(bool_and(from_date = coalesce(before, from_date)), true) AS joined, coalesce(bool_and(opening_value - depreciation = closing_value AND from_date <= to_date), true) AS adds, min(from_date) AS first
           FROM (SELECT s.*, lag(to_date) OVER (ORDER BY year) + 1 AS before FROM get_depreciation_schedule($1, $2, $3, $4) s) s`,
          [price, salvage, rate, from],
        )
        rows += sum.n
        expect(sum).toMatchObject({ whole: true, falls: true, joined: true, adds: true })
        if (sum.n > 0) expect(sum.first).toBe(from)
        // Independent of the function: the part of the year by counting days between anniversaries.
        const [value] = await q(
          `SELECT get_book_value($1, $2, $3, $4::date, d.day) AS found, get_book_value($1, $2, $3, $4::date, d.day + 1) AS next,
             greatest($2::numeric, round($1::numeric * (1 - $3::numeric * (extract(year FROM age(d.day, $4::date)) + (d.day - a.last)::numeric / (a.next - a.last))), 2)) AS expected
           FROM (SELECT $4::date + $5::int AS day) d, LATERAL (SELECT ($4::date + make_interval(years => extract(year FROM age(d.day, $4::date))::int))::date AS last,
             ($4::date + make_interval(years => extract(year FROM age(d.day, $4::date))::int + 1))::date AS next) a`,
          [price, salvage, rate, from, days],
        )
        expect(Number(value.next)).toBeLessThanOrEqual(Number(value.found))
        expect(Math.abs(Number(value.found) - Number(value.expected))).toBeLessThan(0.011)
      }),
      { numRuns: 150 },
    ),
  )
  expect(rows).toBeGreaterThan(300)
})

test('current_value follows the depreciation until someone sets it, and again when it is emptied', async () => {
  const { id } = await world.machine({ ownership: 'owned', purchase_date: '2020-01-01', purchase_price: '100000', depreciation_rate: '0.5', salvage_value: '12500.50' })
  expect(await get(`/equipment/${id}`)).toMatchObject({ current_value: pen('12500.50'), current_value_given: false, salvage_value: pen('12500.50') })
  const set = async (change: object) => (await manager.patch(`/equipment/${id}`, change, { version: '*' })).body
  expect(await set({ current_value: '30000' })).toMatchObject({ current_value: pen('30000.00'), current_value_given: true })
  expect(await set({ current_value: null, salvage_value: null })).toMatchObject({ current_value: pen('0.00'), current_value_given: false, salvage_value: pen('0.00') })
  expect(await set({ depreciation_rate: null })).toMatchObject({ current_value: null })
  expect((await set({ salvage_value: '100000.01' })).code).toBe('equipment_salvage_below_price')
  expect((await get('/equipment?current_value.empty=false&sort=-current_value')).items.map((m: Body) => m.id)).toEqual([])
  await set({ depreciation_rate: '0.0001' })
  expect((await get('/equipment?current_value.gte=90000&sort=-current_value')).items.map((m: Body) => m.id)).toEqual([id])
})

test('a machine’s schedule shows its years, and nothing where something is missing', async () => {
  const { id } = await world.machine({ ownership: 'owned', purchase_date: '2020-07-01', purchase_price: '1000', depreciation_rate: '0.5', salvage_value: '100' })
  const plan = await get(`/equipment/${id}/depreciation`)
  expect(plan).toMatchObject({ purchase_price: pen('1000.00'), salvage_value: pen('100.00'), depreciation_rate: '0.5000', book_value: pen('100.00'), written_off_on: '2022-04-19' })
  expect(plan.items).toEqual([
    { year: 2020, from_date: '2020-07-01', to_date: '2020-12-31', opening_value: pen('1000.00'), depreciation: pen('252.05'), closing_value: pen('747.95') },
    { year: 2021, from_date: '2021-01-01', to_date: '2021-12-31', opening_value: pen('747.95'), depreciation: pen('500.00'), closing_value: pen('247.95') },
    { year: 2022, from_date: '2022-01-01', to_date: '2022-04-19', opening_value: pen('247.95'), depreciation: pen('147.95'), closing_value: pen('100.00') },
  ])
  const bare = await world.machine()
  expect(await get(`/equipment/${bare.id}/depreciation`)).toMatchObject({ items: [], book_value: null, written_off_on: null })
  expect((await world.as('sur', 'admin').get(`/equipment/${id}/depreciation`)).status).toBe(404)
})

test('the fleet’s value at a day stands by category and currency, without what was not there', async () => {
  const category = async (name: string, parent_id?: string) => (await manager.post('/equipment-categories', { name, parent_id })).body.id
  const top = await category('Pesada')
  const below = await category('Rodillos', top)
  const owned = (fields: object) => world.machine({ ownership: 'owned', purchase_date: '2024-01-01', purchase_price: '1000', depreciation_rate: '0.1', ...fields })
  await owned({ category_id: below })
  await owned({ category_id: top, purchase_date: '2025-01-01' })
  await owned({ category_id: top, currency: 'USD', salvage_value: '950' })
  await owned({ category_id: below, depreciation_rate: null })
  const gone = await owned({ category_id: top })
  await manager.post(`/equipment/${gone.id}/status`, { status: 'disposed', reason: 'vendida' })
  const of = async (query: string) =>
    (await get(`/fleet-value?${query}`)).items
      .filter((k: Body) => k.category_id === top || query.includes('parent_id'))
      .map((k: Body) => [k.category_name, k.currency, k.machine_count, k.book_total.amount, k.depreciated.amount])
  expect(await of('as_of=2025-01-01')).toEqual([
    ['Pesada', 'PEN', 3, '2800.00', '200.00'],
    ['Pesada', 'USD', 1, '950.00', '50.00'],
  ])
  expect(await of('as_of=2024-01-01')).toEqual([
    ['Pesada', 'PEN', 2, '2000.00', '0.00'],
    ['Pesada', 'USD', 1, '1000.00', '0.00'],
  ])
  expect(await of(`as_of=2025-01-01&parent_id=${top}`)).toEqual([
    ['Rodillos', 'PEN', 1, '900.00', '100.00'],
    [null, 'PEN', 2, '1900.00', '100.00'],
    [null, 'USD', 1, '950.00', '50.00'],
  ])
  expect((await get('/fleet-value?as_of=2200-01-01'.replace('2200', '2199'))).items.filter((k: Body) => k.category_id === top).map((k: Body) => k.machine_count)).toEqual([2, 1])
  const now = await get('/fleet-value')
  expect(now.unvalued_count).toBeGreaterThanOrEqual(1)
  expect(now.totals.map((one: Body) => one.currency)).toEqual(['PEN', 'USD'])
  expect((await world.as('sur', 'admin').get('/fleet-value')).body).toMatchObject({ items: [], totals: [], unvalued_count: 0 })
  expect((await manager.get('/fleet-value?as_of=0001-01-01')).status).toBe(400)
})

test('an export comes back unchanged with the salvage value, and a computed value is not set by it', async () => {
  const { id } = await world.machine({ name: 'Rodillo', ownership: 'owned', purchase_date: '2020-07-01', purchase_price: '1000', depreciation_rate: '0.5', salvage_value: '100.25' })
  const file = await world.as('andina', 'manager').get('/equipment/export')
  expect(file.text.split('\r\n')[0]).toContain('Salvage value')
  const back = await manager.call('POST', '/equipment/import?dry_run=true', file.text, { headers: { 'content-type': 'text/csv' } })
  expect([back.body.updated_count, back.body.created_count, back.body.error_count]).toEqual([0, 0, 0])
  const [code] = [(await get(`/equipment/${id}`)).serial_number]
  const csv = `Código,Nombre,Valor residual\n${code},Rodillo,"250,50"`
  expect((await manager.call('POST', '/equipment/import', csv, { headers: { 'content-type': 'text/csv' } })).body).toMatchObject({ updated_count: 1 })
  expect(await get(`/equipment/${id}`)).toMatchObject({ salvage_value: pen('250.50'), current_value: pen('250.50'), current_value_given: false })
})
