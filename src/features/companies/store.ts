// The queries of the company.
import { sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import type { Company } from './contract.ts'

const columns = sql`co.id, co.version, co.created_at, co.updated_at, co.created_by, co.updated_by, co.name, co.email, co.phone, co.address, co.status, co.settings,
  co.tax_id_changed_at, CASE WHEN co.tax_id_changed_at IS NOT NULL THEN repeat(chr(8226), 8) END AS tax_id_mask`

export async function getCompany(ctx: Runner): Promise<Company> {
  return only(await ctx.run<Company>(sql`SELECT ${columns} FROM companies co WHERE co.id = (SELECT c.company_id FROM caller c)`))
}

function only([row]: Company[]): Company {
  if (!row) throw new Error('a verified caller sees the company')
  return row
}

type Change = Partial<Pick<Company, 'name' | 'email' | 'phone' | 'address' | 'settings'>>

/**
 * Settings are merged into what is there; everything else is replaced. In one statement: who just demanded a second factor of
 * everybody may be without one, and would be refused the next.
 */
export async function changeCompany(ctx: Runner, version: number | null, change: Change): Promise<Company> {
  const sets = [version === null ? sql`version = version` : sql`version = ${version}`]
  for (const field of ['name', 'email', 'phone', 'address'] as const) {
    if (change[field] !== undefined) sets.push(sql`${sql.ref(field)} = ${change[field]}`)
  }
  if (change.settings) sets.push(sql`settings = settings || ${change.settings}::jsonb`)
  return only(await ctx.run<Company>(sql`UPDATE companies co SET ${sql.join(sets)} WHERE co.id = (SELECT c.company_id FROM caller c) RETURNING ${columns}`))
}
