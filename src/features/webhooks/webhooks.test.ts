// Webhooks against a real receiver: signed, in order, again until they arrive; and no way into private addresses.
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld, refusalOf } from '../../../test/harness.ts'
import { isPublic, type Rules, refusalOfUrl } from './address.ts'
import { createSender } from './jobs.ts'
import { type Message, send } from './send.ts'

type Got = { headers: IncomingMessage['headers']; body: string }
/** A receiver that keeps what comes and answers as it is told to. */
async function receive(host = '127.0.0.1', port = 0) {
  const got: Got[] = []
  const state = { answer: (_got: Got, response: ServerResponse): void => void response.writeHead(204).end() }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => (body += piece))
    request.on('end', () => {
      const one = { headers: request.headers, body }
      got.push(one)
      state.answer(one, response)
    })
  })
  await new Promise<void>((done) => server.listen(port, host, done))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = (server.address() as AddressInfo).port
  return { got, port: at, url: `http://${host}:${at}/in`, answers: (answer: typeof state.answer) => (state.answer = answer) }
}

const receiver = await receive()
const world = await createWorld({ env: { BITCORP_WEBHOOK_ALLOW: `127.0.0.1:${receiver.port}` } })
const admin = world.as('andina', 'admin')
const manager = world.as('andina', 'manager')
const rules: Rules = { allow: [`127.0.0.1:${receiver.port}`], http: false }
const sender = createSender(world.ownerUrl, { rules })
afterAll(() => sender.close())

const create = async (fields: Record<string, unknown> = {}): Promise<{ webhook: Body; secret: string }> => {
  const reply = await admin.post('/webhooks', { name: 'Receptor', url: receiver.url, ...fields })
  expect([reply.status, reply.text]).toEqual([201, reply.text])
  return reply.body
}
/** Ended after each test, so that the next one's receiver hears its own alone. */
const remove = async ({ webhook }: { webhook: Body }) => expect((await admin.delete(`/webhooks/${webhook.id}`, { version: '*' })).status).toBe(204)
/** Sends until so many have come; transactions of others on the same server may hold the feed back for a while. */
const deliver = async (count: number) => {
  for (const began = Date.now(); receiver.got.length < count && Date.now() - began < 40_000; ) if ((await sender.deliver()) === 0) await new Promise((done) => setTimeout(done, 30))
  return receiver.got.splice(0)
}
const dataOf = (one: Got | undefined) => JSON.parse(one?.body ?? '{}')

test('what happens is sent in order, each once, signed so that the receiver can check it', async () => {
  const made = await create({ event_types: ['equipment_created', 'equipment_changed'] })
  const machine = await world.machine({ name: 'Ñandú' })
  for (let i = 1; i <= 5; i++) await manager.patch(`/equipment/${machine.id}`, { name: `n${i}` }, { version: i })
  const got = await deliver(6)
  expect(got.map((one) => dataOf(one).data.event_data.new.name)).toEqual(['Ñandú', 'n1', 'n2', 'n3', 'n4', 'n5'])
  expect(dataOf(got[0])).toMatchObject({ type: 'equipment_created', timestamp: expect.any(String), data: { aggregate_id: machine.id, event_version: 1, company_id: world.companies.andina.id } })
  for (const { headers, body } of got) {
    const key = Buffer.from(made.secret.slice(6), 'base64')
    expect(key.length).toBe(32)
    expect(headers['webhook-id']).toBe(JSON.parse(body).data.id)
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60)
    const signature = createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${signature}`)
  }
  const fed = (await manager.get('/events/feed?limit=1000')).body.items.filter((e: Body) => e.aggregate_id === machine.id)
  expect(got.map((one) => dataOf(one).data.position)).toEqual(fed.map((e: Body) => e.position))
  const log = (await admin.get(`/webhooks/${made.webhook.id}/deliveries`)).body.items
  expect(log.map((d: Body) => [d.status, d.response_code, d.attempt])).toEqual(got.map(() => ['delivered', 204, 1]))
  await remove(made)
})

test('a failed one is sent again before any later one, later each time; after thirteen tries the webhook is switched off and nothing is lost', async () => {
  const made = await create({ event_types: ['equipment_created'] })
  const [a, b] = [await world.machine(), await world.machine()]
  receiver.answers((_got, response) => void response.writeHead(503).end('busy'))
  const waits: number[] = []
  for (let attempt = 1; attempt <= 13; attempt++) {
    const got = await deliver(1)
    expect(got.map((one) => dataOf(one).data.aggregate_id)).toEqual([a.id])
    expect(await sender.deliver(), 'not before its time').toBe(0)
    const [last] = (await admin.get(`/webhooks/${made.webhook.id}/deliveries?limit=1`)).body.items
    expect(last).toMatchObject({ attempt, status: 'failed', response_code: 503, response_text: 'busy', error: 'webhook_refused' })
    if (last.next_attempt_at) waits.push((Date.parse(last.next_attempt_at) - Date.parse(last.attempted_at)) / 1000)
    await world.sqlAdmin((q) => q('UPDATE webhook_progress SET next_attempt_at = now()'))
  }
  const expected = Array.from({ length: 12 }, (_, n) => Math.min(5 * 3 ** n, 21_600))
  for (const [i, wait] of waits.entries()) expect(wait / (expected[i] ?? 1)).toSatisfy((share: number) => share > 0.79 && share < 1.21)
  expect(waits.length).toBe(12)
  expect((await admin.get('/webhooks')).body.items[0]).toMatchObject({ is_active: false, disabled_reason: 'failed', disabled_at: expect.any(String) })
  expect(await sender.deliver()).toBe(0)
  receiver.answers((_got, response) => void response.writeHead(200).end('ok'))
  receiver.got.splice(0)
  const on = await admin.patch(`/webhooks/${made.webhook.id}`, { is_active: true }, { version: '*' })
  expect(on.body).toMatchObject({ is_active: true, disabled_reason: null, disabled_at: null, failures: 0 })
  expect((await deliver(2)).map((one) => dataOf(one).data.aggregate_id)).toEqual([a.id, b.id])
  receiver.answers((_got, response) => void response.writeHead(410).end())
  await world.machine()
  await deliver(1)
  expect((await admin.get('/webhooks')).body.items[0]).toMatchObject({ is_active: false, disabled_reason: 'gone' })
  receiver.answers((_got, response) => void response.writeHead(204).end())
  await remove(made)
}, 60_000)

test('from a past position all is sent again; a position of nothing is refused', async () => {
  const made = await create({ event_types: ['equipment_created'] })
  for (let i = 0; i < 3; i++) await world.machine()
  const first = await deliver(3)
  const path = `/webhooks/${made.webhook.id}/replay`
  expect((await admin.post(path, { from: dataOf(first[1]).data.position })).status).toBe(200)
  const again = await deliver(2)
  expect(again.map((one) => one.headers['webhook-id'])).toEqual(first.slice(1).map((one) => one.headers['webhook-id']))
  expect((await admin.post(path, { from: '5-5-000000000000' })).body.code).toBe('feed_position_gone')
  const all = (await manager.get('/events/feed?limit=1000')).body.items.filter((e: Body) => e.event_type === 'equipment_created')
  expect((await admin.post(path, {})).status).toBe(200)
  expect((await deliver(all.length)).map((one) => dataOf(one).data.id)).toEqual(all.map((e: Body) => e.id))
  await remove(made)
})

test('a test is sent at once and its answer shown; the renewed secret signs, for a day beside the old one', async () => {
  const made = await create({ event_types: ['company_changed'] })
  receiver.answers((_got, response) => void response.writeHead(200).end('recibido'))
  const reply = await admin.post(`/webhooks/${made.webhook.id}/test`)
  expect(reply.body).toMatchObject({ delivered: true, response_code: 200, response_text: 'recibido', error: null })
  const renewed = (await admin.post(`/webhooks/${made.webhook.id}/secret`)).body.secret
  expect(renewed).not.toBe(made.secret)
  await admin.post(`/webhooks/${made.webhook.id}/test`)
  const [before, after] = receiver.got.splice(0)
  const signed = (one: Got | undefined, secret: string) =>
    `v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
      .update(`${one?.headers['webhook-id']}.${one?.headers['webhook-timestamp']}.${one?.body}`)
      .digest('base64')}`
  expect(before?.headers['webhook-signature']).toBe(signed(before, made.secret))
  expect(after?.headers['webhook-signature']).toBe(`${signed(after, renewed)} ${signed(after, made.secret)}`)
  await world.sqlAdmin((q) => q("UPDATE webhook_secrets SET previous_until = now() - interval '1 second'"))
  await sender.prune()
  await admin.post(`/webhooks/${made.webhook.id}/test`)
  const [last] = receiver.got.splice(0)
  expect(last?.headers['webhook-signature']).toBe(signed(last, renewed))
  expect((await admin.get(`/webhooks/${made.webhook.id}/deliveries`)).body.items.map((d: Body) => d.event_type)).toEqual(['webhook_test', 'webhook_test', 'webhook_test'])
  await remove(made)
})

test('the secret is in no reply, event, audit row or idempotency key, and no SQL of others reads it', async () => {
  const reply = await admin.post('/webhooks', { name: 'x', url: receiver.url }, { key: 'once' })
  const { secret, webhook } = reply.body
  const texts = [await admin.get('/webhooks'), await admin.get('/events?limit=200'), await admin.get('/audit-logs?limit=200')].map((r) => r.text)
  expect(texts.every((text) => text.includes('"items"') && !text.includes(secret) && !text.includes('whsec_'))).toBe(true)
  expect(await world.sqlAdmin((q) => q('SELECT FROM idempotency_keys'))).toEqual([])
  for (const url of ['andina', 'sur'] as const) {
    expect(await refusalOf(() => world.sqlAs(url, 'admin', (q) => q('SELECT secret FROM webhook_secrets')))).toBe('42501')
    for (const call of [
      'claim_webhook_delivery(60)',
      "finish_webhook_delivery(gen_random_uuid(), true, 200, '', '', 1)",
      `sign_webhook_message('${world.companies.andina.id}', '${webhook.id}', 'a', 1, 'b')`,
    ])
      expect([call, await refusalOf(() => world.sqlAs(url, 'admin', (q) => q(`SELECT ${call}`)))]).toEqual([call, '42501'])
  }
  for (const call of ['renew_webhook_secret($1)', 'make_webhook_test($1)', 'replay_webhook($1, NULL, NULL, NULL)']) {
    const [as] = await world.sqlAs('andina', 'manager', (q) => q(`SELECT (SELECT to_jsonb(r) FROM ${call} r) AS given`, [webhook.id]))
    expect([call, as.given ?? null]).toEqual([call, call.startsWith('replay') ? 'no webhook' : null])
    const [other] = await world.sqlAs('sur', 'admin', (q) => q(`SELECT (SELECT to_jsonb(r) FROM ${call} r) AS given`, [webhook.id]))
    expect([call, other.given ?? null]).toEqual([call, call.startsWith('replay') ? 'no webhook' : null])
  }
  await remove({ webhook })
})

test('they are for admins alone, at most twenty, and only to addresses that may be reached', async () => {
  for (const [who, status] of [
    ['manager', 403],
    ['operator', 403],
    ['viewer', 403],
    ['ended', 404],
  ] as const)
    expect([who, (await world.as('andina', who).get('/webhooks')).status, (await world.as('andina', who).post('/webhooks', { name: 'x', url: receiver.url })).status]).toEqual([who, status, status])
  for (const [url, code] of [
    ['http://example.com/', 'webhook_http_refused'],
    ['https://example.com:8443/', 'webhook_port_refused'],
    ['https://127.0.0.1/', 'webhook_address_private'],
    ['https://localhost/', 'webhook_address_private'],
    ['https://u:p@example.com/', 'webhooks_url_form'],
    ['ftp://example.com/', 'webhooks_url_form'],
    ['https://example.com/#x', 'webhooks_url_form'],
    ['x', 'webhooks_url_form'],
  ] as const)
    expect([url, (await admin.post('/webhooks', { name: 'x', url })).body.code]).toEqual([url, code])
  expect((await admin.get('/webhooks')).body.items).toEqual([])
  const made = []
  for (let i = 0; i < 20; i++) made.push(await create({ name: `w${i}`, event_types: ['none'] }))
  expect((await admin.post('/webhooks', { name: 'x', url: receiver.url })).body.code).toBe('webhooks_limit')
  for (const one of made) await remove(one)
  expect((await admin.post(`/webhooks/${made[0]?.webhook.id}/test`)).status).toBe(404)
})

test('of a suspended company and of a database loaded elsewhere nothing is sent', async () => {
  const made = await create({ event_types: ['equipment_created'] })
  await world.machine()
  await world.sqlAdmin((q) => q("UPDATE companies SET status = 'suspended' WHERE id = $1", [world.companies.andina.id]))
  expect(await sender.deliver()).toBe(0)
  await world.sqlAdmin((q) => q("UPDATE companies SET status = 'active' WHERE id = $1", [world.companies.andina.id]))
  await world.sqlAdmin((q) => q("UPDATE webhook_progress SET server_mark = 'elsewhere'"))
  expect(await sender.deliver()).toBe(0)
  expect((await admin.get('/webhooks')).body.items[0]).toMatchObject({ is_active: false, disabled_reason: 'moved' })
  await admin.patch(`/webhooks/${made.webhook.id}`, { is_active: true }, { version: '*' })
  expect((await deliver(1)).length).toBe(1)
  await remove(made)
})

test('no private address counts as public, in any of its forms', () => {
  const inside = ['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.0.0.1', '192.0.2.1']
  const others = ['198.18.0.1', '198.51.100.1', '203.0.113.1', '192.88.99.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255']
  const six = ['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', 'fc00::1', 'fd12::1']
  const more = ['fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1', '100::1', '3fff::1', '5f00::1', '', 'x', '8.8.8.8.8']
  expect([...inside, ...others, ...six, ...more].filter(isPublic)).toEqual([])
  expect(['8.8.8.8', '1.1.1.1', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450:4003::1'].filter((one) => !isPublic(one))).toEqual([])
  const none: Rules = { allow: [], http: true }
  for (const host of [
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '0',
    '[::1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    'localhost',
    'a.localhost.',
    'db.internal',
    '１２７.0.0.1',
  ])
    expect([host, refusalOfUrl(`http://${host}/`, none)]).toEqual([host, 'webhook_address_private'])
  expect(refusalOfUrl('http://example.com:22/', none)).toBe('webhook_port_refused')
  expect(refusalOfUrl('https://example.com/', { allow: [], http: false })).toBeUndefined()
})

const message = (url: string): Message => ({ url, message_id: 'm', sent_at: 1, body: '{}', signature: 'v1,x' })

test('a name is looked up once and the connection goes to what was checked; one private address among several is enough to refuse', async () => {
  const inner = await receive('127.0.0.2')
  let asked = 0
  const rebind =
    (...answers: string[][]) =>
    async () =>
      answers[Math.min(asked++, answers.length - 1)] ?? []
  for (const [addresses, error] of [
    [['127.0.0.2'], 'webhook_address_private'],
    [['8.8.8.8', '127.0.0.2'], 'webhook_address_private'],
    [['2002:7f00:2::'], 'webhook_address_private'],
    [['::ffff:127.0.0.2'], 'webhook_address_private'],
    [[], 'webhook_name_unknown'],
  ] as const) {
    asked = 0
    const answer = await send(message('http://rebind.test/'), { rules: { allow: [], http: true }, resolve: rebind([...addresses]) })
    expect([addresses, answer.error, answer.delivered]).toEqual([addresses, error, false])
  }
  // The listed name lets private addresses be reached, so that the switch between two of them can be seen.
  asked = 0
  const outer = await receive('127.0.0.3', inner.port)
  const listed: Rules = { allow: [`rebind.test:${inner.port}`], http: false }
  const answer = await send(message(`http://rebind.test:${inner.port}/`), { rules: listed, resolve: rebind(['127.0.0.3'], ['127.0.0.2']) })
  expect([answer.delivered, asked, outer.got.length, inner.got.length]).toEqual([true, 1, 1, 0])
  expect(outer.got[0]?.headers.host).toBe(`rebind.test:${inner.port}`)
})

test('no redirect is followed, a slow answer is cut off, of a huge one only the beginning is taken', async () => {
  const inner = await receive('127.0.0.2')
  const go = (timeoutMs = 10_000) => send(message(receiver.url), { rules, timeoutMs })
  receiver.answers((_got, response) => void response.writeHead(307, { location: inner.url }).end())
  expect(await go()).toMatchObject({ delivered: false, code: 307, error: 'webhook_redirected' })
  expect(inner.got.length).toBe(0)
  receiver.answers(() => {})
  expect(await go(300)).toMatchObject({ delivered: false, error: 'webhook_too_slow' })
  receiver.answers((_got, response) => {
    response.writeHead(200)
    const drip = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(drip))
  })
  expect(await go(300)).toMatchObject({ delivered: false, error: 'webhook_too_slow' })
  let written = 0
  receiver.answers((_got, response) => {
    response.writeHead(200)
    const more = () => {
      while (!response.destroyed && written < 200_000_000) {
        written += 65_536
        if (!response.write('x'.repeat(65_536))) return void response.once('drain', more)
      }
    }
    more()
  })
  const huge = await go()
  expect([huge.delivered, huge.text?.length]).toEqual([true, 500])
  expect(written).toBeLessThan(20_000_000)
  expect(await send(message('http://nobody.invalid/'), { rules: { allow: [], http: true }, resolve: async () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) })).toMatchObject({
    error: 'webhook_name_unknown',
  })
  const closed: Rules = { allow: ['127.0.0.1:1'], http: false }
  expect(await send(message('http://127.0.0.1:1/'), { rules: closed })).toMatchObject({ error: 'webhook_not_reached' })
  expect(await send(message(`https://127.0.0.1:${receiver.port}/`), { rules })).toMatchObject({ delivered: false, error: 'webhook_tls_failed' })
})
