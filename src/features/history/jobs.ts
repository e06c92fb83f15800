// What the records do by the clock: new audit rows are chained a few seconds after their transaction ended; another server begins a new epoch of the feed.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'

const atOnce = 5000

export function historyJobs(app: FastifyInstance): void {
  const { db, jobs } = app.ground
  jobs.add({
    name: 'audit_chain',
    everyMs: 3000,
    trouble: 'the audit could not be chained',
    run: async () => {
      for (let chained = atOnce; chained === atOnce; ) {
        const [row] = await db.plain<{ chained: number }>(sql`SELECT chain_audit_logs(${atOnce}) AS chained`)
        chained = row?.chained ?? 0
      }
    },
  })
  // Before the first request: nobody may read the feed in the order of another server.
  app.addHook('onReady', async () => {
    await db.plain(sql`SELECT renew_event_feed()`).catch((error: Error) => app.log.warn({ err: { message: error.message } }, 'the feed was not looked at'))
  })
}
