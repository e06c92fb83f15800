-- Owns: totp_secrets, recovery_codes. The code of an app that an account demands beside its password.

GRANT SELECT, INSERT, UPDATE, DELETE ON totp_secrets, recovery_codes TO record_keeper;
DROP POLICY IF EXISTS totp_secrets_keeper ON totp_secrets;
CREATE POLICY totp_secrets_keeper ON totp_secrets TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS recovery_codes_keeper ON recovery_codes;
CREATE POLICY recovery_codes_keeper ON recovery_codes TO record_keeper USING (true) WITH CHECK (true);

-- === as record_keeper: no table of this room is granted to who serves ====================================================
SET LOCAL ROLE record_keeper;

-- Who is calling with a session; a token may not touch the account. Error BC401.
CREATE OR REPLACE FUNCTION require_own_session() RETURNS caller_account
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
BEGIN
  IF v_caller.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  END IF;
  RETURN v_caller;
END
$$;

-- The sealed secret of an account that demands a code; no row for one that does not.
CREATE OR REPLACE FUNCTION find_totp(p_user_id uuid) RETURNS TABLE (key_id text, ciphertext bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.key_id, s.ciphertext FROM totp_secrets s WHERE s.user_id = p_user_id AND s.confirmed_at IS NOT NULL
$$;

-- Uses the code of this time step, once: true for the first who does. Codes of earlier steps are over with it.
CREATE OR REPLACE FUNCTION use_totp_step(p_user_id uuid, p_step bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE totp_secrets s SET last_step = p_step WHERE s.user_id = p_user_id AND s.confirmed_at IS NOT NULL AND s.last_step < p_step;
  RETURN FOUND;
END
$$;

-- Uses a recovery code, once. p_code_hash: hex SHA-256 of the code without its dashes.
CREATE OR REPLACE FUNCTION use_recovery_code(p_user_id uuid, p_code_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE recovery_codes c SET used_at = clock_timestamp()
  FROM totp_secrets s WHERE c.user_id = p_user_id AND c.code_hash = p_code_hash AND c.used_at IS NULL AND s.user_id = c.user_id AND s.confirmed_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM record_account_audit(p_user_id, 'recovery_code_used', '{}');
  RETURN true;
END
$$;

-- Whether the caller's account demands a code, since when, and how many recovery codes are left.
CREATE OR REPLACE FUNCTION get_own_totp() RETURNS TABLE (is_active boolean, active_since timestamptz, recovery_codes_left integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.confirmed_at IS NOT NULL, s.confirmed_at,
    (SELECT count(*)::int FROM recovery_codes c WHERE c.user_id = s.user_id AND c.used_at IS NULL)
  FROM caller_account a LEFT JOIN totp_secrets s ON s.user_id = a.user_id
$$;

-- Keeps a sealed secret that is not active yet, in the place of one that never became so. Error totp_active when one is.
CREATE OR REPLACE FUNCTION begin_totp(p_key_id text, p_ciphertext bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  INSERT INTO totp_secrets AS s (user_id, key_id, ciphertext) VALUES (v_user_id, p_key_id, p_ciphertext)
  ON CONFLICT (user_id) DO UPDATE SET key_id = excluded.key_id, ciphertext = excluded.ciphertext, created_at = clock_timestamp() WHERE s.confirmed_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'totp_active', MESSAGE = 'a second factor is active';
  END IF;
END
$$;

-- The caller's sealed secret that waits for its first code; for an hour.
CREATE OR REPLACE FUNCTION find_pending_totp() RETURNS TABLE (user_id uuid, key_id text, ciphertext bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.user_id, s.key_id, s.ciphertext FROM caller_account a JOIN totp_secrets s ON s.user_id = a.user_id
  WHERE a.scopes IS NULL AND s.confirmed_at IS NULL AND s.created_at > clock_timestamp() - interval '1 hour'
$$;

-- Puts these recovery codes in the place of those before. Not granted to anyone.
CREATE OR REPLACE FUNCTION put_recovery_codes(p_user_id uuid, p_hashes text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM recovery_codes c WHERE c.user_id = p_user_id;
  INSERT INTO recovery_codes (user_id, code_hash) SELECT p_user_id, unnest(p_hashes)
$$;

-- The first code was right: from now on the account demands one. Ends all other sessions, which were opened without. p_ciphertext is
-- the secret that was looked at: another one that took its place meanwhile is not confirmed. Error totp_not_begun.
CREATE OR REPLACE FUNCTION confirm_totp(p_ciphertext bytea, p_step bigint, p_hashes text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller_account := require_own_session();
BEGIN
  UPDATE totp_secrets s SET confirmed_at = clock_timestamp(), last_step = p_step
  WHERE s.user_id = v_caller.user_id AND s.confirmed_at IS NULL AND s.ciphertext = p_ciphertext;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'totp_not_begun', MESSAGE = 'nothing waits for a code';
  END IF;
  PERFORM put_recovery_codes(v_caller.user_id, p_hashes);
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_caller.user_id AND s.id <> v_caller.session_id AND s.ended_at IS NULL;
  PERFORM record_account_audit(v_caller.user_id, 'totp_enabled', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$$;

-- New recovery codes; those before are over.
CREATE OR REPLACE FUNCTION renew_recovery_codes(p_hashes text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  PERFORM put_recovery_codes(v_user_id, p_hashes);
  PERFORM record_account_audit(v_user_id, 'recovery_codes_renewed', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$$;

-- Takes the secret and the codes away. Not granted to anyone.
CREATE OR REPLACE FUNCTION erase_totp(p_user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM recovery_codes c WHERE c.user_id = p_user_id;
  DELETE FROM totp_secrets s WHERE s.user_id = p_user_id;
  RETURN FOUND;
END
$$;

-- The caller's account demands no code any more.
CREATE OR REPLACE FUNCTION end_totp() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  IF erase_totp(v_user_id) THEN
    PERFORM record_account_audit(v_user_id, 'totp_disabled', nullif(current_setting('app.request_metadata', true), '')::jsonb);
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION find_totp(uuid), use_totp_step(uuid, bigint), use_recovery_code(uuid, text), get_own_totp(), begin_totp(text, bytea), find_pending_totp(),
  confirm_totp(bytea, bigint, text[]), renew_recovery_codes(text[]), end_totp() TO application_user;

-- === as record_keeper, for the installation's owner alone ==================================================================

-- For a person who lost app and codes. Gives 'off', 'none' when the account demanded no code, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION put_totp_off(p_email text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
BEGIN
  IF v_user_id IS NULL THEN
    RETURN NULL;
  ELSIF NOT erase_totp(v_user_id) THEN
    RETURN 'none';
  END IF;
  PERFORM record_account_audit(v_user_id, 'totp_disabled', '{"source": "command"}');
  RETURN 'off';
END
$$;

-- The next secrets that are not under this key, after the person given, for rotation.
CREATE OR REPLACE FUNCTION list_totp_under_other_keys(p_key_id text, p_after_id uuid, p_limit integer) RETURNS TABLE (user_id uuid, key_id text, ciphertext bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.user_id, s.key_id, s.ciphertext FROM totp_secrets s WHERE s.key_id <> p_key_id AND s.user_id > p_after_id ORDER BY s.user_id LIMIT least(p_limit, 1000)
$$;

-- Puts the same secret under another key, unless it was changed since it was read. True when it was put there.
CREATE OR REPLACE FUNCTION reencrypt_totp(p_user_id uuid, p_old_ciphertext bytea, p_key_id text, p_ciphertext bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE totp_secrets s SET key_id = p_key_id, ciphertext = p_ciphertext WHERE s.user_id = p_user_id AND s.ciphertext = p_old_ciphertext;
  RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION put_totp_off(text), list_totp_under_other_keys(text, uuid, integer), reencrypt_totp(uuid, bytea, text, bytea) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
