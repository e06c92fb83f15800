-- Description: checks the hand-overs that were there before against the constraints that came with reservations
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_begun_or_reserved;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_reserved_period;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_reservation_times_finite;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_cancelled_with_reason;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_steps_in_order;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_return_described_at_return;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_condition_valid;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_damage_described;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_meter_range;
ALTER TABLE equipment_assignments VALIDATE CONSTRAINT ea_meter_runs_forward;
