// How the serving connections stand, for collectors.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from './db.ts'
import type { Turns } from './turns.ts'

export function poolMetrics(registry: Registry, db: Database, turns: Turns): void {
  new Gauge({
    name: 'database_connections',
    help: 'Connections to the database',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(db.counts())) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'reports_waiting',
    help: 'Reports, exports and questions about the past that wait for their turn within their company',
    registers: [registry],
    collect() {
      this.set(turns.waiting)
    },
  })
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  counter('database_pool_waits_total', 'Times that all connections were in use and a request waited for one', () => db.tallies().waits)
  counter('database_pool_timeouts_total', 'Times that a request waited for a connection in vain and was told to come again', () => db.tallies().timeouts)
  counter('database_pool_replaced_total', 'Connections that no longer answered and were replaced before use', () => db.tallies().replaced)
  counter('database_silences_total', 'Times that the database said nothing at all and everyone was told to come again', () => db.tallies().silences)
}
