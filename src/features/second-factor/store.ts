// The queries of the second factor.
import { sql } from 'kysely'
import type { Database, Runner } from '../../base/db.ts'
import type { Sealed } from '../../base/keys.ts'

type Row = { key_id: string; ciphertext: Buffer }
const sealed = (row: Row | undefined): Sealed | undefined => row && { keyId: row.key_id, ciphertext: row.ciphertext }

/** undefined: the account demands no code. */
export async function findSecret(db: Database, userId: string): Promise<Sealed | undefined> {
  return sealed((await db.plain<Row>(sql`SELECT key_id, ciphertext FROM find_totp(${userId}::uuid)`))[0])
}

export async function usesStep(db: Database, userId: string, step: number): Promise<boolean> {
  return (await db.plain<{ used: boolean }>(sql`SELECT use_totp_step(${userId}::uuid, ${step}::bigint) AS used`))[0]?.used ?? false
}

export async function usesRecoveryCode(db: Database, userId: string, codeHash: string): Promise<boolean> {
  return (await db.plain<{ used: boolean }>(sql`SELECT use_recovery_code(${userId}::uuid, ${codeHash}) AS used`))[0]?.used ?? false
}

type State = { is_active: boolean; active_since: string | null; recovery_codes_left: number }

export async function getState(ctx: Runner): Promise<State> {
  const [row] = await ctx.run<State>(sql`SELECT is_active, active_since, recovery_codes_left FROM get_own_totp()`)
  return row ?? { is_active: false, active_since: null, recovery_codes_left: 0 }
}

export async function beginSecret(ctx: Runner, { keyId, ciphertext }: Sealed): Promise<void> {
  await ctx.run(sql`SELECT begin_totp(${keyId}, ${ciphertext}::bytea)`)
}

export async function findPending(ctx: Runner): Promise<(Sealed & { userId: string }) | undefined> {
  const [row] = await ctx.run<Row & { user_id: string }>(sql`SELECT user_id, key_id, ciphertext FROM find_pending_totp()`)
  return row && { userId: row.user_id, keyId: row.key_id, ciphertext: row.ciphertext }
}

export async function confirmSecret(ctx: Runner, ciphertext: Buffer, step: number, codeHashes: string[]): Promise<void> {
  await ctx.run(sql`SELECT confirm_totp(${ciphertext}::bytea, ${step}::bigint, ${codeHashes}::text[])`)
}

export async function renewCodes(ctx: Runner, codeHashes: string[]): Promise<void> {
  await ctx.run(sql`SELECT renew_recovery_codes(${codeHashes}::text[])`)
}

export async function endSecret(ctx: Runner): Promise<void> {
  await ctx.run(sql`SELECT end_totp()`)
}
