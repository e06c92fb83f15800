// The way to PostgreSQL: identity and statement travel together, in one round trip and one implicit transaction.
import { createHash } from 'node:crypto'
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type RawBuilder } from 'kysely'
import pg from 'pg'
import { type Position, parsePosition } from '../plain/position.ts'
import type { Role } from '../plain/roles.ts'
import { type PoolSettings, poolDefaults } from './config.ts'
import { Refusal } from './errors.ts'
import { Gate } from './gate.ts'
import { isBroken, ping, Readers } from './readers.ts'
import { answers, destroy, Silence } from './silence.ts'

/** Who asks: the hash of the session's or token's secret, the active company, and what the records say of the request. */
export type Identity = { credential: string | null; companyId: string | null; metadata: string; roles: readonly string[] | null }
export type Caller = { userId: string; role: Role | null }

/** Runs statements as the caller. Inside `transaction` all of them succeed or none. */
export interface Runner {
  run<Row>(query: RawBuilder<Row>): Promise<Row[]>
  transaction<T>(work: (tx: Runner) => Promise<T>): Promise<T>
  /** The verified caller; known after the first statement. */
  caller(): Caller
}

const compiler = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

/** Dates stay text and instants become RFC 3339 text: a JS Date would shift days and cost more than the query. */
const parsers: Record<number, (text: string) => unknown> = {
  1082: (text) => text,
  1114: (text) => text,
  1184: (text) => `${text.slice(0, 10)}T${text.slice(11).replace(/\+00$/, 'Z')}`,
  20: Number,
}
export const types = { getTypeParser: (oid: number, format?: 'text' | 'binary') => parsers[oid] ?? pg.types.getTypeParser(oid, format as 'text') } as pg.CustomTypesConfig

/** What opens each transaction. Behind a pooler nothing of a session lasts: no name, and the settings go along each time. */
type Opening = { name: string; identified: string; plain: string }
const begin = 'SELECT user_id, role FROM begin_request($1, $2, $3, $4)'
/** The same for a connection of its own to a replica. */
export const beginQuery = { name: 'begin_request', text: begin }

// pg's own hooks (its version is pinned): both statements are parsed, then bound and executed before one Sync, so that
// a refusal by begin_request skips the statement, and the identity ends with the implicit transaction.
type Wire = {
  parsedStatements: Record<string, string>
  submittedNamedStatements: Record<string, string>
  parse(q: { text: string; name: string }): void
  bind(b: { portal: string; statement: string; values: unknown[] }): void
  execute(e: { portal: string }): void
}
type Hooks = { prepare(wire: Wire): void; handleDataRow(message: { fields: (string | null)[] }): void; handleCommandComplete(message: unknown, wire: Wire): void }
const PgQuery = pg.Query as unknown as new (config: object, values: undefined, callback: (error: Error | null, result: pg.QueryResult) => void) => Hooks

class OpenedQuery extends PgQuery {
  private waiting = true
  caller: Caller | undefined
  private readonly opening: { name: string; text: string; values: unknown[] }
  private readonly statement: Statement
  constructor(statement: Statement, opening: { name: string; text: string; values: unknown[] }, callback: (error: Error | null, result: pg.QueryResult) => void) {
    super({ ...statement, queryMode: 'extended' }, undefined, callback)
    this.opening = opening
    this.statement = statement
  }
  override prepare(wire: Wire): void {
    // Named ones are both parsed before anything is executed: after a refusal the server skips all that follows.
    for (const { name, text } of this.opening.name ? [this.opening, this.statement] : [this.opening]) {
      if (!name) wire.parse({ name, text })
      else if (wire.parsedStatements[name] === undefined && wire.submittedNamedStatements[name] === undefined) {
        wire.parse({ name, text })
        wire.submittedNamedStatements[name] = text
        wire.parsedStatements[name] = text
      }
    }
    wire.bind({ portal: '', statement: this.opening.name, values: this.opening.values })
    wire.execute({ portal: '' })
    super.prepare(wire)
  }
  override handleDataRow(message: { fields: (string | null)[] }): void {
    if (!this.waiting) super.handleDataRow(message)
    else this.caller = { userId: String(message.fields[0]), role: (message.fields[1] === null ? null : String(message.fields[1])) as Role | null }
  }
  override handleCommandComplete(message: unknown, wire: Wire): void {
    if (!this.waiting) super.handleCommandComplete(message, wire)
    else this.waiting = false
  }
}

export function identityValues(identity: Identity): unknown[] {
  return [identity.credential, identity.companyId, identity.metadata, identity.roles ? `{${identity.roles.join(',')}}` : null]
}

export type Statement = { name: string; text: string; values: unknown[] }
export function compile(query: RawBuilder<unknown>): Statement {
  const { sql, parameters } = query.compile(compiler)
  let name = names.get(sql)
  if (!name) {
    name = createHash('sha1').update(sql).digest('base64url')
    if (names.size < 5000) names.set(sql, name)
  }
  return { name, text: sql, values: parameters.map(toWire) }
}
/** Names of statements by their text: the same few hundred come again and again. */
const names = new Map<string, string>()

/** Objects are sent as JSON; arrays of scalars as PostgreSQL arrays (pg does that). */
function toWire(value: unknown): unknown {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !Buffer.isBuffer(value) ? JSON.stringify(value) : value
}

/** What holds on each of our connections: UTC, ISO dates, and an end to everything that takes too long. */
const sessionOf = (how: PoolSettings, statementMs: number): [string, string][] => [
  ['timezone', 'UTC'],
  ['datestyle', 'ISO,MDY'],
  ['statement_timeout', String(statementMs)],
  ['lock_timeout', String(how.lockMs)],
  ['idle_in_transaction_session_timeout', String(how.idleTransactionMs)],
]

function openingOf(how: PoolSettings, statementMs: number): Opening {
  if (!how.pooler) return { name: 'begin_request', identified: begin, plain: '' }
  const settings = sessionOf(how, statementMs).map(([name, value]) => `set_config('${name}', '${value}', true)`)
  return { name: '', identified: begin.replace(' FROM', `, ${settings.join(', ')} FROM`), plain: `SELECT ${settings.join(', ')}` }
}

/** What was sent, for the log: never the values. */
type Told = { text: string; ms: number; identity: Identity | undefined; error: unknown }

/** Where the record of writes stands: everything this connection committed is before it. Without synchronous_commit the flushed end may lag. */
export const whereSql = `SELECT ('x' || left(pg_walfile_name(p.at), 8))::bit(32)::int || '-' || p.at AS position
  FROM (SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END AS at) p`
/** Is told where a write ended; undefined when that cannot be known any more. */
export type TellPosition = (position: Position | undefined) => void

export class Database {
  readonly url: string
  private readonly how: PoolSettings
  private readonly pool: pg.Pool
  private readonly readers: Readers
  private readonly silence: Silence
  private readonly gate: Gate
  private readonly openings: { pool: Opening; readers: Opening }
  private readonly clients = new Set<pg.Client>()
  private readonly used = new WeakMap<pg.ClientBase, number>()
  private staleBefore = 0
  private readonly tally = { waits: 0, timeouts: 0, replaced: 0 }
  /** Is told of each statement when it is over. */
  onStatement: ((told: Told) => void) | undefined
  constructor(url: string, settings: Partial<PoolSettings> = {}) {
    const how = { ...poolDefaults, ...settings }
    this.url = url
    this.how = how
    this.gate = new Gate(Math.ceil(how.size / 2), 100)
    const common = { connectionString: url, connectionTimeoutMillis: how.connectMs, application_name: 'bitcorp_erp', types, keepAlive: true, keepAliveInitialDelayMillis: 10_000 }
    // The database ends a statement that takes too long; when not even that is heard, it is given up here a little later.
    const session = (statementMs: number): pg.ClientConfig => ({
      ...common,
      query_timeout: statementMs + Math.min(statementMs, 5000),
      ...(how.pooler ? {} : { options: sessionOf(how, statementMs).reduce((options, [name, value]) => `${options} -c ${name}=${value}`, '') }),
    })
    const { clients } = this
    const Connection = class extends pg.Client {
      constructor(config: pg.ClientConfig = {}) {
        super({ ...config, connectionTimeoutMillis: how.connectMs })
        clients.add(this)
        // A database that dies must not take the process along: each connection emits errors, checked out or not.
        this.on('error', () => {})
        this.on('end', () => clients.delete(this))
      }
    }
    // Idle connections above `min` are closed, those below it stay.
    const limits = { min: how.size, max: how.size + how.overflow, idleTimeoutMillis: how.overflowIdleMs, maxLifetimeSeconds: how.recycleMs / 1000, connectionTimeoutMillis: how.checkoutMs }
    this.pool = new pg.Pool({ ...session(how.statementMs), ...limits, Client: Connection } as pg.PoolConfig)
    this.pool.on('error', () => {})
    // Many short reads share few connections: a slow one must end soon.
    this.readers = new Readers(session(how.readMs), 2, how)
    this.openings = { pool: openingOf(how, how.statementMs), readers: openingOf(how, how.readMs) }
    this.silence = new Silence(
      how.silenceMs,
      (withinMs) => answers({ ...common, connectionTimeoutMillis: 0 }, how.pooler, withinMs),
      () => {
        for (const client of clients) destroy(client)
        this.readers.cut()
      },
    )
  }

  /**
   * A runner for one request. The caller is verified by the database with the first statement.
   * `shared`: single statements go over the shared connections, for requests that only read and never wait for locks.
   * `tell`: hears where each write ended.
   */
  as(identity: Identity, shared = false, tell?: TellPosition): Runner {
    let caller: Caller | undefined
    const runner: Runner = {
      run: <Row>(query: RawBuilder<Row>) => {
        const send = (opening: Opening) => (client: pg.ClientBase) => this.opened<Row>(client, query, opening, identity, (c) => (caller = c))
        return shared ? this.silence.during(() => this.readers.with(send(this.openings.readers))) : this.withClient((client) => withPosition(client, () => send(this.openings.pool)(client), tell))
      },
      transaction: (work) =>
        this.withClient(async (client) => {
          await client.query('BEGIN')
          try {
            const { name, identified } = this.openings.pool
            const { rows } = await client.query<{ user_id: string; role: Role | null }>({ name, text: identified, values: identityValues(identity) })
            caller = { userId: rows[0]?.user_id ?? '', role: rows[0]?.role ?? null }
            const tx: Runner = {
              run: <Row>(query: RawBuilder<Row>) => this.inside<Row>(client, query, identity),
              transaction: (inner) => inner(tx),
              caller: runner.caller,
            }
            const result = await work(tx)
            await withPosition(client, () => client.query('COMMIT'), tell)
            return result
          } catch (error) {
            // On a connection that is gone the rest is the server's to roll back: nobody waits to tell it.
            if (!isBroken(error)) await client.query('ROLLBACK').catch(() => {})
            throw error
          }
        }),
      caller: () => {
        if (!caller) throw new Error('the caller is known after the first statement')
        return caller
      },
    }
    return runner
  }

  /** Without an identity: row security shows nothing, so only for functions that need none (signing in, readiness). */
  async plain<Row>(query: RawBuilder<Row>): Promise<Row[]> {
    return this.withClient((client) => (this.how.pooler ? this.opened<Row>(client, query, this.openings.pool, undefined, () => {}) : this.inside<Row>(client, query, undefined)))
  }

  /** Opening and statement before one Sync. */
  private opened<Row>(client: pg.ClientBase, query: RawBuilder<Row>, opening: Opening, identity: Identity | undefined, keep: (caller: Caller) => void): Promise<Row[]> {
    const statement = this.compiled(query)
    const first = { name: opening.name, text: identity ? opening.identified : opening.plain, values: identity ? identityValues(identity) : [] }
    return this.telling(
      statement.text,
      identity,
      () =>
        new Promise<Row[]>((resolve, reject) => {
          const sent = new OpenedQuery(statement, first, (error, result) => {
            if (error) return reject(error)
            if (identity && sent.caller) keep(sent.caller)
            resolve(result.rows as Row[])
          })
          client.query(sent as unknown as pg.Submittable)
        }),
    )
  }

  private inside<Row>(client: pg.ClientBase, query: RawBuilder<Row>, identity: Identity | undefined): Promise<Row[]> {
    const statement = this.compiled(query)
    return this.telling(statement.text, identity, async () => (await client.query(statement)).rows as Row[])
  }

  private compiled(query: RawBuilder<unknown>): Statement {
    const statement = compile(query)
    return this.how.pooler ? { ...statement, name: '' } : statement
  }

  private async telling<T>(text: string, identity: Identity | undefined, send: () => Promise<T>): Promise<T> {
    if (!this.onStatement) return send()
    const began = performance.now()
    let failure: unknown
    try {
      return await send()
    } catch (error) {
      failure = error
      throw error
    } finally {
      this.onStatement?.({ text, ms: performance.now() - began, identity, error: failure })
    }
  }

  private withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.silence.during(() =>
      this.gate.during(async () => {
        const client = await this.checkOut()
        let broken: Error | undefined
        try {
          return await work(client)
        } catch (error) {
          if (isBroken(error)) broken = error as Error
          throw error
        } finally {
          this.used.set(client, Date.now())
          client.release(broken)
        }
      }),
    )
  }

  /** A connection that works. One that stood idle for long is asked; when it does not answer, all as old as that are replaced unasked. */
  private async checkOut(): Promise<pg.PoolClient> {
    if (this.pool.idleCount === 0 && this.pool.totalCount >= this.how.size + this.how.overflow) this.tally.waits++
    for (;;) {
      const client = await this.pool.connect().catch((error: Error) => {
        if (!/timeout exceeded/.test(error.message)) throw error
        this.tally.timeouts++
        throw new Refusal(503, 'database_busy')
      })
      const used = this.used.get(client)
      if (used === undefined) return client
      if (used >= this.staleBefore && (Date.now() - used <= this.how.pingAfterMs || (await ping(client)))) return client
      this.tally.replaced++
      this.staleBefore = Math.max(this.staleBefore, Date.now() - 2000)
      destroy(client as unknown as pg.Client)
      client.release(true)
    }
  }

  /** Open, idle and waiting connections. */
  counts(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount }
  }

  /** Since the start: who had to wait for a connection, who waited in vain, connections replaced unused, and silences of the database. */
  tallies(): { waits: number; timeouts: number; replaced: number; silences: number } {
    const { waits, timeouts, replaced } = this.tally
    return { waits, timeouts, replaced: replaced + this.readers.replaced, silences: this.silence.count }
  }

  async close(): Promise<void> {
    this.silence.close()
    await Promise.all([this.pool.end(), this.readers.close()])
  }
}

export function identified<Row>(client: pg.ClientBase, statement: Statement, identity: Identity): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const sent = new OpenedQuery(statement, { ...beginQuery, values: identityValues(identity) }, (error, result) => (error ? reject(error) : resolve(result.rows as Row[])))
    client.query(sent as unknown as pg.Submittable)
  })
}

/** The position is asked for right behind the write, in the same breath: answered after its commit, it is never before it. */
async function withPosition<T>(client: pg.ClientBase, write: () => Promise<T>, tell: TellPosition | undefined): Promise<T> {
  if (!tell) return write()
  // pg's own switch: what is sent next does not wait for the answer to what was sent before.
  const wire = client as unknown as { pipeline: boolean }
  wire.pipeline = true
  const [done, asked] = await Promise.allSettled([write(), client.query<{ position: string }>(whereSql)])
  wire.pipeline = false
  const position = asked.status === 'fulfilled' ? parsePosition(asked.value.rows[0]?.position ?? '') : undefined
  // What was refused wrote nothing; what broke off may have.
  if (done.status === 'fulfilled' || !position) tell(position)
  if (done.status === 'rejected') throw done.reason
  return done.value
}

/** The SHA-256 of a session's or token's secret, as the database stores and compares it. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
