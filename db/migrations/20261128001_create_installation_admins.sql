-- Description: People who look after the installation itself: its backups, replicas and load. Beside the roles, which belong to companies.
CREATE TABLE installation_admins (
  user_id uuid PRIMARY KEY,
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  granted_by varchar(100) NOT NULL DEFAULT session_user,
  CONSTRAINT fk_installation_admins_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT installation_admins_granted_finite CHECK (isfinite(granted_at))
);
ALTER TABLE installation_admins ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
