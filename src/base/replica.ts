// One replica: whether it may be read, how far it is, and the connections to it. What goes wrong here is never the caller's trouble.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { isReached, type Position } from '../plain/position.ts'
import { types } from './db.ts'

/** unknown: not looked at yet. mighty: its user passes row security by. strange: it follows no, or another, primary. */
export type ReplicaState = 'unknown' | 'up' | 'late' | 'down' | 'promoted' | 'strange' | 'mighty'
export type ReplicaTimes = { waitMs: number; maxLagMs: number; probeEveryMs: number; probeTimeoutMs: number; restMs: number }

/** Why a replica did not answer a read. Only `down` and `promoted` keep the next ones away. */
export class ReplicaTrouble extends Error {
  readonly reason: 'behind' | 'busy' | 'down' | 'promoted'
  constructor(reason: ReplicaTrouble['reason'], message: string = reason) {
    super(message)
    this.reason = reason
  }
}

type Seen = { standby: boolean; position: string | null; timeline: number; system: string; mighty: boolean }
const lookSql = `SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS position, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
  (SELECT system_identifier::text FROM pg_control_system()) AS system, (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS mighty`
const reachedSql = { name: 'reached', text: 'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS position' }
const size = 5

/** What the primary was seen at, newest last. */
export type Sample = { at: number; position: Position; system: string }

export class Replica {
  /** Host, port and database: never a name or password. */
  readonly name: string
  state: ReplicaState = 'unknown'
  position: Position | undefined
  lagMs: number | undefined
  lastError: string | null = null
  since = Date.now()
  served = 0
  private readonly config: pg.ClientConfig
  private readonly times: ReplicaTimes
  private pool: pg.Pool
  private clients = new Set<pg.Client>()
  private prober: pg.Client | undefined
  private restUntil = 0
  private fall = makeFall()

  constructor(url: string, times: ReplicaTimes) {
    const { hostname, port, pathname } = new URL(url)
    this.name = `${hostname}:${port || 5432}${pathname}`
    this.times = times
    // A replica that was promoted takes writes: not ours.
    const options = '-c timezone=UTC -c datestyle=ISO,MDY -c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000 -c default_transaction_read_only=on'
    this.config = { connectionString: url, connectionTimeoutMillis: times.probeTimeoutMs, application_name: 'bitcorp_erp reports', types, options }
    this.pool = this.openPool()
  }

  private openPool(): pg.Pool {
    const pool = new pg.Pool({ ...this.config, max: size, maxLifetimeSeconds: 3600 })
    pool.on('error', () => {})
    pool.on('connect', (client) => {
      this.clients.add(client)
      client.on('error', () => {})
      client.once('end', () => this.clients.delete(client))
    })
    return pool
  }

  /** Works on a connection that has reached `wanted` and is still a standby's. Ends at once when the replica is found to be down meanwhile. */
  async use<T>(wanted: Position | undefined, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { pool } = this
    const { promise: fallen } = this.fall
    const connecting = this.connect(pool)
    const client = await Promise.race([connecting, fallen]).catch((error) => {
      connecting.then((late) => late.release(true)).catch(() => {})
      throw error
    })
    let broken: Error | undefined
    try {
      await Promise.race([this.reach(client, wanted), fallen])
      const result = await Promise.race([work(client), fallen])
      this.served++
      return result
    } catch (error) {
      // A statement may still be under way: such a connection is of no use to the next one.
      if (!(error instanceof ReplicaTrouble && error.reason === 'behind')) broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  private async connect(pool: pg.Pool): Promise<pg.PoolClient> {
    try {
      return await pool.connect()
    } catch (error) {
      // All are in use, or it is slow to let one in: whether it stands still is for the next look to say.
      if (/timeout exceeded/.test(wordsOf(error))) throw new ReplicaTrouble('busy')
      throw new ReplicaTrouble('down', wordsOf(error))
    }
  }

  /** Asked on the very connection that answers: a replica that was started again may be further back than before. */
  private async reach(client: pg.PoolClient, wanted: Position | undefined): Promise<void> {
    const end = Date.now() + this.times.waitMs
    for (let pause = 2; ; pause = Math.min(pause * 2, 20)) {
      const answer = await within(client.query<Pick<Seen, 'standby' | 'position'>>(reachedSql), this.times.probeTimeoutMs)
      const [row] = answer.rows
      if (!row?.standby) throw new ReplicaTrouble('promoted')
      const reached = this.placeOf(row.position)
      if (!wanted || (reached && isReached(wanted, reached))) return
      if (Date.now() >= end) throw new ReplicaTrouble('behind')
      await sleep(pause)
    }
  }

  private placeOf(lsn: string | null): Position | undefined {
    const [high, low] = (lsn ?? '').split('/')
    return high && low && this.position ? { timeline: this.position.timeline, lsn: (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`) } : undefined
  }

  /** Leaves it alone for some seconds; whatever is under way on it ends now. */
  fail(state: 'down' | 'promoted', words: string): void {
    this.turn(state, words)
    this.lagMs = undefined
    this.restUntil = Date.now() + this.times.restMs
    const fall = this.fall
    this.fall = makeFall()
    fall.reject(new ReplicaTrouble(state, words))
    const { pool, clients, prober } = this
    this.clients = new Set()
    this.prober = undefined
    this.pool = this.openPool()
    for (const client of prober ? [...clients, prober] : clients) destroy(client)
    pool.end().catch(() => {})
  }

  private turn(state: ReplicaState, words: string | null): void {
    if (state !== this.state) this.since = Date.now()
    this.state = state
    if (words) this.lastError = words
  }

  /** Looks at it, unless it is being left alone. `samples`: where the primary was when. */
  async probe(samples: readonly Sample[]): Promise<void> {
    if (Date.now() < this.restUntil) return
    try {
      const [seen] = (await within(this.look(), this.times.probeTimeoutMs)).rows
      if (!seen) throw new Error('it says nothing of itself')
      this.judge(seen, samples)
    } catch (error) {
      this.fail('down', wordsOf(error))
    }
  }

  private async look(): Promise<pg.QueryResult<Seen>> {
    if (!this.prober) {
      const client = new pg.Client(this.config)
      this.prober = client
      client.on('error', () => {})
      await client.connect()
    }
    return this.prober.query<Seen>(lookSql)
  }

  private judge(seen: Seen, samples: readonly Sample[]): void {
    const newest = samples.at(-1)
    if (seen.mighty) this.turn('mighty', 'its user passes row security by')
    else if (!seen.standby) {
      if (this.state !== 'promoted') this.fail('promoted', 'it is no standby')
    } else if (!newest) this.turn('unknown', null)
    else if (seen.system !== newest.system) this.turn('strange', 'it is a copy of another server')
    else if (seen.timeline !== newest.position.timeline) this.turn('strange', 'it follows another primary')
    else this.measure(seen, samples)
  }

  private measure(seen: Seen, samples: readonly Sample[]): void {
    this.position = { timeline: seen.timeline, lsn: 0n }
    this.position = this.placeOf(seen.position)
    this.lagMs = this.position && lagOf(this.position, samples)
    this.turn(this.lagMs === undefined ? 'unknown' : this.lagMs > this.times.maxLagMs ? 'late' : 'up', null)
  }

  close(): void {
    this.fail('down', 'closed')
    this.pool.end().catch(() => {})
  }
}

/** How long the primary has been further than this: no clock but ours is asked, and a primary that writes nothing makes nobody late. */
function lagOf(position: Position, samples: readonly Sample[]): number {
  let late = 0
  for (let i = samples.length - 1; i >= 0; i--) {
    const sample = samples[i]
    if (!sample || isReached(sample.position, position)) break
    late = Date.now() - sample.at
  }
  return late
}

/** What it says itself, which holds no password. */
function wordsOf(error: unknown): string {
  const { message, code, errors } = error as Error & { code?: string; errors?: Error[] }
  return message || errors?.[0]?.message || code || 'it does not answer'
}

function destroy(client: pg.Client): void {
  ;(client as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy()
}

/** A promise that fails when the replica does; nobody need be listening. */
function makeFall(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<never>((_, fail) => (reject = fail))
  promise.catch(() => {})
  return { promise, reject }
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => (timer = setTimeout(() => fail(new ReplicaTrouble('down', `it does not answer within ${ms} ms`)), ms)))
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
