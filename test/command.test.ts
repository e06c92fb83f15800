// The command line through the real command: every word's help, exit codes that mean something, and one contract for all doors.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildWhenStale, cleanUp, makeFolder, type Program, run, signIn, start } from './program.ts'

const folder = makeFolder()
const sur = ['--as', 'manager@sur.example', '--company', 'Vial del Sur']
let server: Program
let url = ''
beforeAll(async () => {
  buildWhenStale()
  server = start(['serve'], folder)
  url = await server.ready()
}, 200_000)
afterAll(cleanUp, 60_000)

const bitcorp = (...words: string[]): Promise<Program> => run(words, folder)
const json = async (...words: string[]) => {
  const program = await bitcorp(...words, '--json')
  expect(program.code, program.errors).toBe(0)
  return JSON.parse(program.output)
}

describe('help and exit codes', () => {
  const words = [
    'serve',
    'migrate status',
    'migrate up',
    'demo',
    'user add',
    'user password',
    'user role',
    'user status',
    'user anonymise',
    'token',
    'company list',
    'company add',
    'company status',
    'company tax-id',
    'company find',
    'company export',
    'company import',
    'keys list',
    'keys add',
    'keys rotate',
    'keys prune',
    'equipment list',
    'equipment show',
    'equipment import',
    'equipment export',
    'db url',
    'replica add',
    'replica serve',
    'replica status',
    'replica promote',
    'doctor',
  ]
  it.each(words)('%s has help, and an answer for machines', async (word) => {
    const program = await bitcorp(...word.split(' '), '--help')
    expect(program.code).toBe(0)
    expect(program.output).toMatch(/Usage: bitcorp/)
    expect(program.output).toMatch(/--json/)
  })

  it('0 done, 1 refused, 2 called wrongly; the reason stands on stderr', async () => {
    expect((await bitcorp('--version')).code).toBe(0)
    for (const wrong of [
      ['nonsense'],
      ['equipment', 'list'],
      ['user', 'add', 'x@y.pe', '--company', 'Vial del Sur', '--role', 'king'],
      ['db', 'url', '--as', 'root'],
      ['equipment', 'list', ...sur, '--limit', 'many'],
    ]) {
      const program = await bitcorp(...wrong)
      expect(program.code, wrong.join(' ')).toBe(2)
      expect(program.errors).not.toBe('')
      expect(program.output).toBe('')
    }
    for (const refused of [
      ['demo'],
      ['equipment', 'list', '--as', 'nobody@x.pe', '--company', 'Vial del Sur'],
      ['equipment', 'list', '--as', 'admin@andina.example', '--company', 'Vial del Sur'],
      ['equipment', 'show', 'XX-99', ...sur],
    ]) {
      const program = await bitcorp(...refused)
      expect(program.code, refused.join(' ')).toBe(1)
      expect(program.errors.trim()).toMatch(/\.$|…$/)
      expect(program.errors).not.toMatch(/\n\s+at /)
    }
  })
})

describe('machines', () => {
  it('are listed, found and shown as the person sees them', async () => {
    const all = await json('equipment', 'list', ...sur, '--limit', 'all')
    expect(all.length).toBeGreaterThan(20)
    const found = await json('equipment', 'list', ...sur, '-q', 'motoniveladora', '--filter', 'manufacturer=Komatsu')
    expect(found.map((m: { fleet_code: string }) => m.fleet_code)).toEqual(['MN-02'])
    const shown = await json('equipment', 'show', 'MN-02', ...sur)
    expect(shown.manufacturer_serial_number).toBe('55417')
    expect(shown.timeline.at(-1).event_type).toBe('equipment_created')
    expect((await bitcorp('equipment', 'list', ...sur, '--limit', '2')).output).toMatch(/code +painted +name/)
  })

  it('go out and come in again unchanged; a wrong row stops the whole file; a viewer is refused', async () => {
    const file = join(folder, '..', 'machines.csv')
    expect((await bitcorp('equipment', 'export', ...sur, '-o', file)).code).toBe(0)
    const count = (await json('equipment', 'list', ...sur, '--limit', 'all')).length
    const again = await json('equipment', 'import', file, ...sur, '--dry-run')
    expect(again).toMatchObject({ row_count: count, unchanged_count: count, error_count: 0, applied: false })
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const wrong = lines.findIndex((line) => line.includes(',Active,'))
    expect(wrong).toBeGreaterThan(0)
    writeFileSync(file, lines.map((line, i) => (i === wrong ? line.replace(',Active,', ',Lost,') : line)).join('\n'))
    const refused = await bitcorp('equipment', 'import', file, ...sur)
    expect(refused.code).toBe(1)
    expect(refused.errors).toMatch(/Nothing was imported/)
    expect((await json('equipment', 'list', ...sur, '--limit', 'all')).length).toBe(count)
    const viewer = await bitcorp('equipment', 'import', file, '--as', 'viewer@sur.example', '--company', 'Vial del Sur', '--dry-run')
    expect(viewer.code).toBe(1)
    expect(viewer.errors).toMatch(/role does not allow/)
  })
})

describe('people', () => {
  it('a person is added with a password from stdin, signs in, changes role, and leaves', async () => {
    const secret = 'una clave bien larga'
    const added = await run(['user', 'add', 'nueva@sur.example', '--name', 'Nueva Persona', '--company', 'Vial del Sur', '--role', 'operator', '--password', '-'], folder, { input: `${secret}\n` })
    expect(added.code, added.errors).toBe(0)
    expect(added.output + added.errors).not.toContain(secret)
    await signIn(url, 'nueva@sur.example', secret)
    expect((await bitcorp('user', 'role', 'nueva@sur.example', '--company', 'Vial del Sur', '--role', 'manager')).code).toBe(0)
    expect((await bitcorp('user', 'role', 'nueva@sur.example', '--company', 'Vial del Sur', '--role', 'none')).code).toBe(0)
    expect((await bitcorp('equipment', 'list', '--as', 'nueva@sur.example', '--company', 'Vial del Sur')).code).toBe(1)
  })

  it('a new password ends the sessions; a generated one is shown once; none is taken as an argument; the last admin stays', async () => {
    const session = await signIn(url, 'viewer@sur.example')
    const { password } = await json('user', 'password', 'viewer@sur.example')
    expect((await fetch(`${url}/api/v1/me`, { headers: { cookie: session.cookie } })).status).toBe(401)
    await signIn(url, 'viewer@sur.example', password)
    expect((await bitcorp('user', 'password', 'viewer@sur.example', '--password', 'on the command line')).code).toBe(2)
    const last = await bitcorp('user', 'role', 'admin@sur.example', '--company', 'Vial del Sur', '--role', 'viewer')
    expect(last.code).toBe(1)
    expect(last.errors).toMatch(/at least one administrator/)
  })

  it('a token reads and does not write', async () => {
    const { token } = await json('token', 'manager@sur.example', '--company', 'Vial del Sur', '--name', 'report')
    const me = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })
    const companyId = ((await me.json()) as { companies: { company_id: string }[] }).companies[0]?.company_id
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'x', ownership: 'rented' })
    expect((await fetch(`${url}/api/v1/companies/${companyId}/equipment`, { headers })).status).toBe(200)
    expect((await fetch(`${url}/api/v1/companies/${companyId}/equipment`, { method: 'POST', headers, body })).status).toBe(403)
  })

  it('a suspended company refuses its people until it is active again', async () => {
    expect((await bitcorp('company', 'status', 'Vial del Sur', 'suspended')).code).toBe(0)
    await expect(signIn(url, 'manager@sur.example')).rejects.toThrow(/403/)
    expect((await bitcorp('company', 'status', 'Vial del Sur', 'active')).code).toBe(0)
    await signIn(url, 'manager@sur.example')
  })
})

describe('the installation', () => {
  it('gives working connection strings, and only to a database that runs', async () => {
    for (const [as, user] of [
      ['owner', 'bitcorp_owner'],
      ['app', 'application_user'],
      ['reporting', 'reporting_user'],
    ] as const) {
      const client = new pg.Client({ connectionString: (await json('db', 'url', '--as', as)).url })
      await client.connect()
      expect((await client.query('SELECT current_user')).rows[0].current_user).toBe(user)
      await client.end()
    }
    expect((await run(['db', 'url'], makeFolder())).code).toBe(1)
  })

  it('doctor finds a healthy installation healthy, and an unvalidated constraint and an edited migration wrong', async () => {
    expect((await json('doctor')).healthy).toBe(true)
    const client = new pg.Client({ connectionString: (await json('db', 'url', '--as', 'owner')).url })
    await client.connect()
    await client.query('ALTER TABLE companies ADD CONSTRAINT companies_probe CHECK (length(name) < 1000) NOT VALID')
    const wrong = await bitcorp('doctor')
    expect(wrong.code).toBe(1)
    expect(wrong.output).toMatch(/WRONG {2}constraints: companies_probe\n +→ ALTER TABLE/)
    await client.query('ALTER TABLE companies DROP CONSTRAINT companies_probe')
    const [first] = (await client.query("UPDATE schema_migrations SET checksum = 'edited' WHERE version = (SELECT min(version) FROM schema_migrations) RETURNING version")).rows
    expect((await bitcorp('doctor')).output).toMatch(new RegExp(`WRONG {2}migrations: ${first.version} edited`))
    await client.end()
  })

  it('a first company is made without the demo, on a database started for the command alone', async () => {
    const fresh = makeFolder()
    expect((await run(['company', 'add', 'Caminos SAC'], fresh)).code).toBe(0)
    expect((await run(['company', 'add', 'Caminos SAC'], fresh)).errors).toMatch(/already/)
    const added = await run(['user', 'add', 'ana@caminos.pe', '--name', 'Ana', '--company', 'Caminos SAC', '--role', 'admin', '--json'], fresh)
    expect(JSON.parse(added.output).password).toMatch(/^[\w-]{20}$/)
    expect((await run(['demo'], fresh)).code).toBe(1)
  })
})
