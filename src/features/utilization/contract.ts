// How much machines are used: by month for the company, a category or a machine; by category; by machine; as a file.
import { type Static, Type } from 'typebox'
import { Choice, Id, momentQuery, Nullable, operation, Page, pageQuery } from '../../plain/operation.ts'
import { everyone } from '../../plain/roles.ts'

const path = '/api/v1/companies/{company_id}/utilization'
const params = Type.Object({ company_id: Id })

const pattern = '^(19|20|21)\\d{2}-(0[1-9]|1[0-2])$'
export const Month = Type.String({ pattern, description: 'A calendar month, YYYY-MM' })
const span = {
  ...momentQuery,
  from: Type.Optional(Type.String({ pattern, description: 'First month; 24 months up to `to` when left out' })),
  to: Type.Optional(Type.String({ pattern, description: 'Last month; the month of now, or of as_of, in the company’s time zone when left out' })),
}
const Below = Type.String({ format: 'uuid', description: 'This category and all below it' })

const use = {
  assignment_count: Type.Integer({ description: 'Assignments that touch the time' }),
  assigned_hours: Type.Number({ description: 'Hours someone had a machine, up to now or as_of' }),
  available_hours: Type.Number({ description: 'Hours in the fleet: in status active or maintenance, and not deleted' }),
  utilization: Nullable(Type.Number({ description: 'assigned_hours / available_hours; empty where nothing was in the fleet' })),
}

export const MonthUse = Type.Object({ month: Month, machine_count: Type.Integer({ description: 'In the fleet at the end of the month, or now' }), ...use }, { additionalProperties: false })
export type MonthUse = Static<typeof MonthUse>
export const getUtilization = operation({
  id: 'getUtilization',
  method: 'GET',
  path,
  who: everyone,
  summary: 'Hours assigned and in the fleet month by month: of the company, of a category and all below, or of one machine',
  params,
  query: Type.Object({ ...span, category_id: Type.Optional(Below), equipment_id: Type.Optional(Id) }, { additionalProperties: false }),
  reply: Page(MonthUse),
  replica: true,
})

export const CategoryUse = Type.Object(
  {
    category_id: Nullable(Type.String({ format: 'uuid', description: 'Empty: the machines that stand in no category below' })),
    category_name: Nullable(Type.String()),
    has_children: Type.Boolean(),
    machine_count: Type.Integer({ description: 'Machines that were in the fleet in this time' }),
    ...use,
  },
  { additionalProperties: false },
)
export type CategoryUse = Static<typeof CategoryUse>
export const listCategoryUse = operation({
  id: 'listCategoryUtilization',
  method: 'GET',
  path: `${path}/categories`,
  who: everyone,
  summary: 'The same by category, each with all below it: the topmost ones, or those right below a category',
  params,
  query: Type.Object({ ...span, parent_id: Type.Optional(Id) }, { additionalProperties: false }),
  reply: Page(CategoryUse),
  slow: true,
  replica: true,
})

export const MachineUse = Type.Object(
  {
    id: Id,
    name: Type.String(),
    serial_number: Type.String(),
    fleet_code: Nullable(Type.String()),
    category_id: Nullable(Id),
    category_name: Nullable(Type.String()),
    status: Type.String(),
    is_deleted: Type.Boolean(),
    ...use,
  },
  { additionalProperties: false },
)
export type MachineUse = Static<typeof MachineUse>
export const listMachineUse = operation({
  id: 'listMachineUtilization',
  method: 'GET',
  path: `${path}/machines`,
  who: everyone,
  summary: 'The same by machine, idle ones too; a deleted machine only for the time before',
  params,
  query: Type.Object(
    {
      ...pageQuery,
      ...span,
      category_id: Type.Optional(Below),
      directly: Type.Optional(Choice(['true', 'false'])),
      sort: Type.Optional(Type.String({ maxLength: 50, description: 'name, assigned_hours, available_hours, utilization or assignment_count, with - in front for descending' })),
    },
    { additionalProperties: false },
  ),
  reply: Page(MachineUse),
  slow: true,
  replica: true,
})

export const exportUtilization = operation({
  id: 'exportUtilization',
  method: 'GET',
  path: `${path}/export`,
  who: everyone,
  summary: 'Every machine every month as CSV or XLSX',
  params,
  query: Type.Object({ ...span, category_id: Type.Optional(Below), format: Type.Optional(Choice(['csv', 'xlsx'])) }, { additionalProperties: false }),
  reply: Type.Unknown(),
  slow: true,
  replica: true,
})
