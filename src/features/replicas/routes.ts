// Replicas over HTTP, and as metrics.
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import { handle } from '../../base/http.ts'
import type { Replicas } from '../../base/replicas.ts'
import { formatPosition } from '../../plain/position.ts'
import * as contract from './contract.ts'

export function replicaRoutes(app: FastifyInstance): void {
  const { replicas, config } = app.ground
  handle(app, contract.listReplicas, async (ctx) => {
    // The database says whether the caller may; what is told is this server's own.
    await ctx.run(sql`SELECT 1`)
    return {
      items: replicas.all.map((replica) => ({
        name: replica.name,
        state: replica.state,
        since: new Date(replica.since).toISOString(),
        lag_seconds: replica.lagMs === undefined ? null : Math.round(replica.lagMs / 100) / 10,
        position: replica.position ? formatPosition(replica.position) : null,
        reads: replica.served,
        last_error: replica.lastError,
      })),
      next_cursor: null,
      fallbacks: contract.fallbackReasons.map((reason) => ({ reason, count: replicas.fallbacks[reason] })),
      max_lag_seconds: config.replicaMaxLagSeconds,
      wait_ms: config.replicaWaitMs,
      embedded: config.databaseUrl === undefined,
    }
  })
}

export function replicaMetrics(registry: Registry, replicas: Replicas): void {
  const each = (name: string, help: string, value: (replica: Replicas['all'][number]) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['replica'],
      registers: [registry],
      collect() {
        this.reset()
        for (const replica of replicas.all) {
          const now = value(replica)
          if (now !== undefined) this.set({ replica: replica.name }, now)
        }
      },
    })
  each('replica_up', 'Whether reports are read from the replica: 1, or 0', (replica) => (replica.state === 'up' ? 1 : 0))
  each('replica_lag_seconds', 'How long the primary has been further than the replica; missing while it does not answer', (replica) => (replica.lagMs === undefined ? undefined : replica.lagMs / 1000))
  const told = (counter: Counter, counts: () => [Record<string, string>, number][]) => {
    counter.reset()
    for (const [labels, count] of counts()) counter.inc(labels, count)
  }
  new Counter({
    name: 'replica_reads_total',
    help: 'Reads answered by a replica',
    labelNames: ['replica'],
    registers: [registry],
    collect() {
      told(this, () => replicas.all.map((replica) => [{ replica: replica.name }, replica.served]))
    },
  })
  new Counter({
    name: 'replica_fallback_reads_total',
    help: 'Reads meant for a replica that the primary answered, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      told(this, () => (replicas.all.length ? Object.entries(replicas.fallbacks).map(([reason, count]) => [{ reason }, count]) : []))
    },
  })
}
