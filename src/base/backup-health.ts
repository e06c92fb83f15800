// How the backups stand, from their folder alone: for the page, the metrics and the doctor.
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { waiting } from './archive.ts'
import type { Config } from './config.ts'
import { countReceived, type Receiving, readReceiving, receives } from './receiving.ts'
import { type Backup, Shelf } from './shelf.ts'
import { readVaultKey } from './vault.ts'

export type Alarm = 'none_proven' | 'too_old' | 'last_failed' | 'archive_stuck'
export type Health = {
  alarm: Alarm | null
  newest: Backup | undefined
  backups: Backup[]
  shelf: Shelf
  failure: { at: string; reason: string } | null
  /** `since`: from when on nothing was archived although something waits. */
  waiting: { count: number; since: string | null }
  /** Of your own server's log; null when it is not received. */
  receiving: Receiving | null
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
  const receiving = readReceiving(config) ?? null
  const archive = receives(config) ? { count: countReceived(config), since: receiving?.good_at ?? bornAt(config).toISOString() } : waiting(config.dataDir)
  const late = now - tooOldMs
  const taken = newest?.manifest ? new Date(newest.manifest.created_at).getTime() : undefined
  const alarm = (): Alarm | null => {
    if (config.backupAt === undefined) return null
    if (taken === undefined && bornAt(config).getTime() < late) return 'none_proven'
    if (taken !== undefined && taken < late) return 'too_old'
    if (failure && (last_success === null || failure.at > last_success)) return 'last_failed'
    if (lacksLog(receiving, newest)) return 'archive_stuck'
    if (archive.since !== null && now - new Date(archive.since).getTime() > stuckMs) return 'archive_stuck'
    return null
  }
  return { alarm: alarm(), newest, backups, shelf, failure, waiting: archive, receiving }
}

/** A part of the log will never come, and no base backup has begun anew since. */
export function lacksLog(receiving: Receiving | null, newest: Backup | undefined): boolean {
  const missing = receiving?.missing?.at
  return missing !== undefined && (newest?.manifest?.wal === undefined || newest.manifest.created_at < missing)
}

/** True when a broken disk would take the backups along with the data. */
export function onOneDisk(config: Config): boolean {
  if (config.databaseUrl !== undefined || !existsSync(config.dataDir)) return false
  let folder = config.backupDir
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  return statSync(folder).dev === statSync(config.dataDir).dev
}
