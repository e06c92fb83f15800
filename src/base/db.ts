// The way to PostgreSQL: identity and statement travel together, in one round trip and one implicit transaction.
import { createHash } from 'node:crypto'
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type RawBuilder } from 'kysely'
import pg from 'pg'
import type { Role } from '../plain/roles.ts'

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
const types = { getTypeParser: (oid: number, format?: 'text' | 'binary') => parsers[oid] ?? pg.types.getTypeParser(oid, format as 'text') } as pg.CustomTypesConfig

const begin = { name: 'begin_request', text: 'SELECT user_id, role FROM begin_request($1, $2, $3, $4)' }

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

class IdentifiedQuery extends PgQuery {
  private waiting = true
  caller: Caller | undefined
  private readonly identity: Identity
  private readonly statement: { name: string; text: string }
  constructor(statement: { name: string; text: string; values: unknown[] }, identity: Identity, callback: (error: Error | null, result: pg.QueryResult) => void) {
    super(statement, undefined, callback)
    this.identity = identity
    this.statement = statement
  }
  override prepare(wire: Wire): void {
    for (const { name, text } of [begin, this.statement]) {
      if (wire.parsedStatements[name] === undefined && wire.submittedNamedStatements[name] === undefined) {
        wire.parse({ name, text })
        wire.submittedNamedStatements[name] = text
        wire.parsedStatements[name] = text
      }
    }
    wire.bind({ portal: '', statement: begin.name, values: identityValues(this.identity) })
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

function identityValues(identity: Identity): unknown[] {
  return [identity.credential, identity.companyId, identity.metadata, identity.roles ? `{${identity.roles.join(',')}}` : null]
}

function compile(query: RawBuilder<unknown>): { name: string; text: string; values: unknown[] } {
  const { sql, parameters } = query.compile(compiler)
  return { name: createHash('sha1').update(sql).digest('base64url'), text: sql, values: parameters.map(toWire) }
}

/** Objects are sent as JSON; arrays of scalars as PostgreSQL arrays (pg does that). */
function toWire(value: unknown): unknown {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !Buffer.isBuffer(value) ? JSON.stringify(value) : value
}

const session = (statementTimeout: number) => `-c timezone=UTC -c datestyle=ISO -c statement_timeout=${statementTimeout} -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000`

export class Database {
  private readonly pool: pg.Pool
  private readonly readers: Readers
  constructor(url: string, size = 10) {
    const common = { connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'bitcorp_erp', types }
    this.pool = new pg.Pool({ ...common, max: size, maxLifetimeSeconds: 3600, options: session(30_000) })
    // Many short reads share few connections, each sent without waiting for the one before: a slow one must end soon.
    this.readers = new Readers({ ...common, options: session(10_000) }, 2)
    // A database that dies must not take the process along: both the pool and each checked-out client emit errors.
    this.pool.on('error', () => {})
    this.pool.on('connect', (client) => client.on('error', () => {}))
  }

  /**
   * A runner for one request. The caller is verified by the database with the first statement.
   * `shared`: single statements go over the shared connections, for requests that only read and never wait for locks.
   */
  as(identity: Identity, shared = false): Runner {
    let caller: Caller | undefined
    const runner: Runner = {
      run: <Row>(query: RawBuilder<Row>) => {
        const send = (client: pg.ClientBase) => identified<Row>(client, compile(query), identity, (c) => (caller = c))
        return shared ? this.readers.with(send) : this.withClient(send)
      },
      transaction: (work) =>
        this.withClient(async (client) => {
          await client.query('BEGIN')
          try {
            const { rows } = await client.query<{ user_id: string; role: Role | null }>({ ...begin, values: identityValues(identity) })
            caller = { userId: rows[0]?.user_id ?? '', role: rows[0]?.role ?? null }
            const tx: Runner = {
              run: async <Row>(query: RawBuilder<Row>) => (await client.query(compile(query))).rows as Row[],
              transaction: (inner) => inner(tx),
              caller: runner.caller,
            }
            const result = await work(tx)
            await client.query('COMMIT')
            return result
          } catch (error) {
            await client.query('ROLLBACK').catch(() => {})
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
    return this.withClient(async (client) => (await client.query(compile(query))).rows as Row[])
  }

  private async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect()
    let broken: Error | undefined
    try {
      return await work(client)
    } catch (error) {
      if (isBroken(error)) broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  /** Open, idle and waiting connections. */
  counts(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.readers.close()])
  }
}

/** A few pipelined connections that every caller shares, opened when first needed and replaced when they break. */
class Readers {
  private readonly config: pg.ClientConfig
  private readonly clients: (Promise<pg.Client> | undefined)[]
  private turn = 0
  constructor(config: pg.ClientConfig, count: number) {
    this.config = config
    this.clients = new Array<undefined>(count).fill(undefined)
  }

  async with<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.turn = (this.turn + 1) % this.clients.length
    const place = this.turn
    const opening = this.clients[place] ?? this.open(place)
    this.clients[place] = opening
    try {
      return await work(await opening)
    } catch (error) {
      if (isBroken(error)) this.drop(place, opening)
      throw error
    }
  }

  private async open(place: number): Promise<pg.Client> {
    const client = new pg.Client({ ...this.config, pipeline: true } as pg.ClientConfig)
    client.on('error', () => this.drop(place, undefined))
    try {
      await client.connect()
    } catch (error) {
      this.clients[place] = undefined
      throw error
    }
    return client
  }

  // What is still under way on a dropped connection finishes or fails by itself; the next request opens a new one.
  private drop(place: number, opening: Promise<pg.Client> | undefined): void {
    const current = this.clients[place]
    if (!current || (opening && current !== opening)) return
    this.clients[place] = undefined
    current.then((client) => client.end()).catch(() => {})
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map(async (client) => (await client?.catch(() => undefined))?.end()))
  }
}

/** Not usable any more: gone, or (26000, 0A000) without a prepared statement or with one whose tables changed. */
function isBroken(error: unknown): boolean {
  return /terminated|ECONN|EPIPE|57P0|26000|0A000|not queryable|was closed/i.test(`${(error as Error).message} ${(error as { code?: string }).code ?? ''}`)
}

function identified<Row>(client: pg.ClientBase, statement: { name: string; text: string; values: unknown[] }, identity: Identity, keep: (caller: Caller) => void): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const query = new IdentifiedQuery(statement, identity, (error, result) => {
      if (error) return reject(error)
      if (query.caller) keep(query.caller)
      resolve(result.rows as Row[])
    })
    client.query(query as unknown as pg.Submittable)
  })
}

/** The SHA-256 of a session's or token's secret, as the database stores and compares it. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
