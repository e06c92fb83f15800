// Corrections of the past: what held is superseded, never rewritten; the machine's status stays its current period, whatever the clock does.
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const problem = (reply: Reply) => `${reply.status} ${reply.body?.code}`

/** A machine whose whole record is moved into the past by so many hours, so that there is a past to correct. */
async function oldMachine(hours = 100, steps: [string, number][] = []): Promise<Body> {
  const { id } = await world.machine()
  for (const [status, age] of [['active', hours] as [string, number], ...steps]) {
    if (age !== hours) await manager.post(`/equipment/${id}/status`, { status, reason: `hacia ${status}` })
    // Only what was written since the last step still carries today's instants.
    await world.sqlAdmin(async (q) => {
      await q("SET LOCAL session_replication_role = 'replica'")
      const at = `(now() - ${age} * interval '1 hour')`
      const instant = (column: string) => `CASE WHEN ${column} > now() - interval '30 minutes' THEN ${at} ELSE ${column} END`
      await q(`UPDATE equipment SET created_at = ${instant('created_at')}, updated_at = ${at} WHERE id = $1`, [id])
      await q(
        `UPDATE equipment_status_history SET effective_from = ${instant('effective_from')}, effective_to = ${instant('effective_to')}, recorded_at = ${instant('recorded_at')} WHERE equipment_id = $1`,
        [id],
      )
      for (const [table, key, time] of [
        ['domain_events', 'aggregate_id', 'occurred_at'],
        ['audit_logs', 'entity_id', 'created_at'],
      ])
        await q(`UPDATE ${table} SET ${time} = ${instant(time ?? '')} WHERE ${key} = $1`, [id])
      for (const field of ['updated_at', 'created_at'])
        await q(
          `UPDATE domain_events SET event_data = jsonb_set(event_data, '{new,${field}}', to_jsonb(occurred_at)) WHERE aggregate_id = $1 AND event_data -> 'new' ? '${field}' AND occurred_at = ${at}`,
          [id],
        )
    })
  }
  return (await manager.get(`/equipment/${id}`)).body
}
const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
const correct = (id: string, status: string, from: number, to: number | null, more: object = {}) =>
  manager.post(`/equipment/${id}/status-corrections`, { status, effective_from: ago(from), effective_to: to === null ? null : ago(to), reason: 'parte mal llenado', ...more })

/** What holds, oldest first, with ages in whole hours. */
async function held(id: string, superseded = false): Promise<string[]> {
  const { body } = await manager.get(`/equipment/${id}/status-history?limit=200&superseded=${superseded}`)
  const hours = (at: string | null) => (at ? Math.round((Date.now() - Date.parse(at)) / 3_600_000) : 'now')
  return body.items.reverse().map((p: Body) => `${p.status} ${hours(p.effective_from)}-${hours(p.effective_to)}${p.superseded_at ? ' superseded' : ''}`)
}

test('a correction in the past puts right what held, and keeps what was known', async () => {
  const { id, version } = await oldMachine(100, [['maintenance', 50]])
  expect(await held(id)).toEqual(['active 100-50', 'maintenance 50-now'])
  const reply = await correct(id, 'maintenance', 80, 60, { version })
  expect(reply.body).toMatchObject({ status: 'maintenance', version: version + 1 })
  expect(await held(id)).toEqual(['active 100-80', 'maintenance 80-60', 'active 60-50', 'maintenance 50-now'])
  expect(await held(id, true)).toEqual(['active 100-50 superseded', 'active 100-80', 'maintenance 80-60', 'active 60-50', 'maintenance 50-now'])
  const all = (await manager.get(`/equipment/${id}/status-history?superseded=true`)).body.items as Body[]
  expect(all.find((p) => p.superseded_at)).toMatchObject({ superseded_by: world.person('andina', 'manager').userId, superseded_by_name: 'manager de andina', superseded_at: reply.body.updated_at })
  expect(all.find((p) => p.reason === 'parte mal llenado')).toMatchObject({ status: 'maintenance', recorded_at: reply.body.updated_at })
  // A correction of the correction.
  expect((await correct(id, 'active', 75, 65)).status).toBe(200)
  expect(await held(id)).toEqual(['active 100-80', 'maintenance 80-75', 'active 75-65', 'maintenance 65-60', 'active 60-50', 'maintenance 50-now'])
})

test('a correction over several periods, and one that reaches the present, which the status follows', async () => {
  const { id } = await oldMachine(100, [
    ['maintenance', 60],
    ['active', 40],
  ])
  expect((await correct(id, 'retired', 70, 30)).body.status).toBe('active')
  expect(await held(id)).toEqual(['active 100-70', 'retired 70-30', 'active 30-now'])
  expect((await correct(id, 'maintenance', 50, null)).body.status).toBe('maintenance')
  expect(await held(id)).toEqual(['active 100-70', 'retired 70-50', 'maintenance 50-now'])
  expect((await world.sqlAs('andina', 'viewer', (q) => q('SELECT get_current_equipment_status($1) AS status', [id])))[0].status).toBe('maintenance')
  // Changes go on from there, without gap or overlap.
  expect((await manager.post(`/equipment/${id}/status`, { status: 'active', reason: 'listo' })).status).toBe(200)
  expect(await held(id)).toEqual(['active 100-70', 'retired 70-50', 'maintenance 50-0', 'active 0-now'])
})

test('a correction has its event, with the row’s version, and its audit', async () => {
  const { id } = await oldMachine()
  const { body } = await correct(id, 'maintenance', 20, 10)
  const [event] = (await manager.get(`/equipment/${id}/timeline`)).body.items
  expect(event).toMatchObject({ event_type: 'equipment_status_corrected', reason: 'parte mal llenado', occurred_at: body.updated_at })
  expect(event.new.last_status_correction).toMatchObject({ status: 'maintenance', version: body.version })
  const [audit] = (await world.as('andina', 'admin').get(`/audit-logs?entity_id=${id}`)).body.items
  expect(audit).toMatchObject({ action: 'status_corrected', user_id: world.person('andina', 'manager').userId })
})

test('what cannot be: each refused by name, and nothing changed', async () => {
  const { id } = await oldMachine(100, [['maintenance', 50]])
  const before = await held(id, true)
  const refused = async (status: string, from: number, to: number | null, more: object = {}) => problem(await correct(id, status, from, to, more))
  expect(await refused('active', -1, null)).toBe('422 esh_correction_not_in_future')
  expect(await refused('active', 20, -1)).toBe('422 esh_correction_not_in_future')
  expect(await refused('active', 101, 60)).toBe('422 esh_correction_after_start')
  expect(await refused('active', 60, 70)).toBe('422 esh_effective_period')
  expect(await refused('active', 90, 60)).toBe('409 esh_correction_changes_nothing')
  expect(await refused('active', 20, null, { version: 1 })).toBe('412 version_conflict')
  expect(await refused('active', 20, null, { reason: '' })).toBe('400 input_invalid')
  expect(await refused('disposed', 90, 60)).toBe('409 equipment_disposed_final')
  expect(problem(await world.as('andina', 'operator').post(`/equipment/${id}/status-corrections`, { status: 'active', effective_from: ago(1), reason: 'x' }))).toBe('403 role_required')
  expect(problem(await world.as('sur', 'manager').post(`/equipment/${id}/status-corrections`, { status: 'active', effective_from: ago(1), reason: 'x' }))).toBe('404 not_found')
  expect(await held(id, true)).toEqual(before)
})

test('SQL of a manager goes the same way: no correction without a reason, none by the history itself', async () => {
  const { id } = await oldMachine()
  const write = (text: string, reason = '') =>
    refusalOf(() =>
      world.sqlAs('andina', 'manager', async (q) => {
        await q("SELECT set_config('app.reason', $1, true)", [reason])
        await q(text, [id])
      }),
    )
  const set = (value: string) => `UPDATE equipment SET last_status_correction = '${value}' WHERE id = $1`
  const fine = JSON.stringify({ status: 'maintenance', from: ago(20), to: ago(10) })
  expect(await write(set(fine), 'porque sí')).toBe('done')
  expect(await write(set(fine))).toBe('esh_correction_reason_needed')
  expect(await write(set('{"status": "active"}'), 'x')).toBe('equipment_status_correction_form')
  expect(await write(set(JSON.stringify({ status: 'roto', from: ago(20) })), 'x')).toMatch(/_status_valid$/)
  for (const text of ['UPDATE equipment_status_history SET superseded_at = now() WHERE equipment_id = $1', 'DELETE FROM equipment_status_history WHERE equipment_id = $1'])
    expect(await write(text, 'x')).toBe('42501')
  await world.sqlAs('andina', 'operator', async (q) => expect(await q(set(fine), [id])).toEqual([]))
})

test('disposed stays final: when it happened can be put right, that it happened cannot', async () => {
  const { id } = await oldMachine(100, [['disposed', 50]])
  expect(problem(await correct(id, 'active', 20, null))).toBe('409 equipment_disposed_final')
  expect(problem(await correct(id, 'active', 40, 30))).toBe('409 equipment_disposed_final')
  expect((await correct(id, 'disposed', 60, 50)).status).toBe(200)
  expect((await correct(id, 'active', 61, 30)).status).toBe(200)
  expect(await held(id)).toEqual(['active 100-61', 'active 61-30', 'disposed 30-now'])
})

test('not retired while someone had it, then or now', async () => {
  const { id } = await oldMachine()
  await manager.post(`/equipment/${id}/assign`, { user_id: world.person('andina', 'operator').userId })
  expect(problem(await correct(id, 'retired', 20, null))).toBe('409 esh_correction_while_assigned')
  expect((await correct(id, 'retired', 20, 10)).status, 'before anyone had it').toBe(200)
  expect((await correct(id, 'maintenance', 5, null)).body.status, 'in repair in someone’s hands is possible').toBe('maintenance')
})

test('several changes and corrections in one transaction follow each other', async () => {
  const { id } = await oldMachine()
  await world.sqlAs(
    'andina',
    'manager',
    async (q) => {
      await q("UPDATE equipment SET status = 'maintenance' WHERE id = $1", [id])
      await q("SELECT correct_equipment_status($1, NULL, 'retired', $2, $3, 'uno')", [id, ago(50), ago(40)])
      await q("SELECT correct_equipment_status($1, NULL, 'maintenance', $2, $3, 'dos')", [id, ago(45), ago(44)])
      await q("UPDATE equipment SET status = 'active' WHERE id = $1", [id])
    },
    { commit: true },
  )
  expect(await held(id)).toEqual(['active 100-50', 'retired 50-45', 'maintenance 45-44', 'retired 44-40', 'active 40-0', 'maintenance 0-0', 'active 0-now'])
})

test('with a clock that was set back, instants still follow the versions', async () => {
  const { id } = await world.machine()
  // As if all that stands had been written by a clock an hour ahead of the one there is now.
  await world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    await q("UPDATE equipment SET updated_at = updated_at + interval '1 hour' WHERE id = $1", [id])
    await q("UPDATE equipment_status_history SET effective_from = effective_from + interval '1 hour', recorded_at = recorded_at + interval '1 hour' WHERE equipment_id = $1", [id])
    await q("UPDATE domain_events SET occurred_at = occurred_at + interval '1 hour' WHERE aggregate_id = $1", [id])
  })
  for (const status of ['maintenance', 'active']) expect((await manager.post(`/equipment/${id}/status`, { status, reason: 'x' })).status).toBe(200)
  const rows = await world.sqlAdmin((q) => q('SELECT status, effective_from, effective_to FROM equipment_status_history WHERE equipment_id = $1 ORDER BY effective_from', [id]))
  expect(rows.map((r) => r.status)).toEqual(['active', 'maintenance', 'active'])
  expect(rows.map((r) => r.effective_to)).toEqual([...rows.slice(1).map((r) => r.effective_from), null])
  const events = await world.sqlAdmin((q) => q('SELECT event_version AS n FROM domain_events WHERE aggregate_id = $1 ORDER BY occurred_at', [id]))
  expect(events.map((e) => e.n)).toEqual([1, 2, 3])
})
