// The log of the real program at its most talkative: one line a request that says what happened, and no secret in any line, also when things break.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, password } from './harness.ts'
import { buildWhenStale, cleanUp, makeFolder, start, until } from './program.ts'

const world = await createWorld()
const admin = world.person('andina', 'admin')
const andina = `/api/v1/companies/${world.companies.andina.id}`
let url = ''
let program: ReturnType<typeof start>
beforeAll(async () => {
  buildWhenStale()
  const env = { DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: world.appUrl, BITCORP_DEMO: '0', BITCORP_LOG_LEVEL: 'trace', BITCORP_KEYS_FILE: world.config.keysFile }
  program = start(['serve'], makeFolder(), { env })
  url = await program.ready()
}, 240_000)
afterAll(cleanUp)

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
  const secrets: Record<string, string> = { password, wrong, totp: '739153', bearer: 'bct_notavalidtoken_0123456789abcdef', query: 'geheim-in-the-address', broken: 'half-a-secret' }
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
