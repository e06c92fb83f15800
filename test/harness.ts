// A world for one test file: its own clone of the database, two companies with people in every role, and clients to all doors.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import type { FastifyInstance, InjectOptions } from 'fastify'
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { readConfig } from '../src/base/config.ts'
import { Database, hashSecret } from '../src/base/db.ts'
import { csrfToken, sessionCookie } from '../src/base/http.ts'
import { Keyring } from '../src/base/keys.ts'
import { asOwner } from '../src/base/owner.ts'
import type { Role } from '../src/plain/roles.ts'
import { createServer } from '../src/server.ts'

// biome-ignore lint/suspicious/noExplicitAny: a reply is whatever came; the test itself says what it must be
export type Body = any
export type Reply = { status: number; body: Body; headers: Record<string, unknown>; text: string }
export type CallOptions = { version?: number | '*'; key?: string; headers?: Record<string, string> }
export type Rows = Body[]
export type Query = (text: string, values?: unknown[]) => Promise<Rows>
export type CompanyName = 'andina' | 'sur'
/** operator2: a second operator of the same company. ended: a membership that is over. stranger: an account without a company. */
export type Who = Role | 'operator2' | 'ended' | 'stranger'

export const password = 'bitcorp-test-2026'
const people: Who[] = ['admin', 'manager', 'operator', 'operator2', 'viewer', 'ended', 'stranger']

export type Person = { userId: string; email: string; secret: string }
export type Company = { id: string; people: Record<Who, Person> }

export class Client {
  private readonly app: FastifyInstance
  readonly base: string
  readonly auth: Record<string, string>
  constructor(app: FastifyInstance, base: string, auth: Record<string, string>) {
    this.app = app
    this.base = base
    this.auth = auth
  }
  get(path: string, options: CallOptions = {}): Promise<Reply> {
    return this.call('GET', path, undefined, options)
  }
  post(path: string, body: unknown = {}, options: CallOptions = {}): Promise<Reply> {
    return this.call('POST', path, body, options)
  }
  patch(path: string, body: unknown, options: CallOptions = {}): Promise<Reply> {
    return this.call('PATCH', path, body, options)
  }
  delete(path: string, options: CallOptions = {}): Promise<Reply> {
    return this.call('DELETE', path, undefined, options)
  }
  /** Paths are the company's own (`/equipment`) unless they start with /api. */
  async call(method: string, path: string, body: unknown, options: CallOptions): Promise<Reply> {
    const headers: Record<string, string> = { ...this.auth, 'accept-language': 'en' }
    if (options.version !== undefined) headers['if-match'] = options.version === '*' ? '*' : `"${options.version}"`
    if (options.key !== undefined) headers['idempotency-key'] = options.key
    if (body !== undefined) headers['content-type'] = 'application/json'
    Object.assign(headers, options.headers)
    const payload = body === undefined ? {} : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }
    const reply = await this.app.inject({ method: method as 'GET', url: path.startsWith('/api') ? path : this.base + path, headers, ...payload } as InjectOptions)
    const json = /\bjson/.test(String(reply.headers['content-type'])) && reply.payload !== ''
    return { status: reply.statusCode, headers: reply.headers, text: reply.payload, body: json ? JSON.parse(reply.payload) : undefined }
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>

/** Call it at the top of a test file: `const world = await createWorld()`. `owner`: with the owner's work by the clock too. Everything is removed after the file's last test. */
export async function createWorld(options: { poolSize?: number; env?: Record<string, string>; owner?: boolean } = {}) {
  const clone = await cloneDatabase()
  const db = new Database(clone.app, { size: options.poolSize ?? 5, overflow: 0 })
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-world-'))
  const config = readConfig({ BITCORP_DATA_DIR: folder, BITCORP_CHECK_REPLIES: '1', BITCORP_LOG_LEVEL: 'fatal', BITCORP_RATE_LIMIT: '10000000', ...options.env })
  new Keyring(config.keysFile).create()
  const app = await createServer(config, db, options.owner ? clone.owner : undefined)
  const companies = await settle(clone.owner)
  const world = {
    app,
    config,
    db,
    ownerUrl: clone.owner,
    appUrl: clone.app,
    reportingUrl: clone.reporting,
    superuserUrl: clone.superuser,
    companies,
    person: (company: CompanyName, who: Who): Person => companies[company].people[who],
    /** A client as this person, with session cookie and CSRF header. */
    as: (company: CompanyName, who: Who) => new Client(app, `/api/v1/companies/${companies[company].id}`, sessionHeaders(companies[company].people[who].secret)),
    /** The same with a bearer token. */
    withToken: (company: CompanyName, token: string) => new Client(app, `/api/v1/companies/${companies[company].id}`, { authorization: `Bearer ${token}` }),
    nobody: (company: CompanyName) => new Client(app, `/api/v1/companies/${companies[company].id}`, {}),
    /** SQL as application_user with the person's identity, in a transaction that rolls back unless `commit`. */
    sqlAs: <T>(company: CompanyName, who: Who, work: (query: Query) => Promise<T>, how: { commit?: boolean } = {}): Promise<T> =>
      transaction(clone.app, how.commit ?? false, async (query) => {
        await query('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(companies[company].people[who].secret), companies[company].id, '{"source": "test"}'])
        return work(query)
      }),
    /** SQL as application_user with no identity, or any that `work` sets itself. */
    sqlBare: <T>(work: (query: Query) => Promise<T>): Promise<T> => transaction(clone.app, false, work),
    /** SQL as superuser, beyond row security: to look at what is stored, or to switch a promise off. */
    sqlAdmin: <T>(work: (query: Query) => Promise<T>): Promise<T> => transaction(clone.superuser, true, work),
    /** Registers a machine through the API, as manager, and gives it. */
    machine: async (fields: Record<string, unknown> = {}, company: CompanyName = 'andina'): Promise<Body> => {
      const reply = await world.as(company, 'manager').post('/equipment', { name: 'Excavadora hidráulica', ownership: 'rented', ...fields })
      if (reply.status !== 201) throw new Error(`machine: ${reply.status} ${reply.text}`)
      return reply.body
    },
    close: async () => {
      await app.close()
      await db.close()
      await dropDatabase(clone.name)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  afterAll(world.close)
  return world
}

export function sessionHeaders(secret: string): Record<string, string> {
  return { cookie: `${sessionCookie}=${secret}`, 'x-csrf-token': csrfToken(secret) }
}

async function settle(ownerUrl: string): Promise<Record<CompanyName, Company>> {
  const passwordHash = await hash(password, { memoryCost: 1024, timeCost: 1 })
  return asOwner(ownerUrl, async (owner) => {
    const settleOne = async (name: CompanyName, title: string): Promise<Company> => {
      const [company] = await owner.query<{ id: string }>('SELECT create_company($1, NULL) AS id', [title])
      const id = company?.id ?? ''
      const entries: [Who, Person][] = []
      for (const who of people) {
        const email = `${who}@${name}.test`
        const [user] = await owner.query<{ id: string }>("SELECT put_user($1, $2, $3, 'es') AS id", [email, `${who} de ${name}`, passwordHash])
        const role = who === 'operator2' ? 'operator' : who === 'ended' ? 'manager' : who
        if (who !== 'stranger') await owner.query('SELECT put_membership($1, $2, $3)', [id, user?.id, role])
        if (who === 'ended') await owner.query('SELECT put_membership($1, $2, NULL)', [id, user?.id])
        const session = await owner.actAs(email)
        entries.push([who, { userId: user?.id ?? '', email, secret: session?.secret ?? '' }])
      }
      return { id, people: Object.fromEntries(entries) as Record<Who, Person> }
    }
    return { andina: await settleOne('andina', 'Constructora Andina'), sur: await settleOne('sur', 'Vial del Sur') }
  })
}

/** Adds a company with one admin, for tests that need more than the two. */
export async function addCompany(ownerUrl: string, title: string, email: string): Promise<{ id: string; admin: Person }> {
  return asOwner(ownerUrl, async (owner) => {
    const [company] = await owner.query<{ id: string }>('SELECT create_company($1, NULL) AS id', [title])
    const [user] = await owner.query<{ id: string }>("SELECT put_user($1, $2, NULL, 'es') AS id", [email, email])
    await owner.query("SELECT put_membership($1, $2, 'admin')", [company?.id, user?.id])
    const session = await owner.actAs(email)
    return { id: company?.id ?? '', admin: { userId: user?.id ?? '', email, secret: session?.secret ?? '' } }
  })
}

export type Clone = { name: string; superuser: string; owner: string; app: string; reporting: string }

/** A database of its own, copied from the migrated template; `empty`: made from nothing but roles and extensions' rights. */
export async function cloneDatabase(how: { empty?: boolean } = {}): Promise<Clone> {
  const server = inject('server')
  const name = `t_${randomBytes(6).toString('hex')}`
  const rename = (url: string) => url.replace(/\/bitcorp_erp$/, `/${name}`)
  await withAdmin(async (query) => {
    await query(`CREATE DATABASE ${name} TEMPLATE ${how.empty ? 'template0' : 'bitcorp_erp'}`)
    await query(`GRANT CREATE, CONNECT ON DATABASE ${name} TO bitcorp_owner`)
  })
  return { name, superuser: rename(server.superuser), owner: rename(server.owner), app: rename(server.app), reporting: rename(server.reporting) }
}

export async function dropDatabase(name: string): Promise<void> {
  await withAdmin((query) => query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
}

async function withAdmin<T>(work: (query: Query) => Promise<T>): Promise<T> {
  return connected(inject('server').superuser.replace(/\/bitcorp_erp$/, '/postgres'), async (query) => {
    // Two copies of one template at once are refused by PostgreSQL: they take turns.
    await query("SELECT pg_advisory_lock(hashtextextended('test clones', 0))")
    return work(query)
  })
}

/** A connection for the length of `work`. Dates and instants stay text. */
export async function connected<T>(url: string, work: (query: Query, client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    options: '-c timezone=UTC',
    types: { getTypeParser: (oid: number) => (oid === 20 ? Number : oid === 1082 || oid === 1184 ? (text: string) => text : pg.types.getTypeParser(oid)) } as pg.CustomTypesConfig,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(async (text, values) => (await client.query(text, values)).rows, client)
  } finally {
    await client.end().catch(() => {})
  }
}

export async function transaction<T>(url: string, commit: boolean, work: (query: Query) => Promise<T>): Promise<T> {
  return connected(url, async (query) => {
    await query('BEGIN')
    try {
      const result = await work(query)
      await query(commit ? 'COMMIT' : 'ROLLBACK')
      return result
    } catch (error) {
      await query('ROLLBACK').catch(() => {})
      throw error
    }
  })
}

/** The SQLSTATE and constraint of what `work` is refused with; 'done' when it is not. */
export async function refusalOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    const { code, constraint } = error as { code?: string; constraint?: string }
    return constraint ?? code ?? String(error)
  }
}

/** Waits while midnight is near where clocks stand so many hours ahead of UTC: a file that says `today` then has one day from its first test to its last. */
export async function awayFromMidnight(...hoursAhead: number[]): Promise<void> {
  const left = () => Math.min(...hoursAhead.map((hours) => 86_400_000 - ((Date.now() + hours * 3600_000) % 86_400_000)))
  while (left() < 240_000) await sleep(1000)
}

/** A port that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createTcp()
    probe.once('error', fail)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
