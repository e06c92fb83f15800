-- Owns: users, user_company_roles, sessions, api_tokens. Who may sign in, and who is what in which company.

-- === triggers =====================================================================================================
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON users
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON user_company_roles
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON user_company_roles
  FOR EACH ROW EXECUTE FUNCTION record_change('user');
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION record_change('api_token');
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON users
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON user_company_roles
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON user_company_roles
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON api_tokens
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();

-- A token that was ended stays ended, from the moment it was.
CREATE OR REPLACE FUNCTION keep_token() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'api_tokens_revoked_final', MESSAGE = 'an ended token stays ended';
  ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
    NEW.revoked_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_token() TO application_user, record_keeper;
CREATE OR REPLACE TRIGGER trigger_020_keep_token BEFORE UPDATE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION keep_token();

-- === grants and policies ==========================================================================================
GRANT SELECT (id, email, full_name, language, status, created_at, version), UPDATE (full_name, language, version) ON users TO application_user;
GRANT SELECT (id, email, full_name, language, status, created_at, version) ON users TO reporting_user;
REVOKE INSERT, UPDATE ON user_company_roles FROM application_user;
GRANT SELECT, INSERT (company_id, user_id, role, display_name, assigned_by, assigned_at, ended_at), UPDATE (role, display_name, assigned_at, ended_at, version) ON user_company_roles TO application_user;
GRANT SELECT ON user_company_roles TO reporting_user;
GRANT SELECT (company_id, id, user_id, name, scopes, expires_at, revoked_at, created_at, updated_at, created_by, updated_by, version, is_deleted),
  INSERT (company_id, user_id, name, token_hash, scopes, expires_at), UPDATE (revoked_at, version) ON api_tokens TO application_user;
GRANT INSERT, UPDATE ON users, user_company_roles, sessions TO record_keeper;
GRANT UPDATE (revoked_at) ON api_tokens TO record_keeper;
GRANT SELECT, DELETE ON idempotency_keys TO record_keeper;
DROP POLICY IF EXISTS idempotency_keys_keeper ON idempotency_keys;
CREATE POLICY idempotency_keys_keeper ON idempotency_keys TO record_keeper USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON password_links TO record_keeper;
DROP POLICY IF EXISTS password_links_keeper ON password_links;
CREATE POLICY password_links_keeper ON password_links TO record_keeper USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS users_select ON users;
CREATE POLICY users_select ON users FOR SELECT TO application_user, reporting_user USING (
  id = (SELECT a.user_id FROM caller_account a)
  OR EXISTS (SELECT FROM user_company_roles r WHERE r.user_id = users.id AND r.company_id = (SELECT c.company_id FROM caller c) AND r.anonymised_at IS NULL));
DROP POLICY IF EXISTS users_update ON users;
CREATE POLICY users_update ON users FOR UPDATE TO application_user
  USING (id = (SELECT a.user_id FROM caller_account a WHERE a.scopes IS NULL));

-- Each sees whether they are one themselves, signed in and not by a token; who is one is given on the command line alone.
GRANT SELECT (user_id) ON installation_admins TO application_user;
GRANT SELECT, INSERT, DELETE ON installation_admins TO record_keeper;
DROP POLICY IF EXISTS installation_admins_select ON installation_admins;
CREATE POLICY installation_admins_select ON installation_admins FOR SELECT TO application_user
  USING (user_id = (SELECT a.user_id FROM caller_account a WHERE a.scopes IS NULL));
DROP POLICY IF EXISTS installation_admins_keeper ON installation_admins;
CREATE POLICY installation_admins_keeper ON installation_admins TO record_keeper USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS user_company_roles_select ON user_company_roles;
CREATE POLICY user_company_roles_select ON user_company_roles FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS user_company_roles_insert ON user_company_roles;
CREATE POLICY user_company_roles_insert ON user_company_roles FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS user_company_roles_update ON user_company_roles;
CREATE POLICY user_company_roles_update ON user_company_roles FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));

-- A person sees and ends their own tokens, an admin those of the company. A token cannot make tokens, and one that only reads ends none.
DROP POLICY IF EXISTS api_tokens_select ON api_tokens;
CREATE POLICY api_tokens_select ON api_tokens FOR SELECT TO application_user USING (
  company_id = (SELECT c.company_id FROM caller c)
  AND (user_id = (SELECT c.user_id FROM caller c) OR company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin')));
DROP POLICY IF EXISTS api_tokens_insert ON api_tokens;
CREATE POLICY api_tokens_insert ON api_tokens FOR INSERT TO application_user WITH CHECK (
  company_id = (SELECT c.company_id FROM caller c) AND user_id = (SELECT a.user_id FROM caller_account a WHERE a.scopes IS NULL));
DROP POLICY IF EXISTS api_tokens_update ON api_tokens;
CREATE POLICY api_tokens_update ON api_tokens FOR UPDATE TO application_user USING (
  company_id = (SELECT c.company_id FROM caller c)
  AND EXISTS (SELECT FROM caller_account a WHERE a.scopes IS NULL OR a.scopes && ARRAY['write', 'admin'])
  AND (user_id = (SELECT c.user_id FROM caller c) OR company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin')));

-- === as record_keeper: signing in and out, and adding people ========================================================
SET LOCAL ROLE record_keeper;

-- A company always keeps one admin who can sign in and whose membership holds now and without end. The lock lets two admins
-- not end each other at once.
CREATE OR REPLACE FUNCTION keep_last_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF OLD.role = 'admin' AND OLD.ended_at IS NULL AND NOT OLD.is_deleted
     AND (NEW.role <> 'admin' OR NEW.ended_at IS NOT NULL OR NEW.is_deleted OR (NEW.assigned_at <> OLD.assigned_at AND NEW.assigned_at > clock_timestamp())) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('last_admin ' || OLD.company_id, 0));
    IF NOT EXISTS (SELECT FROM user_company_roles r JOIN users u ON u.id = r.user_id
                   WHERE r.company_id = OLD.company_id AND r.id <> OLD.id AND r.role = 'admin' AND r.ended_at IS NULL AND NOT r.is_deleted
                     AND r.assigned_at <= clock_timestamp() AND u.status = 'active' AND u.password_hash IS NOT NULL) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ucr_last_admin', MESSAGE = 'a company keeps at least one admin';
    END IF;
  END IF;
  IF NEW.user_id <> OLD.user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_identity_fixed', MESSAGE = 'a membership keeps its person';
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_last_admin() TO application_user, bitcorp_owner;

-- Writes p_action into the audit of each company the user belongs to: an account's doings concern them all.
CREATE OR REPLACE FUNCTION record_account_audit(p_user_id uuid, p_action text, p_metadata jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, metadata)
  SELECT r.company_id, 'user', r.id, p_action, p_user_id, coalesce(p_metadata, '{}')
  FROM user_company_roles r WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now())
$$;

-- What a sign-in needs to check a password: at most one row; none for an unknown or deactivated account. A password that somebody else
-- gave opens nothing after a week.
CREATE OR REPLACE FUNCTION find_sign_in(p_email text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, CASE WHEN u.password_given_at IS NULL OR u.password_given_at > now() - interval '7 days' THEN u.password_hash END
  FROM users u WHERE u.email = lower(p_email) AND u.status = 'active' AND NOT u.is_deleted
$$;

-- Opens a session for a user who proved who they are (p_method says how), and remembers the browser. A session that the same browser
-- still had ends: no two people share one. p_token_hash: hex SHA-256 of the secret. Gives the session's id.
-- Error BC403 (company_suspended) when the user belongs to companies and none of them is active.
DROP FUNCTION IF EXISTS open_session(uuid, text, timestamptz, text, text);
CREATE OR REPLACE FUNCTION open_session(p_user_id uuid, p_token_hash text, p_expires_at timestamptz, p_ip_address text, p_user_agent text,
  p_device_hash text, p_replaced_hash text, p_method text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_session_id uuid;
  v_replaced_user uuid;
  v_metadata jsonb := jsonb_build_object('ip_address', p_ip_address, 'user_agent', left(p_user_agent, 400));
BEGIN
  IF EXISTS (SELECT FROM user_company_roles r WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now()))
     AND NOT EXISTS (SELECT FROM user_company_roles r JOIN companies co ON co.id = r.company_id
                     WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now()) AND co.status = 'active') THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'company suspended', HINT = 'company_suspended';
  END IF;
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.token_hash = p_replaced_hash AND s.ended_at IS NULL RETURNING s.user_id INTO v_replaced_user;
  IF v_replaced_user IS NOT NULL THEN
    PERFORM record_account_audit(v_replaced_user, 'signed_out', v_metadata);
  END IF;
  INSERT INTO sessions (user_id, token_hash, expires_at, ip_address, user_agent, method)
  VALUES (p_user_id, p_token_hash, p_expires_at, left(p_ip_address, 64), left(p_user_agent, 400), p_method)
  RETURNING id INTO v_session_id;
  PERFORM remember_device(p_user_id, p_device_hash);
  PERFORM record_account_audit(p_user_id, 'signed_in', v_metadata || jsonb_build_object('method', p_method));
  RETURN v_session_id;
END
$$;

-- Notes a refused password in the audit of the account's companies. An unknown address writes nothing.
CREATE OR REPLACE FUNCTION record_failed_sign_in(p_email text, p_ip_address text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT record_account_audit(u.id, 'sign_in_failed', jsonb_build_object('ip_address', p_ip_address))
  FROM users u WHERE u.email = lower(p_email)
$$;

-- Ends the caller's own session. Gives nothing; ending a session twice does nothing.
CREATE OR REPLACE FUNCTION close_session() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE sessions s SET ended_at = clock_timestamp()
  WHERE s.id = (SELECT a.session_id FROM caller_account a WHERE a.scopes IS NULL) AND s.ended_at IS NULL RETURNING s.user_id INTO v_user_id;
  IF v_user_id IS NOT NULL THEN
    PERFORM record_account_audit(v_user_id, 'signed_out', nullif(current_setting('app.request_metadata', true), '')::jsonb);
  END IF;
END
$$;

-- Gives the caller a new password and ends all their other sessions, and links to choose one. Of the browsers only the one in use
-- stays known. Needs a session, not a token.
DROP FUNCTION IF EXISTS change_own_password(text);
CREATE OR REPLACE FUNCTION change_own_password(p_password_hash text, p_device_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
BEGIN
  IF v_caller.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  END IF;
  UPDATE users SET password_hash = p_password_hash, password_given_at = NULL WHERE id = v_caller.user_id;
  UPDATE sessions SET ended_at = clock_timestamp() WHERE user_id = v_caller.user_id AND id <> v_caller.session_id AND ended_at IS NULL;
  UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_caller.user_id AND l.ended_at IS NULL;
  PERFORM forget_devices(v_caller.user_id);
  PERFORM remember_device(v_caller.user_id, p_device_hash) WHERE p_device_hash IS NOT NULL;
  PERFORM record_account_audit(v_caller.user_id, 'password_changed', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$$;

-- Adds a person to the caller's company, making the account if its address is new (an existing one keeps its name and
-- password, and the answer does not tell which it was). A membership that had ended is opened again. It holds from p_begins_at
-- (now, when empty) to p_ends_at (open, when empty). Gives the membership's id.
DROP FUNCTION IF EXISTS add_person(text, text, text, text, text);
CREATE OR REPLACE FUNCTION add_person(p_email text, p_display_name text, p_role text, p_password_hash text, p_language text,
  p_begins_at timestamptz, p_ends_at timestamptz) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller := (SELECT c FROM caller c WHERE c.role = 'admin');
  v_user_id uuid;
  v_id uuid;
BEGIN
  IF v_caller.company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  INSERT INTO users (email, full_name, password_hash, language, password_given_at)
  VALUES (lower(p_email), p_display_name, p_password_hash, p_language, CASE WHEN p_password_hash IS NOT NULL THEN clock_timestamp() END)
  ON CONFLICT (email) DO NOTHING;
  SELECT u.id INTO v_user_id FROM users u WHERE u.email = lower(p_email);
  UPDATE user_company_roles SET ended_at = p_ends_at, anonymised_at = NULL, assigned_at = coalesce(p_begins_at, clock_timestamp()), assigned_by = v_caller.user_id,
    role = p_role, display_name = p_display_name
  WHERE company_id = v_caller.company_id AND user_id = v_user_id AND ended_at <= clock_timestamp() RETURNING id INTO v_id;
  IF v_id IS NULL THEN
    INSERT INTO user_company_roles (company_id, user_id, role, display_name, assigned_by, assigned_at, ended_at)
    VALUES (v_caller.company_id, v_user_id, p_role, p_display_name, v_caller.user_id, coalesce(p_begins_at, clock_timestamp()), p_ends_at) RETURNING id INTO v_id;
  END IF;
  RETURN v_id;
END
$$;
GRANT EXECUTE ON FUNCTION find_sign_in(text), open_session(uuid, text, timestamptz, text, text, text, text, text), record_failed_sign_in(text, text),
  close_session(), change_own_password(text, text), add_person(text, text, text, text, text, timestamptz, timestamptz) TO application_user;

-- Makes a link with which a person of the caller's company chooses a password; earlier links of theirs end. It goes to their own
-- address, never to the caller, who would else enter other companies of theirs. p_for_new: only for an account that never had a
-- password. Gives the address and whether there is a link (else a word that they now belong here). Errors: BC403, BC404.
CREATE OR REPLACE FUNCTION make_password_link(p_person_id uuid, p_token_hash text, p_expires_at timestamptz, p_for_new boolean)
RETURNS TABLE (email text, display_name text, language text, company_name text, is_link boolean, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller := (SELECT c FROM caller c WHERE c.role = 'admin');
  v_user users;
BEGIN
  IF v_caller.company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  SELECT u.* INTO v_user FROM user_company_roles r JOIN users u ON u.id = r.user_id
  WHERE r.company_id = v_caller.company_id AND r.id = p_person_id AND NOT r.is_deleted AND r.anonymised_at IS NULL
    AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp()) AND u.status = 'active';
  IF v_user.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
  IF v_user.password_hash IS NULL OR NOT p_for_new THEN
    UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_user.id AND l.ended_at IS NULL;
    INSERT INTO password_links (user_id, token_hash, expires_at, created_by) VALUES (v_user.id, p_token_hash, p_expires_at, v_caller.user_id);
    PERFORM record_audit('user', p_person_id, 'password_link_sent', '{}');
  END IF;
  RETURN QUERY SELECT v_user.email::text, r.display_name::text, v_user.language::text, co.name::text,
    v_user.password_hash IS NULL OR NOT p_for_new, v_user.password_hash IS NULL
  FROM user_company_roles r JOIN companies co ON co.id = r.company_id WHERE r.company_id = v_caller.company_id AND r.id = p_person_id;
END
$$;

-- The companies a person belongs to now: words that their password may not be made of. Not granted to anyone.
CREATE OR REPLACE FUNCTION list_company_names(p_user_id uuid) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(array_agg(co.name::text), '{}') FROM user_company_roles r JOIN companies co ON co.id = r.company_id
  WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now())
$$;

-- Whose link this is, while it can be used. No row for an unknown, used or late one.
DROP FUNCTION IF EXISTS find_password_link(text);
CREATE OR REPLACE FUNCTION find_password_link(p_token_hash text) RETURNS TABLE (email text, full_name text, is_new boolean, company_names text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.email, u.full_name, u.password_hash IS NULL, list_company_names(u.id) FROM password_links l JOIN users u ON u.id = l.user_id AND u.status = 'active'
  WHERE l.token_hash = p_token_hash AND l.ended_at IS NULL AND l.expires_at > clock_timestamp()
$$;

-- Gives the person of the link this password, once, and ends their sessions. Who read the mail in this browser may sign in with it while
-- strangers try the account. Error password_links_spent for a link of no use.
DROP FUNCTION IF EXISTS use_password_link(text, text);
CREATE OR REPLACE FUNCTION use_password_link(p_token_hash text, p_password_hash text, p_device_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE password_links l SET ended_at = clock_timestamp()
  WHERE l.token_hash = p_token_hash AND l.ended_at IS NULL AND l.expires_at > clock_timestamp() RETURNING l.user_id INTO v_user_id;
  UPDATE users u SET password_hash = p_password_hash, password_given_at = NULL WHERE u.id = v_user_id AND u.status = 'active';
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'password_links_spent', MESSAGE = 'the link is used or too old';
  END IF;
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
  PERFORM forget_devices(v_user_id);
  PERFORM remember_device(v_user_id, p_device_hash) WHERE p_device_hash IS NOT NULL;
  PERFORM record_account_audit(v_user_id, 'password_changed', '{"source": "link"}');
END
$$;

-- What a person without a name is called: in the language of the company, with a number that stays.
CREATE OR REPLACE FUNCTION anonymous_name(p_user_id uuid, p_language text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE p_language WHEN 'en' THEN 'former user ' ELSE 'exusuario ' END
    || (('x' || substr(md5(p_user_id::text), 1, 6))::bit(24)::int % 9000 + 1000)
$$;

-- Takes name, address and password out of an account; what it did keeps its id. Not granted to anyone.
CREATE OR REPLACE FUNCTION erase_account(p_user_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE users u SET email = 'former-' || u.id || '@anonymised.invalid', full_name = anonymous_name(u.id, u.language), password_hash = NULL,
    status = 'deactivated' WHERE u.id = p_user_id;
  UPDATE sessions s SET ended_at = coalesce(s.ended_at, clock_timestamp()), ip_address = NULL, user_agent = NULL WHERE s.user_id = p_user_id;
  UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = p_user_id AND l.ended_at IS NULL;
  PERFORM forget_devices(p_user_id), erase_totp(p_user_id), erase_identities(p_user_id);
END
$$;

-- Takes a person's name out of a company, ends their membership and tokens, and erases their tax id and what was kept of replies
-- with their name. The account itself goes too unless it belongs to another company as well. Not granted to anyone.
CREATE OR REPLACE FUNCTION erase_person(p_company_id uuid, p_person_id uuid, p_version integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_person user_company_roles;
  v_email text;
  v_language text := (SELECT co.settings ->> 'language' FROM companies co WHERE co.id = p_company_id);
BEGIN
  SELECT r.* INTO v_person FROM user_company_roles r WHERE r.company_id = p_company_id AND r.id = p_person_id AND NOT r.is_deleted FOR UPDATE;
  IF v_person.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT u.email INTO v_email FROM users u WHERE u.id = v_person.user_id;
  UPDATE user_company_roles r SET version = coalesce(p_version, r.version), display_name = anonymous_name(r.user_id, v_language),
    assigned_at = least(r.assigned_at, clock_timestamp()), ended_at = least(r.ended_at, clock_timestamp()), anonymised_at = clock_timestamp(), tax_id_changed_at = NULL
  WHERE r.company_id = p_company_id AND r.id = p_person_id;
  DELETE FROM encrypted_tax_ids t WHERE t.company_id = p_company_id AND t.person_id = p_person_id;
  UPDATE api_tokens t SET revoked_at = clock_timestamp() WHERE t.company_id = p_company_id AND t.user_id = v_person.user_id AND t.revoked_at IS NULL;
  DELETE FROM idempotency_keys k WHERE k.company_id = p_company_id
    AND (k.user_id = v_person.user_id OR position(v_person.user_id::text IN k.response_body::text) > 0
      OR position(v_person.display_name IN k.response_body::text) > 0 OR position(v_email IN k.response_body::text) > 0);
  IF NOT EXISTS (SELECT FROM user_company_roles r WHERE r.user_id = v_person.user_id AND r.company_id <> p_company_id AND r.anonymised_at IS NULL) THEN
    PERFORM erase_account(v_person.user_id);
  END IF;
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, new_values, metadata)
  VALUES (p_company_id, 'user', p_person_id, 'anonymised', (SELECT a.user_id FROM caller_account a), '{}',
    coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb);
  RETURN true;
END
$$;

-- The same for a person of the caller's company. The answer does not tell whether the account belongs elsewhere too.
CREATE OR REPLACE FUNCTION anonymise_person(p_person_id uuid, p_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c WHERE c.role = 'admin');
BEGIN
  IF v_company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  ELSIF NOT erase_person(v_company_id, p_person_id, p_version) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION make_password_link(uuid, text, timestamptz, boolean), find_password_link(text), use_password_link(text, text, text),
  anonymise_person(uuid, integer) TO application_user;

-- === as record_keeper, for the installation's owner alone (command line, demo) ==========================================

-- Makes a company. Gives its id.
CREATE OR REPLACE FUNCTION create_company(p_name text, p_settings jsonb) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO companies (name, settings)
  VALUES (p_name, '{"time_zone": "America/Lima", "currency": "PEN", "language": "es"}'::jsonb || coalesce(p_settings, '{}'))
  RETURNING id
$$;

-- Makes an account, or gives an existing one this password, name and language. Gives its id.
CREATE OR REPLACE FUNCTION put_user(p_email text, p_full_name text, p_password_hash text, p_language text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO users (email, full_name, password_hash, language) VALUES (lower(p_email), p_full_name, p_password_hash, p_language)
  ON CONFLICT (email) DO UPDATE SET password_hash = coalesce(excluded.password_hash, users.password_hash),
    full_name = excluded.full_name, language = excluded.language
  RETURNING id
$$;

-- Gives a user a role in a company, from now on; NULL ends the membership. Gives the membership's id.
CREATE OR REPLACE FUNCTION put_membership(p_company_id uuid, p_user_id uuid, p_role text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO user_company_roles (company_id, user_id, role, display_name)
  SELECT p_company_id, u.id, coalesce(p_role, 'viewer'), u.full_name FROM users u WHERE u.id = p_user_id
  ON CONFLICT (company_id, user_id) DO UPDATE SET
    role = coalesce(p_role, user_company_roles.role),
    ended_at = CASE WHEN p_role IS NULL THEN clock_timestamp() END
  RETURNING id
$$;

-- The account with this address, for commands. No row when there is none.
DROP FUNCTION IF EXISTS find_account(text);
CREATE OR REPLACE FUNCTION find_account(p_email text) RETURNS TABLE (user_id uuid, full_name text, language text, status text, company_names text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, u.full_name, u.language, u.status, list_company_names(u.id) FROM users u WHERE u.email = lower(p_email)
$$;

-- Gives an account a new password and ends all its sessions. Gives its id, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION put_password(p_email text, p_password_hash text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE users u SET password_hash = p_password_hash, password_given_at = NULL WHERE u.email = lower(p_email) RETURNING u.id INTO v_user_id;
  IF v_user_id IS NOT NULL THEN
    UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
    UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_user_id AND l.ended_at IS NULL;
    PERFORM forget_devices(v_user_id);
    PERFORM record_account_audit(v_user_id, 'password_changed', '{"source": "command"}');
  END IF;
  RETURN v_user_id;
END
$$;

-- Says of an account's password that the command line made it up: it must be changed at the first sign-in, within a week.
CREATE OR REPLACE FUNCTION mark_password_given(p_email text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE users u SET password_given_at = clock_timestamp() WHERE u.email = lower(p_email)
$$;

-- Takes an account's name out of every company and out of the account. Gives its id, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION anonymise_account(p_email text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
BEGIN
  PERFORM erase_person(r.company_id, r.id, NULL) FROM user_company_roles r WHERE r.user_id = v_user_id AND r.anonymised_at IS NULL;
  IF v_user_id IS NOT NULL THEN
    PERFORM erase_account(v_user_id);
  END IF;
  RETURN v_user_id;
END
$$;

-- Deactivates an account, which ends its sessions, or makes it active again. Gives its id, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION set_account_status(p_email text, p_status text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE users u SET status = p_status WHERE u.email = lower(p_email) AND u.email NOT LIKE '%@anonymised.invalid' RETURNING u.id INTO v_user_id;
  IF p_status <> 'active' THEN
    UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
  END IF;
  RETURN v_user_id;
END
$$;

-- Makes an account one that looks after the installation, or no longer. Gives its id, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION put_installation_admin(p_email text, p_is_admin boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email) AND u.email NOT LIKE '%@anonymised.invalid');
BEGIN
  IF p_is_admin THEN
    INSERT INTO installation_admins (user_id) SELECT v_user_id WHERE v_user_id IS NOT NULL ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM installation_admins i WHERE i.user_id = v_user_id;
  END IF;
  PERFORM record_account_audit(v_user_id, CASE WHEN p_is_admin THEN 'installation_granted' ELSE 'installation_taken' END, '{}');
  RETURN v_user_id;
END
$$;

-- Who looks after the installation, for mail.
CREATE OR REPLACE FUNCTION list_installation_admins() RETURNS TABLE (email text, language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.email, u.language FROM installation_admins i JOIN users u ON u.id = i.user_id WHERE u.status = 'active' ORDER BY u.email
$$;

-- Every company of the installation, for commands.
CREATE OR REPLACE FUNCTION list_companies() RETURNS TABLE (id uuid, name text, status text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.id, c.name, c.status, c.created_at FROM companies c WHERE NOT c.is_deleted ORDER BY c.name, c.id
$$;

-- Opens a session of one hour for a command that acts as this user. Gives the user's id, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION open_command_session(p_email text, p_token_hash text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO sessions (user_id, token_hash, kind, expires_at)
  SELECT u.id, p_token_hash, 'command', clock_timestamp() + interval '1 hour'
  FROM users u WHERE u.email = lower(p_email) AND u.status = 'active'
  RETURNING user_id
$$;

-- True once a company exists: demo data is refused then.
CREATE OR REPLACE FUNCTION has_companies() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM companies)
$$;

-- The company with this name or id, for commands. No row when there is none.
CREATE OR REPLACE FUNCTION find_company(p_name_or_id text) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.id, c.name FROM companies c WHERE c.id::text = p_name_or_id OR lower(c.name) = lower(p_name_or_id) ORDER BY c.id LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION create_company(text, jsonb), put_user(text, text, text, text), put_membership(uuid, uuid, text),
  open_command_session(text, text), has_companies(), find_company(text), find_account(text), put_password(text, text), mark_password_given(text),
  anonymise_account(text), set_account_status(text, text), put_installation_admin(text, boolean),
  list_installation_admins(), list_companies() TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
GRANT INSERT ON companies TO record_keeper;
CREATE OR REPLACE TRIGGER trigger_020_check_last_admin BEFORE UPDATE ON user_company_roles
  FOR EACH ROW EXECUTE FUNCTION keep_last_admin();
DROP FUNCTION IF EXISTS check_last_admin();
