// What utilization does by the clock: the parts of a company's months are put together, so that a report reads few rows.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'

const everyMs = 10_000

/** Runs while the server listens. Several servers on one database do not disturb each other. */
export function utilizationJobs(app: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> | undefined
  const tick = () => {
    running ??= app.ground.db
      .plain(sql`SELECT merge_company_usage()`)
      .catch((error: Error) => app.log.warn({ err: { message: error.message } }, 'the sums of utilization could not be put together'))
      .finally(() => (running = undefined))
  }
  app.addHook('onListen', async () => {
    timer = setInterval(tick, everyMs)
  })
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await running
  })
}
