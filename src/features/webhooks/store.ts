// The queries of webhooks.
import { sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import type { Delivery, Webhook } from './contract.ts'
import type { Answer, Message } from './send.ts'

const columns = sql`w.id, w.version, w.created_at, w.updated_at, w.created_by, w.updated_by, w.name, w.url, w.event_types, w.is_active, w.disabled_at, w.disabled_reason,
  p.failures, CASE WHEN p.failures > 0 AND w.is_active THEN p.next_attempt_at END AS next_attempt_at, p.last_delivered_at`
const mine = sql`FROM webhooks w JOIN webhook_progress p ON p.company_id = w.company_id AND p.webhook_id = w.id
  WHERE w.company_id = (SELECT c.company_id FROM caller c) AND NOT w.is_deleted`

export async function listWebhooks(ctx: Runner, query: { limit?: number; cursor?: string }) {
  const page = paging(query, { name: { column: sql`w.name`, type: 'text' } }, 'name', sql`w.id`)
  return page.finish(await ctx.run<Webhook & { sort_value: string }>(sql`SELECT ${columns}, w.name AS sort_value ${mine} AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`))
}

export async function findWebhook(ctx: Runner, id: string): Promise<Webhook | undefined> {
  return (await ctx.run<Webhook>(sql`SELECT ${columns} ${mine} AND w.id = ${id}::uuid`))[0]
}

export async function createWebhook(ctx: Runner, webhook: { name: string; url: string; event_types?: string[] }): Promise<string> {
  const [row] = await ctx.run<{ id: string }>(sql`
    INSERT INTO webhooks (company_id, name, url, event_types) SELECT c.company_id, ${webhook.name}, ${webhook.url}, ${webhook.event_types ?? []}::text[] FROM caller c RETURNING id`)
  return row?.id ?? ''
}

export async function changeWebhook(
  ctx: Runner,
  id: string,
  version: number | null,
  change: { name?: string; url?: string; event_types?: string[]; is_active?: boolean; is_deleted?: true },
): Promise<boolean> {
  const sets = [sql`version = ${version === null ? sql`version` : sql`${version}`}`]
  if (change.name !== undefined) sets.push(sql`name = ${change.name}`)
  if (change.url !== undefined) sets.push(sql`url = ${change.url}`)
  if (change.event_types !== undefined) sets.push(sql`event_types = ${change.event_types}::text[]`)
  if (change.is_active !== undefined) sets.push(sql`is_active = ${change.is_active}`)
  if (change.is_deleted) sets.push(sql`is_deleted = true, is_active = false`)
  const rows = await ctx.run(sql`UPDATE webhooks SET ${sql.join(sets)} WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid AND NOT is_deleted RETURNING id`)
  return rows.length > 0
}

export async function renewSecret(ctx: Runner, id: string): Promise<string | null> {
  return (await ctx.run<{ secret: string | null }>(sql`SELECT renew_webhook_secret(${id}::uuid) AS secret`))[0]?.secret ?? null
}

export async function makeTest(ctx: Runner, id: string): Promise<Message | undefined> {
  return (await ctx.run<Message>(sql`SELECT url, message_id, sent_at, body, signature FROM make_webhook_test(${id}::uuid)`))[0]
}

export async function recordTest(ctx: Runner, id: string, answer: Answer): Promise<void> {
  await ctx.run(sql`SELECT record_webhook_test(${id}::uuid, ${answer.delivered}, ${answer.code}::integer, ${answer.text}, ${answer.error}, ${answer.ms}::integer)`)
}

/** `from`: a position; null for the first event. */
export async function replay(ctx: Runner, id: string, from: string | null): Promise<'done' | 'no webhook' | 'no event'> {
  const [transaction = null, sequence = null, mark = null] = from?.split('-') ?? []
  const [row] = await ctx.run<{ outcome: 'done' | 'no webhook' | 'no event' }>(sql`SELECT replay_webhook(${id}::uuid, ${transaction}::xid8, ${sequence}::bigint, ${mark}) AS outcome`)
  return row?.outcome ?? 'no webhook'
}

const deliveryFields: ListFields = { id: { column: sql`d.id`, type: 'uuid' }, status: { column: sql`d.status`, type: 'text', sort: false } }

export async function listDeliveries(ctx: Runner, id: string, query: { limit?: number; cursor?: string; [filter: string]: unknown }) {
  const page = paging({ ...query }, deliveryFields, '-id', sql`d.id`)
  const rows = await ctx.run<Delivery & { sort_value: string }>(sql`
    SELECT d.id, d.event_id, d.event_type, d.position, d.attempt, d.attempted_at, d.status, d.response_code, d.response_text, d.error, d.duration_ms, d.next_attempt_at,
      d.id::text AS sort_value
    FROM webhook_deliveries d WHERE d.company_id = (SELECT c.company_id FROM caller c) AND d.webhook_id = ${id}::uuid
      AND ${filters(query, deliveryFields, ['limit', 'cursor'])} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}
