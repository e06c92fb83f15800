-- Owns: equipment_categories. The database keeps the path of each category and refuses a circle.

-- One writer of a company's tree at a time, taken before any row is locked, so that opposite moves wait and do not deadlock.
CREATE OR REPLACE FUNCTION lock_category_tree() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('category_tree ' || coalesce(current_setting('app.current_company_id', true), ''), 0));
  RETURN NULL;
END
$$;

-- path = the parent's path and the category's own id without dashes, as it stands after everyone before us.
CREATE OR REPLACE FUNCTION keep_category_path() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  v_label text := replace(NEW.id::text, '-', '');
  v_parent equipment_categories;
BEGIN
  IF NEW.parent_id IS NULL THEN
    NEW.path := v_label::ltree;
  ELSE
    SELECT * INTO v_parent FROM equipment_categories p WHERE p.company_id = NEW.company_id AND p.id = NEW.parent_id;
    IF TG_OP = 'UPDATE' AND OLD.is_deleted AND NOT NEW.is_deleted AND v_parent.is_deleted THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_parent_deleted', MESSAGE = 'the category above is deleted';
    ELSIF v_parent.id IS NULL OR (v_parent.is_deleted AND NOT NEW.is_deleted) THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_category_parent', MESSAGE = 'no such parent category';
    END IF;
    IF NEW.parent_id = NEW.id OR v_parent.path ~ ('*.' || v_label || '.*')::lquery THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_no_circle', MESSAGE = 'a category cannot lie below itself';
    END IF;
    IF nlevel(v_parent.path) >= 20 THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_depth', MESSAGE = 'too deep';
    END IF;
    NEW.path := v_parent.path || v_label;
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.is_deleted AND NOT OLD.is_deleted AND (
       EXISTS (SELECT FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.parent_id = NEW.id AND NOT k.is_deleted)
       OR EXISTS (SELECT FROM equipment e WHERE e.company_id = NEW.company_id AND e.category_id = NEW.id AND NOT e.is_deleted)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_in_use', MESSAGE = 'the category still holds categories or machines';
  END IF;
  RETURN NEW;
END
$$;

-- A moved category takes its children along; each child does the same for its own.
CREATE OR REPLACE FUNCTION move_category_children() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE equipment_categories SET path = ''
  WHERE company_id = NEW.company_id AND parent_id = NEW.id;
  RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION lock_category_tree(), keep_category_path(), move_category_children() TO application_user, record_keeper;

-- What is wrong with the value of one specification field: the code of the sentence that says it; NULL when nothing is.
-- Blank and null count as not given. The function is one expression, so that lists have it inlined.
CREATE OR REPLACE FUNCTION find_specification_fault(p_value jsonb, p_field jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN p_value IS NULL OR p_value = 'null' OR (jsonb_typeof(p_value) = 'string' AND NOT is_not_blank(p_value #>> '{}'))
    THEN CASE WHEN p_field -> 'required' = 'true' THEN 'specification_required' END
  WHEN p_field ->> 'type' = 'text' THEN CASE WHEN jsonb_typeof(p_value) <> 'string' THEN 'specification_text' END
  WHEN p_field ->> 'type' = 'number' THEN CASE WHEN jsonb_typeof(p_value) <> 'number' THEN 'specification_number' END
  WHEN p_field ->> 'type' = 'boolean' THEN CASE WHEN jsonb_typeof(p_value) <> 'boolean' THEN 'specification_boolean' END
  WHEN p_field ->> 'type' = 'choice' THEN
    CASE WHEN jsonb_typeof(p_value) <> 'string' OR NOT (p_field -> 'choices') ? (p_value #>> '{}') THEN 'specification_choice' END
  WHEN jsonb_typeof(p_value) <> 'string' OR (p_value #>> '{}') !~ '^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN 'specification_date'
  WHEN right(p_value #>> '{}', 2)::int > extract(day FROM
    make_date(left(p_value #>> '{}', 4)::int, substr(p_value #>> '{}', 6, 2)::int, 1) + interval '1 month - 1 day') THEN 'specification_date'
END;
GRANT EXECUTE ON FUNCTION find_specification_fault(jsonb, jsonb) TO application_user, reporting_user, record_keeper;

-- The fields that hold for each category: its own and all from above; where two have one key, the nearer one counts.
CREATE OR REPLACE VIEW category_specification_fields WITH (security_invoker = true) AS
SELECT DISTINCT ON (own.company_id, own.id, f.field ->> 'key')
  own.company_id, own.id AS category_id, f.field ->> 'key' AS key, f.field, nlevel(above.path) AS depth, f.position::integer AS position
FROM equipment_categories own
JOIN equipment_categories above ON above.company_id = own.company_id AND above.id = ANY (string_to_array(own.path::text, '.')::uuid[])
  AND above.specification_template <> '[]'
CROSS JOIN LATERAL jsonb_array_elements(above.specification_template) WITH ORDINALITY AS f (field, position)
ORDER BY own.company_id, own.id, f.field ->> 'key', nlevel(above.path) DESC;
GRANT SELECT ON category_specification_fields TO application_user, reporting_user, record_keeper;

CREATE OR REPLACE TRIGGER trigger_000_lock_category_tree BEFORE INSERT OR UPDATE ON equipment_categories
  FOR EACH STATEMENT EXECUTE FUNCTION lock_category_tree();
CREATE OR REPLACE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON equipment_categories
  FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE OR REPLACE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON equipment_categories
  FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE OR REPLACE TRIGGER trigger_020_keep_category_path BEFORE INSERT OR UPDATE ON equipment_categories
  FOR EACH ROW EXECUTE FUNCTION keep_category_path();
-- As text: a dump is restored with an empty search_path, where IS DISTINCT FROM finds no operator of ltree.
CREATE OR REPLACE TRIGGER trigger_800_move_category_children AFTER UPDATE ON equipment_categories
  FOR EACH ROW WHEN (OLD.path::text IS DISTINCT FROM NEW.path::text) EXECUTE FUNCTION move_category_children();
CREATE OR REPLACE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON equipment_categories
  FOR EACH ROW EXECUTE FUNCTION record_change('category');

GRANT SELECT, INSERT, UPDATE ON equipment_categories TO application_user;
GRANT SELECT ON equipment_categories TO reporting_user;
DROP POLICY IF EXISTS equipment_categories_select ON equipment_categories;
CREATE POLICY equipment_categories_select ON equipment_categories FOR SELECT TO application_user, reporting_user
  USING (company_id = (SELECT c.company_id FROM caller c));
DROP POLICY IF EXISTS equipment_categories_insert ON equipment_categories;
CREATE POLICY equipment_categories_insert ON equipment_categories FOR INSERT TO application_user
  WITH CHECK (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));
DROP POLICY IF EXISTS equipment_categories_update ON equipment_categories;
CREATE POLICY equipment_categories_update ON equipment_categories FOR UPDATE TO application_user
  USING (company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager')));

-- === as record_keeper ===============================================================================================
SET LOCAL ROLE record_keeper;

-- The categories of the caller's company as they were recorded at p_at, deleted ones too. With the keeper's rights, since the
-- events of categories, unlike the categories, are not for everyone.
CREATE OR REPLACE FUNCTION get_categories_at(p_at timestamptz) RETURNS SETOF equipment_categories
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.* FROM equipment_categories k
  CROSS JOIN LATERAL (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) AS fields FROM domain_events v
    WHERE v.company_id = k.company_id AND v.aggregate_id = k.id AND v.occurred_at > p_at) undone
  CROSS JOIN LATERAL jsonb_populate_record(k, coalesce(undone.fields, '{}')) r
  WHERE k.company_id = (SELECT c.company_id FROM caller c) AND k.created_at <= p_at
$$;
GRANT EXECUTE ON FUNCTION get_categories_at(timestamptz) TO application_user, reporting_user;
SET LOCAL ROLE bitcorp_owner;

-- The fields that held for each category at p_at: category_specification_fields as it was then.
CREATE OR REPLACE FUNCTION get_specification_fields_at(p_at timestamptz)
RETURNS TABLE (company_id uuid, category_id uuid, key text, field jsonb, depth integer, "position" integer)
LANGUAGE sql STABLE AS $$
  WITH tree AS MATERIALIZED (SELECT * FROM get_categories_at(p_at))
  SELECT DISTINCT ON (own.id, f.field ->> 'key') own.company_id, own.id, f.field ->> 'key', f.field, nlevel(above.path), f.position::integer
  FROM tree own JOIN tree above ON above.path @> own.path
  CROSS JOIN LATERAL jsonb_array_elements(above.specification_template) WITH ORDINALITY AS f (field, position)
  ORDER BY own.id, f.field ->> 'key', nlevel(above.path) DESC
$$;
GRANT EXECUTE ON FUNCTION get_specification_fields_at(timestamptz) TO application_user, reporting_user;
