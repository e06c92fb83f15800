-- Description: machines by creation, deleted ones too: the register as of any instant walks it
-- migrate:no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_equipment_company_created_at ON equipment (company_id, created_at DESC, id DESC);
