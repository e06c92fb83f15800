// A base backup by SQL alone: the cluster's files, the log that makes them whole, and what to compare with.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { chunksOf, copyCluster, type Entry, type Found, readBlock, textEntry } from '../../base/base-backup.ts'
import type { StoredFile } from '../../base/shelf.ts'
import { type Checks, listTables, plain, takeChecks } from './checks.ts'
import { packInto } from './pack.ts'

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
    const copied = await copyCluster(
      client,
      `bitcorp ${id}`,
      (entries) => packInto(`${folder}/base.tar.gz`, key, entries),
      (done, total) => told('copy', done, total),
    )
    const moment = await holdMoment(url, client, `bitcorp ${id}`)
    try {
      const settings = await readSettings(client)
      const size = Number(settings.wal_segment_size)
      const timeline = Number.parseInt((await client.query('SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline')).rows[0].timeline, 16)
      const segments = segmentsBetween(timeline, copied.start_lsn, moment.lsn, size)
      const log = await packInto(`${folder}/wal.tar.gz`, key, readSegments(client, segments, size))
      await client.end()
      const checks = await takeChecks(moment.client, () => told('compare', 0, 0))
      async function* one(): AsyncGenerator<Entry> {
        yield textEntry('checks.json', JSON.stringify(checks))
      }
      const compare = await packInto(`${folder}/checks.tar.gz`, key, one())
      const wal = { timeline, segment_bytes: size, start_lsn: copied.start_lsn, stop_lsn: copied.stop_lsn, target: `bitcorp ${id}`, target_lsn: moment.lsn, settings }
      return { files: [copied.taken, log, compare], checks, unpacked: copied.bytes + segments.length * size, wal }
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
