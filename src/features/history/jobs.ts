// What the records do by the clock: new audit rows are chained a few seconds after their transaction ended; another server begins a new epoch of the feed.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'

const everyMs = 3000
const atOnce = 5000

/** Runs while the server listens. Several servers on one database take turns by themselves. */
export function historyJobs(app: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  const renew = () => app.ground.db.plain(sql`SELECT renew_event_feed()`)
  const chain = async () => {
    for (let chained = atOnce; chained === atOnce; ) {
      const [row] = await app.ground.db.plain<{ chained: number }>(sql`SELECT chain_audit_logs(${atOnce}) AS chained`)
      chained = row?.chained ?? 0
    }
  }
  const tick = () => {
    running ??= chain()
      .catch((error: Error) => app.log.warn({ err: { message: error.message } }, 'the audit could not be chained'))
      .finally(() => (running = undefined))
  }
  // Before the first request: nobody may read the feed in the order of another server.
  app.addHook('onReady', async () => {
    await renew().catch((error: Error) => app.log.warn({ err: { message: error.message } }, 'the feed was not looked at'))
  })
  app.addHook('onListen', async () => {
    timer = setInterval(tick, everyMs)
  })
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await running
  })
}
