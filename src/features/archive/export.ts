// One company into one file: everything of one instant, read as the keeper of the records, in parts, so that its size does not matter.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { CommandError } from '../../base/command.ts'
import { programVersion } from '../../base/config.ts'
import { leftOut, linesOf, readSchema, readTables, type Schema, type Table } from './catalogue.ts'
import { accountsPart, type Manifest } from './contract.ts'
import { ArchiveWriter } from './file.ts'

type Say = (line: string) => void
type Company = { id: string; name: string }

/** Connected as the owner. Instants are written in UTC, so that the same row is the same line everywhere. */
export async function withClient<T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'bitcorp_erp archive',
    connectionTimeoutMillis: 10_000,
    options: '-c timezone=UTC -c datestyle=ISO -c statement_timeout=0 -c idle_in_transaction_session_timeout=0',
  })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SET ROLE bitcorp_owner')
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

export async function exportCompany(ownerUrl: string, company: Company, path: string, say: Say): Promise<Manifest> {
  return withClient(ownerUrl, async (client) => {
    const schema = await readSchema(client)
    const tables = await readTables(client)
    const writer = new ArchiveWriter(path)
    try {
      await beginWhole(client, company)
      const manifest = await write(client, writer, { company, schema, tables }, say)
      await client.query('ROLLBACK; SET ROLE bitcorp_owner')
      await client.query('SELECT record_company_export($1, $2)', [company.id, { source: 'command', made_at: manifest.made_at }])
      return manifest
    } catch (error) {
      await writer.abandon()
      throw error
    }
  })
}

/** One snapshot in which every audit row of the company is chained: an unchained one could not be told from a forged one elsewhere. */
async function beginWhole(client: pg.Client, company: Company): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    for (let left = 1; left > 0; ) left = Number((await client.query('SELECT chain_audit_logs(10000) AS n')).rows[0].n)
    await client.query('SET ROLE record_keeper; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const { rows } = await client.query(
      'SELECT EXISTS (SELECT FROM audit_logs l WHERE l.company_id = $1 AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id)) AS open',
      [company.id],
    )
    if (!rows[0].open) return
    await client.query('ROLLBACK; SET ROLE bitcorp_owner')
    await sleep(50)
  }
  throw new CommandError(
    `${company.name} is written to without a pause, so that no instant could be found at which its audit is whole. Suspend it meanwhile: bitcorp company status "${company.name}" suspended.`,
  )
}

async function write(client: pg.Client, writer: ArchiveWriter, what: { company: Company; schema: Schema; tables: Table[] }, say: Say): Promise<Manifest> {
  const { company, schema, tables } = what
  await copy(client, writer, accountsPart, accountLines(await referencesToUsers(client)), company.id, 1000)
  for (const table of tables) {
    const rows = await copy(client, writer, table.name, linesOf(table), company.id, table.isLarge ? 1 : 1000)
    if (rows) say(`${table.name}: ${rows} rows`)
  }
  return writer.finish({ made_at: new Date().toISOString(), program: programVersion, schema, company, left_out: leftOut })
}

async function copy(client: pg.Client, writer: ArchiveWriter, name: string, select: string, companyId: string, at_once: number): Promise<number> {
  writer.begin(name)
  await client.query(`DECLARE archive_lines NO SCROLL CURSOR FOR ${select.replaceAll('$1', pg.escapeLiteral(companyId))}`)
  let count = 0
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${at_once} FROM archive_lines`)
    if (!rows.length) break
    for (const { line } of rows) await writer.add(line)
    count += rows.length
  }
  await client.query('CLOSE archive_lines')
  await writer.end()
  return count
}

type Reference = { table: string; column: string }

async function referencesToUsers(client: pg.Client): Promise<Reference[]> {
  const { rows } = await client.query<Reference>(`
    SELECT c.relname AS "table", a.attname AS "column" FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass AND k.conparentid = 0 AND cardinality(k.conkey) = 1
      AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'company_id' AND NOT o.attisdropped) ORDER BY 1, 2`)
  return rows
}

/** The accounts that the company's rows name. Who was made anonymous here has no name in the archive, though elsewhere they may have one. */
function accountLines(references: Reference[]): string {
  const named = references.map(({ table, column }) => `SELECT ${column} FROM ${table} WHERE company_id = $1`).join(' UNION ')
  return `
    SELECT jsonb_build_object('id', u.id, 'language', u.language,
      'email', CASE WHEN r.anonymised_at IS NULL THEN u.email ELSE 'former-' || u.id || '@anonymised.invalid' END,
      'full_name', CASE WHEN r.anonymised_at IS NULL THEN u.full_name ELSE r.display_name END,
      'status', CASE WHEN r.anonymised_at IS NULL THEN u.status ELSE 'deactivated' END)::text AS line
    FROM users u LEFT JOIN user_company_roles r ON r.company_id = $1 AND r.user_id = u.id WHERE u.id IN (${named}) ORDER BY u.id`
}
