// The daily backup, taken by whichever server comes first, and how the backups stand for collectors.
import { mkdirSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { Gauge, type Registry } from 'prom-client'
import { bornAt, examineBackups, type Health } from '../../base/backup-health.ts'
import type { Config } from '../../base/config.ts'
import { backUp, openShelf, sourceUrl } from './take.ts'

const everyMs = 60_000

/** The newest moment at which a backup was to be taken. The hour is the server's own. */
export function lastDue(hour: number, now: Date): Date {
  const due = new Date(now)
  due.setHours(hour, 0, 0, 0)
  if (due > now) due.setDate(due.getDate() - 1)
  return due
}

/** Whether it is time: the newest proven one is from before the hour, and the last try is not just over. */
export function isDue(config: Config, now = new Date()): boolean {
  if (config.backupAt === undefined) return false
  const due = lastDue(config.backupAt, now)
  const shelf = openShelf(config)
  const newest = shelf.newestProven()?.manifest?.created_at
  if (bornAt(config) > due || (newest !== undefined && new Date(newest) >= due)) return false
  // After a failure again in half an hour, not each minute.
  const failed = shelf.status().last_failure?.at
  return failed === undefined || now.getTime() - new Date(failed).getTime() > 30 * 60_000
}

/** The one backup of this process: the page begins it, the clock begins it, the end of the server waits for neither. */
export class BackupRunner {
  private running: Promise<void> | undefined
  private readonly app: FastifyInstance
  constructor(app: FastifyInstance) {
    this.app = app
  }
  /** False when one is under way already. */
  start(due?: () => boolean): boolean {
    const { config } = this.app.ground
    if (this.running || openShelf(config).progress()) return false
    const url = sourceUrl(config)
    if (!url) return false
    const say = (line: string) => this.app.log.info(line)
    this.running = backUp(config, url, openShelf(config), say, due)
      .then((made) => void (made && this.app.log.info({ backup: made.id }, 'a backup is proven')))
      .catch((error: Error) => this.app.log.error({ err: { message: error.message } }, 'a backup failed'))
      .finally(() => {
        this.running = undefined
      })
    return true
  }
  async end(): Promise<void> {
    await this.running
  }
}

/** Looks each minute whether it is time. */
export function backupJobs(app: FastifyInstance, runner: BackupRunner): void {
  const { config } = app.ground
  if (config.backupAt === undefined) return
  let timer: NodeJS.Timeout | undefined
  const tick = () => {
    try {
      // On your own server the folder's age tells since when there is something to back up.
      if (config.databaseUrl !== undefined) mkdirSync(config.backupDir, { recursive: true, mode: 0o700 })
      if (isDue(config)) runner.start(() => isDue(config))
    } catch (error) {
      app.log.warn({ err: { message: (error as Error).message } }, 'the backups could not be looked at')
    }
  }
  app.addHook('onListen', async () => {
    timer = setInterval(tick, everyMs)
  })
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await runner.end()
  })
}

/** Seconds since 1970, 0 for never; without backups by the clock the values are left out. */
export function backupMetrics(registry: Registry, config: Config): void {
  const at = (instant: string | undefined | null) => (instant ? Math.floor(new Date(instant).getTime() / 1000) : 0)
  const gauge = (name: string, help: string, value: (health: Health) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        if (config.backupAt === undefined) this.remove()
        else this.set(value(examineBackups(config)))
      },
    })
  gauge('backup_last_proven_timestamp_seconds', 'When the newest proven backup was taken; 0: there is none', (health) => at(health.newest?.manifest?.created_at))
  gauge('backup_last_failure_timestamp_seconds', 'When a backup failed last; 0: never', (health) => at(health.failure?.at))
  gauge('backup_alarm', '1 when the backups are not as they must be: none proven for a day, the last try failed, or the log is not archived', (health) => (health.alarm ? 1 : 0))
  gauge('backup_archive_waiting_files', 'Files of the write-ahead log that wait to be archived', (health) => health.waiting.count)
}
