-- Owns no table. What an import of a company needs: its owner, and nobody else, may insert the rows of the one company it names.

-- For the owner of the tables alone, who could switch row security off anyway: the name of the company guards against a slip of its own.
-- No other role is in these policies, so setting the name gives nobody else anything. Only what is missing is made: a policy made again
-- would lock its table.
DO $$
DECLARE
  v_table record;
BEGIN
  FOR v_table IN SELECT c.relname, c.relname || '_archive' AS policy, CASE c.relname WHEN 'companies' THEN 'id' ELSE 'company_id' END AS company
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND (c.relname = 'companies' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped))
        AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = c.relname || '_archive') LOOP
    EXECUTE format('CREATE POLICY %I ON %I FOR INSERT TO bitcorp_owner WITH CHECK (%I::text = current_setting(''app.imported_company'', true))',
      v_table.policy, v_table.relname, v_table.company);
  END LOOP;
END
$$;

-- === as record_keeper: what is made from the rows of a company that came in ==========================================
SET LOCAL ROLE record_keeper;

-- Builds the search of a company's machines, as keep_equipment_search does for each. For a company that has none yet.
CREATE OR REPLACE FUNCTION build_imported_search(p_company_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO equipment_search_documents (company_id, equipment_id, document)
  SELECT e.company_id, e.id, build_equipment_search_document(co.search_key, e) FROM equipment e JOIN companies co ON co.id = e.company_id WHERE e.company_id = p_company_id;
  INSERT INTO equipment_search_words (company_id, word)
  SELECT DISTINCT e.company_id, w.word FROM equipment e, regexp_split_to_table(
    normalize_search_text(concat_ws(' ', e.name, e.manufacturer, e.model, array_to_string(e.tags, ' '), e.location)), '[^a-z0-9]+') AS w (word)
  WHERE e.company_id = p_company_id AND w.word ~ '[a-z]' AND length(w.word) BETWEEN 4 AND 100 ORDER BY 2
$$;

-- What stayed behind on purpose is said in the records of the company that came in, as changes of today: tokens that open nothing are revoked,
-- tax ids that are not here are not claimed, and webhooks wait, behind the events that came in, for an admin who gives them a secret.
CREATE OR REPLACE FUNCTION settle_imported_company(p_company_id uuid, p_metadata jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM set_config('app.request_metadata', p_metadata::text, true);
  INSERT INTO webhook_progress (company_id, webhook_id, transaction_id, sequence, server_mark)
  SELECT w.company_id, w.id, v.transaction_id, v.sequence, 'imported'
  FROM webhooks w CROSS JOIN LATERAL (SELECT d.transaction_id, d.sequence FROM domain_events d WHERE d.company_id = w.company_id
    ORDER BY d.transaction_id DESC, d.sequence DESC LIMIT 1) v WHERE w.company_id = p_company_id;
  INSERT INTO webhook_secrets (company_id, webhook_id, secret)
  SELECT w.company_id, w.id, 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(w.id)), 'base64')
  FROM webhooks w WHERE w.company_id = p_company_id;
  PERFORM disable_webhook(w.company_id, w.id, 'moved') FROM webhooks w WHERE w.company_id = p_company_id;
  UPDATE api_tokens t SET revoked_at = clock_timestamp() WHERE t.company_id = p_company_id AND t.revoked_at IS NULL;
  UPDATE companies co SET tax_id_changed_at = NULL WHERE co.id = p_company_id AND co.tax_id_changed_at IS NOT NULL;
  UPDATE user_company_roles r SET tax_id_changed_at = NULL WHERE r.company_id = p_company_id AND r.tax_id_changed_at IS NOT NULL;
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, metadata) VALUES (p_company_id, 'company', p_company_id, 'imported', p_metadata);
END
$$;

-- Notes in the audit that a company's data left in an archive.
CREATE OR REPLACE FUNCTION record_company_export(p_company_id uuid, p_metadata jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, metadata) VALUES (p_company_id, 'company', p_company_id, 'exported', p_metadata)
$$;

-- Takes the accounts of the archive in, without passwords. One whose address belongs to another account here comes in under an address of no
-- use and switched off, so that what it did keeps its author; the account here gets its place (the memberships that hold), as a change of
-- today. Gives each account that did not come in as it is.
CREATE OR REPLACE FUNCTION put_imported_accounts(p_accounts jsonb) RETURNS TABLE (id uuid, email text, known_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH given AS (
    SELECT a.* FROM jsonb_to_recordset(p_accounts) AS a (id uuid, email text, full_name text, language text, status text)
    WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = a.id)
  ), placed AS (
    SELECT g.*, u.id AS known_id FROM given g LEFT JOIN users u ON u.email = g.email
  ), added AS (
    INSERT INTO users (id, email, full_name, language, status)
    SELECT p.id, CASE WHEN p.known_id IS NULL THEN p.email ELSE 'imported-' || p.id || '@imported.invalid' END, p.full_name, p.language,
      CASE WHEN p.known_id IS NULL THEN p.status ELSE 'deactivated' END
    FROM placed p
  )
  SELECT p.id, p.email, p.known_id FROM placed p WHERE p.known_id IS NOT NULL ORDER BY p.email
$$;

-- Gives the accounts that were here before the place of those in the archive with their address. The membership that it replaces ends
-- unless a machine hangs on it. Gives how many memberships were made.
CREATE OR REPLACE FUNCTION give_imported_places(p_company_id uuid, p_ids uuid[], p_known_ids uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_made integer;
BEGIN
  INSERT INTO user_company_roles (company_id, user_id, role, display_name, assigned_at, ended_at)
  SELECT r.company_id, k.known_id, r.role, r.display_name, greatest(r.assigned_at, clock_timestamp()), r.ended_at
  FROM unnest(p_ids, p_known_ids) AS k (id, known_id) JOIN user_company_roles r ON r.company_id = p_company_id AND r.user_id = k.id
  WHERE r.ended_at IS NULL OR r.ended_at > greatest(r.assigned_at, clock_timestamp()) + interval '1 minute' ORDER BY r.id;
  GET DIAGNOSTICS v_made = ROW_COUNT;
  UPDATE user_company_roles r SET ended_at = greatest(r.assigned_at, clock_timestamp())
  WHERE r.company_id = p_company_id AND r.user_id = ANY (p_ids) AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = r.company_id AND a.user_id = r.user_id AND a.returned_at IS NULL AND a.cancelled_at IS NULL);
  RETURN v_made;
END
$$;
GRANT EXECUTE ON FUNCTION build_imported_search(uuid), settle_imported_company(uuid, jsonb), record_company_export(uuid, jsonb),
  put_imported_accounts(jsonb), give_imported_places(uuid, uuid[], uuid[]) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
