-- Owns: equipment_logs and its partitions. What a machine's meters, people and devices tell: added, never changed, a table a month.

GRANT INSERT ON equipment_logs TO record_keeper;
DROP POLICY IF EXISTS equipment_logs_keeper ON equipment_logs;
CREATE POLICY equipment_logs_keeper ON equipment_logs TO record_keeper USING (true) WITH CHECK (true);
GRANT SELECT ON equipment_logs TO record_keeper;

-- === as record_keeper ===============================================================================================
SET LOCAL ROLE record_keeper;

-- The month before, this one and the p_months to come: name and bounds (in UTC) of their partitions of equipment_logs.
CREATE OR REPLACE FUNCTION current_equipment_log_months(p_months integer) RETURNS TABLE (partition_name text, lower_bound text, upper_bound text)
LANGUAGE sql STABLE AS $$
  SELECT 'equipment_logs_' || to_char(m, 'YYYY_MM'), to_char(m, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(m + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
  FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
    date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => p_months), interval '1 month') m
$$;

-- How the partitions stand: how many of this month and the three to come are missing, and how many rows found no partition.
-- Quick while the default partition is empty, as it must be.
CREATE OR REPLACE FUNCTION examine_equipment_logs() RETURNS TABLE (missing_months integer, stray_rows bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_covered text;
BEGIN
  SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_inherits i
    WHERE i.inhparent = 'public.equipment_logs'::regclass AND i.inhrelid = to_regclass('public.' || m.partition_name)))
  INTO missing_months FROM current_equipment_log_months(3) m WHERE m.upper_bound::timestamptz > now();
  stray_rows := 0;
  IF pg_relation_size('public.equipment_logs_default') > 0 THEN
    SELECT string_agg(format('created_at >= %L AND created_at < %L', m || '-01 00:00:00+00', to_char((m || '-01')::date + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'), ' OR ')
    INTO v_covered
    FROM (SELECT replace(right(c.relname, 7), '_', '-') AS m FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'public.equipment_logs'::regclass AND c.relname ~ '^equipment_logs_\d{4}_\d{2}$') months;
    EXECUTE format('SELECT count(*) FROM public.equipment_logs WHERE NOT (%s)', coalesce(v_covered, 'false')) INTO stray_rows;
  END IF;
  RETURN NEXT;
END
$$;

-- Holds a machine of the caller's company, so that two readings of one meter are weighed one after the other. Gives nothing.
CREATE OR REPLACE FUNCTION lock_equipment_meters(p_equipment_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM equipment e
  WHERE e.company_id = (SELECT c.company_id FROM caller c WHERE c.role <> 'viewer') AND e.id = p_equipment_id FOR NO KEY UPDATE;
END
$$;

-- AFTER INSERT, or UPDATE of status, on machines: the log tells it too, at the instant of the change.
CREATE OR REPLACE FUNCTION log_equipment_status() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, recorded_by)
  VALUES (NEW.company_id, NEW.id, 'status', jsonb_strip_nulls(jsonb_build_object('status', NEW.status,
    'old_status', CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, 'reason', nullif(current_setting('app.reason', true), ''))), NEW.updated_at, NEW.updated_by);
  RETURN NULL;
END
$$;

-- AFTER INSERT or UPDATE that hands over or returns: both stand in the log at the instant they were written down. A reservation is neither.
CREATE OR REPLACE FUNCTION log_equipment_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, recorded_by)
  VALUES (NEW.company_id, NEW.equipment_id, 'assignment', jsonb_build_object('action', CASE WHEN NEW.returned_at IS NULL THEN 'handed_over' ELSE 'returned' END,
    'assignment_id', NEW.id, 'user_id', NEW.user_id), NEW.updated_at, NEW.updated_by);
  RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION current_equipment_log_months(integer), examine_equipment_logs(), log_equipment_status(), log_equipment_assignment() TO bitcorp_owner;
GRANT EXECUTE ON FUNCTION examine_equipment_logs(), lock_equipment_meters(uuid) TO application_user;

SET LOCAL ROLE bitcorp_owner;

-- Makes one month's partition, with row security forced, holding the rows of that month that stand in p_from, and attaches it. The table
-- is made beside and then attached, which locks out no reader or writer of the other months. Gives false when the month is there.
CREATE OR REPLACE FUNCTION create_equipment_log_partition(p_month date, p_from text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  v_name text := 'equipment_logs_' || to_char(p_month, 'YYYY_MM');
  v_lower text := to_char(p_month, 'YYYY-MM-DD') || ' 00:00:00+00';
  v_upper text := to_char(p_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
BEGIN
  IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'public.equipment_logs'::regclass AND i.inhrelid = to_regclass('public.' || v_name)) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE public.%I (LIKE public.equipment_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', v_name);
  IF p_from IS NOT NULL THEN
    EXECUTE format('INSERT INTO public.%I SELECT * FROM public.%I WHERE created_at >= %L AND created_at < %L', v_name, p_from, v_lower, v_upper);
  END IF;
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', v_name);
  EXECUTE format('ALTER TABLE public.equipment_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', v_name, v_lower, v_upper);
  RETURN true;
END
$$;

-- Gives each row of the default partition a partition of its month, all or nothing, and a new, empty default partition. Rows of years
-- nobody means (before 2000, more than a year ahead) stay there. Writers wait meanwhile, so more than p_most rows are left alone.
-- Gives how many rows moved. Errors: BC409 none can be moved, or too many.
CREATE OR REPLACE FUNCTION move_stray_equipment_logs(p_most bigint DEFAULT 20000) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_stray text := 'equipment_logs_stray';
  v_range text := format('created_at >= ''2000-01-01 00:00:00+00'' AND created_at < %L', now() + interval '1 year');
  v_rows bigint;
  v_moved bigint;
  v_month date;
BEGIN
  IF pg_relation_size('public.equipment_logs_default') = 0 THEN
    RETURN 0;
  END IF;
  ALTER TABLE equipment_logs DETACH PARTITION equipment_logs_default;
  ALTER TABLE equipment_logs_default RENAME TO equipment_logs_stray;
  -- Its owner may look into it until it is dropped below; nobody else sees this before all is done.
  EXECUTE format('ALTER TABLE public.%I NO FORCE ROW LEVEL SECURITY', v_stray);
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM public.%I', v_range, v_stray) INTO v_rows, v_moved;
  IF v_moved > p_most OR (v_moved = 0 AND v_rows > 0) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC409', MESSAGE = format('%s of %s rows without a partition could be moved; at most %s are moved at once', v_moved, v_rows, p_most);
  END IF;
  FOR v_month IN EXECUTE format('SELECT DISTINCT date_trunc(''month'', created_at AT TIME ZONE ''UTC'')::date FROM public.%I WHERE %s ORDER BY 1', v_stray, v_range) LOOP
    PERFORM create_equipment_log_partition(v_month, v_stray);
  END LOOP;
  EXECUTE 'CREATE TABLE public.equipment_logs_default (LIKE public.equipment_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)';
  EXECUTE format('INSERT INTO public.equipment_logs_default SELECT * FROM public.%I WHERE NOT (%s)', v_stray, v_range);
  EXECUTE 'ALTER TABLE public.equipment_logs_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY';
  EXECUTE 'ALTER TABLE public.equipment_logs ATTACH PARTITION public.equipment_logs_default DEFAULT';
  EXECUTE format('DROP TABLE public.%I', v_stray);
  RETURN v_moved;
END
$$;

-- Makes the partitions of the month before, this one and p_months to come. Gives how many were new.
CREATE OR REPLACE FUNCTION create_equipment_log_partitions(p_months integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_month record;
  v_created integer := 0;
BEGIN
  FOR v_month IN SELECT left(m.lower_bound, 10)::date AS first_day FROM current_equipment_log_months(p_months) m LOOP
    IF create_equipment_log_partition(v_month.first_day) THEN
      v_created := v_created + 1;
    END IF;
  END LOOP;
  RETURN v_created;
END
$$;

-- Why an entry cannot be taken: the name of the rule, or NULL when it can. A meter's reading lies between the one before and the one
-- after it in time, unless it says that it corrects the meter. Weighed under the machine's lock.
CREATE OR REPLACE FUNCTION check_equipment_log(p_company_id uuid, p_equipment_id uuid, p_event_type text, p_created_at timestamptz,
  p_reading numeric, p_is_correction boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  v_before numeric;
  v_after record;
BEGIN
  -- Not so old that every year a clock can show gets a partition, nor further ahead than a clock goes wrong.
  IF p_created_at < clock_timestamp() - interval '731 days' OR p_created_at > clock_timestamp() + interval '1 day' THEN
    RETURN 'equipment_logs_created_at_range';
  ELSIF EXISTS (SELECT FROM equipment e WHERE e.company_id = p_company_id AND e.id = p_equipment_id AND e.is_deleted) THEN
    RETURN 'fk_equipment_logs_equipment';
  ELSIF p_reading IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM lock_equipment_meters(p_equipment_id);
  -- Mostly the reading before is a few days old: then the months long past are not looked into.
  SELECT l.reading INTO v_before FROM equipment_logs l
  WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type
    AND l.created_at <= p_created_at AND l.created_at > p_created_at - interval '20 days'
  ORDER BY l.created_at DESC, l.id DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT l.reading INTO v_before FROM equipment_logs l
    WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at <= p_created_at - interval '20 days'
    ORDER BY l.created_at DESC, l.id DESC LIMIT 1;
  END IF;
  IF v_before > p_reading AND NOT p_is_correction THEN
    RETURN 'equipment_logs_meter_backwards';
  END IF;
  SELECT l.reading, l.is_correction INTO v_after FROM equipment_logs l
  WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at > p_created_at
  ORDER BY l.created_at, l.id LIMIT 1;
  IF v_after.reading < p_reading AND NOT v_after.is_correction THEN
    RETURN 'equipment_logs_meter_backwards';
  END IF;
  RETURN NULL;
END
$$;

-- BEFORE INSERT: the rules above for every door. What the database itself writes of status and assignments is true by its making.
CREATE OR REPLACE FUNCTION keep_equipment_log() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  v_refusal text;
BEGIN
  NEW.received_at := clock_timestamp();
  IF NEW.event_type IN ('status', 'assignment') THEN
    RETURN NEW;
  END IF;
  v_refusal := check_equipment_log(NEW.company_id, NEW.equipment_id, NEW.event_type, NEW.created_at, NEW.reading, NEW.is_correction);
  IF v_refusal = 'equipment_logs_created_at_range' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_logs_created_at_range', MESSAGE = 'an entry lies in the last two years';
  ELSIF v_refusal = 'equipment_logs_meter_backwards' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_logs_meter_backwards', MESSAGE = 'a meter does not run backwards';
  ELSIF v_refusal IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_equipment_logs_equipment', MESSAGE = 'no such machine';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION check_equipment_log(uuid, uuid, text, timestamptz, numeric, boolean), keep_equipment_log() TO application_user, record_keeper;

CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON equipment_logs
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON equipment_logs
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_020_keep_equipment_log BEFORE INSERT ON equipment_logs
  FOR EACH ROW EXECUTE FUNCTION keep_equipment_log();
CREATE OR REPLACE TRIGGER trigger_860_log_first_status AFTER INSERT ON equipment
  FOR EACH ROW EXECUTE FUNCTION log_equipment_status();
CREATE OR REPLACE TRIGGER trigger_860_log_status AFTER UPDATE ON equipment
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION log_equipment_status();
CREATE OR REPLACE TRIGGER trigger_860_log_hand_over AFTER INSERT ON equipment_assignments
  FOR EACH ROW WHEN (NEW.assigned_at IS NOT NULL) EXECUTE FUNCTION log_equipment_assignment();
CREATE OR REPLACE TRIGGER trigger_860_log_return AFTER UPDATE ON equipment_assignments
  FOR EACH ROW WHEN ((OLD.assigned_at IS NULL) <> (NEW.assigned_at IS NULL) OR (OLD.returned_at IS NULL) <> (NEW.returned_at IS NULL))
  EXECUTE FUNCTION log_equipment_assignment();

-- Takes one entry of a batch: adds it, finds it there already, or says which rule refuses it. A refused one leaves nothing behind.
CREATE OR REPLACE FUNCTION record_equipment_log(p_company_id uuid, p_user_id uuid, p_equipment_id uuid, p_event_type text, p_created_at timestamptz,
  p_reading numeric, p_is_correction boolean, p_notes text, p_event_data jsonb, p_entry_key text, OUT id uuid, OUT outcome text, OUT refusal text)
LANGUAGE plpgsql AS $$
DECLARE
  v_old record;
BEGIN
  IF p_reading IS NOT NULL THEN
    PERFORM lock_equipment_meters(p_equipment_id);
  END IF;
  FOR v_try IN 1 .. 2 LOOP
    SELECT l.id, (l.event_type, l.reading, l.is_correction, l.notes, l.event_data) IS NOT DISTINCT FROM
      (p_event_type, p_reading::numeric(12,2), p_is_correction, p_notes, p_event_data) AS is_same INTO v_old
    FROM equipment_logs l
    WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.entry_key = p_entry_key AND l.created_at = p_created_at;
    IF v_old.id IS NOT NULL THEN
      id := CASE WHEN v_old.is_same THEN v_old.id END;
      outcome := CASE WHEN v_old.is_same THEN 'repeated' ELSE 'refused' END;
      refusal := CASE WHEN NOT v_old.is_same THEN 'equipment_logs_entry_differs' END;
      RETURN;
    END IF;
    BEGIN
      INSERT INTO equipment_logs AS l (company_id, equipment_id, event_type, event_data, created_at, recorded_by, reading, is_correction, notes, entry_key)
      VALUES (p_company_id, p_equipment_id, p_event_type, p_event_data, p_created_at, p_user_id, p_reading, p_is_correction, p_notes, p_entry_key)
      ON CONFLICT (company_id, equipment_id, entry_key, created_at) WHERE entry_key IS NOT NULL DO NOTHING RETURNING l.id INTO id;
    EXCEPTION WHEN check_violation OR foreign_key_violation THEN
      GET STACKED DIAGNOSTICS refusal = CONSTRAINT_NAME;
      outcome := 'refused';
      RETURN;
    END;
    outcome := 'added';
    -- Somebody else's same entry came first while this one waited: the second look finds it.
    EXIT WHEN id IS NOT NULL;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION record_equipment_log(uuid, uuid, uuid, text, timestamptz, numeric, boolean, text, jsonb, text) TO application_user;

-- Takes a batch of entries from a device or a program, each with the sender's own id. An entry is that id and its instant: sent again it
-- adds nothing (repeated), with other contents it is refused, and so is one that breaks a rule; the others stand. Gives a line for each
-- entry, by its place from 0. Machines are taken in one order, so that two batches at once wait for each other and never for good.
CREATE OR REPLACE FUNCTION record_equipment_logs(p_entries jsonb) RETURNS TABLE (place integer, id uuid, outcome text, refusal text)
LANGUAGE plpgsql AS $$
DECLARE
  v_company_id uuid;
  v_user_id uuid;
  v_added jsonb;
  v_entry record;
BEGIN
  SELECT c.company_id, c.user_id INTO v_company_id, v_user_id FROM caller c;
  -- What has no meter to agree with goes in at once; whoever sends the same at this moment is waited for.
  WITH sent AS (
    SELECT DISTINCT ON (r.equipment_id, r.entry_key, r.created_at) (e.n - 1)::integer AS place, r.*
    FROM jsonb_array_elements(p_entries) WITH ORDINALITY AS e (entry, n)
    CROSS JOIN LATERAL jsonb_to_record(e.entry) AS r (entry_key text, equipment_id uuid, event_type text, created_at timestamptz, reading numeric, notes text, event_data jsonb)
    WHERE r.reading IS NULL ORDER BY r.equipment_id, r.entry_key, r.created_at, e.n
  ), added AS (
    INSERT INTO equipment_logs AS l (company_id, equipment_id, event_type, event_data, created_at, recorded_by, notes, entry_key)
    SELECT v_company_id, s.equipment_id, s.event_type, s.event_data, s.created_at, v_user_id, s.notes, s.entry_key FROM sent s
    JOIN equipment k ON k.company_id = v_company_id AND k.id = s.equipment_id AND NOT k.is_deleted
    WHERE s.created_at >= clock_timestamp() - interval '730 days 23 hours' AND s.created_at <= clock_timestamp() + interval '1 day'
    ORDER BY s.equipment_id, s.entry_key, s.created_at
    ON CONFLICT (company_id, equipment_id, entry_key, created_at) WHERE entry_key IS NOT NULL DO NOTHING
    RETURNING l.id, l.equipment_id, l.entry_key, l.created_at
  )
  SELECT coalesce(jsonb_object_agg(s.place, a.id), '{}') INTO v_added FROM added a
  JOIN sent s ON s.equipment_id = a.equipment_id AND s.entry_key = a.entry_key AND s.created_at = a.created_at;
  FOR v_entry IN
    SELECT (e.n - 1)::integer AS place, r.* FROM jsonb_array_elements(p_entries) WITH ORDINALITY AS e (entry, n)
    CROSS JOIN LATERAL jsonb_to_record(e.entry) AS r (entry_key text, equipment_id uuid, event_type text, created_at timestamptz, reading numeric,
      is_correction boolean, notes text, event_data jsonb)
    ORDER BY r.equipment_id, r.event_type, r.created_at, r.entry_key, e.n
  LOOP
    place := v_entry.place;
    id := (v_added ->> place::text)::uuid;
    outcome := 'added';
    refusal := NULL;
    IF id IS NULL THEN
      SELECT o.id, o.outcome, o.refusal INTO id, outcome, refusal
      FROM record_equipment_log(v_company_id, v_user_id, v_entry.equipment_id, v_entry.event_type, v_entry.created_at, v_entry.reading, v_entry.is_correction,
        v_entry.notes, v_entry.event_data, v_entry.entry_key) o;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION record_equipment_logs(jsonb) TO application_user;

-- A page of a machine's log, newest first: entries of one kind (all for NULL) from p_from up to p_to, behind (p_after_at, p_after_id) where given.
-- It walks back through the months, more at each step, and stops when the page is full: what else the log holds costs nothing. The plan
-- is made once for a connection, for any months, and leaves out those it need not open.
CREATE OR REPLACE FUNCTION list_equipment_logs(p_equipment_id uuid, p_event_type text, p_from timestamptz, p_to timestamptz, p_after_at timestamptz,
  p_after_id uuid, p_limit integer) RETURNS SETOF equipment_logs
LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_begin timestamptz := coalesce(p_from, '-infinity');
  v_until timestamptz := least(p_to, p_after_at + interval '1 microsecond', 'infinity');
  v_after_at timestamptz := coalesce(p_after_at, 'infinity');
  v_after_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_left integer := least(p_limit, 201);
  v_from timestamptz;
  v_rows integer;
BEGIN
  FOREACH v_from IN ARRAY ARRAY(
    SELECT CASE WHEN m.months IS NULL THEN '-infinity' ELSE (date_trunc('month', least(v_until, clock_timestamp()) AT TIME ZONE 'UTC') - make_interval(months => m.months)) AT TIME ZONE 'UTC' END
    FROM unnest(ARRAY[0, 2, 8, NULL]) WITH ORDINALITY AS m (months, place) ORDER BY m.place)
  LOOP
    v_from := greatest(v_from, v_begin);
    IF p_event_type IS NULL THEN
      RETURN QUERY SELECT l.* FROM equipment_logs l
        WHERE l.company_id = v_company_id AND l.equipment_id = p_equipment_id AND l.created_at >= v_from AND l.created_at < v_until
          AND (l.created_at, l.id) < (v_after_at, v_after_id) ORDER BY l.created_at DESC, l.id DESC LIMIT v_left;
    ELSE
      RETURN QUERY SELECT l.* FROM equipment_logs l
        WHERE l.company_id = v_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at >= v_from AND l.created_at < v_until
          AND (l.created_at, l.id) < (v_after_at, v_after_id) ORDER BY l.created_at DESC, l.id DESC LIMIT v_left;
    END IF;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_left := v_left - v_rows;
    EXIT WHEN v_left <= 0 OR v_from <= v_begin;
    v_until := v_from;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION list_equipment_logs(uuid, text, timestamptz, timestamptz, timestamptz, uuid, integer) TO application_user, reporting_user;

REVOKE ALL ON equipment_logs FROM application_user;
GRANT SELECT, INSERT (company_id, equipment_id, event_type, event_data, created_at, recorded_by, reading, is_correction, notes, entry_key)
  ON equipment_logs TO application_user;
GRANT SELECT ON equipment_logs TO reporting_user;
DROP POLICY IF EXISTS equipment_logs_select ON equipment_logs;
CREATE POLICY equipment_logs_select ON equipment_logs FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
-- People and their devices write notes, readings and telemetry; what the database tells of itself (status, assignment) nobody makes up.
DROP POLICY IF EXISTS equipment_logs_insert ON equipment_logs;
CREATE POLICY equipment_logs_insert ON equipment_logs FOR INSERT TO application_user WITH CHECK (
  company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager', 'operator'))
  AND recorded_by = (SELECT c.user_id FROM caller c) AND event_type IN ('note', 'meter_hours', 'meter_km', 'telemetry'));

SELECT create_equipment_log_partitions(3);
