-- Description: bounds for documents people write, a finite end for tokens, an index under the category's parent
ALTER TABLE equipment_categories
  ADD CONSTRAINT category_template_length CHECK (length(specification_template::text) <= 50000);
ALTER TABLE import_batches
  ADD CONSTRAINT import_batches_mapping_length CHECK (length(mapping::text) <= 50000);
ALTER TABLE api_tokens
  ADD CONSTRAINT api_tokens_revoked_finite CHECK (isfinite(revoked_at));
CREATE INDEX idx_equipment_categories_parent ON equipment_categories (company_id, parent_id);
