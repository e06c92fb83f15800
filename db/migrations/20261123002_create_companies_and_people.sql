-- Description: companies, users, one membership per user and company, sessions and API tokens

-- A tenant. Its id is the company_id of every row that belongs to it.
CREATE TABLE companies (
  id uuid PRIMARY KEY DEFAULT generate_uuid_v7(),
  name varchar(200) NOT NULL,
  email varchar(255),
  phone varchar(20),
  address jsonb,
  status varchar(20) NOT NULL DEFAULT 'active',
  settings jsonb NOT NULL DEFAULT '{"time_zone": "America/Lima", "currency": "PEN", "language": "es"}',
  search_key integer GENERATED ALWAYS AS IDENTITY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  CONSTRAINT companies_name_not_empty CHECK (is_not_blank(name)),
  CONSTRAINT companies_email_valid CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
  CONSTRAINT companies_phone_not_empty CHECK (is_not_blank(phone)),
  CONSTRAINT companies_address_object CHECK (jsonb_typeof(address) = 'object' AND length(address::text) <= 4000),
  CONSTRAINT companies_status_valid CHECK (status IN ('active', 'inactive', 'suspended')),
  CONSTRAINT companies_settings_valid CHECK (is_company_settings(settings)),
  CONSTRAINT companies_search_key_unique UNIQUE (search_key)
);

-- A person who can sign in. Belongs to no company by itself; never deleted, so every *_by column keeps its person.
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT generate_uuid_v7(),
  email varchar(255) NOT NULL,
  full_name varchar(200) NOT NULL,
  password_hash text,
  language varchar(2) NOT NULL DEFAULT 'es',
  status varchar(20) NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  CONSTRAINT users_email_valid CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND email = lower(email)),
  CONSTRAINT users_full_name_not_empty CHECK (is_not_blank(full_name)),
  CONSTRAINT users_language_valid CHECK (language IN ('es', 'en')),
  CONSTRAINT users_status_valid CHECK (status IN ('active', 'deactivated')),
  CONSTRAINT users_email_unique UNIQUE (email)
);

-- The membership of a user in a company: one row for each pair, with the role and the time it holds.
-- display_name is what this company calls the person, so that no company learns what another one wrote.
CREATE TABLE user_company_roles (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  role varchar(50) NOT NULL,
  display_name varchar(200) NOT NULL,
  assigned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  assigned_by uuid,
  ended_at timestamptz,
  is_active boolean NOT NULL GENERATED ALWAYS AS (ended_at IS NULL) STORED,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_ucr_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT fk_ucr_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT fk_ucr_assigned_by FOREIGN KEY (assigned_by) REFERENCES users (id),
  CONSTRAINT ucr_role_valid CHECK (role IN ('admin', 'manager', 'operator', 'viewer')),
  CONSTRAINT ucr_display_name_not_empty CHECK (is_not_blank(display_name)),
  CONSTRAINT ucr_period_valid CHECK (isfinite(assigned_at) AND isfinite(ended_at) AND ended_at >= assigned_at),
  CONSTRAINT ucr_one_membership UNIQUE (company_id, user_id)
);
CREATE INDEX idx_user_company_roles_user ON user_company_roles (user_id, company_id);
CREATE INDEX idx_user_company_roles_assigned_by ON user_company_roles (assigned_by);

-- A signed-in browser or a running command. Only the SHA-256 of its secret is stored.
CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT generate_uuid_v7(),
  token_hash varchar(64) NOT NULL,
  user_id uuid NOT NULL,
  kind varchar(20) NOT NULL DEFAULT 'browser',
  ip_address varchar(64),
  user_agent varchar(400),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT fk_sessions_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT sessions_token_hash_form CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT sessions_kind_valid CHECK (kind IN ('browser', 'command')),
  CONSTRAINT sessions_expires_finite CHECK (isfinite(expires_at)),
  CONSTRAINT sessions_token_hash_unique UNIQUE (token_hash)
);
CREATE INDEX idx_sessions_user ON sessions (user_id);

-- A bearer token of one user for one company. scopes bound what it may do: read, write (as a manager at most), admin.
CREATE TABLE api_tokens (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  name varchar(100) NOT NULL,
  token_hash varchar(64) NOT NULL,
  scopes text[] NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_api_tokens_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles (company_id, user_id),
  CONSTRAINT api_tokens_name_not_empty CHECK (is_not_blank(name)),
  CONSTRAINT api_tokens_scopes_valid CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
  CONSTRAINT api_tokens_token_hash_form CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT api_tokens_expires_finite CHECK (isfinite(expires_at))
);
-- A hash of 256 random bits: unique by itself, and looked up before the company is known.
CREATE INDEX idx_api_tokens_token_hash ON api_tokens (token_hash);
CREATE INDEX idx_api_tokens_user ON api_tokens (company_id, user_id);
