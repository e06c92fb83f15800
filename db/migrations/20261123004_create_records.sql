-- Description: events, audit, search documents, import batches and idempotency keys

-- Every change of state, in order, for each aggregate without a gap. Append-only.
-- subject_id is the machine an event is about (the machine itself, or the one an assignment is of).
CREATE TABLE domain_events (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  aggregate_id uuid NOT NULL,
  aggregate_type varchar(50) NOT NULL,
  event_type varchar(100) NOT NULL,
  event_version integer NOT NULL,
  event_data jsonb NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid,
  subject_id uuid,
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  sequence bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_domain_events_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT de_aggregate_type_valid CHECK (aggregate_type IN
    ('company', 'user', 'category', 'equipment', 'assignment', 'api_token', 'import_batch')),
  CONSTRAINT de_event_version_positive CHECK (event_version > 0),
  CONSTRAINT de_event_data_object CHECK (jsonb_typeof(event_data) = 'object'),
  CONSTRAINT de_version_once UNIQUE (company_id, aggregate_id, event_version)
);
CREATE INDEX idx_domain_events_subject ON domain_events (company_id, subject_id, id DESC) WHERE subject_id IS NOT NULL;
CREATE INDEX idx_domain_events_type_time ON domain_events (company_id, event_type, id DESC);

-- Who did what, with the values before and after: writes, sign-ins, exports. Append-only.
CREATE TABLE audit_logs (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  entity_type varchar(50) NOT NULL,
  entity_id uuid,
  action varchar(50) NOT NULL,
  user_id uuid,
  old_values jsonb,
  new_values jsonb,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_audit_logs_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT audit_logs_action_not_empty CHECK (is_not_blank(action))
);
CREATE INDEX idx_audit_logs_entity ON audit_logs (company_id, entity_id, id DESC);
CREATE INDEX idx_audit_logs_user ON audit_logs (company_id, user_id, id DESC);

-- What a search looks through. Each lexeme starts with the company's key, so a search cannot reach another company.
CREATE TABLE equipment_search_documents (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  document tsvector NOT NULL,
  PRIMARY KEY (company_id, equipment_id),
  CONSTRAINT fk_equipment_search_documents_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id)
);
CREATE INDEX idx_equipment_search ON equipment_search_documents USING gin (document);

-- The words a company's machines use: a mistyped word is led to the nearest of them.
CREATE TABLE equipment_search_words (
  company_id uuid NOT NULL,
  word varchar(100) NOT NULL,
  PRIMARY KEY (company_id, word),
  CONSTRAINT fk_equipment_search_words_company FOREIGN KEY (company_id) REFERENCES companies (id)
);
CREATE INDEX idx_equipment_search_words_near ON equipment_search_words USING gist (company_id, word gist_trgm_ops);

-- One import of a file: what it held and what it did.
CREATE TABLE import_batches (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  file_name varchar(255) NOT NULL,
  row_count integer NOT NULL,
  created_count integer NOT NULL DEFAULT 0,
  updated_count integer NOT NULL DEFAULT 0,
  unchanged_count integer NOT NULL DEFAULT 0,
  mapping jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_import_batches_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT import_batches_file_name_not_empty CHECK (is_not_blank(file_name)),
  CONSTRAINT import_batches_counts_valid CHECK (
    row_count >= 0 AND created_count >= 0 AND updated_count >= 0 AND unchanged_count >= 0
    AND created_count + updated_count + unchanged_count <= row_count),
  CONSTRAINT import_batches_mapping_object CHECK (jsonb_typeof(mapping) = 'object')
);

-- The reply once given to a POST with an Idempotency-Key, so that a repeated request gets the same one.
CREATE TABLE idempotency_keys (
  company_id uuid NOT NULL,
  user_id uuid NOT NULL,
  key varchar(200) NOT NULL,
  request_hash varchar(64) NOT NULL,
  response_status integer,
  response_body json,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company_id, user_id, key),
  CONSTRAINT fk_idempotency_keys_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles (company_id, user_id),
  CONSTRAINT idempotency_keys_key_not_empty CHECK (is_not_blank(key))
);
CREATE INDEX idx_idempotency_keys_created ON idempotency_keys (created_at);
