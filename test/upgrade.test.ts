// Upgrades that are cut off, come in each other's way, or meet people at work.
import { expect, test } from 'vitest'
import { leaveOut, readLogic } from '../src/base/logic.ts'
import { type Migration, migrate, prepareServer, readMigrations } from '../src/base/migrate.ts'
import { picture } from '../src/base/picture.ts'
import { rooms } from '../src/server.ts'
import { cloneDatabase, connected, createWorld, dropDatabase, type Query, refusalOf } from './harness.ts'

const world = await createWorld()
const quiet = () => {}
const migrations = readMigrations()
const next = (version: string, sql: string, transactional = true): Migration => ({ version, description: sql, name: `${version}_next.sql`, checksum: version, transactional, sql })
const admin = <T>(work: (query: Query) => Promise<T>) => connected(world.superuserUrl, work)
const logicChanged = (q: Query, parts: string) => q(`UPDATE schema_logic SET checksum = repeat('0', 64) WHERE name LIKE '%.sql' OR name ~ $1`, [parts])

/** Statements of a migration, cut where one ends: outside of dollar quotes and brackets. */
function statementsOf(sql: string): string[] {
  const quoted: string[] = []
  const bare = sql
    .replace(/^--.*$/gm, '')
    .replace(/\$\$[\s\S]*?\$\$|'(?:[^']|'')*'/g, (text) => `§${quoted.push(text) - 1}§`)
    .split(';')
    .map((text) => text.replace(/§(\d+)§/g, (_, at) => quoted[Number(at)] ?? ''))
  return bare.filter((text) => text.trim() !== '')
}
const end = 'SELECT pg_terminate_backend(pg_backend_pid())'

test('cut off before any statement of any migration, and in the logic, the next run completes and nothing is there twice', async () => {
  const clone = await cloneDatabase({ empty: true })
  try {
    await prepareServer(clone.superuser)
    let cuts = 0
    for (const [at, migration] of migrations.entries()) {
      const statements = statementsOf(migration.sql)
      // First, middle, last, and after the last, before it is written down.
      for (const place of migration.transactional ? new Set([0, statements.length >> 1, statements.length - 1, statements.length]) : []) {
        const sql = [...statements.slice(0, place), end, ...statements.slice(place)].join(';\n')
        expect(await refusalOf(() => migrate(clone.owner, rooms, quiet, migrations.with(at, { ...migration, sql }))), `${migration.name} before ${place}`).toBe('57P01')
        cuts++
      }
    }
    expect(cuts).toBeGreaterThan(90)
    await migrate(clone.owner, rooms, quiet)
    for (const delay of [0, 30, 90, 180, 300]) {
      await connected(clone.superuser, (q) => logicChanged(q, '^part'))
      const cut = refusalOf(() => migrate(clone.owner, rooms, quiet))
      await new Promise((done) => setTimeout(done, delay))
      await connected(clone.superuser, (q) => q("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bitcorp_erp migrate' AND datname = current_database()"))
      expect(await cut).toMatch(/^(57P01|done|Error: Connection terminated.*|Error: (src\/\S+: )?Client has encountered a connection error.*)$/)
    }
    await migrate(clone.owner, rooms, quiet)
    expect(await connected(clone.superuser, picture)).toBe(await admin(picture))
    expect(await connected(clone.superuser, (q) => q('SELECT version FROM schema_migrations ORDER BY version'))).toEqual(migrations.map(({ version }) => ({ version })))
  } finally {
    await dropDatabase(clone.name)
  }
})

test('an index whose build was cut short is built anew, and one that was built but not written down is kept', async () => {
  const unique = next('20991231001', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx_next_plate ON equipment (company_id, plate)', false)
  const state = () => admin(async (q) => (await q("SELECT indisvalid AS valid, indexrelid::int AS id FROM pg_index WHERE indexrelid = to_regclass('idx_next_plate')"))[0])
  const [first] = [await world.machine({ plate: 'AAA-111' }), await world.machine({ plate: 'AAA-111' })]
  expect(await refusalOf(() => migrate(world.ownerUrl, rooms, quiet, [...migrations, unique]))).toBe('idx_next_plate')
  expect((await state()).valid).toBe(false)
  await admin((q) => q("UPDATE equipment SET plate = 'BBB-222' WHERE id = $1", [first.id]))
  // Said again as it is, IF NOT EXISTS would be content with the useless one.
  await admin((q) => q(unique.sql))
  expect((await state()).valid).toBe(false)
  expect(await migrate(world.ownerUrl, rooms, quiet, [...migrations, unique])).toEqual([unique.version])
  const built = await state()
  expect(built.valid).toBe(true)

  await admin((q) => q('DELETE FROM schema_migrations WHERE version = $1', [unique.version]))
  expect(await migrate(world.ownerUrl, rooms, quiet, [...migrations, unique])).toEqual([unique.version])
  expect(await state()).toEqual(built)
  await admin((q) => q('DELETE FROM schema_migrations WHERE version = $1', [unique.version]))
  await admin((q) => q('DROP INDEX idx_next_plate'))
})

test('what runs outside of a transaction is one statement that can be said again', async () => {
  const { mkdtempSync, writeFileSync, rmSync } = await import('node:fs')
  const folder = mkdtempSync('/tmp/bitcorp-migrations-')
  const read = (sql: string) => {
    writeFileSync(`${folder}/20991231001_next.sql`, `-- Description: next\n-- migrate:no-transaction\n${sql}\n`)
    try {
      return readMigrations(folder).length
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(read('CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_next ON equipment (plate);')).toBe(1)
  expect(read('CREATE INDEX CONCURRENTLY idx_next ON equipment (plate);')).toContain('20991231001_next.sql runs outside of a transaction')
  expect(read('CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON equipment (plate); SELECT 1;')).toContain('must be one CREATE INDEX')
  rmSync(folder, { recursive: true })
})

/** The tables and views that the logic locks against readers or writers when it is applied. */
async function lockedBy(files: readonly string[]): Promise<string[]> {
  return connected(world.ownerUrl, async (q) => {
    await q('SET ROLE bitcorp_owner')
    await q('BEGIN')
    for (const sql of files) await q(sql)
    const rows = await q(`SELECT DISTINCT c.relname AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND l.mode ~ '^(Share|ShareRowExclusive|Exclusive|AccessExclusive)Lock$' ORDER BY 1`)
    await q('ROLLBACK')
    return rows.map((row) => row.name)
  })
}

test('the logic applied again locks only what changed', async () => {
  const files = readLogic(rooms)
  const known = new Map((await admin((q) => q('SELECT name, checksum FROM schema_logic'))).map((row) => [row.name as string, row.checksum as string]))
  const parts = new Set(files.flatMap(({ sql }) => leaveOut(sql, new Set(), known).parts.map(({ key }) => key)))
  expect(parts.size).toBeGreaterThan(150)
  expect((await lockedBy(files.map(({ sql }) => sql))).length, 'all of it, as it is written').toBeGreaterThan(30)
  expect(await lockedBy(files.map(({ sql }) => leaveOut(sql, parts, known).sql)), 'nothing changed').toEqual([])
  const changed = new Map(known).set('part policy equipment_select equipment', 'x')
  expect(await lockedBy(files.map(({ sql }) => leaveOut(sql, parts, changed).sql)), 'one policy changed').toEqual(['equipment'])
})

test('what was taken away by hand stands again after an upgrade, and what changed is applied', async () => {
  const before = await admin(picture)
  await admin(async (q) => {
    await q('DROP POLICY equipment_select ON equipment')
    await q('DROP TRIGGER trigger_900_record_change ON api_tokens')
    await q('ALTER POLICY equipment_categories_select ON equipment_categories USING (false)')
    await logicChanged(q, '^part policy equipment_categories_select ')
  })
  expect(await admin(picture)).not.toBe(before)
  await migrate(world.ownerUrl, rooms, quiet)
  expect(await admin(picture)).toBe(before)
})
