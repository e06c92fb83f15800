-- Description: reservations in the ledger of hand-overs, condition at hand-over and return, acceptance by the holder

-- What a row claims of its machine: a reservation its time, a hand-over until it is due or came back, whichever is first.
-- Late or not, what is past its due time claims nothing more: who comes next may be promised the machine. Cancelled: nothing.
CREATE FUNCTION claimed_period(p_reserved_from timestamptz, p_reserved_until timestamptz, p_cancelled_at timestamptz,
  p_assigned_at timestamptz, p_due_at timestamptz, p_returned_at timestamptz) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN p_cancelled_at IS NOT NULL THEN 'empty'::tstzrange
  WHEN p_assigned_at IS NULL THEN tstzrange(p_reserved_from, p_reserved_until, '[)')
  ELSE tstzrange(p_assigned_at, least(p_due_at, p_returned_at), '[)') END;

-- A reservation is a row of the same ledger that has not begun: assigned_at stays empty until the machine is picked up.
-- accepted_at: when the holder said that the machine is with them as described.
ALTER TABLE equipment_assignments
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN assigned_at DROP NOT NULL,
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN assigned_by DROP NOT NULL,
  ADD COLUMN reserved_from timestamptz,
  ADD COLUMN reserved_until timestamptz,
  ADD COLUMN cancelled_at timestamptz,
  ADD COLUMN cancel_reason text,
  ADD COLUMN accepted_at timestamptz,
  ADD COLUMN condition varchar(10),
  ADD COLUMN meter_reading numeric(12, 1),
  ADD COLUMN return_condition varchar(10),
  ADD COLUMN return_meter_reading numeric(12, 1),
  ADD CONSTRAINT ea_begun_or_reserved CHECK (
    (assigned_at IS NOT NULL OR reserved_from IS NOT NULL) AND (assigned_at IS NULL) = (assigned_by IS NULL)) NOT VALID,
  ADD CONSTRAINT ea_reserved_period CHECK (
    (reserved_from IS NULL) = (reserved_until IS NULL) AND reserved_until > reserved_from
    AND reserved_until - reserved_from <= interval '366 days') NOT VALID,
  ADD CONSTRAINT ea_reservation_times_finite CHECK (
    isfinite(reserved_from) AND isfinite(reserved_until) AND isfinite(cancelled_at) AND isfinite(accepted_at)) NOT VALID,
  ADD CONSTRAINT ea_cancelled_with_reason CHECK (
    (cancelled_at IS NULL) = (cancel_reason IS NULL) AND (cancelled_at IS NULL OR assigned_at IS NULL)
    AND (cancel_reason IS NULL OR length(cancel_reason) <= 2000 AND is_not_blank(cancel_reason))) NOT VALID,
  ADD CONSTRAINT ea_steps_in_order CHECK (
    assigned_at IS NOT NULL OR num_nonnulls(returned_at, due_at, accepted_at, condition, meter_reading) = 0) NOT VALID,
  ADD CONSTRAINT ea_return_described_at_return CHECK (
    returned_at IS NOT NULL OR num_nonnulls(return_condition, return_meter_reading) = 0) NOT VALID,
  ADD CONSTRAINT ea_condition_valid CHECK (
    (condition IS NULL OR condition IN ('good', 'worn', 'damaged')) AND (return_condition IS NULL OR return_condition IN ('good', 'worn', 'damaged'))) NOT VALID,
  ADD CONSTRAINT ea_damage_described CHECK (
    (condition IS DISTINCT FROM 'damaged' OR coalesce(is_not_blank(notes), false))
    AND (return_condition IS DISTINCT FROM 'damaged' OR coalesce(is_not_blank(return_notes), false))) NOT VALID,
  ADD CONSTRAINT ea_meter_range CHECK (
    (meter_reading IS NULL OR meter_reading BETWEEN 0 AND 99999999)
    AND (return_meter_reading IS NULL OR return_meter_reading BETWEEN 0 AND 99999999)) NOT VALID,
  ADD CONSTRAINT ea_meter_runs_forward CHECK (return_meter_reading >= meter_reading) NOT VALID;

-- Holding is for what has begun; claims are for everything. An exclusion cannot be checked in the background: it is built here.
ALTER TABLE equipment_assignments
  DROP CONSTRAINT ea_one_holder_at_a_time,
  ADD CONSTRAINT ea_one_holder_at_a_time EXCLUDE USING gist (
    company_id WITH =, equipment_id WITH =, tstzrange(assigned_at, returned_at, '[)') WITH &&) WHERE (assigned_at IS NOT NULL),
  ADD CONSTRAINT ea_claims_do_not_overlap EXCLUDE USING gist (
    company_id WITH =, equipment_id WITH =,
    claimed_period(reserved_from, reserved_until, cancelled_at, assigned_at, due_at, returned_at) WITH &&);

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX idx_equipment_assignments_open;
CREATE UNIQUE INDEX idx_equipment_assignments_open ON equipment_assignments (company_id, equipment_id)
  WHERE assigned_at IS NOT NULL AND returned_at IS NULL;
-- What is due back, the longest overdue first, and what is reserved, the next first.
CREATE INDEX idx_equipment_assignments_due ON equipment_assignments (company_id, due_at, id)
  WHERE assigned_at IS NOT NULL AND returned_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX idx_equipment_assignments_reserved ON equipment_assignments (company_id, reserved_from, id)
  WHERE assigned_at IS NULL AND cancelled_at IS NULL;
-- The calendar's past: what came back lately.
CREATE INDEX idx_equipment_assignments_returned ON equipment_assignments (company_id, returned_at, id) WHERE returned_at IS NOT NULL;
