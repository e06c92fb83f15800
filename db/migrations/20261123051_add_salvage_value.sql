-- Description: what a machine is still worth when it is written off
ALTER TABLE equipment ADD COLUMN salvage_value numeric(14, 2) NOT NULL DEFAULT 0;
ALTER TABLE equipment ADD CONSTRAINT equipment_salvage_value_range CHECK (salvage_value >= 0 AND salvage_value <> 'NaN') NOT VALID;
ALTER TABLE equipment ADD CONSTRAINT equipment_salvage_below_price CHECK (salvage_value <= purchase_price) NOT VALID;
