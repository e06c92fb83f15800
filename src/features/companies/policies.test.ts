// Who may read and write companies, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'companies',
  { insert: `INSERT INTO companies (name) VALUES ('x') RETURNING 1`, update: `UPDATE companies SET phone = '1' WHERE id = $1 RETURNING 1` },
  `
                          select                insert                update                delete
    admin                 own 1                 refused               done                  refused
    manager               own 1                 refused               none                  refused
    operator              own 1                 refused               none                  refused
    viewer                own 1                 refused               none                  refused
    admin, read token     own 1                 refused               none                  refused
    admin, write token    own 1                 refused               none                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 1                 refused               refused               refused
  `,
)

policyTest(
  world,
  'encrypted_tax_ids',
  {
    insert: `INSERT INTO encrypted_tax_ids (company_id, key_id, ciphertext, lookup_hash) VALUES ($1, 'deadbeef', '\\x00', 'a') RETURNING 1`,
    update: `UPDATE encrypted_tax_ids SET key_id = 'deadbeef' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 refused               refused               refused
    manager               none                  refused               refused               refused
    operator              none                  refused               refused               refused
    viewer                none                  refused               refused               refused
    admin, read token     none                  refused               refused               refused
    admin, write token    none                  refused               refused               refused
    no membership         none                  refused               refused               refused
    ended membership      none                  refused               refused               refused
    suspended company     none                  refused               refused               refused
    expired session       none                  refused               refused               refused
    deactivated account   none                  refused               refused               refused
    other company         none                  refused               refused               refused
    random                none                  refused               refused               refused
    empty                 none                  refused               refused               refused
    unset                 none                  refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `,
)
