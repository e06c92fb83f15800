// The same Idempotency-Key gives the same reply: the key's row and the write stand in one transaction.
import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { sql } from 'kysely'
import type { Runner } from './db.ts'
import { Refusal } from './errors.ts'
import { JsonText } from './list.ts'

/** Runs `work` once for the caller, the company and the key; a second request waits for the first and gets its reply. */
export async function onceForKey<C extends Runner & { reply: FastifyReply }, T>(ctx: C, key: string, request: { method: string; url: string; body: unknown }, work: (tx: C) => Promise<T>): Promise<T> {
  const requestHash = createHash('sha256').update(JSON.stringify(request)).digest('hex')
  return ctx.transaction(async (tx) => {
    const inserted = await tx.run(sql`
      INSERT INTO idempotency_keys (company_id, user_id, key, request_hash)
      SELECT c.company_id, c.user_id, ${key}, ${requestHash} FROM caller c
      ON CONFLICT DO NOTHING RETURNING key`)
    if (inserted.length === 0) {
      const [known] = await tx.run<{ request_hash: string; response_body: { value: T } }>(sql`
        SELECT request_hash, response_body FROM idempotency_keys
        WHERE (company_id, user_id) = (SELECT c.company_id, c.user_id FROM caller c) AND key = ${key}`)
      if (known?.request_hash !== requestHash) throw new Refusal(422, 'idempotency_key_reused')
      ctx.reply.header('idempotency-replayed', 'true')
      return known.response_body.value
    }
    // JSON of the database keeps its own spaces, which what is stored loses: the first reply is the one that will be repeated.
    const said = await work({ ...ctx, ...tx })
    const answer = said instanceof JsonText ? (said.toJSON() as T) : said
    await tx.run(sql`
      UPDATE idempotency_keys SET response_status = 200, response_body = ${{ value: answer }}::json
      WHERE (company_id, user_id) = (SELECT c.company_id, c.user_id FROM caller c) AND key = ${key}`)
    return answer
  })
}
