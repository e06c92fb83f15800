-- Owns no table. What `bitcorp verify` needs to look at every record: it works as record_keeper, which only the owner can become.

DO $$
DECLARE
  v_table record;
BEGIN
  FOR v_table IN SELECT p.polrelid::regclass AS name, p.polname FROM pg_policy p
      WHERE p.polname LIKE '%\_proof' AND p.polrelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace) LOOP
    EXECUTE format('DROP POLICY %I ON %s', v_table.polname, v_table.name);
  END LOOP;
  -- The tables of the records, not the migration runner's, and partitions by their parent alone.
  FOR v_table IN SELECT c.oid, c.relname FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'schema\_%' LOOP
    EXECUTE format('GRANT SELECT ON %I TO record_keeper', v_table.relname);
    IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = v_table.oid AND 'record_keeper'::regrole = ANY (p.polroles) AND p.polcmd IN ('*', 'r')) THEN
      EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO record_keeper USING (true)', v_table.relname || '_proof', v_table.relname);
    END IF;
  END LOOP;
END
$$;
