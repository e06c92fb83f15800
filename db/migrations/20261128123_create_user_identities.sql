-- Description: which account a person of an identity provider (OpenID Connect) is

-- Found by issuer and subject, which never change; an address may. Written when a person first signs in through the provider.
CREATE TABLE user_identities (
  id uuid PRIMARY KEY DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  issuer varchar(500) NOT NULL,
  subject varchar(255) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT fk_user_identities_user FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT user_identities_subject_not_empty CHECK (is_not_blank(subject) AND is_not_blank(issuer)),
  CONSTRAINT user_identities_times_finite CHECK (isfinite(created_at) AND isfinite(last_used_at)),
  CONSTRAINT user_identities_subject_unique UNIQUE (issuer, subject),
  CONSTRAINT user_identities_one_each UNIQUE (user_id, issuer)
);
ALTER TABLE user_identities ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
