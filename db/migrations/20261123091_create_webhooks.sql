-- Description: webhooks of a company, their secrets, how far each is, and every try to deliver

-- Where a company's events are sent. event_types empty: all of them.
CREATE TABLE webhooks (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  name varchar(100) NOT NULL,
  url varchar(2000) NOT NULL,
  event_types text[] NOT NULL DEFAULT '{}',
  is_active boolean NOT NULL DEFAULT true,
  disabled_at timestamptz,
  disabled_reason varchar(20),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  deleted_by uuid,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_webhooks_company FOREIGN KEY (company_id) REFERENCES companies (id),
  CONSTRAINT webhooks_name_not_empty CHECK (is_not_blank(name)),
  CONSTRAINT webhooks_url_form CHECK (url ~ '^https?://[^\s/@?#]+([/?][^\s#]*)?$'),
  CONSTRAINT webhooks_event_types_form CHECK (cardinality(event_types) <= 100 AND array_position(event_types, NULL) IS NULL
    AND array_to_string(event_types, ',') ~ '^([a-z_]{1,100}(,[a-z_]{1,100})*)?$'),
  CONSTRAINT webhooks_disabled_reason_valid CHECK (disabled_reason IN ('failed', 'gone', 'moved')),
  CONSTRAINT webhooks_disabled_whole CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL) AND (disabled_at IS NULL OR NOT is_active)),
  CONSTRAINT webhooks_times_finite CHECK (isfinite(disabled_at))
);

-- What signs. Granted to nobody; used by functions that never give it out again.
CREATE TABLE webhook_secrets (
  company_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  secret varchar(100) NOT NULL,
  previous_secret varchar(100),
  previous_until timestamptz,
  PRIMARY KEY (company_id, webhook_id),
  CONSTRAINT fk_webhook_secrets_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks (company_id, id),
  CONSTRAINT webhook_secrets_form CHECK (secret ~ '^whsec_[A-Za-z0-9+/]{43}=$' AND previous_secret ~ '^whsec_[A-Za-z0-9+/]{43}=$'),
  CONSTRAINT webhook_secrets_times_finite CHECK (isfinite(previous_until))
);

-- How far a webhook is in the feed, and which server is sending right now, for how long. server_mark: as in event_feed_epochs.
CREATE TABLE webhook_progress (
  company_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  transaction_id xid8 NOT NULL,
  sequence bigint NOT NULL,
  server_mark varchar(100),
  failures integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_delivered_at timestamptz,
  claim uuid,
  claimed_until timestamptz,
  claimed_event_id uuid,
  PRIMARY KEY (company_id, webhook_id),
  CONSTRAINT fk_webhook_progress_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks (company_id, id),
  CONSTRAINT webhook_progress_counted CHECK (failures >= 0 AND sequence >= 0),
  CONSTRAINT webhook_progress_times_finite CHECK (isfinite(next_attempt_at) AND isfinite(last_delivered_at) AND isfinite(claimed_until)),
  CONSTRAINT webhook_progress_claim_whole CHECK ((claim IS NULL) = (claimed_until IS NULL) AND (claim IS NULL) = (claimed_event_id IS NULL))
);

-- One row a try. Thrown away after thirty days. event_id empty: a test.
CREATE TABLE webhook_deliveries (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  webhook_id uuid NOT NULL,
  event_id uuid,
  event_type varchar(100) NOT NULL,
  position varchar(60),
  attempt integer NOT NULL,
  attempted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  status varchar(20) NOT NULL,
  response_code integer,
  response_text varchar(500),
  error varchar(50),
  duration_ms integer NOT NULL,
  next_attempt_at timestamptz,
  PRIMARY KEY (company_id, id),
  CONSTRAINT fk_webhook_deliveries_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks (company_id, id),
  CONSTRAINT webhook_deliveries_status_valid CHECK (status IN ('delivered', 'failed')),
  CONSTRAINT webhook_deliveries_counted CHECK (attempt > 0 AND duration_ms >= 0),
  CONSTRAINT webhook_deliveries_times_finite CHECK (isfinite(attempted_at) AND isfinite(next_attempt_at))
);
CREATE INDEX idx_webhook_deliveries_webhook ON webhook_deliveries (company_id, webhook_id, id DESC);

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- One kind more beside those there are.
DO $$
DECLARE
  v_known text := (SELECT pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k
    WHERE k.conrelid = 'domain_events'::regclass AND k.conname = 'de_aggregate_type_valid');
BEGIN
  EXECUTE 'ALTER TABLE domain_events DROP CONSTRAINT de_aggregate_type_valid, ADD CONSTRAINT de_aggregate_type_valid CHECK ('
    || v_known || ' OR aggregate_type = ''webhook'') NOT VALID';
END
$$;
