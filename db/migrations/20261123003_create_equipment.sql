-- Description: categories, equipment, status history, assignments and logs

-- The tree by which a company sorts its machines. The database keeps path (ids without dashes, root first).
CREATE TABLE equipment_categories (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  parent_id uuid,
  name varchar(100) NOT NULL,
  description text,
  type_code varchar(2),
  path ltree NOT NULL,
  maintenance_interval_days integer,
  specification_template jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_category_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT fk_category_parent FOREIGN KEY (company_id, parent_id) REFERENCES equipment_categories (company_id, id),
  CONSTRAINT category_name_not_empty CHECK (is_not_blank(name)),
  CONSTRAINT category_description_length CHECK (length(description) <= 4000),
  CONSTRAINT category_type_code_form CHECK (type_code ~ '^[A-Z]{2}$'),
  CONSTRAINT category_interval_range CHECK (maintenance_interval_days BETWEEN 1 AND 3650),
  CONSTRAINT category_template_valid CHECK (is_specification_template(specification_template))
);
CREATE UNIQUE INDEX idx_equipment_categories_sibling_name
  ON equipment_categories (company_id, parent_id, lower(name)) NULLS NOT DISTINCT WHERE NOT is_deleted;
CREATE INDEX idx_equipment_categories_path ON equipment_categories USING gist (company_id, path);

-- A machine. status is its life cycle; whether it is in use follows from its open assignment.
CREATE TABLE equipment (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  category_id uuid,
  name varchar(200) NOT NULL,
  description text,
  serial_number varchar(100) NOT NULL,
  fleet_code varchar(50),
  manufacturer varchar(100),
  model varchar(100),
  manufacturer_serial_number varchar(100),
  year smallint,
  plate varchar(20),
  ownership varchar(20) NOT NULL DEFAULT 'owned',
  purchase_date date,
  purchase_price numeric(14, 2),
  current_value numeric(14, 2),
  depreciation_rate numeric(5, 4),
  currency varchar(3) NOT NULL,
  status varchar(20) NOT NULL DEFAULT 'active',
  location varchar(200),
  last_maintenance_date date,
  next_maintenance_date date,
  warranty_expires_at date,
  specifications jsonb NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_equipment_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT fk_equipment_category FOREIGN KEY (company_id, category_id) REFERENCES equipment_categories (company_id, id),
  CONSTRAINT equipment_name_not_empty CHECK (is_not_blank(name)),
  CONSTRAINT equipment_description_length CHECK (length(description) <= 10000),
  CONSTRAINT equipment_serial_not_empty CHECK (is_not_blank(serial_number)),
  CONSTRAINT equipment_serial_format CHECK (validate_equipment_serial_number(serial_number)),
  CONSTRAINT equipment_fleet_code_not_empty CHECK (is_not_blank(fleet_code)),
  CONSTRAINT equipment_manufacturer_not_empty CHECK (is_not_blank(manufacturer)),
  CONSTRAINT equipment_model_not_empty CHECK (is_not_blank(model)),
  CONSTRAINT equipment_manufacturer_serial_not_empty CHECK (is_not_blank(manufacturer_serial_number)),
  CONSTRAINT equipment_plate_not_empty CHECK (is_not_blank(plate)),
  CONSTRAINT equipment_location_not_empty CHECK (is_not_blank(location)),
  CONSTRAINT equipment_year_range CHECK (year BETWEEN 1900 AND 2100),
  CONSTRAINT equipment_ownership_valid CHECK (ownership IN ('owned', 'rented', 'leased')),
  CONSTRAINT equipment_owned_needs_purchase CHECK (ownership <> 'owned' OR (purchase_date IS NOT NULL AND purchase_price IS NOT NULL)),
  CONSTRAINT equipment_purchase_price_positive CHECK (purchase_price > 0 AND purchase_price <> 'NaN'),
  CONSTRAINT equipment_current_value_range CHECK (current_value >= 0 AND current_value <> 'NaN'),
  CONSTRAINT equipment_depreciation_rate_range CHECK (depreciation_rate BETWEEN 0 AND 1),
  CONSTRAINT equipment_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
  CONSTRAINT equipment_status_valid CHECK (status IN ('active', 'maintenance', 'retired', 'disposed')),
  CONSTRAINT equipment_dates_range CHECK (
    (purchase_date IS NULL OR purchase_date BETWEEN '1900-01-01' AND '2200-12-31')
    AND (last_maintenance_date IS NULL OR last_maintenance_date BETWEEN '1900-01-01' AND '2200-12-31')
    AND (next_maintenance_date IS NULL OR next_maintenance_date BETWEEN '1900-01-01' AND '2200-12-31')
    AND (warranty_expires_at IS NULL OR warranty_expires_at BETWEEN '1900-01-01' AND '2200-12-31')),
  CONSTRAINT equipment_maintenance_dates_logical CHECK (next_maintenance_date > last_maintenance_date),
  CONSTRAINT equipment_warranty_future CHECK (warranty_expires_at > purchase_date),
  CONSTRAINT equipment_specifications_schema CHECK (jsonb_typeof(specifications) = 'object' AND length(specifications::text) <= 20000),
  CONSTRAINT equipment_tags_valid CHECK (is_tag_list(tags))
);
-- A deleted machine frees its codes.
CREATE UNIQUE INDEX idx_equipment_serial_number ON equipment (company_id, serial_number) WHERE NOT is_deleted;
CREATE UNIQUE INDEX idx_equipment_fleet_code ON equipment (company_id, lower(fleet_code)) WHERE NOT is_deleted AND fleet_code IS NOT NULL;
CREATE INDEX idx_equipment_company_status ON equipment (company_id, status, created_at DESC, id DESC) WHERE NOT is_deleted;
CREATE INDEX idx_equipment_company_created ON equipment (company_id, created_at DESC, id DESC) WHERE NOT is_deleted;
CREATE INDEX idx_equipment_company_name ON equipment (company_id, name, id) WHERE NOT is_deleted;
CREATE INDEX idx_equipment_company_category ON equipment (company_id, category_id, created_at DESC, id DESC);
CREATE INDEX idx_equipment_next_maintenance ON equipment (company_id, next_maintenance_date, id)
  WHERE next_maintenance_date IS NOT NULL AND NOT is_deleted;

-- The last number given for each prefix EQ-YYYY-XX of a company.
CREATE TABLE equipment_serial_counters (
  company_id uuid NOT NULL,
  prefix varchar(10) NOT NULL,
  last_number integer NOT NULL,
  PRIMARY KEY (company_id, prefix),
  CONSTRAINT fk_equipment_serial_counters_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT equipment_serial_counters_range CHECK (last_number BETWEEN 0 AND 999999)
);

-- Which status a machine had from when to when. Written by the database alone.
CREATE TABLE equipment_status_history (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  status varchar(20) NOT NULL,
  effective_from timestamptz NOT NULL,
  effective_to timestamptz,
  changed_by uuid,
  reason text,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_esh_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT fk_esh_changed_by FOREIGN KEY (changed_by) REFERENCES users (id),
  CONSTRAINT esh_status_valid CHECK (status IN ('active', 'maintenance', 'retired', 'disposed')),
  CONSTRAINT esh_effective_period CHECK (isfinite(effective_from) AND isfinite(effective_to) AND effective_to > effective_from),
  CONSTRAINT esh_reason_length CHECK (length(reason) <= 2000),
  CONSTRAINT esh_one_status_at_a_time EXCLUDE USING gist (
    company_id WITH =, equipment_id WITH =, tstzrange(effective_from, effective_to, '[)') WITH &&)
);
CREATE INDEX idx_equipment_status_history_equipment ON equipment_status_history (company_id, equipment_id, effective_from DESC);
CREATE INDEX idx_equipment_status_history_changed_by ON equipment_status_history (changed_by);

-- Who has a machine, from when to when. returned_at empty means: still has it.
CREATE TABLE equipment_assignments (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  user_id uuid NOT NULL,
  assigned_at timestamptz NOT NULL,
  assigned_by uuid NOT NULL,
  due_at timestamptz,
  notes text,
  returned_at timestamptz,
  returned_by uuid,
  return_notes text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_ea_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT fk_ea_user FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles (company_id, user_id),
  CONSTRAINT fk_ea_assigned_by FOREIGN KEY (assigned_by) REFERENCES users (id),
  CONSTRAINT fk_ea_returned_by FOREIGN KEY (returned_by) REFERENCES users (id),
  CONSTRAINT ea_times_finite CHECK (isfinite(assigned_at) AND isfinite(returned_at) AND isfinite(due_at)),
  CONSTRAINT ea_returned_after_assigned CHECK (returned_at >= assigned_at),
  CONSTRAINT ea_due_after_assigned CHECK (due_at > assigned_at),
  CONSTRAINT ea_returned_by_required CHECK ((returned_at IS NULL) = (returned_by IS NULL)),
  CONSTRAINT ea_notes_length CHECK (length(notes) <= 2000 AND length(return_notes) <= 2000),
  CONSTRAINT ea_one_holder_at_a_time EXCLUDE USING gist (
    company_id WITH =, equipment_id WITH =, tstzrange(assigned_at, returned_at, '[)') WITH &&)
);
CREATE UNIQUE INDEX idx_equipment_assignments_open ON equipment_assignments (company_id, equipment_id) WHERE returned_at IS NULL;
CREATE INDEX idx_equipment_assignments_equipment ON equipment_assignments (company_id, equipment_id, assigned_at DESC, id DESC);
CREATE INDEX idx_equipment_assignments_user ON equipment_assignments (company_id, user_id, assigned_at DESC, id DESC);
CREATE INDEX idx_equipment_assignments_company ON equipment_assignments (company_id, assigned_at DESC, id DESC);
CREATE INDEX idx_equipment_assignments_assigned_by ON equipment_assignments (assigned_by);
CREATE INDEX idx_equipment_assignments_returned_by ON equipment_assignments (returned_by);

-- Notes, readings and telemetry of a machine: many small rows, one partition a month with bounds in UTC.
CREATE TABLE equipment_logs (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  event_type varchar(50) NOT NULL,
  event_data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid,
  PRIMARY KEY (company_id, id, created_at),
  CONSTRAINT fk_equipment_logs_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT equipment_logs_event_type_not_empty CHECK (is_not_blank(event_type)),
  CONSTRAINT equipment_logs_event_data_object CHECK (jsonb_typeof(event_data) = 'object' AND length(event_data::text) <= 20000),
  CONSTRAINT equipment_logs_created_at_finite CHECK (isfinite(created_at))
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_equipment_logs_equipment ON equipment_logs (company_id, equipment_id, created_at DESC, id DESC);
CREATE TABLE equipment_logs_default PARTITION OF equipment_logs DEFAULT;
