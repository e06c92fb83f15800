// Hostile clients at the socket of a real server: slow, endless, oversized and ambiguous requests are ended, and everyone else is still served.
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { createWorld } from './harness.ts'
import { buildWhenStale } from './program.ts'

buildWhenStale()
const world = await createWorld({ env: { BITCORP_LOG_LEVEL: 'silent' } })
await world.app.listen({ port: 0, host: '127.0.0.1' })
const { port } = world.app.server.address() as AddressInfo
const url = `http://127.0.0.1:${port}`
const open = new Set<Socket>()
afterAll(() => {
  for (const socket of open) socket.destroy()
})

/** Sends what `write` sends and gives everything that came back until the server ended it; 'open' when it never does. */
function talk(write: (socket: Socket, isOpen: () => boolean) => Promise<void> | void, patience = 60_000): Promise<string> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    open.add(socket)
    let got = ''
    let isOpen = true
    const end = (text: string) => {
      isOpen = false
      clearTimeout(timer)
      open.delete(socket)
      socket.destroy()
      done(text)
    }
    const timer = setTimeout(() => end('open'), patience)
    socket.on('data', (data) => (got += data.toString('latin1')))
    // A server that ends while we still send resets the connection: what it said before stands.
    socket.on('error', () => end(got))
    socket.on('close', () => end(got))
    socket.on('connect', () => void Promise.resolve(write(socket, () => isOpen)).catch(() => {}))
  })
}
const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? Number.NaN)
/** Who still sends when the refusal comes may lose it to the reset of the connection, so it is asked again. */
async function heard(talking: () => Promise<string>): Promise<number> {
  for (let tries = 0; tries < 5; tries++) {
    const status = statusOf(await talking())
    if (status) return status
  }
  return Number.NaN
}
const head = (extra: string[], line = 'POST /api/v1/session HTTP/1.1') => [line, 'host: bitcorp', 'content-type: application/json', ...extra, '', ''].join('\r\n')
const isServed = async () => {
  const reply = await fetch(`${url}/api/v1/me`, { headers: { cookie: `bitcorp_session=${world.person('andina', 'admin').secret}` } })
  expect([reply.status, ((await reply.json()) as { user: { email: string } }).user.email]).toEqual([200, 'admin@andina.test'])
}

test('slow headers end after ten seconds and slow bodies after thirty, three hundred at once, while others are served', async () => {
  const drip = (first: string, piece: string) =>
    talk(async (socket, isOpen) => {
      socket.write(first)
      while (isOpen()) {
        await sleep(1000)
        if (isOpen()) socket.write(piece)
      }
    })
  const many = Promise.all(Array.from({ length: 300 }, (_, n) => drip(`GET /api/v1/me HTTP/1.1\r\nhost: slow${n}\r\n`, 'x-a: b\r\n')))
  const body = drip(head(['content-length: 100000']), 'x')
  const chunked = drip(head(['transfer-encoding: chunked']), '1\r\nx\r\n')
  const silent = talk(() => {})
  let asked = 0
  const isDone = Promise.all([many, body, chunked]).then(() => true)
  while (!(await Promise.race([isDone, sleep(500, false)]))) {
    await isServed()
    asked++
  }
  expect(asked, 'others were served meanwhile').toBeGreaterThan(5)
  expect([...new Set((await many).map(statusOf))]).toEqual([408])
  expect([statusOf(await body), statusOf(await chunked)]).toEqual([408, 408])
  expect(await silent, 'who says nothing is not kept either').not.toBe('open')
}, 120_000)

test('a body over 1 MiB is refused, however its length is told, also while it still comes', async () => {
  const mebibyte = 'x'.repeat(1024 * 1024)
  const json = JSON.stringify({ email: 'a@b.pe', password: mebibyte.repeat(20) })
  expect(await heard(() => talk((socket) => void socket.write(head([`content-length: ${json.length}`]) + json)))).toBe(413)
  const endless = () =>
    talk(async (socket, isOpen) => {
      socket.write(`${head(['transfer-encoding: chunked'])}`)
      for (let sent = 0; isOpen() && sent < 64; sent++) {
        socket.write(`${mebibyte.length.toString(16)}\r\n${mebibyte}\r\n`)
        await sleep(20)
      }
    })
  expect(await heard(endless)).toBe(413)
  const deep = '['.repeat(500_000)
  expect(await heard(() => talk((socket) => void socket.write(head([`content-length: ${deep.length}`, 'connection: close']) + deep)))).toBe(400)
  await isServed()
})

test('a spreadsheet over its bound is refused before it is read', async () => {
  const auth = `cookie: bitcorp_session=${world.person('andina', 'manager').secret}\r\nx-csrf-token: ${String(world.as('andina', 'manager').auth['x-csrf-token'])}`
  const line = `POST /api/v1/companies/${world.companies.andina.id}/equipment/import HTTP/1.1`
  const file = (type: string) => `${line}\r\nhost: bitcorp\r\n${auth}\r\ncontent-type: ${type}\r\ncontent-length: ${65 * 1024 * 1024}\r\n\r\n`
  for (const type of ['text/csv', 'application/octet-stream', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'])
    expect(await heard(() => talk((socket) => void socket.write(file(type)))), type).toBe(413)
  await isServed()
})

test('64 KiB of headers, and thousands of them, are refused', async () => {
  expect(await heard(() => talk((socket) => void socket.write(head([`x-long: ${'x'.repeat(64 * 1024)}`]))))).toBe(431)
  expect(await heard(() => talk((socket) => void socket.write(head(Array.from({ length: 5000 }, (_, n) => `x-${n}: y`)))))).toBe(431)
  expect(await heard(() => talk((socket) => void socket.write(`GET /${'a'.repeat(64 * 1024)} HTTP/1.1\r\nhost: x\r\n\r\n`)))).toBe(431)
  await isServed()
})

test('a request whose end could be read in two ways is refused, and nothing behind it is answered', async () => {
  const hidden = 'GET /healthz HTTP/1.1\r\nhost: hidden\r\n\r\n'
  const told = '{"email":"a@b.pe","password":"x"}'
  const ambiguous: Record<string, string> = {
    'both lengths': `${head(['content-length: 4', 'transfer-encoding: chunked'])}0\r\n\r\n${hidden}`,
    'both, the other way round': `${head(['transfer-encoding: chunked', 'content-length: 4'])}0\r\n\r\n${hidden}`,
    'two lengths': head(['content-length: 4', 'content-length: 5']) + told + hidden,
    'a length that is no number': head(['content-length: +4']) + told + hidden,
    'an encoding that is none': `${head(['transfer-encoding: xchunked'])}0\r\n\r\n${hidden}`,
    'chunked, then another': `${head(['transfer-encoding: chunked, identity'])}0\r\n\r\n${hidden}`,
    'a space before the colon': `${head(['content-length : 4'])}${told}${hidden}`,
    'a folded header': `${head(['x-a: b\r\n c: d'])}${hidden}`,
    'a bare CR': `GET /healthz HTTP/1.1\rhost: x\r\r${hidden}`,
    'a chunk that is longer than told': `${head(['transfer-encoding: chunked'])}2\r\nxyz\r\n0\r\n\r\n${hidden}`,
    'no host': 'GET /healthz HTTP/1.1\r\n\r\n',
    'what is no HTTP': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  }
  for (const [name, text] of Object.entries(ambiguous)) {
    const reply = await talk((socket) => void socket.write(text, 'latin1'), 5000)
    expect(statusOf(reply), name).toBe(400)
    expect(reply, name).not.toContain('"status":"up"')
    expect(reply.match(/HTTP\/1\.1 /g)?.length, name).toBe(1)
  }
  await isServed()
})

const policyOf = (reply: Response) => Object.fromEntries((reply.headers.get('content-security-policy') ?? '').split(';').map((part) => [part.trim().split(' ')[0], part.trim().split(' ').slice(1)]))

test('every reply says that it is what it says, stands in no frame, tells no one where it was read, and runs nothing inline', async () => {
  const asset = /assets\/[\w.-]+\.js/.exec(await (await fetch(`${url}/sign-in`)).text())?.[0]
  expect(asset).toBeDefined()
  for (const path of ['/', '/sign-in', `/${asset}`, '/api/v1/me', '/api/v1/openapi.json', '/healthz', '/api/nowhere', '/api/docs/']) {
    const reply = await fetch(url + path)
    const policy = policyOf(reply)
    expect(reply.headers.get('x-content-type-options'), path).toBe('nosniff')
    expect(reply.headers.get('referrer-policy'), path).toBe('no-referrer')
    expect(reply.headers.get('x-frame-options'), path).toBe('DENY')
    expect(policy['frame-ancestors'], path).toEqual(["'none'"])
    expect(policy['object-src'], path).toEqual(["'none'"])
    expect(policy['script-src'], path).not.toContain("'unsafe-inline'")
    expect(policy['script-src'], path).not.toContain("'unsafe-eval'")
    if (!path.startsWith('/api/docs')) expect(reply.headers.get('content-security-policy'), path).not.toMatch(/unsafe/)
    expect(reply.headers.get('x-powered-by') ?? reply.headers.get('server'), path).toBeNull()
  }
})

test('no reply with data is kept by browser or proxy', async () => {
  const { paths } = world.app.swagger() as unknown as { paths: Record<string, Record<string, object>> }
  const admin = world.as('andina', 'admin')
  const machine = await world.machine()
  const reads = Object.entries(paths).filter(([path, verbs]) => 'get' in verbs && path.startsWith('/api/v1/') && !/stream$/.test(path))
  expect(reads.length).toBeGreaterThan(25)
  const statuses: Record<string, number> = {}
  for (const [path] of reads) {
    const reply = await admin.get(path.replace('{company_id}', world.companies.andina.id).replace(/\{\w+\}/g, machine.id))
    statuses[path] = reply.status
    expect(reply.headers['cache-control'], path).toBe('no-store')
  }
  expect(Object.values(statuses).filter((status) => status === 200).length).toBeGreaterThan(15)
  for (const reply of [await admin.post('/api/v1/session', {}), await admin.get('/equipment/export?format=csv'), await admin.get('/nowhere')]) expect(reply.headers['cache-control']).toBe('no-store')
})

test('the figures of the server are for a collector on the same machine, not for who comes through a proxy on it', async () => {
  expect((await fetch(`${url}/metrics`)).status).toBe(200)
  expect((await fetch(`${url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(404)
  expect((await world.app.inject({ url: '/metrics', remoteAddress: '203.0.113.9' })).statusCode).toBe(404)
})

test('TRACE and other verbs, folders and hidden files are not served', async () => {
  for (const [line, status] of [
    ['TRACE / HTTP/1.1', 404],
    ['GET /assets/ HTTP/1.1', 404],
    ['GET /.git/config HTTP/1.1', 200],
    ['GET /../package.json HTTP/1.1', 200],
    ['GET /assets/..%2f..%2f..%2fpackage.json HTTP/1.1', 404],
    ['CONNECT x:80 HTTP/1.1', Number.NaN],
  ] as const) {
    const reply = await talk((socket) => void socket.write(`${line}\r\nhost: x\r\nconnection: close\r\n\r\n`), 5000)
    expect(statusOf(reply), line).toBe(status)
    expect(reply, line).not.toMatch(/repositoryformatversion|"name": "bitcorp-erp"/)
  }
})
