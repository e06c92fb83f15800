// Utilization: sums kept by the write path against hours worked out from the base tables, in many zones, and the reports through the HTTP door.
import fc from 'fast-check'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Query, transaction } from '../../../test/harness.ts'
import { correct, directUse, handOver, rebuildUse, registerInThePast } from '../../../test/usage.ts'
import { verifyEvents } from '../proof/events.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const andina = world.companies.andina.id

const viewed = `SELECT v.equipment_id AS id, v.month, v.assignment_count AS assignments, v.total_hours_assigned AS hours, v.available_hours AS available
  FROM equipment_utilization_monthly v WHERE v.company_id = $1`

/** Both at one instant, so that "up to now" is the same now. Empty when they agree. */
const differences = (q: Query) =>
  q(
    `WITH direct AS (${directUse(6)}), viewed AS (${viewed})
     SELECT coalesce(d.id, v.id) AS id, coalesce(d.month, v.month) AS month, to_json(d) AS direct, to_json(v) AS viewed FROM direct d FULL JOIN viewed v ON v.id = d.id AND v.month = d.month
     WHERE (d.assignments, d.hours, d.available) IS DISTINCT FROM (v.assignments, v.hours, v.available)`,
    [andina, null],
  )
/** What `bitcorp verify` finds: sums against assignments, periods against events, company against machines. */
const drift = async () => (await verifyEvents(world.ownerUrl, () => {})).faults.map((fault) => fault.rule)

const zones = ['America/Santiago', 'Europe/Madrid', 'America/Lima', 'America/Havana', 'America/Asuncion', 'Pacific/Apia', 'Australia/Lord_Howe', 'UTC']
/** Instants at which months meet or clocks change, and any others. */
const instants = fc.oneof(
  fc.constantFrom('2015-11-01T04:30:00Z', '2015-11-01T05:00:00Z', '2017-10-01T04:00:00Z', '2019-03-31T01:00:00Z', '2020-02-29T23:59:59.999999Z', '2021-01-01T05:00:00Z', '2022-09-11T04:00:00Z'),
  fc.date({ min: new Date('2015-02-01'), max: new Date('2026-10-01'), noInvalidDate: true }).map((date) => date.toISOString()),
)
/** What is put right afterwards: the status of a part of the past, to the present where no end is given. */
const corrections = fc.record({ status: fc.constantFrom('retired', 'retired', 'maintenance', 'active'), from: instants, to: fc.option(instants, { freq: 4 }) })
/** Times of one machine in order: pairs are assignments, an odd last one goes on; some meet the next one without a gap. */
const machine = fc.record({ times: fc.uniqueArray(instants, { maxLength: 7 }), meets: fc.boolean(), registered: instants, corrections: fc.array(corrections, { maxLength: 4 }) })
type Machine = typeof machine extends fc.Arbitrary<infer M> ? M : never
const histories = fc.record({ zone: fc.constantFrom(...zones), machines: fc.array(machine, { minLength: 1, maxLength: 3 }), end: fc.constantFrom('keep', 'return', 'delete') })

/** Pairs of times are assignments; an odd last one goes on. With `meets` each begins where the one before ended. */
function periodsOf({ times, meets }: Machine): [string, string | null][] {
  const sorted = [...times].sort()
  const begins = sorted.filter((_, i) => meets || i % 2 === 0)
  return begins.map((from, i): [string, string | null] => [from, sorted[meets ? i + 1 : 2 * i + 1] ?? null])
}

/** Gives how many corrections were made. */
async function write(q: Query, { zone, machines, end }: { zone: string; machines: Machine[]; end: string }): Promise<number> {
  let corrected = 0
  await setZone(q, zone)
  const ids: string[] = []
  for (const machine of machines) {
    const [{ id }] = await q("INSERT INTO equipment (company_id, name, ownership) VALUES ($1, 'M', 'rented') RETURNING id", [andina])
    for (const [from, to] of periodsOf(machine)) await handOver(q, andina, id, world.person('andina', 'operator').userId, from, to)
    if (machine.corrections.length) await registerInThePast(q, andina, id, machine.registered)
    ids.push(id)
  }
  if (machines.some((machine) => machine.corrections.length)) await rebuildUse(q, andina)
  for (const [n, id] of ids.entries()) {
    if (end !== 'keep') await q('UPDATE equipment_assignments SET returned_at = now(), returned_by = assigned_by WHERE equipment_id = $1 AND returned_at IS NULL', [id])
    for (const { status, from, to } of machines[n]?.corrections ?? []) corrected += Number(await correct(q, id, status, from, to))
    if (end === 'delete') await q('UPDATE equipment SET is_deleted = true WHERE id = $1', [id])
  }
  return corrected
}

const setZone = (q: Query, zone: string) => q("UPDATE companies SET settings = settings || jsonb_build_object('time_zone', $2::text) WHERE id = $1", [andina, zone])

test('whatever happened in whatever zone, the sums are what the base tables say', async () => {
  let [seen, corrected] = [0, 0]
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      await transaction(world.superuserUrl, false, async (q) => {
        corrected += await write(q, history)
        expect(await differences(q)).toEqual([])
        const [{ n }] = await q('SELECT count(*)::int AS n FROM equipment_utilization_monthly WHERE company_id = $1 AND total_hours_assigned > 0', [andina])
        seen += n
        await setZone(q, 'Asia/Tokyo')
        expect(await differences(q), 'after the company moved').toEqual([])
      })
    }),
    { numRuns: 25 },
  )
  expect(seen).toBeGreaterThan(200)
  expect(corrected).toBeGreaterThan(10)
}, 60_000)

const give = (machine: string, from: string, to: string | null) => world.sqlAdmin((q) => handOver(q, andina, machine, world.person('andina', 'operator').userId, from, to))
const category = async (name: string, parent_id?: string) => (await manager.post('/equipment-categories', { name, parent_id })).body.id
const items = async (path: string) => {
  const reply = await manager.get(path)
  expect(reply.status, reply.text).toBe(200)
  return reply.body.items
}

/** Two branches with three machines whose hours are known to the second, in Lima, five hours behind UTC. */
async function settle() {
  const [earth, truck] = [await category('Movimiento'), await category('Transporte')]
  const below = await category('Excavadoras', earth)
  const a = await world.machine({ name: 'A', category_id: below })
  const b = await world.machine({ name: 'B', category_id: earth })
  const c = await world.machine({ name: 'C', category_id: truck })
  // 24 h in January and 48 h in February; 10 h on the last night of February; half an hour of March.
  await give(a.id, '2025-01-31T05:00:00Z', '2025-02-03T05:00:00Z')
  await give(b.id, '2025-03-01T04:30:00Z', '2025-03-01T05:30:00Z')
  await give(b.id, '2025-02-28T18:30:00Z', '2025-03-01T04:30:00Z')
  return { earth, below, truck, a, b, c }
}
const known = await settle()

test('months are the company’s, idle ones are there with 0, and what the company says is what its machines say', async () => {
  const months = await items('/utilization?from=2025-01&to=2025-03')
  expect(months.map((m: Body) => [m.month, m.assigned_hours, m.assignment_count, m.machine_count])).toEqual([
    ['2025-01', 24, 1, 1],
    ['2025-02', 58.5, 3, 2],
    ['2025-03', 0.5, 1, 2],
  ])
  expect(months[2]).toMatchObject({ available_hours: 1488, utilization: 0.0003 })
  expect((await items(`/utilization?from=2025-02&to=2025-04&equipment_id=${known.b.id}`)).map((m: Body) => [m.month, m.assigned_hours])).toEqual([
    ['2025-02', 10.5],
    ['2025-03', 0.5],
    ['2025-04', 0],
  ])
  expect((await items(`/utilization?from=2025-02&to=2025-02&category_id=${known.earth}`)).map((m: Body) => m.assigned_hours)).toEqual([58.5])
  expect((await items(`/utilization?from=2025-02&to=2025-02&category_id=${known.below}`)).map((m: Body) => m.assigned_hours)).toEqual([48])
  expect(await items('/utilization?from=2026-01&to=2025-01')).toEqual([])
  expect(await items('/utilization?from=2100-01')).toEqual([])
  expect((await manager.get('/utilization?from=2025-13')).status).toBe(400)
  const all = await items('/utilization')
  // From the first that holds anything, January 2025, to this one of Lima's; 24 at most.
  const now = new Date(Date.now() - 5 * 3600_000)
  expect(all.length).toBe(Math.min(24, (now.getUTCFullYear() - 2025) * 12 + now.getUTCMonth() + 1))
  expect(all.at(-1)).toMatchObject({ machine_count: 3 })
})

test('categories hold what is below them; machines stand below categories; sums agree at each step', async () => {
  const span = 'from=2025-01&to=2025-03'
  const top = await items(`/utilization/categories?${span}`)
  expect(top.map((k: Body) => [k.category_name, k.has_children, k.assigned_hours, k.machine_count, k.assignment_count])).toEqual([['Movimiento', true, 83, 2, 3]])
  const under = await items(`/utilization/categories?${span}&parent_id=${known.earth}`)
  expect(under.map((k: Body) => [k.category_name, k.assigned_hours])).toEqual([
    ['Excavadoras', 72],
    [null, 11],
  ])
  const machines = await items(`/utilization/machines?${span}&category_id=${known.earth}&sort=-assigned_hours`)
  expect(machines.map((m: Body) => [m.name, m.assigned_hours, m.category_name])).toEqual([
    ['A', 72, 'Excavadoras'],
    ['B', 11, 'Movimiento'],
  ])
  expect((await items(`/utilization/machines?${span}&category_id=${known.earth}&directly=true`)).map((m: Body) => m.name)).toEqual(['B'])
  expect((await items(`/utilization/machines?${span}`)).map((m: Body) => [m.name, m.assigned_hours, m.utilization])).toEqual([
    ['A', 72, machines[0].utilization],
    ['B', 11, machines[1].utilization],
    ['C', 0, null],
  ])
  const months = await items(`/utilization?${span}`)
  expect(months.reduce((sum: number, m: Body) => sum + m.assigned_hours, 0)).toBe(83)
  for (const [first, second] of [
    ['name', 'C'],
    ['-utilization', 'A'],
    ['utilization', 'B'],
  ] as const) {
    const one = (await manager.get(`/utilization/machines?${span}&limit=1&sort=${first}`)).body
    const rest = (await manager.get(`/utilization/machines?${span}&limit=2&sort=${first}&cursor=${one.next_cursor}`)).body
    expect([...one.items, ...rest.items].map((m: Body) => m.name).sort(), second).toEqual(['A', 'B', 'C'])
    expect(rest.next_cursor).toBeNull()
  }
})

test('what is handed over now counts now; who leaves the fleet is available no longer; who comes back is again', async () => {
  const { id } = await world.machine({ name: 'Nueva' })
  const thisMonth = async () => (await items(`/utilization?equipment_id=${id}`)).at(-1)
  expect(await thisMonth()).toMatchObject({ assignment_count: 0, machine_count: 1, assigned_hours: 0 })
  await manager.post(`/equipment/${id}/assign`, { user_id: world.person('andina', 'operator').userId })
  expect(await thisMonth()).toMatchObject({ assignment_count: 1 })
  const grows = `SELECT total_hours_assigned AS hours FROM equipment_utilization_monthly WHERE equipment_id = $1 ORDER BY month DESC LIMIT 1`
  const micro = (q: Query) => q(grows, [id]).then(([row]) => Number(row.hours))
  const before = await world.sqlAs('andina', 'viewer', micro)
  await new Promise((done) => setTimeout(done, 40))
  expect(await world.sqlAs('andina', 'viewer', micro)).toBeGreaterThan(before)
  await manager.post(`/equipment/${id}/return`, {})
  await manager.post(`/equipment/${id}/status`, { status: 'retired', reason: 'fin' })
  expect(await thisMonth()).toMatchObject({ assignment_count: 1, machine_count: 0 })
  const still = () => world.sqlAs('andina', 'viewer', (q) => q('SELECT available_hours, total_hours_assigned FROM equipment_utilization_monthly WHERE equipment_id = $1', [id]))
  const gone = await still()
  await new Promise((done) => setTimeout(done, 40))
  expect(await still()).toEqual(gone)
  await manager.post(`/equipment/${id}/status`, { status: 'active', reason: 'vuelve' })
  expect(await thisMonth()).toMatchObject({ machine_count: 1 })
  await manager.delete(`/equipment/${id}`, { version: '*' })
  expect(await thisMonth()).toMatchObject({ machine_count: 0 })
  await manager.post(`/equipment/${id}/restore`)
  expect(await thisMonth()).toMatchObject({ machine_count: 1 })
  expect(await world.sqlAdmin((q) => q('SELECT * FROM equipment_fleet_periods WHERE equipment_id = $1', [id]))).toHaveLength(3)
  expect(await drift()).toEqual([])
})

test('a change of the time zone through the API moves the hours to other months', async () => {
  const admin = world.as('andina', 'admin')
  const { settings } = (await admin.get('')).body
  const feb = async () => (await items('/utilization?from=2025-02&to=2025-02'))[0].assigned_hours
  expect(await feb()).toBe(58.5)
  expect((await admin.patch('', { settings: { ...settings, time_zone: 'UTC' } }, { version: '*' })).status).toBe(200)
  expect(await feb()).toBe(58.5 + 5 - 10 + 0.5 + 4.5)
  await admin.patch('', { settings }, { version: '*' })
  expect(await feb()).toBe(58.5)
})

test('parts of a company’s months are put together without a change of the sum', async () => {
  for (let i = 0; i < 10; i++) await world.machine()
  const before = await items('/utilization?from=2025-01&to=2025-03')
  const parts = () => world.sqlAdmin((q) => q('SELECT count(*)::int AS n FROM company_usage_months WHERE company_id = $1', [andina])).then(([row]) => row.n)
  const many = await parts()
  expect(await world.sqlBare((q) => q('SELECT merge_company_usage() AS n')).then(([row]) => row.n)).toBe(1)
  expect(await parts(), 'taken back').toBe(many)
  await Promise.all([1, 2, 3].map(() => world.db.plain(sql`SELECT merge_company_usage()`)))
  expect(await parts()).toBeLessThan(many)
  expect(await items('/utilization?from=2025-01&to=2025-03')).toEqual(before)
  expect(await drift()).toEqual([])
})

test('an export holds every machine every month and is in the audit', async () => {
  const csv = await manager.get('/utilization/export?from=2025-01&to=2025-02')
  expect(csv.status).toBe(200)
  const lines = csv.text.replace('\ufeff', '').trim().split('\r\n')
  expect(lines[0]).toBe('Code,Fleet code,Name,Category,Month,Assignments,Hours assigned,Hours in the fleet,Utilization')
  expect(lines.slice(1).map((line) => line.split(',').slice(2, 7).join(','))).toEqual(['A,Excavadoras,2025-01,1,24', 'A,Excavadoras,2025-02,1,48', 'B,Movimiento,2025-02,2,10.5'])
  expect((await manager.get('/utilization/export?format=xlsx')).headers['content-type']).toMatch(/spreadsheetml/)
  const [entry] = (await world.as('andina', 'admin').get('/audit-logs?entity_type=utilization')).body.items
  expect(entry).toMatchObject({ action: 'exported', new_values: { format: 'xlsx' } })
})

test('another company sees nothing of it', async () => {
  const stranger = world.as('sur', 'admin')
  for (const path of [
    '/utilization',
    `/utilization?equipment_id=${known.a.id}`,
    `/utilization?category_id=${known.earth}`,
    '/utilization/categories',
    `/utilization/categories?parent_id=${known.earth}`,
    '/utilization/machines',
  ]) {
    expect((await stranger.get(path)).body.items, path).toEqual([])
  }
  expect((await stranger.get('/utilization/export')).text.trim().split('\r\n')).toHaveLength(1)
  expect(await world.sqlAs('sur', 'admin', (q) => q('SELECT * FROM equipment_utilization_monthly'))).toEqual([])
})

test('a sum that someone changed by hand is found', async () => {
  for (const [change, rule] of [
    ["UPDATE equipment_usage_months SET assigned_rest = assigned_rest + 1 WHERE month = '2025-02-01'", 'machine_usage_equals_assignments'],
    ['UPDATE company_usage_months SET fleet_entered = fleet_entered + 1', 'company_usage_equals_machines'],
    ["UPDATE equipment_fleet_periods SET entered_at = entered_at - interval '1 second'", 'fleet_periods_equal_events'],
  ] as const) {
    await world.sqlAdmin((q) => q(`CREATE TABLE kept AS SELECT * FROM ${change.split(' ')[1]}`))
    await world.sqlAdmin((q) => q(change))
    expect(await drift(), change).toContain(rule)
    await world.sqlAdmin((q) => q(`DELETE FROM ${change.split(' ')[1]}; INSERT INTO ${change.split(' ')[1]} OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept`))
  }
  expect(await drift()).toEqual([])
})

test('who still has a machine counts up to now and no further, in every report', async () => {
  const category_id = await category('Abiertas')
  const { id } = await world.machine({ name: 'Abierta', category_id })
  // Longer than a month, so that there are hours of a month that is over and of this one.
  const from = new Date(Date.now() - 31 * 86_400_000 - 3600_000)
  await give(id, from.toISOString(), null)
  const total = async (rows: Promise<Body[]>) => (await rows).reduce((sum, row) => sum + row.assigned_hours, 0)
  // The day before: the company's month may still be the one before that of UTC.
  const since = `from=${new Date(from.getTime() - 86_400_000).toISOString().slice(0, 7)}`
  const csv = async () =>
    (await manager.get(`/utilization/export?${since}&category_id=${category_id}`)).text
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => ({ assigned_hours: Number(line.split(',')[6]) }))
  const viewed = () => world.sqlAs('andina', 'viewer', (q) => q('SELECT total_hours_assigned::float8 AS assigned_hours FROM equipment_utilization_monthly WHERE equipment_id = $1', [id]))
  const reports = {
    months: items(`/utilization?${since}&equipment_id=${id}`),
    categories: items(`/utilization/categories?${since}`).then((rows) => rows.filter((row: Body) => row.category_id === category_id)),
    machines: items(`/utilization/machines?${since}&category_id=${category_id}`),
    export: csv(),
    view: viewed(),
  }
  for (const [name, rows] of Object.entries(reports)) {
    const hours = await total(rows)
    const passed = (Date.now() - from.getTime()) / 3600_000
    expect(hours, name).toBeGreaterThan(31 * 24 + 0.9)
    expect(hours, name).toBeLessThan(passed + 0.1)
  }
})
