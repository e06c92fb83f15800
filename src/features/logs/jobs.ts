// What the logs need by the clock: partitions made ahead, rows without one given one, old months taken out, and the alarm.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Database } from '../../base/db.ts'
import { retain, takeTurn, tidy } from './retain.ts'

const retainEveryMs = 3600_000

type Health = { missing_months: number; stray_rows: number }
const examine = async (db: Database): Promise<Health> => (await db.plain<Health>(sql`SELECT missing_months, stray_rows FROM examine_equipment_logs()`))[0] ?? { missing_months: 0, stray_rows: 0 }

/** Several servers on one database take turns: who comes second leaves it to the first. */
export function logJobs(app: FastifyInstance, ownerUrl: string): void {
  const { config, db, jobs } = app.ground
  let retained = 0
  const work = async () => {
    const { missing_months, stray_rows } = await examine(db)
    const { logKeepMonths } = config
    const isTime = logKeepMonths !== undefined && Date.now() - retained >= retainEveryMs
    if (missing_months === 0 && stray_rows === 0 && !isTime) return
    await takeTurn(ownerUrl, false, async (client) => {
      await tidy(client)
      if (!isTime) return
      retained = Date.now()
      await retain(client, logKeepMonths, config.logExportDir, (line) => app.log.info(line))
    })
    const after = await examine(db)
    if (after.stray_rows > 0) app.log.warn(after, 'entries of machines’ logs stand in the default partition; `bitcorp logs tidy` moves them')
    if (after.missing_months > 0) app.log.warn(after, 'partitions of machines’ logs are missing')
  }
  jobs.add({ name: 'log_partitions', everyMs: 60_000, atStart: true, trouble: 'the partitions of machines’ logs could not be kept', run: work })
}
