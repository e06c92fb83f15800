-- Description: passwords that were given and not chosen, how a session was opened, and companies that demand a second factor

-- When an administrator or the command line gave the password; empty for one that its person chose.
ALTER TABLE users ADD COLUMN password_given_at timestamptz;
ALTER TABLE users ADD CONSTRAINT users_password_given_finite CHECK (isfinite(password_given_at)) NOT VALID;

-- How its person proved who they are; empty for sessions of the command line and of before.
ALTER TABLE sessions ADD COLUMN method varchar(20);
ALTER TABLE sessions ADD CONSTRAINT sessions_method_valid CHECK (method IN ('password', 'totp', 'recovery_code', 'single_sign_on')) NOT VALID;

ALTER TABLE companies ADD CONSTRAINT companies_second_factor_valid
  CHECK (NOT settings ? 'second_factor_demanded' OR jsonb_typeof(settings -> 'second_factor_demanded') = 'boolean') NOT VALID;
