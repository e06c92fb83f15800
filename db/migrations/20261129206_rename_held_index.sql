-- Description: the index of who holds what takes the name of the one it replaces, by which refusals are told
ALTER INDEX idx_equipment_assignments_held RENAME TO idx_equipment_assignments_open;
