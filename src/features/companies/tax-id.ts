// Tax ids between the caller and the database: normalised, sealed on the way in, opened for an administrator with a trace on the way out.
import { sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import type { Keyring, Place, Sealed } from '../../base/keys.ts'

/** null: the company itself; else one of its people. */
export type Owner = string | null

export const placeOf = (companyId: string, personId: Owner): Place => ({
  // Ids may come in capitals from a path; the database's own form is small.
  companyId: companyId.toLowerCase(),
  table: personId === null ? 'companies' : 'user_company_roles',
  column: 'tax_id',
  rowId: (personId ?? companyId).toLowerCase(),
})

/** People are looked up in their company, companies in the installation: hashes of one say nothing about the other. */
const scopeOf = (companyId: string, personId: Owner): string => (personId === null ? 'companies' : companyId.toLowerCase())

/** What is compared: capital letters and digits alone. */
export function normalise(taxId: string): string {
  const bare = taxId.toUpperCase().replace(/[\s./-]/g, '')
  if (!/^[A-Z0-9]{3,50}$/.test(bare)) throw new Refusal(422, 'tax_id_form', {}, [{ field: 'tax_id', code: 'tax_id_form' }])
  return bare
}

/** What the database gets of a tax id: nothing it can read. */
export function sealTaxId(keys: Keyring, companyId: string, personId: Owner, taxId: string): Sealed & { hashes: string[] } {
  const bare = normalise(taxId)
  return { ...keys.seal(placeOf(companyId, personId), taxId.trim()), hashes: keys.hashes(scopeOf(companyId, personId), bare) }
}

/** Stores, replaces or (null) erases it. */
export async function putTaxId(ctx: Runner, keys: Keyring, at: { companyId: string; personId: Owner; version: number | null }, taxId: string | null): Promise<void> {
  const sealed = taxId === null ? null : sealTaxId(keys, at.companyId, at.personId, taxId)
  await ctx.run(sql`SELECT put_tax_id(${at.personId}::uuid, ${at.version}::integer, ${sealed?.keyId ?? null}, ${sealed?.ciphertext ?? null}::bytea, ${sealed?.hashes ?? null}::text[])`)
}

type Found = { key_id: string; ciphertext: Buffer }

/** The plain value. The audit says who asked, in the transaction that read it, before it leaves; also when it could not be read. */
export async function revealTaxId(ctx: Runner, keys: Keyring, companyId: string, personId: Owner): Promise<string> {
  const shown = await ctx.transaction(async (tx) => {
    const [row] = await tx.run<Found>(sql`SELECT t.key_id, t.ciphertext FROM encrypted_tax_ids t
      WHERE t.company_id = (SELECT c.company_id FROM caller c) AND t.person_id IS NOT DISTINCT FROM ${personId}::uuid`)
    if (!row) return undefined
    const opened = attempt(() => keys.open(placeOf(companyId, personId), { keyId: row.key_id, ciphertext: row.ciphertext }))
    const action = opened instanceof Refusal ? 'tax_id_unreadable' : 'tax_id_revealed'
    await tx.run(sql`SELECT record_audit(${personId === null ? 'company' : 'user'}, ${personId ?? companyId}::uuid, ${action}, '{}')`)
    return opened
  })
  if (shown === undefined) throw new Refusal(404, personId === null ? 'tax_id_none' : 'not_found')
  if (shown instanceof Refusal) throw shown
  return shown
}

function attempt(work: () => string): string | Refusal {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** The person of the company with this tax id; undefined when there is none. */
export async function findPersonByTaxId(ctx: Runner, keys: Keyring, companyId: string, taxId: string): Promise<string | undefined> {
  const hashes = keys.hashes(scopeOf(companyId, ''), normalise(taxId))
  const [row] = await ctx.run<{ person_id: string }>(sql`SELECT t.person_id FROM encrypted_tax_ids t
    WHERE t.company_id = (SELECT c.company_id FROM caller c) AND t.person_id IS NOT NULL AND t.lookup_hash = ANY (${hashes}::text[])`)
  return row?.person_id
}
