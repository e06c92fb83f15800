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
  expect(report.views.length).toBe(new Set(report.views.map((e) => e.view)).size * report.identities)
  const view = (identity: string, name: string) => report.views.find((e) => e.identity === identity && e.view === name)
  expect(view('viewer', 'caller')).toMatchObject({ sees: 1, foreign: 0 })
  expect(view('company suspended', 'caller_memberships')).toMatchObject({ sees: 1, foreign: 0 })
  expect(view('company suspended', 'caller')).toMatchObject({ sees: 0 })
  expect(view('manager', 'equipment_utilization_monthly')).toMatchObject({ foreign: 0 })
  const secrets = (name: string) => report.secrets.filter((e) => e.secret === name)
  for (const name of ['users.password_hash', 'sessions.token_hash', 'api_tokens.token_hash', 'password_links.token_hash', 'webhook_secrets.secret', 'webhook_secrets.previous_secret'])
    expect([name, secrets(name).length, secrets(name).filter((e) => e.sees !== 'no right')]).toEqual([name, report.identities, []])
  for (const e of secrets('encrypted_tax_ids.ciphertext')) expect([e.identity, e.foreign]).toEqual([e.identity, 0])
  expect(secrets('encrypted_tax_ids.ciphertext').find((e) => e.identity === 'admin')).toMatchObject({ sees: 1 })
  expect(secrets('encrypted_tax_ids.ciphertext').find((e) => e.identity === 'manager')).toMatchObject({ sees: 0 })
  const objects = (kind: RegExp) => report.objects.filter((o) => kind.test(o.kind))
  expect([objects(/^view/).length > 4, objects(/^partition/).length > 3, objects(/^sequence/).length > 0, objects(/^function with/).length > 30]).toEqual([true, true, true, true])
  expect(objects(/^function with/).find((o) => o.name.startsWith('record_audit('))).toMatchObject({ for: 'application_user, reporting_user' })
  for (const nobody of [
    'company suspended',
    'membership over',
    'membership to come',
    'account deactivated',
    'session over',
    'unknown',
    'no credential',
    'empty',
    'forged seal',
    'unset',
    'without a company',
    'admin choosing the other',
  ])
    for (const e of report.evidence.filter((e) => e.identity === nobody && e.table !== 'users')) expect([e.identity, e.table, e.sees]).toEqual([e.identity, e.table, expect.toBeOneOf([0, 'no right'])])
  for (const nobody of ['unknown', 'no credential', 'empty', 'forged seal', 'unset', 'account deactivated', 'session over'])
    for (const e of [...report.views, ...report.secrets].filter((e) => e.identity === nobody)) expect([e, expect.toBeOneOf([0, 'no right'])]).toEqual([e, e.sees])
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

// Each with a name of its own, so that all are planted at once and each finding is its own.
const faulty: [string, string, string, RegExp][] = [
  ['CREATE VIEW hole_1 AS SELECT * FROM equipment; GRANT SELECT ON hole_1 TO application_user', 'DROP VIEW hole_1', 'view_asks_as_who_reads', /^view hole_1$/],
  ['', '', 'sees_own_company_only', /^viewer .* in view hole_1$/],
  ['CREATE VIEW hole_2 AS SELECT name FROM equipment; GRANT SELECT ON hole_2 TO application_user', 'DROP VIEW hole_2', 'nobody_sees_nothing', /^unset .* in view hole_2$/],
  [
    'CREATE VIEW hole_3 WITH (security_invoker) AS SELECT company_id FROM equipment WHERE 1 / (version - version) > 0; GRANT SELECT ON hole_3 TO application_user',
    'DROP VIEW hole_3',
    'reads_without_error',
    /^manager .* in view hole_3$/,
  ],
  [
    'GRANT UPDATE ON equipment_utilization_monthly TO application_user',
    'REVOKE UPDATE ON equipment_utilization_monthly FROM application_user',
    'view_is_only_read',
    /^view equipment_utilization_monthly$/,
  ],
  [
    'CREATE MATERIALIZED VIEW hole_4 AS SELECT * FROM equipment; GRANT SELECT ON hole_4 TO reporting_user',
    'DROP MATERIALIZED VIEW hole_4',
    'materialized_view_granted_to_nobody',
    /^materialized view hole_4$/,
  ],
  ['CREATE SEQUENCE hole_5; GRANT USAGE ON SEQUENCE hole_5 TO application_user', 'DROP SEQUENCE hole_5', 'sequence_granted_to_nobody', /^sequence hole_5$/],
  [
    "CREATE FUNCTION hole_6() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM equipment'; GRANT EXECUTE ON FUNCTION hole_6() TO PUBLIC",
    'DROP FUNCTION hole_6()',
    'function_open_to_nobody_by_default',
    /^function hole_6\(\)$/,
  ],
  [
    "CREATE FUNCTION hole_7() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS 'SELECT count(*) FROM equipment'",
    'DROP FUNCTION hole_7()',
    'definer_is_the_keeper',
    /hole_7\(\)$/,
  ],
  ['ALTER FUNCTION find_sign_in(text) RESET search_path', 'ALTER FUNCTION find_sign_in(text) SET search_path = pg_catalog, public, pg_temp', 'definer_has_fixed_search_path', /find_sign_in\(text\)$/],
  ['GRANT SELECT ON equipment_logs_default TO application_user', 'REVOKE SELECT ON equipment_logs_default FROM application_user', 'partition_granted_to_nobody', /^partition equipment_logs_default$/],
  [
    'DROP POLICY audit_chain_select ON audit_chain',
    "CREATE POLICY audit_chain_select ON audit_chain FOR SELECT TO application_user USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'))",
    'policy_for_every_granted_verb',
    /^table audit_chain$/,
  ],
  ['ALTER TABLE equipment NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE equipment FORCE ROW LEVEL SECURITY', 'row_security_forced', /^table equipment$/],
  ['GRANT SELECT ON import_batches TO PUBLIC', 'REVOKE SELECT ON import_batches FROM PUBLIC', 'nothing_granted_to_everyone', /^table import_batches$/],
  ['GRANT SELECT (password_hash) ON users TO application_user', 'REVOKE SELECT (password_hash) ON users FROM application_user', 'secret_read_by_nobody', /^unset .* in users\.password_hash$/],
  [
    'CREATE POLICY hole_8 ON encrypted_tax_ids FOR SELECT TO application_user USING (company_id = (SELECT c.company_id FROM caller c))',
    'DROP POLICY hole_8 ON encrypted_tax_ids',
    'encrypted_for_admins_alone',
    /^viewer .* in encrypted_tax_ids\.ciphertext$/,
  ],
]
test('finds a planted fault of each kind in views, functions, sequences, partitions, policies and secrets, and nothing once they are mended', async () => {
  const each = (statements: string[]) =>
    world.sqlAdmin(async (q) => {
      for (const statement of statements) if (statement) await q(statement)
    })
  await each(faulty.map(([make]) => make))
  try {
    const { faults } = await verify('none')
    for (const [make, , rule, where] of faulty)
      expect([make, rule, faults.filter((f) => f.rule === rule && where.test(f.where)).length, faults.map((f) => `${f.rule}: ${f.where}`)]).toEqual([make, rule, 1, expect.anything()])
  } finally {
    await each(faulty.map(([, mend]) => mend))
  }
  expect((await verify('none')).faults).toEqual([])
})

test('where a policy is gone that work needs, the finding is told instead of an error', async () => {
  await world.sqlAdmin((q) => q('DROP POLICY import_batches_insert ON import_batches'))
  try {
    const { faults } = await verify('none')
    expect(faults.map((f) => `${f.rule}: ${f.where}`)).toEqual(['policy_for_every_granted_verb: table import_batches', 'every_role_can_do_its_work: made-up companies and people'])
  } finally {
    await world.sqlAdmin((q) =>
      q("CREATE POLICY import_batches_insert ON import_batches FOR INSERT TO application_user WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')))"),
    )
  }
})

test('finds a caller that holds although the company is suspended, the membership or the session over, or the seal forged', async () => {
  const definitions = await world.sqlAdmin((q) =>
    q(`SELECT 'identify_caller' AS name, pg_get_functiondef('identify_caller'::regproc) AS text
       UNION ALL SELECT 'caller', 'CREATE OR REPLACE VIEW caller WITH (security_barrier) AS ' || pg_get_viewdef('caller'::regclass)`),
  )
  const tries: [string, string, string][] = [
    ['identify_caller', "co.status = 'active'", 'company suspended'],
    ['identify_caller', '(m.ended_at IS NULL OR m.ended_at > now())', 'membership over'],
    ['identify_caller', 'm.assigned_at <= now()', 'membership to come'],
    ['identify_caller', "u.status = 'active'", 'account deactivated'],
    ['identify_caller', 's.expires_at > now()', 'session over'],
    ['caller', `"left"(current_setting('app.caller'::text, true), 64) = encode(`, 'forged seal'],
  ]
  for (const [name, part, identity] of tries) {
    const definition: string = definitions.find((one) => one.name === name)?.text
    expect([identity, definition.includes(part)]).toEqual([identity, true])
    await world.sqlAdmin((q) => q(definition.replace(part, part.endsWith('encode(') ? "'' <> encode(" : 'true')))
    const { faults } = await verify('equipment')
    expect(
      faults.find((f) => f.rule === 'nobody_sees_nothing' && f.identity === identity),
      `${identity}: ${JSON.stringify(faults).slice(0, 500)}`,
    ).toBeDefined()
    await world.sqlAdmin((q) => q(definition))
  }
  expect((await verify('equipment')).faults).toEqual([])
})
