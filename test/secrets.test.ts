// The real program at its most talkative, with traces on: one line and one span a request, its statements below it, and no secret in any of them, also when things break.
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashSecret } from '../src/base/db.ts'
import { csrfToken } from '../src/base/http.ts'
import { createWorld, password } from './harness.ts'
import { buildWhenStale, cleanUp, makeFolder, start, until } from './program.ts'

const world = await createWorld()
const admin = world.person('andina', 'admin')
const andina = `/api/v1/companies/${world.companies.andina.id}`
let url = ''
let program: ReturnType<typeof start>
const secrets: Record<string, string> = {}
type Span = { name: string; spanId: string; parentSpanId?: string; attributes: { key: string; value: { stringValue?: string; intValue?: number } }[] }
const received: string[] = []
/** A collector of OTLP over HTTP. */
const collector = createServer((request, response) => {
  const parts: Buffer[] = []
  request
    .on('data', (part: Buffer) => parts.push(part))
    .on('end', () => {
      received.push(Buffer.concat(parts).toString())
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
})
const spans = () => received.flatMap((text) => (JSON.parse(text).resourceSpans as { scopeSpans: { spans: Span[] }[] }[]).flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)))
const of = (span: Span | undefined, key: string) => span?.attributes.find((one) => one.key === key)?.value

beforeAll(async () => {
  buildWhenStale()
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done))
  const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`, OTEL_BSP_SCHEDULE_DELAY: '200' }
  const env = { DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: world.appUrl, BITCORP_DEMO: '0', BITCORP_LOG_LEVEL: 'trace', BITCORP_KEYS_FILE: world.config.keysFile, ...traces }
  program = start(['serve'], makeFolder(), { env })
  url = await program.ready()
}, 240_000)
afterAll(async () => {
  await cleanUp()
  collector.close()
})

type Answer = { status: number; id: string; headers: Headers; body: Record<string, never> & { request_id?: string } }
type Sent = { body?: unknown; raw?: string; headers?: Record<string, string> }
const asked: { method: string; id: string; status: number }[] = []
async function ask(method: string, path: string, { body, raw, headers = {} }: Sent = {}): Promise<Answer> {
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const reply = await fetch(url + path, { method, headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(text === undefined ? {} : { body: text }) })
  const id = reply.headers.get('x-request-id') ?? ''
  asked.push({ method, id, status: reply.status })
  const answer = await reply.text()
  return { status: reply.status, id, headers: reply.headers, body: answer.startsWith('{') ? JSON.parse(answer) : {} }
}
const lines = () =>
  `${program.output}\n${program.errors}`.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      return []
    }
  })

test('signs in, errs, makes tokens, links, webhooks and tax ids, breaks things: no line holds a secret', async () => {
  const wrong = 'Wr0ng-and-secret-pass'
  Object.assign(secrets, { password, wrong, totp: '739153', bearer: 'bct_notavalidtoken_0123456789abcdef', query: 'geheim-in-the-address', broken: 'half-a-secret' })
  expect((await ask('POST', '/api/v1/session', { body: { email: admin.email, password: wrong, totp: secrets.totp } })).status).toBe(401)
  const session = await ask('POST', '/api/v1/session', { body: { email: admin.email, password } })
  expect(session.status).toBe(200)
  const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? ''
  const csrf = String(session.body.csrf_token)
  Object.assign(secrets, { cookie: cookie.split('=')[1], csrf })
  const headers = { cookie, 'x-csrf-token': csrf }
  const end = new Date(Date.now() + 86_400_000).toISOString()
  const token = await ask('POST', '/api/v1/tokens', { headers, body: { name: 'one', company_id: world.companies.andina.id, scopes: ['read'], expires_at: end } })
  expect(token.status).toBe(201)
  Object.assign(secrets, { token: String(token.body.token) })
  expect((await ask('GET', `${andina}/equipment?q=${secrets.query}`, { headers: { authorization: `Bearer ${token.body.token}` } })).status).toBe(200)
  await ask('GET', `${andina}/equipment`, { headers: { authorization: `Bearer ${secrets.bearer}` } })
  await ask('GET', `/no/such/place/${secrets.query}?token=${secrets.query}`)
  await ask('GET', `/api/v1/companies/${secrets.query}/equipment`, { headers })
  await ask('POST', '/api/v1/session', { raw: `{"password": "${secrets.broken}` })
  await ask('POST', '/api/v1/session', { body: { email: admin.email, password: { a: secrets.broken } } })
  const link = 'L1nk-token-of-a-mail_0123456789'
  Object.assign(secrets, { link, chosen: 'Chosen-with-a-link-2026' })
  await ask('POST', '/api/v1/password-link/read', { body: { token: link } })
  await ask('POST', '/api/v1/password-link', { body: { token: link, password: secrets.chosen } })
  const hook = await ask('POST', `${andina}/webhooks`, { headers, body: { name: 'Contabilidad', url: 'https://contabilidad.invalid/in' } })
  expect(hook.status).toBe(201)
  Object.assign(secrets, { webhook: String(hook.body.secret) })
  Object.assign(secrets, { tax: '20131312955' })
  expect((await ask('PATCH', `${andina}/tax-id`, { headers, body: { tax_id: secrets.tax } })).status).toBeLessThan(500)
  await ask('PATCH', `${andina}/tax-id`, { headers: { ...headers, 'if-match': '*' }, body: { tax_id: secrets.tax } })
  await ask('POST', `${andina}/users/by-tax-id`, { headers, body: { tax_id: secrets.tax } })
  await breakAndAsk(wrong)

  expect(Object.values(secrets).every((secret) => secret && secret.length >= 6)).toBe(true)
  await until(() => lines().filter((line) => line.msg === 'request').length >= asked.length, 10_000)
  const all = program.output + program.errors
  expect(
    lines().some((line) => Number(line.level) >= 50),
    'something broke and was logged',
  ).toBe(true)
  for (const [name, secret] of Object.entries(secrets)) expect(all.includes(secret), name).toBe(false)
})

/** The database's own words of a failure are logged: they must not repeat what was sent. */
async function breakAndAsk(secret: string): Promise<void> {
  await world.sqlAdmin((q) => q(`ALTER FUNCTION find_sign_in(text) RENAME TO find_nobody`))
  try {
    expect((await ask('POST', '/api/v1/session', { body: { email: admin.email, password: secret } })).status).toBe(500)
  } finally {
    await world.sqlAdmin((q) => q(`ALTER FUNCTION find_nobody(text) RENAME TO find_sign_in`))
  }
}

test('each request has one line: method, route, status, duration, and who in which company; its id is in the reply and in a problem', async () => {
  const refused = await ask('GET', `${andina}/equipment/${admin.userId}`, { headers: { cookie: `bitcorp_session=${admin.secret}` } })
  expect(refused).toMatchObject({ status: 404, body: { request_id: refused.id } })
  expect(refused.id).toMatch(/^[0-9a-f-]{36}$/)
  await until(() => lines().some((line) => line.request_id === refused.id), 10_000)
  expect(asked.length).toBeGreaterThan(15)
  for (const { id, method, status } of asked) {
    const own = lines().filter((line) => line.request_id === id && line.msg === 'request')
    expect(own, id).toEqual([expect.objectContaining({ level: 30, method, status, route: expect.any(String), ms: expect.any(Number) })])
    expect(Object.keys(own[0] ?? {}).filter((key) => !['level', 'time', 'pid', 'hostname', 'request_id', 'method', 'route', 'status', 'ms', 'company', 'user', 'msg'].includes(key))).toEqual([])
  }
  const [line] = lines().filter((one) => one.request_id === refused.id && one.msg === 'request')
  expect(line).toMatchObject({ route: '/api/v1/companies/:company_id/equipment/:equipment_id', company: world.companies.andina.id, user: admin.userId })
})

test('what is refused to intruders has a line of its own, at the level that is usual, which says who and from where', async () => {
  const viewer = world.person('andina', 'viewer')
  const cookie = `bitcorp_session=${viewer.secret}`
  const headers = { cookie, 'x-csrf-token': csrfToken(viewer.secret) }
  const sur = `/api/v1/companies/${world.companies.sur.id}/equipment`
  const body = { name: 'No', ownership: 'rented' }
  const cases: [string, Promise<Answer>, Record<string, unknown>][] = [
    ['a role that may not', ask('POST', `${andina}/equipment`, { headers, body }), { refused: 'role_required', status: 403 }],
    ['another company', ask('GET', sur, { headers }), { refused: 'not_found', status: 404, route: '/api/v1/companies/:company_id/equipment' }],
    ['no session', ask('GET', `${andina}/equipment`), { refused: 'signed_out', status: 401 }],
    ['another site', ask('POST', `${andina}/equipment`, { headers: { cookie }, body }), { refused: 'csrf_missing', status: 403 }],
    ['what no page sends', ask('POST', '/api/v1/session', { body: { email: 1, admin: true } }), { refused: 'input_invalid', status: 400 }],
    ['what is no JSON', ask('POST', '/api/v1/session', { raw: '{' }), { refused: 'bad_request', status: 400 }],
    ['too much', ask('POST', '/api/v1/session', { raw: `"${'x'.repeat(1024 * 1024)}"` }), { refused: 'too_large', status: 413 }],
  ]
  for (const [name, answer, told] of cases) {
    const { id } = await answer
    const own = () => lines().filter((line) => line.request_id === id && line.event === 'security')
    await until(() => own().length > 0, 10_000).catch(() =>
      expect(
        lines().filter((line) => line.request_id === id),
        name,
      ).toEqual([]),
    )
    expect(own(), name).toEqual([expect.objectContaining({ ...told, level: 40, ip: '127.0.0.1' })])
  }
  expect(lines().filter((line) => line.credential === hashSecret(viewer.secret).slice(0, 16)).length, 'whose session it was').toBeGreaterThanOrEqual(3)
  const fine = await ask('GET', `${andina}/equipment`, { headers })
  await until(() => lines().some((line) => line.request_id === fine.id && line.msg === 'request'), 10_000)
  expect(lines().filter((line) => line.request_id === fine.id && line.event !== undefined)).toEqual([])
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('no HTTP at all\r\n\r\n'))
  socket.on('error', () => {})
  await until(() => lines().some((line) => line.refused === 'request_broken'), 10_000)
  socket.destroy()
})

test('the collector gets a span for each request and each of its statements, told without their values', async () => {
  const id = asked[1]?.id
  await until(() => spans().some((span) => of(span, 'bitcorp.request_id')?.stringValue === id), 15_000)
  const request = spans().find((span) => of(span, 'bitcorp.request_id')?.stringValue === id)
  expect(request?.name).toBe('POST /api/v1/session')
  expect(of(request, 'http.response.status_code')?.intValue).toBe(200)
  const statements = spans().filter((span) => span.parentSpanId === request?.spanId)
  expect(statements.map((span) => of(span, 'db.query.text')?.stringValue).join(' ')).toContain('find_sign_in($1)')
  const verbs = () => spans().map((span) => of(span, 'db.operation.name')?.stringValue)
  await expect.poll(verbs, { message: 'other statements are told by their verb' }).toContain('SET')
  const texts = spans().flatMap((span) => of(span, 'db.query.text')?.stringValue ?? [])
  expect(texts.filter((text) => !/^\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b/i.test(text))).toEqual([])
  const all = received.join('\n')
  expect(Object.keys(secrets).length).toBeGreaterThan(10)
  for (const [name, secret] of Object.entries(secrets)) expect(all.includes(secret), name).toBe(false)
})
