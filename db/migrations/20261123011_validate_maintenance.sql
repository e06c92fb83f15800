-- Description: checks the rows that were there before against the constraints that came with maintenance, without blocking writers
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_maintenance_interval_range;
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_maintenance_rule_valid;
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_maintenance_counted_from_range;
ALTER TABLE domain_events VALIDATE CONSTRAINT de_aggregate_type_valid;
