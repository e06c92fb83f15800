// Memberships in time, links to choose a password, and people who are made anonymous.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Body, Client, createWorld, password, type Reply, refusalOf } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'
import { asOwner } from '../../base/owner.ts'
import { verifyEvents } from '../proof/events.ts'

const world = await createWorld()
const andina = world.companies.andina.id
const admin = world.as('andina', 'admin')
const surAdmin = world.as('sur', 'admin')
const open = new Client(world.app, '', {})
const problem = (reply: Reply) => `${reply.status} ${reply.body?.code}`
const owner = (sql: string, values: unknown[]) => asOwner(world.ownerUrl, (o) => o.query<Body>(sql, values))
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
const signIn = (email: string, secret: string) => open.post('/api/v1/session', { email, password: secret })
const clientOf = (reply: Reply) =>
  new Client(world.app, `/api/v1/companies/${andina}`, { cookie: /bitcorp_session=[\w-]+/.exec(String(reply.headers['set-cookie']))?.[0] ?? '', 'x-csrf-token': reply.body.csrf_token })

/** As if the person had chosen the password. */
const ownPassword = (email: string) => world.sqlAdmin((q) => q('UPDATE users SET password_given_at = NULL WHERE email = $1', [email]))

type Letter = { to: string; subject: string; link: string | undefined; text: string }
/** The mails written so far, oldest first. */
function outbox(): Letter[] {
  return readdirSync(world.config.mailDir)
    .sort()
    .map((file) => readFileSync(`${world.config.mailDir}/${file}`, 'utf8').replace(/=\r\n/g, '').replace(/=3D/g, '='))
    .map((text) => ({ text, to: /^To: .*?([^\s<>]+@[^\s<>]+)/m.exec(text)?.[1] ?? '', subject: /^Subject: (.*)/m.exec(text)?.[1] ?? '', link: /password#([\w-]{43})/.exec(text)?.[1] }))
}
const lastTo = (email: string) => outbox().findLast((letter) => letter.to === email)

test('a person invited by mail chooses a password with the link, once, and signs in', async () => {
  const added = await admin.post('/users', { email: 'nueva@x.pe', display_name: 'Nueva', role: 'operator' })
  expect([added.status, added.body.mail], added.text).toEqual([201, 'kept'])
  const token = lastTo('nueva@x.pe')?.link ?? ''
  expect(token.length).toBe(43)
  expect(added.text).not.toContain(token)
  expect((await open.post('/api/v1/password-link/read', { token })).body).toEqual({ email: 'nueva@x.pe', full_name: 'Nueva', is_new: true })
  expect(problem(await open.post('/api/v1/password-link', { token, password: 'corta' }))).toBe('400 input_invalid')
  const both = await Promise.all(['primera-clave-1', 'segunda-clave-2'].map((password) => open.post('/api/v1/password-link', { token, password })))
  expect(both.map((r) => r.status).sort(), 'one of two at once').toEqual([204, 422])
  const chosen = both[0]?.status === 204 ? 'primera-clave-1' : 'segunda-clave-2'
  expect(problem(await open.post('/api/v1/password-link', { token, password: 'tercera-clave-3' }))).toBe('422 password_links_spent')
  expect(problem(await open.post('/api/v1/password-link/read', { token }))).toBe('422 password_links_spent')
  expect((await clientOf(await signIn('nueva@x.pe', chosen)).get('/equipment')).status).toBe(200)
  const stored = await world.sqlAdmin((q) => q('SELECT json_agg(l)::text AS text FROM password_links l'))
  expect(stored[0].text).toContain(hashSecret(token))
  expect(stored[0].text).not.toContain(token)
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('SELECT * FROM password_links')))).toBe('42501')
})

test('a new link ends the one before, and a late one is of no use', async () => {
  const person = (await admin.post('/users', { email: 'olvida@x.pe', display_name: 'Olvida', role: 'viewer', password: 'clave-original-1' })).body
  expect(person.mail).toBe(null)
  const session = clientOf(await signIn('olvida@x.pe', 'clave-original-1'))
  expect((await admin.post(`/users/${person.id}/password-link`)).body).toEqual({ mail: 'kept' })
  const first = lastTo('olvida@x.pe')?.link ?? ''
  await admin.post(`/users/${person.id}/password-link`)
  const second = lastTo('olvida@x.pe')?.link ?? ''
  expect(problem(await open.post('/api/v1/password-link', { token: first, password: 'clave-de-otro-1' }))).toBe('422 password_links_spent')
  expect((await signIn('olvida@x.pe', 'clave-original-1')).status, 'the old password holds until then').toBe(200)
  expect((await open.post('/api/v1/password-link', { token: second, password: 'clave-elegida-2' })).status).toBe(204)
  expect(problem(await session.get('/api/v1/me')), 'other sessions ended').toBe('401 signed_out')
  expect((await signIn('olvida@x.pe', 'clave-original-1')).status).toBe(401)
  await admin.post(`/users/${person.id}/password-link`)
  const late = lastTo('olvida@x.pe')?.link ?? ''
  await world.sqlAdmin((q) => q('UPDATE password_links SET expires_at = now() WHERE token_hash = $1', [hashSecret(late)]))
  expect(problem(await open.post('/api/v1/password-link', { token: late, password: 'clave-elegida-3' }))).toBe('422 password_links_spent')
  expect((await admin.get('/audit-logs?action=password_link_sent')).body.items.length).toBeGreaterThan(2)
})

test('an administrator never learns the link, sends none to strangers, and an account known elsewhere is not told apart', async () => {
  const known = await admin.post('/users', { email: 'viewer@sur.test', display_name: 'De fuera', role: 'viewer' })
  const fresh = await admin.post('/users', { email: 'fresca@x.pe', display_name: 'Fresca', role: 'viewer' })
  expect([Object.keys(known.body).sort(), known.body.mail]).toEqual([Object.keys(fresh.body).sort(), fresh.body.mail])
  expect([lastTo('viewer@sur.test')?.link, lastTo('fresca@x.pe')?.link?.length], 'who has a password keeps it').toEqual([undefined, 43])
  expect((await signIn('viewer@sur.test', password)).status).toBe(200)
  expect(problem(await surAdmin.post(`/users/${fresh.body.id}/password-link`))).toBe('404 not_found')
  for (const who of ['manager', 'operator', 'viewer'] as const) expect(problem(await world.as('andina', who).post(`/users/${fresh.body.id}/password-link`))).toBe('403 role_required')
  const forged = await admin.post(`/users/${fresh.body.id}/password-link`, {}, { headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' } })
  expect(forged.status).toBe(200)
  expect(lastTo('fresca@x.pe')?.text).not.toContain('evil.example')
  const ended = (await admin.get('/users?limit=200')).body.items.find((p: Body) => p.user_id === world.person('andina', 'ended').userId)
  expect(problem(await admin.post(`/users/${ended.id}/password-link`))).toBe('404 not_found')
})

test('a membership begins and ends at its times, by every door', async () => {
  const add = (email: string, more: object) => admin.post('/users', { email, display_name: 'Plazo', role: 'manager', password: 'clave-con-plazo-1', ...more })
  const later = (await add('luego@x.pe', { begins_at: inDays(2) })).body
  expect([later.is_active, later.ended_at]).toEqual([false, null])
  await ownPassword('luego@x.pe')
  const client = clientOf(await signIn('luego@x.pe', 'clave-con-plazo-1'))
  expect((await client.get('/api/v1/me')).body.companies).toEqual([])
  expect(problem(await client.get('/equipment'))).toBe('404 not_found')
  const begun = await admin.patch(`/users/${later.id}`, { begins_at: inDays(-1), ends_at: inDays(1) }, { version: later.version })
  expect([begun.body.is_active, (await client.get('/equipment')).status]).toEqual([true, 200])
  expect((await admin.get('/users?is_active=true&limit=200')).body.items.map((p: Body) => p.id)).toContain(later.id)
  await world.sqlAdmin((q) => q("UPDATE user_company_roles SET ended_at = now() - interval '1 second' WHERE id = $1", [later.id]))
  expect(problem(await client.get('/equipment')), 'the moment it ends').toBe('404 not_found')
  expect(problem(await add('mal@x.pe', { begins_at: inDays(2), ends_at: inDays(1) }))).toBe('422 ucr_period_valid')
  expect(problem(await add('luego@x.pe', {})), 'over: it is opened again').toBe('201 undefined')
})

test('who cannot sign in, or not yet, or not for long, is no last administrator', async () => {
  const mine = (await admin.get('/users?role=admin&limit=200')).body.items.find((p: Body) => p.user_id === world.person('andina', 'admin').userId)
  const step = () => admin.patch(`/users/${mine.id}`, { role: 'viewer' }, { version: '*' })
  await admin.post('/users', { email: 'a1@x.pe', display_name: 'Invitada', role: 'admin' })
  expect(problem(await step()), 'an invitation not taken').toBe('409 ucr_last_admin')
  await admin.post('/users', { email: 'a2@x.pe', display_name: 'Luego', role: 'admin', password: 'clave-de-luego-1', begins_at: inDays(1) })
  expect(problem(await step()), 'one who begins tomorrow').toBe('409 ucr_last_admin')
  await admin.post('/users', { email: 'a3@x.pe', display_name: 'Breve', role: 'admin', password: 'clave-de-breve-1', ends_at: inDays(1) })
  expect(problem(await step()), 'one who ends tomorrow').toBe('409 ucr_last_admin')
  await admin.post('/users', { email: 'a4@x.pe', display_name: 'Baja', role: 'admin', password: 'clave-de-baja-01' })
  await owner("SELECT set_account_status($1, 'deactivated')", ['a4@x.pe'])
  expect(problem(await step()), 'one who is deactivated').toBe('409 ucr_last_admin')
  for (const change of [{ ends_at: inDays(5) }, { begins_at: inDays(5) }]) expect(problem(await admin.patch(`/users/${mine.id}`, change, { version: '*' }))).toBe('409 ucr_last_admin')
  expect(problem(await admin.post(`/users/${mine.id}/anonymise`, {}, { version: '*' }))).toBe('409 ucr_last_admin')
})

/** Every row of every table as text. */
async function everything(): Promise<string> {
  const tables = await world.sqlAdmin((q) => q("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"))
  const parts: string[] = []
  for (const { relname } of tables) parts.push(...(await world.sqlAdmin((q) => q(`SELECT to_jsonb(t)::text AS row FROM ${relname} t`))).map((r) => `${relname} ${r.row}`))
  return parts.join('\n')
}

test('made anonymous, name and address are nowhere, and what the person did stays under a number', async () => {
  const name = 'Zacarías Quispe Inolvidable'
  const person = (await admin.post('/users', { email: 'zacarias@x.pe', display_name: name, role: 'manager', password: 'clave-de-zacarias-1' })).body
  await ownPassword('zacarias@x.pe')
  const client = clientOf(await signIn('zacarias@x.pe', 'clave-de-zacarias-1'))
  const machine = (await client.post('/equipment', { name: 'Suya', ownership: 'rented' }, { key: 'kept' })).body
  await client.post(`/equipment/${machine.id}/assign`, { user_id: person.user_id }, { key: 'kept too' })
  const renamed = await admin.patch(`/users/${person.id}`, { display_name: `${name} II` }, { version: person.version })
  await admin.patch(`/users/${person.id}/tax-id`, { tax_id: 'DNI-4455' }, { version: renamed.body.version })
  expect(await everything(), 'the search would find it').toMatch(/Inolvidable/)
  expect(problem(await admin.post(`/users/${person.id}/anonymise`, {}, { version: 1 }))).toBe('412 version_conflict')
  for (const who of ['manager', 'viewer'] as const) expect(problem(await world.as('andina', who).post(`/users/${person.id}/anonymise`, {}, { version: '*' }))).toBe('403 role_required')
  expect(problem(await surAdmin.post(`/users/${person.id}/anonymise`, {}, { version: '*' }))).toBe('404 not_found')
  const gone = await admin.post(`/users/${person.id}/anonymise`, {}, { version: '*' })
  expect(gone.body).toMatchObject({ email: null, is_active: false, tax_id_mask: null })
  expect(gone.body.display_name).toMatch(/^exusuario \d{4}$/)
  const text = await everything()
  expect(text.split('\n').filter((row) => /Inolvidable|zacarias@/i.test(row))).toEqual([])
  expect(problem(await client.get('/api/v1/me'))).toBe('401 signed_out')
  expect((await signIn('zacarias@x.pe', 'clave-de-zacarias-1')).status).toBe(401)
  const timeline = (await admin.get(`/equipment/${machine.id}/timeline`)).body.items
  expect(timeline.map((entry: Body) => entry.recorded_by_name)).toContain(gone.body.display_name)
  expect((await admin.get(`/assignments?equipment_id=${machine.id}`)).body.items[0].holder_name).toBe(gone.body.display_name)
  expect((await admin.get('/audit-logs?action=anonymised')).body.items[0]).toMatchObject({ entity_id: person.id, user_id: world.person('andina', 'admin').userId })
  expect(text).toContain(person.user_id)
})

test('in one company of two, the person is anonymous there and whole elsewhere; the owner erases all', async () => {
  const email = 'ambas@x.pe'
  const here = (await admin.post('/users', { email, display_name: 'Ambas Aquí', role: 'viewer', password: 'clave-de-ambas-1' })).body
  const there = (await surAdmin.post('/users', { email, display_name: 'Ambas Allá', role: 'viewer' })).body
  expect((await admin.post(`/users/${here.id}/anonymise`, {}, { version: '*' })).body).toMatchObject({ email: null, is_active: false })
  expect(await world.sqlAs('andina', 'admin', (q) => q('SELECT email FROM users WHERE email = $1', [email])), 'in SQL too').toEqual([])
  expect((await surAdmin.get(`/users/${there.id}`)).body).toMatchObject({ email, display_name: 'Ambas Allá', is_active: true })
  expect((await signIn(email, 'clave-de-ambas-1')).status).toBe(200)
  await owner('SELECT anonymise_account($1)', [email])
  expect((await surAdmin.get(`/users/${there.id}`)).body).toMatchObject({ email: null, is_active: false })
  expect(/ambas@x|Ambas A/.test(await everything())).toBe(false)
  expect(await owner('SELECT set_account_status(email, $1) AS id FROM (SELECT $2::text AS email) e', ['active', `former-${here.user_id}@anonymised.invalid`])).toEqual([{ id: null }])
})

test('the events still tell every row', async () => {
  const report = await verifyEvents(world.ownerUrl, () => {})
  expect(report.faults).toEqual([])
})

test('who looks after the installation is given on the command line alone, holds with a session and not with a token', async () => {
  const isOne = async () => (await admin.get('/api/v1/me')).body.user.is_installation_admin
  const guard = (secret: string) =>
    world
      .sqlBare((q) => q("SELECT user_id FROM begin_request($1, NULL, '{}', '{installation}')", [hashSecret(secret)]))
      .then(
        (rows) => rows.length,
        (error: { code: string; hint?: string }) => error.hint ?? error.code,
      )
  const put = (email: string, on: boolean) => owner('SELECT put_installation_admin($1, $2) AS id', [email, on])
  const { secret, email, userId } = world.person('andina', 'admin')
  expect(await isOne()).toBe(false)
  expect(await guard(secret)).toBe('installation_required')
  expect(await guard('nobody')).toBe('BC401')

  expect(await put(email, true)).toEqual([{ id: userId }])
  expect(await put('nobody@nowhere.test', true)).toEqual([{ id: null }])
  expect(await isOne()).toBe(true)
  expect(await guard(secret)).toBe(1)
  const { body } = await admin.post('/api/v1/tokens', { name: 'all', company_id: world.companies.andina.id, scopes: ['read', 'write', 'admin'], expires_at: '2099-01-01T00:00:00Z' })
  expect(await guard(body.token)).toBe('installation_required')
  expect(await guard(world.person('andina', 'manager').secret)).toBe('installation_required')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('INSERT INTO installation_admins (user_id) VALUES ($1)', [world.person('andina', 'manager').userId])))).toBe('42501')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q("SELECT put_installation_admin('manager@andina.test', true)")))).toBe('42501')

  await put(email, false)
  expect(await isOne()).toBe(false)
  const { items } = (await admin.get('/audit-logs?action=installation_granted,installation_taken')).body
  expect(items.map((entry: { action: string }) => entry.action)).toEqual(['installation_taken', 'installation_granted'])
})

test('a password that many have, or made of words of the place, is refused wherever one is chosen', async () => {
  const add = (password: string) => admin.post('/users', { email: 'rosa.huanca@vial.pe', display_name: 'Rosa Huanca', role: 'operator', password })
  const common = ['1qaz2wsx3edc', 'Motherfucker', 'Liverpool-2024!', 'aaaaaaaaaaaa', 'abcabcabcabc', 'dragondragon']
  for (const given of common) expect([given, problem(await add(given))]).toEqual([given, '422 password_common'])
  const own = ['Bitcorp-2026-x', 'constructora-andina', 'andinahuanca26', 'Rosa.Huanca.1990']
  for (const given of own) expect([given, problem(await add(given))]).toEqual([given, '422 password_own_words'])
  expect((await add('8374 9283 1123 0021')).status, 'no rule says what it must be made of').toBe(201)
  await admin.post('/users', { email: 'otra@vial.pe', display_name: 'Otra', role: 'operator' })
  const token = lastTo('otra@vial.pe')?.link ?? ''
  expect(problem(await open.post('/api/v1/password-link', { token, password: 'constructora-andina' }))).toBe('422 password_own_words')
  expect((await open.post('/api/v1/password-link', { token, password: 'cuatro palabras sueltas' })).status, 'the link is still good').toBe(204)
  const client = clientOf(await signIn('otra@vial.pe', 'cuatro palabras sueltas'))
  const change = (new_password: string, current_password: string) => client.patch('/api/v1/me', { current_password, new_password })
  for (let n = 0; n < 12; n++) expect(problem(await change('passwordpassword', 'no matter')), 'is no failed try').toBe('422 password_common')
  expect((await change('palabras sueltas, otras', 'cuatro palabras sueltas')).status).toBe(200)
})

test('a password that somebody else gave opens the way to choose one, for a week, and nothing else by any door', async () => {
  const email = 'dada@vial.pe'
  expect((await admin.post('/users', { email, display_name: 'Dada', role: 'admin', password: 'cuatro palabras sueltas' })).status).toBe(201)
  const first = await signIn(email, 'cuatro palabras sueltas')
  expect([first.status, first.body.companies.map((company: Body) => company.needs)]).toEqual([200, ['password']])
  const client = clientOf(first)
  for (const reply of [await client.get('/equipment'), await client.get('/audit-logs'), await client.post('/equipment', { name: 'x', ownership: 'rented' })])
    expect(problem(reply)).toBe('403 password_change_needed')
  const token = { name: 't', company_id: andina, scopes: ['admin'], expires_at: inDays(1) }
  expect(problem(await client.post('/api/v1/tokens', token))).toBe('403 password_change_needed')
  await owner('SELECT put_installation_admin($1, true)', [email])
  expect(problem(await client.get('/api/v1/installation/load'))).toBe('403 password_change_needed')
  const secret = /bitcorp_session=([\w-]+)/.exec(String(client.auth.cookie))?.[1] ?? ''
  const seen = await world.sqlBare(async (q) => {
    await q('SELECT identify_caller($1, $2)', [hashSecret(secret), andina])
    return q('SELECT (SELECT count(*)::int FROM equipment) AS machines, (SELECT count(*)::int FROM user_company_roles) AS people')
  })
  expect(seen, 'in SQL, past the start of a request').toEqual([{ machines: 0, people: 0 }])
  expect((await client.patch('/api/v1/me', { current_password: 'cuatro palabras sueltas', new_password: 'palabras sueltas, otras' })).body.companies[0].needs).toBe(null)
  expect([(await client.get('/equipment')).status, (await client.get('/api/v1/installation/load')).status]).toEqual([200, 200])
  await owner('SELECT mark_password_given($1)', [email])
  await world.sqlAdmin((q) => q(`UPDATE users SET password_given_at = now() - interval '8 days' WHERE email = $1`, [email]))
  expect(problem(await signIn(email, 'palabras sueltas, otras')), 'after a week').toBe('401 sign_in_failed')
  await ownPassword(email)
  expect((await signIn(email, 'palabras sueltas, otras')).body.companies[0].needs).toBe(null)
})
