// Signing in through a real OpenID provider on loopback, end to end with cookies; and its answers forged, replayed, mixed up and redirected.
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld, refusalOf, sessionHeaders } from '../../../test/harness.ts'
import { type Claims, startProvider, walkThrough } from '../../../test/identity-provider.ts'
import { ConfigError, readConfig } from '../../base/config.ts'
import { asOwner } from '../../base/owner.ts'
import { createServer } from '../../server.ts'
import { safePath } from './routes.ts'

const publicUrl = 'http://bitcorp.test:3999'
const people: Record<string, Claims> = {}
const provider = await startProvider(publicUrl, people)
afterAll(provider.close)
const world = await createWorld({ env: provider.env })
const owner = (text: string, values: unknown[]) => asOwner(world.ownerUrl, (o) => o.query<Body>(text, values))
const path = '/api/v1/single-sign-on'
type App = typeof world.app

async function start(next?: string, app: App = world.app) {
  const reply = await app.inject({ url: `${path}/start${next === undefined ? '' : `?next=${encodeURIComponent(next)}`}` })
  return { status: reply.statusCode, location: String(reply.headers.location), trip: reply.cookies.find(({ name }) => name === 'bitcorp_single_sign_on') }
}
async function callback(address: string, trip: string | undefined, cookies: Record<string, string> = {}) {
  const { pathname, search } = new URL(address)
  const reply = await world.app.inject({ url: pathname + search, cookies: { ...(trip ? { bitcorp_single_sign_on: trip } : {}), ...cookies } })
  const session = reply.cookies.find(({ name }) => name === 'bitcorp_session')
  return { status: reply.statusCode, location: String(reply.headers.location), session: session?.value, headers: reply.headers }
}
async function signIn(subject: string, claims?: Claims, next?: string) {
  if (claims) people[subject] = claims
  const { location, trip } = await start(next)
  return callback(await walkThrough(location, publicUrl, subject), trip?.value)
}
const refused = (problem: string) => ({ status: 302, location: `/sign-in?problem=${problem}`, session: undefined })
const identities = () => world.sqlAdmin((q) => q('SELECT u.email, i.subject FROM user_identities i JOIN users u ON u.id = i.user_id ORDER BY 1'))

test('the way to the provider carries state, nonce and the challenge of PKCE; what must come back stays in a short-lived cookie', async () => {
  expect((await world.app.inject({ url: path })).json()).toEqual({ provider: new URL(provider.issuer).host })
  const { status, location, trip } = await start('/c/x')
  expect(status).toBe(302)
  const url = new URL(location)
  expect(url.origin).toBe(provider.issuer)
  expect(Object.fromEntries(url.searchParams)).toMatchObject({ response_type: 'code', client_id: 'bitcorp', code_challenge_method: 'S256', redirect_uri: `${publicUrl}${path}/callback` })
  for (const name of ['state', 'nonce', 'code_challenge']) expect(url.searchParams.get(name)?.length, name).toBeGreaterThanOrEqual(43)
  expect(trip).toMatchObject({ httpOnly: true, sameSite: 'Lax', maxAge: 600 })
  expect(location).not.toContain(JSON.parse(Buffer.from(trip?.value ?? '', 'base64url').toString()).verifier)
})

test('a person known by a verified address gets in, and is known by the provider’s own name for them from then on', async () => {
  const planted = world.person('andina', 'stranger').secret
  people['sub-manager'] = { email: 'Manager@Andina.test', email_verified: true }
  const { location, trip } = await start('/c/here?q=1#part')
  const reply = await callback(await walkThrough(location, publicUrl, 'sub-manager'), trip?.value, { bitcorp_session: planted })
  expect([reply.status, reply.location, reply.headers['cache-control']]).toEqual([302, '/c/here?q=1#part', 'no-store'])
  const me = await world.app.inject({ url: '/api/v1/me', headers: sessionHeaders(reply.session ?? '') })
  expect(me.json().user.email).toBe('manager@andina.test')
  expect((await world.app.inject({ url: '/api/v1/me', headers: sessionHeaders(planted) })).statusCode, 'the session that was there ends').toBe(401)
  expect(await identities()).toEqual([{ email: 'manager@andina.test', subject: 'sub-manager' }])
  expect((await signIn('sub-manager', { email: 'married@elsewhere.pe', email_verified: false })).session, 'the address changed').toBeDefined()
  const audit = (await world.as('andina', 'admin').get('/audit-logs?action=signed_in')).body.items as Body[]
  expect(audit[0]?.metadata.method).toBe('single_sign_on')
})

test('another person of the provider with the same address gets nobody’s account', async () => {
  expect(await signIn('sub-impostor', { email: 'manager@andina.test', email_verified: true })).toMatchObject(refused('sso_other_person'))
  expect((await owner('SELECT put_identity_off($1) AS state', ['manager@andina.test']))[0]?.state).toBe('off')
  expect((await signIn('sub-successor', { email: 'manager@andina.test', email_verified: true })).session, 'untied by the owner').toBeDefined()
  expect(await identities()).toEqual([{ email: 'manager@andina.test', subject: 'sub-successor' }])
})

test('no account is made for strangers; an address that the provider has not verified finds none', async () => {
  const count = async () => (await world.sqlAdmin((q) => q('SELECT count(*)::int AS n FROM users')))[0]?.n
  const before = await count()
  expect(await signIn('sub-nobody', { email: 'nobody@x.pe', email_verified: true })).toMatchObject(refused('sso_stranger'))
  expect(await signIn('sub-admin', { email: 'admin@andina.test', email_verified: false })).toMatchObject(refused('sso_unverified'))
  expect(await signIn('sub-admin', { email: 'admin@andina.test' })).toMatchObject(refused('sso_unverified'))
  expect(await signIn('sub-silent', {})).toMatchObject(refused('sso_stranger'))
  expect(await signIn('sub-text', { email: 'admin@andina.test', email_verified: 'true' as never })).toMatchObject(refused('sso_unverified'))
  expect([await count(), (await identities()).length]).toEqual([before, 1])
})

test('a deactivated account and a suspended company are refused as with a password', async () => {
  expect((await signIn('sub-viewer', { email: 'viewer@andina.test', email_verified: true })).session).toBeDefined()
  await owner("SELECT set_account_status($1, 'deactivated')", ['viewer@andina.test'])
  expect(await signIn('sub-viewer')).toMatchObject(refused('sso_stranger'))
  await owner("SELECT set_company_status($1, 'suspended')", [world.companies.sur.id])
  expect(await signIn('sub-sur', { email: 'admin@sur.test', email_verified: true })).toMatchObject(refused('company_suspended'))
  await owner("SELECT set_company_status($1, 'active')", [world.companies.sur.id])
  expect((await signIn('sub-sur')).session).toBeDefined()
})

test('an answer with another state, of another browser, without its cookie, twice, or made up opens nothing', async () => {
  people['sub-operator'] = { email: 'operator@andina.test', email_verified: true }
  const { location, trip } = await start()
  const answer = await walkThrough(location, publicUrl, 'sub-operator')
  const forged = new URL(answer)
  forged.searchParams.set('state', 'x'.repeat(43))
  const stateless = new URL(answer)
  stateless.searchParams.delete('state')
  const other = await start()
  const mixed = { ...JSON.parse(Buffer.from(trip?.value ?? '', 'base64url').toString()), nonce: 'n'.repeat(43) }
  for (const [name, address, cookie] of [
    ['another state', forged.href, trip?.value],
    ['no state', stateless.href, trip?.value],
    ['no cookie', answer, undefined],
    ['a cookie that is none', answer, 'e30'],
    ['an error', `${publicUrl}${path}/callback?error=access_denied&state=${forged.searchParams.get('state')}`, trip?.value],
    ['a code made up', `${publicUrl}${path}/callback?code=made-up&state=${new URL(location).searchParams.get('state')}`, trip?.value],
    ['another browser', answer, other.trip?.value],
  ] as const)
    expect(await callback(address, cookie), name).toMatchObject(refused('sso_refused'))
  const first = await callback(answer, trip?.value)
  expect(first.session).toBeDefined()
  expect(String(first.headers['set-cookie'])).toMatch(/bitcorp_single_sign_on=;/)
  expect(await callback(answer, trip?.value), 'replayed').toMatchObject(refused('sso_refused'))
  const again = await start()
  const stolen = await walkThrough(again.location, publicUrl, 'sub-operator')
  const injected = Buffer.from(JSON.stringify({ ...mixed, ...JSON.parse(Buffer.from(again.trip?.value ?? '', 'base64url').toString()), nonce: mixed.nonce })).toString('base64url')
  expect(await callback(stolen, injected), 'another nonce').toMatchObject(refused('sso_refused'))
  const third = await start()
  const code = await walkThrough(third.location, publicUrl, 'sub-operator')
  const unproved = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(third.trip?.value ?? '', 'base64url').toString()), verifier: 'v'.repeat(43) })).toString('base64url')
  expect(await callback(code, unproved), 'another verifier').toMatchObject(refused('sso_refused'))
})

test('another site cannot send anybody on the way', async () => {
  const led = await world.app.inject({ url: `${path}/start`, headers: { 'sec-fetch-site': 'cross-site' } })
  expect([led.headers.location, led.cookies]).toEqual(['/sign-in', []])
})

test('afterwards the person comes to a path of this site and nowhere else', async () => {
  const away = [
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example/',
    'http:evil.example',
    '/.//evil.example',
    '/\t/evil.example',
    '\t//evil.example',
    '/%09/../..//evil.example',
  ]
  for (const next of [...away, '/a/..//evil.example', '//evil.example@x', 'javascript:alert(1)', '', 'c/x', '/sign-in?next=/', null, 7]) {
    const path = safePath(next)
    expect(new URL(path, publicUrl).origin, String(next)).toBe(publicUrl)
    expect(path, String(next)).not.toMatch(/^\/[/\\]|^\/sign-in|[\t\n\r]/)
  }
  expect(safePath('/c/x/equipment?q=a%20b&sort=-name#x')).toBe('/c/x/equipment?q=a%20b&sort=-name#x')
  const { trip } = await start('//evil.example/x')
  expect(JSON.parse(Buffer.from(trip?.value ?? '', 'base64url').toString()).next).toBe('/')
  const { location, trip: ours } = await start()
  const tampered = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(ours?.value ?? '', 'base64url').toString()), next: '//evil.example' })).toString('base64url')
  expect((await callback(await walkThrough(location, publicUrl, 'sub-operator'), tampered)).location, 'whatever stands in the cookie').toBe('/')
})

test('without settings there is nothing; half of them, or plain http elsewhere, is told at the start; a provider that is away is told', async () => {
  const bare = await createServer(readConfig({ BITCORP_DATA_DIR: world.config.dataDir, BITCORP_LOG_LEVEL: 'silent' }), world.db)
  expect((await bare.inject({ url: path })).json()).toEqual({ provider: null })
  expect((await bare.inject({ url: `${path}/start` })).statusCode).toBe(404)
  const all = { BITCORP_OIDC_ISSUER: 'https://login.example.com', BITCORP_OIDC_CLIENT_ID: 'a', BITCORP_OIDC_CLIENT_SECRET: 'the-secret' }
  expect(readConfig(all).oidc?.issuer).toBe('https://login.example.com')
  for (const env of [
    { ...all, BITCORP_OIDC_CLIENT_SECRET: '' },
    { BITCORP_OIDC_CLIENT_ID: 'a' },
    { ...all, BITCORP_OIDC_ISSUER: 'http://login.example.com' },
    { ...all, BITCORP_OIDC_ISSUER: 'ftp://x' },
  ])
    expect(() => readConfig(env)).toThrow(ConfigError)
  const away = await createServer(readConfig({ ...provider.env, BITCORP_OIDC_ISSUER: 'http://127.0.0.1:9', BITCORP_DATA_DIR: world.config.dataDir, BITCORP_LOG_LEVEL: 'silent' }), world.db)
  expect((await start(undefined, away)).location).toBe('/sign-in?problem=sso_unavailable')
})

test('the table is nobody’s to read or write but the function’s', async () => {
  for (const statement of ['SELECT * FROM user_identities', 'DELETE FROM user_identities', `INSERT INTO user_identities (user_id, issuer, subject) VALUES (generate_uuid_v7(), 'x', 'y')`])
    expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(statement)))).toBe('42501')
})
