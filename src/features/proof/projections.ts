// What is kept beside the rows to answer quickly (status history, search, counters) against what it is made from.
import type { Fault, Look } from './look.ts'

type Found = { company_id: string; id: string; found: string | null; expected: string | null }
type Rule = { rule: string; about: string; text: string }

const changes = `
    SELECT e.company_id, e.aggregate_id AS equipment_id, e.event_data -> 'new' ->> 'status' AS status, (e.event_data -> 'new' ->> 'updated_at')::timestamptz AS at,
      e.recorded_by AS changed_by, e.metadata ->> 'reason' AS reason, e.event_data -> 'new' -> 'last_status_correction' AS correction,
      bool_or(jsonb_typeof(e.event_data -> 'new' -> 'last_status_correction') = 'object') OVER (PARTITION BY e.company_id, e.aggregate_id) IS TRUE AS is_corrected,
      row_number() OVER (PARTITION BY e.company_id, e.aggregate_id ORDER BY e.event_version) AS n
    FROM domain_events e WHERE e.aggregate_type = 'equipment'
      AND (e.event_data -> 'new' ? 'status' OR jsonb_typeof(e.event_data -> 'new' -> 'last_status_correction') = 'object')`

/** One step of a corrected machine's history: `p.rows` are the periods so far, `c` what comes next. */
const nextRows = `
    SELECT coalesce(jsonb_agg(CASE
        WHEN o.row ->> 'superseded_at' IS NULL AND o.from < s.until AND o.until > s.from AND s.is_correction THEN o.row || jsonb_build_object('superseded_at', s.at, 'superseded_by', c.changed_by)
        WHEN o.row ->> 'superseded_at' IS NULL AND o.row ->> 'effective_to' IS NULL AND NOT s.is_correction THEN o.row || jsonb_build_object('effective_to', s.at)
        ELSE o.row END), '[]')
      || coalesce(jsonb_agg(o.row || jsonb_build_object('effective_to', s.from, 'recorded_at', s.at))
        FILTER (WHERE s.is_correction AND o.row ->> 'superseded_at' IS NULL AND o.from < s.from AND o.until > s.from), '[]')
      || coalesce(jsonb_agg(o.row || jsonb_build_object('effective_from', s.until, 'recorded_at', s.at))
        FILTER (WHERE s.is_correction AND o.row ->> 'superseded_at' IS NULL AND o.from < s.until AND o.until > s.until), '[]')
      || jsonb_build_array(jsonb_build_object('status', coalesce(c.correction ->> 'status', c.status), 'effective_from', s.from, 'effective_to', nullif(s.until, 'infinity'),
        'recorded_at', s.at, 'changed_by', c.changed_by, 'reason', c.reason)) AS rows, s.at
    FROM (SELECT greatest(c.at, p.at + interval '1 microsecond') AS at) t
    CROSS JOIN LATERAL (SELECT t.at, is_correction, CASE WHEN is_correction THEN (c.correction ->> 'from')::timestamptz ELSE t.at END AS from,
      CASE WHEN is_correction THEN coalesce((c.correction ->> 'to')::timestamptz, 'infinity') ELSE 'infinity' END AS until
      FROM (SELECT coalesce(jsonb_typeof(c.correction) = 'object', false) AS is_correction) i) s
    LEFT JOIN LATERAL (SELECT r.row, (r.row ->> 'effective_from')::timestamptz AS from, coalesce((r.row ->> 'effective_to')::timestamptz, 'infinity') AS until
      FROM jsonb_array_elements(p.rows) AS r (row)) o ON true
    GROUP BY s.at, s.from, s.until, s.is_correction`

/**
 * The periods that a machine's events tell. Without corrections each begins when the status changed and ends where the next begins;
 * with them, each correction supersedes what it touches and records what holds instead.
 */
export const statusFromEvents = `
  WITH RECURSIVE change AS MATERIALIZED (${changes}
  ), placed AS (
    SELECT c.*, c.at AS effective_from FROM change c WHERE c.n = 1 AND NOT c.is_corrected
    UNION ALL
    SELECT c.*, greatest(c.at, p.effective_from + interval '1 microsecond')
    FROM placed p JOIN change c ON c.company_id = p.company_id AND c.equipment_id = p.equipment_id AND c.n = p.n + 1
  ), story AS (
    SELECT c.company_id, c.equipment_id, c.n, c.at, jsonb_build_array(jsonb_build_object('status', c.status, 'effective_from', c.at, 'recorded_at', c.at,
      'changed_by', c.changed_by, 'reason', c.reason)) AS rows
    FROM change c WHERE c.n = 1 AND c.is_corrected
    UNION ALL
    SELECT c.company_id, c.equipment_id, c.n, step.at, step.rows
    FROM story p JOIN change c ON c.company_id = p.company_id AND c.equipment_id = p.equipment_id AND c.n = p.n + 1
    CROSS JOIN LATERAL (${nextRows}) step
  )
  SELECT p.company_id, p.equipment_id, p.status, p.effective_from,
    lead(p.effective_from) OVER (PARTITION BY p.company_id, p.equipment_id ORDER BY p.n) AS effective_to, p.changed_by, p.reason,
    p.effective_from AS recorded_at, NULL::timestamptz AS superseded_at, NULL::uuid AS superseded_by
  FROM placed p
  UNION ALL
  SELECT s.company_id, s.equipment_id, r.status, r.effective_from, r.effective_to, r.changed_by, r.reason, r.recorded_at, r.superseded_at, r.superseded_by
  FROM (SELECT DISTINCT ON (company_id, equipment_id) * FROM story ORDER BY company_id, equipment_id, n DESC) s
  CROSS JOIN LATERAL jsonb_to_recordset(s.rows) AS r (status text, effective_from timestamptz, effective_to timestamptz, changed_by uuid, reason text,
    recorded_at timestamptz, superseded_at timestamptz, superseded_by uuid)`

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
      FROM equipment e LEFT JOIN equipment_status_history h ON h.company_id = e.company_id AND h.equipment_id = e.id AND h.effective_to IS NULL AND h.superseded_at IS NULL
      GROUP BY e.company_id, e.id HAVING count(h.id) <> 1 OR min(h.status) <> e.status`,
  },
  {
    rule: 'status_periods_without_gap',
    about: 'equipment',
    text: `SELECT h.company_id, h.equipment_id AS id, coalesce(h.effective_to::text, 'open') AS found, 'ends ' || h.next_from AS expected
      FROM (SELECT s.*, lead(s.effective_from) OVER (PARTITION BY s.company_id, s.equipment_id ORDER BY s.effective_from) AS next_from
        FROM equipment_status_history s WHERE s.superseded_at IS NULL) h
      WHERE h.next_from IS NOT NULL AND h.effective_to IS DISTINCT FROM h.next_from`,
  },
  {
    rule: 'status_periods_equal_events',
    about: 'equipment',
    text: `SELECT coalesce(h.company_id, f.company_id) AS company_id, coalesce(h.equipment_id, f.equipment_id) AS id,
        CASE WHEN h.status IS NOT NULL THEN jsonb_build_array(h.status, h.effective_from, h.effective_to, h.changed_by, h.reason, h.recorded_at, h.superseded_at, h.superseded_by)::text END AS found,
        CASE WHEN f.status IS NOT NULL THEN jsonb_build_array(f.status, f.effective_from, f.effective_to, f.changed_by, f.reason, f.recorded_at, f.superseded_at, f.superseded_by)::text END AS expected
      FROM equipment_status_history h
      FULL JOIN (${statusFromEvents}) f ON f.company_id = h.company_id AND f.equipment_id = h.equipment_id AND f.effective_from = h.effective_from AND f.recorded_at = h.recorded_at
      WHERE (h.status, h.effective_to, h.changed_by, h.reason, h.superseded_at, h.superseded_by) IS DISTINCT FROM (f.status, f.effective_to, f.changed_by, f.reason, f.superseded_at, f.superseded_by) OR h.status IS NULL`,
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
      FULL JOIN (SELECT f.company_id, f.equipment_id, f.from_at AS entered_at, f.to_at AS left_at, coalesce(f.to_at::text, 'goes on') AS told
        FROM tell_usage_periods(NULL, NULL, 'infinity', 'infinity') f WHERE f.is_fleet) t USING (company_id, equipment_id, entered_at)
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
      WHERE v.at >= (SELECT min(l.created_at) FROM equipment_logs l WHERE l.company_id = v.company_id AND l.event_type = 'status') AND NOT EXISTS (SELECT FROM equipment_logs l
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
