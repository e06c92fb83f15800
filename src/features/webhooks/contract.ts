// Webhooks: where a company's events are sent, signed as Standard Webhooks says, in order, until they arrive.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Id, Instant, Nothing, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { admins } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })
const one = Type.Object({ company_id: Id, webhook_id: Id })
const path = `${company}/webhooks/{webhook_id}`

/** The kinds that are offered to choose from; any other one the feed has is taken as well. */
export const eventTypes = [
  'equipment_created',
  'equipment_changed',
  'equipment_status_changed',
  'equipment_deleted',
  'equipment_restored',
  'assignment_created',
  'assignment_changed',
  'assignment_returned',
  'maintenance_created',
  'maintenance_changed',
  'maintenance_started',
  'maintenance_completed',
  'maintenance_cancelled',
  'category_created',
  'category_changed',
  'category_moved',
  'category_deleted',
  'user_created',
  'user_changed',
  'company_changed',
  'import_batch_created',
] as const

export const Webhook = Type.Object(
  {
    ...baseFields,
    name: Type.String(),
    url: Type.String(),
    event_types: Type.Array(Type.String(), { description: 'Empty: all' }),
    is_active: Type.Boolean(),
    disabled_at: Nullable(Instant),
    disabled_reason: Nullable(Choice(['failed', 'gone', 'moved'])),
    failures: Type.Integer({ description: 'Tries of the event that is next' }),
    next_attempt_at: Nullable(Instant),
    last_delivered_at: Nullable(Instant),
  },
  { additionalProperties: false },
)
export type Webhook = Static<typeof Webhook>

const Url = Type.String({ minLength: 1, maxLength: 2000, description: 'https; a public address' })
const EventTypes = Type.Array(Type.String({ pattern: '^[a-z_]{1,100}$' }), { maxItems: 100, uniqueItems: true, description: 'equipment_created and the like; empty: all' })
const Secret = Type.String({ description: 'whsec_…: shown this once. It signs as Standard Webhooks says' })

export const listWebhooks = operation({
  id: 'listWebhooks',
  method: 'GET',
  path: `${company}/webhooks`,
  who: admins,
  summary: 'Webhooks, and how far each is',
  params,
  query: Type.Object(pageQuery, { additionalProperties: false }),
  reply: Page(Webhook),
})
export const createWebhook = operation({
  id: 'createWebhook',
  method: 'POST',
  path: `${company}/webhooks`,
  who: admins,
  keyed: false,
  summary: 'Send what happens from now on to an address; its secret is shown this once',
  params,
  status: 201,
  body: Type.Object({ name: Text(100), url: Url, event_types: Type.Optional(EventTypes) }, { additionalProperties: false }),
  reply: Type.Object({ webhook: Webhook, secret: Secret }, { additionalProperties: false }),
})
export const changeWebhook = operation({
  id: 'changeWebhook',
  method: 'PATCH',
  path,
  who: admins,
  summary: 'Change a webhook, or switch it off and on; on again it goes on where it stopped',
  params: one,
  ifMatch: true,
  body: Type.Object({ name: Type.Optional(Text(100)), url: Type.Optional(Url), event_types: Type.Optional(EventTypes), is_active: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  reply: Webhook,
})
export const deleteWebhook = operation({ id: 'deleteWebhook', method: 'DELETE', path, who: admins, summary: 'Send no more', params: one, ifMatch: true, status: 204, reply: Nothing })
export const renewWebhookSecret = operation({
  id: 'renewWebhookSecret',
  method: 'POST',
  path: `${path}/secret`,
  who: admins,
  keyed: false,
  summary: 'A new secret, shown this once; for a day the old one signs as well',
  params: one,
  reply: Type.Object({ secret: Secret }, { additionalProperties: false }),
})
export const testWebhook = operation({
  id: 'testWebhook',
  method: 'POST',
  path: `${path}/test`,
  who: admins,
  keyed: false,
  summary: 'Send a test event now and show the answer',
  params: one,
  reply: Type.Object(
    { delivered: Type.Boolean(), response_code: Nullable(Type.Integer()), response_text: Nullable(Type.String()), error: Nullable(Type.String()), duration_ms: Type.Integer() },
    { additionalProperties: false },
  ),
})
export const replayWebhook = operation({
  id: 'replayWebhook',
  method: 'POST',
  path: `${path}/replay`,
  who: admins,
  keyed: false,
  summary: 'Send again, from this event on; left out: from the first',
  params: one,
  body: Type.Object({ from: Type.Optional(Type.String({ pattern: '^\\d{1,18}-\\d{1,18}-[0-9a-f]{12}$', maxLength: 60 })) }, { additionalProperties: false }),
  reply: Webhook,
})

export const Delivery = Type.Object(
  {
    id: Id,
    event_id: Nullable(Id),
    event_type: Type.String(),
    position: Nullable(Type.String()),
    attempt: Type.Integer(),
    attempted_at: Instant,
    status: Choice(['delivered', 'failed']),
    response_code: Nullable(Type.Integer()),
    response_text: Nullable(Type.String()),
    error: Nullable(Type.String()),
    duration_ms: Type.Integer(),
    next_attempt_at: Nullable(Instant),
  },
  { additionalProperties: false },
)
export type Delivery = Static<typeof Delivery>
export const listDeliveries = operation({
  id: 'listWebhookDeliveries',
  method: 'GET',
  path: `${path}/deliveries`,
  who: admins,
  summary: 'Every try of the last thirty days, newest first',
  params: one,
  query: Type.Object({ ...pageQuery, status: Type.Optional(Choice(['delivered', 'failed'])) }, { additionalProperties: false }),
  reply: Page(Delivery),
})
