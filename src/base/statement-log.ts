// Statements in the log: slow ones always, all of them by a switch; their text, never their values.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import type { Database } from './db.ts'

export function logStatements(db: Database, log: FastifyBaseLogger, { slowMs, logStatements: all }: Config['pool']): void {
  if (!all && slowMs === 0) return
  // The switch is its own consent: it needs no other log level.
  const loud = log.child({}, { level: 'info' })
  db.onStatement = ({ text, ms, identity, error }) => {
    const isSlow = slowMs > 0 && ms >= slowMs
    if (!isSlow && !all) return
    const entry = {
      statement: text.replace(/\s+/g, ' ').trim(),
      ms: Math.round(ms * 10) / 10,
      ...(identity ? { request_id: (JSON.parse(identity.metadata) as { request_id?: string }).request_id } : {}),
      ...(error ? { failed: (error as { code?: string }).code ?? 'connection' } : {}),
    }
    if (isSlow) log.warn(entry, 'slow statement')
    else loud.info(entry, 'statement')
  }
}
