-- Description: who holds a machine is found by a b-tree
-- migrate:no-transaction
-- Of returned_at IS NULL AND assigned_at IS NOT NULL the planner takes the GiST index of ea_one_holder_at_a_time for the cheaper one, which it is
-- not. The same said so that only this index answers it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx_equipment_assignments_held ON equipment_assignments (company_id, equipment_id)
  WHERE (returned_at IS NULL) > (assigned_at IS NULL);
