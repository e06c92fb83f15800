// Who may read and write imports, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'import_batches',
  { insert: `INSERT INTO import_batches (company_id, file_name, row_count) VALUES ($1, 'x.csv', 0) RETURNING 1`, update: 'UPDATE import_batches SET row_count = 1 WHERE company_id = $1 RETURNING 1' },
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
