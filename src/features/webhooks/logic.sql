-- Owns: webhooks, webhook_secrets, webhook_progress, webhook_deliveries. What is sent to whom, signed, in order, again until it arrives.

-- At most twenty for a company; switched on again, a webhook forgets why it was switched off.
CREATE OR REPLACE FUNCTION keep_webhook() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND (SELECT count(*) FROM webhooks w WHERE w.company_id = NEW.company_id AND NOT w.is_deleted) >= 20 THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'webhooks_limit', MESSAGE = 'too many webhooks';
  END IF;
  IF NEW.is_active THEN
    NEW.disabled_at := NULL;
    NEW.disabled_reason := NULL;
  ELSIF NEW.disabled_reason IS NOT NULL AND NEW.disabled_at IS NULL THEN
    NEW.disabled_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION keep_webhook() TO application_user, record_keeper;
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_005_keep_webhook BEFORE INSERT OR UPDATE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION keep_webhook();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION record_change('webhook');

-- === grants and policies: for admins alone, since what is sent is all that happens in the company =======================
GRANT SELECT, INSERT (company_id, name, url, event_types), UPDATE (name, url, event_types, is_active, is_deleted, version) ON webhooks TO application_user;
GRANT SELECT (company_id, webhook_id, transaction_id, sequence, failures, next_attempt_at, last_delivered_at) ON webhook_progress TO application_user;
GRANT SELECT ON webhook_deliveries TO application_user;
GRANT SELECT, UPDATE ON webhooks TO record_keeper;
GRANT SELECT, INSERT, UPDATE ON webhook_secrets, webhook_progress TO record_keeper;
GRANT SELECT, INSERT, DELETE ON webhook_deliveries TO record_keeper;
DROP POLICY IF EXISTS webhooks_select ON webhooks;
CREATE POLICY webhooks_select ON webhooks FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS webhooks_insert ON webhooks;
CREATE POLICY webhooks_insert ON webhooks FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS webhooks_update ON webhooks;
CREATE POLICY webhooks_update ON webhooks FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS webhook_progress_select ON webhook_progress;
CREATE POLICY webhook_progress_select ON webhook_progress FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS webhook_deliveries_select ON webhook_deliveries;
CREATE POLICY webhook_deliveries_select ON webhook_deliveries FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
DROP POLICY IF EXISTS webhooks_keeper ON webhooks;
CREATE POLICY webhooks_keeper ON webhooks TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS webhook_secrets_keeper ON webhook_secrets;
CREATE POLICY webhook_secrets_keeper ON webhook_secrets TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS webhook_progress_keeper ON webhook_progress;
CREATE POLICY webhook_progress_keeper ON webhook_progress TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS webhook_deliveries_keeper ON webhook_deliveries;
CREATE POLICY webhook_deliveries_keeper ON webhook_deliveries TO record_keeper USING (true) WITH CHECK (true);

-- === as record_keeper =====================================================================================================
SET LOCAL ROLE record_keeper;

-- AFTER INSERT OR UPDATE on webhooks: a new one begins with what happens from now on; one switched on again tries at once.
CREATE OR REPLACE FUNCTION keep_webhook_progress() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_mark text := (SELECT e.server_mark FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1);
  v_last record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT v.transaction_id, v.sequence INTO v_last FROM list_feed_spans('0'::xid8, 0) s CROSS JOIN LATERAL (
      SELECT d.transaction_id, d.sequence FROM domain_events d
      WHERE d.company_id = NEW.company_id AND d.transaction_id < s.before AND d.sequence > s.above AND d.sequence <= s.up_to
      ORDER BY d.transaction_id DESC, d.sequence DESC LIMIT 1) v ORDER BY s.place DESC LIMIT 1;
    INSERT INTO webhook_progress (company_id, webhook_id, transaction_id, sequence, server_mark)
    VALUES (NEW.company_id, NEW.id, coalesce(v_last.transaction_id, '0'::xid8), coalesce(v_last.sequence, 0), v_mark);
  ELSIF NEW.is_active AND NOT OLD.is_active THEN
    UPDATE webhook_progress SET failures = 0, next_attempt_at = clock_timestamp(), server_mark = v_mark
    WHERE company_id = NEW.company_id AND webhook_id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION keep_webhook_progress() TO bitcorp_owner;

-- HMAC (RFC 2104) with SHA-256. Keys here are 32 bytes, shorter than the block of 64.
CREATE OR REPLACE FUNCTION hmac_sha256(p_key bytea, p_data bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  v_inner bytea := decode(repeat('36', 64), 'hex');
  v_outer bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  FOR i IN 0 .. length(p_key) - 1 LOOP
    v_inner := set_byte(v_inner, i, get_byte(v_inner, i) # get_byte(p_key, i));
    v_outer := set_byte(v_outer, i, get_byte(v_outer, i) # get_byte(p_key, i));
  END LOOP;
  RETURN sha256(v_outer || sha256(v_inner || p_data));
END
$$;

-- The header webhook-signature of Standard Webhooks: one signature, and for a day after a renewal also that of the secret before.
-- For the functions below alone, which sign what they made themselves.
CREATE OR REPLACE FUNCTION sign_webhook_message(p_company_id uuid, p_webhook_id uuid, p_message_id text, p_sent_at bigint, p_body text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg('v1,' || encode(hmac_sha256(decode(substr(k.secret, 7), 'base64'), convert_to(p_message_id || '.' || p_sent_at || '.' || p_body, 'UTF8')), 'base64'), ' ' ORDER BY k.n)
  FROM webhook_secrets s CROSS JOIN LATERAL (VALUES (1, s.secret), (2, CASE WHEN s.previous_until > clock_timestamp() THEN s.previous_secret END)) k (n, secret)
  WHERE s.company_id = p_company_id AND s.webhook_id = p_webhook_id AND k.secret IS NOT NULL
$$;

-- Makes a new secret and gives it, this once. The one before also signs for another day. NULL: no such webhook for this admin.
CREATE OR REPLACE FUNCTION renew_webhook_secret(p_webhook_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_company_id uuid := (SELECT w.company_id FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted);
  v_secret text := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
BEGIN
  IF v_company_id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO webhook_secrets AS s (company_id, webhook_id, secret) VALUES (v_company_id, p_webhook_id, v_secret)
  ON CONFLICT (company_id, webhook_id) DO UPDATE
    SET previous_secret = s.secret, previous_until = clock_timestamp() + interval '1 day', secret = excluded.secret;
  PERFORM record_audit('webhook', p_webhook_id, 'secret_renewed', '{}');
  RETURN v_secret;
END
$$;

-- A signed test event for one webhook of this admin; nothing when there is none such.
CREATE OR REPLACE FUNCTION make_webhook_test(p_webhook_id uuid) RETURNS TABLE (url text, message_id text, sent_at bigint, body text, signature text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
  SELECT m.url, m.message_id, m.sent_at, m.body, sign_webhook_message(m.company_id, m.id, m.message_id, m.sent_at, m.body)
  FROM (SELECT w.company_id, w.id, w.url::text, 'test_' || gen_random_uuid() AS message_id, extract(epoch FROM clock_timestamp())::bigint AS sent_at,
      jsonb_build_object('type', 'webhook_test', 'timestamp', clock_timestamp(), 'data', jsonb_build_object('company_id', w.company_id, 'webhook_id', w.id))::text AS body
    FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted) m
$$;

-- Writes down how a test of this admin's went.
CREATE OR REPLACE FUNCTION record_webhook_test(p_webhook_id uuid, p_delivered boolean, p_code integer, p_text text, p_error text, p_ms integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO webhook_deliveries (company_id, webhook_id, event_type, attempt, status, response_code, response_text, error, duration_ms)
  SELECT w.company_id, w.id, 'webhook_test', 1, CASE WHEN p_delivered THEN 'delivered' ELSE 'failed' END, p_code, left(p_text, 500), left(p_error, 50), p_ms
  FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted
$$;

-- Sets a webhook of this admin back: the event of this position comes next, and all behind it again. NULL: from the first event.
-- Gives 'done'; 'no webhook' or 'no event' when there is none such.
CREATE OR REPLACE FUNCTION replay_webhook(p_webhook_id uuid, p_transaction xid8, p_sequence bigint, p_mark text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_company_id uuid := (SELECT w.company_id FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted);
  v_above bigint := coalesce((SELECT max(e.last_sequence) FROM event_feed_epochs e WHERE e.last_sequence < p_sequence), 0);
BEGIN
  IF v_company_id IS NULL THEN
    RETURN 'no webhook';
  ELSIF p_sequence IS NOT NULL AND NOT EXISTS (SELECT FROM domain_events v WHERE v.company_id = v_company_id
      AND v.transaction_id = p_transaction AND v.sequence = p_sequence AND right(v.id::text, 12) = p_mark) THEN
    RETURN 'no event';
  END IF;
  -- The first event of an epoch has its place before it in the same epoch.
  UPDATE webhook_progress SET failures = 0, next_attempt_at = clock_timestamp(), claim = NULL, claimed_until = NULL, claimed_event_id = NULL,
    transaction_id = CASE WHEN p_sequence - 1 > v_above THEN p_transaction ELSE '0'::xid8 END,
    sequence = CASE WHEN p_sequence - 1 > v_above THEN p_sequence - 1 WHEN v_above > 0 THEN v_above + 1 ELSE 0 END
  WHERE company_id = v_company_id AND webhook_id = p_webhook_id;
  PERFORM record_audit('webhook', p_webhook_id, 'replayed', jsonb_build_object('from', coalesce(p_transaction || '-' || p_sequence || '-' || p_mark, '0-0')));
  RETURN 'done';
END
$$;
GRANT EXECUTE ON FUNCTION renew_webhook_secret(uuid), make_webhook_test(uuid), record_webhook_test(uuid, boolean, integer, text, text, integer),
  replay_webhook(uuid, xid8, bigint, text) TO application_user;

-- Switches a webhook off and says why.
CREATE OR REPLACE FUNCTION disable_webhook(p_company_id uuid, p_webhook_id uuid, p_reason text) RETURNS void
LANGUAGE sql AS $$
  UPDATE webhooks SET is_active = false, disabled_reason = p_reason WHERE company_id = p_company_id AND id = p_webhook_id AND is_active
$$;

-- Takes the next message that is due, of any company, for p_seconds; nothing when none is. Rows that another server looks at are passed by.
-- Each webhook's events go out one after the other, so that they keep their order. For the owner's job alone: it shows events.
CREATE OR REPLACE FUNCTION claim_webhook_delivery(p_seconds integer) RETURNS TABLE (claim uuid, url text, message_id text, sent_at bigint, body text, signature text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_mark text := (SELECT e.server_mark FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1);
  v_hook record;
  v_event record;
BEGIN
  FOR v_hook IN
    SELECT p.company_id, p.webhook_id, p.transaction_id, p.sequence, p.server_mark, w.url, w.event_types
    FROM webhook_progress p JOIN webhooks w ON w.company_id = p.company_id AND w.id = p.webhook_id AND w.is_active AND NOT w.is_deleted
    JOIN companies co ON co.id = p.company_id AND co.status = 'active' AND NOT co.is_deleted
    WHERE p.next_attempt_at <= clock_timestamp() AND (p.claimed_until IS NULL OR p.claimed_until <= clock_timestamp())
    ORDER BY p.next_attempt_at FOR UPDATE OF p SKIP LOCKED
  LOOP
    -- A copy of the database on another server does not speak to the receivers of the original by itself.
    IF v_hook.server_mark IS DISTINCT FROM v_mark THEN
      PERFORM disable_webhook(v_hook.company_id, v_hook.webhook_id, 'moved');
      CONTINUE;
    END IF;
    FOR v_event IN
      SELECT v.*, v.transaction_id || '-' || v.sequence || '-' || right(v.id::text, 12) AS position
      FROM list_feed_spans(v_hook.transaction_id, v_hook.sequence) s CROSS JOIN LATERAL (
        SELECT * FROM domain_events d
        WHERE d.company_id = v_hook.company_id AND d.transaction_id < s.before
          AND (d.transaction_id, d.sequence) > (s.from_transaction, s.from_sequence) AND d.sequence > s.above AND d.sequence <= s.up_to
        ORDER BY d.transaction_id, d.sequence LIMIT 500) v
      ORDER BY s.place, v.transaction_id, v.sequence LIMIT 500
    LOOP
      IF v_hook.event_types = '{}' OR v_event.event_type = ANY (v_hook.event_types) THEN
        claim := gen_random_uuid();
        url := v_hook.url;
        message_id := v_event.id::text;
        sent_at := extract(epoch FROM clock_timestamp())::bigint;
        body := jsonb_build_object('type', v_event.event_type, 'timestamp', v_event.occurred_at, 'data', jsonb_build_object('position', v_event.position,
          'company_id', v_event.company_id, 'id', v_event.id, 'aggregate_id', v_event.aggregate_id, 'aggregate_type', v_event.aggregate_type, 'event_type', v_event.event_type,
          'event_version', v_event.event_version, 'event_data', v_event.event_data, 'metadata', v_event.metadata, 'occurred_at', v_event.occurred_at,
          'recorded_by', v_event.recorded_by))::text;
        signature := sign_webhook_message(v_hook.company_id, v_hook.webhook_id, message_id, sent_at, body);
        UPDATE webhook_progress p SET claim = claim_webhook_delivery.claim, claimed_until = clock_timestamp() + make_interval(secs => p_seconds), claimed_event_id = v_event.id
        WHERE p.company_id = v_hook.company_id AND p.webhook_id = v_hook.webhook_id;
        RETURN NEXT;
        RETURN;
      END IF;
      -- Not for this webhook: passed by for good.
      UPDATE webhook_progress p SET transaction_id = v_event.transaction_id, sequence = v_event.sequence
      WHERE p.company_id = v_hook.company_id AND p.webhook_id = v_hook.webhook_id;
    END LOOP;
  END LOOP;
END
$$;

-- Ends a claim: delivered, the next event may go; failed, it waits longer each time, and after the thirteenth try (about 29 hours)
-- or when the receiver says 410 the webhook is switched off. False: the claim had run out, and somebody else has it now.
CREATE OR REPLACE FUNCTION finish_webhook_delivery(p_claim uuid, p_delivered boolean, p_code integer, p_text text, p_error text, p_ms integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_progress webhook_progress;
  v_event domain_events;
  v_last boolean;
  v_next timestamptz;
BEGIN
  SELECT p.* INTO v_progress FROM webhook_progress p WHERE p.claim = p_claim FOR UPDATE;
  IF v_progress.claim IS NULL THEN
    RETURN false;
  END IF;
  SELECT v.* INTO v_event FROM domain_events v WHERE v.company_id = v_progress.company_id AND v.id = v_progress.claimed_event_id;
  v_last := NOT p_delivered AND (p_code = 410 OR v_progress.failures + 1 >= 13) IS TRUE;
  IF NOT p_delivered AND NOT v_last THEN
    v_next := clock_timestamp() + make_interval(secs => least(5 * 3 ^ v_progress.failures, 21600) * (0.8 + 0.4 * random()));
  END IF;
  INSERT INTO webhook_deliveries (company_id, webhook_id, event_id, event_type, position, attempt, status, response_code, response_text, error, duration_ms, next_attempt_at)
  VALUES (v_progress.company_id, v_progress.webhook_id, v_event.id, v_event.event_type,
    v_event.transaction_id || '-' || v_event.sequence || '-' || right(v_event.id::text, 12), v_progress.failures + 1,
    CASE WHEN p_delivered THEN 'delivered' ELSE 'failed' END, p_code, left(p_text, 500), left(p_error, 50), p_ms, v_next);
  UPDATE webhook_progress SET claim = NULL, claimed_until = NULL, claimed_event_id = NULL,
    transaction_id = CASE WHEN p_delivered THEN v_event.transaction_id ELSE transaction_id END,
    sequence = CASE WHEN p_delivered THEN v_event.sequence ELSE sequence END,
    failures = CASE WHEN p_delivered THEN 0 ELSE failures + 1 END,
    next_attempt_at = coalesce(v_next, clock_timestamp()),
    last_delivered_at = CASE WHEN p_delivered THEN clock_timestamp() ELSE last_delivered_at END
  WHERE company_id = v_progress.company_id AND webhook_id = v_progress.webhook_id;
  IF v_last THEN
    PERFORM disable_webhook(v_progress.company_id, v_progress.webhook_id, CASE WHEN p_code = 410 THEN 'gone' ELSE 'failed' END);
  END IF;
  RETURN true;
END
$$;

-- Throws away tries older than thirty days, and secrets that no longer sign. Gives how many tries.
CREATE OR REPLACE FUNCTION prune_webhooks() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_count integer;
BEGIN
  UPDATE webhook_secrets SET previous_secret = NULL, previous_until = NULL WHERE previous_until <= clock_timestamp();
  DELETE FROM webhook_deliveries WHERE attempted_at < clock_timestamp() - interval '30 days';
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;
GRANT EXECUTE ON FUNCTION claim_webhook_delivery(integer), finish_webhook_delivery(uuid, boolean, integer, text, text, integer), prune_webhooks() TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
CREATE OR REPLACE TRIGGER trigger_910_keep_webhook_progress AFTER INSERT OR UPDATE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION keep_webhook_progress();
