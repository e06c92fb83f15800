// Reading the tree: what lies above and below a category, and where its specification fields come from.
import type { Category, SpecificationField } from '../contract.ts'

/** Root first, without the category itself. */
export function ancestors(rows: readonly Category[], category: Pick<Category, 'parent_id'>): Category[] {
  const parent = rows.find((row) => row.id === category.parent_id)
  return parent ? [...ancestors(rows, parent), parent] : []
}

export const isWithin = (row: Pick<Category, 'path'>, branch: Pick<Category, 'path'>) => row.path === branch.path || row.path.startsWith(`${branch.path}.`)

export type FieldOrigin = { field: SpecificationField; origin: Category }

/** The inherited fields first, root first, then the category's own. */
export function fieldOrigins(rows: readonly Category[], category: Category): FieldOrigin[] {
  return [...ancestors(rows, category), category].flatMap((origin) => origin.specification_template.map((field) => ({ field, origin })))
}

/** "Capacidad (m³)" → capacidad_m3; never one of `taken`. */
export function keyFor(label: string, taken: readonly string[]): string {
  const words = label
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  const start = (/^[a-z]/.test(words) ? words : `f_${words}`.replace(/_+$/, '')).slice(0, 44) || 'f'
  let key = start
  for (let count = 2; taken.includes(key); count++) key = `${start}_${count}`
  return key
}
