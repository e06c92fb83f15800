// What lacks a part: a status, event, audit row or search document for each write. Empty when every write is whole.
export const whole = `
  SELECT 'status' AS what, e.id FROM equipment e LEFT JOIN equipment_status_history h ON h.company_id = e.company_id AND h.equipment_id = e.id AND h.effective_to IS NULL WHERE h.status IS DISTINCT FROM e.status
  UNION ALL SELECT 'events', e.id FROM equipment e WHERE (SELECT count(*) FROM domain_events v WHERE v.company_id = e.company_id AND v.aggregate_id = e.id) <> e.version
  UNION ALL SELECT 'audit', e.id FROM equipment e WHERE (SELECT count(*) FROM audit_logs l WHERE l.company_id = e.company_id AND l.entity_id = e.id) <> e.version
  UNION ALL SELECT 'search', e.id FROM equipment e WHERE NOT EXISTS (SELECT FROM equipment_search_documents d WHERE d.company_id = e.company_id AND d.equipment_id = e.id)
  UNION ALL SELECT 'events of hand-over', a.id FROM equipment_assignments a WHERE (SELECT count(*) FROM domain_events v WHERE v.company_id = a.company_id AND v.aggregate_id = a.id) <> a.version
  UNION ALL SELECT 'audit of hand-over', a.id FROM equipment_assignments a WHERE (SELECT count(*) FROM audit_logs l WHERE l.company_id = a.company_id AND l.entity_id = a.id) <> a.version`
