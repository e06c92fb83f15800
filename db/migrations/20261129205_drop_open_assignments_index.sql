-- Description: the index that only the GiST index was taken instead of goes
-- migrate:no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_equipment_assignments_open;
