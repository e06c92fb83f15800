-- The replaceable ground under every room: who is calling, and what each table's rows keep by themselves.
-- Run again, whole, whenever it changed. Sections marked "as record_keeper" own SECURITY DEFINER objects.

-- === as record_keeper: who is calling =========================================================================
-- The caller proves itself by the SHA-256 of its secret, once at the beginning of a transaction. What was found is put under a seal
-- that holds in this transaction alone, and that nobody can make who cannot read its key: there is no "user id" setting to forge.

SET LOCAL ROLE bitcorp_owner;
GRANT EXECUTE ON FUNCTION generate_uuid_v7(), is_not_blank(text), validate_equipment_serial_number(text), is_tag_list(text[]),
  is_specification_template(jsonb), has_specification_choices(jsonb), has_bounded_specification_parts(jsonb), is_company_settings(jsonb), is_working_time(jsonb) TO application_user, reporting_user, record_keeper;
GRANT SELECT ON users, user_company_roles, companies, sessions, api_tokens, caller_seals TO record_keeper;
DROP POLICY IF EXISTS users_keeper ON users;
CREATE POLICY users_keeper ON users TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS user_company_roles_keeper ON user_company_roles;
CREATE POLICY user_company_roles_keeper ON user_company_roles TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS companies_keeper ON companies;
CREATE POLICY companies_keeper ON companies TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS sessions_keeper ON sessions;
CREATE POLICY sessions_keeper ON sessions TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS api_tokens_keeper ON api_tokens;
CREATE POLICY api_tokens_keeper ON api_tokens TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS caller_seals_keeper ON caller_seals;
CREATE POLICY caller_seals_keeper ON caller_seals TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Finds the live session or token behind a credential, and its place in a company, for the rest of the transaction. Never refuses: who is
-- nobody, or nobody there, sees nothing; nor does who has a password that somebody else gave, or lacks the second factor that the company
-- demands. A token without the scope to write counts as a viewer. is_personal: a session that a person opened here, not one of the command
-- line or of an identity provider, which sees to factors itself. Gives what it found.
-- What it seals in app.caller: 64 digits of the seal, company and user (36 each, blank for none), role (8), session and the token's company
-- (36 each), two flags, time zone, a blank, scopes. The views caller and caller_account read it, when its seal is that of this transaction.
CREATE OR REPLACE FUNCTION identify_caller(p_credential text, p_company_id uuid) RETURNS caller_found
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_found caller_found;
  v_sealed text;
BEGIN
  SELECT s.user_id, s.id, s.kind <> 'command' AND s.method IS DISTINCT FROM 'single_sign_on' INTO v_found.user_id, v_found.session_id, v_found.is_personal
  FROM sessions s
  WHERE s.token_hash = p_credential AND s.ended_at IS NULL AND s.expires_at > now() AND coalesce(s.last_seen_at, s.created_at) > now() - interval '14 days';
  IF NOT FOUND THEN
    SELECT t.user_id, t.id, t.company_id, t.scopes, false
    INTO v_found.user_id, v_found.session_id, v_found.token_company_id, v_found.scopes, v_found.is_personal
    FROM api_tokens t
    WHERE t.token_hash = p_credential AND t.revoked_at IS NULL AND NOT t.is_deleted AND t.expires_at > now();
  END IF;
  SELECT v_found.is_personal AND u.password_given_at IS NOT NULL INTO v_found.has_given_password FROM users u WHERE u.id = v_found.user_id AND u.status = 'active';
  IF NOT FOUND THEN
    PERFORM set_config('app.caller', '', true), set_config('app.current_company_id', coalesce(p_company_id::text, ''), true);
    RETURN NULL;
  END IF;
  SELECT m.company_id, coalesce(co.settings ->> 'time_zone', 'UTC'),
    CASE
      WHEN v_found.scopes IS NULL OR 'admin' = ANY (v_found.scopes) THEN m.role
      WHEN 'write' = ANY (v_found.scopes) THEN CASE m.role WHEN 'admin' THEN 'manager' ELSE m.role END
      ELSE 'viewer'
    END
  INTO v_found.company_id, v_found.time_zone, v_found.role
  FROM user_company_roles m JOIN companies co ON co.id = m.company_id AND co.status = 'active' AND NOT co.is_deleted
  WHERE m.user_id = v_found.user_id AND m.company_id = p_company_id AND (v_found.token_company_id IS NULL OR v_found.token_company_id = m.company_id)
    AND m.assigned_at <= now() AND (m.ended_at IS NULL OR m.ended_at > now()) AND NOT m.is_deleted
    AND NOT v_found.has_given_password
    AND (NOT v_found.is_personal OR co.settings ->> 'second_factor_demanded' IS DISTINCT FROM 'true'
      OR EXISTS (SELECT FROM totp_secrets f WHERE f.user_id = v_found.user_id AND f.confirmed_at IS NOT NULL));
  v_sealed := rpad(coalesce(v_found.company_id::text, ''), 36) || v_found.user_id || rpad(coalesce(v_found.role, ''), 8) || v_found.session_id || rpad(coalesce(v_found.token_company_id::text, ''), 36)
    || v_found.is_personal::int || v_found.has_given_password::int || coalesce(v_found.time_zone, 'UTC') || ' ' || coalesce(v_found.scopes::text, '');
  PERFORM set_config('app.current_company_id', coalesce(p_company_id::text, ''), true),
    set_config('app.caller', encode(sha256(k.key || sha256(k.key || convert_to(pg_backend_pid() || ' ' || extract(epoch FROM transaction_timestamp()) || v_sealed, 'UTF8'))), 'hex') || v_sealed, true)
  FROM caller_seals k;
  RETURN v_found;
END
$$;
GRANT EXECUTE ON FUNCTION identify_caller(text, uuid) TO application_user, reporting_user, bitcorp_owner;

-- The account of the caller: at most one row, none for an unknown, ended or expired credential, nor under a seal that is not this transaction's.
-- nullif: the planner, in guessing how many rows there are, may work out a value whose row the seal will refuse.
CREATE OR REPLACE VIEW caller_account WITH (security_barrier) AS
SELECT nullif(substr(current_setting('app.caller', true), 101, 36), '')::uuid AS user_id, nullif(substr(current_setting('app.caller', true), 145, 36), '')::uuid AS session_id, nullif(substr(current_setting('app.caller', true), 181, 36), repeat(' ', 36))::uuid AS token_company_id,
  nullif(split_part(substr(current_setting('app.caller', true), 219), ' ', 2), '')::text[] AS scopes, substr(current_setting('app.caller', true), 217, 1) = '1' AS is_personal, substr(current_setting('app.caller', true), 218, 1) = '1' AS has_given_password
FROM caller_seals k
WHERE left(current_setting('app.caller', true), 64) = encode(sha256(k.key || sha256(k.key || convert_to(
  pg_backend_pid() || ' ' || extract(epoch FROM transaction_timestamp()) || substr(current_setting('app.caller', true), 65), 'UTF8'))), 'hex');

-- The caller in the active company: at most one row, none unless the membership holds at the beginning of the transaction and the company is active.
CREATE OR REPLACE VIEW caller WITH (security_barrier) AS
SELECT nullif(substr(current_setting('app.caller', true), 101, 36), '')::uuid AS user_id, nullif(substr(current_setting('app.caller', true), 65, 36), '')::uuid AS company_id, rtrim(substr(current_setting('app.caller', true), 137, 8))::varchar AS role,
  split_part(substr(current_setting('app.caller', true), 219), ' ', 1) AS time_zone
FROM caller_seals k
WHERE left(current_setting('app.caller', true), 64) = encode(sha256(k.key || sha256(k.key || convert_to(
  pg_backend_pid() || ' ' || extract(epoch FROM transaction_timestamp()) || substr(current_setting('app.caller', true), 65), 'UTF8'))), 'hex')
  AND substr(current_setting('app.caller', true), 65, 1) <> ' ';

-- The caller's memberships in every company, for "which companies may I choose". needs: what the person must do first.
CREATE OR REPLACE VIEW caller_memberships WITH (security_barrier) AS
SELECT m.company_id, co.name, m.role, co.status, co.settings, m.display_name,
  CASE WHEN a.has_given_password THEN 'password'
    WHEN a.is_personal AND co.settings ->> 'second_factor_demanded' = 'true'
      AND NOT EXISTS (SELECT FROM totp_secrets f WHERE f.user_id = a.user_id AND f.confirmed_at IS NOT NULL) THEN 'second_factor' END AS needs
FROM caller_account a
JOIN user_company_roles m ON m.user_id = a.user_id
  AND (a.token_company_id IS NULL OR a.token_company_id = m.company_id)
  AND m.assigned_at <= now() AND (m.ended_at IS NULL OR m.ended_at > now()) AND NOT m.is_deleted
JOIN companies co ON co.id = m.company_id AND NOT co.is_deleted;

GRANT SELECT ON caller_account, caller, caller_memberships TO application_user, reporting_user, bitcorp_owner;
-- The views read the seal themselves since 20261129202.
DROP FUNCTION IF EXISTS read_caller();

-- === as bitcorp_owner: the start of every request ================================================================
SET LOCAL ROLE bitcorp_owner;

-- Sets the identity for this transaction and refuses who may not go on. Sent before every statement of the API.
-- p_company_id NULL: the account alone; with p_roles {installation} only who looks after the installation.
-- p_roles NULL: any member. Gives the verified user and role.
-- Errors: BC401 no live session; BC403 role not enough, company suspended, or password or second factor to see to first; BC404 no such company for this caller.
CREATE OR REPLACE FUNCTION begin_request(p_credential text, p_company_id uuid, p_metadata text, p_roles text[])
RETURNS TABLE (user_id uuid, role text)
LANGUAGE plpgsql AS $$
DECLARE
  v_found caller_found := identify_caller(p_credential, p_company_id);
  v_set text := set_config('app.request_metadata', coalesce(p_metadata, '{}'), true) || set_config('app.reason', '', true);
BEGIN
  -- Reads nothing. Policies use this view: held from the beginning, as an upgrade takes its locks, neither stands in the other's way.
  PERFORM FROM caller LIMIT 0;
  IF v_found.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  ELSIF p_company_id IS NULL THEN
    IF 'installation' = ANY (p_roles) AND NOT EXISTS (SELECT FROM installation_admins i WHERE i.user_id = v_found.user_id) THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'installation_required';
    ELSIF 'installation' = ANY (p_roles) AND v_found.has_given_password THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'choose a password first', HINT = 'password_change_needed';
    ELSIF 'installation' = ANY (p_roles) AND EXISTS (SELECT FROM caller_memberships m WHERE m.needs = 'second_factor' AND m.status = 'active') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'set up a second factor first', HINT = 'second_factor_needed';
    END IF;
  ELSIF v_found.company_id IS NULL THEN
    IF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.status <> 'active') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'company suspended', HINT = 'company_suspended';
    ELSIF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.needs = 'password') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'choose a password first', HINT = 'password_change_needed';
    ELSIF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.needs = 'second_factor') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'set up a second factor first', HINT = 'second_factor_needed';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such company for this caller';
  ELSIF v_found.role <> ALL (p_roles) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = array_to_string(p_roles, ',');
  END IF;
  user_id := v_found.user_id;
  role := v_found.role;
  RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION begin_request(text, uuid, text, text[]) TO application_user, reporting_user, record_keeper;

-- === what every entity's row keeps by itself =======================================================================

-- BEFORE INSERT OR UPDATE on every entity: ids, times, people, version and soft delete are the database's to write.
-- The version a client sends is its claim of what it read: another one is refused (BC412), which is the optimistic lock.
CREATE OR REPLACE FUNCTION keep_base_fields() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  v_user_id uuid := (SELECT a.user_id FROM caller_account a);
  v_now timestamptz := clock_timestamp();
  v_moves boolean := false;
BEGIN
  -- A row's instants follow its versions, also when the clock was set back: "as it was at" is then one version.
  IF TG_OP = 'UPDATE' THEN
    v_now := greatest(v_now, OLD.updated_at + interval '1 microsecond');
  END IF;
  IF TG_OP = 'INSERT' THEN
    NEW.created_at := v_now;
    NEW.created_by := v_user_id;
    NEW.version := 1;
    NEW.is_deleted := false;
    NEW.deleted_at := NULL;
    NEW.deleted_by := NULL;
  ELSE
    IF NEW.version <> OLD.version THEN
      RAISE EXCEPTION USING ERRCODE = 'BC412', MESSAGE = 'the row has changed since it was read', DETAIL = OLD.version::text;
    END IF;
    -- Equal is not always the same (1.0 and 1.00 in a document): what is not a change is not stored either.
    IF NEW IS NOT DISTINCT FROM OLD THEN
      RETURN OLD;
    END IF;
    -- Two tables have no company_id, and an expression is read only when it is come to.
    IF TG_TABLE_NAME NOT IN ('companies', 'users') THEN
      v_moves := NEW.company_id <> OLD.company_id;
    END IF;
    IF v_moves OR NEW.id <> OLD.id THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_identity_fixed', MESSAGE = 'id and company never change';
    END IF;
    NEW.created_at := OLD.created_at;
    NEW.created_by := OLD.created_by;
    NEW.version := OLD.version + 1;
    IF NEW.is_deleted AND NOT OLD.is_deleted THEN
      NEW.deleted_at := v_now;
      NEW.deleted_by := v_user_id;
    ELSIF NOT NEW.is_deleted THEN
      NEW.deleted_at := NULL;
      NEW.deleted_by := NULL;
    ELSE
      NEW.deleted_at := OLD.deleted_at;
      NEW.deleted_by := OLD.deleted_by;
    END IF;
  END IF;
  NEW.updated_at := v_now;
  NEW.updated_by := v_user_id;
  RETURN NEW;
END
$$;

-- BEFORE UPDATE, DELETE or TRUNCATE on what may only be added to.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'records_append_only', MESSAGE = TG_TABLE_NAME || ' may only be added to';
END
$$;

-- BEFORE DELETE on every entity: rows are deleted softly, so that their history keeps its subject.
CREATE OR REPLACE FUNCTION refuse_delete() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_soft_delete_only', MESSAGE = TG_TABLE_NAME || ' rows are deleted softly';
END
$$;

-- BEFORE UPDATE on entities that are ended, cancelled or suspended instead of deleted: what they say happened stays in sight.
CREATE OR REPLACE FUNCTION refuse_soft_delete() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_never_deleted', MESSAGE = TG_TABLE_NAME || ' rows are ended, not deleted';
END
$$;

-- BEFORE INSERT on tables whose next triggers look around with the keeper's rights: a row of another company is refused
-- here, before any of them could tell what is there.
CREATE OR REPLACE FUNCTION check_caller_company() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF row_security_active(TG_RELID) AND current_user <> 'record_keeper'
     AND NOT EXISTS (SELECT FROM caller c WHERE c.company_id = NEW.company_id) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not a row of the caller''s company';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_base_fields(), refuse_change(), refuse_delete(), refuse_soft_delete(), check_caller_company() TO application_user, record_keeper;

-- === as record_keeper: every change writes its event and its audit row ============================================
GRANT INSERT, SELECT ON domain_events, audit_logs TO record_keeper;
DROP POLICY IF EXISTS domain_events_keeper ON domain_events;
CREATE POLICY domain_events_keeper ON domain_events TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS audit_logs_keeper ON audit_logs;
CREATE POLICY audit_logs_keeper ON audit_logs TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;

-- AFTER INSERT OR UPDATE on every entity; argument: the aggregate's type. The event's version is the row's, so events
-- of one aggregate have no gap. event_data: {"old": {...}, "new": {...}} with the columns that changed; folding "new" gives the row.
-- Event and audit row hold the same values and the row's own instant, so that each proves the other. A secret's hash, which
-- would let SQL act as its holder, is in neither; nor is a person's name, which could never be taken out again.
CREATE OR REPLACE FUNCTION record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_type text := TG_ARGV[0];
  v_untold text[] := CASE TG_ARGV[0] WHEN 'user' THEN ARRAY['display_name'] ELSE ARRAY['token_hash'] END;
  v_new jsonb := to_jsonb(NEW) - v_untold;
  v_old jsonb;
  v_old_values jsonb := '{}';
  v_new_values jsonb;
  v_action text;
  v_company_id uuid := coalesce(v_new ->> 'company_id', v_new ->> 'id')::uuid;
  v_metadata jsonb := coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb;
BEGIN
  IF TG_OP = 'INSERT' THEN
    v_action := CASE WHEN v_type = 'assignment' AND v_new ->> 'assigned_at' IS NULL THEN 'reserved' ELSE 'created' END;
    v_new_values := v_new;
  ELSE
    IF NEW.version = OLD.version THEN
      RETURN NULL;
    END IF;
    v_old := to_jsonb(OLD) - v_untold;
    SELECT jsonb_object_agg(n.key, v_old -> n.key), jsonb_object_agg(n.key, n.value)
    INTO v_old_values, v_new_values
    FROM jsonb_each(v_new) n WHERE n.value::text IS DISTINCT FROM (v_old -> n.key)::text;
    IF v_type = 'user' AND to_jsonb(NEW) -> 'display_name' <> to_jsonb(OLD) -> 'display_name' THEN
      v_metadata := v_metadata || '{"changed": ["display_name"]}';
    END IF;
    v_action := CASE
      WHEN NEW.is_deleted AND NOT OLD.is_deleted THEN 'deleted'
      WHEN OLD.is_deleted AND NOT NEW.is_deleted THEN 'restored'
      WHEN v_type = 'assignment' AND v_new_values ? 'returned_at' THEN 'returned'
      WHEN v_type = 'assignment' AND v_new_values ? 'assigned_at' THEN 'picked_up'
      WHEN v_type = 'assignment' AND v_new_values ? 'cancelled_at' THEN 'cancelled'
      WHEN v_type = 'assignment' AND v_new_values ? 'accepted_at' THEN 'accepted'
      WHEN v_type = 'maintenance' AND v_new_values ? 'status' THEN
        CASE v_new ->> 'status' WHEN 'in_progress' THEN 'started' WHEN 'done' THEN 'completed' ELSE v_new ->> 'status' END
      WHEN v_type = 'equipment' AND v_new_values ? 'last_status_correction' THEN 'status_corrected'
      WHEN v_type = 'equipment' AND v_new_values ? 'status' THEN 'status_changed'
      WHEN v_type = 'category' AND v_new_values ? 'parent_id' THEN 'moved'
      ELSE 'changed' END;
  END IF;
  IF coalesce(current_setting('app.reason', true), '') <> '' THEN
    v_metadata := v_metadata || jsonb_build_object('reason', current_setting('app.reason', true));
  END IF;
  INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, metadata,
    occurred_at, recorded_by, subject_id)
  VALUES (v_company_id, NEW.id, v_type, v_type || '_' || v_action, NEW.version,
    jsonb_build_object('old', v_old_values, 'new', v_new_values), v_metadata, NEW.updated_at, NEW.updated_by,
    CASE v_type WHEN 'equipment' THEN NEW.id WHEN 'assignment' THEN (v_new ->> 'equipment_id')::uuid WHEN 'maintenance' THEN (v_new ->> 'equipment_id')::uuid
      WHEN 'maintenance_file' THEN (v_new ->> 'equipment_id')::uuid END);
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, old_values, new_values, metadata, created_at)
  VALUES (v_company_id, v_type, NEW.id, v_action, NEW.updated_by, v_old_values, v_new_values, v_metadata, NEW.updated_at);
  RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION record_change() TO bitcorp_owner;

-- Writes an audit row for something that changed no row: an export, a revealed value. Gives nothing.
CREATE OR REPLACE FUNCTION record_audit(p_entity_type text, p_entity_id uuid, p_action text, p_values jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, new_values, metadata)
  SELECT c.company_id, p_entity_type, p_entity_id, p_action, c.user_id, p_values,
    coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb
  FROM caller c
$$;
GRANT EXECUTE ON FUNCTION record_audit(text, uuid, text, jsonb) TO application_user, reporting_user;

-- The values of events put over each other in the order they are given: "new" by version gives the row, "old" by falling version undoes them.
CREATE OR REPLACE AGGREGATE fold_event_values(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
GRANT EXECUTE ON FUNCTION fold_event_values(jsonb) TO application_user, reporting_user, bitcorp_owner;

SET LOCAL ROLE bitcorp_owner;

-- The instant, when it has come. Errors: BC400 (hint: the sentence, detail: the field) for one that has not.
CREATE OR REPLACE FUNCTION require_past(p_at timestamptz, p_field text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_at > clock_timestamp() OR NOT isfinite(p_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC400', MESSAGE = 'the instant has not come', HINT = 'instant_not_come', DETAIL = p_field;
  END IF;
  RETURN p_at;
END
$$;
GRANT EXECUTE ON FUNCTION require_past(timestamptz, text) TO application_user, reporting_user;

-- === replies to repeated requests: a caller sees and writes their own keys in the active company =========================
REVOKE ALL ON idempotency_keys FROM application_user;
GRANT SELECT, INSERT (company_id, user_id, key, request_hash), UPDATE (response_status, response_body) ON idempotency_keys TO application_user;
DROP POLICY IF EXISTS idempotency_keys_select ON idempotency_keys;
CREATE POLICY idempotency_keys_select ON idempotency_keys FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c) AND user_id = (SELECT c.user_id FROM caller c));
DROP POLICY IF EXISTS idempotency_keys_insert ON idempotency_keys;
CREATE POLICY idempotency_keys_insert ON idempotency_keys FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c) AND user_id = (SELECT c.user_id FROM caller c));
DROP POLICY IF EXISTS idempotency_keys_update ON idempotency_keys;
CREATE POLICY idempotency_keys_update ON idempotency_keys FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c) AND user_id = (SELECT c.user_id FROM caller c));
