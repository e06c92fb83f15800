-- Owns no table. What `bitcorp verify` needs to look at every record: it works as record_keeper, which only the owner can become.

-- Only what is missing is made and only what is too much is dropped: a policy made again would lock its table.
DO $$
DECLARE
  v_table record;
BEGIN
  -- The tables of the records, not the migration runner's, and partitions by their parent alone.
  FOR v_table IN
    SELECT c.relname, c.relname || '_proof' AS proof,
      NOT has_table_privilege('record_keeper', c.oid, 'SELECT') AS is_closed,
      EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = c.relname || '_proof') AS has_proof,
      EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname <> c.relname || '_proof'
        AND 'record_keeper'::regrole = ANY (p.polroles) AND p.polcmd IN ('*', 'r')) AS is_read_otherwise
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'schema\_%' LOOP
    IF v_table.is_closed THEN
      EXECUTE format('GRANT SELECT ON %I TO record_keeper', v_table.relname);
    END IF;
    IF v_table.has_proof AND v_table.is_read_otherwise THEN
      EXECUTE format('DROP POLICY %I ON %I', v_table.proof, v_table.relname);
    ELSIF NOT v_table.has_proof AND NOT v_table.is_read_otherwise THEN
      EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO record_keeper USING (true)', v_table.proof, v_table.relname);
    END IF;
  END LOOP;
END
$$;
