-- Description: the index of the machines that are not deleted is a part of the new one
-- migrate:no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_equipment_company_created;
