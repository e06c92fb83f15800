// The queries of the category tree.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import type { Category } from './contract.ts'

const select = (where: RawBuilder<unknown>) => sql<Category>`
  SELECT k.id, k.version, k.created_at, k.updated_at, k.created_by, k.updated_by, k.parent_id, k.name, k.description, k.type_code,
    k.path::text AS path, nlevel(k.path) AS depth, k.maintenance_interval_days, k.specification_template,
    (SELECT coalesce(jsonb_agg(f.field ORDER BY nlevel(a.path), f.position), '[]')
     FROM equipment_categories a, jsonb_array_elements(a.specification_template) WITH ORDINALITY AS f (field, position)
     WHERE a.company_id = k.company_id AND a.path @> k.path) AS inherited_template,
    (SELECT count(*)::int FROM equipment_categories b JOIN equipment e ON e.company_id = b.company_id AND e.category_id = b.id AND NOT e.is_deleted
     WHERE b.company_id = k.company_id AND b.path <@ k.path) AS equipment_count
  FROM equipment_categories k
  WHERE k.company_id = (SELECT c.company_id FROM caller c) AND NOT k.is_deleted AND ${where}`

/** All categories, each after its parent, siblings by name. A company has some hundreds at most. */
export async function listCategories(ctx: Runner): Promise<Category[]> {
  const rows = await ctx.run(sql<Category>`${select(sql`true`)} ORDER BY nlevel(k.path), lower(k.name), k.id LIMIT 5000`)
  const children = new Map<string | null, Category[]>()
  for (const row of rows) children.set(row.parent_id, [...(children.get(row.parent_id) ?? []), row])
  const inOrder = (parent: string | null): Category[] => (children.get(parent) ?? []).flatMap((row) => [row, ...inOrder(row.id)])
  return inOrder(null)
}

export async function findCategory(ctx: Runner, id: string): Promise<Category | undefined> {
  return (await ctx.run(select(sql`k.id = ${id}::uuid`)))[0]
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

export async function deleteCategory(ctx: Runner, id: string, version: number | null): Promise<boolean> {
  const rows = await ctx.run(sql`
    UPDATE equipment_categories SET is_deleted = true, version = ${version === null ? sql`version` : sql`${version}`}
    WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid AND NOT is_deleted RETURNING id`)
  return rows.length > 0
}
