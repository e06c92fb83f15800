// Utilization worked out from the base tables alone, month by month of its definition, and machines that have a past.
import type { Query } from './harness.ts'

/**
 * Each machine's months up to an instant ($2, now for NULL) of company $1, from assignments, current status periods and the machine's life.
 * It shares nothing with the product's sums.
 */
export const directUse = (digits: number) => `
  WITH clock AS (SELECT coalesce($2::timestamptz, statement_timestamp()) AS now, (SELECT settings ->> 'time_zone' FROM companies WHERE id = $1) AS zone),
  life AS (
    SELECT e.id, e.created_at, least(e.created_at, (SELECT min(a.assigned_at) FROM equipment_assignments a WHERE a.equipment_id = e.id)) AS since, least(e.deleted_at, now) AS until
    FROM equipment e, clock WHERE e.company_id = $1 AND e.created_at <= now
  ),
  day AS (SELECT generate_series(date_trunc('month', (SELECT min(since) FROM life)) - interval '1 month', (SELECT now FROM clock) + interval '1 month', interval '1 month')::date::timestamp AS local),
  month AS (SELECT day.local::date AS month, day.local AT TIME ZONE zone AS a, (day.local + interval '1 month') AT TIME ZONE zone AS b FROM day, clock),
  part AS (
    SELECT l.id, m.month, greatest(m.a, s.assigned_at) AS a, CASE WHEN s.id IS NOT NULL THEN least(m.b, s.returned_at, now) END AS b
    FROM clock, life l JOIN month m ON m.a <= l.until AND m.b > l.since
    LEFT JOIN equipment_assignments s ON s.equipment_id = l.id AND s.assigned_at < least(m.b, l.until) AND coalesce(s.returned_at, l.until) > m.a
  ),
  fleet AS (
    SELECT h.equipment_id AS id, h.effective_from AS a, h.effective_to AS b FROM equipment_status_history h WHERE h.superseded_at IS NULL AND h.status IN ('active', 'maintenance')
    UNION ALL SELECT l.id, l.since, l.created_at FROM life l
  )
  SELECT p.id, p.month, count(p.a) FILTER (WHERE p.b > p.a)::int AS assignments, round(coalesce(sum(extract(epoch FROM p.b - p.a)), 0) / 3600, ${digits}) AS hours,
    (SELECT round(coalesce(sum(extract(epoch FROM least(m.b, f.b, l.until) - greatest(m.a, f.a))) FILTER (WHERE least(m.b, f.b, l.until) > greatest(m.a, f.a)), 0) / 3600, ${digits})
     FROM month m, life l JOIN fleet f ON f.id = l.id WHERE m.month = p.month AND l.id = p.id) AS available
  FROM part p GROUP BY p.id, p.month`

const insertAssignment = `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by, assigned_at, returned_at, returned_by)
  VALUES ($1, $2, $3, $3, $4, $5, CASE WHEN $5::timestamptz IS NOT NULL THEN $3::uuid END)`
/** Writes down a hand-over of the past. */
export const handOver = (q: Query, company: string, machine: string, user: string, from: string, to: string | null) => q(insertAssignment, [company, machine, user, from, to])

/** A machine as if it had been registered long ago, past triggers: the sums of its company are to be added up anew (`rebuild_equipment_usage`). */
export async function registerInThePast(q: Query, company: string, machine: string, at: string): Promise<void> {
  await q("SET LOCAL session_replication_role = 'replica'")
  await q('UPDATE equipment SET created_at = $2, updated_at = $2 WHERE id = $1', [machine, at])
  await q('UPDATE equipment_status_history SET effective_from = $2, recorded_at = $2 WHERE equipment_id = $1', [machine, at])
  const told = (values: string) => `jsonb_set(jsonb_set(${values}, '{updated_at}', to_jsonb($2::timestamptz)), '{created_at}', to_jsonb($2::timestamptz))`
  await q(`UPDATE domain_events SET occurred_at = $2, event_data = event_data || jsonb_build_object('new', ${told("event_data -> 'new'")}) WHERE aggregate_id = $1`, [machine, at])
  await q(`UPDATE audit_logs SET created_at = $2, new_values = ${told('new_values')} WHERE entity_id = $1`, [machine, at])
  // Its month left the log long ago.
  await q('DELETE FROM equipment_logs WHERE equipment_id = $1', [machine])
  await q('DELETE FROM equipment_fleet_periods WHERE equipment_id = $1', [machine])
  await q(
    `INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at)
     SELECT $1, $2, least($3::timestamptz, (SELECT min(a.assigned_at) FROM equipment_assignments a WHERE a.equipment_id = $2))`,
    [company, machine, at],
  )
  await q("SET LOCAL session_replication_role = 'origin'")
}

/** Adds the sums of a company up anew. */
export const rebuildUse = (q: Query, company: string) => q('SELECT rebuild_equipment_usage($1)', [company])

/** Puts the status of a part of the past right, whichever of the two instants comes first; false when a rule refuses it. */
export async function correct(q: Query, machine: string, status: string, one: string, other: string | null): Promise<boolean> {
  const [from, to] = other !== null && other < one ? [other, one] : [one, other]
  await q("SELECT set_config('app.reason', 'parte mal llenado', true)")
  await q('SAVEPOINT correction')
  try {
    await q("UPDATE equipment SET last_status_correction = jsonb_build_object('status', $2::text, 'from', greatest($3::timestamptz, created_at), 'to', $4::timestamptz) WHERE id = $1", [
      machine,
      status,
      from,
      to,
    ])
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== '23514') throw error
    await q('ROLLBACK TO SAVEPOINT correction')
    return false
  } finally {
    await q("SELECT set_config('app.reason', '', true)")
  }
}
