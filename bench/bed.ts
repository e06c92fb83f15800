// What each part of the bench measures on, and what all parts need for it.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Figures, type Load, measureLoad, processorSeconds } from './load.ts'
import type { Product, Server } from './servers.ts'

/** `headers`: of who measures, an admin of the companies 1 to 3; `machines`: of the whole data set. */
export type Bed = {
  product: Product
  dataDir: string
  headers: Record<string, string>
  machines: number
  rounds: number
  seconds: number
  connections: number
  only: string[] | undefined
  say: (line: string) => void
}
/** One part: what it gives is kept in the file of results under its name. The figures are what it takes when nothing else is said. */
export type Part = { measure: (bed: Bed) => Promise<object>; rounds: number; seconds: number; connections: number; env?: Record<string, string> }

/** With the processor time of one answer. */
export type Measured = Figures & { serverMs: number; databaseMs: number }

export async function measure(server: Server, database: number, load: Omit<Load, 'address'>): Promise<Measured> {
  const before = [processorSeconds(server.pid), processorSeconds(database, true)] as const
  const figures = await measureLoad({ ...load, address: server.address })
  const answers = figures.rps * load.seconds
  return { ...figures, serverMs: ((processorSeconds(server.pid) - before[0]) * 1000) / answers, databaseMs: ((processorSeconds(database, true) - before[1]) * 1000) / answers }
}

export const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
export const rounded = (value: number, digits = 3): number => Math.round(value * 10 ** digits) / 10 ** digits
/** Figure by figure the middle one of all rounds. */
export const middle = <T extends Record<string, number>>(all: T[]): T =>
  Object.fromEntries(Object.keys(all[0] ?? {}).map((key) => [key, rounded(median(all.map((one) => one[key] ?? Number.NaN)))])) as T
/** Round by round, so that a machine that is slower for a while is slower for both. */
export const ratio = (of: number[], to: number[]): number => rounded(median(of.map((one, at) => one / (to[at] ?? Number.NaN))))
/** The same, beside what it should be; what is measured is never thrown away for being bad. */
export const judged = (value: number, most: number): string => `${value} (${value <= most ? 'within' : 'ABOVE'} ${most})`

/** As the superuser unless `url` is another's. */
export async function query<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC -c statement_timeout=0' })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

/** Asks the product and refuses anything but success; what is changed is changed whatever its version. */
export async function ask<Reply>({ product, headers }: Bed, method: string, path: string, body?: object): Promise<Reply> {
  const { 'content-type': type = '', ...bare } = headers
  const reply = await fetch(`${product.address}${path}`, { method, headers: { ...bare, 'if-match': '*', ...(body ? { 'content-type': type } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text.slice(0, 500)}`)
  return (text === '' ? undefined : JSON.parse(text)) as Reply
}

/** Does what jobs would do later, and waits for statements that nobody hears any more: the next measuring begins on a quiet server. */
export async function settle({ product: { superuser } }: Bed): Promise<void> {
  for (let chained = 5000; chained === 5000; ) chained = (await query<{ chained: number }>(superuser, 'SELECT chain_audit_logs(5000) AS chained'))[0]?.chained ?? 0
  await query(superuser, 'SELECT merge_company_usage()')
  for (let tries = 0; tries < 120; tries++) {
    const busy = await query(superuser, "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend'")
    if (busy.length === 0) return
    await sleep(500)
  }
}
