// Who may read and write the logs of machines, tried out in SQL: notes and readings by who works, nothing in the database's own name.
import { expect, test } from 'vitest'
import { type Query, refusalOf } from '../../../test/harness.ts'
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()
const { andina, sur } = world.companies
const idOf = async (company: string, name: string) => (await world.sqlAdmin((q) => q('SELECT id FROM equipment WHERE company_id = $1 AND name = $2', [company, name])))[0].id as string
const free = await idOf(andina.id, 'Libre')
const theirs = await idOf(sur.id, 'Libre')
const update = `UPDATE equipment_logs SET notes = 'x' WHERE company_id = $1 RETURNING 1`
const insert = (columns: string, values: string) => ({
  insert: `INSERT INTO equipment_logs (company_id, equipment_id, recorded_by, ${columns}) SELECT $1, '${free}', $2, ${values} RETURNING 1`,
  update,
})

policyTest(
  world,
  'equipment_logs',
  insert('event_type, notes', "'note', 'x'"),
  `
                          select                insert                update                delete
    admin                 own 4                 done                  refused               refused
    manager               own 4                 done                  refused               refused
    operator              own 4                 done                  refused               refused
    viewer                own 4                 refused               refused               refused
    admin, read token     own 4                 refused               refused               refused
    admin, write token    own 4                 done                  refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 4                 refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_logs',
  insert('event_type, reading', "'meter_hours', 12.5"),
  `
                          select                insert                update                delete
    admin                 own 4                 done                  refused               refused
    manager               own 4                 done                  refused               refused
    operator              own 4                 done                  refused               refused
    viewer                own 4                 refused               refused               refused
    admin, read token     own 4                 refused               refused               refused
    admin, write token    own 4                 done                  refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 4                 refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_logs',
  insert('event_type, event_data', '\'status\', \'{"status": "active"}\''),
  `
                          select                insert                update                delete
    admin                 own 4                 refused                  refused               refused
    manager               own 4                 refused                  refused               refused
    operator              own 4                 refused                  refused               refused
    viewer                own 4                 refused               refused               refused
    admin, read token     own 4                 refused               refused               refused
    admin, write token    own 4                 refused                  refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 4                 refused               refused               refused
  `,
)

const attempt = (who: 'admin' | 'operator', text: string, values: unknown[] = []) => refusalOf(() => world.sqlAs('andina', who, (q: Query) => q(text, values)))
const add = (columns: string, values: string, machine = free, company = andina.id) =>
  attempt('operator', `INSERT INTO equipment_logs (company_id, equipment_id, recorded_by, ${columns}) SELECT $1, $2, $3, ${values}`, [company, machine, andina.people.operator.userId])

test('no entry goes to another company, to a machine of one, or in the name of another person', async () => {
  expect(await add('event_type, notes', "'note', 'x'", theirs, sur.id)).toBe('42501')
  expect(await add('event_type, notes', "'note', 'x'", theirs)).toBe('fk_equipment_logs_equipment')
  expect(await add('event_type, reading', "'meter_km', 5", theirs)).toBe('fk_equipment_logs_equipment')
  expect(
    await attempt('operator', `INSERT INTO equipment_logs (company_id, equipment_id, recorded_by, event_type, notes) VALUES ($1, $2, $3, 'note', 'x')`, [andina.id, free, andina.people.admin.userId]),
  ).toBe('42501')
})

test('the rules stand in the database: time, meter, kind, form', async () => {
  expect(await add('event_type, notes, created_at', "'note', 'x', now() + interval '25 hours'")).toBe('equipment_logs_created_at_range')
  expect(await add('event_type, notes, created_at', "'note', 'x', now() - interval '732 days'")).toBe('equipment_logs_created_at_range')
  expect(await add('event_type, notes, created_at', "'note', 'x', 'infinity'")).toBe('equipment_logs_created_at_range')
  expect(await add('event_type, reading', "'meter_hours', 'NaN'")).toBe('equipment_logs_reading_range')
  expect(await add('event_type, reading', "'meter_hours', -1")).toBe('equipment_logs_reading_range')
  expect(await add('event_type', "'meter_hours'")).toBe('equipment_logs_reading_of_meter')
  expect(await add('event_type, reading, notes', "'note', 5, 'x'")).toBe('equipment_logs_reading_of_meter')
  expect(await add('event_type, notes, is_correction', "'note', 'x', true")).toBe('equipment_logs_correction_of_meter')
  expect(await add('event_type', "'note'")).toBe('equipment_logs_note_says')
  expect(await add('event_type, notes', "'note', ' '")).toBe('equipment_logs_notes_length')
  expect(await add('event_type, event_data', "'telemetry', '[1]'")).toBe('equipment_logs_event_data_object')
  expect(await add('event_type, entry_key', "'telemetry', ' '")).toBe('equipment_logs_entry_key_not_empty')
  expect(await add('event_type, received_at', "'telemetry', now()")).toBe('42501')
})

test('nothing is changed, erased or emptied, not even by who owns everything', async () => {
  for (const text of ["UPDATE equipment_logs SET notes = 'x'", 'DELETE FROM equipment_logs', 'TRUNCATE equipment_logs'])
    expect(await refusalOf(() => world.sqlAdmin((q) => q(text))), text).toBe('records_append_only')
})

test('a partition read or written directly gives nothing to who serves', async () => {
  const [partition] = await world.sqlAdmin((q) => q("SELECT 'equipment_logs_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS name"))
  for (const name of [partition.name, 'equipment_logs_default']) {
    expect(await attempt('admin', `SELECT 1 FROM ${name}`)).toBe('42501')
    expect(await attempt('admin', `INSERT INTO ${name} (company_id, equipment_id, event_type, notes) VALUES ($1, $2, 'note', 'x')`, [andina.id, free])).toBe('42501')
  }
})
