-- Description: who wants to be told by mail what is due, at which hour, and which mail was sent

-- One mail to one person for one of the company's days. The row is the claim to send it: no restart sends twice.
CREATE TABLE maintenance_digest_mails (
  company_id uuid NOT NULL,
  user_id uuid NOT NULL,
  day date NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at timestamptz,
  failed_at timestamptz,
  problem varchar(500),
  PRIMARY KEY (company_id, user_id, day),
  CONSTRAINT fk_mdm_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles (company_id, user_id),
  CONSTRAINT mdm_day_range CHECK (day BETWEEN '1900-01-01' AND '2200-12-31'),
  CONSTRAINT mdm_attempts_range CHECK (attempts BETWEEN 1 AND 100),
  CONSTRAINT mdm_times_finite CHECK (isfinite(claimed_at) AND isfinite(sent_at) AND isfinite(failed_at))
);
ALTER TABLE maintenance_digest_mails ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE user_company_roles ADD COLUMN wants_maintenance_digest boolean NOT NULL DEFAULT true;

-- The hour of the company's day, 0 to 23; null: no mail. Left out: 7.
ALTER TABLE companies ADD CONSTRAINT companies_digest_hour_valid CHECK (CASE jsonb_typeof(settings -> 'maintenance_digest_hour')
  WHEN 'number' THEN (settings ->> 'maintenance_digest_hour') ~ '^([0-9]|1[0-9]|2[0-3])$'
  WHEN 'null' THEN true
  ELSE NOT settings ? 'maintenance_digest_hour' END) NOT VALID;
