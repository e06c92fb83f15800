-- Description: files on maintenance records: photos and invoices, their bytes in a table of their own

-- A file of one record of work, without its bytes: events and audit hold its name, size and hash.
-- equipment_id is the record's machine, so that the machine's timeline tells of the file.
CREATE TABLE maintenance_files (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  maintenance_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  name varchar(200) NOT NULL,
  kind varchar(10) NOT NULL,
  size_bytes integer NOT NULL,
  content_hash varchar(64) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_mf_record FOREIGN KEY (company_id, maintenance_id) REFERENCES maintenance_records (company_id, id),
  CONSTRAINT fk_mf_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment (company_id, id),
  CONSTRAINT mf_name_valid CHECK (is_not_blank(name) AND name !~ '[[:cntrl:]/\\]'),
  CONSTRAINT mf_kind_valid CHECK (kind IN ('jpeg', 'png', 'webp', 'heic', 'pdf')),
  CONSTRAINT mf_size_range CHECK (size_bytes BETWEEN 1 AND 10485760),
  CONSTRAINT mf_hash_form CHECK (content_hash ~ '^[0-9a-f]{64}$')
);
CREATE INDEX idx_maintenance_files_record ON maintenance_files (company_id, maintenance_id, id);
CREATE INDEX idx_maintenance_files_equipment ON maintenance_files (company_id, equipment_id);
-- The same photo sent twice, as after a lost reply, is there once.
CREATE UNIQUE INDEX idx_maintenance_files_once ON maintenance_files (company_id, maintenance_id, content_hash) WHERE NOT is_deleted;

CREATE TABLE maintenance_file_contents (
  company_id uuid NOT NULL,
  file_id uuid NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (company_id, file_id),
  CONSTRAINT fk_mfc_file FOREIGN KEY (company_id, file_id) REFERENCES maintenance_files (company_id, id),
  CONSTRAINT mfc_size_range CHECK (octet_length(content) BETWEEN 1 AND 10485760)
);
-- Photos and PDFs are compressed already.
ALTER TABLE maintenance_file_contents ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE maintenance_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE maintenance_file_contents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- One kind more beside those there are.
DO $$
DECLARE
  v_known text := (SELECT pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k
    WHERE k.conrelid = 'domain_events'::regclass AND k.conname = 'de_aggregate_type_valid');
BEGIN
  EXECUTE 'ALTER TABLE domain_events DROP CONSTRAINT de_aggregate_type_valid, ADD CONSTRAINT de_aggregate_type_valid CHECK ('
    || v_known || ' OR aggregate_type = ''maintenance_file'') NOT VALID';
END
$$;
