// Which tables hold aggregates, read from the catalogue, and how a row is told by its events.
import { type Look, literal, name } from './look.ts'

/** `defaults`: what rows hold in columns younger than themselves, as JSON text. `generated`: columns no event tells: computed from others, secret, or a number of this installation. */
export type Source = { table: string; type: string; company: string; defaults: string; generated: string[]; enabled: boolean }

/** From the triggers, so that a table added later is verified without being named here. */
export async function readSources(query: Look): Promise<Source[]> {
  const sources = await query<Source>(`
    SELECT c.relname AS "table", split_part(encode(g.tgargs, 'escape'), '\\000', 1) AS type, g.tgenabled = 'O' AS enabled,
      CASE WHEN bool_or(a.attname = 'company_id') THEN 'company_id' ELSE 'id' END AS company,
      jsonb_object_agg(a.attname, CASE WHEN NOT a.atthasmissing THEN 'null'::jsonb
        WHEN a.atttypid IN ('json'::regtype, 'jsonb'::regtype) THEN (a.attmissingval::text::text[])[1]::jsonb
        ELSE to_jsonb((a.attmissingval::text::text[])[1]) END)::text AS defaults,
      coalesce(array_agg(a.attname::text) FILTER (WHERE a.attgenerated <> '' OR a.attname = 'token_hash' OR (c.relname = 'companies' AND a.attname = 'search_key') OR (c.relname = 'user_company_roles' AND a.attname = 'display_name')), '{}') AS generated
    FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid AND f.proname = 'record_change'
    JOIN pg_class c ON c.oid = g.tgrelid AND c.relnamespace = 'public'::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 GROUP BY c.relname, g.tgargs, g.tgenabled ORDER BY c.relname`)
  for (const source of sources) {
    const [typed] = await query<{ defaults: string }>(`SELECT to_jsonb(jsonb_populate_record(NULL::${name(source.table)}, $1::jsonb))::text AS defaults`, [source.defaults])
    source.defaults = typed?.defaults ?? '{}'
  }
  return sources
}

/** The row as its events tell it, in the row's own types. `state` and `row` are names in the statement around it; without `row`, computed columns stay empty. */
export function retold(source: Source, state: string, row?: string): string {
  const generated = row ? source.generated.map((column) => ` || jsonb_build_object(${literal(column)}, (${row}).${name(column)})`).join('') : ''
  return `jsonb_populate_record(NULL::${name(source.table)}, ${literal(source.defaults)}::jsonb || ${state}${generated})`
}
