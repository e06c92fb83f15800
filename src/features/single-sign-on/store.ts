// The query of single sign-on.
import { sql } from 'kysely'
import type { Database } from '../../base/db.ts'

/** The account of this person of the provider; undefined for a stranger. */
export async function findIdentity(db: Database, person: { issuer: string; subject: string; email: string | null; emailVerified: boolean }): Promise<string | undefined> {
  const [row] = await db.plain<{ id: string | null }>(sql`SELECT find_identity(${person.issuer}, ${person.subject}, ${person.email}, ${person.emailVerified}) AS id`)
  return row?.id ?? undefined
}
