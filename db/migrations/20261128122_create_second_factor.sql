-- Description: the secret of a person's authenticator app, encrypted, and codes for when the app is lost

-- One for each person who has, or is setting up, a second factor (TOTP, RFC 6238). The secret is encrypted before it comes here:
-- AES-256-GCM bound to table, column and person. last_step is the newest time step whose code was used: no code works twice.
CREATE TABLE totp_secrets (
  user_id uuid PRIMARY KEY,
  key_id varchar(16) NOT NULL,
  ciphertext bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamptz,
  last_step bigint,
  CONSTRAINT fk_totp_secrets_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT totp_secrets_key_form CHECK (key_id ~ '^[0-9a-f]{8,16}$'),
  CONSTRAINT totp_secrets_ciphertext_form CHECK (octet_length(ciphertext) BETWEEN 31 AND 400),
  CONSTRAINT totp_secrets_step_needed CHECK (confirmed_at IS NULL OR last_step > 0),
  CONSTRAINT totp_secrets_times_finite CHECK (isfinite(created_at) AND isfinite(confirmed_at))
);
CREATE INDEX idx_totp_secrets_key ON totp_secrets (key_id, user_id);
ALTER TABLE totp_secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Codes on paper, each good once. 120 random bits each, so that their SHA-256 tells nothing.
CREATE TABLE recovery_codes (
  user_id uuid NOT NULL,
  code_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at timestamptz,
  PRIMARY KEY (user_id, code_hash),
  CONSTRAINT fk_recovery_codes_secret FOREIGN KEY (user_id) REFERENCES totp_secrets (user_id),
  CONSTRAINT recovery_codes_hash_form CHECK (code_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT recovery_codes_times_finite CHECK (isfinite(created_at) AND isfinite(used_at))
);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
