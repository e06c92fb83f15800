-- Description: what a specification field consists of is bounded too: unit, required, choices

-- True when each field's unit is a short visible text, its required a true or false, and its choices short, visible and distinct.
CREATE FUNCTION has_bounded_specification_parts(p_template jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN NOT EXISTS (
  SELECT 1 FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p_template) = 'array' THEN p_template ELSE '[]' END) f
  WHERE jsonb_typeof(f) <> 'object'
    OR (f ? 'unit' AND (jsonb_typeof(f -> 'unit') <> 'string' OR length(f ->> 'unit') > 20 OR NOT is_not_blank(f ->> 'unit')))
    OR (f ? 'required' AND jsonb_typeof(f -> 'required') <> 'boolean')
    OR EXISTS (
      SELECT 1 FROM jsonb_array_elements(CASE WHEN jsonb_typeof(f -> 'choices') = 'array' THEN f -> 'choices' ELSE '[]' END) c
      WHERE jsonb_typeof(c) <> 'string' OR length(c #>> '{}') > 100 OR NOT is_not_blank(c #>> '{}'))
    OR (jsonb_typeof(f -> 'choices') = 'array' AND jsonb_array_length(f -> 'choices')
        <> (SELECT count(DISTINCT c) FROM jsonb_array_elements(f -> 'choices') c))
);
-- First step: from now on. What stands already is looked at by the next migration, without keeping writers out.
ALTER TABLE equipment_categories
  ADD CONSTRAINT category_template_parts CHECK (has_bounded_specification_parts(specification_template)) NOT VALID;
