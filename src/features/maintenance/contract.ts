// Work on machines: planned, sent to, begun, done or cancelled, and which machine is due when.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Day, Id, Instant, Money, Nothing, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { everyone, managers, takers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const path = `${company}/maintenance-records`
const params = Type.Object({ company_id: Id })
const one = Type.Object({ company_id: Id, maintenance_id: Id })

export const maintenanceTypes = ['preventive', 'corrective', 'emergency'] as const
export const maintenanceStatuses = ['scheduled', 'in_progress', 'done', 'cancelled'] as const
/** Where a machine stands before its next service: past, within 7 days, within 30, or further. */
export const dueStates = ['overdue', 'week', 'month', 'later'] as const
export type MaintenanceType = (typeof maintenanceTypes)[number]
export type MaintenanceStatus = (typeof maintenanceStatuses)[number]
export type DueState = (typeof dueStates)[number]

export const MaintenanceRecord = Type.Object(
  {
    ...baseFields,
    equipment_id: Id,
    equipment_name: Type.String(),
    serial_number: Type.String(),
    type: Choice(maintenanceTypes),
    status: Choice(maintenanceStatuses),
    title: Nullable(Type.String()),
    scheduled_date: Day,
    started_at: Nullable(Instant),
    completed_at: Nullable(Instant),
    completed_date: Nullable(Day),
    counts_as_service: Nullable(Type.Boolean({ description: "Whether the work moved the machine's service dates; empty until it is done" })),
    cancelled_at: Nullable(Instant),
    cancel_reason: Nullable(Type.String()),
    cost: Nullable(Money),
    technician: Nullable(Type.String()),
    parts: Nullable(Type.String()),
    notes: Nullable(Type.String()),
    meter_reading: Nullable(Type.String()),
    status_period_id: Nullable(Id),
    created_by_name: Nullable(Type.String()),
    file_count: Type.Integer(),
  },
  { additionalProperties: false },
)
export type MaintenanceRecord = Static<typeof MaintenanceRecord>

const Amount = Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,2})?$' })
const Version = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
const Reading = Type.String({ pattern: '^\\d{1,8}(\\.\\d)?$', description: 'Hours or kilometres on the meter, at most one decimal' })
const work = {
  title: Nullable(Text(200)),
  technician: Nullable(Text(200)),
  notes: Nullable(Text(4000)),
  meter_reading: Nullable(Reading),
}
const bill = { parts: Nullable(Text(4000)), cost: Nullable(Type.Union([Money, Amount], { description: "Money, or the amount alone in the record's or the company's currency" })) }
const partial = <T extends Parameters<typeof Type.Object>[0]>(fields: T) => Type.Partial(Type.Object(fields)).properties

export const MaintenanceInput = Type.Object({ equipment_id: Id, type: Choice(maintenanceTypes), scheduled_date: Day, ...partial({ ...work, ...bill }) }, { additionalProperties: false })
export type MaintenanceInput = Static<typeof MaintenanceInput>
export const MaintenanceChange = Type.Partial(Type.Object({ type: Choice(maintenanceTypes), scheduled_date: Day, ...work, ...bill }), { additionalProperties: false })
export type MaintenanceChange = Static<typeof MaintenanceChange>

export const SendInput = Type.Object(
  {
    type: Choice(maintenanceTypes),
    reason: Text(2000),
    scheduled_date: Type.Optional(Type.Union([Day, Type.Null()], { description: 'Today when left out' })),
    ...partial(work),
    version: Type.Optional(Version),
  },
  { additionalProperties: false },
)
export type SendInput = Static<typeof SendInput>

export const StartInput = Type.Object(
  { to_maintenance: Type.Optional(Type.Boolean({ description: 'Also put the machine in status maintenance' })), reason: Type.Optional(Nullable(Text(2000))), version: Type.Optional(Version) },
  { additionalProperties: false },
)
export type StartInput = Static<typeof StartInput>

export const CompleteInput = Type.Object(
  {
    completed_date: Type.Optional(Type.Union([Day, Type.Null()], { description: "Today in the company's time zone when left out" })),
    counts_as_service: Type.Optional(Type.Boolean({ description: "Whether this moves the machine's service dates; left out: yes for preventive work, no for repairs" })),
    next_maintenance_date: Type.Optional(Type.Union([Day, Type.Null()], { description: "Left out: by the machine's rule and interval. Given, also as null: it stands." })),
    back_to_active: Type.Optional(Type.Boolean()),
    ...partial({ technician: work.technician, notes: work.notes, meter_reading: work.meter_reading, ...bill }),
    version: Type.Optional(Version),
  },
  { additionalProperties: false },
)
export type CompleteInput = Static<typeof CompleteInput>

export const CancelInput = Type.Object({ reason: Text(2000), back_to_active: Type.Optional(Type.Boolean()), version: Type.Optional(Version) }, { additionalProperties: false })
export type CancelInput = Static<typeof CancelInput>

const query = Type.Object(
  {
    ...pageQuery,
    sort: Type.Optional(Type.String({ maxLength: 50, description: 'A field, with - in front for descending; -scheduled_date when left out' })),
    count: Type.Optional(Choice(['true', 'false'])),
  },
  { additionalProperties: { type: 'string', maxLength: 1000 } as never },
)
export const listMaintenance = operation({
  id: 'listMaintenance',
  method: 'GET',
  path,
  who: everyone,
  summary: 'Work on machines; by machine, kind, status or days (scheduled_date.gte=…)',
  params,
  query,
  reply: Page(MaintenanceRecord),
})
export const createMaintenance = operation({
  id: 'createMaintenance',
  method: 'POST',
  path,
  who: takers,
  summary: 'Plan work on a machine; an operator reports a breakdown (type emergency)',
  params,
  status: 201,
  body: MaintenanceInput,
  reply: MaintenanceRecord,
})
export const getMaintenance = operation({ id: 'getMaintenance', method: 'GET', path: `${path}/{maintenance_id}`, who: everyone, summary: 'One record of work', params: one, reply: MaintenanceRecord })
export const changeMaintenance = operation({
  id: 'changeMaintenance',
  method: 'PATCH',
  path: `${path}/{maintenance_id}`,
  who: managers,
  summary: 'Change a record; what is done or cancelled keeps its kind and days',
  params: one,
  ifMatch: true,
  body: MaintenanceChange,
  reply: MaintenanceRecord,
})
export const startMaintenance = operation({
  id: 'startMaintenance',
  method: 'POST',
  path: `${path}/{maintenance_id}/start`,
  who: managers,
  summary: 'Begin planned work',
  params: one,
  body: StartInput,
  reply: MaintenanceRecord,
})
export const completeMaintenance = operation({
  id: 'completeMaintenance',
  method: 'POST',
  path: `${path}/{maintenance_id}/complete`,
  who: managers,
  summary: "Close work as done; moves the machine's service dates and, if asked, its status",
  params: one,
  body: CompleteInput,
  reply: MaintenanceRecord,
})
export const cancelMaintenance = operation({
  id: 'cancelMaintenance',
  method: 'POST',
  path: `${path}/{maintenance_id}/cancel`,
  who: managers,
  summary: 'Close work that will not be done',
  params: one,
  body: CancelInput,
  reply: MaintenanceRecord,
})
export const sendToMaintenance = operation({
  id: 'sendToMaintenance',
  method: 'POST',
  path: `${company}/equipment/{equipment_id}/send-to-maintenance`,
  who: managers,
  summary: 'Status maintenance and the record of the work in one step: all of it happens or none',
  params: Type.Object({ company_id: Id, equipment_id: Id }),
  status: 201,
  body: SendInput,
  reply: MaintenanceRecord,
})

export const OpenWork = Type.Object(
  { id: Id, type: Choice(maintenanceTypes), status: Choice(maintenanceStatuses), scheduled_date: Day, title: Nullable(Type.String()) },
  { additionalProperties: false },
)
export const DueMachine = Type.Object(
  {
    id: Id,
    name: Type.String(),
    serial_number: Type.String(),
    status: Type.String(),
    category_id: Nullable(Id),
    location: Nullable(Type.String()),
    last_maintenance_date: Nullable(Day),
    next_maintenance_date: Day,
    days_left: Type.Integer({ description: "From the company's day today; below zero when overdue" }),
    due: Choice(dueStates),
    interval_days: Nullable(Type.Integer({ description: "The machine's own, else its nearest category's" })),
    open_work: Nullable(OpenWork),
  },
  { additionalProperties: false },
)
export type DueMachine = Static<typeof DueMachine>
export const listDue = operation({
  id: 'listMaintenanceDue',
  method: 'GET',
  path: `${company}/maintenance-due`,
  who: everyone,
  summary: 'Machines whose next service is past or near, the most urgent first',
  params,
  query: Type.Object(
    {
      ...pageQuery,
      within: Type.Optional(Type.Integer({ minimum: 0, maximum: 3650, default: 30, description: 'Overdue ones and those due in so many days' })),
      due: Type.Optional(Choice(dueStates)),
      count: Type.Optional(Choice(['true', 'false'])),
    },
    { additionalProperties: false },
  ),
  reply: Page(DueMachine),
})

export const fileKinds = ['jpeg', 'png', 'webp', 'heic', 'pdf'] as const
export const fileLimits = { bytes: 10 * 1024 * 1024, recordBytes: 50 * 1024 * 1024, count: 30, name: 200 } as const
export const MaintenanceFile = Type.Object(
  {
    ...baseFields,
    maintenance_id: Id,
    name: Type.String(),
    kind: Choice(fileKinds),
    size_bytes: Type.Integer(),
    content_hash: Type.String({ description: 'SHA-256 of the bytes, as hex' }),
    created_by_name: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type MaintenanceFile = Static<typeof MaintenanceFile>
const oneFile = Type.Object({ company_id: Id, maintenance_id: Id, file_id: Id })
export const listFiles = operation({
  id: 'listMaintenanceFiles',
  method: 'GET',
  path: `${path}/{maintenance_id}/files`,
  who: everyone,
  summary: 'Photos and invoices of a record, the latest first',
  params: one,
  reply: Page(MaintenanceFile),
})
export const addFile = operation({
  id: 'addMaintenanceFile',
  method: 'POST',
  path: `${path}/{maintenance_id}/files`,
  who: takers,
  summary: 'Add a photo or PDF, at most 10 MB, as the one file of a form; an operator adds to open work they wrote down',
  params: one,
  status: 201,
  rawBody: true,
  media: ['multipart/form-data'],
  reply: MaintenanceFile,
})
export const getFile = operation({
  id: 'getMaintenanceFile',
  method: 'GET',
  path: `${path}/{maintenance_id}/files/{file_id}`,
  who: everyone,
  summary: 'The file itself, to be saved',
  params: oneFile,
  slow: true,
  reply: Type.Unsafe<never>({ description: 'The bytes of the file, of its kind' }),
})
export const removeFile = operation({
  id: 'removeMaintenanceFile',
  method: 'DELETE',
  path: `${path}/{maintenance_id}/files/{file_id}`,
  who: takers,
  summary: 'Take a file away; an operator takes away what they added. The history keeps its name and hash',
  params: oneFile,
  status: 204,
  reply: Nothing,
})
export const restoreFile = operation({
  id: 'restoreMaintenanceFile',
  method: 'POST',
  path: `${path}/{maintenance_id}/files/{file_id}/restore`,
  who: takers,
  summary: 'Put a file back that was taken away',
  params: oneFile,
  reply: MaintenanceFile,
})

export const DigestChoice = Type.Object(
  {
    is_wanted: Type.Boolean({ description: 'Whether the caller gets the daily mail about due services; it goes to admins and managers alone' }),
    hour: Nullable(Type.Integer({ description: "The hour of the company's day; null: the company sends none" })),
  },
  { additionalProperties: false },
)
const digest = { path: `${company}/maintenance-digest`, who: managers, params }
export const getDigestChoice = operation({ ...digest, id: 'getMaintenanceDigest', method: 'GET', summary: 'Whether and when the caller gets the daily mail about due services', reply: DigestChoice })
export const changeDigestChoice = operation({
  ...digest,
  id: 'changeMaintenanceDigest',
  method: 'PATCH',
  summary: 'Get the daily mail about due services, or no longer',
  body: Type.Object({ is_wanted: Type.Boolean() }, { additionalProperties: false }),
  reply: DigestChoice,
})
