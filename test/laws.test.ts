// The laws of the database, read from the live catalogue. Each law is also broken once here, so that it cannot pass by seeing nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { readLogic } from '../src/base/logic.ts'
import { readMigrations } from '../src/base/migrate.ts'
import { allWords, rooms } from '../src/server.ts'
import { notEntities } from './entities.ts'
import { cloneDatabase, connected, dropDatabase, type Query } from './harness.ts'
import { filesUnder, textOf } from './sources.ts'

const clone = await cloneDatabase()

type Law = {
  name: string
  /** Gives all names that the law is about. */
  subjects: string
  /** At least so many there must be, or the law sees nothing. */
  atLeast: number
  /** Gives the names that break it. */
  breaches: string
  /** What may break it, each with its reason. Every one must still be needed. */
  exceptions?: Record<string, string>
  /** Statements that break the law, to see that it finds that. */
  broken: string
}

const tables = `SELECT c.oid, c.relname AS name, c.relispartition FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`
const own = (alias: string, kind: string) => `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${kind}'::regclass AND d.objid = ${alias}.oid AND d.deptype = 'e')`
const functions = `SELECT p.* FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND ${own('p', 'pg_proc')}`
/** Tables and columns together: who may do what where. */
const grants = `
  SELECT c.relname AS name, c.oid, a.privilege_type AS verb, a.grantee, NULL AS column_name
  FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT c.relname, c.oid, a.privilege_type, a.grantee, t.attname
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE c.relnamespace = 'public'::regnamespace`
const served = `('application_user'::regrole, 'reporting_user'::regrole)`
const hasTrigger = (table: string, fn: string, events: number) => `EXISTS (SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
  WHERE g.tgrelid = ${table}.oid AND f.proname = '${fn}' AND g.tgtype & ${events} = ${events} AND g.tgenabled = 'O')`
const [onInsert, onDelete, onUpdate, onTruncate] = [4, 8, 16, 32]

const laws: Law[] = [
  {
    name: 'row security is enabled and forced on every table and partition',
    subjects: tables,
    atLeast: 20,
    breaches: `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
    exceptions: { schema_migrations: 'no company data; only the owner may read it', schema_logic: 'no company data; only the owner may read it' },
    broken: 'ALTER TABLE equipment_logs_default NO FORCE ROW LEVEL SECURITY',
  },
  {
    name: 'there is a policy for every verb granted to who serves',
    subjects: `SELECT name FROM (${grants}) g WHERE grantee IN ${served}`,
    atLeast: 40,
    breaches: `SELECT DISTINCT g.name || ' ' || g.verb || ' ' || g.grantee::regrole AS name FROM (${grants}) g JOIN pg_class c ON c.oid = g.oid AND c.relkind IN ('r', 'p')
      WHERE g.grantee IN ${served} AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = g.oid AND g.grantee = ANY (p.polroles)
        AND p.polcmd = CASE g.verb WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' WHEN 'DELETE' THEN 'd' END)`,
    broken: 'DROP POLICY equipment_insert ON equipment',
  },
  {
    name: 'no policy is for all verbs or for everyone, except the keeper of the records',
    subjects: 'SELECT polname AS name FROM pg_policy',
    atLeast: 30,
    breaches: `SELECT p.polname AS name FROM pg_policy p WHERE 0 = ANY (p.polroles) OR (p.polcmd = '*' AND p.polroles <> ARRAY['record_keeper'::regrole::oid])`,
    broken: 'CREATE POLICY all_of_it ON equipment TO application_user USING (true)',
  },
  {
    name: 'an index lies under every foreign key',
    subjects: `SELECT conname AS name FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0`,
    atLeast: 20,
    breaches: `SELECT k.conname AS name FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND k.conparentid = 0
      AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
        AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(k.conkey)] @> k.conkey)`,
    broken: 'DROP INDEX idx_equipment_assignments_returned_by',
  },
  {
    name: 'every unique or exclusion index of a tenant table leads with company_id',
    subjects: `SELECT i.indexrelid::regclass::text AS name FROM pg_index i WHERE i.indisunique AND i.indrelid IN (SELECT oid FROM (${tables}) t)`,
    atLeast: 20,
    breaches: `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'company_id'
      WHERE i.indrelid IN (SELECT oid FROM (${tables}) t) AND (i.indisunique OR i.indisexclusion) AND i.indkey[0] <> a.attnum`,
    broken: 'CREATE UNIQUE INDEX idx_plate ON equipment (plate)',
  },
  {
    name: 'every SECURITY DEFINER function has a fixed search_path and belongs to the keeper of the records',
    subjects: `SELECT proname AS name FROM (${functions}) p WHERE prosecdef`,
    atLeast: 15,
    breaches: `SELECT p.proname AS name FROM (${functions}) p WHERE p.prosecdef AND (p.proowner <> 'record_keeper'::regrole
      OR (p.prosqlbody IS NULL AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path=pg_catalog, public, pg_temp%'))`,
    broken: 'ALTER FUNCTION find_sign_in(text) RESET search_path',
  },
  {
    name: 'nothing is granted to PUBLIC',
    subjects: `SELECT proname AS name FROM (${functions}) p`,
    atLeast: 40,
    breaches: `SELECT p.proname AS name FROM (${functions}) p WHERE p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0)
      UNION ALL SELECT name FROM (${grants}) g WHERE grantee = 0
      UNION ALL SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND a.grantee = 0`,
    broken: 'GRANT EXECUTE ON FUNCTION search_equipment(text, integer) TO PUBLIC',
  },
  {
    name: 'who serves owns nothing, bypasses nothing, is a member of nothing and has only the four verbs',
    subjects: `SELECT rolname AS name FROM pg_roles WHERE oid IN ${served}`,
    atLeast: 2,
    breaches: `SELECT rolname AS name FROM pg_roles WHERE oid IN ${served} AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
      UNION ALL SELECT relname FROM pg_class WHERE relowner IN ${served}
      UNION ALL SELECT proname FROM pg_proc WHERE proowner IN ${served}
      UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner IN ${served}
      UNION ALL SELECT member::regrole::text FROM pg_auth_members WHERE member IN ${served}
      UNION ALL SELECT name || ' ' || verb FROM (${grants}) g WHERE grantee IN ${served} AND verb NOT IN ('SELECT', 'INSERT', 'UPDATE')
      UNION ALL SELECT name || ' ' || verb FROM (${grants}) g WHERE grantee = 'reporting_user'::regrole AND verb <> 'SELECT'
      UNION ALL SELECT 'CREATE on public' FROM pg_roles WHERE oid IN ${served} AND has_schema_privilege(oid, 'public', 'CREATE')`,
    broken: 'GRANT TRUNCATE ON equipment TO application_user',
  },
  {
    name: 'the owner and the keeper bypass nothing, and the keeper cannot sign in',
    subjects: `SELECT rolname AS name FROM pg_roles WHERE rolname IN ('bitcorp_owner', 'record_keeper')`,
    atLeast: 2,
    breaches: `SELECT rolname AS name FROM pg_roles WHERE rolname IN ('bitcorp_owner', 'record_keeper') AND (rolsuper OR rolbypassrls OR (rolname = 'record_keeper' AND rolcanlogin))`,
    broken: 'ALTER ROLE record_keeper BYPASSRLS',
  },
  {
    name: 'the monitoring role reads figures and no table, and it alone reads the texts of statements',
    subjects: `SELECT name FROM (${grants}) g WHERE grantee = 'monitoring_user'::regrole`,
    atLeast: 3,
    breaches: `SELECT name || ' ' || verb FROM (${grants}) g JOIN pg_class c ON c.oid = g.oid WHERE grantee = 'monitoring_user'::regrole AND (verb <> 'SELECT' OR c.relkind <> 'v')
      UNION ALL SELECT name || ' ' || grantee::regrole FROM (${grants}) g WHERE name IN ('slow_queries', 'table_usage_stats', 'index_usage_stats', 'pg_stat_statements')
        AND grantee NOT IN ('monitoring_user'::regrole, (SELECT relowner FROM pg_class o WHERE o.oid = g.oid))
      UNION ALL SELECT rolname FROM pg_roles WHERE rolname = 'monitoring_user' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
      UNION ALL SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'monitoring_user'::regrole AND roleid <> 'pg_monitor'::regrole`,
    broken: 'GRANT SELECT ON slow_queries TO reporting_user',
  },
  {
    name: 'partitions are never granted by themselves',
    subjects: `SELECT name FROM (${tables}) t WHERE relispartition`,
    atLeast: 4,
    breaches: `SELECT c.relname AS name FROM pg_class c, aclexplode(c.relacl) a WHERE c.relispartition AND a.grantee <> c.relowner`,
    broken: 'GRANT SELECT ON equipment_logs_default TO application_user',
  },
  {
    name: 'views ask with the rights of who reads them',
    subjects: `SELECT relname AS name FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace`,
    atLeast: 3,
    breaches: `SELECT c.relname AS name FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'public'::regnamespace AND ${own('c', 'pg_class')}
      AND NOT coalesce(c.reloptions::text, '') ~ 'security_invoker=(true|on)'`,
    exceptions: {
      caller: 'tells the policies who asks, so it cannot lean on them; shows the caller alone',
      caller_account: 'tells the policies who asks, so it cannot lean on them; shows the caller alone',
      caller_memberships: 'which companies the caller may choose; shows the caller alone',
    },
    broken: 'CREATE VIEW machines AS SELECT * FROM equipment',
  },
  {
    name: 'every entity has the base fields',
    subjects: `SELECT name FROM (${tables}) t WHERE name LIKE 'equipment%'`,
    atLeast: 5,
    breaches: `SELECT t.name FROM (${tables}) t WHERE NOT t.relispartition AND (SELECT count(*) FROM pg_attribute a
      JOIN (VALUES ('id', 'uuid', true), ('created_at', 'timestamptz', true), ('updated_at', 'timestamptz', true), ('created_by', 'uuid', false), ('updated_by', 'uuid', false),
        ('version', 'int4', true), ('is_deleted', 'bool', true), ('deleted_at', 'timestamptz', false), ('deleted_by', 'uuid', false)) AS b (name, type, required)
        ON b.name = a.attname AND a.atttypid = ('pg_catalog.' || b.type)::regtype AND a.attnotnull = b.required WHERE a.attrelid = t.oid) < 9`,
    exceptions: notEntities,
    broken: 'ALTER TABLE equipment DROP COLUMN deleted_by',
  },
  {
    name: 'every entity keeps its base fields and refuses to be erased',
    subjects: `SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal`,
    atLeast: 25,
    breaches: `SELECT t.name FROM (${tables}) t WHERE NOT t.relispartition
      AND NOT (${hasTrigger('t', 'keep_base_fields', onInsert + onUpdate)} AND ${hasTrigger('t', 'refuse_delete', onDelete)})`,
    exceptions: notEntities,
    broken: 'ALTER TABLE equipment DISABLE TRIGGER trigger_000_refuse_delete',
  },
  {
    name: 'every entity is deleted softly and restored, or never deleted',
    subjects: `SELECT tgname AS name FROM pg_trigger WHERE tgname = 'trigger_000_refuse_soft_delete'`,
    atLeast: 5,
    breaches: `SELECT t.name FROM (${tables}) t WHERE NOT t.relispartition AND NOT ${hasTrigger('t', 'refuse_soft_delete', onUpdate)}`,
    exceptions: {
      ...notEntities,
      equipment: 'deleted and restored: deleteEquipment, restoreEquipment',
      equipment_categories: 'deleted and restored: deleteCategory, restoreCategory',
      maintenance_files: 'taken away and put back: removeMaintenanceFile, restoreMaintenanceFile',
      equipment_assignments: 'a hand-over that happened stays: ea_facts_fixed',
      webhooks: 'deleted for good: made anew, it has a new secret',
    },
    broken: 'DROP TRIGGER trigger_000_refuse_soft_delete ON companies',
  },
  {
    name: 'every entity writes its events and its audit',
    subjects: `SELECT tgname AS name FROM pg_trigger WHERE tgname = 'trigger_900_record_change'`,
    atLeast: 6,
    breaches: `SELECT t.name FROM (${tables}) t WHERE NOT t.relispartition AND NOT ${hasTrigger('t', 'record_change', onInsert + onUpdate)}`,
    exceptions: { ...notEntities, users: 'belongs to no company: its doings stand in the audit of each of its companies (record_account_audit)' },
    broken: 'DROP TRIGGER trigger_900_record_change ON equipment',
  },
  {
    name: 'what is append-only refuses every change, also to its owner',
    subjects: `SELECT name FROM (${tables}) t WHERE name IN ('domain_events', 'audit_logs', 'audit_chain', 'equipment_logs')`,
    atLeast: 4,
    breaches: `SELECT name FROM (${tables}) t WHERE name IN ('domain_events', 'audit_logs', 'audit_chain', 'equipment_logs')
      AND NOT (${hasTrigger('t', 'refuse_change', onUpdate + onDelete)} AND ${hasTrigger('t', 'refuse_change', onTruncate)})`,
    broken: 'DROP TRIGGER trigger_000_refuse_truncate ON audit_logs',
  },
]

for (const law of laws) {
  test(law.name, async () => {
    await connected(clone.superuser, async (query) => {
      expect((await query(law.subjects)).length, 'subjects').toBeGreaterThanOrEqual(law.atLeast)
      const breaches = namesOf(await query(law.breaches))
      const excused = Object.keys(law.exceptions ?? {})
      expect(breaches.filter((name) => !excused.includes(name))).toEqual([])
      expect(
        excused.filter((name) => !breaches.includes(name)),
        'exceptions that are no longer needed',
      ).toEqual([])
      await query('BEGIN')
      await query(law.broken)
      expect(namesOf(await query(law.breaches)).length, 'found once broken').toBeGreaterThan(breaches.length)
      await query('ROLLBACK')
    })
  })
}

const namesOf = (rows: { name: string }[]) => rows.map((row) => row.name).sort()

type Column = { table_name: string; column_name: string; type: string }
/** The columns that someone outside can fill, in tables that are not the program's own. */
const columnsOf = (query: Query, types: string[]): Promise<Column[]> =>
  query(
    `SELECT t.name AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS type FROM (${tables}) t JOIN pg_attribute a ON a.attrelid = t.oid
     WHERE a.attnum > 0 AND NOT a.attisdropped AND NOT t.relispartition AND t.name NOT LIKE 'schema\\_%' AND format_type(a.atttypid, NULL) = ANY ($1) ORDER BY 1, 2`,
    [types],
  )

/** Whether a check constraint alone refuses this value in this column, the other columns being empty. */
async function refuses(query: Query, column: Column, value: string): Promise<boolean> {
  const checks = await query(
    `SELECT pg_get_expr(k.conbin, k.conrelid) AS check, (SELECT string_agg(format('%s AS %I', CASE WHEN a.attname = $2 THEN $3 ELSE 'NULL' END
       || '::' || format_type(a.atttypid, NULL), a.attname), ', ') FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS row
     FROM pg_constraint k JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = ANY (k.conkey) AND own.attname = $2
     WHERE k.contype = 'c' AND k.conrelid = $1::regclass`,
    [column.table_name, column.column_name, value],
  )
  for (const check of checks) if ((await query(`SELECT (${check.check}) AS holds FROM (SELECT ${check.row}) t`))[0]?.holds === false) return true
  return false
}

async function unguarded(query: Query, columns: Column[], value: string): Promise<string[]> {
  const open: string[] = []
  for (const column of columns) if (!(await refuses(query, column, value))) open.push(`${column.table_name}.${column.column_name}`)
  return open.sort()
}

const databaseWritten = {
  'audit_logs.created_at': 'written by the database alone',
  'domain_events.occurred_at': 'written by the database alone',
  'password_links.created_at': 'written by the database alone',
  'sessions.created_at': 'written by the database alone',
  'sessions.ended_at': 'written by the database alone',
  'idempotency_keys.created_at': 'not granted to who serves',
}

test('no instant or day that someone can write may be infinite', async () => {
  await connected(clone.superuser, async (query) => {
    const columns = (await columnsOf(query, ['timestamp with time zone', 'date'])).filter((c) => !/^(created|updated|deleted)_at$/.test(c.column_name) || c.table_name in notEntities)
    expect(columns.length).toBeGreaterThan(15)
    for (const value of ["'infinity'", "'-infinity'"]) expect(await unguarded(query, columns, value)).toEqual(Object.keys(databaseWritten).sort())
    const written = await query(`SELECT g.name || '.' || g.column_name AS name FROM (${grants}) g WHERE g.column_name IS NOT NULL AND g.verb IN ('INSERT', 'UPDATE') AND g.grantee IN ${served}`)
    const whole = await query(`SELECT g.name FROM (${grants}) g WHERE g.column_name IS NULL AND g.verb IN ('INSERT', 'UPDATE') AND g.grantee IN ${served}`)
    for (const name of Object.keys(databaseWritten)) {
      expect(namesOf(written)).not.toContain(name)
      expect(namesOf(whole)).not.toContain(name.split('.')[0])
    }
    await query('BEGIN; ALTER TABLE maintenance_records DROP CONSTRAINT mr_times_finite')
    expect(await unguarded(query, columns, "'infinity'")).toContain('maintenance_records.started_at')
    await query('ROLLBACK')
  })
})

test('no number may be NaN', async () => {
  await connected(clone.superuser, async (query) => {
    const columns = await columnsOf(query, ['numeric', 'double precision', 'real'])
    expect(columns.length).toBeGreaterThanOrEqual(3)
    expect(await unguarded(query, columns, "'NaN'")).toEqual([])
    await query('BEGIN; ALTER TABLE equipment DROP CONSTRAINT equipment_purchase_price_positive')
    expect(await unguarded(query, columns, "'NaN'")).toEqual(['equipment.purchase_price'])
    await query('ROLLBACK')
  })
})

const boundedElsewhere = {
  'api_tokens.scopes': 'each of three words; see api_tokens_scopes_valid',
  'audit_logs.metadata': 'written by the database alone, from bounded rows and headers',
  'audit_logs.new_values': 'written by the database alone, from bounded rows and headers',
  'audit_logs.old_values': 'written by the database alone, from bounded rows and headers',
  'domain_events.event_data': 'written by the database alone, from bounded rows and headers',
  'domain_events.metadata': 'written by the database alone, from bounded rows and headers',
  'equipment_categories.path': 'ids, at most twenty deep',
  'idempotency_keys.response_body': 'a reply of the API',
  'users.password_hash': 'a hash made by the server, of fixed form',
}

test('every text, list and document is bounded', async () => {
  await connected(clone.superuser, async (query) => {
    const texts = await columnsOf(query, ['text', 'character varying', 'text[]', 'jsonb', 'json'])
    const bounded = texts.filter((c) => /^character varying\(\d+\)$/.test(c.type))
    expect(bounded.length).toBeGreaterThan(25)
    const long = `repeat('x', 1000001)`
    const open: string[] = []
    for (const c of texts.filter((c) => !bounded.includes(c))) {
      const values =
        c.type === 'text[]'
          ? [`ARRAY[${long}]`]
          : c.type === 'text'
            ? [long]
            : [`jsonb_build_object('a', ${long})`, `jsonb_build_array(jsonb_build_object('key', 'a', 'type', 'text', 'label', 'a', 'unit', ${long}))`]
      for (const value of values) if (!(await refuses(query, c, `(${value})`)) && !open.includes(`${c.table_name}.${c.column_name}`)) open.push(`${c.table_name}.${c.column_name}`)
    }
    expect(open.filter((name) => !(name in boundedElsewhere))).toEqual([])
    await query('BEGIN; ALTER TABLE equipment DROP CONSTRAINT equipment_description_length')
    expect(await refuses(query, { table_name: 'equipment', column_name: 'description', type: 'text' }, long)).toBe(false)
    await query('ROLLBACK')
    expect(await refuses(query, { table_name: 'equipment', column_name: 'description', type: 'text' }, long)).toBe(true)
  })
})

/** Every name a refusal can carry: constraints, unique indexes, and what the logic raises. */
async function refusalNames(): Promise<string[]> {
  const raised = readLogic(rooms).flatMap(({ sql }) => [...sql.matchAll(/CONSTRAINT = '(\w+)'|THEN '(specification_\w+)'/g)].map((match) => match[1] ?? match[2] ?? ''))
  expect(raised.length).toBeGreaterThan(15)
  const stored = await connected(clone.superuser, (query) =>
    query(`SELECT k.conname AS name FROM pg_constraint k WHERE k.connamespace = 'public'::regnamespace AND k.contype IN ('c', 'u', 'x', 'f') AND k.conparentid = 0 AND k.coninhcount = 0
      AND k.conrelid NOT IN ('schema_migrations'::regclass, 'schema_logic'::regclass)
      UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisunique AND NOT i.indisprimary AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)`),
  )
  expect(stored.length).toBeGreaterThan(80)
  return [...new Set([...namesOf(stored), ...raised])]
}

test('every refusal of the database has a sentence in Spanish and English', async () => {
  const names = await refusalNames()
  for (const language of ['es', 'en'] as const) {
    const known = new Set(allWords.flatMap((words) => Object.keys(words[language].problems)))
    expect(names.filter((name) => !known.has(name))).toEqual([])
    expect(known.size).toBeGreaterThan(100)
  }
})

test('no sentence of a refusal is left over', async () => {
  const names = new Set(await refusalNames())
  const sources = filesUnder('src', /(?<!words|\.test)\.tsx?$/)
    .map(textOf)
    .join('\n')
  expect(sources.length).toBeGreaterThan(50_000)
  const said = (key: string) => names.has(key) || new RegExp(`['"\`]${key}['"\`]`).test(sources) || (key.startsWith('input_') && new RegExp(`'${key.slice(6)}'`).test(sources))
  const logic = readLogic(rooms)
    .map(({ sql }) => sql)
    .join('\n')
  const hinted = (key: string) => logic.includes(`HINT = '${key}'`)
  const keys = allWords.flatMap((words) => Object.keys(words.es.problems))
  expect(keys.filter((key) => !said(key) && !hinted(key))).toEqual([])
  expect(said('no_such_code')).toBe(false)
})

test('what stores leans on nothing that is replaced', async () => {
  const bare = await cloneDatabase({ empty: true })
  try {
    const functionsOf = (query: Query) =>
      query(`SELECT p.oid::regprocedure::text AS name, coalesce(p.prosrc, '') || coalesce(p.probin, '') || pg_get_functiondef(p.oid) AS body FROM (${functions}) p WHERE p.prokind = 'f'`)
    const frozen = await connected(bare.superuser, async (query) => {
      await query(readFileSync(join(programDir, 'db', 'roles.sql'), 'utf8'))
      await query('SET ROLE bitcorp_owner')
      for (const migration of readMigrations()) await query(migration.sql)
      return functionsOf(query)
    })
    expect(frozen.length).toBeGreaterThanOrEqual(5)
    const live = await connected(clone.superuser, functionsOf)
    const bodies = new Map(live.map((row) => [row.name, row.body]))
    expect(frozen.filter((row) => bodies.get(row.name) !== row.body).map((row) => row.name)).toEqual([])
    expect(live.length).toBeGreaterThan(frozen.length + 20)
  } finally {
    await dropDatabase(bare.name)
  }
})
