// A hundred thousand machines: which index serves each of the product's own queries, as application_user under row security.
import { sql } from 'kysely'
import pg from 'pg'
import { expect, test } from 'vitest'
import { compile, type Statement } from '../src/base/db.ts'
import { fillFleet } from './fleet.ts'
import { type Body, createWorld } from './harness.ts'

const world = await createWorld()
const some = await fillFleet(world, 100_000)
const admin = world.as('andina', 'admin')

/** The plans of all that the program sends while `work` runs: each statement is explained as the same caller before it is run. */
type Plan = { 'Node Type': string; 'Index Name'?: string; 'Relation Name'?: string; Plans?: Plan[] }
const as = world.db.as.bind(world.db)
let plans: Plan[] = []
let statements: Statement[] = []
world.db.as = (identity, shared) => {
  const runner = as(identity, shared)
  return {
    ...runner,
    run: async (query) => {
      const [row] = await as(identity).run<{ 'QUERY PLAN': { Plan: Plan }[] }>(sql`EXPLAIN (FORMAT JSON) ${query}`)
      if (row?.['QUERY PLAN'][0]) plans.push(row['QUERY PLAN'][0].Plan)
      statements.push(compile(query))
      return runner.run(query)
    },
  }
}
const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)]
const used = new Set<string>()
/** A partition's index goes by the name of the one it is part of. */
const whole = new Map(
  (
    await world.sqlAdmin((q) => q("SELECT i.inhrelid::regclass::text AS part, i.inhparent::regclass::text AS whole FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'i'"))
  ).map((row) => [row.part, row.whole]),
)

async function explain(path: string): Promise<{ indexes: string[]; scanned: string[]; body: Body }> {
  plans = []
  statements = []
  const reply = await admin.get(path)
  expect(reply.status, `${path}: ${reply.text.slice(0, 300)}`).toBe(200)
  const nodes = plans.flatMap(flat)
  const indexes = [
    ...new Set(
      nodes
        .map((node) => node['Index Name'])
        .filter((name): name is string => name !== undefined)
        .map((name) => whole.get(name) ?? name),
    ),
  ]
  for (const name of indexes) used.add(name)
  return { indexes, scanned: nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'] ?? ''), body: reply.body }
}

const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
const [lastWeek, today, inAMonth] = [day(-7), day(0), day(30)]
/** The request, and the index that must serve it; of two that know the machine the planner may take either. */
const served: [string, string][] = [
  [`/equipment/${some.machine}`, 'equipment_pkey'],
  ['/equipment', 'idx_equipment_company_created'],
  ['/equipment?sort=created_at', 'idx_equipment_company_created'],
  ['/equipment?status=maintenance', 'idx_equipment_company_status'],
  ['/equipment?status=retired&limit=200', 'idx_equipment_company_status'],
  ['/equipment?sort=name', 'idx_equipment_company_name'],
  ['/equipment?serial_number=EQ-2026-GN-004711', 'idx_equipment_serial_number'],
  [`/equipment?category_id=${some.category}`, 'idx_equipment_company_category'],
  [`/equipment?category_id=${some.parent}`, 'idx_equipment_company_category'],
  [`/equipment?next_maintenance_date.lte=${today}&sort=next_maintenance_date`, 'idx_equipment_next_maintenance'],
  [`/equipment?holder_id=${some.person}`, 'idx_equipment_assignments_user'],
  [`/equipment/${some.machine}/timeline`, 'idx_domain_events_subject'],
  [`/equipment/${some.machine}/status-history`, 'idx_equipment_status_history_equipment'],
  [`/equipment/${some.machine}/assignments`, 'idx_equipment_assignments_equipment|ea_one_holder_at_a_time|ea_claims_do_not_overlap'],
  ['/assignments', 'idx_equipment_assignments_company'],
  [`/assignments?user_id=${some.person}`, 'idx_equipment_assignments_user'],
  [`/assignments?equipment_id=${some.machine}`, 'idx_equipment_assignments_equipment|ea_one_holder_at_a_time|ea_claims_do_not_overlap'],
  ['/events?event_type=equipment_status_changed', 'idx_domain_events_type_time'],
  [`/events?aggregate_id=${some.machine}`, 'de_version_once'],
  ['/events/feed', 'idx_domain_events_feed'],
  [`/audit-logs?entity_id=${some.machine}`, 'idx_audit_logs_entity'],
  [`/audit-logs?user_id=${some.person}`, 'idx_audit_logs_user'],
  ['/audit-logs', 'audit_logs_pkey'],
  ['/assignments?overdue=true&sort=due_at', 'idx_equipment_assignments_due'],
  ['/assignments?state=reserved&sort=starts_at', 'idx_equipment_assignments_reserved'],
  [`/assignments/calendar?from=${today}T00:00:00Z&to=${inAMonth}T00:00:00Z`, 'idx_equipment_assignments_reserved'],
  [`/assignments/calendar?from=${lastWeek}T00:00:00Z&to=${today}T00:00:00Z`, 'idx_equipment_assignments_returned'],
  [`/equipment/${some.machine}/availability?from=${today}T00:00:00Z&to=${inAMonth}T00:00:00Z`, 'ea_claims_do_not_overlap|idx_equipment_assignments_equipment'],
  [`/equipment/${some.machine}/meters`, 'idx_equipment_logs_event_type'],
  ['/maintenance-records', 'idx_maintenance_records_scheduled'],
  [`/maintenance-records?equipment_id=${some.machine}`, 'idx_maintenance_records_equipment'],
  ['/maintenance-due', 'idx_equipment_next_maintenance'],
]
const large = ['equipment', 'equipment_assignments', 'equipment_status_history', 'domain_events', 'audit_logs', 'equipment_search_documents', 'maintenance_records']

test.each(served)('GET %s is served by %s, and no large table is read whole', async (path, index) => {
  const { indexes, scanned } = await explain(path)
  expect(
    indexes.some((name) => index.split('|').includes(name)),
    JSON.stringify(indexes),
  ).toBe(true)
  expect(scanned.filter((table) => large.includes(table))).toEqual([])
})

/** A value of a statement as SQL. */
const literal = (value: unknown): string =>
  value === null || value === undefined ? 'NULL' : pg.escapeLiteral(Array.isArray(value) ? `{${value.map((one) => `"${String(one).replace(/["\\\\]/g, '\\\\$&')}"`).join(',')}}` : String(value))

// Connections keep statements: after five times the server goes by a plan that suits any value, unless it takes that for much dearer and plans each time anew.
// Left out is where the values decide between plans: how many machines a category or a person has, how long a time is.
const kept = served.filter(([path]) => !/_id=|next_maintenance_date|[?]from=|\/meters/.test(path))
test.each(kept)('GET %s keeps its plan, by %s', async (path, index) => {
  await explain(path)
  for (const { text, values } of statements) {
    const { generic, plan } = await world.sqlAs('andina', 'admin', async (q) => {
      await q(`PREPARE asked AS ${text}`)
      const execute = `EXECUTE asked${values.length ? `(${values.map(literal).join(', ')})` : ''}`
      for (let n = 0; n < 7; n++) await q(execute)
      const [row] = await q("SELECT generic_plans FROM pg_prepared_statements WHERE name = 'asked'")
      const [explained] = await q(`EXPLAIN (FORMAT JSON) ${execute}`)
      await q('DEALLOCATE asked')
      return { generic: Number(row?.generic_plans), plan: explained?.['QUERY PLAN'][0].Plan as Plan }
    })
    expect(generic, text).toBeGreaterThan(0)
    const nodes = flat(plan)
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan' && large.includes(node['Relation Name'] ?? ''))).toEqual([])
    if (statements.length === 1) expect(nodes.map((node) => whole.get(node['Index Name'] ?? '') ?? node['Index Name']).some((name) => index.split('|').includes(name ?? ''))).toBe(true)
  }
})

/** Of a partitioned index: of all its parts. */
const scans = async (index: string) =>
  (
    await world.sqlAdmin((q) =>
      q(
        `SELECT sum(s.idx_scan)::int AS scans FROM pg_stat_user_indexes s
         WHERE s.indexrelname = $1 OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = s.indexrelid AND i.inhparent = to_regclass($1))`,
        [index],
      ),
    )
  )[0].scans
/** What a function does inside is not in the plan of its caller: PostgreSQL's own count of the index's scans tells. */
const inside: [string, string][] = [
  ['/equipment?q=777', 'idx_equipment_search'],
  ['/equipment?q=excavadora%20komatsu', 'equipment_search_documents_pkey'],
  ['/equipment?tags=t77', 'idx_equipment_search'],
  ['/equipment?specifications.motor=C77', 'idx_equipment_search'],
  ['/equipment?q=motonibeladora', 'idx_equipment_search_words_near'],
  [`/equipment/${some.machine}/logs`, 'idx_equipment_logs_equipment'],
  [`/equipment/${some.machine}/logs?event_type=note`, 'idx_equipment_logs_event_type'],
]
test.each(inside)('GET %s goes by %s inside its function', async (path, index) => {
  const before = await scans(index)
  const { scanned, body } = await explain(path)
  expect(body.items.length).toBeGreaterThan(0)
  expect(scanned.filter((table) => large.includes(table))).toEqual([])
  used.add(index)
  await expect.poll(() => scans(index), { timeout: 30_000, interval: 500 }).toBeGreaterThan(before)
})

test('a common word is looked for among the newest machines, and finds what the index of all words finds', async () => {
  const found = await world.sqlAs('andina', 'viewer', (q) => q("SELECT equipment_id FROM search_equipment('excavadora komatsu', 300) ORDER BY equipment_id DESC"))
  const all = await world.sqlAdmin((q) =>
    q(
      `SELECT d.equipment_id FROM equipment_search_documents d JOIN companies co ON co.id = d.company_id
       WHERE d.company_id = $1 AND d.document @@ (SELECT build_search_term('c' || co.search_key || ':', 'excavadora') && build_search_term('c' || co.search_key || ':', 'komatsu'))
       ORDER BY d.equipment_id DESC LIMIT 300`,
      [world.companies.andina.id],
    ),
  )
  expect(found.length).toBe(300)
  expect(found).toEqual(all)
})

test('whole words are looked for first; where they are not enough, so are words that only begin so', async () => {
  const find = (most: number) => world.sqlAs('andina', 'viewer', (q) => q("SELECT equipment_id FROM search_equipment('jcb m7', $1) ORDER BY equipment_id DESC", [most]))
  const among = (most: number, ends: string) =>
    world.sqlAdmin((q) =>
      q(
        `SELECT d.equipment_id FROM equipment_search_documents d JOIN companies co ON co.id = d.company_id
         WHERE d.company_id = $1 AND d.document @@ (replace((build_search_term('c' || co.search_key || ':', 'jcb') && build_search_term('c' || co.search_key || ':', 'm7'))::text, ':*', $3))::tsquery
         ORDER BY d.equipment_id DESC LIMIT $2`,
        [world.companies.andina.id, most, ends],
      ),
    )
  const whole = await among(2000, '')
  const begun = await among(2000, ':*')
  expect(whole.length).toBeGreaterThan(1)
  expect(begun.length).toBeGreaterThan(whole.length)
  expect(await find(whole.length)).toEqual(whole)
  expect(await find(2000)).toEqual(begun)
})

/** Indexes that no page of this test asks for, and what needs them. */
const elsewhere: Record<string, string> = {
  idx_equipment_assignments_equipment: 'the hand-overs of a machine that has had many; and the foreign key to it',
  idx_encrypted_tax_ids_company_hash: 'the company that a tax id belongs to, asked by the owner',
  idx_encrypted_tax_ids_key: 'the rotation of keys, which walks what an old key still holds',
  idx_api_tokens_token_hash: 'whoever comes with a token',
  idx_idempotency_keys_created: 'old keys that may go',
  idx_sign_in_throttles_last_try: 'counts of tries that are old and may go',
  idx_totp_secrets_key: 'the rotation of keys, which walks what an old key still holds',
  idx_audit_logs_transaction: 'the chain of the audit, which takes rows by their transaction',
}
test('every index is used: by a query, by a rule, or under a foreign key', async () => {
  const idle = await world.sqlAdmin((q) =>
    q(`SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
       WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique AND NOT i.indisexclusion AND NOT t.relispartition
         AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = i.indrelid AND k.conparentid = 0
           AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(k.conkey)] @> k.conkey
           AND NOT EXISTS (SELECT FROM pg_index o WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indpred IS NULL
             AND (string_to_array(o.indkey::text, ' ')::smallint[])[1:cardinality(k.conkey)] @> k.conkey))
       ORDER BY 1`),
  )
  expect(idle.length).toBeGreaterThan(10)
  expect(idle.map((row) => row.name).filter((name) => !used.has(name) && !(name in elsewhere))).toEqual([])
})
