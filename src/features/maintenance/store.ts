// The queries of work on machines.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import { today } from '../../base/moment.ts'
import type { Money } from '../../plain/operation.ts'
import type { CancelInput, CompleteInput, DueMachine, DueState, MaintenanceChange, MaintenanceFile, MaintenanceInput, MaintenanceRecord, SendInput, StartInput } from './contract.ts'

const company = sql`r.company_id = (SELECT c.company_id FROM caller c)`
const columns = sql`r.id, r.version, r.created_at, r.updated_at, r.created_by, r.updated_by, r.equipment_id, e.name AS equipment_name, e.serial_number,
  r.type, r.status, r.title, r.scheduled_date, r.started_at, r.completed_at, r.completed_date, r.counts_as_service, r.cancelled_at,
  r.cancel_reason, CASE WHEN r.cost IS NOT NULL THEN json_build_object('amount', r.cost::text, 'currency', r.currency) END AS cost,
  r.technician, r.parts, r.notes, r.meter_reading::text, r.status_period_id, author.display_name AS created_by_name,
  (SELECT count(*)::int FROM maintenance_files f WHERE f.company_id = r.company_id AND f.maintenance_id = r.id AND NOT f.is_deleted) AS file_count`
const joins = sql`JOIN equipment e ON e.company_id = r.company_id AND e.id = r.equipment_id
  LEFT JOIN user_company_roles author ON author.company_id = r.company_id AND author.user_id = r.created_by`

const fields: ListFields = {
  scheduled_date: { column: sql`r.scheduled_date`, type: 'date' },
  completed_date: { column: sql`r.completed_date`, type: 'date', nullable: true },
  created_at: { column: sql`r.created_at`, type: 'instant' },
  equipment_id: { column: sql`r.equipment_id`, type: 'uuid', sort: false },
  type: { column: sql`r.type`, type: 'text' },
  status: { column: sql`r.status`, type: 'text' },
  title: { column: sql`r.title`, type: 'text', sort: false, nullable: true },
  technician: { column: sql`r.technician`, type: 'text', sort: false, nullable: true },
  cost: { column: sql`r.cost`, type: 'number', nullable: true },
  created_by: { column: sql`r.created_by`, type: 'uuid', sort: false, nullable: true },
}

type ListQuery = { limit?: number; cursor?: string; sort?: string; count?: string; [filter: string]: unknown }

export async function listMaintenance(ctx: Runner, query: ListQuery) {
  const page = paging(query, fields, '-scheduled_date', sql`r.id`)
  const where = sql`${company} AND NOT r.is_deleted AND NOT e.is_deleted AND ${filters(query, fields, ['limit', 'cursor', 'sort', 'count'])}`
  const sortColumn = fields[(query.sort ?? 'scheduled_date').replace(/^-/, '')]?.column ?? sql`r.scheduled_date`
  const rows = await ctx.run<MaintenanceRecord & { sort_value: string }>(sql`
    SELECT ${columns}, (${sortColumn})::text AS sort_value FROM maintenance_records r ${joins} WHERE ${where} AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`)
  if (query.count !== 'true') return page.finish(rows)
  const [counted] = await ctx.run<{ total: number }>(sql`SELECT count(*)::int AS total FROM maintenance_records r ${joins} WHERE ${where}`)
  return { ...page.finish(rows), total: counted?.total ?? 0 }
}

export async function findMaintenance(ctx: Runner, id: string): Promise<MaintenanceRecord | undefined> {
  return (await ctx.run<MaintenanceRecord>(sql`SELECT ${columns} FROM maintenance_records r ${joins} WHERE ${company} AND r.id = ${id}::uuid AND NOT r.is_deleted`))[0]
}

/** Amount and currency of a cost: undefined when nothing was said, null when it shall be empty. */
function costOf(cost: Money | string | null | undefined): { amount: string | null; currency: string | null } | undefined {
  if (cost === undefined) return undefined
  if (cost === null) return { amount: null, currency: null }
  return typeof cost === 'object' ? cost : { amount: cost, currency: null }
}

/** Runs a write that gives the record's row, and gives it as the API shows it: one statement, one round trip. */
async function changed(ctx: Runner, write: RawBuilder<unknown>): Promise<MaintenanceRecord | undefined> {
  return (await ctx.run<MaintenanceRecord>(sql`WITH r AS (${write}) SELECT ${columns} FROM r ${joins}`))[0]
}

export async function createMaintenance(ctx: Runner, input: MaintenanceInput): Promise<MaintenanceRecord> {
  const cost = costOf(input.cost)
  const record = await changed(
    ctx,
    sql`
    INSERT INTO maintenance_records (company_id, equipment_id, type, scheduled_date, title, technician, parts, notes, meter_reading, cost, currency)
    SELECT c.company_id, ${input.equipment_id}::uuid, ${input.type}, ${input.scheduled_date}::date, ${input.title ?? null}, ${input.technician ?? null},
      ${input.parts ?? null}, ${input.notes ?? null}, ${input.meter_reading ?? null}::numeric, ${cost?.amount ?? null}::numeric, ${cost?.currency ?? null}
    FROM caller c RETURNING *`,
  )
  if (!record) throw new Error('an insert gives its row')
  return record
}

export async function changeMaintenance(ctx: Runner, id: string, version: number | null, change: MaintenanceChange): Promise<MaintenanceRecord | undefined> {
  const sets = [version === null ? sql`version = r.version` : sql`version = ${version}`]
  for (const field of ['type', 'title', 'technician', 'parts', 'notes'] as const) {
    if (change[field] !== undefined) sets.push(sql`${sql.ref(field)} = ${change[field]}`)
  }
  if (change.scheduled_date) sets.push(sql`scheduled_date = ${change.scheduled_date}::date`)
  if (change.meter_reading !== undefined) sets.push(sql`meter_reading = ${change.meter_reading}::numeric`)
  const cost = costOf(change.cost)
  if (cost) sets.push(sql`cost = ${cost.amount}::numeric`)
  if (cost?.currency) sets.push(sql`currency = ${cost.currency}`)
  return changed(ctx, sql`UPDATE maintenance_records r SET ${sql.join(sets)} WHERE ${company} AND r.id = ${id}::uuid AND NOT r.is_deleted RETURNING r.*`)
}

export const sendToMaintenance = (ctx: Runner, equipmentId: string, input: SendInput) =>
  changed(
    ctx,
    sql`
    SELECT * FROM send_to_maintenance(${equipmentId}::uuid, ${input.version ?? null}::int, ${input.type}, ${input.scheduled_date ?? null}::date, ${input.title ?? null},
      ${input.reason}, ${input.technician ?? null}, ${input.notes ?? null}, ${input.meter_reading ?? null}::numeric)`,
  )

export const startMaintenance = (ctx: Runner, id: string, input: StartInput) =>
  changed(ctx, sql`SELECT * FROM start_maintenance(${id}::uuid, ${input.version ?? null}::int, ${input.to_maintenance ?? false}, ${input.reason ?? null})`)

export const cancelMaintenance = (ctx: Runner, id: string, input: CancelInput) =>
  changed(ctx, sql`SELECT * FROM cancel_maintenance(${id}::uuid, ${input.version ?? null}::int, ${input.reason}, ${input.back_to_active ?? false})`)

export function completeMaintenance(ctx: Runner, id: string, input: CompleteInput) {
  const cost = costOf(input.cost)
  return changed(
    ctx,
    sql`
    SELECT * FROM complete_maintenance(${id}::uuid, ${input.version ?? null}::int, ${input.completed_date ?? null}::date, ${input.counts_as_service ?? null}::boolean,
      ${cost?.amount ?? null}::numeric, ${cost?.currency ?? null}, ${input.technician ?? null}, ${input.parts ?? null}, ${input.notes ?? null},
      ${input.meter_reading ?? null}::numeric, ${input.back_to_active ?? false}, ${input.next_maintenance_date !== undefined}, ${input.next_maintenance_date ?? null}::date)`,
  )
}

const inState: Record<DueState, RawBuilder<unknown>> = {
  overdue: sql`e.next_maintenance_date < ${today}`,
  week: sql`e.next_maintenance_date >= ${today} AND e.next_maintenance_date <= ${today} + 7`,
  month: sql`e.next_maintenance_date > ${today} + 7 AND e.next_maintenance_date <= ${today} + 30`,
  later: sql`e.next_maintenance_date > ${today} + 30`,
}
const dueFields: ListFields = { next_maintenance_date: { column: sql`e.next_maintenance_date`, type: 'date' } }

/** Machines in service by their next service. Retired and disposed ones need none. */
export async function listDue(ctx: Runner, query: { limit?: number; cursor?: string; within?: number; due?: DueState; count?: string }) {
  const page = paging(query, dueFields, 'next_maintenance_date', sql`e.id`)
  const where = sql`e.company_id = (SELECT c.company_id FROM caller c) AND NOT e.is_deleted AND e.next_maintenance_date IS NOT NULL AND e.status IN ('active', 'maintenance')
    AND ${query.due ? inState[query.due] : sql`e.next_maintenance_date <= ${today} + ${query.within ?? 30}::int`}`
  const rows = await ctx.run<DueMachine & { sort_value: string }>(sql`
    SELECT e.id, e.name, e.serial_number, e.status, e.category_id, e.location, e.last_maintenance_date, e.next_maintenance_date, e.next_maintenance_date - ${today} AS days_left,
      CASE WHEN ${inState.overdue} THEN 'overdue' WHEN ${inState.week} THEN 'week' WHEN ${inState.month} THEN 'month' ELSE 'later' END AS due,
      find_maintenance_interval(e.company_id, e.category_id, e.maintenance_interval_days) AS interval_days,
      (SELECT json_build_object('id', r.id, 'type', r.type, 'status', r.status, 'scheduled_date', r.scheduled_date, 'title', r.title) FROM maintenance_records r
       WHERE r.company_id = e.company_id AND r.equipment_id = e.id AND r.status IN ('scheduled', 'in_progress') AND NOT r.is_deleted
       ORDER BY r.status, r.scheduled_date, r.id LIMIT 1) AS open_work,
      e.next_maintenance_date::text AS sort_value
    FROM equipment e WHERE ${where} AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`)
  if (query.count !== 'true') return page.finish(rows)
  const [counted] = await ctx.run<{ total: number }>(sql`SELECT count(*)::int AS total FROM equipment e WHERE ${where}`)
  return { ...page.finish(rows), total: counted?.total ?? 0 }
}

const fileColumns = sql`f.id, f.version, f.created_at, f.updated_at, f.created_by, f.updated_by, f.maintenance_id, f.name, f.kind, f.size_bytes, f.content_hash,
  author.display_name AS created_by_name`
const fileAuthor = sql`LEFT JOIN user_company_roles author ON author.company_id = f.company_id AND author.user_id = f.created_by`
const oneFile = (maintenanceId: string, fileId: string) => sql`f.company_id = (SELECT c.company_id FROM caller c) AND f.maintenance_id = ${maintenanceId}::uuid AND f.id = ${fileId}::uuid`

/** Undefined when there is no such record. A record holds few files: they are one page. */
export async function listFiles(ctx: Runner, maintenanceId: string): Promise<{ items: MaintenanceFile[]; next_cursor: null } | undefined> {
  const rows = await ctx.run<MaintenanceFile & { id: string | null }>(sql`
    SELECT ${fileColumns} FROM maintenance_records r
    LEFT JOIN maintenance_files f ON f.company_id = r.company_id AND f.maintenance_id = r.id AND NOT f.is_deleted ${fileAuthor}
    WHERE ${company} AND r.id = ${maintenanceId}::uuid AND NOT r.is_deleted ORDER BY f.id DESC`)
  return rows.length === 0 ? undefined : { items: rows.filter((row) => row.id !== null), next_cursor: null }
}

/** Undefined when there is no such record. */
export async function addFile(ctx: Runner, maintenanceId: string, name: string, content: Buffer): Promise<MaintenanceFile | undefined> {
  return (await ctx.run<MaintenanceFile>(sql`SELECT ${fileColumns} FROM add_maintenance_file(${maintenanceId}::uuid, ${name}, ${content}::bytea) f ${fileAuthor}`))[0]
}

export async function findFile(ctx: Runner, maintenanceId: string, fileId: string): Promise<{ name: string; kind: MaintenanceFile['kind']; content: Buffer } | undefined> {
  const [row] = await ctx.run<{ name: string; kind: MaintenanceFile['kind']; content: Buffer }>(sql`
    SELECT f.name, f.kind, b.content FROM maintenance_files f JOIN maintenance_file_contents b ON b.company_id = f.company_id AND b.file_id = f.id
    WHERE ${oneFile(maintenanceId, fileId)} AND NOT f.is_deleted`)
  return row
}

/** False when there is no such file, or none that this person may take away. */
export async function removeFile(ctx: Runner, maintenanceId: string, fileId: string): Promise<boolean> {
  return (await ctx.run(sql`UPDATE maintenance_files f SET is_deleted = true, version = f.version WHERE ${oneFile(maintenanceId, fileId)} AND NOT f.is_deleted RETURNING f.id`)).length > 0
}

/** Undefined when there is no such file, or none that this person may put back. One that was not taken away stays as it is. */
export async function restoreFile(ctx: Runner, maintenanceId: string, fileId: string): Promise<MaintenanceFile | undefined> {
  const [row] = await ctx.run<MaintenanceFile>(sql`
    WITH f AS (UPDATE maintenance_files f SET is_deleted = false, version = f.version WHERE ${oneFile(maintenanceId, fileId)} RETURNING f.*)
    SELECT ${fileColumns} FROM f ${fileAuthor}`)
  return row
}

export type DigestChoice = { is_wanted: boolean; hour: number | null }
const digestHour = sql`(SELECT CASE WHEN co.settings ? 'maintenance_digest_hour' THEN (co.settings ->> 'maintenance_digest_hour')::int ELSE 7 END FROM companies co WHERE co.id = c.company_id)`

export async function getDigestChoice(ctx: Runner): Promise<DigestChoice> {
  const [row] = await ctx.run<DigestChoice>(sql`
    SELECT m.wants_maintenance_digest AS is_wanted, ${digestHour} AS hour FROM caller c JOIN user_company_roles m ON m.company_id = c.company_id AND m.user_id = c.user_id`)
  if (!row) throw new Error('a verified caller is a member')
  return row
}

export async function changeDigestChoice(ctx: Runner, isWanted: boolean): Promise<DigestChoice> {
  const [row] = await ctx.run<DigestChoice>(sql`SELECT choose_maintenance_digest(${isWanted}) AS is_wanted, ${digestHour} AS hour FROM caller c`)
  if (!row) throw new Error('a verified caller is a member')
  return row
}
