-- Owns: domain_events, audit_logs, audit_chain, event_feed_epochs. Written by record_change and chain_audit_logs; nobody changes or removes a row.
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON domain_events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON domain_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON audit_chain
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON domain_events, audit_logs TO application_user, reporting_user;
-- Every member sees what happened to a machine; the rest (people, tokens, company) is for admins and managers.
DROP POLICY IF EXISTS domain_events_select ON domain_events;
CREATE POLICY domain_events_select ON domain_events FOR SELECT TO application_user, reporting_user USING (
  company_id = (SELECT c.company_id FROM caller c)
  AND (subject_id IS NOT NULL OR company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager'))));
DROP POLICY IF EXISTS audit_logs_select ON audit_logs;
CREATE POLICY audit_logs_select ON audit_logs FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));

-- === as record_keeper: the chain of the audit ========================================================================
-- Admins read their company's links, so that an export carries them and a check can be made by the page.
GRANT SELECT ON audit_chain TO application_user;
DROP POLICY IF EXISTS audit_chain_select ON audit_chain;
CREATE POLICY audit_chain_select ON audit_chain FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));
GRANT SELECT, INSERT ON audit_chain TO record_keeper;
GRANT SELECT, UPDATE ON audit_chain_progress TO record_keeper;
DROP POLICY IF EXISTS audit_chain_keeper ON audit_chain;
CREATE POLICY audit_chain_keeper ON audit_chain TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS audit_chain_progress_keeper ON audit_chain_progress;
CREATE POLICY audit_chain_progress_keeper ON audit_chain_progress TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;

-- What a link's hash is made of beside the hash before it: the row as the text of a JSON list. Never changed: chains made by it
-- would no longer verify. A new form would carry another mark than v1.
CREATE OR REPLACE FUNCTION write_audit_row(p_position bigint, p_chained_at timestamptz, p_row audit_logs) RETURNS text
LANGUAGE sql STABLE
RETURN jsonb_build_array('v1', p_position,
  to_char(p_chained_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), (p_row).company_id, (p_row).id, (p_row).entity_type, (p_row).entity_id,
  (p_row).action, (p_row).user_id, (p_row).old_values, (p_row).new_values, (p_row).metadata,
  to_char((p_row).created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), (p_row).transaction_id::text)::text;

-- The hash of one link, as hex: SHA-256 of the hash before it, a space, and what write_audit_row gives.
CREATE OR REPLACE FUNCTION hash_audit_row(p_previous text, p_position bigint, p_chained_at timestamptz, p_row audit_logs) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(p_previous || ' ' || write_audit_row(p_position, p_chained_at, p_row), 'UTF8')), 'hex');

-- Which of a company's links p_from to p_from + p_limit - 1 are not what they must be, at most a hundred of them: each against the
-- stored one before it, so that one bad row is one fault and not all that follow. Sees what the caller may see.
CREATE OR REPLACE FUNCTION list_audit_faults(p_company_id uuid, p_from bigint, p_limit integer)
RETURNS TABLE (rule text, "position" bigint, audit_id uuid, found text, expected text)
LANGUAGE sql STABLE ROWS 10 AS $$
  SELECT f.rule, f.position, f.audit_id, f.found, f.expected FROM (
    SELECT c.position, c.audit_id, c.hash AS found, h.hash AS expected, CASE
      WHEN c.position <> coalesce(c.last_position, 0) + 1 THEN 'link_missing'
      WHEN l.id IS NULL THEN 'row_missing'
      WHEN c.hash <> h.hash THEN 'row_or_place_changed'
      WHEN l.created_at < c.last_at - interval '1 hour' THEN 'row_backdated' END AS rule
    FROM (SELECT c.*, lag(c.position) OVER w AS last_position, lag(c.hash) OVER w AS last_hash, lag(c.chained_at) OVER w AS last_at
          FROM audit_chain c WHERE c.company_id = p_company_id AND c.position >= p_from - 1 AND c.position < p_from + p_limit WINDOW w AS (ORDER BY c.position)) c
    LEFT JOIN audit_logs l ON l.company_id = c.company_id AND l.id = c.audit_id
    CROSS JOIN LATERAL (SELECT CASE WHEN l.id IS NOT NULL THEN hash_audit_row(coalesce(c.last_hash, repeat('0', 64)), c.position, c.chained_at, l) END AS hash) h
    WHERE c.position >= p_from) f
  WHERE f.rule IS NOT NULL ORDER BY f.position LIMIT 100
$$;

-- Where the chain of the caller's company stands: its newest link, how many audit rows wait for theirs (10,001: more than ten
-- thousand), and the transaction below which every row of the installation has one. Nothing for who is no admin.
CREATE OR REPLACE FUNCTION get_audit_chain_state()
RETURNS TABLE (company_id uuid, name text, "position" bigint, hash text, chained_at timestamptz, waiting integer, chained_to xid8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 1 AS $$
  SELECT co.id, co.name, h.position, h.hash, h.chained_at,
    (SELECT count(*) FROM (SELECT FROM audit_logs l WHERE l.transaction_id >= p.chained_to AND l.company_id = co.id
      AND NOT EXISTS (SELECT FROM audit_chain k WHERE k.company_id = l.company_id AND k.audit_id = l.id) LIMIT 10001) w)::integer, p.chained_to
  FROM caller c JOIN companies co ON co.id = c.company_id CROSS JOIN audit_chain_progress p
  LEFT JOIN LATERAL (SELECT k.position, k.hash, k.chained_at FROM audit_chain k WHERE k.company_id = co.id ORDER BY k.position DESC LIMIT 1) h ON true
  WHERE c.role = 'admin'
$$;
GRANT EXECUTE ON FUNCTION write_audit_row(bigint, timestamptz, audit_logs), hash_audit_row(text, bigint, timestamptz, audit_logs),
  list_audit_faults(uuid, bigint, integer), get_audit_chain_state() TO application_user;

-- Chains the audit rows of finished transactions, at most p_limit (1 to 10000) of them, and gives how many it chained.
-- Writers only insert and never wait: a row of an open transaction cannot be seen here and is left for a later call, wherever
-- its place would have been. chained_to only bounds the search: below it no transaction is open and every row is chained.
CREATE OR REPLACE FUNCTION chain_audit_logs(p_limit integer DEFAULT 5000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_limit integer := least(greatest(p_limit, 1), 10000);
  v_from xid8;
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_link record;
  v_company_id uuid;
  v_position bigint;
  v_hash text;
  v_at timestamptz;
  v_last xid8;
  v_count integer := 0;
BEGIN
  -- Most calls find nothing to chain and nothing to leave behind: they take no lock and write nothing.
  SELECT p.chained_to INTO v_from FROM audit_chain_progress p;
  IF v_from <= v_horizon AND NOT EXISTS (SELECT FROM audit_logs l WHERE l.transaction_id >= v_from
      AND (l.transaction_id < v_horizon OR NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id))) THEN
    RETURN 0;
  END IF;
  SELECT p.chained_to INTO v_from FROM audit_chain_progress p FOR UPDATE;
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());
  -- A database loaded into another server counts its transactions anew: then everything is looked at once.
  IF v_from > v_horizon THEN
    v_from := '0';
  END IF;
  v_at := clock_timestamp();
  FOR v_link IN
    SELECT n.company_id, n.row, n.tx FROM (
      SELECT l.company_id, l.id, l.transaction_id AS tx, l AS row FROM audit_logs l
      WHERE l.transaction_id >= v_from
        AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id)
      ORDER BY l.transaction_id, l.id LIMIT v_limit) n
    ORDER BY n.company_id, n.tx, n.id
  LOOP
    IF v_company_id IS DISTINCT FROM v_link.company_id THEN
      v_company_id := v_link.company_id;
      SELECT c.position, c.hash INTO v_position, v_hash FROM audit_chain c WHERE c.company_id = v_company_id ORDER BY c.position DESC LIMIT 1;
    END IF;
    v_position := coalesce(v_position, 0) + 1;
    v_hash := hash_audit_row(coalesce(v_hash, repeat('0', 64)), v_position, v_at, v_link.row);
    INSERT INTO audit_chain (company_id, position, audit_id, hash, chained_at) VALUES (v_company_id, v_position, (v_link.row).id, v_hash, v_at);
    v_last := greatest(v_last, v_link.tx);
    v_count := v_count + 1;
  END LOOP;
  UPDATE audit_chain_progress SET chained_to = CASE WHEN v_count < v_limit THEN v_horizon ELSE least(v_last, v_horizon) END;
  RETURN v_count;
END
$$;
GRANT EXECUTE ON FUNCTION chain_audit_logs(integer) TO application_user, bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;

-- === as record_keeper: the order of events across servers ============================================================
GRANT SELECT, INSERT, UPDATE ON event_feed_epochs TO record_keeper;
DROP POLICY IF EXISTS event_feed_epochs_keeper ON event_feed_epochs;
CREATE POLICY event_feed_epochs_keeper ON event_feed_epochs TO record_keeper USING (true) WITH CHECK (true);

SET LOCAL ROLE record_keeper;

-- Sees whether the database was loaded into another server, and then begins a new epoch behind the events that came with it.
-- Gives whether the server is another one. Events written before this was called are placed rightly: their sequence goes on.
CREATE OR REPLACE FUNCTION renew_event_feed() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_mark text := (SELECT s.system_identifier FROM pg_control_system() s) || '/' || (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  v_epoch integer;
  v_known text;
  v_last bigint;
BEGIN
  SELECT e.epoch, e.server_mark INTO v_epoch, v_known FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1;
  IF v_known = v_mark THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('event feed epoch', 0));
  SELECT e.epoch, e.server_mark INTO v_epoch, v_known FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1;
  IF v_known = v_mark THEN
    RETURN false;
  END IF;
  -- No transaction of this server can have written these.
  SELECT max(v.sequence) INTO v_last FROM domain_events v WHERE v.transaction_id >= pg_snapshot_xmax(pg_current_snapshot());
  IF v_epoch IS NULL OR v_last IS NOT NULL THEN
    INSERT INTO event_feed_epochs (epoch, server_mark, last_sequence) VALUES (coalesce(v_epoch, 0) + 1, v_mark, coalesce(v_last, 0));
  ELSE
    UPDATE event_feed_epochs SET server_mark = v_mark WHERE epoch = v_epoch;
  END IF;
  RETURN v_known IS NOT NULL;
END
$$;

-- The stretches of the feed from a position on, in order: events above one sequence and up to another, of transactions before
-- `before`, behind (from_transaction, from_sequence). More than one only after the database came from another server.
-- Numbers alone: what a caller may read of it is for the policies of domain_events.
CREATE OR REPLACE FUNCTION list_feed_spans(p_transaction xid8, p_sequence bigint)
RETURNS TABLE (place integer, above bigint, up_to bigint, before xid8, from_transaction xid8, from_sequence bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 1 AS $$
  WITH bound AS (
    SELECT 0::bigint AS above UNION SELECT e.last_sequence FROM event_feed_epochs e
  ), span AS (
    SELECT b.above, lead(b.above, 1, 9223372036854775807) OVER (ORDER BY b.above) AS up_to FROM bound b
  ), numbered AS (
    SELECT (row_number() OVER (ORDER BY s.above))::integer AS place, s.* FROM span s WHERE s.up_to >= p_sequence
  )
  SELECT n.place, n.above, n.up_to,
    CASE WHEN n.up_to = 9223372036854775807 THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE '18446744073709551615'::xid8 END,
    CASE WHEN n.place = 1 THEN p_transaction ELSE '0'::xid8 END, CASE WHEN n.place = 1 THEN p_sequence ELSE 0 END
  FROM numbered n ORDER BY n.place
$$;
GRANT EXECUTE ON FUNCTION renew_event_feed(), list_feed_spans(xid8, bigint) TO application_user, bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;

-- For a server with many who follow: of these credentials in these companies, which may still read the feed, and where it stands
-- for them. One statement for all. It shows no more than each of them may see; those who may not are left out.
CREATE OR REPLACE FUNCTION watch_event_feed(p_credentials text[], p_companies uuid[]) RETURNS TABLE (place integer, head text)
LANGUAGE plpgsql AS $$
DECLARE
  v_company_id uuid;
BEGIN
  FOR v_place IN 1 .. cardinality(p_credentials) LOOP
    PERFORM identify_caller(p_credentials[v_place], p_companies[v_place]);
    IF EXISTS (SELECT FROM caller c WHERE c.role IN ('admin', 'manager')) THEN
      place := v_place;
      IF v_company_id IS DISTINCT FROM p_companies[v_place] THEN
        v_company_id := p_companies[v_place];
        head := (SELECT v.transaction_id || '-' || v.sequence FROM domain_events v
          WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY v.transaction_id DESC, v.sequence DESC LIMIT 1);
      END IF;
      RETURN NEXT;
    END IF;
  END LOOP;
  PERFORM identify_caller(NULL, NULL);
END
$$;
GRANT EXECUTE ON FUNCTION watch_event_feed(text[], uuid[]) TO application_user;
