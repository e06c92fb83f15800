-- Owns: sign_in_throttles, known_devices. How often a password may be tried, which browsers are known, and where a person is signed in.

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_throttles, known_devices TO record_keeper;
DROP POLICY IF EXISTS sign_in_throttles_keeper ON sign_in_throttles;
CREATE POLICY sign_in_throttles_keeper ON sign_in_throttles TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS known_devices_keeper ON known_devices;
CREATE POLICY known_devices_keeper ON known_devices TO record_keeper USING (true) WITH CHECK (true);

-- === as record_keeper: no table of this room is granted to who serves ====================================================
SET LOCAL ROLE record_keeper;

-- How long after this many failures the next try must wait: nothing for nine, then 5 s, doubled each time; a minute at most for an
-- address, which many may share, a quarter of an hour for all else.
CREATE OR REPLACE FUNCTION get_sign_in_delay(p_scope text, p_failures integer) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN p_failures < 10 THEN interval '0'
    ELSE least(make_interval(secs => 5 * power(2, least(p_failures - 10, 20))), CASE p_scope WHEN 'address' THEN interval '1 minute' ELSE interval '15 minutes' END) END
$$;

-- How long without a try until the failures are forgotten.
CREATE OR REPLACE FUNCTION get_sign_in_memory(p_scope text) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE p_scope WHEN 'address' THEN interval '1 hour' ELSE interval '1 day' END
$$;

-- Takes one try for all these keys together, or for none. Gives 0, or the seconds to wait: then nothing was counted, so that trying
-- during the wait does not prolong it. The rows are locked in the order given: many at once cannot pass the count.
CREATE OR REPLACE FUNCTION take_try(p_scopes text[], p_keys text[], p_now timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_next timestamptz;
BEGIN
  -- Who must wait is turned away by a look alone: a flood of tries writes nothing.
  -- A count without a delay holds nobody, also who read the clock before the one that was counted meanwhile.
  SELECT max(t.next_try_at) INTO v_next FROM unnest(p_scopes, p_keys) k (scope, key_hash)
  JOIN sign_in_throttles t ON t.scope = k.scope AND t.key_hash = k.key_hash AND t.next_try_at > t.last_try_at;
  FOR i IN 1 .. CASE WHEN v_next > p_now THEN 0 ELSE cardinality(p_scopes) END LOOP
    INSERT INTO sign_in_throttles (scope, key_hash, failures, last_try_at, next_try_at) VALUES (p_scopes[i], p_keys[i], 0, p_now, p_now)
    ON CONFLICT DO NOTHING;
    SELECT CASE WHEN t.next_try_at > t.last_try_at THEN t.next_try_at END INTO v_next FROM sign_in_throttles t WHERE t.scope = p_scopes[i] AND t.key_hash = p_keys[i] FOR UPDATE;
    EXIT WHEN v_next > p_now;
  END LOOP;
  IF v_next > p_now THEN
    RETURN greatest(ceil(extract(epoch FROM v_next - greatest(p_now, clock_timestamp()))), 1);
  END IF;
  UPDATE sign_in_throttles t SET failures = c.failures, last_try_at = p_now, next_try_at = p_now + get_sign_in_delay(t.scope, c.failures)
  FROM (SELECT s.scope, s.key_hash, CASE WHEN s.last_try_at < p_now - get_sign_in_memory(s.scope) THEN 1 ELSE s.failures + 1 END AS failures
        FROM unnest(p_scopes, p_keys) k (scope, key_hash) JOIN sign_in_throttles s ON s.scope = k.scope AND s.key_hash = k.key_hash) c
  WHERE t.scope = c.scope AND t.key_hash = c.key_hash;
  RETURN 0;
END
$$;

-- Gives a try back: it was no failure. With p_forget the failures of the account or browser before it are forgotten too; those of an
-- address never are, or an intruder would clear them by signing in to an account of their own.
CREATE OR REPLACE FUNCTION give_try_back(p_scopes text[], p_keys text[], p_forget boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE sign_in_throttles t SET failures = CASE WHEN p_forget AND t.scope <> 'address' THEN 0 ELSE greatest(t.failures - 1, 0) END, next_try_at = t.last_try_at
  FROM unnest(p_scopes, p_keys) k (scope, key_hash) WHERE t.scope = k.scope AND t.key_hash = k.key_hash
$$;

CREATE OR REPLACE FUNCTION hash_key(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
$$;

-- What an address counts as: an IPv6 network of 64 bits is one place, an IPv4 address one, whatever way it is written.
CREATE OR REPLACE FUNCTION get_network(p_address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_address inet := regexp_replace(split_part(p_address, '%', 1), '^::ffff:(?=[0-9.]+$)', '', 'i')::inet;
BEGIN
  RETURN CASE family(v_address) WHEN 6 THEN network(set_masklen(v_address, 64))::text ELSE host(v_address) END;
EXCEPTION WHEN OTHERS THEN
  RETURN 'unknown';
END
$$;

-- What a sign-in counts against. A browser that this account signed in with before has a count of its own: whatever strangers do, its
-- owner gets in. Everyone else counts for the account, whether it exists or not, and for the address.
CREATE OR REPLACE FUNCTION list_sign_in_keys(p_email text, p_address text, p_device_hash text) RETURNS TABLE (scopes text[], keys text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN k.is_known THEN ARRAY['device'] ELSE ARRAY['address', 'account'] END,
    CASE WHEN k.is_known THEN ARRAY[hash_key(p_device_hash || ' ' || lower(p_email))] ELSE ARRAY[hash_key(get_network(p_address)), hash_key(lower(p_email))] END
  FROM (SELECT EXISTS (SELECT FROM known_devices d JOIN users u ON u.id = d.user_id
    WHERE u.email = lower(p_email) AND d.token_hash = p_device_hash AND d.last_used_at > clock_timestamp() - interval '180 days') AS is_known) k
$$;

-- Before a password is looked at: takes a try. Gives the seconds to wait (0: go on). Then, waiting for nobody, throws old counts away.
CREATE OR REPLACE FUNCTION begin_sign_in(p_email text, p_address text, p_device_hash text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_wait integer := (SELECT take_try(k.scopes, k.keys, clock_timestamp()) FROM list_sign_in_keys(p_email, p_address, p_device_hash) k);
BEGIN
  DELETE FROM sign_in_throttles t WHERE (t.scope, t.key_hash) IN (
    SELECT o.scope, o.key_hash FROM sign_in_throttles o WHERE o.last_try_at < clock_timestamp() - interval '1 day' ORDER BY o.last_try_at LIMIT 10 FOR UPDATE SKIP LOCKED);
  RETURN v_wait;
END
$$;

-- After it: the try was no failure. p_done false: the password is right, and a second factor is still to come.
CREATE OR REPLACE FUNCTION pass_sign_in(p_email text, p_address text, p_device_hash text, p_done boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT give_try_back(k.scopes, k.keys, p_done) FROM list_sign_in_keys(p_email, p_address, p_device_hash) k
$$;

-- The same for a signed-in person who gives their password again, before something that a stolen session must not do.
CREATE OR REPLACE FUNCTION begin_own_check() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT take_try(ARRAY['caller'], ARRAY[hash_key(a.user_id::text)], clock_timestamp()) FROM caller_account a WHERE a.scopes IS NULL
$$;
CREATE OR REPLACE FUNCTION pass_own_check() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT give_try_back(ARRAY['caller'], ARRAY[hash_key(a.user_id::text)], true) FROM caller_account a WHERE a.scopes IS NULL
$$;

-- Notes that this person signed in with this browser. The twenty last used stay.
CREATE OR REPLACE FUNCTION remember_device(p_user_id uuid, p_device_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM known_devices d WHERE d.user_id = p_user_id AND d.token_hash IN (
    SELECT o.token_hash FROM known_devices o WHERE o.user_id = p_user_id AND o.token_hash <> p_device_hash ORDER BY o.last_used_at DESC OFFSET 19);
  INSERT INTO known_devices (user_id, token_hash) VALUES (p_user_id, p_device_hash)
  ON CONFLICT (user_id, token_hash) DO UPDATE SET last_used_at = clock_timestamp()
$$;

-- A new password is a new beginning: no browser is known. Not granted to anyone.
CREATE OR REPLACE FUNCTION forget_devices(p_user_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM known_devices d WHERE d.user_id = p_user_id
$$;

-- Notes that the caller's session is in use, at most every five minutes.
CREATE OR REPLACE FUNCTION touch_session() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE sessions s SET last_seen_at = clock_timestamp()
  WHERE s.id = (SELECT a.session_id FROM caller_account a WHERE a.scopes IS NULL) AND coalesce(s.last_seen_at, s.created_at) < clock_timestamp() - interval '5 minutes'
$$;

-- Where the caller is signed in, the last used first. Needs a session, not a token.
CREATE OR REPLACE FUNCTION list_own_sessions() RETURNS TABLE (id uuid, kind text, ip_address text, user_agent text, created_at timestamptz, last_seen_at timestamptz, is_current boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.id, s.kind, s.ip_address, s.user_agent, s.created_at, coalesce(s.last_seen_at, s.created_at), s.id = a.session_id
  FROM caller_account a JOIN sessions s ON s.user_id = a.user_id
  WHERE a.scopes IS NULL AND s.ended_at IS NULL AND s.expires_at > clock_timestamp() AND coalesce(s.last_seen_at, s.created_at) > clock_timestamp() - interval '14 days'
  ORDER BY s.id = a.session_id DESC, coalesce(s.last_seen_at, s.created_at) DESC, s.id LIMIT 200
$$;

-- Ends one of the caller's sessions, or (p_session_id empty) all but the one they are using. Gives how many ended.
CREATE OR REPLACE FUNCTION end_own_sessions(p_session_id uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
  v_count integer;
BEGIN
  UPDATE sessions s SET ended_at = clock_timestamp()
  WHERE s.user_id = v_caller.user_id AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()
    AND CASE WHEN p_session_id IS NULL THEN s.id <> v_caller.session_id ELSE s.id = p_session_id END;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN
    PERFORM record_account_audit(v_caller.user_id, 'sessions_ended', nullif(current_setting('app.request_metadata', true), '')::jsonb || jsonb_build_object('count', v_count));
  END IF;
  RETURN v_count;
END
$$;
GRANT EXECUTE ON FUNCTION begin_sign_in(text, text, text), pass_sign_in(text, text, text, boolean), begin_own_check(), pass_own_check(), remember_device(uuid, text),
  touch_session(), list_own_sessions(), end_own_sessions(uuid) TO application_user;
SET LOCAL ROLE bitcorp_owner;
