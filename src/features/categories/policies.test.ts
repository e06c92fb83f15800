// Who may read and write categories, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'equipment_categories',
  {
    insert: `INSERT INTO equipment_categories (company_id, name, path) VALUES ($1, 'x', '') RETURNING 1`,
    update: `UPDATE equipment_categories SET description = 'x' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 done                  done                  refused
    manager               own 1                 done                  done                  refused
    operator              own 1                 refused               none                  refused
    viewer                own 1                 refused               none                  refused
    admin, read token     own 1                 refused               none                  refused
    admin, write token    own 1                 done                  done                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 1                 refused               refused               refused
  `,
)
