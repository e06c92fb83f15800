-- Description: the index by creation takes the name of the one it replaces
ALTER INDEX idx_equipment_company_created_at RENAME TO idx_equipment_company_created;
