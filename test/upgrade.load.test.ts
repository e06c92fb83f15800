// The next release's migration comes while people work and one of them reads long: nobody is refused, and nobody queues behind it.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Migration, migrate, readMigrations } from '../src/base/migrate.ts'
import { rooms } from '../src/server.ts'
import { connected } from './harness.ts'
import { buildWhenStale, cleanUp, makeFolder, nameOf, type Program, register, run, type Session, signIn, start } from './program.ts'

let program: Program
let url: string
let owner: string
let session: Session
beforeAll(async () => {
  buildWhenStale()
  program = start(['serve'], makeFolder(), { env: { BITCORP_RATE_LIMIT: '1000000' } })
  url = await program.ready()
  owner = JSON.parse((await run(['db', 'url', '--as', 'owner', '--json'], program.dataDir)).output).url
  session = await signIn(url)
}, 120_000)
afterAll(cleanUp)

const step = (version: string, sql: string, transactional = true): Migration => ({ version, description: sql, name: `${version}_next.sql`, checksum: version, transactional, sql })
const release = [
  step('20991231001', 'ALTER TABLE equipment ADD COLUMN colour varchar(40); ALTER TABLE equipment ADD CONSTRAINT equipment_colour_named CHECK (colour <> $$$$) NOT VALID;'),
  step('20991231002', 'ALTER TABLE equipment VALIDATE CONSTRAINT equipment_colour_named;'),
  step('20991231003', 'CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_equipment_colour ON equipment (company_id, colour);', false),
  step('20991231004', 'ALTER TABLE equipment_assignments ADD COLUMN colour varchar(40);'),
]

type Answer = { what: string; status: number; ms: number; began: number }
/** About 60 requests a second, each sent on its beat, unless thirty are still unanswered: then this machine has no more to give. */
async function load(until: () => boolean): Promise<Answer[]> {
  const { id } = await register(url, session, 'Rodillo de prueba')
  const base = `${url}/api/v1/companies/${session.companyId}`
  const headers = { cookie: session.cookie }
  const get = (path: string) => async () => (await fetch(base + path, { headers }).then((reply) => reply.text().then(() => reply))).status
  const kinds: [string, () => Promise<number>][] = [
    ['get', get(`/equipment/${id}`)],
    ['list', get('/equipment?limit=50&status=active')],
    ['create', async () => (await register(url, session, 'Llegada')).status],
    ['search', get('/equipment?q=excavadora')],
    ['assignments', get('/assignments?limit=20')],
    ['timeline', get(`/equipment/${id}/timeline`)],
  ]
  const answers: Answer[] = []
  const open = new Set<Promise<void>>()
  for (let beat = 0; !until(); beat++) {
    await sleep(1000 / 60)
    if (open.size >= 30) continue
    const [what, ask] = kinds[beat % kinds.length] as (typeof kinds)[number]
    const began = performance.now()
    const asked: Promise<void> = ask()
      .catch(() => 0)
      .then((status) => void answers.push({ what, status, ms: performance.now() - began, began }))
      .finally(() => open.delete(asked))
    open.add(asked)
  }
  await Promise.all(open)
  expect(await nameOf(url, session, id)).toBe('Rodillo de prueba')
  return answers
}

/** The longest that a statement of the server stood in a queue for a lock, in milliseconds, as PostgreSQL tells it. */
async function watchQueue(until: () => boolean): Promise<number> {
  return connected(owner, async (q) => {
    let longest = 0
    for (; !until(); await sleep(20)) {
      const [row] = await q(`SELECT extract(epoch FROM max(clock_timestamp() - l.waitstart)) * 1000 AS ms
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND a.application_name = 'bitcorp_erp' AND a.datname = current_database()`)
      longest = Math.max(longest, Math.round(Number(row?.ms ?? 0)))
    }
    return longest
  })
}

/** Somebody reads for `ms` with a transaction open on what the release changes. */
async function readLong(ms: number): Promise<void> {
  await connected(owner, async (q) => {
    await q('BEGIN')
    await q('SELECT count(*) FROM equipment, equipment_assignments')
    await sleep(ms)
    await q('COMMIT')
  })
}

/** The load, the reader and the queue beside `work`, and what was seen of them. The load begins before, so that the server is one in use. */
async function beside(work: () => Promise<void>, readMs: number) {
  let done = false
  const loading = load(() => done)
  await sleep(3000)
  const from = performance.now()
  const watching = watchQueue(() => done)
  const reading = readLong(readMs)
  await sleep(500)
  await work()
  await reading
  await sleep(500)
  done = true
  const answers = (await loading).filter(({ began }) => began >= from)
  const ms = answers.map((answer) => answer.ms).sort((a, b) => a - b)
  const at = (part: number) => Math.round(ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] ?? 0)
  const refused = answers.filter(({ status }) => status !== 200 && status !== 201)
  return { requests: ms.length, refused, p50: at(0.5), p99: at(0.99), worst: at(1), longestQueue: await watching }
}

test('60 requests a second, a reader of 6 seconds, and the release is applied: no request fails, none waits for the reader', async () => {
  const figures = await beside(async () => {
    // Some of its logic changed too: policies, triggers and a view that every request uses.
    await connected(owner, async (q) => {
      await q('SET ROLE bitcorp_owner')
      const { length } = await q(
        "UPDATE schema_logic SET checksum = repeat('0', 64) WHERE name LIKE '%.sql' OR name ~ '^part (policy equipment_select |policy equipment_assignments_select |trigger trigger_010_keep_base_fields equipment$|view caller )' RETURNING name",
      )
      expect(length).toBeGreaterThan(15)
    })
    expect(await migrate(owner, rooms, () => {}, [...readMigrations(), ...release])).toEqual(release.map(({ version }) => version))
  }, 6000)
  process.stdout.write(`the release under load: ${JSON.stringify(figures)} (milliseconds)\n`)
  expect(figures.refused).toEqual([])
  expect(figures.requests).toBeGreaterThan(30)

  // The control: the same kind of change asking for its lock without an end. Whoever comes after it queues until the reader ends.
  const naive = await beside(async () => {
    await connected(owner, async (q) => {
      await q('SET ROLE bitcorp_owner')
      await q('ALTER TABLE equipment DROP COLUMN colour')
    })
  }, 4000)
  process.stdout.write(`the same, waiting for its lock: ${JSON.stringify({ ...naive, refused: naive.refused.length })}\n`)
  expect(naive.longestQueue, 'a release that waits makes others wait').toBeGreaterThan(2 * figures.longestQueue)
})
