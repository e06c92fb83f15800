// Events, audit and timelines: nothing happens without its record, the record has no gap, and nobody changes it.
import { expect, test } from 'vitest'
import { type Body, createWorld, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const admin = world.as('andina', 'admin')
const id = (who: Parameters<typeof world.person>[1]) => world.person('andina', who).userId

const machine = await world.machine({ name: 'Con historia', specifications: { peso_t: 1.5, nota: 'ñandú' }, tags: ['uno'], purchase_price: '1234.50' })
const path = `/equipment/${machine.id}`
const category = (await manager.post('/equipment-categories', { name: 'De paso' })).body
await manager.patch(path, { name: 'Con más historia', category_id: category.id }, { version: 1 })
await manager.patch(path, { specifications: { peso_t: 2 }, tags: ['dos', 'tres'], category_id: null }, { version: 2 })
await manager.post(`${path}/status`, { status: 'maintenance', reason: 'Cambio de aceite' })
await manager.post(`${path}/status`, { status: 'active', reason: 'Listo' })
await manager.post(`${path}/assign`, { user_id: id('operator') })
await manager.post(`${path}/transfer`, { user_id: id('operator2') })
await world.as('andina', 'operator2').post(`${path}/return`)
await manager.delete(path, { version: '*' })
await manager.post(`${path}/restore`)
await manager.patch(`/equipment-categories/${category.id}`, { name: 'De vuelta' }, { version: 1 })
await manager.post('/equipment', { name: '\u200b', ownership: 'rented' })

async function walk(client: typeof manager, address: string, limit: number): Promise<Body[]> {
  const items: Body[] = []
  for (let cursor = ''; ; ) {
    const { body } = await client.get(`${address}${address.includes('?') ? '&' : '?'}limit=${limit}${cursor}`)
    items.push(...body.items)
    if (!body.next_cursor) return items
    cursor = `&cursor=${body.next_cursor}`
  }
}

test('the timeline of a machine has everything that happened, newest first, page by page', async () => {
  const whole = await walk(manager, `${path}/timeline`, 200)
  expect(whole.map((e) => e.event_type)).toEqual([
    'equipment_restored',
    'equipment_deleted',
    'assignment_returned',
    'assignment_created',
    'assignment_returned',
    'assignment_created',
    'equipment_status_changed',
    'equipment_status_changed',
    'equipment_changed',
    'equipment_changed',
    'equipment_created',
  ])
  expect(await walk(world.as('andina', 'viewer'), `${path}/timeline`, 2)).toEqual(whole)
  expect(whole[7]).toMatchObject({ reason: 'Cambio de aceite', recorded_by: id('manager'), recorded_by_name: 'manager de andina', old: { status: 'active' }, new: { status: 'maintenance' } })
  expect(whole.slice(2, 6).map((e) => e.holder_name)).toEqual(['operator2 de andina', 'operator2 de andina', 'operator de andina', 'operator de andina'])
  expect(whole[2].recorded_by).toBe(id('operator2'))
  expect((await world.as('sur', 'admin').get(`${world.as('andina', 'admin').base}${path}/timeline`)).status).toBe(404)
})

const entities = {
  companies: 'company',
  user_company_roles: 'user',
  api_tokens: 'api_token',
  equipment_categories: 'category',
  equipment: 'equipment',
  equipment_assignments: 'assignment',
  import_batches: 'import_batch',
}
/** A person's name stands in no event, so that whoever is made anonymous does not live on there. */
const folded = Object.entries(entities)
  .map(
    ([table, type]) => `
    SELECT '${table} ' || r.id AS name FROM ${table} r LEFT JOIN (
      SELECT v.aggregate_id, jsonb_object_agg(n.key, n.value ORDER BY v.event_version) AS row, array_agg(DISTINCT v.event_version ORDER BY v.event_version) AS versions
      FROM domain_events v, jsonb_each(v.event_data -> 'new') n WHERE v.aggregate_type = '${type}' GROUP BY v.aggregate_id) f ON f.aggregate_id = r.id
    WHERE (f.row - 'display_name')::text IS DISTINCT FROM (to_jsonb(r) - 'display_name')::text OR f.versions IS DISTINCT FROM ARRAY(SELECT generate_series(1, r.version))`,
  )
  .join(' UNION ALL ')

test('folding the events of every record gives its row, byte for byte, without a gap', async () => {
  await world.sqlAdmin(async (q) => {
    await q("SET LOCAL timezone = 'UTC'")
    expect((await q('SELECT count(*) AS n FROM domain_events'))[0].n).toBeGreaterThan(25)
    expect(await q(folded)).toEqual([])
    await q('SAVEPOINT here')
    await q('ALTER TABLE equipment DISABLE TRIGGER trigger_900_record_change')
    await q("UPDATE equipment SET location = 'secreto' WHERE id = $1", [machine.id])
    expect(await q(folded), 'seen once the trigger is off').toEqual([{ name: `equipment ${machine.id}` }])
    await q('ROLLBACK TO here')
  })
})

test('the audit has who, old and new, and where from', async () => {
  const { body } = await admin.get(`/audit-logs?entity_id=${machine.id}&limit=200`)
  expect(body.items.map((a: Body) => a.action)).toEqual(['restored', 'deleted', 'status_changed', 'status_changed', 'changed', 'changed', 'created'])
  const renamed = body.items[5]
  expect(renamed).toMatchObject({
    entity_type: 'equipment',
    user_id: id('manager'),
    user_name: 'manager de andina',
    old_values: { name: 'Con historia', category_id: null },
    new_values: { name: 'Con más historia', category_id: category.id },
  })
  expect(renamed.metadata).toMatchObject({ source: 'api', ip_address: '127.0.0.1' })
  expect(renamed.metadata.request_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(new Set((await walk(admin, `/audit-logs?user_id=${id('manager')}`, 3)).map((a) => a.user_id))).toEqual(new Set([id('manager')]))
  expect((await admin.get('/audit-logs?from=2100-01-01T00:00:00Z')).body.items).toEqual([])
  for (const who of ['manager', 'operator', 'viewer'] as const) expect((await world.as('andina', who).get('/audit-logs')).status).toBe(403)
})

test('a refused write leaves neither row nor event nor audit', async () => {
  const counts = () => world.sqlAdmin((q) => q('SELECT (SELECT count(*) FROM equipment) AS rows, (SELECT count(*) FROM domain_events) AS events, (SELECT count(*) FROM audit_logs) AS audits'))
  const before = await counts()
  await manager.post('/equipment', { name: 'x', ownership: 'rented', purchase_price: '0' })
  await manager.patch(path, { name: 'x' }, { version: 1 })
  await manager.post(`${path}/transfer`, { user_id: id('operator') })
  expect(await counts()).toEqual(before)
})

test('events and audit are added to alone, also for the owner and the superuser', async () => {
  for (const table of ['domain_events', 'audit_logs']) {
    for (const sql of [`UPDATE ${table} SET metadata = '{}'`, `DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) {
      expect(await refusalOf(() => world.sqlAdmin((q) => q(sql))), sql).toBe('records_append_only')
      expect(await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(sql))), sql).toBe('42501')
    }
  }
  expect(
    await refusalOf(() => world.sqlAs('andina', 'admin', (q) => q("INSERT INTO audit_logs (company_id, entity_type, action) VALUES ($1, 'equipment', 'invented')", [world.companies.andina.id]))),
  ).toBe('42501')
  expect(
    await refusalOf(() =>
      world.sqlAdmin((q) =>
        q(
          'INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data) SELECT company_id, aggregate_id, aggregate_type, event_type, event_version, event_data FROM domain_events LIMIT 1',
        ),
      ),
    ),
  ).toBe('de_version_once')
})

test('events are listed for managers, by record and by kind, page by page', async () => {
  const ofMachine = await walk(manager, `/events?aggregate_id=${machine.id}`, 2)
  expect(ofMachine.map((e) => e.event_version)).toEqual([7, 6, 5, 4, 3, 2, 1])
  expect((await manager.get('/events?event_type=equipment_restored')).body.items.length).toBe(1)
  const ids = (await walk(manager, '/events', 7)).map((e) => e.id)
  expect(ids).toEqual((await walk(manager, '/events', 200)).map((e) => e.id))
  expect(new Set(ids).size).toBe(ids.length)
  for (const who of ['operator', 'viewer'] as const) expect((await world.as('andina', who).get('/events')).status).toBe(403)
})

test('events and audit are found by person, kind and period, and name what they are about', async () => {
  const byTaker = await walk(manager, `/events?recorded_by=${id('operator2')}`, 200)
  expect(byTaker.map((e) => e.event_type)).toEqual(['assignment_returned'])
  expect(byTaker[0]).toMatchObject({ equipment_id: machine.id, subject_name: expect.stringContaining('Con más historia') })
  const ofKinds = await walk(manager, '/events?aggregate_type=category,assignment', 3)
  expect(new Set(ofKinds.map((e) => e.aggregate_type))).toEqual(new Set(['category', 'assignment']))
  expect(ofKinds.find((e) => e.aggregate_type === 'category')).toMatchObject({ subject_name: 'De vuelta', equipment_id: null })
  for (const [list, at] of [
    ['/events', 'occurred_at'],
    ['/audit-logs', 'created_at'],
  ] as const) {
    const all = await walk(admin, list, 200)
    const middle = all[Math.floor(all.length / 2)]?.[at] as string
    const until = await walk(admin, `${list}?to=${encodeURIComponent(middle)}`, 5)
    const since = await walk(admin, `${list}?from=${encodeURIComponent(middle)}`, 5)
    expect(
      [...since, ...until].map((e) => e.id),
      list,
    ).toEqual(all.map((e) => e.id))
    expect(until.length > 0 && since.length > 0).toBe(true)
  }
  const audit = await walk(admin, `/audit-logs?entity_id=${machine.id}`, 200)
  expect(audit.every((entry) => entry.equipment_id === machine.id && entry.subject_name.includes('Con más historia'))).toBe(true)
})

test('neither events nor audit hold what would let SQL act as a token', async () => {
  const admin = world.as('andina', 'admin')
  const made = await admin.post('/api/v1/tokens', { name: 'secret', company_id: world.companies.andina.id, scopes: ['read'], expires_at: '2099-01-01T00:00:00Z' })
  expect(made.status).toBe(201)
  for (const path of ['/events?limit=200', '/audit-logs?limit=200']) {
    const { text } = await admin.get(path)
    expect(text).toContain(made.body.id)
    expect(text).not.toContain('token_hash')
  }
})
