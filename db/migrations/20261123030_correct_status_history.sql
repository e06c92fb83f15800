-- Description: the status history keeps what was known: a correction supersedes periods and rewrites none

-- The last correction of a machine's past ({"status", "from", "to", "version"}): kept on the row, so that it has its version, event and audit.
ALTER TABLE equipment
  ADD COLUMN last_status_correction jsonb,
  ADD CONSTRAINT equipment_status_correction_form CHECK (
    last_status_correction ?& ARRAY['status', 'from', 'to', 'version'] AND length(last_status_correction::text) <= 400) NOT VALID;

-- recorded_at: since when the database says so. superseded_at: until when it did; empty for what holds. The open period's end
-- is filled in when the next one begins, which is the instant both were recorded.
ALTER TABLE equipment_status_history
  ADD COLUMN recorded_at timestamptz,
  ADD COLUMN superseded_at timestamptz,
  ADD COLUMN superseded_by uuid,
  ADD CONSTRAINT fk_esh_superseded_by FOREIGN KEY (superseded_by) REFERENCES users (id) NOT VALID,
  ADD CONSTRAINT esh_recorded_at_given CHECK (recorded_at IS NOT NULL) NOT VALID,
  ADD CONSTRAINT esh_superseded_after_recorded CHECK (
    isfinite(recorded_at) AND isfinite(superseded_at) AND superseded_at > recorded_at AND (superseded_by IS NULL OR superseded_at IS NOT NULL)) NOT VALID;

-- Until now a period was recorded when it began. The owner sees the rows only while row security is not forced on it.
ALTER TABLE equipment_status_history NO FORCE ROW LEVEL SECURITY;
UPDATE equipment_status_history SET recorded_at = effective_from;
ALTER TABLE equipment_status_history FORCE ROW LEVEL SECURITY;

-- One status at a time among what holds; what was superseded may overlap it. An exclusion cannot be checked in the background.
ALTER TABLE equipment_status_history
  DROP CONSTRAINT esh_one_status_at_a_time,
  ADD CONSTRAINT esh_one_status_at_a_time EXCLUDE USING gist (
    company_id WITH =, equipment_id WITH =, tstzrange(effective_from, effective_to, '[)') WITH &&) WHERE (superseded_at IS NULL);
CREATE INDEX idx_equipment_status_history_superseded_by ON equipment_status_history (superseded_by);
