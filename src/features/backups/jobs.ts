// The daily backup, taken by whichever server comes first, and how the backups stand for collectors.
import { mkdirSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { Gauge, type Registry } from 'prom-client'
import { bornAt, examineBackups, type Health, lacksLog } from '../../base/backup-health.ts'
import type { Config } from '../../base/config.ts'
import { readReceiving, receives } from '../../base/receiving.ts'
import { Receiver } from './receive.ts'
import { sweepPlaces } from './scratch.ts'
import { backUp, openShelf, sourceUrl } from './take.ts'
import { AlarmTeller } from './tell.ts'

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
  const proven = shelf.newestProven()
  const newest = proven?.manifest?.created_at
  const isEarly = bornAt(config) > due || (newest !== undefined && new Date(newest) >= due)
  if (isEarly && !(proven && lacksLog(readReceiving(config) ?? null, proven))) return false
  // After a failure again in half an hour, not each minute.
  const failed = shelf.status().last_failure?.at
  return failed === undefined || now.getTime() - new Date(failed).getTime() > 30 * 60_000
}

/** The one backup of this process: begun by the page or by the clock. */
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
}

/** Looks each minute whether it is time, and ends what a program that was killed left behind. A backup under way does not hold up the server's end. */
export function backupJobs(app: FastifyInstance, runner: BackupRunner, ownerUrl: string): void {
  const { config, jobs, translate } = app.ground
  if (config.backupAt === undefined) return
  const run = async () => {
    await sweepPlaces(config.dataDir)
    // On your own server the folder's age tells since when there is something to back up.
    if (config.databaseUrl !== undefined) mkdirSync(config.backupDir, { recursive: true, mode: 0o700 })
    if (isDue(config)) runner.start(() => isDue(config))
  }
  if (receives(config)) {
    const receiver = new Receiver(config, (line) => app.log.warn(line))
    jobs.add({ name: 'backup_receiver', everyMs: 5000, atStart: true, trouble: 'the log of the database is not received', run: () => receiver.run(), close: () => receiver.stop() })
  }
  const teller = new AlarmTeller(config, ownerUrl, translate)
  if (config.smtpUrl !== undefined) jobs.add({ name: 'backup_alarm', everyMs: 60_000, trouble: 'that the backups are not well could not be mailed', run: () => teller.run() })
  jobs.add({ name: 'backups', everyMs: 60_000, trouble: 'the backups could not be looked at', run })
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
  if (receives(config)) gauge('backup_archive_timestamp_seconds', 'When the log of your own server was last seen to be archived whole; 0: never', (health) => at(health.receiving?.good_at))
  gauge('backup_archive_waiting_files', 'Files of the write-ahead log that wait to be archived', (health) => health.waiting.count)
}
