// How the backups stand, from their folder alone: for the page, the metrics and the doctor.
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { waiting } from './archive.ts'
import type { Config } from './config.ts'
import { type Backup, Shelf } from './shelf.ts'
import { readVaultKey } from './vault.ts'

export type Alarm = 'none_proven' | 'too_old' | 'last_failed' | 'archive_stuck'
export type Health = {
  alarm: Alarm | null
  newest: Backup | undefined
  backups: Backup[]
  shelf: Shelf
  failure: { at: string; reason: string } | null
  waiting: { count: number; since: string | null }
}

/** A day, and the time that a backup may take. */
const tooOldMs = 26 * 3600_000
const stuckMs = 5 * 60_000

/** Since when there is something to back up here: the cluster's age, or on your own server that of the folder. */
export function bornAt(config: Config): Date {
  const mark = config.databaseUrl === undefined ? join(config.dataDir, 'postgres', 'PG_VERSION') : config.backupDir
  return existsSync(mark) ? statSync(mark)[config.databaseUrl === undefined ? 'mtime' : 'birthtime'] : new Date()
}

/** A new installation has a day for its first. */
export function examineBackups(config: Config, now = Date.now()): Health {
  const shelf = new Shelf(config.backupDir, config.backupKeyFile ? readVaultKey(config.backupKeyFile) : undefined)
  const backups = shelf.list()
  const newest = backups.find((backup) => backup.state === 'proven')
  const { last_failure: failure, last_success } = shelf.status()
  const archive = waiting(config.dataDir)
  const late = now - tooOldMs
  const taken = newest?.manifest ? new Date(newest.manifest.created_at).getTime() : undefined
  const alarm = (): Alarm | null => {
    if (config.backupAt === undefined) return null
    if (taken === undefined && bornAt(config).getTime() < late) return 'none_proven'
    if (taken !== undefined && taken < late) return 'too_old'
    if (failure && (last_success === null || failure.at > last_success)) return 'last_failed'
    if (archive.since !== null && now - new Date(archive.since).getTime() > stuckMs) return 'archive_stuck'
    return null
  }
  return { alarm: alarm(), newest, backups, shelf, failure, waiting: archive }
}

/** True when a broken disk would take the backups along with the data. */
export function onOneDisk(config: Config): boolean {
  if (config.databaseUrl !== undefined || !existsSync(config.dataDir)) return false
  let folder = config.backupDir
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  return statSync(folder).dev === statSync(config.dataDir).dev
}
