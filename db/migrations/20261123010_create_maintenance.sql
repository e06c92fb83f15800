-- Description: maintenance records, and what a machine's next service is counted from

-- One piece of work on a machine, from its planning to its end. The guidelines' maintenance_records.
-- counts_as_service: whether the work, once done, moves the machine's service dates. Empty until then.
-- status_period_id: the period in status maintenance during which the work began.
CREATE TABLE maintenance_records (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  type varchar(20) NOT NULL,
  status varchar(20) NOT NULL DEFAULT 'scheduled',
  title varchar(200),
  scheduled_date date NOT NULL,
  started_at timestamptz,
  completed_at timestamptz,
  completed_date date,
  counts_as_service boolean,
  cancelled_at timestamptz,
  cancel_reason text,
  cost numeric(14, 2),
  currency varchar(3),
  technician varchar(200),
  parts text,
  notes text,
  meter_reading numeric(12, 1),
  status_period_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_mr_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT fk_mr_status_period FOREIGN KEY (company_id, status_period_id) REFERENCES equipment_status_history (company_id, id),
  CONSTRAINT mr_type_valid CHECK (type IN ('preventive', 'corrective', 'emergency')),
  CONSTRAINT mr_status_valid CHECK (status IN ('scheduled', 'in_progress', 'done', 'cancelled')),
  CONSTRAINT mr_title_not_empty CHECK (is_not_blank(title)),
  CONSTRAINT mr_dates_range CHECK (
    scheduled_date BETWEEN '1900-01-01' AND '2200-12-31'
    AND (completed_date IS NULL OR completed_date BETWEEN '1900-01-01' AND '2200-12-31')),
  CONSTRAINT mr_times_finite CHECK (isfinite(started_at) AND isfinite(completed_at) AND isfinite(cancelled_at)),
  CONSTRAINT mr_completed_after_started CHECK (completed_at >= started_at),
  CONSTRAINT mr_state_complete CHECK (
    (status <> 'scheduled' OR started_at IS NULL) AND (status <> 'in_progress' OR started_at IS NOT NULL)
    AND (status = 'done') = (completed_at IS NOT NULL) AND (status = 'done') = (completed_date IS NOT NULL)
    AND (status = 'done') = (counts_as_service IS NOT NULL) AND (status = 'cancelled') = (cancelled_at IS NOT NULL)),
  CONSTRAINT mr_cost_range CHECK (cost >= 0 AND cost <> 'NaN'),
  CONSTRAINT mr_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
  CONSTRAINT mr_cost_has_currency CHECK ((cost IS NULL) = (currency IS NULL)),
  CONSTRAINT mr_technician_not_empty CHECK (is_not_blank(technician)),
  CONSTRAINT mr_texts_length CHECK (
    (parts IS NULL OR length(parts) <= 4000) AND (notes IS NULL OR length(notes) <= 4000) AND (cancel_reason IS NULL OR length(cancel_reason) <= 2000)),
  CONSTRAINT mr_meter_reading_range CHECK (meter_reading BETWEEN 0 AND 99999999)
);
-- The same work is planned once for a day.
CREATE UNIQUE INDEX idx_maintenance_records_open ON maintenance_records (company_id, equipment_id, type, scheduled_date)
  WHERE status IN ('scheduled', 'in_progress') AND NOT is_deleted;
CREATE INDEX idx_maintenance_records_equipment ON maintenance_records (company_id, equipment_id, scheduled_date DESC, id DESC);
CREATE INDEX idx_maintenance_records_scheduled ON maintenance_records (company_id, scheduled_date DESC, id DESC);
CREATE INDEX idx_maintenance_records_status_period ON maintenance_records (company_id, status_period_id);
ALTER TABLE maintenance_records ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- The machine's own interval goes before its category's. fixed: the next service is counted from the day this one was planned
-- for; floating: from the day it was done. maintenance_counted_from is that day, empty when the next date was given by a person.
ALTER TABLE equipment
  ADD COLUMN maintenance_interval_days integer,
  ADD COLUMN maintenance_rule varchar(10) NOT NULL DEFAULT 'floating',
  ADD COLUMN maintenance_counted_from date,
  ADD CONSTRAINT equipment_maintenance_interval_range CHECK (maintenance_interval_days BETWEEN 1 AND 3650) NOT VALID,
  ADD CONSTRAINT equipment_maintenance_rule_valid CHECK (maintenance_rule IN ('fixed', 'floating')) NOT VALID,
  ADD CONSTRAINT equipment_maintenance_counted_from_range CHECK (maintenance_counted_from BETWEEN '1900-01-01' AND '2200-12-31') NOT VALID;

ALTER TABLE domain_events DROP CONSTRAINT de_aggregate_type_valid,
  ADD CONSTRAINT de_aggregate_type_valid CHECK (aggregate_type IN
    ('company', 'user', 'category', 'equipment', 'assignment', 'maintenance', 'api_token', 'import_batch')) NOT VALID;
