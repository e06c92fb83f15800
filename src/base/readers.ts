// A few pipelined connections that every caller shares: each short read is sent without waiting for the one before.
import type { Writable } from 'node:stream'
import pg from 'pg'
import { destroy } from './silence.ts'

type Place = { client: pg.Client; ready: Promise<pg.Client>; opened: number; used: number; busy: number }

/** Opened when first needed; replaced when they break or grow old; asked first when they stood idle for long. */
export class Readers {
  private readonly config: pg.ClientConfig
  private readonly recycleMs: number
  private readonly pingAfterMs: number
  private readonly places: (Place | undefined)[]
  private turn = 0
  replaced = 0
  constructor(config: pg.ClientConfig, count: number, how: { recycleMs: number; pingAfterMs: number }) {
    this.config = { ...config, pipeline: true } as pg.ClientConfig
    this.recycleMs = how.recycleMs
    this.pingAfterMs = how.pingAfterMs
    this.places = new Array<undefined>(count).fill(undefined)
  }

  async with<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.turn = (this.turn + 1) % this.places.length
    const at = this.turn
    const place = this.fresh(at) ?? this.open(at)
    place.busy++
    try {
      const client = await place.ready
      gather(client)
      return await work(client)
    } catch (error) {
      if (isBroken(error)) this.drop(at, place)
      throw error
    } finally {
      place.busy--
      place.used = Date.now()
    }
  }

  /** The connection of this place when it may be used; who comes while it is being asked waits for its answer too. */
  private fresh(at: number): Place | undefined {
    const place = this.places[at]
    if (!place) return undefined
    const now = Date.now()
    if (now - place.opened > this.recycleMs) return void this.drop(at, place)
    if (place.busy > 0 || now - place.used <= this.pingAfterMs) return place
    place.ready = ping(place.client).then((alive) => {
      if (alive) return place.client
      this.replaced++
      destroy(place.client)
      this.drop(at, place)
      return this.open(at).ready
    })
    return place
  }

  private open(at: number): Place {
    const client = new pg.Client(this.config)
    const place: Place = { client, ready: client.connect().then(() => client), opened: Date.now(), used: Date.now(), busy: 0 }
    client.on('error', () => this.drop(at, place))
    // Nobody may be waiting when it fails.
    place.ready.catch(() => this.drop(at, place))
    this.places[at] = place
    return place
  }

  // What is still under way on a dropped connection finishes or fails by itself; the next request opens a new one.
  private drop(at: number, place: Place): void {
    if (this.places[at] !== place) return
    this.places[at] = undefined
    place.client.end().catch(() => {})
  }

  /** Ends all at once, with what is under way on them. */
  cut(): void {
    for (const [at, place] of this.places.entries()) {
      if (!place) continue
      this.places[at] = undefined
      destroy(place.client)
    }
  }

  /** Waits for what is under way, but not for a server that does not answer. */
  async close(): Promise<void> {
    const late = setTimeout(() => this.cut(), 2000)
    await Promise.all(this.places.map((place) => place?.client.end()))
    clearTimeout(late)
  }
}

/** What is asked on a connection in one turn of the event loop leaves in one packet. */
function gather(client: pg.Client): void {
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection
  if (stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}

/** Whether an idle connection still answers, in an empty statement; a firewall or a restart may have cut it unseen. */
export async function ping(client: pg.ClientBase): Promise<boolean> {
  try {
    await client.query({ text: ';', query_timeout: 2000 } as pg.QueryConfig)
    return true
  } catch {
    return false
  }
}

/** Not usable any more: gone, its server a primary no longer (25006), or (26000, 0A000) a prepared statement missing or of tables that changed. */
export function isBroken(error: unknown): boolean {
  return /terminated|read timeout|timeout expired|ECONN|EPIPE|ETIMEDOUT|57P0|25P03|25006|26000|0A000|not queryable|was closed/i.test(
    `${(error as Error).message} ${(error as { code?: string }).code ?? ''}`,
  )
}
