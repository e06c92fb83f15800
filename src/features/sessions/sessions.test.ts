// Guessing passwords and taking sessions over: attacked from many places at once, on several servers, with the clock moved; and what the owner sees.
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Body, Client, createWorld, password, sessionHeaders } from '../../../test/harness.ts'
import { readConfig } from '../../base/config.ts'
import { hashSecret } from '../../base/db.ts'
import { createServer } from '../../server.ts'

const world = await createWorld()
const andina = world.companies.andina.id
type App = typeof world.app
type Attempt = { email: string; password?: string; from?: string; cookie?: string; headers?: Record<string, string>; app?: App }

async function signIn({ email, password: given = password, from = '127.0.0.1', cookie, headers, app = world.app }: Attempt) {
  const reply = await app.inject({
    method: 'POST',
    url: '/api/v1/session',
    remoteAddress: from,
    headers: { 'accept-language': 'en', ...(cookie ? { cookie } : {}), ...headers },
    payload: { email, password: given },
  })
  const given_ = Object.fromEntries(reply.cookies.map(({ name, value }) => [name, value]))
  return { status: reply.statusCode, body: reply.json() as Body, retryAfter: Number(reply.headers['retry-after']), secret: given_.bitcorp_session ?? '', device: given_.bitcorp_device ?? '' }
}
const fail = (email: string, from: string, rest: Partial<Attempt> = {}) => signIn({ email, from, password: 'wrong', ...rest })
/** Counts tries as a sign-in does before it looks at the password. Gives how many may go on. */
const count = async (times: number, email: string, from: (n: number) => string) => {
  const waits = await Promise.all(Array.from({ length: times }, async (_, n) => (await world.db.plain<{ wait: number }>(sql`SELECT begin_sign_in(${email}, ${from(n)}, NULL) AS wait`))[0]?.wait ?? 0))
  return waits.filter((wait) => wait === 0).length
}
/** Delays that have begun do not end while a slow machine runs the test. */
const hold = () => world.sqlAdmin((q) => q(`UPDATE sign_in_throttles SET next_try_at = next_try_at + interval '14 minutes' WHERE next_try_at > last_try_at`))
const meOf = async (secret: string) => (await world.app.inject({ url: '/api/v1/me', headers: sessionHeaders(secret) })).statusCode
/** The tries that get through of 10,000 in an hour, at one key of each scope that a try counts for. */
const passing = (scopes: string, keys: string) =>
  world.sqlAdmin(async (q) => {
    const [row] = await q(
      `SELECT count(*) FILTER (WHERE wait = 0)::int AS passed, max(wait)::int AS longest FROM (
         SELECT take_try(${scopes}, ${keys}, '2030-01-01'::timestamptz + n * interval '0.36 seconds') AS wait FROM generate_series(0, 9999) n ORDER BY n) t`,
    )
    return row as { passed: number; longest: number }
  })

test('10,000 guesses in an hour come to few checks of a password, for an account and from an address', async () => {
  const account = await passing(`ARRAY['account']`, `ARRAY[repeat('a', 64)]`)
  expect(account.passed).toBeGreaterThanOrEqual(15)
  expect(account.passed).toBeLessThanOrEqual(30)
  expect(account.longest, 'bounded: a quarter of an hour').toBeLessThanOrEqual(900)
  const spread = await passing(`ARRAY['address', 'account']`, `ARRAY[hash_key('from ' || n), repeat('b', 64)]`)
  expect(spread.passed, 'from 10,000 addresses').toBeLessThanOrEqual(30)
  const spraying = await passing(`ARRAY['address', 'account']`, `ARRAY[repeat('c', 64), hash_key('account ' || n)]`)
  expect(spraying.passed, 'at 10,000 accounts').toBeLessThanOrEqual(100)
  expect(spraying.longest, 'an address is shared: a minute').toBeLessThanOrEqual(60)
  const [kept] = await world.sqlAdmin((q) => q('SELECT count(*)::int AS n FROM sign_in_throttles'))
  expect(kept?.n, 'refused tries leave no rows').toBeLessThanOrEqual(account.passed + spread.passed + spraying.passed + 3)
  const later = await world.sqlAdmin((q) => q(`SELECT take_try(ARRAY['account'], ARRAY[repeat('a', 64)], '2030-01-03') AS wait`))
  expect(later[0]?.wait, 'forgotten after a day').toBe(0)
  expect((await world.sqlAdmin((q) => q(`SELECT failures FROM sign_in_throttles WHERE key_hash = repeat('a', 64)`)))[0]?.failures).toBe(1)
})

test('many at once get no more tries than one after the other, and an account that is not there answers the same', async () => {
  const said = []
  for (const email of ['operator2@andina.test', 'nobody-at-all@andina.test']) {
    expect(await count(30, email, (n) => `10.1.${email.length}.${n}`)).toBe(10)
    await hold()
    const { status, body, retryAfter } = await signIn({ email, from: '10.1.200.1' })
    expect([status, body.code, retryAfter > 0 && retryAfter <= 900], 'the right password neither, from a browser that nobody knows').toEqual([429, 'too_many_sign_ins', true])
    said.push(body.detail.replace(/\d+/, 'some'))
  }
  expect(said[0]).toMatch(/^Too many tries\. Wait some minutes and try again\.$/)
  expect(said[1]).toBe(said[0])
})

test('the clock of one who waited for the count of another holds nobody', async () => {
  const keys = "ARRAY['address'], ARRAY[hash_key('office')]"
  const waits = await world.sqlAdmin((q) =>
    q(`SELECT take_try(${keys}, now()) AS a, take_try(${keys}, now() - interval '1 second') AS b, give_try_back(${keys}, false), take_try(${keys}, now() - interval '2 seconds') AS c`),
  )
  expect(waits[0]).toMatchObject({ a: 0, b: 0, c: 0 })
})

test('an address that guesses is slowed at every account; others are not; a success of its own clears nothing', async () => {
  const from = '203.0.113.7'
  for (let n = 0; n < 9; n++) expect(await count(1, `someone${n}@andina.test`, () => from)).toBe(1)
  expect((await signIn({ email: 'manager@sur.test', from })).status).toBe(200)
  expect((await fail('someone10@andina.test', from)).status).toBe(401)
  await hold()
  expect((await fail('someone11@andina.test', from)).status).toBe(429)
  expect((await signIn({ email: 'operator@sur.test', from })).status, 'nor with a right password').toBe(429)
  expect((await signIn({ email: 'operator@sur.test', from: '203.0.113.8' })).status).toBe(200)
  const network = (n: number) => `2001:db8:1:2:${n.toString(16)}::1`
  for (let n = 0; n < 10; n++) await count(1, `v6-${n}@andina.test`, () => network(n + 20))
  await hold()
  expect((await fail('v6@andina.test', network(99))).status, 'one network is one place').toBe(429)
  expect((await fail('v6@andina.test', '2001:db8:1:3::1')).status).toBe(401)
  expect((await fail('mapped@andina.test', '::ffff:203.0.113.7')).status, 'written another way').toBe(429)
})

test('the owner gets in from a browser of theirs while strangers try; a stolen or strange mark helps nobody', async () => {
  const email = 'viewer@andina.test'
  const { device } = await signIn({ email, from: '198.51.100.1' })
  expect(device).toMatch(/^[\w-]{43}$/)
  const { device: other } = await signIn({ email: 'viewer@sur.test', from: '198.51.100.2' })
  await count(12, email, (n) => `198.51.100.${100 + n}`)
  await hold()
  expect((await signIn({ email, from: '198.51.100.3' })).status).toBe(429)
  for (const mark of [other, 'x'.repeat(43), '', "' OR true --"]) expect((await signIn({ email, from: '198.51.100.4', cookie: `bitcorp_device=${mark}` })).status, mark).toBe(429)
  const mine = { email, from: '198.51.100.100', cookie: `bitcorp_device=${device}` }
  expect((await signIn(mine)).status, 'also from an address that is slowed').toBe(200)
  expect((await signIn({ email, from: '198.51.100.5' })).status, 'which frees nobody else').toBe(429)
  for (let n = 0; n < 10; n++) expect((await fail(email, '198.51.100.6', { cookie: mine.cookie })).status).toBe(401)
  await hold()
  expect((await signIn(mine)).status, 'who has the mark guesses no more than others').toBe(429)
})

test('a second server, and one that starts anew, knows what was tried at the first', async () => {
  const second = await createServer(world.config, world.db)
  const email = 'manager@andina.test'
  for (let n = 0; n < 10; n++) expect((await fail(email, `192.0.2.${n}`, { app: n % 2 ? second : world.app })).status).toBe(401)
  await hold()
  for (const app of [second, world.app, await createServer(world.config, world.db)]) expect((await signIn({ email, from: '192.0.2.100', app })).status).toBe(429)
})

test('behind a proxy, what a client writes into X-Forwarded-For makes it nobody else; cookies are for this host and TLS alone', async () => {
  const app = await createServer(readConfig({ BITCORP_DATA_DIR: world.config.dataDir, BITCORP_BEHIND_PROXY: '1', BITCORP_LOG_LEVEL: 'silent' }), world.db)
  const through = (n: number, rest: Partial<Attempt> = {}) => signIn({ email: `forger${n}@andina.test`, password: 'wrong', app, headers: { 'x-forwarded-for': `100.64.0.${n}, 192.0.2.200` }, ...rest })
  for (let n = 0; n < 10; n++) expect((await through(n)).status).toBe(401)
  await hold()
  expect((await through(11)).status).toBe(429)
  const reply = await app.inject({ method: 'POST', url: '/api/v1/session', headers: { 'x-forwarded-for': '192.0.2.201' }, payload: { email: 'ended@sur.test', password } })
  const cookies = [reply.headers['set-cookie']].flat().map(String)
  expect(cookies.length).toBe(2)
  for (const cookie of cookies) expect(cookie).toMatch(/^__Host-bitcorp_(session|device)=[\w-]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  const session = reply.cookies.find(({ name }) => name === '__Host-bitcorp_session')?.value
  expect((await app.inject({ url: '/api/v1/me', headers: { cookie: `__Host-bitcorp_session=${session}` } })).statusCode).toBe(200)
  expect((await app.inject({ url: '/api/v1/me', headers: { cookie: `bitcorp_session=${session}` } })).statusCode, 'the name that anyone on http could set').toBe(401)
})

test('signing in ends the session that the browser had, whosever it was, and makes a new secret', async () => {
  const planted = world.person('andina', 'stranger').secret
  const mine = await signIn({ email: 'operator@andina.test', cookie: `bitcorp_session=${planted}` })
  expect(mine.secret).toMatch(/^[\w-]{43}$/)
  expect(mine.secret).not.toBe(planted)
  expect([await meOf(planted), await meOf(mine.secret)]).toEqual([401, 200])
  const again = await signIn({ email: 'operator@andina.test', cookie: `bitcorp_session=${mine.secret}` })
  expect(again.secret).not.toBe(mine.secret)
  expect([await meOf(mine.secret), await meOf(again.secret)]).toEqual([401, 200])
  const refused = await signIn({ email: 'operator@andina.test', password: 'wrong', cookie: `bitcorp_session=${again.secret}` })
  expect([refused.status, refused.secret, await meOf(again.secret)], 'a refused one ends nothing').toEqual([401, '', 200])
})

test('a new password, chosen by hand or by link, ends every session and forgets every browser but the one in use', async () => {
  const email = 'nueva@andina.test'
  const admin = world.as('andina', 'admin')
  const person = (await admin.post('/users', { email, display_name: 'Nueva', role: 'viewer', password: 'primera-clave-1' })).body
  const open = async (given: string) => signIn({ email, password: given, from: '192.0.2.50' })
  const [one, two] = [await open('primera-clave-1'), await open('primera-clave-1')]
  const knownTo = async () => (await world.sqlAdmin((q) => q('SELECT token_hash FROM known_devices WHERE user_id = $1', [person.user_id]))).map((row) => row.token_hash)
  expect((await knownTo()).sort()).toEqual([hashSecret(one.device), hashSecret(two.device)].sort())
  const client = new Client(world.app, '', { ...sessionHeaders(one.secret), cookie: `bitcorp_session=${one.secret}; bitcorp_device=${one.device}` })
  const makeLink = async () => {
    const token = randomBytes(32).toString('base64url')
    await world.sqlAs('andina', 'admin', (q) => q(`SELECT make_password_link($1, $2, now() + interval '1 day', false)`, [person.id, hashSecret(token)]), { commit: true })
    return token
  }
  const stale = await makeLink()
  expect((await client.patch('/api/v1/me', { current_password: 'primera-clave-1', new_password: 'segunda-clave-2' })).status).toBe(200)
  expect([await meOf(one.secret), await meOf(two.secret)]).toEqual([200, 401])
  expect(await knownTo()).toEqual([hashSecret(one.device)])
  const use = (token: string, cookie = '') => world.app.inject({ method: 'POST', url: '/api/v1/password-link', headers: { cookie }, payload: { token, password: 'tercera-clave-3' } })
  expect((await use(stale)).json().code, 'a link from before is of no use').toBe('password_links_spent')
  const reply = await use(await makeLink())
  expect([reply.statusCode, await meOf(one.secret)]).toEqual([204, 401])
  const mailed = reply.cookies.find(({ name }) => name === 'bitcorp_device')?.value ?? ''
  expect(await knownTo()).toEqual([hashSecret(mailed)])
  await count(11, email, (n) => `192.0.2.${60 + n}`)
  await hold()
  expect((await signIn({ email, password: 'tercera-clave-3', from: '192.0.2.90' })).status).toBe(429)
  expect((await signIn({ email, password: 'tercera-clave-3', from: '192.0.2.90', cookie: `bitcorp_device=${mailed}` })).status, 'who read the mail gets in at once').toBe(200)
})

test('a stolen session guesses the password no faster', async () => {
  const client = world.as('sur', 'operator2')
  const attempt = (current_password: string) => client.patch('/api/v1/me', { current_password, new_password: 'nueva-clave-nueva' })
  for (let n = 0; n < 10; n++) expect((await attempt(`guess ${n}`)).body.code).toBe('password_wrong')
  await hold()
  const refused = await attempt(password)
  expect([refused.status, refused.body.code, Number(refused.headers['retry-after']) > 0]).toEqual([429, 'too_many_sign_ins', true])
})

test('a session that nobody used for two weeks is over; use keeps it', async () => {
  const { secret } = await signIn({ email: 'ended@andina.test', from: '192.0.2.120' })
  const age = (days: number) =>
    world.sqlAdmin((q) =>
      q(`UPDATE sessions SET created_at = now() - make_interval(days => $2), last_seen_at = CASE WHEN last_seen_at IS NOT NULL THEN now() - make_interval(days => $2) END WHERE token_hash = $1`, [
        hashSecret(secret),
        days,
      ]),
    )
  await age(13)
  expect(await meOf(secret)).toBe(200)
  const [seen] = await world.sqlAdmin((q) => q(`SELECT last_seen_at > now() - interval '1 minute' AS lately FROM sessions WHERE token_hash = $1`, [hashSecret(secret)]))
  expect(seen?.lately).toBe(true)
  await age(15)
  expect(await meOf(secret)).toBe(401)
})

test('a person sees where they are signed in, and ends one or all others; nobody else’s; a token none', async () => {
  const email = 'admin@sur.test'
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'
  const [here, there, third] = [
    await signIn({ email, from: '192.0.2.130', headers: { 'user-agent': agent } }),
    await signIn({ email, from: '192.0.2.131' }),
    await signIn({ email, from: '192.0.2.132' }),
  ]
  const client = new Client(world.app, `/api/v1/companies/${world.companies.sur.id}`, sessionHeaders(here.secret))
  const list = async () => (await client.get('/api/v1/me/sessions')).body.items as Body[]
  const items = await list()
  expect(items[0]).toMatchObject({ is_current: true, kind: 'browser', ip_address: '192.0.2.130', user_agent: agent })
  expect(items.filter((item) => item.is_current).length).toBe(1)
  expect(JSON.stringify(items)).not.toContain(hashSecret(here.secret))
  const live = await world.sqlAdmin((q) => q('SELECT s.id, u.email FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.ended_at IS NULL AND s.expires_at > now()'))
  const ids = (own: boolean) => live.filter((row) => (row.email === email) === own).map((row) => row.id)
  expect(items.map((item) => item.id).sort(), 'their own, all of them and none beside').toEqual(ids(true).sort())
  for (const who of ['manager@sur.test', 'admin@andina.test']) expect(live.filter((row) => row.email === who).length, 'a colleague and a stranger are signed in too').toBeGreaterThan(0)
  for (const id of ids(false)) expect((await client.delete(`/api/v1/me/sessions/${id}`)).status).toBe(404)
  const target = items.find((item) => item.ip_address === '192.0.2.131')
  const stranger = new Client(world.app, `/api/v1/companies/${andina}`, sessionHeaders(world.person('andina', 'admin').secret))
  expect((await stranger.delete(`/api/v1/me/sessions/${target?.id}`)).status).toBe(404)
  expect(await meOf(there.secret)).toBe(200)
  const token = await client.post('/api/v1/tokens', { name: 't', company_id: world.companies.sur.id, scopes: ['admin'], expires_at: new Date(Date.now() + 86_400_000).toISOString() })
  const program = world.withToken('sur', token.body.token)
  expect((await program.get('/api/v1/me/sessions')).body.items).toEqual([])
  expect([(await program.delete('/api/v1/me/sessions')).body.ended, await meOf(there.secret)]).toEqual([0, 200])
  expect((await client.delete(`/api/v1/me/sessions/${target?.id}`)).status).toBe(204)
  expect([await meOf(here.secret), await meOf(there.secret), await meOf(third.secret)]).toEqual([200, 401, 200])
  const left = (await list()).length - 1
  expect((await client.delete('/api/v1/me/sessions')).body).toEqual({ ended: left })
  expect([await meOf(here.secret), await meOf(third.secret), (await list()).length]).toEqual([200, 401, 1])
  const audit = (await client.get('/audit-logs?action=sessions_ended')).body.items as Body[]
  expect(audit.map((entry) => entry.metadata.count)).toEqual([left, 1])
})
