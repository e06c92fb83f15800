// The queries of where a person is signed in.
import { sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import type { Session } from './contract.ts'

export function listSessions(ctx: Runner): Promise<Session[]> {
  return ctx.run<Session>(sql`SELECT id, kind, ip_address, user_agent, created_at, last_seen_at, is_current FROM list_own_sessions()`)
}

/** null: all but the one of this request. Gives how many ended. */
export async function endSessions(ctx: Runner, id: string | null): Promise<number> {
  return (await ctx.run<{ ended: number }>(sql`SELECT end_own_sessions(${id}::uuid) AS ended`))[0]?.ended ?? 0
}
