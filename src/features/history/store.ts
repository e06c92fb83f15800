// The queries of events and audit.
import { sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import type { AuditEntry, DomainEvent } from './contract.ts'

const eventFields: ListFields = {
  id: { column: sql`v.id`, type: 'uuid' },
  aggregate_id: { column: sql`v.aggregate_id`, type: 'uuid', sort: false },
  event_type: { column: sql`v.event_type`, type: 'text', sort: false },
}

export async function listEvents(ctx: Runner, query: { limit?: number; cursor?: string; [filter: string]: unknown }) {
  const page = paging({ ...query }, eventFields, '-id', sql`v.id`)
  const rows = await ctx.run<DomainEvent & { sort_value: string }>(sql`
    SELECT v.id, v.aggregate_id, v.aggregate_type, v.event_type, v.event_version, v.event_data, v.metadata, v.occurred_at, v.recorded_by,
      p.display_name AS recorded_by_name, v.id::text AS sort_value
    FROM domain_events v LEFT JOIN user_company_roles p ON p.company_id = v.company_id AND p.user_id = v.recorded_by
    WHERE v.company_id = (SELECT c.company_id FROM caller c) AND ${filters(query, eventFields, ['limit', 'cursor'])} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

const auditFields: ListFields = {
  id: { column: sql`l.id`, type: 'uuid' },
  entity_id: { column: sql`l.entity_id`, type: 'uuid', sort: false },
  entity_type: { column: sql`l.entity_type`, type: 'text', sort: false },
  action: { column: sql`l.action`, type: 'text', sort: false },
  user_id: { column: sql`l.user_id`, type: 'uuid', sort: false },
}

export async function listAudit(ctx: Runner, query: { limit?: number; cursor?: string; from?: string; to?: string; [filter: string]: unknown }) {
  const page = paging({ ...query }, auditFields, '-id', sql`l.id`)
  const from = query.from ? sql`l.created_at >= ${query.from}::timestamptz` : sql`true`
  const to = query.to ? sql`l.created_at < ${query.to}::timestamptz` : sql`true`
  const rows = await ctx.run<AuditEntry & { sort_value: string }>(sql`
    SELECT l.id, l.entity_type, l.entity_id, l.action, l.user_id, p.display_name AS user_name, l.old_values, l.new_values, l.metadata, l.created_at,
      l.id::text AS sort_value
    FROM audit_logs l LEFT JOIN user_company_roles p ON p.company_id = l.company_id AND p.user_id = l.user_id
    WHERE l.company_id = (SELECT c.company_id FROM caller c) AND ${filters(query, auditFields, ['limit', 'cursor', 'from', 'to'])} AND ${from} AND ${to} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}
