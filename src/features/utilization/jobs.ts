// What utilization does by the clock: the parts of a company's months are put together, so that a report reads few rows.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'

export function utilizationJobs(app: FastifyInstance): void {
  const { db, jobs } = app.ground
  jobs.add({ name: 'utilization_sums', everyMs: 10_000, trouble: 'the sums of utilization could not be put together', run: () => db.plain(sql`SELECT merge_company_usage()`) })
}
