// Reads for reports and exports go to replicas, where these are up, near enough and not behind the caller's own writes; else to the primary.
import { sql } from 'kysely'
import { isReached, laterOf, type Position, parsePosition } from '../plain/position.ts'
import { beginQuery, compile, type Database, type Identity, identified, identityValues, type Runner, whereSql } from './db.ts'
import { Replica, type ReplicaTimes, ReplicaTrouble, type Sample } from './replica.ts'

/** A read that comes with `unknown` may follow a write whose end is not known: only the primary will do. */
export type Wanted = Position | 'unknown' | undefined
export type Fallback = 'none' | 'late' | 'down' | 'promoted' | 'behind' | 'busy' | 'error'
type Client = Parameters<Parameters<Replica['use']>[1]>[0]

const usual = { probeEveryMs: 1000, probeTimeoutMs: 2000, restMs: 5000 }
const remembered = 20_000
const keepSamplesMs = 3_600_000
const statementTimeoutMs = 30_000

export class Replicas {
  readonly all: readonly Replica[]
  /** Reads that came for a replica and went to the primary, by reason. */
  readonly fallbacks: Record<Fallback, number> = { none: 0, late: 0, down: 0, promoted: 0, behind: 0, busy: 0, error: 0 }
  readonly maxLagMs: number
  private readonly db: Database
  private readonly times: ReplicaTimes
  private readonly samples: Sample[] = []
  private readonly written = new Map<string, Position>()
  /** What everybody must see: writes from before this process, those forgotten, and those whose end was never told. */
  private floor: Wanted = 'unknown'
  private unknownSince = 0
  private sampling: Promise<void> | undefined
  private looking: Promise<void> | undefined
  private turn = 0
  private timer: NodeJS.Timeout | undefined

  constructor(db: Database, urls: readonly string[], how: { waitMs: number; maxLagSeconds: number } & Partial<ReplicaTimes>) {
    this.db = db
    this.maxLagMs = how.maxLagSeconds * 1000
    this.times = { ...usual, ...how, maxLagMs: this.maxLagMs }
    this.all = urls.map((url) => new Replica(completed(url, db.url), this.times))
    if (this.all.length === 0) return
    void this.look()
    this.timer = setInterval(() => void this.look(), this.times.probeEveryMs)
    this.timer.unref()
  }

  /** Looks at all of them, once at a time. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => (this.looking = undefined))
    return this.looking
  }

  /** Where the primary is, then each replica: in this order a replica is never believed further than it is. */
  private async lookOnce(): Promise<void> {
    // A primary that hangs holds up no look at the replicas.
    await Promise.race([this.sample(), new Promise((done) => setTimeout(done, this.times.probeTimeoutMs).unref())])
    await Promise.all(this.all.map((replica) => replica.probe(this.samples)))
  }

  private sample(): Promise<void> {
    this.sampling ??= this.takeSample()
      .catch(() => {})
      .finally(() => (this.sampling = undefined))
    return this.sampling
  }

  private async takeSample(): Promise<void> {
    const at = Date.now()
    const [row] = await this.db.plain<{ position: string; system: string }>(sql`SELECT w.position, (SELECT system_identifier::text FROM pg_control_system()) AS system FROM (${sql.raw(whereSql)}) w`)
    const position = parsePosition(row?.position ?? '')
    if (!row || !position) return
    if (this.floor === 'unknown' && at >= this.unknownSince) this.floor = position
    if (this.samples.at(-1)?.position.lsn === position.lsn && this.samples.at(-1)?.position.timeline === position.timeline) return
    this.samples.push({ at, position, system: row.system })
    while ((this.samples[0]?.at ?? at) < at - keepSamplesMs) this.samples.shift()
  }

  /** A write ended here, by this credential and this person. */
  remember(keys: readonly string[], position: Position | undefined): void {
    if (!position) {
      this.floor = 'unknown'
      this.unknownSince = Date.now()
      return
    }
    for (const key of keys) {
      const newest = laterOf(this.written.get(key), position) ?? position
      this.written.delete(key)
      this.written.set(key, newest)
    }
    for (const [key, old] of this.written) {
      if (this.written.size <= remembered) break
      this.written.delete(key)
      if (this.floor !== 'unknown') this.floor = laterOf(this.floor, old)
    }
  }

  private wantedBy(keys: readonly string[], sent: Wanted): Wanted {
    if (sent === 'unknown' || this.floor === 'unknown') return 'unknown'
    return keys.reduce<Position | undefined>((newest, key) => laterOf(newest, this.written.get(key)), laterOf(this.floor, sent))
  }

  /** Those that may be read, in turn; those that have reached `wanted` already come first. */
  private choose(wanted: Position | undefined): Replica | undefined {
    const up = this.all.filter((replica) => replica.state === 'up')
    const near = up.filter((replica) => !wanted || (replica.position && isReached(wanted, replica.position)))
    const those = near.length > 0 ? near : up
    return those[this.turn++ % those.length]
  }

  private whyNone(): Fallback {
    const states = this.all.map((replica) => replica.state)
    return states.includes('late') ? 'late' : states.includes('promoted') ? 'promoted' : states.includes('unknown') ? 'none' : 'down'
  }

  /**
   * Runs reads on a replica, as the caller. The primary says first who the caller is, so that what was ended there is ended here;
   * and it answers whenever a replica does not. `shared`: how the primary then reads.
   */
  reader(identity: Identity, shared: boolean, request: { wanted: () => Wanted; tellAge: (ms: number) => void }): Runner {
    const primary = this.db.as(identity, shared)
    const asker = this.db.as(identity, true)
    let known: Promise<string[]> | undefined
    const knowCaller = () => (known ??= this.keysOf(identity, asker))
    const ask = async <T>(onReplica: (client: Client) => Promise<T>, onPrimary: () => Promise<T>): Promise<T> => {
      const keys = await knowCaller()
      const wanted = this.wantedBy(keys, request.wanted())
      const replica = wanted === 'unknown' ? undefined : this.choose(wanted)
      if (!replica || wanted === 'unknown') {
        this.fallbacks[wanted === 'unknown' ? 'behind' : this.whyNone()]++
        return onPrimary()
      }
      const began = Date.now()
      try {
        const answer = await replica.use(wanted, onReplica)
        request.tellAge(replica.lagMs ?? 0)
        return answer
      } catch (error) {
        this.fallbacks[this.reasonOf(error, replica)]++
        // What took too long there would take as long here, and hold up those who write.
        if ((error as { code?: string }).code === '57014' && Date.now() - began >= statementTimeoutMs - 1000) throw error
        return onPrimary()
      }
    }
    return {
      run: (query) =>
        ask(
          (client) => identified(client, compile(query), identity),
          () => primary.run(query),
        ),
      transaction: (work) =>
        ask(
          (client) => inTransaction(client, identity, asker.caller, work),
          () => primary.transaction(work),
        ),
      caller: asker.caller,
    }
  }

  /** A primary that is away cannot end anything either: then the replica alone says who the caller is. */
  private async keysOf(identity: Identity, asker: Runner): Promise<string[]> {
    const keys = [identity.credential ?? '']
    try {
      await asker.run(sql`SELECT 1`)
    } catch (error) {
      if (/^BC/.test((error as { code?: string }).code ?? '')) throw error
      return keys
    }
    return [...keys, asker.caller().userId]
  }

  private reasonOf(error: unknown, replica: Replica): Fallback {
    const { code = '', message } = error as Error & { code?: string }
    if (error instanceof ReplicaTrouble) {
      if (error.reason === 'down' || error.reason === 'promoted') if (replica.state === 'up') replica.fail(error.reason, error.message)
      return error.reason
    }
    // Whom the primary knows and the replica does not, it has not heard of yet.
    if (/^BC40/.test(code)) return 'behind'
    if (/^(ECONN|EPIPE|ETIMEDOUT|08|57P0)/.test(code) || /terminated|not queryable|was closed/i.test(message)) {
      if (replica.state === 'up') replica.fail('down', message)
      return 'down'
    }
    return 'error'
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    await this.sampling
    for (const replica of this.all) replica.close()
  }
}

async function inTransaction<T>(client: Client, identity: Identity, caller: Runner['caller'], work: (tx: Runner) => Promise<T>): Promise<T> {
  await client.query('BEGIN READ ONLY')
  await client.query({ ...beginQuery, values: identityValues(identity) })
  const tx: Runner = {
    run: async <Row>(query: Parameters<Runner['run']>[0]) => (await client.query(compile(query))).rows as Row[],
    transaction: (inner) => inner(tx),
    caller,
  }
  const result = await work(tx)
  await client.query('COMMIT')
  return result
}

/** Roles and passwords are the primary's own: an address without a user is reached as who serves. */
function completed(url: string, primaryUrl: string): string {
  const [to, from] = [new URL(url), new URL(primaryUrl)]
  if (!to.username) {
    to.username = from.username
    to.password = from.password
  }
  if (to.pathname.length < 2) to.pathname = from.pathname
  return to.href
}
