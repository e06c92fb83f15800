// The walk over tables, identities and verbs: it finds nothing where the walls stand, and each wall taken away.
import { expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { verifyIsolation } from './isolation.ts'

const world = await createWorld()
await world.machine()
await world.machine({}, 'sur')
const verify = (...tables: string[]) => verifyIsolation(world.ownerUrl, () => {}, tables.length ? { tables } : {})

test('every identity reaches its own company alone; the evidence says so with numbers; nothing stays behind', async () => {
  const before = await world.sqlAdmin((q) => q('SELECT (SELECT count(*) FROM companies) AS companies, (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM domain_events) AS events'))
  const report = await verify()
  expect(report.faults).toEqual([])
  expect(report.evidence.length).toBe(report.tables * report.identities)
  expect(report.tables).toBeGreaterThan(20)
  const line = (identity: string, table: string) => report.evidence.find((e) => e.identity === identity && e.table === table)
  expect(line('viewer', 'equipment')).toMatchObject({ sees: 1, foreign: 0, may_update: 0, insert_own: 'refused', insert_other: 'refused', updates: 'none', deletes: 'refused' })
  expect(line('manager', 'equipment')).toMatchObject({ sees: 1, foreign: 0, may_update: 1, update_foreign: 0, insert_other: 'refused', updates: 'none' })
  expect(line('operator', 'audit_logs')).toMatchObject({ sees: 0, may_update: 0, insert_own: 'refused', updates: 'refused' })
  expect(line(`admin of ${world.companies.andina.id}`, 'equipment')).toMatchObject({ sees: 1, may_update: 1 })
  for (const nobody of [
    'company suspended',
    'membership over',
    'membership to come',
    'account deactivated',
    'session over',
    'unknown',
    'no credential',
    'empty',
    'not an id',
    'unset',
    'without a company',
    'admin choosing the other',
  ])
    for (const e of report.evidence.filter((e) => e.identity === nobody && e.table !== 'users')) expect([e.identity, e.table, e.sees]).toEqual([e.identity, e.table, expect.toBeOneOf([0, 'no right'])])
  expect(await world.sqlAdmin((q) => q('SELECT (SELECT count(*) FROM companies) AS companies, (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM domain_events) AS events'))).toEqual(before)
})

const holes: [string, string, string, string, RegExp][] = [
  ['a policy that shows all rows', 'CREATE POLICY hole ON equipment FOR SELECT TO application_user USING (true)', 'DROP POLICY hole ON equipment', 'sees_own_company_only', /viewer .* in equipment/],
  [
    'a policy that shows all rows to the reports',
    'CREATE POLICY hole ON equipment FOR SELECT TO reporting_user USING (true)',
    'DROP POLICY hole ON equipment',
    'sees_own_company_only',
    /reporting_user\) in equipment/,
  ],
  [
    'a table without row security',
    'ALTER TABLE equipment_status_history DISABLE ROW LEVEL SECURITY',
    'ALTER TABLE equipment_status_history ENABLE ROW LEVEL SECURITY',
    'nobody_sees_nothing',
    /unset .* in equipment_status_history/,
  ],
  [
    'a policy that lets all rows be changed, unseen',
    'CREATE POLICY hole ON equipment FOR UPDATE TO application_user USING (true)',
    'DROP POLICY hole ON equipment',
    'changes_own_company_only',
    /manager .* in equipment/,
  ],
  [
    'a policy that lets a viewer change',
    'CREATE POLICY hole ON equipment FOR UPDATE TO application_user USING (company_id = (SELECT c.company_id FROM caller c))',
    'DROP POLICY hole ON equipment',
    'who_may_not_write_writes_nothing',
    /viewer .* in equipment/,
  ],
  [
    'a policy that lets a viewer add',
    'CREATE POLICY hole ON equipment_categories FOR INSERT TO application_user WITH CHECK (company_id = (SELECT c.company_id FROM caller c))',
    'DROP POLICY hole ON equipment_categories',
    'who_may_not_write_writes_nothing',
    /viewer .* in equipment_categories/,
  ],
  [
    'a policy that lets rows into another company',
    'CREATE POLICY hole ON import_batches FOR INSERT TO application_user WITH CHECK (true)',
    'DROP POLICY hole ON import_batches',
    'writes_into_no_other_company',
    /manager .* in import_batches/,
  ],
  [
    'a grant and policy to erase',
    'GRANT DELETE ON equipment_assignments TO application_user',
    'REVOKE DELETE ON equipment_assignments FROM application_user',
    'nothing_is_erased',
    /operator .* in equipment_assignments/,
  ],
]
test.each(holes)('finds %s', async (_what, make, mend, rule, where) => {
  await world.sqlAdmin((q) => q(make))
  try {
    const { faults } = await verify('equipment', 'equipment_status_history', 'equipment_categories', 'import_batches', 'equipment_assignments')
    expect(
      faults.find((f) => f.rule === rule && where.test(f.where)),
      JSON.stringify(faults),
    ).toBeDefined()
  } finally {
    await world.sqlAdmin((q) => q(mend))
  }
})

test('finds a caller that holds although the company is suspended, the membership over, or the session over', async () => {
  const [view] = await world.sqlAdmin((q) => q("SELECT pg_get_viewdef('caller'::regclass) AS caller, pg_get_viewdef('caller_account'::regclass) AS account"))
  const tries: [string, string, RegExp, string][] = [
    ['caller', view.caller, /\(co\.status\)::text = 'active'::text/, 'company suspended'],
    ['caller', view.caller, /\(m\.ended_at IS NULL\) OR \(m\.ended_at > now\(\)\)/, 'membership over'],
    ['caller', view.caller, /m\.assigned_at <= now\(\)/, 'membership to come'],
    ['caller_account', view.account, /\(u\.status\)::text = 'active'::text/, 'account deactivated'],
    ['caller_account', view.account, /s\.expires_at > now\(\)/, 'session over'],
  ]
  for (const [name, definition, part, identity] of tries) {
    expect([identity, part.test(definition)]).toEqual([identity, true])
    await world.sqlAdmin((q) => q(`CREATE OR REPLACE VIEW ${name} WITH (security_barrier) AS ${definition.replace(part, 'true')}`))
    const { faults } = await verify('equipment')
    expect(
      faults.find((f) => f.rule === 'nobody_sees_nothing' && f.identity === identity),
      `${identity}: ${JSON.stringify(faults).slice(0, 500)}`,
    ).toBeDefined()
    await world.sqlAdmin((q) => q(`CREATE OR REPLACE VIEW ${name} WITH (security_barrier) AS ${definition}`))
  }
  expect((await verify('equipment')).faults).toEqual([])
}, 60_000)
