// `bitcorp doctor` against databases that somebody laid hands on: each fault is planted, named, and gone again once put right.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { connected, createWorld, type Query } from '../../../test/harness.ts'
import { readConfig } from '../../base/config.ts'
import { migrate } from '../../base/migrate.ts'
import { createServer, rooms } from '../../server.ts'
import { examine } from './doctor.ts'

const world = await createWorld({ owner: true })
const clone = { superuser: world.superuserUrl, owner: world.ownerUrl, app: world.appUrl }
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const look = async (env: Record<string, string> = {}) => {
  const config = readConfig({ DATABASE_URL: clone.owner, DATABASE_APP_URL: clone.app, BITCORP_DATA_DIR: folder, PORT: '9', ...env })
  return new Map((await examine({ config, rooms, createServer })).map((finding) => [finding.name, finding]))
}
const change = (sql: string) => connected(clone.superuser, (q: Query) => q(sql))

test('a database as this release makes it has nothing that differs', async () => {
  const findings = await look()
  expect(findings.get('schema')).toMatchObject({ ok: true, found: 'as this release makes it' })
  expect(findings.get('monitoring')).toMatchObject({ ok: true, found: 'slow statements and the work of all are seen' })
  expect(findings.get('jobs')?.found).toMatch(/^not looked at: no server answers/)
})

test('what was changed by hand is named, each object, and comes back as the advice says', async () => {
  const faults: [string, string][] = [
    ['DROP POLICY equipment_select ON equipment', 'policy equipment_select on equipment is missing'],
    ['ALTER TABLE equipment DISABLE TRIGGER trigger_900_record_change', 'trigger trigger_900_record_change on equipment was changed'],
    ['CREATE OR REPLACE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$', 'function refuse_delete() was changed'],
    ['ALTER TABLE equipment ADD COLUMN by_hand text', 'column by_hand on equipment is not of this program'],
    ['ALTER TABLE companies DROP CONSTRAINT companies_name_not_empty', 'constraint companies_name_not_empty on companies is missing'],
    ['DROP INDEX idx_sessions_user', 'index idx_sessions_user on sessions is missing'],
    ['GRANT DELETE ON equipment TO application_user', 'grants to application_user on equipment was changed'],
    ['ALTER TABLE users NO FORCE ROW LEVEL SECURITY', 'table users was changed'],
    ['ALTER VIEW slow_queries RESET (security_invoker)', 'view slow_queries was changed'],
    ['CREATE TABLE forgotten (id int)', 'table forgotten is not of this program'],
  ]
  for (const [sql] of faults) await change(sql)
  const schema = (await look()).get('schema')
  expect(schema?.ok).toBe(false)
  for (const [, words] of faults) expect(schema?.found).toContain(words)
  expect(schema?.found.split('; ').sort(), 'and nothing else').toEqual([...faults.map(([, words]) => words), 'column id on forgotten is not of this program'].sort())

  await change(`ALTER TABLE equipment DROP COLUMN by_hand; DROP TABLE forgotten; CREATE INDEX idx_sessions_user ON sessions (user_id); ALTER TABLE users FORCE ROW LEVEL SECURITY;
    ALTER TABLE companies ADD CONSTRAINT companies_name_not_empty CHECK (is_not_blank(name)); REVOKE DELETE ON equipment FROM application_user;
    SET ROLE bitcorp_owner; DELETE FROM schema_logic`)
  await migrate(clone.owner, rooms, () => {})
  expect((await look()).get('schema')).toMatchObject({ ok: true })
})

test('an index that is not valid, a rule not validated, and a missing month are named with what to do', async () => {
  await change('CREATE TABLE half (a int); INSERT INTO half VALUES (1), (1)')
  await change('CREATE UNIQUE INDEX CONCURRENTLY idx_half ON half (a)').catch(() => {})
  await change('ALTER TABLE equipment ADD CONSTRAINT by_hand CHECK (length(plate) <= 20) NOT VALID')
  const [next] = await connected(clone.superuser, (q) => q("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM') AS month"))
  await change(`DROP TABLE equipment_logs_${next.month}`)
  const findings = await look()
  expect(findings.get('indexes')).toMatchObject({ ok: false, found: 'idx_half', advice: expect.stringContaining('DROP INDEX') })
  expect(findings.get('constraints')).toMatchObject({ ok: false, found: 'by_hand', advice: expect.stringContaining('VALIDATE') })
  expect(findings.get('log partitions')).toMatchObject({ ok: false, found: '1 of this month and three to come are missing', advice: expect.stringContaining('bitcorp logs tidy') })
  await change('DROP TABLE half; ALTER TABLE equipment DROP CONSTRAINT by_hand; SET ROLE bitcorp_owner; SELECT create_equipment_log_partitions(3)')
  const after = await look()
  for (const name of ['indexes', 'constraints', 'log partitions', 'schema']) expect(after.get(name), name).toMatchObject({ ok: true })
})

test('a job that fails on the running server is named; what monitoring lacks is said', async () => {
  const address = new URL(await world.app.listen({ host: '127.0.0.1', port: 0 }))
  await expect.poll(async () => (await look({ PORT: address.port })).get('jobs')?.found, { timeout: 60_000 }).toBe(`${world.app.ground.jobs.list().length} run as they should`)
  await world.sqlAdmin((q) => q('ALTER FUNCTION chain_audit_logs(integer) RENAME TO chain_nothing'))
  // The first may only join a run of the clock that began before.
  for (let n = 0; n < 2; n++) await world.app.ground.jobs.run('audit_chain')
  expect((await look({ PORT: address.port })).get('jobs')).toMatchObject({ ok: false, found: expect.stringMatching(/^audit_chain failed/), advice: expect.stringContaining('Installation') })
  await world.sqlAdmin((q) => q('ALTER FUNCTION chain_nothing(integer) RENAME TO chain_audit_logs'))
  await change('DROP EXTENSION pg_stat_statements')
  expect((await look()).get('monitoring')).toMatchObject({ ok: true, found: expect.stringContaining('CREATE EXTENSION pg_stat_statements') })
})
