// What is noted of the receiver of your own server's log, beside the archive: read by whoever asks, in whichever program.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { writeWhole } from './vault.ts'

/** `good_at`: when the log was last seen to be here whole. `missing`: a part that will never come; a base backup begins anew. */
export type Receiving = { slot: string; good_at: string; trouble: string | null; missing: { name: string; at: string } | null }

export const receives = (config: Config): boolean => config.databaseUrl !== undefined && config.backupAt !== undefined && config.backupKind === 'base'

/** Where the log arrives: in the data folder, as it is not yet sealed. */
export const receivingFolder = (config: Config): string => join(config.dataDir, 'receiving')

const pathOf = (config: Config): string => join(config.backupDir, 'wal', 'receiver.json')

export function readReceiving(config: Config): Receiving | undefined {
  if (!receives(config) || !existsSync(pathOf(config))) return undefined
  return JSON.parse(readFileSync(pathOf(config), 'utf8')) as Receiving
}

export function noteReceiving(config: Config, state: Receiving): void {
  mkdirSync(join(config.backupDir, 'wal'), { recursive: true, mode: 0o700 })
  writeWhole(pathOf(config), `${JSON.stringify(state)}\n`)
}

/** Segments that have come whole and are not in the archive yet. */
export function countReceived(config: Config): number {
  const folder = receivingFolder(config)
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9A-F]{24}$/.test(name)).length : 0
}
