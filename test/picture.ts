// A readable picture of a database, made from its catalogue, the same for the same schema. `npm run schema` writes it to db/schema.sql.
import type { Query } from './harness.ts'

const own = (alias: string, kind: string) => `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${kind}'::regclass AND d.objid = ${alias}.oid AND d.deptype = 'e')`
/** Partitions are made month by month while the program runs: their parent stands for them. */
const tables = `pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`

const parts = {
  columns: `SELECT c.relname AS name, '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
      || CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN a.attgenerated = 's' THEN ' GENERATED ALWAYS AS ' || pg_get_expr(d.adbin, d.adrelid) || ' STORED'
         WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, a.attnum`,
  constraints: `SELECT c.relname AS name, '  CONSTRAINT ' || k.conname || ' ' || pg_get_constraintdef(k.oid) AS line FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype <> 'n'
    WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, position(k.contype::text IN 'pufcxt'), k.conname`,
  indexes: `SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) || ';' AS line FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
    WHERE c.oid IN (SELECT c.oid FROM ${tables}) AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1, 2`,
  triggers: `SELECT c.relname AS name, pg_get_triggerdef(g.oid) || ';' AS line FROM pg_class c JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, g.tgname`,
  policies: `SELECT c.relname AS name, 'CREATE POLICY ' || p.polname || ' FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
      || ' TO ' || (SELECT string_agg(r::regrole::text, ', ' ORDER BY r::regrole::text) FROM unnest(p.polroles) r)
      || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') || ';' AS line
    FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, p.polname`,
  grants: `SELECT name, 'GRANT ' || string_agg(verb, ', ' ORDER BY verb) || ' TO ' || grantee || ';' AS line FROM (
      SELECT c.relname AS name, a.grantee::regrole::text AS grantee, a.privilege_type AS verb FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee <> c.relowner AND c.oid IN (SELECT c.oid FROM ${tables})
      UNION ALL SELECT c.relname, a.grantee::regrole::text, a.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attnum) || ')'
      FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE c.oid IN (SELECT c.oid FROM ${tables}) GROUP BY 1, 2, a.privilege_type) g GROUP BY name, grantee ORDER BY name, grantee`,
  facts: `SELECT c.relname AS name, '-- owner ' || c.relowner::regrole || ', row security ' || CASE WHEN c.relforcerowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'enabled' ELSE 'off' END
      || coalesce(', partitioned by ' || pg_get_partkeydef(c.oid), '') AS line FROM ${tables} ORDER BY 1`,
}

/** The whole picture as text. */
export async function picture(query: Query): Promise<string> {
  await query("SET search_path = public, pg_catalog; SET timezone = 'UTC'")
  const found = new Map<string, Map<string, string[]>>()
  for (const [part, sql] of Object.entries(parts)) {
    for (const { name, line } of await query(sql)) {
      const table = found.get(name) ?? new Map<string, string[]>()
      table.set(part, [...(table.get(part) ?? []), line])
      found.set(name, table)
    }
  }
  const text = ['-- The database as it stands after all migrations and logic, written from its catalogue by `npm run schema`. Read it; do not run it.', '']
  for (const [name, table] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const of = (part: string) => table.get(part) ?? []
    text.push(`TABLE ${name} (`, [...of('columns'), ...of('constraints')].join(',\n'), ');', ...of('facts'), ...of('indexes'), ...of('triggers'), ...of('policies'), ...of('grants'), '')
  }
  for (const view of await query(`SELECT c.relname AS name, 'VIEW ' || c.relname || ' -- owner ' || c.relowner::regrole || coalesce(', ' || array_to_string(c.reloptions, ', '), '') || E'\\n' || pg_get_viewdef(c.oid, true)
      || coalesce(E'\\n-- granted to ' || (SELECT string_agg(DISTINCT a.grantee::regrole::text, ', ' ORDER BY a.grantee::regrole::text) FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner), '') AS text
      FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'public'::regnamespace AND ${own('c', 'pg_class')} ORDER BY 1`))
    text.push(view.text, '')
  for (const fn of await query(`SELECT p.proname AS name, pg_get_functiondef(p.oid) || '-- owner ' || p.proowner::regrole
      || coalesce(', executed by ' || (SELECT string_agg(a.grantee::regrole::text, ', ' ORDER BY a.grantee::regrole::text) FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner), '') AS text
      FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND ${own('p', 'pg_proc')} ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)`))
    text.push(fn.text, '')
  return text.join('\n')
}

/** What the product stores, table by table, for people: docs/data-dictionary.md. */
export async function dictionary(query: Query, sources: string): Promise<string> {
  const rows = await query(`SELECT c.relname AS name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
      (SELECT string_agg(DISTINCT k.confrelid::regclass::text, ', ') FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) AND a.attname <> 'company_id') AS target,
      (SELECT string_agg(k.conname, ', ' ORDER BY k.conname) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'x', 'u') AND a.attnum = ANY (k.conkey) AND a.attname <> 'company_id') AS rules
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, a.attnum`)
  const text = ['# Data dictionary', '', 'Written from the catalogue by `npm run docs`; a test keeps it true. Every table is explained in the migration that makes it.', '']
  for (const name of [...new Set(rows.map((row) => row.name as string))]) {
    const said = new RegExp(`((?:^--(?! Description).*\\n)+)CREATE TABLE (?:IF NOT EXISTS )?${name} \\(`, 'm').exec(sources)?.[1]
    text.push(`## ${name}`, '')
    if (said) text.push(said.replace(/^-- ?/gm, '').trim(), '')
    text.push('| column | type | required | refers to | rules |', '|---|---|---|---|---|')
    for (const row of rows.filter((one) => one.name === name)) text.push(`| ${row.column_name} | ${row.type} | ${row.required ? 'yes' : ''} | ${row.target ?? ''} | ${row.rules ?? ''} |`)
    text.push('')
  }
  return text.join('\n')
}

/** src/base/constraint-fields.ts: which constraint speaks of exactly one column beside the company's. */
export async function constraintFields(query: Query): Promise<string> {
  const rows = await query(`
    SELECT name, min(field) AS field FROM (
      SELECT k.conname AS name, a.attname AS field FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
      WHERE k.connamespace = 'public'::regnamespace AND k.contype IN ('c', 'f', 'u') AND k.conparentid = 0 AND k.coninhcount = 0
      UNION ALL
      SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
      WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    ) parts WHERE field NOT IN ('company_id', 'is_deleted') GROUP BY name HAVING count(DISTINCT field) = 1 ORDER BY name COLLATE "C"`)
  const lines = rows.map(({ name, field }) => `  ${name}: '${field}',`)
  return `// Generated by \`npm run schema\`: the field each constraint speaks of, where it is exactly one.\nexport const constraintFields: Readonly<Record<string, string>> = {\n${lines.join('\n')}\n}\n`
}
