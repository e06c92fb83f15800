-- The ground of the floor and of the limit: the guidelines' tables with the indexes that their queries need, and nothing else: no row
-- security, no trigger, no exclusion constraint. Filled from the product's rows.
-- == plain tables for comparison
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE TABLE plain.equipment AS SELECT * FROM equipment;
CREATE TABLE plain.equipment_categories AS SELECT * FROM equipment_categories;
CREATE TABLE plain.user_company_roles AS SELECT * FROM user_company_roles;
CREATE TABLE plain.equipment_status_history AS SELECT * FROM equipment_status_history;
CREATE TABLE plain.equipment_assignments AS SELECT * FROM equipment_assignments;
CREATE TABLE plain.domain_events AS SELECT * FROM domain_events;
CREATE TABLE plain.audit_logs AS SELECT * FROM audit_logs;
CREATE TABLE plain.equipment_search AS SELECT e.company_id, e.id AS equipment_id, to_tsvector('simple', concat_ws(' ', e.name, e.serial_number, e.fleet_code, e.manufacturer, e.model, e.plate, e.description, e.location)) AS document FROM equipment e;
-- The k-th machine of the largest company, as the data set numbers them.
CREATE FUNCTION plain.largest(k int) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (lpad(to_hex(1672531200000 + (k / 20 * 100 + k % 20) * 1000::bigint), 12, '0') || '70048000' || lpad(to_hex(k / 20 * 100 + k % 20), 12, '0'))::uuid;
CREATE SEQUENCE plain.serial START 2000000;
ALTER TABLE plain.equipment ALTER id SET DEFAULT generate_uuid_v7(), ALTER created_at SET DEFAULT clock_timestamp(), ALTER updated_at SET DEFAULT clock_timestamp(), ALTER status SET DEFAULT 'active', ALTER currency SET DEFAULT 'PEN',
  ALTER ownership SET DEFAULT 'rented', ALTER specifications SET DEFAULT '{}', ALTER tags SET DEFAULT '{}', ALTER version SET DEFAULT 1, ALTER is_deleted SET DEFAULT false;
ALTER TABLE plain.equipment_status_history ALTER id SET DEFAULT generate_uuid_v7();
ALTER TABLE plain.equipment_assignments ALTER id SET DEFAULT generate_uuid_v7(), ALTER version SET DEFAULT 1, ALTER is_deleted SET DEFAULT false, ALTER created_at SET DEFAULT clock_timestamp(), ALTER updated_at SET DEFAULT clock_timestamp();
ALTER TABLE plain.domain_events ALTER id SET DEFAULT generate_uuid_v7(), ALTER occurred_at SET DEFAULT clock_timestamp();
ALTER TABLE plain.audit_logs ALTER id SET DEFAULT generate_uuid_v7(), ALTER created_at SET DEFAULT clock_timestamp();
ALTER TABLE plain.equipment ADD PRIMARY KEY (company_id, id);
ALTER TABLE plain.equipment_status_history ADD PRIMARY KEY (company_id, id), ADD FOREIGN KEY (company_id, equipment_id) REFERENCES plain.equipment;
ALTER TABLE plain.equipment_assignments ADD PRIMARY KEY (company_id, id), ADD FOREIGN KEY (company_id, equipment_id) REFERENCES plain.equipment;
ALTER TABLE plain.domain_events ADD PRIMARY KEY (company_id, id), ADD UNIQUE (company_id, aggregate_id, event_version);
ALTER TABLE plain.audit_logs ADD PRIMARY KEY (company_id, id);
ALTER TABLE plain.equipment_search ADD PRIMARY KEY (company_id, equipment_id);
ALTER TABLE plain.equipment_categories ADD PRIMARY KEY (company_id, id);
ALTER TABLE plain.user_company_roles ADD PRIMARY KEY (company_id, user_id);
CREATE UNIQUE INDEX ON plain.equipment (company_id, serial_number);
CREATE INDEX ON plain.equipment (company_id, status, created_at DESC, id DESC);
CREATE INDEX ON plain.equipment (company_id, created_at DESC, id DESC);
CREATE INDEX ON plain.equipment (company_id, category_id);
CREATE INDEX ON plain.equipment_status_history (company_id, equipment_id, effective_from DESC);
CREATE UNIQUE INDEX ON plain.equipment_assignments (company_id, equipment_id) WHERE returned_at IS NULL;
CREATE INDEX ON plain.equipment_assignments (company_id, equipment_id, assigned_at DESC);
CREATE INDEX ON plain.equipment_assignments (company_id, user_id);
CREATE INDEX ON plain.domain_events (company_id, subject_id, occurred_at DESC, id DESC);
CREATE INDEX ON plain.audit_logs (company_id, entity_type, entity_id);
CREATE INDEX ON plain.equipment_search USING gin (document);
