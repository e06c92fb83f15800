// Events against rows: for every aggregate, its events put one over the other give its row, byte for byte.
import { type Fault, type Look, literal, look, name, type Say } from './look.ts'
import { verifyProjections } from './projections.ts'
import { rebuildBeside } from './rebuild.ts'
import { readSources, retold, type Source } from './sources.ts'

export type EventsReport = { rows: number; events: number; faults: Fault[] }

const nowhere = '00000000-0000-0000-0000-000000000000'
const page = 2000

export async function verifyEvents(ownerUrl: string, say: Say, how: { rebuild?: boolean } = {}): Promise<EventsReport> {
  return look(
    ownerUrl,
    async (query) => {
      const sources = await readSources(query)
      const report: EventsReport = { rows: 0, events: 0, faults: sources.filter((s) => !s.enabled).map(switchedOff) }
      for (const source of sources) await verifySource(query, source, report, say)
      report.faults.push(...(await findOrphans(query, sources)), ...(await findUnlikeTwins(query)))
      say('status history, search and counters …')
      report.faults.push(...(await verifyProjections(query)))
      if (how.rebuild) report.faults.push(...(await rebuildBeside(query, sources, say)))
      return report
    },
    { temporary: how.rebuild ?? false },
  )
}

const switchedOff = (source: Source): Fault => ({
  rule: 'trigger_on',
  where: `The trigger that records changes of ${source.table} is switched off.`,
  company_id: null,
  found: 'disabled',
  expected: 'enabled',
})

async function verifySource(query: Look, source: Source, report: EventsReport, say: Say): Promise<void> {
  let after: [string, string] = [nowhere, nowhere]
  let rows = 0
  let events = 0
  const statement = statementOf(source)
  for (;;) {
    const [found] = await query<{ rows: number; events: number; last_company: string; last_id: string; bad: BadRow[] }>(statement, after)
    if (!found?.rows) break
    after = [found.last_company, found.last_id]
    rows += found.rows
    events += found.events
    for (const bad of found.bad) report.faults.push(await explain(query, source, bad))
    if (rows % (page * 10) === 0) say(`${source.type}: ${rows} rows …`)
    if (found.rows < page) break
  }
  report.rows += rows
  report.events += events
  say(`${source.type}: ${rows} rows told by ${events} events`)
}

type BadRow = { company_id: string; id: string }

/** One page of rows with all their events. A row is bad when a version is missing, an event contradicts those before it, or the end is not the row. */
function statementOf(source: Source): string {
  const table = name(source.table)
  const company = `t.${name(source.company)}`
  return `
    WITH page AS MATERIALIZED (
      SELECT ${company} AS company_id, t.id, t AS row FROM ${table} t
      WHERE (${source.company === 'id' ? 't.id' : `${company}, t.id`}) > (${source.company === 'id' ? '$2::uuid' : '$1::uuid, $2::uuid'}) AND $1::uuid IS NOT NULL
      ORDER BY ${source.company === 'id' ? 't.id' : `${company}, t.id`} LIMIT ${page}
    ), story AS (
      SELECT p.company_id, p.id, e.event_version, e.aggregate_type, e.event_data, row_number() OVER w AS n,
        fold_event_values(e.event_data -> 'new') OVER w AS state
      FROM page p JOIN domain_events e ON e.company_id = p.company_id AND e.aggregate_id = p.id
      WINDOW w AS (PARTITION BY p.company_id, p.id ORDER BY e.event_version ROWS UNBOUNDED PRECEDING)
    ), step AS (
      SELECT s.company_id, s.id, s.n, lead(s.n) OVER w IS NULL AS is_last, s.state,
        s.n <> s.event_version OR s.aggregate_type <> ${literal(source.type)} OR (s.event_data -> 'new' ->> 'version') IS DISTINCT FROM s.event_version::text
          -- Where both say something they say the same; what only one knows is a column that came or went.
          OR d.defaults || lag(s.state, 1, '{}') OVER w || (s.event_data -> 'old') <> (s.event_data -> 'old') || (d.defaults || lag(s.state, 1, '{}') OVER w) AS is_bad
      FROM story s, (SELECT ${literal(source.defaults)}::jsonb AS defaults) d WINDOW w AS (PARTITION BY s.company_id, s.id ORDER BY s.n)
    ), told AS (
      SELECT s.company_id, s.id, count(*) AS events, bool_or(s.is_bad) IS NOT FALSE AS is_bad, (array_agg(s.state) FILTER (WHERE s.is_last))[1] AS state
      FROM step s GROUP BY s.company_id, s.id
    ), judged AS (
      SELECT p.company_id, p.id, d.events,
        d.id IS NULL OR d.is_bad OR to_jsonb(${retold(source, 'd.state', 'p.row')})::text <> to_jsonb(p.row)::text AS is_bad
      FROM page p LEFT JOIN told d ON d.company_id = p.company_id AND d.id = p.id
    )
    SELECT count(*) AS rows, coalesce(sum(events), 0)::bigint AS events, (max(ARRAY[company_id::text, id::text]))[1] AS last_company,
      (max(ARRAY[company_id::text, id::text]))[2] AS last_id,
      coalesce((SELECT jsonb_agg(jsonb_build_object('company_id', b.company_id, 'id', b.id)) FROM (
        SELECT company_id, id FROM judged WHERE is_bad ORDER BY company_id, id LIMIT 100) b), '[]') AS bad
    FROM judged`
}

type Told = { event_version: number; aggregate_type: string; old: Record<string, unknown>; new: Record<string, unknown> }

/** Names the first difference of one aggregate: the version, the column, and both values. Values are compared as their text. */
async function explain(query: Look, source: Source, bad: BadRow): Promise<Fault> {
  const events = await query<{ event_version: number; aggregate_type: string; old: object; new: object }>(
    `SELECT e.event_version, e.aggregate_type,
       (SELECT coalesce(jsonb_object_agg(o.key, o.value::text), '{}') FROM jsonb_each(coalesce(e.event_data -> 'old', '{}')) o) AS old,
       (SELECT coalesce(jsonb_object_agg(o.key, o.value::text), '{}') FROM jsonb_each(coalesce(e.event_data -> 'new', '{}')) o) AS new
     FROM domain_events e WHERE e.company_id = $1 AND e.aggregate_id = $2 ORDER BY e.event_version`,
    [bad.company_id, bad.id],
  )
  const [stored] = await query<{ row: Record<string, string>; told: Record<string, string> }>(
    `SELECT (SELECT jsonb_object_agg(o.key, o.value::text) FROM jsonb_each(to_jsonb(t)) o) AS row,
       (SELECT jsonb_object_agg(o.key, o.value::text) FROM jsonb_each(to_jsonb(${retold(source, 'f.state', 't')})) o) AS told
     FROM ${name(source.table)} t, (SELECT coalesce(fold_event_values(e.event_data -> 'new' ORDER BY e.event_version), '{}') AS state
       FROM domain_events e WHERE e.company_id = $1 AND e.aggregate_id = $2) f
     WHERE t.${name(source.company)} = $1 AND t.id = $2`,
    [bad.company_id, bad.id],
  )
  const at = (version: number, column: string | null, expected: unknown, found: unknown, rule: string): Fault => ({
    rule,
    where: `${source.type} ${bad.id}, version ${version}${column ? `, ${column}` : ''}`,
    company_id: bad.company_id,
    aggregate_type: source.type,
    aggregate_id: bad.id,
    version,
    column,
    expected,
    found,
  })
  return firstContradiction(events as Told[], source, at) ?? firstDifference(stored, events.length, at)
}

type At = (version: number, column: string | null, expected: unknown, found: unknown, rule: string) => Fault

function firstContradiction(events: Told[], source: Source, at: At): Fault | undefined {
  const state: Record<string, unknown> = {}
  for (const [i, event] of events.entries()) {
    const version = i + 1
    if (event.event_version !== version) return at(version, null, 'an event', `none; the next is version ${event.event_version}`, 'versions_without_gap')
    if (event.aggregate_type !== source.type) return at(version, null, source.type, event.aggregate_type, 'event_of_its_type')
    if (event.new.version !== String(version)) return at(version, 'version', String(version), event.new.version ?? null, 'event_holds_its_version')
    for (const [column, value] of Object.entries(event.old).sort()) {
      // A column younger than the row stands in no event before its first change.
      if (column in state ? state[column] !== value : version === 1) return at(version, column, state[column] ?? null, value, 'event_follows_the_one_before')
    }
    Object.assign(state, event.new)
  }
  return events.length === 0 ? at(1, null, 'an event', 'none', 'versions_without_gap') : undefined
}

function firstDifference(stored: { row: Record<string, string>; told: Record<string, string> } | undefined, events: number, at: At): Fault {
  if (!stored) return at(events, null, 'a row', 'none', 'row_for_events')
  const columns = [...new Set([...Object.keys(stored.told), ...Object.keys(stored.row)])].sort()
  // A row behind or ahead of its events says so by its version first.
  const column = ['version', ...columns].find((c) => stored.told[c] !== stored.row[c])
  return at(events, column ?? null, column ? (stored.told[column] ?? null) : 'the same bytes', column ? (stored.row[column] ?? null) : 'others', 'row_equals_events')
}

/** Events of aggregates that have no row, or of a type no table has. */
async function findOrphans(query: Look, sources: Source[]): Promise<Fault[]> {
  const withRow = sources.map((s) => `(e.aggregate_type = ${literal(s.type)} AND EXISTS (SELECT FROM ${name(s.table)} t WHERE t.${name(s.company)} = e.company_id AND t.id = e.aggregate_id))`)
  const rows = await query<{ company_id: string; aggregate_type: string; aggregate_id: string; event_version: number }>(`
    SELECT e.company_id, e.aggregate_type, e.aggregate_id, min(e.event_version) AS event_version FROM domain_events e
    WHERE NOT (${withRow.join(' OR ')}) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 100`)
  return rows.map((r) => ({
    rule: 'row_for_events',
    where: `${r.aggregate_type} ${r.aggregate_id}, version ${r.event_version}`,
    ...r,
    version: r.event_version,
    column: null,
    expected: 'a row',
    found: 'none',
  }))
}

/** Each event has a twin in the audit, with the same values, author, instant and circumstances; so the audit's chain guards the events too. */
async function findUnlikeTwins(query: Look): Promise<Fault[]> {
  const rows = await query<{ company_id: string; aggregate_type: string; aggregate_id: string; version: number; event: string; audit: string | null }>(`
    SELECT e.company_id, e.aggregate_type, e.aggregate_id, e.event_version AS version,
      jsonb_build_array(e.event_data, e.metadata, e.occurred_at, e.recorded_by)::text AS event,
      CASE WHEN l.id IS NOT NULL THEN jsonb_build_array(jsonb_build_object('old', l.old_values, 'new', l.new_values), l.metadata, l.created_at, l.user_id)::text END AS audit
    FROM domain_events e LEFT JOIN audit_logs l ON l.company_id = e.company_id AND l.entity_id = e.aggregate_id AND l.entity_type = e.aggregate_type
      AND l.new_values ->> 'version' = e.event_version::text AND l.old_values IS NOT NULL
    WHERE (e.event_data -> 'old', e.event_data -> 'new', e.metadata, e.occurred_at, e.recorded_by, e.event_type)
      IS DISTINCT FROM (l.old_values, l.new_values, l.metadata, l.created_at, l.user_id, l.entity_type || '_' || l.action)
    ORDER BY e.company_id, e.aggregate_id, e.event_version LIMIT 100`)
  return rows.map((r) => ({
    rule: 'event_equals_audit',
    where: `${r.aggregate_type} ${r.aggregate_id}, version ${r.version}`,
    company_id: r.company_id,
    aggregate_type: r.aggregate_type,
    aggregate_id: r.aggregate_id,
    version: r.version,
    column: null,
    expected: r.audit ?? 'an audit row',
    found: r.event,
  }))
}
