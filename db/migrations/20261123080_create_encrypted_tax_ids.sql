-- Description: tax ids of companies and people, encrypted by the application before they reach the database

-- The tax id of a company (person_id empty) or of one of its people. The key never comes here: ciphertext is AES-256-GCM bound to
-- company, table, column and row; lookup_hash is an HMAC of the normalised value. Guidelines: companies.tax_id_encrypted.
CREATE TABLE encrypted_tax_ids (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  person_id uuid,
  key_id varchar(16) NOT NULL,
  ciphertext bytea NOT NULL,
  lookup_hash varchar(64) NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_encrypted_tax_ids_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT fk_encrypted_tax_ids_person FOREIGN KEY (company_id, person_id) REFERENCES user_company_roles (company_id, id),
  CONSTRAINT encrypted_tax_ids_one_each UNIQUE NULLS NOT DISTINCT (company_id, person_id),
  CONSTRAINT encrypted_tax_ids_key_form CHECK (key_id ~ '^[0-9a-f]{8,16}$'),
  CONSTRAINT encrypted_tax_ids_ciphertext_form CHECK (octet_length(ciphertext) BETWEEN 31 AND 400),
  CONSTRAINT encrypted_tax_ids_hash_form CHECK (lookup_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT encrypted_tax_ids_changed_finite CHECK (isfinite(changed_at))
);
-- Two people of one company have not the same one. Between companies nothing is unique: it would tell a stranger what is taken.
CREATE UNIQUE INDEX idx_encrypted_tax_ids_person_hash ON encrypted_tax_ids (company_id, lookup_hash) WHERE person_id IS NOT NULL;
CREATE INDEX idx_encrypted_tax_ids_company_hash ON encrypted_tax_ids (lookup_hash) WHERE person_id IS NULL;
CREATE INDEX idx_encrypted_tax_ids_key ON encrypted_tax_ids (key_id, company_id, id);
ALTER TABLE encrypted_tax_ids ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Whether there is one and since when: what events, audit, version and page tell of it.
ALTER TABLE companies ADD COLUMN tax_id_changed_at timestamptz;
ALTER TABLE companies ADD CONSTRAINT companies_tax_id_changed_finite CHECK (isfinite(tax_id_changed_at)) NOT VALID;
ALTER TABLE user_company_roles ADD COLUMN tax_id_changed_at timestamptz;
ALTER TABLE user_company_roles ADD CONSTRAINT ucr_tax_id_changed_finite CHECK (isfinite(tax_id_changed_at)) NOT VALID;
