// For two given instants, as of and known at, the answer never changes, whatever is written later.
import fc from 'fast-check'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { createWorld, type Reply } from './harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const viewer = world.as('andina', 'viewer')
const admin = world.as('andina', 'admin')
const operator = world.person('andina', 'operator').userId

/** The database's own instant, exact to the microsecond. */
const now = () => world.db.plain<{ now: string }>(sql`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`).then(([row]) => row?.now ?? '')
const at = (asOf: string, knownAt: string) => `as_of=${asOf}&known_at=${knownAt}`
const newCategory = async (fields: object) => (await manager.post('/equipment-categories', fields)).body

/** Each is possible on the first machine once those before it were done. */
const kinds = ['category', 'create', 'assign', 'transfer', 'return', 'status', 'correct', 'edit', 'delete', 'restore', 'move', 'rename', 'person', 'zone'] as const
const step = fc.record({ what: fc.constantFrom(...kinds), at: fc.nat(20), number: fc.nat(9999) })
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Things = { machines: string[]; categories: string[]; instants: string[] }
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

async function write(things: Things, { what, at: which, number }: Step): Promise<number> {
  const machine = `/equipment/${pick(things.machines, which)}`
  const category = pick([...things.categories, null], number)
  const person = pick([operator, world.person('andina', 'operator2').userId], number)
  const any = { version: '*' as const }
  const from = pick(things.instants, number)
  const kept = (reply: Reply, into: string[]) => {
    if (reply.status === 201) into.push(reply.body.id)
    return reply
  }
  const steps: Record<(typeof kinds)[number], () => Promise<Reply>> = {
    create: async () => kept(await manager.post('/equipment', { name: `N${number}`, ownership: 'rented', category_id: category }), things.machines),
    edit: () => manager.patch(machine, { name: `E${number}`, category_id: category, location: `L${which}`, tags: [`t${number}`] }, any),
    status: () => manager.post(`${machine}/status`, { status: pick(['active', 'maintenance', 'retired'], number), reason: 'x' }),
    correct: () =>
      manager.post(`${machine}/status-corrections`, {
        status: pick(['maintenance', 'active', 'retired'], number),
        effective_from: from,
        effective_to: which % 3 ? (things.instants.find((instant) => instant > from) ?? null) : null,
        reason: 'y',
      }),
    assign: () => manager.post(`${machine}/assign`, { user_id: person, notes: `n${number}` }),
    transfer: () => manager.post(`${machine}/transfer`, { user_id: person }),
    return: () => manager.post(`${machine}/return`, { notes: `r${number}` }),
    delete: () => manager.delete(machine, any),
    restore: () => manager.post(`${machine}/restore`),
    category: async () => kept(await manager.post('/equipment-categories', { name: `K${number}`, parent_id: category }), things.categories),
    move: () => manager.patch(`/equipment-categories/${pick(things.categories, which)}`, { parent_id: category }, any),
    rename: () => manager.patch(`/equipment-categories/${pick(things.categories, which)}`, { name: `M${number}` }, any),
    zone: async () => {
      const { settings } = (await admin.get('')).body
      return admin.patch('', { settings: { ...settings, time_zone: pick(['America/Lima', 'Asia/Tokyo', 'Australia/Lord_Howe'], number) } }, any)
    },
    person: () => world.as('andina', 'admin').post('/users', { email: `p${number % 3}@andina.test`, display_name: `P${number}`, role: 'operator' }),
  }
  return (await steps[what]()).status
}

test('for fixed instants the answer never changes, whatever is written later', async () => {
  const things: Things = { machines: [(await world.machine()).id], categories: [(await newCategory({ name: 'Raíz' })).id], instants: [await now()] }
  const asked = new Map<string, string>()
  const answer = (path: string, query: string) => viewer.get(`${path}${path.includes('?') ? '&' : '?'}${query}`).then((reply) => `${reply.status} ${reply.text.replace(/"request_id":"[^"]*"/, '')}`)
  const doStep = async (s: Step) => {
    const status = await write(things, s)
    expect(status, s.what).toBeLessThan(500)
    things.instants.push(await now())
    return status
  }
  // One of each kind first, so that it proves something of each; then as it comes.
  for (const [n, what] of kinds.entries())
    expect(await doStep({ what, at: what === 'move' ? 1 : 0, number: { transfer: 1, status: 1, correct: 4, move: 2 }[what as string] ?? n * 2 }), what).toBeLessThan(300)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 20 }), fc.array(fc.tuple(fc.nat(99), fc.nat(99)), { minLength: 4, maxLength: 4 }), async (steps, pairs) => {
      for (const s of steps) await doStep(s)
      for (const [a, k] of pairs) {
        const query = at(pick(things.instants, things.instants.length - 1 - (a % 20)), pick(things.instants, things.instants.length - 1 - (k % 20)))
        const machine = pick(things.machines, a)
        const paths = ['/equipment?limit=200', '/equipment?deleted=true&sort=name', `/equipment/${machine}`, '/assignments?limit=200', `/equipment/${machine}/assignments`]
        const use = [
          '/utilization',
          `/utilization?equipment_id=${machine}`,
          `/utilization?category_id=${pick(things.categories, k)}`,
          '/utilization/categories',
          '/utilization/machines?limit=200',
          '/utilization/export?format=csv',
        ]
        for (const path of [
          ...paths,
          ...use.filter((_, place) => (place + a) % 2),
          '/equipment?status=maintenance&sort=-updated_at',
          '/equipment-categories',
          `/equipment-categories/${pick(things.categories, k)}`,
        ])
          asked.set(`${path} ${query}`, await answer(path, query))
      }
    }),
    { numRuns: 10, endOnFailure: true },
  )
  // What was answered on the way is answered again, after all that was written since.
  for (const [question, text] of asked) expect(await answer(...(question.split(' ') as [string, string])), question).toBe(text)
  // It proves something only if the answers hold something.
  expect([...asked.values()].filter((text) => text.startsWith('200') && text.length > 300).length).toBeGreaterThan(30)
}, 300_000)
