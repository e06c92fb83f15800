-- Owns: domain_events, audit_logs. Written by record_change alone; nobody changes or removes a row.
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON domain_events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON domain_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_change BEFORE UPDATE OR DELETE ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON audit_logs
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
