-- Description: readings, notes and senders' own ids in the logs of machines

-- What an entry says beside its kind: a meter's reading, a note, the sender's own id, and when it came in.
ALTER TABLE equipment_logs ADD COLUMN reading numeric(12,2);
ALTER TABLE equipment_logs ADD COLUMN is_correction boolean NOT NULL DEFAULT false;
ALTER TABLE equipment_logs ADD COLUMN notes text;
ALTER TABLE equipment_logs ADD COLUMN entry_key varchar(100);
ALTER TABLE equipment_logs ADD COLUMN received_at timestamptz;
ALTER TABLE equipment_logs ALTER COLUMN received_at SET DEFAULT clock_timestamp();

ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_event_type_valid
  CHECK (event_type IN ('note', 'meter_hours', 'meter_km', 'telemetry', 'status', 'assignment')) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_reading_range CHECK (reading >= 0 AND reading <= 99999999.99) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_reading_of_meter
  CHECK ((event_type IN ('meter_hours', 'meter_km')) = (reading IS NOT NULL)) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_correction_of_meter CHECK (NOT is_correction OR reading IS NOT NULL) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_notes_length CHECK (length(notes) <= 2000 AND is_not_blank(notes)) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_note_says CHECK (event_type <> 'note' OR notes IS NOT NULL) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_entry_key_not_empty CHECK (is_not_blank(entry_key)) NOT VALID;
ALTER TABLE equipment_logs ADD CONSTRAINT equipment_logs_received_at_finite CHECK (isfinite(received_at)) NOT VALID;

-- PostgreSQL makes no index of a partitioned table concurrently. Nothing has written to this one before, so both are made at once.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_equipment_logs_event_type ON equipment_logs (company_id, equipment_id, event_type, created_at DESC, id DESC);
-- A unique rule of a partitioned table holds its key: an entry is the sender's id together with the entry's own instant.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX idx_equipment_logs_entry_key ON equipment_logs (company_id, equipment_id, entry_key, created_at) WHERE entry_key IS NOT NULL;
