// One backup from beginning to end: taken, proven, older ones removed. One at a time on a database; a failure leaves the older ones alone.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { Archive } from '../../base/archive.ts'
import { type Config, programVersion } from '../../base/config.ts'
import { runningUrls, StartError } from '../../base/embedded.ts'
import { type Backup, type Kind, type Manifest, type Progress, Shelf, type StoredFile } from '../../base/shelf.ts'
import { readVaultKey } from '../../base/vault.ts'
import { connect, segmentsBetween, type Told, takeBase } from './base.ts'
import { type Checks, totalOf } from './checks.ts'
import { takeDump } from './dump.ts'
import { prove } from './prove.ts'
import { sweepPlaces } from './scratch.ts'

export const openShelf = (config: Config, folder = config.backupDir): Shelf => new Shelf(folder, config.backupKeyFile ? readVaultKey(config.backupKeyFile) : undefined)
export const openWal = (config: Config): Archive => new Archive(join(config.backupDir, 'wal'), config.backupKeyFile ? readVaultKey(config.backupKeyFile) : undefined)

/** The connection that may read everything: to the running embedded server, or to your own as you set it up. */
export function sourceUrl(config: Config): string | undefined {
  return config.databaseUrl ? (config.backupUrl ?? config.databaseUrl) : runningUrls(config.dataDir)?.superuser
}

export type Say = (line: string) => void
type Server = { system: string; version: string; major: number; database: string; superuser: string; schema: string | null; mighty: boolean }

async function look(client: pg.Client): Promise<Server> {
  const { rows } = await client.query(`SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system, current_setting('server_version') AS version,
    current_setting('server_version_num')::int / 10000 AS major, current_database() AS database, (SELECT rolname FROM pg_roles WHERE oid = 10) AS superuser,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS mighty, (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS seeing, pg_is_in_recovery() AS standby, to_regclass('public.schema_migrations') IS NOT NULL AS known`)
  const { known, standby, seeing, ...server } = rows[0]
  if (standby) throw new StartError('This server is a standby. Back up its primary, or promote it first.')
  const schema = known && seeing ? (await client.query('SELECT max(version) AS version FROM public.schema_migrations')).rows[0].version : null
  return { ...server, schema }
}

/** Takes a turn on the database for the length of `work`; undefined when another one is at it. */
async function takeTurn<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T | undefined> {
  const client = await connect(url)
  try {
    const { rows } = await client.query("SELECT pg_try_advisory_lock(hashtextextended('bitcorp backup', 0)) AS mine")
    return rows[0].mine ? await work(client) : undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/** Undefined: another program is taking one now. `due`: asked once more when it is this program's turn. */
export async function backUp(config: Config, url: string, shelf: Shelf, say: Say, due: () => boolean = () => true, kind: Kind = config.backupKind): Promise<Backup | undefined> {
  return takeTurn(url, async (client) => {
    if (!due()) return undefined
    try {
      shelf.sweep()
      await sweepPlaces(config.dataDir)
      const server = await look(client)
      const taken = await take(config, url, shelf, server, kind, say)
      note(shelf, taken.id, 'prove', 0, 0)
      say('Restoring it into a scratch server and comparing …')
      const proven = await prove(config, shelf, taken, say)
      if (proven.state !== 'proven') throw new Error(`the restored backup ${taken.id} is not what was backed up: ${proven.reason}`)
      shelf.noteSuccess()
      note(shelf, taken.id, 'prune', 0, 0)
      tidy(config, shelf, server.system, say)
      return proven
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = code === 'ENOSPC' ? 'the disk is full' : message
      shelf.sweep()
      shelf.noteFailure(reason)
      throw new StartError(`The backup failed: ${reason}. Older backups are untouched.`)
    } finally {
      shelf.noteProgress(undefined)
    }
  })
}

let noted = { at: 0, step: '' }
function note(shelf: Shelf, id: string, step: Progress['step'], done: number, total: number): void {
  // Told now and then: each is a write to the disk.
  if (step === noted.step && Date.now() - noted.at < 500) return
  noted = { at: Date.now(), step }
  shelf.noteProgress({ id, pid: process.pid, began_at: new Date().toISOString(), step, done, total })
}

async function take(config: Config, url: string, shelf: Shelf, server: Server, kind: Kind, say: Say): Promise<Backup> {
  if (kind === 'base' && !server.mighty) throw new StartError('a base backup needs a superuser of the server: BITCORP_BACKUP_URL')
  const began = new Date()
  const { id, folder } = shelf.begin(kind, began)
  let told = 0
  const tell: Told = (step, done, total) => {
    note(shelf, id, step, done, total)
    const percent = total ? Math.floor((100 * done) / total) : 0
    if (step !== 'copy' || percent < told + 10) return
    told = percent
    say(`Copied ${percent} % of ${(total / 1e6).toFixed(0)} MB`)
  }
  try {
    say(`Backing up ${server.database} (PostgreSQL ${server.version}) as ${id} …`)
    const taken: { files: StoredFile[]; checks: Checks; unpacked: number; wal?: Manifest['wal'] } =
      kind === 'base' ? await takeBase(url, folder, id, shelf.key, tell) : await takeDump(url, folder, shelf.key, server.major, config.searchPath, () => tell('copy', 0, 0))
    const { mighty: _, version, ...of } = server
    const manifest: Manifest = {
      format: 1,
      id,
      kind,
      created_at: began.toISOString(),
      finished_at: new Date().toISOString(),
      program: programVersion,
      server: version,
      ...of,
      encrypted: shelf.key !== undefined,
      unpacked_bytes: taken.unpacked,
      ...totalOf(taken.checks),
      files: taken.files,
      ...(taken.wal ? { wal: taken.wal } : {}),
    }
    return shelf.finish(folder, manifest)
  } catch (error) {
    shelf.notePartial(folder)
    throw error
  }
}

/** Old backups go, then the log from before the oldest that stays. Only ever called after a backup was proven. */
function tidy(config: Config, shelf: Shelf, system: string, say: Say): void {
  for (const id of shelf.prune(config.backupKeepDays, system)) say(`Removed the backup ${id}, older than ${config.backupKeepDays} days.`)
  if (shelf.folder !== config.backupDir || !existsSync(join(shelf.folder, 'wal'))) return
  const oldest = shelf.list().findLast((backup) => backup.manifest?.system === system && backup.manifest.wal)?.manifest?.wal
  if (!oldest) return
  const gone = openWal(config).prune(segmentsBetween(oldest.timeline, oldest.start_lsn, oldest.target_lsn, oldest.segment_bytes)[0] ?? '')
  if (gone) say(`Removed ${gone} files of the write-ahead log from before the oldest backup.`)
}
