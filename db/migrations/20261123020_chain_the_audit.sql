-- Description: a hash chain over each company's audit, and the transaction of each audit row

-- By it the rows not yet chained are found. Rows older than this column get this migration's own.
ALTER TABLE audit_logs ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX idx_audit_logs_transaction ON audit_logs (transaction_id, id);

-- One link for each audit row: hash = SHA-256 of the link before, this place, its time and the row. Append-only.
CREATE TABLE audit_chain (
  company_id uuid NOT NULL,
  position bigint NOT NULL,
  audit_id uuid NOT NULL,
  hash varchar(64) NOT NULL,
  chained_at timestamptz NOT NULL,
  PRIMARY KEY (company_id, position),
  CONSTRAINT fk_audit_chain_audit FOREIGN KEY (company_id, audit_id) REFERENCES audit_logs (company_id, id),
  CONSTRAINT audit_chain_position_positive CHECK (position > 0),
  CONSTRAINT audit_chain_hash_form CHECK (hash ~ '^[0-9a-f]{64}$'),
  CONSTRAINT audit_chain_time_finite CHECK (isfinite(chained_at)),
  CONSTRAINT audit_chain_once UNIQUE (company_id, audit_id)
);

-- Audit rows of transactions before this one are all chained. One row for the installation; it is also the chainers' lock.
CREATE TABLE audit_chain_progress (
  is_single boolean PRIMARY KEY DEFAULT true,
  chained_to xid8 NOT NULL DEFAULT '0',
  CONSTRAINT audit_chain_progress_single CHECK (is_single)
);
INSERT INTO audit_chain_progress DEFAULT VALUES;

ALTER TABLE audit_chain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_chain_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
