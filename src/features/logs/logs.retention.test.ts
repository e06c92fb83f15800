// The months of the log: made ahead, tidied, exported, proved, dropped; cut short at each step and finished by the next run.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { connected, createWorld, refusalOf } from '../../../test/harness.ts'
import { logJobs } from './jobs.ts'
import { digestFile, retain, takeTurn, tidy } from './retain.ts'

const world = await createWorld()
const { id } = await world.machine()
const operator = world.as('andina', 'operator')
const folders: string[] = []
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'bitcorp-logs-'))
  folders.push(path)
  return path
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
})
const quiet = () => {}
/** The tenth of a month; of this one the present day, since the tenth may be yet to come. */
const month = (back: number) => (back === 0 ? new Date() : new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - back, 10))).toISOString()
const nameOf = (back: number) => `equipment_logs_${month(back).slice(0, 7).replace('-', '_')}`
const partitions = () =>
  world.sqlAdmin(async (q) =>
    (await q("SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'equipment_logs'::regclass ORDER BY 1")).map((r) => r.name),
  )
const health = () => world.sqlAdmin(async (q) => (await q('SELECT missing_months, stray_rows FROM examine_equipment_logs()'))[0])
const notes = async () => (await operator.get(`/equipment/${id}/logs?event_type=note&limit=200`)).body.items.map((e: { notes: string }) => e.notes)
const write = async (back: number, text: string) => expect((await operator.post(`/equipment/${id}/logs`, { event_type: 'note', notes: text, created_at: month(back) })).status, text).toBe(201)
const turn = <T>(work: (client: pg.Client) => Promise<T>) => takeTurn(world.ownerUrl, true, work)
const linesIn = (path: string) =>
  gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const remnants = () => world.sqlAdmin(async (q) => (await q("SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '_(detached|stray)$'")).map((r) => r.name))

test('last month, this one and three to come are there, bounds in UTC whatever the session’s zone, and made once', async () => {
  const made = [1, 0, -1, -2, -3].map(nameOf)
  expect(await partitions()).toEqual([...made.sort(), 'equipment_logs_default'].sort())
  await world.sqlAdmin((q) => q(`DROP TABLE ${nameOf(-3)}`))
  expect(await health()).toEqual({ missing_months: 1, stray_rows: 0 })
  await turn(async (client) => {
    await client.query("SET timezone = 'America/Lima'")
    expect(await tidy(client)).toEqual({ moved: 0, created: 1 })
    expect(await tidy(client)).toEqual({ moved: 0, created: 0 })
  })
  const [bound] = await world.sqlAdmin((q) => q("SET LOCAL timezone = 'UTC'").then(() => q(`SELECT pg_get_expr(relpartbound, oid) AS text FROM pg_class WHERE relname = '${nameOf(-3)}'`)))
  expect(bound.text).toMatch(/FROM \('\d{4}-\d{2}-01 00:00:00\+00'\) TO \('\d{4}-\d{2}-01 00:00:00\+00'\)/)
  expect(await health()).toEqual({ missing_months: 0, stray_rows: 0 })
})

test('an entry of a month without a partition is counted, then stands in one of its own; each is read before and after', async () => {
  await write(5, 'cinco')
  await write(7, 'siete')
  await write(7, 'siete bis')
  expect(await health()).toEqual({ missing_months: 0, stray_rows: 3 })
  const metrics = (await world.app.inject({ url: '/metrics' })).body
  expect(metrics).toMatch(/^equipment_logs_default_rows 3$/m)
  expect(metrics).toMatch(/^equipment_logs_missing_months 0$/m)
  expect(await turn((client) => tidy(client, 2)), 'too many to move while writers wait').toEqual({ moved: 0, created: 0 })
  expect((await health()).stray_rows).toBe(3)
  expect(await turn((client) => tidy(client))).toEqual({ moved: 3, created: 0 })
  expect(await health()).toEqual({ missing_months: 0, stray_rows: 0 })
  expect(await partitions()).toEqual(expect.arrayContaining([nameOf(5), nameOf(7), 'equipment_logs_default']))
  expect(await notes()).toEqual(['cinco', 'siete bis', 'siete'])
  const open = await world.sqlAdmin((q) => q("SELECT relname FROM pg_class WHERE relname LIKE 'equipment_logs%' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)"))
  expect(open).toEqual([])
  // The new partitions keep every rule of the old ones.
  expect(await refusalOf(() => world.sqlAdmin((q) => q(`DELETE FROM ${nameOf(7)}`)))).toBe('records_append_only')
  expect(await remnants()).toEqual([])
})

test('a row of a year nobody means stays in the default partition and keeps the alarm on', async () => {
  await world.sqlAdmin((q) =>
    q(
      `SET LOCAL session_replication_role = replica; INSERT INTO equipment_logs (company_id, equipment_id, event_type, notes, created_at) VALUES ('${world.companies.andina.id}', '${id}', 'note', 'lejos', '2999-01-01')`,
    ),
  )
  expect(await turn((client) => tidy(client))).toEqual({ moved: 0, created: 0 })
  expect((await health()).stray_rows).toBe(1)
  await world.sqlAdmin((q) => q("SET LOCAL session_replication_role = replica; DELETE FROM equipment_logs WHERE notes = 'lejos'"))
})

test('old months go to a file that holds every row, read only by its owner; then they leave, and no younger one does', async () => {
  const into = folder()
  const stored = await world.sqlAdmin((q) => q(`SELECT to_jsonb(l)::text AS line FROM ${nameOf(7)} l ORDER BY company_id, id`))
  const done = await turn((client) => retain(client, 6, into, quiet))
  expect(done).toEqual([{ month: month(7).slice(0, 7), rows: 2, file: join(into, `${nameOf(7)}.ndjson.gz`) }])
  expect(linesIn(join(into, `${nameOf(7)}.ndjson.gz`))).toEqual(stored.map((row) => JSON.parse(row.line)))
  expect(statSync(join(into, `${nameOf(7)}.ndjson.gz`)).mode & 0o777).toBe(0o600)
  expect(readdirSync(into).sort()).toEqual([`${nameOf(7)}.json`, `${nameOf(7)}.ndjson.gz`])
  expect(JSON.parse(readFileSync(join(into, `${nameOf(7)}.json`), 'utf8'))).toMatchObject(await digestFile(join(into, `${nameOf(7)}.ndjson.gz`)))
  expect(await partitions()).not.toContain(nameOf(7))
  expect(await partitions()).toContain(nameOf(5))
  expect(await notes()).toEqual(['cinco'])
  expect(await turn((client) => retain(client, 6, into, quiet))).toEqual([])
})

test('a late entry of an exported month goes to a file of its own, and the first file stays', async () => {
  const into = folder()
  await write(8, 'ocho')
  await turn(async (client) => tidy(client).then(() => retain(client, 6, into, quiet)))
  await write(8, 'ocho tarde')
  const done = await turn(async (client) => tidy(client).then(() => retain(client, 6, into, quiet)))
  expect(done?.map((d) => d.file)).toEqual([join(into, `${nameOf(8)}-2.ndjson.gz`)])
  expect([1, 2].map((n) => linesIn(join(into, `${nameOf(8)}${n === 1 ? '' : '-2'}.ndjson.gz`)).map((l) => l.notes))).toEqual([['ocho'], ['ocho tarde']])
})

test('what cannot be written is not dropped, and the next run finishes it', async () => {
  await write(9, 'nueve')
  await turn((client) => tidy(client))
  await expect(turn((client) => retain(client, 6, '/dev/null/nowhere', quiet))).rejects.toThrow()
  expect(await partitions(), 'refused before anything was detached').toContain(nameOf(9))
  const into = folder()
  // A folder stands where the temporary file should: the export fails after the month was detached.
  mkdirSync(join(into, `${nameOf(9)}.ndjson.gz.new`, 'x'), { recursive: true })
  await expect(turn((client) => retain(client, 6, into, quiet))).rejects.toThrow()
  expect(await remnants()).toEqual([`${nameOf(9)}_detached`])
  const elsewhere = folder()
  const done = await turn((client) => retain(client, 6, elsewhere, quiet))
  expect(linesIn(done?.[0]?.file ?? '').map((l) => l.notes)).toEqual(['nueve'])
  expect(await remnants()).toEqual([])
})

test('cut off between export and drop: the next run proves the file that is there and drops, without a second one', async () => {
  const into = folder()
  await write(10, 'diez')
  await turn((client) => tidy(client))
  // Somebody reads machines: the drop, which takes the reference to them away, waits; there the connection is cut.
  await connected(world.superuserUrl, async (query) => {
    await query('BEGIN; LOCK TABLE equipment IN ACCESS SHARE MODE')
    const run = turn((client) => retain(client, 6, into, quiet)).then(
      () => 'done',
      () => 'cut',
    )
    await expect.poll(() => readdirSync(into)).toContain(`${nameOf(10)}.json`)
    await query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bitcorp_erp logs' AND datname = current_database()")
    expect(await run).toBe('cut')
    expect(await remnants()).toEqual([`${nameOf(10)}_detached`])
  })
  await turn((client) => retain(client, 6, into, quiet))
  expect(await remnants()).toEqual([])
  expect(readdirSync(into).filter((file) => file.endsWith('.gz'))).toEqual([`${nameOf(10)}.ndjson.gz`])
  expect(linesIn(join(into, `${nameOf(10)}.ndjson.gz`)).map((l) => l.notes)).toEqual(['diez'])
})

test('a file that lost a row, a byte or its end is not what was exported', async () => {
  const path = join(folder(), 'x.ndjson.gz')
  writeFileSync(path, gzipSync('{"a": 1}\n{"a": 2}\n'))
  const whole = await digestFile(path)
  expect(whole.rows).toBe(2)
  for (const text of ['{"a": 1}\n', '{"a": 1}\n{"a": 3}\n']) {
    writeFileSync(path, gzipSync(text))
    expect(await digestFile(path)).not.toEqual(whole)
  }
  writeFileSync(path, gzipSync('{"a": 1}\n{"a": 2}\n').subarray(0, 20))
  expect(await digestFile(path)).toEqual({ rows: -1, sha256: '' })
})

test('a file that came out short is not believed: the month stays until a whole one is proved', async () => {
  const into = folder()
  await write(12, 'doce')
  const months = await turn(async (client) => {
    await tidy(client)
    let reads = 0
    // The first reading tells what the month holds; the second, which fills the file, loses all of it.
    const losing = { query: (text: string) => client.query(text.startsWith('DECLARE') && ++reads === 2 ? text.replace(' ORDER BY', ' WHERE false ORDER BY') : text) } as unknown as pg.Client
    await expect(retain(losing, 6, into, quiet)).rejects.toThrow('nothing was dropped')
    expect(reads).toBe(2)
    expect(await remnants()).toEqual([`${nameOf(12)}_detached`])
    return retain(client, 6, into, quiet)
  })
  expect(linesIn(months?.[0]?.file ?? '').map((l) => l.notes)).toEqual(['doce'])
  expect(await remnants()).toEqual([])
})

test('writers go on while a reader holds the log and a month waits to leave', async () => {
  const into = folder()
  await write(11, 'once')
  await turn((client) => tidy(client))
  const reader = new pg.Client({ connectionString: world.superuserUrl })
  await reader.connect()
  try {
    await reader.query('BEGIN; LOCK TABLE equipment_logs IN ACCESS SHARE MODE')
    let isDone = false
    const leaving = turn((client) => retain(client, 6, into, quiet)).then(() => (isDone = true))
    // Until the run has waited for the lock more than once.
    for (let n = 0; n < 12; n++) await write(0, `mientras ${n}`)
    expect(isDone).toBe(false)
    await reader.query('COMMIT')
    await leaving
  } finally {
    await reader.end()
  }
  expect(linesIn(join(into, `${nameOf(11)}.ndjson.gz`)).map((l) => l.notes)).toEqual(['once'])
})

test('two servers take turns: the second leaves the work to the first', async () => {
  await turn(async () => {
    expect(await takeTurn(world.ownerUrl, false, async () => 'both')).toBe(undefined)
  })
  expect(await takeTurn(world.ownerUrl, false, async () => 'alone')).toBe('alone')
})

test('the job does it all by the clock: makes what is missing, places strays, lets old months leave, and warns of what it cannot place', async () => {
  const into = folder()
  const jobs: (() => Promise<void>)[] = []
  const warnings: unknown[] = []
  const ground = { config: { ...world.config, logKeepMonths: 6, logExportDir: into }, db: world.db, jobs: { add: (job: { run: () => Promise<void> }) => jobs.push(job.run) } }
  logJobs({ ground, log: { info: quiet, warn: (found: unknown) => warnings.push(found) } } as unknown as FastifyInstance, world.ownerUrl)
  await world.sqlAdmin((q) => q(`DROP TABLE ${nameOf(-3)}`))
  await write(4, 'cuatro')
  await write(13, 'trece')
  await jobs[0]?.()
  expect([await health(), warnings]).toEqual([{ missing_months: 0, stray_rows: 0 }, []])
  expect(await partitions()).toEqual(expect.arrayContaining([nameOf(-3), nameOf(4)]))
  expect(linesIn(join(into, `${nameOf(13)}.ndjson.gz`)).map((l) => l.notes)).toEqual(['trece'])
  const stray = `SET LOCAL session_replication_role = replica; INSERT INTO equipment_logs (company_id, equipment_id, event_type, notes, created_at) VALUES ('${world.companies.andina.id}', '${id}', 'note', 'lejos', '2999-01-01')`
  await world.sqlAdmin((q) => q(stray))
  await jobs[0]?.()
  expect(warnings).toEqual([{ missing_months: 0, stray_rows: 1 }])
})
