// What the installation's owner may do beside the API: make companies and accounts, and act as a person for a command.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { hashSecret } from './db.ts'

export type Owner = {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** The credential of a session of one hour as this person; undefined for an unknown or deactivated account. */
  actAs(email: string): Promise<{ secret: string; userId: string } | undefined>
}

/** Works as bitcorp_owner: its functions only; rows of companies stay behind row security. */
export async function asOwner<T>(ownerUrl: string, work: (owner: Owner) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'bitcorp_erp owner' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SET ROLE bitcorp_owner')
    const query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) => (await client.query<Row>(text, values)).rows
    return await work({
      query,
      actAs: async (email) => {
        const secret = randomBytes(32).toString('base64url')
        const [row] = await query<{ user_id: string | null }>('SELECT open_command_session($1, $2) AS user_id', [email, hashSecret(secret)])
        return row?.user_id ? { secret, userId: row.user_id } : undefined
      },
    })
  } finally {
    await client.end()
  }
}
