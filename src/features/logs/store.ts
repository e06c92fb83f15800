// The queries of the logs.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import { type BatchEntry, type LatestReading, type LogEntry, type LogInput, logTypes, meters } from './contract.ts'

const company = sql`(SELECT c.company_id FROM caller c)`
const columns = sql`l.id, l.equipment_id, l.event_type, l.created_at, l.received_at, l.reading::text AS reading, l.is_correction, l.notes, l.event_data, l.entry_key, l.recorded_by,
  author.display_name AS recorded_by_name, person.display_name AS person_name`
const joins = sql`LEFT JOIN user_company_roles author ON author.company_id = l.company_id AND author.user_id = l.recorded_by
  LEFT JOIN user_company_roles person ON l.event_type = 'assignment' AND person.company_id = l.company_id
    AND person.user_id = CASE WHEN l.event_type = 'assignment' THEN (l.event_data ->> 'user_id')::uuid END`
const fields: ListFields = { created_at: { column: sql`l.created_at`, type: 'instant' } }

type ListQuery = { limit?: number; cursor?: string; event_type?: string; [filter: string]: unknown }

/** The field that a rule is about, where it is about one. */
export const fieldOf = new Map([
  ['equipment_logs_created_at_range', 'created_at'],
  ['equipment_logs_meter_backwards', 'reading'],
  ['equipment_logs_reading_of_meter', 'reading'],
  ['equipment_logs_reading_range', 'reading'],
  ['equipment_logs_correction_of_meter', 'is_correction'],
  ['equipment_logs_note_says', 'notes'],
  ['equipment_logs_event_data_size', 'event_data'],
  ['equipment_logs_entry_differs', 'entry_key'],
  ['fk_equipment_logs_equipment', 'equipment_id'],
])

/** The period that filters by time ask for; undefined where they ask for more than one, which the log's own walk does not know. */
function periodOf(query: ListQuery): { from: RawBuilder<unknown>; to: RawBuilder<unknown> } | undefined {
  const bounds = { from: [] as RawBuilder<unknown>[], to: [] as RawBuilder<unknown>[] }
  for (const [name, value] of Object.entries(query)) {
    const operator = /^created_at(?:\.(gte|gt|lt|lte))?$/.exec(name)
    if (!name.startsWith('created_at')) continue
    if (!operator || String(value).includes(',')) return undefined
    const at = sql`${String(value)}::timestamptz`
    const next = sql`${at} + interval '1 microsecond'`
    if (operator[1] !== 'lt' && operator[1] !== 'lte') bounds.from.push(operator[1] === 'gt' ? next : at)
    if (operator[1] !== 'gte' && operator[1] !== 'gt') bounds.to.push(operator[1] === 'lt' ? at : next)
  }
  return { from: sql`greatest(${sql.join([sql`NULL::timestamptz`, ...bounds.from])})`, to: sql`least(${sql.join([sql`NULL::timestamptz`, ...bounds.to])})` }
}

/** Each kind is read from its own end of the index, so that a rare kind among millions of others costs what a page costs. */
export async function listLogs(ctx: Runner, equipmentId: string, query: ListQuery) {
  const page = paging(query, fields, '-created_at', sql`l.id`)
  const types = query.event_type === undefined ? undefined : query.event_type.split(',')
  if (types?.some((type) => !logTypes.some((known) => known === type)))
    throw new Refusal(400, 'input_invalid', {}, [{ field: 'query.event_type', code: 'input_enum', values: { limit: logTypes.join(', ') } }])
  const asked = filters(query, fields, ['limit', 'cursor', 'event_type'])
  const period = periodOf(query)
  const [lastAt, lastId] = page.last ?? [null, null]
  const newest = (kind: RawBuilder<unknown>) =>
    period
      ? sql`list_equipment_logs(${equipmentId}::uuid, ${kind}, ${period.from}, ${period.to}, ${lastAt}::timestamptz, ${lastId}::uuid, ${page.limit}::int)`
      : sql`(SELECT l.* FROM equipment_logs l WHERE l.company_id = ${company} AND l.equipment_id = ${equipmentId}::uuid AND (${kind}::text IS NULL OR l.event_type = ${kind})
          AND ${asked} AND ${page.after} ORDER BY l.created_at DESC, l.id DESC LIMIT ${page.limit})`
  const source =
    types && types.length > 1
      ? sql`(SELECT l.* FROM (SELECT DISTINCT unnest(${types}::text[]) AS event_type) kind CROSS JOIN LATERAL ${newest(sql`kind.event_type`)} l ORDER BY l.created_at DESC, l.id DESC LIMIT ${page.limit})`
      : newest(sql`${types?.[0] ?? null}::text`)
  const rows = await ctx.run<LogEntry & { sort_value: string }>(sql`SELECT ${columns}, l.created_at::text AS sort_value FROM ${source} l ${joins} ORDER BY l.created_at DESC, l.id DESC`)
  return page.finish(rows)
}

export async function machineExists(ctx: Runner, equipmentId: string): Promise<boolean> {
  return (await ctx.run(sql`SELECT FROM equipment e WHERE e.company_id = ${company} AND e.id = ${equipmentId}::uuid`)).length > 0
}

/** Undefined when the company has no such machine. */
export async function addLog(ctx: Runner, equipmentId: string, input: LogInput): Promise<LogEntry | undefined> {
  const rows = await ctx.run<LogEntry>(sql`
    WITH l AS (
      INSERT INTO equipment_logs (company_id, equipment_id, event_type, created_at, recorded_by, reading, is_correction, notes)
      SELECT c.company_id, e.id, ${input.event_type}, coalesce(${input.created_at ?? null}::timestamptz, clock_timestamp()), c.user_id, ${input.reading ?? null}::numeric, ${input.is_correction ?? false},
        ${input.notes ?? null}
      FROM caller c JOIN equipment e ON e.company_id = c.company_id AND e.id = ${equipmentId}::uuid AND NOT e.is_deleted RETURNING *)
    SELECT ${columns} FROM l ${joins}`)
  return rows[0]
}

export async function listMeters(ctx: Runner, equipmentId: string): Promise<LatestReading[]> {
  return ctx.run<LatestReading>(sql`
    SELECT l.event_type, l.reading::text AS reading, l.created_at, l.is_correction, author.display_name AS recorded_by_name
    FROM unnest(${[...meters]}::text[]) WITH ORDINALITY AS meter (event_type, place)
    CROSS JOIN LATERAL (SELECT * FROM equipment_logs l WHERE l.company_id = ${company} AND l.equipment_id = ${equipmentId}::uuid AND l.event_type = meter.event_type
      ORDER BY l.created_at DESC, l.id DESC LIMIT 1) l
    LEFT JOIN user_company_roles author ON author.company_id = l.company_id AND author.user_id = l.recorded_by ORDER BY meter.place`)
}

export type Outcome = { place: number; id: string | null; outcome: 'added' | 'repeated' | 'refused'; refusal: string | null }

/** What can be said of an entry without looking at others: the name of the rule that it breaks. */
function misfit(entry: BatchEntry): string | undefined {
  const isMeter = meters.some((meter) => meter === entry.event_type)
  if (isMeter !== (typeof entry.reading === 'string')) return 'equipment_logs_reading_of_meter'
  if (entry.is_correction && !isMeter) return 'equipment_logs_correction_of_meter'
  if (entry.event_type === 'note' && !entry.notes) return 'equipment_logs_note_says'
  if (JSON.stringify(entry.event_data ?? {}).length > 4000) return 'equipment_logs_event_data_size'
  return undefined
}

export async function batchLogs(ctx: Runner, entries: readonly BatchEntry[]): Promise<Outcome[]> {
  const places: number[] = []
  const outcomes: Outcome[] = []
  for (const [place, entry] of entries.entries()) {
    const refusal = misfit(entry)
    if (refusal) outcomes.push({ place, id: null, outcome: 'refused', refusal })
    else places.push(place)
  }
  const sent = places.map((place) => {
    const entry = entries[place] as BatchEntry
    return { ...entry, reading: entry.reading ?? null, is_correction: entry.is_correction ?? false, notes: entry.notes ?? null, event_data: entry.event_data ?? {} }
  })
  const answered = await ctx.run<Outcome>(sql`SELECT * FROM record_equipment_logs(${JSON.stringify(sent)}::jsonb)`)
  for (const line of answered) outcomes.push({ ...line, place: places[line.place] as number })
  return outcomes.sort((a, b) => a.place - b.place)
}
