-- Owns: equipment_fleet_periods, equipment_usage_months, company_usage_months, equipment_utilization_monthly.
-- How much machines are used: added up as they are handed over and returned, so that a report reads a few rows.
-- Utilization of a month = hours assigned / hours in the fleet, both clipped to the month in the company's time zone.

GRANT SELECT, INSERT, UPDATE, DELETE ON equipment_fleet_periods, equipment_usage_months, company_usage_months TO record_keeper;
DROP POLICY IF EXISTS equipment_fleet_periods_keeper ON equipment_fleet_periods;
CREATE POLICY equipment_fleet_periods_keeper ON equipment_fleet_periods TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_usage_months_keeper ON equipment_usage_months;
CREATE POLICY equipment_usage_months_keeper ON equipment_usage_months TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS company_usage_months_keeper ON company_usage_months;
CREATE POLICY company_usage_months_keeper ON company_usage_months TO record_keeper USING (true) WITH CHECK (true);

-- Where a month begins in a time zone.
CREATE OR REPLACE FUNCTION get_month_begin(p_month date, p_zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN p_month::timestamp AT TIME ZONE p_zone;

-- The month an instant lies in. Where clocks go back over a month's first midnight, the midnight told by get_month_begin divides.
CREATE OR REPLACE FUNCTION get_month_of(p_at timestamptz, p_zone text) RETURNS date
LANGUAGE sql IMMUTABLE
RETURN (CASE WHEN date_trunc('month', p_at AT TIME ZONE p_zone) AT TIME ZONE p_zone > p_at
  THEN date_trunc('month', p_at AT TIME ZONE p_zone) - interval '1 month' ELSE date_trunc('month', p_at AT TIME ZONE p_zone) END)::date;

-- The microseconds from one instant to another.
CREATE OR REPLACE FUNCTION count_microseconds(p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM p_to - p_from) * 1000000)::bigint;

-- The month a period ends in: one that ends with a month ends in that one.
CREATE OR REPLACE FUNCTION get_usage_end_month(p_from timestamptz, p_to timestamptz, p_zone text) RETURNS date
LANGUAGE sql IMMUTABLE
RETURN greatest(get_month_of(p_from, p_zone), get_month_of(((p_to AT TIME ZONE 'UTC') - interval '1 microsecond') AT TIME ZONE 'UTC', p_zone));

-- The microseconds from an instant to the end of a month.
CREATE OR REPLACE FUNCTION count_month_rest(p_at timestamptz, p_month date, p_zone text) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN count_microseconds(p_at, get_month_begin((p_month + interval '1 month')::date, p_zone));

-- What a period adds to its first and last month; p_to NULL goes on. Nothing for p_from NULL.
CREATE OR REPLACE FUNCTION get_usage_marks(p_from timestamptz, p_to timestamptz, p_zone text)
RETURNS TABLE (month date, begun integer, ended integer, rest bigint)
LANGUAGE sql IMMUTABLE AS $$
  SELECT k.month, k.begun, k.ended, (k.begun - k.ended) * count_month_rest(k.at, k.month, p_zone)
  FROM (
    SELECT get_month_of(p_from, p_zone) AS month, 1 AS begun, 0 AS ended, p_from AS at WHERE p_from IS NOT NULL
    UNION ALL
    SELECT get_usage_end_month(p_from, p_to, p_zone), 0, 1, p_to WHERE p_from IS NOT NULL AND p_to IS NOT NULL
  ) k
$$;
GRANT EXECUTE ON FUNCTION get_month_begin(date, text), get_month_of(timestamptz, text), count_microseconds(timestamptz, timestamptz),
  get_usage_end_month(timestamptz, timestamptz, text), count_month_rest(timestamptz, date, text), get_usage_marks(timestamptz, timestamptz, text) TO application_user, reporting_user, record_keeper;

-- === as record_keeper ===============================================================================================
SET LOCAL ROLE record_keeper;

-- Adds a period's beginning or end (p_sign 1), or takes it away again (-1), in the sums of its machine and company. Nothing for p_at NULL.
CREATE OR REPLACE FUNCTION add_usage_mark(p_company_id uuid, p_equipment_id uuid, p_is_fleet boolean, p_sign integer, p_is_end boolean,
  p_at timestamptz, p_month date, p_zone text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_begun integer := CASE WHEN p_is_end THEN 0 ELSE p_sign END;
  v_ended integer := CASE WHEN p_is_end THEN p_sign ELSE 0 END;
  v_rest bigint := (v_begun - v_ended) * count_month_rest(p_at, p_month, p_zone);
BEGIN
  IF p_at IS NULL THEN
    RETURN;
  ELSIF p_is_fleet THEN
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_month, 0, 0, 0, v_begun, v_ended, v_rest);
    INSERT INTO equipment_usage_months AS u (company_id, equipment_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_equipment_id, p_month, 0, 0, 0, v_begun, v_ended, v_rest)
    ON CONFLICT (company_id, equipment_id, month) DO UPDATE SET
      fleet_entered = u.fleet_entered + v_begun, fleet_left = u.fleet_left + v_ended, fleet_rest = u.fleet_rest + v_rest;
  ELSE
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_month, v_begun, v_ended, v_rest, 0, 0, 0);
    INSERT INTO equipment_usage_months AS u (company_id, equipment_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_equipment_id, p_month, v_begun, v_ended, v_rest, 0, 0, 0)
    ON CONFLICT (company_id, equipment_id, month) DO UPDATE SET
      assignments_begun = u.assignments_begun + v_begun, assignments_ended = u.assignments_ended + v_ended, assigned_rest = u.assigned_rest + v_rest;
  END IF;
END
$$;

-- Replaces a period by another one in the sums of its machine and company; a period without p_*_from counts for nothing.
-- Who changes the company's time zone is waited for, so that no mark is made by the zone that was.
CREATE OR REPLACE FUNCTION add_equipment_usage(p_company_id uuid, p_equipment_id uuid, p_is_fleet boolean,
  p_old_from timestamptz, p_old_to timestamptz, p_new_from timestamptz, p_new_to timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_zone text;
  v_old_to timestamptz := CASE WHEN p_old_from IS NOT NULL THEN p_old_to END;
  v_new_to timestamptz := CASE WHEN p_new_from IS NOT NULL THEN p_new_to END;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('usage of ' || p_company_id, 0));
  SELECT coalesce(co.settings ->> 'time_zone', 'UTC') INTO v_zone FROM companies co WHERE co.id = p_company_id;
  IF p_old_from IS DISTINCT FROM p_new_from THEN
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, -1, false, p_old_from, get_month_of(p_old_from, v_zone), v_zone);
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, 1, false, p_new_from, get_month_of(p_new_from, v_zone), v_zone);
  END IF;
  -- Which month an end is in leans on the beginning too.
  IF v_old_to IS DISTINCT FROM v_new_to OR p_old_from IS DISTINCT FROM p_new_from THEN
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, -1, true, v_old_to, get_usage_end_month(p_old_from, v_old_to, v_zone), v_zone);
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, 1, true, v_new_to, get_usage_end_month(p_new_from, v_new_to, v_zone), v_zone);
  END IF;
END
$$;

-- When machines were in use and in the fleet, as it was at p_as_of by what was recorded up to p_known_at; 'infinity' for both: all there is.
-- In the fleet is a machine in status active or maintenance, by the periods of its history, while it is not deleted, and before its registration
-- from its first hand-over on. What was not over then has no to_at. p_company_id, p_equipment_ids NULL: all that the caller may see.
CREATE OR REPLACE FUNCTION tell_usage_periods(p_company_id uuid, p_equipment_ids uuid[], p_as_of timestamptz, p_known_at timestamptz)
RETURNS TABLE (company_id uuid, equipment_id uuid, is_fleet boolean, from_at timestamptz, to_at timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  -- What a field held is true from when it was recorded, up to the earlier of the two.
  v_recorded_at timestamptz := least(p_as_of, p_known_at);
BEGIN
  RETURN QUERY
  WITH machine AS MATERIALIZED (
    SELECT e.company_id, e.id FROM equipment e
    WHERE (p_company_id IS NULL OR e.company_id = p_company_id) AND (p_equipment_ids IS NULL OR e.id = ANY (p_equipment_ids)) AND e.created_at <= v_recorded_at
  ), held AS MATERIALIZED (
    SELECT a.company_id, a.equipment_id, a.assigned_at AS from_at, CASE WHEN a.returned_at <= p_as_of THEN a.returned_at END AS to_at
    FROM equipment_assignments a
    WHERE (p_company_id IS NULL OR a.company_id = p_company_id) AND (p_equipment_ids IS NULL OR a.equipment_id = ANY (p_equipment_ids))
      AND a.assigned_at <= p_as_of AND a.updated_at <= p_known_at AND NOT a.is_deleted
    UNION ALL
    -- The few that were written to since: what was known of them.
    SELECT k.company_id, k.equipment_id, k.assigned_at, k.returned_at
    FROM equipment_assignments a CROSS JOIN LATERAL get_assignment_at(a, p_as_of, p_known_at) k
    WHERE (p_company_id IS NULL OR a.company_id = p_company_id) AND (p_equipment_ids IS NULL OR a.equipment_id = ANY (p_equipment_ids))
      AND a.updated_at > p_known_at AND a.created_at <= p_known_at
  ), status AS MATERIALIZED (
    SELECT h.company_id, h.equipment_id, h.status IN ('active', 'maintenance') AS is_in, h.effective_from AS from_at,
      CASE WHEN h.effective_to <= v_recorded_at THEN h.effective_to END AS to_at
    FROM equipment_status_history h
    WHERE (p_company_id IS NULL OR h.company_id = p_company_id) AND (p_equipment_ids IS NULL OR h.equipment_id = ANY (p_equipment_ids))
      AND h.effective_from <= p_as_of AND h.recorded_at <= p_known_at AND (h.superseded_at IS NULL OR h.superseded_at > p_known_at)
  ), present AS (
    SELECT s.company_id, s.equipment_id, tstzrange(s.from_at, s.to_at) AS period FROM status s WHERE s.is_in
    UNION ALL
    SELECT f.company_id, f.equipment_id, tstzrange(f.from_at, r.from_at)
    FROM (SELECT h.company_id, h.equipment_id, min(h.from_at) AS from_at FROM held h GROUP BY 1, 2) f
    JOIN (SELECT s.company_id, s.equipment_id, min(s.from_at) AS from_at FROM status s GROUP BY 1, 2) r USING (company_id, equipment_id)
    WHERE f.from_at < r.from_at
  ), deletion AS (
    SELECT v.company_id, v.aggregate_id, v.event_type, (v.event_data -> 'new' ->> 'updated_at')::timestamptz AS at,
      lead((v.event_data -> 'new' ->> 'updated_at')::timestamptz) OVER (PARTITION BY v.company_id, v.aggregate_id ORDER BY v.event_version) AS restored_at
    FROM domain_events v
    WHERE (p_company_id IS NULL OR v.company_id = p_company_id) AND (p_equipment_ids IS NULL OR v.aggregate_id = ANY (p_equipment_ids))
      AND v.aggregate_type = 'equipment' AND v.event_type IN ('equipment_deleted', 'equipment_restored') AND v.occurred_at <= v_recorded_at
  ), absent AS (
    SELECT d.company_id, d.aggregate_id AS equipment_id, range_agg(tstzrange(d.at, d.restored_at)) AS periods
    FROM deletion d WHERE d.event_type = 'equipment_deleted' GROUP BY 1, 2
  )
  SELECT h.company_id, h.equipment_id, false, h.from_at, h.to_at FROM held h JOIN machine m ON m.company_id = h.company_id AND m.id = h.equipment_id
  UNION ALL
  SELECT f.company_id, f.equipment_id, true, lower(p.period), upper(p.period)
  FROM (SELECT i.company_id, i.equipment_id, range_agg(i.period) AS periods FROM present i GROUP BY 1, 2) f
  JOIN machine m ON m.company_id = f.company_id AND m.id = f.equipment_id
  LEFT JOIN absent a ON a.company_id = f.company_id AND a.equipment_id = f.equipment_id
  CROSS JOIN LATERAL unnest(f.periods - coalesce(a.periods, '{}')) AS p (period);
END
$$;

-- Puts a machine's fleet periods right where they are not what its history tells, and its sums with them. Gives how many were wrong.
CREATE OR REPLACE FUNCTION correct_fleet_periods(p_company_id uuid, p_equipment_id uuid) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_wrong record;
  v_count integer := 0;
BEGIN
  FOR v_wrong IN
    SELECT p.entered_at, p.left_at, t.from_at, t.to_at
    FROM (SELECT * FROM equipment_fleet_periods s WHERE s.company_id = p_company_id AND s.equipment_id = p_equipment_id) p
    FULL JOIN (SELECT * FROM tell_usage_periods(p_company_id, ARRAY[p_equipment_id], 'infinity', 'infinity') u WHERE u.is_fleet) t ON t.from_at = p.entered_at
    WHERE p.entered_at IS NULL OR t.from_at IS NULL OR p.left_at IS DISTINCT FROM t.to_at
  LOOP
    DELETE FROM equipment_fleet_periods WHERE company_id = p_company_id AND equipment_id = p_equipment_id AND entered_at = v_wrong.entered_at;
    INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at, left_at)
    SELECT p_company_id, p_equipment_id, v_wrong.from_at, v_wrong.to_at WHERE v_wrong.from_at IS NOT NULL;
    PERFORM add_equipment_usage(p_company_id, p_equipment_id, true, v_wrong.entered_at, v_wrong.left_at, v_wrong.from_at, v_wrong.to_at);
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$$;

-- AFTER INSERT or a change of whether the machine is in the fleet: its period begins or ends. It leans on the row alone, not on the
-- clock, so that the periods can be told again from the events. A correction moves whatever it touches, hours of past months too.
CREATE OR REPLACE FUNCTION keep_fleet_period() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_period equipment_fleet_periods;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.last_status_correction IS DISTINCT FROM OLD.last_status_correction THEN
    PERFORM correct_fleet_periods(NEW.company_id, NEW.id);
  ELSIF NEW.status IN ('active', 'maintenance') AND NOT NEW.is_deleted THEN
    INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at) VALUES (NEW.company_id, NEW.id, NEW.updated_at);
    PERFORM add_equipment_usage(NEW.company_id, NEW.id, true, NULL, NULL, NEW.updated_at, NULL);
  ELSE
    UPDATE equipment_fleet_periods SET left_at = greatest(NEW.updated_at, entered_at)
    WHERE company_id = NEW.company_id AND equipment_id = NEW.id AND left_at IS NULL RETURNING * INTO v_period;
    PERFORM add_equipment_usage(NEW.company_id, NEW.id, true, v_period.entered_at, NULL, v_period.entered_at, v_period.left_at);
  END IF;
  RETURN NULL;
END
$$;

-- AFTER INSERT or a change of an assignment's times. Only what has begun counts: a reservation has no assigned_at. One that began before
-- the machine was in the fleet may move the beginning of that.
CREATE OR REPLACE FUNCTION keep_assignment_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_old_from timestamptz := CASE WHEN TG_OP = 'UPDATE' AND NOT OLD.is_deleted THEN OLD.assigned_at END;
  v_new_from timestamptz := CASE WHEN NOT NEW.is_deleted THEN NEW.assigned_at END;
BEGIN
  PERFORM add_equipment_usage(NEW.company_id, NEW.equipment_id, false, v_old_from, OLD.returned_at, v_new_from, NEW.returned_at);
  IF v_new_from < (SELECT min(p.entered_at) FROM equipment_fleet_periods p WHERE p.company_id = NEW.company_id AND p.equipment_id = NEW.equipment_id) THEN
    PERFORM correct_fleet_periods(NEW.company_id, NEW.equipment_id);
  END IF;
  RETURN NULL;
END
$$;

-- The marks of a company's machines (of all companies for NULL) as their assignments and fleet periods tell them.
CREATE OR REPLACE FUNCTION tell_equipment_usage(p_company_id uuid) RETURNS SETOF equipment_usage_months
LANGUAGE sql STABLE AS $$
  SELECT s.company_id, s.equipment_id, k.month,
    coalesce(sum(k.begun) FILTER (WHERE NOT s.is_fleet), 0)::integer, coalesce(sum(k.ended) FILTER (WHERE NOT s.is_fleet), 0)::integer,
    coalesce(sum(k.rest) FILTER (WHERE NOT s.is_fleet), 0)::bigint, coalesce(sum(k.begun) FILTER (WHERE s.is_fleet), 0)::integer,
    coalesce(sum(k.ended) FILTER (WHERE s.is_fleet), 0)::integer, coalesce(sum(k.rest) FILTER (WHERE s.is_fleet), 0)::bigint
  FROM (
    SELECT a.company_id, a.equipment_id, false AS is_fleet, a.assigned_at AS from_at, a.returned_at AS to_at
    FROM equipment_assignments a WHERE a.assigned_at IS NOT NULL AND NOT a.is_deleted
    UNION ALL
    SELECT p.company_id, p.equipment_id, true, p.entered_at, p.left_at FROM equipment_fleet_periods p
  ) s
  JOIN companies co ON co.id = s.company_id
  CROSS JOIN LATERAL get_usage_marks(s.from_at, s.to_at, coalesce(co.settings ->> 'time_zone', 'UTC')) k
  WHERE p_company_id IS NULL OR s.company_id = p_company_id
  GROUP BY s.company_id, s.equipment_id, k.month
$$;

-- The marks of the caller's company as equipment_usage_months would have them at p_as_of, by what was recorded up to p_known_at and in
-- the months of the time zone of then. p_equipment_ids NULL: of all its machines.
CREATE OR REPLACE FUNCTION tell_equipment_usage_at(p_as_of timestamptz, p_known_at timestamptz, p_equipment_ids uuid[]) RETURNS SETOF equipment_usage_months
LANGUAGE sql STABLE AS $$
  SELECT s.company_id, s.equipment_id, k.month,
    coalesce(sum(k.begun) FILTER (WHERE NOT s.is_fleet), 0)::integer, coalesce(sum(k.ended) FILTER (WHERE NOT s.is_fleet), 0)::integer,
    coalesce(sum(k.rest) FILTER (WHERE NOT s.is_fleet), 0)::bigint, coalesce(sum(k.begun) FILTER (WHERE s.is_fleet), 0)::integer,
    coalesce(sum(k.ended) FILTER (WHERE s.is_fleet), 0)::integer, coalesce(sum(k.rest) FILTER (WHERE s.is_fleet), 0)::bigint
  FROM (SELECT get_company_zone_at(least(p_as_of, p_known_at)) AS name, (SELECT c.company_id FROM caller c) AS company_id) zone
  CROSS JOIN LATERAL tell_usage_periods(zone.company_id, p_equipment_ids, p_as_of, p_known_at) s
  CROSS JOIN LATERAL get_usage_marks(s.from_at, s.to_at, zone.name) k
  WHERE zone.company_id IS NOT NULL
  GROUP BY s.company_id, s.equipment_id, k.month
$$;

-- Adds a company's marks up anew. Writers of the company wait meanwhile, readers do not.
CREATE OR REPLACE FUNCTION rebuild_equipment_usage(p_company_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('usage of ' || p_company_id, 0));
  DELETE FROM equipment_usage_months WHERE company_id = p_company_id;
  DELETE FROM company_usage_months WHERE company_id = p_company_id;
  INSERT INTO equipment_usage_months SELECT * FROM tell_equipment_usage(p_company_id);
  INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
  SELECT u.company_id, u.month, sum(u.assignments_begun), sum(u.assignments_ended), sum(u.assigned_rest), sum(u.fleet_entered), sum(u.fleet_left), sum(u.fleet_rest)
  FROM equipment_usage_months u WHERE u.company_id = p_company_id GROUP BY u.company_id, u.month;
END
$$;

-- AFTER a change of a company's time zone: its months begin at other instants.
CREATE OR REPLACE FUNCTION move_usage_months() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM rebuild_equipment_usage(NEW.id);
  RETURN NULL;
END
$$;

-- Puts the parts of each company's months together where they have become many. Gives how many months. Safe at any time, by anyone.
CREATE OR REPLACE FUNCTION merge_company_usage() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_month record;
  v_merged integer := 0;
BEGIN
  FOR v_month IN SELECT u.company_id, u.month FROM company_usage_months u GROUP BY u.company_id, u.month HAVING count(*) > 8
      ORDER BY u.company_id, u.month LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock_shared(hashtextextended('usage of ' || v_month.company_id, 0));
    WITH gone AS (
      DELETE FROM company_usage_months u WHERE u.company_id = v_month.company_id AND u.month = v_month.month AND u.part = ANY (ARRAY(
        SELECT p.part FROM company_usage_months p WHERE p.company_id = v_month.company_id AND p.month = v_month.month FOR UPDATE SKIP LOCKED)) RETURNING u.*
    )
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    SELECT g.company_id, g.month, sum(g.assignments_begun), sum(g.assignments_ended), sum(g.assigned_rest), sum(g.fleet_entered), sum(g.fleet_left), sum(g.fleet_rest)
    FROM gone g GROUP BY g.company_id, g.month;
    v_merged := v_merged + 1;
  END LOOP;
  RETURN v_merged;
END
$$;
GRANT EXECUTE ON FUNCTION keep_fleet_period(), keep_assignment_usage(), move_usage_months() TO bitcorp_owner;
GRANT EXECUTE ON FUNCTION merge_company_usage() TO application_user, bitcorp_owner;
GRANT EXECUTE ON FUNCTION tell_usage_periods(uuid, uuid[], timestamptz, timestamptz), tell_equipment_usage_at(timestamptz, timestamptz, uuid[])
  TO application_user, reporting_user;
DROP FUNCTION IF EXISTS tell_fleet_periods();

-- An installation from before there were these sums gets them once.
INSERT INTO equipment_fleet_periods SELECT t.company_id, t.equipment_id, t.from_at, t.to_at FROM tell_usage_periods(NULL, NULL, 'infinity', 'infinity') t
WHERE t.is_fleet AND NOT EXISTS (SELECT FROM equipment_fleet_periods);
SELECT rebuild_equipment_usage(co.id) FROM companies co
WHERE EXISTS (SELECT FROM equipment_fleet_periods p WHERE p.company_id = co.id) AND NOT EXISTS (SELECT FROM company_usage_months u WHERE u.company_id = co.id);
-- And one from before corrections moved the fleet's hours has them moved, once: the trigger that moves them is not there yet. Before the
-- first correction, only a machine that was registered out of service can differ.
SELECT correct_fleet_periods(e.company_id, e.id) FROM equipment e
WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'equipment'::regclass AND t.tgname = 'trigger_910_correct_fleet_periods')
  AND (e.last_status_correction IS NOT NULL
    OR (SELECT h.status FROM equipment_status_history h WHERE h.company_id = e.company_id AND h.equipment_id = e.id ORDER BY h.effective_from LIMIT 1) IN ('retired', 'disposed'));

SET LOCAL ROLE bitcorp_owner;

CREATE OR REPLACE TRIGGER trigger_710_enter_fleet AFTER INSERT ON equipment
  FOR EACH ROW WHEN (NEW.status IN ('active', 'maintenance') AND NOT NEW.is_deleted) EXECUTE FUNCTION keep_fleet_period();
CREATE OR REPLACE TRIGGER trigger_710_keep_fleet_period AFTER UPDATE ON equipment
  FOR EACH ROW WHEN (OLD.last_status_correction IS NOT DISTINCT FROM NEW.last_status_correction
    AND (OLD.status IN ('active', 'maintenance') AND NOT OLD.is_deleted) <> (NEW.status IN ('active', 'maintenance') AND NOT NEW.is_deleted))
  EXECUTE FUNCTION keep_fleet_period();
-- After the event: whether the machine is deleted is told by its events.
CREATE OR REPLACE TRIGGER trigger_910_correct_fleet_periods AFTER UPDATE ON equipment
  FOR EACH ROW WHEN (OLD.last_status_correction IS DISTINCT FROM NEW.last_status_correction) EXECUTE FUNCTION keep_fleet_period();
CREATE OR REPLACE TRIGGER trigger_710_begin_usage AFTER INSERT ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION keep_assignment_usage();
CREATE OR REPLACE TRIGGER trigger_710_keep_usage AFTER UPDATE ON equipment_assignments
  FOR EACH ROW WHEN ((OLD.assigned_at, OLD.returned_at, OLD.is_deleted) IS DISTINCT FROM (NEW.assigned_at, NEW.returned_at, NEW.is_deleted))
  EXECUTE FUNCTION keep_assignment_usage();
CREATE OR REPLACE TRIGGER trigger_850_move_usage_months AFTER UPDATE ON companies
  FOR EACH ROW WHEN ((OLD.settings ->> 'time_zone') IS DISTINCT FROM (NEW.settings ->> 'time_zone')) EXECUTE FUNCTION move_usage_months();

-- Every machine every month of its company's calendar, from the first it was registered or handed over in to this one; a deleted
-- machine to the month it was deleted in. total_hours_assigned: hours someone had it, clipped to the month, up to now for who still has
-- it. available_hours: hours of the month in which it was in the fleet (status active or maintenance, not deleted).
-- utilization = total_hours_assigned / available_hours; NULL where it was not in the fleet. assignment_count: those that touch the month.
CREATE OR REPLACE VIEW equipment_utilization_monthly WITH (security_invoker = true) AS
SELECT t.equipment_id, t.equipment_name, t.month, t.assignment_count::integer AS assignment_count,
  round(t.assigned / 3600000000 / nullif(t.assignment_count, 0), 6) AS avg_hours_assigned,
  round(t.assigned / 3600000000, 6) AS total_hours_assigned,
  round(t.available / 3600000000, 6) AS available_hours,
  round(t.assigned / nullif(t.available, 0), 6) AS utilization,
  t.company_id, t.category_id
FROM (
  SELECT e.company_id, e.id AS equipment_id, e.name AS equipment_name, e.category_id, g.month::date AS month,
    coalesce(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0) + coalesce(u.assignments_begun, 0) AS assignment_count,
    greatest(0, coalesce(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0) * f.span + coalesce(u.assigned_rest, 0)
      - coalesce(u.assignments_begun - u.assignments_ended, 0) * f.still)::numeric AS assigned,
    greatest(0, coalesce(sum(u.fleet_entered - u.fleet_left) OVER earlier, 0) * f.span + coalesce(u.fleet_rest, 0)
      - coalesce(u.fleet_entered - u.fleet_left, 0) * f.still)::numeric AS available
  FROM equipment e
  JOIN companies co ON co.id = e.company_id
  CROSS JOIN LATERAL (SELECT coalesce(co.settings ->> 'time_zone', 'UTC') AS zone) z
  CROSS JOIN LATERAL generate_series(
    least(get_month_of(e.created_at, z.zone), (SELECT min(b.month) FROM equipment_usage_months b WHERE b.company_id = e.company_id AND b.equipment_id = e.id))::timestamp,
    get_month_of(CASE WHEN e.is_deleted THEN e.deleted_at ELSE statement_timestamp() END, z.zone)::timestamp, interval '1 month') AS g (month)
  CROSS JOIN LATERAL (SELECT g.month AT TIME ZONE z.zone AS begins_at, (g.month + interval '1 month') AT TIME ZONE z.zone AS ends_at) m
  CROSS JOIN LATERAL (
    SELECT count_microseconds(m.begins_at, least(m.ends_at, statement_timestamp())) AS span,
      count_microseconds(least(m.ends_at, statement_timestamp()), m.ends_at) AS still) f
  LEFT JOIN equipment_usage_months u ON u.company_id = e.company_id AND u.equipment_id = e.id AND u.month = g.month::date
  WINDOW earlier AS (PARTITION BY e.company_id, e.id ORDER BY g.month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) t;

GRANT SELECT ON equipment_fleet_periods, equipment_usage_months, company_usage_months, equipment_utilization_monthly TO application_user, reporting_user;
DROP POLICY IF EXISTS equipment_fleet_periods_select ON equipment_fleet_periods;
CREATE POLICY equipment_fleet_periods_select ON equipment_fleet_periods FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS equipment_usage_months_select ON equipment_usage_months;
CREATE POLICY equipment_usage_months_select ON equipment_usage_months FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS company_usage_months_select ON company_usage_months;
CREATE POLICY company_usage_months_select ON company_usage_months FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
