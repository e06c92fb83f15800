// The queries of utilization. All of them add marks up (see the migration): who goes on counts without a row of its own.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { type ListFields, paging } from '../../base/list.ts'
import type { CategoryUse, MachineUse, MonthUse } from './contract.ts'

export type Span = { from?: string; to?: string; category_id?: string }

const own = (alias: string) => sql`${sql.ref(`${alias}.company_id`)} = (SELECT c.company_id FROM caller c)`
const firstDay = (month: string | undefined) => sql`${month === undefined ? null : `${month}-01`}::date`
const hours = (microseconds: RawBuilder<unknown>) => sql`round(${microseconds} / 3600000000.0, 2)::float8`

/** The categories of a branch. */
const branch = (categoryId: string) => sql`(SELECT below.id FROM equipment_categories top
  JOIN equipment_categories below ON below.company_id = top.company_id AND below.path <@ top.path WHERE ${own('top')} AND top.id = ${categoryId}::uuid)`

/** The company's zone, the months asked for, and the two instants between which time counts. */
const range = ({ from, to }: Span) => sql`
  asked AS (
    SELECT coalesce(co.settings ->> 'time_zone', 'UTC') AS zone, statement_timestamp() AS now, ${firstDay(from)} AS from_month,
      least(${firstDay(to)}, get_month_of(statement_timestamp(), coalesce(co.settings ->> 'time_zone', 'UTC'))) AS to_month
    FROM companies co WHERE co.id = (SELECT c.company_id FROM caller c)
  ), range AS MATERIALIZED (
    SELECT a.zone, a.now, f.from_month, a.to_month, get_month_begin(f.from_month, a.zone) AS begins_at,
      least(get_month_begin((a.to_month + interval '1 month')::date, a.zone), a.now) AS ends_at
    FROM asked a CROSS JOIN LATERAL (SELECT coalesce(a.from_month, (a.to_month - interval '23 months')::date) AS from_month) f
  )`

export async function listMonths(ctx: Runner, query: Span & { equipment_id?: string }): Promise<MonthUse[]> {
  const machines = [query.category_id ? sql`e.category_id IN ${branch(query.category_id)}` : undefined, query.equipment_id ? sql`e.id = ${query.equipment_id}::uuid` : undefined].filter(
    (condition) => condition !== undefined,
  )
  const source = machines.length
    ? sql`equipment_usage_months u JOIN equipment e ON e.company_id = u.company_id AND e.id = u.equipment_id WHERE ${own('u')} AND ${sql.join(machines, sql` AND `)}`
    : sql`company_usage_months u WHERE ${own('u')}`
  return ctx.run<MonthUse>(sql`
    WITH ${range(query)}, mark AS MATERIALIZED (
      SELECT u.month, sum(u.assignments_begun) AS begun, sum(u.assignments_begun - u.assignments_ended) AS more, sum(u.assigned_rest) AS rest,
        sum(u.fleet_entered - u.fleet_left) AS fleet_more, sum(u.fleet_rest) AS fleet_rest
      FROM ${source} GROUP BY u.month
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
    FROM total t, range r WHERE t.month >= r.from_month ORDER BY t.month`)
}

/** What each machine (of `which`) was used in the asked months, in microseconds, as `used`. Machines without any mark are not in it. */
const used = (query: Span, which: RawBuilder<unknown>) => sql`
  ${range(query)}, month AS MATERIALIZED (
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
    JOIN equipment_usage_months u ON ${own('u')} AND u.month <= r.to_month AND ${which}
    LEFT JOIN month m ON m.month = u.month
    GROUP BY u.company_id, u.equipment_id
  )`
const sums = (assigned: RawBuilder<unknown>, available: RawBuilder<unknown>) => sql`${hours(assigned)} AS assigned_hours, ${hours(available)} AS available_hours,
  round(${assigned} / nullif(${available}, 0), 4)::float8 AS utilization`

export async function listCategoryUse(ctx: Runner, query: Span & { parent_id?: string }): Promise<CategoryUse[]> {
  const depth = query.parent_id ? sql`(SELECT nlevel(p.path) FROM equipment_categories p WHERE ${own('p')} AND p.id = ${query.parent_id}::uuid)` : sql`0`
  const inside = query.parent_id ? sql`u.equipment_id IN (SELECT e.id FROM equipment e WHERE ${own('e')} AND e.category_id IN ${branch(query.parent_id)})` : sql`true`
  return ctx.run<CategoryUse>(sql`
    WITH ${used(query, inside)}, home AS MATERIALIZED (
      SELECT k.id, head.id AS head_id FROM equipment_categories k
      JOIN equipment_categories head ON head.company_id = k.company_id AND head.path @> k.path AND nlevel(head.path) = ${depth} + 1
      WHERE ${own('k')}
    )
    SELECT head.id AS category_id, head.name AS category_name,
      EXISTS (SELECT FROM equipment_categories below WHERE below.company_id = head.company_id AND below.parent_id = head.id AND NOT below.is_deleted) AS has_children,
      g.machine_count, g.assignment_count, ${sums(sql`g.assigned`, sql`g.available`)}
    FROM (
      SELECT h.head_id, count(*) FILTER (WHERE u.available > 0 OR u.assigned > 0)::int AS machine_count, sum(u.assignment_count)::int AS assignment_count,
        sum(u.assigned) AS assigned, sum(u.available) AS available
      FROM used u JOIN equipment e ON e.company_id = u.company_id AND e.id = u.equipment_id LEFT JOIN home h ON h.id = e.category_id
      GROUP BY h.head_id
    ) g LEFT JOIN equipment_categories head ON ${own('head')} AND head.id = g.head_id
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
  const page = paging(query, machineFields, 'name', sql`r.id`)
  const category =
    query.directly === 'true'
      ? query.category_id
        ? sql`e.category_id = ${query.category_id}::uuid`
        : sql`e.category_id IS NULL`
      : query.category_id
        ? sql`e.category_id IN ${branch(query.category_id)}`
        : sql`true`
  const sortColumn = machineFields[(query.sort ?? 'name').replace(/^-/, '')]?.column ?? sql`r.name`
  const rows = await ctx.run<MachineUse & { sort_value: string }>(sql`
    WITH ${used(query, query.category_id || query.directly === 'true' ? sql`u.equipment_id IN (SELECT e.id FROM equipment e WHERE ${own('e')} AND ${category})` : sql`true`)}, r AS (
      SELECT e.id, e.company_id, e.name, e.serial_number, e.fleet_code, e.category_id, e.status, e.is_deleted, coalesce(u.assignment_count, 0) AS assignment_count,
        coalesce(u.assigned, 0) AS assigned, coalesce(u.available, 0) AS available, round(u.assigned / nullif(u.available, 0), 4) AS used_part
      FROM equipment e LEFT JOIN used u ON u.equipment_id = e.id
      WHERE ${own('e')} AND ${category} AND (NOT e.is_deleted OR u.available > 0 OR u.assigned > 0)
    )
    SELECT r.id, r.name, r.serial_number, r.fleet_code, r.category_id, k.name AS category_name, r.status, r.is_deleted, r.assignment_count::int,
      ${sums(sql`r.assigned`, sql`r.available`)}, (${sortColumn})::text AS sort_value
    FROM r LEFT JOIN equipment_categories k ON k.company_id = r.company_id AND k.id = r.category_id
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

const chosen = (query: Span) => sql`${own('e')} AND ${query.category_id ? sql`e.category_id IN ${branch(query.category_id)}` : sql`true`}`
const monthly = (machines: RawBuilder<unknown>) => sql`FROM ${machines} e JOIN equipment_utilization_monthly v ON v.company_id = e.company_id AND v.equipment_id = e.id
  JOIN range r ON v.month BETWEEN r.from_month AND r.to_month`

/** Counts the rows to come and writes in the audit that they left the house. */
export async function beginExport(ctx: Runner, query: Span, format: string): Promise<number> {
  const [row] = await ctx.run<{ count: number }>(sql`
    WITH ${range(query)}, counted AS MATERIALIZED (SELECT count(*)::int AS count ${monthly(sql`(SELECT e.company_id, e.id FROM equipment e WHERE ${chosen(query)})`)})
    SELECT counted.count, record_audit('utilization', NULL, 'exported', ${JSON.stringify({ format, ...query })}::jsonb || jsonb_build_object('count', counted.count)) FROM counted`)
  return row?.count ?? 0
}

/** The months of some machines in the order these were registered, after the one given; `last` is null when there are no more. */
export async function listExportPage(ctx: Runner, query: Span, after: string | null, limit: number): Promise<{ rows: ExportRow[]; last: string | null }> {
  const machines = await ctx.run<{ id: string }>(sql`
    SELECT e.id FROM equipment e WHERE ${chosen(query)} AND (${after}::uuid IS NULL OR e.id > ${after}::uuid) ORDER BY e.id LIMIT ${limit}`)
  if (machines.length === 0) return { rows: [], last: null }
  const rows = await ctx.run<ExportRow>(sql`
    WITH ${range(query)}
    SELECT e.serial_number, e.fleet_code, v.equipment_name, k.name AS category_name, to_char(v.month, 'YYYY-MM') AS month, v.assignment_count,
      round(v.total_hours_assigned, 2)::float8 AS assigned_hours, round(v.available_hours, 2)::float8 AS available_hours, round(v.utilization, 4)::float8 AS utilization
    ${monthly(sql`(SELECT e.* FROM equipment e WHERE ${own('e')} AND e.id = ANY (${machines.map(({ id }) => id)}::uuid[]))`)}
    LEFT JOIN equipment_categories k ON k.company_id = e.company_id AND k.id = e.category_id ORDER BY e.id, v.month`)
  return { rows, last: machines.length < limit ? null : (machines.at(-1)?.id ?? null) }
}
