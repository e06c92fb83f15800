// The page of the installation over HTTP: what this server knows of itself, the database's figures, and jobs run by hand.
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { programVersion } from '../../base/config.ts'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import type { Watch } from './metrics.ts'
import { keptFor, readDatabaseUse } from './store.ts'

const startedAt = new Date().toISOString()

export function monitoringRoutes(app: FastifyInstance, watch: Watch, ownerUrl: string | undefined): void {
  const { db, jobs } = app.ground
  const readUse = keptFor(3000, () => (ownerUrl ? readDatabaseUse(ownerUrl) : Promise.reject(new Refusal(503, 'database_unavailable'))))

  handle(app, contract.getLoad, async (ctx) => {
    await verify(ctx)
    return {
      version: programVersion,
      node: process.versions.node,
      started_at: startedAt,
      memory_bytes: process.memoryUsage.rss(),
      lag_ms: await watch.lagMs(),
      connections: db.counts(),
      traffic: watch.traffic.read(),
      jobs: jobs.list(),
    }
  })
  handle(app, contract.getDatabaseUse, async (ctx) => {
    await verify(ctx)
    return readUse()
  })
  handle(app, contract.runJob, async (ctx, { params }) => {
    await verify(ctx)
    if (!jobs.list().some((job) => job.name === params.job)) throw new Refusal(404, 'not_found')
    ctx.request.log.warn({ job: params.job, user: ctx.caller().userId }, 'a job is run by hand')
    const late = new AbortController()
    await Promise.race([jobs.run(params.job), sleep(10_000, undefined, { signal: late.signal })]).finally(() => late.abort())
    return jobs.list().find((job) => job.name === params.job) ?? notFound()
  })
}

/** The database says whether the caller may: nothing is answered before. */
async function verify(ctx: Ctx): Promise<void> {
  await ctx.run(sql`SELECT a.user_id FROM caller_account a`)
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}
