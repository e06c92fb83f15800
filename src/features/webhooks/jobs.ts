// Sends what is due while the server listens. Several servers on one database take turns: a message is claimed, sent, and then written down.
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { type Message, type Sending, send } from './send.ts'

/** Requests that may be open at a time: each waits for one webhook's receiver, and that webhook for it. */
const atOnce = 50
/** Longer than a message may take: who died while sending is followed by another server after this. */
const claimSeconds = 60

export function webhookJobs(app: FastifyInstance, ownerUrl: string): void {
  const { config, jobs } = app.ground
  const sender = createSender(ownerUrl, { rules: { allow: config.webhookAllow, http: config.webhookHttp } })
  jobs.add({ name: 'webhooks', everyMs: 1000, trouble: 'webhooks could not be delivered', run: sender.start, close: sender.close })
  jobs.add({ name: 'webhook_log', everyMs: 3_600_000, trouble: 'old deliveries of webhooks could not be thrown away', run: sender.prune })
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
  let trouble: Error | undefined
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
      one.catch((error: Error) => {
        trouble = error
      })
      underWay.add(one)
      begun.push(one)
    }
    return begun
  }
  let beginning: Promise<Promise<number>[]> | undefined
  const beginOnce = () => {
    beginning ??= begin().finally(() => (beginning = undefined))
    return beginning
  }
  return {
    /** Does not wait for receivers; what went wrong behind its back since the last call is thrown by the next one. */
    start: async (): Promise<void> => {
      await beginOnce()
      const error = trouble
      trouble = undefined
      if (error) throw error
    },
    deliver: async (): Promise<number> => {
      return (await Promise.all(await beginOnce())).reduce((a, b) => a + b, 0)
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
