// The feed as server-sent events, over real HTTP: in order, nothing lost across reconnects while writers run, and at an end in time.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { type Body, type CompanyName, connected, createWorld, transaction, type Who } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'
import { asOwner } from '../../base/owner.ts'
import { streamLimits } from './stream.ts'

const world = await createWorld({ poolSize: 8 })
const origin = await world.app.listen({ host: '127.0.0.1', port: 0 })
const manager = world.as('andina', 'manager')

type Message = { id?: string; event?: string; data?: Body }
const open: AbortController[] = []
afterAll(() => {
  for (const closer of open) closer.abort()
})

/** One connection: its messages as they come, until it ends or is closed. */
async function listen(how: { who?: Who; company?: CompanyName; query?: string; headers?: Record<string, string>; auth?: Record<string, string> } = {}) {
  const company = how.company ?? 'andina'
  const closer = new AbortController()
  open.push(closer)
  const reply = await fetch(`${origin}/api/v1/companies/${world.companies[company].id}/events/stream${how.query ?? ''}`, {
    headers: { ...(how.auth ?? world.as(company, how.who ?? 'manager').auth), 'accept-encoding': 'gzip', ...how.headers },
    signal: closer.signal,
  })
  const messages: Message[] = []
  const beats: string[] = []
  const state = { ended: false }
  const body = reply.body
  const reading = (async () => {
    let text = ''
    if (!body || reply.status !== 200) return
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      text += piece
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const lines = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line) ?? [])
        const message: Message = {}
        for (const [, name, value = ''] of lines) {
          if (name === '') beats.push(value)
          if (name === 'id' || name === 'event') message[name] = value
          if (name === 'data') message.data = JSON.parse(value)
        }
        if (message.data !== undefined) messages.push(message)
      }
    }
  })()
    .catch(() => {})
    .finally(() => (state.ended = true))
  return { reply, messages, beats, state, close: () => closer.abort(), over: reading }
}

const until = async (done: () => boolean | Promise<boolean>, within = 15_000) => {
  for (const began = Date.now(); !(await done()); await sleep(20)) if (Date.now() - began > within) throw new Error('it did not happen')
}
const stored = (): Promise<string[]> =>
  world.sqlAdmin(async (q) => (await q('SELECT id FROM domain_events WHERE company_id = $1 ORDER BY transaction_id, sequence', [world.companies.andina.id])).map((r) => r.id))
const sessionOf = async (email: string) => asOwner(world.ownerUrl, async (o) => (await o.actAs(email))?.secret ?? '')

test('what was, then what comes, each once and in order; as events, never compressed, not held up by a proxy', async () => {
  const machine = await world.machine()
  const stream = await listen()
  expect(stream.reply.status).toBe(200)
  expect(stream.reply.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(stream.reply.headers.get('content-encoding')).toBeNull()
  expect(stream.reply.headers.get('x-accel-buffering')).toBe('no')
  expect(stream.reply.headers.get('cache-control')).toBe('no-store, no-transform')
  expect(stream.reply.headers.get('x-content-type-options')).toBe('nosniff')
  const before = await stored()
  await until(() => stream.messages.length >= before.length)
  for (let i = 0; i < 30; i++) await manager.patch(`/equipment/${machine.id}`, { name: `nombre ${i}` }, { version: i + 1 })
  await until(() => stream.messages.length >= before.length + 30)
  expect(stream.messages.map((m) => m.data.id)).toEqual(await stored())
  expect(stream.messages.every((m) => m.id === m.data.position)).toBe(true)
  const fed = (await manager.get('/events/feed?limit=1000')).body.items
  expect(stream.messages.map((m) => m.data)).toEqual(fed)
  stream.close()
})

test('a late committer is not skipped', async () => {
  const [a, b] = [await world.machine(), await world.machine()]
  const stream = await listen({ query: '?after=end' })
  let commit: () => void = () => {}
  let begun: () => void = () => {}
  const ready = new Promise<void>((done) => (begun = done))
  const held = transaction(world.appUrl, true, async (q) => {
    await q('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), world.companies.andina.id, '{}'])
    await q("UPDATE equipment SET name = 'mayor' WHERE id = $1", [a.id])
    begun()
    await new Promise<void>((done) => (commit = done))
  })
  await ready
  await manager.patch(`/equipment/${b.id}`, { name: 'menor' }, { version: 1 })
  await sleep(1500)
  expect(stream.messages.filter((m) => m.data.event_data.new?.name === 'menor')).toEqual([])
  commit()
  await held
  await until(() => stream.messages.filter((m) => /mayor|menor/.test(m.data.event_data.new?.name)).length === 2)
  expect(stream.messages.map((m) => m.data.event_data.new.name).filter((n) => /mayor|menor/.test(n))).toEqual(['mayor', 'menor'])
  stream.close()
})

test('cut off again and again while eight write, some rolling back, it goes on with Last-Event-ID and loses nothing', async () => {
  const machines: Body[] = []
  for (let i = 0; i < 8; i++) machines.push(await world.machine())
  let last = (await listenForEnd()).last
  const seen: string[] = []
  let writing = true
  const writers = Promise.all(
    machines.map((machine, w) =>
      connected(world.appUrl, async (q) => {
        for (let i = 0; i < 30; i++) {
          await q('BEGIN')
          await q('SELECT begin_request($1, $2, $3, NULL)', [hashSecret(world.person('andina', 'manager').secret), world.companies.andina.id, '{}'])
          await q('UPDATE equipment SET name = $2 WHERE id = $1', [machine.id, `m${w} ${i}`])
          if (i % 3 === 0) await q('SELECT pg_sleep(0.03)')
          await q(i % 10 === 9 ? 'ROLLBACK' : 'COMMIT')
        }
      }),
    ),
  ).finally(() => (writing = false))
  let connections = 0
  for (const began = Date.now(); (writing || seen.length < 8 * 27 || connections < 3) && Date.now() - began < 150_000; ) {
    const stream = await listen({ headers: { 'last-event-id': last } })
    connections++
    await sleep(100 + Math.random() * 400)
    stream.close()
    await stream.over
    seen.push(...stream.messages.map((m) => m.data.id))
    last = stream.messages.at(-1)?.id ?? last
  }
  await writers
  expect(connections).toBeGreaterThan(2)
  expect(seen).toEqual((await stored()).slice(-8 * 27))
})

async function listenForEnd(): Promise<{ last: string }> {
  const all = await stored()
  const stream = await listen()
  await until(() => stream.messages.length >= all.length)
  stream.close()
  return { last: stream.messages.at(-1)?.id ?? '0-0' }
}

test('it ends within seconds when the sign-in ends, the membership ends, or the company is suspended', async () => {
  const secret = await sessionOf('manager@andina.test')
  const bySession = await listen({ query: '?after=end', auth: { cookie: `bitcorp_session=${secret}` } })
  const [added] = [(await world.as('andina', 'admin').post('/users', { email: 'otra@andina.test', display_name: 'Otra', role: 'manager' })).body]
  const byMember = await listen({ query: '?after=end', auth: { cookie: `bitcorp_session=${await sessionOf('otra@andina.test')}` } })
  const byCompany = await listen({ query: '?after=end', company: 'sur', who: 'admin' })
  expect([bySession.reply.status, byMember.reply.status, byCompany.reply.status]).toEqual([200, 200, 200])
  await sleep(1500)
  expect([bySession, byMember, byCompany].map((s) => s.state.ended)).toEqual([false, false, false])
  await world.sqlAdmin((q) => q('UPDATE sessions SET ended_at = clock_timestamp() WHERE token_hash = $1', [hashSecret(secret)]))
  expect((await world.as('andina', 'admin').patch(`/users/${added.id}`, { role: 'viewer' }, { version: added.version })).status).toBe(200)
  await asOwner(world.ownerUrl, (o) => o.query("SELECT set_company_status($1, 'suspended')", [world.companies.sur.id]))
  // Less than a heartbeat: that would find it too.
  await until(() => [bySession, byMember, byCompany].every((s) => s.state.ended), 12_000)
  const ends = [bySession, byMember, byCompany].map((s) => s.messages.filter((m) => m.event === 'end').map((m) => m.data.code))
  expect(ends).toEqual([['signed_out'], ['role_required'], ['company_suspended']])
  await asOwner(world.ownerUrl, (o) => o.query("SELECT set_company_status($1, 'active')", [world.companies.sur.id]))
})

test('who may not listen is refused before anything is sent; so is a bad or lost position', async () => {
  for (const [who, status] of [
    ['operator', 403],
    ['viewer', 403],
    ['ended', 404],
    ['stranger', 404],
  ] as const)
    expect([who, (await listen({ who })).reply.status]).toEqual([who, status])
  expect((await listen({ auth: {} })).reply.status).toBe(401)
  expect((await listen({ headers: { 'last-event-id': 'x' } })).reply.status).toBe(400)
  expect((await listen({ query: '?after=1-1' })).reply.status).toBe(400)
  expect((await listen({ query: '?after=5-5-000000000000' })).reply.status).toBe(410)
  expect((await listen({ headers: { 'last-event-id': '5-5-000000000000' } })).reply.status).toBe(410)
})

test('a person holds so many and no more; a closed one makes room; none holds a connection to the database', async () => {
  const streams = []
  const who = { company: 'sur' as const, who: 'manager' as const, query: '?after=end' }
  for (let i = 0; i < streamLimits.person; i++) streams.push(await listen(who))
  expect(streams.map((s) => s.reply.status)).toEqual(streams.map(() => 200))
  expect((await listen(who)).reply.status).toBe(429)
  expect((await listen({ ...who, who: 'admin' })).reply.status).toBe(200)
  // What the server does by the clock takes one for a moment, too.
  await expect.poll(() => world.db.counts().total - world.db.counts().idle).toBeLessThanOrEqual(1)
  streams[0]?.close()
  await until(async () => {
    const next = await listen(who)
    next.close()
    return next.reply.status === 200
  })
})

test('one that says nothing for longer than any request may take lives on, and still tells', async () => {
  const stream = await listen({ query: '?after=end', who: 'admin' })
  await sleep(66_000)
  expect([stream.state.ended, stream.beats.length >= 4]).toEqual([false, true])
  const machine = await world.machine()
  await until(() => stream.messages.some((m) => m.data.aggregate_id === machine.id))
  stream.close()
})

test('a stopping server ends its streams at once, so that others go on elsewhere', async () => {
  const stream = await listen({ query: '?after=end', who: 'admin' })
  const closing = world.app.close()
  await until(() => stream.state.ended)
  world.app.server.closeAllConnections()
  await closing
  expect(stream.messages.filter((m) => m.event === 'end')).toEqual([])
})
