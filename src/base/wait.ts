// Locks on tables in use: asked for shortly and again and again, so that nobody queues behind who waits for them.
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'

const waitMs = 100
const patienceMs = 5 * 60_000

/** Runs `work`, which must leave nothing behind when it fails, until it gets its locks. Gives up after five minutes with PostgreSQL's own error. */
export async function whenLocked<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query(`SET lock_timeout = ${waitMs}`)
  const end = Date.now() + patienceMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      // 55P03: somebody holds the lock. 40P01: each waits for the other, and this one was told to let go.
      if (!['55P03', '40P01'].includes((error as { code?: string }).code ?? '') || Date.now() > end) throw error
      await sleep(Math.min(50 * attempt, 1000))
    }
  }
}
