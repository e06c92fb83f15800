// Brings a database to this program's schema: the frozen migrations once each, then the replaceable logic when it changed.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { programDir } from './config.ts'
import { StartError } from './embedded.ts'
import { applyLogic, logicChecksums, readApplied as readAppliedLogic, rolesSql } from './logic.ts'
import { whenLocked } from './wait.ts'

export type Migration = { version: string; description: string; sql: string; checksum: string; transactional: boolean; name: string }
export type MigrationStatus = { version: string; description: string; state: 'applied' | 'pending' | 'edited' | 'unknown'; applied_at: string | null; applied_by: string | null }

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

export function readMigrations(folder = join(programDir, 'db', 'migrations')): Migration[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name), 'utf8')
      const match = /^(\d{11})_[a-z0-9_]+\.sql$/.exec(name)
      const description = /^-- Description: (.+)$/m.exec(sql)?.[1]
      if (!match?.[1] || !description) throw new StartError(`The migration ${name} must be named YYYYMMDDNNN_object_change.sql and start with "-- Description: …".`)
      const transactional = !/^-- migrate:no-transaction$/m.test(sql)
      const statement = sql.replace(/^--.*$/gm, '').trim()
      if (!transactional && !/^(CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) [^;]*;$/.test(statement))
        throw new StartError(`The migration ${name} runs outside of a transaction: it must be one CREATE INDEX CONCURRENTLY IF NOT EXISTS or DROP INDEX CONCURRENTLY IF EXISTS.`)
      return { version: match[1], description, sql, checksum: hash(sql), transactional, name }
    })
}

/** One at a time. Asked for again and again: who waits inside a statement would hold up an index that is built concurrently, which waits for them. */
export async function takeLock(client: pg.Client): Promise<void> {
  const ask = async () => (await client.query("SELECT pg_try_advisory_lock(hashtextextended('bitcorp migrate', 0)) AS mine")).rows[0].mine
  while (!(await ask())) await sleep(50)
}

/** Roles and extensions. Needs a role that may create them; when all is there already, any owner will do. */
export async function prepareServer(url: string, migrations = readMigrations()): Promise<void> {
  await withClient(url, async (client) => {
    const version = Number((await client.query('SHOW server_version_num')).rows[0].server_version_num)
    if (version < 150000) throw new StartError(`The database is PostgreSQL ${Math.floor(version / 10000)}; Bitcorp ERP needs 15 to 18.`)
    if ((await client.query('SELECT pg_is_in_recovery() AS standby')).rows[0].standby) throw new StartError('DATABASE_URL leads to a standby, which takes no writes. Give the primary server.')
    checkApplied(await readApplied(client), migrations)
    await takeLock(client)
    try {
      await client.query(rolesSql())
    } catch (error) {
      if ((error as { code?: string }).code !== '42501') throw error
      await refuseWhenUnprepared(client, (error as Error).message)
    }
  })
}

async function refuseWhenUnprepared(client: pg.Client, reason: string): Promise<void> {
  const { rows } = await client.query(`
    SELECT (SELECT count(*) FROM pg_roles WHERE rolname IN ('bitcorp_owner', 'record_keeper', 'application_user', 'reporting_user', 'monitoring_user')) < 5
      OR (SELECT count(*) FROM pg_extension WHERE extname IN ('ltree', 'btree_gist', 'pg_trgm', 'unaccent')) < 4
      OR NOT coalesce((SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'bitcorp_owner'), false) AS missing`)
  if (rows[0].missing)
    throw new StartError(
      `DATABASE_URL's user may not prepare the database (${reason}). Let the server's administrator run db/roles.sql on this database and GRANT bitcorp_owner to this user, then start again.`,
    )
}

async function readApplied(client: pg.Client): Promise<Map<string, string>> {
  const there = (await client.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there")).rows[0].there
  if (!there) return new Map()
  await client.query('SET ROLE bitcorp_owner')
  const { rows } = await client.query('SELECT version, checksum FROM public.schema_migrations')
  await client.query('RESET ROLE')
  return new Map<string, string>(rows.map((r) => [r.version, r.checksum]))
}

/** True when the owner finds every migration and all logic as this program has them: then a start has nothing to do. */
export async function isCurrent(url: string, rooms: readonly string[], migrations = readMigrations()): Promise<boolean> {
  try {
    return await withClient(url, async (client) => {
      await client.query('SET ROLE bitcorp_owner')
      const { rows } = await client.query(`SELECT version AS name, checksum FROM schema_migrations UNION ALL ${readAppliedLogic}`)
      const known = new Map(rows.map((r) => [r.name as string, r.checksum as string]))
      const ours = [...migrations.map((m) => [m.version, m.checksum] as const), ...logicChecksums(rooms)]
      return rows.length === ours.length && ours.every(([name, checksum]) => known.get(name) === checksum)
    })
  } catch {
    return false
  }
}

/** Applies what is missing. Many may call this at once: one works, the others wait and find nothing to do. Gives the versions applied. */
export async function migrate(url: string, rooms: readonly string[], say: (line: string) => void, migrations = readMigrations()): Promise<string[]> {
  return withClient(url, async (client) => {
    await takeLock(client)
    await client.query('SET ROLE bitcorp_owner')
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version varchar(14) PRIMARY KEY, description text NOT NULL, checksum varchar(64) NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(), applied_by varchar(100) NOT NULL DEFAULT session_user)`)
    await client.query(`CREATE TABLE IF NOT EXISTS schema_logic (
      name varchar(200) PRIMARY KEY, checksum varchar(64) NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    const applied = new Map<string, string>((await client.query('SELECT version, checksum FROM schema_migrations')).rows.map((r) => [r.version, r.checksum]))
    checkApplied(applied, migrations)
    const done: string[] = []
    for (const migration of migrations) {
      if (applied.has(migration.version)) continue
      say(`Applying ${migration.version}: ${migration.description} …`)
      await applyOne(client, migration)
      done.push(migration.version)
    }
    await applyLogic(client, rooms, done.length > 0)
    return done
  })
}

export async function migrationStatus(url: string, migrations = readMigrations()): Promise<MigrationStatus[]> {
  return withClient(url, async (client) => {
    const there = (await client.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there")).rows[0].there
    if (there) await client.query('SET ROLE bitcorp_owner')
    const rows = there ? (await client.query('SELECT version, description, applied_at::text, applied_by, checksum FROM schema_migrations ORDER BY version')).rows : []
    const applied = new Map(rows.map((r) => [r.version as string, r]))
    const ours = new Set(migrations.map((m) => m.version))
    const known = migrations.map((m): MigrationStatus => {
      const row = applied.get(m.version)
      return {
        version: m.version,
        description: m.description,
        state: !row ? 'pending' : row.checksum === m.checksum ? 'applied' : 'edited',
        applied_at: row?.applied_at ?? null,
        applied_by: row?.applied_by ?? null,
      }
    })
    const unknown = rows
      .filter((r) => !ours.has(r.version))
      .map((r): MigrationStatus => ({ version: r.version, description: r.description, state: 'unknown', applied_at: r.applied_at, applied_by: r.applied_by }))
    return [...known, ...unknown].sort((a, b) => (a.version < b.version ? -1 : 1))
  })
}

function checkApplied(applied: Map<string, string>, migrations: Migration[]): void {
  const known = new Map(migrations.map((m) => [m.version, m]))
  const newest = migrations.at(-1)?.version ?? ''
  for (const [version, checksum] of applied) {
    const migration = known.get(version)
    if (!migration && version > newest)
      throw new StartError(`The database is newer than this program: it has migration ${version}, the newest known here is ${newest}. Install the newer release; nothing was changed.`)
    if (!migration) throw new StartError(`The migration ${version} was applied to the database but its file is missing here. Nothing was changed.`)
    if (migration.checksum !== checksum) throw new StartError(`The migration ${migration.name} was edited after it was applied. Restore the file; a change needs a new migration. Nothing was changed.`)
  }
}

/** One migration, whole or not at all. What runs outside of a transaction is one statement that can be said again. */
async function applyOne(client: pg.Client, migration: Migration): Promise<void> {
  const record = { text: 'INSERT INTO schema_migrations (version, description, checksum) VALUES ($1, $2, $3)', values: [migration.version, migration.description, migration.checksum] }
  if (!migration.transactional) {
    await dropInvalidIndexes(client, migration.sql)
    // Building or dropping concurrently holds up nobody while it waits for older transactions, so it may wait long.
    await client.query("SET lock_timeout = '15min'")
    await client.query(migration.sql)
    await client.query(record)
    return
  }
  await whenLocked(client, async () => {
    await client.query('BEGIN')
    try {
      await client.query(migration.sql)
      await client.query(record)
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  })
}

/** A concurrent build that was cut short leaves an index that no query uses and IF NOT EXISTS takes for the whole one. */
async function dropInvalidIndexes(client: pg.Client, sql: string): Promise<void> {
  const named = [...sql.matchAll(/CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)/g)].map((match) => match[1] ?? '')
  const { rows } = await client.query('SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relname = ANY ($1)', [named])
  for (const { name } of rows) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${pg.escapeIdentifier(name)}`)
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'bitcorp_erp migrate', connectionTimeoutMillis: 10_000, options: '-c timezone=UTC -c client_min_messages=warning' })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    throw new StartError(`The database cannot be reached: ${(error as Error).message || (error as { code?: string }).code}. Check DATABASE_URL (host, port, name, password) and that the server runs.`)
  }
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
