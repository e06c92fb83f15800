// Backups and restores of the embedded server, for real: under writers, to a moment before a mistake, with the data folder gone.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { Installation, quiet } from '../../../test/backups.ts'
import { buildWhenStale, run } from '../../../test/program.ts'
import { type Migration, readMigrations } from '../../base/migrate.ts'
import { rooms } from '../../server.ts'
import { type Checks, firstDifference } from './checks.ts'
import { rehearse } from './rehearse.ts'
import { restore } from './restore.ts'
import { backUp, openShelf, openWal } from './take.ts'

const home = new Installation()
const shelf = openShelf(home.config)
const message = (work: Promise<unknown>) => work.then(() => 'done').catch((error: Error) => error.message)
const everything = async () => (await home.query("SELECT md5(string_agg(u::text, '|' ORDER BY u.id)) AS users, count(*)::int AS n FROM users u"))[0]

/** What a server was once told to do goes along in each copy of it, and must not be done there. */
const reached = join(home.folder, 'reached')

beforeAll(async () => {
  await home.open()
  await home.settle()
  mkdirSync(reached)
  chmodSync(reached, 0o777)
  await home.query('ALTER SYSTEM SET archive_mode = always')
  await home.query(`ALTER SYSTEM SET archive_command = 'touch ${reached}/%f'`)
}, 120_000)

test('while others write, a backup is taken, restored into a scratch server, and holds the same', async () => {
  const stop = home.write()
  const backup = await backUp(home.config, home.url, shelf, quiet)
  expect(await stop()).toBeGreaterThan(5)
  expect(backup).toMatchObject({ state: 'proven', reason: null })
  expect(backup?.manifest?.rows).toBeGreaterThan(20)
  for (const file of ['manifest.json', 'base.tar.gz', 'proof.json']) expect(statSync(join(backup?.folder ?? '', file)).mode & 0o777, file).toBe(0o600)
  expect(statSync(backup?.folder ?? '').mode & 0o777).toBe(0o700)
  expect(shelf.newestProven()?.id).toBe(backup?.id)
})

test('a rehearsal runs the pending migrations on a copy and tells locks, durations and rows; the real database is untouched', async () => {
  buildWhenStale()
  const backup = shelf.newestProven()
  if (!backup) throw new Error('no backup')
  const before = await home.checks()
  const passwords = () => home.query('SELECT rolname, rolpassword FROM pg_authid ORDER BY rolname')
  const stored = () => readdirSync(backup.folder).map((name) => [name, statSync(join(backup.folder, name)).mtimeMs])
  const had = [await passwords(), stored()]
  const extra = (number: string, sql: string): Migration => ({
    version: `2099010100${number}`,
    description: `extra ${number}`,
    sql,
    checksum: number.repeat(32),
    transactional: true,
    name: `2099010100${number}_extra.sql`,
  })
  const good = [
    ...readMigrations(),
    extra('1', 'ALTER TABLE companies ADD COLUMN extra text; SELECT pg_sleep(0.2)'),
    extra('2', "SET LOCAL ROLE record_keeper; INSERT INTO sign_in_throttles SELECT 'device', repeat('0', 64), 0, now(), now(); SET LOCAL ROLE bitcorp_owner; CREATE TABLE extra (id int)"),
  ]
  const told = await rehearse(home.config, rooms, shelf, backup, quiet, good)
  expect(told.failure).toBeNull()
  expect(told.steps.map((step) => step.version)).toEqual(['20990101001', '20990101002'])
  expect(told.steps[0]?.ms).toBeGreaterThanOrEqual(200)
  expect(told.steps[0]?.locks).toContainEqual(expect.objectContaining({ table: 'companies', mode: 'AccessExclusiveLock' }))
  expect(told.rows.find((row) => row.table === 'public.users')).toMatchObject({ before: expect.any(Number) })
  const changed = told.rows.filter((row) => row.before !== row.after && !/schema_(migrations|logic)/.test(row.table))
  expect(changed.map(({ table, before: had, after }) => [table, (after ?? 0) - had])).toEqual([['public.sign_in_throttles', 1]])
  expect(firstDifference(before, await home.checks())).toBeUndefined()
  const bad = await rehearse(home.config, rooms, shelf, backup, quiet, [...readMigrations(), extra('3', 'ALTER TABLE companies ADD CONSTRAINT never CHECK (false)')])
  expect(bad.failure).toMatch(/20990101003: .*never/)
  const command = await run(['upgrade', '--rehearse'], home.config.dataDir, { env: { BITCORP_BACKUP_DIR: home.config.backupDir } })
  expect([command.code, command.output]).toEqual([0, expect.stringMatching(/OK: 0 migrations on a copy of .* The real database was not touched\.\n$/)])

  expect(firstDifference(before, await home.checks())).toBeUndefined()
  expect([await passwords(), stored()]).toEqual(had)
  // A copy that came up is on a timeline of its own: nothing of that may stand in the real archive, or anywhere.
  expect(openWal(home.config).list().length).toBeGreaterThan(0)
  expect(
    openWal(home.config)
      .list()
      .filter(({ name }) => !name.startsWith('00000001')),
  ).toEqual([])
  expect([readdirSync(reached), readdirSync(home.config.dataDir).filter((name) => name.startsWith('scratch'))]).toEqual([[], []])
})

test('what is compared tells a changed row, a lost policy, grant, trigger and constraint apart', async () => {
  const before = await home.checks()
  expect(firstDifference(before, before)).toBeUndefined()
  const after = async (text: string): Promise<string | undefined> => {
    const client = new pg.Client({ connectionString: home.url })
    await client.connect()
    const { plain, takeChecks } = await import('./checks.ts')
    try {
      await client.query(`BEGIN; ${text}`)
      await plain(client)
      return firstDifference(before, await takeChecks(client))
    } finally {
      await client.query('ROLLBACK')
      await client.end()
    }
  }
  expect(await after("SET LOCAL session_replication_role = replica; UPDATE users SET full_name = 'Otra' WHERE email = 'p1@sur.test'")).toBe('public.users has other values than the original')
  expect(await after('SET LOCAL session_replication_role = replica; DELETE FROM sessions; DELETE FROM user_company_roles')).toMatch(/^public\.\w+ has 0 rows instead of/)
  expect(await after('DROP POLICY equipment_insert ON equipment')).toMatch(/^policies: missing.*equipment_insert/)
  expect(await after('REVOKE SELECT ON equipment FROM application_user')).toMatch(/^grants: missing/)
  expect(await after('ALTER TABLE equipment DISABLE TRIGGER trigger_010_keep_base_fields')).toMatch(/^triggers: missing/)
  expect(await after('ALTER TABLE equipment NO FORCE ROW LEVEL SECURITY')).toMatch(/^tables: missing/)
})

/** Drops, empties or changes something, and comes back to just before it. */
async function undo(mistake: string): Promise<{ before: Checks; after: Checks; to: string }> {
  const [before, sum] = [await home.checks(), await everything()]
  const time = String((await home.query('SELECT to_char(clock_timestamp() AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') AS t'))[0]?.t)
  await sleep(50)
  await home.query(mistake)
  await home.query("SELECT put_user('late@test.test', 'Tarde', NULL, 'es')")
  expect(firstDifference(before, await home.checks())).toBeDefined()
  expect(await message(restore(home.config, shelf, { time, force: true }, quiet))).toMatch(/runs\. Stop the server first/)
  await home.close()
  expect(await message(restore(home.config, shelf, { time, force: false }, quiet))).toMatch(/holds a database already\. --force/)
  const done = await restore(home.config, shelf, { time, force: true }, quiet)
  expect(existsSync(done.moved_aside ?? '')).toBe(true)
  rmSync(done.moved_aside ?? '', { recursive: true })
  await home.open()
  expect(await everything()).toEqual(sum)
  return { before, after: await home.checks(), to: done.to }
}

test('back to just before a DROP TABLE: equal to what stood there then', async () => {
  const { before, after } = await undo('DROP TABLE equipment CASCADE')
  expect(firstDifference(before, after)).toBeUndefined()
})

test('and again, on the new timeline, to just before a TRUNCATE … CASCADE', async () => {
  await home.query("SELECT put_user('between@test.test', 'Entre', NULL, 'es')")
  const { before, after } = await undo('SET session_replication_role = replica; TRUNCATE companies CASCADE')
  expect(firstDifference(before, after)).toBeUndefined()
})

test('a backup after a restore, on a later timeline, is proven too', async () => {
  const made = await backUp(home.config, home.url, shelf, quiet)
  expect(made).toMatchObject({ state: 'proven', manifest: { wal: { timeline: 3 } } })
})

test('the data folder is gone: a proven backup and the archive bring all back that was archived', async () => {
  await home.query("SELECT put_user('last@test.test', 'Última', NULL, 'es')")
  const before = await home.checks()
  const { name } = (await home.query('SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name, pg_switch_wal()'))[0] ?? {}
  await expect
    .poll(
      () =>
        openWal(home.config)
          .list()
          .some((entry) => entry.name === name),
      { timeout: 30_000 },
    )
    .toBe(true)
  await home.close()
  rmSync(home.config.dataDir, { recursive: true })
  expect((await restore(home.config, shelf, { force: false }, quiet)).moved_aside).toBeNull()
  await home.open()
  expect(firstDifference(before, await home.checks())).toBeUndefined()
  expect(readFileSync(join(home.config.dataDir, 'secrets.json'), 'utf8')).toContain('superuser')
})
