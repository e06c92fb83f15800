// Who may do what in a table, tried out in SQL with every kind of identity and compared whole with what is written.
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { hashSecret } from '../src/base/db.ts'
import { asOwner } from '../src/base/owner.ts'
import { addCompany, createWorld, type Query } from './harness.ts'

/** The identities tried, in the order of the written tables. */
export const identities = [
  'admin',
  'manager',
  'operator',
  'viewer',
  'admin, read token',
  'admin, write token',
  'no membership',
  'ended membership',
  'suspended company',
  'expired session',
  'deactivated account',
  'other company',
  'random',
  'empty',
  'unset',
  'reporting_user',
] as const
/** Who has nothing to do with the company, or no longer: written as one line, `outsiders`, where all get the same. */
const outsiders = identities.slice(identities.indexOf('no membership'), identities.indexOf('reporting_user'))
type Identity = { url: string; credential: string | null; company: string | null; target: string; user: string }
/** $1 is the company whose rows are tried, $2 the person of the identity. */
export type Statements = { select?: string; insert: string; update: string; delete?: string }

export async function createPolicyWorld() {
  const world = await createWorld()
  const suspended = await addCompany(world.ownerUrl, 'Suspendida', 'admin@suspendida.test')
  const andina = world.companies.andina.id
  const { admin } = world.companies.andina.people
  const sessionOf = async (email: string, sql: string) => {
    const secret = await asOwner(world.ownerUrl, async (o) => (await o.actAs(email))?.secret ?? '')
    await world.sqlAdmin((q) => q(sql, [hashSecret(secret)]))
    return secret
  }
  const token = async (scopes: string) => {
    const secret = randomBytes(32).toString('base64url')
    await world.sqlAs(
      'andina',
      'admin',
      (q) =>
        q("INSERT INTO api_tokens (company_id, user_id, name, token_hash, scopes, expires_at) VALUES ($1, $2, 'tried', $3, $4::text[], now() + interval '1 day')", [
          andina,
          admin.userId,
          hashSecret(secret),
          scopes,
        ]),
      { commit: true },
    )
    return secret
  }
  const deactivated = await addCompany(world.ownerUrl, 'De paso', 'deactivated@andina.test')
  await asOwner(world.ownerUrl, async (o) => {
    await o.query("SELECT put_membership($1, $2, 'admin')", [andina, deactivated.admin.userId])
    await o.query("SELECT set_company_status($1, 'suspended')", [suspended.id])
  })
  await world.sqlAdmin((q) => q("UPDATE users SET status = 'deactivated' WHERE id = $1", [deactivated.admin.userId]))
  const member = (secret: string | null, user: string, company: string | null = andina, target = andina): Identity => ({
    url: world.appUrl,
    credential: secret === null ? null : hashSecret(secret),
    company,
    target,
    user,
  })
  const of = (who: 'admin' | 'manager' | 'operator' | 'viewer' | 'stranger' | 'ended') => member(world.person('andina', who).secret, world.person('andina', who).userId)
  const known: Record<(typeof identities)[number], Identity> = {
    admin: of('admin'),
    manager: of('manager'),
    operator: of('operator'),
    viewer: of('viewer'),
    'admin, read token': member(await token('{read}'), admin.userId),
    'admin, write token': member(await token('{write}'), admin.userId),
    'no membership': of('stranger'),
    'ended membership': of('ended'),
    'suspended company': member(suspended.admin.secret, suspended.admin.userId, suspended.id, suspended.id),
    'expired session': member(await sessionOf('admin@andina.test', 'UPDATE sessions SET expires_at = now() WHERE token_hash = $1'), admin.userId),
    'deactivated account': member(deactivated.admin.secret, deactivated.admin.userId),
    'other company': member(world.person('sur', 'admin').secret, world.person('sur', 'admin').userId),
    random: member(randomUUID(), admin.userId),
    empty: member('', admin.userId, null),
    unset: member(null, admin.userId, null),
    reporting_user: { ...of('manager'), url: world.reportingUrl },
  }
  known.empty.credential = ''
  await world.sqlAdmin(async (q) => {
    for (const company of [andina, world.companies.sur.id, suspended.id]) await fill(q, company)
  })
  const clients = new Map<string, pg.Client>()
  const connection = async (url: string): Promise<Query> => {
    const client = clients.get(url) ?? new pg.Client({ connectionString: url })
    if (!clients.has(url)) await client.connect()
    clients.set(url, client)
    return async (text, values) => (await client.query(text, values)).rows
  }
  afterAll(async () => {
    for (const client of clients.values()) await client.end()
  })
  // A machine of Andina that nobody has.
  const [free] = await world.sqlAdmin((q) => q("SELECT id FROM equipment WHERE company_id = $1 AND name = 'Libre'", [andina]))
  return { ...world, identities: known, suspended, connection, freeMachine: String(free?.id) }
}

export type PolicyWorld = Awaited<ReturnType<typeof createPolicyWorld>>

/** A row in every tenant table of a company, in the name of its admin. */
async function fill(q: Query, company: string): Promise<void> {
  const [admin] = await q("SELECT user_id FROM user_company_roles WHERE company_id = $1 AND role = 'admin' ORDER BY created_at LIMIT 1", [company])
  const user = admin?.user_id
  const [category] = await q("INSERT INTO equipment_categories (company_id, name, path) VALUES ($1, 'Fija', '') RETURNING id", [company])
  const [machine] = await q("INSERT INTO equipment (company_id, name, ownership, category_id) VALUES ($1, 'Fija', 'rented', $2) RETURNING id", [company, category.id])
  const [free] = await q("INSERT INTO equipment (company_id, name, ownership) VALUES ($1, 'Libre', 'rented') RETURNING id", [company])
  await q('INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by) VALUES ($1, $2, $3, $3)', [company, machine.id, user])
  await q("INSERT INTO equipment_logs (company_id, equipment_id, event_type, notes, recorded_by) VALUES ($1, $2, 'note', 'Fija', $3)", [company, free.id, user])
  await q("INSERT INTO encrypted_tax_ids (company_id, key_id, ciphertext, lookup_hash) VALUES ($1, 'deadbeef', decode(repeat('00', 31), 'hex'), repeat('a', 64))", [company])
  await q("INSERT INTO import_batches (company_id, file_name, row_count) VALUES ($1, 'a.csv', 0)", [company])
  const [hook] = await q("INSERT INTO webhooks (company_id, name, url) VALUES ($1, 'fijo', 'https://fijo.test/') RETURNING id", [company])
  await q("INSERT INTO webhook_deliveries (company_id, webhook_id, event_type, attempt, status, duration_ms) VALUES ($1, $2, 'webhook_test', 1, 'delivered', 1)", [company, hook.id])
  await q("INSERT INTO idempotency_keys (company_id, user_id, key, request_hash) SELECT company_id, user_id, 'k', 'h' FROM user_company_roles WHERE company_id = $1", [company])
  await q(
    "INSERT INTO api_tokens (company_id, user_id, name, token_hash, scopes, expires_at) SELECT company_id, user_id, 'fijo', encode(sha256(id::text::bytea), 'hex'), '{read}', now() + interval '1 day' FROM user_company_roles WHERE company_id = $1",
    [company],
  )
}

async function attempt(world: PolicyWorld, name: (typeof identities)[number], verb: string, sql: string): Promise<string> {
  const identity = world.identities[name]
  const usesUser = sql.includes('$2')
  try {
    const q = await world.connection(identity.url)
    await q('BEGIN')
    try {
      await q('SELECT identify_caller($1, $2)', [identity.credential, identity.company])
      const rows = await q(sql, sql.includes('$1') ? (usesUser ? [identity.target, identity.user] : [identity.target]) : [])
      if (verb !== 'select') return rows.length > 1 ? `done ${rows.length}` : rows.length > 0 ? 'done' : 'none'
      if (rows.length === 0) return 'none'
      return rows.every((row) => row.own) ? `own ${rows.length}` : 'FOREIGN'
    } finally {
      await q('ROLLBACK')
    }
  } catch (error) {
    const { code, constraint } = error as { code?: string; constraint?: string }
    return code === '42501' ? 'refused' : (constraint ?? code ?? String(error))
  }
}

/** One test for a table: what each identity gets for each verb must be exactly what is written. */
export function policyTest(world: PolicyWorld, table: string, statements: Statements, written: string): void {
  test(`${table}: each identity gets exactly what is written`, async () => {
    const key = table === 'companies' ? 'id' : 'company_id'
    const verbs: Record<string, string> = {
      select: statements.select ?? `SELECT ${key} = $1 AS own FROM ${table}`,
      insert: statements.insert,
      update: statements.update,
      delete: statements.delete ?? `DELETE FROM ${table} WHERE true RETURNING 1`,
    }
    const lines = [
      ['', ...Object.keys(verbs)]
        .map((word) => word.padEnd(22))
        .join('')
        .trim(),
    ]
    for (const name of identities) {
      const cells: string[] = []
      for (const [verb, sql] of Object.entries(verbs)) cells.push(await attempt(world, name, verb, sql))
      lines.push(
        [name, ...cells]
          .map((cell) => cell.padEnd(22))
          .join('')
          .trim(),
      )
    }
    const plain = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => line.trim().replace(/ {2,}/g, '  '))
        .flatMap((line) => (line.startsWith('outsiders  ') ? outsiders.map((name) => line.replace('outsiders', name)) : [line]))
    expect(plain(lines.join('\n'))).toEqual(plain(written))
    expect(lines.length).toBe(identities.length + 1)
  })
}
