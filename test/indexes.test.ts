// A hundred thousand machines: which index serves each of the product's own queries, as application_user under row security.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { fillFleet } from './fleet.ts'
import { type Body, createWorld } from './harness.ts'

const world = await createWorld()
const some = await fillFleet(world, 100_000)
const admin = world.as('andina', 'admin')

/** The plans of all that the program sends while `work` runs: each statement is explained as the same caller before it is run. */
type Plan = { 'Node Type': string; 'Index Name'?: string; 'Relation Name'?: string; Plans?: Plan[] }
const as = world.db.as.bind(world.db)
let plans: Plan[] = []
world.db.as = (identity, shared) => {
  const runner = as(identity, shared)
  return {
    ...runner,
    run: async (query) => {
      const [row] = await as(identity).run<{ 'QUERY PLAN': { Plan: Plan }[] }>(sql`EXPLAIN (FORMAT JSON) ${query}`)
      if (row?.['QUERY PLAN'][0]) plans.push(row['QUERY PLAN'][0].Plan)
      return runner.run(query)
    },
  }
}
const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)]
const used = new Set<string>()

async function explain(path: string): Promise<{ indexes: string[]; scanned: string[]; body: Body }> {
  plans = []
  const reply = await admin.get(path)
  expect(reply.status, `${path}: ${reply.text.slice(0, 300)}`).toBe(200)
  const nodes = plans.flatMap(flat)
  const indexes = [...new Set(nodes.map((node) => node['Index Name']).filter((name): name is string => name !== undefined))]
  for (const name of indexes) used.add(name)
  return { indexes, scanned: nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'] ?? ''), body: reply.body }
}

const today = new Date().toISOString().slice(0, 10)
/** The request, and the index that must serve it. */
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
  [`/equipment/${some.machine}/assignments`, 'idx_equipment_assignments_equipment'],
  ['/assignments', 'idx_equipment_assignments_company'],
  [`/assignments?user_id=${some.person}`, 'idx_equipment_assignments_user'],
  [`/assignments?equipment_id=${some.machine}`, 'idx_equipment_assignments_equipment'],
  ['/events?event_type=equipment_status_changed', 'idx_domain_events_type_time'],
  [`/events?aggregate_id=${some.machine}`, 'de_version_once'],
  ['/events/feed', 'idx_domain_events_feed'],
  [`/audit-logs?entity_id=${some.machine}`, 'idx_audit_logs_entity'],
  [`/audit-logs?user_id=${some.person}`, 'idx_audit_logs_user'],
  ['/audit-logs', 'audit_logs_pkey'],
  ['/maintenance-records', 'idx_maintenance_records_scheduled'],
  [`/maintenance-records?equipment_id=${some.machine}`, 'idx_maintenance_records_equipment'],
  ['/maintenance-due', 'idx_equipment_next_maintenance'],
]
const large = ['equipment', 'equipment_assignments', 'equipment_status_history', 'domain_events', 'audit_logs', 'equipment_search_documents', 'maintenance_records']

test.each(served)('GET %s is served by %s, and no large table is read whole', async (path, index) => {
  const { indexes, scanned } = await explain(path)
  expect(indexes, JSON.stringify(indexes)).toContain(index)
  expect(scanned.filter((table) => large.includes(table))).toEqual([])
})
