// The queries of imports and exports.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { paging } from '../../base/list.ts'
import type { ImportBatch } from './contract.ts'
import type { Existing, PlanRow } from './plan.ts'
import type { Category, Given, Machine, Specifications } from './rows.ts'

const company = sql`(SELECT c.company_id FROM caller c)`

/** The name of each category from the root on. */
const categoryPath = (id: RawBuilder<unknown>) => sql`(
  SELECT string_agg(a.name, ' > ' ORDER BY nlevel(a.path)) FROM equipment_categories own
  JOIN equipment_categories a ON a.company_id = own.company_id AND a.id = ANY (string_to_array(own.path::text, '.')::uuid[])
  WHERE own.company_id = ${company} AND own.id = ${id})`

export async function listImportCategories(ctx: Runner): Promise<Category[]> {
  return ctx.run<Category>(sql`
    SELECT k.id, k.name, ${categoryPath(sql`k.id`)} AS path,
      (SELECT coalesce(json_agg(f.field), '[]') FROM category_specification_fields f WHERE f.company_id = k.company_id AND f.category_id = k.id) AS fields
    FROM equipment_categories k WHERE k.company_id = ${company} AND NOT k.is_deleted ORDER BY k.path LIMIT 5000`)
}

const machineColumns = sql`e.id, e.version, e.serial_number, e.fleet_code, e.name, e.description, e.manufacturer, e.model, e.manufacturer_serial_number, e.year, e.plate, e.ownership,
  e.purchase_date, e.purchase_price, e.current_value, e.salvage_value, e.depreciation_rate, e.currency, e.status, e.location, e.last_maintenance_date, e.next_maintenance_date, e.maintenance_interval_days, e.maintenance_rule,
  e.warranty_expires_at, e.category_id, e.specifications, e.tags`

/** The machines that rows with these codes may mean. */
export async function listMeantMachines(ctx: Runner, rows: Given[]): Promise<Existing[]> {
  const texts = (field: 'serial_number' | 'fleet_code' | 'manufacturer_serial_number') => [...new Set(rows.flatMap((row) => row[field] ?? []))]
  return ctx.run<Existing>(sql`
    WITH path AS MATERIALIZED (SELECT k.id, ${categoryPath(sql`k.id`)} AS names FROM equipment_categories k WHERE k.company_id = ${company})
    SELECT ${machineColumns}, p.names AS category_path FROM equipment e LEFT JOIN path p ON p.id = e.category_id
    WHERE e.company_id = ${company} AND NOT e.is_deleted AND (e.serial_number = ANY (${texts('serial_number')}::text[])
      OR lower(e.fleet_code) = ANY (${texts('fleet_code').map((code) => code.toLowerCase())}::text[]) OR e.manufacturer_serial_number = ANY (${texts('manufacturer_serial_number')}::text[]))`)
}

/** Marks what this transaction writes with the batch and the reason; gives the batch's id. */
export async function beginBatch(ctx: Runner, reason: string): Promise<string> {
  const [row] = await ctx.run<{ id: string }>(sql`
    SELECT b.id::text AS id, set_config('app.reason', ${reason}, true),
      set_config('app.request_metadata', (coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb || jsonb_build_object('batch_id', b.id, 'source', 'import'))::text, true)
    FROM (SELECT generate_uuid_v7() AS id OFFSET 0) b`)
  return row?.id ?? ''
}

/** One import writes in a company at a time: false when another is at it. */
export async function takeTurn(ctx: Runner): Promise<boolean> {
  const [row] = await ctx.run<{ taken: boolean }>(sql`SELECT pg_try_advisory_xact_lock(hashtextextended('import ' || ${company}::text, 0)) AS taken`)
  return row?.taken ?? false
}

export type Written = { row_number: number; equipment_id: string | null; problem: string | null; detail: string | null }

/** Writes the planned creates and updates; a refused row comes back with its constraint, and then nothing may be kept. */
export async function writeRows(ctx: Runner, rows: PlanRow[]): Promise<Written[]> {
  const records = rows.map((plan) => ({ row: plan.row, ...asRecord(plan.machine), id: plan.existing?.id ?? null, version: plan.existing?.version ?? null }))
  // New machines get their ids here, so that each reply row knows its machine.
  return ctx.run<Written>(sql`
    SELECT w.row_number, w.equipment_id, w.problem, w.detail FROM try_import_rows((
      SELECT jsonb_agg(CASE WHEN r.value ->> 'id' IS NULL THEN r.value || jsonb_build_object('id', generate_uuid_v7()) ELSE r.value END ORDER BY r.place)
      FROM jsonb_array_elements(${JSON.stringify(records)}::jsonb) WITH ORDINALITY AS r (value, place))) w`)
}

const asRecord = (machine: Machine) => ({ ...machine, specifications: machine.specifications as Specifications })

export type Batch = { id: string; file_name: string; row_count: number; created_count: number; updated_count: number; unchanged_count: number; mapping: Record<string, string> }

export async function recordBatch(ctx: Runner, batch: Batch): Promise<void> {
  await ctx.run(sql`
    INSERT INTO import_batches (company_id, id, file_name, row_count, created_count, updated_count, unchanged_count, mapping)
    SELECT c.company_id, ${batch.id}::uuid, ${batch.file_name}, ${batch.row_count}, ${batch.created_count}, ${batch.updated_count}, ${batch.unchanged_count}, ${JSON.stringify(batch.mapping)}::jsonb
    FROM caller c`)
}

export async function listImports(ctx: Runner, query: { limit?: number; cursor?: string }) {
  const page = paging(query, { created_at: { column: sql`b.created_at`, type: 'instant' } }, '-created_at', sql`b.id`)
  const rows = await ctx.run<ImportBatch & { sort_value: string }>(sql`
    SELECT b.id, b.file_name, b.row_count, b.created_count, b.updated_count, b.unchanged_count, b.created_at, p.display_name AS created_by_name, b.created_at::text AS sort_value
    FROM import_batches b LEFT JOIN user_company_roles p ON p.company_id = b.company_id AND p.user_id = b.created_by
    WHERE b.company_id = ${company} AND NOT b.is_deleted AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

/** What the machines' room says a query means, handed in by the door: rooms do not reach into each other's queries. */
export type EquipmentWhere = (query: Record<string, unknown>) => { where: RawBuilder<unknown>; search: RawBuilder<unknown> }
export type Selection = ReturnType<EquipmentWhere>

/** Writes the export into the audit, and tells how many machines it holds and which specification keys they have. */
export async function beginExport(ctx: Runner, { where, search }: Selection, values: Record<string, unknown>): Promise<{ count: number; keys: string[] }> {
  const [row] = await ctx.run<{ count: number; keys: string[] }>(sql`
    WITH chosen AS MATERIALIZED (SELECT e.specifications FROM equipment e ${search} WHERE ${where}), counted AS MATERIALIZED (SELECT count(*)::int AS count FROM chosen)
    SELECT counted.count, record_audit('equipment', NULL, 'exported', ${JSON.stringify(values)}::jsonb || jsonb_build_object('count', counted.count)),
      ARRAY(SELECT DISTINCT s.key FROM chosen, jsonb_object_keys(chosen.specifications) AS s (key) ORDER BY s.key) AS keys
    FROM counted`)
  return row ?? { count: 0, keys: [] }
}

/** A page of machines in the order they were registered, after the one given. */
export async function listExportPage(ctx: Runner, { where, search }: Selection, after: string | null, limit: number): Promise<Existing[]> {
  return ctx.run<Existing>(sql`
    WITH path AS MATERIALIZED (SELECT k.id, ${categoryPath(sql`k.id`)} AS names FROM equipment_categories k WHERE k.company_id = ${company})
    SELECT ${machineColumns}, p.names AS category_path FROM equipment e ${search} LEFT JOIN path p ON p.id = e.category_id
    WHERE ${where} AND (${after}::uuid IS NULL OR e.id > ${after}::uuid) ORDER BY e.id LIMIT ${limit}`)
}
