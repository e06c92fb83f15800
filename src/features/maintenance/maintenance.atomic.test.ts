// Sending to maintenance and completing are all or nothing: every write in them is made to fail, and cut off, once.
import { expect, test } from 'vitest'
import { awayFromMidnight, type Body, createWorld } from '../../../test/harness.ts'

await awayFromMidnight(-5)
const world = await createWorld()
const manager = world.as('andina', 'manager')
/** The company's zone is America/Lima, five hours behind UTC all year. */
const inDays = (days: number) => new Date(Date.now() - 5 * 3600_000 + days * 86_400_000).toISOString().slice(0, 10)

/** Everything that stands of a machine, to the letter. */
const traces = (id: string) =>
  world.sqlAdmin((q) =>
    q(
      `SELECT to_jsonb(e) AS machine, (SELECT jsonb_agg(h ORDER BY h.id) FROM equipment_status_history h WHERE h.equipment_id = e.id) AS history,
         (SELECT jsonb_agg(r ORDER BY r.id) FROM maintenance_records r WHERE r.equipment_id = e.id) AS records,
         (SELECT jsonb_agg(v ORDER BY v.id) FROM domain_events v WHERE v.subject_id = e.id) AS events,
         (SELECT jsonb_agg(l ORDER BY l.id) FROM audit_logs l WHERE l.entity_id = e.id OR l.new_values ->> 'equipment_id' = e.id::text
            OR l.entity_id IN (SELECT r.id FROM maintenance_records r WHERE r.equipment_id = e.id)) AS audit
       FROM equipment e WHERE e.id = $1`,
      [id],
    ),
  )
/** Each place where the two steps write, before and after the row is there. */
const points = ['equipment', 'equipment_status_history', 'maintenance_records', 'domain_events', 'audit_logs'].flatMap((table) => [`BEFORE ${table}`, `AFTER ${table}`])
const verbs = 'INSERT OR UPDATE'
const trap = (point: string, body: string) => {
  const [when, table] = point.split(' ')
  const changes = /events|logs/.test(table ?? '') ? 'INSERT' : verbs
  const own = `to_jsonb(NEW)::text LIKE '%trap%' OR TG_TABLE_NAME IN ('equipment', 'equipment_status_history')`
  return world.sqlAdmin((q) =>
    q(`CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN IF ${own} THEN ${body} END IF; RETURN NEW; END $$;
       CREATE TRIGGER trigger_999_trap ${when} ${changes} ON ${table} FOR EACH ROW EXECUTE FUNCTION trap()`),
  )
}
const untrap = () => world.sqlAdmin((q) => q('DROP FUNCTION trap() CASCADE'))
/** The backend that sleeps in the trap is cut off, as when the server loses it between two writes. */
async function cutOff() {
  for (let tries = 0; tries < 400; tries++) {
    const cut = await world.sqlAdmin((q) => q("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))
    if (cut.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('nobody came into the trap')
}

async function attack(point: string, ready: () => Promise<{ id: string; act: (key?: string) => Promise<{ status: number; body: Body }> }>) {
  const { id, act } = await ready()
  const before = await traces(id)
  await trap(point, `RAISE EXCEPTION 'trapped';`)
  expect((await act()).status, 'a failing write').toBe(500)
  await untrap()
  expect(await traces(id), 'nothing after a failing write').toEqual(before)
  await trap(point, 'PERFORM pg_sleep(20);')
  const [killed] = await Promise.all([act(`kill ${point} ${id}`), cutOff()])
  await untrap()
  expect(killed.status, 'the connection was cut').toBe(503)
  expect(await traces(id), 'nothing after a cut').toEqual(before)
  expect((await act(`kill ${point} ${id}`)).status, 'the same request again').toBeLessThan(300)
  return traces(id)
}

test.each(points)('sending to maintenance, failing or cut off %s, leaves nothing half written', async (point) => {
  const [after] = await attack(point, async () => {
    const { id } = await world.machine()
    return { id, act: (key) => manager.post(`/equipment/${id}/send-to-maintenance`, { type: 'corrective', reason: 'trap', title: 'trap' }, key ? { key } : {}) }
  })
  expect([after.machine.status, after.history.length, after.records.length, after.events.length, after.audit.length]).toEqual(['maintenance', 2, 1, 3, 3])
})

test.each(points)('completing, failing or cut off %s, leaves nothing half written', async (point) => {
  const [after] = await attack(point, async () => {
    const { id } = await world.machine({ maintenance_interval_days: 30 })
    const sent = (await manager.post(`/equipment/${id}/send-to-maintenance`, { type: 'preventive', reason: 'servicio', title: 'trap' })).body
    return { id, act: (key) => manager.post(`/maintenance-records/${sent.id}/complete`, { back_to_active: true, notes: 'trap' }, key ? { key } : {}) }
  })
  expect([after.machine.status, after.machine.next_maintenance_date, after.records[0].status, after.history.length, after.events.length]).toEqual(['active', inDays(30), 'done', 3, 5])
})
