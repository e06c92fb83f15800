// Tax ids: encrypted by the application and bound to their place; nothing but the reply to a reveal ever holds the plain value.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Body, createWorld, type Reply, refusalOf } from '../../../test/harness.ts'
import { Keyring, prepareKeys } from '../../base/keys.ts'
import { asOwner } from '../../base/owner.ts'
import { rotateKeys } from './keys-command.ts'
import { normalise } from './tax-id.ts'

const world = await createWorld()
const andina = world.companies.andina.id
const admin = world.as('andina', 'admin')
const problem = (reply: Reply) => `${reply.status} ${reply.body?.code}`
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-keys-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ruc = '20512345671'
const dni = 'X-48.915.623'
const people = async (): Promise<Body[]> => (await admin.get('/users?limit=200')).body.items
const personOf = async (who: 'operator' | 'operator2' | 'viewer') => (await people()).find((p) => p.user_id === world.person('andina', who).userId)
const put = (path: string, tax_id: string | null, client = admin) => client.patch(`${path}/tax-id`, { tax_id }, { version: '*' })
const rows = () => world.sqlAdmin((q) => q('SELECT * FROM encrypted_tax_ids ORDER BY company_id, person_id NULLS FIRST'))

test('an administrator stores and reveals it; everyone else sees dots and is told why', async () => {
  const stored = await put('', ruc)
  expect(stored.body).toMatchObject({ tax_id_mask: '••••••••', version: 2 })
  expect(stored.text).not.toContain(ruc)
  expect((await admin.post('/tax-id/reveal')).body).toEqual({ tax_id: ruc })
  for (const who of ['manager', 'operator', 'viewer'] as const) {
    const client = world.as('andina', who)
    expect((await client.get('')).body.tax_id_mask).toBe('••••••••')
    expect(problem(await client.post('/tax-id/reveal'))).toBe('403 role_required')
    expect(problem(await put('', '123', client))).toBe('403 role_required')
  }
  expect(problem(await admin.patch('/tax-id', { tax_id: ruc }))).toBe('428 if_match_missing')
  expect(problem(await admin.patch('/tax-id', { tax_id: ruc }, { version: 1 }))).toBe('412 version_conflict')
  expect(problem(await world.as('sur', 'admin').post('/tax-id/reveal'))).toBe('404 tax_id_none')
  // The path's id in capitals is the same company.
  expect((await admin.post(`${admin.base.replace(andina, andina.toUpperCase())}/tax-id/reveal`)).body).toEqual({ tax_id: ruc })
})

test('each reveal is in the audit before the value leaves; one that fails leaves nothing', async () => {
  const count = async () => (await admin.get('/audit-logs?action=tax_id_revealed&limit=200')).body.items.length
  const before = await count()
  await admin.post('/tax-id/reveal')
  expect(await count()).toBe(before + 1)
  const [last] = (await admin.get('/audit-logs?action=tax_id_revealed')).body.items
  expect(last).toMatchObject({ user_id: world.person('andina', 'admin').userId, entity_id: andina, new_values: {} })
  await world.sqlAdmin((q) => q("ALTER TABLE audit_logs ADD CONSTRAINT no_more CHECK (action <> 'tax_id_revealed') NOT VALID"))
  const refused = await admin.post('/tax-id/reveal')
  expect(refused.status).toBeGreaterThanOrEqual(400)
  expect(refused.text).not.toContain(ruc)
  await world.sqlAdmin((q) => q('ALTER TABLE audit_logs DROP CONSTRAINT no_more'))
})

test('two people of one company have not the same one, however it is written; another company tells nothing', async () => {
  const [one, two] = [await personOf('operator'), await personOf('operator2')]
  expect((await put(`/users/${one?.id}`, dni)).status).toBe(204)
  expect(problem(await put(`/users/${two?.id}`, 'x48915623'))).toBe('409 idx_encrypted_tax_ids_person_hash')
  expect((await admin.post('/users/by-tax-id', { tax_id: 'X 48 915 623' })).body).toEqual({ person_id: one?.id })
  expect((await admin.post('/users/by-tax-id', { tax_id: '999999' })).body).toEqual({ person_id: null })
  expect((await admin.post(`/users/${one?.id}/tax-id/reveal`)).body).toEqual({ tax_id: dni })
  const sur = world.as('sur', 'admin')
  expect((await sur.post('/users/by-tax-id', { tax_id: dni })).body).toEqual({ person_id: null })
  expect((await put('', ruc, sur)).status, 'a company learns nothing of another one').toBe(200)
  const both = await Promise.all([put(`/users/${two?.id}`, 'RACE-77'), put(`/users/${(await personOf('viewer'))?.id}`, 'race77')])
  expect(both.map((r) => r.status).sort()).toEqual([204, 409])
})

test('the value stands nowhere: not in a table, an event, the audit, a kept reply, nor the metrics', async () => {
  const secret = '20987654320'
  const key = { key: 'twice' }
  await put('', secret)
  for (let i = 0; i < 2; i++) expect((await admin.post('/tax-id/reveal', {}, key)).body).toEqual({ tax_id: secret })
  await admin.post('/users/by-tax-id', { tax_id: secret }, key)
  expect(problem(await admin.patch('/tax-id', { tax_id: secret }, { version: 999 }))).toBe('412 version_conflict')
  const dump = [(await world.app.inject({ url: '/metrics', remoteAddress: '127.0.0.1' })).payload]
  expect(dump[0]).toContain('tax-id/reveal')
  const tables = await world.sqlAdmin((q) => q("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm')"))
  expect(tables.length).toBeGreaterThan(20)
  for (const { relname } of tables) dump.push(...(await world.sqlAdmin((q) => q(`SELECT to_jsonb(t)::text AS row FROM ${relname} t`))).map((r) => r.row))
  dump.push(...(await world.sqlAdmin((q) => q("SELECT coalesce(query, '') AS row FROM pg_stat_activity UNION ALL SELECT statement FROM pg_prepared_statements"))).map((r) => r.row))
  expect(dump.join('')).toContain('tax_id_changed_at')
  const forms = (value: string) => [value, Buffer.from(value).toString('hex'), Buffer.from(value).toString('base64').replace(/=+$/, '')]
  const file = JSON.parse(readFileSync(world.config.keysFile, 'utf8'))
  for (const hidden of [...forms(secret), ...file.keys.flatMap((one: Body) => forms(one.secret))]) expect(dump.join('\n').includes(hidden), hidden).toBe(false)
  await put('', ruc)
})

test('a ciphertext opens in its place alone: not at another company, person or column, nor with a bit turned', async () => {
  const [operator, viewer] = [await personOf('operator2'), await personOf('viewer')]
  await put(`/users/${operator?.id}`, 'AAA-111')
  await put(`/users/${viewer?.id}`, 'BBB-222')
  const swap = (where: string) => world.sqlAdmin((q) => q(`UPDATE encrypted_tax_ids t SET ciphertext = o.ciphertext, key_id = o.key_id FROM encrypted_tax_ids o WHERE ${where}`))
  const kept = await rows()
  const restore = () =>
    world.sqlAdmin(async (q) => {
      for (const row of kept) await q('UPDATE encrypted_tax_ids SET ciphertext = $1, key_id = $2 WHERE id = $3', [row.ciphertext, row.key_id, row.id])
    })
  await swap(`t.company_id = '${andina}' AND t.person_id IS NULL AND o.company_id = '${world.companies.sur.id}' AND o.person_id IS NULL`)
  expect(problem(await admin.post('/tax-id/reveal')), 'of another company').toBe('409 secret_unreadable')
  expect((await admin.get('/audit-logs?action=tax_id_unreadable')).body.items.length).toBe(1)
  await restore()
  await swap(`t.person_id = '${operator?.id}' AND o.person_id = '${viewer?.id}'`)
  expect(problem(await admin.post(`/users/${operator?.id}/tax-id/reveal`)), 'of another person').toBe('409 secret_unreadable')
  await restore()
  await swap(`t.person_id = '${operator?.id}' AND o.company_id = '${andina}' AND o.person_id IS NULL`)
  expect(problem(await admin.post(`/users/${operator?.id}/tax-id/reveal`)), 'of another table').toBe('409 secret_unreadable')
  await restore()
  for (const at of [0, 12, 28, 60]) {
    await world.sqlAdmin((q) =>
      q('UPDATE encrypted_tax_ids SET ciphertext = set_byte(ciphertext, $1::int, get_byte(ciphertext, $1::int) # 1) WHERE company_id = $2 AND person_id IS NULL', [at, andina]),
    )
    const reply = await admin.post('/tax-id/reveal')
    expect([problem(reply), reply.text.includes(ruc)], `byte ${at}`).toEqual(['409 secret_unreadable', false])
    await restore()
  }
  expect((await admin.post('/tax-id/reveal')).body).toEqual({ tax_id: ruc })
  const keys = new Keyring(world.config.keysFile)
  const place = { companyId: 'a', table: 'companies', column: 'tax_id', rowId: 'a' }
  const sealed = keys.seal(place, 'x')
  expect(() => keys.open({ ...place, column: 'other' }, sealed)).toThrow('secret_unreadable')
  expect(keys.seal(place, 'x').ciphertext.equals(sealed.ciphertext), 'never the same twice').toBe(false)
  expect(keys.seal(place, 'a much longer one').ciphertext.length, 'the length tells nothing').toBe(sealed.ciphertext.length)
})

test('SQL has no way around: who serves writes by function alone, and only an administrator', async () => {
  const values = "NULL, NULL, 'deadbeef', '\\x00', ARRAY['a']"
  expect(await refusalOf(() => world.sqlAs('andina', 'manager', (q) => q(`SELECT put_tax_id(${values})`)))).toBe('BC403')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`SELECT store_tax_id('${andina}', ${values})`)))).toBe('42501')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(`SELECT put_tax_id(${values})`)))).toBe('encrypted_tax_ids_ciphertext_form')
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('UPDATE companies SET tax_id_changed_at = NULL')))).toBe('42501')
  expect(await world.sqlAs('andina', 'manager', (q) => q('SELECT ciphertext FROM encrypted_tax_ids'))).toEqual([])
})

const forms: [string, string][] = [
  ['20-51234567-1', '20512345671'],
  ['abc 123.4/5', 'ABC12345'],
]
test.each(forms)('%s is compared as %s', (given, bare) => expect(normalise(given)).toBe(bare))
test.each([
  ['--', '400 input_invalid'],
  ['-----', '422 tax_id_form'],
  ['a_b_c', '400 input_invalid'],
  ['1'.repeat(51), '400 input_invalid'],
  ['ñandú', '400 input_invalid'],
])('%s is refused', async (given, expected) => {
  expect(problem(await put('', given))).toBe(expected)
})

test('erased, it is gone, and its row says so', async () => {
  const person = await personOf('viewer')
  await put(`/users/${person?.id}`, null)
  expect(problem(await admin.post(`/users/${person?.id}/tax-id/reveal`))).toBe('404 not_found')
  expect((await rows()).some((row) => row.person_id === person?.id)).toBe(false)
})

test('the key file is for its owner alone, made once, and what is missing is said', async () => {
  const path = join(folder, 'keys.json')
  expect(prepareKeys(path, [])).toBeUndefined()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const first = readFileSync(path, 'utf8')
  expect(prepareKeys(path, [])).toBeUndefined()
  expect(readFileSync(path, 'utf8')).toBe(first)
  expect(prepareKeys(path, [{ key_id: 'cafecafe', used: 3 }])).toMatch(/lacks the keys cafecafe: 3 encrypted values/)
  expect(prepareKeys(join(folder, 'lost.json'), [{ key_id: 'cafecafe', used: 3 }])).toMatch(/is missing: 3 encrypted values cannot be read/)
  expect(() => statSync(join(folder, 'lost.json')), 'no new file hides that the old one is lost').toThrow()
  writeFileSync(path, '{"keys": [{"secret": "geheim"}]}')
  expect(() => new Keyring(path).list()).toThrow(/is damaged/)
  expect(() => new Keyring(path).list()).not.toThrow(/geheim/)
  const lost = new Keyring(join(folder, 'lost.json'))
  expect(() => lost.seal({ companyId: 'a', table: 'b', column: 'c', rowId: 'd' }, 'x')).toThrow('keys_missing')
})

test('rotation goes on beside work, ends after being cut short, and leaves the old key to nothing', async () => {
  const keys = new Keyring(world.config.keysFile)
  const old = keys.list().current
  const members = (await people()).slice(0, 6)
  for (const [n, person] of members.entries()) await put(`/users/${person.id}`, `ROTA-${n}`)
  const [mine, theirs] = [members[0], members[5]]
  const version = (await admin.get('')).body.version
  const cut = asOwner(world.ownerUrl, (owner) =>
    rotateKeys(
      owner,
      keys,
      (line) => {
        if (line.startsWith('4')) throw new Error('cut short')
      },
      2,
    ),
  )
  await expect(cut).rejects.toThrow('cut short')
  const half = await rows()
  const current = keys.list().current
  expect(current).not.toBe(old)
  expect(half.filter((row) => row.key_id === current).length, 'what was done stays done').toBe(4)
  for (const person of members) expect((await admin.post(`/users/${person.id}/tax-id/reveal`)).status, 'each opens, half-way').toBe(200)
  for (const [one, other] of [
    [mine, theirs],
    [theirs, mine],
  ]) {
    const at = members.indexOf(other ?? members[0])
    expect(problem(await put(`/users/${one?.id}`, `rota${at}`)), 'a value under the other key is still taken').toBe('409 idx_encrypted_tax_ids_person_hash')
  }
  expect((await admin.post('/users/by-tax-id', { tax_id: 'rota5' })).body.person_id).toBe(theirs?.id)
  const rest = await asOwner(world.ownerUrl, (owner) => rotateKeys(owner, keys, () => {}))
  expect(rest).toMatchObject({ key: current, resumed: true, unreadable: 0 })
  expect(new Set((await rows()).map((row) => row.key_id))).toEqual(new Set([current]))
  keys.remove([old])
  for (const [n, person] of members.entries()) expect((await admin.post(`/users/${person.id}/tax-id/reveal`)).body).toEqual({ tax_id: `ROTA-${n}` })
  expect((await admin.get('')).body.version, 'no row changes for it, no form is out of date').toBe(version)
})

test('a value that was changed while it was encrypted again keeps its change', async () => {
  const keys = new Keyring(world.config.keysFile)
  await asOwner(world.ownerUrl, async (owner) => {
    const [before] = await rows()
    const id = before.person_id
    await put(id ? `/users/${id}` : '', 'NEW-VALUE-1', before.company_id === andina ? admin : world.as('sur', 'admin'))
    const put_ = await owner.query('SELECT FROM reencrypt_tax_id($1, $2, $3, $4, $5, $6) AS put WHERE put', [
      before.company_id,
      before.id,
      before.ciphertext,
      keys.list().current,
      before.ciphertext,
      before.lookup_hash,
    ])
    expect(put_).toEqual([])
  })
})
