-- Description: the order in which a company's events are followed
CREATE INDEX idx_domain_events_feed ON domain_events (company_id, transaction_id, sequence);
