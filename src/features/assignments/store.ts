// The queries of hand-overs.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import { type Moment, type MomentQuery, momentOf } from '../../base/moment.ts'
import type { ReplyOf } from '../../plain/operation.ts'
import { type Assignment, type availability, type State, states } from './contract.ts'

type Described = { notes?: string | null | undefined; condition?: string | null | undefined; meter_reading?: string | null | undefined }
type HandOver = Described & { user_id: string; due_at?: string | null }

const state = (now: RawBuilder<unknown> = sql`now()`) => sql`CASE WHEN a.cancelled_at IS NOT NULL THEN 'cancelled'
  WHEN a.assigned_at IS NULL THEN CASE WHEN a.reserved_until > ${now} THEN 'reserved' ELSE 'missed' END
  WHEN a.returned_at IS NOT NULL THEN 'returned' WHEN a.due_at < ${now} THEN 'overdue' ELSE 'out' END`
const columns = (
  now: RawBuilder<unknown> = sql`now()`,
) => sql`a.id, a.version, a.created_at, a.updated_at, a.created_by, a.updated_by, a.equipment_id, e.name AS equipment_name, e.serial_number, e.fleet_code,
  a.user_id, holder.display_name AS holder_name, ${state(now)} AS state, a.reserved_from, a.reserved_until, CASE WHEN a.reserved_from IS NOT NULL THEN maker.display_name END AS reserved_by_name,
  a.cancelled_at, a.cancel_reason, a.assigned_at, a.assigned_by, giver.display_name AS assigned_by_name, a.accepted_at, a.due_at, a.notes, a.condition, a.meter_reading,
  a.returned_at, a.returned_by, taker.display_name AS returned_by_name, a.return_notes, a.return_condition, a.return_meter_reading`
const joins = sql`JOIN equipment e ON e.company_id = a.company_id AND e.id = a.equipment_id
  JOIN user_company_roles holder ON holder.company_id = a.company_id AND holder.user_id = a.user_id
  LEFT JOIN user_company_roles giver ON giver.company_id = a.company_id AND giver.user_id = a.assigned_by
  LEFT JOIN user_company_roles taker ON taker.company_id = a.company_id AND taker.user_id = a.returned_by
  LEFT JOIN user_company_roles maker ON maker.company_id = a.company_id AND maker.user_id = a.created_by`

const how = (input: Described) => sql`${input.condition ?? null}::text, ${input.meter_reading ?? null}::numeric`
const given = (input: Described & { due_at?: string | null | undefined }) => sql`${input.notes ?? null}, ${input.due_at ?? null}::timestamptz, ${how(input)}`

/** Hand-overs `a` as they stood at a moment, with the names that machines had. */
const sourceAt = ({ join }: Moment) => sql`equipment_assignments b ${join} CROSS JOIN LATERAL get_assignment_at(b, m.as_of, m.known_at) a
  JOIN equipment now ON now.company_id = b.company_id AND now.id = b.equipment_id
  CROSS JOIN LATERAL get_equipment_at(now, m.as_of, m.known_at) e
  JOIN user_company_roles holder ON holder.company_id = a.company_id AND holder.user_id = a.user_id
  LEFT JOIN user_company_roles giver ON giver.company_id = a.company_id AND giver.user_id = a.assigned_by
  LEFT JOIN user_company_roles taker ON taker.company_id = a.company_id AND taker.user_id = a.returned_by
  LEFT JOIN user_company_roles maker ON maker.company_id = a.company_id AND maker.user_id = a.created_by`

export const assignEquipment = (ctx: Runner, equipmentId: string, input: HandOver) => changed(ctx, sql`assign_equipment(${equipmentId}::uuid, ${input.user_id}::uuid, ${given(input)})`)

export const returnEquipment = (ctx: Runner, equipmentId: string, input: Described) => changed(ctx, sql`return_equipment(${equipmentId}::uuid, ${input.notes ?? null}, ${how(input)})`)

export const transferEquipment = (ctx: Runner, equipmentId: string, input: HandOver) => changed(ctx, sql`transfer_equipment(${equipmentId}::uuid, ${input.user_id}::uuid, ${given(input)})`)

export const reserveEquipment = (ctx: Runner, equipmentId: string, input: { user_id: string; reserved_from: string; reserved_until: string; notes?: string | null }) =>
  changed(ctx, sql`reserve_equipment(${equipmentId}::uuid, ${input.user_id}::uuid, ${input.reserved_from}::timestamptz, ${input.reserved_until}::timestamptz, ${input.notes ?? null})`)

export const pickUpReservation = (ctx: Runner, id: string, input: Described & { due_at?: string | null }) => changed(ctx, sql`pick_up_reservation(${id}::uuid, ${given(input)})`)

export const cancelReservation = (ctx: Runner, id: string, reason: string) => changed(ctx, sql`cancel_reservation(${id}::uuid, ${reason})`)

export const acceptAssignment = (ctx: Runner, id: string) => changed(ctx, sql`accept_assignment(${id}::uuid)`)

async function changed(ctx: Runner, change: RawBuilder<unknown>): Promise<Assignment> {
  const [row] = await ctx.run<Assignment>(sql`SELECT ${columns()} FROM ${change} a ${joins}`)
  if (!row) throw new Error('a hand-over gives its row or an error')
  return row
}

const listFields = (row: RawBuilder<unknown>): ListFields => ({
  assigned_at: { column: sql`${row}.assigned_at`, type: 'instant' },
  starts_at: { column: sql`coalesce(${row}.assigned_at, ${row}.reserved_from)`, type: 'instant' },
  due_at: { column: sql`a.due_at`, type: 'instant', nullable: true },
  user_id: { column: sql`${row}.user_id`, type: 'uuid', sort: false },
  equipment_id: { column: sql`${row}.equipment_id`, type: 'uuid', sort: false },
})

const isOut = sql`a.assigned_at IS NOT NULL AND a.returned_at IS NULL`
/** The same twice: as idx_equipment_assignments_open has it, and so that the planner knows how few they are. */
const isOpen = sql`${isOut} AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)`
const isReserved = sql`a.assigned_at IS NULL AND a.cancelled_at IS NULL`
const inState = (now: RawBuilder<unknown>): Record<State, RawBuilder<unknown>> => ({
  reserved: sql`${isReserved} AND a.reserved_until > ${now}`,
  missed: sql`${isReserved} AND a.reserved_until <= ${now}`,
  cancelled: sql`a.cancelled_at IS NOT NULL`,
  out: sql`${isOut} AND (a.due_at IS NULL OR a.due_at >= ${now})`,
  overdue: sql`${isOut} AND a.due_at < ${now}`,
  returned: sql`a.returned_at IS NOT NULL`,
})

/** Rows in any of these states; hand-overs alone when none is asked for. */
function stateFilter(asked: string | undefined, now: RawBuilder<unknown>): RawBuilder<unknown> {
  if (asked === undefined) return sql`a.assigned_at IS NOT NULL`
  const wanted = asked.split(',').map((word) => states.find((one) => one === word))
  const conditions = wanted.map((one) => {
    if (!one) throw new Refusal(400, 'input_invalid', {}, [{ field: 'query.state', code: 'input_enum', values: { limit: states.join(', ') } }])
    return sql`(${inState(now)[one]})`
  })
  return sql`(${sql.join(conditions, sql` OR `)})`
}

type ListQuery = MomentQuery & { limit?: number; cursor?: string; sort?: string; state?: string; open?: string; overdue?: string; user_id?: string; equipment_id?: string }

/** Those of now, or the hand-overs that had begun at the moment asked about; when one began never changes, so the same index gives the order. */
export async function listAssignments(ctx: Runner, { as_of, known_at, ...query }: ListQuery) {
  const moment = momentOf({ as_of, known_at })
  const row = moment ? sql`b` : sql`a`
  const now = moment?.asOf ?? sql`now()`
  const fields = listFields(row)
  const fallback = query.state === undefined ? '-assigned_at' : '-starts_at'
  const page = paging(query, fields, fallback, sql`${row}.id`)
  const known = ['limit', 'cursor', 'sort', 'state', 'open', 'overdue']
  const conditions = [sql`${row}.company_id = (SELECT c.company_id FROM caller c)`, stateFilter(query.state, now), filters(query, fields, known), page.after]
  if (moment) conditions.push(sql`b.assigned_at <= ${now}`)
  if (query.open) conditions.push(query.open === 'true' ? isOut : sql`a.returned_at IS NOT NULL`)
  if (query.overdue) conditions.push(query.overdue === 'true' ? inState(now).overdue : sql`(${inState(now).overdue}) IS NOT TRUE`)
  const sortColumn = fields[(query.sort ?? fallback).replace(/^-/, '')]?.column ?? sql`${row}.assigned_at`
  const where = sql.join(conditions, sql` AND `)
  const sorted = sql`(${sortColumn})::text AS sort_value`
  // The page is chosen first; machines and names are joined to its rows alone.
  const rows = await ctx.run<Assignment & { sort_value: string }>(
    moment
      ? sql`WITH ${moment.table} SELECT ${columns(now)}, ${sorted} FROM ${sourceAt(moment)} WHERE ${where} ORDER BY ${page.order} LIMIT ${page.limit}`
      : sql`
    WITH page AS MATERIALIZED (
      SELECT a.company_id, a.id, ${sorted}, row_number() OVER (ORDER BY ${page.order}) AS place FROM equipment_assignments a WHERE ${where} ORDER BY ${page.order} LIMIT ${page.limit})
    SELECT ${columns(now)}, page.sort_value FROM page JOIN equipment_assignments a ON a.company_id = page.company_id AND a.id = page.id ${joins} ORDER BY page.place`,
  )
  return page.finish(rows)
}

const longestPeriod = 366 * 86_400_000

/** Three kinds of rows touch a period, each found by an index of its own: what is out, what came back since, what is reserved. */
export async function listCalendar(ctx: Runner, query: { from: string; to: string; limit?: number; cursor?: string; equipment_id?: string; user_id?: string }) {
  checkPeriod(query)
  const page = paging({ ...query, sort: 'starts_at' }, listFields(sql`a`), 'starts_at', sql`a.id`)
  const [from, to] = [sql`${query.from}::timestamptz`, sql`${query.to}::timestamptz`]
  const whose = sql.join(
    [
      sql`a.company_id = (SELECT c.company_id FROM caller c)`,
      ...(query.equipment_id ? [sql`a.equipment_id = ${query.equipment_id}::uuid`] : []),
      ...(query.user_id ? [sql`a.user_id = ${query.user_id}::uuid`] : []),
    ],
    sql` AND `,
  )
  const rows = await ctx.run<Assignment & { sort_value: string }>(sql`
    WITH touching AS (
      SELECT a.id FROM equipment_assignments a WHERE ${whose} AND ${isOpen} AND a.assigned_at < ${to} AND (a.due_at IS NULL OR a.due_at > ${from} OR now() > ${from})
      UNION ALL SELECT a.id FROM equipment_assignments a WHERE ${whose} AND a.returned_at > ${from} AND a.assigned_at < ${to}
      UNION ALL SELECT a.id FROM equipment_assignments a WHERE ${whose} AND ${isReserved} AND a.reserved_from < ${to} AND a.reserved_until > ${from})
    SELECT ${columns()}, coalesce(a.assigned_at, a.reserved_from)::text AS sort_value
    FROM touching JOIN equipment_assignments a ON a.company_id = (SELECT c.company_id FROM caller c) AND a.id = touching.id ${joins}
    WHERE ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

function checkPeriod({ from, to }: { from: string; to?: string }): void {
  if (to === undefined) return
  const length = Date.parse(to) - Date.parse(from)
  if (!(length > 0 && length <= longestPeriod)) throw new Refusal(422, 'ea_reserved_period', {}, [{ field: 'query.to', code: 'ea_reserved_period' }])
}

/** Undefined when there is no such machine. */
export async function findAvailability(ctx: Runner, equipmentId: string, query: { from: string; to?: string }): Promise<ReplyOf<typeof availability> | undefined> {
  checkPeriod(query)
  const period = sql`e.id, ${query.from}::timestamptz, ${query.to ?? null}::timestamptz`
  const [row] = await ctx.run<ReplyOf<typeof availability>>(sql`
    SELECT e.status, is_equipment_free(${period}) AND (e.status = 'active' OR (e.status = 'maintenance' AND ${query.from}::timestamptz > now())) AS is_free,
      coalesce((SELECT json_agg(json_build_object('assignment_id', a.id, 'state', ${state()}, 'user_id', a.user_id, 'holder_name', p.display_name,
          'from', coalesce(a.assigned_at, a.reserved_from), 'until', CASE WHEN a.assigned_at IS NULL THEN a.reserved_until ELSE a.due_at END) ORDER BY coalesce(a.assigned_at, a.reserved_from), a.id)
        FROM list_equipment_blockers(${period}) a JOIN user_company_roles p ON p.company_id = a.company_id AND p.user_id = a.user_id), '[]') AS blocked_by
    FROM equipment e WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = ${equipmentId}::uuid AND NOT e.is_deleted`)
  return row
}

export async function machineExists(ctx: Runner, id: string): Promise<boolean> {
  return (await ctx.run(sql`SELECT FROM equipment e WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = ${id}::uuid`)).length > 0
}
