// What of a company stands in an archive and what does not: each table of companies is named here once, and the catalogue says how they hang together.
import type pg from 'pg'

/** Tables whose rows go along, whole but for the columns in `kept`. */
const carried = new Set([
  'api_tokens',
  'audit_chain',
  'audit_logs',
  'companies',
  'company_usage_months',
  'domain_events',
  'equipment',
  'equipment_assignments',
  'equipment_categories',
  'equipment_fleet_periods',
  'equipment_logs',
  'equipment_serial_counters',
  'equipment_status_history',
  'equipment_usage_months',
  'import_batches',
  'maintenance_digest_mails',
  'maintenance_file_contents',
  'maintenance_files',
  'maintenance_records',
  'user_company_roles',
  'webhooks',
])

/** Tables whose rows stay, each with the reason that the archive gives too. */
export const leftOut: Readonly<Record<string, string>> = {
  encrypted_tax_ids: 'tax ids are encrypted with this installation’s keys, which no archive holds; write them again',
  equipment_search_documents: 'built again from the machines',
  equipment_search_words: 'built again from the machines',
  idempotency_keys: 'replies kept for repeated requests to this installation',
  webhook_deliveries: 'tries of this installation, kept for thirty days',
  webhook_progress: 'how far this installation sent',
  webhook_secrets: 'secrets that sign; the webhooks get others',
}

/** Columns that are an installation's own beside identity and computed ones; `made` fills the one that may not be empty. */
const kept: Readonly<Record<string, { column: string; made?: string }>> = {
  domain_events: { column: 'transaction_id' },
  api_tokens: { column: 'token_hash', made: "encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')" },
}

export type Table = {
  name: string
  /** The column that says whose row it is. */
  company: string
  columns: string[]
  made: { column: string; value: string } | undefined
  /** What the rows are read in the order of: the same before and after. */
  order: string
  /** Its rows may be very long. */
  isLarge: boolean
}

type Found = { name: string; company: string; columns: string[]; order: string; is_large: boolean; needs: string[] }

/** The tables of companies as this database has them, each after those it refers to. Throws when one is neither carried nor left out. */
export async function readTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Found>(`
    SELECT c.relname AS name, CASE c.relname WHEN 'companies' THEN 'id' ELSE 'company_id' END AS company,
      (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = '') AS columns,
      coalesce((SELECT string_agg(format('t.%I', a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END, ', ' ORDER BY k.n)
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attidentity = ''), '1') AS "order",
      EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid = 'bytea'::regtype) AS is_large,
      ARRAY(SELECT DISTINCT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid AND f.relkind IN ('r', 'p') AND NOT f.relispartition) AS needs
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (c.relname = 'companies' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped))
    ORDER BY c.relname`)
  const unknown = rows.filter((t) => !carried.has(t.name) && !leftOut[t.name]).map((t) => t.name)
  if (unknown.length) throw new Error(`src/features/archive/catalogue.ts does not say whether the rows of ${unknown.join(', ')} belong into an archive`)
  return inOrder(rows.filter((t) => carried.has(t.name))).map(describe)
}

/** Rows of months are added up; the events of one transaction have an order that only their place in the feed tells. */
const orders: Readonly<Record<string, string>> = {
  company_usage_months: 't.month, t.assignments_begun, t.assignments_ended, t.assigned_rest, t.fleet_entered, t.fleet_left, t.fleet_rest',
  domain_events: '(SELECT count(*) FROM event_feed_epochs e WHERE e.last_sequence < t.sequence), t.transaction_id, t.sequence',
}

function describe(found: Found): Table {
  const own = kept[found.name]
  return {
    name: found.name,
    company: found.company,
    columns: found.columns.filter((column) => column !== own?.column),
    made: own?.made ? { column: own.column, value: own.made } : undefined,
    order: orders[found.name] ?? found.order,
    isLarge: found.is_large,
  }
}

/** Those that refer to none of the others come first. */
function inOrder(tables: Found[]): Found[] {
  const done: Found[] = []
  while (done.length < tables.length) {
    const placed = new Set(done.map((t) => t.name))
    const open = tables.filter((t) => !placed.has(t.name))
    const next = open.filter((t) => t.needs.every((need) => placed.has(need) || !open.some((o) => o.name === need)))
    if (!next.length) throw new Error(`${open.map((t) => t.name).join(', ')} refer to each other in a circle`)
    done.push(...next)
  }
  return done
}

/** The rows of a company as lines of JSON, in their order. Parameter $1 is the company. */
export function linesOf(table: Table): string {
  const values = table.columns.map((column) => `'${column}', t.${column}`)
  // A function takes at most a hundred arguments.
  const parts = []
  for (let i = 0; i < values.length; i += 40) parts.push(`jsonb_build_object(${values.slice(i, i + 40).join(', ')})`)
  return `SELECT (${parts.join(' || ')})::text AS line FROM ${table.name} t WHERE t.${table.company} = $1 ORDER BY ${table.order}`
}

export type Schema = { newest: string; fingerprint: string }

/** Which migrations the database has; two with the same ones have the same tables. Asked as the owner. */
export async function readSchema(client: pg.Client): Promise<Schema> {
  const { rows } = await client.query<Schema>(
    "SELECT max(version) AS newest, encode(sha256(convert_to(string_agg(version || ' ' || checksum, ',' ORDER BY version), 'UTF8')), 'hex') AS fingerprint FROM schema_migrations",
  )
  return rows[0] ?? { newest: '', fingerprint: '' }
}
