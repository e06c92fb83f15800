// Every table built again from the events alone, in temporary tables beside the live ones, and compared row by row.
import { type Fault, type Look, literal, name, type Say } from './look.ts'
import { statusFromEvents } from './projections.ts'
import { retold, type Source } from './sources.ts'

export async function rebuildBeside(query: Look, sources: Source[], say: Say): Promise<Fault[]> {
  const faults: Fault[] = []
  for (const source of sources) {
    const copy = name(`rebuilt_${source.table}`)
    const key = source.company === 'id' ? 'id' : 'company_id, id'
    // Columns the database computes from the others prove nothing.
    const computed = `ARRAY[${source.generated.map(literal).join(', ')}]::text[]`
    await query(
      `CREATE TEMPORARY TABLE ${copy} ON COMMIT DROP AS
      SELECT r.* FROM (
        SELECT fold_event_values(e.event_data -> 'new' ORDER BY e.event_version) AS state FROM domain_events e
        WHERE e.aggregate_type = $1 GROUP BY e.company_id, e.aggregate_id) f CROSS JOIN LATERAL ${retold(source, 'f.state')} r`,
      [source.type],
    )
    const [counted] = await query<{ n: number }>(`SELECT count(*) AS n FROM ${copy}`)
    const rows = await query<{ company_id: string; id: string; found: string | null; expected: string | null }>(`
      SELECT coalesce(t.${name(source.company)}, r.${name(source.company)}) AS company_id, coalesce(t.id, r.id) AS id, to_jsonb(t)::text AS found, to_jsonb(r)::text AS expected
      FROM ${name(source.table)} t FULL JOIN ${copy} r USING (${key}) WHERE (to_jsonb(t) - ${computed})::text IS DISTINCT FROM (to_jsonb(r) - ${computed})::text ORDER BY 1, 2 LIMIT 100`)
    faults.push(...rows.map((r) => ({ rule: 'table_equals_rebuilt', where: `${source.table} ${r.id}`, ...r })))
    say(`${source.table}: ${counted?.n ?? 0} rows built again`)
  }
  await query(`CREATE TEMPORARY TABLE rebuilt_status_history ON COMMIT DROP AS ${statusFromEvents}`)
  const columns = 'company_id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at, superseded_at, superseded_by'
  const [unlike] = await query<{ n: number }>(`SELECT count(*) AS n FROM (
    (SELECT ${columns} FROM equipment_status_history EXCEPT SELECT ${columns} FROM rebuilt_status_history)
    UNION ALL (SELECT ${columns} FROM rebuilt_status_history EXCEPT SELECT ${columns} FROM equipment_status_history)) d`)
  if (unlike?.n) faults.push({ rule: 'table_equals_rebuilt', where: 'equipment_status_history', company_id: null, found: `${unlike.n} periods differ`, expected: 'none' })
  return faults
}
