-- Description: counts of refused sign-ins, browsers that signed in before, and when a session was last seen

-- How often a sign-in failed lately, by account (whether there is one or not), by address, by known browser, and by a signed-in
-- person asked for their password again. The key is a hash: what strangers type is kept nowhere.
CREATE TABLE sign_in_throttles (
  scope varchar(10) NOT NULL,
  key_hash varchar(64) NOT NULL,
  failures integer NOT NULL,
  last_try_at timestamptz NOT NULL,
  next_try_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key_hash),
  CONSTRAINT sign_in_throttles_scope_valid CHECK (scope IN ('account', 'address', 'device', 'caller')),
  CONSTRAINT sign_in_throttles_key_form CHECK (key_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT sign_in_throttles_failures_range CHECK (failures >= 0),
  CONSTRAINT sign_in_throttles_times_finite CHECK (isfinite(last_try_at) AND isfinite(next_try_at))
);
CREATE INDEX idx_sign_in_throttles_last_try ON sign_in_throttles (last_try_at);
ALTER TABLE sign_in_throttles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- A browser in which this person signed in: strangers' tries at the account do not hold it back. Only the SHA-256 of its cookie is stored.
CREATE TABLE known_devices (
  user_id uuid NOT NULL,
  token_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, token_hash),
  CONSTRAINT fk_known_devices_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT known_devices_token_hash_form CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT known_devices_times_finite CHECK (isfinite(created_at) AND isfinite(last_used_at))
);
ALTER TABLE known_devices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- A session nobody used for two weeks is over.
ALTER TABLE sessions ADD COLUMN last_seen_at timestamptz;
ALTER TABLE sessions ADD CONSTRAINT sessions_last_seen_finite CHECK (isfinite(last_seen_at)) NOT VALID;
