-- Owns: equipment_assignments. One machine, one holder at a time; what was handed over and returned stays as it was.

GRANT SELECT, UPDATE (version) ON equipment TO record_keeper;
GRANT SELECT ON equipment_assignments TO record_keeper;
DROP POLICY IF EXISTS equipment_keeper ON equipment;
CREATE POLICY equipment_keeper ON equipment TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_assignments_keeper ON equipment_assignments;
CREATE POLICY equipment_assignments_keeper ON equipment_assignments TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;
-- BEFORE INSERT OR UPDATE. Locks the machine's row first, so that assigning, retiring and deleting one machine wait for each other.
CREATE OR REPLACE FUNCTION keep_assignment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT a.user_id FROM caller_account a);
  v_status text;
  v_last timestamptz;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT e.status INTO v_status FROM equipment e
    WHERE e.company_id = NEW.company_id AND e.id = NEW.equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
    IF v_status IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
    ELSIF v_status <> 'active' THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_machine_active', MESSAGE = 'only an active machine can be handed over', DETAIL = v_status;
    END IF;
    IF NOT EXISTS (SELECT FROM user_company_roles r WHERE r.company_id = NEW.company_id AND r.user_id = NEW.user_id
                   AND NOT r.is_deleted AND (r.ended_at IS NULL OR r.ended_at > now())) THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_user', MESSAGE = 'not a member of the company';
    END IF;
    NEW.assigned_by := coalesce(v_user_id, NEW.assigned_by);
    IF NEW.assigned_at IS NULL THEN
      SELECT max(a.returned_at) INTO v_last FROM equipment_assignments a
      WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.equipment_id;
      NEW.assigned_at := greatest(clock_timestamp(), v_last);
    ELSIF NEW.assigned_at > clock_timestamp() THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_in_future', MESSAGE = 'a hand-over lies in the past or now';
    END IF;
    IF NEW.returned_at IS NOT NULL THEN
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  ELSE
    IF (NEW.equipment_id, NEW.user_id, NEW.assigned_at, NEW.assigned_by) IS DISTINCT FROM (OLD.equipment_id, OLD.user_id, OLD.assigned_at, OLD.assigned_by)
       OR (OLD.returned_at IS NOT NULL AND (NEW.returned_at, NEW.returned_by) IS DISTINCT FROM (OLD.returned_at, OLD.returned_by))
       OR NEW.is_deleted THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_facts_fixed', MESSAGE = 'a hand-over or return that happened stays as it was';
    END IF;
    IF NEW.returned_at IS NOT NULL AND OLD.returned_at IS NULL THEN
      NEW.returned_at := greatest(clock_timestamp(), OLD.assigned_at);
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_assignment() TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;

CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_005_check_caller_company BEFORE INSERT ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION check_caller_company();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_020_keep_assignment BEFORE INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION keep_assignment();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON equipment_assignments
  FOR EACH ROW EXECUTE FUNCTION record_change('assignment');

-- Hands a machine of the active company to a person. Gives the assignment.
-- Errors by constraint: fk_ea_equipment, fk_ea_user, ea_machine_active, ea_one_holder_at_a_time, ea_due_after_assigned.
CREATE OR REPLACE FUNCTION assign_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamptz)
RETURNS SETOF equipment_assignments
LANGUAGE sql AS $$
  INSERT INTO equipment_assignments (company_id, equipment_id, user_id, notes, due_at)
  SELECT c.company_id, p_equipment_id, p_user_id, p_notes, p_due_at FROM caller c
  RETURNING *
$$;

-- Takes a machine back from whoever has it. Gives the assignment, now closed. A transfer going on at the same moment closes
-- the row this one waits for and opens another: that one is then taken back.
-- Errors by constraint: fk_ea_equipment (no such machine), ea_nothing_to_return. 42501 when it is held by someone else than the caller may return for.
CREATE OR REPLACE FUNCTION return_equipment(p_equipment_id uuid, p_notes text) RETURNS SETOF equipment_assignments
LANGUAGE plpgsql AS $$
DECLARE
  v_holder_id uuid;
BEGIN
  FOR v_attempt IN 1..100 LOOP
    RETURN QUERY
      UPDATE equipment_assignments a SET returned_at = clock_timestamp(), return_notes = p_notes
      WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.returned_at IS NULL
      RETURNING *;
    IF FOUND THEN
      RETURN;
    END IF;
    SELECT a.user_id INTO v_holder_id FROM equipment_assignments a
    WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.returned_at IS NULL;
    IF v_holder_id IS NULL AND NOT EXISTS (
        SELECT FROM equipment e WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = p_equipment_id AND NOT e.is_deleted) THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
    ELSIF v_holder_id IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_nothing_to_return', MESSAGE = 'nobody has the machine';
    ELSIF NOT EXISTS (SELECT FROM caller c WHERE c.role IN ('admin', 'manager') OR (c.role = 'operator' AND c.user_id = v_holder_id)) THEN
      RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'held by another person';
    END IF;
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'the machine changes hands all the time';
END
$$;

-- Takes a machine from its holder and hands it to another person in one step: both happen or neither. Gives the new assignment.
CREATE OR REPLACE FUNCTION transfer_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamptz)
RETURNS SETOF equipment_assignments
LANGUAGE plpgsql AS $$
DECLARE
  v_from equipment_assignments;
BEGIN
  SELECT * INTO v_from FROM return_equipment(p_equipment_id, p_notes);
  IF v_from.user_id = p_user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_transfer_to_another', MESSAGE = 'this person has the machine already';
  END IF;
  RETURN QUERY SELECT * FROM assign_equipment(p_equipment_id, p_user_id, p_notes, p_due_at);
END
$$;
GRANT EXECUTE ON FUNCTION assign_equipment(uuid, uuid, text, timestamptz), return_equipment(uuid, text),
  transfer_equipment(uuid, uuid, text, timestamptz) TO application_user;

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
