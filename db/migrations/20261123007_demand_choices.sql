-- Description: a specification field of type choice names its choices, and only such a field does

-- True when every field of the template has 1 to 100 choices if it is a choice, and none otherwise.
CREATE FUNCTION has_specification_choices(p_template jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN NOT EXISTS (
  SELECT 1 FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p_template) = 'array' THEN p_template ELSE '[]' END) f
  WHERE CASE WHEN coalesce(f ->> 'type', '') <> 'choice' THEN f ? 'choices'
             WHEN jsonb_typeof(f -> 'choices') IS DISTINCT FROM 'array' THEN true
             ELSE jsonb_array_length(f -> 'choices') NOT BETWEEN 1 AND 100 END
);
ALTER TABLE equipment_categories
  ADD CONSTRAINT category_choices_given CHECK (has_specification_choices(specification_template));
