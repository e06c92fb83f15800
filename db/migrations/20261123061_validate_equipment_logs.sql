-- Description: the rules of the logs hold for every row that is there
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_event_type_valid;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_reading_range;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_reading_of_meter;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_correction_of_meter;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_notes_length;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_note_says;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_entry_key_not_empty;
ALTER TABLE equipment_logs VALIDATE CONSTRAINT equipment_logs_received_at_finite;
