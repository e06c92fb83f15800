// Sends what is due while the server listens. Several servers on one database take turns: a message is claimed, sent, and then written down.
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { type Message, type Sending, send } from './send.ts'

const everyMs = 1000
const pruneMs = 3_600_000
const atOnce = 4
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

/** What one server does: `deliver` sends all that is due, a few webhooks at a time, and gives how many messages went out. */
export function createSender(ownerUrl: string, how: Sending) {
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 2, application_name: 'bitcorp_erp webhooks', options: '-c role=bitcorp_owner -c statement_timeout=20000', idleTimeoutMillis: 60_000 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  let closing = false
  let running: Promise<number> | undefined
  const work = async () => {
    for (let sent = 0; ; sent++) {
      if (closing) return sent
      const { rows } = await pool.query<Message & { claim: string }>('SELECT claim, url, message_id, sent_at, body, signature FROM claim_webhook_delivery($1)', [claimSeconds])
      const message = rows[0]
      if (!message) return sent
      const answer = await send(message, how)
      await pool.query('SELECT finish_webhook_delivery($1, $2, $3, $4, $5, $6)', [message.claim, answer.delivered, answer.code, answer.text, answer.error, answer.ms])
    }
  }
  return {
    deliver: (): Promise<number> => {
      running ??= Promise.all(Array.from({ length: atOnce }, work))
        .then((counts) => counts.reduce((a, b) => a + b, 0))
        .finally(() => (running = undefined))
      return running
    },
    prune: async () => void (await pool.query('SELECT prune_webhooks()')),
    close: async () => {
      closing = true
      await running?.catch(() => {})
      await pool.end()
    },
  }
}
