// The queries of hand-overs.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import type { Assignment } from './contract.ts'

type HandOver = { user_id: string; notes?: string | null; due_at?: string | null }

const columns = sql`a.id, a.version, a.created_at, a.updated_at, a.created_by, a.updated_by, a.equipment_id, e.name AS equipment_name, e.serial_number, e.fleet_code,
  a.user_id, holder.display_name AS holder_name, a.assigned_at, a.assigned_by, giver.display_name AS assigned_by_name, a.due_at, a.notes,
  a.returned_at, a.returned_by, taker.display_name AS returned_by_name, a.return_notes`
const joins = sql`JOIN equipment e ON e.company_id = a.company_id AND e.id = a.equipment_id
  JOIN user_company_roles holder ON holder.company_id = a.company_id AND holder.user_id = a.user_id
  LEFT JOIN user_company_roles giver ON giver.company_id = a.company_id AND giver.user_id = a.assigned_by
  LEFT JOIN user_company_roles taker ON taker.company_id = a.company_id AND taker.user_id = a.returned_by`

export const assignEquipment = (ctx: Runner, equipmentId: string, input: HandOver) =>
  changed(ctx, sql`assign_equipment(${equipmentId}::uuid, ${input.user_id}::uuid, ${input.notes ?? null}, ${input.due_at ?? null}::timestamptz)`)

export const returnEquipment = (ctx: Runner, equipmentId: string, notes: string | null) => changed(ctx, sql`return_equipment(${equipmentId}::uuid, ${notes})`)

export const transferEquipment = (ctx: Runner, equipmentId: string, input: HandOver) =>
  changed(ctx, sql`transfer_equipment(${equipmentId}::uuid, ${input.user_id}::uuid, ${input.notes ?? null}, ${input.due_at ?? null}::timestamptz)`)

async function changed(ctx: Runner, change: RawBuilder<unknown>): Promise<Assignment> {
  const [row] = await ctx.run<Assignment>(sql`SELECT ${columns} FROM ${change} a ${joins}`)
  if (!row) throw new Error('a hand-over gives its row or an error')
  return row
}

const fields: ListFields = {
  assigned_at: { column: sql`a.assigned_at`, type: 'instant' },
  due_at: { column: sql`a.due_at`, type: 'instant', nullable: true },
  user_id: { column: sql`a.user_id`, type: 'uuid', sort: false },
  equipment_id: { column: sql`a.equipment_id`, type: 'uuid', sort: false },
}

export async function listAssignments(ctx: Runner, query: { limit?: number; cursor?: string; sort?: string; open?: string; overdue?: string; user_id?: string; equipment_id?: string }) {
  const page = paging(query, fields, '-assigned_at', sql`a.id`)
  const conditions = [sql`a.company_id = (SELECT c.company_id FROM caller c)`, filters(query, fields, ['limit', 'cursor', 'sort', 'open', 'overdue']), page.after]
  if (query.open) conditions.push(query.open === 'true' ? sql`a.returned_at IS NULL` : sql`a.returned_at IS NOT NULL`)
  if (query.overdue) conditions.push(query.overdue === 'true' ? sql`a.returned_at IS NULL AND a.due_at < now()` : sql`NOT (a.returned_at IS NULL AND a.due_at IS NOT NULL AND a.due_at < now())`)
  const sortColumn = fields[(query.sort ?? 'assigned_at').replace(/^-/, '')]?.column ?? sql`a.assigned_at`
  const rows = await ctx.run<Assignment & { sort_value: string }>(sql`
    SELECT ${columns}, (${sortColumn})::text AS sort_value
    FROM equipment_assignments a ${joins} WHERE ${sql.join(conditions, sql` AND `)} ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

export async function machineExists(ctx: Runner, id: string): Promise<boolean> {
  return (await ctx.run(sql`SELECT FROM equipment e WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = ${id}::uuid`)).length > 0
}
