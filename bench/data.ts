// Builds the data set of the bench in an empty database, or finds it built.
import { readFileSync } from 'node:fs'
import { hash } from '@node-rs/argon2'
import pg from 'pg'

export const bench = { email: 'bench@bench.example', password: 'measure-with-care-2026', anchor: '2026-11-01T00:00:00Z' } as const
const id = (kind: number, n: number): string => `01${kind}00000-0000-7000-8000-${hex(n, 12)}`
export const companyId = (c: number): string => id(1, c)
export const userId = (u: number): string => id(2, u)
const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
/** As `timed_id` of data.sql. */
const machineId = (n: number): string => `${hex(1_672_531_200_000 + n * 1000, 12)}70048000${hex(n, 12)}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
/** After all machines of the data set come those that were registered while measuring. */
export const afterAll = '01860000-0000-7000-8000-000000000000'
/** The k-th machine of the largest company. */
export const largest = (k: number): string => machineId(Math.floor(k / 20) * 100 + (k % 20))

const parts = (file: string) =>
  readFileSync(new URL(file, import.meta.url), 'utf8')
    .split(/^-- == /m)
    .slice(1)
    .map((text) => ({ what: text.slice(0, text.indexOf('\n')), sql: text.slice(text.indexOf('\n')) }))

/** `url`: the superuser's. Takes about a minute for each 100,000 machines. */
export async function fill(url: string, machines: number, say: (line: string) => void): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC -c maintenance_work_mem=512MB -c synchronous_commit=off -c statement_timeout=0' })
  await client.connect()
  try {
    if ((await client.query('SELECT FROM users WHERE email = $1', [bench.email])).rowCount) return
    await client.query('BEGIN')
    await client.query('SET LOCAL session_replication_role = replica')
    const indexes = await setAside(client)
    const password = (await hash(bench.password)).replaceAll("'", "''")
    for (const { what, sql } of parts('data.sql')) {
      say(`${new Date().toISOString().slice(11, 19)} filling: ${what} …`)
      await client.query(sql.replaceAll('{machines}', String(machines)).replaceAll('{anchor}', bench.anchor).replaceAll('{password_hash}', password))
    }
    say(`${new Date().toISOString().slice(11, 19)} filling: ${indexes.length} indexes …`)
    for (const again of indexes) await client.query(again)
    await client.query('COMMIT')
    for (const { what, sql } of parts('plain.sql')) {
      say(`${new Date().toISOString().slice(11, 19)} filling: ${what} …`)
      await client.query(sql)
    }
    say(`${new Date().toISOString().slice(11, 19)} filling: VACUUM ANALYZE …`)
    await client.query('VACUUM ANALYZE')
    await client.query('CHECKPOINT')
  } finally {
    await client.end()
  }
}

/** Drops the indexes of the large tables and gives the statements that make them again: over all rows at once they take a tenth of the time. */
async function setAside(client: pg.Client): Promise<string[]> {
  const tables = "ARRAY['equipment', 'equipment_status_history', 'equipment_assignments', 'domain_events', 'audit_logs', 'equipment_search_documents', 'maintenance_records']::regclass[]"
  const exclusions =
    await client.query(`SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS off, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS again
    FROM pg_constraint WHERE contype = 'x' AND conrelid = ANY (${tables})`)
  const indexes = await client.query(`SELECT format('DROP INDEX %s', i.indexrelid::regclass) AS off, pg_get_indexdef(i.indexrelid) AS again FROM pg_index i
    WHERE i.indrelid = ANY (${tables}) AND NOT i.indisprimary AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`)
  const rows = [...exclusions.rows, ...indexes.rows] as { off: string; again: string }[]
  for (const { off } of rows) await client.query(off)
  return rows.map(({ again }) => again)
}
