// A base backup by SQL alone: the cluster's files while everybody goes on writing, the log that makes them whole, and what to compare with.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { StoredFile } from '../../base/shelf.ts'
import { type Checks, listTables, plain, takeChecks } from './checks.ts'
import { type Entry, packInto, textEntry } from './pack.ts'

export type Taken = {
  files: StoredFile[]
  checks: Checks
  unpacked: number
  wal: { timeline: number; segment_bytes: number; start_lsn: string; stop_lsn: string; target: string; target_lsn: string; settings: Record<string, string> }
}
export type Told = (step: 'copy' | 'compare' | 'prove', done: number, total: number) => void

export async function connect(url: string, what = 'backup'): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: `bitcorp_erp ${what}`,
    connectionTimeoutMillis: 10_000,
    options: '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0',
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Folders whose content belongs to the running server alone; the folders themselves are needed. */
const emptied = ['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans', 'bitcorp_wal']
const leftOut =
  /(^|\/)(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|backup_manifest|current_logfiles|pg_internal\.init(\.\d+)?|pgsql_tmp[^/]*|t\d+_\d+.*|[^/]*\.signal|global\/pg_control)(\/|$)/
const block = 4 << 20
const small = 256 << 10

type Found = { name: string; size: number; isdir: boolean }

async function listFiles(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<Found>(
    `WITH RECURSIVE found AS (
       SELECT n AS name, s.size, s.isdir FROM pg_ls_dir('.', true, false) n, LATERAL pg_stat_file(n, true) s
       UNION ALL SELECT f.name || '/' || n, s.size, s.isdir FROM found f, LATERAL pg_ls_dir(f.name, true, false) n, LATERAL pg_stat_file(f.name || '/' || n, true) s
       WHERE f.isdir AND f.name <> ALL ($1))
     SELECT name, size::float8 AS size, isdir FROM found WHERE isdir IS NOT NULL ORDER BY name`,
    [emptied],
  )
  const kept = rows.filter(({ name, isdir }) => !leftOut.test(isdir ? `${name}/` : name) && name !== 'bitcorp_wal')
  if (kept.some(({ name }) => name.startsWith('pg_tblspc/'))) throw new Error('the server has tablespaces outside its data folder; take a dump instead')
  // The content of an unlogged table means nothing after a restore: its empty beginning (_init) is taken, and made anew from there.
  const unlogged = new Set(kept.flatMap(({ name }) => /^(.*\/\d+)_init$/.exec(name)?.[1] ?? []))
  return kept.filter(({ name }) => !unlogged.has(/^(.*\/\d+)(?:_(?:fsm|vm))?(?:\.\d+)?$/.exec(name)?.[1] ?? ''))
}

async function readBlock(client: pg.Client, name: string, at: number, length: number): Promise<Buffer | null> {
  const { rows } = await client.query<{ data: Buffer | null }>('SELECT pg_read_binary_file($1, $2, $3, true) AS data', [name, at, length])
  return rows[0]?.data ?? null
}

async function* chunksOf(client: pg.Client, { name, size }: Found): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; at += block) {
    const data = await readBlock(client, name, at, Math.min(block, size - at))
    // Gone or shorter by now: replay of the log removes or completes it.
    if (data === null || data.length === 0) return
    yield data
  }
}

/** Small files come many at a time: there are thousands, and each would be a way to the server and back. */
async function* readFiles(client: pg.Client, files: readonly Found[]): AsyncGenerator<Entry> {
  let batch: Found[] = []
  let held = 0
  const read = async (): Promise<Entry[]> => {
    const text = 'SELECT pg_read_binary_file(n, 0, $2, true) AS data FROM unnest($1::text[]) WITH ORDINALITY AS f (n, place) ORDER BY place'
    const { rows } = await client.query<{ data: Buffer | null }>(text, [batch.map((file) => file.name), small])
    const entries = batch.map(({ name }, at) => ({ name, data: rows[at]?.data ?? null }))
    batch = []
    held = 0
    return entries.flatMap(({ name, data }) => (data === null ? [] : [{ name, size: data.length, chunks: [data] }]))
  }
  for (const file of files) {
    if (file.isdir) yield { name: file.name, isFolder: true, size: 0 }
    else if (file.size < small / 2) {
      batch.push(file)
      held += file.size
      if (batch.length >= 200 || held > block) yield* await read()
    } else yield { name: file.name, size: file.size, chunks: chunksOf(client, file) }
  }
  if (batch.length) yield* await read()
}

const positionOf = (lsn: string): number => {
  const [high = '0', low = '0'] = lsn.split('/')
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16)
}

/** The names of the segments that hold the log from one position to another. */
export function segmentsBetween(timeline: number, from: string, to: string, size: number): string[] {
  const [first, last] = [Math.floor(positionOf(from) / size), Math.floor((positionOf(to) - 1) / size)]
  return Array.from({ length: last - first + 1 }, (_, n) => segmentName(timeline, first + n, size))
}

function segmentName(timeline: number, number: number, size: number): string {
  const each = 2 ** 32 / size
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  return hex(timeline) + hex(Math.floor(number / each)) + hex(number % each)
}

/** Takes the files into `folder`. The connection's session holds the backup: when this program ends, so does the backup on the server. */
export async function takeBase(url: string, folder: string, id: string, key: Buffer | undefined, told: Told): Promise<Taken> {
  const client = await connect(url)
  try {
    // The log from here on stays until it is copied, whatever checkpoints do; the slot is gone with the session.
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [`bitcorp_backup_${id.slice(-6)}`])
    const started = (await client.query(`SELECT s::text AS lsn FROM pg_backup_start($1, true) s`, [`bitcorp ${id}`])).rows[0].lsn as string
    const files = await listFiles(client)
    const unpacked = files.reduce((sum, file) => sum + file.size, 0)
    let stopped: { lsn: string; labelfile: string; spcmapfile: string } | undefined
    async function* entries(): AsyncGenerator<Entry> {
      let done = 0
      for await (const entry of readFiles(client, files)) {
        yield entry
        done += entry.size
        told('copy', done, unpacked)
      }
      yield* readFiles(client, [{ name: 'global/pg_control', size: 8192, isdir: false }])
      stopped = (await client.query('SELECT lsn::text, labelfile, spcmapfile FROM pg_backup_stop(false)')).rows[0]
      yield textEntry('backup_label', stopped?.labelfile ?? '')
      if (stopped?.spcmapfile) yield textEntry('tablespace_map', stopped.spcmapfile)
    }
    const base = await packInto(`${folder}/base.tar.gz`, key, entries())
    const moment = await holdMoment(url, client, `bitcorp ${id}`)
    try {
      const settings = await readSettings(client)
      const size = Number(settings.wal_segment_size)
      const timeline = Number.parseInt((await client.query('SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline')).rows[0].timeline, 16)
      const segments = segmentsBetween(timeline, started, moment.lsn, size)
      const log = await packInto(`${folder}/wal.tar.gz`, key, readSegments(client, segments, size))
      await client.end()
      const checks = await takeChecks(moment.client, () => told('compare', 0, 0))
      async function* one(): AsyncGenerator<Entry> {
        yield textEntry('checks.json', JSON.stringify(checks))
      }
      const compare = await packInto(`${folder}/checks.tar.gz`, key, one())
      const wal = { timeline, segment_bytes: size, start_lsn: started, stop_lsn: stopped?.lsn ?? '', target: `bitcorp ${id}`, target_lsn: moment.lsn, settings }
      return { files: [base, log, compare], checks, unpacked: unpacked + segments.length * size, wal }
    } finally {
      await moment.client.end().catch(() => {})
    }
  } finally {
    await client.end().catch(() => {})
  }
}

/** After a restore the log stands on a timeline that no server follows without the file that tells where it came from. */
async function* readSegments(client: pg.Client, segments: readonly string[], size: number): AsyncGenerator<Entry> {
  const { rows } = await client.query<Found>("SELECT n AS name, (pg_stat_file('pg_wal/' || n)).size::float8 AS size FROM pg_ls_dir('pg_wal') n WHERE n ~ '^[0-9A-F]{8}\\.history$'")
  for (const { name, size: length } of rows) yield { name, size: length, chunks: chunksOf(client, { name: `pg_wal/${name}`, size: length, isdir: false }) }
  for (const name of segments) {
    const file = { name: `pg_wal/${name}`, size, isdir: false }
    if ((await readBlock(client, file.name, 0, 1)) === null) throw new Error(`the write-ahead log ${name} is gone already`)
    yield { name, size, chunks: chunksOf(client, file) }
  }
}

/** What a server needs at least as much of to follow this one's log. */
async function readSettings(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query(
    "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction', 'wal_segment_size')",
  )
  return Object.fromEntries(rows.map((row) => [row.name, row.setting]))
}

/**
 * One moment that the log and a snapshot agree on. For an instant nobody writes: then the restore point stands in the log after all
 * that the snapshot sees and before all that it does not. Writers wait at most a tenth of a second for that; then it tries again.
 */
async function holdMoment(url: string, client: pg.Client, name: string): Promise<{ client: pg.Client; lsn: string }> {
  const reader = await connect(url)
  try {
    await plain(reader)
    const tables = await listTables(reader, "'r', 'p'")
    // Migrations and the months of the logs change the catalogue, which no lock on a table holds still.
    await client.query("SELECT pg_advisory_lock(hashtextextended('bitcorp migrate', 0)), pg_advisory_lock(hashtextextended('bitcorp logs', 0))")
    await client.query("SET lock_timeout = '100ms'")
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(`BEGIN; LOCK TABLE ${tables.join(', ')} IN SHARE MODE`)
        await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        await reader.query('SELECT pg_current_snapshot()')
        const { rows } = await client.query('SELECT pg_create_restore_point($1)::text AS lsn', [name])
        await client.query('COMMIT')
        await client.query('SELECT pg_advisory_unlock_all(); SELECT pg_switch_wal()')
        return { client: reader, lsn: rows[0].lsn }
      } catch (error) {
        await client.query('ROLLBACK')
        await reader.query('ROLLBACK')
        if (!/^(55P03|40P01)$/.test((error as { code?: string }).code ?? '') || attempt >= 600) throw error
        await sleep(Math.min(20 * attempt, 500))
      }
    }
  } catch (error) {
    await reader.end().catch(() => {})
    throw error
  }
}
