-- Description: the rules of corrected status periods hold for every row
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_status_correction_form;
ALTER TABLE equipment_status_history
  VALIDATE CONSTRAINT fk_esh_superseded_by,
  VALIDATE CONSTRAINT esh_recorded_at_given,
  VALIDATE CONSTRAINT esh_superseded_after_recorded;
ALTER TABLE equipment_status_history ALTER COLUMN recorded_at SET NOT NULL, DROP CONSTRAINT esh_recorded_at_given;
