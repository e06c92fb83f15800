// The key file through the real command: nothing plain in any log at its most talkative, a rotation that survives being killed, a lost file told.
import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Keyring } from '../src/base/keys.ts'
import { sealTaxId } from '../src/features/companies/tax-id.ts'
import { buildWhenStale, cleanUp, makeFolder, type Program, run, signIn, start, until } from './program.ts'

const folder = makeFolder()
const keysFile = join(folder, 'keys.json')
const secret = '20987654320'
const people = 1500
let server: Program
let url = ''

beforeAll(async () => {
  buildWhenStale()
  server = start(['serve'], folder, { env: { BITCORP_LOG_LEVEL: 'trace' } })
  url = await server.ready()
}, 200_000)
afterAll(cleanUp, 60_000)

const json = async (words: string[], input = '') => {
  const program = await run([...words, '--json'], folder, { input })
  expect(program.code, program.errors).toBe(0)
  return JSON.parse(program.output)
}
async function ask<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
  const { url: owner } = await json(['db', 'url', '--as', 'owner'])
  const client = new pg.Client({ connectionString: owner })
  await client.connect()
  try {
    await client.query('BEGIN; SET LOCAL ROLE record_keeper')
    const { rows } = await client.query<T>(text, values)
    await client.query('COMMIT')
    return rows
  } finally {
    await client.end()
  }
}

it('the first start made the file, for its owner alone', () => {
  expect(statSync(keysFile).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(keysFile, 'utf8')).keys.length).toBe(1)
})

it('neither value nor key stands in a log at trace level, of program or database', async () => {
  const { cookie, csrf, companyId } = await signIn(url, 'admin@andina.example')
  const headers = { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json', 'if-match': '*' }
  const at = `${url}/api/v1/companies/${companyId}/tax-id`
  expect((await fetch(at, { method: 'PATCH', headers, body: JSON.stringify({ tax_id: secret }) })).status).toBe(200)
  const shown = await fetch(`${at}/reveal`, { method: 'POST', headers, body: '{}' })
  expect(await shown.json()).toEqual({ tax_id: secret })
  expect((await fetch(at, { method: 'PATCH', headers: { ...headers, 'if-match': '"99"' }, body: JSON.stringify({ tax_id: secret }) })).status).toBe(412)
  expect((await json(['company', 'find'], '20-98765432-0')).map((row: { name: string }) => row.name)).toEqual(['Constructora Andina'])
  expect((await run(['company', 'tax-id', 'Vial del Sur'], folder, { input: secret })).errors).toMatch(/Another company/)
  await until(() => /tax-id\/reveal/.test(server.output), 10_000)
  const logs = server.output + server.errors + readFileSync(join(folder, 'postgres.log'), 'utf8')
  const keys = JSON.parse(readFileSync(keysFile, 'utf8')).keys.map((key: { secret: string }) => key.secret)
  for (const hidden of [secret, ...keys, Buffer.from(secret).toString('base64').slice(0, 12)]) expect(logs.includes(hidden)).toBe(false)
})

it('killed in the midst of a rotation, it goes on; people read and write meanwhile; then the old key can go', async () => {
  const keys = new Keyring(keysFile)
  const old = keys.list().current
  const [company] = await ask<{ id: string }>("SELECT id FROM companies WHERE name = 'Constructora Andina'")
  const companyId = company?.id ?? ''
  const members = await ask<{ id: string }>(
    `WITH made AS (INSERT INTO users (email, full_name) SELECT 'p' || n || '@x.pe', 'P' || n FROM generate_series(1, $2::int) n RETURNING id)
     INSERT INTO user_company_roles (company_id, user_id, role, display_name) SELECT $1, id, 'viewer', 'P' FROM made RETURNING id`,
    [companyId, people],
  )
  const sealed = members.map(({ id }, n) => ({ id, ...sealTaxId(keys, companyId, id, `PERSON-${n}`) }))
  await ask(
    `INSERT INTO encrypted_tax_ids (company_id, person_id, key_id, ciphertext, lookup_hash)
     SELECT $1, p, k, decode(c, 'hex'), h FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS t (p, k, c, h)`,
    [companyId, sealed.map((s) => s.id), sealed.map((s) => s.keyId), sealed.map((s) => s.ciphertext.toString('hex')), sealed.map((s) => s.hashes[0])],
  )
  const rotation = start(['keys', 'rotate'], folder)
  await until(() => /\d+ of \d+ …/.test(rotation.errors) || rotation.code !== undefined, 60_000)
  rotation.child.kill('SIGKILL')
  await rotation.ended()
  const used = async () => Object.fromEntries((await ask<{ key_id: string; n: number }>('SELECT key_id, count(*)::int AS n FROM encrypted_tax_ids GROUP BY 1')).map((row) => [row.key_id, row.n]))
  const half = await used()
  expect(half[old], 'some are left under the old key').toBeGreaterThan(0)
  expect(Object.keys(half).length, 'and some are done').toBe(2)

  const { cookie, csrf } = await signIn(url, 'admin@andina.example')
  const headers = { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json', 'if-match': '*' }
  const at = (n: number) => `${url}/api/v1/companies/${companyId}/users/${members[n]?.id}/tax-id`
  const reveal = async (n: number) => ((await (await fetch(`${at(n)}/reveal`, { method: 'POST', headers, body: '{}' })).json()) as { tax_id: string }).tax_id
  for (const n of [0, people - 1]) expect(await reveal(n), 'the running server knows both keys').toBe(`PERSON-${n}`)
  const resumed = start(['keys', 'rotate', '--json'], folder)
  for (let n = 0; resumed.code === undefined; n = (n + 100) % people) {
    expect(await reveal(n)).toBe(`PERSON-${n}`)
    await sleep(5)
  }
  expect(resumed.code, resumed.errors).toBe(0)
  const { key, resumed: again, unreadable } = JSON.parse(resumed.output)
  expect([again, unreadable, key]).toEqual([true, 0, keys.list().current])
  expect(await used()).toEqual({ [key]: people + 1 })
  expect((await run(['keys', 'prune'], folder)).errors).toMatch(/only just ended/)
  keys.remove([old])
  expect((await json(['keys', 'list'])).keys).toMatchObject([{ id: key, state: 'current', values: people + 1 }])
  expect(await reveal(1)).toBe('PERSON-1')
})

it('a lost file is told by doctor and at the start; it is not made anew; with it back all is there', async () => {
  renameSync(keysFile, `${keysFile}.away`)
  const doctor = await run(['doctor'], folder)
  expect(doctor.code).toBe(1)
  expect(doctor.output).toMatch(/WRONG +encryption keys: The key file .+ is missing: 1501 encrypted values cannot be read/)
  const { cookie, csrf, companyId } = await signIn(url, 'admin@andina.example')
  const reply = await fetch(`${url}/api/v1/companies/${companyId}/tax-id/reveal`, { method: 'POST', headers: { cookie, 'x-csrf-token': csrf } })
  expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([409, 'secret_unreadable'])
  await server.stop()
  server = start(['serve'], folder)
  await server.ready()
  expect(server.output).toMatch(/The key file .+ is missing/)
  expect(() => statSync(keysFile)).toThrow()
  renameSync(`${keysFile}.away`, keysFile)
  expect((await run(['doctor'], folder)).output).toMatch(/ok +encryption keys/)
})
