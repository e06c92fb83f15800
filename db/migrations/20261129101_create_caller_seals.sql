-- Description: the key that seals who is calling, so that it is found once a transaction and not for each row policy

-- One row. Who can read it can be anyone: it is granted to the owner of identify_caller and read_caller alone.
CREATE TABLE caller_seals (
  is_single boolean PRIMARY KEY DEFAULT true,
  key bytea NOT NULL,
  CONSTRAINT caller_seals_single CHECK (is_single),
  CONSTRAINT caller_seals_key_length CHECK (octet_length(key) = 32)
);
ALTER TABLE caller_seals ENABLE ROW LEVEL SECURITY;
INSERT INTO caller_seals (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
ALTER TABLE caller_seals FORCE ROW LEVEL SECURITY;

-- What was found about the caller. Without a place in the active company, company_id and role are NULL; scopes are a token's.
CREATE TYPE caller_found AS (user_id uuid, session_id uuid, token_company_id uuid, scopes text[], is_personal boolean, has_given_password boolean, company_id uuid, role varchar);
