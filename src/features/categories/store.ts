// The queries of the category tree.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { type Moment, type MomentQuery, momentOf } from '../../base/moment.ts'
import type { Category } from './contract.ts'

const company = sql`(SELECT c.company_id FROM caller c)`

/** Where categories, machines, and the fields of each category are read: the tables, or what they were at a moment. */
type Sources = { before: RawBuilder<unknown>; categories: RawBuilder<unknown>; machines: RawBuilder<unknown>; fields: RawBuilder<unknown> }
const present: Sources = { before: sql``, categories: sql`equipment_categories`, machines: sql`equipment`, fields: sql`category_specification_fields` }
const past = ({ table, recordedAt, join }: Moment): Sources => ({
  before: sql`${table}, tree AS MATERIALIZED (SELECT * FROM get_categories_at(${recordedAt})), machines AS (
      SELECT e.* FROM equipment b ${join} CROSS JOIN LATERAL get_equipment_at(b, m.as_of, m.known_at) e WHERE b.company_id = ${company} AND b.created_at <= ${recordedAt}),`,
  categories: sql`tree`,
  machines: sql`machines`,
  fields: sql`get_specification_fields_at(${recordedAt})`,
})

/** Categories with what rolls up to them; the machines are counted once, however deep they stand. `only`: that one, else all. */
const select = (where: RawBuilder<unknown>, query: MomentQuery, only?: string) => {
  const moment = momentOf(query)
  const from = moment ? past(moment) : present
  return sql<Category>`
  WITH ${from.before} held AS MATERIALIZED (
    SELECT e.category_id, e.status, count(*) AS count FROM ${from.machines} e
    WHERE e.company_id = ${company} AND NOT e.is_deleted AND ${only ? sql`e.category_id = ANY (ARRAY(SELECT b.id FROM ${from.categories} own JOIN ${from.categories} b ON b.company_id = own.company_id AND b.path <@ own.path WHERE own.company_id = ${company} AND own.id = ${only}::uuid))` : sql`e.category_id IS NOT NULL`}
    GROUP BY 1, 2
  ), rolled AS (
    SELECT up.id, sum(h.count)::int AS total, coalesce(sum(h.count) FILTER (WHERE h.category_id = up.id), 0)::int AS here,
      coalesce(sum(h.count) FILTER (WHERE h.status = 'active'), 0)::int AS active, coalesce(sum(h.count) FILTER (WHERE h.status = 'maintenance'), 0)::int AS maintenance,
      coalesce(sum(h.count) FILTER (WHERE h.status = 'retired'), 0)::int AS retired, coalesce(sum(h.count) FILTER (WHERE h.status = 'disposed'), 0)::int AS disposed
    FROM held h JOIN ${from.categories} k ON k.company_id = ${company} AND k.id = h.category_id
    CROSS JOIN LATERAL unnest(string_to_array(k.path::text, '.')::uuid[]) AS up (id) GROUP BY up.id
  ), fields AS (
    SELECT f.category_id, jsonb_agg(f.field ORDER BY f.depth, f.position) AS template FROM ${from.fields} f
    WHERE f.company_id = ${company} AND ${only ? sql`f.category_id = ${only}::uuid` : sql`true`} GROUP BY 1
  )
  SELECT k.id, k.version, k.created_at, k.updated_at, k.created_by, k.updated_by, k.parent_id, k.name, k.description, k.type_code,
    k.path::text AS path, nlevel(k.path) AS depth, k.maintenance_interval_days, k.specification_template, coalesce(f.template, '[]') AS inherited_template,
    coalesce(r.total, 0) AS equipment_count, coalesce(r.here, 0) AS equipment_here,
    json_build_object('active', coalesce(r.active, 0), 'maintenance', coalesce(r.maintenance, 0), 'retired', coalesce(r.retired, 0), 'disposed', coalesce(r.disposed, 0)) AS equipment_by_status,
    k.is_deleted, k.deleted_at, k.deleted_by, p.display_name AS deleted_by_name
  FROM ${from.categories} k LEFT JOIN rolled r ON r.id = k.id LEFT JOIN fields f ON f.category_id = k.id
  LEFT JOIN user_company_roles p ON p.company_id = k.company_id AND p.user_id = k.deleted_by
  WHERE k.company_id = ${company} AND ${where}`
}

/** All categories, each after its parent, siblings by name. A company has some hundreds at most. */
export async function listCategories(ctx: Runner, query: MomentQuery = {}): Promise<Category[]> {
  const rows = await ctx.run(sql<Category>`${select(sql`NOT k.is_deleted`, query)} ORDER BY nlevel(k.path), lower(k.name), k.id LIMIT 5000`)
  const children = new Map<string | null, Category[]>()
  for (const row of rows) {
    const siblings = children.get(row.parent_id)
    if (siblings) siblings.push(row)
    else children.set(row.parent_id, [row])
  }
  const inOrder = (parent: string | null): Category[] => (children.get(parent) ?? []).flatMap((row) => [row, ...inOrder(row.id)])
  return inOrder(null)
}

export async function listDeletedCategories(ctx: Runner, query: MomentQuery = {}): Promise<Category[]> {
  return ctx.run(sql<Category>`${select(sql`k.is_deleted`, query)} ORDER BY k.deleted_at DESC, k.id LIMIT 500`)
}

export async function findCategory(ctx: Runner, id: string, query: MomentQuery = {}): Promise<Category | undefined> {
  return (await ctx.run(select(sql`NOT k.is_deleted AND k.id = ${id}::uuid`, query, id)))[0]
}

export type CategoryChange = Partial<Pick<Category, 'name' | 'description' | 'parent_id' | 'type_code' | 'maintenance_interval_days' | 'specification_template'>>

export async function createCategory(ctx: Runner, category: CategoryChange & { name: string }): Promise<string> {
  const [row] = await ctx.run<{ id: string }>(sql`
    INSERT INTO equipment_categories (company_id, name, description, parent_id, type_code, maintenance_interval_days, specification_template, path)
    SELECT c.company_id, ${category.name}, ${category.description ?? null}, ${category.parent_id ?? null}::uuid, ${category.type_code ?? null},
      ${category.maintenance_interval_days ?? null}::int, ${JSON.stringify(category.specification_template ?? [])}::jsonb, ''
    FROM caller c RETURNING id`)
  return row?.id ?? ''
}

export async function changeCategory(ctx: Runner, id: string, version: number | null, change: CategoryChange): Promise<boolean> {
  const sets = [version === null ? sql`version = version` : sql`version = ${version}`]
  for (const field of ['name', 'description', 'type_code', 'parent_id', 'maintenance_interval_days'] as const) {
    if (change[field] !== undefined) sets.push(sql`${sql.ref(field)} = ${change[field]}`)
  }
  if (change.specification_template) sets.push(sql`specification_template = ${JSON.stringify(change.specification_template)}::jsonb`)
  const rows = await ctx.run(sql`
    UPDATE equipment_categories SET ${sql.join(sets)}
    WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid AND NOT is_deleted RETURNING id`)
  return rows.length > 0
}

export async function setDeleted(ctx: Runner, id: string, version: number | null, deleted: boolean): Promise<boolean> {
  const rows = await ctx.run(sql`
    UPDATE equipment_categories SET is_deleted = ${deleted}, version = ${version === null ? sql`version` : sql`${version}`}
    WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid AND is_deleted <> ${deleted} RETURNING id`)
  return rows.length > 0
}
