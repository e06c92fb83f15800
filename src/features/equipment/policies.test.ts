// Who may read and write machines, their status history and search, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'equipment',
  { insert: `INSERT INTO equipment (company_id, name, ownership) VALUES ($1, 'x', 'rented') RETURNING 1`, update: `UPDATE equipment SET location = 'x' WHERE company_id = $1 RETURNING 1` },
  `
                          select                insert                update                delete
    admin                 own 2                 done                  done 2                refused
    manager               own 2                 done                  done 2                refused
    operator              own 2                 refused               none                  refused
    viewer                own 2                 refused               none                  refused
    admin, read token     own 2                 refused               none                  refused
    admin, write token    own 2                 done                  done 2                refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 2                 refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_status_history',
  {
    insert: `INSERT INTO equipment_status_history (company_id, equipment_id, status, effective_from) VALUES ($1, $2, 'active', now()) RETURNING 1`,
    update: `UPDATE equipment_status_history SET reason = 'x' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 2                 refused               refused               refused
    manager               own 2                 refused               refused               refused
    operator              own 2                 refused               refused               refused
    viewer                own 2                 refused               refused               refused
    admin, read token     own 2                 refused               refused               refused
    admin, write token    own 2                 refused               refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 2                 refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_serial_counters',
  {
    insert: `INSERT INTO equipment_serial_counters (company_id, prefix, last_number) VALUES ($1, 'x', 1) RETURNING 1`,
    update: 'UPDATE equipment_serial_counters SET last_number = 0 WHERE company_id = $1 RETURNING 1',
  },
  `
                          select                insert                update                delete
    admin                 refused               refused               refused               refused
    manager               refused               refused               refused               refused
    operator              refused               refused               refused               refused
    viewer                refused               refused               refused               refused
    admin, read token     refused               refused               refused               refused
    admin, write token    refused               refused               refused               refused
    outsiders             refused               refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_search_documents',
  {
    insert: `INSERT INTO equipment_search_documents (company_id, equipment_id, document) VALUES ($1, $2, '') RETURNING 1`,
    update: `UPDATE equipment_search_documents SET document = '' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 refused               refused               refused               refused
    manager               refused               refused               refused               refused
    operator              refused               refused               refused               refused
    viewer                refused               refused               refused               refused
    admin, read token     refused               refused               refused               refused
    admin, write token    refused               refused               refused               refused
    outsiders             refused               refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_search_words',
  { insert: `INSERT INTO equipment_search_words (company_id, word) VALUES ($1, 'x') RETURNING 1`, update: `UPDATE equipment_search_words SET word = 'x' WHERE company_id = $1 RETURNING 1` },
  `
                          select                insert                update                delete
    admin                 refused               refused               refused               refused
    manager               refused               refused               refused               refused
    operator              refused               refused               refused               refused
    viewer                refused               refused               refused               refused
    admin, read token     refused               refused               refused               refused
    admin, write token    refused               refused               refused               refused
    outsiders             refused               refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `,
)

policyTest(
  world,
  'idempotency_keys',
  {
    insert: `INSERT INTO idempotency_keys (company_id, user_id, key, request_hash) VALUES ($1, $2, 'new', 'h') RETURNING 1`,
    update: `UPDATE idempotency_keys SET response_status = 200 WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 done                  done                  refused
    manager               own 1                 done                  done                  refused
    operator              own 1                 done                  done                  refused
    viewer                own 1                 done                  done                  refused
    admin, read token     own 1                 done                  done                  refused
    admin, write token    own 1                 done                  done                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        refused               refused               refused               refused
  `,
)
