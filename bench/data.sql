-- The data set, the same at each run: 20 companies, the largest with a fifth of all machines, the second with a twentieth.
-- {machines} is their number; the instants lie in the three years before {anchor}. Run as superuser, past triggers, in the shape that they
-- give; the older two hand-overs of each machine have no events. Parts are separated by a line "-- == what is done".

-- == people and categories
CREATE FUNCTION pg_temp.id(p_kind int, p_n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN ('01' || to_hex(p_kind) || '00000-0000-7000-8000-' || lpad(to_hex(p_n), 12, '0'))::uuid;
CREATE FUNCTION pg_temp.company_of(p_n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN CASE WHEN p_n % 100 < 20 THEN 1 WHEN p_n % 100 < 25 THEN 2 ELSE 3 + (p_n % 100 - 25) * 18 / 75 END;
-- Machines and hand-overs have ids as the product gives them, in the order of time: a second apart.
CREATE FUNCTION pg_temp.timed_id(p_kind int, p_n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (lpad(to_hex(1672531200000 + p_n * 1000), 12, '0') || '700' || to_hex(p_kind) || '8000' || lpad(to_hex(p_n), 12, '0'))::uuid;
-- The same number for the same machine, but without the pattern that its place in the sequence has.
CREATE FUNCTION pg_temp.mixed(p_n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN ((p_n * 2654435761) % 4294967296) >> 8;
INSERT INTO companies (id, name, created_at, updated_at) SELECT pg_temp.id(1, c), 'Contratista ' || c, '{anchor}'::timestamptz - interval '3 years', '{anchor}'::timestamptz - interval '3 years' FROM generate_series(1, 20) c;
INSERT INTO users (id, email, full_name) SELECT pg_temp.id(2, u), 'p' || u || '@bench.example', 'Persona ' || u FROM generate_series(1, 2000) u;
INSERT INTO users (id, email, full_name, password_hash) VALUES (pg_temp.id(2, 0), 'bench@bench.example', 'Quien mide', '{password_hash}');
INSERT INTO user_company_roles (company_id, user_id, role, display_name, assigned_at)
SELECT pg_temp.id(1, (u - 1) / 100 + 1), pg_temp.id(2, u), CASE u % 100 WHEN 1 THEN 'admin' WHEN 2 THEN 'manager' ELSE 'operator' END, 'Persona ' || u, '{anchor}'::timestamptz - interval '3 years'
FROM generate_series(1, 2000) u
UNION ALL SELECT pg_temp.id(1, c), pg_temp.id(2, 0), 'admin', 'Quien mide', '{anchor}'::timestamptz - interval '3 years' FROM generate_series(1, 3) c;
INSERT INTO equipment_categories (company_id, id, name, parent_id, path)
SELECT pg_temp.id(1, c), pg_temp.id(3, c * 100 + k), CASE WHEN k < 3 THEN 'Línea ' ELSE 'Tipo ' END || k, CASE WHEN k >= 3 THEN pg_temp.id(3, c * 100 + k % 3) END,
  (CASE WHEN k >= 3 THEN replace(pg_temp.id(3, c * 100 + k % 3)::text, '-', '') || '.' ELSE '' END || replace(pg_temp.id(3, c * 100 + k)::text, '-', ''))::ltree
FROM generate_series(1, 20) c, generate_series(0, 14) k;

-- == machines
INSERT INTO equipment (company_id, id, category_id, name, description, serial_number, fleet_code, manufacturer, model, manufacturer_serial_number, year, plate, ownership, purchase_date, purchase_price,
  depreciation_rate, currency, status, location, next_maintenance_date, warranty_expires_at, specifications, tags, created_at, updated_at, created_by, updated_by, version)
SELECT pg_temp.id(1, c), pg_temp.timed_id(4, n), pg_temp.id(3, c * 100 + 3 + h % 12),
  (ARRAY['Excavator', 'Bulldozer', 'Grader', 'Loader', 'Roller', 'Paver', 'Crane', 'Backhoe', 'Dumper', 'Tractor', 'Compressor', 'Generator', 'Breaker', 'Drill', 'Pump', 'Mixer', 'Trailer', 'Forklift', 'Scraper', 'Trencher'])[h % 20 + 1]
    || CASE WHEN h % 6 = 0 THEN ' diesel ' ELSE ' ' END || n,
  'Registered with the fleet ' || n % 977 || ', seen on site ' || h % 400, 'EQ-2025-GN-' || lpad(n::text, 6, '0'), 'F-' || n,
  (ARRAY['Caterpillar', 'Komatsu', 'Volvo', 'JCB', 'Hitachi', 'Liebherr', 'Doosan', 'Hyundai', 'Bomag', 'Sany', 'Terex', 'Case'])[(h >> 5) % 12 + 1], 'M' || h % 300, 'SN' || n, 2000 + h % 26,
  CASE WHEN n % 2 = 0 THEN 'PL-' || n END, CASE WHEN h % 10 < 7 THEN 'owned' ELSE 'rented' END, CASE WHEN h % 10 < 7 THEN (t.at - interval '30 days')::date END, CASE WHEN h % 10 < 7 THEN 20000 + h % 300000 END,
  CASE WHEN h % 4 = 0 THEN 0.15 END, 'PEN', CASE WHEN h % 100 < 85 THEN 'active' WHEN h % 100 < 93 THEN 'maintenance' ELSE 'retired' END, 'Obra ' || h % 400,
  CASE WHEN h % 5 < 3 THEN '{anchor}'::date - 100 + (h % 300)::int END, CASE WHEN h % 8 = 0 THEN '{anchor}'::date + (h % 700)::int END, jsonb_build_object('weight_t', h % 60, 'engine', 'C' || h % 500, 'power_kw', 50 + h % 400),
  ARRAY['t' || h % 500, 'zone' || h % 7], t.at, t.at + interval '30 days', pg_temp.id(2, c * 100 - 99), pg_temp.id(2, c * 100 - 98), 2
FROM generate_series(0, {machines} - 1) n, LATERAL (SELECT pg_temp.company_of(n) AS c, pg_temp.mixed(n) AS h, '{anchor}'::timestamptz - interval '3 years' + n * (interval '2 years' / {machines}) AS at) t;

-- == status periods
INSERT INTO equipment_status_history (company_id, id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at)
SELECT e.company_id, generate_uuid_v7(), e.id, CASE WHEN p = 2 THEN e.status WHEN e.status = 'active' THEN 'maintenance' ELSE 'active' END, CASE p WHEN 1 THEN e.created_at ELSE e.updated_at END,
  CASE p WHEN 1 THEN e.updated_at END, CASE p WHEN 1 THEN e.created_by ELSE e.updated_by END, CASE p WHEN 2 THEN 'checked on site' END, CASE p WHEN 1 THEN e.created_at ELSE e.updated_at END
FROM equipment e, generate_series(1, 2) p;
INSERT INTO equipment_fleet_periods SELECT t.company_id, t.equipment_id, t.from_at, t.to_at FROM tell_usage_periods(NULL, NULL, 'infinity', 'infinity') t WHERE t.is_fleet;

-- == hand-overs
INSERT INTO equipment_assignments (company_id, id, equipment_id, user_id, assigned_at, assigned_by, due_at, notes, returned_at, returned_by, created_at, updated_at, created_by, updated_by, version)
SELECT e.company_id, pg_temp.timed_id(5, n * 3 + k), e.id, pg_temp.id(2, (c - 1) * 100 + 1 + (n + k * 7) % 100), s.at, e.created_by, s.at + interval '60 days', 'with keys and papers', s.back, CASE WHEN s.back IS NOT NULL THEN e.created_by END,
  s.at, coalesce(s.back, s.at), e.created_by, e.created_by, CASE WHEN s.back IS NULL THEN 1 ELSE 2 END
FROM equipment e, LATERAL (SELECT ('x' || right(e.id::text, 12))::bit(48)::bigint AS n) i, LATERAL (SELECT pg_temp.company_of(n) AS c) j, generate_series(0, 2) k,
  LATERAL (SELECT e.created_at + interval '60 days' + k * interval '90 days' AS at, CASE WHEN k < 2 OR n % 4 > 0 OR e.status = 'retired' THEN e.created_at + interval '105 days' + k * interval '90 days' END AS back) s;

-- == sums of utilization
SELECT rebuild_equipment_usage(id) FROM companies;

-- == events and audit
INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, metadata, occurred_at, recorded_by, subject_id)
SELECT e.company_id, e.id, 'equipment', CASE v WHEN 1 THEN 'equipment_created' ELSE 'equipment_status_changed' END, v,
  CASE v WHEN 1 THEN jsonb_build_object('old', '{}'::jsonb, 'new', to_jsonb(e) || f.was) ELSE jsonb_build_object('old', f.was, 'new', (SELECT jsonb_object_agg(k, to_jsonb(e) -> k) FROM jsonb_object_keys(f.was) k)) END,
  jsonb_build_object('source', 'api', 'request_id', e.id, 'ip_address', '127.0.0.1') || CASE v WHEN 2 THEN '{"reason": "checked on site"}'::jsonb ELSE '{}' END, CASE v WHEN 1 THEN e.created_at ELSE e.updated_at END, CASE v WHEN 1 THEN e.created_by ELSE e.updated_by END, e.id
FROM equipment e, generate_series(1, 2) v,
  LATERAL (SELECT jsonb_build_object('status', CASE e.status WHEN 'active' THEN 'maintenance' ELSE 'active' END, 'version', 1, 'updated_at', e.created_at, 'updated_by', e.created_by) AS was) f;
INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, metadata, occurred_at, recorded_by, subject_id)
SELECT a.company_id, a.id, 'assignment', CASE v WHEN 1 THEN 'assignment_created' ELSE 'assignment_returned' END, v,
  CASE v WHEN 1 THEN jsonb_build_object('old', '{}'::jsonb, 'new', to_jsonb(a) || f.was) ELSE jsonb_build_object('old', f.was, 'new', (SELECT jsonb_object_agg(k, to_jsonb(a) -> k) FROM jsonb_object_keys(f.was) k)) END,
  '{"source": "api"}', CASE v WHEN 1 THEN a.created_at ELSE a.updated_at END, a.created_by, a.equipment_id
FROM equipment_assignments a CROSS JOIN generate_series(1, a.version) v,
  LATERAL (SELECT CASE a.version WHEN 1 THEN '{}'::jsonb ELSE jsonb_build_object('returned_at', NULL, 'returned_by', NULL, 'version', 1, 'updated_at', a.created_at) END AS was) f
WHERE (('x' || right(a.id::text, 12))::bit(48)::bigint) % 3 = 2;
INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, old_values, new_values, metadata, created_at)
SELECT v.company_id, 'equipment', v.aggregate_id, CASE v.event_version WHEN 1 THEN 'created' ELSE 'status_changed' END, v.recorded_by, v.event_data -> 'old', v.event_data -> 'new', v.metadata, v.occurred_at
FROM domain_events v WHERE v.aggregate_type = 'equipment';
-- The chain begins after them: they were never written through the product.
UPDATE audit_chain_progress SET chained_to = (pg_current_xact_id()::text::bigint + 1)::text::xid8;

-- == search
INSERT INTO equipment_search_documents (company_id, equipment_id, document) SELECT e.company_id, e.id, build_equipment_search_document(co.search_key, e) FROM equipment e JOIN companies co ON co.id = e.company_id;
INSERT INTO equipment_search_words (company_id, word)
SELECT DISTINCT e.company_id, w.word FROM (SELECT DISTINCT e.company_id, regexp_replace(e.name, ' [0-9]+$', '') AS name, e.manufacturer, e.location, e.tags FROM equipment e) e,
  regexp_split_to_table(normalize_search_text(concat_ws(' ', e.name, e.manufacturer, array_to_string(e.tags, ' '), e.location)), '[^a-z0-9]+') AS w (word)
WHERE w.word ~ '[a-z]' AND length(w.word) BETWEEN 4 AND 100;

-- == maintenance
INSERT INTO maintenance_records (company_id, equipment_id, type, status, scheduled_date) SELECT e.company_id, e.id, 'preventive', 'scheduled', e.next_maintenance_date FROM equipment e WHERE e.next_maintenance_date IS NOT NULL;

-- == logs
SET LOCAL ROLE bitcorp_owner;
SELECT create_equipment_log_partition((date_trunc('month', '{anchor}'::timestamptz AT TIME ZONE 'UTC') - make_interval(months => m))::date) FROM generate_series(0, 6) m;
RESET ROLE;
INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, recorded_by, reading, notes)
SELECT e.company_id, e.id, CASE k WHEN 0 THEN 'note' ELSE 'meter_hours' END, '{}', '{anchor}'::timestamptz - interval '170 days' + k * interval '34 days' + (e.year - 2000) * interval '1 hour', e.created_by,
  CASE WHEN k > 0 THEN k * 200 END, CASE k WHEN 0 THEN 'greased and refuelled' END
FROM generate_series(0, 4) k, equipment e;
