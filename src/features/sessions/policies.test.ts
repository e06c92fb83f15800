// Who may read and write the counts of tries and the known browsers, tried out in SQL: nobody but the functions.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()
const nobody = `
                          select                insert                update                delete
    admin                 refused               refused               refused               refused
    manager               refused               refused               refused               refused
    operator              refused               refused               refused               refused
    viewer                refused               refused               refused               refused
    admin, read token     refused               refused               refused               refused
    admin, write token    refused               refused               refused               refused
    outsiders             refused               refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `

policyTest(
  world,
  'sign_in_throttles',
  {
    select: 'SELECT $1::uuid IS NULL OR $2::uuid IS NULL AS own FROM sign_in_throttles',
    insert: `INSERT INTO sign_in_throttles (scope, key_hash, failures, last_try_at, next_try_at) VALUES ('account', repeat('a', 64), 0, now(), now()) RETURNING $1::uuid`,
    update: 'UPDATE sign_in_throttles SET failures = 0 WHERE $1::uuid IS NOT NULL RETURNING 1',
  },
  nobody,
)

policyTest(
  world,
  'known_devices',
  {
    select: 'SELECT user_id = $2 AND $1::uuid IS NOT NULL AS own FROM known_devices',
    insert: `INSERT INTO known_devices (user_id, token_hash) VALUES ($2, repeat('a', 64)) RETURNING $1::uuid`,
    update: 'UPDATE known_devices SET last_used_at = now() WHERE $1::uuid IS NOT NULL RETURNING 1',
  },
  nobody,
)
