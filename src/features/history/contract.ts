// What happened, in order: events of every aggregate, and the audit of every write.
import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, operation, Page, pageQuery } from '../../plain/operation.ts'
import { admins, managers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })
const Values = Type.Object({}, { additionalProperties: true })
// What it is called now; null where it has no name or the caller may not see it. The machine it is about, if any.
const subject = { subject_name: Nullable(Type.String()), equipment_id: Nullable(Id) }
const period = { from: Type.Optional(Instant), to: Type.Optional(Instant) }

export const DomainEvent = Type.Object(
  {
    id: Id,
    aggregate_id: Id,
    aggregate_type: Type.String(),
    event_type: Type.String(),
    event_version: Type.Integer(),
    event_data: Values,
    metadata: Values,
    occurred_at: Instant,
    recorded_by: Nullable(Id),
    recorded_by_name: Nullable(Type.String()),
    ...subject,
  },
  { additionalProperties: false },
)
export type DomainEvent = Static<typeof DomainEvent>
export const listEvents = operation({
  id: 'listEvents',
  method: 'GET',
  path: `${company}/events`,
  who: managers,
  summary: 'Events, newest first',
  params,
  query: Type.Object(
    {
      ...pageQuery,
      aggregate_id: Type.Optional(Id),
      aggregate_type: Type.Optional(Type.String({ maxLength: 200 })),
      event_type: Type.Optional(Type.String({ maxLength: 1000 })),
      recorded_by: Type.Optional(Id),
      ...period,
    },
    { additionalProperties: false },
  ),
  reply: Page(DomainEvent),
})

export const FeedEvent = Type.Object(
  {
    position: Type.String({ description: 'Reading after this place goes on with the event behind this one' }),
    id: Id,
    aggregate_id: Id,
    aggregate_type: Type.String(),
    event_type: Type.String(),
    event_version: Type.Integer(),
    event_data: Values,
    metadata: Values,
    occurred_at: Instant,
    recorded_by: Nullable(Id),
  },
  { additionalProperties: false },
)
export type FeedEvent = Static<typeof FeedEvent>
const Position = Type.String({ pattern: '^(0-0|\\d{1,18}-\\d{1,18}-[0-9a-f]{12})$', maxLength: 60 })
export const readFeed = operation({
  id: 'readEventFeed',
  method: 'GET',
  path: `${company}/events/feed`,
  who: managers,
  summary:
    'Events oldest first, for programs that follow: from any position on, none skipped and none twice. Without `after`: from the first. An event appears once no older transaction is open. 410: the event of that position is not there, because an older copy of the database was put back; begin anew',
  params,
  query: Type.Object({ after: Type.Optional(Position), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200 })) }, { additionalProperties: false }),
  reply: Type.Object(
    {
      items: Type.Array(FeedEvent),
      next_after: Type.String({ description: 'To be given as `after` next time, also when nothing came' }),
      at_end: Type.Boolean({ description: 'Nothing more now: ask again later' }),
    },
    { additionalProperties: false },
  ),
})
export const streamFeed = operation({
  id: 'streamEvents',
  method: 'GET',
  path: `${company}/events/stream`,
  who: managers,
  stream: true,
  summary:
    'The same feed as server-sent events: `id` is the position, `data` the event. Goes on behind `Last-Event-ID`, else `after`, else from the first; `after=end` begins with what comes now. Ends with an event `end` when the sign-in, the membership or the company no longer holds',
  params,
  query: Type.Object({ after: Type.Optional(Type.String({ pattern: '^(end|0-0|\\d{1,18}-\\d{1,18}-[0-9a-f]{12})$', maxLength: 60 })) }, { additionalProperties: false }),
  reply: Type.String({ description: 'text/event-stream' }),
})

export const AuditEntry = Type.Object(
  {
    id: Id,
    entity_type: Type.String(),
    entity_id: Nullable(Id),
    action: Type.String(),
    user_id: Nullable(Id),
    user_name: Nullable(Type.String()),
    old_values: Nullable(Values),
    new_values: Nullable(Values),
    metadata: Values,
    created_at: Instant,
    ...subject,
  },
  { additionalProperties: false },
)
export type AuditEntry = Static<typeof AuditEntry>
export const listAudit = operation({
  id: 'listAudit',
  method: 'GET',
  path: `${company}/audit-logs`,
  who: admins,
  summary: 'The audit: who did what, with the values before and after, newest first',
  params,
  query: Type.Object(
    {
      ...pageQuery,
      entity_id: Type.Optional(Id),
      user_id: Type.Optional(Id),
      entity_type: Type.Optional(Type.String({ maxLength: 200 })),
      action: Type.Optional(Type.String({ maxLength: 200 })),
      ...period,
    },
    { additionalProperties: false },
  ),
  reply: Page(AuditEntry),
})
