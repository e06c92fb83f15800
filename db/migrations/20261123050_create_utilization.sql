-- Description: what utilization is added up from: periods in the fleet, and marks by month for each machine and for the company

-- When a machine belonged to the fleet: registered, in status active or maintenance, and not deleted. left_at empty means: still does.
-- A hand-over from before the registration moves the first period back to it. Written by the database alone.
CREATE TABLE equipment_fleet_periods (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  entered_at timestamptz NOT NULL,
  left_at timestamptz,
  PRIMARY KEY (company_id, equipment_id, entered_at),
  CONSTRAINT fk_efp_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT efp_period_valid CHECK (isfinite(entered_at) AND isfinite(left_at) AND left_at >= entered_at)
);

-- The beginnings and ends of a machine's assignments and fleet periods, added up by the company's months.
-- *_rest: microseconds from each beginning to the end of the month, less those from each end. So a month's time is
-- (begun - ended in all earlier months) * its length + its own rest: what goes on needs no row, and now is only another end.
CREATE TABLE equipment_usage_months (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  month date NOT NULL,
  assignments_begun integer NOT NULL DEFAULT 0,
  assignments_ended integer NOT NULL DEFAULT 0,
  assigned_rest bigint NOT NULL DEFAULT 0,
  fleet_entered integer NOT NULL DEFAULT 0,
  fleet_left integer NOT NULL DEFAULT 0,
  fleet_rest bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (company_id, equipment_id, month),
  CONSTRAINT fk_eum_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT eum_month_first_day CHECK (isfinite(month) AND extract(day FROM month) = 1)
);

-- The same for the whole company. Each change adds a part of its own, so that writers never wait for each other;
-- merge_company_usage() puts the parts of a month together. The sum is right at every moment.
CREATE TABLE company_usage_months (
  company_id uuid NOT NULL,
  month date NOT NULL,
  part bigint GENERATED ALWAYS AS IDENTITY,
  assignments_begun integer NOT NULL DEFAULT 0,
  assignments_ended integer NOT NULL DEFAULT 0,
  assigned_rest bigint NOT NULL DEFAULT 0,
  fleet_entered integer NOT NULL DEFAULT 0,
  fleet_left integer NOT NULL DEFAULT 0,
  fleet_rest bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (company_id, month, part),
  CONSTRAINT cum_month_first_day CHECK (isfinite(month) AND extract(day FROM month) = 1)
);

ALTER TABLE equipment_fleet_periods ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE equipment_usage_months ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE company_usage_months ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
