-- Description: checks the events that were there before against the kinds there are with webhooks, without blocking writers
ALTER TABLE domain_events VALIDATE CONSTRAINT de_aggregate_type_valid;
