// The second factor attacked: codes replayed and raced, recovery codes used twice, guesses, tokens, and the secret looked for everywhere.
import { generateSync } from 'otplib'
import { expect, test } from 'vitest'
import { type Body, Client, createWorld, password, type Reply, sessionHeaders } from '../../../test/harness.ts'
import { hashSecret } from '../../base/db.ts'
import { asOwner } from '../../base/owner.ts'
import { rotateKeys } from '../companies/keys-command.ts'
import { stepOf } from './codes.ts'

const world = await createWorld()
const path = '/api/v1/me/second-factor'
const problem = (reply: Reply) => `${reply.status} ${reply.body?.code}`
const owner = (text: string, values: unknown[]) => asOwner(world.ownerUrl, (o) => o.query<Body>(text, values))
const now = () => Math.floor(Date.now() / 1000)
const codeAt = (secret: string, seconds: number) => generateSync({ secret, epoch: seconds })
/** As if the last code had been used an hour ago: a test does not wait for the next time step. */
const forgetStep = (email: string) => world.sqlAdmin((q) => q('UPDATE totp_secrets SET last_step = 1 WHERE user_id = (SELECT id FROM users WHERE email = $1)', [email]))
let place = 0
const signIn = async (email: string, totp?: string, given = password): Promise<Reply & { secret: string }> => {
  const reply = await world.app.inject({ method: 'POST', url: '/api/v1/session', remoteAddress: `192.0.2.${++place}`, payload: { email, password: given, ...(totp === undefined ? {} : { totp }) } })
  return { status: reply.statusCode, body: reply.json(), headers: reply.headers, text: reply.payload, secret: reply.cookies.find(({ name }) => name === 'bitcorp_session')?.value ?? '' }
}
const audit = async (action: string) => (await world.as('andina', 'admin').get(`/audit-logs?action=${action}`)).body.items as Body[]

async function enrol(who: 'admin' | 'manager' | 'operator' | 'operator2' | 'viewer') {
  const client = world.as('andina', who)
  const { email } = world.person('andina', who)
  const begun = await client.post(path, { password })
  expect(begun.status, begun.text).toBe(201)
  const secret = begun.body.secret as string
  const code = codeAt(secret, now())
  const confirmed = await client.post(`${path}/confirm`, { code })
  expect(confirmed.status, confirmed.text).toBe(200)
  return { client, email, secret, code, uri: begun.body.uri as string, codes: confirmed.body.recovery_codes as string[] }
}

test('codes are those of RFC 6238, of the steps just before and after too, and of none farther', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  for (const [at, code] of [
    [59, '287082'],
    [1111111109, '081804'],
    [1234567890, '005924'],
    [2000000000, '279037'],
  ] as const)
    expect(stepOf(secret, code, at)).toBe(Math.floor(at / 30))
  const at = 1_800_000_015
  expect([-61, -30, 0, 30, 61].map((shift) => stepOf(secret, codeAt(secret, at + shift), at))).toEqual([undefined, 59_999_999, 60_000_000, 60_000_001, undefined])
  for (const wrong of ['', '12345', '1234567', 'abcdef', '１２３４５６', '-12345']) expect(stepOf(secret, wrong, at)).toBeUndefined()
})

test('set up with the password, counts only once a code confirmed it, and ends the other sessions', async () => {
  const client = world.as('andina', 'viewer')
  const { email } = world.person('andina', 'viewer')
  const other = await signIn(email)
  expect(problem(await client.post(path, { password: 'wrong' }))).toBe('422 password_wrong')
  const { body: first } = await client.post(path, { password })
  const begun = await client.post(path, { password })
  expect(begun.body.uri).toBe(`otpauth://totp/Bitcorp%20ERP:viewer%40andina.test?secret=${begun.body.secret}&issuer=Bitcorp%20ERP`)
  expect(begun.body.secret).toMatch(/^[A-Z2-7]{32}$/)
  expect((await signIn(email)).status, 'not active yet').toBe(200)
  expect((await client.get(path)).body).toEqual({ is_active: false, active_since: null, recovery_codes_left: 0 })
  expect(problem(await client.post(`${path}/confirm`, { code: codeAt(first.secret, now()) })), 'the secret that was replaced').toBe('422 totp_wrong')
  const confirmed = await client.post(`${path}/confirm`, { code: codeAt(begun.body.secret, now()) })
  expect(new Set(confirmed.body.recovery_codes).size).toBe(10)
  expect((await client.get('/api/v1/me')).status).toBe(200)
  expect((await world.app.inject({ url: '/api/v1/me', headers: sessionHeaders(other.secret) })).statusCode, 'opened without a code').toBe(401)
  expect((await client.get(path)).body).toMatchObject({ is_active: true, recovery_codes_left: 10 })
  for (const reply of [await client.post(path, { password }), await client.post(`${path}/confirm`, { code: codeAt(begun.body.secret, now()) })]) expect(reply.status).toBe(409)
  expect((await audit('totp_enabled')).length).toBe(1)
})

test('a sign-in asks for the code only after the right password, and each code opens one session', async () => {
  const { email, secret, code: first } = await enrol('manager')
  expect(problem(await signIn(email, undefined, 'wrong'))).toBe('401 sign_in_failed')
  expect(problem(await signIn(email, '000000', 'wrong')), 'nothing tells of the second factor').toBe('401 sign_in_failed')
  expect(problem(await signIn(email))).toBe('401 totp_needed')
  expect(problem(await signIn(email, first)), 'the code that confirmed it').toBe('401 totp_wrong')
  await forgetStep(email)
  const code = codeAt(secret, now())
  const many = await Promise.all(Array.from({ length: 6 }, () => signIn(email, code)))
  expect(many.map(problem).sort(), 'one of six at once').toEqual(['200 undefined', ...Array(5).fill('401 totp_wrong')])
  expect(problem(await signIn(email, code)), 'replayed').toBe('401 totp_wrong')
  expect(problem(await signIn(email, codeAt(secret, now() - 30))), 'one of before it').toBe('401 totp_wrong')
  const [entry] = await audit('signed_in')
  expect(entry?.metadata.method).toBe('totp')
})

test('guessing codes is slowed as guessing passwords is, also when each guess is mixed with a sign-in without a code', async () => {
  const { email, secret } = await enrol('operator')
  for (let n = 0; n < 10; n++) {
    expect(problem(await signIn(email))).toBe('401 totp_needed')
    expect(problem(await signIn(email, '000000'))).toBe('401 totp_wrong')
  }
  const [held] = await world.sqlAdmin((q) =>
    q(`UPDATE sign_in_throttles SET next_try_at = next_try_at + interval '10 minutes' WHERE scope = 'account' AND failures = 10 AND next_try_at > last_try_at RETURNING failures`),
  )
  expect(held?.failures, 'the delay has begun').toBe(10)
  for (const code of [undefined, '000000']) expect(problem(await signIn(email, code))).toBe('429 too_many_sign_ins')
  await forgetStep(email)
  expect((await signIn(email, codeAt(secret, now()))).status).toBe(429)
})

test('a recovery code opens one session, written with or without dashes, and new ones end the old', async () => {
  const { client, email, secret, codes } = await enrol('operator2')
  const [one = '', two = '', three = ''] = codes
  expect(one).toMatch(/^([A-HJ-NP-Z2-9]{4}-){5}[A-HJ-NP-Z2-9]{4}$/)
  const both = await Promise.all([signIn(email, one), signIn(email, one.toLowerCase().replaceAll('-', ''))])
  expect(both.map((reply) => reply.status).sort()).toEqual([200, 401])
  expect((await client.get(path)).body.recovery_codes_left).toBe(9)
  expect((await audit('recovery_code_used')).length).toBe(1)
  expect(problem(await client.post(`${path}/recovery-codes`, { password: 'wrong', code: two }))).toBe('422 password_wrong')
  expect(problem(await client.post(`${path}/recovery-codes`, { password, code: 'AAAA-BBBB' }))).toBe('422 totp_wrong')
  await forgetStep(email)
  const renewed = await client.post(`${path}/recovery-codes`, { password, code: codeAt(secret, now()) })
  expect(renewed.body.recovery_codes.length).toBe(10)
  expect(problem(await signIn(email, three))).toBe('401 totp_wrong')
  expect(problem(await client.post(`${path}/end`, { password, code: three }))).toBe('422 totp_wrong')
  expect((await client.post(`${path}/end`, { password, code: renewed.body.recovery_codes[0] })).status).toBe(204)
  expect((await signIn(email)).status).toBe(200)
  expect((await audit('totp_disabled')).length).toBe(1)
})

test('a token touches nobody’s second factor', async () => {
  const admin = world.as('andina', 'admin')
  const made = await admin.post('/api/v1/tokens', { name: 't', company_id: world.companies.andina.id, scopes: ['admin'], expires_at: new Date(Date.now() + 86_400_000).toISOString() })
  const program = world.withToken('andina', made.body.token)
  for (const reply of [
    await program.post(path, { password }),
    await program.post(`${path}/confirm`, { code: '123456' }),
    await program.post(`${path}/recovery-codes`, { password, code: '123456' }),
    await program.post(`${path}/end`, { password, code: '123456' }),
  ])
    expect(reply.status).toBeGreaterThanOrEqual(400)
  expect((await world.sqlAdmin((q) => q('SELECT FROM totp_secrets WHERE user_id = $1', [world.person('andina', 'admin').userId]))).length).toBe(0)
  const hashed = hashSecret(made.body.token)
  for (const call of ["begin_totp('abcdef12', repeat('x', 60)::bytea)", "confirm_totp('x', 5, '{}')", "renew_recovery_codes('{}')", 'end_totp()'])
    await expect(
      world.sqlBare(async (q) => {
        await q('SELECT identify_caller($1, NULL)', [hashed])
        return q(`SELECT ${call}`)
      }),
      call,
    ).rejects.toMatchObject({ code: 'BC401' })
})

test('secret and codes stand in no table as they are, in no event and no audit; they rotate with the keys', async () => {
  const { email, secret, codes } = await enrol('admin')
  const tables = await world.sqlAdmin((q) => q(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`))
  for (const { relname } of tables) {
    const [row] = await world.sqlAdmin((q) => q(`SELECT coalesce(json_agg(t)::text, '') AS text FROM ${relname} t`))
    for (const hidden of [secret, Buffer.from(secret).toString('hex'), ...codes, codes[0]?.replaceAll('-', '') ?? '']) expect(String(row?.text).includes(hidden), relname).toBe(false)
  }
  const under = () => owner('SELECT key_id, used::int FROM list_encryption_keys()', [])
  const before = await under()
  const { key, unreadable } = await asOwner(world.ownerUrl, (o) => rotateKeys(o, world.app.ground.keys, () => {}))
  expect(unreadable).toBe(0)
  expect(before[0]?.key_id).not.toBe(key)
  expect(await under()).toEqual([{ key_id: key, used: before[0]?.used }])
  world.app.ground.keys.remove([before[0]?.key_id])
  await forgetStep(email)
  expect((await signIn(email, codeAt(secret, now()))).status, 'with the old key gone').toBe(200)
})

test('a secret that is put in another account’s place opens nothing', async () => {
  const mine = await world.sqlAdmin((q) => q("SELECT s.* FROM totp_secrets s JOIN users u ON u.id = s.user_id WHERE u.email = 'admin@andina.test'"))
  const { userId, email } = world.person('sur', 'admin')
  await world.sqlAdmin((q) => q('INSERT INTO totp_secrets (user_id, key_id, ciphertext, confirmed_at, last_step) VALUES ($1, $2, $3, now(), 1)', [userId, mine[0]?.key_id, mine[0]?.ciphertext]))
  expect(problem(await signIn(email, '123456'))).toBe('409 secret_unreadable')
  expect((await owner('SELECT put_totp_off($1) AS state', [email]))[0]?.state).toBe('off')
  expect((await signIn(email)).status).toBe(200)
})

test('the installation’s owner lets in who lost everything, and the audit tells; an erased account has no secret', async () => {
  const email = 'viewer@andina.test'
  expect(problem(await signIn(email))).toBe('401 totp_needed')
  expect(await owner('SELECT put_totp_off($1) AS state', ['Viewer@andina.test'])).toEqual([{ state: 'off' }])
  expect(await owner('SELECT put_totp_off($1) AS state', [email])).toEqual([{ state: 'none' }])
  expect(await owner('SELECT put_totp_off($1) AS state', ['nobody@x.pe'])).toEqual([{ state: null }])
  expect((await signIn(email)).status).toBe(200)
  expect((await audit('totp_disabled'))[0]).toMatchObject({ metadata: { source: 'command' } })
  expect((await world.sqlAdmin((q) => q("SELECT FROM totp_secrets s JOIN users u ON u.id = s.user_id WHERE u.email = 'manager@andina.test'"))).length).toBe(1)
  await owner('SELECT anonymise_account($1)', ['manager@andina.test'])
  expect((await world.sqlAdmin((q) => q('SELECT FROM totp_secrets WHERE user_id = $1', [world.person('andina', 'manager').userId]))).length).toBe(0)
  expect(await new Client(world.app, '', {}).get('/api/v1/me').then(problem)).toBe('401 signed_out')
})

test('where a company demands it, who has none can set it up and do nothing else there, by any door; programs and the command line go on', async () => {
  const admin = world.as('sur', 'admin')
  const { id } = world.companies.sur
  const demand = async (second_factor_demanded: unknown) => (await admin.patch(admin.base, { settings: { second_factor_demanded } }, { version: '*' })).status
  const session = await signIn('manager@sur.test')
  const client = new Client(world.app, admin.base, sessionHeaders(session.secret))
  const token = await client.post('/api/v1/tokens', { name: 't', company_id: id, scopes: ['read'], expires_at: new Date(Date.now() + 86_400_000).toISOString() })
  expect([session.body.companies[0].needs, (await client.get('/equipment')).status, token.status]).toEqual([null, 200, 201])
  expect([await demand('yes'), await demand(true)]).toEqual([400, 200])
  for (const reply of [await client.get('/equipment'), await client.post('/equipment', { name: 'x', ownership: 'rented' })]) expect(problem(reply)).toBe('403 second_factor_needed')
  expect(problem(await client.get('/equipment')), 'at once, in a session that was open').toBe('403 second_factor_needed')
  expect((await client.get('/api/v1/me')).body.companies[0].needs).toBe('second_factor')
  expect((await signIn('manager@sur.test')).body.companies[0].needs).toBe('second_factor')
  const seen = await world.sqlBare(async (q) => {
    await q('SELECT identify_caller($1, $2)', [hashSecret(session.secret), id])
    return q('SELECT count(*)::int AS people FROM user_company_roles')
  })
  expect(seen, 'in SQL, past the start of a request').toEqual([{ people: 0 }])
  expect((await world.withToken('sur', token.body.token).get('/equipment')).status).toBe(200)
  expect((await admin.get('/equipment')).status, 'a session of the command line').toBe(200)
  expect(problem(await new Client(world.app, world.as('andina', 'admin').base, client.auth).get('/equipment')), 'tells nothing of others').toBe('404 not_found')
  const begun = await client.post(path, { password })
  expect((await client.post(`${path}/confirm`, { code: codeAt(begun.body.secret, now()) })).status).toBe(200)
  expect([(await client.get('/equipment')).status, (await client.get('/api/v1/me')).body.companies[0].needs]).toEqual([200, null])
  const other = await signIn('viewer@sur.test')
  const viewer = new Client(world.app, admin.base, sessionHeaders(other.secret))
  expect(problem(await viewer.get('/equipment'))).toBe('403 second_factor_needed')
  await world.sqlAdmin((q) => q("UPDATE sessions SET method = 'single_sign_on' WHERE token_hash = $1", [hashSecret(other.secret)]))
  expect((await viewer.get('/equipment')).status, 'the provider sees to factors itself').toBe(200)
  expect(await demand(false)).toBe(200)
  const own = new Client(world.app, admin.base, sessionHeaders((await signIn('admin@sur.test')).secret))
  const saved = await own.patch(admin.base, { settings: { second_factor_demanded: true } }, { version: '*' })
  expect([saved.status, saved.body.settings.second_factor_demanded], 'who demands it without having one is told what was stored').toEqual([200, true])
  expect(problem(await own.get('/equipment'))).toBe('403 second_factor_needed')
  expect(await demand(false)).toBe(200)
})
