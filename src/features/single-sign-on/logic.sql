-- Owns: user_identities. Which account a person of an identity provider is.

GRANT SELECT, INSERT, UPDATE, DELETE ON user_identities TO record_keeper;
DROP POLICY IF EXISTS user_identities_keeper ON user_identities;
CREATE POLICY user_identities_keeper ON user_identities TO record_keeper USING (true) WITH CHECK (true);

-- === as record_keeper: the table is not granted to who serves ==============================================================
SET LOCAL ROLE record_keeper;

-- The account of this person of the provider. The first time it is found by an address that the provider has verified, and kept; from
-- then on by issuer and subject alone: another person who is given the address later gets no one's account. No account is made.
-- Gives nothing for a stranger. Error sso_other_person for a known address that belongs to another person of the provider.
CREATE OR REPLACE FUNCTION find_identity(p_issuer text, p_subject text, p_email text, p_email_verified boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid;
  v_status text;
BEGIN
  UPDATE user_identities i SET last_used_at = clock_timestamp() WHERE i.issuer = p_issuer AND i.subject = p_subject RETURNING i.user_id INTO v_user_id;
  IF v_user_id IS NULL AND p_email_verified THEN
    SELECT u.id INTO v_user_id FROM users u WHERE u.email = lower(p_email) AND u.status = 'active';
    IF v_user_id IS NOT NULL THEN
      INSERT INTO user_identities (user_id, issuer, subject) VALUES (v_user_id, p_issuer, p_subject) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        PERFORM record_account_audit(v_user_id, 'identity_linked', '{"source": "single_sign_on"}');
      ELSIF NOT EXISTS (SELECT FROM user_identities i WHERE i.issuer = p_issuer AND i.subject = p_subject AND i.user_id = v_user_id) THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'sso_other_person', MESSAGE = 'the address belongs to another person of the provider';
      END IF;
    END IF;
  END IF;
  SELECT u.status INTO v_status FROM users u WHERE u.id = v_user_id;
  RETURN CASE WHEN v_status = 'active' THEN v_user_id END;
END
$$;
GRANT EXECUTE ON FUNCTION find_identity(text, text, text, boolean) TO application_user;

-- Which account it was is forgotten. Not granted to anyone.
CREATE OR REPLACE FUNCTION erase_identities(p_user_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM user_identities i WHERE i.user_id = p_user_id
$$;

-- For the installation's owner: forgets which person of the provider an account is, so that the next sign-in finds it by address anew.
-- Gives 'off', 'none' when nothing was kept, or nothing for an unknown address.
CREATE OR REPLACE FUNCTION put_identity_off(p_email text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
  v_count integer := (SELECT count(*) FROM user_identities i WHERE i.user_id = v_user_id);
BEGIN
  IF v_count > 0 THEN
    PERFORM erase_identities(v_user_id), record_account_audit(v_user_id, 'identity_unlinked', '{"source": "command"}');
  END IF;
  RETURN CASE WHEN v_user_id IS NOT NULL THEN CASE WHEN v_count > 0 THEN 'off' ELSE 'none' END END;
END
$$;
GRANT EXECUTE ON FUNCTION put_identity_off(text) TO bitcorp_owner;
SET LOCAL ROLE bitcorp_owner;
