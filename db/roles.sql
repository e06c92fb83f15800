-- The roles and extensions of Bitcorp ERP. Run once per server by a role that may create roles; safe to run again.
-- bitcorp_owner     owns tables, indexes and invoker functions; used to migrate, never to serve.
-- record_keeper     cannot sign in; owns the SECURITY DEFINER functions that write history, events, audit and search,
--                   and the two views that tell the database who is calling. It has no right beyond its grants.
-- application_user  serves the API. Owns nothing, bypasses nothing.
-- reporting_user    reads for reports. Never writes.
-- monitoring_user   cannot sign in until it is let; reads how the server works and the statements it ran, and no row of any company.
DO $$
DECLARE
  v_role text;
BEGIN
  FOREACH v_role IN ARRAY ARRAY['bitcorp_owner', 'record_keeper', 'application_user', 'reporting_user', 'monitoring_user'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = v_role) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN %s', v_role, CASE v_role WHEN 'monitoring_user' THEN 'INHERIT' ELSE 'NOINHERIT' END);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another first start on the same server was quicker
    END;
  END LOOP;
  -- NOINHERIT, and WITH INHERIT FALSE where the server knows it: the owner does not see rows by way of record_keeper.
  IF NOT pg_has_role('bitcorp_owner', 'record_keeper', 'MEMBER') THEN
    EXECUTE 'GRANT record_keeper TO bitcorp_owner'
      || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE' ELSE '' END;
  END IF;
  -- The owner may act as who serves, to try out what they can reach (bitcorp verify isolation); it inherits nothing of theirs.
  FOREACH v_role IN ARRAY ARRAY['application_user', 'reporting_user', 'monitoring_user'] LOOP
    IF NOT pg_has_role('bitcorp_owner', v_role, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO bitcorp_owner', v_role)
        || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
    END IF;
  END LOOP;
  FOREACH v_role IN ARRAY ARRAY['bitcorp_owner', 'record_keeper'] LOOP
    IF current_user <> v_role AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
       AND NOT pg_has_role(current_user, v_role, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format('GRANT %I TO %I', v_role, current_user)
        || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
    END IF;
  END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS ltree;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

DO $$
BEGIN
  EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO bitcorp_owner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO application_user, reporting_user, monitoring_user', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO bitcorp_owner, record_keeper;
GRANT USAGE ON SCHEMA public TO application_user, reporting_user, monitoring_user;

-- What only the server's administrator may give; without it the program works, sees less, and `bitcorp doctor` says what is missing.
DO $$
BEGIN
  GRANT pg_monitor TO monitoring_user;
EXCEPTION WHEN insufficient_privilege THEN
  NULL;
END
$$;
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR duplicate_object OR unique_violation THEN
  NULL;
END
$$;
-- The texts of statements are for the monitoring role alone.
DO $$
DECLARE
  v_schema text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements');
BEGIN
  IF v_schema IS NOT NULL THEN
    EXECUTE format('REVOKE ALL ON %1$I.pg_stat_statements, %1$I.pg_stat_statements_info FROM PUBLIC', v_schema);
    EXECUTE format('REVOKE ALL ON FUNCTION %1$I.pg_stat_statements(boolean), %1$I.pg_stat_statements_info() FROM PUBLIC', v_schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO monitoring_user', v_schema);
    EXECUTE format('GRANT SELECT ON %1$I.pg_stat_statements, %1$I.pg_stat_statements_info TO monitoring_user', v_schema);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %1$I.pg_stat_statements(boolean), %1$I.pg_stat_statements_info() TO monitoring_user', v_schema);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  NULL;
END
$$;
