// Utilization of the past: corrections move hours, and as of an instant, known at an instant, it says what was true and known then.
import fc from 'fast-check'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Query } from '../../../test/harness.ts'
import { correct, directUse, handOver, rebuildUse, registerInThePast } from '../../../test/usage.ts'
import { verifyEvents } from '../proof/events.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const viewer = world.as('andina', 'viewer')
const andina = world.companies.andina.id
const operator = world.person('andina', 'operator').userId
const drift = async () => (await verifyEvents(world.ownerUrl, () => {})).faults.map((fault) => fault.rule)
const items = async (path: string) => {
  const reply = await manager.get(path)
  expect(reply.status, reply.text).toBe(200)
  return reply.body.items
}

test('a correction of the past moves the hours in the fleet of the months it touches, back and forth, and the records agree', async () => {
  const { id } = await world.machine({ name: 'Corregida' })
  await world.sqlAdmin((q) => registerInThePast(q, andina, id, '2024-12-16T05:00:00Z').then(() => rebuildUse(q, andina)))
  const path = `/equipment/${id}/status-corrections`
  const put = async (status: string, effective_from: string, effective_to: string | null) => {
    const reply = await manager.post(path, { status, effective_from, effective_to, reason: 'el parte llegó tarde' })
    expect(reply.status, reply.text).toBe(200)
  }
  const fleet = async () => (await items(`/utilization?equipment_id=${id}&from=2024-12&to=2025-03`)).map((m: Body) => [m.month, m.available_hours, m.machine_count])
  const company = async () => (await items('/utilization?from=2024-12&to=2025-03')).map((m: Body) => m.available_hours)
  const [full, before] = [await fleet(), await company()]
  expect(full).toEqual([
    ['2024-12', 384, 1],
    ['2025-01', 744, 1],
    ['2025-02', 672, 1],
    ['2025-03', 744, 1],
  ])
  await put('retired', '2025-01-31T05:00:00Z', '2025-02-03T05:00:00Z')
  expect((await fleet()).map(([, hours]: Body) => hours)).toEqual([384, 720, 624, 744])
  await put('retired', '2025-01-11T05:00:00Z', null)
  expect(await fleet()).toEqual([
    ['2024-12', 384, 1],
    ['2025-01', 240, 1 - 1],
    ['2025-02', 0, 0],
    ['2025-03', 0, 0],
  ])
  expect((await company()).map((hours: number, i: number) => Math.round((before[i] - hours) * 100) / 100)).toEqual([0, 504, 672, 744])
  expect(await drift()).toEqual([])
  // From its registration on: no hours are left, and the first month is none of the machine's any more.
  await put('retired', '2024-12-16T05:00:00Z', null)
  expect(await fleet()).toEqual([])
  await put('maintenance', '2024-12-16T05:00:00Z', null)
  expect([await fleet(), await company()]).toEqual([full, before])
  expect(await drift()).toEqual([])
})

/** The database's own instant, exact to the microsecond. */
const now = () => world.db.plain<{ now: string }>(sql`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`).then(([row]) => row?.now ?? '')

/** The zone of a company from its first day on, past triggers and events; the sums are added up anew. */
const setZone = (q: Query, zone: string) =>
  q("SET LOCAL session_replication_role = 'replica'")
    .then(() => q("UPDATE companies SET settings = settings || jsonb_build_object('time_zone', $2::text) WHERE id = $1", [andina, zone]))
    .then(() => q("SET LOCAL session_replication_role = 'origin'"))
    .then(() => rebuildUse(q, andina))

const zones = ['America/Santiago', 'Europe/Madrid', 'America/Lima', 'America/Havana', 'Pacific/Apia', 'Australia/Lord_Howe']
const instant = fc.date({ min: new Date('2019-01-02'), max: new Date('2026-10-01'), noInvalidDate: true }).map((date) => date.toISOString())
const past = fc.record({
  zone: fc.constantFrom(...zones),
  registered: fc.date({ min: new Date('2019-01-02'), max: new Date('2023-01-01'), noInvalidDate: true }).map((date) => date.toISOString()),
  times: fc.uniqueArray(instant, { minLength: 1, maxLength: 5 }),
  corrections: fc.array(fc.record({ status: fc.constantFrom('retired', 'maintenance', 'active'), from: instant, to: fc.option(instant, { freq: 4 }) }), { minLength: 1, maxLength: 4 }),
  asked: fc.array(instant, { minLength: 4, maxLength: 4 }),
})
/** What the test must have met to prove something: two corrections that are made, two instants before there was anything, and long use. */
const planned = {
  zone: 'America/Lima',
  registered: '2020-06-15T10:00:00.000Z',
  times: ['2021-03-01T00:00:00.000Z'],
  corrections: [
    { status: 'retired' as const, from: '2021-01-01T00:00:00.000Z', to: '2021-02-01T00:00:00.000Z' },
    { status: 'maintenance' as const, from: '2022-01-01T00:00:00.000Z', to: null },
  ],
  asked: ['2019-06-01T00:00:00.000Z', '2019-07-01T00:00:00.000Z', '2021-05-01T00:00:00.000Z', '2023-01-01T00:00:00.000Z'],
}

test('as of any instant, in any zone, it is what the base tables say of that instant', async () => {
  let [hours, corrected, empty] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(past, async ({ zone, registered, times, corrections, asked }) => {
      const { id } = await world.machine()
      const sorted = [...times].sort()
      await world.sqlAdmin(async (q) => {
        for (let i = 0; i < sorted.length; i += 2) await handOver(q, andina, id, operator, sorted[i] as string, sorted[i + 1] ?? null)
        await registerInThePast(q, andina, id, registered)
        await setZone(q, zone)
        for (const one of corrections) corrected += Number(await correct(q, id, one.status, one.from, one.to))
      })
      for (const drawn of asked) {
        // Half a millisecond on: at the very instant when something begins it is there, yet has no hours to be told by.
        const at = drawn.replace('Z', '500Z')
        const direct: Body[] = await world.sqlAdmin((q) =>
          q(
            `SELECT to_char(month, 'YYYY-MM') AS month, assignments, round(hours, 2)::float8 AS hours, round(available, 2)::float8 AS available, available > 0 OR assignments > 0 AS is_used FROM (${directUse(12)}) d WHERE id = $3 ORDER BY 1`,
            [andina, at, id],
          ),
        )
        const months = (await viewer.get(`/utilization?equipment_id=${id}&from=2018-01&as_of=${at}`)).body.items.map((m: Body) => [m.month, m.assignment_count, m.assigned_hours, m.available_hours])
        // The months begin with the first that holds anything.
        const first = direct.findIndex((row) => row.is_used)
        expect(months, `${id} ${at}`).toEqual(first < 0 ? [] : direct.slice(first).map((row) => [row.month, row.assignments, row.hours, row.available]))
        for (const row of direct) hours += row.hours
        if (direct.length === 0) empty++
        const machine = (await viewer.get(`/utilization/machines?limit=200&from=2018-01&as_of=${at}`)).body.items.find((m: Body) => m.id === id)
        expect(machine === undefined, 'not there before it was registered').toBe(drawn < registered)
        if (machine)
          expect(machine.assigned_hours).toBeCloseTo(
            direct.reduce((sum, row) => sum + row.hours, 0),
            0,
          )
        const csv = (await viewer.get(`/utilization/export?from=2018-01&as_of=${at}`)).text.split('\r\n').filter((line) => machine && line.startsWith(machine.serial_number))
        expect(
          csv.map((line) => line.split(',').slice(-5, -1).join()),
          'the export follows',
        ).toEqual(direct.map((row) => [row.month, row.assignments, row.hours, row.available].join()))
      }
    }),
    { numRuns: 10, endOnFailure: true, examples: [[planned]] },
  )
  expect(hours).toBeGreaterThan(10_000)
  expect(
    [corrected, empty].every((n) => n > 1),
    `${corrected} ${empty}`,
  ).toBe(true)
})

/** All reads of the room, and what each says of a moment; request ids and the names of files differ and say nothing. */
const reads = (machine: string, category: string) => [
  '/utilization?from=2023-01',
  `/utilization?from=2023-01&equipment_id=${machine}`,
  `/utilization?from=2023-01&category_id=${category}`,
  '/utilization/categories?from=2023-01',
  `/utilization/categories?from=2023-01&parent_id=${category}`,
  '/utilization/machines?from=2023-01&limit=200',
  `/utilization/machines?from=2023-01&category_id=${category}&sort=-assigned_hours`,
  `/utilization/machines?from=2023-01&category_id=${category}&directly=true`,
  '/utilization/export?from=2023-01',
]
const say = async (path: string, moment = '') => {
  const reply = await viewer.get(moment ? `${path}&${moment}` : path)
  return `${reply.status} ${reply.text}`
}
const at = (asOf: string, knownAt?: string) => `as_of=${asOf}${knownAt ? `&known_at=${knownAt}` : ''}`

test('what was known before a correction is still told; an instant that has not come is refused; another company sees nothing', async () => {
  const { id } = await world.machine()
  await world.sqlAdmin((q) => registerInThePast(q, andina, id, '2025-02-01T12:00:00Z').then(() => setZone(q, 'America/Lima')))
  const known = await now()
  await manager.post(`/equipment/${id}/status-corrections`, { status: 'retired', effective_from: '2025-03-01T12:00:00Z', reason: 'x' })
  const february = async (moment: string) => (await viewer.get(`/utilization?equipment_id=${id}&from=2025-04&to=2025-04&${moment}`)).body.items[0]?.available_hours
  const june = at('2025-06-01T12:00:00Z')
  expect([await february(june), await february(`${june}&known_at=${known}`), await february(`known_at=${known}`)]).toEqual([0, 720, 720])
  const months = (await viewer.get(`/utilization?equipment_id=${id}&${at('2025-02-20T12:00:00Z')}`)).body.items
  expect(
    months.map((m: Body) => [m.month, m.available_hours, m.machine_count]),
    'later months do not exist yet, and this one counts up to then',
  ).toEqual([['2025-02', 456, 1]])
  expect((await viewer.get(`/utilization?equipment_id=${id}&to=2026-12&${at('2025-02-20T12:00:00Z')}`)).body.items).toEqual(months)
  expect((await viewer.get(`/utilization?equipment_id=${id}&${at('2025-01-31T12:00:00Z')}`)).body.items).toEqual([])
  const [first] = (await viewer.get(`/utilization?equipment_id=${id}&${at('2025-02-01T12:00:00Z')}`)).body.items
  expect(first, 'at the very instant of its registration').toMatchObject({ month: '2025-02', available_hours: 0, machine_count: 1 })
  const future = () => new Date(Date.now() + 5000).toISOString()
  for (const path of reads(id, id))
    for (const name of ['as_of', 'known_at']) {
      const reply = await viewer.get(`${path}&${name}=${future()}`)
      expect([reply.status, reply.body.errors?.[0].field, reply.body.errors?.[0].code], path).toEqual([400, `query.${name}`, 'instant_not_come'])
      expect((await viewer.get(`${path}&${name}=ayer`)).status).toBe(400)
    }
  const stranger = world.as('sur', 'admin')
  for (const path of reads(id, id).slice(0, -1)) expect((await stranger.get(`${path}&${at(await now())}`)).body.items, path).toEqual([])
  expect((await stranger.get(`/utilization/export?from=2023-01&${at(await now())}`)).text.trim().split('\r\n')).toHaveLength(1)
  const theirs = await world.sqlAs('sur', 'admin', (q) => q("SELECT * FROM tell_usage_periods($1, ARRAY[$2]::uuid[], 'infinity', 'infinity')", [andina, id]))
  expect(theirs, 'nor by SQL').toEqual([])
  const csv = await viewer.get(`/utilization/export?from=2025-02&${at('2025-02-20T12:00:00Z')}`)
  expect(csv.status).toBe(200)
  const [entry] = (await world.as('andina', 'admin').get('/audit-logs?entity_type=utilization')).body.items
  expect(entry).toMatchObject({ action: 'exported', new_values: { as_of: '2025-02-20T12:00:00Z' } })
})

test('what the live reads said is what as_of of that instant says, then and ever after; as_of now is now', async () => {
  const newCategory = async (name: string, parent_id?: string) => (await manager.post('/equipment-categories', { name, parent_id })).body
  const [top, side] = [await newCategory('Tierra'), await newCategory('Vías')]
  const below = await newCategory('Excavadoras', top.id)
  const machines: string[] = []
  for (const [n, zone] of (['Europe/Madrid', 'America/Santiago'] as const).entries()) {
    const { id } = await world.machine({ name: `Paseo ${n}`, category_id: n ? top.id : below.id })
    machines.push(id)
    await world.sqlAdmin(async (q) => {
      await handOver(q, andina, id, operator, '2023-03-25T12:00:00Z', '2023-05-02T07:30:00Z')
      await handOver(q, andina, id, operator, '2024-08-30T00:00:00Z', null)
      await registerInThePast(q, andina, id, '2023-02-11T00:00:00Z')
      await setZone(q, zone)
    })
  }
  const [a, b] = machines as [string, string]
  const admin = world.as('andina', 'admin')
  const zone = async (time_zone: string) => admin.patch('', { settings: { ...(await admin.get('')).body.settings, time_zone } }, { version: '*' })
  const any = { version: '*' as const }
  let returned = ''
  const steps: [string, () => Promise<{ status: number }>][] = [
    ['return', () => manager.post(`/equipment/${a}/return`).finally(async () => (returned = await now()))],
    ['correct', () => manager.post(`/equipment/${b}/status-corrections`, { status: 'retired', effective_from: '2023-06-10T00:00:00Z', effective_to: '2023-11-05T00:00:00Z', reason: 'x' })],
    ['retire', () => manager.post(`/equipment/${a}/status`, { status: 'retired', reason: 'x' })],
    ['zone', () => zone('Australia/Lord_Howe')],
    ['create', () => manager.post('/equipment', { name: 'Nueva', ownership: 'rented', category_id: side.id })],
    ['into another category, under another name', () => manager.patch(`/equipment/${b}`, { category_id: side.id, name: 'Renombrada', fleet_code: 'F9' }, any)],
    ['rename', () => manager.patch(`/equipment-categories/${top.id}`, { name: 'Tierra y más' }, any)],
    ['move', () => manager.patch(`/equipment-categories/${below.id}`, { parent_id: side.id }, any)],
    ['delete', () => manager.delete(`/equipment/${a}`, any)],
    ['transfer', () => manager.post(`/equipment/${b}/transfer`, { user_id: world.person('andina', 'operator2').userId })],
    ['restore', () => manager.post(`/equipment/${a}/restore`)],
    ['back in service', () => manager.post(`/equipment/${a}/status`, { status: 'active', reason: 'x' })],
    ['correct to the present', () => manager.post(`/equipment/${a}/status-corrections`, { status: 'retired', effective_from: returned, reason: 'x' })],
    ['another zone', () => zone('Europe/Madrid')],
  ]
  const told = new Map<string, string>()
  for (const [n, [what, step]] of steps.entries()) {
    const { status } = await step()
    expect([200, 201, 204], `${what} ${status}`).toContain(status)
    for (const path of reads(n % 2 ? a : b, top.id).filter((_, place) => (place + n) % 2)) {
      // Hours are rounded: where one turns between the two looks around the live one, all three are made again.
      for (;;) {
        const before = await now()
        const live = await say(path)
        const after = await now()
        const [first, last] = await Promise.all([say(path, at(before, before)), say(path, at(after, after))])
        if (first !== last) continue
        expect(first, `${what} ${path}`).toBe(live)
        expect(await say(path, at(after)), `${what} ${path}: nothing was put right since`).toBe(live)
        told.set(`${path}&${at(before, before)}`, live)
        break
      }
    }
  }
  for (const [path, live] of told) expect(await say(path), path).toBe(live)
  expect(new Set(told.values()).size).toBeGreaterThan(25)
  expect([...told.values()].every((text) => text.startsWith('200'))).toBe(true)
  expect((await drift()).filter((rule) => /usage|fleet|status/.test(rule))).toEqual([])
})
