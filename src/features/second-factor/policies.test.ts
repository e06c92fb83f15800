// Who may read and write secrets and recovery codes, tried out in SQL: nobody but the functions.
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
  'totp_secrets',
  {
    select: 'SELECT user_id = $2 AND $1::uuid IS NOT NULL AS own FROM totp_secrets',
    insert: `INSERT INTO totp_secrets (user_id, key_id, ciphertext) VALUES ($2, 'abcdef12', repeat('x', 60)::bytea) RETURNING $1::uuid`,
    update: 'UPDATE totp_secrets SET confirmed_at = NULL WHERE $1::uuid IS NOT NULL RETURNING 1',
  },
  nobody,
)

policyTest(
  world,
  'recovery_codes',
  {
    select: 'SELECT user_id = $2 AND $1::uuid IS NOT NULL AS own FROM recovery_codes',
    insert: `INSERT INTO recovery_codes (user_id, code_hash) VALUES ($2, repeat('a', 64)) RETURNING $1::uuid`,
    update: 'UPDATE recovery_codes SET used_at = NULL WHERE $1::uuid IS NOT NULL RETURNING 1',
  },
  nobody,
)
