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
