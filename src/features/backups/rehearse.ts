// The next upgrade on a copy: the newest proven backup in a scratch server, the pending migrations there, and what they would do to people.
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Config } from '../../base/config.ts'
import { StartError } from '../../base/embedded.ts'
import { type Migration, migrate, migrationStatus, prepareServer, readMigrations } from '../../base/migrate.ts'
import type { Backup, Shelf } from '../../base/shelf.ts'
import { connect } from './base.ts'
import { listTables } from './checks.ts'
import { refuseWithoutRoom } from './prove.ts'
import { recover } from './recover.ts'
import { makePlace, type Scratch, sweepPlaces } from './scratch.ts'
import type { Say } from './take.ts'

/** `ms`: how long the lock was seen held on a table that stood there before. */
export type Lock = { table: string; mode: string; ms: number }
export type Step = { version: string; description: string; ms: number; locks: Lock[] }
export type Rehearsal = { backup: string; steps: Step[]; rows: { table: string; before: number; after: number | null }[]; failure: string | null; ms: number }

const everyMs = 4
/** Modes that keep readers or writers waiting. */
const blocking = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']

export async function rehearse(config: Config, rooms: readonly string[], shelf: Shelf, backup: Backup, say: Say, migrations = readMigrations()): Promise<Rehearsal> {
  const { manifest } = backup
  if (!manifest?.wal) throw new StartError(`${backup.id} is a dump. A rehearsal needs a base backup: bitcorp backup --base.`)
  refuseWithoutRoom(config.dataDir, manifest.unpacked_bytes * 1.5)
  await sweepPlaces(config.dataDir)
  const place = makePlace(config.dataDir)
  const began = Date.now()
  try {
    say(`Restoring ${backup.id} into a scratch server …`)
    const recovering = await recover({ shelf, backup, place, sources: { archive: undefined, oldLog: undefined }, target: {}, path: config.searchPath, extra: { autovacuum: 'on' }, say })
    try {
      return { backup: backup.id, ...(await upgrade(recovering.scratch, manifest.database, rooms, migrations, say)), ms: Date.now() - began }
    } finally {
      await recovering.scratch.stop('immediate')
      await recovering.finish()
    }
  } finally {
    place.remove()
  }
}

async function upgrade(scratch: Scratch, database: string, rooms: readonly string[], migrations: Migration[], say: Say): Promise<Omit<Rehearsal, 'backup' | 'ms'>> {
  const url = scratch.url(database)
  const watcher = await connect(url, 'rehearsal')
  try {
    const before = await countRows(watcher)
    const steps: Step[] = []
    let failure: string | null = null
    const watch = watchLocks(watcher)
    try {
      await prepareServer(url, migrations)
      const pending = (await migrationStatus(url, migrations)).filter((one) => one.state === 'pending')
      if (pending.length === 0) say('No migration is pending; the replaceable logic is applied alone.')
      let last = Date.now()
      const close = () => {
        const step = steps.at(-1)
        if (step) Object.assign(step, { ms: Date.now() - last, locks: watch.take() })
        last = Date.now()
      }
      await migrate(
        url,
        rooms,
        (line) => {
          const found = /^Applying (\d{11}): (.*) \u2026$/.exec(line)
          if (!found) return
          close()
          watch.take()
          steps.push({ version: found[1] ?? '', description: found[2] ?? '', ms: 0, locks: [] })
          say(line)
        },
        migrations,
      ).finally(close)
    } catch (error) {
      failure = `${steps.length ? `${steps.at(-1)?.version}: ` : ''}${(error as Error).message}`
    } finally {
      await watch.end()
    }
    const after = await countRows(watcher)
    const rows = [...before].map(([table, count]) => ({ table, before: count, after: after.get(table) ?? null }))
    return { steps, rows, failure }
  } finally {
    await watcher.end().catch(() => {})
  }
}

async function countRows(client: pg.Client): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const table of await listTables(client)) counts.set(table, (await client.query(`SELECT count(*)::float8 AS n FROM ONLY ${table}`)).rows[0].n)
  return counts
}

/** Looks every few milliseconds which locks the migration holds. What is held shorter is not seen, and does not hold anybody up. */
function watchLocks(client: pg.Client): { take: () => Lock[]; end: () => Promise<void> } {
  let seen = new Map<string, Lock & { first: number }>()
  let isOver = false
  const known = client.query("SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace").then(({ rows }) => rows.map((row) => row.oid))
  const loop = (async () => {
    const before = await known
    while (!isOver) {
      const { rows } = await client.query(
        `SELECT l.relation::regclass::text AS table, l.mode FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.granted AND l.locktype = 'relation' AND l.mode = ANY ($1)
         AND l.relation = ANY ($2::oid[]) AND a.application_name = 'bitcorp_erp migrate'`,
        [blocking, before],
      )
      for (const { table, mode } of rows) {
        const lock = seen.get(`${table} ${mode}`) ?? { table, mode, ms: 0, first: Date.now() }
        lock.ms = Date.now() - lock.first
        seen.set(`${table} ${mode}`, lock)
      }
      await sleep(everyMs)
    }
  })()
  loop.catch(() => {})
  return {
    take: () => {
      const found = [...seen.values()].map(({ table, mode, ms }) => ({ table, mode, ms }))
      seen = new Map()
      return found
    },
    end: async () => {
      isOver = true
      await loop
    },
  }
}
