// Sends what is due while the server listens. Several servers on one database take turns: a message is claimed, sent, and then written down.
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { type Message, type Sending, send } from './send.ts'

const everyMs = 1000
const pruneMs = 3_600_000
/** Requests that may be open at a time: each waits for one webhook's receiver, and that webhook for it. */
const atOnce = 50
/** Longer than a message may take: who died while sending is followed by another server after this. */
const claimSeconds = 60

export function webhookJobs(app: FastifyInstance, ownerUrl: string): void {
  const { config } = app.ground
  const warn = (error: unknown) => app.log.warn({ err: { message: (error as Error).message } }, 'webhooks could not be delivered')
  const sender = createSender(ownerUrl, { rules: { allow: config.webhookAllow, http: config.webhookHttp } })
  const timers: NodeJS.Timeout[] = []
  app.addHook('onListen', async () => {
    timers.push(
      setInterval(() => void sender.deliver().catch(warn), everyMs),
      setInterval(() => void sender.prune().catch(warn), pruneMs),
    )
  })
  app.addHook('onClose', async () => {
    for (const timer of timers) clearInterval(timer)
    await sender.close()
  })
}

type Claimed = Message & { claim: string }

/**
 * What one server does: `deliver` sends all that is due and gives how many messages went out through it. Called again while some
 * receivers let it wait, it goes past them: the claim keeps each webhook's events one after the other.
 */
export function createSender(ownerUrl: string, how: Sending) {
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 2, application_name: 'bitcorp_erp webhooks', options: '-c role=bitcorp_owner -c statement_timeout=20000', idleTimeoutMillis: 60_000 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  let closing = false
  const underWay = new Set<Promise<number>>()
  const claim = async (): Promise<Claimed | undefined> => (await pool.query<Claimed>('SELECT claim, url, message_id, sent_at, body, signature FROM claim_webhook_delivery($1)', [claimSeconds])).rows[0]
  /** One after the other: this message, then whatever is due. Nothing of the database is held while a receiver is waited for. */
  const follow = async (first: Claimed): Promise<number> => {
    let sent = 0
    for (let message: Claimed | undefined = first; message; message = closing ? undefined : await claim()) {
      const answer = await send(message, how)
      await pool.query('SELECT finish_webhook_delivery($1, $2, $3, $4, $5, $6)', [message.claim, answer.delivered, answer.code, answer.text, answer.error, answer.ms])
      sent++
    }
    return sent
  }
  /** Starts a follower for each webhook that is due and gives them: those who still wait for a receiver hold up no new one. */
  const begin = async (): Promise<Promise<number>[]> => {
    const begun: Promise<number>[] = []
    while (!closing && underWay.size < atOnce) {
      const message = await claim()
      if (!message) break
      const one = follow(message).finally(() => underWay.delete(one))
      one.catch(() => {})
      underWay.add(one)
      begun.push(one)
    }
    return begun
  }
  let beginning: Promise<Promise<number>[]> | undefined
  return {
    deliver: async (): Promise<number> => {
      beginning ??= begin().finally(() => (beginning = undefined))
      return (await Promise.all(await beginning)).reduce((a, b) => a + b, 0)
    },
    prune: async () => void (await pool.query('SELECT prune_webhooks()')),
    close: async () => {
      closing = true
      await beginning?.catch(() => {})
      await Promise.allSettled(underWay)
      await pool.end()
    },
  }
}
