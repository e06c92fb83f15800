// Receivers that never answer: whoever else is to be told is told all, in order, while those requests are still open.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld } from '../../../test/harness.ts'
import { createSender } from './jobs.ts'

const got = new Map<string, string[]>()
const hanging = new Set<ServerResponse>()
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const path = request.url ?? ''
    if (path.startsWith('/hang')) {
      hanging.add(response)
      response.on('close', () => hanging.delete(response))
      return
    }
    got.set(path, [...(got.get(path) ?? []), String(request.headers['webhook-id'])])
    response.writeHead(204).end()
  })
})
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`
const world = await createWorld({ poolSize: 8, env: { BITCORP_WEBHOOK_ALLOW: origin } })
const admin = world.as('andina', 'admin')
// Nobody is cut off here: what ends a request that hangs is the test alone.
const sender = createSender(world.ownerUrl, { rules: { allow: [origin], http: false }, timeoutMs: 250_000 })
afterAll(async () => {
  for (const response of hanging) response.destroy()
  await sender.close()
  server.closeAllConnections()
  server.close()
})

const add = async (name: string) => expect((await admin.post('/webhooks', { name, url: `http://${origin}/${name}`, event_types: ['equipment_created'] })).status).toBe(201)
/** Calls as the clock does, without waiting for what is under way, until `whole` holds. */
async function tickUntil(whole: () => boolean): Promise<void> {
  for (const began = Date.now(); !whole() && Date.now() - began < 60_000; await new Promise((later) => setTimeout(later, 50))) sender.deliver().catch(() => {})
}
const fed = async () => (await admin.get('/events/feed?limit=1000')).body.items.filter((e: Body) => e.event_type === 'equipment_created').map((e: Body) => e.id)

test('one receiver never answers: two others get every event in order, also those of later, before that request ends', async () => {
  for (const name of ['hang0', 'a', 'b']) await add(name)
  for (let i = 0; i < 5; i++) await world.machine()
  await tickUntil(() => hanging.size === 1 && (got.get('/a')?.length ?? 0) >= 5 && (got.get('/b')?.length ?? 0) >= 5)
  for (let i = 0; i < 5; i++) await world.machine()
  await tickUntil(() => (got.get('/a')?.length ?? 0) >= 10 && (got.get('/b')?.length ?? 0) >= 10)
  expect(hanging.size, 'the one that hangs is still open, and has nothing behind it').toBe(1)
  for (const name of ['/a', '/b']) expect([name, got.get(name)]).toEqual([name, await fed()])
}, 180_000)

test('eight that never answer hold up nobody either, and none of them is asked twice', async () => {
  for (let i = 1; i < 8; i++) await add(`hang${i}`)
  for (let i = 0; i < 3; i++) await world.machine()
  await tickUntil(() => hanging.size === 8 && (got.get('/a')?.length ?? 0) >= 13 && (got.get('/b')?.length ?? 0) >= 13)
  for (let i = 0; i < 3; i++) await world.machine()
  await tickUntil(() => (got.get('/a')?.length ?? 0) >= 16 && (got.get('/b')?.length ?? 0) >= 16)
  expect(hanging.size).toBe(8)
  for (const name of ['/a', '/b']) expect([name, got.get(name)]).toEqual([name, await fed()])
  const open = await world.sqlAdmin((q) =>
    q("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'bitcorp_erp webhooks' AND datname = current_database() AND state LIKE 'idle in%'"),
  )
  expect(open[0].n, 'no transaction is open while they hang').toBe(0)
}, 180_000)
