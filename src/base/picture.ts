// A readable picture of a database, made from its catalogue, the same for the same schema; db/schema.sql is one. Two of them are compared object by object.

export type Query = (text: string) => Promise<Record<string, string>[]>

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
  triggers: `SELECT c.relname AS name, pg_get_triggerdef(g.oid) || ';' || CASE g.tgenabled WHEN 'O' THEN '' ELSE ' -- switched off or on replicas alone' END AS line FROM pg_class c JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal WHERE c.oid IN (SELECT c.oid FROM ${tables}) ORDER BY c.relname, g.tgname`,
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
    for (const { name = '', line = '' } of await query(sql)) {
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
    text.push(view.text ?? '', '')
  for (const fn of await query(`SELECT p.proname AS name, pg_get_functiondef(p.oid) || '-- owner ' || p.proowner::regrole
      || coalesce(', executed by ' || (SELECT string_agg(a.grantee::regrole::text, ', ' ORDER BY a.grantee::regrole::text) FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner), '') AS text
      FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f' AND ${own('p', 'pg_proc')} ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)`))
    text.push(fn.text ?? '', '')
  return text.join('\n')
}

/** The objects of a picture by their names, each with its own text. */
function objectsOf(text: string): Map<string, string> {
  const objects = new Map<string, string>()
  let [table, current, isFunction] = ['', '', false]
  const begin = (name: string, line: string) => {
    current = name
    objects.set(name, line)
  }
  for (const line of text.split('\n')) {
    const top = isFunction ? undefined : /^(TABLE|VIEW) (\w+)|^CREATE OR REPLACE FUNCTION public\.([^(]+)\((.*)\)$/.exec(line)
    const name = /^ {2}CONSTRAINT (\w+)|^CREATE (?:UNIQUE )?INDEX (\w+)|^CREATE (?:CONSTRAINT )?TRIGGER (\w+)|^CREATE POLICY (\w+)|^GRANT .* TO (\w+);$|^ {2}([a-z_]+) [a-z]/.exec(line)
    const kind = ['constraint', 'index', 'trigger', 'policy', 'grants to', 'column'][(name ?? []).slice(1).findIndex((part) => part !== undefined)]
    if (top?.[3]) {
      isFunction = true
      begin(`function ${top[3]}(${plain(top[4] ?? '')})`, line)
    } else if (top) {
      table = top[1] === 'TABLE' ? (top[2] ?? '') : ''
      begin(`${top[1]?.toLowerCase()} ${top[2]}`, table ? '' : line)
    } else if (table && name) begin(`${kind} ${name.slice(1).find((part) => part !== undefined)} on ${table}`, line)
    else if (table && line.startsWith('-- owner')) objects.set(`table ${table}`, line)
    else if (current) objects.set(current, `${objects.get(current)}\n${line}`)
    if (isFunction && line.startsWith('-- owner')) isFunction = false
  }
  return objects
}

/** Names of types in an argument list, without its defaults. */
const plain = (list: string) => list.replace(/ DEFAULT [^,]+/g, '')

/** Releases of PostgreSQL write expressions otherwise, with or without their table; the body of a function is the text it was given. */
const comparable = (text: string) =>
  /^CREATE OR REPLACE FUNCTION[\s\S]*\$(function|procedure)\$/.test(text.trimStart())
    ? text
    : text
        .replace(/\b[a-z_]+\.(?=["a-z_*])/g, '')
        .replace(/\s+/g, ' ')
        .trim()

export type Difference = { object: string; is: 'missing' | 'different' | 'extra' }

/** What the second picture has otherwise than the first. */
export function differences(expected: string, live: string): Difference[] {
  const [ours, theirs] = [objectsOf(expected), objectsOf(live)]
  const found = [...ours].flatMap(([object, text]): Difference[] => {
    const other = theirs.get(object)
    return other === undefined ? [{ object, is: 'missing' }] : comparable(other) === comparable(text) ? [] : [{ object, is: 'different' }]
  })
  return [...found, ...[...theirs.keys()].filter((object) => !ours.has(object)).map((object): Difference => ({ object, is: 'extra' }))]
}
