-- Description: checks the companies that were there before against the rule of the digest's hour, without blocking writers
ALTER TABLE companies VALIDATE CONSTRAINT companies_digest_hour_valid;
