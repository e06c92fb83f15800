// Turns within a company: in order, given back whatever happens, and never in the way of another company.
import { expect, test } from 'vitest'
import { createWorld, transaction } from '../../test/harness.ts'
import { Turns } from './turns.ts'

/** A piece of work that ends when told to. */
function piece(log: string[], name: string) {
  let end: (error?: Error) => void = () => {}
  const work = () =>
    new Promise<void>((resolve, reject) => {
      log.push(name)
      end = (error) => (error ? reject(error) : resolve())
    })
  return { work, end: (error?: Error) => end(error) }
}
const settled = () => new Promise((done) => setImmediate(done))

test('so many at once for each company; the others in the order they came, also after a failure', async () => {
  const turns = new Turns(2)
  const log: string[] = []
  const pieces = ['a', 'b', 'c', 'd'].map((name) => piece(log, name))
  const running = pieces.map(({ work }) => turns.during('andina', work).catch((error: Error) => log.push(error.message)))
  const other = piece(log, 'sur')
  const beside = turns.during('sur', other.work)
  await settled()
  expect([log, turns.waiting]).toEqual([['a', 'b', 'sur'], 2])
  pieces[1]?.end(new Error('b failed'))
  await settled()
  expect([log, turns.waiting]).toEqual([['a', 'b', 'sur', 'c', 'b failed'], 1])
  for (const { end } of [pieces[0], pieces[2], other].flatMap((one) => one ?? [])) end()
  await settled()
  pieces[3]?.end()
  await Promise.all([...running, beside])
  expect([log.at(-1), turns.waiting]).toEqual(['d', 0])
})

test('who waits too long is told to come again, and the turn goes to the next', async () => {
  const turns = new Turns(1, 20)
  const log: string[] = []
  const [first, last] = [piece(log, 'first'), piece(log, 'last')]
  const begun = turns.during('andina', first.work)
  await expect(turns.during('andina', async () => log.push('never'))).rejects.toMatchObject({ status: 503, code: 'database_busy' })
  first.end()
  await begun
  const after = turns.during('andina', last.work)
  await settled()
  last.end()
  await after
  expect(log).toEqual(['first', 'last'])
})

const world = await createWorld({ env: { BITCORP_REPORTS_AT_ONCE: '1' } })

test('reports and questions about the past of one company reach the database one by one; another company’s, and a short read, go on', async () => {
  const machine = await world.machine()
  const [andina, sur] = [world.as('andina', 'manager'), world.as('sur', 'manager')]
  const paths = ['/fleet-value', `/equipment?as_of=${new Date().toISOString()}`, '/utilization/machines', '/equipment/export?format=csv']
  const blocked = () =>
    world.sqlAdmin(async (q) => (await q("SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = 'application_user' AND wait_event_type = 'Lock'"))[0]?.n)
  let under: Promise<{ status: number }[]> = Promise.resolve([])
  await transaction(world.superuserUrl, false, async (q) => {
    await q('LOCK TABLE equipment IN ACCESS EXCLUSIVE MODE')
    under = Promise.all([...paths.map((path) => andina.get(path)), sur.get('/equipment/export?format=csv')])
    await expect.poll(async () => [await blocked(), world.app.ground.turns.waiting]).toEqual([2, paths.length - 1])
    expect((await andina.get('/equipment-categories/00000000-0000-7000-8000-000000000000/none')).status).toBe(404)
    expect((await andina.get('/users')).status).toBe(200)
    expect([await blocked(), world.app.ground.turns.waiting]).toEqual([2, paths.length - 1])
  })
  expect((await under).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect((await andina.get(`/equipment/${machine.id}`)).status).toBe(200)
})
