// Signing in and out, tokens, people and roles, through the HTTP door.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Body, Client, createWorld, password, type Reply, refusalOf } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'
import { asOwner } from '../../base/owner.ts'

const world = await createWorld()
const andina = world.companies.andina.id
const admin = world.as('andina', 'admin')
const open = new Client(world.app, '', {})
const problem = (reply: Reply) => `${reply.status} ${reply.body.code}`
const owner = (sql: string, values: unknown[]) => asOwner(world.ownerUrl, (o) => o.query<Body>(sql, values))
const audit = async (action: string) => (await admin.get(`/audit-logs?action=${action}`)).body.items

async function signIn(email: string, secret = password): Promise<{ reply: Reply; client: Client }> {
  const reply = await open.post('/api/v1/session', { email, password: secret })
  const cookie = /bitcorp_session=[\w-]+/.exec(String(reply.headers['set-cookie'] ?? ''))?.[0] ?? ''
  return { reply, client: new Client(world.app, `/api/v1/companies/${andina}`, { cookie, 'x-csrf-token': reply.body?.csrf_token ?? '' }) }
}

test('signing in sets a cookie that scripts cannot read, and tells who and where', async () => {
  const { reply, client } = await signIn(' Admin@Andina.test ')
  expect(reply.status).toBe(200)
  const cookies = [reply.headers['set-cookie']].flat() as string[]
  expect(cookies.length).toBe(2)
  for (const name of ['bitcorp_session', 'bitcorp_device']) expect(cookies.join('\n')).toMatch(new RegExp(`^${name}=[\\w-]{40,}; Max-Age=\\d+; Path=/; HttpOnly; SameSite=Lax$`, 'm'))
  expect(reply.body).toMatchObject({ user: { email: 'admin@andina.test', language: 'es' }, companies: [{ company_id: andina, name: 'Constructora Andina', role: 'admin' }] })
  const me = await client.get('/api/v1/me')
  expect(me.body).toEqual(reply.body)
  expect(me.headers['cache-control']).toBe('no-store')
  expect((await audit('signed_in'))[0]).toMatchObject({ user_id: world.person('andina', 'admin').userId })
})

test('a wrong password and an unknown address get the same answer; the tries are in the audit', async () => {
  const wrong = await open.post('/api/v1/session', { email: 'viewer@andina.test', password: 'wrong' })
  const unknown = await open.post('/api/v1/session', { email: 'nobody@andina.test', password: 'wrong' })
  const same = ({ status, body: { request_id: _, ...body } }: Reply) => [status, body]
  expect(same(wrong)).toEqual(same(unknown))
  expect(problem(wrong)).toBe('401 sign_in_failed')
  expect((await audit('sign_in_failed')).length).toBe(1)
})

test('a session ends with signing out, with its term, and never without the CSRF header', async () => {
  const { client } = await signIn('manager@andina.test')
  const { 'x-csrf-token': _, ...cookieOnly } = client.auth
  const forged = new Client(world.app, client.base, cookieOnly)
  expect((await forged.get('/equipment')).status).toBe(200)
  for (const reply of [await forged.post('/equipment', { name: 'x', ownership: 'rented' }), await forged.delete('/api/v1/session'), await forged.patch('/api/v1/me', {})])
    expect(problem(reply)).toBe('403 csrf_missing')
  const out = await client.delete('/api/v1/session')
  expect([out.status, out.headers['clear-site-data']]).toEqual([204, '"cache"'])
  expect(problem(await client.get('/api/v1/me'))).toBe('401 signed_out')
  expect((await audit('signed_out')).length).toBe(1)
  const late = await signIn('manager@andina.test')
  await world.sqlAdmin((q) => q('UPDATE sessions SET expires_at = now() WHERE token_hash = $1', [hashSecret(String(late.client.auth.cookie).split('=')[1] ?? '')]))
  expect(problem(await late.client.get('/api/v1/me'))).toBe('401 signed_out')
  for (const value of ['bitcorp_session=', `bitcorp_session=${'x'.repeat(43)}`, 'bitcorp_session=%00'])
    expect((await new Client(world.app, client.base, { cookie: value }).get('/api/v1/me')).status).toBe(401)
})

test('an account changes its name, language and password, which ends its other sessions', async () => {
  const email = 'changer@andina.test'
  expect((await admin.post('/users', { email, display_name: 'Cambio', role: 'operator', password: 'primera-clave-1' })).status).toBe(201)
  const [one, two] = [(await signIn(email, 'primera-clave-1')).client, (await signIn(email, 'primera-clave-1')).client]
  expect((await one.patch('/api/v1/me', { full_name: 'Otro Nombre', language: 'en' })).body.user).toMatchObject({ full_name: 'Otro Nombre', language: 'en' })
  expect(problem(await one.patch('/api/v1/me', { new_password: 'segunda-clave-2', current_password: 'no' }))).toBe('422 password_wrong')
  expect(problem(await one.patch('/api/v1/me', { new_password: 'corta', current_password: 'primera-clave-1' }))).toBe('400 input_invalid')
  expect((await one.patch('/api/v1/me', { new_password: 'segunda-clave-2', current_password: 'primera-clave-1' })).status).toBe(200)
  expect([(await one.get('/api/v1/me')).status, (await two.get('/api/v1/me')).status]).toEqual([200, 401])
  expect([(await signIn(email, 'primera-clave-1')).reply.status, (await signIn(email, 'segunda-clave-2')).reply.status]).toEqual([401, 200])
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('SELECT password_hash FROM users')))).toBe('42501')
})

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString()
const makeToken = async (who: 'admin' | 'manager' | 'viewer', scopes: string[], expires_at = tomorrow()) => {
  const reply = await world.as('andina', who).post('/api/v1/tokens', { name: `para ${scopes}`, company_id: andina, scopes, expires_at })
  expect(reply.status, reply.text).toBe(201)
  return { id: reply.body.id as string, client: world.withToken('andina', reply.body.token) }
}

test('a token does what its scopes and its owner’s role both allow', async () => {
  const machine = { name: 'Con token', ownership: 'rented' }
  const may = async (client: Client) => [(await client.get('/equipment')).status, (await client.post('/equipment', machine)).status, (await client.get('/audit-logs')).status]
  expect(await may((await makeToken('admin', ['read'])).client)).toEqual([200, 403, 403])
  expect(await may((await makeToken('admin', ['write'])).client)).toEqual([200, 201, 403])
  expect(await may((await makeToken('admin', ['admin'])).client)).toEqual([200, 201, 200])
  expect(await may((await makeToken('viewer', ['read', 'write', 'admin'])).client)).toEqual([200, 403, 403])
})

test('a token is of one company, makes no tokens, and touches no account', async () => {
  const { client } = await makeToken('admin', ['admin'])
  const elsewhere = `/api/v1/companies/${world.companies.sur.id}/equipment`
  await world.sqlAdmin((q) => q('SELECT put_membership($1, $2, $3)', [world.companies.sur.id, world.person('andina', 'admin').userId, 'viewer']))
  expect((await world.as('andina', 'admin').get(elsewhere)).status, 'the person may look there').toBe(200)
  expect(problem(await client.get(elsewhere)), 'the token may not').toBe('404 not_found')
  expect((await client.get('/api/v1/me')).body.companies.map((company: Body) => company.company_id)).toEqual([andina])
  await world.sqlAdmin((q) => q('SELECT put_membership($1, $2, NULL)', [world.companies.sur.id, world.person('andina', 'admin').userId]))
  expect(problem(await client.post('/api/v1/tokens', { name: 'x', company_id: andina, scopes: ['read'], expires_at: tomorrow() }))).toBe('403 not_allowed')
  expect((await client.patch('/api/v1/me', { new_password: 'robada-del-todo', current_password: password })).status).toBeGreaterThanOrEqual(400)
  const before = (await world.as('andina', 'admin').get('/api/v1/me')).body.user.full_name
  await client.patch('/api/v1/me', { full_name: 'Por token' })
  expect((await world.as('andina', 'admin').get('/api/v1/me')).body.user.full_name).toBe(before)
  expect((await world.as('andina', 'manager').post('/api/v1/tokens', { name: 'x', company_id: world.companies.sur.id, scopes: ['read'], expires_at: tomorrow() })).status).toBe(404)
})

test('a token ends with its term and at once when revoked, and stays ended', async () => {
  const { id, client } = await makeToken('manager', ['write'])
  expect(problem(await admin.post('/api/v1/tokens', { name: 'x', company_id: andina, scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' }))).toBe('422 token_end_past')
  expect(problem(await world.as('andina', 'viewer').delete(`/tokens/${id}`)), 'of another person').toBe('404 not_found')
  expect((await world.as('andina', 'viewer').get('/tokens')).body.items.map((t: Body) => t.id)).not.toContain(id)
  expect((await admin.get('/tokens')).body.items.map((t: Body) => t.id)).toContain(id)
  expect((await client.get('/equipment')).status).toBe(200)
  expect((await admin.delete(`/tokens/${id}`)).status).toBe(204)
  expect(problem(await client.get('/equipment'))).toBe('401 signed_out')
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q('UPDATE api_tokens SET revoked_at = NULL WHERE id = $1', [id])))).toBe('api_tokens_revoked_final')
  const late = await makeToken('manager', ['read'])
  await world.sqlAdmin((q) => q('UPDATE api_tokens SET expires_at = now() WHERE id = $1', [late.id]))
  expect(problem(await late.client.get('/equipment'))).toBe('401 signed_out')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('SELECT token_hash FROM api_tokens')))).toBe('42501')
})

const people = async () => (await admin.get('/users?limit=200')).body.items as Body[]
const personOf = async (who: Parameters<typeof world.person>[1]) => (await people()).find((p) => p.user_id === world.person('andina', who).userId)

test('an admin adds people; an address known elsewhere keeps its account and tells nothing', async () => {
  const known = { email: 'operator@sur.test', display_name: 'Contratado', role: 'operator', password: 'no-se-usa-nunca-1' }
  const added = await admin.post('/users', known)
  expect(added.body).toMatchObject({ email: 'operator@sur.test', display_name: 'Contratado', role: 'operator', is_active: true })
  expect((await signIn('operator@sur.test', 'no-se-usa-nunca-1')).reply.status).toBe(401)
  const { reply } = await signIn('operator@sur.test')
  expect(reply.body.companies.map((c: Body) => [c.company_id, c.role]).sort()).toEqual(
    [
      [andina, 'operator'],
      [world.companies.sur.id, 'operator'],
    ].sort(),
  )
  expect(reply.body.user.full_name, 'the other company’s name for the account').toBe('operator de sur')
  expect(problem(await admin.post('/users', known))).toBe('409 ucr_one_membership')
  for (const who of ['manager', 'operator', 'viewer'] as const) expect(problem(await world.as('andina', who).post('/users', { ...known, email: 'x@y.zz' }))).toBe('403 role_required')
})

test('a role changes and ends with the next request, and is opened again', async () => {
  const { client } = await signIn('ended@andina.test')
  expect(problem(await client.get('/equipment')), 'an ended membership').toBe('404 not_found')
  const person = await personOf('ended')
  expect(problem(await admin.patch(`/users/${person.id}`, { is_active: true }))).toBe('428 if_match_missing')
  const again = await admin.patch(`/users/${person.id}`, { is_active: true, role: 'manager' }, { version: person.version })
  expect(again.body).toMatchObject({ is_active: true, role: 'manager' })
  expect((await client.post('/equipment', { name: 'De vuelta', ownership: 'rented' })).status).toBe(201)
  const viewer = await admin.patch(`/users/${person.id}`, { role: 'viewer' }, { version: again.body.version })
  expect((await client.post('/equipment', { name: 'No', ownership: 'rented' })).status).toBe(403)
  expect(problem(await admin.patch(`/users/${person.id}`, { role: 'admin' }, { version: person.version }))).toBe('412 version_conflict')
  await admin.patch(`/users/${person.id}`, { is_active: false }, { version: viewer.body.version })
  expect(problem(await client.get('/equipment'))).toBe('404 not_found')
})

test('nobody raises their own role', async () => {
  const person = await personOf('manager')
  expect((await world.as('andina', 'manager').patch(`/users/${person.id}`, { role: 'admin' }, { version: '*' })).status).toBe(403)
  const [changed] = await world.sqlAs('andina', 'manager', (q) => q("WITH u AS (UPDATE user_company_roles SET role = 'admin' RETURNING 1) SELECT count(*) AS n FROM u"))
  expect(changed.n).toBe(0)
  expect(
    await refusalOf(() =>
      world.sqlAs('andina', 'manager', (q) =>
        q("INSERT INTO user_company_roles (company_id, user_id, role, display_name) VALUES ($1, $2, 'admin', 'x')", [andina, world.person('andina', 'stranger').userId]),
      ),
    ),
  ).toBe('42501')
})

test('the last admin stays, by any way', async () => {
  const person = await personOf('admin')
  for (const change of [{ role: 'viewer' }, { is_active: false }]) expect(problem(await admin.patch(`/users/${person.id}`, change, { version: '*' }))).toBe('409 ucr_last_admin')
  expect(await refusalOf(() => owner('SELECT put_membership($1, $2, NULL)', [andina, person.user_id]))).toBe('ucr_last_admin')
  const second = await personOf('operator2')
  await admin.patch(`/users/${second.id}`, { role: 'admin' }, { version: second.version })
  const both = await Promise.all([
    admin.patch(`/users/${person.id}`, { is_active: false }, { version: '*' }),
    world.as('andina', 'operator2').patch(`/users/${second.id}`, { is_active: false }, { version: '*' }),
  ])
  expect(both.map((r) => r.status).sort()).not.toEqual([200, 200])
  const left = await world.sqlAdmin((q) => q("SELECT user_id FROM user_company_roles WHERE company_id = $1 AND role = 'admin' AND ended_at IS NULL", [andina]))
  expect(left.length).toBe(1)
  await owner("SELECT put_membership($1, $2, 'admin')", [andina, person.user_id])
})

test('a suspended company lets nobody in, and its people learn why; restored, all is there', async () => {
  const sur = world.companies.sur.id
  const client = world.as('sur', 'admin')
  await owner("SELECT set_company_status($1, 'suspended')", [sur])
  expect(problem(await client.get('/equipment'))).toBe('403 company_suspended')
  expect(problem(await client.post('/equipment', { name: 'x', ownership: 'rented' }))).toBe('403 company_suspended')
  expect(problem((await signIn('manager@sur.test')).reply)).toBe('403 company_suspended')
  expect(problem(await world.as('andina', 'admin').get(`/api/v1/companies/${sur}/equipment`)), 'a stranger learns nothing').toBe('404 not_found')
  expect(
    (await signIn('operator@sur.test')).reply.body.companies.map((c: Body) => c.company_id),
    'who works elsewhere too',
  ).toEqual([andina])
  expect(
    await world.sqlBare(async (q) => {
      await q('SELECT identify_caller($1, $2)', [hashSecret(world.person('sur', 'admin').secret), sur])
      return q('SELECT * FROM equipment')
    }),
  ).toEqual([])
  await owner("SELECT set_company_status($1, 'active')", [sur])
  expect((await client.get('/equipment')).status).toBe(200)
})

test('people are listed by name and found by part of it', async () => {
  const names = (await people()).map((p) => p.display_name)
  expect(names).toEqual([...names].sort(new Intl.Collator('es').compare))
  expect((await admin.get('/users?q=VIEWER')).body.items.map((p: Body) => p.email)).toEqual(['viewer@andina.test'])
  expect((await admin.get('/users?role=viewer&is_active=true')).body.items.length).toBe(1)
  expect(names.join()).not.toContain('de sur')
})

test('what is secret is stored as a hash alone', async () => {
  const secret = randomBytes(8).toString('hex')
  await admin.post('/users', { email: 'hash@andina.test', display_name: 'Hash', role: 'viewer', password: `clave-${secret}` })
  await signIn('hash@andina.test', `clave-${secret}`)
  const everything = await world.sqlAdmin((q) =>
    q(
      'SELECT (SELECT json_agg(u) FROM users u)::text || (SELECT json_agg(s) FROM sessions s)::text || (SELECT json_agg(a) FROM audit_logs a)::text || (SELECT json_agg(d) FROM domain_events d)::text AS text',
    ),
  )
  expect(everything[0].text).not.toContain(secret)
  for (const person of Object.values(world.companies.andina.people)) expect(everything[0].text).not.toContain(person.secret)
})
