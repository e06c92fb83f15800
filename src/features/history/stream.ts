// Who follows the events over server-sent events. One look at the database a second for all of them; each reads for itself when there is news.
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { hashSecret } from '../../base/db.ts'
import { Refusal, toRefusal } from '../../base/errors.ts'
import type { Ctx } from '../../base/http.ts'
import type { FeedEvent } from './contract.ts'
import { feedStart, findFeedEnd, readFeed, watchFeed } from './store.ts'

const lookMs = 1000
const heartbeatMs = 15_000
const pageSize = 100
export const streamLimits = { person: 4, company: 40, server: 400 }
const positionForm = /^(0-0|\d{1,18}-\d{1,18}-[0-9a-f]{12})$/

type Follower = { credential: string; companyId: string; userId: string; head: string | null | undefined; over: boolean; news: boolean; wake: () => void; drop: () => void }
type Page = Awaited<ReturnType<typeof readFeed>>

export class Streams {
  private readonly app: FastifyInstance
  private readonly followers = new Set<Follower>()
  private timer: NodeJS.Timeout | undefined
  private isLooking = false
  private failures = 0
  constructor(app: FastifyInstance) {
    this.app = app
    app.addHook('preClose', async () => {
      clearInterval(this.timer)
      this.followers.forEach(end)
    })
  }

  /** The first page is read before anything is sent, so that who may not, or asks for what is gone, gets a proper refusal. */
  async open(ctx: Ctx, companyId: string, asked: string | undefined) {
    const last = ctx.request.headers['last-event-id']
    if (last !== undefined && last !== '' && !positionForm.test(String(last))) throw new Refusal(400, 'input_invalid', {}, [{ field: 'headers.last-event-id', code: 'input_pattern' }])
    const after = last ? String(last) : asked === 'end' ? await findFeedEnd(ctx) : (asked ?? feedStart)
    const first = await readFeed(ctx, { after, limit: pageSize })
    const follower = this.join(ctx, companyId)
    ctx.reply.headers({ 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no', connection: 'close' }).type('text/event-stream; charset=utf-8')
    // Asked for one piece at a time: the next page is read when the last one has left.
    return ctx.reply.send(Readable.from(tell(ctx, follower, first), { objectMode: true, highWaterMark: 1 }))
  }

  private join(ctx: Ctx, companyId: string): Follower {
    const { userId } = ctx.caller()
    const same = [...this.followers].filter((f) => f.companyId === companyId)
    if (this.followers.size >= streamLimits.server || same.length >= streamLimits.company || same.filter((f) => f.userId === userId).length >= streamLimits.person)
      throw new Refusal(429, 'too_many_streams', { person: streamLimits.person, company: streamLimits.company })
    const credential = ctx.secret ? hashSecret(ctx.secret) : ''
    const follower: Follower = { credential, companyId, userId, head: undefined, over: false, news: false, wake: () => {}, drop: () => ctx.reply.raw.destroy() }
    this.followers.add(follower)
    this.timer ??= setInterval(() => void this.look(), lookMs)
    ctx.reply.raw.once('close', () => {
      follower.over = true
      follower.wake()
      this.followers.delete(follower)
      if (this.followers.size === 0) this.timer = void clearInterval(this.timer)
    })
    return follower
  }

  private async look(): Promise<void> {
    if (this.isLooking) return
    this.isLooking = true
    const asked = [...this.followers].filter((f) => !f.over).sort((a, b) => a.companyId.localeCompare(b.companyId))
    try {
      const heads = new Map((await watchFeed(this.app.ground.db, asked)).map((row) => [row.place - 1, row.head]))
      this.failures = 0
      for (const [i, follower] of asked.entries()) {
        if (!heads.has(i)) end(follower)
        else if (heads.get(i) !== follower.head) tellNews(follower, heads.get(i) ?? null)
      }
    } catch (error) {
      this.app.log.warn({ err: { message: (error as Error).message } }, 'the feed could not be looked at')
      // Nobody goes on listening unchecked.
      if (++this.failures >= 3) asked.forEach(end)
    } finally {
      this.isLooking = false
    }
  }
}

function tellNews(follower: Follower, head: string | null): void {
  follower.head = head
  follower.news = true
  follower.wake()
}

function end(follower: Follower): void {
  follower.over = true
  follower.wake()
  // Who does not read would never see the end.
  setTimeout(follower.drop, 5000).unref()
}

async function* tell(ctx: Ctx, follower: Follower, first: Page): AsyncGenerator<string> {
  let page = first
  yield `retry: 2000\n: ${page.next_after}\n\n`
  for (;;) {
    if (page.items.length > 0) yield page.items.map(textOf).join('')
    if (page.at_end && !follower.over && !follower.news && !(await isWoken(follower))) yield ': still here\n\n'
    follower.news = false
    if (ctx.reply.raw.destroyed) return
    try {
      page = await readFeed(ctx, { after: page.next_after, limit: pageSize })
    } catch (error) {
      const { status, code } = toRefusal(error)
      if (status < 500) yield `event: end\ndata: ${JSON.stringify({ code })}\n\n`
      return
    }
    // Ended although the caller may still read: the server stops, and another one goes on.
    if (follower.over) return
  }
}

const textOf = (event: FeedEvent) => `id: ${event.position}\ndata: ${JSON.stringify(event)}\n\n`

/** True when something happened, false when it was time to show that the connection lives. */
function isWoken(follower: Follower): Promise<boolean> {
  return new Promise((done) => {
    const timer = setTimeout(() => done(false), heartbeatMs)
    follower.wake = () => {
      clearTimeout(timer)
      done(true)
    }
  })
}
