-- Owns: companies. A member sees the company, an admin changes it; only the installation's owner makes or suspends one.
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON companies
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON companies
  FOR EACH ROW EXECUTE FUNCTION record_change('company');
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON companies
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON companies
  FOR EACH ROW WHEN (NEW.is_deleted AND NOT OLD.is_deleted) EXECUTE FUNCTION refuse_soft_delete();

-- A time zone the server does not know would make every day of the company an error.
CREATE OR REPLACE FUNCTION check_company_time_zone() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM now() AT TIME ZONE coalesce(NEW.settings ->> 'time_zone', 'UTC');
  RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'companies_time_zone_known', MESSAGE = 'unknown time zone';
END
$$;
GRANT EXECUTE ON FUNCTION check_company_time_zone() TO application_user, record_keeper;
CREATE OR REPLACE TRIGGER trigger_020_check_time_zone BEFORE INSERT OR UPDATE OF settings ON companies
  FOR EACH ROW EXECUTE FUNCTION check_company_time_zone();

GRANT SELECT, UPDATE (name, email, phone, address, settings, version) ON companies TO application_user;
GRANT SELECT ON companies TO reporting_user;
DROP POLICY IF EXISTS companies_select ON companies;
CREATE POLICY companies_select ON companies FOR SELECT TO application_user, reporting_user
  USING (id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS companies_update ON companies;
CREATE POLICY companies_update ON companies FOR UPDATE TO application_user
  USING (id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));

-- === as record_keeper, for the installation's owner alone ==============================================================
GRANT UPDATE ON companies TO record_keeper;
SET LOCAL ROLE record_keeper;
-- Suspends a company (every sign-in and request of its people is refused from then on) or makes it active again.
CREATE OR REPLACE FUNCTION set_company_status(p_company_id uuid, p_status text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE companies SET status = p_status WHERE id = p_company_id
$$;
GRANT EXECUTE ON FUNCTION set_company_status(uuid, text) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;

-- === tax ids: encrypted before they come here; who serves reads ciphertext as an admin alone, and writes by function =======
GRANT SELECT (company_id, person_id, key_id, ciphertext, lookup_hash) ON encrypted_tax_ids TO application_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON encrypted_tax_ids TO record_keeper;
DROP POLICY IF EXISTS encrypted_tax_ids_keeper ON encrypted_tax_ids;
CREATE POLICY encrypted_tax_ids_keeper ON encrypted_tax_ids TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS encrypted_tax_ids_select ON encrypted_tax_ids;
CREATE POLICY encrypted_tax_ids_select ON encrypted_tax_ids FOR SELECT TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role = 'admin'));

SET LOCAL ROLE record_keeper;
-- Writes, replaces or (p_ciphertext NULL) erases a tax id, and notes on its row that it changed. p_hashes: under every known
-- key, the current one first. Not granted to anyone: the two functions below say who may.
CREATE OR REPLACE FUNCTION store_tax_id(p_company_id uuid, p_person_id uuid, p_version integer, p_key_id text, p_ciphertext bytea, p_hashes text[])
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_changed_at timestamptz := CASE WHEN p_ciphertext IS NOT NULL THEN clock_timestamp() END;
BEGIN
  IF p_person_id IS NULL THEN
    UPDATE companies SET version = coalesce(p_version, version), tax_id_changed_at = v_changed_at WHERE id = p_company_id;
  ELSE
    UPDATE user_company_roles SET version = coalesce(p_version, version), tax_id_changed_at = v_changed_at
    WHERE company_id = p_company_id AND id = p_person_id AND NOT is_deleted;
  END IF;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_ciphertext IS NULL THEN
    DELETE FROM encrypted_tax_ids WHERE company_id = p_company_id AND person_id IS NOT DISTINCT FROM p_person_id;
    RETURN true;
  END IF;
  IF p_person_id IS NOT NULL THEN
    -- While keys rotate the same value may stand under two hashes, which the unique index cannot see.
    PERFORM pg_advisory_xact_lock(hashtextextended('tax ids ' || p_company_id, 0));
    IF EXISTS (SELECT FROM encrypted_tax_ids t WHERE t.company_id = p_company_id AND t.person_id <> p_person_id AND t.lookup_hash = ANY (p_hashes)) THEN
      RAISE EXCEPTION USING ERRCODE = '23505', CONSTRAINT = 'idx_encrypted_tax_ids_person_hash', MESSAGE = 'another person has this tax id';
    END IF;
  END IF;
  INSERT INTO encrypted_tax_ids (company_id, person_id, key_id, ciphertext, lookup_hash)
  VALUES (p_company_id, p_person_id, p_key_id, p_ciphertext, p_hashes[1])
  ON CONFLICT ON CONSTRAINT encrypted_tax_ids_one_each DO UPDATE
  SET key_id = excluded.key_id, ciphertext = excluded.ciphertext, lookup_hash = excluded.lookup_hash, changed_at = clock_timestamp();
  RETURN true;
END
$$;

-- The same for the caller's own company or one of its people. Errors: BC403 not an admin; BC404 no such person; BC412 version;
-- idx_encrypted_tax_ids_person_hash another person of the company has it.
CREATE OR REPLACE FUNCTION put_tax_id(p_person_id uuid, p_version integer, p_key_id text, p_ciphertext bytea, p_hashes text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c WHERE c.role = 'admin');
BEGIN
  IF v_company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  IF NOT store_tax_id(v_company_id, p_person_id, p_version, p_key_id, p_ciphertext, p_hashes) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION put_tax_id(uuid, integer, text, bytea, text[]) TO application_user;

-- For the installation's owner, who is no stranger: a tax id that another company has is refused (companies_tax_id_taken).
CREATE OR REPLACE FUNCTION put_company_tax_id(p_company_id uuid, p_key_id text, p_ciphertext bytea, p_hashes text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tax ids of companies', 0));
  IF EXISTS (SELECT FROM encrypted_tax_ids t WHERE t.person_id IS NULL AND t.company_id <> p_company_id AND t.lookup_hash = ANY (p_hashes)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'companies_tax_id_taken', MESSAGE = 'another company has this tax id';
  END IF;
  PERFORM store_tax_id(p_company_id, NULL, NULL, p_key_id, p_ciphertext, p_hashes);
END
$$;

-- The companies with this tax id, by its hashes under every known key.
CREATE OR REPLACE FUNCTION find_companies_by_tax_id(p_hashes text[]) RETURNS TABLE (id uuid, name text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT co.id, co.name, co.status FROM encrypted_tax_ids t JOIN companies co ON co.id = t.company_id
  WHERE t.person_id IS NULL AND t.lookup_hash = ANY (p_hashes) ORDER BY co.name, co.id
$$;

-- Which keys are in use, and by how many values.
CREATE OR REPLACE FUNCTION list_encryption_keys() RETURNS TABLE (key_id text, used bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.key_id, count(*) FROM (SELECT i.key_id FROM encrypted_tax_ids i UNION ALL SELECT s.key_id FROM totp_secrets s) t GROUP BY t.key_id ORDER BY t.key_id
$$;

-- The next values that are not under this key, after the one given (company and id), for rotation.
CREATE OR REPLACE FUNCTION list_tax_ids_under_other_keys(p_key_id text, p_after_company_id uuid, p_after_id uuid, p_limit integer)
RETURNS TABLE (company_id uuid, id uuid, person_id uuid, key_id text, ciphertext bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.company_id, t.id, t.person_id, t.key_id, t.ciphertext FROM encrypted_tax_ids t
  WHERE t.key_id <> p_key_id AND (t.company_id, t.id) > (p_after_company_id, p_after_id)
  ORDER BY t.company_id, t.id LIMIT least(p_limit, 1000)
$$;

-- Puts the same value under another key, unless it was changed since it was read. True when it was put there.
CREATE OR REPLACE FUNCTION reencrypt_tax_id(p_company_id uuid, p_id uuid, p_old_ciphertext bytea, p_key_id text, p_ciphertext bytea, p_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tax ids ' || p_company_id, 0));
  UPDATE encrypted_tax_ids t SET key_id = p_key_id, ciphertext = p_ciphertext, lookup_hash = p_hash
  WHERE t.company_id = p_company_id AND t.id = p_id AND t.ciphertext = p_old_ciphertext;
  RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION put_company_tax_id(uuid, text, bytea, text[]), find_companies_by_tax_id(text[]), list_encryption_keys(),
  list_tax_ids_under_other_keys(text, uuid, uuid, integer), reencrypt_tax_id(uuid, uuid, bytea, text, bytea, text) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;

SET LOCAL ROLE record_keeper;
-- The time zone of the caller's company as it was recorded at p_recorded_at. With the keeper's rights, since the events of the company
-- are not for everyone.
CREATE OR REPLACE FUNCTION get_company_zone_at(p_recorded_at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(coalesce((
    SELECT v.event_data -> 'old' -> 'settings' FROM domain_events v
    WHERE v.company_id = co.id AND v.aggregate_id = co.id AND v.occurred_at > p_recorded_at AND v.event_data -> 'old' ? 'settings'
    ORDER BY v.event_version LIMIT 1), co.settings) ->> 'time_zone', 'UTC')
  FROM companies co WHERE co.id = (SELECT c.company_id FROM caller c)
$$;

-- The day it was at p_as_of where the caller's company works, by the time zone that was recorded at p_recorded_at.
CREATE OR REPLACE FUNCTION get_company_day_at(p_as_of timestamptz, p_recorded_at timestamptz) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT (p_as_of AT TIME ZONE get_company_zone_at(p_recorded_at))::date
$$;
GRANT EXECUTE ON FUNCTION get_company_zone_at(timestamptz), get_company_day_at(timestamptz, timestamptz) TO application_user, reporting_user;
SET LOCAL ROLE bitcorp_owner;
