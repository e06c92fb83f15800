-- Owns: import_batches. What was imported, by whom, with which mapping.
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON import_batches
  FOR EACH ROW EXECUTE FUNCTION record_change('import_batch');

GRANT SELECT, INSERT, UPDATE ON import_batches TO application_user;
GRANT SELECT ON import_batches TO reporting_user;
DROP POLICY IF EXISTS import_batches_select ON import_batches;
CREATE POLICY import_batches_select ON import_batches FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS import_batches_insert ON import_batches;
CREATE POLICY import_batches_insert ON import_batches FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
DROP POLICY IF EXISTS import_batches_update ON import_batches;
CREATE POLICY import_batches_update ON import_batches FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
