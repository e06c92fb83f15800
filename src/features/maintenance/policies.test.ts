// Each role and each verb on maintenance records in SQL, as application_user, beyond what the API offers.
import { expect, test } from 'vitest'
import { createWorld, type Query, refusalOf, type Who } from '../../../test/harness.ts'

const world = await createWorld()
const companyId = world.companies.andina.id
const machine = await world.machine()
const record = (await world.as('andina', 'manager').post('/maintenance-records', { equipment_id: machine.id, type: 'preventive', scheduled_date: '2026-01-01' })).body
const theirs = await world.machine({}, 'sur')

const insert =
  (fields: Record<string, unknown> = {}) =>
  (q: Query) => {
    const row = { company_id: companyId, equipment_id: machine.id, type: 'preventive', scheduled_date: '2026-02-02', ...fields }
    return q(`INSERT INTO maintenance_records (${Object.keys(row)}) VALUES (${Object.keys(row).map((_, i) => `$${i + 1}`)}) RETURNING id`, Object.values(row))
  }
const attempt = (who: Who, work: (q: Query) => Promise<unknown>, company: 'andina' | 'sur' = 'andina') => refusalOf(() => world.sqlAs(company, who, work))
const rows = (who: Who, text: string, company: 'andina' | 'sur' = 'andina') => world.sqlAs(company, who, (q) => q(text, [record.id])).then((found) => found.length)

test('everyone of the company reads, nobody else does', async () => {
  const read = 'SELECT id FROM maintenance_records WHERE id = $1'
  for (const who of ['admin', 'manager', 'operator', 'viewer'] as const) expect(await rows(who, read), who).toBe(1)
  expect(await rows('admin', read, 'sur')).toBe(0)
  expect(await world.sqlBare((q) => q('SELECT id FROM maintenance_records'))).toEqual([])
  expect(await attempt('ended', (q) => q('SELECT id FROM maintenance_records'))).toBe('BC404')
})

test('managers and admins plan; an operator reports a breakdown without cost; a viewer writes nothing', async () => {
  for (const who of ['admin', 'manager'] as const) expect(await attempt(who, insert()), who).toBe('done')
  expect(await attempt('operator', insert({ type: 'emergency' }))).toBe('done')
  for (const fields of [{}, { type: 'corrective' }, { type: 'emergency', status: 'in_progress' }, { type: 'emergency', cost: 1 }]) expect(await attempt('operator', insert(fields))).toBe('42501')
  expect(await attempt('viewer', insert({ type: 'emergency' }))).toBe('42501')
})

test('only managers and admins change; to the others the row is not there to change', async () => {
  const change = "UPDATE maintenance_records SET notes = 'x' WHERE id = $1 RETURNING id"
  for (const [who, expected] of [
    ['admin', 1],
    ['manager', 1],
    ['operator', 0],
    ['viewer', 0],
  ] as const)
    expect(await rows(who, change), who).toBe(expected)
  expect(await rows('admin', change, 'sur')).toBe(0)
  for (const who of ['operator', 'viewer'] as const) {
    expect(await rows(who, 'SELECT id FROM complete_maintenance($1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, false, NULL)'), who).toBe(0)
    expect(await world.sqlAs('andina', who, (q) => q("SELECT id FROM send_to_maintenance($1, NULL, 'emergency', NULL, NULL, 'x', NULL, NULL, NULL)", [machine.id])), who).toEqual([])
  }
})

test('no row goes to another company, nor to a machine of one', async () => {
  expect(await attempt('admin', insert({ company_id: world.companies.sur.id, equipment_id: theirs.id }))).toBe('42501')
  expect(await attempt('admin', insert({ equipment_id: theirs.id }))).toBe('fk_mr_equipment')
  expect(await attempt('admin', (q) => q('UPDATE maintenance_records SET company_id = $2 WHERE id = $1', [record.id, world.companies.sur.id]))).toBe('base_identity_fixed')
})

test('nobody erases, and the steps and times are the database’s', async () => {
  for (const who of ['admin', 'manager', 'operator', 'viewer'] as const) expect(await attempt(who, (q) => q('DELETE FROM maintenance_records')), who).toBe('42501')
  const set = (change: string) => attempt('admin', (q) => q(`UPDATE maintenance_records SET ${change} WHERE id = $1`, [record.id]))
  expect(await attempt('admin', insert({ status: 'done' }))).toBe('mr_status_step')
  expect(await set(`equipment_id = '${theirs.id}'`)).toBe('mr_facts_fixed')
  expect(await set("cost = 'NaN'")).toBe('mr_cost_range')
  expect(await set("scheduled_date = 'infinity'")).toBe('mr_dates_range')
  const [row] = await world.sqlAs('andina', 'admin', async (q) => {
    await q("UPDATE maintenance_records SET status = 'in_progress', started_at = '2000-01-01', completed_at = '2000-01-01', status_period_id = NULL WHERE id = $1", [record.id])
    await q("UPDATE maintenance_records SET status = 'done' WHERE id = $1", [record.id])
    for (const back of ['scheduled', 'in_progress', 'cancelled'])
      expect(await refusalOf(() => q('SAVEPOINT s').then(() => q(`UPDATE maintenance_records SET status = '${back}' WHERE id = $1`, [record.id]))).finally(() => q('ROLLBACK TO s'))).toBe(
        'mr_status_step',
      )
    return q('SELECT started_at > created_at AS started, completed_at >= started_at AS ended, counts_as_service FROM maintenance_records WHERE id = $1', [record.id])
  })
  expect(row).toEqual({ started: true, ended: true, counts_as_service: true })
})

test('a period of another machine or company cannot be claimed as the one that began the work', async () => {
  const [period] = await world.sqlAdmin((q) => q('SELECT id FROM equipment_status_history WHERE equipment_id = $1', [theirs.id]))
  const [row] = await world.sqlAs('andina', 'admin', (q) => insert({ status_period_id: period.id })(q).then(([made]) => q('SELECT status_period_id FROM maintenance_records WHERE id = $1', [made.id])))
  expect(row).toEqual({ status_period_id: null })
})
