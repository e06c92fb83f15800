-- Owns: maintenance_records with their files, and the service dates of equipment. Work on a machine from its planning to its end, and what it moves.

GRANT SELECT ON maintenance_records TO record_keeper;
-- A lock on a row needs the right to change one of its columns.
GRANT UPDATE (version) ON equipment_categories TO record_keeper;
DROP POLICY IF EXISTS maintenance_records_keeper ON maintenance_records;
CREATE POLICY maintenance_records_keeper ON maintenance_records TO record_keeper USING (true) WITH CHECK (true);

-- The calendar day it is now where the company works.
CREATE OR REPLACE FUNCTION get_company_day(p_company_id uuid) RETURNS date
LANGUAGE sql STABLE AS $$
  SELECT (clock_timestamp() AT TIME ZONE coalesce(co.settings ->> 'time_zone', 'UTC'))::date FROM companies co WHERE co.id = p_company_id
$$;

-- Days between services: the machine's own, else those of its nearest category that has any. NULL when nobody said.
CREATE OR REPLACE FUNCTION find_maintenance_interval(p_company_id uuid, p_category_id uuid, p_own_days integer) RETURNS integer
LANGUAGE sql STABLE AS $$
  SELECT coalesce(p_own_days, (
    SELECT k.maintenance_interval_days FROM equipment_categories own
    JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[]) AND k.maintenance_interval_days IS NOT NULL
    WHERE own.company_id = p_company_id AND own.id = p_category_id ORDER BY nlevel(k.path) DESC LIMIT 1))
$$;

-- The first day after p_last that lies one or more whole intervals after p_from. NULL when one of the three is.
CREATE OR REPLACE FUNCTION get_next_maintenance_day(p_from date, p_last date, p_days integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT p_from + p_days * (greatest(0, floor((p_last - p_from)::numeric / p_days))::integer + 1)
$$;
GRANT EXECUTE ON FUNCTION get_company_day(uuid), find_maintenance_interval(uuid, uuid, integer),
  get_next_maintenance_day(date, date, integer) TO application_user, reporting_user, record_keeper;

-- === as record_keeper ===============================================================================================
SET LOCAL ROLE record_keeper;

-- BEFORE INSERT OR UPDATE of what a machine's next service follows from. A day given in the statement stands, and is told from a
-- computed one by maintenance_counted_from, which only this function writes: empty for a given day. A service moves either of them,
-- a changed interval only a computed one. Where no interval is known nothing is touched.
CREATE OR REPLACE FUNCTION calculate_next_maintenance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_is_given boolean := NEW.next_maintenance_date IS NOT NULL;
  v_is_served boolean := true;
  v_known_from date;
  v_from date;
  v_due date;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_is_given := NEW.next_maintenance_date IS DISTINCT FROM OLD.next_maintenance_date;
    v_is_served := NEW.last_maintenance_date IS DISTINCT FROM OLD.last_maintenance_date;
    v_known_from := OLD.maintenance_counted_from;
  END IF;
  NEW.maintenance_counted_from := NULL;
  IF NEW.last_maintenance_date IS NULL THEN
    RETURN NEW;
  END IF;
  IF NOT v_is_served AND v_known_from IS NOT NULL THEN
    v_from := v_known_from;
  ELSE
    SELECT r.scheduled_date INTO v_from FROM maintenance_records r
    WHERE NEW.maintenance_rule = 'fixed' AND r.company_id = NEW.company_id AND r.equipment_id = NEW.id AND r.status = 'done'
      AND r.counts_as_service AND r.completed_date = NEW.last_maintenance_date
    ORDER BY r.completed_at DESC LIMIT 1;
    v_from := coalesce(v_from, NEW.last_maintenance_date);
  END IF;
  -- Who changes an interval at this moment is waited for: its change reaches this machine now, or finds it afterwards.
  PERFORM FROM equipment_categories own JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[])
  WHERE own.company_id = NEW.company_id AND own.id = NEW.category_id FOR SHARE OF k;
  v_due := get_next_maintenance_day(v_from, NEW.last_maintenance_date,
    find_maintenance_interval(NEW.company_id, NEW.category_id, NEW.maintenance_interval_days));
  IF v_is_given THEN
    NEW.maintenance_counted_from := CASE WHEN NEW.next_maintenance_date = v_due THEN v_from END;
  ELSIF v_due IS NULL THEN
    NEW.maintenance_counted_from := CASE WHEN NOT v_is_served THEN v_known_from END;
  ELSIF v_is_served OR v_known_from IS NOT NULL OR NEW.next_maintenance_date IS NULL THEN
    NEW.next_maintenance_date := v_due;
    NEW.maintenance_counted_from := v_from;
  END IF;
  RETURN NEW;
END
$$;

-- BEFORE INSERT OR UPDATE: work begins and ends in the order scheduled, in progress, done or cancelled; its times are the database's;
-- what is done or cancelled keeps what it says of machine, kind and days.
CREATE OR REPLACE FUNCTION keep_maintenance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_machine_status text;
  v_is_step boolean := true;
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- Held until the end, so that a machine is not retired or deleted under work that is being written down.
    SELECT e.status INTO v_machine_status FROM equipment e
    WHERE e.company_id = NEW.company_id AND e.id = NEW.equipment_id AND NOT e.is_deleted FOR SHARE;
    IF v_machine_status IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_mr_equipment', MESSAGE = 'no such machine';
    ELSIF v_machine_status NOT IN ('active', 'maintenance') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_machine_in_service', MESSAGE = 'the machine is out of service';
    ELSIF NEW.status NOT IN ('scheduled', 'in_progress') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'work begins open';
    END IF;
    NEW.started_at := NULL;
    NEW.completed_at := NULL;
    NEW.completed_date := NULL;
    NEW.counts_as_service := NULL;
    NEW.cancelled_at := NULL;
    NEW.cancel_reason := NULL;
  ELSE
    v_is_step := NEW.status <> OLD.status;
    IF v_is_step AND NOT (OLD.status IN ('scheduled', 'in_progress') AND NEW.status IN ('done', 'cancelled')
                          OR OLD.status = 'scheduled' AND NEW.status = 'in_progress') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'no such step', DETAIL = OLD.status;
    ELSIF NEW.equipment_id <> OLD.equipment_id OR (OLD.status IN ('done', 'cancelled') AND (NEW.is_deleted OR
        (NEW.type, NEW.scheduled_date, NEW.completed_date, NEW.counts_as_service, NEW.cancel_reason)
        IS DISTINCT FROM (OLD.type, OLD.scheduled_date, OLD.completed_date, OLD.counts_as_service, OLD.cancel_reason))) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_facts_fixed', MESSAGE = 'what was done stays as it was';
    END IF;
    NEW.started_at := OLD.started_at;
    NEW.completed_at := OLD.completed_at;
    NEW.cancelled_at := OLD.cancelled_at;
    NEW.status_period_id := OLD.status_period_id;
  END IF;
  NEW.currency := CASE WHEN NEW.cost IS NOT NULL THEN coalesce(NEW.currency,
    (SELECT co.settings ->> 'currency' FROM companies co WHERE co.id = NEW.company_id), 'PEN') END;
  IF NOT v_is_step THEN
    RETURN NEW;
  ELSIF NEW.status IN ('scheduled', 'in_progress') THEN
    NEW.started_at := CASE WHEN NEW.status = 'in_progress' THEN v_now END;
    NEW.status_period_id := (SELECT h.id FROM equipment_status_history h WHERE h.company_id = NEW.company_id
      AND h.equipment_id = NEW.equipment_id AND h.effective_to IS NULL AND h.superseded_at IS NULL AND h.status = 'maintenance');
  ELSIF NEW.status = 'done' THEN
    NEW.completed_at := greatest(v_now, OLD.started_at);
    NEW.completed_date := coalesce(NEW.completed_date, get_company_day(NEW.company_id));
    NEW.counts_as_service := coalesce(NEW.counts_as_service, NEW.type = 'preventive');
    IF NEW.completed_date > get_company_day(NEW.company_id) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_done_not_in_future', MESSAGE = 'done lies in the past';
    END IF;
  ELSE
    NEW.cancelled_at := v_now;
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION calculate_next_maintenance(), keep_maintenance() TO bitcorp_owner;

SET LOCAL ROLE bitcorp_owner;

CREATE OR REPLACE TRIGGER trigger_calculate_next_maintenance BEFORE INSERT OR UPDATE OF last_maintenance_date, category_id,
  next_maintenance_date, maintenance_interval_days, maintenance_rule, maintenance_counted_from ON equipment
  FOR EACH ROW EXECUTE FUNCTION calculate_next_maintenance();

-- AFTER UPDATE of a category's interval or place: the computed dates of the machines below follow. The day is worked out of the row
-- that is changed, so that a service done at the same moment is not overlooked.
CREATE OR REPLACE FUNCTION move_next_maintenance() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE equipment e SET next_maintenance_date = get_next_maintenance_day(coalesce(e.maintenance_counted_from, e.last_maintenance_date),
    e.last_maintenance_date, find_maintenance_interval(e.company_id, e.category_id, e.maintenance_interval_days))
  WHERE e.company_id = NEW.company_id AND NOT e.is_deleted AND e.last_maintenance_date IS NOT NULL
    AND (e.maintenance_counted_from IS NOT NULL OR e.next_maintenance_date IS NULL)
    AND e.category_id = ANY (ARRAY(SELECT k.id FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.path <@ NEW.path))
    AND get_next_maintenance_day(coalesce(e.maintenance_counted_from, e.last_maintenance_date), e.last_maintenance_date,
      find_maintenance_interval(e.company_id, e.category_id, e.maintenance_interval_days)) <> coalesce(e.next_maintenance_date, '-infinity');
  RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION move_next_maintenance() TO application_user;
CREATE OR REPLACE TRIGGER trigger_850_move_next_maintenance AFTER UPDATE ON equipment_categories
  FOR EACH ROW WHEN (OLD.maintenance_interval_days IS DISTINCT FROM NEW.maintenance_interval_days OR OLD.path::text IS DISTINCT FROM NEW.path::text)
  EXECUTE FUNCTION move_next_maintenance();

CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON maintenance_records
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON maintenance_records
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON maintenance_records
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_020_keep_maintenance BEFORE INSERT OR UPDATE ON maintenance_records
  FOR EACH ROW EXECUTE FUNCTION keep_maintenance();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON maintenance_records
  FOR EACH ROW EXECUTE FUNCTION record_change('maintenance');

-- The guidelines' first example: machine to status maintenance (which writes its history) and the record of the work, each with event
-- and audit, all or nothing. Work for today or before is in progress at once. p_version: the machine's, NULL for any. Gives the record;
-- no row when there is no such machine. Errors by constraint: equipment_disposed_final, idx_maintenance_records_open.
CREATE OR REPLACE FUNCTION send_to_maintenance(p_equipment_id uuid, p_version integer, p_type text, p_scheduled_date date, p_title text,
  p_reason text, p_technician text, p_notes text, p_meter_reading numeric) RETURNS SETOF maintenance_records
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_today date := get_company_day(v_company_id);
BEGIN
  PERFORM change_equipment_status(p_equipment_id, p_version, 'maintenance', p_reason);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    INSERT INTO maintenance_records (company_id, equipment_id, type, status, scheduled_date, title, technician, notes, meter_reading)
    VALUES (v_company_id, p_equipment_id, p_type, CASE WHEN p_scheduled_date > v_today THEN 'scheduled' ELSE 'in_progress' END,
      coalesce(p_scheduled_date, v_today), p_title, p_technician, p_notes, p_meter_reading)
    RETURNING *;
  PERFORM set_config('app.reason', '', true);
END
$$;

-- The record, locked, if its work is still open. Gives NULL when there is no such record. Errors by constraint: mr_status_step.
CREATE OR REPLACE FUNCTION take_open_maintenance(p_id uuid) RETURNS maintenance_records
LANGUAGE plpgsql AS $$
DECLARE
  v_record maintenance_records;
BEGIN
  SELECT * INTO v_record FROM maintenance_records r
  WHERE r.company_id = (SELECT c.company_id FROM caller c) AND r.id = p_id AND NOT r.is_deleted FOR NO KEY UPDATE;
  IF v_record.status IN ('done', 'cancelled') THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'the work has ended', DETAIL = v_record.status;
  END IF;
  RETURN v_record;
END
$$;

-- Begins planned work, with the machine in status maintenance if p_to_maintenance. Gives the record, or no row.
CREATE OR REPLACE FUNCTION start_maintenance(p_id uuid, p_version integer, p_to_maintenance boolean, p_reason text) RETURNS SETOF maintenance_records
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  ELSIF v_record.status <> 'scheduled' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'the work has begun', DETAIL = v_record.status;
  ELSIF p_to_maintenance THEN
    PERFORM change_equipment_status(v_record.equipment_id, NULL, 'maintenance', coalesce(p_reason, v_record.title));
  END IF;
  RETURN QUERY
    UPDATE maintenance_records r SET status = 'in_progress', version = coalesce(p_version, r.version)
    WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.*;
END
$$;

-- Ends work that will not be done, with the machine back to active if p_back_to_active. Gives the record, or no row.
CREATE OR REPLACE FUNCTION cancel_maintenance(p_id uuid, p_version integer, p_reason text, p_back_to_active boolean) RETURNS SETOF maintenance_records
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE maintenance_records r SET status = 'cancelled', cancel_reason = p_reason, version = coalesce(p_version, r.version)
    WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.*;
  UPDATE equipment e SET status = 'active'
  WHERE p_back_to_active AND e.company_id = v_record.company_id AND e.id = v_record.equipment_id AND e.status = 'maintenance' AND NOT e.is_deleted;
  PERFORM set_config('app.reason', '', true);
END
$$;

-- Closes work as done and moves the machine along in the same statement: its last service (never backwards), its next one by its rule,
-- and its status back to active if asked. Values left NULL stay as they were planned; p_completed_date NULL is today.
-- p_next_is_given: p_next_maintenance_date stands, also when it is NULL. Gives the record, or no row.
-- Errors by constraint: mr_status_step, mr_done_not_in_future, mr_next_date_needed, equipment_maintenance_dates_logical.
CREATE OR REPLACE FUNCTION complete_maintenance(p_id uuid, p_version integer, p_completed_date date, p_counts_as_service boolean, p_cost numeric,
  p_currency text, p_technician text, p_parts text, p_notes text, p_meter_reading numeric, p_back_to_active boolean,
  p_next_is_given boolean, p_next_maintenance_date date) RETURNS SETOF maintenance_records
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
  v_machine equipment;
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  END IF;
  UPDATE maintenance_records r SET status = 'done', completed_date = p_completed_date, counts_as_service = p_counts_as_service,
    cost = coalesce(p_cost, r.cost), currency = CASE WHEN p_cost IS NULL THEN r.currency ELSE coalesce(p_currency, r.currency) END,
    technician = coalesce(p_technician, r.technician), parts = coalesce(p_parts, r.parts), notes = coalesce(p_notes, r.notes),
    meter_reading = coalesce(p_meter_reading, r.meter_reading), version = coalesce(p_version, r.version)
  WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.* INTO v_record;
  SELECT * INTO v_machine FROM equipment e
  WHERE e.company_id = v_record.company_id AND e.id = v_record.equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
  IF v_record.counts_as_service AND NOT p_next_is_given AND v_machine.next_maintenance_date <= v_record.completed_date
     AND find_maintenance_interval(v_machine.company_id, v_machine.category_id, v_machine.maintenance_interval_days) IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_next_date_needed', MESSAGE = 'the next service lies before this one and no interval is known';
  END IF;
  PERFORM set_config('app.reason', coalesce(v_record.title, ''), true);
  UPDATE equipment e SET
    last_maintenance_date = CASE WHEN v_record.counts_as_service THEN greatest(e.last_maintenance_date, v_record.completed_date) ELSE e.last_maintenance_date END,
    next_maintenance_date = CASE WHEN p_next_is_given THEN p_next_maintenance_date ELSE e.next_maintenance_date END,
    status = CASE WHEN p_back_to_active AND e.status = 'maintenance' THEN 'active' ELSE e.status END
  WHERE e.company_id = v_machine.company_id AND e.id = v_machine.id RETURNING e.* INTO v_machine;
  -- A day given that was the machine's already looks like none given: said once more, it stands.
  UPDATE equipment e SET next_maintenance_date = p_next_maintenance_date
  WHERE p_next_is_given AND e.company_id = v_machine.company_id AND e.id = v_machine.id
    AND e.next_maintenance_date IS DISTINCT FROM p_next_maintenance_date;
  PERFORM set_config('app.reason', '', true);
  RETURN NEXT v_record;
END
$$;
GRANT EXECUTE ON FUNCTION send_to_maintenance(uuid, integer, text, date, text, text, text, text, numeric), take_open_maintenance(uuid),
  start_maintenance(uuid, integer, boolean, text), cancel_maintenance(uuid, integer, text, boolean),
  complete_maintenance(uuid, integer, date, boolean, numeric, text, text, text, text, numeric, boolean, boolean, date) TO application_user;

GRANT SELECT, INSERT, UPDATE ON maintenance_records TO application_user;
GRANT SELECT ON maintenance_records TO reporting_user;
DROP POLICY IF EXISTS maintenance_records_select ON maintenance_records;
CREATE POLICY maintenance_records_select ON maintenance_records FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
-- An operator reports a breakdown, and no more: planning, cost and the rest are for managers and admins.
DROP POLICY IF EXISTS maintenance_records_insert ON maintenance_records;
CREATE POLICY maintenance_records_insert ON maintenance_records FOR INSERT TO application_user WITH CHECK (
  company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager'))
  OR (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'operator')
      AND type = 'emergency' AND status = 'scheduled' AND cost IS NULL AND NOT is_deleted));
DROP POLICY IF EXISTS maintenance_records_update ON maintenance_records;
CREATE POLICY maintenance_records_update ON maintenance_records FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));

-- === files =======================================================================================================
GRANT SELECT, INSERT ON maintenance_files, maintenance_file_contents TO record_keeper;
DROP POLICY IF EXISTS maintenance_files_keeper ON maintenance_files;
CREATE POLICY maintenance_files_keeper ON maintenance_files TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS maintenance_file_contents_keeper ON maintenance_file_contents;
CREATE POLICY maintenance_file_contents_keeper ON maintenance_file_contents TO record_keeper USING (true) WITH CHECK (true);

-- What a file is by its first bytes, whatever its name says. NULL for anything but a photo or a PDF.
CREATE OR REPLACE FUNCTION find_file_kind(p_content bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE
    WHEN substr(p_content, 1, 3) = '\xffd8ff' THEN 'jpeg'
    WHEN substr(p_content, 1, 8) = '\x89504e470d0a1a0a' THEN 'png'
    WHEN substr(p_content, 1, 4) = 'RIFF' AND substr(p_content, 9, 4) = 'WEBP' THEN 'webp'
    WHEN substr(p_content, 5, 4) = 'ftyp' AND substr(p_content, 9, 4) IN ('heic', 'heix', 'heim', 'heis', 'hevc', 'mif1') THEN 'heic'
    WHEN substr(p_content, 1, 5) = '%PDF-' THEN 'pdf'
  END
$$;
GRANT EXECUTE ON FUNCTION find_file_kind(bytea) TO application_user, record_keeper;

SET LOCAL ROLE record_keeper;

-- BEFORE INSERT OR UPDATE: a file is added or taken away, never changed; a record holds 30 files and 50 MB at most. Who adds at the
-- same moment is waited for.
CREATE OR REPLACE FUNCTION keep_maintenance_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.maintenance_id, NEW.equipment_id, NEW.name, NEW.kind, NEW.size_bytes, NEW.content_hash)
      IS DISTINCT FROM (OLD.maintenance_id, OLD.equipment_id, OLD.name, OLD.kind, OLD.size_bytes, OLD.content_hash) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_facts_fixed', MESSAGE = 'a file stays as it was added';
  ELSIF NOT NEW.is_deleted AND (TG_OP = 'INSERT' OR OLD.is_deleted) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('maintenance files ' || NEW.maintenance_id, 0));
    IF (SELECT count(*) >= 30 OR sum(f.size_bytes) + NEW.size_bytes > 52428800 FROM maintenance_files f
        WHERE f.company_id = NEW.company_id AND f.maintenance_id = NEW.maintenance_id AND NOT f.is_deleted) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_record_full', MESSAGE = 'the record holds all the files it may';
    END IF;
  END IF;
  RETURN NEW;
END
$$;

-- Adds a file to a record of the caller's company: managers and admins to any, operators to open work they wrote down themselves.
-- Kind, size and hash are told by the bytes; a name that does not end like its kind gets that ending. Gives the file, or no row when
-- there is no such record. Errors: 42501; by constraint mf_kind_known, mf_name_valid, mf_size_range, mf_record_full, idx_maintenance_files_once.
CREATE OR REPLACE FUNCTION add_maintenance_file(p_maintenance_id uuid, p_name text, p_content bytea) RETURNS SETOF maintenance_files
LANGUAGE plpgsql ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller := (SELECT c FROM caller c);
  v_kind text := find_file_kind(p_content);
  v_record maintenance_records;
  v_file maintenance_files;
BEGIN
  SELECT * INTO v_record FROM maintenance_records r WHERE r.company_id = v_caller.company_id AND r.id = p_maintenance_id AND NOT r.is_deleted;
  IF v_record.id IS NULL THEN
    RETURN;
  ELSIF v_caller.role NOT IN ('admin', 'manager') AND NOT (v_caller.role = 'operator' AND v_record.created_by = v_caller.user_id
      AND v_record.status IN ('scheduled', 'in_progress')) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not a record this person adds files to';
  ELSIF v_kind IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_kind_known', MESSAGE = 'neither a photo nor a PDF';
  END IF;
  INSERT INTO maintenance_files (company_id, maintenance_id, equipment_id, name, kind, size_bytes, content_hash)
  VALUES (v_record.company_id, v_record.id, v_record.equipment_id,
    CASE WHEN p_name ~* CASE v_kind WHEN 'jpeg' THEN '\.jpe?g$' WHEN 'heic' THEN '\.hei[cf]$' ELSE '\.' || v_kind || '$' END THEN p_name
      ELSE left(p_name, 195) || '.' || CASE v_kind WHEN 'jpeg' THEN 'jpg' ELSE v_kind END END,
    v_kind, octet_length(p_content), encode(sha256(p_content), 'hex'))
  RETURNING * INTO v_file;
  INSERT INTO maintenance_file_contents (company_id, file_id, content) VALUES (v_file.company_id, v_file.id, p_content);
  RETURN NEXT v_file;
END
$$;
GRANT EXECUTE ON FUNCTION keep_maintenance_file() TO bitcorp_owner;
GRANT EXECUTE ON FUNCTION add_maintenance_file(uuid, text, bytea) TO application_user;

SET LOCAL ROLE bitcorp_owner;

CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON maintenance_files
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON maintenance_files
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_020_keep_maintenance_file BEFORE INSERT OR UPDATE ON maintenance_files
  FOR EACH ROW EXECUTE FUNCTION keep_maintenance_file();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON maintenance_files
  FOR EACH ROW EXECUTE FUNCTION record_change('maintenance_file');
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON maintenance_file_contents
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON maintenance_file_contents
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Files are added by add_maintenance_file alone, so that none says of its bytes what they are not.
GRANT SELECT, UPDATE (is_deleted, version) ON maintenance_files TO application_user;
GRANT SELECT ON maintenance_file_contents TO application_user;
GRANT SELECT ON maintenance_files TO reporting_user;
DROP POLICY IF EXISTS maintenance_files_select ON maintenance_files;
CREATE POLICY maintenance_files_select ON maintenance_files FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS maintenance_files_update ON maintenance_files;
CREATE POLICY maintenance_files_update ON maintenance_files FOR UPDATE TO application_user USING (
  company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager'))
  OR (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'operator') AND created_by = (SELECT c.user_id FROM caller c)));
DROP POLICY IF EXISTS maintenance_file_contents_select ON maintenance_file_contents;
CREATE POLICY maintenance_file_contents_select ON maintenance_file_contents FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c));

-- === the daily mail about what is due =============================================================================
GRANT SELECT, INSERT, UPDATE, DELETE ON maintenance_digest_mails TO record_keeper;
DROP POLICY IF EXISTS maintenance_digest_mails_keeper ON maintenance_digest_mails;
CREATE POLICY maintenance_digest_mails_keeper ON maintenance_digest_mails TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;

-- Whether the caller gets the daily mail of the active company from now on. Gives what is stored.
CREATE OR REPLACE FUNCTION choose_maintenance_digest(p_is_wanted boolean) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE user_company_roles r SET wants_maintenance_digest = p_is_wanted FROM caller c
  WHERE r.company_id = c.company_id AND r.user_id = c.user_id RETURNING r.wants_maintenance_digest
$$;
GRANT EXECUTE ON FUNCTION choose_maintenance_digest(boolean) TO application_user;

-- For the installation's owner alone: takes the mails that are to be sent now, at most p_limit, each for one sender once a day; one
-- that failed again after ten minutes, five times in all. To admins and managers who want it, where something is overdue or due within
-- 30 days. p_is_asked: whatever the hour, and whether or not the company chose one.
CREATE OR REPLACE FUNCTION claim_maintenance_digests(p_company_id uuid, p_is_asked boolean, p_limit integer)
RETURNS TABLE (company_id uuid, company_name text, day date, user_id uuid, email text, language text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH here AS (
    SELECT co.id, co.name, l.now_there::date AS day, extract(hour FROM l.now_there) AS hour,
      CASE WHEN co.settings ? 'maintenance_digest_hour' THEN (co.settings ->> 'maintenance_digest_hour')::integer ELSE 7 END AS wanted_hour,
      NOT co.settings ? 'working_days' OR co.settings -> 'working_days' @> to_jsonb(extract(isodow FROM l.now_there)::integer) AS is_working_day
    FROM companies co, LATERAL (SELECT clock_timestamp() AT TIME ZONE coalesce(co.settings ->> 'time_zone', 'UTC') AS now_there) l
    WHERE co.status = 'active' AND NOT co.is_deleted AND (p_company_id IS NULL OR co.id = p_company_id)
  ), due AS (
    SELECT h.id, h.name, h.day FROM here h
    WHERE (p_is_asked OR h.hour >= h.wanted_hour AND h.is_working_day) AND EXISTS (SELECT FROM equipment e WHERE e.company_id = h.id AND NOT e.is_deleted
      AND e.next_maintenance_date IS NOT NULL AND e.next_maintenance_date <= h.day + 30 AND e.status IN ('active', 'maintenance'))
  ), wanted AS (
    SELECT d.id, d.name, d.day, r.user_id, u.email, u.language FROM due d
    JOIN user_company_roles r ON r.company_id = d.id AND r.role IN ('admin', 'manager') AND r.wants_maintenance_digest
      AND r.assigned_at <= now() AND (r.ended_at IS NULL OR r.ended_at > now()) AND NOT r.is_deleted
    JOIN users u ON u.id = r.user_id AND u.status = 'active' AND u.email IS NOT NULL
    WHERE NOT EXISTS (SELECT FROM maintenance_digest_mails m WHERE m.company_id = d.id AND m.user_id = r.user_id AND m.day = d.day
      AND (m.failed_at IS NULL OR m.attempts >= 5 OR m.failed_at > clock_timestamp() - interval '10 minutes'))
    ORDER BY d.id, r.user_id LIMIT p_limit
  ), old AS (
    DELETE FROM maintenance_digest_mails m USING wanted w WHERE m.company_id = w.id AND m.user_id = w.user_id AND m.day < w.day - 90
  ), claimed AS (
    INSERT INTO maintenance_digest_mails AS m (company_id, user_id, day) SELECT w.id, w.user_id, w.day FROM wanted w
    ON CONFLICT ON CONSTRAINT maintenance_digest_mails_pkey DO UPDATE
      SET claimed_at = clock_timestamp(), attempts = m.attempts + 1, failed_at = NULL, problem = NULL
      WHERE m.failed_at IS NOT NULL
    RETURNING m.company_id, m.user_id, m.day
  )
  SELECT w.id, w.name, w.day, w.user_id, w.email, w.language
  FROM wanted w JOIN claimed c ON c.company_id = w.id AND c.user_id = w.user_id AND c.day = w.day ORDER BY w.id, w.user_id
$$;

-- For the installation's owner alone: writes down that a claimed mail left, or (p_problem) why it did not.
CREATE OR REPLACE FUNCTION finish_maintenance_digest(p_company_id uuid, p_user_id uuid, p_day date, p_problem text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE maintenance_digest_mails m SET problem = left(p_problem, 500),
    sent_at = CASE WHEN p_problem IS NULL THEN clock_timestamp() END, failed_at = CASE WHEN p_problem IS NOT NULL THEN clock_timestamp() END
  WHERE m.company_id = p_company_id AND m.user_id = p_user_id AND m.day = p_day
$$;

-- For the installation's owner alone: what a company's mail of a day tells. total: all machines in that state; the first p_limit come.
CREATE OR REPLACE FUNCTION list_maintenance_digest(p_company_id uuid, p_day date, p_limit integer)
RETURNS TABLE (due text, total integer, id uuid, name text, code text, location text, next_maintenance_date date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.due, m.total, m.id, m.name, m.code, m.location, m.next_maintenance_date
  FROM (VALUES ('overdue', '1900-01-01'::date, p_day - 1), ('week', p_day, p_day + 7), ('month', p_day + 8, p_day + 30)) AS b (due, first_day, last_day),
  LATERAL (
    SELECT count(*) OVER ()::integer AS total, e.id, e.name::text, coalesce(e.fleet_code, e.serial_number)::text AS code, e.location::text, e.next_maintenance_date
    FROM equipment e WHERE e.company_id = p_company_id AND NOT e.is_deleted AND e.next_maintenance_date IS NOT NULL
      AND e.next_maintenance_date BETWEEN b.first_day AND b.last_day AND e.status IN ('active', 'maintenance')
    ORDER BY e.next_maintenance_date, e.id LIMIT p_limit
  ) m ORDER BY b.first_day, m.next_maintenance_date, m.id
$$;
GRANT EXECUTE ON FUNCTION claim_maintenance_digests(uuid, boolean, integer), finish_maintenance_digest(uuid, uuid, date, text),
  list_maintenance_digest(uuid, date, integer) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
