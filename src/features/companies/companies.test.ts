// The company through the HTTP door: every member reads it, an admin changes it.
import { expect, test } from 'vitest'
import { createWorld, type Reply, refusalOf } from '../../../test/harness.ts'
import { asOwner } from '../../base/owner.ts'

const world = await createWorld()
const admin = world.as('andina', 'admin')
const problem = (reply: Reply) => `${reply.status} ${reply.body.code}`

test('every member reads the company; a stranger finds none', async () => {
  for (const who of ['admin', 'manager', 'operator', 'viewer'] as const)
    expect((await world.as('andina', who).get('')).body).toMatchObject({ name: 'Constructora Andina', settings: { time_zone: 'America/Lima', currency: 'PEN' } })
  for (const who of ['ended', 'stranger'] as const) expect(problem(await world.as('andina', who).get(''))).toBe('404 not_found')
  expect(problem(await world.as('sur', 'admin').get(admin.base))).toBe('404 not_found')
  expect(problem(await world.nobody('andina').get(''))).toBe('401 signed_out')
})

test('an admin alone changes it, with the version that was read; settings are merged', async () => {
  const { version } = (await admin.get('')).body
  for (const who of ['manager', 'operator', 'viewer'] as const) expect((await world.as('andina', who).patch('', { name: 'x' }, { version })).status).toBe(403)
  expect(problem(await admin.patch('', { name: 'Andina S.A.' }))).toBe('428 if_match_missing')
  const changed = await admin.patch('', { name: 'Andina S.A.', phone: '+51 1 555', address: { city: 'Lima' }, settings: { currency: 'USD' } }, { version })
  expect(changed.body).toMatchObject({ name: 'Andina S.A.', address: { city: 'Lima' }, settings: { currency: 'USD', time_zone: 'America/Lima' }, version: version + 1 })
  expect(problem(await admin.patch('', { name: 'Otra' }, { version }))).toBe('412 version_conflict')
  expect((await world.machine()).currency, 'a machine registered from now on').toBe('USD')
})

const refused: [object, string][] = [
  [{ name: '' }, '400 input_invalid'],
  [{ name: '\u00a0\u200b' }, '422 companies_name_not_empty'],
  [{ email: 'no' }, '400 input_invalid'],
  [{ settings: { time_zone: 'Mars/Olympus' } }, '422 companies_time_zone_known'],
  [{ settings: { currency: 'soles' } }, '400 input_invalid'],
  [{ settings: { colour: 'red' } }, '400 input_invalid'],
  [{ status: 'suspended' }, '400 input_invalid'],
  [{ phone: '1'.repeat(21) }, '400 input_invalid'],
]
test.each(refused)('the change %j is refused', async (change, expected) => {
  expect(problem(await admin.patch('', change, { version: '*' }))).toBe(expected)
})

test('no one of the company suspends, deletes or makes companies in SQL', async () => {
  for (const sql of [
    "UPDATE companies SET status = 'inactive'",
    'UPDATE companies SET is_deleted = true',
    "INSERT INTO companies (name) VALUES ('x')",
    'DELETE FROM companies',
    "SELECT set_company_status(company_id, 'active') FROM caller",
  ]) {
    expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(sql))), sql).toBe('42501')
  }
})

test('a suspended company answers nothing at all: every operation, reads and streams too, at once; and again when it is restored', async () => {
  const sur = world.companies.sur.id
  const manager = world.as('sur', 'manager')
  const machine = await world.machine({ name: 'Suspendida' }, 'sur')
  const { paths } = (await world.app.inject({ url: '/api/v1/openapi.json' })).json()
  const operations = Object.entries(paths as Record<string, Record<string, { operationId: string; parameters?: { name: string }[] }>>)
    .filter(([path]) => path.includes('{company_id}'))
    .flatMap(([path, verbs]) => Object.entries(verbs).map(([method, op]) => ({ path, method: method.toUpperCase(), op })))
  expect(operations.length).toBeGreaterThan(40)
  const status = (value: string) => asOwner(world.ownerUrl, (owner) => owner.query('SELECT set_company_status($1, $2)', [sur, value]))
  // The shared readers have the statements prepared and the company seen: that must help nobody.
  expect((await Promise.all(Array.from({ length: 8 }, () => manager.get('/equipment')))).map((r) => r.status)).toEqual(Array(8).fill(200))
  await status('suspended')
  const codes = new Set<string>()
  for (const { path, method, op } of operations) {
    const url = path
      .replace('{company_id}', sur)
      .replace('{equipment_id}', machine.id)
      .replace(/\{\w+\}/g, machine.id)
    const ifMatch = op.parameters?.some((p) => p.name === 'if-match') ? { 'if-match': '*' } : {}
    const auth = world.as('sur', 'admin').auth
    const reply = await world.app.inject({
      method: method as 'GET',
      url,
      headers: { ...auth, ...ifMatch, ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) },
      ...(method === 'GET' ? {} : { payload: '{}' }),
    })
    codes.add(reply.statusCode === 403 ? reply.json().code : String(reply.statusCode))
    // Input that is refused before anyone is asked who calls tells nothing of the company either.
    expect([400, 403, 415], `${op.operationId}: ${reply.payload.slice(0, 200)}`).toContain(reply.statusCode)
    if (method === 'GET' && !op.parameters?.some((p) => (p as { required?: boolean; in?: string }).required && (p as { in?: string }).in === 'query'))
      expect(reply.statusCode, op.operationId).toBe(403)
    expect(reply.payload).not.toContain('Suspendida')
  }
  expect(codes).toContain('company_suspended')
  expect((await Promise.all(Array.from({ length: 8 }, () => manager.get('/equipment')))).map(problem)).toEqual(Array(8).fill('403 company_suspended'))
  await status('active')
  expect((await manager.get('/equipment')).status).toBe(200)
})

const times: [object, string][] = [
  [{ working_days: [1, 2, 3, 4, 5, 6], working_hours: { from: '07:00', to: '17:30' } }, '200 undefined'],
  [{ working_days: [] }, '400 input_invalid'],
  [{ working_days: [0] }, '400 input_invalid'],
  [{ working_days: [1, 1] }, '400 input_invalid'],
  [{ working_hours: { from: '17:00', to: '07:00' } }, '422 companies_working_time_valid'],
  [{ working_hours: { from: '7:00', to: '17:00' } }, '400 input_invalid'],
]
test.each(times)('working time %j is answered %s', async (settings, expected) => {
  expect(problem(await admin.patch('', { settings }, { version: '*' }))).toBe(expected)
})

test.each([
  '{"working_days": "all"}',
  '{"working_days": [1.5]}',
  '{"working_days": [8]}',
  '{"working_days": [1,1]}',
  '{"working_hours": {"from": "07:00"}}',
  '{"working_hours": 7}',
  '{"working_hours": {"from": "08:00", "to": "25:00"}}',
])('SQL cannot store the working time %s', async (settings) => {
  expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q('UPDATE companies SET settings = settings || $1::jsonb', [settings])))).toBe('companies_working_time_valid')
})
