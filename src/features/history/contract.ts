// What happened, in order: events of every aggregate, and the audit of every write.
import { type Static, Type } from 'typebox'
import { Choice, Id, Instant, Nullable, operation, Page, pageQuery } from '../../plain/operation.ts'
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

const auditFilters = {
  entity_id: Type.Optional(Id),
  any_id: Type.Optional(Type.String({ format: 'uuid', description: 'Entries that are about this record or by this person, and the entry of this id' })),
  user_id: Type.Optional(Id),
  entity_type: Type.Optional(Type.String({ maxLength: 200 })),
  action: Type.Optional(Type.String({ maxLength: 1000 })),
  ...period,
}
export const listAudit = operation({
  id: 'listAudit',
  method: 'GET',
  path: `${company}/audit-logs`,
  who: admins,
  summary: 'The audit: who did what, with the values before and after, newest first',
  params,
  query: Type.Object({ ...pageQuery, ...auditFilters }, { additionalProperties: false }),
  reply: Page(AuditEntry),
})
export const auditFormats = ['csv', 'xlsx', 'ndjson'] as const
export const exportAudit = operation({
  id: 'exportAudit',
  method: 'GET',
  path: `${company}/audit-logs/export`,
  who: admins,
  slow: true,
  replica: true,
  summary:
    'The audit as CSV, XLSX or a JSON object a line (`ndjson`), oldest first, with the same filters as the list. Each row has its place in the chain, its hash, the hash before it, and the text that was hashed: SHA-256 of `previous_hash`, a space, and `hashed_text` gives `hash`',
  params,
  query: Type.Object({ format: Type.Optional(Choice(auditFormats)), ...auditFilters }, { additionalProperties: false }),
  reply: Type.Unknown(),
})

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Place = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
export const AuditLink = Type.Object({ position: Place, hash: Hash, chained_at: Instant }, { additionalProperties: false })
export const getAuditChain = operation({
  id: 'getAuditChain',
  method: 'GET',
  path: `${company}/audit-logs/chain`,
  who: admins,
  summary: 'Where the hash chain of the audit stands: its newest link, and how many rows wait for theirs (10001: more than ten thousand)',
  params,
  reply: Type.Object({ newest: Nullable(AuditLink), waiting: Type.Integer() }, { additionalProperties: false }),
})

export const checkpointKind = 'bitcorp audit checkpoint'
export const AuditHead = Type.Object(
  { company_id: Id, name: Type.String({ maxLength: 500 }), position: Place, hash: Hash, chained_at: Type.String({ maxLength: 40 }), rows: Type.Optional(Type.Integer({ minimum: 0 })) },
  { additionalProperties: false },
)
export type AuditHead = Static<typeof AuditHead>
/** What `bitcorp audit checkpoint` writes too, there with every company of the installation. */
export const AuditCheckpoint = Type.Object(
  { kind: Choice([checkpointKind]), made_at: Type.String({ maxLength: 40 }), companies: Type.Array(AuditHead, { maxItems: 5000 }) },
  { additionalProperties: false },
)
export type AuditCheckpoint = Static<typeof AuditCheckpoint>
export const getAuditCheckpoint = operation({
  id: 'getAuditCheckpoint',
  method: 'GET',
  path: `${company}/audit-logs/checkpoint`,
  who: admins,
  slow: true,
  summary: 'A checkpoint to be kept elsewhere: the newest link of the chain, from which all before it follows. `bitcorp verify audit --checkpoint` takes the same file',
  params,
  reply: AuditCheckpoint,
})

export const AuditFault = Type.Object(
  {
    rule: Choice(['chain_made_anew', 'link_missing', 'row_missing', 'row_or_place_changed', 'row_backdated', 'row_inserted_behind_chain']),
    position: Nullable(Type.Integer()),
    audit_id: Nullable(Id),
    found: Nullable(Type.String()),
    expected: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type AuditFault = Static<typeof AuditFault>
export const checkAudit = operation({
  id: 'checkAudit',
  method: 'POST',
  path: `${company}/audit-logs/check`,
  who: admins,
  keyed: false,
  summary:
    'Whether the audit is as it was written, and still what an earlier checkpoint says. One call looks at some thousands of rows; go on with `next` as `after` until it is null. The checkpoint is looked at in the first call',
  params,
  body: Type.Object(
    { checkpoint: Type.Optional(AuditCheckpoint), after: Type.Optional(Type.String({ pattern: '^(link-[1-9]\\d{0,14}|row-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$' })) },
    { additionalProperties: false },
  ),
  reply: Type.Object({ newest: Nullable(AuditLink), faults: Type.Array(AuditFault), next: Nullable(Type.String()) }, { additionalProperties: false }),
})
