// The log under many at once, and a program killed while old months leave: nothing twice, nothing backwards, nothing lost.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld, type Reply } from './harness.ts'
import { buildWhenStale, cleanUp, makeFolder, run, start } from './program.ts'

buildWhenStale()
const world = await createWorld({ poolSize: 16 })
const operator = world.as('andina', 'operator')
const atOnce = (n: number, work: (i: number) => Promise<Reply>): Promise<Reply[]> => Promise.all(Array.from({ length: n }, (_, i) => work(i)))
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
const folders: string[] = []
afterAll(async () => {
  await cleanUp()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

test('the same batch from sixteen connections at once, each in its own order, adds each entry once', async () => {
  const machines = await Promise.all(Array.from({ length: 6 }, () => world.machine()))
  for (let round = 0; round < 10; round++) {
    const entries = Array.from({ length: 120 }, (_, n) => ({
      entry_key: `${round}-${n}`,
      equipment_id: machines[n % 6].id,
      created_at: ago(1000 - n),
      ...(n % 3 ? { event_type: 'telemetry', event_data: { n } } : { event_type: 'meter_hours', reading: String(round * 1000 + n), is_correction: true }),
    }))
    const orders = [entries, [...entries].reverse(), [...entries].sort((a, b) => a.entry_key.localeCompare(b.entry_key))]
    const replies = await atOnce(16, (i) => operator.post('/equipment-logs/batch', { entries: orders[i % 3] }))
    expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 16 }, () => 200))
    const sum = (field: string) => replies.reduce((total, reply) => total + reply.body[field], 0)
    expect([sum('added'), sum('repeated'), sum('refused')]).toEqual([120, 15 * 120, 0])
    const ids = new Set(replies.flatMap((reply) => reply.body.results.map((line: Body) => `${line.entry_key} ${line.id}`)))
    expect(ids.size, 'all are told the same id of an entry').toBe(120)
  }
  const [stored] = await world.sqlAdmin((q) => q('SELECT count(*) AS n, count(DISTINCT (equipment_id, entry_key)) AS keys FROM equipment_logs WHERE entry_key IS NOT NULL'))
  expect(stored).toEqual({ n: 1200, keys: 1200 })
})

test('readings of one meter that arrive together never leave it running backwards', async () => {
  const { id } = await world.machine()
  for (let round = 0; round < 10; round++) {
    const replies = await atOnce(16, (i) =>
      operator.post(`/equipment/${id}/logs`, { event_type: 'meter_hours', reading: String(round * 10 + ((i * 7) % 16)), created_at: ago(500 - round * 20 - ((i * 5) % 16)) }),
    )
    expect(replies.filter((reply) => reply.status !== 201 && reply.body.code !== 'equipment_logs_meter_backwards').map((reply) => reply.text)).toEqual([])
    expect(replies.some((reply) => reply.status === 201)).toBe(true)
  }
  const readings = await world.sqlAdmin((q) => q("SELECT reading::float8 AS reading FROM equipment_logs WHERE equipment_id = $1 AND event_type = 'meter_hours' ORDER BY created_at, id", [id]))
  expect(readings.length).toBeGreaterThan(10)
  expect(readings.map((row) => row.reading)).toEqual(readings.map((row) => row.reading).sort((a, b) => a - b))
})

test('a program killed at any moment while months leave: every entry is in the database or in a proved file, once', async () => {
  const data = makeFolder()
  const into = mkdtempSync(join(tmpdir(), 'bitcorp-months-'))
  folders.push(into)
  const { id } = await world.machine()
  const options = { env: { DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: world.appUrl } }
  const keys: string[] = []
  const fill = async () => {
    const entries = Array.from({ length: 900 }, (_, n) => ({ entry_key: randomUUID(), equipment_id: id, event_type: 'telemetry', created_at: ago(1440 * (200 + (n % 300))), event_data: { n } }))
    keys.push(...entries.map((entry) => entry.entry_key))
    expect((await operator.post('/equipment-logs/batch', { entries })).body.added).toBe(900)
  }
  await fill()
  for (let kill = 0; kill < 6; kill++) {
    const program = start(['logs', 'retain', '--keep-months', '3', '--into', into], data, options)
    await sleep(kill * 120)
    const first = Date.now()
    // The first kills wait for a sign of work, so that they do not all come before it.
    while (readdirSync(into).length <= kill && Date.now() - first < 8000) await sleep(5)
    program.child.kill('SIGKILL')
    await program.ended(10_000).catch(() => {})
  }
  await fill()
  const last = await run(['logs', 'retain', '--keep-months', '3', '--into', into], data, options)
  expect(last.code, last.errors).toBe(0)
  const exported = readdirSync(into)
    .filter((file) => file.endsWith('.ndjson.gz'))
    .flatMap((file) =>
      gunzipSync(readFileSync(join(into, file)))
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).entry_key as string),
    )
  const kept = await world.sqlAdmin((q) => q('SELECT entry_key FROM equipment_logs WHERE equipment_id = $1 AND entry_key IS NOT NULL', [id]))
  expect([...exported, ...kept.map((row) => row.entry_key)].sort()).toEqual([...keys].sort())
  expect(kept).toEqual([])
  expect(await world.sqlAdmin((q) => q("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_(detached|stray)$'"))).toEqual([])
})
