// The queries of utilization. All of them add marks up (see the migration): who goes on counts without a row of its own.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { type ListFields, paging } from '../../base/list.ts'
import { type MomentQuery, momentOf } from '../../base/moment.ts'
import type { CategoryUse, MachineUse, MonthUse } from './contract.ts'

export type Span = MomentQuery & { from?: string; to?: string; category_id?: string }

const company = sql`(SELECT c.company_id FROM caller c)`
const own = (alias: string) => sql`${sql.ref(`${alias}.company_id`)} = ${company}`
const firstDay = (month: string | undefined) => sql`${month === undefined ? null : `${month}-01`}::date`
const hours = (microseconds: RawBuilder<unknown>) => sql`round(${microseconds} / 3600000000.0, 2)::float8`

/** Where the marks, machines and categories stand, until when time counts, and in which zone: those of now, or those of a moment. */
type Sources = {
  before: RawBuilder<unknown>
  now: RawBuilder<unknown>
  zone: RawBuilder<unknown>
  usage: RawBuilder<unknown>
  whole: RawBuilder<unknown>
  machines: RawBuilder<unknown>
  categories: RawBuilder<unknown>
}
const present: Sources = {
  before: sql``,
  now: sql`statement_timestamp()`,
  zone: sql`coalesce(co.settings ->> 'time_zone', 'UTC')`,
  usage: sql`equipment_usage_months`,
  whole: sql`company_usage_months`,
  machines: sql`equipment`,
  categories: sql`equipment_categories`,
}

/** `ids`: the machines that are asked about, all when left out. The marks of then are added up anew, from hand-overs and status periods. */
function sourcesOf(query: MomentQuery, ids?: string[]): Sources {
  const moment = momentOf(query)
  if (!moment) return present
  const { table, asOf, knownAt, recordedAt, join } = moment
  return {
    before: sql`${table}, usage_then AS MATERIALIZED (SELECT * FROM tell_equipment_usage_at(${asOf}, ${knownAt}, ${ids ?? null}::uuid[])),
      categories_then AS MATERIALIZED (SELECT * FROM get_categories_at(${recordedAt})), machines_then AS MATERIALIZED (
        SELECT e.* FROM equipment b ${join} CROSS JOIN LATERAL get_equipment_at(b, m.as_of, m.known_at) e
        WHERE ${own('b')} AND b.created_at <= ${recordedAt} AND ${ids ? sql`b.id = ANY (${ids}::uuid[])` : sql`true`}),`,
    now: asOf,
    zone: sql`get_company_zone_at(${recordedAt})`,
    usage: sql`usage_then`,
    whole: sql`usage_then`,
    machines: sql`machines_then`,
    categories: sql`categories_then`,
  }
}

/** The categories of a branch. */
const branch = ({ categories }: Sources, categoryId: string) => sql`ANY (ARRAY(SELECT below.id FROM ${categories} top
  JOIN ${categories} below ON below.company_id = top.company_id AND below.path <@ top.path WHERE ${own('top')} AND top.id = ${categoryId}::uuid))`

/** The company's zone, the months asked for, and the two instants between which time counts. */
const range = ({ from, to }: Span, { before, now, zone }: Sources) => sql`
  ${before} clock AS MATERIALIZED (
    SELECT ${zone} AS zone, ${now} AS now FROM companies co WHERE co.id = ${company}
  ), asked AS (
    SELECT k.zone, k.now, ${firstDay(from)} AS from_month, least(${firstDay(to)}, get_month_of(k.now, k.zone)) AS to_month FROM clock k
  ), range AS MATERIALIZED (
    SELECT a.zone, a.now, f.from_month, a.to_month, get_month_begin(f.from_month, a.zone) AS begins_at,
      least(get_month_begin((a.to_month + interval '1 month')::date, a.zone), a.now) AS ends_at
    FROM asked a CROSS JOIN LATERAL (SELECT coalesce(a.from_month, (a.to_month - interval '23 months')::date) AS from_month) f
  )`

export async function listMonths(ctx: Runner, query: Span & { equipment_id?: string }): Promise<MonthUse[]> {
  const from = sourcesOf(query, query.equipment_id ? [query.equipment_id] : undefined)
  const machines = [query.category_id ? sql`e.category_id = ${branch(from, query.category_id)}` : undefined, query.equipment_id ? sql`e.id = ${query.equipment_id}::uuid` : undefined].filter(
    (condition) => condition !== undefined,
  )
  const source = machines.length
    ? sql`${from.usage} u JOIN ${from.machines} e ON e.company_id = u.company_id AND e.id = u.equipment_id WHERE ${own('u')} AND ${sql.join(machines, sql` AND `)}`
    : sql`${from.whole} u WHERE ${own('u')}`
  // What was added and taken away again says nothing, and is no first month either.
  const statement = sql<MonthUse>`
    WITH ${range(query, from)}, mark AS MATERIALIZED (
      SELECT u.month, sum(u.assignments_begun) AS begun, sum(u.assignments_begun - u.assignments_ended) AS more, sum(u.assigned_rest) AS rest,
        sum(u.fleet_entered - u.fleet_left) AS fleet_more, sum(u.fleet_rest) AS fleet_rest
      FROM ${source} GROUP BY u.month
      HAVING (sum(u.assignments_begun), sum(u.assignments_ended), sum(u.assigned_rest), sum(u.fleet_entered), sum(u.fleet_left), sum(u.fleet_rest)) <> (0, 0, 0, 0, 0, 0)
    ), month AS (
      SELECT g.month::date AS month, get_month_begin(g.month::date, r.zone) AS begins_at,
        get_month_begin((g.month + interval '1 month')::date, r.zone) AS ends_at, r.now
      FROM range r, generate_series((SELECT min(k.month) FROM mark k)::timestamp, r.to_month::timestamp, interval '1 month') AS g (month)
    ), total AS (
      SELECT m.month, coalesce(sum(k.more) OVER earlier, 0) + coalesce(k.begun, 0) AS assignment_count,
        coalesce(sum(k.fleet_more) OVER earlier, 0) + coalesce(k.fleet_more, 0) AS machine_count,
        greatest(0, coalesce(sum(k.more) OVER earlier, 0) * f.span + coalesce(k.rest, 0) - coalesce(k.more, 0) * f.still) AS assigned,
        greatest(0, coalesce(sum(k.fleet_more) OVER earlier, 0) * f.span + coalesce(k.fleet_rest, 0) - coalesce(k.fleet_more, 0) * f.still) AS available
      FROM month m CROSS JOIN LATERAL (
        SELECT count_microseconds(m.begins_at, least(m.ends_at, m.now)) AS span, count_microseconds(least(m.ends_at, m.now), m.ends_at) AS still) f
      LEFT JOIN mark k ON k.month = m.month
      WINDOW earlier AS (ORDER BY m.month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT to_char(t.month, 'YYYY-MM') AS month, t.machine_count::int, t.assignment_count::int, ${hours(sql`t.assigned`)} AS assigned_hours,
      ${hours(sql`t.available`)} AS available_hours, round(t.assigned / nullif(t.available, 0), 4)::float8 AS utilization
    FROM total t, range r WHERE t.month >= r.from_month ORDER BY t.month`
  return ctx.run(statement)
}

/** What each machine (of `which`) was used in the asked months, in microseconds, as `used`. Machines without any mark are not in it. */
const used = (query: Span, from: Sources, which: RawBuilder<unknown>) => sql`
  ${range(query, from)}, month AS MATERIALIZED (
    SELECT g.month::date AS month, count_microseconds(get_month_begin((g.month + interval '1 month')::date, r.zone), r.ends_at) AS further
    FROM range r, generate_series(r.from_month::timestamp, r.to_month::timestamp, interval '1 month') AS g (month)
  ), used AS MATERIALIZED (
    SELECT u.company_id, u.equipment_id,
      sum(CASE WHEN m.month IS NULL THEN u.assignments_begun - u.assignments_ended ELSE u.assignments_begun END) AS assignment_count,
      greatest(0, sum(CASE WHEN m.month IS NULL THEN (u.assignments_begun - u.assignments_ended) * r.span
        ELSE u.assigned_rest + (u.assignments_begun - u.assignments_ended) * m.further END)) AS assigned,
      greatest(0, sum(CASE WHEN m.month IS NULL THEN (u.fleet_entered - u.fleet_left) * r.span
        ELSE u.fleet_rest + (u.fleet_entered - u.fleet_left) * m.further END)) AS available
    FROM (SELECT r.to_month, count_microseconds(r.begins_at, r.ends_at) AS span FROM range r WHERE r.from_month <= r.to_month) r
    JOIN ${from.usage} u ON ${own('u')} AND u.month <= r.to_month AND ${which}
    LEFT JOIN month m ON m.month = u.month
    GROUP BY u.company_id, u.equipment_id
  )`
const sums = (assigned: RawBuilder<unknown>, available: RawBuilder<unknown>) => sql`${hours(assigned)} AS assigned_hours, ${hours(available)} AS available_hours,
  round(${assigned} / nullif(${available}, 0), 4)::float8 AS utilization`

export async function listCategoryUse(ctx: Runner, query: Span & { parent_id?: string }): Promise<CategoryUse[]> {
  const from = sourcesOf(query)
  const depth = query.parent_id ? sql`(SELECT nlevel(p.path) FROM ${from.categories} p WHERE ${own('p')} AND p.id = ${query.parent_id}::uuid)` : sql`0`
  const inside = query.parent_id ? sql`u.equipment_id IN (SELECT e.id FROM ${from.machines} e WHERE ${own('e')} AND e.category_id = ${branch(from, query.parent_id)})` : sql`true`
  return ctx.run<CategoryUse>(sql`
    WITH ${used(query, from, inside)}, home AS MATERIALIZED (
      SELECT k.id, head.id AS head_id FROM ${from.categories} k
      JOIN ${from.categories} head ON head.company_id = k.company_id AND head.id = (string_to_array(k.path::text, '.')::uuid[])[${depth}::int + 1]
      WHERE ${own('k')}
    )
    SELECT head.id AS category_id, head.name AS category_name,
      EXISTS (SELECT FROM ${from.categories} below WHERE below.company_id = head.company_id AND below.parent_id = head.id AND NOT below.is_deleted) AS has_children,
      g.machine_count, g.assignment_count, ${sums(sql`g.assigned`, sql`g.available`)}
    FROM (
      SELECT h.head_id, count(*) FILTER (WHERE u.available > 0 OR u.assigned > 0)::int AS machine_count, sum(u.assignment_count)::int AS assignment_count,
        sum(u.assigned) AS assigned, sum(u.available) AS available
      FROM used u JOIN ${from.machines} e ON e.company_id = u.company_id AND e.id = u.equipment_id LEFT JOIN home h ON h.id = e.category_id
      GROUP BY h.head_id
    ) g LEFT JOIN ${from.categories} head ON ${own('head')} AND head.id = g.head_id
    WHERE g.available > 0 OR g.assigned > 0 ORDER BY head.name NULLS LAST, head.id`)
}

const machineFields: ListFields = {
  name: { column: sql`r.name`, type: 'text' },
  assigned_hours: { column: sql`r.assigned`, type: 'number' },
  available_hours: { column: sql`r.available`, type: 'number' },
  utilization: { column: sql`r.used_part`, type: 'number', nullable: true },
  assignment_count: { column: sql`r.assignment_count`, type: 'number' },
}

export async function listMachineUse(ctx: Runner, query: Span & { limit?: number; cursor?: string; sort?: string; directly?: string }) {
  const from = sourcesOf(query)
  const page = paging(query, machineFields, 'name', sql`r.id`)
  const category =
    query.directly === 'true'
      ? query.category_id
        ? sql`e.category_id = ${query.category_id}::uuid`
        : sql`e.category_id IS NULL`
      : query.category_id
        ? sql`e.category_id = ${branch(from, query.category_id)}`
        : sql`true`
  const sortColumn = machineFields[(query.sort ?? 'name').replace(/^-/, '')]?.column ?? sql`r.name`
  const rows = await ctx.run<MachineUse & { sort_value: string }>(sql`
    WITH ${used(query, from, query.category_id || query.directly === 'true' ? sql`u.equipment_id IN (SELECT e.id FROM ${from.machines} e WHERE ${own('e')} AND ${category})` : sql`true`)}, r AS (
      SELECT e.id, e.company_id, e.name, e.serial_number, e.fleet_code, e.category_id, e.status, e.is_deleted, coalesce(u.assignment_count, 0) AS assignment_count,
        coalesce(u.assigned, 0) AS assigned, coalesce(u.available, 0) AS available, round(u.assigned / nullif(u.available, 0), 4) AS used_part
      FROM ${from.machines} e LEFT JOIN used u ON u.equipment_id = e.id
      WHERE ${own('e')} AND ${category} AND (NOT e.is_deleted OR u.available > 0 OR u.assigned > 0)
    )
    SELECT r.id, r.name, r.serial_number, r.fleet_code, r.category_id, k.name AS category_name, r.status, r.is_deleted, r.assignment_count::int,
      ${sums(sql`r.assigned`, sql`r.available`)}, (${sortColumn})::text AS sort_value
    FROM r LEFT JOIN ${from.categories} k ON k.company_id = r.company_id AND k.id = r.category_id
    WHERE ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

export type ExportRow = {
  serial_number: string
  fleet_code: string | null
  equipment_name: string
  category_name: string | null
  month: string
  assignment_count: number
  assigned_hours: number
  available_hours: number
  utilization: number | null
}

const chosen = (query: Span, from: Sources) => sql`${own('e')} AND ${query.category_id ? sql`e.category_id = ${branch(from, query.category_id)}` : sql`true`}`

/** The rows of equipment_utilization_monthly for some machines, now or at a moment, as `monthly`. */
const monthly = (query: Span, from: Sources, machines: RawBuilder<unknown>, ids?: string[]) => sql`
  ${range(query, from)}, chosen AS MATERIALIZED (SELECT e.* FROM ${from.machines} e WHERE ${machines}
  ), mark AS MATERIALIZED (SELECT u.* FROM ${from.usage} u WHERE ${own('u')} AND ${ids ? sql`u.equipment_id = ANY (${ids}::uuid[])` : sql`true`}
  ), monthly AS (
    SELECT e.id, g.month::date AS month, coalesce(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0) + coalesce(u.assignments_begun, 0) AS assignment_count,
      greatest(0, coalesce(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0) * f.span + coalesce(u.assigned_rest, 0) - coalesce(u.assignments_begun - u.assignments_ended, 0) * f.still) AS assigned,
      greatest(0, coalesce(sum(u.fleet_entered - u.fleet_left) OVER earlier, 0) * f.span + coalesce(u.fleet_rest, 0) - coalesce(u.fleet_entered - u.fleet_left, 0) * f.still) AS available
    FROM chosen e CROSS JOIN range r LEFT JOIN (SELECT b.equipment_id, min(b.month) AS month FROM mark b GROUP BY 1) first ON first.equipment_id = e.id
    CROSS JOIN LATERAL generate_series(least(get_month_of(e.created_at, r.zone), first.month)::timestamp,
      get_month_of(CASE WHEN e.is_deleted THEN e.deleted_at ELSE r.now END, r.zone)::timestamp, interval '1 month') AS g (month)
    CROSS JOIN LATERAL (SELECT get_month_begin(g.month::date, r.zone) AS begins_at, get_month_begin((g.month + interval '1 month')::date, r.zone) AS ends_at) m
    CROSS JOIN LATERAL (SELECT count_microseconds(m.begins_at, least(m.ends_at, r.now)) AS span, count_microseconds(least(m.ends_at, r.now), m.ends_at) AS still) f
    LEFT JOIN mark u ON u.equipment_id = e.id AND u.month = g.month::date
    WINDOW earlier AS (PARTITION BY e.id ORDER BY g.month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ), asked_for AS (SELECT v.* FROM monthly v JOIN range r ON v.month BETWEEN r.from_month AND r.to_month)`

/** Counts the rows to come and writes in the audit that they left the house. Gives the moment too, so that all pages tell of one. */
export async function beginExport(ctx: Runner, query: Span, format: string): Promise<{ count: number; moment: MomentQuery }> {
  const from = sourcesOf(query)
  const instant = (name: string) => sql`to_char((SELECT ${sql.ref(name)} FROM moment) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
  const moment = from === present ? sql`NULL AS as_of, NULL AS known_at` : sql`${instant('as_of')} AS as_of, ${instant('known_at')} AS known_at`
  const [row] = await ctx.run<{ count: number; as_of: string | null; known_at: string | null }>(sql`
    WITH ${monthly(query, from, chosen(query, from))}, counted AS MATERIALIZED (SELECT count(*)::int AS count FROM asked_for)
    SELECT counted.count, ${moment}, record_audit('utilization', NULL, 'exported', ${JSON.stringify({ format, ...query })}::jsonb || jsonb_build_object('count', counted.count)) FROM counted`)
  return { count: row?.count ?? 0, moment: row?.as_of && row.known_at ? { as_of: row.as_of, known_at: row.known_at } : {} }
}

/** The months of some machines in the order these were registered, after the one given; `last` is null when there are no more. */
export async function listExportPage(ctx: Runner, query: Span, after: string | null, limit: number): Promise<{ rows: ExportRow[]; last: string | null }> {
  // Which machines a category held then is known once they are turned back.
  const filter = sourcesOf(query) === present ? chosen(query, present) : own('e')
  const machines = await ctx.run<{ id: string }>(sql`
    SELECT e.id FROM equipment e WHERE ${filter} AND (${after}::uuid IS NULL OR e.id > ${after}::uuid) ORDER BY e.id LIMIT ${limit}`)
  if (machines.length === 0) return { rows: [], last: null }
  const ids = machines.map(({ id }) => id)
  const from = sourcesOf(query, ids)
  const rows = await ctx.run<ExportRow>(sql`
    WITH ${monthly(query, from, sql`e.id = ANY (${ids}::uuid[]) AND ${chosen(query, from)}`, ids)}
    SELECT e.serial_number, e.fleet_code, e.name AS equipment_name, k.name AS category_name, to_char(v.month, 'YYYY-MM') AS month, v.assignment_count::int,
      ${hours(sql`v.assigned`)} AS assigned_hours, ${hours(sql`v.available`)} AS available_hours, round(v.assigned / nullif(v.available, 0), 4)::float8 AS utilization
    FROM asked_for v JOIN chosen e ON e.id = v.id LEFT JOIN ${from.categories} k ON k.company_id = e.company_id AND k.id = e.category_id ORDER BY e.id, v.month`)
  return { rows, last: machines.length < limit ? null : (machines.at(-1)?.id ?? null) }
}
