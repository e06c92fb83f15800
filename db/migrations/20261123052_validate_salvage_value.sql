-- Description: checks the machines that were there before against the rules of the salvage value, without blocking writers
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_salvage_value_range;
ALTER TABLE equipment VALIDATE CONSTRAINT equipment_salvage_below_price;
