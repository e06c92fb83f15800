// The schema made from zero is the one that is written down; migrations apply once, by one, unchanged, and never backwards.
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { type Migration, migrate, prepareServer, readMigrations } from '../src/base/migrate.ts'
import { rooms } from '../src/server.ts'
import { type Clone, cloneDatabase, connected, dropDatabase, refusalOf } from './harness.ts'
import { constraintFields, dictionary, picture } from './picture.ts'

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
