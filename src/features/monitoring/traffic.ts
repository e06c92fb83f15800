// The requests of the last hour, minute by minute, as a few counters each: how many, how many failed, and how long they took.
import type { Traffic as Reply } from './contract.ts'

const minutes = 60
/** Upper bounds of the classes of duration, each a quarter above the one before: 0.5 ms to about ten minutes. */
const bounds = Array.from({ length: 64 }, (_, i) => 0.5 * 1.25 ** i)

type Minute = { minute: number; requests: number; failed: number; classes: Uint32Array }

export class Traffic {
  private readonly ring: (Minute | undefined)[] = new Array<undefined>(minutes).fill(undefined)
  private readonly now: () => number
  constructor(now: () => number = Date.now) {
    this.now = now
  }

  note(durationMs: number, status: number): void {
    const minute = Math.floor(this.now() / 60_000)
    const place = minute % minutes
    let one = this.ring[place]
    if (one?.minute !== minute) {
      one = { minute, requests: 0, failed: 0, classes: new Uint32Array(bounds.length) }
      this.ring[place] = one
    }
    one.requests++
    if (status >= 500) one.failed++
    const found = bounds.findIndex((bound) => durationMs <= bound)
    const at = found < 0 ? bounds.length - 1 : found
    one.classes[at] = (one.classes[at] ?? 0) + 1
  }

  /** Every minute of the last hour, oldest first, also those without a request; and the hour as one. */
  read(): Reply {
    const last = Math.floor(this.now() / 60_000)
    const whole: Minute = { minute: last, requests: 0, failed: 0, classes: new Uint32Array(bounds.length) }
    const each = Array.from({ length: minutes }, (_, i) => {
      const minute = last - minutes + 1 + i
      const kept = this.ring[minute % minutes]
      const one = kept?.minute === minute ? kept : undefined
      if (one) {
        whole.requests += one.requests
        whole.failed += one.failed
        for (const [at, count] of one.classes.entries()) whole.classes[at] = (whole.classes[at] ?? 0) + count
      }
      return { at: new Date(minute * 60_000).toISOString(), ...summary(one) }
    })
    return { minutes: each, hour: summary(whole) }
  }
}

function summary(one: Minute | undefined) {
  const quantile = (share: number): number | null => {
    if (!one?.requests) return null
    const wanted = Math.ceil(share * one.requests)
    let seen = 0
    const at = one.classes.findIndex((count) => {
      seen += count
      return seen >= wanted
    })
    const bound = bounds[at] ?? 0
    return bound < 10 ? Math.round(bound * 10) / 10 : Math.round(bound)
  }
  return { requests: one?.requests ?? 0, failed: one?.failed ?? 0, p50_ms: quantile(0.5), p95_ms: quantile(0.95), p99_ms: quantile(0.99) }
}
