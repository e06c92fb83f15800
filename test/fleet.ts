// A large fleet in a few seconds: rows written straight into the tables, past triggers, in the shape the triggers would give them.
import { connected, type Query, type World } from './harness.ts'

/** Fills andina with `machines` machines of two years with their records, and sur with a tenth of them. Gives some ids to ask for. */
export async function fillFleet(world: World, machines: number): Promise<{ machine: string; category: string; parent: string; person: string; membership: string; record: string; event: string }> {
  await world.sqlAdmin(async (q) => {
    await q('SET LOCAL session_replication_role = replica')
    // An exclusion constraint checks each row by itself; made again over all rows it takes a tenth of the time.
    const exclusions = await q("SELECT conrelid::regclass AS on_table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'x'")
    for (const x of exclusions) await q(`ALTER TABLE ${x.on_table} DROP CONSTRAINT ${x.conname}`)
    for (const [name, count] of [
      ['andina', machines],
      ['sur', machines / 10],
    ] as const) {
      await fillPeople(q, world.companies[name].id)
      await fillMachines(q, world.companies[name].id, count)
      await fillRecords(q, world.companies[name].id)
    }
    for (const x of exclusions) await q(`ALTER TABLE ${x.on_table} ADD CONSTRAINT ${x.conname} ${x.definition}`)
  })
  await connected(world.superuserUrl, (q) => q('VACUUM ANALYZE'))
  return world.sqlAdmin(async (q) => {
    const id = world.companies.andina.id
    const [row] = await q(
      `SELECT e.id AS machine, e.category_id AS category, k.parent_id AS parent, m.user_id AS person, m.id AS membership,
         (SELECT r.id FROM maintenance_records r WHERE r.company_id = $1 LIMIT 1) AS record, (SELECT v.id FROM domain_events v WHERE v.company_id = $1 LIMIT 1) AS event
       FROM equipment e JOIN equipment_categories k ON k.company_id = e.company_id AND k.id = e.category_id, user_company_roles m
       WHERE e.company_id = $1 AND m.company_id = $1 AND m.display_name = 'Persona 7' ORDER BY e.id OFFSET ${Math.floor(machines / 3)} LIMIT 1`,
      [id],
    )
    return row
  })
}

async function fillPeople(q: Query, company: string): Promise<void> {
  await q(
    `WITH person AS (
       INSERT INTO users (email, full_name) SELECT 'p' || n || '.' || $1 || '@fleet.test', 'Persona ' || n FROM generate_series(1, 400) n RETURNING id, full_name)
     INSERT INTO user_company_roles (company_id, user_id, role, display_name) SELECT $1::uuid, p.id, 'operator', p.full_name FROM person p`,
    [company],
  )
  await q(
    `WITH root AS (
       INSERT INTO equipment_categories (company_id, id, name, path) SELECT $1::uuid, u.id, 'Línea ' || n, replace(u.id::text, '-', '')::ltree
       FROM generate_series(1, 10) n, LATERAL (SELECT generate_uuid_v7() AS id WHERE n > 0) u RETURNING *)
     INSERT INTO equipment_categories (company_id, id, name, parent_id, path) SELECT $1::uuid, u.id, 'Tipo ' || n, root.id, root.path || replace(u.id::text, '-', '')
     FROM root, generate_series(1, 8) n, LATERAL (SELECT generate_uuid_v7() AS id WHERE n > 0 AND root.name <> '') u`,
    [company],
  )
}

async function fillMachines(q: Query, company: string, count: number): Promise<void> {
  await q(
    `INSERT INTO equipment (company_id, name, serial_number, fleet_code, ownership, manufacturer, model, plate, manufacturer_serial_number, year, status, location, category_id, currency,
       next_maintenance_date, warranty_expires_at, specifications, tags, created_at, updated_at)
     SELECT $1, (ARRAY['Excavadora', 'Rodillo', 'Motoniveladora', 'Cargador', 'Volquete'])[n % 5 + 1] || ' ' || n, 'EQ-2026-GN-' || lpad(n::text, 6, '0'), 'F-' || n, 'rented',
       (ARRAY['Caterpillar', 'Komatsu', 'Volvo', 'JCB'])[n % 4 + 1], 'M' || n % 300, 'PL-' || n, 'SN' || n, 2000 + n % 26, CASE WHEN n % 20 = 0 THEN 'maintenance' WHEN n % 33 = 0 THEN 'retired' ELSE 'active' END,
       'Obra ' || n % 400, k.ids[n % cardinality(k.ids) + 1], 'PEN', CASE WHEN n % 3 = 0 THEN current_date - 200 + n % 400 END, CASE WHEN n % 50 = 0 THEN current_date - 300 + n % 1000 END,
       jsonb_build_object('peso_t', n % 60, 'motor', 'C' || n % 500), ARRAY['t' || n % 500], t.at, t.at
     FROM generate_series(1, ${count}) n, LATERAL (SELECT now() - interval '2 years' + n * (interval '2 years' / ${count + 1}) AS at) t,
       (SELECT array_agg(c.id) AS ids FROM equipment_categories c WHERE c.company_id = $1 AND c.parent_id IS NOT NULL) k`,
    [company],
  )
  await q(
    `INSERT INTO equipment_search_documents (company_id, equipment_id, document)
     SELECT e.company_id, e.id, array_to_tsvector(ARRAY(SELECT DISTINCT 'c' || co.search_key || ':' || w FROM regexp_split_to_table(lower(concat_ws(' ', e.name, e.manufacturer, e.model, e.plate)), '[^a-z0-9]+') w WHERE w <> '')) || build_equipment_signs(co.search_key, e)
     FROM equipment e JOIN companies co ON co.id = e.company_id WHERE e.company_id = $1`,
    [company],
  )
  await q(
    `INSERT INTO equipment_search_words (company_id, word) SELECT $1::uuid, w FROM unnest('{excavadora,rodillo,motoniveladora,cargador,volquete,caterpillar,komatsu,volvo,obra}'::text[]) w
    UNION SELECT $1::uuid, translate(md5(n::text), '0123456789', 'ghijklmnop') FROM generate_series(1, 5000) n`,
    [company],
  )
}

async function fillRecords(q: Query, company: string): Promise<void> {
  await q(
    `INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, effective_to, recorded_at)
     SELECT e.company_id, e.id, CASE WHEN p.n = p.last THEN e.status ELSE 'active' END, e.created_at + p.n * interval '1 hour', CASE WHEN p.n < p.last THEN e.created_at + (p.n + 1) * interval '1 hour' END, e.created_at + p.n * interval '1 hour'
     FROM equipment e, LATERAL (SELECT n, last FROM (SELECT CASE WHEN e.status = 'active' THEN 2 ELSE 3 END AS last) l, generate_series(0, last) n) p WHERE e.company_id = $1`,
    [company],
  )
  await q(
    `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_at, assigned_by, due_at, returned_at, returned_by)
     SELECT e.company_id, e.id, m.ids[(e.n + p.n) % cardinality(m.ids) + 1], e.created_at + p.n * interval '1 day', m.ids[1],
       CASE WHEN p.n = 2 THEN e.created_at + interval '40 days' END, CASE WHEN p.n < 2 OR e.n % 4 > 0 THEN e.created_at + p.n * interval '1 day' + interval '20 hours' END,
       CASE WHEN p.n < 2 OR e.n % 4 > 0 THEN m.ids[1] END
     FROM (SELECT x.*, row_number() OVER () AS n FROM equipment x WHERE x.company_id = $1) e, generate_series(0, 2) AS p (n),
       (SELECT array_agg(r.user_id ORDER BY r.id) AS ids FROM user_company_roles r WHERE r.company_id = $1) m`,
    [company],
  )
  await q(
    `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, reserved_from, reserved_until)
     SELECT e.company_id, e.id, m.ids[1], current_date + interval '60 days', current_date + interval '62 days'
     FROM equipment e, (SELECT array_agg(r.user_id ORDER BY r.id) AS ids FROM user_company_roles r WHERE r.company_id = $1) m WHERE e.company_id = $1 AND e.year = 2003 AND e.created_at < now() - interval '100 days'`,
    [company],
  )
  await q(
    `INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, occurred_at, subject_id)
     SELECT e.company_id, e.id, 'equipment', CASE WHEN v.n = 1 THEN 'equipment_created' WHEN e.year = 2001 THEN 'equipment_status_changed' ELSE 'equipment_changed' END, v.n, '{"old": {}, "new": {}}', e.created_at + v.n * interval '1 hour', e.id
     FROM equipment e, generate_series(1, 1 + e.year % 2) AS v (n) WHERE e.company_id = $1`,
    [company],
  )
  await q(
    `INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, created_at)
     SELECT v.company_id, 'equipment', v.aggregate_id, 'created', m.ids[(v.sequence % cardinality(m.ids))::int + 1], v.occurred_at
     FROM domain_events v, (SELECT array_agg(r.user_id) AS ids FROM user_company_roles r WHERE r.company_id = $1) m WHERE v.company_id = $1`,
    [company],
  )
  await q(
    `INSERT INTO maintenance_records (company_id, equipment_id, type, status, scheduled_date)
     SELECT e.company_id, e.id, 'preventive', 'scheduled', current_date - 300 + (row_number() OVER ())::int % 600 FROM equipment e WHERE e.company_id = $1 AND e.year < 2008`,
    [company],
  )
  await q(
    `INSERT INTO equipment_logs (company_id, equipment_id, event_type, notes, created_at)
     SELECT e.company_id, e.id, 'note', 'Sin novedad', now() - (row_number() OVER ())::int % 20 * interval '1 minute' FROM equipment e WHERE e.company_id = $1 AND e.year < 2010`,
    [company],
  )
}
