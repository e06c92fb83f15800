// Several servers deliver the events of several webhooks: each once and in order, also while writers run; one that dies is followed by another.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld } from '../../../test/harness.ts'
import { createSender } from './jobs.ts'

const got: { path: string; id: string; machine: string; version: number }[] = []
let held = 0
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (piece) => (body += piece))
  request.on('end', async () => {
    const { data } = JSON.parse(body)
    got.push({ path: request.url ?? '', id: String(request.headers['webhook-id']), machine: data.aggregate_id, version: data.event_version })
    await new Promise((done) => setTimeout(done, Math.random() * 10))
    held = Math.max(held, await busy())
    response.writeHead(204).end()
  })
})
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`
const world = await createWorld({ poolSize: 8, env: { BITCORP_WEBHOOK_ALLOW: origin } })
const admin = world.as('andina', 'admin')
const how = { rules: { allow: [origin], http: false } }
const senders = [createSender(world.ownerUrl, how), createSender(world.ownerUrl, how), createSender(world.ownerUrl, how)]
afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.close()))
  server.closeAllConnections()
  server.close()
})

/** How many of the senders' connections have a transaction open without doing anything in it. */
const busy = async () =>
  (await world.sqlAdmin((q) => q("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'bitcorp_erp webhooks' AND datname = current_database() AND state LIKE 'idle in%'")))[0].n

test('three servers, three webhooks, eight writers: every event once to each, in order, and no transaction open while the receiver answers', async () => {
  for (const name of ['a', 'b', 'c']) expect((await admin.post('/webhooks', { name, url: `http://${origin}/${name}`, event_types: ['equipment_changed'] })).status).toBe(201)
  const machines: Body[] = []
  for (let i = 0; i < 8; i++) machines.push(await world.machine())
  let writing = true
  const writers = Promise.all(
    machines.map(async (machine) => {
      for (let i = 1; i <= 12; i++) await world.as('andina', 'manager').patch(`/equipment/${machine.id}`, { name: `n${i}` }, { version: i })
    }),
  ).finally(() => (writing = false))
  for (const began = Date.now(); (writing || got.length < 3 * 96) && Date.now() - began < 200_000; ) await Promise.all(senders.map((sender) => sender.deliver()))
  await writers
  await Promise.all(senders.map((sender) => sender.deliver()))
  const fed = (await admin.get('/events/feed?limit=1000')).body.items.filter((e: Body) => e.event_type === 'equipment_changed').map((e: Body) => e.id)
  expect(fed.length).toBe(96)
  for (const name of ['a', 'b', 'c']) expect([name, got.filter((one) => one.path === `/${name}`).map((one) => one.id)]).toEqual([name, fed])
  expect(held).toBe(0)
})

test('what a server had claimed when it died is sent by another once the claim has run out, and not before', async () => {
  const before = got.length
  const machine = await world.machine()
  await world.as('andina', 'manager').patch(`/equipment/${machine.id}`, { name: 'otra' }, { version: 1 })
  const claim = async () => (await world.sqlAdmin((q) => q('SELECT claim FROM claim_webhook_delivery(60)')))[0]?.claim
  const claims: string[] = []
  for (const began = Date.now(); claims.length < 3 && Date.now() - began < 60_000; ) {
    const one = await claim()
    if (one) claims.push(one)
  }
  expect(claims.length).toBe(3)
  for (const sender of senders) expect(await sender.deliver()).toBe(0)
  await world.sqlAdmin((q) => q("UPDATE webhook_progress SET claimed_until = now() - interval '1 second'"))
  await Promise.all(senders.map((sender) => sender.deliver()))
  expect(got.slice(before).map((one) => [one.machine, one.version])).toEqual([
    [machine.id, 2],
    [machine.id, 2],
    [machine.id, 2],
  ])
  // Who comes back late with an old claim moves nothing.
  for (const one of claims) expect((await world.sqlAdmin((q) => q("SELECT finish_webhook_delivery($1, true, 200, '', NULL, 1) AS done", [one])))[0].done).toBe(false)
})
