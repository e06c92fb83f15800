-- Description: the checks on tax_id_changed_at hold for every row
ALTER TABLE companies VALIDATE CONSTRAINT companies_tax_id_changed_finite;
ALTER TABLE user_company_roles VALIDATE CONSTRAINT ucr_tax_id_changed_finite;
