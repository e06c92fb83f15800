// Companies made for a measuring and taken out after it: what is written there is no part of the data set.
import pg from 'pg'
import { ask, type Bed, query, settle } from './bed.ts'
import { bench } from './data.ts'

const named = 'Solo para medir'

/** With a category of machines; who measures is its admin. Gives its id. */
export async function makeCompany(bed: Bed): Promise<string> {
  const settings = { time_zone: 'America/Lima', currency: 'PEN', language: 'es' }
  const [made] = await query<{ id: string }>(bed.product.superuser, 'SELECT create_company($1, $2) AS id', [`${named} ${crypto.randomUUID()}`, settings])
  const id = made?.id ?? ''
  await query(bed.product.superuser, "SELECT put_membership($1, u.id, 'admin') FROM users u WHERE u.email = $2", [id, bench.email])
  await ask(bed, 'POST', `/api/v1/companies/${id}/equipment-categories`, { name: 'Volquetes' })
  return id
}

/** Takes out the companies that were made so, with all their rows, past triggers, so that the data set is as it was. */
export async function forgetCompanies(bed: Bed): Promise<void> {
  await settle(bed)
  const client = new pg.Client({ connectionString: bed.product.superuser, options: '-c statement_timeout=0 -c session_replication_role=replica' })
  await client.connect()
  try {
    const { rows: companies } = await client.query<{ id: string }>('SELECT id FROM companies WHERE name LIKE $1', [`${named}%`])
    if (companies.length === 0) return
    const ids = companies.map(({ id }) => id)
    const { rows: tables } = await client.query<{
      name: string
    }>(`SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace`)
    await client.query('BEGIN')
    for (const { name } of tables) await client.query(`DELETE FROM ${name} WHERE company_id = ANY ($1)`, [ids])
    await client.query('DELETE FROM companies WHERE id = ANY ($1)', [ids])
    await client.query('COMMIT')
    for (const { name } of tables) await client.query(`VACUUM ANALYZE ${name}`)
  } finally {
    await client.end()
  }
}
