// The months of the logs: made ahead, tidied, and old ones detached, exported, proved and dropped, in steps that a next run can finish.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip, createGzip } from 'node:zlib'
import pg from 'pg'

export type Exported = { month: string; rows: number; file: string | null }
export type Digest = { rows: number; sha256: string }
type Say = (line: string) => void

/** Works as the owner, one at a time on a database. Undefined when somebody else is at it and `wait` is false. */
export async function takeTurn<T>(ownerUrl: string, wait: boolean, work: (client: pg.Client) => Promise<T>): Promise<T | undefined> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'bitcorp_erp logs',
    connectionTimeoutMillis: 10_000,
    options: '-c timezone=UTC -c datestyle=ISO -c statement_timeout=0',
  })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SET ROLE bitcorp_owner')
    const { rows } = await client.query(`SELECT ${wait ? 'pg_advisory_lock' : 'pg_try_advisory_lock'}(hashtextextended('bitcorp logs', 0)) AS mine`)
    return rows[0]?.mine === false ? undefined : await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** A short wait for locks, many times: no reader or writer queues for long behind a change that itself must wait. */
async function patiently(client: pg.Client, text: string): Promise<pg.QueryResult> {
  await client.query("SET lock_timeout = '100ms'")
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.query(text)
    } catch (error) {
      if (!/^(55P03|40P01)$/.test((error as { code?: string }).code ?? '') || attempt >= 300) throw error
      await sleep(Math.min(50 * attempt, 1000))
    }
  }
}

/** Rows without a partition get one, then the coming months are made. `most`: more rows than that are left alone. */
export async function tidy(client: pg.Client, most = 20_000): Promise<{ moved: number; created: number }> {
  const moved = await patiently(client, `SELECT move_stray_equipment_logs(${most}) AS n`).catch((error: { code?: string }) => {
    if (error.code === 'BC409') return undefined
    throw error
  })
  const created = await patiently(client, 'SELECT create_equipment_log_partitions(3) AS n')
  return { moved: Number(moved?.rows[0]?.n ?? 0), created: Number(created.rows[0]?.n ?? 0) }
}

/** Takes the months before the last `keepMonths` whole ones out of the database. What a run cut short left undone comes first. */
export async function retain(client: pg.Client, keepMonths: number, into: string, say: Say): Promise<Exported[]> {
  mkdirSync(into, { recursive: true, mode: 0o700 })
  const done: Exported[] = []
  for (const table of await tablesLike(client, '_detached', 'true')) done.push(await finish(client, table, into, say))
  const old = `to_date(right(c.relname, 7), 'YYYY_MM') < (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '${keepMonths} months')::date
    AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent = 'public.equipment_logs'::regclass)`
  for (const table of await tablesLike(client, '', old)) {
    // Not CONCURRENTLY, which PostgreSQL refuses beside a default partition: the lock is held for one catalogue change.
    await patiently(client, `ALTER TABLE public.equipment_logs DETACH PARTITION public.${table}; ALTER TABLE public.${table} RENAME TO ${table}_detached`)
    done.push(await finish(client, `${table}_detached`, into, say))
  }
  return done
}

async function tablesLike(client: pg.Client, ending: string, condition: string): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^equipment_logs_\\d{4}_\\d{2}${ending}$' AND ${condition} ORDER BY 1`,
  )
  return rows.map((row) => row.name as string)
}

/** Exports a detached month unless a file holds it already, proves the file against the table, and only then drops the table. */
async function finish(client: pg.Client, table: string, into: string, say: Say): Promise<Exported> {
  const name = table.replace('_detached', '')
  const month = name.slice(-7).replace('_', '-')
  const expected = await readTable(client, table, digestOf)
  let file: string | null = null
  if (expected.rows > 0) {
    file = (await findExport(into, name, expected)) ?? (await writeExport(client, table, into, name, expected))
    const found = await digestFile(file)
    if (!same(found, expected)) throw new Error(`${file} does not hold what ${table} holds (${found.rows} rows instead of ${expected.rows}, or other ones); nothing was dropped`)
  }
  await patiently(client, `DROP TABLE public.${table}`)
  say(file ? `${month}: ${expected.rows} entries are in ${file}` : `${month}: held nothing`)
  return { month, rows: expected.rows, file }
}

const same = (a: Digest, b: Digest) => a.rows === b.rows && a.sha256 === b.sha256

/** Runs `work` over the lines of a table, in the order of its key. Its owner may read it for this transaction alone. */
async function readTable<T>(client: pg.Client, table: string, work: (lines: Readable) => Promise<T>): Promise<T> {
  await patiently(client, `BEGIN; ALTER TABLE public.${table} NO FORCE ROW LEVEL SECURITY`).catch(async (error) => {
    await client.query('ROLLBACK')
    throw error
  })
  try {
    await client.query(`DECLARE months_rows NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS line FROM public.${table} t ORDER BY t.company_id, t.id, t.created_at`)
    return await work(Readable.from(linesOf(client)))
  } finally {
    await client.query('ROLLBACK')
  }
}

async function* linesOf(client: pg.Client): AsyncGenerator<string> {
  for (;;) {
    const { rows } = await client.query('FETCH 2000 FROM months_rows')
    if (rows.length === 0) return
    yield rows.map((row) => `${row.line}\n`).join('')
  }
}

async function digestOf(lines: Readable): Promise<Digest> {
  const hash = createHash('sha256')
  let rows = 0
  for await (const chunk of lines) {
    hash.update(chunk)
    for (const letter of Buffer.from(chunk)) if (letter === 10) rows++
  }
  return { rows, sha256: hash.digest('hex') }
}

/** What an export on the disk holds, read back whole. A file that is no whole gzip holds nothing. */
export async function digestFile(path: string): Promise<Digest> {
  const found: Digest[] = []
  const take = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) })
  await Promise.all([pipeline(createReadStream(path), createGunzip(), take), digestOf(take).then((digest) => found.push(digest))]).catch(() => {})
  return found[0] ?? { rows: -1, sha256: '' }
}

const numbered = (name: string, n: number) => `${name}${n === 1 ? '' : `-${n}`}.ndjson.gz`

/** The file that holds exactly this already: from a run that was cut short before the drop. */
async function findExport(into: string, name: string, expected: Digest): Promise<string | undefined> {
  const files = readdirSync(into).filter((file) => file.startsWith(name) && file.endsWith('.ndjson.gz'))
  for (const file of files) if (same(await digestFile(join(into, file)), expected)) return join(into, file)
  return undefined
}

/** Under a temporary name until it is whole and on the disk; never over a file that is there. */
async function writeExport(client: pg.Client, table: string, into: string, name: string, expected: Digest): Promise<string> {
  let n = 1
  while (existsSync(join(into, numbered(name, n)))) n++
  const path = join(into, numbered(name, n))
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  await readTable(client, table, (lines) => pipeline(lines, createGzip(), createWriteStream(temporary, { mode: 0o600, flags: 'wx', flush: true })))
  renameSync(temporary, path)
  writeFileSync(path.replace('.ndjson.gz', '.json'), `${JSON.stringify({ file: numbered(name, n), ...expected, exported_at: new Date().toISOString() })}\n`, { mode: 0o600, flush: true })
  const folder = openSync(into, 'r')
  fsyncSync(folder)
  return path
}
