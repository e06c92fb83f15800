-- Description: the check on when a session was last seen holds for every row
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_last_seen_finite;
