-- Owns: import_batches. What was imported, by whom, with which mapping.
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON import_batches
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION record_change('import_batch');

GRANT SELECT, INSERT, UPDATE ON import_batches TO application_user;
GRANT SELECT ON import_batches TO reporting_user;
DROP POLICY IF EXISTS import_batches_select ON import_batches;
CREATE POLICY import_batches_select ON import_batches FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS import_batches_insert ON import_batches;
CREATE POLICY import_batches_insert ON import_batches FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
DROP POLICY IF EXISTS import_batches_update ON import_batches;
CREATE POLICY import_batches_update ON import_batches FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));

-- Writes a batch of machines: those without an id are registered, the others changed if their version is still the one read.
-- Gives row_number and id of each. Raises what the tables raise; BC412 when a machine is another one by now.
CREATE OR REPLACE FUNCTION put_import_rows(p_rows jsonb) RETURNS TABLE (row_number integer, equipment_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_changes integer := (SELECT count(*) FROM jsonb_array_elements(p_rows) r WHERE r ->> 'version' IS NOT NULL);
  v_written integer;
BEGIN
  RETURN QUERY
    WITH given AS MATERIALIZED (
      SELECT (r.value ->> 'row')::integer AS given_row, g.*
      FROM jsonb_array_elements(p_rows) r, jsonb_populate_record(NULL::equipment, r.value) g
      WHERE g.version IS NULL ORDER BY 1
    ), created AS (
      INSERT INTO equipment (company_id, id, category_id, name, description, serial_number, fleet_code, manufacturer, model, manufacturer_serial_number, year, plate,
        ownership, purchase_date, purchase_price, current_value, salvage_value, depreciation_rate, currency, status, location, last_maintenance_date, next_maintenance_date, maintenance_interval_days, maintenance_rule,
        warranty_expires_at, specifications, tags)
      SELECT v_company_id, g.id, g.category_id, g.name, g.description, g.serial_number, g.fleet_code, g.manufacturer, g.model, g.manufacturer_serial_number, g.year, g.plate,
        g.ownership, g.purchase_date, g.purchase_price, g.current_value, coalesce(g.salvage_value, 0), g.depreciation_rate, g.currency, g.status, g.location, g.last_maintenance_date,
        g.next_maintenance_date, g.maintenance_interval_days, coalesce(g.maintenance_rule, 'floating'), g.warranty_expires_at, g.specifications, g.tags
      FROM given g ORDER BY g.given_row
      RETURNING id
    )
    SELECT g.given_row, c.id FROM created c JOIN given g ON g.id = c.id;
  RETURN QUERY
    WITH given AS MATERIALIZED (
      SELECT (r.value ->> 'row')::integer AS given_row, g.*
      FROM jsonb_array_elements(p_rows) r, jsonb_populate_record(NULL::equipment, r.value) g
      WHERE g.version IS NOT NULL
    )
    UPDATE equipment e SET version = g.version, category_id = g.category_id, name = g.name, description = g.description, serial_number = g.serial_number,
      fleet_code = g.fleet_code, manufacturer = g.manufacturer, model = g.model, manufacturer_serial_number = g.manufacturer_serial_number, year = g.year,
      plate = g.plate, ownership = g.ownership, purchase_date = g.purchase_date, purchase_price = g.purchase_price, current_value = g.current_value,
      salvage_value = coalesce(g.salvage_value, 0), depreciation_rate = g.depreciation_rate, currency = g.currency, status = g.status, location = g.location, last_maintenance_date = g.last_maintenance_date,
      next_maintenance_date = g.next_maintenance_date, maintenance_interval_days = g.maintenance_interval_days, maintenance_rule = coalesce(g.maintenance_rule, e.maintenance_rule), warranty_expires_at = g.warranty_expires_at, specifications = g.specifications, tags = g.tags
    FROM given g
    WHERE e.company_id = v_company_id AND e.id = g.id AND NOT e.is_deleted
    RETURNING g.given_row, e.id;
  GET DIAGNOSTICS v_written = ROW_COUNT;
  IF v_written <> v_changes THEN
    RAISE EXCEPTION USING ERRCODE = 'BC412', MESSAGE = 'a machine was deleted since it was read';
  END IF;
END
$$;

-- The same, row by row where the batch as a whole is refused, so that each refused row is known by its constraint.
-- problem: the constraint or SQLSTATE, detail: what it says beside; NULL for a row that was written.
DROP FUNCTION IF EXISTS try_import_rows(jsonb);
CREATE FUNCTION try_import_rows(p_rows jsonb) RETURNS TABLE (row_number integer, equipment_id uuid, problem text, detail text)
LANGUAGE plpgsql AS $$
DECLARE
  v_row jsonb;
  v_done jsonb;
  v_problem text;
  v_state text;
BEGIN
  BEGIN
    SELECT jsonb_agg(p) INTO v_done FROM put_import_rows(p_rows) p;
  EXCEPTION WHEN integrity_constraint_violation OR data_exception OR SQLSTATE 'BC412' THEN
    v_done := NULL;
  END;
  IF v_done IS NOT NULL THEN
    RETURN QUERY SELECT d.row_number, d.equipment_id, NULL::text, NULL::text FROM jsonb_to_recordset(v_done) AS d (row_number integer, equipment_id uuid);
    RETURN;
  END IF;
  FOR v_row IN SELECT r.value FROM jsonb_array_elements(p_rows) r LOOP
    row_number := (v_row ->> 'row')::integer;
    equipment_id := NULL;
    problem := NULL;
    detail := NULL;
    BEGIN
      SELECT p.equipment_id INTO equipment_id FROM put_import_rows(jsonb_build_array(v_row)) p;
    EXCEPTION WHEN integrity_constraint_violation OR data_exception OR SQLSTATE 'BC412' THEN
      GET STACKED DIAGNOSTICS v_problem = CONSTRAINT_NAME, v_state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
      problem := coalesce(nullif(v_problem, ''), v_state);
    END;
    RETURN NEXT;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION put_import_rows(jsonb), try_import_rows(jsonb) TO application_user;
