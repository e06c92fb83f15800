// The log of a machine: meter readings, notes, telemetry, and what happened to it, newest first.
import { type Static, Type } from 'typebox'
import { Choice, Id, Instant, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { everyone, takers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const ofMachine = `${company}/equipment/{equipment_id}`
const one = Type.Object({ company_id: Id, equipment_id: Id })

export const meters = ['meter_hours', 'meter_km'] as const
/** What people and devices write; `status` and `assignment` are written by the database when they happen. */
const writtenTypes = ['note', ...meters, 'telemetry'] as const
export const logTypes = [...writtenTypes, 'status', 'assignment'] as const
export type LogType = (typeof logTypes)[number]
export type Meter = (typeof meters)[number]

export const LogEntry = Type.Object(
  {
    id: Id,
    equipment_id: Id,
    event_type: Choice(logTypes),
    created_at: { ...Instant, description: "The entry's own instant: when the meter was read or the thing happened" },
    received_at: Nullable(Instant),
    reading: Nullable(Type.String()),
    is_correction: Type.Boolean(),
    notes: Nullable(Type.String()),
    event_data: Type.Record(Type.String(), Type.Unknown()),
    entry_key: Nullable(Type.String({ description: "The sender's own id" })),
    recorded_by: Nullable(Id),
    recorded_by_name: Nullable(Type.String()),
    person_name: Nullable(Type.String({ description: 'Who took or returned it, for assignment entries' })),
  },
  { additionalProperties: false },
)
export type LogEntry = Static<typeof LogEntry>

const Reading = Type.String({ pattern: '^\\d{1,8}(\\.\\d{1,2})?$', description: 'What the meter shows, at most two decimals' })
/** Offsets as PostgreSQL takes them, years as a calendar has them. */
const Moment = Type.String({
  format: 'date-time',
  pattern: '^[12]\\d{3}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-4]):[0-5]\\d)$',
  description: 'RFC 3339 instant, within the last two years and not in the future',
})

export const LogInput = Type.Object(
  {
    event_type: Choice(['note', ...meters] as const),
    created_at: Type.Optional(Type.Union([Moment, Type.Null()], { description: 'Now when left out' })),
    reading: Type.Optional(Nullable(Reading)),
    is_correction: Type.Optional(Type.Boolean({ description: 'The reading corrects the meter and may be lower than the one before' })),
    notes: Type.Optional(Nullable(Text(2000))),
  },
  { additionalProperties: false },
)
export type LogInput = Static<typeof LogInput>

const BatchEntry = Type.Object(
  {
    entry_key: { ...Text(100), description: "The sender's own id. With created_at it is the entry: sent again, it adds nothing." },
    equipment_id: Id,
    event_type: Choice(writtenTypes),
    created_at: Moment,
    reading: Type.Optional(Nullable(Reading)),
    is_correction: Type.Optional(Type.Boolean()),
    notes: Type.Optional(Nullable(Text(2000))),
    event_data: Type.Optional(Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: 100, description: 'Telemetry: named values, 4,000 characters at most' })),
  },
  { additionalProperties: false },
)
export type BatchEntry = Static<typeof BatchEntry>

const BatchResult = Type.Object(
  {
    entry_key: Type.String(),
    outcome: Choice(['added', 'repeated', 'refused']),
    id: Nullable(Id),
    code: Nullable(Type.String({ description: 'Why it was refused: a stable word' })),
    field: Nullable(Type.String()),
    detail: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type BatchResult = Static<typeof BatchResult>

export const listLogs = operation({
  id: 'listEquipmentLogs',
  method: 'GET',
  path: `${ofMachine}/logs`,
  who: everyone,
  summary: "A machine's log, newest first; by kind (event_type=note,meter_hours) and time (created_at.gte=…, created_at.lt=…)",
  params: one,
  query: Type.Object(
    { ...pageQuery, event_type: Type.Optional(Type.String({ maxLength: 200, description: `Some of ${logTypes.join(', ')}, with commas` })) },
    { additionalProperties: { type: 'string', maxLength: 1000 } as never },
  ),
  reply: Page(LogEntry),
})

export const addLog = operation({
  id: 'addEquipmentLog',
  method: 'POST',
  path: `${ofMachine}/logs`,
  who: takers,
  summary: 'Write down a meter reading or a note',
  params: one,
  status: 201,
  body: LogInput,
  reply: LogEntry,
})

export const LatestReading = Type.Object(
  { event_type: Choice(meters), reading: Type.String(), created_at: Instant, is_correction: Type.Boolean(), recorded_by_name: Nullable(Type.String()) },
  { additionalProperties: false },
)
export type LatestReading = Static<typeof LatestReading>
export const listMeters = operation({
  id: 'listEquipmentMeters',
  method: 'GET',
  path: `${ofMachine}/meters`,
  who: everyone,
  summary: "The newest reading of each of a machine's meters",
  params: one,
  reply: Type.Object({ items: Type.Array(LatestReading) }, { additionalProperties: false }),
})

export const batchLogs = operation({
  id: 'batchEquipmentLogs',
  method: 'POST',
  path: `${company}/equipment-logs/batch`,
  who: takers,
  summary: 'Take up to 1,000 entries from a device or program; each is answered for itself, and sending a batch again adds nothing',
  params: Type.Object({ company_id: Id }),
  body: Type.Object({ entries: Type.Array(BatchEntry, { minItems: 1, maxItems: 1000 }) }, { additionalProperties: false }),
  reply: Type.Object({ added: Type.Integer(), repeated: Type.Integer(), refused: Type.Integer(), results: Type.Array(BatchResult) }, { additionalProperties: false }),
})
