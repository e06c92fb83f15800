// Who has which machine: hand over, take back, pass on, and the record of it.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Id, Instant, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { everyone, managers, takers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const machine = `${company}/equipment/{equipment_id}`
const one = Type.Object({ company_id: Id, equipment_id: Id })

export const Assignment = Type.Object(
  {
    ...baseFields,
    equipment_id: Id,
    equipment_name: Type.String(),
    serial_number: Type.String(),
    fleet_code: Nullable(Type.String({ description: 'The code painted on the machine' })),
    user_id: Id,
    holder_name: Type.String(),
    assigned_at: Instant,
    assigned_by: Id,
    assigned_by_name: Nullable(Type.String()),
    due_at: Nullable(Instant),
    notes: Nullable(Type.String()),
    returned_at: Nullable(Instant),
    returned_by: Nullable(Id),
    returned_by_name: Nullable(Type.String()),
    return_notes: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type Assignment = Static<typeof Assignment>

const HandOver = Type.Object({ user_id: Id, notes: Type.Optional(Nullable(Text(2000))), due_at: Type.Optional(Nullable(Instant)) }, { additionalProperties: false })

export const assign = operation({
  id: 'assignEquipment',
  method: 'POST',
  path: `${machine}/assign`,
  who: takers,
  summary: 'Hand a machine to a person; an operator only to themselves',
  params: one,
  status: 201,
  body: HandOver,
  reply: Assignment,
})
export const takeBack = operation({
  id: 'returnEquipment',
  method: 'POST',
  path: `${machine}/return`,
  who: takers,
  summary: 'Take a machine back; an operator only their own',
  params: one,
  body: Type.Object({ notes: Type.Optional(Nullable(Text(2000))) }, { additionalProperties: false }),
  reply: Assignment,
})
export const transfer = operation({
  id: 'transferEquipment',
  method: 'POST',
  path: `${machine}/transfer`,
  who: managers,
  summary: 'Pass a machine from its holder to another person in one step',
  params: one,
  status: 201,
  body: HandOver,
  reply: Assignment,
})

const query = Type.Object(
  {
    ...pageQuery,
    user_id: Type.Optional(Type.String({ maxLength: 2000 })),
    equipment_id: Type.Optional(Type.String({ maxLength: 2000 })),
    open: Type.Optional(Choice(['true', 'false'])),
    overdue: Type.Optional(Choice(['true', 'false'])),
    sort: Type.Optional(Type.String({ maxLength: 50 })),
  },
  { additionalProperties: false },
)
export const listAssignments = operation({
  id: 'listAssignments',
  method: 'GET',
  path: `${company}/assignments`,
  who: everyone,
  summary: 'Hand-overs of the company, newest first; by person, by machine, open or overdue',
  params: Type.Object({ company_id: Id }),
  query,
  reply: Page(Assignment),
})
export const listMachineAssignments = operation({
  id: 'listMachineAssignments',
  method: 'GET',
  path: `${machine}/assignments`,
  who: everyone,
  summary: 'Hand-overs of one machine, newest first',
  params: one,
  query: Type.Object(pageQuery, { additionalProperties: false }),
  reply: Page(Assignment),
})
