-- Description: links to choose a password, anonymised memberships, and a company's working days and hours

-- A link in a mail with which a person chooses a password: invited, or having forgotten it. Only the SHA-256 of its secret is stored.
CREATE TABLE password_links (
  id uuid PRIMARY KEY DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  token_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT fk_password_links_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT password_links_token_hash_form CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT password_links_expires_finite CHECK (isfinite(expires_at)),
  CONSTRAINT password_links_ended_finite CHECK (isfinite(ended_at)),
  CONSTRAINT password_links_token_hash_unique UNIQUE (token_hash)
);
CREATE INDEX idx_password_links_user ON password_links (user_id);
ALTER TABLE password_links ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE user_company_roles ADD COLUMN anonymised_at timestamptz;
ALTER TABLE user_company_roles ADD CONSTRAINT ucr_anonymised_ended CHECK (anonymised_at IS NULL OR (isfinite(anonymised_at) AND ended_at IS NOT NULL)) NOT VALID;

-- True when working_days are different days from 1 (Monday) to 7, and working_hours go from one time of a day to a later one.
CREATE FUNCTION is_working_time(p_settings jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE
  WHEN NOT p_settings ? 'working_days' THEN true
  WHEN jsonb_typeof(p_settings -> 'working_days') <> 'array' THEN false
  ELSE jsonb_array_length(p_settings -> 'working_days') BETWEEN 1 AND 7
    AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(p_settings -> 'working_days') d WHERE d::text !~ '^[1-7]$')
    AND jsonb_array_length(p_settings -> 'working_days') = (SELECT count(DISTINCT d::text) FROM jsonb_array_elements(p_settings -> 'working_days') d)
END AND CASE
  WHEN NOT p_settings ? 'working_hours' THEN true
  ELSE coalesce((p_settings -> 'working_hours' ->> 'from') ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
    AND (p_settings -> 'working_hours' ->> 'to') ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
    AND (p_settings -> 'working_hours' ->> 'from') < (p_settings -> 'working_hours' ->> 'to'), false)
END;
ALTER TABLE companies ADD CONSTRAINT companies_working_time_valid CHECK (is_working_time(settings)) NOT VALID;
