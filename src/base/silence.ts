// Notices a database that has fallen silent (frozen, or its network gone), so that nobody waits for it longer than a few seconds.
import pg from 'pg'
import { Refusal } from './errors.ts'

/** Ticks are counted, not clocks read: a process that was busy itself must not take that for the silence of another. */
const tick = (ms: number, work: () => void): NodeJS.Timeout => setInterval(work, ms).unref()

type Waiter = (error: Refusal) => void

/**
 * While someone waits and nothing at all is answered for two fifths of `withinMs`, a new connection asks whether the database lives.
 * No answer to that in half of it: all who wait are refused, and so is everyone until it answers again.
 */
export class Silence {
  private readonly waiters = new Set<Waiter>()
  private readonly withinMs: number
  private readonly asks: (withinMs: number) => Promise<boolean>
  private readonly cut: () => void
  private answered = false
  private quiet = 0
  private asking = false
  private timer: NodeJS.Timeout | undefined
  private silent = false
  count = 0

  /** `asks`: whether the database answers; `cut`: ends all connections, since what was sent on them is never answered. */
  constructor(withinMs: number, asks: (withinMs: number) => Promise<boolean>, cut: () => void) {
    this.withinMs = withinMs
    this.asks = asks
    this.cut = cut
  }

  /** What `work` gives, or a refusal as soon as the database is known to be silent. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.silent) throw new Refusal(503, 'database_unavailable')
    this.timer ??= tick(this.withinMs / 10, () => this.look())
    let waiter: Waiter = () => {}
    const refusal = new Promise<never>((_, reject) => (waiter = reject))
    this.waiters.add(waiter)
    try {
      return await Promise.race([work(), refusal])
    } finally {
      this.waiters.delete(waiter)
      this.answered = true
    }
  }

  private look(): void {
    if (this.asking) return
    if (this.waiters.size === 0 && !this.silent) {
      clearInterval(this.timer)
      this.timer = undefined
      this.quiet = 0
      return
    }
    this.quiet = this.answered && !this.silent ? 0 : this.quiet + 1
    this.answered = false
    if (this.quiet >= 4) void this.ask()
  }

  private async ask(): Promise<void> {
    this.asking = true
    const alive = await this.asks(this.withinMs / 2)
    this.asking = false
    if (!this.silent && !alive && !this.answered) {
      this.count++
      this.silent = true
      for (const waiter of this.waiters) waiter(new Refusal(503, 'database_unavailable'))
      this.cut()
    } else if (alive) {
      this.silent = false
      this.quiet = 0
    }
  }

  close(): void {
    clearInterval(this.timer)
  }
}

/** Whether the database says anything at all to a new connection: a refusal is an answer too. `login`: behind a pooler no statement, it may have to queue. */
export function answers(config: pg.ClientConfig, login: boolean, withinMs: number): Promise<boolean> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  return new Promise((done) => {
    let left = 25
    const timer = tick(withinMs / left, () => {
      if (--left === 0) end(false)
    })
    const end = (alive: boolean) => {
      clearInterval(timer)
      done(alive)
      destroy(client)
    }
    client
      .connect()
      .then(() => (login ? undefined : client.query('SELECT 1')))
      .then(
        () => end(true),
        () => end(left > 0),
      )
  })
}

/** Ends a connection at once: a goodbye would wait for an answer that may never come. */
export function destroy(client: pg.ClientBase): void {
  ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
}
