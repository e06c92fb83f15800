// Who reaches what, tried out in the running installation: every table, every kind of identity, every verb, in one transaction that rolls back.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Identity, type Stage, setStage } from './identities.ts'
import { type Attempt, attempt, type Fault, type Look, literal, name, type Say } from './look.ts'
import { lookAtObjects, type ObjectEvidence, type SecretEvidence, trySecrets, tryViews, type ViewEvidence } from './objects.ts'

/** company: the column that says whose a row is; null for tables of the whole installation. own: what makes a row the account's own. */
type Table = { table: string; key: string; company: string | null; own: string | null; insert: string[]; update: string | null; policies: Record<string, string> }
/** One line of the evidence. Numbers are rows; `foreign` are rows of other companies among them. */
export type Evidence = {
  table: string
  identity: string
  role: string
  rows: number
  sees: number | string
  foreign: number
  may_update: number
  update_foreign: number
  insert_own: string
  insert_other: string
  updates: string
  deletes: string
}
export type IsolationReport = { tables: number; identities: number; evidence: Evidence[]; views: ViewEvidence[]; secrets: SecretEvidence[]; objects: ObjectEvidence[]; faults: Fault[] }

/** `companies`: how many of the installation's own are tried beside the made-up ones. `tables`: these alone, and none when empty. */
export async function verifyIsolation(ownerUrl: string, say: Say, how: { companies?: number; tables?: readonly string[] } = {}): Promise<IsolationReport> {
  return inTransaction(ownerUrl, (query) =>
    inTransaction(ownerUrl, async (fresh) => {
      await query('SET LOCAL ROLE record_keeper')
      const real = await query<{ id: string }>("SELECT id FROM companies WHERE status = 'active' AND NOT is_deleted ORDER BY id LIMIT $1", [how.companies ?? 3])
      const tables = (await readTables(query)).filter((t) => how.tables?.includes(t.table) ?? true)
      const { objects, views, secrets, faults } = await lookAtObjects(query)
      const report: IsolationReport = { tables: tables.length, identities: 0, evidence: [], views: [], secrets: [], objects, faults }
      const stage = await tryStage(
        query,
        real.map((c) => c.id),
        report,
      )
      if (!stage) return report
      report.identities = stage.identities.length + 1
      // A setting once set is never unset again on its connection, so who never set one has a connection where nobody did.
      const nowhere: Stage = {
        own: randomUUID(),
        other: randomUUID(),
        identities: [{ name: 'unset', role: 'application_user', credential: null, chosen: null, company: null, user: null, writes: false, member: null, isAdmin: false }],
      }
      for (const table of tables) {
        const samples = await readSamples(query, table, stage)
        const tries = [
          ...stage.identities.map((identity) => [query, stage, identity, samples] as const),
          ...nowhere.identities.map((identity) => [fresh, nowhere, identity, { ...samples, own: null, other: null }] as const),
        ]
        for (const [as, where, identity, rows] of tries) {
          const line = await tryOut(as, table, identity, where, rows)
          report.evidence.push(line)
          report.faults.push(...judge(line, identity, table))
        }
        say(`${table.table} …`)
      }
      for (const [as, identity] of [...stage.identities.map((one) => [query, one] as const), ...nowhere.identities.map((one) => [fresh, one] as const)]) {
        await become(as, identity)
        await tryViews(as, identity, views, report)
        await trySecrets(as, identity, secrets, report)
      }
      return report
    }),
  )
}

/** Where a right or policy is gone the made-up people may not even be made: that is a finding too, beside what the catalogue says. */
async function tryStage(query: Look, real: readonly string[], report: IsolationReport): Promise<Stage | undefined> {
  try {
    return await setStage(query, real)
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    if (code !== '42501') throw error
    report.faults.push({ rule: 'every_role_can_do_its_work', where: 'made-up companies and people', company_id: null, found: message, expected: 'written' })
    return undefined
  }
}

async function inTransaction<T>(ownerUrl: string, work: (query: Look) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'bitcorp_erp verify', options: '-c timezone=UTC -c statement_timeout=60000 -c lock_timeout=2000' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    return await work(async (text, values = []) => (await client.query(text, values)).rows)
  } finally {
    await client.query('ROLLBACK').catch(() => {})
    await client.end().catch(() => {})
  }
}

/** Every table and partition of the installation with what the catalogue lets who serves do. */
async function readTables(query: Look): Promise<Table[]> {
  return query<Table>(`
    SELECT c.relname AS "table", (array_agg(a.attname::text ORDER BY a.attname <> 'company_id', a.attnum))[1] AS key, CASE WHEN c.relname = 'companies' THEN 'id' WHEN bool_or(a.attname = 'company_id') THEN 'company_id' END AS company,
      CASE WHEN c.relname = 'users' THEN 'id' WHEN bool_or(a.attname = 'user_id') THEN 'user_id' END AS own,
      coalesce(array_agg(a.attname::text) FILTER (WHERE has_column_privilege('application_user', c.oid, a.attnum, 'INSERT') AND a.attgenerated = '' AND a.attidentity <> 'a'), '{}') AS insert,
      min(a.attname::text) FILTER (WHERE has_column_privilege('application_user', c.oid, a.attnum, 'UPDATE') AND a.attgenerated = '' AND a.attidentity = '') AS update,
      (SELECT coalesce(jsonb_object_agg(p.polcmd, p.qual), '{}') FROM (SELECT polcmd, string_agg('(' || coalesce(pg_get_expr(polqual, polrelid), 'true') || ')', ' OR ') AS qual
        FROM pg_policy WHERE polrelid = c.oid AND polpermissive AND (polroles && ARRAY['application_user'::regrole::oid, 0::oid]) GROUP BY polcmd) p) AS policies
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid, c.relname ORDER BY c.relname`)
}

type Samples = { rows: number; own: string | null; other: string | null }

/** A row of each of the two companies as JSON, to be written again; and how many rows there are at all. */
async function readSamples(query: Look, table: Table, stage: Stage): Promise<Samples> {
  await query('SET LOCAL ROLE record_keeper')
  const one = async (company: string) =>
    (await attempt(query, `SELECT to_jsonb(t)::text AS row FROM ${name(table.table)} t WHERE ${name(table.key)} = ${literal(company)} LIMIT 1`)).rows[0]?.row ?? null
  const [own, other] = table.company ? [await one(stage.own), await one(stage.other)] : [null, null]
  const rows = Number((await attempt(query, `SELECT count(*) AS n FROM ${name(table.table)}`)).rows[0]?.n ?? 0)
  return { rows, own: own as string | null, other: other as string | null }
}

/** Makes the identity's credential and company the caller's, and takes on its role. */
async function become(query: Look, { role, credential, chosen, claims }: Identity): Promise<void> {
  await query('SET LOCAL ROLE bitcorp_owner')
  await query('SELECT identify_caller($1, $2)', [credential, chosen])
  if (claims) await query(`SELECT set_config('app.caller', repeat('f', 64) || $1::text || gen_random_uuid() || rpad('admin', 8) || gen_random_uuid() || repeat(' ', 36) || '10UTC ', true)`, [claims])
  await query(`SET LOCAL ROLE ${role}`)
}

async function tryOut(query: Look, table: Table, identity: Identity, stage: Stage, samples: Samples): Promise<Evidence> {
  await become(query, identity)
  const at = name(table.table)
  const foreign = foreignTo(table, identity)
  // By the policies themselves, over all rows: counts what could be changed, also blindly, without changing anything.
  await query('SET LOCAL ROLE record_keeper')
  const updatable = table.update && identity.role === 'application_user' ? ['*', 'w'].flatMap((c) => table.policies[c] ?? []).join(' OR ') || 'false' : 'false'
  const counted = await attempt(query, `SELECT count(*) AS n, count(*) FILTER (WHERE ${foreign}) AS foreign FROM ${at} WHERE ${updatable}`)
  await query(`SET LOCAL ROLE ${identity.role}`)
  const seen = await attempt(query, `SELECT count(*) AS n, count(*) FILTER (WHERE ${foreign}) AS foreign FROM ${at}`)
  const write = async (text: string) => outcome(await attempt(query, text), table.table)
  const insert = (row: string | null, company: string) => write(insertOf(table, row, company))
  const isOther = identity.company === stage.other
  const line: Evidence = {
    table: table.table,
    identity: identity.name,
    role: identity.role,
    rows: samples.rows,
    sees: seen.error ? (seen.error.code === '42501' ? 'no right' : `error ${seen.error.code}`) : Number(seen.rows[0]?.n),
    foreign: Number(seen.rows[0]?.foreign ?? 0),
    may_update: Number(counted.rows[0]?.n ?? 0),
    update_foreign: Number(counted.rows[0]?.foreign ?? 0),
    insert_own: await insert(isOther ? samples.other : samples.own, isOther ? stage.other : stage.own),
    insert_other: await insert(isOther ? samples.own : samples.other, isOther ? stage.own : stage.other),
    updates: table.update ? await write(`UPDATE ${at} SET ${name(table.update)} = DEFAULT ${identity.writes ? `WHERE ${foreign}` : ''}`) : await write(`UPDATE ${at} SET ${name(table.key)} = NULL`),
    deletes: await write(`DELETE FROM ${at}`),
  }
  return line
}

/** True for rows that are not this identity's to see: of another company, or of nobody when it is none. Its own account is its own. */
function foreignTo(table: Table, identity: Identity): string {
  if (table.table === 'users') {
    const colleagues = `id IN (SELECT r.user_id FROM user_company_roles r WHERE r.company_id = ${literal(identity.company ?? '00000000-0000-0000-0000-000000000000')})`
    return `NOT (id = ${literal(identity.user ?? '00000000-0000-0000-0000-000000000000')}::uuid OR ${colleagues})`
  }
  return table.company && identity.company ? `${name(table.company)} IS DISTINCT FROM ${literal(identity.company)}::uuid` : 'true'
}

function insertOf(table: Table, row: string | null, company: string): string {
  const columns = table.insert.length ? table.insert.map(name).join(', ') : name(table.key)
  return row
    ? `INSERT INTO ${name(table.table)} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${name(table.table)}, ${literal(row)})`
    : `INSERT INTO ${name(table.table)} (${name(table.key)}) VALUES (${literal(company)})`
}

/** `refused`: by right or policy. `rule`: by a trigger before any policy was asked. `reached`: a policy let it by, whatever stopped it later. */
function outcome({ count, error }: Attempt, table: string): string {
  if (!error) return count > 0 ? `reached ${count}` : 'none'
  if (error.code === '42501') return 'refused'
  return error.table === table ? `reached (${error.constraint ?? error.code})` : `rule (${error.constraint ?? error.code})`
}

/** What a viewer may write: their own account's. */
const ownAccount = ['users', 'api_tokens', 'idempotency_keys']

function judge(line: Evidence, identity: Identity, table: Table): Fault[] {
  const faults: Fault[] = []
  const fault = (rule: string, found: unknown, expected: unknown) =>
    void faults.push({ rule, where: `${identity.name} (${identity.role}) in ${line.table}`, company_id: identity.company, table: line.table, identity: identity.name, found, expected })
  if (typeof line.sees === 'string' && line.sees.startsWith('error')) fault('reads_without_error', line.sees, 'rows or none')
  if (line.foreign > 0) fault(identity.company ? 'sees_own_company_only' : 'nobody_sees_nothing', `${line.foreign} rows of others`, 'none')
  if (line.update_foreign > 0) fault('changes_own_company_only', `${line.update_foreign} rows of others may be changed`, 'none')
  const reaches = (what: string) => what.startsWith('reached')
  if (reaches(line.insert_other)) fault('writes_into_no_other_company', line.insert_other, 'refused')
  if (!identity.writes && reaches(line.insert_own)) fault('who_may_not_write_writes_nothing', line.insert_own, 'refused')
  const mine = ownAccount.includes(line.table) && table.own !== null && identity.user !== null
  if (!identity.writes && !mine && (line.may_update > 0 || reaches(line.updates))) fault('who_may_not_write_writes_nothing', `${line.may_update} rows, ${line.updates}`, 'none')
  if (identity.writes && reaches(line.updates)) fault('changes_own_company_only', line.updates, 'none')
  if (reaches(line.deletes) || line.deletes === 'none') fault('nothing_is_erased', line.deletes, 'refused')
  return faults
}
