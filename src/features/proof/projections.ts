// What is kept beside the rows to answer quickly (status history, search, counters) against what it is made from.
import type { Fault, Look } from './look.ts'

type Found = { company_id: string; id: string; found: string | null; expected: string | null }
type Rule = { rule: string; about: string; text: string }

/** The periods that a machine's events tell: each begins when the status changed, and ends where the next begins. */
export const statusFromEvents = `
  WITH RECURSIVE change AS (
    SELECT e.company_id, e.aggregate_id AS equipment_id, e.event_data -> 'new' ->> 'status' AS status, (e.event_data -> 'new' ->> 'updated_at')::timestamptz AS at,
      e.recorded_by AS changed_by, e.metadata ->> 'reason' AS reason,
      row_number() OVER (PARTITION BY e.company_id, e.aggregate_id ORDER BY e.event_version) AS n
    FROM domain_events e WHERE e.aggregate_type = 'equipment' AND e.event_data -> 'new' ? 'status'
  ), placed AS (
    SELECT c.*, c.at AS effective_from FROM change c WHERE c.n = 1
    UNION ALL
    SELECT c.*, greatest(c.at, p.effective_from + interval '1 microsecond')
    FROM placed p JOIN change c ON c.company_id = p.company_id AND c.equipment_id = p.equipment_id AND c.n = p.n + 1
  )
  SELECT p.company_id, p.equipment_id, p.status, p.effective_from,
    lead(p.effective_from) OVER (PARTITION BY p.company_id, p.equipment_id ORDER BY p.n) AS effective_to, p.changed_by, p.reason
  FROM placed p`

const usageColumns = ['assignments_begun', 'assignments_ended', 'assigned_rest', 'fleet_entered', 'fleet_left', 'fleet_rest']
/** What was added and taken away again says nothing. */
const isUsed = (alias: string) => `(${usageColumns.map((column) => `${alias}.${column}`).join(', ')}) <> (0, 0, 0, 0, 0, 0)`
const usageSums = (table: string) => `SELECT company_id, month, ${usageColumns.map((column) => `sum(${column}) AS ${column}`).join(', ')} FROM ${table}
  GROUP BY company_id, month HAVING (${usageColumns.map((column) => `sum(${column})`).join(', ')}) <> (0, 0, 0, 0, 0, 0)`

const rules: Rule[] = [
  {
    rule: 'status_is_current_period',
    about: 'equipment',
    text: `SELECT e.company_id, e.id, e.status::text AS found, string_agg(h.status, ', ') AS expected
      FROM equipment e LEFT JOIN equipment_status_history h ON h.company_id = e.company_id AND h.equipment_id = e.id AND h.effective_to IS NULL
      GROUP BY e.company_id, e.id HAVING count(h.id) <> 1 OR min(h.status) <> e.status`,
  },
  {
    rule: 'status_periods_without_gap',
    about: 'equipment',
    text: `SELECT h.company_id, h.equipment_id AS id, coalesce(h.effective_to::text, 'open') AS found, 'ends ' || h.next_from AS expected
      FROM (SELECT s.*, lead(s.effective_from) OVER (PARTITION BY s.company_id, s.equipment_id ORDER BY s.effective_from) AS next_from FROM equipment_status_history s) h
      WHERE h.next_from IS NOT NULL AND h.effective_to IS DISTINCT FROM h.next_from`,
  },
  {
    rule: 'status_periods_equal_events',
    about: 'equipment',
    text: `SELECT coalesce(h.company_id, f.company_id) AS company_id, coalesce(h.equipment_id, f.equipment_id) AS id,
        CASE WHEN h.status IS NOT NULL THEN jsonb_build_array(h.status, h.effective_from, h.effective_to, h.changed_by, h.reason)::text END AS found,
        CASE WHEN f.status IS NOT NULL THEN jsonb_build_array(f.status, f.effective_from, f.effective_to, f.changed_by, f.reason)::text END AS expected
      FROM equipment_status_history h
      FULL JOIN (${statusFromEvents}) f ON f.company_id = h.company_id AND f.equipment_id = h.equipment_id AND f.effective_from = h.effective_from
      WHERE (h.status, h.effective_to, h.changed_by, h.reason) IS DISTINCT FROM (f.status, f.effective_to, f.changed_by, f.reason) OR h.status IS NULL`,
  },
  {
    rule: 'search_document_equals_rebuilt',
    about: 'equipment',
    text: `SELECT coalesce(e.company_id, d.company_id) AS company_id, coalesce(e.id, d.equipment_id) AS id,
        left(d.document::text, 400) AS found, CASE WHEN e.id IS NOT NULL THEN left(build_equipment_search_document(co.search_key, e)::text, 400) END AS expected
      FROM equipment e JOIN companies co ON co.id = e.company_id
      FULL JOIN equipment_search_documents d ON d.company_id = e.company_id AND d.equipment_id = e.id
      WHERE e.id IS NULL OR d.document IS DISTINCT FROM build_equipment_search_document(co.search_key, e)`,
  },
  {
    rule: 'serial_counter_past_codes',
    about: 'serial number',
    text: `SELECT s.company_id, s.prefix AS id, k.last_number::text AS found, 'at least ' || s.highest AS expected
      FROM (SELECT e.company_id, left(e.serial_number, 10) AS prefix, max(right(e.serial_number, 6)::int) AS highest FROM equipment e GROUP BY 1, 2) s
      LEFT JOIN equipment_serial_counters k ON k.company_id = s.company_id AND k.prefix = s.prefix
      WHERE k.last_number IS NULL OR k.last_number < s.highest`,
  },
  {
    rule: 'fleet_periods_equal_events',
    about: 'equipment',
    text: `SELECT company_id, equipment_id AS id, p.left_at::text AS found, coalesce(t.told, 'no such period') AS expected
      FROM equipment_fleet_periods p
      FULL JOIN (SELECT *, coalesce(f.left_at::text, 'goes on') AS told FROM tell_fleet_periods() f) t USING (company_id, equipment_id, entered_at)
      WHERE p.left_at IS DISTINCT FROM t.left_at OR t.told IS NULL OR p.entered_at IS NULL`,
  },
  {
    rule: 'machine_usage_equals_assignments',
    about: 'equipment',
    text: `SELECT company_id, equipment_id AS id, u.month || ' ' || u::text AS found, t::text AS expected
      FROM (SELECT * FROM equipment_usage_months m WHERE ${isUsed('m')}) u
      FULL JOIN (SELECT * FROM tell_equipment_usage(NULL) m WHERE ${isUsed('m')}) t USING (company_id, equipment_id, month)
      WHERE u::text IS DISTINCT FROM t::text`,
  },
  {
    rule: 'company_usage_equals_machines',
    about: 'month',
    text: `SELECT company_id, month::text AS id, c::text AS found, t::text AS expected
      FROM (${usageSums('company_usage_months')}) c FULL JOIN (${usageSums('equipment_usage_months')}) t USING (company_id, month)
      WHERE c::text IS DISTINCT FROM t::text`,
  },
]

const loggedStatus = `SELECT e.company_id, e.aggregate_id AS id, e.event_data -> 'new' ->> 'status' AS status, (e.event_data -> 'new' ->> 'updated_at')::timestamptz AS at
  FROM domain_events e WHERE e.aggregate_type = 'equipment' AND e.event_data -> 'new' ? 'status'`
// Months that left the database took their entries along, and machines older than the log have their first ones in the events alone.
const logRules: Rule[] = [
  {
    rule: 'event_stands_in_log',
    about: 'equipment',
    text: `SELECT v.company_id, v.id, NULL AS found, v.status || ' at ' || v.at AS expected FROM (${loggedStatus}) v
      WHERE v.at >= (SELECT min(l.created_at) FROM equipment_logs l WHERE l.event_type = 'status') AND NOT EXISTS (SELECT FROM equipment_logs l
        WHERE l.company_id = v.company_id AND l.equipment_id = v.id AND l.event_type = 'status' AND l.created_at = v.at AND l.event_data ->> 'status' = v.status)`,
  },
  {
    rule: 'log_tells_an_event',
    about: 'log entry',
    text: `SELECT l.company_id, l.id, (l.event_data ->> 'status') || ' at ' || l.created_at AS found, NULL AS expected FROM equipment_logs l
      LEFT JOIN (${loggedStatus}) v ON v.company_id = l.company_id AND v.id = l.equipment_id AND v.at = l.created_at AND v.status = l.event_data ->> 'status'
      WHERE l.event_type = 'status' AND v.id IS NULL`,
  },
]

export async function verifyProjections(query: Look): Promise<Fault[]> {
  const faults: Fault[] = []
  for (const { rule, about, text } of [...rules, ...logRules]) {
    const rows = await query<Found>(`SELECT * FROM (${text}) broken ORDER BY company_id, id LIMIT 100`)
    faults.push(...rows.map((r) => ({ rule, where: `${about} ${r.id}`, ...r })))
  }
  return faults
}
