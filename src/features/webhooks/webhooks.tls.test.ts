// Webhooks over TLS: who shows no certificate that is trusted and its own gets nothing, and the delivery says why.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { selfSigned } from '../../../test/certificates.ts'
import { type Body, createWorld } from '../../../test/harness.ts'
import { programDir } from '../../base/config.ts'
import { allWords } from '../../server.ts'
import { createSender } from './jobs.ts'

/** A receiver with a certificate for these names, which it signed itself. */
async function receive(names: { dns?: string; ip?: string }) {
  const { key, cert } = selfSigned(names)
  const got: string[] = []
  const server = createServer({ key, cert }, (request, response) => {
    got.push(String(request.headers['webhook-id']))
    request.resume().on('end', () => response.writeHead(204).end())
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, cert, port: (server.address() as AddressInfo).port }
}

const receiver = await receive({ ip: '127.0.0.1' })
const origin = `127.0.0.1:${receiver.port}`
const world = await createWorld({ env: { BITCORP_WEBHOOK_ALLOW: origin } })
const admin = world.as('andina', 'admin')

test('a receiver whose certificate nobody trusts gets nothing: not the event, not the test; the delivery says why, and it is tried again', async () => {
  const { webhook } = (await admin.post('/webhooks', { name: 'Selbst', url: `https://${origin}/in`, event_types: ['equipment_created'] })).body
  expect((await admin.post(`/webhooks/${webhook.id}/test`)).body).toMatchObject({ delivered: false, response_code: null, error: 'webhook_tls_failed' })
  await world.machine()
  const sender = createSender(world.ownerUrl, { rules: { allow: [origin], http: false } })
  try {
    const tried = async () => (await admin.get(`/webhooks/${webhook.id}/deliveries`)).body.items.filter((d: Body) => d.event_id)
    for (let i = 0; i < 600 && (await tried()).length === 0; i++) if ((await sender.deliver()) === 0) await new Promise((later) => setTimeout(later, 50))
    const [one] = await tried()
    expect(one).toMatchObject({ status: 'failed', response_code: null, error: 'webhook_tls_failed', attempt: 1, next_attempt_at: expect.any(String) })
  } finally {
    await sender.close()
  }
  expect(receiver.got).toEqual([])
  for (const language of ['es', 'en'] as const) expect(Object.assign({}, ...allWords.map((room) => (room[language] as Record<string, object>).webhooks ?? {})).webhook_tls_failed).toMatch(/certific/i)
})

/** Sends as a program of its own that trusts one more certificate, which Node reads at its start alone. */
function sendTrusting(cert: string, url: string): Promise<Body> {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-trust-'))
  const file = join(folder, 'trusted.pem')
  writeFileSync(file, cert)
  const code = `import { send } from './src/features/webhooks/send.ts'
    const [url] = process.argv.slice(1)
    const answer = await send({ url, message_id: 'm', sent_at: 1, body: '{}', signature: 'v1,x' }, { rules: { allow: [new URL(url).host], http: false }, resolve: async () => ['127.0.0.1'] })
    process.stdout.write(JSON.stringify(answer))`
  return new Promise<Body>((done, fail) => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file }
    execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code, '--', url], { cwd: programDir, env }, (error, stdout) => (error ? fail(error) : done(JSON.parse(stdout))))
  }).finally(() => rmSync(folder, { recursive: true }))
}

test('trusted through NODE_EXTRA_CA_CERTS it gets its message, by address and by name; under another name it gets nothing', async () => {
  const named = await receive({ dns: 'hooks.test' })
  expect(await sendTrusting(receiver.cert, `https://${origin}/in`)).toMatchObject({ delivered: true, code: 204, error: null })
  expect(receiver.got).toEqual(['m'])
  expect(await sendTrusting(named.cert, `https://hooks.test:${named.port}/in`)).toMatchObject({ delivered: true, code: 204 })
  expect(named.got).toEqual(['m'])
  expect(await sendTrusting(named.cert, `https://other.test:${named.port}/in`)).toMatchObject({ delivered: false, code: null, error: 'webhook_tls_failed' })
  expect(await sendTrusting(named.cert, `https://${origin}/in`)).toMatchObject({ delivered: false, error: 'webhook_tls_failed' })
  expect([receiver.got.length, named.got.length]).toEqual([1, 1])
})
