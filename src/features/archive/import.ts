// One company out of its file: everything proved first, stored in one transaction under every constraint, compared row by row, or not at all.
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { CommandError } from '../../base/command.ts'
import { whenLocked } from '../../base/wait.ts'
import { linesOf, readSchema, readTables, type Table } from './catalogue.ts'
import { accountsPart, type Manifest } from './contract.ts'
import { withClient } from './export.ts'
import { damaged, readArchive } from './file.ts'

type Say = (line: string) => void
export type Moved = { id: string; email: string; known_id: string }
export type Imported = { company: { id: string; name: string }; rows: number; accounts: number; moved: Moved[]; without_password: string[] }

export async function importCompany(ownerUrl: string, path: string, how: { name?: string; dryRun?: boolean }, say: Say): Promise<Imported> {
  return withClient(ownerUrl, async (client) => {
    const schema = await readSchema(client)
    const tables = await readTables(client)
    say('Reading and proving the archive …')
    const manifest = await stage(client, path, tables)
    if (manifest.schema.fingerprint !== schema.fingerprint)
      throw new CommandError(
        `${path} was written by Bitcorp ERP ${manifest.program} with schema ${manifest.schema.newest}; this database has schema ${schema.newest}. Import it into an installation of that release, upgrade that, and export again. Nothing was imported.`,
      )
    await refuseTwins(client, manifest, how.name)
    if (!how.dryRun) await makeMonths(client)
    return store(client, manifest, tables, how, say)
  })
}

/** Into a table that only this connection sees, and that ends with it. */
async function stage(client: pg.Client, path: string, tables: Table[]): Promise<Manifest> {
  await client.query('CREATE TEMPORARY TABLE archive_rows (part text NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, row jsonb NOT NULL)')
  const known = new Set([accountsPart, ...tables.map((t) => t.name)])
  const manifest = await readArchive(path, async (table, lines) => {
    // What no release of this schema carries is judged by the manifest, which comes last.
    if (!known.has(table)) return
    try {
      await client.query('INSERT INTO archive_rows (part, row) SELECT $1, l.line::jsonb FROM unnest($2::text[]) WITH ORDINALITY AS l (line, n) ORDER BY l.n', [table, lines])
    } catch (error) {
      if (/^22/.test((error as { code?: string }).code ?? '')) throw damaged(path, `a row of ${table} is no JSON`)
      throw error
    }
  })
  await client.query('CREATE INDEX ON archive_rows (part, n); ANALYZE archive_rows')
  return manifest
}

async function refuseTwins(client: pg.Client, { company }: Manifest, name: string | undefined): Promise<void> {
  const wanted = name ?? company.name
  const { rows } = await client.query<{ id: string; name: string }>('SELECT id, name FROM list_companies() WHERE id = $1 OR lower(name) = lower($2) ORDER BY id = $1 DESC', [company.id, wanted])
  const twin = rows[0]
  if (twin?.id === company.id)
    throw new CommandError(`The company of this archive is here already, as "${twin.name}" (${twin.id}). An archive makes a company; it does not change one. Nothing was imported.`)
  if (twin) throw new CommandError(`There is another company "${twin.name}" here. Give a name for the one that comes in: --name "New name". Nothing was imported.`)
}

/** The months of its log, before the transaction: a table made within it would keep everyone from the log until its end. */
async function makeMonths(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ month: string }>(`
    SELECT DISTINCT date_trunc('month', (r.row ->> 'created_at')::timestamptz AT TIME ZONE 'UTC')::date::text AS month FROM archive_rows r
    WHERE r.part = 'equipment_logs' AND (r.row ->> 'created_at')::timestamptz BETWEEN '2000-01-01 00:00:00+00' AND now() + interval '1 year' ORDER BY 1`)
  for (const { month } of rows) await whenLocked(client, () => client.query('SELECT create_equipment_log_partition($1)', [month]))
}

async function store(client: pg.Client, manifest: Manifest, tables: Table[], how: { name?: string; dryRun?: boolean }, say: Say): Promise<Imported> {
  const { company } = manifest
  const silent = await whenLocked(client, () => beginSilently(client, tables))
  try {
    await client.query("SELECT set_config('lock_timeout', '0', true), set_config('app.imported_company', $1, true)", [company.id])
    const moved = await putAccounts(client)
    let rows = 0
    for (const table of tables) rows += await insert(client, table, say)
    for (const { table, trigger } of silent) await client.query(`ALTER TABLE ${table} ENABLE TRIGGER ${trigger}`)
    await client.query('SELECT build_imported_search($1)', [company.id])
    say('Comparing what is stored with the archive …')
    await prove(client, manifest, tables)
    const without = await settle(client, manifest, moved, how.name)
    await client.query(how.dryRun ? 'ROLLBACK' : 'COMMIT')
    // Plans made without knowing how much came in would be slow until the database looks for itself.
    if (!how.dryRun) await client.query('ANALYZE')
    const accounts = manifest.tables.find((t) => t.table === accountsPart)?.rows ?? 0
    return { company: { id: company.id, name: how.name ?? company.name }, rows, accounts, moved, without_password: without }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/**
 * Begins the transaction with the triggers of an insert switched off in it: the rows come with what they once did. Only the owner may, nobody
 * else sees it, and writers of these tables wait until it is over; constraints and foreign keys are no triggers of ours, and hold.
 */
async function beginSilently(client: pg.Client, tables: Table[]): Promise<{ table: string; trigger: string }[]> {
  await client.query('BEGIN')
  try {
    const { rows } = await client.query<{ table: string; trigger: string }>(
      `SELECT quote_ident(c.relname) AS "table", quote_ident(g.tgname) AS trigger FROM unnest($1::text[]) WITH ORDINALITY AS t (name, n) JOIN pg_class c ON c.oid = to_regclass('public.' || t.name)
       JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled = 'O' AND g.tgtype & 4 = 4 ORDER BY t.n, g.tgname`,
      [tables.map((t) => t.name)],
    )
    for (const { table, trigger } of rows) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ${trigger}`)
    return rows
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function putAccounts(client: pg.Client): Promise<Moved[]> {
  const { rows } = await client.query<Moved>("SELECT p.* FROM put_imported_accounts((SELECT coalesce(jsonb_agg(r.row ORDER BY r.n), '[]') FROM archive_rows r WHERE r.part = $1)) p", [accountsPart])
  return rows
}

async function insert(client: pg.Client, table: Table, say: Say): Promise<number> {
  const columns = table.columns.map((column) => `"${column}"`)
  const made = table.made ? [`"${table.made.column}"`, table.made.value] : undefined
  const { rowCount } = await client.query(
    `INSERT INTO ${table.name} (${[...columns, ...(made ? [made[0]] : [])].join(', ')})
     SELECT ${[...columns.map((column) => `p.${column}`), ...(made ? [made[1]] : [])].join(', ')}
     FROM archive_rows r CROSS JOIN LATERAL jsonb_populate_record(NULL::${table.name}, r.row) p WHERE r.part = $1 ORDER BY r.n`,
    [table.name],
  )
  if (rowCount) say(`${table.name}: ${rowCount} rows`)
  return rowCount ?? 0
}

/** Reads every row back as an export would and compares the sums with the manifest's. */
async function prove(client: pg.Client, manifest: Manifest, tables: Table[]): Promise<void> {
  const expected = new Map(manifest.tables.map((t) => [t.table, t]))
  await client.query('SET LOCAL ROLE record_keeper')
  for (const table of tables) {
    const digest = createHash('sha256')
    let count = 0
    await client.query(`DECLARE stored_lines NO SCROLL CURSOR FOR ${linesOf(table).replaceAll('$1', `'${manifest.company.id}'::uuid`)}`)
    for (;;) {
      const { rows } = await client.query<{ line: string }>(`FETCH ${table.isLarge ? 1 : 1000} FROM stored_lines`)
      if (!rows.length) break
      for (const { line } of rows) digest.update(line).update('\n')
      count += rows.length
    }
    await client.query('CLOSE stored_lines')
    const told = expected.get(table.name)
    if (told?.rows !== count || told.sha256 !== digest.digest('hex'))
      throw new CommandError(`What was stored of ${table.name} is not what the archive's manifest tells (${count} rows, ${told?.rows ?? 'none'} expected). Nothing was imported.`)
  }
  await client.query('SET LOCAL ROLE bitcorp_owner')
}

/** What changes by coming here, written as today's changes. Gives the addresses that have no password yet. */
async function settle(client: pg.Client, manifest: Manifest, moved: Moved[], name: string | undefined): Promise<string[]> {
  const { id } = manifest.company
  await client.query('SELECT settle_imported_company($1, $2)', [id, { source: 'archive', made_at: manifest.made_at }])
  await client.query('SELECT give_imported_places($1, $2, $3)', [id, moved.map((m) => m.id), moved.map((m) => m.known_id)])
  await client.query('SET LOCAL ROLE record_keeper')
  if (name) await client.query('UPDATE companies SET name = $2 WHERE id = $1', [id, name])
  const { rows } = await client.query<{ email: string }>(
    `SELECT u.email FROM users u JOIN user_company_roles r ON r.company_id = $1 AND r.user_id = u.id AND (r.ended_at IS NULL OR r.ended_at > now())
     WHERE u.password_hash IS NULL AND u.status = 'active' ORDER BY u.email`,
    [id],
  )
  await client.query('SET LOCAL ROLE bitcorp_owner')
  return rows.map((row) => row.email)
}
