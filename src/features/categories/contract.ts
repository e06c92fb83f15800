// The tree by which a company sorts its machines, with the service interval and the specification fields of each branch.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Id, Instant, momentQuery, Nothing, Nullable, operation, Text } from '../../plain/operation.ts'
import { everyone, managers } from '../../plain/roles.ts'

const path = '/api/v1/companies/{company_id}/equipment-categories'
const params = Type.Object({ company_id: Id })
const one = Type.Object({ company_id: Id, category_id: Id })

export const SpecificationField = Type.Object(
  {
    key: Type.String({ pattern: '^[a-z][a-z0-9_]{0,49}$' }),
    label: Text(100),
    type: Choice(['text', 'number', 'boolean', 'choice', 'date']),
    unit: Type.Optional(Text(20)),
    required: Type.Optional(Type.Boolean()),
    choices: Type.Optional(Type.Array(Text(100), { minItems: 1, maxItems: 100, uniqueItems: true })),
  },
  { additionalProperties: false },
)
export type SpecificationField = Static<typeof SpecificationField>

/** What the database would say of a value: the code of the problem, as find_specification_fault gives it. */
export function specificationFault(field: SpecificationField, value: unknown): string | undefined {
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) return field.required ? 'specification_required' : undefined
  const fits = {
    text: typeof value === 'string',
    number: typeof value === 'number',
    boolean: typeof value === 'boolean',
    choice: typeof value === 'string' && (field.choices ?? []).includes(value),
    date: typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value),
  }[field.type]
  return fits ? undefined : `specification_${field.type}`
}

export const Category = Type.Object(
  {
    ...baseFields,
    parent_id: Nullable(Id),
    name: Type.String(),
    description: Nullable(Type.String()),
    type_code: Nullable(Type.String()),
    path: Type.String({ description: 'Ids without dashes, root first, joined by dots' }),
    depth: Type.Integer(),
    maintenance_interval_days: Nullable(Type.Integer()),
    specification_template: Type.Array(SpecificationField),
    inherited_template: Type.Array(SpecificationField, {
      description: 'The fields that hold for machines of this category: those of all above it, root first, and its own; where two have one key, the nearer one counts',
    }),
    equipment_count: Type.Integer({ description: 'Machines in this category and below' }),
    equipment_here: Type.Integer({ description: 'Machines in this category itself' }),
    equipment_by_status: Type.Object(
      { active: Type.Integer(), maintenance: Type.Integer(), retired: Type.Integer(), disposed: Type.Integer() },
      { additionalProperties: false, description: 'Machines in this category and below, by status' },
    ),
    is_deleted: Type.Boolean(),
    deleted_at: Nullable(Instant),
    deleted_by: Nullable(Id),
    deleted_by_name: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type Category = Static<typeof Category>

const fields = {
  name: Text(100),
  description: Nullable(Text(4000)),
  parent_id: Nullable(Id),
  type_code: Nullable(Type.String({ pattern: '^[A-Z]{2}$', description: 'The XX of codes EQ-YYYY-XX-NNNNNN' })),
  maintenance_interval_days: Nullable(Type.Integer({ minimum: 1, maximum: 3650 })),
  specification_template: Type.Array(SpecificationField, { maxItems: 60 }),
}
const { name, ...optional } = fields

/** The whole tree in one reply, sorted so that each category follows its parent. */
export const listCategories = operation({
  id: 'listCategories',
  method: 'GET',
  path,
  who: everyone,
  summary: 'The category tree, as of any instant; deleted=true: the categories that were deleted, the latest first',
  params,
  query: Type.Object({ ...momentQuery, deleted: Type.Optional(Choice(['true', 'false'])) }, { additionalProperties: false }),
  reply: Type.Object({ items: Type.Array(Category), next_cursor: Type.Null() }, { additionalProperties: false }),
  replica: 'past',
})
export const createCategory = operation({
  id: 'createCategory',
  method: 'POST',
  path,
  who: managers,
  summary: 'Add a category',
  params,
  status: 201,
  body: Type.Object({ name, ...Type.Partial(Type.Object(optional)).properties }, { additionalProperties: false }),
  reply: Category,
})
export const getCategory = operation({
  id: 'getCategory',
  method: 'GET',
  path: `${path}/{category_id}`,
  who: everyone,
  summary: 'One category, as of any instant',
  params: one,
  query: Type.Object(momentQuery, { additionalProperties: false }),
  reply: Category,
  replica: 'past',
})
export const changeCategory = operation({
  id: 'changeCategory',
  method: 'PATCH',
  path: `${path}/{category_id}`,
  who: managers,
  summary: 'Change or move a category; all below it moves along',
  params: one,
  ifMatch: true,
  body: Type.Partial(Type.Object(fields), { additionalProperties: false }),
  reply: Category,
})
export const deleteCategory = operation({
  id: 'deleteCategory',
  method: 'DELETE',
  path: `${path}/{category_id}`,
  who: managers,
  summary: 'Delete an empty category',
  params: one,
  ifMatch: true,
  status: 204,
  reply: Nothing,
})
export const restoreCategory = operation({
  id: 'restoreCategory',
  method: 'POST',
  path: `${path}/{category_id}/restore`,
  who: managers,
  summary: 'Bring a deleted category back to its place in the tree',
  params: one,
  reply: Category,
})
