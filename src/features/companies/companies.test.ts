// The company through the HTTP door: every member reads it, an admin changes it.
import { expect, test } from 'vitest'
import { createWorld, type Reply, refusalOf } from '../../../test/harness.ts'

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
