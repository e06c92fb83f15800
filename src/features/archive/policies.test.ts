// Nothing of an import is anybody's but the owner's: not its functions, not its policies, not by naming the company oneself.
import { expect, test } from 'vitest'
import { connected, createWorld, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const stranger = '00000000-0000-7000-8000-00000000dead'

test('the policies for an import are the owner’s alone, one on each table of companies', async () => {
  const rows = await world.sqlAdmin((q) => q("SELECT polrelid::regclass::text AS name, polroles::regrole[]::text AS roles, polcmd FROM pg_policy WHERE polname LIKE '%\\_archive'"))
  const tables = await world.sqlAdmin((q) =>
    q(`SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND (c.relname = 'companies' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped))`),
  )
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.map((row) => row.name).sort()).toEqual(tables.map((row) => row.name).sort())
  expect(rows.filter((row) => row.roles !== '{bitcorp_owner}' || row.polcmd !== 'a')).toEqual([])
})

test('who serves or reports may call none of its functions, and gains nothing by naming a company', async () => {
  const functions = [
    'build_imported_search($1)',
    "settle_imported_company($1, '{}')",
    "record_company_export($1, '{}')",
    "put_imported_accounts('[]') WHERE $1::uuid IS NOT NULL",
    "give_imported_places($1, '{}', '{}')",
  ]
  for (const url of [world.appUrl, world.reportingUrl]) {
    await connected(url, async (q) => {
      for (const call of functions) expect(await refusalOf(() => q(`SELECT * FROM ${call}`, [stranger])), call).toBe('42501')
      await q("SELECT set_config('app.imported_company', $1, false)", [stranger])
      for (const insert of [
        "companies (id, name) VALUES ($1, 'Mía')",
        "domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data) VALUES ($1, $1, 'equipment', 'equipment_created', 1, '{}')",
        "audit_logs (company_id, entity_type, action) VALUES ($1, 'company', 'created')",
        "equipment (company_id, name, serial_number, ownership, currency) VALUES ($1, 'x', 'EQ-2026-GN-000001', 'rented', 'PEN')",
        "user_company_roles (company_id, user_id, role, display_name) VALUES ($1, $1, 'admin', 'x')",
      ])
        expect(await refusalOf(() => q(`INSERT INTO ${insert}`, [stranger])), insert).toBe('42501')
      expect(await refusalOf(() => q('ALTER TABLE equipment DISABLE TRIGGER USER'))).toBe('42501')
    })
  }
})

test('the owner inserts rows of the company it names alone, and with the triggers on', async () => {
  await connected(world.ownerUrl, async (q) => {
    await q('SET ROLE bitcorp_owner')
    const insert = "INSERT INTO equipment (company_id, name, ownership, currency) VALUES ($1, 'x', 'rented', 'PEN')"
    expect(await refusalOf(() => q(insert, [world.companies.andina.id]))).toBe('42501')
    await q("SELECT set_config('app.imported_company', $1, false)", [world.companies.sur.id])
    expect(await refusalOf(() => q(insert, [world.companies.andina.id]))).toBe('42501')
  })
})
