// What a database holds, as something two servers can be compared by: rows of each table, and the catalogue line by line.
import { createHash } from 'node:crypto'
import type pg from 'pg'

export type Checks = { tables: Record<string, { rows: number; sum: string }>; catalogue: Record<string, string[]> }

const ours = (column: string) => `${column} IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)')`
const notOfExtension = (kind: string, oid: string) => `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${kind}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`
const acl = (column: string) =>
  `coalesce((SELECT string_agg(g.said, ',' ORDER BY g.said) FROM (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || '=' || a.privilege_type
     || CASE WHEN a.is_grantable THEN '*' ELSE '' END || '/' || a.grantor::regrole AS said FROM aclexplode(${column}) a) g), '')`

/** Each gives the lines of one kind. Nothing in them may depend on numbers that a server gives by itself. */
const catalogue: Record<string, string> = {
  tables: `SELECT concat_ws(' ', c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.reloptions::text, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid))
    FROM pg_class c WHERE ${ours('c.relnamespace')} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${notOfExtension('pg_class', 'c.oid')}`,
  columns: `SELECT concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, pg_get_expr(f.adbin, f.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE ${ours('c.relnamespace')} AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped`,
  constraints: `SELECT concat_ws(' ', c.conrelid::regclass, c.conname, c.convalidated, pg_get_constraintdef(c.oid)) FROM pg_constraint c WHERE ${ours('c.connamespace')}`,
  indexes: `SELECT concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisunique) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE ${ours('c.relnamespace')}`,
  triggers: `SELECT concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND ${ours('c.relnamespace')}`,
  policies: `SELECT concat_ws(' ', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive, (SELECT string_agg(o.said, ',' ORDER BY o.said) FROM (SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END AS said FROM unnest(p.polroles) r) o),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p`,
  functions: `SELECT concat_ws(' ', p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.proconfig::text, CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_functiondef(p.oid) WHEN p.prokind IN ('f', 'p') THEN md5(pg_get_functiondef(p.oid)) END) FROM pg_proc p
    WHERE ${ours('p.pronamespace')} AND ${notOfExtension('pg_proc', 'p.oid')}`,
  views: `SELECT concat_ws(' ', c.oid::regclass, pg_get_viewdef(c.oid)) FROM pg_class c WHERE c.relkind IN ('v', 'm') AND ${ours('c.relnamespace')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  types: `SELECT concat_ws(' ', t.oid::regtype, t.typtype, t.typowner::regrole, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) FROM pg_type t
    WHERE t.typtype IN ('e', 'd', 'r') AND ${ours('t.typnamespace')} AND ${notOfExtension('pg_type', 't.oid')}`,
  grants: `SELECT concat_ws(' ', c.oid::regclass, ${acl('c.relacl')}) FROM pg_class c WHERE c.relacl IS NOT NULL AND ${ours('c.relnamespace')}
    UNION ALL SELECT concat_ws(' ', a.attrelid::regclass, a.attname, ${acl('a.attacl')}) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND ${ours('c.relnamespace')}
    UNION ALL SELECT concat_ws(' ', p.oid::regprocedure, ${acl('p.proacl')}) FROM pg_proc p WHERE p.proacl IS NOT NULL AND ${ours('p.pronamespace')}
    UNION ALL SELECT concat_ws(' ', n.nspname, ${acl('n.nspacl')}) FROM pg_namespace n WHERE ${ours('n.oid')}
    UNION ALL SELECT concat_ws(' ', 'database', ${acl('b.datacl')}) FROM pg_database b WHERE b.datname = current_database()`,
  extensions: `SELECT concat_ws(' ', extname, extversion) FROM pg_extension`,
  settings: `SELECT concat_ws(' ', coalesce(r.setrole::regrole::text, ''), s) FROM pg_db_role_setting r, unnest(r.setconfig) s WHERE r.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))`,
  roles: `SELECT concat_ws(' ', r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls) FROM pg_roles r WHERE r.rolname !~ '^pg_'
    UNION ALL SELECT concat_ws(' ', m.roleid::regrole, 'to', m.member::regrole, m.admin_option) FROM pg_auth_members m`,
}

/** The same text for the same value on every server. */
const plainSession =
  "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = pg_catalog; SET statement_timeout = 0; SET row_security = off"

export async function plain(client: pg.ClientBase): Promise<void> {
  await client.query(plainSession)
}

/** `client` sees all rows and stands in the transaction whose sight is meant. */
export async function takeChecks(client: pg.ClientBase, told: (table: string) => void = () => {}): Promise<Checks> {
  const lines: Record<string, string[]> = {}
  for (const [kind, text] of Object.entries(catalogue)) {
    const { rows } = await client.query<{ line: string }>(`SELECT line FROM (${text}) AS found (line)`)
    lines[kind] = rows.map((row) => row.line).sort()
  }
  const tables: Checks['tables'] = {}
  for (const name of await listTables(client)) {
    told(name)
    // Two sums of two hashes of each row's text: the order of the rows does not matter, their number and each letter does.
    const { rows } = await client.query(
      `SELECT count(*)::float8 AS rows, coalesce(sum(hashtextextended(t::text COLLATE "C", 0)), 0)::text || ':' || coalesce(sum(hashtextextended(t::text COLLATE "C", 8129)), 0)::text AS sum FROM ONLY ${name} t`,
    )
    tables[name] = {
      rows: rows[0]?.rows ?? 0,
      sum: createHash('sha256')
        .update(rows[0]?.sum ?? '')
        .digest('hex')
        .slice(0, 32),
    }
  }
  return { tables, catalogue: lines }
}

/** Tables that hold rows themselves. Unlogged ones are empty after every crash, and so after a restore. */
export async function listTables(client: pg.ClientBase, kinds = "'r'"): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN (${kinds}) AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)' AND ${notOfExtension('pg_class', 'c.oid')} ORDER BY 1`,
  )
  return rows.map((row) => row.name as string)
}

/**
 * PostgreSQL prints an expression a little differently after it was read in again: casts and brackets that it wrote itself. Without
 * those both are the same, or something else is different.
 */
const asRead = (line: string): string => line.replace(/::("[^"]+"|[a-z_]+(?: (?:varying|precision|with|without|time|zone))*)(\(\d+(?:,\d+)?\))?(\[\])?/g, '').replace(/[()\s]/g, '')
const exactly = (line: string): string => line

/** The first thing in which they differ, in words; undefined when they are equal. `loosely`: one was made by statements, as from a dump. */
export function firstDifference(expected: Checks, found: Checks, how: { loosely?: boolean } = {}): string | undefined {
  const form = how.loosely ? asRead : exactly
  for (const kind of new Set([...Object.keys(expected.catalogue), ...Object.keys(found.catalogue)])) {
    const [all, others] = [expected.catalogue[kind] ?? [], found.catalogue[kind] ?? []]
    const [a, b] = [new Set(all.map(form)), new Set(others.map(form))]
    const missing = all.find((line) => !b.has(form(line)))
    const extra = others.find((line) => !a.has(form(line)))
    if (missing !== undefined) return `${kind}: missing or other than it was: ${missing.slice(0, 300)}`
    if (extra !== undefined) return `${kind}: not in the original: ${extra.slice(0, 300)}`
  }
  for (const table of new Set([...Object.keys(expected.tables), ...Object.keys(found.tables)])) {
    const [a, b] = [expected.tables[table], found.tables[table]]
    if (!a || !b) return `${table} ${a ? 'is missing' : 'was not in the original'}`
    if (a.rows !== b.rows) return `${table} has ${b.rows} rows instead of ${a.rows}`
    if (a.sum !== b.sum) return `${table} has other values than the original`
  }
  return undefined
}

export const totalOf = (checks: Checks) => ({ tables: Object.keys(checks.tables).length, rows: Object.values(checks.tables).reduce((sum, table) => sum + table.rows, 0) })
