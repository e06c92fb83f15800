// Backups over HTTP, for who looks after the installation.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { examineBackups, lacksLog, onOneDisk } from '../../base/backup-health.ts'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import type { Backup as Kept } from '../../base/shelf.ts'
import { type Backup, listBackups, startBackup } from './contract.ts'
import type { BackupRunner } from './jobs.ts'
import { sourceUrl } from './take.ts'

export function backupRoutes(app: FastifyInstance, runner: BackupRunner): void {
  const { config } = app.ground
  handle(app, listBackups, async (ctx) => {
    // The folder is no table: the statement is here for the database to say who asks, and to refuse everybody else.
    await ctx.run(sql`SELECT 1`)
    const health = examineBackups(config)
    const running = health.shelf.progress()
    return {
      folder: config.backupDir,
      hour: config.backupAt ?? null,
      keep_days: config.backupKeepDays,
      same_disk: onOneDisk(config),
      point_in_time: config.backupAt !== undefined && config.backupKind === 'base',
      archived_at: health.receiving?.good_at ?? null,
      archive_trouble: health.alarm === 'archive_stuck' ? (health.receiving?.trouble ?? null) : null,
      archive_missing: lacksLog(health.receiving, health.newest) ? (health.receiving?.missing?.name ?? null) : null,
      alarm: health.alarm,
      last_proven_at: health.newest?.manifest?.created_at ?? null,
      last_failure: health.failure,
      running: running ? { step: running.step, began_at: running.began_at, done: running.done, total: running.total } : null,
      items: health.backups.map(show),
    }
  })
  handle(app, startBackup, async (ctx) => {
    await ctx.run(sql`SELECT 1`)
    if (!sourceUrl(config)) throw new Refusal(409, 'backup_without_source')
    return { started: runner.start() }
  })
}

function show({ id, state, reason, manifest, proof }: Kept): Backup {
  return {
    id,
    kind: manifest?.kind ?? null,
    state,
    reason,
    created_at: manifest?.created_at ?? null,
    proven_at: state === 'proven' ? (proof?.at ?? null) : null,
    bytes: manifest ? manifest.files.reduce((sum, file) => sum + file.bytes, 0) : null,
    rows: manifest?.rows ?? null,
    tables: manifest?.tables ?? null,
    encrypted: manifest?.encrypted ?? null,
    schema: manifest?.schema ?? null,
  }
}
