// The schema made from zero is the one that is written down; migrations apply once, by one, unchanged, and never backwards.
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { type Migration, migrate, prepareServer, readMigrations } from '../src/base/migrate.ts'
import { picture } from '../src/base/picture.ts'
import { rooms } from '../src/server.ts'
import { type Clone, cloneDatabase, connected, dropDatabase, type Query, refusalOf } from './harness.ts'
import { constraintFields, dictionary } from './picture.ts'

const quiet = () => {}
const made: Clone[] = []
afterAll(async () => {
  for (const { name } of made) await dropDatabase(name)
})
async function empty(): Promise<Clone> {
  const clone = await cloneDatabase({ empty: true })
  made.push(clone)
  await prepareServer(clone.superuser)
  return clone
}
async function full(): Promise<Clone> {
  const clone = await cloneDatabase()
  made.push(clone)
  return clone
}
const message = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: Error) => error.message,
  )

test('a database from zero is db/schema.sql; the data dictionary and the fields of constraints tell of it', async () => {
  const fresh = await empty()
  await migrate(fresh.owner, rooms, quiet)
  const sql = readMigrations()
    .map((migration) => migration.sql)
    .join('\n')
  await connected(fresh.superuser, async (query) => {
    const text = await picture(query)
    expect(text.split('\n').filter((line) => line.startsWith('TABLE ')).length).toBeGreaterThanOrEqual(18)
    // `npm run schema` writes both anew.
    await expect(text).toMatchFileSnapshot(join(programDir, 'db/schema.sql'))
    await expect(await dictionary(query, sql)).toMatchFileSnapshot(join(programDir, 'docs/data-dictionary.md'))
    await expect(await constraintFields(query)).toMatchFileSnapshot(join(programDir, 'src/base/constraint-fields.ts'))
    await query('CREATE INDEX idx_extra ON equipment (company_id, plate)')
    expect(await picture(query), 'a difference is seen').not.toBe(text)
  })
})

test('migrating twice does nothing, and every step is recorded with the hash of its file', async () => {
  const { owner, superuser } = await full()
  const before = await connected(superuser, picture)
  expect(await migrate(owner, rooms, quiet)).toEqual([])
  expect(await connected(superuser, picture)).toBe(before)
  const recorded = await connected(superuser, (q) => q('SELECT version, checksum, description FROM schema_migrations ORDER BY version'))
  expect(recorded).toEqual(readMigrations().map(({ version, checksum, description }) => ({ version, checksum, description })))
})

test('five at once on an empty database: one works, the others find it done', async () => {
  const { owner } = await empty()
  const done = await Promise.all([1, 2, 3, 4, 5].map(() => migrate(owner, rooms, quiet)))
  expect(done.map((versions) => versions.length).sort()).toEqual([0, 0, 0, 0, readMigrations().length])
})

test('an edited, a missing and a newer migration are refused by name, and nothing changes', async () => {
  const { owner, superuser } = await full()
  const all = readMigrations()
  const edited = all.map((migration, i) => (i === 1 ? { ...migration, checksum: 'x'.repeat(64) } : migration))
  expect(await message(migrate(owner, rooms, quiet, edited))).toContain(`${all[1]?.name} was edited`)
  expect(
    await message(
      migrate(
        owner,
        rooms,
        quiet,
        all.filter((_, i) => i !== 1),
      ),
    ),
  ).toContain(`${all[1]?.version} was applied to the database but its file is missing`)
  expect(await message(migrate(owner, rooms, quiet, all.slice(0, -1)))).toContain(`newer than this program: it has migration ${all.at(-1)?.version}`)
  expect((await connected(superuser, (q) => q('SELECT count(*) AS n FROM schema_migrations')))[0].n).toBe(all.length)
})

test('a migration that fails half-way leaves nothing behind', async () => {
  const { owner, superuser } = await full()
  const broken: Migration = { version: '20991231001', description: 'broken', name: '20991231001_break.sql', checksum: 'x', transactional: true, sql: 'CREATE TABLE half (id int); SELECT 1 / 0;' }
  expect(await refusalOf(() => migrate(owner, rooms, quiet, [...readMigrations(), broken]))).toBe('22012')
  expect((await connected(superuser, (q) => q("SELECT to_regclass('public.half') AS half")))[0].half).toBe(null)
  expect(await migrate(owner, rooms, quiet)).toEqual([])
})

test('a rule is added in two steps: writers go on, what stood before is found by name, and then it holds for all', async () => {
  const { owner, superuser } = await full()
  const step = (version: string, sql: string): Migration => ({ version, description: sql, name: `${version}_rule.sql`, checksum: version, transactional: true, sql })
  const first = step('20991231001', 'ALTER TABLE equipment ADD CONSTRAINT equipment_plate_capitals CHECK (plate = upper(plate)) NOT VALID')
  const second = step('20991231002', 'ALTER TABLE equipment VALIDATE CONSTRAINT equipment_plate_capitals')
  const company = (await connected(owner, (q) => q("SELECT create_company('Con historia', NULL) AS id")))[0].id
  const insert = (plate: string) => (q: Query) => q("INSERT INTO equipment (company_id, name, ownership, plate) VALUES ($1, 'x', 'rented', $2)", [company, plate])
  const write = (plate: string) => refusalOf(() => connected(superuser, (q) => q("SET lock_timeout = '5s'").then(() => insert(plate)(q))))
  for (const plate of ['ABC-1', 'abc-2', 'ABC-3']) expect(await write(plate)).toBe('done')

  // Step one, while a writer is at it: the runner asks for its short lock again and again and gets it when the writer ends.
  const waited = await connected(superuser, async (q) => {
    await q('BEGIN')
    await q("UPDATE equipment SET location = 'Puno' WHERE plate = 'ABC-1'")
    const migrating = migrate(owner, rooms, quiet, [...readMigrations(), first])
    await new Promise((done) => setTimeout(done, 400))
    expect(await write('ABC-5'), 'others go on writing while the migration waits').toBe('done')
    await q('COMMIT')
    return migrating
  })
  expect(waited).toEqual([first.version])
  expect([await write('abc-6'), await write('ABC-6')], 'it holds for what is written from now on').toEqual(['equipment_plate_capitals', 'done'])

  // Step two meets the row from before: refused by name, nothing changed, and it goes through once the row is put right.
  expect(await refusalOf(() => migrate(owner, rooms, quiet, [...readMigrations(), first, second]))).toBe('equipment_plate_capitals')
  await connected(superuser, async (q) => {
    expect((await q("SELECT convalidated AS valid FROM pg_constraint WHERE conname = 'equipment_plate_capitals'"))[0].valid).toBe(false)
    await q("UPDATE equipment SET plate = upper(plate) WHERE plate = 'abc-2'")
    await q('BEGIN')
    await q(second.sql)
    expect(await write('ABC-7'), 'nobody waits while the rows are looked at').toBe('done')
    await q('ROLLBACK')
    // In one step, writers stand still until every row has been looked at.
    await q('BEGIN')
    await q('ALTER TABLE equipment ADD CONSTRAINT equipment_at_once CHECK (plate = upper(plate))')
    expect(await refusalOf(() => connected(superuser, (other) => other("SET lock_timeout = '300ms'").then(() => insert('ABC-8')(other))))).toBe('55P03')
    await q('ROLLBACK')
  })
  expect(await migrate(owner, rooms, quiet, [...readMigrations(), first, second])).toEqual([second.version])
})

test('every rule stands validated, and those of the guidelines are attacked by SQL', async () => {
  const { owner, superuser } = await full()
  const company = (await connected(owner, (q) => q("SELECT create_company('Atacada', NULL) AS id")))[0].id
  const attacks: [string, string][] = [
    ["last_maintenance_date = '2026-05-01', next_maintenance_date = '2026-05-01'", 'equipment_maintenance_dates_logical'],
    ["last_maintenance_date = '2026-05-02', next_maintenance_date = '2026-05-01'", 'equipment_maintenance_dates_logical'],
    ["last_maintenance_date = '-infinity'", 'equipment_dates_range'],
    ["next_maintenance_date = 'infinity'", 'equipment_dates_range'],
    ["purchase_date = '2026-05-01', warranty_expires_at = '2026-05-01'", 'equipment_warranty_future'],
    ["purchase_date = '2026-05-02', warranty_expires_at = '2026-05-01'", 'equipment_warranty_future'],
    ["specifications = '[]'", 'equipment_specifications_schema'],
    [`specifications = '"text"'`, 'equipment_specifications_schema'],
    ["specifications = 'null'", 'equipment_specifications_schema'],
    ["specifications = jsonb_build_object('a', repeat('x', 20001))", 'equipment_specifications_schema'],
    ["serial_number = 'EQ-2026-ex-000001'", 'equipment_serial_format'],
    ["serial_number = 'EQ-26-EX-000001'", 'equipment_serial_format'],
    ["serial_number = E'EQ-2026-EX-000001\\n'", 'equipment_serial_format'],
    ["serial_number = 'XEQ-2026-EX-000001'", 'equipment_serial_format'],
    ["serial_number = 'EQ-2026-EX-٠٠٠٠٠١'", 'equipment_serial_format'],
  ]
  await connected(superuser, async (q) => {
    const open = await q("SELECT conname AS name FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace")
    expect(open).toEqual([])
    const [machine] = await q("INSERT INTO equipment (company_id, name, ownership) VALUES ($1, 'x', 'rented') RETURNING id", [company])
    for (const [sets, constraint] of attacks) expect(await refusalOf(() => q(`UPDATE equipment SET ${sets} WHERE id = $1`, [machine.id])), sets).toBe(constraint)
    const [check] = await q("SELECT provolatile AS kind, proparallel AS parallel FROM pg_proc WHERE proname = 'validate_equipment_serial_number'")
    expect(check, 'what a constraint calls never changes its mind').toEqual({ kind: 'i', parallel: 's' })
  })
})
