// What is no table: views, functions, sequences, and columns that hold secrets; and what the catalogue must say of tables and partitions.
import type { Identity } from './identities.ts'
import { attempt, type Fault, type Look, literal, name } from './look.ts'

/** What of the catalogue was looked at, and who may use it. */
export type ObjectEvidence = { kind: string; name: string; for: string }
export type ViewEvidence = { view: string; identity: string; role: string; sees: number | string; foreign: number }
export type SecretEvidence = { secret: string; identity: string; role: string; sees: number | string; foreign: number }
export type View = { view: string; company: boolean; user: boolean }
/** `readers`: the roles with the right to read it. */
export type Secret = { table: string; column: string; company: boolean; user: boolean; readers: string[] }
type Report = { views: ViewEvidence[]; secrets: SecretEvidence[]; faults: Fault[] }

const served = `('application_user'::regrole, 'reporting_user'::regrole)`
/** Everything but the server's own and what extensions bring: that is open to everyone, and reaches no row by itself. */
const own = (alias: string, kind: string) => `n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${kind}'::regclass AND d.objid = ${alias}.oid AND d.deptype = 'e')`
const grantees = (acl: string, verbs = '') => `(SELECT string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ')
  FROM aclexplode(${acl}) a WHERE (a.grantee = 0 OR a.grantee IN ${served}) ${verbs})`
const rule = (when: string, what: string) => `CASE WHEN ${when} THEN '${what}' END`
/** They tell the policies who asks, so they cannot lean on them; each shows the caller alone, and is tried below. */
const finders = `('caller', 'caller_account', 'caller_memberships')`
const relations = (kinds: string) => `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN (${kinds}) AND ${own('c', 'pg_class')}`
/** Of the table and its columns. */
const allGrants = `(SELECT a.privilege_type AS verb, a.grantee FROM aclexplode(c.relacl) a
  UNION SELECT a.privilege_type, a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid)`

/** Each gives kind, name, for whom, and the rules that it breaks. */
const looks = [
  `SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, c.relname AS name, ${grantees('c.relacl')} AS "for", ARRAY[
     ${rule(`c.relkind = 'v' AND c.relname NOT IN ${finders} AND NOT coalesce(c.reloptions::text, '') ~ 'security_invoker=(true|on)'`, 'view_asks_as_who_reads')},
     ${rule(`c.relname IN ${finders} AND NOT (c.relowner = 'record_keeper'::regrole AND coalesce(c.reloptions::text, '') ~ 'security_barrier')`, 'view_asks_as_who_reads')},
     ${rule(`c.relkind = 'v' AND ${grantees('c.relacl', "AND a.privilege_type <> 'SELECT'")} IS NOT NULL`, 'view_is_only_read')},
     ${rule(`c.relkind = 'm' AND ${grantees('c.relacl')} IS NOT NULL`, 'materialized_view_granted_to_nobody')}] AS rules FROM ${relations(`'v', 'm'`)}`,
  `SELECT 'sequence', c.relname, ${grantees('c.relacl')}, ARRAY[${rule(`${grantees('c.relacl')} IS NOT NULL`, 'sequence_granted_to_nobody')}] FROM ${relations(`'S'`)}`,
  `SELECT CASE WHEN c.relispartition THEN 'partition' ELSE 'table' END, c.relname,
     (SELECT string_agg(DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, ', ') FROM ${allGrants} g WHERE g.grantee = 0 OR g.grantee IN ${served}), ARRAY[
     ${rule(`c.relname NOT LIKE 'schema\\_%' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`, 'row_security_forced')},
     ${rule(`c.relispartition AND EXISTS (SELECT FROM ${allGrants} g WHERE g.grantee <> c.relowner)`, 'partition_granted_to_nobody')},
     ${rule(`EXISTS (SELECT FROM ${allGrants} g WHERE g.grantee = 0)`, 'nothing_granted_to_everyone')},
     ${rule(
       `EXISTS (SELECT FROM ${allGrants} g WHERE g.grantee IN ${served} AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND g.grantee = ANY (p.polroles)
       AND p.polcmd = CASE g.verb WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' WHEN 'DELETE' THEN 'd' END))`,
       'policy_for_every_granted_verb',
     )}] FROM ${relations(`'r', 'p'`)}`,
  `SELECT CASE WHEN p.prosecdef THEN 'function with its owner’s rights' ELSE 'function' END, p.oid::regprocedure::text, ${grantees("coalesce(p.proacl, acldefault('f', p.proowner))")}, ARRAY[
     ${rule(`EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)`, 'function_open_to_nobody_by_default')},
     ${rule(`p.prosecdef AND p.proowner <> 'record_keeper'::regrole`, 'definer_is_the_keeper')},
     ${rule(`p.prosecdef AND p.prosqlbody IS NULL AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path=pg_catalog, public, pg_temp%'`, 'definer_has_fixed_search_path')}]
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${own('p', 'pg_proc')}`,
  `SELECT 'role', r.rolname, NULL, ARRAY[${rule(
    `r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)`,
    'who_serves_has_no_other_power',
  )}] FROM pg_roles r WHERE r.oid IN ${served}`,
]

export async function lookAtObjects(query: Look): Promise<{ objects: ObjectEvidence[]; views: View[]; secrets: Secret[]; faults: Fault[] }> {
  const objects: ObjectEvidence[] = []
  const faults: Fault[] = []
  for (const text of looks) {
    for (const { kind, name: called, for: whom, rules } of await query<{ kind: string; name: string; for: string | null; rules: (string | null)[] }>(
      `SELECT * FROM (${text}) AS found (kind, name, "for", rules) ORDER BY 1, 2`,
    )) {
      objects.push({ kind, name: called, for: whom ?? '' })
      for (const broken of rules)
        if (broken) faults.push({ rule: broken, where: `${kind} ${called}`, company_id: null, object: called, found: whom ?? 'not so', expected: broken.replaceAll('_', ' ') })
    }
  }
  const has = (column: string) => `EXISTS (SELECT FROM pg_attribute x WHERE x.attrelid = c.oid AND x.attname = '${column}' AND NOT x.attisdropped)`
  const views = await query<View>(`SELECT c.relname AS view, ${has('company_id')} AS company, ${has('user_id')} AS "user" FROM ${relations(`'v'`)} AND n.nspname = 'public' ORDER BY 1`)
  const secrets = await query<Secret>(`
    SELECT c.relname AS "table", t.attname AS "column", ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.oid IN ${served} AND has_column_privilege(r.oid, c.oid, t.attnum, 'SELECT')) AS readers, ${has('company_id')} AS company, ${has('user_id')} AS "user" FROM pg_attribute t JOIN ${relations(`'r', 'p'`).replace('pg_class c', 'pg_class c ON c.oid = t.attrelid')}
      AND n.nspname = 'public' AND t.attnum > 0 AND NOT t.attisdropped AND NOT c.relispartition AND t.attname ~ '^((password|token)_hash|lookup_hash|(\\w+_)?(secret|ciphertext))$' ORDER BY 1, 2`)
  return { objects, views, secrets, faults }
}

type Seen = { sees: number | string; foreign: number }

async function count(query: Look, from: string, what: string, foreign: string): Promise<Seen> {
  const { rows, error } = await attempt(query, `SELECT count(${what}) AS n, count(${what}) FILTER (WHERE ${foreign}) AS foreign FROM ${name(from)}`)
  return { sees: error ? (error.code === '42501' ? 'no right' : `error ${error.code}`) : Number(rows[0]?.n), foreign: Number(rows[0]?.foreign ?? 0) }
}
const isNot = (column: string, id: string | null) => (id ? `${column} IS DISTINCT FROM ${literal(id)}::uuid` : 'true')

/** What the identity reads of each view; a row of others, or any row for who is nobody, is a fault. */
export async function tryViews(query: Look, identity: Identity, views: readonly View[], report: Report): Promise<void> {
  for (const { view, company, user } of views) {
    const foreign =
      view === 'caller_memberships'
        ? isNot('company_id', identity.member)
        : company
          ? isNot('company_id', identity.company)
          : user
            ? isNot('user_id', identity.user)
            : String(identity.company === null)
    const seen = await count(query, view, '*', foreign)
    report.views.push({ view, identity: identity.name, role: identity.role, ...seen })
    const fault = (broken: string, found: string, expected: string) =>
      void report.faults.push({ rule: broken, where: `${identity.name} (${identity.role}) in view ${view}`, company_id: identity.company, view, identity: identity.name, found, expected })
    if (String(seen.sees).startsWith('error')) fault('reads_without_error', String(seen.sees), 'rows or none')
    if (seen.foreign > 0) fault(identity.company ? 'sees_own_company_only' : 'nobody_sees_nothing', `${seen.foreign} rows of others`, 'none')
  }
}

/** Hashes of passwords and tokens and secrets that sign are read by nobody; what is encrypted, by admins of its company, whose program has the key. */
export async function trySecrets(query: Look, identity: Identity, secrets: readonly Secret[], report: Report): Promise<void> {
  for (const { table, column, company, user, readers } of secrets) {
    const encrypted = /ciphertext$|^lookup_hash$/.test(column)
    const foreign = user ? isNot('user_id', identity.user) : company ? isNot('company_id', identity.isAdmin ? identity.company : null) : 'true'
    // Who has no right to the column is not asked one by one: the right is the same for all of the role.
    const seen: Seen = readers.includes(identity.role) ? await count(query, table, name(column), foreign) : { sees: 'no right', foreign: 0 }
    report.secrets.push({ secret: `${table}.${column}`, identity: identity.name, role: identity.role, ...seen })
    if (seen.sees === 'no right' || (encrypted && seen.foreign === 0)) continue
    report.faults.push({
      rule: encrypted ? 'encrypted_for_admins_alone' : 'secret_read_by_nobody',
      where: `${identity.name} (${identity.role}) in ${table}.${column}`,
      company_id: identity.company,
      table,
      identity: identity.name,
      found: String(seen.sees),
      expected: encrypted ? 'none' : 'no right',
    })
  }
}
