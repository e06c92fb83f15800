-- Description: second step of the template's new rule: what stands is held against it

ALTER TABLE equipment_categories VALIDATE CONSTRAINT category_template_parts;
