-- Owns: equipment_assignments. One machine, one holder and one claim at a time; what was handed over and returned stays as it was.
-- Every change of a machine's ledger locks the machine's row first, so that they wait for each other and never in a circle.

GRANT SELECT, UPDATE (version) ON equipment TO record_keeper;
GRANT SELECT ON equipment_assignments TO record_keeper;
DROP POLICY IF EXISTS equipment_keeper ON equipment;
CREATE POLICY equipment_keeper ON equipment TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_assignments_keeper ON equipment_assignments;
CREATE POLICY equipment_assignments_keeper ON equipment_assignments TO record_keeper USING (true) WITH CHECK (true);

DROP FUNCTION IF EXISTS assign_equipment(uuid, uuid, text, timestamptz);
DROP FUNCTION IF EXISTS transfer_equipment(uuid, uuid, text, timestamptz);
DROP FUNCTION IF EXISTS return_equipment(uuid, text);

SET LOCAL ROLE record_keeper;

-- Locks a machine of the caller's company until the transaction ends and gives its status.
-- Error by constraint: fk_ea_equipment when there is no such machine for this caller.
CREATE OR REPLACE FUNCTION lock_equipment(p_equipment_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_status text;
BEGIN
  SELECT e.status INTO v_status FROM equipment e
  WHERE e.company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager', 'operator'))
    AND e.id = p_equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
  IF v_status IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
  END IF;
  RETURN v_status;
END
$$;

-- Whether nobody holds or has claimed the machine between two instants; p_until NULL: without end. It counts every row of
-- the company, also what the caller may not see. p_except_id: a row left out, as a reservation that is being picked up.
-- Someone who has the machine now stands in the way of now, however late they are.
CREATE OR REPLACE FUNCTION is_equipment_free(p_equipment_id uuid, p_from timestamptz, p_until timestamptz, p_except_id uuid DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT NOT EXISTS (
    SELECT FROM equipment_assignments a
    WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.id IS DISTINCT FROM p_except_id
      AND ((a.assigned_at IS NOT NULL AND a.returned_at IS NULL AND p_from <= clock_timestamp())
        OR claimed_period(a.reserved_from, a.reserved_until, a.cancelled_at, a.assigned_at, a.due_at, a.returned_at) && tstzrange(p_from, p_until, '[)')))
$$;

-- What a new row of the ledger must be, the machine's row being locked: its person, its machine's status, its times.
CREATE OR REPLACE FUNCTION check_assignment_begins(p_row equipment_assignments, p_status text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_status IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
  ELSIF p_row.assigned_at IS NULL AND p_row.reserved_from IS NOT NULL THEN
    IF p_status IN ('retired', 'disposed') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_machine_in_service', MESSAGE = 'the machine has left service', DETAIL = p_status;
    ELSIF p_row.reserved_from < clock_timestamp() - interval '5 minutes' OR p_row.reserved_until <= clock_timestamp() THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_reserved_ahead', MESSAGE = 'a reservation begins now or later';
    END IF;
  ELSIF p_status <> 'active' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_machine_active', MESSAGE = 'only an active machine can be handed over', DETAIL = p_status;
  END IF;
  IF NOT EXISTS (SELECT FROM user_company_roles r WHERE r.company_id = p_row.company_id AND r.user_id = p_row.user_id
                 AND NOT r.is_deleted AND (r.ended_at IS NULL OR r.ended_at > now())) THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_user', MESSAGE = 'not a member of the company';
  END IF;
END
$$;

-- Facts that happened stay; what happens now takes its time and its person from the database.
CREATE OR REPLACE FUNCTION check_assignment_facts(p_old equipment_assignments, p_new equipment_assignments, p_user_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF (p_new.equipment_id, p_new.user_id, p_new.reserved_from, p_new.reserved_until)
       IS DISTINCT FROM (p_old.equipment_id, p_old.user_id, p_old.reserved_from, p_old.reserved_until)
     OR (p_old.assigned_at IS NOT NULL AND (p_new.assigned_at, p_new.assigned_by, p_new.condition, p_new.meter_reading)
       IS DISTINCT FROM (p_old.assigned_at, p_old.assigned_by, p_old.condition, p_old.meter_reading))
     OR (p_old.returned_at IS NOT NULL AND (p_new.returned_at, p_new.returned_by, p_new.return_condition, p_new.return_meter_reading)
       IS DISTINCT FROM (p_old.returned_at, p_old.returned_by, p_old.return_condition, p_old.return_meter_reading))
     OR ((p_old.accepted_at IS NOT NULL OR p_old.returned_at IS NOT NULL) AND p_new.accepted_at IS DISTINCT FROM p_old.accepted_at)
     OR (p_old.cancelled_at IS NOT NULL AND (p_new.cancelled_at, p_new.cancel_reason, p_new.assigned_at)
       IS DISTINCT FROM (p_old.cancelled_at, p_old.cancel_reason, p_old.assigned_at))
     OR p_new.is_deleted THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_facts_fixed', MESSAGE = 'a hand-over or return that happened stays as it was';
  ELSIF p_old.assigned_at IS NULL AND p_old.reserved_until <= clock_timestamp()
     AND (p_new.assigned_at IS NOT NULL OR (p_new.cancelled_at IS NOT NULL AND p_old.cancelled_at IS NULL)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_reservation_over', MESSAGE = 'the time of the reservation has passed';
  ELSIF p_new.accepted_at IS NOT NULL AND p_old.accepted_at IS NULL AND p_user_id IS DISTINCT FROM p_new.user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_accepted_by_holder', MESSAGE = 'the holder alone accepts';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION check_assignment_begins(equipment_assignments, text),
  check_assignment_facts(equipment_assignments, equipment_assignments, uuid) TO record_keeper;

-- BEFORE INSERT OR UPDATE. Locks the machine's row first whenever a row begins to claim or to hold it.
CREATE OR REPLACE FUNCTION keep_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT a.user_id FROM caller_account a);
  v_status text;
  v_picks_up boolean := TG_OP = 'UPDATE' AND OLD.assigned_at IS NULL AND NEW.assigned_at IS NOT NULL;
  v_last timestamptz;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM check_assignment_facts(OLD, NEW, v_user_id);
  END IF;
  IF TG_OP = 'INSERT' OR v_picks_up THEN
    SELECT e.status INTO v_status FROM equipment e
    WHERE e.company_id = NEW.company_id AND e.id = NEW.equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
    PERFORM check_assignment_begins(NEW, v_status);
    NEW.accepted_at := NULL;
    NEW.cancelled_at := NULL;
    NEW.cancel_reason := NULL;
    IF v_picks_up OR NEW.reserved_from IS NULL OR NEW.assigned_at IS NOT NULL THEN
      NEW.assigned_by := coalesce(v_user_id, NEW.assigned_by);
      IF v_picks_up OR NEW.assigned_at IS NULL THEN
        SELECT max(a.returned_at) INTO v_last FROM equipment_assignments a
        WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.equipment_id;
        NEW.assigned_at := greatest(clock_timestamp(), v_last);
      ELSIF NEW.assigned_at > clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_in_future', MESSAGE = 'a hand-over lies in the past or now';
      END IF;
      NEW.due_at := coalesce(NEW.due_at, NEW.reserved_until);
      -- Who takes a machine has seen it; whom it is given to says so later.
      NEW.accepted_at := CASE WHEN v_user_id = NEW.user_id THEN NEW.assigned_at END;
    END IF;
    IF NEW.returned_at IS NOT NULL THEN
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  ELSE
    IF NEW.accepted_at IS NOT NULL AND OLD.accepted_at IS NULL THEN
      NEW.accepted_at := clock_timestamp();
    END IF;
    IF NEW.cancelled_at IS NOT NULL AND OLD.cancelled_at IS NULL THEN
      NEW.cancelled_at := clock_timestamp();
    END IF;
    IF NEW.returned_at IS NOT NULL AND OLD.returned_at IS NULL THEN
      NEW.returned_at := greatest(clock_timestamp(), OLD.assigned_at);
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  END IF;
  RETURN NEW;
END
$$;

-- BEFORE UPDATE of a machine that retires, is disposed of or deleted: not while somebody counts on it.
CREATE OR REPLACE FUNCTION check_no_reservations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id
             AND a.assigned_at IS NULL AND a.cancelled_at IS NULL AND a.reserved_until > clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_leaves_while_reserved', MESSAGE = 'the machine is reserved';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_assignment(), check_no_reservations() TO bitcorp_owner;
GRANT EXECUTE ON FUNCTION lock_equipment(uuid) TO application_user;
GRANT EXECUTE ON FUNCTION is_equipment_free(uuid, timestamptz, timestamptz, uuid) TO application_user, reporting_user;
SET LOCAL ROLE bitcorp_owner;

CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_005_check_caller_company BEFORE INSERT ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION check_caller_company();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_020_keep_assignment BEFORE INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION keep_assignment();
CREATE OR REPLACE TRIGGER trigger_030_check_no_reservations BEFORE UPDATE ON equipment
  FOR EACH ROW WHEN ((NEW.is_deleted AND NOT OLD.is_deleted) OR (NEW.status IN ('retired', 'disposed') AND NEW.status <> OLD.status))
  EXECUTE FUNCTION check_no_reservations();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION record_change('assignment');

-- The rows that stand in the way of having a machine between two instants, as far as the caller may see them, the first one first.
CREATE OR REPLACE FUNCTION list_equipment_blockers(p_equipment_id uuid, p_from timestamptz, p_until timestamptz, p_except_id uuid DEFAULT NULL)
RETURNS SETOF equipment_assignments
LANGUAGE sql STABLE AS $$
  SELECT a.* FROM equipment_assignments a
  WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.id IS DISTINCT FROM p_except_id
    AND ((a.assigned_at IS NOT NULL AND a.returned_at IS NULL AND p_from <= clock_timestamp())
      OR claimed_period(a.reserved_from, a.reserved_until, a.cancelled_at, a.assigned_at, a.due_at, a.returned_at) && tstzrange(p_from, p_until, '[)'))
  ORDER BY coalesce(a.assigned_at, a.reserved_from), a.id LIMIT 20
$$;

-- Refuses when the machine is not free, and names the row in the way when the caller may see it. The machine is locked before.
-- Errors by constraint: ea_one_holder_at_a_time (someone has it now), ea_due_needed (reserved for later, and no due time was
-- given), ea_claims_do_not_overlap. HINT blocked_by says that DETAIL is the row as JSON, with `says` for a sentence.
CREATE OR REPLACE FUNCTION check_equipment_free(p_equipment_id uuid, p_from timestamptz, p_until timestamptz, p_except_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_row equipment_assignments;
  v_name text;
  v_zone text;
  v_constraint text := 'ea_claims_do_not_overlap';
  v_from timestamptz;
  v_until timestamptz;
BEGIN
  -- Times in the wrong order are refused by the row's own constraints.
  IF p_until <= p_from OR is_equipment_free(p_equipment_id, p_from, p_until, p_except_id) THEN
    RETURN;
  END IF;
  SELECT * INTO v_row FROM list_equipment_blockers(p_equipment_id, p_from, p_until, p_except_id) LIMIT 1;
  IF v_row.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23P01', CONSTRAINT = v_constraint, MESSAGE = 'the machine is not free';
  ELSIF v_row.assigned_at IS NOT NULL AND p_from <= clock_timestamp() THEN
    v_constraint := 'ea_one_holder_at_a_time';
  ELSIF p_until IS NULL AND v_row.reserved_from > p_from THEN
    v_constraint := 'ea_due_needed';
  END IF;
  SELECT r.display_name INTO v_name FROM user_company_roles r WHERE r.company_id = v_row.company_id AND r.user_id = v_row.user_id;
  SELECT coalesce(co.settings ->> 'time_zone', 'UTC') INTO v_zone FROM companies co WHERE co.id = v_row.company_id;
  v_from := coalesce(v_row.assigned_at, v_row.reserved_from);
  v_until := CASE WHEN v_row.assigned_at IS NULL THEN v_row.reserved_until ELSE v_row.due_at END;
  RAISE EXCEPTION USING ERRCODE = '23P01', CONSTRAINT = v_constraint, MESSAGE = 'the machine is not free', HINT = 'blocked_by',
    DETAIL = jsonb_build_object('assignment_id', v_row.id, 'user_id', v_row.user_id, 'holder_name', v_name, 'from', v_from, 'until', v_until,
      'says', concat_ws(' ', v_name || ',', to_char(v_from AT TIME ZONE v_zone, 'DD/MM/YYYY HH24:MI'), '–',
        coalesce(to_char(v_until AT TIME ZONE v_zone, 'DD/MM/YYYY HH24:MI'), '…')))::text;
END
$$;

-- Reserves a machine of the active company for a person from one instant until another. Gives the row.
-- Errors by constraint: fk_ea_equipment, fk_ea_user, ea_machine_in_service, ea_reserved_ahead, ea_reserved_period, ea_claims_do_not_overlap.
CREATE OR REPLACE FUNCTION reserve_equipment(p_equipment_id uuid, p_user_id uuid, p_from timestamptz, p_until timestamptz, p_notes text)
RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  IF p_from >= clock_timestamp() - interval '5 minutes' THEN
    PERFORM check_equipment_free(p_equipment_id, p_from, p_until, NULL);
  END IF;
  RETURN QUERY
    INSERT INTO equipment_assignments (company_id, equipment_id, user_id, reserved_from, reserved_until, notes)
    SELECT c.company_id, p_equipment_id, p_user_id, p_from, p_until, p_notes FROM caller c
    RETURNING *;
END
$$;

-- Locks the machine of a row of the caller's company and gives the row as it is then. BC404 when there is none.
CREATE OR REPLACE FUNCTION get_assignment_to_change(p_assignment_id uuid) RETURNS equipment_assignments
LANGUAGE plpgsql AS $$
DECLARE
  v_row equipment_assignments;
BEGIN
  SELECT * INTO v_row FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.id = p_assignment_id;
  IF v_row.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such hand-over or reservation';
  ELSIF NOT EXISTS (SELECT FROM caller c WHERE c.role IN ('admin', 'manager') OR (c.role = 'operator' AND c.user_id = v_row.user_id)) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'another person''s';
  END IF;
  PERFORM lock_equipment(v_row.equipment_id);
  SELECT * INTO v_row FROM equipment_assignments a WHERE a.company_id = v_row.company_id AND a.id = p_assignment_id;
  RETURN v_row;
END
$$;

-- Turns a reservation into the hand-over: the same row, begun now. Early is allowed when nobody is in the way. Gives the row.
-- Errors by constraint: ea_not_reserved, ea_reservation_over, ea_machine_active, ea_one_holder_at_a_time, ea_claims_do_not_overlap. BC404, 42501.
CREATE OR REPLACE FUNCTION pick_up_reservation(p_assignment_id uuid, p_notes text, p_due_at timestamptz, p_condition text, p_meter_reading numeric)
RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NOT NULL OR v_row.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_reserved', MESSAGE = 'picked up or cancelled before';
  ELSIF v_row.reserved_until > clock_timestamp() THEN
    PERFORM check_equipment_free(v_row.equipment_id, clock_timestamp(), coalesce(p_due_at, v_row.reserved_until), v_row.id);
  END IF;
  RETURN QUERY
    UPDATE equipment_assignments a SET assigned_at = clock_timestamp(), notes = coalesce(p_notes, a.notes), due_at = coalesce(p_due_at, a.reserved_until),
      condition = p_condition, meter_reading = p_meter_reading
    WHERE a.company_id = v_row.company_id AND a.id = v_row.id
    RETURNING *;
END
$$;

-- Gives up a reservation, with the reason. Gives the row. Errors by constraint: ea_not_reserved, ea_reservation_over. BC404, 42501.
CREATE OR REPLACE FUNCTION cancel_reservation(p_assignment_id uuid, p_reason text) RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NOT NULL OR v_row.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_reserved', MESSAGE = 'picked up or cancelled before';
  END IF;
  PERFORM set_config('app.reason', p_reason, true);
  RETURN QUERY
    UPDATE equipment_assignments a SET cancelled_at = clock_timestamp(), cancel_reason = p_reason
    WHERE a.company_id = v_row.company_id AND a.id = v_row.id
    RETURNING *;
  PERFORM set_config('app.reason', '', true);
END
$$;

-- The holder says that the machine is with them as described. Gives the row.
-- Errors by constraint: ea_nothing_to_accept (not out, or accepted before), ea_accepted_by_holder. BC404, 42501.
CREATE OR REPLACE FUNCTION accept_assignment(p_assignment_id uuid) RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NULL OR v_row.returned_at IS NOT NULL OR v_row.accepted_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_nothing_to_accept', MESSAGE = 'not out, or accepted before';
  END IF;
  RETURN QUERY
    UPDATE equipment_assignments a SET accepted_at = clock_timestamp() WHERE a.company_id = v_row.company_id AND a.id = v_row.id RETURNING *;
END
$$;

-- Hands a machine of the active company to a person. Who reserved it for now picks that reservation up. Gives the assignment.
-- Errors by constraint: fk_ea_equipment, fk_ea_user, ea_machine_active, ea_one_holder_at_a_time, ea_claims_do_not_overlap, ea_due_needed, ea_due_after_assigned.
CREATE OR REPLACE FUNCTION assign_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamptz, p_condition text, p_meter_reading numeric)
RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_reservation_id uuid;
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  SELECT a.id INTO v_reservation_id FROM equipment_assignments a
  WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.user_id = p_user_id
    AND a.assigned_at IS NULL AND a.cancelled_at IS NULL AND a.reserved_from <= clock_timestamp() AND a.reserved_until > clock_timestamp();
  IF v_reservation_id IS NOT NULL THEN
    RETURN QUERY SELECT * FROM pick_up_reservation(v_reservation_id, p_notes, p_due_at, p_condition, p_meter_reading);
    RETURN;
  END IF;
  PERFORM check_equipment_free(p_equipment_id, clock_timestamp(), p_due_at, NULL);
  RETURN QUERY
    INSERT INTO equipment_assignments (company_id, equipment_id, user_id, notes, due_at, condition, meter_reading)
    SELECT c.company_id, p_equipment_id, p_user_id, p_notes, p_due_at, p_condition, p_meter_reading FROM caller c
    RETURNING *;
END
$$;

-- Takes a machine back from whoever has it. Gives the assignment, now closed.
-- Errors by constraint: fk_ea_equipment (no such machine), ea_nothing_to_return. 42501 when it is held by someone else than the caller may return for.
CREATE OR REPLACE FUNCTION return_equipment(p_equipment_id uuid, p_notes text, p_condition text, p_meter_reading numeric) RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  RETURN QUERY
    UPDATE equipment_assignments a SET returned_at = clock_timestamp(), return_notes = p_notes, return_condition = p_condition, return_meter_reading = p_meter_reading
    WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)
    RETURNING *;
  IF NOT FOUND THEN
    IF EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c)
               AND a.equipment_id = p_equipment_id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
      RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'held by another person';
    END IF;
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_nothing_to_return', MESSAGE = 'nobody has the machine';
  END IF;
END
$$;

-- Takes a machine from its holder and hands it to another person in one step: both happen or neither; its state is described
-- once, for the return and for the hand-over. Gives the new assignment.
CREATE OR REPLACE FUNCTION transfer_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamptz, p_condition text, p_meter_reading numeric)
RETURNS SETOF equipment_assignments
LANGUAGE plpgsql ROWS 1 AS $$
DECLARE
  v_from equipment_assignments;
BEGIN
  SELECT * INTO v_from FROM return_equipment(p_equipment_id, p_notes, p_condition, p_meter_reading);
  IF v_from.user_id = p_user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_transfer_to_another', MESSAGE = 'this person has the machine already';
  END IF;
  RETURN QUERY SELECT * FROM assign_equipment(p_equipment_id, p_user_id, p_notes, p_due_at, p_condition, p_meter_reading);
END
$$;

-- A hand-over as it stood at p_as_of, by what was recorded up to p_known_at: no row when it had not begun or was not known. Whether
-- it had begun and ended goes by its own times; what else it says is true from when it was recorded. Reservations are plans and no part of this.
CREATE OR REPLACE FUNCTION get_assignment_at(p_row equipment_assignments, p_as_of timestamptz, p_known_at timestamptz)
RETURNS SETOF equipment_assignments
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT r.* FROM (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) FILTER (WHERE v.occurred_at > p_known_at) AS unknown,
      fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) FILTER (WHERE v.occurred_at > greatest(least(p_as_of, p_known_at), p_row.created_at)) AS later
    FROM domain_events v
    WHERE v.company_id = p_row.company_id AND v.aggregate_id = p_row.id AND v.occurred_at > least(p_as_of, p_known_at)) undone
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.unknown, '{}')) known
  CROSS JOIN LATERAL (SELECT jsonb_object_agg(f.key, CASE WHEN f.key LIKE 'assigned%' OR known.returned_at <= p_as_of THEN f.value ELSE 'null' END) AS fields
    FROM jsonb_each(to_jsonb(known)) f WHERE f.key LIKE 'assigned%' OR f.key LIKE 'return%') times
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.later, '{}') || times.fields) r
  WHERE p_row.created_at <= p_known_at AND known.assigned_at <= p_as_of AND NOT known.is_deleted
$$;
GRANT EXECUTE ON FUNCTION get_assignment_at(equipment_assignments, timestamptz, timestamptz) TO application_user, reporting_user, record_keeper;
GRANT EXECUTE ON FUNCTION claimed_period(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) TO application_user, reporting_user, record_keeper;
GRANT EXECUTE ON FUNCTION list_equipment_blockers(uuid, timestamptz, timestamptz, uuid) TO application_user, reporting_user;
GRANT EXECUTE ON FUNCTION check_equipment_free(uuid, timestamptz, timestamptz, uuid), get_assignment_to_change(uuid),
  reserve_equipment(uuid, uuid, timestamptz, timestamptz, text), cancel_reservation(uuid, text), accept_assignment(uuid),
  pick_up_reservation(uuid, text, timestamptz, text, numeric), assign_equipment(uuid, uuid, text, timestamptz, text, numeric),
  return_equipment(uuid, text, text, numeric), transfer_equipment(uuid, uuid, text, timestamptz, text, numeric) TO application_user;

GRANT SELECT, INSERT, UPDATE ON equipment_assignments TO application_user;
GRANT SELECT ON equipment_assignments TO reporting_user;
DROP POLICY IF EXISTS equipment_assignments_select ON equipment_assignments;
CREATE POLICY equipment_assignments_select ON equipment_assignments FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
-- An operator takes and returns for themselves; managers and admins for everyone.
DROP POLICY IF EXISTS equipment_assignments_insert ON equipment_assignments;
CREATE POLICY equipment_assignments_insert ON equipment_assignments FOR INSERT TO application_user WITH CHECK (
  company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager', 'operator'))
  AND (user_id = (SELECT c.user_id FROM caller c WHERE c.role = 'operator')
       OR company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager'))));
DROP POLICY IF EXISTS equipment_assignments_update ON equipment_assignments;
CREATE POLICY equipment_assignments_update ON equipment_assignments FOR UPDATE TO application_user USING (
  company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager', 'operator'))
  AND (user_id = (SELECT c.user_id FROM caller c WHERE c.role = 'operator')
       OR company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager'))));
