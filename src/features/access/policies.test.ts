// Who may read and write accounts, memberships, sessions and tokens, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'users',
  {
    select: `SELECT u.id = $2 OR EXISTS (SELECT FROM user_company_roles r WHERE r.company_id = $1 AND r.user_id = u.id) AS own FROM users u`,
    insert: `INSERT INTO users (email, full_name) VALUES ('x@y.zz', 'x') RETURNING 1`,
    update: `UPDATE users SET full_name = 'x' WHERE $1::uuid IS NOT NULL RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 7                 refused               done                  refused
    manager               own 7                 refused               done                  refused
    operator              own 7                 refused               done                  refused
    viewer                own 7                 refused               done                  refused
    admin, read token     own 7                 refused               none                  refused
    admin, write token    own 7                 refused               none                  refused
    no membership         own 1                 refused               done                  refused
    ended membership      own 1                 refused               done                  refused
    suspended company     own 1                 refused               done                  refused
    expired session       none                  refused               none                  refused
    deactivated account   none                  refused               none                  refused
    other company         own 1                 refused               done                  refused
    random                none                  refused               none                  refused
    empty                 none                  refused               none                  refused
    unset                 none                  refused               none                  refused
    reporting_user        own 7                 refused               refused               refused
  `,
)

policyTest(
  world,
  'user_company_roles',
  {
    insert: `INSERT INTO user_company_roles (company_id, user_id, role, display_name) VALUES ($1, '${world.person('sur', 'stranger').userId}', 'viewer', 'x') RETURNING 1`,
    update: `UPDATE user_company_roles SET display_name = 'x' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 7                 done                  done 7                refused
    manager               own 7                 refused               none                  refused
    operator              own 7                 refused               none                  refused
    viewer                own 7                 refused               none                  refused
    admin, read token     own 7                 refused               none                  refused
    admin, write token    own 7                 refused               none                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 7                 refused               refused               refused
  `,
)

policyTest(
  world,
  'sessions',
  {
    select: 'SELECT user_id = $2 AND $1::uuid IS NOT NULL AS own FROM sessions',
    insert: `INSERT INTO sessions (user_id, token_hash, expires_at) VALUES ($2, repeat('a', 64), now() + interval '1 day') RETURNING $1::uuid`,
    update: 'UPDATE sessions SET ended_at = NULL RETURNING 1',
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
  'api_tokens',
  {
    insert: `INSERT INTO api_tokens (company_id, user_id, name, token_hash, scopes, expires_at) VALUES ($1, $2, 'x', repeat('a', 64), '{read}', now() + interval '1 day') RETURNING 1`,
    update: 'UPDATE api_tokens SET revoked_at = now() WHERE company_id = $1 AND revoked_at IS NULL RETURNING 1',
  },
  `
                          select                insert                update                delete
    admin                 own 9                 done                  done 9                refused
    manager               own 1                 done                  done                  refused
    operator              own 1                 done                  done                  refused
    viewer                own 1                 done                  done                  refused
    admin, read token     own 3                 refused               none                  refused
    admin, write token    own 3                 refused               done 3                refused
    outsiders             none                  refused               none                  refused
    reporting_user        refused               refused               refused               refused
  `,
)
