// Reading the tree: what lies above and below a category, and where its specification fields come from.
import type { Category, SpecificationField } from '../contract.ts'

/** Root first, without the category itself. */
export function ancestors(rows: readonly Category[], category: Pick<Category, 'parent_id'>): Category[] {
  const parent = rows.find((row) => row.id === category.parent_id)
  return parent ? [...ancestors(rows, parent), parent] : []
}

export const isWithin = (row: Pick<Category, 'path'>, branch: Pick<Category, 'path'>) => row.path === branch.path || row.path.startsWith(`${branch.path}.`)

/** `replaces`: the category above whose field of the same key does not count here. */
export type FieldOrigin = { field: SpecificationField; origin: Category; replaces?: Category }

/** The fields that hold, inherited ones first, root first; where two have one key, the nearer one counts. */
export function fieldOrigins(rows: readonly Category[], category: Category): FieldOrigin[] {
  const all: FieldOrigin[] = [...ancestors(rows, category), category].flatMap((origin) => origin.specification_template.map((field) => ({ field, origin })))
  return all.flatMap((one, at) => {
    if (all.slice(at + 1).some(({ field }) => field.key === one.field.key)) return []
    const above = all.slice(0, at).findLast(({ field }) => field.key === one.field.key)
    return [above ? { ...one, replaces: above.origin } : one]
  })
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
