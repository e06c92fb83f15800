// Machines: what there is, in what state, found by any of its names, with everything that happened to it.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Day, Id, Instant, Money, momentQuery, Nothing, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { everyone, managers } from '../../plain/roles.ts'

export const equipmentPath = '/api/v1/companies/{company_id}/equipment'
const params = Type.Object({ company_id: Id })
const one = Type.Object({ company_id: Id, equipment_id: Id })

export const statuses = ['active', 'maintenance', 'retired', 'disposed'] as const
export const ownerships = ['owned', 'rented', 'leased'] as const
/** fixed: the next service is counted from the planned day of the last one; floating: from the day it was done. */
export const maintenanceRules = ['fixed', 'floating'] as const
export type Status = (typeof statuses)[number]

const Amount = Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,2})?$' })
const NamedValues = Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true }))
const Specifications = Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true, maxProperties: 100 }))
const Tags = Type.Array(Text(50), { maxItems: 50, uniqueItems: true })

export const Holder = Type.Object(
  {
    assignment_id: Id,
    user_id: Id,
    display_name: Type.String(),
    assigned_at: Instant,
    due_at: Nullable(Instant),
    accepted_at: Nullable(Type.String({ format: 'date-time', description: 'When the holder confirmed it; empty: not yet' })),
    condition: Nullable(Choice(['good', 'worn', 'damaged'])),
    notes: Nullable(Type.String()),
  },
  { additionalProperties: false },
)

export const Equipment = Type.Object(
  {
    ...baseFields,
    name: Type.String(),
    description: Nullable(Type.String()),
    serial_number: Type.String({ description: "The company's own code, EQ-YYYY-XX-NNNNNN" }),
    fleet_code: Nullable(Type.String({ description: 'The code painted on the machine' })),
    manufacturer: Nullable(Type.String()),
    model: Nullable(Type.String()),
    manufacturer_serial_number: Nullable(Type.String()),
    year: Nullable(Type.Integer()),
    plate: Nullable(Type.String()),
    ownership: Choice(ownerships),
    purchase_date: Nullable(Day),
    purchase_price: Nullable(Money),
    current_value: Nullable(Type.Object(Money.properties, { additionalProperties: false, description: 'What was set; else the book value of today' })),
    current_value_given: Type.Boolean({ description: 'Whether someone set current_value; if not, it follows the depreciation day by day' }),
    salvage_value: Money,
    depreciation_rate: Nullable(Type.String({ description: 'Yearly fraction, 0 to 1' })),
    currency: Type.String(),
    status: Choice(statuses),
    location: Nullable(Type.String()),
    last_maintenance_date: Nullable(Day),
    next_maintenance_date: Nullable(Day),
    maintenance_interval_days: Nullable(Type.Integer({ description: "The machine's own; empty: its nearest category's" })),
    maintenance_rule: Choice(maintenanceRules),
    maintenance_counted_from: Nullable(Type.String({ format: 'date', description: 'The day the next service is counted from; empty when its date was given' })),
    warranty_expires_at: Nullable(Day),
    category_id: Nullable(Id),
    category_name: Nullable(Type.String()),
    specifications: NamedValues,
    tags: Type.Array(Type.String()),
    holder: Nullable(Holder),
    is_deleted: Type.Boolean(),
    deleted_at: Nullable(Instant),
    deleted_by: Nullable(Id),
  },
  { additionalProperties: false },
)
export type Equipment = Static<typeof Equipment>

const fields = {
  name: Text(200),
  description: Nullable(Text(10_000)),
  serial_number: Type.String({ pattern: '^EQ-[0-9]{4}-[A-Z]{2}-[0-9]{6}$', description: 'Generated when left out' }),
  fleet_code: Nullable(Text(50)),
  manufacturer: Nullable(Text(100)),
  model: Nullable(Text(100)),
  manufacturer_serial_number: Nullable(Text(100)),
  year: Nullable(Type.Integer({ minimum: 1900, maximum: 2100 })),
  plate: Nullable(Text(20)),
  ownership: Choice(ownerships),
  purchase_date: Nullable(Day),
  purchase_price: Nullable(Type.Union([Money, Amount], { description: 'Money, or the amount alone in `currency`' })),
  current_value: Nullable(Type.Union([Money, Amount], { description: 'Set it to an appraisal; empty: the book value of each day' })),
  salvage_value: Nullable(Type.Union([Money, Amount], { description: 'What depreciation stops at; 0 when empty' })),
  depreciation_rate: Nullable(Type.String({ pattern: '^(0(\\.\\d{1,4})?|1(\\.0{1,4})?)$' })),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  location: Nullable(Text(200)),
  last_maintenance_date: Nullable(Day),
  next_maintenance_date: Nullable(Day),
  maintenance_interval_days: Nullable(Type.Integer({ minimum: 1, maximum: 3650 })),
  maintenance_rule: Choice(maintenanceRules),
  warranty_expires_at: Nullable(Day),
  category_id: Nullable(Id),
  specifications: Specifications,
  tags: Tags,
}
const { name, ...optional } = fields
export const EquipmentInput = Type.Object({ name, ...Type.Partial(Type.Object(optional)).properties, status: Type.Optional(Choice(statuses)) }, { additionalProperties: false })
export type EquipmentInput = Static<typeof EquipmentInput>
export const EquipmentChange = Type.Partial(Type.Object(fields), { additionalProperties: false })
export type EquipmentChange = Static<typeof EquipmentChange>

/** Beside these, any field of a machine filters by name, and `specifications.<key>` by key: see the list's description. */
export const EquipmentQuery = Type.Object(
  {
    ...pageQuery,
    ...momentQuery,
    q: Type.Optional(Type.String({ maxLength: 500, description: 'Search: words, starts of words, fragments of codes; typos and accents do not matter' })),
    status: Type.Optional(Type.String({ maxLength: 100, description: 'One, or several with commas' })),
    category_id: Type.Optional(Type.String({ maxLength: 2000, description: 'This category and all below it' })),
    holder_id: Type.Optional(Id),
    in_use: Type.Optional(Choice(['true', 'false'])),
    incomplete: Type.Optional(
      Type.Unsafe<'true' | 'false'>({ ...Choice(['true', 'false']), description: 'true: machines whose specifications lack what their category asks for, or have it in another form' }),
    ),
    sort: Type.Optional(Type.String({ maxLength: 50, description: 'A field, with - in front for descending; -created_at when left out' })),
    count: Type.Optional(Choice(['true', 'false'])),
    deleted: Type.Optional(Choice(['true', 'false'])),
  },
  { additionalProperties: { type: 'string', maxLength: 1000 } as never },
)

export const listEquipment = operation({
  id: 'listEquipment',
  method: 'GET',
  path: equipmentPath,
  who: everyone,
  summary: 'Machines: filtered, searched, sorted, page by page; as of any instant',
  params,
  query: EquipmentQuery,
  reply: Page(Equipment),
  replica: 'past',
})
export const createEquipment = operation({
  id: 'createEquipment',
  method: 'POST',
  path: equipmentPath,
  who: managers,
  summary: 'Register a machine',
  params,
  status: 201,
  body: EquipmentInput,
  reply: Equipment,
})
export const getEquipment = operation({
  id: 'getEquipment',
  method: 'GET',
  path: `${equipmentPath}/{equipment_id}`,
  who: everyone,
  summary: 'One machine, as of any instant',
  params: one,
  query: Type.Object(momentQuery, { additionalProperties: false }),
  reply: Equipment,
  replica: 'past',
})
export const changeEquipment = operation({
  id: 'changeEquipment',
  method: 'PATCH',
  path: `${equipmentPath}/{equipment_id}`,
  who: managers,
  summary: 'Change a machine',
  params: one,
  ifMatch: true,
  body: EquipmentChange,
  reply: Equipment,
})
export const deleteEquipment = operation({
  id: 'deleteEquipment',
  method: 'DELETE',
  path: `${equipmentPath}/{equipment_id}`,
  who: managers,
  summary: 'Delete a machine softly: it leaves the lists, keeps its history and frees its codes',
  params: one,
  ifMatch: true,
  status: 204,
  reply: Nothing,
})
export const restoreEquipment = operation({
  id: 'restoreEquipment',
  method: 'POST',
  path: `${equipmentPath}/{equipment_id}/restore`,
  who: managers,
  summary: 'Bring a deleted machine back',
  params: one,
  reply: Equipment,
})
export const changeStatus = operation({
  id: 'changeStatus',
  method: 'POST',
  path: `${equipmentPath}/{equipment_id}/status`,
  who: managers,
  summary: 'Change the status, with the reason',
  params: one,
  body: Type.Object({ status: Choice(statuses), reason: Text(2000), version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })) }, { additionalProperties: false }),
  reply: Equipment,
})

export const correctStatus = operation({
  id: 'correctStatus',
  method: 'POST',
  path: `${equipmentPath}/{equipment_id}/status-corrections`,
  who: managers,
  summary: 'Put right which status the machine had in the past, with the reason; what was known before stays known',
  params: one,
  body: Type.Object(
    {
      status: Choice(statuses),
      effective_from: Instant,
      effective_to: Type.Optional(Nullable(Type.String({ format: 'date-time', description: 'Empty: until now and on' }))),
      reason: Text(2000),
      version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    },
    { additionalProperties: false },
  ),
  reply: Equipment,
})

export const StatusPeriod = Type.Object(
  {
    id: Id,
    status: Choice(statuses),
    effective_from: Instant,
    effective_to: Nullable(Instant),
    changed_by: Nullable(Id),
    changed_by_name: Nullable(Type.String()),
    reason: Nullable(Type.String()),
    recorded_at: Type.String({ format: 'date-time', description: 'Since when the record says so' }),
    superseded_at: Nullable(Type.String({ format: 'date-time', description: 'Until when it said so; empty for what holds' })),
    superseded_by: Nullable(Id),
    superseded_by_name: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type StatusPeriod = Static<typeof StatusPeriod>
export const listStatusHistory = operation({
  id: 'listStatusHistory',
  method: 'GET',
  path: `${equipmentPath}/{equipment_id}/status-history`,
  who: everyone,
  summary: 'Which status the machine had from when to when, newest first; what was corrected too, if asked',
  params: one,
  query: Type.Object({ ...pageQuery, superseded: Type.Optional(Choice(['true', 'false'])) }, { additionalProperties: false }),
  reply: Page(StatusPeriod),
})

export const TimelineEntry = Type.Object(
  {
    id: Id,
    event_type: Type.String(),
    occurred_at: Instant,
    recorded_by: Nullable(Id),
    recorded_by_name: Nullable(Type.String()),
    reason: Nullable(Type.String()),
    holder_name: Nullable(Type.String({ description: 'For hand-overs and returns: who took or returned it' })),
    old: NamedValues,
    new: NamedValues,
  },
  { additionalProperties: false },
)
export type TimelineEntry = Static<typeof TimelineEntry>
export const getTimeline = operation({
  id: 'getTimeline',
  method: 'GET',
  path: `${equipmentPath}/{equipment_id}/timeline`,
  who: everyone,
  summary: 'Everything that happened to the machine, newest first: status, hand-overs, changes',
  params: one,
  query: Type.Object(pageQuery, { additionalProperties: false }),
  reply: Page(TimelineEntry),
})

export const Summary = Type.Object(
  {
    total: Type.Integer(),
    active: Type.Integer(),
    maintenance: Type.Integer(),
    retired: Type.Integer(),
    disposed: Type.Integer(),
    in_use: Type.Integer(),
    service_overdue: Type.Integer(),
    service_soon: Type.Integer(),
    held_by_me: Type.Integer(),
  },
  { additionalProperties: false },
)
export type Summary = Static<typeof Summary>
export const getSummary = operation({
  id: 'getSummary',
  method: 'GET',
  path: '/api/v1/companies/{company_id}/equipment-summary',
  who: everyone,
  summary: 'How many machines are in which state; service soon means within 7 days',
  params,
  reply: Summary,
})
