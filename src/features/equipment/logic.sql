-- Owns: equipment, equipment_serial_counters, equipment_status_history, equipment_search_documents, equipment_search_words.
-- Life of a machine: its code, its status and the history of it, and how it is found. Its next service: see the maintenance room.

GRANT SELECT, INSERT, UPDATE ON equipment_serial_counters, equipment_status_history, equipment_search_documents TO record_keeper;
GRANT SELECT, INSERT ON equipment_search_words TO record_keeper;
-- UPDATE of one column, so that a machine can hold its category in place (FOR SHARE) while it enters.
GRANT SELECT, UPDATE (version) ON equipment_categories TO record_keeper;
DROP POLICY IF EXISTS equipment_categories_keeper ON equipment_categories;
CREATE POLICY equipment_categories_keeper ON equipment_categories TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_serial_counters_keeper ON equipment_serial_counters;
CREATE POLICY equipment_serial_counters_keeper ON equipment_serial_counters TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_status_history_keeper ON equipment_status_history;
CREATE POLICY equipment_status_history_keeper ON equipment_status_history TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_search_documents_keeper ON equipment_search_documents;
CREATE POLICY equipment_search_documents_keeper ON equipment_search_documents TO record_keeper USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS equipment_search_words_keeper ON equipment_search_words;
CREATE POLICY equipment_search_words_keeper ON equipment_search_words TO record_keeper USING (true) WITH CHECK (true);

-- === as record_keeper ===============================================================================================
SET LOCAL ROLE record_keeper;

-- BEFORE INSERT OR UPDATE: fills the code (EQ-year-type-number) and the currency, and keeps the rules of a machine's life.
CREATE OR REPLACE FUNCTION keep_equipment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_settings jsonb;
  v_type_code text;
  v_prefix text;
  v_number integer;
BEGIN
  IF NEW.currency IS NULL OR NEW.serial_number IS NULL THEN
    SELECT co.settings INTO v_settings FROM companies co WHERE co.id = NEW.company_id;
  END IF;
  NEW.currency := coalesce(NEW.currency, v_settings ->> 'currency', 'PEN');
  IF NEW.serial_number IS NULL THEN
    IF NEW.category_id IS NOT NULL THEN
      SELECT k.type_code INTO v_type_code FROM equipment_categories own
      JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[]) AND k.type_code IS NOT NULL
      WHERE own.company_id = NEW.company_id AND own.id = NEW.category_id ORDER BY nlevel(k.path) DESC LIMIT 1;
    END IF;
    v_prefix := 'EQ-' || to_char(now() AT TIME ZONE coalesce(v_settings ->> 'time_zone', 'UTC'), 'YYYY') || '-' || coalesce(v_type_code, 'GN');
    INSERT INTO equipment_serial_counters AS k (company_id, prefix, last_number) VALUES (NEW.company_id, v_prefix, 1)
    ON CONFLICT (company_id, prefix) DO UPDATE SET last_number = k.last_number + 1
    RETURNING k.last_number INTO v_number;
    NEW.serial_number := v_prefix || '-' || lpad(v_number::text, 6, '0');
  ELSIF validate_equipment_serial_number(NEW.serial_number) AND (TG_OP = 'INSERT' OR NEW.serial_number <> OLD.serial_number) THEN
    -- A code given by hand moves the counter past it, so that a generated one never meets it.
    INSERT INTO equipment_serial_counters AS k (company_id, prefix, last_number)
    VALUES (NEW.company_id, left(NEW.serial_number, 10), right(NEW.serial_number, 6)::int)
    ON CONFLICT (company_id, prefix) DO UPDATE SET last_number = excluded.last_number WHERE k.last_number < excluded.last_number;
  END IF;
  -- Not into a category that was deleted; one being deleted at this moment is waited for.
  IF NEW.category_id IS NOT NULL AND NOT NEW.is_deleted
     AND (TG_OP = 'INSERT' OR NEW.category_id IS DISTINCT FROM OLD.category_id OR OLD.is_deleted) THEN
    PERFORM FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.id = NEW.category_id AND NOT k.is_deleted FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_equipment_category', MESSAGE = 'no such category';
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF NEW.status <> OLD.status THEN
      IF OLD.status = 'disposed' THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_disposed_final', MESSAGE = 'a disposed machine keeps its status';
      ELSIF NEW.status IN ('retired', 'disposed') AND EXISTS (
          SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_retire_while_assigned', MESSAGE = 'someone still has the machine';
      END IF;
    END IF;
    IF NEW.is_deleted AND NOT OLD.is_deleted AND EXISTS (
        SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_delete_while_assigned', MESSAGE = 'someone still has the machine';
    END IF;
  END IF;
  RETURN NEW;
END
$$;

-- BEFORE a machine enters a category or has its specifications changed: they are held against the fields of the category and
-- of all above it. Keys no field names are free. DETAIL lists every fault, as errors[] of the API has it.
CREATE OR REPLACE FUNCTION check_equipment_specifications() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_faults jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('field', 'specifications.' || f.key, 'code', c.code, 'values',
    jsonb_build_object('label', f.field -> 'label', 'choices', left((SELECT string_agg(o, ', ') FROM jsonb_array_elements_text(f.field -> 'choices') o), 300)))
    ORDER BY f.depth, f.position)
  INTO v_faults
  FROM category_specification_fields f CROSS JOIN LATERAL (SELECT find_specification_fault(NEW.specifications -> f.key, f.field) AS code) c
  WHERE f.company_id = NEW.company_id AND f.category_id = NEW.category_id AND c.code IS NOT NULL;
  IF v_faults IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_specifications_template', MESSAGE = 'the specifications do not fit the category', DETAIL = v_faults::text;
  END IF;
  RETURN NEW;
END
$$;

-- BEFORE INSERT OR UPDATE of last_status_correction: a correction of the past is a change of the machine like any other. Checks it
-- and writes it down in one form; one that reaches the present moves the status along. trigger_700_record_status then carries it out.
CREATE OR REPLACE FUNCTION keep_status_correction() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_status text := NEW.last_status_correction ->> 'status';
  v_from timestamptz := (NEW.last_status_correction ->> 'from')::timestamptz;
  v_to timestamptz := (NEW.last_status_correction ->> 'to')::timestamptz;
  v_past record;
BEGIN
  IF TG_OP = 'INSERT' OR NEW.last_status_correction IS NULL THEN
    NEW.last_status_correction := CASE WHEN TG_OP = 'UPDATE' THEN OLD.last_status_correction END;
    RETURN NEW;
  END IF;
  SELECT min(h.effective_from) > v_from AS is_too_early,
    -- Once disposed, always disposed: only when it happened can be put right.
    CASE WHEN v_status = 'disposed' THEN bool_or(h.status <> 'disposed' AND coalesce(h.effective_to, 'infinity') > v_to)
      ELSE OLD.status = 'disposed' AND v_to IS NULL OR bool_or(h.status = 'disposed' AND h.effective_from < v_from) END AS undoes_end,
    bool_or(h.status <> v_status AND h.effective_from < coalesce(v_to, 'infinity') AND coalesce(h.effective_to, 'infinity') > v_from) AS is_change
  INTO v_past FROM equipment_status_history h WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id AND h.superseded_at IS NULL;
  IF v_status IS NULL OR v_from IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_status_correction_form', MESSAGE = 'a correction names status and period';
  ELSIF NOT is_not_blank(coalesce(current_setting('app.reason', true), '')) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_reason_needed', MESSAGE = 'a correction needs its reason';
  ELSIF v_to <= v_from THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_effective_period', MESSAGE = 'a period ends after it begins';
  ELSIF v_from >= NEW.updated_at OR v_to > NEW.updated_at THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_not_in_future', MESSAGE = 'a correction lies in the past';
  ELSIF v_past.is_too_early THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_after_start', MESSAGE = 'the machine was not registered then';
  ELSIF v_past.undoes_end THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_disposed_final', MESSAGE = 'a disposed machine keeps its status';
  ELSIF NOT v_past.is_change THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_changes_nothing', MESSAGE = 'it had this status then';
  ELSIF v_status IN ('retired', 'disposed') AND EXISTS (
      SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND a.assigned_at IS NOT NULL
        AND tstzrange(a.assigned_at, a.returned_at, '[)') && tstzrange(v_from, v_to, '[)')) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_while_assigned', MESSAGE = 'someone had the machine then';
  END IF;
  NEW.last_status_correction := jsonb_build_object('status', v_status, 'from', v_from, 'to', v_to, 'version', NEW.version);
  NEW.status := CASE WHEN v_to IS NULL THEN v_status ELSE OLD.status END;
  RETURN NEW;
END
$$;

-- AFTER INSERT OR UPDATE of status or its correction. A change closes the running period and opens the next one; a correction
-- supersedes the periods it touches and records what holds instead: their untouched parts as they were, and the corrected one.
-- Nothing else of a row changes, so what was known at any instant can still be told. It leans on the row alone, not on the clock,
-- so that the history can be told again from the events, and on what is recorded: always later than what was recorded before,
-- also for two changes in one transaction and with a clock that was set back.
CREATE OR REPLACE FUNCTION record_equipment_status() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_at timestamptz := NEW.updated_at;
  v_open_id uuid;
  v_from timestamptz;
  v_to timestamptz;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Later than all that was recorded before. Asked without "superseded_at IS NULL", which the dear index of the exclusion would answer.
    SELECT greatest(v_at, max(h.recorded_at) + interval '1 microsecond'), (array_agg(h.id) FILTER (WHERE h.effective_to IS NULL AND h.superseded_at IS NULL))[1]
    INTO v_at, v_open_id FROM equipment_status_history h
    WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id;
    IF NEW.last_status_correction IS DISTINCT FROM OLD.last_status_correction THEN
      v_from := (NEW.last_status_correction ->> 'from')::timestamptz;
      v_to := (NEW.last_status_correction ->> 'to')::timestamptz;
      UPDATE equipment_status_history SET superseded_at = v_at, superseded_by = NEW.updated_by
      WHERE company_id = NEW.company_id AND equipment_id = NEW.id AND superseded_at IS NULL
        AND tstzrange(effective_from, effective_to, '[)') && tstzrange(v_from, v_to, '[)');
      INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at)
      SELECT h.company_id, h.equipment_id, h.status, part.effective_from, part.effective_to, h.changed_by, h.reason, v_at
      FROM equipment_status_history h
      CROSS JOIN LATERAL (VALUES (h.effective_from, v_from), (v_to, coalesce(h.effective_to, 'infinity'))) AS rest (effective_from, effective_to)
      CROSS JOIN LATERAL (SELECT rest.effective_from, nullif(rest.effective_to, 'infinity') AS effective_to) part
      WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id AND h.superseded_at = v_at AND rest.effective_from < rest.effective_to;
      INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at)
      VALUES (NEW.company_id, NEW.id, NEW.last_status_correction ->> 'status', v_from, v_to, NEW.updated_by, nullif(current_setting('app.reason', true), ''), v_at);
      RETURN NULL;
    END IF;
    UPDATE equipment_status_history SET effective_to = v_at WHERE company_id = NEW.company_id AND id = v_open_id;
  END IF;
  INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, changed_by, reason, recorded_at)
  VALUES (NEW.company_id, NEW.id, NEW.status, v_at, NEW.updated_by, nullif(current_setting('app.reason', true), ''), v_at);
  RETURN NULL;
END
$$;

-- Words as searches compare them: small letters, no accents.
-- Its body is bound when it is made (no search_path of a caller matters), so that it is inlined instead of called.
CREATE OR REPLACE FUNCTION normalize_search_text(p_text text) RETURNS text
LANGUAGE sql STABLE
RETURN lower(unaccent(coalesce(p_text, '')));

-- The exact signs of one machine: its tags (#tag) and the short values of its specifications (@key=value), with the company's key in front.
CREATE OR REPLACE FUNCTION build_equipment_signs(p_key integer, p_row equipment) RETURNS tsvector
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT array_to_tsvector(coalesce(array_agg(DISTINCT 'c' || p_key || ':' || sign), '{}')) FROM (
    SELECT '#' || t AS sign FROM unnest((p_row).tags) t
    UNION ALL
    SELECT '@' || s.key || '=' || s.value FROM jsonb_each_text((p_row).specifications) s WHERE s.key ~ '^[a-z][a-z0-9_]{0,49}$' AND length(s.value) <= 100
  ) signs;
END;

-- The lexemes of one machine: each word, its Spanish and English stem (after ~), and for codes the tails of 3 to 16
-- signs, so that a fragment finds it; and its exact signs. All carry the company's key in front. Weights: A name and code, B maker, C the rest.
CREATE OR REPLACE FUNCTION build_equipment_search_document(p_key integer, p_row equipment) RETURNS tsvector
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH field (weight, is_code, value) AS (
    VALUES ('A', false, normalize_search_text((p_row).name)),
      ('B', false, normalize_search_text(concat_ws(' ', (p_row).manufacturer, array_to_string((p_row).tags, ' ')))),
      ('C', false, normalize_search_text(concat_ws(' ', left((p_row).description, 2000), (p_row).location, (p_row).year::text))),
      ('A', true, normalize_search_text((p_row).serial_number)), ('A', true, normalize_search_text((p_row).fleet_code)),
      ('B', true, normalize_search_text((p_row).model)), ('B', true, normalize_search_text((p_row).plate)),
      ('B', true, normalize_search_text((p_row).manufacturer_serial_number))
  ), word AS (
    SELECT f.weight, f.is_code, w.word FROM field f, regexp_split_to_table(f.value, '[^a-z0-9]+') AS w (word)
    WHERE w.word <> '' AND length(w.word) <= 100
    UNION
    SELECT f.weight, true, regexp_replace(f.value, '[^a-z0-9]+', '', 'g') FROM field f WHERE f.is_code
  ), lexeme AS (
    SELECT word AS lexeme, weight FROM word
    UNION ALL
    SELECT '~' || s.stem, weight FROM word, unnest(ts_lexize('spanish_stem', word) || ts_lexize('english_stem', word)) AS s (stem)
    WHERE NOT is_code AND word ~ '^[a-z]{3,}$'
    UNION ALL
    SELECT right(word, n), weight FROM word, generate_series(3, least(length(word) - 1, 16)) n WHERE is_code AND word ~ '[0-9]'
  ), best AS (
    SELECT lexeme, min(weight) AS weight FROM lexeme WHERE lexeme <> '' GROUP BY lexeme LIMIT 1000
  )
  SELECT coalesce(string_agg('''c' || p_key || ':' || lexeme || ''':1' || weight, ' '), '')::tsvector || build_equipment_signs(p_key, p_row) FROM best;
END;

-- The query for one word: its start, or either stem. The word holds only letters and digits.
CREATE OR REPLACE FUNCTION build_search_term(p_prefix text, p_term text) RETURNS tsquery
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT (string_agg(DISTINCT part, ' | '))::tsquery FROM (
    SELECT '''' || p_prefix || p_term || ''':*' AS part
    UNION ALL
    SELECT '''' || p_prefix || '~' || s.stem || '''' FROM unnest(ts_lexize('spanish_stem', p_term) || ts_lexize('english_stem', p_term)) AS s (stem)
    WHERE p_term ~ '^[a-z]{3,}$'
  ) parts;
END;

-- AFTER INSERT OR UPDATE of a searched column: keeps the machine's search document and the company's words.
CREATE OR REPLACE FUNCTION keep_equipment_search() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_key integer;
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.name, NEW.serial_number, NEW.fleet_code, NEW.manufacturer, NEW.model, NEW.plate, NEW.manufacturer_serial_number,
      NEW.description, NEW.location, NEW.tags, NEW.year, NEW.specifications) IS NOT DISTINCT FROM (OLD.name, OLD.serial_number, OLD.fleet_code, OLD.manufacturer,
      OLD.model, OLD.plate, OLD.manufacturer_serial_number, OLD.description, OLD.location, OLD.tags, OLD.year, OLD.specifications) THEN
    RETURN NULL;
  END IF;
  SELECT co.search_key INTO v_key FROM companies co WHERE co.id = NEW.company_id;
  INSERT INTO equipment_search_documents (company_id, equipment_id, document)
  VALUES (NEW.company_id, NEW.id, build_equipment_search_document(v_key, NEW))
  ON CONFLICT (company_id, equipment_id) DO UPDATE SET document = excluded.document;
  INSERT INTO equipment_search_words (company_id, word)
  SELECT DISTINCT NEW.company_id, w.word
  FROM regexp_split_to_table(normalize_search_text(concat_ws(' ', NEW.name, NEW.manufacturer, NEW.model, array_to_string(NEW.tags, ' '), NEW.location)),
    '[^a-z0-9]+') AS w (word)
  WHERE w.word ~ '[a-z]' AND length(w.word) BETWEEN 4 AND 100
  ORDER BY 2
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

-- How many documents the planner thinks that a question finds, from what it knows of common words; without reading any. VOLATILE: only so is EXPLAIN allowed.
CREATE OR REPLACE FUNCTION guess_search_matches(p_query tsquery) RETURNS real
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM equipment_search_documents d WHERE d.document @@ %L::tsquery', p_query) INTO v_plan;
  RETURN (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::real;
END
$$;

-- Machines of the caller's company that hold every word of the term, best first. A word may be the start of one, a stem
-- (Spanish or English), a fragment of a code, or, when nothing matches as written, a near word (typos).
-- p_limit newest matches are ranked, 1 to 2000. Gives nothing for an empty term or no company.
CREATE OR REPLACE FUNCTION search_equipment(p_search_term text, p_limit integer DEFAULT 1000)
RETURNS TABLE (equipment_id uuid, rank real)
LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_prefix text := 'c' || (SELECT co.search_key FROM companies co WHERE co.id = v_company_id) || ':';
  v_terms text[] := ARRAY(SELECT left(t, 60) FROM regexp_split_to_table(normalize_search_text(left(p_search_term, 500)), '[^a-z0-9]+') t WHERE t <> '' LIMIT 8);
  v_query tsquery;
  v_part tsquery;
  v_term text;
  v_near text;
  v_corrected boolean := false;
  v_most integer := least(greatest(p_limit, 1), 2000);
  v_ids uuid[];
  v_ranks real[];
  v_documents real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'equipment_search_documents'::regclass);
  v_whole tsquery;
BEGIN
  IF v_company_id IS NULL OR cardinality(v_terms) = 0 THEN
    RETURN;
  END IF;
  FOREACH v_term IN ARRAY v_terms LOOP
    v_query := coalesce(v_query && build_search_term(v_prefix, v_term), build_search_term(v_prefix, v_term));
  END LOOP;
  -- Where words are common, the newest 20,000 machines are walked until enough have them; all that have them would be the more the larger the company.
  IF v_documents > 50000 AND guess_search_matches(v_query) > greatest(0.01 * v_documents, 3 * v_most) THEN
    SELECT array_agg(n.equipment_id), array_agg(ts_rank(n.document, v_query)) INTO v_ids, v_ranks
    FROM (SELECT newest.equipment_id, newest.document
          FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.company_id = v_company_id ORDER BY d.equipment_id DESC LIMIT 20000) newest
          WHERE newest.document @@ v_query LIMIT v_most) n;
  ELSIF v_documents > 50000 THEN
    -- Whole words and stems have an entry each; what only begins so is gathered from many, which is slow and needed only where those are not enough.
    v_whole := replace(v_query::text, ':*', '')::tsquery;
    SELECT array_agg(n.equipment_id), array_agg(ts_rank(n.document, v_query)) INTO v_ids, v_ranks
    FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_whole ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
  IF cardinality(v_ids) = v_most THEN
    RETURN QUERY SELECT * FROM unnest(v_ids, v_ranks);
  ELSE
    RETURN QUERY
      SELECT n.equipment_id, ts_rank(n.document, v_query)
      FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_query ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
  IF FOUND THEN
    RETURN;
  END IF;
  v_query := NULL;
  FOREACH v_term IN ARRAY v_terms LOOP
    v_part := build_search_term(v_prefix, v_term);
    IF length(v_term) >= 4 AND v_term ~ '[a-z]' THEN
      FOR v_near IN SELECT w.word FROM equipment_search_words w
          WHERE w.company_id = v_company_id AND w.word % v_term ORDER BY w.word <-> v_term LIMIT 3 LOOP
        v_part := v_part || build_search_term(v_prefix, v_near);
        v_corrected := true;
      END LOOP;
    END IF;
    v_query := coalesce(v_query && v_part, v_part);
  END LOOP;
  IF v_corrected THEN
    RETURN QUERY
      SELECT n.equipment_id, ts_rank(n.document, v_query) * 0.5::real
      FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_query
            ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
END
$$;

-- A sign as a tsquery spells it.
CREATE OR REPLACE FUNCTION quote_sign(p_key integer, p_sign text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN '''' || replace(replace('c' || p_key || ':' || p_sign, '\', '\\'), '''', '''''') || '''';

-- Machines of the caller's company that carry any of the signs: '#tag', or '@key=value' of a specification (values up to 100 letters).
-- Row security would keep an index from such a question asked of equipment itself. Gives nothing without a company.
CREATE OR REPLACE FUNCTION find_equipment_with(p_signs text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT d.equipment_id FROM equipment_search_documents d
  WHERE d.document @@ (SELECT string_agg(quote_sign(co.search_key, s), ' | ')::tsquery FROM companies co, unnest(p_signs) s WHERE co.id = (SELECT c.company_id FROM caller c))
$$;

GRANT EXECUTE ON FUNCTION keep_equipment(), check_equipment_specifications(), keep_status_correction(), record_equipment_status(), keep_equipment_search() TO bitcorp_owner;
GRANT EXECUTE ON FUNCTION search_equipment(text, integer), find_equipment_with(text[]), normalize_search_text(text) TO application_user, reporting_user;

SET LOCAL ROLE bitcorp_owner;

-- The status of a machine of the caller's company as its history has it; NULL for an unknown machine.
CREATE OR REPLACE FUNCTION get_current_equipment_status(p_equipment_id uuid) RETURNS varchar(20)
LANGUAGE sql STABLE AS $$
  SELECT h.status FROM equipment_status_history h
  WHERE h.company_id = (SELECT c.company_id FROM caller c) AND h.equipment_id = p_equipment_id
    AND h.effective_from <= clock_timestamp() AND h.effective_to IS NULL AND h.superseded_at IS NULL
$$;

-- Changes a machine's status for a reason, which history, event and audit keep. p_version NULL: whatever version it has.
-- Gives the machine; no row when the caller's company has no such machine. Errors by constraint: equipment_disposed_final, equipment_retire_while_assigned.
CREATE OR REPLACE FUNCTION change_equipment_status(p_equipment_id uuid, p_version integer, p_status text, p_reason text) RETURNS SETOF equipment
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE equipment e SET status = p_status, version = coalesce(p_version, e.version)
    WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = p_equipment_id AND NOT e.is_deleted
    RETURNING e.*;
  PERFORM set_config('app.reason', '', true);
END
$$;

-- Puts right which status a machine had from p_from to p_to (NULL: until now and on), for a reason. What was known before stays known:
-- see record_equipment_status. p_version NULL: whatever version it has. Gives the machine; no row when the caller's company has no such machine.
-- Errors by constraint: esh_effective_period, esh_correction_reason_needed, esh_correction_not_in_future, esh_correction_after_start,
-- esh_correction_changes_nothing, esh_correction_while_assigned, equipment_disposed_final.
CREATE OR REPLACE FUNCTION correct_equipment_status(p_equipment_id uuid, p_version integer, p_status text, p_from timestamptz, p_to timestamptz,
  p_reason text) RETURNS SETOF equipment
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE equipment e SET last_status_correction = jsonb_build_object('status', p_status, 'from', p_from, 'to', p_to),
      version = coalesce(p_version, e.version)
    WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = p_equipment_id AND NOT e.is_deleted
    RETURNING e.*;
  PERFORM set_config('app.reason', '', true);
END
$$;

-- A machine of the table as it was at p_as_of, by what was recorded up to p_known_at. What a field held is true from when it was
-- recorded; the status was true in the periods of its history. The row is the present one, with the later events undone.
CREATE OR REPLACE FUNCTION get_equipment_at(p_row equipment, p_as_of timestamptz, p_known_at timestamptz) RETURNS SETOF equipment
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT r.* FROM (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) AS fields FROM domain_events v
    WHERE v.company_id = p_row.company_id AND v.aggregate_id = p_row.id AND v.occurred_at > least(p_as_of, p_known_at)) undone
  CROSS JOIN LATERAL (
    SELECT (SELECT jsonb_build_object('status', h.status) FROM equipment_status_history h
      WHERE h.company_id = p_row.company_id AND h.equipment_id = p_row.id AND h.effective_from <= p_as_of
        AND h.recorded_at <= p_known_at AND (h.superseded_at IS NULL OR h.superseded_at > p_known_at)
      ORDER BY h.effective_from DESC LIMIT 1) AS fields) period
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.fields, '{}') || coalesce(period.fields, '{}')) r
$$;
GRANT EXECUTE ON FUNCTION get_current_equipment_status(uuid), change_equipment_status(uuid, integer, text, text),
  correct_equipment_status(uuid, integer, text, timestamptz, timestamptz, text), get_equipment_at(equipment, timestamptz, timestamptz)
  TO application_user, reporting_user;

CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON equipment
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_005_check_caller_company BEFORE INSERT ON equipment
  FOR EACH ROW EXECUTE FUNCTION check_caller_company();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON equipment
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_015_keep_first_correction BEFORE INSERT ON equipment
  FOR EACH ROW WHEN (NEW.last_status_correction IS NOT NULL) EXECUTE FUNCTION keep_status_correction();
CREATE OR REPLACE TRIGGER trigger_015_keep_status_correction BEFORE UPDATE ON equipment
  FOR EACH ROW WHEN (OLD.last_status_correction IS DISTINCT FROM NEW.last_status_correction) EXECUTE FUNCTION keep_status_correction();
CREATE OR REPLACE TRIGGER trigger_020_keep_equipment BEFORE INSERT OR UPDATE ON equipment
  FOR EACH ROW EXECUTE FUNCTION keep_equipment();
CREATE OR REPLACE TRIGGER trigger_030_check_first_specifications BEFORE INSERT ON equipment
  FOR EACH ROW WHEN (NEW.category_id IS NOT NULL) EXECUTE FUNCTION check_equipment_specifications();
CREATE OR REPLACE TRIGGER trigger_030_check_specifications BEFORE UPDATE OF category_id, specifications ON equipment
  FOR EACH ROW WHEN (NEW.category_id IS NOT NULL AND (NEW.category_id, NEW.specifications) IS DISTINCT FROM (OLD.category_id, OLD.specifications))
  EXECUTE FUNCTION check_equipment_specifications();
CREATE OR REPLACE TRIGGER trigger_700_record_first_status AFTER INSERT ON equipment
  FOR EACH ROW EXECUTE FUNCTION record_equipment_status();
CREATE OR REPLACE TRIGGER trigger_700_record_status AFTER UPDATE ON equipment
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.last_status_correction IS DISTINCT FROM NEW.last_status_correction)
  EXECUTE FUNCTION record_equipment_status();
CREATE OR REPLACE TRIGGER trigger_800_keep_equipment_search AFTER INSERT OR UPDATE ON equipment
  FOR EACH ROW EXECUTE FUNCTION keep_equipment_search();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON equipment
  FOR EACH ROW EXECUTE FUNCTION record_change('equipment');

GRANT SELECT, INSERT, UPDATE ON equipment TO application_user;
GRANT SELECT ON equipment_status_history TO application_user;
GRANT SELECT ON equipment, equipment_status_history TO reporting_user;

DROP POLICY IF EXISTS equipment_select ON equipment;
CREATE POLICY equipment_select ON equipment FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS equipment_insert ON equipment;
CREATE POLICY equipment_insert ON equipment FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
DROP POLICY IF EXISTS equipment_update ON equipment;
CREATE POLICY equipment_update ON equipment FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
DROP POLICY IF EXISTS equipment_status_history_select ON equipment_status_history;
CREATE POLICY equipment_status_history_select ON equipment_status_history FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));

