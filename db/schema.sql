-- The database as it stands after all migrations and logic, written from its catalogue by `npm run schema`. Read it; do not run it.

TABLE api_tokens (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  name character varying(100) NOT NULL,
  token_hash character varying(64) NOT NULL,
  scopes text[] NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT api_tokens_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_api_tokens_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles(company_id, user_id),
  CONSTRAINT api_tokens_expires_finite CHECK (isfinite(expires_at)),
  CONSTRAINT api_tokens_name_not_empty CHECK (is_not_blank((name)::text)),
  CONSTRAINT api_tokens_revoked_finite CHECK (isfinite(revoked_at)),
  CONSTRAINT api_tokens_scopes_valid CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'admin'::text]))),
  CONSTRAINT api_tokens_token_hash_form CHECK (((token_hash)::text ~ '^[0-9a-f]{64}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_api_tokens_token_hash ON public.api_tokens USING btree (token_hash);
CREATE INDEX idx_api_tokens_user ON public.api_tokens USING btree (company_id, user_id);
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.api_tokens FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.api_tokens FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.api_tokens FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_keep_token BEFORE UPDATE ON public.api_tokens FOR EACH ROW EXECUTE FUNCTION keep_token();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.api_tokens FOR EACH ROW EXECUTE FUNCTION record_change('api_token');
CREATE POLICY api_tokens_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY api_tokens_insert FOR INSERT TO application_user WITH CHECK (((company_id = ( SELECT c.company_id
   FROM caller c)) AND (user_id = ( SELECT a.user_id
   FROM caller_account a
  WHERE (a.scopes IS NULL)))));
CREATE POLICY api_tokens_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY api_tokens_select FOR SELECT TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c)) AND ((user_id = ( SELECT c.user_id
   FROM caller c)) OR (company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))))));
CREATE POLICY api_tokens_update FOR UPDATE TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c)) AND (EXISTS ( SELECT
   FROM caller_account a
  WHERE ((a.scopes IS NULL) OR (a.scopes && ARRAY['write'::text, 'admin'::text])))) AND ((user_id = ( SELECT c.user_id
   FROM caller c)) OR (company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))))));
GRANT INSERT (company_id, user_id, name, token_hash, scopes, expires_at), SELECT (company_id, id, user_id, name, scopes, expires_at, revoked_at, created_at, updated_at, created_by, updated_by, version, is_deleted), UPDATE (revoked_at, version) TO application_user;
GRANT SELECT, UPDATE (revoked_at) TO record_keeper;

TABLE audit_chain (
  company_id uuid NOT NULL,
  position bigint NOT NULL,
  audit_id uuid NOT NULL,
  hash character varying(64) NOT NULL,
  chained_at timestamp with time zone NOT NULL,
  CONSTRAINT audit_chain_pkey PRIMARY KEY (company_id, "position"),
  CONSTRAINT audit_chain_once UNIQUE (company_id, audit_id),
  CONSTRAINT fk_audit_chain_audit FOREIGN KEY (company_id, audit_id) REFERENCES audit_logs(company_id, id),
  CONSTRAINT audit_chain_hash_form CHECK (((hash)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT audit_chain_position_positive CHECK (("position" > 0)),
  CONSTRAINT audit_chain_time_finite CHECK (isfinite(chained_at))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_change BEFORE DELETE OR UPDATE ON public.audit_chain FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON public.audit_chain FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE POLICY audit_chain_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY audit_chain_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY audit_chain_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT TO application_user;
GRANT INSERT, SELECT TO record_keeper;

TABLE audit_chain_progress (
  is_single boolean NOT NULL DEFAULT true,
  chained_to xid8 NOT NULL DEFAULT '0'::xid8,
  CONSTRAINT audit_chain_progress_pkey PRIMARY KEY (is_single),
  CONSTRAINT audit_chain_progress_single CHECK (is_single)
);
-- owner bitcorp_owner, row security forced
CREATE POLICY audit_chain_progress_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE TO record_keeper;

TABLE audit_logs (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  entity_type character varying(50) NOT NULL,
  entity_id uuid,
  action character varying(50) NOT NULL,
  user_id uuid,
  old_values jsonb,
  new_values jsonb,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CONSTRAINT audit_logs_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_audit_logs_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT audit_logs_action_not_empty CHECK (is_not_blank((action)::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_audit_logs_entity ON public.audit_logs USING btree (company_id, entity_id, id DESC);
CREATE INDEX idx_audit_logs_transaction ON public.audit_logs USING btree (transaction_id, id);
CREATE INDEX idx_audit_logs_user ON public.audit_logs USING btree (company_id, user_id, id DESC);
CREATE TRIGGER trigger_000_refuse_change BEFORE DELETE OR UPDATE ON public.audit_logs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON public.audit_logs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE POLICY audit_logs_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY audit_logs_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY audit_logs_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT TO application_user;
GRANT INSERT, SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE caller_seals (
  is_single boolean NOT NULL DEFAULT true,
  key bytea NOT NULL,
  CONSTRAINT caller_seals_pkey PRIMARY KEY (is_single),
  CONSTRAINT caller_seals_key_length CHECK ((octet_length(key) = 32)),
  CONSTRAINT caller_seals_single CHECK (is_single)
);
-- owner bitcorp_owner, row security forced
CREATE POLICY caller_seals_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT SELECT TO record_keeper;

TABLE companies (
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  name character varying(200) NOT NULL,
  email character varying(255),
  phone character varying(20),
  address jsonb,
  status character varying(20) NOT NULL DEFAULT 'active'::character varying,
  settings jsonb NOT NULL DEFAULT '{"currency": "PEN", "language": "es", "time_zone": "America/Lima"}'::jsonb,
  search_key integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  tax_id_changed_at timestamp with time zone,
  CONSTRAINT companies_pkey PRIMARY KEY (id),
  CONSTRAINT companies_search_key_unique UNIQUE (search_key),
  CONSTRAINT companies_address_object CHECK (((jsonb_typeof(address) = 'object'::text) AND (length((address)::text) <= 4000))),
  CONSTRAINT companies_digest_hour_valid CHECK (
CASE jsonb_typeof((settings -> 'maintenance_digest_hour'::text))
    WHEN 'number'::text THEN ((settings ->> 'maintenance_digest_hour'::text) ~ '^([0-9]|1[0-9]|2[0-3])$'::text)
    WHEN 'null'::text THEN true
    ELSE (NOT (settings ? 'maintenance_digest_hour'::text))
END),
  CONSTRAINT companies_email_valid CHECK (((email)::text ~ '^[^@\s]+@[^@\s]+$'::text)),
  CONSTRAINT companies_name_not_empty CHECK (is_not_blank((name)::text)),
  CONSTRAINT companies_phone_not_empty CHECK (is_not_blank((phone)::text)),
  CONSTRAINT companies_second_factor_valid CHECK (((NOT (settings ? 'second_factor_demanded'::text)) OR (jsonb_typeof((settings -> 'second_factor_demanded'::text)) = 'boolean'::text))),
  CONSTRAINT companies_settings_valid CHECK (is_company_settings(settings)),
  CONSTRAINT companies_status_valid CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'inactive'::character varying, 'suspended'::character varying])::text[]))),
  CONSTRAINT companies_tax_id_changed_finite CHECK (isfinite(tax_id_changed_at)),
  CONSTRAINT companies_working_time_valid CHECK (is_working_time(settings))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.companies FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.companies FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.companies FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_check_time_zone BEFORE INSERT OR UPDATE OF settings ON public.companies FOR EACH ROW EXECUTE FUNCTION check_company_time_zone();
CREATE TRIGGER trigger_850_move_usage_months AFTER UPDATE ON public.companies FOR EACH ROW WHEN (((old.settings ->> 'time_zone'::text) IS DISTINCT FROM (new.settings ->> 'time_zone'::text))) EXECUTE FUNCTION move_usage_months();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.companies FOR EACH ROW EXECUTE FUNCTION record_change('company');
CREATE POLICY companies_archive FOR INSERT TO bitcorp_owner WITH CHECK (((id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY companies_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY companies_select FOR SELECT TO application_user, reporting_user USING ((id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY companies_update FOR UPDATE TO application_user USING ((id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT, UPDATE (name, email, phone, address, settings, version) TO application_user;
GRANT INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE company_usage_months (
  company_id uuid NOT NULL,
  month date NOT NULL,
  part bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  assignments_begun integer NOT NULL DEFAULT 0,
  assignments_ended integer NOT NULL DEFAULT 0,
  assigned_rest bigint NOT NULL DEFAULT 0,
  fleet_entered integer NOT NULL DEFAULT 0,
  fleet_left integer NOT NULL DEFAULT 0,
  fleet_rest bigint NOT NULL DEFAULT 0,
  CONSTRAINT company_usage_months_pkey PRIMARY KEY (company_id, month, part),
  CONSTRAINT cum_month_first_day CHECK ((isfinite(month) AND (EXTRACT(day FROM month) = (1)::numeric)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY company_usage_months_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY company_usage_months_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY company_usage_months_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT SELECT TO application_user;
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE domain_events (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  aggregate_id uuid NOT NULL,
  aggregate_type character varying(50) NOT NULL,
  event_type character varying(100) NOT NULL,
  event_version integer NOT NULL,
  event_data jsonb NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  occurred_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid,
  subject_id uuid,
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  sequence bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  CONSTRAINT domain_events_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT de_version_once UNIQUE (company_id, aggregate_id, event_version),
  CONSTRAINT fk_domain_events_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT de_aggregate_type_valid CHECK ((((aggregate_type)::text = ANY (ARRAY[('company'::character varying)::text, ('user'::character varying)::text, ('category'::character varying)::text, ('equipment'::character varying)::text, ('assignment'::character varying)::text, ('maintenance'::character varying)::text, ('api_token'::character varying)::text, ('import_batch'::character varying)::text])) OR ((aggregate_type)::text = 'webhook'::text) OR ((aggregate_type)::text = 'maintenance_file'::text))),
  CONSTRAINT de_event_data_object CHECK ((jsonb_typeof(event_data) = 'object'::text)),
  CONSTRAINT de_event_version_positive CHECK ((event_version > 0))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_domain_events_feed ON public.domain_events USING btree (company_id, transaction_id, sequence);
CREATE INDEX idx_domain_events_subject ON public.domain_events USING btree (company_id, subject_id, id DESC) WHERE (subject_id IS NOT NULL);
CREATE INDEX idx_domain_events_type_time ON public.domain_events USING btree (company_id, event_type, id DESC);
CREATE TRIGGER trigger_000_refuse_change BEFORE DELETE OR UPDATE ON public.domain_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON public.domain_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE POLICY domain_events_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY domain_events_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY domain_events_select FOR SELECT TO application_user, reporting_user USING (((company_id = ( SELECT c.company_id
   FROM caller c)) AND ((subject_id IS NOT NULL) OR (company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))))));
GRANT SELECT TO application_user;
GRANT INSERT, SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE encrypted_tax_ids (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  person_id uuid,
  key_id character varying(16) NOT NULL,
  ciphertext bytea NOT NULL,
  lookup_hash character varying(64) NOT NULL,
  changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT encrypted_tax_ids_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT encrypted_tax_ids_one_each UNIQUE NULLS NOT DISTINCT (company_id, person_id),
  CONSTRAINT fk_encrypted_tax_ids_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT fk_encrypted_tax_ids_person FOREIGN KEY (company_id, person_id) REFERENCES user_company_roles(company_id, id),
  CONSTRAINT encrypted_tax_ids_changed_finite CHECK (isfinite(changed_at)),
  CONSTRAINT encrypted_tax_ids_ciphertext_form CHECK (((octet_length(ciphertext) >= 31) AND (octet_length(ciphertext) <= 400))),
  CONSTRAINT encrypted_tax_ids_hash_form CHECK (((lookup_hash)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT encrypted_tax_ids_key_form CHECK (((key_id)::text ~ '^[0-9a-f]{8,16}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_encrypted_tax_ids_company_hash ON public.encrypted_tax_ids USING btree (lookup_hash) WHERE (person_id IS NULL);
CREATE INDEX idx_encrypted_tax_ids_key ON public.encrypted_tax_ids USING btree (key_id, company_id, id);
CREATE UNIQUE INDEX idx_encrypted_tax_ids_person_hash ON public.encrypted_tax_ids USING btree (company_id, lookup_hash) WHERE (person_id IS NOT NULL);
CREATE POLICY encrypted_tax_ids_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY encrypted_tax_ids_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY encrypted_tax_ids_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT (company_id, person_id, key_id, ciphertext, lookup_hash) TO application_user;
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE equipment (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  category_id uuid,
  name character varying(200) NOT NULL,
  description text,
  serial_number character varying(100) NOT NULL,
  fleet_code character varying(50),
  manufacturer character varying(100),
  model character varying(100),
  manufacturer_serial_number character varying(100),
  year smallint,
  plate character varying(20),
  ownership character varying(20) NOT NULL DEFAULT 'owned'::character varying,
  purchase_date date,
  purchase_price numeric(14,2),
  current_value numeric(14,2),
  depreciation_rate numeric(5,4),
  currency character varying(3) NOT NULL,
  status character varying(20) NOT NULL DEFAULT 'active'::character varying,
  location character varying(200),
  last_maintenance_date date,
  next_maintenance_date date,
  warranty_expires_at date,
  specifications jsonb NOT NULL DEFAULT '{}'::jsonb,
  tags text[] NOT NULL DEFAULT '{}'::text[],
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  maintenance_interval_days integer,
  maintenance_rule character varying(10) NOT NULL DEFAULT 'floating'::character varying,
  maintenance_counted_from date,
  last_status_correction jsonb,
  salvage_value numeric(14,2) NOT NULL DEFAULT 0,
  CONSTRAINT equipment_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_equipment_category FOREIGN KEY (company_id, category_id) REFERENCES equipment_categories(company_id, id),
  CONSTRAINT fk_equipment_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT equipment_currency_form CHECK (((currency)::text ~ '^[A-Z]{3}$'::text)),
  CONSTRAINT equipment_current_value_range CHECK (((current_value >= (0)::numeric) AND (current_value <> 'NaN'::numeric))),
  CONSTRAINT equipment_dates_range CHECK ((((purchase_date IS NULL) OR ((purchase_date >= '1900-01-01'::date) AND (purchase_date <= '2200-12-31'::date))) AND ((last_maintenance_date IS NULL) OR ((last_maintenance_date >= '1900-01-01'::date) AND (last_maintenance_date <= '2200-12-31'::date))) AND ((next_maintenance_date IS NULL) OR ((next_maintenance_date >= '1900-01-01'::date) AND (next_maintenance_date <= '2200-12-31'::date))) AND ((warranty_expires_at IS NULL) OR ((warranty_expires_at >= '1900-01-01'::date) AND (warranty_expires_at <= '2200-12-31'::date))))),
  CONSTRAINT equipment_depreciation_rate_range CHECK (((depreciation_rate >= (0)::numeric) AND (depreciation_rate <= (1)::numeric))),
  CONSTRAINT equipment_description_length CHECK ((length(description) <= 10000)),
  CONSTRAINT equipment_fleet_code_not_empty CHECK (is_not_blank((fleet_code)::text)),
  CONSTRAINT equipment_location_not_empty CHECK (is_not_blank((location)::text)),
  CONSTRAINT equipment_maintenance_counted_from_range CHECK (((maintenance_counted_from >= '1900-01-01'::date) AND (maintenance_counted_from <= '2200-12-31'::date))),
  CONSTRAINT equipment_maintenance_dates_logical CHECK ((next_maintenance_date > last_maintenance_date)),
  CONSTRAINT equipment_maintenance_interval_range CHECK (((maintenance_interval_days >= 1) AND (maintenance_interval_days <= 3650))),
  CONSTRAINT equipment_maintenance_rule_valid CHECK (((maintenance_rule)::text = ANY ((ARRAY['fixed'::character varying, 'floating'::character varying])::text[]))),
  CONSTRAINT equipment_manufacturer_not_empty CHECK (is_not_blank((manufacturer)::text)),
  CONSTRAINT equipment_manufacturer_serial_not_empty CHECK (is_not_blank((manufacturer_serial_number)::text)),
  CONSTRAINT equipment_model_not_empty CHECK (is_not_blank((model)::text)),
  CONSTRAINT equipment_name_not_empty CHECK (is_not_blank((name)::text)),
  CONSTRAINT equipment_owned_needs_purchase CHECK ((((ownership)::text <> 'owned'::text) OR ((purchase_date IS NOT NULL) AND (purchase_price IS NOT NULL)))),
  CONSTRAINT equipment_ownership_valid CHECK (((ownership)::text = ANY ((ARRAY['owned'::character varying, 'rented'::character varying, 'leased'::character varying])::text[]))),
  CONSTRAINT equipment_plate_not_empty CHECK (is_not_blank((plate)::text)),
  CONSTRAINT equipment_purchase_price_positive CHECK (((purchase_price > (0)::numeric) AND (purchase_price <> 'NaN'::numeric))),
  CONSTRAINT equipment_salvage_below_price CHECK ((salvage_value <= purchase_price)),
  CONSTRAINT equipment_salvage_value_range CHECK (((salvage_value >= (0)::numeric) AND (salvage_value <> 'NaN'::numeric))),
  CONSTRAINT equipment_serial_format CHECK (validate_equipment_serial_number((serial_number)::text)),
  CONSTRAINT equipment_serial_not_empty CHECK (is_not_blank((serial_number)::text)),
  CONSTRAINT equipment_specifications_schema CHECK (((jsonb_typeof(specifications) = 'object'::text) AND (length((specifications)::text) <= 20000))),
  CONSTRAINT equipment_status_correction_form CHECK (((last_status_correction ?& ARRAY['status'::text, 'from'::text, 'to'::text, 'version'::text]) AND (length((last_status_correction)::text) <= 400))),
  CONSTRAINT equipment_status_valid CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'maintenance'::character varying, 'retired'::character varying, 'disposed'::character varying])::text[]))),
  CONSTRAINT equipment_tags_valid CHECK (is_tag_list(tags)),
  CONSTRAINT equipment_warranty_future CHECK ((warranty_expires_at > purchase_date)),
  CONSTRAINT equipment_year_range CHECK (((year >= 1900) AND (year <= 2100)))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_company_category ON public.equipment USING btree (company_id, category_id, created_at DESC, id DESC);
CREATE INDEX idx_equipment_company_created ON public.equipment USING btree (company_id, created_at DESC, id DESC);
CREATE INDEX idx_equipment_company_name ON public.equipment USING btree (company_id, name, id) WHERE (NOT is_deleted);
CREATE INDEX idx_equipment_company_status ON public.equipment USING btree (company_id, status, created_at DESC, id DESC) WHERE (NOT is_deleted);
CREATE INDEX idx_equipment_next_maintenance ON public.equipment USING btree (company_id, next_maintenance_date, id) WHERE ((next_maintenance_date IS NOT NULL) AND (NOT is_deleted));
CREATE UNIQUE INDEX idx_equipment_fleet_code ON public.equipment USING btree (company_id, lower((fleet_code)::text)) WHERE ((NOT is_deleted) AND (fleet_code IS NOT NULL));
CREATE UNIQUE INDEX idx_equipment_serial_number ON public.equipment USING btree (company_id, serial_number) WHERE (NOT is_deleted);
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.equipment FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_005_check_caller_company BEFORE INSERT ON public.equipment FOR EACH ROW EXECUTE FUNCTION check_caller_company();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.equipment FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_015_keep_first_correction BEFORE INSERT ON public.equipment FOR EACH ROW WHEN ((new.last_status_correction IS NOT NULL)) EXECUTE FUNCTION keep_status_correction();
CREATE TRIGGER trigger_015_keep_status_correction BEFORE UPDATE ON public.equipment FOR EACH ROW WHEN ((old.last_status_correction IS DISTINCT FROM new.last_status_correction)) EXECUTE FUNCTION keep_status_correction();
CREATE TRIGGER trigger_020_keep_equipment BEFORE INSERT OR UPDATE ON public.equipment FOR EACH ROW EXECUTE FUNCTION keep_equipment();
CREATE TRIGGER trigger_030_check_first_specifications BEFORE INSERT ON public.equipment FOR EACH ROW WHEN ((new.category_id IS NOT NULL)) EXECUTE FUNCTION check_equipment_specifications();
CREATE TRIGGER trigger_030_check_no_reservations BEFORE UPDATE ON public.equipment FOR EACH ROW WHEN (((new.is_deleted AND (NOT old.is_deleted)) OR (((new.status)::text = ANY ((ARRAY['retired'::character varying, 'disposed'::character varying])::text[])) AND ((new.status)::text <> (old.status)::text)))) EXECUTE FUNCTION check_no_reservations();
CREATE TRIGGER trigger_030_check_specifications BEFORE UPDATE OF category_id, specifications ON public.equipment FOR EACH ROW WHEN (((new.category_id IS NOT NULL) AND ((new.category_id IS DISTINCT FROM old.category_id) OR (new.specifications IS DISTINCT FROM old.specifications)))) EXECUTE FUNCTION check_equipment_specifications();
CREATE TRIGGER trigger_700_record_first_status AFTER INSERT ON public.equipment FOR EACH ROW EXECUTE FUNCTION record_equipment_status();
CREATE TRIGGER trigger_700_record_status AFTER UPDATE ON public.equipment FOR EACH ROW WHEN ((((old.status)::text IS DISTINCT FROM (new.status)::text) OR (old.last_status_correction IS DISTINCT FROM new.last_status_correction))) EXECUTE FUNCTION record_equipment_status();
CREATE TRIGGER trigger_710_enter_fleet AFTER INSERT ON public.equipment FOR EACH ROW WHEN ((((new.status)::text = ANY ((ARRAY['active'::character varying, 'maintenance'::character varying])::text[])) AND (NOT new.is_deleted))) EXECUTE FUNCTION keep_fleet_period();
CREATE TRIGGER trigger_710_keep_fleet_period AFTER UPDATE ON public.equipment FOR EACH ROW WHEN (((NOT (old.last_status_correction IS DISTINCT FROM new.last_status_correction)) AND ((((old.status)::text = ANY ((ARRAY['active'::character varying, 'maintenance'::character varying])::text[])) AND (NOT old.is_deleted)) <> (((new.status)::text = ANY ((ARRAY['active'::character varying, 'maintenance'::character varying])::text[])) AND (NOT new.is_deleted))))) EXECUTE FUNCTION keep_fleet_period();
CREATE TRIGGER trigger_800_keep_equipment_search AFTER INSERT OR UPDATE ON public.equipment FOR EACH ROW EXECUTE FUNCTION keep_equipment_search();
CREATE TRIGGER trigger_860_log_first_status AFTER INSERT ON public.equipment FOR EACH ROW EXECUTE FUNCTION log_equipment_status();
CREATE TRIGGER trigger_860_log_status AFTER UPDATE ON public.equipment FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION log_equipment_status();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.equipment FOR EACH ROW EXECUTE FUNCTION record_change('equipment');
CREATE TRIGGER trigger_910_correct_fleet_periods AFTER UPDATE ON public.equipment FOR EACH ROW WHEN ((old.last_status_correction IS DISTINCT FROM new.last_status_correction)) EXECUTE FUNCTION keep_fleet_period();
CREATE TRIGGER trigger_calculate_next_maintenance BEFORE INSERT OR UPDATE OF last_maintenance_date, category_id, next_maintenance_date, maintenance_interval_days, maintenance_rule, maintenance_counted_from ON public.equipment FOR EACH ROW EXECUTE FUNCTION calculate_next_maintenance();
CREATE POLICY equipment_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_insert FOR INSERT TO application_user WITH CHECK ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
CREATE POLICY equipment_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY equipment_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
GRANT INSERT, SELECT, UPDATE TO application_user;
GRANT SELECT, UPDATE (version) TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_assignments (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  user_id uuid NOT NULL,
  assigned_at timestamp with time zone,
  assigned_by uuid,
  due_at timestamp with time zone,
  notes text,
  returned_at timestamp with time zone,
  returned_by uuid,
  return_notes text,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  reserved_from timestamp with time zone,
  reserved_until timestamp with time zone,
  cancelled_at timestamp with time zone,
  cancel_reason text,
  accepted_at timestamp with time zone,
  condition character varying(10),
  meter_reading numeric(12,1),
  return_condition character varying(10),
  return_meter_reading numeric(12,1),
  CONSTRAINT equipment_assignments_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_ea_assigned_by FOREIGN KEY (assigned_by) REFERENCES users(id),
  CONSTRAINT fk_ea_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT fk_ea_returned_by FOREIGN KEY (returned_by) REFERENCES users(id),
  CONSTRAINT fk_ea_user FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles(company_id, user_id),
  CONSTRAINT ea_begun_or_reserved CHECK ((((assigned_at IS NOT NULL) OR (reserved_from IS NOT NULL)) AND ((assigned_at IS NULL) = (assigned_by IS NULL)))),
  CONSTRAINT ea_cancelled_with_reason CHECK ((((cancelled_at IS NULL) = (cancel_reason IS NULL)) AND ((cancelled_at IS NULL) OR (assigned_at IS NULL)) AND ((cancel_reason IS NULL) OR ((length(cancel_reason) <= 2000) AND is_not_blank(cancel_reason))))),
  CONSTRAINT ea_condition_valid CHECK ((((condition IS NULL) OR ((condition)::text = ANY ((ARRAY['good'::character varying, 'worn'::character varying, 'damaged'::character varying])::text[]))) AND ((return_condition IS NULL) OR ((return_condition)::text = ANY ((ARRAY['good'::character varying, 'worn'::character varying, 'damaged'::character varying])::text[]))))),
  CONSTRAINT ea_damage_described CHECK (((((condition)::text IS DISTINCT FROM 'damaged'::text) OR COALESCE(is_not_blank(notes), false)) AND (((return_condition)::text IS DISTINCT FROM 'damaged'::text) OR COALESCE(is_not_blank(return_notes), false)))),
  CONSTRAINT ea_due_after_assigned CHECK ((due_at > assigned_at)),
  CONSTRAINT ea_meter_range CHECK ((((meter_reading IS NULL) OR ((meter_reading >= (0)::numeric) AND (meter_reading <= (99999999)::numeric))) AND ((return_meter_reading IS NULL) OR ((return_meter_reading >= (0)::numeric) AND (return_meter_reading <= (99999999)::numeric))))),
  CONSTRAINT ea_meter_runs_forward CHECK ((return_meter_reading >= meter_reading)),
  CONSTRAINT ea_notes_length CHECK (((length(notes) <= 2000) AND (length(return_notes) <= 2000))),
  CONSTRAINT ea_reservation_times_finite CHECK ((isfinite(reserved_from) AND isfinite(reserved_until) AND isfinite(cancelled_at) AND isfinite(accepted_at))),
  CONSTRAINT ea_reserved_period CHECK ((((reserved_from IS NULL) = (reserved_until IS NULL)) AND (reserved_until > reserved_from) AND ((reserved_until - reserved_from) <= '366 days'::interval))),
  CONSTRAINT ea_return_described_at_return CHECK (((returned_at IS NOT NULL) OR (num_nonnulls(return_condition, return_meter_reading) = 0))),
  CONSTRAINT ea_returned_after_assigned CHECK ((returned_at >= assigned_at)),
  CONSTRAINT ea_returned_by_required CHECK (((returned_at IS NULL) = (returned_by IS NULL))),
  CONSTRAINT ea_steps_in_order CHECK (((assigned_at IS NOT NULL) OR (num_nonnulls(returned_at, due_at, accepted_at, condition, meter_reading) = 0))),
  CONSTRAINT ea_times_finite CHECK ((isfinite(assigned_at) AND isfinite(returned_at) AND isfinite(due_at))),
  CONSTRAINT ea_claims_do_not_overlap EXCLUDE USING gist (company_id WITH =, equipment_id WITH =, claimed_period(reserved_from, reserved_until, cancelled_at, assigned_at, due_at, returned_at) WITH &&),
  CONSTRAINT ea_one_holder_at_a_time EXCLUDE USING gist (company_id WITH =, equipment_id WITH =, tstzrange(assigned_at, returned_at, '[)'::text) WITH &&) WHERE ((assigned_at IS NOT NULL))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_assignments_assigned_by ON public.equipment_assignments USING btree (assigned_by);
CREATE INDEX idx_equipment_assignments_company ON public.equipment_assignments USING btree (company_id, assigned_at DESC, id DESC);
CREATE INDEX idx_equipment_assignments_due ON public.equipment_assignments USING btree (company_id, due_at, id) WHERE ((assigned_at IS NOT NULL) AND (returned_at IS NULL) AND (due_at IS NOT NULL));
CREATE INDEX idx_equipment_assignments_equipment ON public.equipment_assignments USING btree (company_id, equipment_id, assigned_at DESC, id DESC);
CREATE INDEX idx_equipment_assignments_reserved ON public.equipment_assignments USING btree (company_id, reserved_from, id) WHERE ((assigned_at IS NULL) AND (cancelled_at IS NULL));
CREATE INDEX idx_equipment_assignments_returned ON public.equipment_assignments USING btree (company_id, returned_at, id) WHERE (returned_at IS NOT NULL);
CREATE INDEX idx_equipment_assignments_returned_by ON public.equipment_assignments USING btree (returned_by);
CREATE INDEX idx_equipment_assignments_user ON public.equipment_assignments USING btree (company_id, user_id, assigned_at DESC, id DESC);
CREATE UNIQUE INDEX idx_equipment_assignments_open ON public.equipment_assignments USING btree (company_id, equipment_id) WHERE ((returned_at IS NULL) > (assigned_at IS NULL));
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_005_check_caller_company BEFORE INSERT ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION check_caller_company();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_keep_assignment BEFORE INSERT OR UPDATE ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION keep_assignment();
CREATE TRIGGER trigger_710_begin_usage AFTER INSERT ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION keep_assignment_usage();
CREATE TRIGGER trigger_710_keep_usage AFTER UPDATE ON public.equipment_assignments FOR EACH ROW WHEN ((((old.assigned_at IS DISTINCT FROM new.assigned_at) OR (old.returned_at IS DISTINCT FROM new.returned_at)) OR (old.is_deleted IS DISTINCT FROM new.is_deleted))) EXECUTE FUNCTION keep_assignment_usage();
CREATE TRIGGER trigger_860_log_hand_over AFTER INSERT ON public.equipment_assignments FOR EACH ROW WHEN ((new.assigned_at IS NOT NULL)) EXECUTE FUNCTION log_equipment_assignment();
CREATE TRIGGER trigger_860_log_return AFTER UPDATE ON public.equipment_assignments FOR EACH ROW WHEN ((((old.assigned_at IS NULL) <> (new.assigned_at IS NULL)) OR ((old.returned_at IS NULL) <> (new.returned_at IS NULL)))) EXECUTE FUNCTION log_equipment_assignment();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.equipment_assignments FOR EACH ROW EXECUTE FUNCTION record_change('assignment');
CREATE POLICY equipment_assignments_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_assignments_insert FOR INSERT TO application_user WITH CHECK (((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying, 'operator'::character varying])::text[])))) AND ((user_id = ( SELECT c.user_id
   FROM caller c
  WHERE ((c.role)::text = 'operator'::text))) OR (company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))))));
CREATE POLICY equipment_assignments_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_assignments_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY equipment_assignments_update FOR UPDATE TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying, 'operator'::character varying])::text[])))) AND ((user_id = ( SELECT c.user_id
   FROM caller c
  WHERE ((c.role)::text = 'operator'::text))) OR (company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))))));
GRANT INSERT, SELECT, UPDATE TO application_user;
GRANT SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_categories (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  parent_id uuid,
  name character varying(100) NOT NULL,
  description text,
  type_code character varying(2),
  path ltree NOT NULL,
  maintenance_interval_days integer,
  specification_template jsonb NOT NULL DEFAULT '[]'::jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT equipment_categories_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_category_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT fk_category_parent FOREIGN KEY (company_id, parent_id) REFERENCES equipment_categories(company_id, id),
  CONSTRAINT category_choices_given CHECK (has_specification_choices(specification_template)),
  CONSTRAINT category_description_length CHECK ((length(description) <= 4000)),
  CONSTRAINT category_interval_range CHECK (((maintenance_interval_days >= 1) AND (maintenance_interval_days <= 3650))),
  CONSTRAINT category_name_not_empty CHECK (is_not_blank((name)::text)),
  CONSTRAINT category_template_length CHECK ((length((specification_template)::text) <= 50000)),
  CONSTRAINT category_template_parts CHECK (has_bounded_specification_parts(specification_template)),
  CONSTRAINT category_template_valid CHECK (is_specification_template(specification_template)),
  CONSTRAINT category_type_code_form CHECK (((type_code)::text ~ '^[A-Z]{2}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_categories_parent ON public.equipment_categories USING btree (company_id, parent_id);
CREATE UNIQUE INDEX idx_equipment_categories_sibling_name ON public.equipment_categories USING btree (company_id, parent_id, lower((name)::text)) NULLS NOT DISTINCT WHERE (NOT is_deleted);
CREATE TRIGGER trigger_000_lock_category_tree BEFORE INSERT OR UPDATE ON public.equipment_categories FOR EACH STATEMENT EXECUTE FUNCTION lock_category_tree();
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.equipment_categories FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.equipment_categories FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_keep_category_path BEFORE INSERT OR UPDATE ON public.equipment_categories FOR EACH ROW EXECUTE FUNCTION keep_category_path();
CREATE TRIGGER trigger_800_move_category_children AFTER UPDATE ON public.equipment_categories FOR EACH ROW WHEN (((old.path)::text IS DISTINCT FROM (new.path)::text)) EXECUTE FUNCTION move_category_children();
CREATE TRIGGER trigger_850_move_next_maintenance AFTER UPDATE ON public.equipment_categories FOR EACH ROW WHEN (((old.maintenance_interval_days IS DISTINCT FROM new.maintenance_interval_days) OR ((old.path)::text IS DISTINCT FROM (new.path)::text))) EXECUTE FUNCTION move_next_maintenance();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.equipment_categories FOR EACH ROW EXECUTE FUNCTION record_change('category');
CREATE POLICY equipment_categories_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_categories_insert FOR INSERT TO application_user WITH CHECK ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
CREATE POLICY equipment_categories_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_categories_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY equipment_categories_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
GRANT INSERT, SELECT, UPDATE TO application_user;
GRANT SELECT, UPDATE (version) TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_fleet_periods (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  entered_at timestamp with time zone NOT NULL,
  left_at timestamp with time zone,
  CONSTRAINT equipment_fleet_periods_pkey PRIMARY KEY (company_id, equipment_id, entered_at),
  CONSTRAINT fk_efp_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT efp_period_valid CHECK ((isfinite(entered_at) AND isfinite(left_at) AND (left_at >= entered_at)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY equipment_fleet_periods_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_fleet_periods_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_fleet_periods_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT SELECT TO application_user;
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_logs (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  event_type character varying(50) NOT NULL,
  event_data jsonb NOT NULL DEFAULT '{}'::jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid,
  reading numeric(12,2),
  is_correction boolean NOT NULL DEFAULT false,
  notes text,
  entry_key character varying(100),
  received_at timestamp with time zone DEFAULT clock_timestamp(),
  CONSTRAINT equipment_logs_pkey PRIMARY KEY (company_id, id, created_at),
  CONSTRAINT fk_equipment_logs_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT equipment_logs_correction_of_meter CHECK (((NOT is_correction) OR (reading IS NOT NULL))),
  CONSTRAINT equipment_logs_created_at_finite CHECK (isfinite(created_at)),
  CONSTRAINT equipment_logs_entry_key_not_empty CHECK (is_not_blank((entry_key)::text)),
  CONSTRAINT equipment_logs_event_data_object CHECK (((jsonb_typeof(event_data) = 'object'::text) AND (length((event_data)::text) <= 20000))),
  CONSTRAINT equipment_logs_event_type_not_empty CHECK (is_not_blank((event_type)::text)),
  CONSTRAINT equipment_logs_event_type_valid CHECK (((event_type)::text = ANY ((ARRAY['note'::character varying, 'meter_hours'::character varying, 'meter_km'::character varying, 'telemetry'::character varying, 'status'::character varying, 'assignment'::character varying])::text[]))),
  CONSTRAINT equipment_logs_note_says CHECK ((((event_type)::text <> 'note'::text) OR (notes IS NOT NULL))),
  CONSTRAINT equipment_logs_notes_length CHECK (((length(notes) <= 2000) AND is_not_blank(notes))),
  CONSTRAINT equipment_logs_reading_of_meter CHECK ((((event_type)::text = ANY ((ARRAY['meter_hours'::character varying, 'meter_km'::character varying])::text[])) = (reading IS NOT NULL))),
  CONSTRAINT equipment_logs_reading_range CHECK (((reading >= (0)::numeric) AND (reading <= 99999999.99))),
  CONSTRAINT equipment_logs_received_at_finite CHECK (isfinite(received_at))
);
-- owner bitcorp_owner, row security forced, partitioned by RANGE (created_at)
CREATE INDEX idx_equipment_logs_equipment ON ONLY public.equipment_logs USING btree (company_id, equipment_id, created_at DESC, id DESC);
CREATE INDEX idx_equipment_logs_event_type ON ONLY public.equipment_logs USING btree (company_id, equipment_id, event_type, created_at DESC, id DESC);
CREATE UNIQUE INDEX idx_equipment_logs_entry_key ON ONLY public.equipment_logs USING btree (company_id, equipment_id, entry_key, created_at) WHERE (entry_key IS NOT NULL);
CREATE TRIGGER trigger_000_refuse_change BEFORE DELETE OR UPDATE ON public.equipment_logs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON public.equipment_logs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_020_keep_equipment_log BEFORE INSERT ON public.equipment_logs FOR EACH ROW EXECUTE FUNCTION keep_equipment_log();
CREATE POLICY equipment_logs_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_logs_insert FOR INSERT TO application_user WITH CHECK (((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying, 'operator'::character varying])::text[])))) AND (recorded_by = ( SELECT c.user_id
   FROM caller c)) AND ((event_type)::text = ANY ((ARRAY['note'::character varying, 'meter_hours'::character varying, 'meter_km'::character varying, 'telemetry'::character varying])::text[]))));
CREATE POLICY equipment_logs_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_logs_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT INSERT (company_id, equipment_id, event_type, event_data, created_at, recorded_by, reading, is_correction, notes, entry_key), SELECT TO application_user;
GRANT INSERT, SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_search_documents (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  document tsvector NOT NULL,
  CONSTRAINT equipment_search_documents_pkey PRIMARY KEY (company_id, equipment_id),
  CONSTRAINT fk_equipment_search_documents_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id)
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_search ON public.equipment_search_documents USING gin (document);
CREATE POLICY equipment_search_documents_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_search_documents_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE equipment_search_words (
  company_id uuid NOT NULL,
  word character varying(100) NOT NULL,
  CONSTRAINT equipment_search_words_pkey PRIMARY KEY (company_id, word),
  CONSTRAINT fk_equipment_search_words_company FOREIGN KEY (company_id) REFERENCES companies(id)
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_search_words_near ON public.equipment_search_words USING gist (company_id, word gist_trgm_ops);
CREATE POLICY equipment_search_words_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_search_words_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT TO record_keeper;

TABLE equipment_serial_counters (
  company_id uuid NOT NULL,
  prefix character varying(10) NOT NULL,
  last_number integer NOT NULL,
  CONSTRAINT equipment_serial_counters_pkey PRIMARY KEY (company_id, prefix),
  CONSTRAINT fk_equipment_serial_counters_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT equipment_serial_counters_range CHECK (((last_number >= 0) AND (last_number <= 999999)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY equipment_serial_counters_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_serial_counters_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE equipment_status_history (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  status character varying(20) NOT NULL,
  effective_from timestamp with time zone NOT NULL,
  effective_to timestamp with time zone,
  changed_by uuid,
  reason text,
  recorded_at timestamp with time zone NOT NULL,
  superseded_at timestamp with time zone,
  superseded_by uuid,
  CONSTRAINT equipment_status_history_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_esh_changed_by FOREIGN KEY (changed_by) REFERENCES users(id),
  CONSTRAINT fk_esh_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT fk_esh_superseded_by FOREIGN KEY (superseded_by) REFERENCES users(id),
  CONSTRAINT esh_effective_period CHECK ((isfinite(effective_from) AND isfinite(effective_to) AND (effective_to > effective_from))),
  CONSTRAINT esh_reason_length CHECK ((length(reason) <= 2000)),
  CONSTRAINT esh_status_valid CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'maintenance'::character varying, 'retired'::character varying, 'disposed'::character varying])::text[]))),
  CONSTRAINT esh_superseded_after_recorded CHECK ((isfinite(recorded_at) AND isfinite(superseded_at) AND (superseded_at > recorded_at) AND ((superseded_by IS NULL) OR (superseded_at IS NOT NULL)))),
  CONSTRAINT esh_one_status_at_a_time EXCLUDE USING gist (company_id WITH =, equipment_id WITH =, tstzrange(effective_from, effective_to, '[)'::text) WITH &&) WHERE ((superseded_at IS NULL))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_equipment_status_history_changed_by ON public.equipment_status_history USING btree (changed_by);
CREATE INDEX idx_equipment_status_history_equipment ON public.equipment_status_history USING btree (company_id, equipment_id, effective_from DESC);
CREATE INDEX idx_equipment_status_history_superseded_by ON public.equipment_status_history USING btree (superseded_by);
CREATE POLICY equipment_status_history_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_status_history_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_status_history_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT SELECT TO application_user;
GRANT INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE equipment_usage_months (
  company_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  month date NOT NULL,
  assignments_begun integer NOT NULL DEFAULT 0,
  assignments_ended integer NOT NULL DEFAULT 0,
  assigned_rest bigint NOT NULL DEFAULT 0,
  fleet_entered integer NOT NULL DEFAULT 0,
  fleet_left integer NOT NULL DEFAULT 0,
  fleet_rest bigint NOT NULL DEFAULT 0,
  CONSTRAINT equipment_usage_months_pkey PRIMARY KEY (company_id, equipment_id, month),
  CONSTRAINT fk_eum_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT eum_month_first_day CHECK ((isfinite(month) AND (EXTRACT(day FROM month) = (1)::numeric)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY equipment_usage_months_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY equipment_usage_months_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY equipment_usage_months_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT SELECT TO application_user;
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE event_feed_epochs (
  epoch integer NOT NULL,
  server_mark character varying(100) NOT NULL,
  last_sequence bigint NOT NULL DEFAULT 0,
  began_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT event_feed_epochs_pkey PRIMARY KEY (epoch),
  CONSTRAINT event_feed_epochs_counted CHECK (((epoch > 0) AND (last_sequence >= 0))),
  CONSTRAINT event_feed_epochs_mark_not_empty CHECK (is_not_blank((server_mark)::text)),
  CONSTRAINT event_feed_epochs_time_finite CHECK (isfinite(began_at))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY event_feed_epochs_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE idempotency_keys (
  company_id uuid NOT NULL,
  user_id uuid NOT NULL,
  key character varying(200) NOT NULL,
  request_hash character varying(64) NOT NULL,
  response_status integer,
  response_body json,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (company_id, user_id, key),
  CONSTRAINT fk_idempotency_keys_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles(company_id, user_id),
  CONSTRAINT idempotency_keys_key_not_empty CHECK (is_not_blank((key)::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_idempotency_keys_created ON public.idempotency_keys USING btree (created_at);
CREATE POLICY idempotency_keys_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY idempotency_keys_insert FOR INSERT TO application_user WITH CHECK (((company_id = ( SELECT c.company_id
   FROM caller c)) AND (user_id = ( SELECT c.user_id
   FROM caller c))));
CREATE POLICY idempotency_keys_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY idempotency_keys_select FOR SELECT TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c)) AND (user_id = ( SELECT c.user_id
   FROM caller c))));
CREATE POLICY idempotency_keys_update FOR UPDATE TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c)) AND (user_id = ( SELECT c.user_id
   FROM caller c))));
GRANT INSERT (company_id, user_id, key, request_hash), SELECT, UPDATE (response_status, response_body) TO application_user;
GRANT DELETE, SELECT TO record_keeper;

TABLE import_batches (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  file_name character varying(255) NOT NULL,
  row_count integer NOT NULL,
  created_count integer NOT NULL DEFAULT 0,
  updated_count integer NOT NULL DEFAULT 0,
  unchanged_count integer NOT NULL DEFAULT 0,
  mapping jsonb NOT NULL DEFAULT '{}'::jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT import_batches_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_import_batches_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT import_batches_counts_valid CHECK (((row_count >= 0) AND (created_count >= 0) AND (updated_count >= 0) AND (unchanged_count >= 0) AND (((created_count + updated_count) + unchanged_count) <= row_count))),
  CONSTRAINT import_batches_file_name_not_empty CHECK (is_not_blank((file_name)::text)),
  CONSTRAINT import_batches_mapping_length CHECK ((length((mapping)::text) <= 50000)),
  CONSTRAINT import_batches_mapping_object CHECK ((jsonb_typeof(mapping) = 'object'::text))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.import_batches FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.import_batches FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.import_batches FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.import_batches FOR EACH ROW EXECUTE FUNCTION record_change('import_batch');
CREATE POLICY import_batches_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY import_batches_insert FOR INSERT TO application_user WITH CHECK ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
CREATE POLICY import_batches_proof FOR SELECT TO record_keeper USING (true);
CREATE POLICY import_batches_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY import_batches_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
GRANT INSERT, SELECT, UPDATE TO application_user;
GRANT SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE installation_admins (
  user_id uuid NOT NULL,
  granted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  granted_by character varying(100) NOT NULL DEFAULT SESSION_USER,
  CONSTRAINT installation_admins_pkey PRIMARY KEY (user_id),
  CONSTRAINT fk_installation_admins_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT installation_admins_granted_finite CHECK (isfinite(granted_at))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY installation_admins_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY installation_admins_select FOR SELECT TO application_user USING ((user_id = ( SELECT a.user_id
   FROM caller_account a
  WHERE (a.scopes IS NULL))));
GRANT SELECT (user_id) TO application_user;
GRANT DELETE, INSERT, SELECT TO record_keeper;

TABLE known_devices (
  user_id uuid NOT NULL,
  token_hash character varying(64) NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT known_devices_pkey PRIMARY KEY (user_id, token_hash),
  CONSTRAINT fk_known_devices_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT known_devices_times_finite CHECK ((isfinite(created_at) AND isfinite(last_used_at))),
  CONSTRAINT known_devices_token_hash_form CHECK (((token_hash)::text ~ '^[0-9a-f]{64}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY known_devices_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE maintenance_digest_mails (
  company_id uuid NOT NULL,
  user_id uuid NOT NULL,
  day date NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  claimed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  sent_at timestamp with time zone,
  failed_at timestamp with time zone,
  problem character varying(500),
  CONSTRAINT maintenance_digest_mails_pkey PRIMARY KEY (company_id, user_id, day),
  CONSTRAINT fk_mdm_membership FOREIGN KEY (company_id, user_id) REFERENCES user_company_roles(company_id, user_id),
  CONSTRAINT mdm_attempts_range CHECK (((attempts >= 1) AND (attempts <= 100))),
  CONSTRAINT mdm_day_range CHECK (((day >= '1900-01-01'::date) AND (day <= '2200-12-31'::date))),
  CONSTRAINT mdm_times_finite CHECK ((isfinite(claimed_at) AND isfinite(sent_at) AND isfinite(failed_at)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY maintenance_digest_mails_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY maintenance_digest_mails_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE maintenance_file_contents (
  company_id uuid NOT NULL,
  file_id uuid NOT NULL,
  content bytea NOT NULL,
  CONSTRAINT maintenance_file_contents_pkey PRIMARY KEY (company_id, file_id),
  CONSTRAINT fk_mfc_file FOREIGN KEY (company_id, file_id) REFERENCES maintenance_files(company_id, id),
  CONSTRAINT mfc_size_range CHECK (((octet_length(content) >= 1) AND (octet_length(content) <= 10485760)))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_change BEFORE DELETE OR UPDATE ON public.maintenance_file_contents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trigger_000_refuse_truncate BEFORE TRUNCATE ON public.maintenance_file_contents FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE POLICY maintenance_file_contents_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY maintenance_file_contents_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY maintenance_file_contents_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
GRANT SELECT TO application_user;
GRANT INSERT, SELECT TO record_keeper;

TABLE maintenance_files (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  maintenance_id uuid NOT NULL,
  equipment_id uuid NOT NULL,
  name character varying(200) NOT NULL,
  kind character varying(10) NOT NULL,
  size_bytes integer NOT NULL,
  content_hash character varying(64) NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT maintenance_files_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_mf_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT fk_mf_record FOREIGN KEY (company_id, maintenance_id) REFERENCES maintenance_records(company_id, id),
  CONSTRAINT mf_hash_form CHECK (((content_hash)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT mf_kind_valid CHECK (((kind)::text = ANY ((ARRAY['jpeg'::character varying, 'png'::character varying, 'webp'::character varying, 'heic'::character varying, 'pdf'::character varying])::text[]))),
  CONSTRAINT mf_name_valid CHECK ((is_not_blank((name)::text) AND ((name)::text !~ '[[:cntrl:]/\\]'::text))),
  CONSTRAINT mf_size_range CHECK (((size_bytes >= 1) AND (size_bytes <= 10485760)))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_maintenance_files_equipment ON public.maintenance_files USING btree (company_id, equipment_id);
CREATE INDEX idx_maintenance_files_record ON public.maintenance_files USING btree (company_id, maintenance_id, id);
CREATE UNIQUE INDEX idx_maintenance_files_once ON public.maintenance_files USING btree (company_id, maintenance_id, content_hash) WHERE (NOT is_deleted);
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.maintenance_files FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.maintenance_files FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_keep_maintenance_file BEFORE INSERT OR UPDATE ON public.maintenance_files FOR EACH ROW EXECUTE FUNCTION keep_maintenance_file();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.maintenance_files FOR EACH ROW EXECUTE FUNCTION record_change('maintenance_file');
CREATE POLICY maintenance_files_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY maintenance_files_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY maintenance_files_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY maintenance_files_update FOR UPDATE TO application_user USING (((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))) OR ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'operator'::text))) AND (created_by = ( SELECT c.user_id
   FROM caller c)))));
GRANT SELECT, UPDATE (version, is_deleted) TO application_user;
GRANT INSERT, SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE maintenance_records (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  equipment_id uuid NOT NULL,
  type character varying(20) NOT NULL,
  status character varying(20) NOT NULL DEFAULT 'scheduled'::character varying,
  title character varying(200),
  scheduled_date date NOT NULL,
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  completed_date date,
  counts_as_service boolean,
  cancelled_at timestamp with time zone,
  cancel_reason text,
  cost numeric(14,2),
  currency character varying(3),
  technician character varying(200),
  parts text,
  notes text,
  meter_reading numeric(12,1),
  status_period_id uuid,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT maintenance_records_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_mr_equipment FOREIGN KEY (company_id, equipment_id) REFERENCES equipment(company_id, id),
  CONSTRAINT fk_mr_status_period FOREIGN KEY (company_id, status_period_id) REFERENCES equipment_status_history(company_id, id),
  CONSTRAINT mr_completed_after_started CHECK ((completed_at >= started_at)),
  CONSTRAINT mr_cost_has_currency CHECK (((cost IS NULL) = (currency IS NULL))),
  CONSTRAINT mr_cost_range CHECK (((cost >= (0)::numeric) AND (cost <> 'NaN'::numeric))),
  CONSTRAINT mr_currency_form CHECK (((currency)::text ~ '^[A-Z]{3}$'::text)),
  CONSTRAINT mr_dates_range CHECK ((((scheduled_date >= '1900-01-01'::date) AND (scheduled_date <= '2200-12-31'::date)) AND ((completed_date IS NULL) OR ((completed_date >= '1900-01-01'::date) AND (completed_date <= '2200-12-31'::date))))),
  CONSTRAINT mr_meter_reading_range CHECK (((meter_reading >= (0)::numeric) AND (meter_reading <= (99999999)::numeric))),
  CONSTRAINT mr_state_complete CHECK (((((status)::text <> 'scheduled'::text) OR (started_at IS NULL)) AND (((status)::text <> 'in_progress'::text) OR (started_at IS NOT NULL)) AND (((status)::text = 'done'::text) = (completed_at IS NOT NULL)) AND (((status)::text = 'done'::text) = (completed_date IS NOT NULL)) AND (((status)::text = 'done'::text) = (counts_as_service IS NOT NULL)) AND (((status)::text = 'cancelled'::text) = (cancelled_at IS NOT NULL)))),
  CONSTRAINT mr_status_valid CHECK (((status)::text = ANY ((ARRAY['scheduled'::character varying, 'in_progress'::character varying, 'done'::character varying, 'cancelled'::character varying])::text[]))),
  CONSTRAINT mr_technician_not_empty CHECK (is_not_blank((technician)::text)),
  CONSTRAINT mr_texts_length CHECK ((((parts IS NULL) OR (length(parts) <= 4000)) AND ((notes IS NULL) OR (length(notes) <= 4000)) AND ((cancel_reason IS NULL) OR (length(cancel_reason) <= 2000)))),
  CONSTRAINT mr_times_finite CHECK ((isfinite(started_at) AND isfinite(completed_at) AND isfinite(cancelled_at))),
  CONSTRAINT mr_title_not_empty CHECK (is_not_blank((title)::text)),
  CONSTRAINT mr_type_valid CHECK (((type)::text = ANY ((ARRAY['preventive'::character varying, 'corrective'::character varying, 'emergency'::character varying])::text[])))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_maintenance_records_equipment ON public.maintenance_records USING btree (company_id, equipment_id, scheduled_date DESC, id DESC);
CREATE INDEX idx_maintenance_records_scheduled ON public.maintenance_records USING btree (company_id, scheduled_date DESC, id DESC);
CREATE INDEX idx_maintenance_records_status_period ON public.maintenance_records USING btree (company_id, status_period_id);
CREATE UNIQUE INDEX idx_maintenance_records_open ON public.maintenance_records USING btree (company_id, equipment_id, type, scheduled_date) WHERE (((status)::text = ANY ((ARRAY['scheduled'::character varying, 'in_progress'::character varying])::text[])) AND (NOT is_deleted));
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.maintenance_records FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.maintenance_records FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.maintenance_records FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_keep_maintenance BEFORE INSERT OR UPDATE ON public.maintenance_records FOR EACH ROW EXECUTE FUNCTION keep_maintenance();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.maintenance_records FOR EACH ROW EXECUTE FUNCTION record_change('maintenance');
CREATE POLICY maintenance_records_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY maintenance_records_insert FOR INSERT TO application_user WITH CHECK (((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))) OR ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'operator'::text))) AND ((type)::text = 'emergency'::text) AND ((status)::text = 'scheduled'::text) AND (cost IS NULL) AND (NOT is_deleted))));
CREATE POLICY maintenance_records_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY maintenance_records_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY maintenance_records_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying])::text[])))));
GRANT INSERT, SELECT, UPDATE TO application_user;
GRANT SELECT TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE password_links (
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  token_hash character varying(64) NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  expires_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  CONSTRAINT password_links_pkey PRIMARY KEY (id),
  CONSTRAINT password_links_token_hash_unique UNIQUE (token_hash),
  CONSTRAINT fk_password_links_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT password_links_ended_finite CHECK (isfinite(ended_at)),
  CONSTRAINT password_links_expires_finite CHECK (isfinite(expires_at)),
  CONSTRAINT password_links_token_hash_form CHECK (((token_hash)::text ~ '^[0-9a-f]{64}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_password_links_user ON public.password_links USING btree (user_id);
CREATE POLICY password_links_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE recovery_codes (
  user_id uuid NOT NULL,
  code_hash character varying(64) NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  used_at timestamp with time zone,
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
  CONSTRAINT fk_recovery_codes_secret FOREIGN KEY (user_id) REFERENCES totp_secrets(user_id),
  CONSTRAINT recovery_codes_hash_form CHECK (((code_hash)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT recovery_codes_times_finite CHECK ((isfinite(created_at) AND isfinite(used_at)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY recovery_codes_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE schema_logic (
  name character varying(200) NOT NULL,
  checksum character varying(64) NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT schema_logic_pkey PRIMARY KEY (name)
);
-- owner bitcorp_owner, row security off

TABLE schema_migrations (
  version character varying(14) NOT NULL,
  description text NOT NULL,
  checksum character varying(64) NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  applied_by character varying(100) NOT NULL DEFAULT SESSION_USER,
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);
-- owner bitcorp_owner, row security off

TABLE sessions (
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  token_hash character varying(64) NOT NULL,
  user_id uuid NOT NULL,
  kind character varying(20) NOT NULL DEFAULT 'browser'::character varying,
  ip_address character varying(64),
  user_agent character varying(400),
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  last_seen_at timestamp with time zone,
  method character varying(20),
  CONSTRAINT sessions_pkey PRIMARY KEY (id),
  CONSTRAINT sessions_token_hash_unique UNIQUE (token_hash),
  CONSTRAINT fk_sessions_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT sessions_expires_finite CHECK (isfinite(expires_at)),
  CONSTRAINT sessions_kind_valid CHECK (((kind)::text = ANY ((ARRAY['browser'::character varying, 'command'::character varying])::text[]))),
  CONSTRAINT sessions_last_seen_finite CHECK (isfinite(last_seen_at)),
  CONSTRAINT sessions_method_valid CHECK (((method)::text = ANY ((ARRAY['password'::character varying, 'totp'::character varying, 'recovery_code'::character varying, 'single_sign_on'::character varying])::text[]))),
  CONSTRAINT sessions_token_hash_form CHECK (((token_hash)::text ~ '^[0-9a-f]{64}$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_sessions_user ON public.sessions USING btree (user_id);
CREATE POLICY sessions_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE sign_in_throttles (
  scope character varying(10) NOT NULL,
  key_hash character varying(64) NOT NULL,
  failures integer NOT NULL,
  last_try_at timestamp with time zone NOT NULL,
  next_try_at timestamp with time zone NOT NULL,
  CONSTRAINT sign_in_throttles_pkey PRIMARY KEY (scope, key_hash),
  CONSTRAINT sign_in_throttles_failures_range CHECK ((failures >= 0)),
  CONSTRAINT sign_in_throttles_key_form CHECK (((key_hash)::text ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT sign_in_throttles_scope_valid CHECK (((scope)::text = ANY ((ARRAY['account'::character varying, 'address'::character varying, 'device'::character varying, 'caller'::character varying])::text[]))),
  CONSTRAINT sign_in_throttles_times_finite CHECK ((isfinite(last_try_at) AND isfinite(next_try_at)))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_sign_in_throttles_last_try ON public.sign_in_throttles USING btree (last_try_at);
CREATE POLICY sign_in_throttles_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE totp_secrets (
  user_id uuid NOT NULL,
  key_id character varying(16) NOT NULL,
  ciphertext bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamp with time zone,
  last_step bigint,
  CONSTRAINT totp_secrets_pkey PRIMARY KEY (user_id),
  CONSTRAINT fk_totp_secrets_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT totp_secrets_ciphertext_form CHECK (((octet_length(ciphertext) >= 31) AND (octet_length(ciphertext) <= 400))),
  CONSTRAINT totp_secrets_key_form CHECK (((key_id)::text ~ '^[0-9a-f]{8,16}$'::text)),
  CONSTRAINT totp_secrets_step_needed CHECK (((confirmed_at IS NULL) OR (last_step > 0))),
  CONSTRAINT totp_secrets_times_finite CHECK ((isfinite(created_at) AND isfinite(confirmed_at)))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_totp_secrets_key ON public.totp_secrets USING btree (key_id, user_id);
CREATE POLICY totp_secrets_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE user_company_roles (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  role character varying(50) NOT NULL,
  display_name character varying(200) NOT NULL,
  assigned_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  assigned_by uuid,
  ended_at timestamp with time zone,
  is_active boolean NOT NULL GENERATED ALWAYS AS (ended_at IS NULL) STORED,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  tax_id_changed_at timestamp with time zone,
  anonymised_at timestamp with time zone,
  wants_maintenance_digest boolean NOT NULL DEFAULT true,
  CONSTRAINT user_company_roles_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT ucr_one_membership UNIQUE (company_id, user_id),
  CONSTRAINT fk_ucr_assigned_by FOREIGN KEY (assigned_by) REFERENCES users(id),
  CONSTRAINT fk_ucr_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT fk_ucr_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT ucr_anonymised_ended CHECK (((anonymised_at IS NULL) OR (isfinite(anonymised_at) AND (ended_at IS NOT NULL)))),
  CONSTRAINT ucr_display_name_not_empty CHECK (is_not_blank((display_name)::text)),
  CONSTRAINT ucr_period_valid CHECK ((isfinite(assigned_at) AND isfinite(ended_at) AND (ended_at >= assigned_at))),
  CONSTRAINT ucr_role_valid CHECK (((role)::text = ANY ((ARRAY['admin'::character varying, 'manager'::character varying, 'operator'::character varying, 'viewer'::character varying])::text[]))),
  CONSTRAINT ucr_tax_id_changed_finite CHECK (isfinite(tax_id_changed_at))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_user_company_roles_assigned_by ON public.user_company_roles USING btree (assigned_by);
CREATE INDEX idx_user_company_roles_user ON public.user_company_roles USING btree (user_id, company_id);
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.user_company_roles FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.user_company_roles FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.user_company_roles FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_020_check_last_admin BEFORE UPDATE ON public.user_company_roles FOR EACH ROW EXECUTE FUNCTION keep_last_admin();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.user_company_roles FOR EACH ROW EXECUTE FUNCTION record_change('user');
CREATE POLICY user_company_roles_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY user_company_roles_insert FOR INSERT TO application_user WITH CHECK ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
CREATE POLICY user_company_roles_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY user_company_roles_select FOR SELECT TO application_user, reporting_user USING ((company_id = ( SELECT c.company_id
   FROM caller c)));
CREATE POLICY user_company_roles_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT INSERT (company_id, user_id, role, display_name, assigned_at, assigned_by, ended_at), SELECT, UPDATE (role, display_name, assigned_at, ended_at, version) TO application_user;
GRANT INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT TO reporting_user;

TABLE user_identities (
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  user_id uuid NOT NULL,
  issuer character varying(500) NOT NULL,
  subject character varying(255) NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT user_identities_pkey PRIMARY KEY (id),
  CONSTRAINT user_identities_one_each UNIQUE (user_id, issuer),
  CONSTRAINT user_identities_subject_unique UNIQUE (issuer, subject),
  CONSTRAINT fk_user_identities_user FOREIGN KEY (user_id) REFERENCES users(id),
  CONSTRAINT user_identities_subject_not_empty CHECK ((is_not_blank((subject)::text) AND is_not_blank((issuer)::text))),
  CONSTRAINT user_identities_times_finite CHECK ((isfinite(created_at) AND isfinite(last_used_at)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY user_identities_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT, UPDATE TO record_keeper;

TABLE users (
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  email character varying(255) NOT NULL,
  full_name character varying(200) NOT NULL,
  password_hash text,
  language character varying(2) NOT NULL DEFAULT 'es'::character varying,
  status character varying(20) NOT NULL DEFAULT 'active'::character varying,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  password_given_at timestamp with time zone,
  CONSTRAINT users_pkey PRIMARY KEY (id),
  CONSTRAINT users_email_unique UNIQUE (email),
  CONSTRAINT users_email_valid CHECK ((((email)::text ~ '^[^@\s]+@[^@\s]+$'::text) AND ((email)::text = lower((email)::text)))),
  CONSTRAINT users_full_name_not_empty CHECK (is_not_blank((full_name)::text)),
  CONSTRAINT users_language_valid CHECK (((language)::text = ANY ((ARRAY['es'::character varying, 'en'::character varying])::text[]))),
  CONSTRAINT users_password_given_finite CHECK (isfinite(password_given_at)),
  CONSTRAINT users_status_valid CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'deactivated'::character varying])::text[])))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_000_refuse_soft_delete BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((new.is_deleted AND (NOT old.is_deleted))) EXECUTE FUNCTION refuse_soft_delete();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE POLICY users_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY users_select FOR SELECT TO application_user, reporting_user USING (((id = ( SELECT a.user_id
   FROM caller_account a)) OR (EXISTS ( SELECT
   FROM user_company_roles r
  WHERE ((r.user_id = users.id) AND (r.company_id = ( SELECT c.company_id
           FROM caller c)) AND (r.anonymised_at IS NULL))))));
CREATE POLICY users_update FOR UPDATE TO application_user USING ((id = ( SELECT a.user_id
   FROM caller_account a
  WHERE (a.scopes IS NULL))));
GRANT SELECT (id, email, full_name, language, status, created_at, version), UPDATE (full_name, language, version) TO application_user;
GRANT INSERT, SELECT, UPDATE TO record_keeper;
GRANT SELECT (id, email, full_name, language, status, created_at, version) TO reporting_user;

TABLE webhook_deliveries (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  webhook_id uuid NOT NULL,
  event_id uuid,
  event_type character varying(100) NOT NULL,
  position character varying(60),
  attempt integer NOT NULL,
  attempted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  status character varying(20) NOT NULL,
  response_code integer,
  response_text character varying(500),
  error character varying(50),
  duration_ms integer NOT NULL,
  next_attempt_at timestamp with time zone,
  CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_webhook_deliveries_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks(company_id, id),
  CONSTRAINT webhook_deliveries_counted CHECK (((attempt > 0) AND (duration_ms >= 0))),
  CONSTRAINT webhook_deliveries_status_valid CHECK (((status)::text = ANY ((ARRAY['delivered'::character varying, 'failed'::character varying])::text[]))),
  CONSTRAINT webhook_deliveries_times_finite CHECK ((isfinite(attempted_at) AND isfinite(next_attempt_at)))
);
-- owner bitcorp_owner, row security forced
CREATE INDEX idx_webhook_deliveries_webhook ON public.webhook_deliveries USING btree (company_id, webhook_id, id DESC);
CREATE POLICY webhook_deliveries_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY webhook_deliveries_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY webhook_deliveries_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT TO application_user;
GRANT DELETE, INSERT, SELECT TO record_keeper;

TABLE webhook_progress (
  company_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  transaction_id xid8 NOT NULL,
  sequence bigint NOT NULL,
  server_mark character varying(100),
  failures integer NOT NULL DEFAULT 0,
  next_attempt_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  last_delivered_at timestamp with time zone,
  claim uuid,
  claimed_until timestamp with time zone,
  claimed_event_id uuid,
  CONSTRAINT webhook_progress_pkey PRIMARY KEY (company_id, webhook_id),
  CONSTRAINT fk_webhook_progress_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks(company_id, id),
  CONSTRAINT webhook_progress_claim_whole CHECK ((((claim IS NULL) = (claimed_until IS NULL)) AND ((claim IS NULL) = (claimed_event_id IS NULL)))),
  CONSTRAINT webhook_progress_counted CHECK (((failures >= 0) AND (sequence >= 0))),
  CONSTRAINT webhook_progress_times_finite CHECK ((isfinite(next_attempt_at) AND isfinite(last_delivered_at) AND isfinite(claimed_until)))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY webhook_progress_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY webhook_progress_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY webhook_progress_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT SELECT (company_id, webhook_id, transaction_id, sequence, failures, next_attempt_at, last_delivered_at) TO application_user;
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE webhook_secrets (
  company_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  secret character varying(100) NOT NULL,
  previous_secret character varying(100),
  previous_until timestamp with time zone,
  CONSTRAINT webhook_secrets_pkey PRIMARY KEY (company_id, webhook_id),
  CONSTRAINT fk_webhook_secrets_webhook FOREIGN KEY (company_id, webhook_id) REFERENCES webhooks(company_id, id),
  CONSTRAINT webhook_secrets_form CHECK ((((secret)::text ~ '^whsec_[A-Za-z0-9+/]{43}=$'::text) AND ((previous_secret)::text ~ '^whsec_[A-Za-z0-9+/]{43}=$'::text))),
  CONSTRAINT webhook_secrets_times_finite CHECK (isfinite(previous_until))
);
-- owner bitcorp_owner, row security forced
CREATE POLICY webhook_secrets_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY webhook_secrets_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE TO record_keeper;

TABLE webhooks (
  company_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT generate_uuid_v7(),
  name character varying(100) NOT NULL,
  url character varying(2000) NOT NULL,
  event_types text[] NOT NULL DEFAULT '{}'::text[],
  is_active boolean NOT NULL DEFAULT true,
  disabled_at timestamp with time zone,
  disabled_reason character varying(20),
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  updated_by uuid,
  version integer NOT NULL DEFAULT 1,
  is_deleted boolean NOT NULL DEFAULT false,
  deleted_at timestamp with time zone,
  deleted_by uuid,
  CONSTRAINT webhooks_pkey PRIMARY KEY (company_id, id),
  CONSTRAINT fk_webhooks_company FOREIGN KEY (company_id) REFERENCES companies(id),
  CONSTRAINT webhooks_disabled_reason_valid CHECK (((disabled_reason)::text = ANY ((ARRAY['failed'::character varying, 'gone'::character varying, 'moved'::character varying])::text[]))),
  CONSTRAINT webhooks_disabled_whole CHECK ((((disabled_at IS NULL) = (disabled_reason IS NULL)) AND ((disabled_at IS NULL) OR (NOT is_active)))),
  CONSTRAINT webhooks_event_types_form CHECK (((cardinality(event_types) <= 100) AND (array_position(event_types, NULL::text) IS NULL) AND (array_to_string(event_types, ','::text) ~ '^([a-z_]{1,100}(,[a-z_]{1,100})*)?$'::text))),
  CONSTRAINT webhooks_name_not_empty CHECK (is_not_blank((name)::text)),
  CONSTRAINT webhooks_times_finite CHECK (isfinite(disabled_at)),
  CONSTRAINT webhooks_url_form CHECK (((url)::text ~ '^https?://[^\s/@?#]+([/?][^\s#]*)?$'::text))
);
-- owner bitcorp_owner, row security forced
CREATE TRIGGER trigger_000_refuse_delete BEFORE DELETE ON public.webhooks FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER trigger_005_keep_webhook BEFORE INSERT OR UPDATE ON public.webhooks FOR EACH ROW EXECUTE FUNCTION keep_webhook();
CREATE TRIGGER trigger_010_keep_base_fields BEFORE INSERT OR UPDATE ON public.webhooks FOR EACH ROW EXECUTE FUNCTION keep_base_fields();
CREATE TRIGGER trigger_900_record_change AFTER INSERT OR UPDATE ON public.webhooks FOR EACH ROW EXECUTE FUNCTION record_change('webhook');
CREATE TRIGGER trigger_910_keep_webhook_progress AFTER INSERT OR UPDATE ON public.webhooks FOR EACH ROW EXECUTE FUNCTION keep_webhook_progress();
CREATE POLICY webhooks_archive FOR INSERT TO bitcorp_owner WITH CHECK (((company_id)::text = current_setting('app.imported_company'::text, true)));
CREATE POLICY webhooks_insert FOR INSERT TO application_user WITH CHECK ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
CREATE POLICY webhooks_keeper FOR ALL TO record_keeper USING (true) WITH CHECK (true);
CREATE POLICY webhooks_select FOR SELECT TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
CREATE POLICY webhooks_update FOR UPDATE TO application_user USING ((company_id = ( SELECT c.company_id
   FROM caller c
  WHERE ((c.role)::text = 'admin'::text))));
GRANT INSERT (company_id, name, url, event_types), SELECT, UPDATE (name, url, event_types, is_active, version, is_deleted) TO application_user;
GRANT SELECT, UPDATE TO record_keeper;

VIEW caller -- owner record_keeper, security_barrier=true
 SELECT NULLIF(substr(current_setting('app.caller'::text, true), 101, 36), ''::text)::uuid AS user_id,
    NULLIF(substr(current_setting('app.caller'::text, true), 65, 36), ''::text)::uuid AS company_id,
    rtrim(substr(current_setting('app.caller'::text, true), 137, 8))::character varying AS role,
    split_part(substr(current_setting('app.caller'::text, true), 219), ' '::text, 1) AS time_zone
   FROM caller_seals k
  WHERE "left"(current_setting('app.caller'::text, true), 64) = encode(sha256(key || sha256(key || convert_to(((pg_backend_pid() || ' '::text) || EXTRACT(epoch FROM transaction_timestamp())) || substr(current_setting('app.caller'::text, true), 65), 'UTF8'::name))), 'hex'::text) AND substr(current_setting('app.caller'::text, true), 65, 1) <> ' '::text;
-- granted to application_user, bitcorp_owner, reporting_user

VIEW caller_account -- owner record_keeper, security_barrier=true
 SELECT NULLIF(substr(current_setting('app.caller'::text, true), 101, 36), ''::text)::uuid AS user_id,
    NULLIF(substr(current_setting('app.caller'::text, true), 145, 36), ''::text)::uuid AS session_id,
    NULLIF(substr(current_setting('app.caller'::text, true), 181, 36), repeat(' '::text, 36))::uuid AS token_company_id,
    NULLIF(split_part(substr(current_setting('app.caller'::text, true), 219), ' '::text, 2), ''::text)::text[] AS scopes,
    substr(current_setting('app.caller'::text, true), 217, 1) = '1'::text AS is_personal,
    substr(current_setting('app.caller'::text, true), 218, 1) = '1'::text AS has_given_password
   FROM caller_seals k
  WHERE "left"(current_setting('app.caller'::text, true), 64) = encode(sha256(key || sha256(key || convert_to(((pg_backend_pid() || ' '::text) || EXTRACT(epoch FROM transaction_timestamp())) || substr(current_setting('app.caller'::text, true), 65), 'UTF8'::name))), 'hex'::text);
-- granted to application_user, bitcorp_owner, reporting_user

VIEW caller_memberships -- owner record_keeper, security_barrier=true
 SELECT m.company_id,
    co.name,
    m.role,
    co.status,
    co.settings,
    m.display_name,
        CASE
            WHEN a.has_given_password THEN 'password'::text
            WHEN a.is_personal AND (co.settings ->> 'second_factor_demanded'::text) = 'true'::text AND NOT (EXISTS ( SELECT
               FROM totp_secrets f
              WHERE f.user_id = a.user_id AND f.confirmed_at IS NOT NULL)) THEN 'second_factor'::text
            ELSE NULL::text
        END AS needs
   FROM caller_account a
     JOIN user_company_roles m ON m.user_id = a.user_id AND (a.token_company_id IS NULL OR a.token_company_id = m.company_id) AND m.assigned_at <= now() AND (m.ended_at IS NULL OR m.ended_at > now()) AND NOT m.is_deleted
     JOIN companies co ON co.id = m.company_id AND NOT co.is_deleted;
-- granted to application_user, bitcorp_owner, reporting_user

VIEW category_specification_fields -- owner bitcorp_owner, security_invoker=true
 SELECT DISTINCT ON (own.company_id, own.id, (f.field ->> 'key'::text)) own.company_id,
    own.id AS category_id,
    f.field ->> 'key'::text AS key,
    f.field,
    nlevel(above.path) AS depth,
    f."position"::integer AS "position"
   FROM equipment_categories own
     JOIN equipment_categories above ON above.company_id = own.company_id AND (above.id = ANY (string_to_array(own.path::text, '.'::text)::uuid[])) AND above.specification_template <> '[]'::jsonb
     CROSS JOIN LATERAL jsonb_array_elements(above.specification_template) WITH ORDINALITY f(field, "position")
  ORDER BY own.company_id, own.id, (f.field ->> 'key'::text), (nlevel(above.path)) DESC;
-- granted to application_user, record_keeper, reporting_user

VIEW equipment_utilization_monthly -- owner bitcorp_owner, security_invoker=true
 SELECT equipment_id,
    equipment_name,
    month,
    assignment_count::integer AS assignment_count,
    round(assigned / '3600000000'::bigint::numeric / NULLIF(assignment_count, 0)::numeric, 6) AS avg_hours_assigned,
    round(assigned / '3600000000'::bigint::numeric, 6) AS total_hours_assigned,
    round(available / '3600000000'::bigint::numeric, 6) AS available_hours,
    round(assigned / NULLIF(available, 0::numeric), 6) AS utilization,
    company_id,
    category_id
   FROM ( SELECT e.company_id,
            e.id AS equipment_id,
            e.name AS equipment_name,
            e.category_id,
            g.month::date AS month,
            COALESCE(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0::bigint) + COALESCE(u.assignments_begun, 0) AS assignment_count,
            GREATEST(0::bigint, COALESCE(sum(u.assignments_begun - u.assignments_ended) OVER earlier, 0::bigint) * f.span + COALESCE(u.assigned_rest, 0::bigint) - COALESCE(u.assignments_begun - u.assignments_ended, 0) * f.still)::numeric AS assigned,
            GREATEST(0::bigint, COALESCE(sum(u.fleet_entered - u.fleet_left) OVER earlier, 0::bigint) * f.span + COALESCE(u.fleet_rest, 0::bigint) - COALESCE(u.fleet_entered - u.fleet_left, 0) * f.still)::numeric AS available
           FROM equipment e
             JOIN companies co ON co.id = e.company_id
             CROSS JOIN LATERAL ( SELECT COALESCE(co.settings ->> 'time_zone'::text, 'UTC'::text) AS zone) z
             CROSS JOIN LATERAL generate_series(LEAST(get_month_of(e.created_at, z.zone), ( SELECT min(b.month) AS min
                   FROM equipment_usage_months b
                  WHERE b.company_id = e.company_id AND b.equipment_id = e.id))::timestamp without time zone, get_month_of(
                CASE
                    WHEN e.is_deleted THEN e.deleted_at
                    ELSE statement_timestamp()
                END, z.zone)::timestamp without time zone, '1 mon'::interval) g(month)
             CROSS JOIN LATERAL ( SELECT (g.month AT TIME ZONE z.zone) AS begins_at,
                    ((g.month + '1 mon'::interval) AT TIME ZONE z.zone) AS ends_at) m
             CROSS JOIN LATERAL ( SELECT count_microseconds(m.begins_at, LEAST(m.ends_at, statement_timestamp())) AS span,
                    count_microseconds(LEAST(m.ends_at, statement_timestamp()), m.ends_at) AS still) f
             LEFT JOIN equipment_usage_months u ON u.company_id = e.company_id AND u.equipment_id = e.id AND u.month = g.month::date
          WINDOW earlier AS (PARTITION BY e.company_id, e.id ORDER BY g.month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) t;
-- granted to application_user, reporting_user

VIEW index_usage_stats -- owner bitcorp_owner, security_invoker=true
 SELECT s.schemaname,
    s.relname AS tablename,
    s.indexrelname AS indexname,
    s.idx_scan,
    s.idx_tup_read,
    s.idx_tup_fetch,
    i.indisunique OR (EXISTS ( SELECT
           FROM pg_constraint k
          WHERE k.conindid = s.indexrelid)) AS is_rule,
    i.indisvalid AS is_valid,
    pg_relation_size(s.indexrelid::regclass) AS index_bytes
   FROM pg_stat_user_indexes s
     JOIN pg_index i ON i.indexrelid = s.indexrelid
  ORDER BY s.idx_scan, s.indexrelname;
-- granted to monitoring_user

VIEW slow_queries -- owner bitcorp_owner, security_invoker=true
 SELECT query,
    calls,
    total_time,
    mean_time,
    stddev_time,
    rows,
    100.0 * shared_blks_hit::numeric / NULLIF(shared_blks_hit + shared_blks_read, 0)::numeric AS hit_percent
   FROM list_statements() s(query, calls, total_time, mean_time, stddev_time, max_time, rows, shared_blks_hit, shared_blks_read)
  WHERE mean_time > 100::double precision
  ORDER BY mean_time DESC;
-- granted to monitoring_user

VIEW table_usage_stats -- owner bitcorp_owner, security_invoker=true
 SELECT s.schemaname,
    s.relname AS tablename,
    s.seq_scan,
    s.seq_tup_read,
    s.idx_scan,
    s.idx_tup_fetch,
    s.n_tup_ins,
    s.n_tup_upd,
    s.n_tup_del,
    s.n_live_tup,
    s.n_dead_tup,
    round(100.0 * s.idx_scan::numeric / NULLIF(s.seq_scan + s.idx_scan, 0)::numeric, 2) AS index_usage_percent,
    round(100.0 * (i.heap_blks_hit + COALESCE(i.idx_blks_hit, 0::bigint))::numeric / NULLIF(i.heap_blks_hit + i.heap_blks_read + COALESCE(i.idx_blks_hit + i.idx_blks_read, 0::bigint), 0)::numeric, 2) AS cache_hit_percent,
    pg_total_relation_size(s.relid::regclass) AS total_bytes,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS last_vacuum_at,
    GREATEST(s.last_analyze, s.last_autoanalyze) AS last_analyze_at
   FROM pg_stat_user_tables s
     JOIN pg_statio_user_tables i ON i.relid = s.relid
  ORDER BY s.seq_scan DESC;
-- granted to monitoring_user

CREATE OR REPLACE FUNCTION public.accept_assignment(p_assignment_id uuid)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NULL OR v_row.returned_at IS NOT NULL OR v_row.accepted_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_nothing_to_accept', MESSAGE = 'not out, or accepted before';
  END IF;
  RETURN QUERY
    UPDATE equipment_assignments a SET accepted_at = clock_timestamp() WHERE a.company_id = v_row.company_id AND a.id = v_row.id RETURNING *;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.add_equipment_usage(p_company_id uuid, p_equipment_id uuid, p_is_fleet boolean, p_old_from timestamp with time zone, p_old_to timestamp with time zone, p_new_from timestamp with time zone, p_new_to timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_zone text;
  v_old_to timestamptz := CASE WHEN p_old_from IS NOT NULL THEN p_old_to END;
  v_new_to timestamptz := CASE WHEN p_new_from IS NOT NULL THEN p_new_to END;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('usage of ' || p_company_id, 0));
  SELECT coalesce(co.settings ->> 'time_zone', 'UTC') INTO v_zone FROM companies co WHERE co.id = p_company_id;
  IF p_old_from IS DISTINCT FROM p_new_from THEN
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, -1, false, p_old_from, get_month_of(p_old_from, v_zone), v_zone);
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, 1, false, p_new_from, get_month_of(p_new_from, v_zone), v_zone);
  END IF;
  -- Which month an end is in leans on the beginning too.
  IF v_old_to IS DISTINCT FROM v_new_to OR p_old_from IS DISTINCT FROM p_new_from THEN
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, -1, true, v_old_to, get_usage_end_month(p_old_from, v_old_to, v_zone), v_zone);
    PERFORM add_usage_mark(p_company_id, p_equipment_id, p_is_fleet, 1, true, v_new_to, get_usage_end_month(p_new_from, v_new_to, v_zone), v_zone);
  END IF;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.add_maintenance_file(p_maintenance_id uuid, p_name text, p_content bytea)
 RETURNS SETOF maintenance_files
 LANGUAGE plpgsql
 SECURITY DEFINER ROWS 1
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller := (SELECT c FROM caller c);
  v_kind text := find_file_kind(p_content);
  v_record maintenance_records;
  v_file maintenance_files;
BEGIN
  SELECT * INTO v_record FROM maintenance_records r WHERE r.company_id = v_caller.company_id AND r.id = p_maintenance_id AND NOT r.is_deleted;
  IF v_record.id IS NULL THEN
    RETURN;
  ELSIF v_caller.role NOT IN ('admin', 'manager') AND NOT (v_caller.role = 'operator' AND v_record.created_by = v_caller.user_id
      AND v_record.status IN ('scheduled', 'in_progress')) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not a record this person adds files to';
  ELSIF v_kind IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_kind_known', MESSAGE = 'neither a photo nor a PDF';
  END IF;
  INSERT INTO maintenance_files (company_id, maintenance_id, equipment_id, name, kind, size_bytes, content_hash)
  VALUES (v_record.company_id, v_record.id, v_record.equipment_id,
    CASE WHEN p_name ~* CASE v_kind WHEN 'jpeg' THEN '\.jpe?g$' WHEN 'heic' THEN '\.hei[cf]$' ELSE '\.' || v_kind || '$' END THEN p_name
      ELSE left(p_name, 195) || '.' || CASE v_kind WHEN 'jpeg' THEN 'jpg' ELSE v_kind END END,
    v_kind, octet_length(p_content), encode(sha256(p_content), 'hex'))
  RETURNING * INTO v_file;
  INSERT INTO maintenance_file_contents (company_id, file_id, content) VALUES (v_file.company_id, v_file.id, p_content);
  RETURN NEXT v_file;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.add_person(p_email text, p_display_name text, p_role text, p_password_hash text, p_language text, p_begins_at timestamp with time zone, p_ends_at timestamp with time zone)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller := (SELECT c FROM caller c WHERE c.role = 'admin');
  v_user_id uuid;
  v_id uuid;
BEGIN
  IF v_caller.company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  INSERT INTO users (email, full_name, password_hash, language, password_given_at)
  VALUES (lower(p_email), p_display_name, p_password_hash, p_language, CASE WHEN p_password_hash IS NOT NULL THEN clock_timestamp() END)
  ON CONFLICT (email) DO NOTHING;
  SELECT u.id INTO v_user_id FROM users u WHERE u.email = lower(p_email);
  UPDATE user_company_roles SET ended_at = p_ends_at, anonymised_at = NULL, assigned_at = coalesce(p_begins_at, clock_timestamp()), assigned_by = v_caller.user_id,
    role = p_role, display_name = p_display_name
  WHERE company_id = v_caller.company_id AND user_id = v_user_id AND ended_at <= clock_timestamp() RETURNING id INTO v_id;
  IF v_id IS NULL THEN
    INSERT INTO user_company_roles (company_id, user_id, role, display_name, assigned_by, assigned_at, ended_at)
    VALUES (v_caller.company_id, v_user_id, p_role, p_display_name, v_caller.user_id, coalesce(p_begins_at, clock_timestamp()), p_ends_at) RETURNING id INTO v_id;
  END IF;
  RETURN v_id;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.add_usage_mark(p_company_id uuid, p_equipment_id uuid, p_is_fleet boolean, p_sign integer, p_is_end boolean, p_at timestamp with time zone, p_month date, p_zone text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_begun integer := CASE WHEN p_is_end THEN 0 ELSE p_sign END;
  v_ended integer := CASE WHEN p_is_end THEN p_sign ELSE 0 END;
  v_rest bigint := (v_begun - v_ended) * count_month_rest(p_at, p_month, p_zone);
BEGIN
  IF p_at IS NULL THEN
    RETURN;
  ELSIF p_is_fleet THEN
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_month, 0, 0, 0, v_begun, v_ended, v_rest);
    INSERT INTO equipment_usage_months AS u (company_id, equipment_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_equipment_id, p_month, 0, 0, 0, v_begun, v_ended, v_rest)
    ON CONFLICT (company_id, equipment_id, month) DO UPDATE SET
      fleet_entered = u.fleet_entered + v_begun, fleet_left = u.fleet_left + v_ended, fleet_rest = u.fleet_rest + v_rest;
  ELSE
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_month, v_begun, v_ended, v_rest, 0, 0, 0);
    INSERT INTO equipment_usage_months AS u (company_id, equipment_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    VALUES (p_company_id, p_equipment_id, p_month, v_begun, v_ended, v_rest, 0, 0, 0)
    ON CONFLICT (company_id, equipment_id, month) DO UPDATE SET
      assignments_begun = u.assignments_begun + v_begun, assignments_ended = u.assignments_ended + v_ended, assigned_rest = u.assigned_rest + v_rest;
  END IF;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.anonymise_account(p_email text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
BEGIN
  PERFORM erase_person(r.company_id, r.id, NULL) FROM user_company_roles r WHERE r.user_id = v_user_id AND r.anonymised_at IS NULL;
  IF v_user_id IS NOT NULL THEN
    PERFORM erase_account(v_user_id);
  END IF;
  RETURN v_user_id;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.anonymise_person(p_person_id uuid, p_version integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c WHERE c.role = 'admin');
BEGIN
  IF v_company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  ELSIF NOT erase_person(v_company_id, p_person_id, p_version) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.anonymous_name(p_user_id uuid, p_language text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT CASE p_language WHEN 'en' THEN 'former user ' ELSE 'exusuario ' END
    || (('x' || substr(md5(p_user_id::text), 1, 6))::bit(24)::int % 9000 + 1000)
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.assign_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamp with time zone, p_condition text, p_meter_reading numeric)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_reservation_id uuid;
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  SELECT a.id INTO v_reservation_id FROM equipment_assignments a
  WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.user_id = p_user_id
    AND a.assigned_at IS NULL AND a.cancelled_at IS NULL AND a.reserved_from <= clock_timestamp() AND a.reserved_until > clock_timestamp();
  IF v_reservation_id IS NOT NULL THEN
    RETURN QUERY SELECT * FROM pick_up_reservation(v_reservation_id, p_notes, p_due_at, p_condition, p_meter_reading);
    RETURN;
  END IF;
  PERFORM check_equipment_free(p_equipment_id, clock_timestamp(), p_due_at, NULL);
  RETURN QUERY
    INSERT INTO equipment_assignments (company_id, equipment_id, user_id, notes, due_at, condition, meter_reading)
    SELECT c.company_id, p_equipment_id, p_user_id, p_notes, p_due_at, p_condition, p_meter_reading FROM caller c
    RETURNING *;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.begin_own_check()
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT take_try(ARRAY['caller'], ARRAY[hash_key(a.user_id::text)], clock_timestamp()) FROM caller_account a WHERE a.scopes IS NULL
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.begin_request(p_credential text, p_company_id uuid, p_metadata text, p_roles text[])
 RETURNS TABLE(user_id uuid, role text)
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_found caller_found := identify_caller(p_credential, p_company_id);
  v_set text := set_config('app.request_metadata', coalesce(p_metadata, '{}'), true) || set_config('app.reason', '', true);
BEGIN
  -- Reads nothing. Policies use this view: held from the beginning, as an upgrade takes its locks, neither stands in the other's way.
  PERFORM FROM caller LIMIT 0;
  IF v_found.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  ELSIF p_company_id IS NULL THEN
    IF 'installation' = ANY (p_roles) AND NOT EXISTS (SELECT FROM installation_admins i WHERE i.user_id = v_found.user_id) THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'installation_required';
    ELSIF 'installation' = ANY (p_roles) AND v_found.has_given_password THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'choose a password first', HINT = 'password_change_needed';
    ELSIF 'installation' = ANY (p_roles) AND EXISTS (SELECT FROM caller_memberships m WHERE m.needs = 'second_factor' AND m.status = 'active') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'set up a second factor first', HINT = 'second_factor_needed';
    END IF;
  ELSIF v_found.company_id IS NULL THEN
    IF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.status <> 'active') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'company suspended', HINT = 'company_suspended';
    ELSIF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.needs = 'password') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'choose a password first', HINT = 'password_change_needed';
    ELSIF EXISTS (SELECT FROM caller_memberships m WHERE m.company_id = p_company_id AND m.needs = 'second_factor') THEN
      RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'set up a second factor first', HINT = 'second_factor_needed';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such company for this caller';
  ELSIF v_found.role <> ALL (p_roles) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = array_to_string(p_roles, ',');
  END IF;
  user_id := v_found.user_id;
  role := v_found.role;
  RETURN NEXT;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.begin_sign_in(p_email text, p_address text, p_device_hash text)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_wait integer := (SELECT take_try(k.scopes, k.keys, clock_timestamp()) FROM list_sign_in_keys(p_email, p_address, p_device_hash) k);
BEGIN
  DELETE FROM sign_in_throttles t WHERE (t.scope, t.key_hash) IN (
    SELECT o.scope, o.key_hash FROM sign_in_throttles o WHERE o.last_try_at < clock_timestamp() - interval '1 day' ORDER BY o.last_try_at LIMIT 10 FOR UPDATE SKIP LOCKED);
  RETURN v_wait;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.begin_totp(p_key_id text, p_ciphertext bytea)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  INSERT INTO totp_secrets AS s (user_id, key_id, ciphertext) VALUES (v_user_id, p_key_id, p_ciphertext)
  ON CONFLICT (user_id) DO UPDATE SET key_id = excluded.key_id, ciphertext = excluded.ciphertext, created_at = clock_timestamp() WHERE s.confirmed_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'totp_active', MESSAGE = 'a second factor is active';
  END IF;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.build_equipment_search_document(p_key integer, p_row equipment)
 RETURNS tsvector
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 WITH field(weight, is_code, value) AS (
          VALUES ('A'::text,false,normalize_search_text(((build_equipment_search_document.p_row).name)::text)), ('B'::text,false,normalize_search_text(concat_ws(' '::text, (build_equipment_search_document.p_row).manufacturer, array_to_string((build_equipment_search_document.p_row).tags, ' '::text)))), ('C'::text,false,normalize_search_text(concat_ws(' '::text, "left"((build_equipment_search_document.p_row).description, 2000), (build_equipment_search_document.p_row).location, ((build_equipment_search_document.p_row).year)::text))), ('A'::text,true,normalize_search_text(((build_equipment_search_document.p_row).serial_number)::text)), ('A'::text,true,normalize_search_text(((build_equipment_search_document.p_row).fleet_code)::text)), ('B'::text,true,normalize_search_text(((build_equipment_search_document.p_row).model)::text)), ('B'::text,true,normalize_search_text(((build_equipment_search_document.p_row).plate)::text)), ('B'::text,true,normalize_search_text(((build_equipment_search_document.p_row).manufacturer_serial_number)::text))
         ), word AS (
          SELECT f.weight,
             f.is_code,
             w.word
            FROM field f,
             LATERAL regexp_split_to_table(f.value, '[^a-z0-9]+'::text) w(word)
           WHERE ((w.word <> ''::text) AND (length(w.word) <= 100))
         UNION
          SELECT f.weight,
             true,
             regexp_replace(f.value, '[^a-z0-9]+'::text, ''::text, 'g'::text) AS regexp_replace
            FROM field f
           WHERE f.is_code
         ), lexeme AS (
          SELECT word.word AS lexeme,
             word.weight
            FROM word
         UNION ALL
          SELECT ('~'::text || s.stem),
             word.weight
            FROM word,
             LATERAL unnest((ts_lexize('spanish_stem'::regdictionary, word.word) || ts_lexize('english_stem'::regdictionary, word.word))) s(stem)
           WHERE ((NOT word.is_code) AND (word.word ~ '^[a-z]{3,}$'::text))
         UNION ALL
          SELECT "right"(word.word, n.n) AS "right",
             word.weight
            FROM word,
             LATERAL generate_series(3, LEAST((length(word.word) - 1), 16)) n(n)
           WHERE (word.is_code AND (word.word ~ '[0-9]'::text))
         ), best AS (
          SELECT lexeme.lexeme,
             min(lexeme.weight) AS weight
            FROM lexeme
           WHERE (lexeme.lexeme <> ''::text)
           GROUP BY lexeme.lexeme
          LIMIT 1000
         )
  SELECT ((COALESCE(string_agg(((((('''c'::text || build_equipment_search_document.p_key) || ':'::text) || best.lexeme) || ''':1'::text) || best.weight), ' '::text), ''::text))::tsvector || build_equipment_signs(build_equipment_search_document.p_key, build_equipment_search_document.p_row))
    FROM best;
END
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.build_equipment_signs(p_key integer, p_row equipment)
 RETURNS tsvector
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT array_to_tsvector(COALESCE(array_agg(DISTINCT ((('c'::text || build_equipment_signs.p_key) || ':'::text) || signs.sign)), '{}'::text[])) AS array_to_tsvector
    FROM ( SELECT ('#'::text || t.t) AS sign
            FROM unnest((build_equipment_signs.p_row).tags) t(t)
         UNION ALL
          SELECT ((('@'::text || s.key) || '='::text) || s.value)
            FROM jsonb_each_text((build_equipment_signs.p_row).specifications) s(key, value)
           WHERE ((s.key ~ '^[a-z][a-z0-9_]{0,49}$'::text) AND (length(s.value) <= 100))) signs;
END
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.build_imported_search(p_company_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO equipment_search_documents (company_id, equipment_id, document)
  SELECT e.company_id, e.id, build_equipment_search_document(co.search_key, e) FROM equipment e JOIN companies co ON co.id = e.company_id WHERE e.company_id = p_company_id;
  INSERT INTO equipment_search_words (company_id, word)
  SELECT DISTINCT e.company_id, w.word FROM equipment e, regexp_split_to_table(
    normalize_search_text(concat_ws(' ', e.name, e.manufacturer, e.model, array_to_string(e.tags, ' '), e.location)), '[^a-z0-9]+') AS w (word)
  WHERE e.company_id = p_company_id AND w.word ~ '[a-z]' AND length(w.word) BETWEEN 4 AND 100 ORDER BY 2
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.build_search_term(p_prefix text, p_term text)
 RETURNS tsquery
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT (string_agg(DISTINCT parts.part, ' | '::text))::tsquery AS string_agg
    FROM ( SELECT (((''''::text || build_search_term.p_prefix) || build_search_term.p_term) || ''':*'::text) AS part
         UNION ALL
          SELECT ((((''''::text || build_search_term.p_prefix) || '~'::text) || s.stem) || ''''::text)
            FROM unnest((ts_lexize('spanish_stem'::regdictionary, build_search_term.p_term) || ts_lexize('english_stem'::regdictionary, build_search_term.p_term))) s(stem)
           WHERE (build_search_term.p_term ~ '^[a-z]{3,}$'::text)) parts;
END
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.calculate_next_maintenance()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_is_given boolean := NEW.next_maintenance_date IS NOT NULL;
  v_is_served boolean := true;
  v_known_from date;
  v_from date;
  v_due date;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    v_is_given := NEW.next_maintenance_date IS DISTINCT FROM OLD.next_maintenance_date;
    v_is_served := NEW.last_maintenance_date IS DISTINCT FROM OLD.last_maintenance_date;
    v_known_from := OLD.maintenance_counted_from;
  END IF;
  NEW.maintenance_counted_from := NULL;
  IF NEW.last_maintenance_date IS NULL THEN
    RETURN NEW;
  END IF;
  IF NOT v_is_served AND v_known_from IS NOT NULL THEN
    v_from := v_known_from;
  ELSE
    SELECT r.scheduled_date INTO v_from FROM maintenance_records r
    WHERE NEW.maintenance_rule = 'fixed' AND r.company_id = NEW.company_id AND r.equipment_id = NEW.id AND r.status = 'done'
      AND r.counts_as_service AND r.completed_date = NEW.last_maintenance_date
    ORDER BY r.completed_at DESC LIMIT 1;
    v_from := coalesce(v_from, NEW.last_maintenance_date);
  END IF;
  -- Who changes an interval at this moment is waited for: its change reaches this machine now, or finds it afterwards.
  PERFORM FROM equipment_categories own JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[])
  WHERE own.company_id = NEW.company_id AND own.id = NEW.category_id FOR SHARE OF k;
  v_due := get_next_maintenance_day(v_from, NEW.last_maintenance_date,
    find_maintenance_interval(NEW.company_id, NEW.category_id, NEW.maintenance_interval_days));
  IF v_is_given THEN
    NEW.maintenance_counted_from := CASE WHEN NEW.next_maintenance_date = v_due THEN v_from END;
  ELSIF v_due IS NULL THEN
    NEW.maintenance_counted_from := CASE WHEN NOT v_is_served THEN v_known_from END;
  ELSIF v_is_served OR v_known_from IS NOT NULL OR NEW.next_maintenance_date IS NULL THEN
    NEW.next_maintenance_date := v_due;
    NEW.maintenance_counted_from := v_from;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.cancel_maintenance(p_id uuid, p_version integer, p_reason text, p_back_to_active boolean)
 RETURNS SETOF maintenance_records
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE maintenance_records r SET status = 'cancelled', cancel_reason = p_reason, version = coalesce(p_version, r.version)
    WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.*;
  UPDATE equipment e SET status = 'active'
  WHERE p_back_to_active AND e.company_id = v_record.company_id AND e.id = v_record.equipment_id AND e.status = 'maintenance' AND NOT e.is_deleted;
  PERFORM set_config('app.reason', '', true);
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.cancel_reservation(p_assignment_id uuid, p_reason text)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NOT NULL OR v_row.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_reserved', MESSAGE = 'picked up or cancelled before';
  END IF;
  PERFORM set_config('app.reason', p_reason, true);
  RETURN QUERY
    UPDATE equipment_assignments a SET cancelled_at = clock_timestamp(), cancel_reason = p_reason
    WHERE a.company_id = v_row.company_id AND a.id = v_row.id
    RETURNING *;
  PERFORM set_config('app.reason', '', true);
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.chain_audit_logs(p_limit integer DEFAULT 5000)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_limit integer := least(greatest(p_limit, 1), 10000);
  v_from xid8;
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_link record;
  v_company_id uuid;
  v_position bigint;
  v_hash text;
  v_at timestamptz;
  v_last xid8;
  v_count integer := 0;
BEGIN
  -- Most calls find nothing to chain and nothing to leave behind: they take no lock and write nothing.
  SELECT p.chained_to INTO v_from FROM audit_chain_progress p;
  IF v_from <= v_horizon AND NOT EXISTS (SELECT FROM audit_logs l WHERE l.transaction_id >= v_from
      AND (l.transaction_id < v_horizon OR NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id))) THEN
    RETURN 0;
  END IF;
  SELECT p.chained_to INTO v_from FROM audit_chain_progress p FOR UPDATE;
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());
  -- A database loaded into another server counts its transactions anew: then everything is looked at once.
  IF v_from > v_horizon THEN
    v_from := '0';
  END IF;
  v_at := clock_timestamp();
  FOR v_link IN
    SELECT n.company_id, n.row, n.tx FROM (
      SELECT l.company_id, l.id, l.transaction_id AS tx, l AS row FROM audit_logs l
      WHERE l.transaction_id >= v_from
        AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id)
      ORDER BY l.transaction_id, l.id LIMIT v_limit) n
    ORDER BY n.company_id, n.tx, n.id
  LOOP
    IF v_company_id IS DISTINCT FROM v_link.company_id THEN
      v_company_id := v_link.company_id;
      SELECT c.position, c.hash INTO v_position, v_hash FROM audit_chain c WHERE c.company_id = v_company_id ORDER BY c.position DESC LIMIT 1;
    END IF;
    v_position := coalesce(v_position, 0) + 1;
    v_hash := hash_audit_row(coalesce(v_hash, repeat('0', 64)), v_position, v_at, v_link.row);
    INSERT INTO audit_chain (company_id, position, audit_id, hash, chained_at) VALUES (v_company_id, v_position, (v_link.row).id, v_hash, v_at);
    v_last := greatest(v_last, v_link.tx);
    v_count := v_count + 1;
  END LOOP;
  UPDATE audit_chain_progress SET chained_to = CASE WHEN v_count < v_limit THEN v_horizon ELSE least(v_last, v_horizon) END;
  RETURN v_count;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner

CREATE OR REPLACE FUNCTION public.change_equipment_status(p_equipment_id uuid, p_version integer, p_status text, p_reason text)
 RETURNS SETOF equipment
 LANGUAGE plpgsql
 ROWS 1
AS $function$
BEGIN
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE equipment e SET status = p_status, version = coalesce(p_version, e.version)
    WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = p_equipment_id AND NOT e.is_deleted
    RETURNING e.*;
  PERFORM set_config('app.reason', '', true);
END
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.change_own_password(p_password_hash text, p_device_hash text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
BEGIN
  IF v_caller.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  END IF;
  UPDATE users SET password_hash = p_password_hash, password_given_at = NULL WHERE id = v_caller.user_id;
  UPDATE sessions SET ended_at = clock_timestamp() WHERE user_id = v_caller.user_id AND id <> v_caller.session_id AND ended_at IS NULL;
  UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_caller.user_id AND l.ended_at IS NULL;
  PERFORM forget_devices(v_caller.user_id);
  PERFORM remember_device(v_caller.user_id, p_device_hash) WHERE p_device_hash IS NOT NULL;
  PERFORM record_account_audit(v_caller.user_id, 'password_changed', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.check_assignment_begins(p_row equipment_assignments, p_status text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF p_status IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
  ELSIF p_row.assigned_at IS NULL AND p_row.reserved_from IS NOT NULL THEN
    IF p_status IN ('retired', 'disposed') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_machine_in_service', MESSAGE = 'the machine has left service', DETAIL = p_status;
    ELSIF p_row.reserved_from < clock_timestamp() - interval '5 minutes' OR p_row.reserved_until <= clock_timestamp() THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_reserved_ahead', MESSAGE = 'a reservation begins now or later';
    END IF;
  ELSIF p_status <> 'active' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_machine_active', MESSAGE = 'only an active machine can be handed over', DETAIL = p_status;
  END IF;
  IF NOT EXISTS (SELECT FROM user_company_roles r WHERE r.company_id = p_row.company_id AND r.user_id = p_row.user_id
                 AND NOT r.is_deleted AND (r.ended_at IS NULL OR r.ended_at > now())) THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_user', MESSAGE = 'not a member of the company';
  END IF;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.check_assignment_facts(p_old equipment_assignments, p_new equipment_assignments, p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF (p_new.equipment_id, p_new.user_id, p_new.reserved_from, p_new.reserved_until)
       IS DISTINCT FROM (p_old.equipment_id, p_old.user_id, p_old.reserved_from, p_old.reserved_until)
     OR (p_old.assigned_at IS NOT NULL AND (p_new.assigned_at, p_new.assigned_by, p_new.condition, p_new.meter_reading)
       IS DISTINCT FROM (p_old.assigned_at, p_old.assigned_by, p_old.condition, p_old.meter_reading))
     OR (p_old.returned_at IS NOT NULL AND (p_new.returned_at, p_new.returned_by, p_new.return_condition, p_new.return_meter_reading)
       IS DISTINCT FROM (p_old.returned_at, p_old.returned_by, p_old.return_condition, p_old.return_meter_reading))
     OR ((p_old.accepted_at IS NOT NULL OR p_old.returned_at IS NOT NULL) AND p_new.accepted_at IS DISTINCT FROM p_old.accepted_at)
     OR (p_old.cancelled_at IS NOT NULL AND (p_new.cancelled_at, p_new.cancel_reason, p_new.assigned_at)
       IS DISTINCT FROM (p_old.cancelled_at, p_old.cancel_reason, p_old.assigned_at))
     OR p_new.is_deleted THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_facts_fixed', MESSAGE = 'a hand-over or return that happened stays as it was';
  ELSIF p_old.assigned_at IS NULL AND p_old.reserved_until <= clock_timestamp()
     AND (p_new.assigned_at IS NOT NULL OR (p_new.cancelled_at IS NOT NULL AND p_old.cancelled_at IS NULL)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_reservation_over', MESSAGE = 'the time of the reservation has passed';
  ELSIF p_new.accepted_at IS NOT NULL AND p_old.accepted_at IS NULL AND p_user_id IS DISTINCT FROM p_new.user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_accepted_by_holder', MESSAGE = 'the holder alone accepts';
  END IF;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.check_caller_company()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF row_security_active(TG_RELID) AND current_user <> 'record_keeper'
     AND NOT EXISTS (SELECT FROM caller c WHERE c.company_id = NEW.company_id) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'not a row of the caller''s company';
  END IF;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.check_company_time_zone()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM now() AT TIME ZONE coalesce(NEW.settings ->> 'time_zone', 'UTC');
  RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'companies_time_zone_known', MESSAGE = 'unknown time zone';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.check_equipment_free(p_equipment_id uuid, p_from timestamp with time zone, p_until timestamp with time zone, p_except_id uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_row equipment_assignments;
  v_name text;
  v_zone text;
  v_constraint text := 'ea_claims_do_not_overlap';
  v_from timestamptz;
  v_until timestamptz;
BEGIN
  -- Times in the wrong order are refused by the row's own constraints.
  IF p_until <= p_from OR is_equipment_free(p_equipment_id, p_from, p_until, p_except_id) THEN
    RETURN;
  END IF;
  SELECT * INTO v_row FROM list_equipment_blockers(p_equipment_id, p_from, p_until, p_except_id) LIMIT 1;
  IF v_row.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23P01', CONSTRAINT = v_constraint, MESSAGE = 'the machine is not free';
  ELSIF v_row.assigned_at IS NOT NULL AND p_from <= clock_timestamp() THEN
    v_constraint := 'ea_one_holder_at_a_time';
  ELSIF p_until IS NULL AND v_row.reserved_from > p_from THEN
    v_constraint := 'ea_due_needed';
  END IF;
  SELECT r.display_name INTO v_name FROM user_company_roles r WHERE r.company_id = v_row.company_id AND r.user_id = v_row.user_id;
  SELECT coalesce(co.settings ->> 'time_zone', 'UTC') INTO v_zone FROM companies co WHERE co.id = v_row.company_id;
  v_from := coalesce(v_row.assigned_at, v_row.reserved_from);
  v_until := CASE WHEN v_row.assigned_at IS NULL THEN v_row.reserved_until ELSE v_row.due_at END;
  RAISE EXCEPTION USING ERRCODE = '23P01', CONSTRAINT = v_constraint, MESSAGE = 'the machine is not free', HINT = 'blocked_by',
    DETAIL = jsonb_build_object('assignment_id', v_row.id, 'user_id', v_row.user_id, 'holder_name', v_name, 'from', v_from, 'until', v_until,
      'says', concat_ws(' ', v_name || ',', to_char(v_from AT TIME ZONE v_zone, 'DD/MM/YYYY HH24:MI'), '–',
        coalesce(to_char(v_until AT TIME ZONE v_zone, 'DD/MM/YYYY HH24:MI'), '…')))::text;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.check_equipment_log(p_company_id uuid, p_equipment_id uuid, p_event_type text, p_created_at timestamp with time zone, p_reading numeric, p_is_correction boolean)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_before numeric;
  v_after record;
BEGIN
  -- Not so old that every year a clock can show gets a partition, nor further ahead than a clock goes wrong.
  IF p_created_at < clock_timestamp() - interval '731 days' OR p_created_at > clock_timestamp() + interval '1 day' THEN
    RETURN 'equipment_logs_created_at_range';
  ELSIF EXISTS (SELECT FROM equipment e WHERE e.company_id = p_company_id AND e.id = p_equipment_id AND e.is_deleted) THEN
    RETURN 'fk_equipment_logs_equipment';
  ELSIF p_reading IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM lock_equipment_meters(p_equipment_id);
  -- Mostly the reading before is a few days old: then the months long past are not looked into.
  SELECT l.reading INTO v_before FROM equipment_logs l
  WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type
    AND l.created_at <= p_created_at AND l.created_at > p_created_at - interval '20 days'
  ORDER BY l.created_at DESC, l.id DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT l.reading INTO v_before FROM equipment_logs l
    WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at <= p_created_at - interval '20 days'
    ORDER BY l.created_at DESC, l.id DESC LIMIT 1;
  END IF;
  IF v_before > p_reading AND NOT p_is_correction THEN
    RETURN 'equipment_logs_meter_backwards';
  END IF;
  SELECT l.reading, l.is_correction INTO v_after FROM equipment_logs l
  WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at > p_created_at
  ORDER BY l.created_at, l.id LIMIT 1;
  IF v_after.reading < p_reading AND NOT v_after.is_correction THEN
    RETURN 'equipment_logs_meter_backwards';
  END IF;
  RETURN NULL;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.check_equipment_specifications()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_faults jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('field', 'specifications.' || f.key, 'code', c.code, 'values',
    jsonb_build_object('label', f.field -> 'label', 'choices', left((SELECT string_agg(o, ', ') FROM jsonb_array_elements_text(f.field -> 'choices') o), 300)))
    ORDER BY f.depth, f.position)
  INTO v_faults
  FROM category_specification_fields f CROSS JOIN LATERAL (SELECT find_specification_fault(NEW.specifications -> f.key, f.field) AS code) c
  WHERE f.company_id = NEW.company_id AND f.category_id = NEW.category_id AND c.code IS NOT NULL;
  IF v_faults IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_specifications_template', MESSAGE = 'the specifications do not fit the category', DETAIL = v_faults::text;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.check_no_reservations()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  IF EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id
             AND a.assigned_at IS NULL AND a.cancelled_at IS NULL AND a.reserved_until > clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_leaves_while_reserved', MESSAGE = 'the machine is reserved';
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.choose_maintenance_digest(p_is_wanted boolean)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE user_company_roles r SET wants_maintenance_digest = p_is_wanted FROM caller c
  WHERE r.company_id = c.company_id AND r.user_id = c.user_id RETURNING r.wants_maintenance_digest
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.claim_maintenance_digests(p_company_id uuid, p_is_asked boolean, p_limit integer)
 RETURNS TABLE(company_id uuid, company_name text, day date, user_id uuid, email text, language text)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  WITH here AS (
    SELECT co.id, co.name, l.now_there::date AS day, extract(hour FROM l.now_there) AS hour,
      CASE WHEN co.settings ? 'maintenance_digest_hour' THEN (co.settings ->> 'maintenance_digest_hour')::integer ELSE 7 END AS wanted_hour,
      NOT co.settings ? 'working_days' OR co.settings -> 'working_days' @> to_jsonb(extract(isodow FROM l.now_there)::integer) AS is_working_day
    FROM companies co, LATERAL (SELECT clock_timestamp() AT TIME ZONE coalesce(co.settings ->> 'time_zone', 'UTC') AS now_there) l
    WHERE co.status = 'active' AND NOT co.is_deleted AND (p_company_id IS NULL OR co.id = p_company_id)
  ), due AS (
    SELECT h.id, h.name, h.day FROM here h
    WHERE (p_is_asked OR h.hour >= h.wanted_hour AND h.is_working_day) AND EXISTS (SELECT FROM equipment e WHERE e.company_id = h.id AND NOT e.is_deleted
      AND e.next_maintenance_date IS NOT NULL AND e.next_maintenance_date <= h.day + 30 AND e.status IN ('active', 'maintenance'))
  ), wanted AS (
    SELECT d.id, d.name, d.day, r.user_id, u.email, u.language FROM due d
    JOIN user_company_roles r ON r.company_id = d.id AND r.role IN ('admin', 'manager') AND r.wants_maintenance_digest
      AND r.assigned_at <= now() AND (r.ended_at IS NULL OR r.ended_at > now()) AND NOT r.is_deleted
    JOIN users u ON u.id = r.user_id AND u.status = 'active' AND u.email IS NOT NULL
    WHERE NOT EXISTS (SELECT FROM maintenance_digest_mails m WHERE m.company_id = d.id AND m.user_id = r.user_id AND m.day = d.day
      AND (m.failed_at IS NULL OR m.attempts >= 5 OR m.failed_at > clock_timestamp() - interval '10 minutes'))
    ORDER BY d.id, r.user_id LIMIT p_limit
  ), old AS (
    DELETE FROM maintenance_digest_mails m USING wanted w WHERE m.company_id = w.id AND m.user_id = w.user_id AND m.day < w.day - 90
  ), claimed AS (
    INSERT INTO maintenance_digest_mails AS m (company_id, user_id, day) SELECT w.id, w.user_id, w.day FROM wanted w
    ON CONFLICT ON CONSTRAINT maintenance_digest_mails_pkey DO UPDATE
      SET claimed_at = clock_timestamp(), attempts = m.attempts + 1, failed_at = NULL, problem = NULL
      WHERE m.failed_at IS NOT NULL
    RETURNING m.company_id, m.user_id, m.day
  )
  SELECT w.id, w.name, w.day, w.user_id, w.email, w.language
  FROM wanted w JOIN claimed c ON c.company_id = w.id AND c.user_id = w.user_id AND c.day = w.day ORDER BY w.id, w.user_id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.claim_webhook_delivery(p_seconds integer)
 RETURNS TABLE(claim uuid, url text, message_id text, sent_at bigint, body text, signature text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  v_mark text := (SELECT e.server_mark FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1);
  v_hook record;
  v_event record;
BEGIN
  FOR v_hook IN
    SELECT p.company_id, p.webhook_id, p.transaction_id, p.sequence, p.server_mark, w.url, w.event_types
    FROM webhook_progress p JOIN webhooks w ON w.company_id = p.company_id AND w.id = p.webhook_id AND w.is_active AND NOT w.is_deleted
    JOIN companies co ON co.id = p.company_id AND co.status = 'active' AND NOT co.is_deleted
    WHERE p.next_attempt_at <= clock_timestamp() AND (p.claimed_until IS NULL OR p.claimed_until <= clock_timestamp())
    ORDER BY p.next_attempt_at FOR UPDATE OF p SKIP LOCKED
  LOOP
    -- A copy of the database on another server does not speak to the receivers of the original by itself.
    IF v_hook.server_mark IS DISTINCT FROM v_mark THEN
      PERFORM disable_webhook(v_hook.company_id, v_hook.webhook_id, 'moved');
      CONTINUE;
    END IF;
    FOR v_event IN
      SELECT v.*, v.transaction_id || '-' || v.sequence || '-' || right(v.id::text, 12) AS position
      FROM list_feed_spans(v_hook.transaction_id, v_hook.sequence) s CROSS JOIN LATERAL (
        SELECT * FROM domain_events d
        WHERE d.company_id = v_hook.company_id AND d.transaction_id < s.before
          AND (d.transaction_id, d.sequence) > (s.from_transaction, s.from_sequence) AND d.sequence > s.above AND d.sequence <= s.up_to
        ORDER BY d.transaction_id, d.sequence LIMIT 500) v
      ORDER BY s.place, v.transaction_id, v.sequence LIMIT 500
    LOOP
      IF v_hook.event_types = '{}' OR v_event.event_type = ANY (v_hook.event_types) THEN
        claim := gen_random_uuid();
        url := v_hook.url;
        message_id := v_event.id::text;
        sent_at := extract(epoch FROM clock_timestamp())::bigint;
        body := jsonb_build_object('type', v_event.event_type, 'timestamp', v_event.occurred_at, 'data', jsonb_build_object('position', v_event.position,
          'company_id', v_event.company_id, 'id', v_event.id, 'aggregate_id', v_event.aggregate_id, 'aggregate_type', v_event.aggregate_type, 'event_type', v_event.event_type,
          'event_version', v_event.event_version, 'event_data', v_event.event_data, 'metadata', v_event.metadata, 'occurred_at', v_event.occurred_at,
          'recorded_by', v_event.recorded_by))::text;
        signature := sign_webhook_message(v_hook.company_id, v_hook.webhook_id, message_id, sent_at, body);
        UPDATE webhook_progress p SET claim = claim_webhook_delivery.claim, claimed_until = clock_timestamp() + make_interval(secs => p_seconds), claimed_event_id = v_event.id
        WHERE p.company_id = v_hook.company_id AND p.webhook_id = v_hook.webhook_id;
        RETURN NEXT;
        RETURN;
      END IF;
      -- Not for this webhook: passed by for good.
      UPDATE webhook_progress p SET transaction_id = v_event.transaction_id, sequence = v_event.sequence
      WHERE p.company_id = v_hook.company_id AND p.webhook_id = v_hook.webhook_id;
    END LOOP;
  END LOOP;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.claimed_period(p_reserved_from timestamp with time zone, p_reserved_until timestamp with time zone, p_cancelled_at timestamp with time zone, p_assigned_at timestamp with time zone, p_due_at timestamp with time zone, p_returned_at timestamp with time zone)
 RETURNS tstzrange
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (p_cancelled_at IS NOT NULL) THEN 'empty'::tstzrange WHEN (p_assigned_at IS NULL) THEN tstzrange(p_reserved_from, p_reserved_until, '[)'::text) ELSE tstzrange(p_assigned_at, LEAST(p_due_at, p_returned_at), '[)'::text) END
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.close_session()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE sessions s SET ended_at = clock_timestamp()
  WHERE s.id = (SELECT a.session_id FROM caller_account a WHERE a.scopes IS NULL) AND s.ended_at IS NULL RETURNING s.user_id INTO v_user_id;
  IF v_user_id IS NOT NULL THEN
    PERFORM record_account_audit(v_user_id, 'signed_out', nullif(current_setting('app.request_metadata', true), '')::jsonb);
  END IF;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.complete_maintenance(p_id uuid, p_version integer, p_completed_date date, p_counts_as_service boolean, p_cost numeric, p_currency text, p_technician text, p_parts text, p_notes text, p_meter_reading numeric, p_back_to_active boolean, p_next_is_given boolean, p_next_maintenance_date date)
 RETURNS SETOF maintenance_records
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
  v_machine equipment;
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  END IF;
  UPDATE maintenance_records r SET status = 'done', completed_date = p_completed_date, counts_as_service = p_counts_as_service,
    cost = coalesce(p_cost, r.cost), currency = CASE WHEN p_cost IS NULL THEN r.currency ELSE coalesce(p_currency, r.currency) END,
    technician = coalesce(p_technician, r.technician), parts = coalesce(p_parts, r.parts), notes = coalesce(p_notes, r.notes),
    meter_reading = coalesce(p_meter_reading, r.meter_reading), version = coalesce(p_version, r.version)
  WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.* INTO v_record;
  SELECT * INTO v_machine FROM equipment e
  WHERE e.company_id = v_record.company_id AND e.id = v_record.equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
  IF v_record.counts_as_service AND NOT p_next_is_given AND v_machine.next_maintenance_date <= v_record.completed_date
     AND find_maintenance_interval(v_machine.company_id, v_machine.category_id, v_machine.maintenance_interval_days) IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_next_date_needed', MESSAGE = 'the next service lies before this one and no interval is known';
  END IF;
  PERFORM set_config('app.reason', coalesce(v_record.title, ''), true);
  UPDATE equipment e SET
    last_maintenance_date = CASE WHEN v_record.counts_as_service THEN greatest(e.last_maintenance_date, v_record.completed_date) ELSE e.last_maintenance_date END,
    next_maintenance_date = CASE WHEN p_next_is_given THEN p_next_maintenance_date ELSE e.next_maintenance_date END,
    status = CASE WHEN p_back_to_active AND e.status = 'maintenance' THEN 'active' ELSE e.status END
  WHERE e.company_id = v_machine.company_id AND e.id = v_machine.id RETURNING e.* INTO v_machine;
  -- A day given that was the machine's already looks like none given: said once more, it stands.
  UPDATE equipment e SET next_maintenance_date = p_next_maintenance_date
  WHERE p_next_is_given AND e.company_id = v_machine.company_id AND e.id = v_machine.id
    AND e.next_maintenance_date IS DISTINCT FROM p_next_maintenance_date;
  PERFORM set_config('app.reason', '', true);
  RETURN NEXT v_record;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.confirm_totp(p_ciphertext bytea, p_step bigint, p_hashes text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller_account := require_own_session();
BEGIN
  UPDATE totp_secrets s SET confirmed_at = clock_timestamp(), last_step = p_step
  WHERE s.user_id = v_caller.user_id AND s.confirmed_at IS NULL AND s.ciphertext = p_ciphertext;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'totp_not_begun', MESSAGE = 'nothing waits for a code';
  END IF;
  PERFORM put_recovery_codes(v_caller.user_id, p_hashes);
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_caller.user_id AND s.id <> v_caller.session_id AND s.ended_at IS NULL;
  PERFORM record_account_audit(v_caller.user_id, 'totp_enabled', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.correct_equipment_status(p_equipment_id uuid, p_version integer, p_status text, p_from timestamp with time zone, p_to timestamp with time zone, p_reason text)
 RETURNS SETOF equipment
 LANGUAGE plpgsql
 ROWS 1
AS $function$
BEGIN
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    UPDATE equipment e SET last_status_correction = jsonb_build_object('status', p_status, 'from', p_from, 'to', p_to),
      version = coalesce(p_version, e.version)
    WHERE e.company_id = (SELECT c.company_id FROM caller c) AND e.id = p_equipment_id AND NOT e.is_deleted
    RETURNING e.*;
  PERFORM set_config('app.reason', '', true);
END
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.correct_fleet_periods(p_company_id uuid, p_equipment_id uuid)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_wrong record;
  v_count integer := 0;
BEGIN
  FOR v_wrong IN
    SELECT p.entered_at, p.left_at, t.from_at, t.to_at
    FROM (SELECT * FROM equipment_fleet_periods s WHERE s.company_id = p_company_id AND s.equipment_id = p_equipment_id) p
    FULL JOIN (SELECT * FROM tell_usage_periods(p_company_id, ARRAY[p_equipment_id], 'infinity', 'infinity') u WHERE u.is_fleet) t ON t.from_at = p.entered_at
    WHERE p.entered_at IS NULL OR t.from_at IS NULL OR p.left_at IS DISTINCT FROM t.to_at
  LOOP
    DELETE FROM equipment_fleet_periods WHERE company_id = p_company_id AND equipment_id = p_equipment_id AND entered_at = v_wrong.entered_at;
    INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at, left_at)
    SELECT p_company_id, p_equipment_id, v_wrong.from_at, v_wrong.to_at WHERE v_wrong.from_at IS NOT NULL;
    PERFORM add_equipment_usage(p_company_id, p_equipment_id, true, v_wrong.entered_at, v_wrong.left_at, v_wrong.from_at, v_wrong.to_at);
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.count_microseconds(p_from timestamp with time zone, p_to timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
RETURN ((EXTRACT(epoch FROM (p_to - p_from)) * (1000000)::numeric))::bigint
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.count_month_rest(p_at timestamp with time zone, p_month date, p_zone text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
RETURN count_microseconds(p_at, get_month_begin(((p_month + '1 mon'::interval))::date, p_zone))
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.create_company(p_name text, p_settings jsonb)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO companies (name, settings)
  VALUES (p_name, '{"time_zone": "America/Lima", "currency": "PEN", "language": "es"}'::jsonb || coalesce(p_settings, '{}'))
  RETURNING id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.create_equipment_log_partition(p_month date, p_from text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_name text := 'equipment_logs_' || to_char(p_month, 'YYYY_MM');
  v_lower text := to_char(p_month, 'YYYY-MM-DD') || ' 00:00:00+00';
  v_upper text := to_char(p_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
BEGIN
  IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'public.equipment_logs'::regclass AND i.inhrelid = to_regclass('public.' || v_name)) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE public.%I (LIKE public.equipment_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', v_name);
  IF p_from IS NOT NULL THEN
    EXECUTE format('INSERT INTO public.%I SELECT * FROM public.%I WHERE created_at >= %L AND created_at < %L', v_name, p_from, v_lower, v_upper);
  END IF;
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', v_name);
  EXECUTE format('ALTER TABLE public.equipment_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', v_name, v_lower, v_upper);
  RETURN true;
END
$function$
-- owner bitcorp_owner

CREATE OR REPLACE FUNCTION public.create_equipment_log_partitions(p_months integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_month record;
  v_created integer := 0;
BEGIN
  FOR v_month IN SELECT left(m.lower_bound, 10)::date AS first_day FROM current_equipment_log_months(p_months) m LOOP
    IF create_equipment_log_partition(v_month.first_day) THEN
      v_created := v_created + 1;
    END IF;
  END LOOP;
  RETURN v_created;
END
$function$
-- owner bitcorp_owner

CREATE OR REPLACE FUNCTION public.current_equipment_log_months(p_months integer)
 RETURNS TABLE(partition_name text, lower_bound text, upper_bound text)
 LANGUAGE sql
 STABLE
AS $function$
  SELECT 'equipment_logs_' || to_char(m, 'YYYY_MM'), to_char(m, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(m + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
  FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
    date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => p_months), interval '1 month') m
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.disable_webhook(p_company_id uuid, p_webhook_id uuid, p_reason text)
 RETURNS void
 LANGUAGE sql
AS $function$
  UPDATE webhooks SET is_active = false, disabled_reason = p_reason WHERE company_id = p_company_id AND id = p_webhook_id AND is_active
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.end_own_sessions(p_session_id uuid)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
  v_count integer;
BEGIN
  UPDATE sessions s SET ended_at = clock_timestamp()
  WHERE s.user_id = v_caller.user_id AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()
    AND CASE WHEN p_session_id IS NULL THEN s.id <> v_caller.session_id ELSE s.id = p_session_id END;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN
    PERFORM record_account_audit(v_caller.user_id, 'sessions_ended', nullif(current_setting('app.request_metadata', true), '')::jsonb || jsonb_build_object('count', v_count));
  END IF;
  RETURN v_count;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.end_totp()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  IF erase_totp(v_user_id) THEN
    PERFORM record_account_audit(v_user_id, 'totp_disabled', nullif(current_setting('app.request_metadata', true), '')::jsonb);
  END IF;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.erase_account(p_user_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  UPDATE users u SET email = 'former-' || u.id || '@anonymised.invalid', full_name = anonymous_name(u.id, u.language), password_hash = NULL,
    status = 'deactivated' WHERE u.id = p_user_id;
  UPDATE sessions s SET ended_at = coalesce(s.ended_at, clock_timestamp()), ip_address = NULL, user_agent = NULL WHERE s.user_id = p_user_id;
  UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = p_user_id AND l.ended_at IS NULL;
  PERFORM forget_devices(p_user_id), erase_totp(p_user_id), erase_identities(p_user_id);
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.erase_identities(p_user_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  DELETE FROM user_identities i WHERE i.user_id = p_user_id
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.erase_person(p_company_id uuid, p_person_id uuid, p_version integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_person user_company_roles;
  v_email text;
  v_language text := (SELECT co.settings ->> 'language' FROM companies co WHERE co.id = p_company_id);
BEGIN
  SELECT r.* INTO v_person FROM user_company_roles r WHERE r.company_id = p_company_id AND r.id = p_person_id AND NOT r.is_deleted FOR UPDATE;
  IF v_person.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT u.email INTO v_email FROM users u WHERE u.id = v_person.user_id;
  UPDATE user_company_roles r SET version = coalesce(p_version, r.version), display_name = anonymous_name(r.user_id, v_language),
    assigned_at = least(r.assigned_at, clock_timestamp()), ended_at = least(r.ended_at, clock_timestamp()), anonymised_at = clock_timestamp(), tax_id_changed_at = NULL
  WHERE r.company_id = p_company_id AND r.id = p_person_id;
  DELETE FROM encrypted_tax_ids t WHERE t.company_id = p_company_id AND t.person_id = p_person_id;
  UPDATE api_tokens t SET revoked_at = clock_timestamp() WHERE t.company_id = p_company_id AND t.user_id = v_person.user_id AND t.revoked_at IS NULL;
  DELETE FROM idempotency_keys k WHERE k.company_id = p_company_id
    AND (k.user_id = v_person.user_id OR position(v_person.user_id::text IN k.response_body::text) > 0
      OR position(v_person.display_name IN k.response_body::text) > 0 OR position(v_email IN k.response_body::text) > 0);
  IF NOT EXISTS (SELECT FROM user_company_roles r WHERE r.user_id = v_person.user_id AND r.company_id <> p_company_id AND r.anonymised_at IS NULL) THEN
    PERFORM erase_account(v_person.user_id);
  END IF;
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, new_values, metadata)
  VALUES (p_company_id, 'user', p_person_id, 'anonymised', (SELECT a.user_id FROM caller_account a), '{}',
    coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb);
  RETURN true;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.erase_totp(p_user_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  DELETE FROM recovery_codes c WHERE c.user_id = p_user_id;
  DELETE FROM totp_secrets s WHERE s.user_id = p_user_id;
  RETURN FOUND;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.examine_equipment_logs()
 RETURNS TABLE(missing_months integer, stray_rows bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_covered text;
BEGIN
  SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_inherits i
    WHERE i.inhparent = 'public.equipment_logs'::regclass AND i.inhrelid = to_regclass('public.' || m.partition_name)))
  INTO missing_months FROM current_equipment_log_months(3) m WHERE m.upper_bound::timestamptz > now();
  stray_rows := 0;
  IF pg_relation_size('public.equipment_logs_default') > 0 THEN
    SELECT string_agg(format('created_at >= %L AND created_at < %L', m || '-01 00:00:00+00', to_char((m || '-01')::date + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'), ' OR ')
    INTO v_covered
    FROM (SELECT replace(right(c.relname, 7), '_', '-') AS m FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'public.equipment_logs'::regclass AND c.relname ~ '^equipment_logs_\d{4}_\d{2}$') months;
    EXECUTE format('SELECT count(*) FROM public.equipment_logs WHERE NOT (%s)', coalesce(v_covered, 'false')) INTO stray_rows;
  END IF;
  RETURN NEXT;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner, monitoring_user

CREATE OR REPLACE FUNCTION public.find_account(p_email text)
 RETURNS TABLE(user_id uuid, full_name text, language text, status text, company_names text[])
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT u.id, u.full_name, u.language, u.status, list_company_names(u.id) FROM users u WHERE u.email = lower(p_email)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.find_companies_by_tax_id(p_hashes text[])
 RETURNS TABLE(id uuid, name text, status text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT co.id, co.name, co.status FROM encrypted_tax_ids t JOIN companies co ON co.id = t.company_id
  WHERE t.person_id IS NULL AND t.lookup_hash = ANY (p_hashes) ORDER BY co.name, co.id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.find_company(p_name_or_id text)
 RETURNS TABLE(id uuid, name text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT c.id, c.name FROM companies c WHERE c.id::text = p_name_or_id OR lower(c.name) = lower(p_name_or_id) ORDER BY c.id LIMIT 1
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.find_equipment_with(p_signs text[])
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 100
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT d.equipment_id FROM equipment_search_documents d
  WHERE d.document @@ (SELECT string_agg(quote_sign(co.search_key, s), ' | ')::tsquery FROM companies co, unnest(p_signs) s WHERE co.id = (SELECT c.company_id FROM caller c))
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.find_file_kind(p_content bytea)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE STRICT
AS $function$
  SELECT CASE
    WHEN substr(p_content, 1, 3) = '\xffd8ff' THEN 'jpeg'
    WHEN substr(p_content, 1, 8) = '\x89504e470d0a1a0a' THEN 'png'
    WHEN substr(p_content, 1, 4) = 'RIFF' AND substr(p_content, 9, 4) = 'WEBP' THEN 'webp'
    WHEN substr(p_content, 5, 4) = 'ftyp' AND substr(p_content, 9, 4) IN ('heic', 'heix', 'heim', 'heis', 'hevc', 'mif1') THEN 'heic'
    WHEN substr(p_content, 1, 5) = '%PDF-' THEN 'pdf'
  END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.find_identity(p_issuer text, p_subject text, p_email text, p_email_verified boolean)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid;
  v_status text;
BEGIN
  UPDATE user_identities i SET last_used_at = clock_timestamp() WHERE i.issuer = p_issuer AND i.subject = p_subject RETURNING i.user_id INTO v_user_id;
  IF v_user_id IS NULL AND p_email_verified THEN
    SELECT u.id INTO v_user_id FROM users u WHERE u.email = lower(p_email) AND u.status = 'active';
    IF v_user_id IS NOT NULL THEN
      INSERT INTO user_identities (user_id, issuer, subject) VALUES (v_user_id, p_issuer, p_subject) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        PERFORM record_account_audit(v_user_id, 'identity_linked', '{"source": "single_sign_on"}');
      ELSIF NOT EXISTS (SELECT FROM user_identities i WHERE i.issuer = p_issuer AND i.subject = p_subject AND i.user_id = v_user_id) THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'sso_other_person', MESSAGE = 'the address belongs to another person of the provider';
      END IF;
    END IF;
  END IF;
  SELECT u.status INTO v_status FROM users u WHERE u.id = v_user_id;
  RETURN CASE WHEN v_status = 'active' THEN v_user_id END;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.find_maintenance_interval(p_company_id uuid, p_category_id uuid, p_own_days integer)
 RETURNS integer
 LANGUAGE sql
 STABLE
AS $function$
  SELECT coalesce(p_own_days, (
    SELECT k.maintenance_interval_days FROM equipment_categories own
    JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[]) AND k.maintenance_interval_days IS NOT NULL
    WHERE own.company_id = p_company_id AND own.id = p_category_id ORDER BY nlevel(k.path) DESC LIMIT 1))
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.find_password_link(p_token_hash text)
 RETURNS TABLE(email text, full_name text, is_new boolean, company_names text[])
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT u.email, u.full_name, u.password_hash IS NULL, list_company_names(u.id) FROM password_links l JOIN users u ON u.id = l.user_id AND u.status = 'active'
  WHERE l.token_hash = p_token_hash AND l.ended_at IS NULL AND l.expires_at > clock_timestamp()
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.find_pending_totp()
 RETURNS TABLE(user_id uuid, key_id text, ciphertext bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT s.user_id, s.key_id, s.ciphertext FROM caller_account a JOIN totp_secrets s ON s.user_id = a.user_id
  WHERE a.scopes IS NULL AND s.confirmed_at IS NULL AND s.created_at > clock_timestamp() - interval '1 hour'
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.find_sign_in(p_email text)
 RETURNS TABLE(user_id uuid, password_hash text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT u.id, CASE WHEN u.password_given_at IS NULL OR u.password_given_at > now() - interval '7 days' THEN u.password_hash END
  FROM users u WHERE u.email = lower(p_email) AND u.status = 'active' AND NOT u.is_deleted
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.find_specification_fault(p_value jsonb, p_field jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN ((p_value IS NULL) OR (p_value = 'null'::jsonb) OR ((jsonb_typeof(p_value) = 'string'::text) AND (NOT is_not_blank((p_value #>> '{}'::text[]))))) THEN CASE WHEN ((p_field -> 'required'::text) = 'true'::jsonb) THEN 'specification_required'::text ELSE NULL::text END WHEN ((p_field ->> 'type'::text) = 'text'::text) THEN CASE WHEN (jsonb_typeof(p_value) <> 'string'::text) THEN 'specification_text'::text ELSE NULL::text END WHEN ((p_field ->> 'type'::text) = 'number'::text) THEN CASE WHEN (jsonb_typeof(p_value) <> 'number'::text) THEN 'specification_number'::text ELSE NULL::text END WHEN ((p_field ->> 'type'::text) = 'boolean'::text) THEN CASE WHEN (jsonb_typeof(p_value) <> 'boolean'::text) THEN 'specification_boolean'::text ELSE NULL::text END WHEN ((p_field ->> 'type'::text) = 'choice'::text) THEN CASE WHEN ((jsonb_typeof(p_value) <> 'string'::text) OR (NOT ((p_field -> 'choices'::text) ? (p_value #>> '{}'::text[])))) THEN 'specification_choice'::text ELSE NULL::text END WHEN ((jsonb_typeof(p_value) <> 'string'::text) OR ((p_value #>> '{}'::text[]) !~ '^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'::text)) THEN 'specification_date'::text WHEN ((("right"((p_value #>> '{}'::text[]), 2))::integer)::numeric > EXTRACT(day FROM (make_date(("left"((p_value #>> '{}'::text[]), 4))::integer, (substr((p_value #>> '{}'::text[]), 6, 2))::integer, 1) + '1 mon -1 days'::interval))) THEN 'specification_date'::text ELSE NULL::text END
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.find_totp(p_user_id uuid)
 RETURNS TABLE(key_id text, ciphertext bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT s.key_id, s.ciphertext FROM totp_secrets s WHERE s.user_id = p_user_id AND s.confirmed_at IS NOT NULL
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.finish_maintenance_digest(p_company_id uuid, p_user_id uuid, p_day date, p_problem text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE maintenance_digest_mails m SET problem = left(p_problem, 500),
    sent_at = CASE WHEN p_problem IS NULL THEN clock_timestamp() END, failed_at = CASE WHEN p_problem IS NOT NULL THEN clock_timestamp() END
  WHERE m.company_id = p_company_id AND m.user_id = p_user_id AND m.day = p_day
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.finish_webhook_delivery(p_claim uuid, p_delivered boolean, p_code integer, p_text text, p_error text, p_ms integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_progress webhook_progress;
  v_event domain_events;
  v_last boolean;
  v_next timestamptz;
BEGIN
  SELECT p.* INTO v_progress FROM webhook_progress p WHERE p.claim = p_claim FOR UPDATE;
  IF v_progress.claim IS NULL THEN
    RETURN false;
  END IF;
  SELECT v.* INTO v_event FROM domain_events v WHERE v.company_id = v_progress.company_id AND v.id = v_progress.claimed_event_id;
  v_last := NOT p_delivered AND (p_code = 410 OR v_progress.failures + 1 >= 13) IS TRUE;
  IF NOT p_delivered AND NOT v_last THEN
    v_next := clock_timestamp() + make_interval(secs => least(5 * 3 ^ v_progress.failures, 21600) * (0.8 + 0.4 * random()));
  END IF;
  INSERT INTO webhook_deliveries (company_id, webhook_id, event_id, event_type, position, attempt, status, response_code, response_text, error, duration_ms, next_attempt_at)
  VALUES (v_progress.company_id, v_progress.webhook_id, v_event.id, v_event.event_type,
    v_event.transaction_id || '-' || v_event.sequence || '-' || right(v_event.id::text, 12), v_progress.failures + 1,
    CASE WHEN p_delivered THEN 'delivered' ELSE 'failed' END, p_code, left(p_text, 500), left(p_error, 50), p_ms, v_next);
  UPDATE webhook_progress SET claim = NULL, claimed_until = NULL, claimed_event_id = NULL,
    transaction_id = CASE WHEN p_delivered THEN v_event.transaction_id ELSE transaction_id END,
    sequence = CASE WHEN p_delivered THEN v_event.sequence ELSE sequence END,
    failures = CASE WHEN p_delivered THEN 0 ELSE failures + 1 END,
    next_attempt_at = coalesce(v_next, clock_timestamp()),
    last_delivered_at = CASE WHEN p_delivered THEN clock_timestamp() ELSE last_delivered_at END
  WHERE company_id = v_progress.company_id AND webhook_id = v_progress.webhook_id;
  IF v_last THEN
    PERFORM disable_webhook(v_progress.company_id, v_progress.webhook_id, CASE WHEN p_code = 410 THEN 'gone' ELSE 'failed' END);
  END IF;
  RETURN true;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.forget_devices(p_user_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  DELETE FROM known_devices d WHERE d.user_id = p_user_id
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.generate_uuid_v7()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
RETURN ((substr(OVERLAY(to_hex(('1152921504606846976'::bigint + (floor((EXTRACT(epoch FROM clock_timestamp()) * (4096000)::numeric)))::bigint)) PLACING '7'::text FROM 14 FOR 0), 2) || substr((gen_random_uuid())::text, 20)))::uuid
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_assignment_at(p_row equipment_assignments, p_as_of timestamp with time zone, p_known_at timestamp with time zone)
 RETURNS SETOF equipment_assignments
 LANGUAGE sql
 STABLE ROWS 1
AS $function$
  SELECT r.* FROM (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) FILTER (WHERE v.occurred_at > p_known_at) AS unknown,
      fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) FILTER (WHERE v.occurred_at > greatest(least(p_as_of, p_known_at), p_row.created_at)) AS later
    FROM domain_events v
    WHERE v.company_id = p_row.company_id AND v.aggregate_id = p_row.id AND v.occurred_at > least(p_as_of, p_known_at)) undone
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.unknown, '{}')) known
  CROSS JOIN LATERAL (SELECT jsonb_object_agg(f.key, CASE WHEN f.key LIKE 'assigned%' OR known.returned_at <= p_as_of THEN f.value ELSE 'null' END) AS fields
    FROM jsonb_each(to_jsonb(known)) f WHERE f.key LIKE 'assigned%' OR f.key LIKE 'return%') times
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.later, '{}') || times.fields) r
  WHERE p_row.created_at <= p_known_at AND known.assigned_at <= p_as_of AND NOT known.is_deleted
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_assignment_to_change(p_assignment_id uuid)
 RETURNS equipment_assignments
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_row equipment_assignments;
BEGIN
  SELECT * INTO v_row FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.id = p_assignment_id;
  IF v_row.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such hand-over or reservation';
  ELSIF NOT EXISTS (SELECT FROM caller c WHERE c.role IN ('admin', 'manager') OR (c.role = 'operator' AND c.user_id = v_row.user_id)) THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'another person''s';
  END IF;
  PERFORM lock_equipment(v_row.equipment_id);
  SELECT * INTO v_row FROM equipment_assignments a WHERE a.company_id = v_row.company_id AND a.id = p_assignment_id;
  RETURN v_row;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.get_audit_chain_state()
 RETURNS TABLE(company_id uuid, name text, "position" bigint, hash text, chained_at timestamp with time zone, waiting integer, chained_to xid8)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 1
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT co.id, co.name, h.position, h.hash, h.chained_at,
    (SELECT count(*) FROM (SELECT FROM audit_logs l WHERE l.transaction_id >= p.chained_to AND l.company_id = co.id
      AND NOT EXISTS (SELECT FROM audit_chain k WHERE k.company_id = l.company_id AND k.audit_id = l.id) LIMIT 10001) w)::integer, p.chained_to
  FROM caller c JOIN companies co ON co.id = c.company_id CROSS JOIN audit_chain_progress p
  LEFT JOIN LATERAL (SELECT k.position, k.hash, k.chained_at FROM audit_chain k WHERE k.company_id = co.id ORDER BY k.position DESC LIMIT 1) h ON true
  WHERE c.role = 'admin'
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.get_book_value(p_price numeric, p_salvage numeric, p_rate numeric, p_from date, p_at date)
 RETURNS numeric
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
DECLARE
  v_years integer := extract(year FROM p_at)::integer - extract(year FROM p_from)::integer;
  v_last_day date := p_from + make_interval(years => v_years);
  v_next_day date;
BEGIN
  IF p_at < p_from THEN
    RETURN NULL;
  END IF;
  IF v_last_day > p_at THEN
    v_years := v_years - 1;
    v_last_day := p_from + make_interval(years => v_years);
  END IF;
  v_next_day := p_from + make_interval(years => v_years + 1);
  RETURN round(greatest(p_salvage, p_price - p_price * p_rate * (v_years * (v_next_day - v_last_day) + (p_at - v_last_day)) / (v_next_day - v_last_day)), 2);
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_categories_at(p_at timestamp with time zone)
 RETURNS SETOF equipment_categories
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT r.* FROM equipment_categories k
  CROSS JOIN LATERAL (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) AS fields FROM domain_events v
    WHERE v.company_id = k.company_id AND v.aggregate_id = k.id AND v.occurred_at > p_at) undone
  CROSS JOIN LATERAL jsonb_populate_record(k, coalesce(undone.fields, '{}')) r
  WHERE k.company_id = (SELECT c.company_id FROM caller c) AND k.created_at <= p_at
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_company_day(p_company_id uuid)
 RETURNS date
 LANGUAGE sql
 STABLE
AS $function$
  SELECT (clock_timestamp() AT TIME ZONE coalesce(co.settings ->> 'time_zone', 'UTC'))::date FROM companies co WHERE co.id = p_company_id
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_company_day_at(p_as_of timestamp with time zone, p_recorded_at timestamp with time zone)
 RETURNS date
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT (p_as_of AT TIME ZONE get_company_zone_at(p_recorded_at))::date
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_company_zone_at(p_recorded_at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT coalesce(coalesce((
    SELECT v.event_data -> 'old' -> 'settings' FROM domain_events v
    WHERE v.company_id = co.id AND v.aggregate_id = co.id AND v.occurred_at > p_recorded_at AND v.event_data -> 'old' ? 'settings'
    ORDER BY v.event_version LIMIT 1), co.settings) ->> 'time_zone', 'UTC')
  FROM companies co WHERE co.id = (SELECT c.company_id FROM caller c)
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_current_equipment_status(p_equipment_id uuid)
 RETURNS character varying
 LANGUAGE sql
 STABLE
AS $function$
  SELECT h.status FROM equipment_status_history h
  WHERE h.company_id = (SELECT c.company_id FROM caller c) AND h.equipment_id = p_equipment_id
    AND h.effective_from <= clock_timestamp() AND h.effective_to IS NULL AND h.superseded_at IS NULL
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_depreciation_schedule(p_price numeric, p_salvage numeric, p_rate numeric, p_from date)
 RETURNS TABLE(year integer, from_date date, to_date date, opening_value numeric, depreciation numeric, closing_value numeric)
 LANGUAGE sql
 IMMUTABLE STRICT
AS $function$
  SELECT y.year, b.from_date,
    coalesce((SELECT min(d.day)::date FROM generate_series(b.from_date::timestamp, b.next_date::timestamp - interval '1 day', interval '1 day') AS d (day)
      WHERE v.closing = p_salvage AND get_book_value(p_price, p_salvage, p_rate, p_from, d.day::date) = p_salvage), b.next_date - 1),
    v.opening, v.opening - v.closing, v.closing
  FROM generate_series(extract(year FROM p_from)::integer, extract(year FROM p_from)::integer + 199) AS y (year)
  CROSS JOIN LATERAL (SELECT greatest(p_from, make_date(y.year, 1, 1)) AS from_date, make_date(y.year + 1, 1, 1) AS next_date) b
  CROSS JOIN LATERAL (SELECT get_book_value(p_price, p_salvage, p_rate, p_from, b.from_date) AS opening, get_book_value(p_price, p_salvage, p_rate, p_from, b.next_date) AS closing) v
  WHERE v.opening > p_salvage AND p_rate > 0
  ORDER BY y.year
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_equipment_at(p_row equipment, p_as_of timestamp with time zone, p_known_at timestamp with time zone)
 RETURNS SETOF equipment
 LANGUAGE sql
 STABLE ROWS 1
AS $function$
  SELECT r.* FROM (
    SELECT fold_event_values(v.event_data -> 'old' ORDER BY v.event_version DESC) AS fields FROM domain_events v
    WHERE v.company_id = p_row.company_id AND v.aggregate_id = p_row.id AND v.occurred_at > least(p_as_of, p_known_at)) undone
  CROSS JOIN LATERAL (
    SELECT (SELECT jsonb_build_object('status', h.status) FROM equipment_status_history h
      WHERE h.company_id = p_row.company_id AND h.equipment_id = p_row.id AND h.effective_from <= p_as_of
        AND h.recorded_at <= p_known_at AND (h.superseded_at IS NULL OR h.superseded_at > p_known_at)
      ORDER BY h.effective_from DESC LIMIT 1) AS fields) period
  CROSS JOIN LATERAL jsonb_populate_record(p_row, coalesce(undone.fields, '{}') || coalesce(period.fields, '{}')) r
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_month_begin(p_month date, p_zone text)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE
RETURN ((p_month)::timestamp without time zone AT TIME ZONE p_zone)
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_month_of(p_at timestamp with time zone, p_zone text)
 RETURNS date
 LANGUAGE sql
 IMMUTABLE
RETURN (CASE WHEN ((date_trunc('month'::text, (p_at AT TIME ZONE p_zone)) AT TIME ZONE p_zone) > p_at) THEN (date_trunc('month'::text, (p_at AT TIME ZONE p_zone)) - '1 mon'::interval) ELSE date_trunc('month'::text, (p_at AT TIME ZONE p_zone)) END)::date
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_network(p_address text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_address inet := regexp_replace(split_part(p_address, '%', 1), '^::ffff:(?=[0-9.]+$)', '', 'i')::inet;
BEGIN
  RETURN CASE family(v_address) WHEN 6 THEN network(set_masklen(v_address, 64))::text ELSE host(v_address) END;
EXCEPTION WHEN OTHERS THEN
  RETURN 'unknown';
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.get_next_maintenance_day(p_from date, p_last date, p_days integer)
 RETURNS date
 LANGUAGE sql
 IMMUTABLE STRICT
AS $function$
  SELECT p_from + p_days * (greatest(0, floor((p_last - p_from)::numeric / p_days))::integer + 1)
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_own_totp()
 RETURNS TABLE(is_active boolean, active_since timestamp with time zone, recovery_codes_left integer)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT s.confirmed_at IS NOT NULL, s.confirmed_at,
    (SELECT count(*)::int FROM recovery_codes c WHERE c.user_id = s.user_id AND c.used_at IS NULL)
  FROM caller_account a LEFT JOIN totp_secrets s ON s.user_id = a.user_id
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.get_sign_in_delay(p_scope text, p_failures integer)
 RETURNS interval
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT CASE WHEN p_failures < 10 THEN interval '0'
    ELSE least(make_interval(secs => 5 * power(2, least(p_failures - 10, 20))), CASE p_scope WHEN 'address' THEN interval '1 minute' ELSE interval '15 minutes' END) END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.get_sign_in_memory(p_scope text)
 RETURNS interval
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT CASE p_scope WHEN 'address' THEN interval '1 hour' ELSE interval '1 day' END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.get_specification_fields_at(p_at timestamp with time zone)
 RETURNS TABLE(company_id uuid, category_id uuid, key text, field jsonb, depth integer, "position" integer)
 LANGUAGE sql
 STABLE
AS $function$
  WITH tree AS MATERIALIZED (SELECT * FROM get_categories_at(p_at))
  SELECT DISTINCT ON (own.id, f.field ->> 'key') own.company_id, own.id, f.field ->> 'key', f.field, nlevel(above.path), f.position::integer
  FROM tree own JOIN tree above ON above.path @> own.path
  CROSS JOIN LATERAL jsonb_array_elements(above.specification_template) WITH ORDINALITY AS f (field, position)
  ORDER BY own.id, f.field ->> 'key', nlevel(above.path) DESC
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.get_usage_end_month(p_from timestamp with time zone, p_to timestamp with time zone, p_zone text)
 RETURNS date
 LANGUAGE sql
 IMMUTABLE
RETURN GREATEST(get_month_of(p_from, p_zone), get_month_of((((p_to AT TIME ZONE 'UTC'::text) - '00:00:00.000001'::interval) AT TIME ZONE 'UTC'::text), p_zone))
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.get_usage_marks(p_from timestamp with time zone, p_to timestamp with time zone, p_zone text)
 RETURNS TABLE(month date, begun integer, ended integer, rest bigint)
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT k.month, k.begun, k.ended, (k.begun - k.ended) * count_month_rest(k.at, k.month, p_zone)
  FROM (
    SELECT get_month_of(p_from, p_zone) AS month, 1 AS begun, 0 AS ended, p_from AS at WHERE p_from IS NOT NULL
    UNION ALL
    SELECT get_usage_end_month(p_from, p_to, p_zone), 0, 1, p_to WHERE p_from IS NOT NULL AND p_to IS NOT NULL
  ) k
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.give_imported_places(p_company_id uuid, p_ids uuid[], p_known_ids uuid[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_made integer;
BEGIN
  INSERT INTO user_company_roles (company_id, user_id, role, display_name, assigned_at, ended_at)
  SELECT r.company_id, k.known_id, r.role, r.display_name, greatest(r.assigned_at, clock_timestamp()), r.ended_at
  FROM unnest(p_ids, p_known_ids) AS k (id, known_id) JOIN user_company_roles r ON r.company_id = p_company_id AND r.user_id = k.id
  WHERE r.ended_at IS NULL OR r.ended_at > greatest(r.assigned_at, clock_timestamp()) + interval '1 minute' ORDER BY r.id;
  GET DIAGNOSTICS v_made = ROW_COUNT;
  UPDATE user_company_roles r SET ended_at = greatest(r.assigned_at, clock_timestamp())
  WHERE r.company_id = p_company_id AND r.user_id = ANY (p_ids) AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = r.company_id AND a.user_id = r.user_id AND a.returned_at IS NULL AND a.cancelled_at IS NULL);
  RETURN v_made;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.give_try_back(p_scopes text[], p_keys text[], p_forget boolean)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE sign_in_throttles t SET failures = CASE WHEN p_forget AND t.scope <> 'address' THEN 0 ELSE greatest(t.failures - 1, 0) END, next_try_at = t.last_try_at
  FROM unnest(p_scopes, p_keys) k (scope, key_hash) WHERE t.scope = k.scope AND t.key_hash = k.key_hash
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.guess_search_matches(p_query tsquery)
 RETURNS real
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM equipment_search_documents d WHERE d.document @@ %L::tsquery', p_query) INTO v_plan;
  RETURN (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::real;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.has_bounded_specification_parts(p_template jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (NOT (EXISTS (SELECT 1 FROM jsonb_array_elements(CASE WHEN (jsonb_typeof(has_bounded_specification_parts.p_template) = 'array'::text) THEN has_bounded_specification_parts.p_template ELSE '[]'::jsonb END) f(value) WHERE ((jsonb_typeof(f.value) <> 'object'::text) OR ((f.value ? 'unit'::text) AND ((jsonb_typeof((f.value -> 'unit'::text)) <> 'string'::text) OR (length((f.value ->> 'unit'::text)) > 20) OR (NOT is_not_blank((f.value ->> 'unit'::text))))) OR ((f.value ? 'required'::text) AND (jsonb_typeof((f.value -> 'required'::text)) <> 'boolean'::text)) OR (EXISTS (SELECT 1 FROM jsonb_array_elements(CASE WHEN (jsonb_typeof((f.value -> 'choices'::text)) = 'array'::text) THEN (f.value -> 'choices'::text) ELSE '[]'::jsonb END) c(value) WHERE ((jsonb_typeof(c.value) <> 'string'::text) OR (length((c.value #>> '{}'::text[])) > 100) OR (NOT is_not_blank((c.value #>> '{}'::text[])))))) OR ((jsonb_typeof((f.value -> 'choices'::text)) = 'array'::text) AND (jsonb_array_length((f.value -> 'choices'::text)) <> (SELECT count(DISTINCT c.value) AS count FROM jsonb_array_elements((f.value -> 'choices'::text)) c(value))))))))
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.has_companies()
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT EXISTS (SELECT FROM companies)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.has_specification_choices(p_template jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (NOT (EXISTS (SELECT 1 FROM jsonb_array_elements(CASE WHEN (jsonb_typeof(has_specification_choices.p_template) = 'array'::text) THEN has_specification_choices.p_template ELSE '[]'::jsonb END) f(value) WHERE CASE WHEN (COALESCE((f.value ->> 'type'::text), ''::text) <> 'choice'::text) THEN (f.value ? 'choices'::text) WHEN (jsonb_typeof((f.value -> 'choices'::text)) IS DISTINCT FROM 'array'::text) THEN true ELSE ((jsonb_array_length((f.value -> 'choices'::text)) < 1) OR (jsonb_array_length((f.value -> 'choices'::text)) > 100)) END)))
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.hash_audit_row(p_previous text, p_position bigint, p_chained_at timestamp with time zone, p_row audit_logs)
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN encode(sha256(convert_to(((p_previous || ' '::text) || write_audit_row(p_position, p_chained_at, p_row)), 'UTF8'::name)), 'hex'::text)
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.hash_key(p_text text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.hmac_sha256(p_key bytea, p_data bytea)
 RETURNS bytea
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
DECLARE
  v_inner bytea := decode(repeat('36', 64), 'hex');
  v_outer bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  FOR i IN 0 .. length(p_key) - 1 LOOP
    v_inner := set_byte(v_inner, i, get_byte(v_inner, i) # get_byte(p_key, i));
    v_outer := set_byte(v_outer, i, get_byte(v_outer, i) # get_byte(p_key, i));
  END LOOP;
  RETURN sha256(v_outer || sha256(v_inner || p_data));
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.identify_caller(p_credential text, p_company_id uuid)
 RETURNS caller_found
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_found caller_found;
  v_sealed text;
BEGIN
  SELECT s.user_id, s.id, s.kind <> 'command' AND s.method IS DISTINCT FROM 'single_sign_on' INTO v_found.user_id, v_found.session_id, v_found.is_personal
  FROM sessions s
  WHERE s.token_hash = p_credential AND s.ended_at IS NULL AND s.expires_at > now() AND coalesce(s.last_seen_at, s.created_at) > now() - interval '14 days';
  IF NOT FOUND THEN
    SELECT t.user_id, t.id, t.company_id, t.scopes, false
    INTO v_found.user_id, v_found.session_id, v_found.token_company_id, v_found.scopes, v_found.is_personal
    FROM api_tokens t
    WHERE t.token_hash = p_credential AND t.revoked_at IS NULL AND NOT t.is_deleted AND t.expires_at > now();
  END IF;
  SELECT v_found.is_personal AND u.password_given_at IS NOT NULL INTO v_found.has_given_password FROM users u WHERE u.id = v_found.user_id AND u.status = 'active';
  IF NOT FOUND THEN
    PERFORM set_config('app.caller', '', true), set_config('app.current_company_id', coalesce(p_company_id::text, ''), true);
    RETURN NULL;
  END IF;
  SELECT m.company_id, coalesce(co.settings ->> 'time_zone', 'UTC'),
    CASE
      WHEN v_found.scopes IS NULL OR 'admin' = ANY (v_found.scopes) THEN m.role
      WHEN 'write' = ANY (v_found.scopes) THEN CASE m.role WHEN 'admin' THEN 'manager' ELSE m.role END
      ELSE 'viewer'
    END
  INTO v_found.company_id, v_found.time_zone, v_found.role
  FROM user_company_roles m JOIN companies co ON co.id = m.company_id AND co.status = 'active' AND NOT co.is_deleted
  WHERE m.user_id = v_found.user_id AND m.company_id = p_company_id AND (v_found.token_company_id IS NULL OR v_found.token_company_id = m.company_id)
    AND m.assigned_at <= now() AND (m.ended_at IS NULL OR m.ended_at > now()) AND NOT m.is_deleted
    AND NOT v_found.has_given_password
    AND (NOT v_found.is_personal OR co.settings ->> 'second_factor_demanded' IS DISTINCT FROM 'true'
      OR EXISTS (SELECT FROM totp_secrets f WHERE f.user_id = v_found.user_id AND f.confirmed_at IS NOT NULL));
  v_sealed := rpad(coalesce(v_found.company_id::text, ''), 36) || v_found.user_id || rpad(coalesce(v_found.role, ''), 8) || v_found.session_id || rpad(coalesce(v_found.token_company_id::text, ''), 36)
    || v_found.is_personal::int || v_found.has_given_password::int || coalesce(v_found.time_zone, 'UTC') || ' ' || coalesce(v_found.scopes::text, '');
  PERFORM set_config('app.current_company_id', coalesce(p_company_id::text, ''), true),
    set_config('app.caller', encode(sha256(k.key || sha256(k.key || convert_to(pg_backend_pid() || ' ' || extract(epoch FROM transaction_timestamp()) || v_sealed, 'UTF8'))), 'hex') || v_sealed, true)
  FROM caller_seals k;
  RETURN v_found;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner, reporting_user

CREATE OR REPLACE FUNCTION public.is_company_settings(p_settings jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN (jsonb_typeof(p_settings) <> 'object'::text) THEN false ELSE ((COALESCE((p_settings ->> 'time_zone'::text), 'UTC'::text) ~ '^[A-Za-z0-9_+/-]{1,64}$'::text) AND (COALESCE((p_settings ->> 'currency'::text), 'PEN'::text) ~ '^[A-Z]{3}$'::text) AND (COALESCE((p_settings ->> 'language'::text), 'es'::text) = ANY (ARRAY['es'::text, 'en'::text])) AND (length((p_settings)::text) <= 10000)) END
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.is_equipment_free(p_equipment_id uuid, p_from timestamp with time zone, p_until timestamp with time zone, p_except_id uuid DEFAULT NULL::uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT NOT EXISTS (
    SELECT FROM equipment_assignments a
    WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.id IS DISTINCT FROM p_except_id
      AND ((a.assigned_at IS NOT NULL AND a.returned_at IS NULL AND p_from <= clock_timestamp())
        OR claimed_period(a.reserved_from, a.reserved_until, a.cancelled_at, a.assigned_at, a.due_at, a.returned_at) && tstzrange(p_from, p_until, '[)')))
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.is_not_blank(p_text text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
BEGIN
  RETURN p_text ~ '[^\s\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.is_specification_template(p_template jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN (jsonb_typeof(p_template) <> 'array'::text) THEN false ELSE ((jsonb_array_length(p_template) <= 60) AND (NOT (EXISTS (SELECT 1 FROM jsonb_array_elements(is_specification_template.p_template) f(value) WHERE ((jsonb_typeof(f.value) <> 'object'::text) OR (COALESCE((f.value ->> 'key'::text), ''::text) !~ '^[a-z][a-z0-9_]{0,49}$'::text) OR (COALESCE((f.value ->> 'type'::text), ''::text) <> ALL (ARRAY['text'::text, 'number'::text, 'boolean'::text, 'choice'::text, 'date'::text])) OR (NOT is_not_blank(COALESCE((f.value ->> 'label'::text), ''::text))) OR (length((f.value ->> 'label'::text)) > 100) OR ((((f.value ->> 'type'::text) = 'choice'::text) <> ((jsonb_typeof((f.value -> 'choices'::text)) = 'array'::text) AND ((jsonb_array_length((f.value -> 'choices'::text)) >= 1) AND (jsonb_array_length((f.value -> 'choices'::text)) <= 100)))) IS TRUE))))) AND (jsonb_array_length(p_template) = (SELECT count(DISTINCT (f.value ->> 'key'::text)) AS count FROM jsonb_array_elements(is_specification_template.p_template) f(value)))) END
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.is_tag_list(p_tags text[])
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
DECLARE
  v_tag text;
BEGIN
  IF cardinality(p_tags) > 50 OR coalesce(array_ndims(p_tags), 1) > 1 THEN
    RETURN false;
  END IF;
  FOREACH v_tag IN ARRAY p_tags LOOP
    IF v_tag IS NULL OR length(v_tag) > 50 OR NOT public.is_not_blank(v_tag) OR cardinality(array_positions(p_tags, v_tag)) > 1 THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.is_working_time(p_settings jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (CASE WHEN (NOT (p_settings ? 'working_days'::text)) THEN true WHEN (jsonb_typeof((p_settings -> 'working_days'::text)) <> 'array'::text) THEN false ELSE (((jsonb_array_length((p_settings -> 'working_days'::text)) >= 1) AND (jsonb_array_length((p_settings -> 'working_days'::text)) <= 7)) AND (NOT (EXISTS (SELECT 1 FROM jsonb_array_elements((is_working_time.p_settings -> 'working_days'::text)) d(value) WHERE ((d.value)::text !~ '^[1-7]$'::text)))) AND (jsonb_array_length((p_settings -> 'working_days'::text)) = (SELECT count(DISTINCT (d.value)::text) AS count FROM jsonb_array_elements((is_working_time.p_settings -> 'working_days'::text)) d(value)))) END AND CASE WHEN (NOT (p_settings ? 'working_hours'::text)) THEN true ELSE COALESCE(((((p_settings -> 'working_hours'::text) ->> 'from'::text) ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text) AND (((p_settings -> 'working_hours'::text) ->> 'to'::text) ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text) AND (((p_settings -> 'working_hours'::text) ->> 'from'::text) < ((p_settings -> 'working_hours'::text) ->> 'to'::text))), false) END)
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.keep_assignment()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (SELECT a.user_id FROM caller_account a);
  v_status text;
  v_picks_up boolean := TG_OP = 'UPDATE' AND OLD.assigned_at IS NULL AND NEW.assigned_at IS NOT NULL;
  v_last timestamptz;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM check_assignment_facts(OLD, NEW, v_user_id);
  END IF;
  IF TG_OP = 'INSERT' OR v_picks_up THEN
    SELECT e.status INTO v_status FROM equipment e
    WHERE e.company_id = NEW.company_id AND e.id = NEW.equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
    PERFORM check_assignment_begins(NEW, v_status);
    NEW.accepted_at := NULL;
    NEW.cancelled_at := NULL;
    NEW.cancel_reason := NULL;
    IF v_picks_up OR NEW.reserved_from IS NULL OR NEW.assigned_at IS NOT NULL THEN
      NEW.assigned_by := coalesce(v_user_id, NEW.assigned_by);
      IF v_picks_up OR NEW.assigned_at IS NULL THEN
        SELECT max(a.returned_at) INTO v_last FROM equipment_assignments a
        WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.equipment_id;
        NEW.assigned_at := greatest(clock_timestamp(), v_last);
      ELSIF NEW.assigned_at > clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_in_future', MESSAGE = 'a hand-over lies in the past or now';
      END IF;
      NEW.due_at := coalesce(NEW.due_at, NEW.reserved_until);
      -- Who takes a machine has seen it; whom it is given to says so later.
      NEW.accepted_at := CASE WHEN v_user_id = NEW.user_id THEN NEW.assigned_at END;
    END IF;
    IF NEW.returned_at IS NOT NULL THEN
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  ELSE
    IF NEW.accepted_at IS NOT NULL AND OLD.accepted_at IS NULL THEN
      NEW.accepted_at := clock_timestamp();
    END IF;
    IF NEW.cancelled_at IS NOT NULL AND OLD.cancelled_at IS NULL THEN
      NEW.cancelled_at := clock_timestamp();
    END IF;
    IF NEW.returned_at IS NOT NULL AND OLD.returned_at IS NULL THEN
      NEW.returned_at := greatest(clock_timestamp(), OLD.assigned_at);
      NEW.returned_by := coalesce(v_user_id, NEW.returned_by);
    END IF;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_assignment_usage()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_old_from timestamptz := CASE WHEN TG_OP = 'UPDATE' AND NOT OLD.is_deleted THEN OLD.assigned_at END;
  v_new_from timestamptz := CASE WHEN NOT NEW.is_deleted THEN NEW.assigned_at END;
BEGIN
  PERFORM add_equipment_usage(NEW.company_id, NEW.equipment_id, false, v_old_from, OLD.returned_at, v_new_from, NEW.returned_at);
  IF v_new_from < (SELECT min(p.entered_at) FROM equipment_fleet_periods p WHERE p.company_id = NEW.company_id AND p.equipment_id = NEW.equipment_id) THEN
    PERFORM correct_fleet_periods(NEW.company_id, NEW.equipment_id);
  END IF;
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_base_fields()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_user_id uuid := (SELECT a.user_id FROM caller_account a);
  v_now timestamptz := clock_timestamp();
  v_moves boolean := false;
BEGIN
  -- A row's instants follow its versions, also when the clock was set back: "as it was at" is then one version.
  IF TG_OP = 'UPDATE' THEN
    v_now := greatest(v_now, OLD.updated_at + interval '1 microsecond');
  END IF;
  IF TG_OP = 'INSERT' THEN
    NEW.created_at := v_now;
    NEW.created_by := v_user_id;
    NEW.version := 1;
    NEW.is_deleted := false;
    NEW.deleted_at := NULL;
    NEW.deleted_by := NULL;
  ELSE
    IF NEW.version <> OLD.version THEN
      RAISE EXCEPTION USING ERRCODE = 'BC412', MESSAGE = 'the row has changed since it was read', DETAIL = OLD.version::text;
    END IF;
    -- Equal is not always the same (1.0 and 1.00 in a document): what is not a change is not stored either.
    IF NEW IS NOT DISTINCT FROM OLD THEN
      RETURN OLD;
    END IF;
    -- Two tables have no company_id, and an expression is read only when it is come to.
    IF TG_TABLE_NAME NOT IN ('companies', 'users') THEN
      v_moves := NEW.company_id <> OLD.company_id;
    END IF;
    IF v_moves OR NEW.id <> OLD.id THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_identity_fixed', MESSAGE = 'id and company never change';
    END IF;
    NEW.created_at := OLD.created_at;
    NEW.created_by := OLD.created_by;
    NEW.version := OLD.version + 1;
    IF NEW.is_deleted AND NOT OLD.is_deleted THEN
      NEW.deleted_at := v_now;
      NEW.deleted_by := v_user_id;
    ELSIF NOT NEW.is_deleted THEN
      NEW.deleted_at := NULL;
      NEW.deleted_by := NULL;
    ELSE
      NEW.deleted_at := OLD.deleted_at;
      NEW.deleted_by := OLD.deleted_by;
    END IF;
  END IF;
  NEW.updated_at := v_now;
  NEW.updated_by := v_user_id;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.keep_category_path()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_label text := replace(NEW.id::text, '-', '');
  v_parent equipment_categories;
BEGIN
  IF NEW.parent_id IS NULL THEN
    NEW.path := v_label::ltree;
  ELSE
    SELECT * INTO v_parent FROM equipment_categories p WHERE p.company_id = NEW.company_id AND p.id = NEW.parent_id;
    IF TG_OP = 'UPDATE' AND OLD.is_deleted AND NOT NEW.is_deleted AND v_parent.is_deleted THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_parent_deleted', MESSAGE = 'the category above is deleted';
    ELSIF v_parent.id IS NULL OR (v_parent.is_deleted AND NOT NEW.is_deleted) THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_category_parent', MESSAGE = 'no such parent category';
    END IF;
    IF NEW.parent_id = NEW.id OR v_parent.path ~ ('*.' || v_label || '.*')::lquery THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_no_circle', MESSAGE = 'a category cannot lie below itself';
    END IF;
    IF nlevel(v_parent.path) >= 20 THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_depth', MESSAGE = 'too deep';
    END IF;
    NEW.path := v_parent.path || v_label;
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.is_deleted AND NOT OLD.is_deleted AND (
       EXISTS (SELECT FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.parent_id = NEW.id AND NOT k.is_deleted)
       OR EXISTS (SELECT FROM equipment e WHERE e.company_id = NEW.company_id AND e.category_id = NEW.id AND NOT e.is_deleted)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'category_in_use', MESSAGE = 'the category still holds categories or machines';
  END IF;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.keep_equipment()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_settings jsonb;
  v_type_code text;
  v_prefix text;
  v_number integer;
BEGIN
  IF NEW.currency IS NULL OR NEW.serial_number IS NULL THEN
    SELECT co.settings INTO v_settings FROM companies co WHERE co.id = NEW.company_id;
  END IF;
  NEW.currency := coalesce(NEW.currency, v_settings ->> 'currency', 'PEN');
  IF NEW.serial_number IS NULL THEN
    IF NEW.category_id IS NOT NULL THEN
      SELECT k.type_code INTO v_type_code FROM equipment_categories own
      JOIN equipment_categories k ON k.company_id = own.company_id AND k.id = ANY (string_to_array(own.path::text, '.')::uuid[]) AND k.type_code IS NOT NULL
      WHERE own.company_id = NEW.company_id AND own.id = NEW.category_id ORDER BY nlevel(k.path) DESC LIMIT 1;
    END IF;
    v_prefix := 'EQ-' || to_char(now() AT TIME ZONE coalesce(v_settings ->> 'time_zone', 'UTC'), 'YYYY') || '-' || coalesce(v_type_code, 'GN');
    INSERT INTO equipment_serial_counters AS k (company_id, prefix, last_number) VALUES (NEW.company_id, v_prefix, 1)
    ON CONFLICT (company_id, prefix) DO UPDATE SET last_number = k.last_number + 1
    RETURNING k.last_number INTO v_number;
    NEW.serial_number := v_prefix || '-' || lpad(v_number::text, 6, '0');
  ELSIF validate_equipment_serial_number(NEW.serial_number) AND (TG_OP = 'INSERT' OR NEW.serial_number <> OLD.serial_number) THEN
    -- A code given by hand moves the counter past it, so that a generated one never meets it.
    INSERT INTO equipment_serial_counters AS k (company_id, prefix, last_number)
    VALUES (NEW.company_id, left(NEW.serial_number, 10), right(NEW.serial_number, 6)::int)
    ON CONFLICT (company_id, prefix) DO UPDATE SET last_number = excluded.last_number WHERE k.last_number < excluded.last_number;
  END IF;
  -- Not into a category that was deleted; one being deleted at this moment is waited for.
  IF NEW.category_id IS NOT NULL AND NOT NEW.is_deleted
     AND (TG_OP = 'INSERT' OR NEW.category_id IS DISTINCT FROM OLD.category_id OR OLD.is_deleted) THEN
    PERFORM FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.id = NEW.category_id AND NOT k.is_deleted FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_equipment_category', MESSAGE = 'no such category';
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF NEW.status <> OLD.status THEN
      IF OLD.status = 'disposed' THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_disposed_final', MESSAGE = 'a disposed machine keeps its status';
      ELSIF NEW.status IN ('retired', 'disposed') AND EXISTS (
          SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
        RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_retire_while_assigned', MESSAGE = 'someone still has the machine';
      END IF;
    END IF;
    IF NEW.is_deleted AND NOT OLD.is_deleted AND EXISTS (
        SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_delete_while_assigned', MESSAGE = 'someone still has the machine';
    END IF;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_equipment_log()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_refusal text;
BEGIN
  NEW.received_at := clock_timestamp();
  IF NEW.event_type IN ('status', 'assignment') THEN
    RETURN NEW;
  END IF;
  v_refusal := check_equipment_log(NEW.company_id, NEW.equipment_id, NEW.event_type, NEW.created_at, NEW.reading, NEW.is_correction);
  IF v_refusal = 'equipment_logs_created_at_range' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_logs_created_at_range', MESSAGE = 'an entry lies in the last two years';
  ELSIF v_refusal = 'equipment_logs_meter_backwards' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_logs_meter_backwards', MESSAGE = 'a meter does not run backwards';
  ELSIF v_refusal IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_equipment_logs_equipment', MESSAGE = 'no such machine';
  END IF;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.keep_equipment_search()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_key integer;
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.name, NEW.serial_number, NEW.fleet_code, NEW.manufacturer, NEW.model, NEW.plate, NEW.manufacturer_serial_number,
      NEW.description, NEW.location, NEW.tags, NEW.year, NEW.specifications) IS NOT DISTINCT FROM (OLD.name, OLD.serial_number, OLD.fleet_code, OLD.manufacturer,
      OLD.model, OLD.plate, OLD.manufacturer_serial_number, OLD.description, OLD.location, OLD.tags, OLD.year, OLD.specifications) THEN
    RETURN NULL;
  END IF;
  SELECT co.search_key INTO v_key FROM companies co WHERE co.id = NEW.company_id;
  INSERT INTO equipment_search_documents (company_id, equipment_id, document)
  VALUES (NEW.company_id, NEW.id, build_equipment_search_document(v_key, NEW))
  ON CONFLICT (company_id, equipment_id) DO UPDATE SET document = excluded.document;
  INSERT INTO equipment_search_words (company_id, word)
  SELECT DISTINCT NEW.company_id, w.word
  FROM regexp_split_to_table(normalize_search_text(concat_ws(' ', NEW.name, NEW.manufacturer, NEW.model, array_to_string(NEW.tags, ' '), NEW.location)),
    '[^a-z0-9]+') AS w (word)
  WHERE w.word ~ '[a-z]' AND length(w.word) BETWEEN 4 AND 100
  ORDER BY 2
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_fleet_period()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_period equipment_fleet_periods;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.last_status_correction IS DISTINCT FROM OLD.last_status_correction THEN
    PERFORM correct_fleet_periods(NEW.company_id, NEW.id);
  ELSIF NEW.status IN ('active', 'maintenance') AND NOT NEW.is_deleted THEN
    INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at) VALUES (NEW.company_id, NEW.id, NEW.updated_at);
    PERFORM add_equipment_usage(NEW.company_id, NEW.id, true, NULL, NULL, NEW.updated_at, NULL);
  ELSE
    UPDATE equipment_fleet_periods SET left_at = greatest(NEW.updated_at, entered_at)
    WHERE company_id = NEW.company_id AND equipment_id = NEW.id AND left_at IS NULL RETURNING * INTO v_period;
    PERFORM add_equipment_usage(NEW.company_id, NEW.id, true, v_period.entered_at, NULL, v_period.entered_at, v_period.left_at);
  END IF;
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_last_admin()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  IF OLD.role = 'admin' AND OLD.ended_at IS NULL AND NOT OLD.is_deleted
     AND (NEW.role <> 'admin' OR NEW.ended_at IS NOT NULL OR NEW.is_deleted OR (NEW.assigned_at <> OLD.assigned_at AND NEW.assigned_at > clock_timestamp())) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('last_admin ' || OLD.company_id, 0));
    IF NOT EXISTS (SELECT FROM user_company_roles r JOIN users u ON u.id = r.user_id
                   WHERE r.company_id = OLD.company_id AND r.id <> OLD.id AND r.role = 'admin' AND r.ended_at IS NULL AND NOT r.is_deleted
                     AND r.assigned_at <= clock_timestamp() AND u.status = 'active' AND u.password_hash IS NOT NULL) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ucr_last_admin', MESSAGE = 'a company keeps at least one admin';
    END IF;
  END IF;
  IF NEW.user_id <> OLD.user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_identity_fixed', MESSAGE = 'a membership keeps its person';
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_maintenance()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_machine_status text;
  v_is_step boolean := true;
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- Held until the end, so that a machine is not retired or deleted under work that is being written down.
    SELECT e.status INTO v_machine_status FROM equipment e
    WHERE e.company_id = NEW.company_id AND e.id = NEW.equipment_id AND NOT e.is_deleted FOR SHARE;
    IF v_machine_status IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_mr_equipment', MESSAGE = 'no such machine';
    ELSIF v_machine_status NOT IN ('active', 'maintenance') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_machine_in_service', MESSAGE = 'the machine is out of service';
    ELSIF NEW.status NOT IN ('scheduled', 'in_progress') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'work begins open';
    END IF;
    NEW.started_at := NULL;
    NEW.completed_at := NULL;
    NEW.completed_date := NULL;
    NEW.counts_as_service := NULL;
    NEW.cancelled_at := NULL;
    NEW.cancel_reason := NULL;
  ELSE
    v_is_step := NEW.status <> OLD.status;
    IF v_is_step AND NOT (OLD.status IN ('scheduled', 'in_progress') AND NEW.status IN ('done', 'cancelled')
                          OR OLD.status = 'scheduled' AND NEW.status = 'in_progress') THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'no such step', DETAIL = OLD.status;
    ELSIF NEW.equipment_id <> OLD.equipment_id OR (OLD.status IN ('done', 'cancelled') AND (NEW.is_deleted OR
        (NEW.type, NEW.scheduled_date, NEW.completed_date, NEW.counts_as_service, NEW.cancel_reason)
        IS DISTINCT FROM (OLD.type, OLD.scheduled_date, OLD.completed_date, OLD.counts_as_service, OLD.cancel_reason))) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_facts_fixed', MESSAGE = 'what was done stays as it was';
    END IF;
    NEW.started_at := OLD.started_at;
    NEW.completed_at := OLD.completed_at;
    NEW.cancelled_at := OLD.cancelled_at;
    NEW.status_period_id := OLD.status_period_id;
  END IF;
  NEW.currency := CASE WHEN NEW.cost IS NOT NULL THEN coalesce(NEW.currency,
    (SELECT co.settings ->> 'currency' FROM companies co WHERE co.id = NEW.company_id), 'PEN') END;
  IF NOT v_is_step THEN
    RETURN NEW;
  ELSIF NEW.status IN ('scheduled', 'in_progress') THEN
    NEW.started_at := CASE WHEN NEW.status = 'in_progress' THEN v_now END;
    NEW.status_period_id := (SELECT h.id FROM equipment_status_history h WHERE h.company_id = NEW.company_id
      AND h.equipment_id = NEW.equipment_id AND h.effective_to IS NULL AND h.superseded_at IS NULL AND h.status = 'maintenance');
  ELSIF NEW.status = 'done' THEN
    NEW.completed_at := greatest(v_now, OLD.started_at);
    NEW.completed_date := coalesce(NEW.completed_date, get_company_day(NEW.company_id));
    NEW.counts_as_service := coalesce(NEW.counts_as_service, NEW.type = 'preventive');
    IF NEW.completed_date > get_company_day(NEW.company_id) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_done_not_in_future', MESSAGE = 'done lies in the past';
    END IF;
  ELSE
    NEW.cancelled_at := v_now;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_maintenance_file()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.maintenance_id, NEW.equipment_id, NEW.name, NEW.kind, NEW.size_bytes, NEW.content_hash)
      IS DISTINCT FROM (OLD.maintenance_id, OLD.equipment_id, OLD.name, OLD.kind, OLD.size_bytes, OLD.content_hash) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_facts_fixed', MESSAGE = 'a file stays as it was added';
  ELSIF NOT NEW.is_deleted AND (TG_OP = 'INSERT' OR OLD.is_deleted) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('maintenance files ' || NEW.maintenance_id, 0));
    IF (SELECT count(*) >= 30 OR sum(f.size_bytes) + NEW.size_bytes > 52428800 FROM maintenance_files f
        WHERE f.company_id = NEW.company_id AND f.maintenance_id = NEW.maintenance_id AND NOT f.is_deleted) THEN
      RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mf_record_full', MESSAGE = 'the record holds all the files it may';
    END IF;
  END IF;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_status_correction()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  v_status text := NEW.last_status_correction ->> 'status';
  v_from timestamptz := (NEW.last_status_correction ->> 'from')::timestamptz;
  v_to timestamptz := (NEW.last_status_correction ->> 'to')::timestamptz;
  v_past record;
BEGIN
  IF TG_OP = 'INSERT' OR NEW.last_status_correction IS NULL THEN
    NEW.last_status_correction := CASE WHEN TG_OP = 'UPDATE' THEN OLD.last_status_correction END;
    RETURN NEW;
  END IF;
  SELECT min(h.effective_from) > v_from AS is_too_early,
    -- Once disposed, always disposed: only when it happened can be put right.
    CASE WHEN v_status = 'disposed' THEN bool_or(h.status <> 'disposed' AND coalesce(h.effective_to, 'infinity') > v_to)
      ELSE OLD.status = 'disposed' AND v_to IS NULL OR bool_or(h.status = 'disposed' AND h.effective_from < v_from) END AS undoes_end,
    bool_or(h.status <> v_status AND h.effective_from < coalesce(v_to, 'infinity') AND coalesce(h.effective_to, 'infinity') > v_from) AS is_change
  INTO v_past FROM equipment_status_history h WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id AND h.superseded_at IS NULL;
  IF v_status IS NULL OR v_from IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_status_correction_form', MESSAGE = 'a correction names status and period';
  ELSIF NOT is_not_blank(coalesce(current_setting('app.reason', true), '')) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_reason_needed', MESSAGE = 'a correction needs its reason';
  ELSIF v_to <= v_from THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_effective_period', MESSAGE = 'a period ends after it begins';
  ELSIF v_from >= NEW.updated_at OR v_to > NEW.updated_at THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_not_in_future', MESSAGE = 'a correction lies in the past';
  ELSIF v_past.is_too_early THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_after_start', MESSAGE = 'the machine was not registered then';
  ELSIF v_past.undoes_end THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'equipment_disposed_final', MESSAGE = 'a disposed machine keeps its status';
  ELSIF NOT v_past.is_change THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_changes_nothing', MESSAGE = 'it had this status then';
  ELSIF v_status IN ('retired', 'disposed') AND EXISTS (
      SELECT FROM equipment_assignments a WHERE a.company_id = NEW.company_id AND a.equipment_id = NEW.id AND a.assigned_at IS NOT NULL
        AND tstzrange(a.assigned_at, a.returned_at, '[)') && tstzrange(v_from, v_to, '[)')) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'esh_correction_while_assigned', MESSAGE = 'someone had the machine then';
  END IF;
  NEW.last_status_correction := jsonb_build_object('status', v_status, 'from', v_from, 'to', v_to, 'version', NEW.version);
  NEW.status := CASE WHEN v_to IS NULL THEN v_status ELSE OLD.status END;
  RETURN NEW;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.keep_token()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'api_tokens_revoked_final', MESSAGE = 'an ended token stays ended';
  ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
    NEW.revoked_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.keep_webhook()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'INSERT' AND (SELECT count(*) FROM webhooks w WHERE w.company_id = NEW.company_id AND NOT w.is_deleted) >= 20 THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'webhooks_limit', MESSAGE = 'too many webhooks';
  END IF;
  IF NEW.is_active THEN
    NEW.disabled_at := NULL;
    NEW.disabled_reason := NULL;
  ELSIF NEW.disabled_reason IS NOT NULL AND NEW.disabled_at IS NULL THEN
    NEW.disabled_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.keep_webhook_progress()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_mark text := (SELECT e.server_mark FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1);
  v_last record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT v.transaction_id, v.sequence INTO v_last FROM list_feed_spans('0'::xid8, 0) s CROSS JOIN LATERAL (
      SELECT d.transaction_id, d.sequence FROM domain_events d
      WHERE d.company_id = NEW.company_id AND d.transaction_id < s.before AND d.sequence > s.above AND d.sequence <= s.up_to
      ORDER BY d.transaction_id DESC, d.sequence DESC LIMIT 1) v ORDER BY s.place DESC LIMIT 1;
    INSERT INTO webhook_progress (company_id, webhook_id, transaction_id, sequence, server_mark)
    VALUES (NEW.company_id, NEW.id, coalesce(v_last.transaction_id, '0'::xid8), coalesce(v_last.sequence, 0), v_mark);
  ELSIF NEW.is_active AND NOT OLD.is_active THEN
    UPDATE webhook_progress SET failures = 0, next_attempt_at = clock_timestamp(), server_mark = v_mark
    WHERE company_id = NEW.company_id AND webhook_id = NEW.id;
  END IF;
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_audit_faults(p_company_id uuid, p_from bigint, p_limit integer)
 RETURNS TABLE(rule text, "position" bigint, audit_id uuid, found text, expected text)
 LANGUAGE sql
 STABLE ROWS 10
AS $function$
  SELECT f.rule, f.position, f.audit_id, f.found, f.expected FROM (
    SELECT c.position, c.audit_id, c.hash AS found, h.hash AS expected, CASE
      WHEN c.position <> coalesce(c.last_position, 0) + 1 THEN 'link_missing'
      WHEN l.id IS NULL THEN 'row_missing'
      WHEN c.hash <> h.hash THEN 'row_or_place_changed'
      WHEN l.created_at < c.last_at - interval '1 hour' THEN 'row_backdated' END AS rule
    FROM (SELECT c.*, lag(c.position) OVER w AS last_position, lag(c.hash) OVER w AS last_hash, lag(c.chained_at) OVER w AS last_at
          FROM audit_chain c WHERE c.company_id = p_company_id AND c.position >= p_from - 1 AND c.position < p_from + p_limit WINDOW w AS (ORDER BY c.position)) c
    LEFT JOIN audit_logs l ON l.company_id = c.company_id AND l.id = c.audit_id
    CROSS JOIN LATERAL (SELECT CASE WHEN l.id IS NOT NULL THEN hash_audit_row(coalesce(c.last_hash, repeat('0', 64)), c.position, c.chained_at, l) END AS hash) h
    WHERE c.position >= p_from) f
  WHERE f.rule IS NOT NULL ORDER BY f.position LIMIT 100
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.list_companies()
 RETURNS TABLE(id uuid, name text, status text, created_at timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT c.id, c.name, c.status, c.created_at FROM companies c WHERE NOT c.is_deleted ORDER BY c.name, c.id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_company_names(p_user_id uuid)
 RETURNS text[]
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT coalesce(array_agg(co.name::text), '{}') FROM user_company_roles r JOIN companies co ON co.id = r.company_id
  WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now())
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.list_encryption_keys()
 RETURNS TABLE(key_id text, used bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT t.key_id, count(*) FROM (SELECT i.key_id FROM encrypted_tax_ids i UNION ALL SELECT s.key_id FROM totp_secrets s) t GROUP BY t.key_id ORDER BY t.key_id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_equipment_blockers(p_equipment_id uuid, p_from timestamp with time zone, p_until timestamp with time zone, p_except_id uuid DEFAULT NULL::uuid)
 RETURNS SETOF equipment_assignments
 LANGUAGE sql
 STABLE
AS $function$
  SELECT a.* FROM equipment_assignments a
  WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND a.id IS DISTINCT FROM p_except_id
    AND ((a.assigned_at IS NOT NULL AND a.returned_at IS NULL AND p_from <= clock_timestamp())
      OR claimed_period(a.reserved_from, a.reserved_until, a.cancelled_at, a.assigned_at, a.due_at, a.returned_at) && tstzrange(p_from, p_until, '[)'))
  ORDER BY coalesce(a.assigned_at, a.reserved_from), a.id LIMIT 20
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.list_equipment_logs(p_equipment_id uuid, p_event_type text, p_from timestamp with time zone, p_to timestamp with time zone, p_after_at timestamp with time zone, p_after_id uuid, p_limit integer)
 RETURNS SETOF equipment_logs
 LANGUAGE plpgsql
 STABLE ROWS 50
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_begin timestamptz := coalesce(p_from, '-infinity');
  v_until timestamptz := least(p_to, p_after_at + interval '1 microsecond', 'infinity');
  v_after_at timestamptz := coalesce(p_after_at, 'infinity');
  v_after_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_left integer := least(p_limit, 201);
  v_from timestamptz;
  v_rows integer;
BEGIN
  FOREACH v_from IN ARRAY ARRAY(
    SELECT CASE WHEN m.months IS NULL THEN '-infinity' ELSE (date_trunc('month', least(v_until, clock_timestamp()) AT TIME ZONE 'UTC') - make_interval(months => m.months)) AT TIME ZONE 'UTC' END
    FROM unnest(ARRAY[0, 2, 8, NULL]) WITH ORDINALITY AS m (months, place) ORDER BY m.place)
  LOOP
    v_from := greatest(v_from, v_begin);
    IF p_event_type IS NULL THEN
      RETURN QUERY SELECT l.* FROM equipment_logs l
        WHERE l.company_id = v_company_id AND l.equipment_id = p_equipment_id AND l.created_at >= v_from AND l.created_at < v_until
          AND (l.created_at, l.id) < (v_after_at, v_after_id) ORDER BY l.created_at DESC, l.id DESC LIMIT v_left;
    ELSE
      RETURN QUERY SELECT l.* FROM equipment_logs l
        WHERE l.company_id = v_company_id AND l.equipment_id = p_equipment_id AND l.event_type = p_event_type AND l.created_at >= v_from AND l.created_at < v_until
          AND (l.created_at, l.id) < (v_after_at, v_after_id) ORDER BY l.created_at DESC, l.id DESC LIMIT v_left;
    END IF;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_left := v_left - v_rows;
    EXIT WHEN v_left <= 0 OR v_from <= v_begin;
    v_until := v_from;
  END LOOP;
END
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.list_feed_spans(p_transaction xid8, p_sequence bigint)
 RETURNS TABLE(place integer, above bigint, up_to bigint, before xid8, from_transaction xid8, from_sequence bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 1
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  WITH bound AS (
    SELECT 0::bigint AS above UNION SELECT e.last_sequence FROM event_feed_epochs e
  ), span AS (
    SELECT b.above, lead(b.above, 1, 9223372036854775807) OVER (ORDER BY b.above) AS up_to FROM bound b
  ), numbered AS (
    SELECT (row_number() OVER (ORDER BY s.above))::integer AS place, s.* FROM span s WHERE s.up_to >= p_sequence
  )
  SELECT n.place, n.above, n.up_to,
    CASE WHEN n.up_to = 9223372036854775807 THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE '18446744073709551615'::xid8 END,
    CASE WHEN n.place = 1 THEN p_transaction ELSE '0'::xid8 END, CASE WHEN n.place = 1 THEN p_sequence ELSE 0 END
  FROM numbered n ORDER BY n.place
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_installation_admins()
 RETURNS TABLE(email text, language text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT u.email, u.language FROM installation_admins i JOIN users u ON u.id = i.user_id WHERE u.status = 'active' ORDER BY u.email
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_maintenance_digest(p_company_id uuid, p_day date, p_limit integer)
 RETURNS TABLE(due text, total integer, id uuid, name text, code text, location text, next_maintenance_date date)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT b.due, m.total, m.id, m.name, m.code, m.location, m.next_maintenance_date
  FROM (VALUES ('overdue', '1900-01-01'::date, p_day - 1), ('week', p_day, p_day + 7), ('month', p_day + 8, p_day + 30)) AS b (due, first_day, last_day),
  LATERAL (
    SELECT count(*) OVER ()::integer AS total, e.id, e.name::text, coalesce(e.fleet_code, e.serial_number)::text AS code, e.location::text, e.next_maintenance_date
    FROM equipment e WHERE e.company_id = p_company_id AND NOT e.is_deleted AND e.next_maintenance_date IS NOT NULL
      AND e.next_maintenance_date BETWEEN b.first_day AND b.last_day AND e.status IN ('active', 'maintenance')
    ORDER BY e.next_maintenance_date, e.id LIMIT p_limit
  ) m ORDER BY b.first_day, m.next_maintenance_date, m.id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_own_sessions()
 RETURNS TABLE(id uuid, kind text, ip_address text, user_agent text, created_at timestamp with time zone, last_seen_at timestamp with time zone, is_current boolean)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT s.id, s.kind, s.ip_address, s.user_agent, s.created_at, coalesce(s.last_seen_at, s.created_at), s.id = a.session_id
  FROM caller_account a JOIN sessions s ON s.user_id = a.user_id
  WHERE a.scopes IS NULL AND s.ended_at IS NULL AND s.expires_at > clock_timestamp() AND coalesce(s.last_seen_at, s.created_at) > clock_timestamp() - interval '14 days'
  ORDER BY s.id = a.session_id DESC, coalesce(s.last_seen_at, s.created_at) DESC, s.id LIMIT 200
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.list_sign_in_keys(p_email text, p_address text, p_device_hash text)
 RETURNS TABLE(scopes text[], keys text[])
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT CASE WHEN k.is_known THEN ARRAY['device'] ELSE ARRAY['address', 'account'] END,
    CASE WHEN k.is_known THEN ARRAY[hash_key(p_device_hash || ' ' || lower(p_email))] ELSE ARRAY[hash_key(get_network(p_address)), hash_key(lower(p_email))] END
  FROM (SELECT EXISTS (SELECT FROM known_devices d JOIN users u ON u.id = d.user_id
    WHERE u.email = lower(p_email) AND d.token_hash = p_device_hash AND d.last_used_at > clock_timestamp() - interval '180 days') AS is_known) k
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.list_statements()
 RETURNS TABLE(query text, calls bigint, total_time double precision, mean_time double precision, stddev_time double precision, max_time double precision, rows bigint, shared_blks_hit bigint, shared_blks_read bigint)
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
  v_schema text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements');
BEGIN
  IF v_schema IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format($q$
    SELECT left(regexp_replace(regexp_replace(s.query, '\$([a-z_]*)\$.*?\$\1\$', '$…$', 'gi'), '''[^'']*''', '''…''', 'g'), 2000),
      s.calls, s.total_exec_time, s.mean_exec_time, s.stddev_exec_time, s.max_exec_time, s.rows, s.shared_blks_hit, s.shared_blks_read
    FROM %I.pg_stat_statements s
    WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND s.query ~* '^(\s|\(|--[^\n]*\n|/\*([^*]|\*[^/])*\*/)*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE)\y'$q$, v_schema);
EXCEPTION WHEN object_not_in_prerequisite_state OR insufficient_privilege OR undefined_column THEN
  RETURN;
END
$function$
-- owner bitcorp_owner, executed by monitoring_user

CREATE OR REPLACE FUNCTION public.list_tax_ids_under_other_keys(p_key_id text, p_after_company_id uuid, p_after_id uuid, p_limit integer)
 RETURNS TABLE(company_id uuid, id uuid, person_id uuid, key_id text, ciphertext bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT t.company_id, t.id, t.person_id, t.key_id, t.ciphertext FROM encrypted_tax_ids t
  WHERE t.key_id <> p_key_id AND (t.company_id, t.id) > (p_after_company_id, p_after_id)
  ORDER BY t.company_id, t.id LIMIT least(p_limit, 1000)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.list_totp_under_other_keys(p_key_id text, p_after_id uuid, p_limit integer)
 RETURNS TABLE(user_id uuid, key_id text, ciphertext bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT s.user_id, s.key_id, s.ciphertext FROM totp_secrets s WHERE s.key_id <> p_key_id AND s.user_id > p_after_id ORDER BY s.user_id LIMIT least(p_limit, 1000)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.lock_category_tree()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('category_tree ' || coalesce(current_setting('app.current_company_id', true), ''), 0));
  RETURN NULL;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.lock_equipment(p_equipment_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_status text;
BEGIN
  SELECT e.status INTO v_status FROM equipment e
  WHERE e.company_id = (SELECT c.company_id FROM caller c WHERE c.role IN ('admin', 'manager', 'operator'))
    AND e.id = p_equipment_id AND NOT e.is_deleted FOR NO KEY UPDATE;
  IF v_status IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23503', CONSTRAINT = 'fk_ea_equipment', MESSAGE = 'no such machine';
  END IF;
  RETURN v_status;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.lock_equipment_meters(p_equipment_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM FROM equipment e
  WHERE e.company_id = (SELECT c.company_id FROM caller c WHERE c.role <> 'viewer') AND e.id = p_equipment_id FOR NO KEY UPDATE;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.log_equipment_assignment()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, recorded_by)
  VALUES (NEW.company_id, NEW.equipment_id, 'assignment', jsonb_build_object('action', CASE WHEN NEW.returned_at IS NULL THEN 'handed_over' ELSE 'returned' END,
    'assignment_id', NEW.id, 'user_id', NEW.user_id), NEW.updated_at, NEW.updated_by);
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.log_equipment_status()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  INSERT INTO equipment_logs (company_id, equipment_id, event_type, event_data, created_at, recorded_by)
  VALUES (NEW.company_id, NEW.id, 'status', jsonb_strip_nulls(jsonb_build_object('status', NEW.status,
    'old_status', CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, 'reason', nullif(current_setting('app.reason', true), ''))), NEW.updated_at, NEW.updated_by);
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.make_password_link(p_person_id uuid, p_token_hash text, p_expires_at timestamp with time zone, p_for_new boolean)
 RETURNS TABLE(email text, display_name text, language text, company_name text, is_link boolean, is_new boolean)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller := (SELECT c FROM caller c WHERE c.role = 'admin');
  v_user users;
BEGIN
  IF v_caller.company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  SELECT u.* INTO v_user FROM user_company_roles r JOIN users u ON u.id = r.user_id
  WHERE r.company_id = v_caller.company_id AND r.id = p_person_id AND NOT r.is_deleted AND r.anonymised_at IS NULL
    AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp()) AND u.status = 'active';
  IF v_user.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
  IF v_user.password_hash IS NULL OR NOT p_for_new THEN
    UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_user.id AND l.ended_at IS NULL;
    INSERT INTO password_links (user_id, token_hash, expires_at, created_by) VALUES (v_user.id, p_token_hash, p_expires_at, v_caller.user_id);
    PERFORM record_audit('user', p_person_id, 'password_link_sent', '{}');
  END IF;
  RETURN QUERY SELECT v_user.email::text, r.display_name::text, v_user.language::text, co.name::text,
    v_user.password_hash IS NULL OR NOT p_for_new, v_user.password_hash IS NULL
  FROM user_company_roles r JOIN companies co ON co.id = r.company_id WHERE r.company_id = v_caller.company_id AND r.id = p_person_id;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.make_webhook_test(p_webhook_id uuid)
 RETURNS TABLE(url text, message_id text, sent_at bigint, body text, signature text)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
  SELECT m.url, m.message_id, m.sent_at, m.body, sign_webhook_message(m.company_id, m.id, m.message_id, m.sent_at, m.body)
  FROM (SELECT w.company_id, w.id, w.url::text, 'test_' || gen_random_uuid() AS message_id, extract(epoch FROM clock_timestamp())::bigint AS sent_at,
      jsonb_build_object('type', 'webhook_test', 'timestamp', clock_timestamp(), 'data', jsonb_build_object('company_id', w.company_id, 'webhook_id', w.id))::text AS body
    FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted) m
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.mark_password_given(p_email text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE users u SET password_given_at = clock_timestamp() WHERE u.email = lower(p_email)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.measure_installation()
 RETURNS TABLE(live_sessions bigint, audit_unchained bigint, webhooks_active bigint, webhooks_failing bigint, webhooks_disabled bigint, webhook_events_waiting bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT (SELECT count(*) FROM (SELECT FROM sessions s WHERE s.ended_at IS NULL AND s.expires_at > now() AND s.kind = 'browser' LIMIT 100000) live),
    (SELECT count(*) FROM (SELECT FROM audit_logs l WHERE l.transaction_id >= (SELECT p.chained_to FROM audit_chain_progress p)
      AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.company_id = l.company_id AND c.audit_id = l.id) LIMIT 10000) open),
    count(*) FILTER (WHERE w.is_active), count(*) FILTER (WHERE w.is_active AND p.failures > 0), count(*) FILTER (WHERE w.disabled_at IS NOT NULL),
    coalesce(sum(e.waiting) FILTER (WHERE w.is_active), 0)::bigint
  FROM webhooks w JOIN webhook_progress p ON p.company_id = w.company_id AND p.webhook_id = w.id
  CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM (
    SELECT FROM list_feed_spans(p.transaction_id, p.sequence) s JOIN domain_events d ON d.company_id = w.company_id AND d.transaction_id < s.before
      AND (d.transaction_id, d.sequence) > (s.from_transaction, s.from_sequence) AND d.sequence > s.above AND d.sequence <= s.up_to
    WHERE w.is_active AND (w.event_types = '{}' OR d.event_type = ANY (w.event_types)) LIMIT 1000) one) e
  WHERE NOT w.is_deleted
$function$
-- owner record_keeper, executed by monitoring_user

CREATE OR REPLACE FUNCTION public.merge_company_usage()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_month record;
  v_merged integer := 0;
BEGIN
  FOR v_month IN SELECT u.company_id, u.month FROM company_usage_months u GROUP BY u.company_id, u.month HAVING count(*) > 8
      ORDER BY u.company_id, u.month LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock_shared(hashtextextended('usage of ' || v_month.company_id, 0));
    WITH gone AS (
      DELETE FROM company_usage_months u WHERE u.company_id = v_month.company_id AND u.month = v_month.month AND u.part = ANY (ARRAY(
        SELECT p.part FROM company_usage_months p WHERE p.company_id = v_month.company_id AND p.month = v_month.month FOR UPDATE SKIP LOCKED)) RETURNING u.*
    )
    INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
    SELECT g.company_id, g.month, sum(g.assignments_begun), sum(g.assignments_ended), sum(g.assigned_rest), sum(g.fleet_entered), sum(g.fleet_left), sum(g.fleet_rest)
    FROM gone g GROUP BY g.company_id, g.month;
    v_merged := v_merged + 1;
  END LOOP;
  RETURN v_merged;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner

CREATE OR REPLACE FUNCTION public.move_category_children()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  UPDATE equipment_categories SET path = ''
  WHERE company_id = NEW.company_id AND parent_id = NEW.id;
  RETURN NULL;
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.move_next_maintenance()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  UPDATE equipment e SET next_maintenance_date = get_next_maintenance_day(coalesce(e.maintenance_counted_from, e.last_maintenance_date),
    e.last_maintenance_date, find_maintenance_interval(e.company_id, e.category_id, e.maintenance_interval_days))
  WHERE e.company_id = NEW.company_id AND NOT e.is_deleted AND e.last_maintenance_date IS NOT NULL
    AND (e.maintenance_counted_from IS NOT NULL OR e.next_maintenance_date IS NULL)
    AND e.category_id = ANY (ARRAY(SELECT k.id FROM equipment_categories k WHERE k.company_id = NEW.company_id AND k.path <@ NEW.path))
    AND get_next_maintenance_day(coalesce(e.maintenance_counted_from, e.last_maintenance_date), e.last_maintenance_date,
      find_maintenance_interval(e.company_id, e.category_id, e.maintenance_interval_days)) <> coalesce(e.next_maintenance_date, '-infinity');
  RETURN NULL;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.move_stray_equipment_logs(p_most bigint DEFAULT 20000)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_stray text := 'equipment_logs_stray';
  v_range text := format('created_at >= ''2000-01-01 00:00:00+00'' AND created_at < %L', now() + interval '1 year');
  v_rows bigint;
  v_moved bigint;
  v_month date;
BEGIN
  IF pg_relation_size('public.equipment_logs_default') = 0 THEN
    RETURN 0;
  END IF;
  ALTER TABLE equipment_logs DETACH PARTITION equipment_logs_default;
  ALTER TABLE equipment_logs_default RENAME TO equipment_logs_stray;
  -- Its owner may look into it until it is dropped below; nobody else sees this before all is done.
  EXECUTE format('ALTER TABLE public.%I NO FORCE ROW LEVEL SECURITY', v_stray);
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM public.%I', v_range, v_stray) INTO v_rows, v_moved;
  IF v_moved > p_most OR (v_moved = 0 AND v_rows > 0) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC409', MESSAGE = format('%s of %s rows without a partition could be moved; at most %s are moved at once', v_moved, v_rows, p_most);
  END IF;
  FOR v_month IN EXECUTE format('SELECT DISTINCT date_trunc(''month'', created_at AT TIME ZONE ''UTC'')::date FROM public.%I WHERE %s ORDER BY 1', v_stray, v_range) LOOP
    PERFORM create_equipment_log_partition(v_month, v_stray);
  END LOOP;
  EXECUTE 'CREATE TABLE public.equipment_logs_default (LIKE public.equipment_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)';
  EXECUTE format('INSERT INTO public.equipment_logs_default SELECT * FROM public.%I WHERE NOT (%s)', v_stray, v_range);
  EXECUTE 'ALTER TABLE public.equipment_logs_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY';
  EXECUTE 'ALTER TABLE public.equipment_logs ATTACH PARTITION public.equipment_logs_default DEFAULT';
  EXECUTE format('DROP TABLE public.%I', v_stray);
  RETURN v_moved;
END
$function$
-- owner bitcorp_owner

CREATE OR REPLACE FUNCTION public.move_usage_months()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM rebuild_equipment_usage(NEW.id);
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.normalize_search_text(p_text text)
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN lower(unaccent(COALESCE(p_text, ''::text)))
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.open_command_session(p_email text, p_token_hash text)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO sessions (user_id, token_hash, kind, expires_at)
  SELECT u.id, p_token_hash, 'command', clock_timestamp() + interval '1 hour'
  FROM users u WHERE u.email = lower(p_email) AND u.status = 'active'
  RETURNING user_id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.open_session(p_user_id uuid, p_token_hash text, p_expires_at timestamp with time zone, p_ip_address text, p_user_agent text, p_device_hash text, p_replaced_hash text, p_method text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_session_id uuid;
  v_replaced_user uuid;
  v_metadata jsonb := jsonb_build_object('ip_address', p_ip_address, 'user_agent', left(p_user_agent, 400));
BEGIN
  IF EXISTS (SELECT FROM user_company_roles r WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now()))
     AND NOT EXISTS (SELECT FROM user_company_roles r JOIN companies co ON co.id = r.company_id
                     WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now()) AND co.status = 'active') THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'company suspended', HINT = 'company_suspended';
  END IF;
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.token_hash = p_replaced_hash AND s.ended_at IS NULL RETURNING s.user_id INTO v_replaced_user;
  IF v_replaced_user IS NOT NULL THEN
    PERFORM record_account_audit(v_replaced_user, 'signed_out', v_metadata);
  END IF;
  INSERT INTO sessions (user_id, token_hash, expires_at, ip_address, user_agent, method)
  VALUES (p_user_id, p_token_hash, p_expires_at, left(p_ip_address, 64), left(p_user_agent, 400), p_method)
  RETURNING id INTO v_session_id;
  PERFORM remember_device(p_user_id, p_device_hash);
  PERFORM record_account_audit(p_user_id, 'signed_in', v_metadata || jsonb_build_object('method', p_method));
  RETURN v_session_id;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.pass_own_check()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT give_try_back(ARRAY['caller'], ARRAY[hash_key(a.user_id::text)], true) FROM caller_account a WHERE a.scopes IS NULL
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.pass_sign_in(p_email text, p_address text, p_device_hash text, p_done boolean)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT give_try_back(k.scopes, k.keys, p_done) FROM list_sign_in_keys(p_email, p_address, p_device_hash) k
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.pick_up_reservation(p_assignment_id uuid, p_notes text, p_due_at timestamp with time zone, p_condition text, p_meter_reading numeric)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_row equipment_assignments := get_assignment_to_change(p_assignment_id);
BEGIN
  IF v_row.assigned_at IS NOT NULL OR v_row.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_not_reserved', MESSAGE = 'picked up or cancelled before';
  ELSIF v_row.reserved_until > clock_timestamp() THEN
    PERFORM check_equipment_free(v_row.equipment_id, clock_timestamp(), coalesce(p_due_at, v_row.reserved_until), v_row.id);
  END IF;
  RETURN QUERY
    UPDATE equipment_assignments a SET assigned_at = clock_timestamp(), notes = coalesce(p_notes, a.notes), due_at = coalesce(p_due_at, a.reserved_until),
      condition = p_condition, meter_reading = p_meter_reading
    WHERE a.company_id = v_row.company_id AND a.id = v_row.id
    RETURNING *;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.prune_webhooks()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_count integer;
BEGIN
  UPDATE webhook_secrets SET previous_secret = NULL, previous_until = NULL WHERE previous_until <= clock_timestamp();
  DELETE FROM webhook_deliveries WHERE attempted_at < clock_timestamp() - interval '30 days';
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_company_tax_id(p_company_id uuid, p_key_id text, p_ciphertext bytea, p_hashes text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tax ids of companies', 0));
  IF EXISTS (SELECT FROM encrypted_tax_ids t WHERE t.person_id IS NULL AND t.company_id <> p_company_id AND t.lookup_hash = ANY (p_hashes)) THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'companies_tax_id_taken', MESSAGE = 'another company has this tax id';
  END IF;
  PERFORM store_tax_id(p_company_id, NULL, NULL, p_key_id, p_ciphertext, p_hashes);
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_identity_off(p_email text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
  v_count integer := (SELECT count(*) FROM user_identities i WHERE i.user_id = v_user_id);
BEGIN
  IF v_count > 0 THEN
    PERFORM erase_identities(v_user_id), record_account_audit(v_user_id, 'identity_unlinked', '{"source": "command"}');
  END IF;
  RETURN CASE WHEN v_user_id IS NOT NULL THEN CASE WHEN v_count > 0 THEN 'off' ELSE 'none' END END;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_import_rows(p_rows jsonb)
 RETURNS TABLE(row_number integer, equipment_id uuid)
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_changes integer := (SELECT count(*) FROM jsonb_array_elements(p_rows) r WHERE r ->> 'version' IS NOT NULL);
  v_written integer;
BEGIN
  RETURN QUERY
    WITH given AS MATERIALIZED (
      SELECT (r.value ->> 'row')::integer AS given_row, g.*
      FROM jsonb_array_elements(p_rows) r, jsonb_populate_record(NULL::equipment, r.value) g
      WHERE g.version IS NULL ORDER BY 1
    ), created AS (
      INSERT INTO equipment (company_id, id, category_id, name, description, serial_number, fleet_code, manufacturer, model, manufacturer_serial_number, year, plate,
        ownership, purchase_date, purchase_price, current_value, salvage_value, depreciation_rate, currency, status, location, last_maintenance_date, next_maintenance_date, maintenance_interval_days, maintenance_rule,
        warranty_expires_at, specifications, tags)
      SELECT v_company_id, g.id, g.category_id, g.name, g.description, g.serial_number, g.fleet_code, g.manufacturer, g.model, g.manufacturer_serial_number, g.year, g.plate,
        g.ownership, g.purchase_date, g.purchase_price, g.current_value, coalesce(g.salvage_value, 0), g.depreciation_rate, g.currency, g.status, g.location, g.last_maintenance_date,
        g.next_maintenance_date, g.maintenance_interval_days, coalesce(g.maintenance_rule, 'floating'), g.warranty_expires_at, g.specifications, g.tags
      FROM given g ORDER BY g.given_row
      RETURNING id
    )
    SELECT g.given_row, c.id FROM created c JOIN given g ON g.id = c.id;
  RETURN QUERY
    WITH given AS MATERIALIZED (
      SELECT (r.value ->> 'row')::integer AS given_row, g.*
      FROM jsonb_array_elements(p_rows) r, jsonb_populate_record(NULL::equipment, r.value) g
      WHERE g.version IS NOT NULL
    )
    UPDATE equipment e SET version = g.version, category_id = g.category_id, name = g.name, description = g.description, serial_number = g.serial_number,
      fleet_code = g.fleet_code, manufacturer = g.manufacturer, model = g.model, manufacturer_serial_number = g.manufacturer_serial_number, year = g.year,
      plate = g.plate, ownership = g.ownership, purchase_date = g.purchase_date, purchase_price = g.purchase_price, current_value = g.current_value,
      salvage_value = coalesce(g.salvage_value, 0), depreciation_rate = g.depreciation_rate, currency = g.currency, status = g.status, location = g.location, last_maintenance_date = g.last_maintenance_date,
      next_maintenance_date = g.next_maintenance_date, maintenance_interval_days = g.maintenance_interval_days, maintenance_rule = coalesce(g.maintenance_rule, e.maintenance_rule), warranty_expires_at = g.warranty_expires_at, specifications = g.specifications, tags = g.tags
    FROM given g
    WHERE e.company_id = v_company_id AND e.id = g.id AND NOT e.is_deleted
    RETURNING g.given_row, e.id;
  GET DIAGNOSTICS v_written = ROW_COUNT;
  IF v_written <> v_changes THEN
    RAISE EXCEPTION USING ERRCODE = 'BC412', MESSAGE = 'a machine was deleted since it was read';
  END IF;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.put_imported_accounts(p_accounts jsonb)
 RETURNS TABLE(id uuid, email text, known_id uuid)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  WITH given AS (
    SELECT a.* FROM jsonb_to_recordset(p_accounts) AS a (id uuid, email text, full_name text, language text, status text)
    WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = a.id)
  ), placed AS (
    SELECT g.*, u.id AS known_id FROM given g LEFT JOIN users u ON u.email = g.email
  ), added AS (
    INSERT INTO users (id, email, full_name, language, status)
    SELECT p.id, CASE WHEN p.known_id IS NULL THEN p.email ELSE 'imported-' || p.id || '@imported.invalid' END, p.full_name, p.language,
      CASE WHEN p.known_id IS NULL THEN p.status ELSE 'deactivated' END
    FROM placed p
  )
  SELECT p.id, p.email, p.known_id FROM placed p WHERE p.known_id IS NOT NULL ORDER BY p.email
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_installation_admin(p_email text, p_is_admin boolean)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email) AND u.email NOT LIKE '%@anonymised.invalid');
BEGIN
  IF p_is_admin THEN
    INSERT INTO installation_admins (user_id) SELECT v_user_id WHERE v_user_id IS NOT NULL ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM installation_admins i WHERE i.user_id = v_user_id;
  END IF;
  PERFORM record_account_audit(v_user_id, CASE WHEN p_is_admin THEN 'installation_granted' ELSE 'installation_taken' END, '{}');
  RETURN v_user_id;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_membership(p_company_id uuid, p_user_id uuid, p_role text)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO user_company_roles (company_id, user_id, role, display_name)
  SELECT p_company_id, u.id, coalesce(p_role, 'viewer'), u.full_name FROM users u WHERE u.id = p_user_id
  ON CONFLICT (company_id, user_id) DO UPDATE SET
    role = coalesce(p_role, user_company_roles.role),
    ended_at = CASE WHEN p_role IS NULL THEN clock_timestamp() END
  RETURNING id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_password(p_email text, p_password_hash text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE users u SET password_hash = p_password_hash, password_given_at = NULL WHERE u.email = lower(p_email) RETURNING u.id INTO v_user_id;
  IF v_user_id IS NOT NULL THEN
    UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
    UPDATE password_links l SET ended_at = clock_timestamp() WHERE l.user_id = v_user_id AND l.ended_at IS NULL;
    PERFORM forget_devices(v_user_id);
    PERFORM record_account_audit(v_user_id, 'password_changed', '{"source": "command"}');
  END IF;
  RETURN v_user_id;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_recovery_codes(p_user_id uuid, p_hashes text[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  DELETE FROM recovery_codes c WHERE c.user_id = p_user_id;
  INSERT INTO recovery_codes (user_id, code_hash) SELECT p_user_id, unnest(p_hashes)
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.put_tax_id(p_person_id uuid, p_version integer, p_key_id text, p_ciphertext bytea, p_hashes text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c WHERE c.role = 'admin');
BEGIN
  IF v_company_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC403', MESSAGE = 'role not enough', HINT = 'role_required', DETAIL = 'admin';
  END IF;
  IF NOT store_tax_id(v_company_id, p_person_id, p_version, p_key_id, p_ciphertext, p_hashes) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC404', MESSAGE = 'no such person in this company';
  END IF;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.put_totp_off(p_email text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (SELECT u.id FROM users u WHERE u.email = lower(p_email));
BEGIN
  IF v_user_id IS NULL THEN
    RETURN NULL;
  ELSIF NOT erase_totp(v_user_id) THEN
    RETURN 'none';
  END IF;
  PERFORM record_account_audit(v_user_id, 'totp_disabled', '{"source": "command"}');
  RETURN 'off';
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.put_user(p_email text, p_full_name text, p_password_hash text, p_language text)
 RETURNS uuid
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO users (email, full_name, password_hash, language) VALUES (lower(p_email), p_full_name, p_password_hash, p_language)
  ON CONFLICT (email) DO UPDATE SET password_hash = coalesce(excluded.password_hash, users.password_hash),
    full_name = excluded.full_name, language = excluded.language
  RETURNING id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.quote_sign(p_key integer, p_sign text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
RETURN ((''''::text || replace(replace(((('c'::text || p_key) || ':'::text) || p_sign), '\'::text, '\\'::text), ''''::text, ''''''::text)) || ''''::text)
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.rebuild_equipment_usage(p_company_id uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('usage of ' || p_company_id, 0));
  DELETE FROM equipment_usage_months WHERE company_id = p_company_id;
  DELETE FROM company_usage_months WHERE company_id = p_company_id;
  INSERT INTO equipment_usage_months SELECT * FROM tell_equipment_usage(p_company_id);
  INSERT INTO company_usage_months (company_id, month, assignments_begun, assignments_ended, assigned_rest, fleet_entered, fleet_left, fleet_rest)
  SELECT u.company_id, u.month, sum(u.assignments_begun), sum(u.assignments_ended), sum(u.assigned_rest), sum(u.fleet_entered), sum(u.fleet_left), sum(u.fleet_rest)
  FROM equipment_usage_months u WHERE u.company_id = p_company_id GROUP BY u.company_id, u.month;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.record_account_audit(p_user_id uuid, p_action text, p_metadata jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, metadata)
  SELECT r.company_id, 'user', r.id, p_action, p_user_id, coalesce(p_metadata, '{}')
  FROM user_company_roles r WHERE r.user_id = p_user_id AND (r.ended_at IS NULL OR r.ended_at > now())
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.record_audit(p_entity_type text, p_entity_id uuid, p_action text, p_values jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, new_values, metadata)
  SELECT c.company_id, p_entity_type, p_entity_id, p_action, c.user_id, p_values,
    coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb
  FROM caller c
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.record_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  v_type text := TG_ARGV[0];
  v_untold text[] := CASE TG_ARGV[0] WHEN 'user' THEN ARRAY['display_name'] ELSE ARRAY['token_hash'] END;
  v_new jsonb := to_jsonb(NEW) - v_untold;
  v_old jsonb;
  v_old_values jsonb := '{}';
  v_new_values jsonb;
  v_action text;
  v_company_id uuid := coalesce(v_new ->> 'company_id', v_new ->> 'id')::uuid;
  v_metadata jsonb := coalesce(nullif(current_setting('app.request_metadata', true), ''), '{}')::jsonb;
BEGIN
  IF TG_OP = 'INSERT' THEN
    v_action := CASE WHEN v_type = 'assignment' AND v_new ->> 'assigned_at' IS NULL THEN 'reserved' ELSE 'created' END;
    v_new_values := v_new;
  ELSE
    IF NEW.version = OLD.version THEN
      RETURN NULL;
    END IF;
    v_old := to_jsonb(OLD) - v_untold;
    SELECT jsonb_object_agg(n.key, v_old -> n.key), jsonb_object_agg(n.key, n.value)
    INTO v_old_values, v_new_values
    FROM jsonb_each(v_new) n WHERE n.value::text IS DISTINCT FROM (v_old -> n.key)::text;
    IF v_type = 'user' AND to_jsonb(NEW) -> 'display_name' <> to_jsonb(OLD) -> 'display_name' THEN
      v_metadata := v_metadata || '{"changed": ["display_name"]}';
    END IF;
    v_action := CASE
      WHEN NEW.is_deleted AND NOT OLD.is_deleted THEN 'deleted'
      WHEN OLD.is_deleted AND NOT NEW.is_deleted THEN 'restored'
      WHEN v_type = 'assignment' AND v_new_values ? 'returned_at' THEN 'returned'
      WHEN v_type = 'assignment' AND v_new_values ? 'assigned_at' THEN 'picked_up'
      WHEN v_type = 'assignment' AND v_new_values ? 'cancelled_at' THEN 'cancelled'
      WHEN v_type = 'assignment' AND v_new_values ? 'accepted_at' THEN 'accepted'
      WHEN v_type = 'maintenance' AND v_new_values ? 'status' THEN
        CASE v_new ->> 'status' WHEN 'in_progress' THEN 'started' WHEN 'done' THEN 'completed' ELSE v_new ->> 'status' END
      WHEN v_type = 'equipment' AND v_new_values ? 'last_status_correction' THEN 'status_corrected'
      WHEN v_type = 'equipment' AND v_new_values ? 'status' THEN 'status_changed'
      WHEN v_type = 'category' AND v_new_values ? 'parent_id' THEN 'moved'
      ELSE 'changed' END;
  END IF;
  IF coalesce(current_setting('app.reason', true), '') <> '' THEN
    v_metadata := v_metadata || jsonb_build_object('reason', current_setting('app.reason', true));
  END IF;
  INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data, metadata,
    occurred_at, recorded_by, subject_id)
  VALUES (v_company_id, NEW.id, v_type, v_type || '_' || v_action, NEW.version,
    jsonb_build_object('old', v_old_values, 'new', v_new_values), v_metadata, NEW.updated_at, NEW.updated_by,
    CASE v_type WHEN 'equipment' THEN NEW.id WHEN 'assignment' THEN (v_new ->> 'equipment_id')::uuid WHEN 'maintenance' THEN (v_new ->> 'equipment_id')::uuid
      WHEN 'maintenance_file' THEN (v_new ->> 'equipment_id')::uuid END);
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, user_id, old_values, new_values, metadata, created_at)
  VALUES (v_company_id, v_type, NEW.id, v_action, NEW.updated_by, v_old_values, v_new_values, v_metadata, NEW.updated_at);
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.record_company_export(p_company_id uuid, p_metadata jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, metadata) VALUES (p_company_id, 'company', p_company_id, 'exported', p_metadata)
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.record_equipment_log(p_company_id uuid, p_user_id uuid, p_equipment_id uuid, p_event_type text, p_created_at timestamp with time zone, p_reading numeric, p_is_correction boolean, p_notes text, p_event_data jsonb, p_entry_key text, OUT id uuid, OUT outcome text, OUT refusal text)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_old record;
BEGIN
  IF p_reading IS NOT NULL THEN
    PERFORM lock_equipment_meters(p_equipment_id);
  END IF;
  FOR v_try IN 1 .. 2 LOOP
    SELECT l.id, (l.event_type, l.reading, l.is_correction, l.notes, l.event_data) IS NOT DISTINCT FROM
      (p_event_type, p_reading::numeric(12,2), p_is_correction, p_notes, p_event_data) AS is_same INTO v_old
    FROM equipment_logs l
    WHERE l.company_id = p_company_id AND l.equipment_id = p_equipment_id AND l.entry_key = p_entry_key AND l.created_at = p_created_at;
    IF v_old.id IS NOT NULL THEN
      id := CASE WHEN v_old.is_same THEN v_old.id END;
      outcome := CASE WHEN v_old.is_same THEN 'repeated' ELSE 'refused' END;
      refusal := CASE WHEN NOT v_old.is_same THEN 'equipment_logs_entry_differs' END;
      RETURN;
    END IF;
    BEGIN
      INSERT INTO equipment_logs AS l (company_id, equipment_id, event_type, event_data, created_at, recorded_by, reading, is_correction, notes, entry_key)
      VALUES (p_company_id, p_equipment_id, p_event_type, p_event_data, p_created_at, p_user_id, p_reading, p_is_correction, p_notes, p_entry_key)
      ON CONFLICT (company_id, equipment_id, entry_key, created_at) WHERE entry_key IS NOT NULL DO NOTHING RETURNING l.id INTO id;
    EXCEPTION WHEN check_violation OR foreign_key_violation THEN
      GET STACKED DIAGNOSTICS refusal = CONSTRAINT_NAME;
      outcome := 'refused';
      RETURN;
    END;
    outcome := 'added';
    -- Somebody else's same entry came first while this one waited: the second look finds it.
    EXIT WHEN id IS NOT NULL;
  END LOOP;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.record_equipment_logs(p_entries jsonb)
 RETURNS TABLE(place integer, id uuid, outcome text, refusal text)
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_company_id uuid;
  v_user_id uuid;
  v_added jsonb;
  v_entry record;
BEGIN
  SELECT c.company_id, c.user_id INTO v_company_id, v_user_id FROM caller c;
  -- What has no meter to agree with goes in at once; whoever sends the same at this moment is waited for.
  WITH sent AS (
    SELECT DISTINCT ON (r.equipment_id, r.entry_key, r.created_at) (e.n - 1)::integer AS place, r.*
    FROM jsonb_array_elements(p_entries) WITH ORDINALITY AS e (entry, n)
    CROSS JOIN LATERAL jsonb_to_record(e.entry) AS r (entry_key text, equipment_id uuid, event_type text, created_at timestamptz, reading numeric, notes text, event_data jsonb)
    WHERE r.reading IS NULL ORDER BY r.equipment_id, r.entry_key, r.created_at, e.n
  ), added AS (
    INSERT INTO equipment_logs AS l (company_id, equipment_id, event_type, event_data, created_at, recorded_by, notes, entry_key)
    SELECT v_company_id, s.equipment_id, s.event_type, s.event_data, s.created_at, v_user_id, s.notes, s.entry_key FROM sent s
    JOIN equipment k ON k.company_id = v_company_id AND k.id = s.equipment_id AND NOT k.is_deleted
    WHERE s.created_at >= clock_timestamp() - interval '730 days 23 hours' AND s.created_at <= clock_timestamp() + interval '1 day'
    ORDER BY s.equipment_id, s.entry_key, s.created_at
    ON CONFLICT (company_id, equipment_id, entry_key, created_at) WHERE entry_key IS NOT NULL DO NOTHING
    RETURNING l.id, l.equipment_id, l.entry_key, l.created_at
  )
  SELECT coalesce(jsonb_object_agg(s.place, a.id), '{}') INTO v_added FROM added a
  JOIN sent s ON s.equipment_id = a.equipment_id AND s.entry_key = a.entry_key AND s.created_at = a.created_at;
  FOR v_entry IN
    SELECT (e.n - 1)::integer AS place, r.* FROM jsonb_array_elements(p_entries) WITH ORDINALITY AS e (entry, n)
    CROSS JOIN LATERAL jsonb_to_record(e.entry) AS r (entry_key text, equipment_id uuid, event_type text, created_at timestamptz, reading numeric,
      is_correction boolean, notes text, event_data jsonb)
    ORDER BY r.equipment_id, r.event_type, r.created_at, r.entry_key, e.n
  LOOP
    place := v_entry.place;
    id := (v_added ->> place::text)::uuid;
    outcome := 'added';
    refusal := NULL;
    IF id IS NULL THEN
      SELECT o.id, o.outcome, o.refusal INTO id, outcome, refusal
      FROM record_equipment_log(v_company_id, v_user_id, v_entry.equipment_id, v_entry.event_type, v_entry.created_at, v_entry.reading, v_entry.is_correction,
        v_entry.notes, v_entry.event_data, v_entry.entry_key) o;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.record_equipment_status()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_at timestamptz := NEW.updated_at;
  v_open_id uuid;
  v_from timestamptz;
  v_to timestamptz;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Later than all that was recorded before. Asked without "superseded_at IS NULL", which the dear index of the exclusion would answer.
    SELECT greatest(v_at, max(h.recorded_at) + interval '1 microsecond'), (array_agg(h.id) FILTER (WHERE h.effective_to IS NULL AND h.superseded_at IS NULL))[1]
    INTO v_at, v_open_id FROM equipment_status_history h
    WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id;
    IF NEW.last_status_correction IS DISTINCT FROM OLD.last_status_correction THEN
      v_from := (NEW.last_status_correction ->> 'from')::timestamptz;
      v_to := (NEW.last_status_correction ->> 'to')::timestamptz;
      UPDATE equipment_status_history SET superseded_at = v_at, superseded_by = NEW.updated_by
      WHERE company_id = NEW.company_id AND equipment_id = NEW.id AND superseded_at IS NULL
        AND tstzrange(effective_from, effective_to, '[)') && tstzrange(v_from, v_to, '[)');
      INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at)
      SELECT h.company_id, h.equipment_id, h.status, part.effective_from, part.effective_to, h.changed_by, h.reason, v_at
      FROM equipment_status_history h
      CROSS JOIN LATERAL (VALUES (h.effective_from, v_from), (v_to, coalesce(h.effective_to, 'infinity'))) AS rest (effective_from, effective_to)
      CROSS JOIN LATERAL (SELECT rest.effective_from, nullif(rest.effective_to, 'infinity') AS effective_to) part
      WHERE h.company_id = NEW.company_id AND h.equipment_id = NEW.id AND h.superseded_at = v_at AND rest.effective_from < rest.effective_to;
      INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, effective_to, changed_by, reason, recorded_at)
      VALUES (NEW.company_id, NEW.id, NEW.last_status_correction ->> 'status', v_from, v_to, NEW.updated_by, nullif(current_setting('app.reason', true), ''), v_at);
      RETURN NULL;
    END IF;
    UPDATE equipment_status_history SET effective_to = v_at WHERE company_id = NEW.company_id AND id = v_open_id;
  END IF;
  INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from, changed_by, reason, recorded_at)
  VALUES (NEW.company_id, NEW.id, NEW.status, v_at, NEW.updated_by, nullif(current_setting('app.reason', true), ''), v_at);
  RETURN NULL;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.record_failed_sign_in(p_email text, p_ip_address text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT record_account_audit(u.id, 'sign_in_failed', jsonb_build_object('ip_address', p_ip_address))
  FROM users u WHERE u.email = lower(p_email)
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.record_webhook_test(p_webhook_id uuid, p_delivered boolean, p_code integer, p_text text, p_error text, p_ms integer)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO webhook_deliveries (company_id, webhook_id, event_type, attempt, status, response_code, response_text, error, duration_ms)
  SELECT w.company_id, w.id, 'webhook_test', 1, CASE WHEN p_delivered THEN 'delivered' ELSE 'failed' END, p_code, left(p_text, 500), left(p_error, 50), p_ms
  FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.reencrypt_tax_id(p_company_id uuid, p_id uuid, p_old_ciphertext bytea, p_key_id text, p_ciphertext bytea, p_hash text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tax ids ' || p_company_id, 0));
  UPDATE encrypted_tax_ids t SET key_id = p_key_id, ciphertext = p_ciphertext, lookup_hash = p_hash
  WHERE t.company_id = p_company_id AND t.id = p_id AND t.ciphertext = p_old_ciphertext;
  RETURN FOUND;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.reencrypt_totp(p_user_id uuid, p_old_ciphertext bytea, p_key_id text, p_ciphertext bytea)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  UPDATE totp_secrets s SET key_id = p_key_id, ciphertext = p_ciphertext WHERE s.user_id = p_user_id AND s.ciphertext = p_old_ciphertext;
  RETURN FOUND;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'records_append_only', MESSAGE = TG_TABLE_NAME || ' may only be added to';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.refuse_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_soft_delete_only', MESSAGE = TG_TABLE_NAME || ' rows are deleted softly';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.refuse_soft_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'base_never_deleted', MESSAGE = TG_TABLE_NAME || ' rows are ended, not deleted';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper

CREATE OR REPLACE FUNCTION public.remember_device(p_user_id uuid, p_device_hash text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  DELETE FROM known_devices d WHERE d.user_id = p_user_id AND d.token_hash IN (
    SELECT o.token_hash FROM known_devices o WHERE o.user_id = p_user_id AND o.token_hash <> p_device_hash ORDER BY o.last_used_at DESC OFFSET 19);
  INSERT INTO known_devices (user_id, token_hash) VALUES (p_user_id, p_device_hash)
  ON CONFLICT (user_id, token_hash) DO UPDATE SET last_used_at = clock_timestamp()
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.renew_event_feed()
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_mark text := (SELECT s.system_identifier FROM pg_control_system() s) || '/' || (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  v_epoch integer;
  v_known text;
  v_last bigint;
BEGIN
  SELECT e.epoch, e.server_mark INTO v_epoch, v_known FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1;
  IF v_known = v_mark THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('event feed epoch', 0));
  SELECT e.epoch, e.server_mark INTO v_epoch, v_known FROM event_feed_epochs e ORDER BY e.epoch DESC LIMIT 1;
  IF v_known = v_mark THEN
    RETURN false;
  END IF;
  -- No transaction of this server can have written these.
  SELECT max(v.sequence) INTO v_last FROM domain_events v WHERE v.transaction_id >= pg_snapshot_xmax(pg_current_snapshot());
  IF v_epoch IS NULL OR v_last IS NOT NULL THEN
    INSERT INTO event_feed_epochs (epoch, server_mark, last_sequence) VALUES (coalesce(v_epoch, 0) + 1, v_mark, coalesce(v_last, 0));
  ELSE
    UPDATE event_feed_epochs SET server_mark = v_mark WHERE epoch = v_epoch;
  END IF;
  RETURN v_known IS NOT NULL;
END
$function$
-- owner record_keeper, executed by application_user, bitcorp_owner

CREATE OR REPLACE FUNCTION public.renew_recovery_codes(p_hashes text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid := (require_own_session()).user_id;
BEGIN
  PERFORM put_recovery_codes(v_user_id, p_hashes);
  PERFORM record_account_audit(v_user_id, 'recovery_codes_renewed', nullif(current_setting('app.request_metadata', true), '')::jsonb);
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.renew_webhook_secret(p_webhook_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_company_id uuid := (SELECT w.company_id FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted);
  v_secret text := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
BEGIN
  IF v_company_id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO webhook_secrets AS s (company_id, webhook_id, secret) VALUES (v_company_id, p_webhook_id, v_secret)
  ON CONFLICT (company_id, webhook_id) DO UPDATE
    SET previous_secret = s.secret, previous_until = clock_timestamp() + interval '1 day', secret = excluded.secret;
  PERFORM record_audit('webhook', p_webhook_id, 'secret_renewed', '{}');
  RETURN v_secret;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.replay_webhook(p_webhook_id uuid, p_transaction xid8, p_sequence bigint, p_mark text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_company_id uuid := (SELECT w.company_id FROM webhooks w JOIN caller c ON c.company_id = w.company_id AND c.role = 'admin' WHERE w.id = p_webhook_id AND NOT w.is_deleted);
  v_above bigint := coalesce((SELECT max(e.last_sequence) FROM event_feed_epochs e WHERE e.last_sequence < p_sequence), 0);
BEGIN
  IF v_company_id IS NULL THEN
    RETURN 'no webhook';
  ELSIF p_sequence IS NOT NULL AND NOT EXISTS (SELECT FROM domain_events v WHERE v.company_id = v_company_id
      AND v.transaction_id = p_transaction AND v.sequence = p_sequence AND right(v.id::text, 12) = p_mark) THEN
    RETURN 'no event';
  END IF;
  -- The first event of an epoch has its place before it in the same epoch.
  UPDATE webhook_progress SET failures = 0, next_attempt_at = clock_timestamp(), claim = NULL, claimed_until = NULL, claimed_event_id = NULL,
    transaction_id = CASE WHEN p_sequence - 1 > v_above THEN p_transaction ELSE '0'::xid8 END,
    sequence = CASE WHEN p_sequence - 1 > v_above THEN p_sequence - 1 WHEN v_above > 0 THEN v_above + 1 ELSE 0 END
  WHERE company_id = v_company_id AND webhook_id = p_webhook_id;
  PERFORM record_audit('webhook', p_webhook_id, 'replayed', jsonb_build_object('from', coalesce(p_transaction || '-' || p_sequence || '-' || p_mark, '0-0')));
  RETURN 'done';
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.require_own_session()
 RETURNS caller_account
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_caller caller_account := (SELECT a FROM caller_account a WHERE a.scopes IS NULL);
BEGIN
  IF v_caller.user_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'BC401', MESSAGE = 'sign in first';
  END IF;
  RETURN v_caller;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.require_past(p_at timestamp with time zone, p_field text)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE
AS $function$
BEGIN
  IF p_at > clock_timestamp() OR NOT isfinite(p_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'BC400', MESSAGE = 'the instant has not come', HINT = 'instant_not_come', DETAIL = p_field;
  END IF;
  RETURN p_at;
END
$function$
-- owner bitcorp_owner, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.reserve_equipment(p_equipment_id uuid, p_user_id uuid, p_from timestamp with time zone, p_until timestamp with time zone, p_notes text)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  IF p_from >= clock_timestamp() - interval '5 minutes' THEN
    PERFORM check_equipment_free(p_equipment_id, p_from, p_until, NULL);
  END IF;
  RETURN QUERY
    INSERT INTO equipment_assignments (company_id, equipment_id, user_id, reserved_from, reserved_until, notes)
    SELECT c.company_id, p_equipment_id, p_user_id, p_from, p_until, p_notes FROM caller c
    RETURNING *;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.return_equipment(p_equipment_id uuid, p_notes text, p_condition text, p_meter_reading numeric)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
BEGIN
  PERFORM lock_equipment(p_equipment_id);
  RETURN QUERY
    UPDATE equipment_assignments a SET returned_at = clock_timestamp(), return_notes = p_notes, return_condition = p_condition, return_meter_reading = p_meter_reading
    WHERE a.company_id = (SELECT c.company_id FROM caller c) AND a.equipment_id = p_equipment_id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)
    RETURNING *;
  IF NOT FOUND THEN
    IF EXISTS (SELECT FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c)
               AND a.equipment_id = p_equipment_id AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) THEN
      RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'held by another person';
    END IF;
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_nothing_to_return', MESSAGE = 'nobody has the machine';
  END IF;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.search_equipment(p_search_term text, p_limit integer DEFAULT 1000)
 RETURNS TABLE(equipment_id uuid, rank real)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 100
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_prefix text := 'c' || (SELECT co.search_key FROM companies co WHERE co.id = v_company_id) || ':';
  v_terms text[] := ARRAY(SELECT left(t, 60) FROM regexp_split_to_table(normalize_search_text(left(p_search_term, 500)), '[^a-z0-9]+') t WHERE t <> '' LIMIT 8);
  v_query tsquery;
  v_part tsquery;
  v_term text;
  v_near text;
  v_corrected boolean := false;
  v_most integer := least(greatest(p_limit, 1), 2000);
  v_ids uuid[];
  v_ranks real[];
  v_documents real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'equipment_search_documents'::regclass);
  v_whole tsquery;
BEGIN
  IF v_company_id IS NULL OR cardinality(v_terms) = 0 THEN
    RETURN;
  END IF;
  FOREACH v_term IN ARRAY v_terms LOOP
    v_query := coalesce(v_query && build_search_term(v_prefix, v_term), build_search_term(v_prefix, v_term));
  END LOOP;
  -- Where words are common, the newest 20,000 machines are walked until enough have them; all that have them would be the more the larger the company.
  IF v_documents > 50000 AND guess_search_matches(v_query) > greatest(0.01 * v_documents, 3 * v_most) THEN
    SELECT array_agg(n.equipment_id), array_agg(ts_rank(n.document, v_query)) INTO v_ids, v_ranks
    FROM (SELECT newest.equipment_id, newest.document
          FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.company_id = v_company_id ORDER BY d.equipment_id DESC LIMIT 20000) newest
          WHERE newest.document @@ v_query LIMIT v_most) n;
  ELSIF v_documents > 50000 THEN
    -- Whole words and stems have an entry each; what only begins so is gathered from many, which is slow and needed only where those are not enough.
    v_whole := replace(v_query::text, ':*', '')::tsquery;
    SELECT array_agg(n.equipment_id), array_agg(ts_rank(n.document, v_query)) INTO v_ids, v_ranks
    FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_whole ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
  IF cardinality(v_ids) = v_most THEN
    RETURN QUERY SELECT * FROM unnest(v_ids, v_ranks);
  ELSE
    RETURN QUERY
      SELECT n.equipment_id, ts_rank(n.document, v_query)
      FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_query ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
  IF FOUND THEN
    RETURN;
  END IF;
  v_query := NULL;
  FOREACH v_term IN ARRAY v_terms LOOP
    v_part := build_search_term(v_prefix, v_term);
    IF length(v_term) >= 4 AND v_term ~ '[a-z]' THEN
      FOR v_near IN SELECT w.word FROM equipment_search_words w
          WHERE w.company_id = v_company_id AND w.word % v_term ORDER BY w.word <-> v_term LIMIT 3 LOOP
        v_part := v_part || build_search_term(v_prefix, v_near);
        v_corrected := true;
      END LOOP;
    END IF;
    v_query := coalesce(v_query && v_part, v_part);
  END LOOP;
  IF v_corrected THEN
    RETURN QUERY
      SELECT n.equipment_id, ts_rank(n.document, v_query) * 0.5::real
      FROM (SELECT d.equipment_id, d.document FROM equipment_search_documents d WHERE d.document @@ v_query
            ORDER BY d.equipment_id DESC LIMIT v_most) n;
  END IF;
END
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.send_to_maintenance(p_equipment_id uuid, p_version integer, p_type text, p_scheduled_date date, p_title text, p_reason text, p_technician text, p_notes text, p_meter_reading numeric)
 RETURNS SETOF maintenance_records
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_company_id uuid := (SELECT c.company_id FROM caller c);
  v_today date := get_company_day(v_company_id);
BEGIN
  PERFORM change_equipment_status(p_equipment_id, p_version, 'maintenance', p_reason);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM set_config('app.reason', coalesce(p_reason, ''), true);
  RETURN QUERY
    INSERT INTO maintenance_records (company_id, equipment_id, type, status, scheduled_date, title, technician, notes, meter_reading)
    VALUES (v_company_id, p_equipment_id, p_type, CASE WHEN p_scheduled_date > v_today THEN 'scheduled' ELSE 'in_progress' END,
      coalesce(p_scheduled_date, v_today), p_title, p_technician, p_notes, p_meter_reading)
    RETURNING *;
  PERFORM set_config('app.reason', '', true);
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.set_account_status(p_email text, p_status text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE users u SET status = p_status WHERE u.email = lower(p_email) AND u.email NOT LIKE '%@anonymised.invalid' RETURNING u.id INTO v_user_id;
  IF p_status <> 'active' THEN
    UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
  END IF;
  RETURN v_user_id;
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.set_company_status(p_company_id uuid, p_status text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE companies SET status = p_status WHERE id = p_company_id
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.settle_imported_company(p_company_id uuid, p_metadata jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  PERFORM set_config('app.request_metadata', p_metadata::text, true);
  INSERT INTO webhook_progress (company_id, webhook_id, transaction_id, sequence, server_mark)
  SELECT w.company_id, w.id, v.transaction_id, v.sequence, 'imported'
  FROM webhooks w CROSS JOIN LATERAL (SELECT d.transaction_id, d.sequence FROM domain_events d WHERE d.company_id = w.company_id
    ORDER BY d.transaction_id DESC, d.sequence DESC LIMIT 1) v WHERE w.company_id = p_company_id;
  INSERT INTO webhook_secrets (company_id, webhook_id, secret)
  SELECT w.company_id, w.id, 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(w.id)), 'base64')
  FROM webhooks w WHERE w.company_id = p_company_id;
  PERFORM disable_webhook(w.company_id, w.id, 'moved') FROM webhooks w WHERE w.company_id = p_company_id;
  UPDATE api_tokens t SET revoked_at = clock_timestamp() WHERE t.company_id = p_company_id AND t.revoked_at IS NULL;
  UPDATE companies co SET tax_id_changed_at = NULL WHERE co.id = p_company_id AND co.tax_id_changed_at IS NOT NULL;
  UPDATE user_company_roles r SET tax_id_changed_at = NULL WHERE r.company_id = p_company_id AND r.tax_id_changed_at IS NOT NULL;
  INSERT INTO audit_logs (company_id, entity_type, entity_id, action, metadata) VALUES (p_company_id, 'company', p_company_id, 'imported', p_metadata);
END
$function$
-- owner record_keeper, executed by bitcorp_owner

CREATE OR REPLACE FUNCTION public.sign_webhook_message(p_company_id uuid, p_webhook_id uuid, p_message_id text, p_sent_at bigint, p_body text)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  SELECT string_agg('v1,' || encode(hmac_sha256(decode(substr(k.secret, 7), 'base64'), convert_to(p_message_id || '.' || p_sent_at || '.' || p_body, 'UTF8')), 'base64'), ' ' ORDER BY k.n)
  FROM webhook_secrets s CROSS JOIN LATERAL (VALUES (1, s.secret), (2, CASE WHEN s.previous_until > clock_timestamp() THEN s.previous_secret END)) k (n, secret)
  WHERE s.company_id = p_company_id AND s.webhook_id = p_webhook_id AND k.secret IS NOT NULL
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.start_maintenance(p_id uuid, p_version integer, p_to_maintenance boolean, p_reason text)
 RETURNS SETOF maintenance_records
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_record maintenance_records := take_open_maintenance(p_id);
BEGIN
  IF v_record.id IS NULL THEN
    RETURN;
  ELSIF v_record.status <> 'scheduled' THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'the work has begun', DETAIL = v_record.status;
  ELSIF p_to_maintenance THEN
    PERFORM change_equipment_status(v_record.equipment_id, NULL, 'maintenance', coalesce(p_reason, v_record.title));
  END IF;
  RETURN QUERY
    UPDATE maintenance_records r SET status = 'in_progress', version = coalesce(p_version, r.version)
    WHERE r.company_id = v_record.company_id AND r.id = p_id RETURNING r.*;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.store_tax_id(p_company_id uuid, p_person_id uuid, p_version integer, p_key_id text, p_ciphertext bytea, p_hashes text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_changed_at timestamptz := CASE WHEN p_ciphertext IS NOT NULL THEN clock_timestamp() END;
BEGIN
  IF p_person_id IS NULL THEN
    UPDATE companies SET version = coalesce(p_version, version), tax_id_changed_at = v_changed_at WHERE id = p_company_id;
  ELSE
    UPDATE user_company_roles SET version = coalesce(p_version, version), tax_id_changed_at = v_changed_at
    WHERE company_id = p_company_id AND id = p_person_id AND NOT is_deleted;
  END IF;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_ciphertext IS NULL THEN
    DELETE FROM encrypted_tax_ids WHERE company_id = p_company_id AND person_id IS NOT DISTINCT FROM p_person_id;
    RETURN true;
  END IF;
  IF p_person_id IS NOT NULL THEN
    -- While keys rotate the same value may stand under two hashes, which the unique index cannot see.
    PERFORM pg_advisory_xact_lock(hashtextextended('tax ids ' || p_company_id, 0));
    IF EXISTS (SELECT FROM encrypted_tax_ids t WHERE t.company_id = p_company_id AND t.person_id <> p_person_id AND t.lookup_hash = ANY (p_hashes)) THEN
      RAISE EXCEPTION USING ERRCODE = '23505', CONSTRAINT = 'idx_encrypted_tax_ids_person_hash', MESSAGE = 'another person has this tax id';
    END IF;
  END IF;
  INSERT INTO encrypted_tax_ids (company_id, person_id, key_id, ciphertext, lookup_hash)
  VALUES (p_company_id, p_person_id, p_key_id, p_ciphertext, p_hashes[1])
  ON CONFLICT ON CONSTRAINT encrypted_tax_ids_one_each DO UPDATE
  SET key_id = excluded.key_id, ciphertext = excluded.ciphertext, lookup_hash = excluded.lookup_hash, changed_at = clock_timestamp();
  RETURN true;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.take_open_maintenance(p_id uuid)
 RETURNS maintenance_records
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_record maintenance_records;
BEGIN
  SELECT * INTO v_record FROM maintenance_records r
  WHERE r.company_id = (SELECT c.company_id FROM caller c) AND r.id = p_id AND NOT r.is_deleted FOR NO KEY UPDATE;
  IF v_record.status IN ('done', 'cancelled') THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'mr_status_step', MESSAGE = 'the work has ended', DETAIL = v_record.status;
  END IF;
  RETURN v_record;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.take_try(p_scopes text[], p_keys text[], p_now timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_next timestamptz;
BEGIN
  -- Who must wait is turned away by a look alone: a flood of tries writes nothing.
  -- A count without a delay holds nobody, also who read the clock before the one that was counted meanwhile.
  SELECT max(t.next_try_at) INTO v_next FROM unnest(p_scopes, p_keys) k (scope, key_hash)
  JOIN sign_in_throttles t ON t.scope = k.scope AND t.key_hash = k.key_hash AND t.next_try_at > t.last_try_at;
  FOR i IN 1 .. CASE WHEN v_next > p_now THEN 0 ELSE cardinality(p_scopes) END LOOP
    INSERT INTO sign_in_throttles (scope, key_hash, failures, last_try_at, next_try_at) VALUES (p_scopes[i], p_keys[i], 0, p_now, p_now)
    ON CONFLICT DO NOTHING;
    SELECT CASE WHEN t.next_try_at > t.last_try_at THEN t.next_try_at END INTO v_next FROM sign_in_throttles t WHERE t.scope = p_scopes[i] AND t.key_hash = p_keys[i] FOR UPDATE;
    EXIT WHEN v_next > p_now;
  END LOOP;
  IF v_next > p_now THEN
    RETURN greatest(ceil(extract(epoch FROM v_next - greatest(p_now, clock_timestamp()))), 1);
  END IF;
  UPDATE sign_in_throttles t SET failures = c.failures, last_try_at = p_now, next_try_at = p_now + get_sign_in_delay(t.scope, c.failures)
  FROM (SELECT s.scope, s.key_hash, CASE WHEN s.last_try_at < p_now - get_sign_in_memory(s.scope) THEN 1 ELSE s.failures + 1 END AS failures
        FROM unnest(p_scopes, p_keys) k (scope, key_hash) JOIN sign_in_throttles s ON s.scope = k.scope AND s.key_hash = k.key_hash) c
  WHERE t.scope = c.scope AND t.key_hash = c.key_hash;
  RETURN 0;
END
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.tell_equipment_usage(p_company_id uuid)
 RETURNS SETOF equipment_usage_months
 LANGUAGE sql
 STABLE
AS $function$
  SELECT s.company_id, s.equipment_id, k.month,
    coalesce(sum(k.begun) FILTER (WHERE NOT s.is_fleet), 0)::integer, coalesce(sum(k.ended) FILTER (WHERE NOT s.is_fleet), 0)::integer,
    coalesce(sum(k.rest) FILTER (WHERE NOT s.is_fleet), 0)::bigint, coalesce(sum(k.begun) FILTER (WHERE s.is_fleet), 0)::integer,
    coalesce(sum(k.ended) FILTER (WHERE s.is_fleet), 0)::integer, coalesce(sum(k.rest) FILTER (WHERE s.is_fleet), 0)::bigint
  FROM (
    SELECT a.company_id, a.equipment_id, false AS is_fleet, a.assigned_at AS from_at, a.returned_at AS to_at
    FROM equipment_assignments a WHERE a.assigned_at IS NOT NULL AND NOT a.is_deleted
    UNION ALL
    SELECT p.company_id, p.equipment_id, true, p.entered_at, p.left_at FROM equipment_fleet_periods p
  ) s
  JOIN companies co ON co.id = s.company_id
  CROSS JOIN LATERAL get_usage_marks(s.from_at, s.to_at, coalesce(co.settings ->> 'time_zone', 'UTC')) k
  WHERE p_company_id IS NULL OR s.company_id = p_company_id
  GROUP BY s.company_id, s.equipment_id, k.month
$function$
-- owner record_keeper

CREATE OR REPLACE FUNCTION public.tell_equipment_usage_at(p_as_of timestamp with time zone, p_known_at timestamp with time zone, p_equipment_ids uuid[])
 RETURNS SETOF equipment_usage_months
 LANGUAGE sql
 STABLE
AS $function$
  SELECT s.company_id, s.equipment_id, k.month,
    coalesce(sum(k.begun) FILTER (WHERE NOT s.is_fleet), 0)::integer, coalesce(sum(k.ended) FILTER (WHERE NOT s.is_fleet), 0)::integer,
    coalesce(sum(k.rest) FILTER (WHERE NOT s.is_fleet), 0)::bigint, coalesce(sum(k.begun) FILTER (WHERE s.is_fleet), 0)::integer,
    coalesce(sum(k.ended) FILTER (WHERE s.is_fleet), 0)::integer, coalesce(sum(k.rest) FILTER (WHERE s.is_fleet), 0)::bigint
  FROM (SELECT get_company_zone_at(least(p_as_of, p_known_at)) AS name, (SELECT c.company_id FROM caller c) AS company_id) zone
  CROSS JOIN LATERAL tell_usage_periods(zone.company_id, p_equipment_ids, p_as_of, p_known_at) s
  CROSS JOIN LATERAL get_usage_marks(s.from_at, s.to_at, zone.name) k
  WHERE zone.company_id IS NOT NULL
  GROUP BY s.company_id, s.equipment_id, k.month
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.tell_usage_periods(p_company_id uuid, p_equipment_ids uuid[], p_as_of timestamp with time zone, p_known_at timestamp with time zone)
 RETURNS TABLE(company_id uuid, equipment_id uuid, is_fleet boolean, from_at timestamp with time zone, to_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
  -- What a field held is true from when it was recorded, up to the earlier of the two.
  v_recorded_at timestamptz := least(p_as_of, p_known_at);
BEGIN
  RETURN QUERY
  WITH machine AS MATERIALIZED (
    SELECT e.company_id, e.id FROM equipment e
    WHERE (p_company_id IS NULL OR e.company_id = p_company_id) AND (p_equipment_ids IS NULL OR e.id = ANY (p_equipment_ids)) AND e.created_at <= v_recorded_at
  ), held AS MATERIALIZED (
    SELECT a.company_id, a.equipment_id, a.assigned_at AS from_at, CASE WHEN a.returned_at <= p_as_of THEN a.returned_at END AS to_at
    FROM equipment_assignments a
    WHERE (p_company_id IS NULL OR a.company_id = p_company_id) AND (p_equipment_ids IS NULL OR a.equipment_id = ANY (p_equipment_ids))
      AND a.assigned_at <= p_as_of AND a.updated_at <= p_known_at AND NOT a.is_deleted
    UNION ALL
    -- The few that were written to since: what was known of them.
    SELECT k.company_id, k.equipment_id, k.assigned_at, k.returned_at
    FROM equipment_assignments a CROSS JOIN LATERAL get_assignment_at(a, p_as_of, p_known_at) k
    WHERE (p_company_id IS NULL OR a.company_id = p_company_id) AND (p_equipment_ids IS NULL OR a.equipment_id = ANY (p_equipment_ids))
      AND a.updated_at > p_known_at AND a.created_at <= p_known_at
  ), status AS MATERIALIZED (
    SELECT h.company_id, h.equipment_id, h.status IN ('active', 'maintenance') AS is_in, h.effective_from AS from_at,
      CASE WHEN h.effective_to <= v_recorded_at THEN h.effective_to END AS to_at
    FROM equipment_status_history h
    WHERE (p_company_id IS NULL OR h.company_id = p_company_id) AND (p_equipment_ids IS NULL OR h.equipment_id = ANY (p_equipment_ids))
      AND h.effective_from <= p_as_of AND h.recorded_at <= p_known_at AND (h.superseded_at IS NULL OR h.superseded_at > p_known_at)
  ), present AS (
    SELECT s.company_id, s.equipment_id, tstzrange(s.from_at, s.to_at) AS period FROM status s WHERE s.is_in
    UNION ALL
    SELECT f.company_id, f.equipment_id, tstzrange(f.from_at, r.from_at)
    FROM (SELECT h.company_id, h.equipment_id, min(h.from_at) AS from_at FROM held h GROUP BY 1, 2) f
    JOIN (SELECT s.company_id, s.equipment_id, min(s.from_at) AS from_at FROM status s GROUP BY 1, 2) r USING (company_id, equipment_id)
    WHERE f.from_at < r.from_at
  ), deletion AS (
    SELECT v.company_id, v.aggregate_id, v.event_type, (v.event_data -> 'new' ->> 'updated_at')::timestamptz AS at,
      lead((v.event_data -> 'new' ->> 'updated_at')::timestamptz) OVER (PARTITION BY v.company_id, v.aggregate_id ORDER BY v.event_version) AS restored_at
    FROM domain_events v
    WHERE (p_company_id IS NULL OR v.company_id = p_company_id) AND (p_equipment_ids IS NULL OR v.aggregate_id = ANY (p_equipment_ids))
      AND v.aggregate_type = 'equipment' AND v.event_type IN ('equipment_deleted', 'equipment_restored') AND v.occurred_at <= v_recorded_at
  ), absent AS (
    SELECT d.company_id, d.aggregate_id AS equipment_id, range_agg(tstzrange(d.at, d.restored_at)) AS periods
    FROM deletion d WHERE d.event_type = 'equipment_deleted' GROUP BY 1, 2
  )
  SELECT h.company_id, h.equipment_id, false, h.from_at, h.to_at FROM held h JOIN machine m ON m.company_id = h.company_id AND m.id = h.equipment_id
  UNION ALL
  SELECT f.company_id, f.equipment_id, true, lower(p.period), upper(p.period)
  FROM (SELECT i.company_id, i.equipment_id, range_agg(i.period) AS periods FROM present i GROUP BY 1, 2) f
  JOIN machine m ON m.company_id = f.company_id AND m.id = f.equipment_id
  LEFT JOIN absent a ON a.company_id = f.company_id AND a.equipment_id = f.equipment_id
  CROSS JOIN LATERAL unnest(f.periods - coalesce(a.periods, '{}')) AS p (period);
END
$function$
-- owner record_keeper, executed by application_user, reporting_user

CREATE OR REPLACE FUNCTION public.touch_session()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE sessions s SET last_seen_at = clock_timestamp()
  WHERE s.id = (SELECT a.session_id FROM caller_account a WHERE a.scopes IS NULL) AND coalesce(s.last_seen_at, s.created_at) < clock_timestamp() - interval '5 minutes'
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.transfer_equipment(p_equipment_id uuid, p_user_id uuid, p_notes text, p_due_at timestamp with time zone, p_condition text, p_meter_reading numeric)
 RETURNS SETOF equipment_assignments
 LANGUAGE plpgsql
 ROWS 1
AS $function$
DECLARE
  v_from equipment_assignments;
BEGIN
  SELECT * INTO v_from FROM return_equipment(p_equipment_id, p_notes, p_condition, p_meter_reading);
  IF v_from.user_id = p_user_id THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'ea_transfer_to_another', MESSAGE = 'this person has the machine already';
  END IF;
  RETURN QUERY SELECT * FROM assign_equipment(p_equipment_id, p_user_id, p_notes, p_due_at, p_condition, p_meter_reading);
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.try_import_rows(p_rows jsonb)
 RETURNS TABLE(row_number integer, equipment_id uuid, problem text, detail text)
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_row jsonb;
  v_done jsonb;
  v_problem text;
  v_state text;
BEGIN
  BEGIN
    SELECT jsonb_agg(p) INTO v_done FROM put_import_rows(p_rows) p;
  EXCEPTION WHEN integrity_constraint_violation OR data_exception OR SQLSTATE 'BC412' THEN
    v_done := NULL;
  END;
  IF v_done IS NOT NULL THEN
    RETURN QUERY SELECT d.row_number, d.equipment_id, NULL::text, NULL::text FROM jsonb_to_recordset(v_done) AS d (row_number integer, equipment_id uuid);
    RETURN;
  END IF;
  FOR v_row IN SELECT r.value FROM jsonb_array_elements(p_rows) r LOOP
    row_number := (v_row ->> 'row')::integer;
    equipment_id := NULL;
    problem := NULL;
    detail := NULL;
    BEGIN
      SELECT p.equipment_id INTO equipment_id FROM put_import_rows(jsonb_build_array(v_row)) p;
    EXCEPTION WHEN integrity_constraint_violation OR data_exception OR SQLSTATE 'BC412' THEN
      GET STACKED DIAGNOSTICS v_problem = CONSTRAINT_NAME, v_state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
      problem := coalesce(nullif(v_problem, ''), v_state);
    END;
    RETURN NEXT;
  END LOOP;
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.use_password_link(p_token_hash text, p_password_hash text, p_device_hash text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_user_id uuid;
BEGIN
  UPDATE password_links l SET ended_at = clock_timestamp()
  WHERE l.token_hash = p_token_hash AND l.ended_at IS NULL AND l.expires_at > clock_timestamp() RETURNING l.user_id INTO v_user_id;
  UPDATE users u SET password_hash = p_password_hash, password_given_at = NULL WHERE u.id = v_user_id AND u.status = 'active';
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = '23514', CONSTRAINT = 'password_links_spent', MESSAGE = 'the link is used or too old';
  END IF;
  UPDATE sessions s SET ended_at = clock_timestamp() WHERE s.user_id = v_user_id AND s.ended_at IS NULL;
  PERFORM forget_devices(v_user_id);
  PERFORM remember_device(v_user_id, p_device_hash) WHERE p_device_hash IS NOT NULL;
  PERFORM record_account_audit(v_user_id, 'password_changed', '{"source": "link"}');
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.use_recovery_code(p_user_id uuid, p_code_hash text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  UPDATE recovery_codes c SET used_at = clock_timestamp()
  FROM totp_secrets s WHERE c.user_id = p_user_id AND c.code_hash = p_code_hash AND c.used_at IS NULL AND s.user_id = c.user_id AND s.confirmed_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM record_account_audit(p_user_id, 'recovery_code_used', '{}');
  RETURN true;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.use_totp_step(p_user_id uuid, p_step bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  UPDATE totp_secrets s SET last_step = p_step WHERE s.user_id = p_user_id AND s.confirmed_at IS NOT NULL AND s.last_step < p_step;
  RETURN FOUND;
END
$function$
-- owner record_keeper, executed by application_user

CREATE OR REPLACE FUNCTION public.validate_equipment_serial_number(p_serial_number text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
BEGIN
  RETURN p_serial_number ~ '^EQ-[0-9]{4}-[A-Z]{2}-[0-9]{6}$';
END
$function$
-- owner bitcorp_owner, executed by application_user, record_keeper, reporting_user

CREATE OR REPLACE FUNCTION public.watch_event_feed(p_credentials text[], p_companies uuid[])
 RETURNS TABLE(place integer, head text)
 LANGUAGE plpgsql
AS $function$
DECLARE
  v_company_id uuid;
BEGIN
  FOR v_place IN 1 .. cardinality(p_credentials) LOOP
    PERFORM identify_caller(p_credentials[v_place], p_companies[v_place]);
    IF EXISTS (SELECT FROM caller c WHERE c.role IN ('admin', 'manager')) THEN
      place := v_place;
      IF v_company_id IS DISTINCT FROM p_companies[v_place] THEN
        v_company_id := p_companies[v_place];
        head := (SELECT v.transaction_id || '-' || v.sequence FROM domain_events v
          WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY v.transaction_id DESC, v.sequence DESC LIMIT 1);
      END IF;
      RETURN NEXT;
    END IF;
  END LOOP;
  PERFORM identify_caller(NULL, NULL);
END
$function$
-- owner bitcorp_owner, executed by application_user

CREATE OR REPLACE FUNCTION public.write_audit_row(p_position bigint, p_chained_at timestamp with time zone, p_row audit_logs)
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN (jsonb_build_array('v1', p_position, to_char((p_chained_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text), (p_row).company_id, (p_row).id, (p_row).entity_type, (p_row).entity_id, (p_row).action, (p_row).user_id, (p_row).old_values, (p_row).new_values, (p_row).metadata, to_char(((p_row).created_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text), ((p_row).transaction_id)::text))::text
-- owner record_keeper, executed by application_user
