// The queries of events and audit.
import { type RawBuilder, sql } from 'kysely'
import type { Database, Runner } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import type { AuditEntry, AuditFault, DomainEvent, FeedEvent } from './contract.ts'

/** The name of what a record is about, as it is called now, and its machine: a few lookups by key for each row of a page. */
const subject = (type: RawBuilder<unknown>, company: RawBuilder<unknown>, id: RawBuilder<unknown>) => sql`
  LEFT JOIN LATERAL (
    SELECT e.name || ' · ' || coalesce(e.fleet_code, e.serial_number) AS subject_name, e.id AS equipment_id
    FROM equipment e WHERE ${type} IN ('equipment', 'assignment', 'maintenance', 'maintenance_file') AND e.company_id = ${company} AND e.id = CASE ${type}
      WHEN 'equipment' THEN ${id}
      WHEN 'maintenance' THEN (SELECT m.equipment_id FROM maintenance_records m WHERE m.company_id = ${company} AND m.id = ${id})
      WHEN 'maintenance_file' THEN (SELECT f.equipment_id FROM maintenance_files f WHERE f.company_id = ${company} AND f.id = ${id}) ELSE (SELECT a.equipment_id FROM equipment_assignments a WHERE a.company_id = ${company} AND a.id = ${id}) END
    UNION ALL SELECT k.name, NULL FROM equipment_categories k WHERE ${type} = 'category' AND k.company_id = ${company} AND k.id = ${id}
    UNION ALL SELECT r.display_name, NULL FROM user_company_roles r WHERE ${type} = 'user' AND r.company_id = ${company} AND r.id = ${id}
    UNION ALL SELECT o.name, NULL FROM api_tokens o WHERE ${type} = 'api_token' AND o.company_id = ${company} AND o.id = ${id}
    UNION ALL SELECT w.name, NULL FROM webhooks w WHERE ${type} = 'webhook' AND w.company_id = ${company} AND w.id = ${id}
    UNION ALL SELECT co.name, NULL FROM companies co WHERE ${type} = 'company' AND co.id = ${company}
  ) s ON true`

/** Ids hold the instant they were made, so that a period is a range of the primary key; a minute more, since clocks are read twice. */
function period(id: RawBuilder<unknown>, at: RawBuilder<unknown>, { from, to }: { from?: string; to?: string }): RawBuilder<unknown> {
  const idAt = (ms: number) => {
    const hex = Math.max(0, ms).toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
  }
  const after = from ? sql`${at} >= ${from}::timestamptz AND ${id} >= ${idAt(Date.parse(from) - 60_000)}::uuid` : sql`true`
  const before = to ? sql`${at} < ${to}::timestamptz AND ${id} < ${idAt(Date.parse(to) + 60_000)}::uuid` : sql`true`
  return sql`${after} AND ${before}`
}

const eventFields: ListFields = {
  id: { column: sql`v.id`, type: 'uuid' },
  aggregate_id: { column: sql`v.aggregate_id`, type: 'uuid', sort: false },
  aggregate_type: { column: sql`v.aggregate_type`, type: 'text', sort: false },
  event_type: { column: sql`v.event_type`, type: 'text', sort: false },
  recorded_by: { column: sql`v.recorded_by`, type: 'uuid', sort: false },
}

export async function listEvents(ctx: Runner, query: { limit?: number; cursor?: string; from?: string; to?: string; [filter: string]: unknown }) {
  const page = paging({ ...query }, eventFields, '-id', sql`v.id`)
  const rows = await ctx.run<DomainEvent & { sort_value: string }>(sql`
    SELECT v.id, v.aggregate_id, v.aggregate_type, v.event_type, v.event_version, v.event_data, v.metadata, v.occurred_at, v.recorded_by,
      p.display_name AS recorded_by_name, s.subject_name, s.equipment_id, v.id::text AS sort_value
    FROM domain_events v LEFT JOIN user_company_roles p ON p.company_id = v.company_id AND p.user_id = v.recorded_by
      ${subject(sql`v.aggregate_type`, sql`v.company_id`, sql`v.aggregate_id`)}
    WHERE v.company_id = (SELECT c.company_id FROM caller c) AND ${filters(query, eventFields, ['limit', 'cursor', 'from', 'to'])} AND ${period(sql`v.id`, sql`v.occurred_at`, query)} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

/** The first place of all; any other one names its event. */
export const feedStart = '0-0'

/**
 * Events in the order of their transactions, of finished ones alone: below the oldest transaction that is still open nothing
 * can appear any more, so a reader who goes on from where it stopped meets every event once, however late some commit.
 * A position names its event: where that one is not stored, the past is another one (an older copy was put back), and it is refused.
 */
export async function readFeed(ctx: Runner, query: { after?: string | undefined; limit?: number | undefined }) {
  const after = query.after ?? feedStart
  const [transaction, sequence, mark] = after.split('-')
  const limit = query.limit ?? 200
  const known = () =>
    ctx.run(sql`
      SELECT FROM domain_events v WHERE v.company_id = (SELECT c.company_id FROM caller c)
        AND v.transaction_id = ${transaction}::xid8 AND v.sequence = ${sequence}::bigint AND right(v.id::text, 12) = ${mark}`)
  const read = ctx.run<FeedEvent>(sql`
    SELECT v.transaction_id || '-' || v.sequence || '-' || right(v.id::text, 12) AS position, v.id, v.aggregate_id, v.aggregate_type, v.event_type, v.event_version,
      v.event_data, v.metadata, v.occurred_at, v.recorded_by
    FROM list_feed_spans(${transaction}::xid8, ${sequence}::bigint) s CROSS JOIN LATERAL (
      SELECT * FROM domain_events v
      WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.transaction_id < s.before
        AND (v.transaction_id, v.sequence) > (s.from_transaction, s.from_sequence) AND v.sequence > s.above AND v.sequence <= s.up_to
      ORDER BY v.transaction_id, v.sequence LIMIT ${limit + 1}) v
    ORDER BY s.place, v.transaction_id, v.sequence LIMIT ${limit + 1}`)
  const [rows, found] = await Promise.all([read, after === feedStart ? ['start'] : known()])
  if (found.length === 0) throw new Refusal(410, 'feed_position_gone')
  const items = rows.slice(0, limit)
  return { items, next_after: items.at(-1)?.position ?? after, at_end: rows.length <= limit }
}

/** The position of the last event there is. */
export async function findFeedEnd(ctx: Runner): Promise<string> {
  const [row] = await ctx.run<{ position: string }>(sql`
    SELECT v.transaction_id || '-' || v.sequence || '-' || right(v.id::text, 12) AS position
    FROM list_feed_spans('0'::xid8, 0) s CROSS JOIN LATERAL (
      SELECT * FROM domain_events v
      WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.transaction_id < s.before AND v.sequence > s.above AND v.sequence <= s.up_to
      ORDER BY v.transaction_id DESC, v.sequence DESC LIMIT 1) v
    ORDER BY s.place DESC LIMIT 1`)
  return row?.position ?? feedStart
}

/** Which of these followers may still read, by their place in the list, and where the feed stands for them. */
export async function watchFeed(db: Database, followers: readonly { credential: string; companyId: string }[]) {
  return db.plain<{ place: number; head: string | null }>(sql`SELECT place, head FROM watch_event_feed(${followers.map((f) => f.credential)}::text[], ${followers.map((f) => f.companyId)}::uuid[])`)
}

const auditFields: ListFields = {
  id: { column: sql`l.id`, type: 'uuid' },
  entity_id: { column: sql`l.entity_id`, type: 'uuid', sort: false },
  entity_type: { column: sql`l.entity_type`, type: 'text', sort: false },
  action: { column: sql`l.action`, type: 'text', sort: false },
  user_id: { column: sql`l.user_id`, type: 'uuid', sort: false },
}

type AuditQuery = { from?: string; to?: string; any_id?: string; [filter: string]: unknown }

function auditWhere(query: AuditQuery): RawBuilder<unknown> {
  const { any_id: any } = query
  const byId = any ? sql`(l.id = ${any}::uuid OR l.entity_id = ${any}::uuid OR l.user_id = ${any}::uuid)` : sql`true`
  return sql`l.company_id = (SELECT c.company_id FROM caller c) AND ${filters(query, auditFields, ['limit', 'cursor', 'from', 'to', 'any_id'])} AND ${byId} AND ${period(sql`l.id`, sql`l.created_at`, query)}`
}
const ofAudit = sql`FROM audit_logs l LEFT JOIN user_company_roles p ON p.company_id = l.company_id AND p.user_id = l.user_id
  ${subject(sql`l.entity_type`, sql`l.company_id`, sql`l.entity_id`)}`

export async function listAudit(ctx: Runner, query: AuditQuery & { limit?: number; cursor?: string }) {
  const page = paging({ ...query }, auditFields, '-id', sql`l.id`)
  const rows = await ctx.run<AuditEntry & { sort_value: string }>(sql`
    SELECT l.id, l.entity_type, l.entity_id, l.action, l.user_id, p.display_name AS user_name, l.old_values, l.new_values, l.metadata, l.created_at,
      s.subject_name, s.equipment_id, l.id::text AS sort_value
    ${ofAudit} WHERE ${auditWhere(query)} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

/** Writes the export into the audit, and tells how many rows it holds and which is the last: what is written meanwhile is not in it. */
export async function beginAuditExport(ctx: Runner, query: AuditQuery, format: string): Promise<{ count: number; last: string | null }> {
  const [row] = await ctx.run<{ count: number; last: string | null }>(sql`
    WITH counted AS MATERIALIZED (SELECT count(*)::int AS count, max(l.id::text COLLATE "C")::uuid AS last FROM audit_logs l WHERE ${auditWhere(query)})
    SELECT counted.count, counted.last, record_audit('audit_log', NULL, 'exported', ${JSON.stringify({ ...query, format })}::jsonb || jsonb_build_object('count', counted.count)) FROM counted`)
  return row ?? { count: 0, last: null }
}

/** Values as PostgreSQL writes them: parsed, a number would lose its zeros and the text would no longer be what was hashed. */
export type AuditExportRow = {
  position: number | null
  chained_at: string | null
  hash: string | null
  previous_hash: string | null
  id: string
  created_at: string
  user_id: string | null
  user_name: string | null
  entity_type: string
  entity_id: string | null
  subject_name: string | null
  action: string
  old_values: string | null
  new_values: string | null
  metadata: string
  hashed_text: string | null
}

/**
 * A page of the audit in the order of its ids, from behind one to another. A row that the chain has not reached has no link.
 * The place before is worked out apart: an arithmetic in the join would keep row security from using the index.
 */
export async function listAuditExportPage(ctx: Runner, query: AuditQuery, after: string | null, last: string, limit: number): Promise<AuditExportRow[]> {
  return ctx.run<AuditExportRow>(sql`
    SELECT k.position, k.chained_at, k.hash, CASE k.position WHEN 1 THEN repeat('0', 64) ELSE b.hash END AS previous_hash, l.id, l.created_at, l.user_id, p.display_name AS user_name,
      l.entity_type, l.entity_id, s.subject_name, l.action, l.old_values::text, l.new_values::text, l.metadata::text,
      CASE WHEN k.position IS NOT NULL THEN write_audit_row(k.position, k.chained_at, l) END AS hashed_text
    ${ofAudit}
    LEFT JOIN LATERAL (SELECT c.*, c.position - 1 AS place_before FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id OFFSET 0) k ON true
    LEFT JOIN audit_chain b ON b.company_id = k.company_id AND b.position = k.place_before
    WHERE ${auditWhere(query)} AND l.id <= ${last}::uuid AND (${after}::uuid IS NULL OR l.id > ${after}::uuid)
    ORDER BY l.id LIMIT ${limit}`)
}

const chainAtOnce = 5000

/** Chains what is finished, at most a hundred thousand rows of it; the rest is left to the clock. */
export async function chainAudit(ctx: Runner): Promise<void> {
  for (let turn = 0, chained = chainAtOnce; turn < 20 && chained === chainAtOnce; turn++)
    chained = (await ctx.run<{ chained: number }>(sql`SELECT chain_audit_logs(${chainAtOnce}) AS chained`))[0]?.chained ?? 0
}

export type ChainState = { company_id: string; name: string; position: number | null; hash: string; chained_at: string; waiting: number; chained_to: string }

/** Undefined for who may not know. */
export async function findChainState(ctx: Runner): Promise<ChainState | undefined> {
  return (await ctx.run<ChainState>(sql`SELECT s.company_id, s.name, s.position, s.hash, s.chained_at, s.waiting, s.chained_to::text FROM get_audit_chain_state() s`))[0]
}

/** Counts the links up to this one, and writes into the audit that a checkpoint left. */
export async function recordCheckpoint(ctx: Runner, position: number, hash: string): Promise<number> {
  const [row] = await ctx.run<{ rows: number }>(sql`
    SELECT (SELECT count(*) FROM audit_chain k WHERE k.company_id = (SELECT c.company_id FROM caller c) AND k.position <= ${position}) AS rows,
      record_audit('audit_checkpoint', NULL, 'exported', ${JSON.stringify({ position, hash })}::jsonb)`)
  return row?.rows ?? 0
}

/** The hash that stands at this place of the chain now, and how many links there are up to it. */
export async function findLink(ctx: Runner, position: number): Promise<{ hash: string | null; rows: number }> {
  const [row] = await ctx.run<{ hash: string | null; rows: number }>(sql`
    SELECT max(k.hash) FILTER (WHERE k.position = ${position}) AS hash, count(*) AS rows
    FROM audit_chain k WHERE k.company_id = (SELECT c.company_id FROM caller c) AND k.position <= ${position}`)
  return row ?? { hash: null, rows: 0 }
}

export async function listLinkFaults(ctx: Runner, from: number, limit: number): Promise<AuditFault[]> {
  return ctx.run<AuditFault>(sql`
    SELECT f.rule, f.position, f.audit_id, f.found, f.expected FROM list_audit_faults((SELECT c.company_id FROM caller c), ${from}::bigint, ${limit}::integer) f`)
}

/** Rows that the chain passed by, among the next so many; `last` is null when there are no more. */
export async function listUnchained(ctx: Runner, after: string, chainedTo: string, limit: number): Promise<{ ids: string[]; last: string | null }> {
  const [row] = await ctx.run<{ ids: string[]; last: string | null; seen: number }>(sql`
    WITH seen AS MATERIALIZED (
      SELECT l.id, l.transaction_id FROM audit_logs l WHERE l.company_id = (SELECT c.company_id FROM caller c) AND l.id > ${after}::uuid ORDER BY l.id LIMIT ${limit})
    SELECT ARRAY(SELECT n.id::text FROM seen n WHERE n.transaction_id < ${chainedTo}::xid8
        AND NOT EXISTS (SELECT FROM audit_chain k WHERE k.company_id = (SELECT c.company_id FROM caller c) AND k.audit_id = n.id) ORDER BY n.id LIMIT 100) AS ids,
      (SELECT max(n.id::text COLLATE "C") FROM seen n) AS last, (SELECT count(*) FROM seen n) AS seen`)
  return { ids: row?.ids ?? [], last: row && row.seen === limit ? row.last : null }
}
