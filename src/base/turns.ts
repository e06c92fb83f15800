// Fairness between companies: what reads much takes turns within its company, so that it never fills the processors of all.
import type { Runner } from './db.ts'
import { Refusal } from './errors.ts'

type Place = { under: number; waiting: (() => void)[] }

/** At most `atOnce` pieces of work for each key at a time; the others wait in the order they came, `waitMs` at most. */
export class Turns {
  private readonly atOnce: number
  private readonly waitMs: number
  private readonly places = new Map<string, Place>()
  constructor(atOnce: number, waitMs = 30_000) {
    this.atOnce = atOnce
    this.waitMs = waitMs
  }

  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.enter(key)
    try {
      return await work()
    } finally {
      this.leave(key)
    }
  }

  /** A runner whose statements and transactions take turns with those of the same key. A reader who is slow to fetch a file holds nobody up between its pages. */
  runner(key: string, inner: Runner): Runner {
    return {
      run: (query) => this.during(key, () => inner.run(query)),
      transaction: (work) => this.during(key, () => inner.transaction(work)),
      caller: () => inner.caller(),
    }
  }

  /** Work that waits now. */
  get waiting(): number {
    return [...this.places.values()].reduce((sum, { waiting }) => sum + waiting.length, 0)
  }

  private enter(key: string): Promise<void> | undefined {
    const place = this.places.get(key) ?? { under: 0, waiting: [] }
    this.places.set(key, place)
    if (place.under < this.atOnce) {
      place.under++
      return undefined
    }
    return new Promise((resolve, reject) => {
      const come = () => {
        clearTimeout(late)
        resolve()
      }
      const late = setTimeout(() => {
        place.waiting.splice(place.waiting.indexOf(come), 1)
        reject(new Refusal(503, 'database_busy'))
      }, this.waitMs)
      place.waiting.push(come)
    })
  }

  private leave(key: string): void {
    const place = this.places.get(key)
    if (!place) return
    const next = place.waiting.shift()
    if (next) next()
    else if (--place.under === 0) this.places.delete(key)
  }
}
