-- Description: the checks on anonymised memberships and working time hold for every row
ALTER TABLE user_company_roles VALIDATE CONSTRAINT ucr_anonymised_ended;
ALTER TABLE companies VALIDATE CONSTRAINT companies_working_time_valid;
