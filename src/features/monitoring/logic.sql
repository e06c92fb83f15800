-- What the monitoring role reads: how the server works and the statements it ran, without a row of any company.

-- The statements that pg_stat_statements knows of this database; nothing where it is missing, not loaded, too old or not for the caller.
-- Only statements whose constants it takes out, and what stands in quotes is hidden once more: a text never holds a value.
CREATE OR REPLACE FUNCTION list_statements()
RETURNS TABLE (query text, calls bigint, total_time double precision, mean_time double precision, stddev_time double precision, max_time double precision,
  rows bigint, shared_blks_hit bigint, shared_blks_read bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_schema text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements');
BEGIN
  IF v_schema IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format($q$
    SELECT left(regexp_replace(regexp_replace(s.query, '\$([a-z_]*)\$.*?\$\1\$', '$…$', 'gi'), '''[^'']*''', '''…''', 'g'), 2000),
      s.calls, s.total_exec_time, s.mean_exec_time, s.stddev_exec_time, s.max_exec_time, s.rows, s.shared_blks_hit, s.shared_blks_read
    FROM %I.pg_stat_statements s
    WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND s.query ~* '^(\s|\(|--[^\n]*\n|/\*([^*]|\*[^/])*\*/)*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE)\y'$q$, v_schema);
EXCEPTION WHEN object_not_in_prerequisite_state OR insufficient_privilege OR undefined_column THEN
  RETURN;
END
$$;

CREATE OR REPLACE VIEW slow_queries WITH (security_invoker = true) AS
SELECT s.query, s.calls, s.total_time, s.mean_time, s.stddev_time, s.rows,
  100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0) AS hit_percent
FROM list_statements() s
WHERE s.mean_time > 100
ORDER BY s.mean_time DESC;

CREATE OR REPLACE VIEW table_usage_stats WITH (security_invoker = true) AS
SELECT s.schemaname, s.relname AS tablename, s.seq_scan, s.seq_tup_read, s.idx_scan, s.idx_tup_fetch, s.n_tup_ins, s.n_tup_upd, s.n_tup_del, s.n_live_tup, s.n_dead_tup,
  round(100.0 * s.idx_scan / nullif(s.seq_scan + s.idx_scan, 0), 2) AS index_usage_percent,
  round(100.0 * (i.heap_blks_hit + coalesce(i.idx_blks_hit, 0)) / nullif(i.heap_blks_hit + i.heap_blks_read + coalesce(i.idx_blks_hit + i.idx_blks_read, 0), 0), 2) AS cache_hit_percent,
  pg_total_relation_size(s.relid) AS total_bytes, greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum_at, greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze_at
FROM pg_stat_user_tables s JOIN pg_statio_user_tables i ON i.relid = s.relid
ORDER BY s.seq_scan DESC;

CREATE OR REPLACE VIEW index_usage_stats WITH (security_invoker = true) AS
SELECT s.schemaname, s.relname AS tablename, s.indexrelname AS indexname, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch,
  i.indisunique OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = s.indexrelid) AS is_rule, i.indisvalid AS is_valid, pg_relation_size(s.indexrelid) AS index_bytes
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
ORDER BY s.idx_scan, s.indexrelname;

GRANT EXECUTE ON FUNCTION list_statements() TO monitoring_user;
GRANT SELECT ON slow_queries, table_usage_stats, index_usage_stats TO monitoring_user;

-- === as record_keeper ================================================================================================
SET LOCAL ROLE record_keeper;

-- Numbers about all companies together, none about one. What could be many is counted to a bound, so that asking stays cheap.
CREATE OR REPLACE FUNCTION measure_installation()
RETURNS TABLE (live_sessions bigint, audit_unchained bigint, webhooks_active bigint, webhooks_failing bigint, webhooks_disabled bigint, webhook_events_waiting bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT (SELECT count(*) FROM (SELECT FROM sessions s WHERE s.ended_at IS NULL AND s.expires_at > now() AND s.kind = 'browser' LIMIT 100000) live),
    (SELECT count(*) FROM (SELECT FROM audit_logs l WHERE l.transaction_id >= (SELECT p.chained_to FROM audit_chain_progress p)
      AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id) LIMIT 10000) open),
    count(*) FILTER (WHERE w.is_active), count(*) FILTER (WHERE w.is_active AND p.failures > 0), count(*) FILTER (WHERE w.disabled_at IS NOT NULL),
    coalesce(sum(e.waiting) FILTER (WHERE w.is_active), 0)::bigint
  FROM webhooks w JOIN webhook_progress p ON p.company_id = w.company_id AND p.webhook_id = w.id
  CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM (
    SELECT FROM list_feed_spans(p.transaction_id, p.sequence) s JOIN domain_events d ON d.company_id = w.company_id AND d.transaction_id < s.before
      AND (d.transaction_id, d.sequence) > (s.from_transaction, s.from_sequence) AND d.sequence > s.above AND d.sequence <= s.up_to
    WHERE w.is_active AND (w.event_types = '{}' OR d.event_type = ANY (w.event_types)) LIMIT 1000) one) e
  WHERE NOT w.is_deleted
$$;
GRANT EXECUTE ON FUNCTION measure_installation(), examine_equipment_logs() TO monitoring_user;
SET LOCAL ROLE bitcorp_owner;
