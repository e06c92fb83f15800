-- Description: functions that constraints, defaults and indexes call. Frozen: never replaced, only superseded.

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- A UUID of version 7 (RFC 9562): 48 bits of milliseconds, 12 bits of the millisecond's fraction, 62 random bits.
-- Ids made one after the other sort in that order to about a quarter of a microsecond.
CREATE FUNCTION generate_uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN (
  SELECT (
    lpad(to_hex(floor(t.ms)::bigint), 12, '0')
    || '7' || lpad(to_hex(floor((t.ms - floor(t.ms)) * 4096)::int), 3, '0')
    || substr(r.hex, 17, 16)
  )::uuid
  FROM (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms) t,
       (SELECT replace(gen_random_uuid()::text, '-', '') AS hex) r
);

-- True when a text holds something visible: not only spaces, tabs, no-break, zero-width or other blanks.
CREATE FUNCTION is_not_blank(p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN p_text ~ '[^\s\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';

-- The guidelines' format of a company's own code: EQ-YYYY-XX-NNNNNN (year, type code, number).
CREATE FUNCTION validate_equipment_serial_number(p_serial_number text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN p_serial_number ~ '^EQ-[0-9]{4}-[A-Z]{2}-[0-9]{6}$';

-- True for an array of at most 50 short, visible, distinct tags.
CREATE FUNCTION is_tag_list(p_tags text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN cardinality(p_tags) <= 50
  AND coalesce(array_ndims(p_tags), 1) = 1
  AND NOT EXISTS (SELECT 1 FROM unnest(p_tags) t WHERE t IS NULL OR length(t) > 50 OR NOT is_not_blank(t))
  AND cardinality(p_tags) = (SELECT count(DISTINCT t) FROM unnest(p_tags) t);

-- True for a template: an array of {key, label, type, unit?, required?, choices?}, each key once, at most 60 fields.
CREATE FUNCTION is_specification_template(p_template jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN jsonb_typeof(p_template) <> 'array' THEN false ELSE
  jsonb_array_length(p_template) <= 60
  AND NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements(p_template) f
    WHERE jsonb_typeof(f) <> 'object'
       OR coalesce(f ->> 'key', '') !~ '^[a-z][a-z0-9_]{0,49}$'
       OR coalesce(f ->> 'type', '') NOT IN ('text', 'number', 'boolean', 'choice', 'date')
       OR NOT is_not_blank(coalesce(f ->> 'label', ''))
       OR length(f ->> 'label') > 100
       OR (f ->> 'type' = 'choice') <> (jsonb_typeof(f -> 'choices') = 'array' AND jsonb_array_length(f -> 'choices') BETWEEN 1 AND 100) IS TRUE
  )
  AND jsonb_array_length(p_template) = (SELECT count(DISTINCT f ->> 'key') FROM jsonb_array_elements(p_template) f)
END;

-- True when every given setting has a form the product understands.
CREATE FUNCTION is_company_settings(p_settings jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN jsonb_typeof(p_settings) <> 'object' THEN false ELSE
  coalesce(p_settings ->> 'time_zone', 'UTC') ~ '^[A-Za-z0-9_+/-]{1,64}$'
  AND coalesce(p_settings ->> 'currency', 'PEN') ~ '^[A-Z]{3}$'
  AND coalesce(p_settings ->> 'language', 'es') IN ('es', 'en')
  AND length(p_settings::text) <= 10000
END;
