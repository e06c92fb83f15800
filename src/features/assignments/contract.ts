// Who has which machine: hand over, take back, pass on, and the record of it.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Id, Instant, momentQuery, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { everyone, managers, takers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const machine = `${company}/equipment/{equipment_id}`
const one = Type.Object({ company_id: Id, equipment_id: Id })

export const conditions = ['good', 'worn', 'damaged'] as const
export type Condition = (typeof conditions)[number]
/** A reservation is reserved, then picked up, cancelled, or missed when its time passes; a hand-over is out, then overdue or returned. */
export const states = ['reserved', 'missed', 'cancelled', 'out', 'overdue', 'returned'] as const
export type State = (typeof states)[number]
const Meter = Type.String({ pattern: '^\\d{1,8}(\\.\\d)?$', description: 'Hour meter or odometer, one place' })
/** How the machine is as it changes hands. Damage must be described in the notes. */
const described = { notes: Type.Optional(Nullable(Text(2000))), condition: Type.Optional(Nullable(Choice(conditions))), meter_reading: Type.Optional(Nullable(Meter)) }

export const Assignment = Type.Object(
  {
    ...baseFields,
    equipment_id: Id,
    equipment_name: Type.String(),
    serial_number: Type.String(),
    fleet_code: Nullable(Type.String({ description: 'The code painted on the machine' })),
    user_id: Id,
    holder_name: Type.String(),
    state: Type.Unsafe<State>({ type: 'string', enum: [...states], description: 'Worked out from the times, as of now' }),
    reserved_from: Nullable(Instant),
    reserved_until: Nullable(Instant),
    reserved_by_name: Nullable(Type.String()),
    cancelled_at: Nullable(Instant),
    cancel_reason: Nullable(Type.String()),
    assigned_at: Nullable(Type.String({ format: 'date-time', description: 'Empty for a reservation that is not picked up' })),
    assigned_by: Nullable(Id),
    assigned_by_name: Nullable(Type.String()),
    accepted_at: Nullable(Type.String({ format: 'date-time', description: 'When the holder confirmed it; empty: not yet' })),
    due_at: Nullable(Instant),
    notes: Nullable(Type.String()),
    condition: Nullable(Choice(conditions)),
    meter_reading: Nullable(Meter),
    returned_at: Nullable(Instant),
    returned_by: Nullable(Id),
    returned_by_name: Nullable(Type.String()),
    return_notes: Nullable(Type.String()),
    return_condition: Nullable(Choice(conditions)),
    return_meter_reading: Nullable(Meter),
  },
  { additionalProperties: false },
)
export type Assignment = Static<typeof Assignment>

const HandOver = Type.Object({ user_id: Id, due_at: Type.Optional(Nullable(Instant)), ...described }, { additionalProperties: false })

export const assign = operation({
  id: 'assignEquipment',
  method: 'POST',
  path: `${machine}/assign`,
  who: takers,
  summary: 'Hand a machine to a person, who picks up their reservation if they have one now; an operator only to themselves',
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
  body: Type.Object(described, { additionalProperties: false }),
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

export const reserve = operation({
  id: 'reserveEquipment',
  method: 'POST',
  path: `${machine}/reservations`,
  who: takers,
  summary: 'Reserve a machine for a person, from and until; an operator only for themselves',
  params: one,
  status: 201,
  body: Type.Object({ user_id: Id, reserved_from: Instant, reserved_until: Instant, notes: Type.Optional(Nullable(Text(2000))) }, { additionalProperties: false }),
  reply: Assignment,
})
const assignment = `${company}/assignments/{assignment_id}`
const oneRow = Type.Object({ company_id: Id, assignment_id: Id })
export const cancelReservation = operation({
  id: 'cancelReservation',
  method: 'POST',
  path: `${assignment}/cancel`,
  who: takers,
  summary: 'Give up a reservation, saying why; an operator only their own',
  params: oneRow,
  body: Type.Object({ reason: Text(2000) }, { additionalProperties: false }),
  reply: Assignment,
})
export const pickUp = operation({
  id: 'pickUpReservation',
  method: 'POST',
  path: `${assignment}/pick-up`,
  who: takers,
  summary: 'Turn a reservation into the hand-over, due at its end unless said otherwise; an operator only their own',
  params: oneRow,
  body: Type.Object({ due_at: Type.Optional(Nullable(Instant)), ...described }, { additionalProperties: false }),
  reply: Assignment,
})
export const accept = operation({
  id: 'acceptAssignment',
  method: 'POST',
  path: `${assignment}/accept`,
  who: takers,
  summary: 'The holder confirms that the machine is with them as described',
  params: oneRow,
  reply: Assignment,
})

const period = { from: Instant, to: Instant }
const Blocker = Type.Object(
  {
    assignment_id: Id,
    state: Choice(states),
    user_id: Id,
    holder_name: Type.String(),
    from: Instant,
    until: Nullable(Type.String({ format: 'date-time', description: 'Empty: no return date' })),
  },
  { additionalProperties: false },
)
export const availability = operation({
  id: 'getAvailability',
  method: 'GET',
  path: `${machine}/availability`,
  who: everyone,
  summary: 'Whether a machine is free from one instant to another, and what stands in the way as far as the caller may see it',
  params: one,
  query: Type.Object({ from: Instant, to: Type.Optional(Instant) }, { additionalProperties: false }),
  reply: Type.Object(
    {
      is_free: Type.Boolean({ description: 'Nobody holds it or has claimed it, and its status lets it be had' }),
      status: Type.String({ description: 'A machine in maintenance can be reserved, not handed over; one that left service neither' }),
      blocked_by: Type.Array(Blocker),
    },
    { additionalProperties: false },
  ),
})
export const calendar = operation({
  id: 'listAssignmentCalendar',
  method: 'GET',
  path: `${company}/assignments/calendar`,
  who: everyone,
  summary: 'Hand-overs and reservations that touch a period of at most 366 days, by when they begin; of a machine, of a person, or all',
  params: Type.Object({ company_id: Id }),
  query: Type.Object({ ...pageQuery, ...period, equipment_id: Type.Optional(Id), user_id: Type.Optional(Id) }, { additionalProperties: false }),
  reply: Page(Assignment),
})

const query = Type.Object(
  {
    ...pageQuery,
    ...momentQuery,
    state: Type.Optional(Type.String({ maxLength: 100, description: `Any of ${states.join(', ')}; left out: hand-overs, no reservations` })),
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
  summary: 'Hand-overs of the company, newest first; by person, by machine, open or overdue; as of any instant, reservations left out',
  params: Type.Object({ company_id: Id }),
  query,
  reply: Page(Assignment),
  replica: 'past',
})
export const listMachineAssignments = operation({
  id: 'listMachineAssignments',
  method: 'GET',
  path: `${machine}/assignments`,
  who: everyone,
  summary: 'Hand-overs of one machine, newest first; as of any instant',
  params: one,
  query: Type.Object({ ...pageQuery, ...momentQuery, state: Type.Optional(Type.String({ maxLength: 100, description: 'As in the list of all' })) }, { additionalProperties: false }),
  reply: Page(Assignment),
  replica: 'past',
})
