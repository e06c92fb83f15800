// What floor and limit read: the fields that the product answers, straight from the plain tables.
const machine = `e.*, k.name AS category_name, a.id AS assignment_id, a.user_id AS holder_id, p.display_name AS holder_name, a.assigned_at, a.due_at, a.accepted_at, a.condition, a.notes`
const beside = `LEFT JOIN plain.equipment_categories k ON k.company_id = e.company_id AND k.id = e.category_id
  LEFT JOIN plain.equipment_assignments a ON a.company_id = e.company_id AND a.equipment_id = e.id AND a.returned_at IS NULL
  LEFT JOIN plain.user_company_roles p ON p.company_id = a.company_id AND p.user_id = a.user_id`

/** Each takes how company, machine, status and words are written: as parameters or as values. */
export const reads = {
  get: (company: string, id: string) => `SELECT ${machine} FROM plain.equipment e ${beside} WHERE e.company_id = ${company} AND e.id = ${id}`,
  list: (company: string, status: string) =>
    `SELECT ${machine} FROM plain.equipment e ${beside} WHERE e.company_id = ${company} AND e.status = ${status} ORDER BY e.created_at DESC, e.id DESC LIMIT 50`,
  search: (company: string, words: string) =>
    `SELECT ${machine} FROM plain.equipment_search s JOIN plain.equipment e ON e.company_id = s.company_id AND e.id = s.equipment_id ${beside}
     WHERE s.company_id = ${company} AND s.document @@ plainto_tsquery('simple', ${words}) ORDER BY e.created_at DESC LIMIT 50`,
  timeline: (company: string, id: string) =>
    `SELECT v.id, v.event_type, v.occurred_at, v.recorded_by, p.display_name AS recorded_by_name, v.metadata ->> 'reason' AS reason, v.event_data FROM plain.domain_events v
     LEFT JOIN plain.user_company_roles p ON p.company_id = v.company_id AND p.user_id = v.recorded_by
     WHERE v.company_id = ${company} AND v.subject_id = ${id} ORDER BY v.occurred_at DESC, v.id DESC LIMIT 50`,
}
