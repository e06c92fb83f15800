// A backup counts only when a server was made from it and held the same: every row of every table, every policy, grant, trigger, function.
import { mkdirSync, statfsSync } from 'node:fs'
import type { Config } from '../../base/config.ts'
import type { Backup, Shelf } from '../../base/shelf.ts'
import { connect } from './base.ts'
import { firstDifference, plain, takeChecks } from './checks.ts'
import { differenceOfDump } from './dump.ts'
import { recover } from './recover.ts'
import { makePlace } from './scratch.ts'

/** Restores into a scratch server and compares. Notes the result beside the backup, and gives it. */
export async function prove(config: Config, shelf: Shelf, backup: Backup, say: (line: string) => void): Promise<Backup> {
  const began = Date.now()
  const reason = await differenceOf(config, shelf, backup, say).catch((error: Error) => error.message)
  return shelf.noteProof(backup, reason === undefined ? 'proven' : 'failed', Date.now() - began, reason ?? null)
}

async function differenceOf(config: Config, shelf: Shelf, backup: Backup, say: (line: string) => void): Promise<string | undefined> {
  const { manifest } = backup
  if (manifest?.kind === 'dump') return differenceOfDump(config, shelf, backup)
  if (!manifest?.wal) return 'it has no manifest'
  refuseWithoutRoom(config.dataDir, manifest.unpacked_bytes)
  const place = makePlace(config.dataDir)
  try {
    const target = { name: manifest.wal.target }
    const recovering = await recover({ shelf, backup, place, sources: { archive: undefined, oldLog: undefined }, target, path: config.searchPath, say })
    try {
      const client = await connect(recovering.scratch.url(manifest.database), 'proof')
      try {
        await plain(client)
        return firstDifference(recovering.checks, await takeChecks(client))
      } finally {
        await client.end().catch(() => {})
      }
    } finally {
      await recovering.scratch.stop('immediate')
      await recovering.finish()
    }
  } finally {
    place.remove()
  }
}

/** Before it begins: a disk filled by a copy would stop the real database too. */
export function refuseWithoutRoom(folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true })
  const disk = statfsSync(folder)
  const free = disk.bavail * disk.bsize
  if (free < bytes * 1.1 + 200e6) throw new Error(`there is not enough room under ${folder}: ${(free / 1e9).toFixed(1)} GB free, ${(bytes / 1e9).toFixed(1)} GB needed`)
}
