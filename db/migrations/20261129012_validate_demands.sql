-- Description: the checks on given passwords, methods of sessions and demands of companies hold for every row
ALTER TABLE users VALIDATE CONSTRAINT users_password_given_finite;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_method_valid;
ALTER TABLE companies VALIDATE CONSTRAINT companies_second_factor_valid;
