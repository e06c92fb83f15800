// Who may see and keep webhooks, tried out in SQL: admins alone, and nobody what signs.
import { expect, test } from 'vitest'
import { refusalOf } from '../../../test/harness.ts'
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'webhooks',
  {
    insert: `INSERT INTO webhooks (company_id, name, url) VALUES ($1, 'x', 'https://x.test/') RETURNING 1`,
    update: `UPDATE webhooks SET name = 'y' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 done                  done                  refused
    manager               none                  refused               none                  refused
    operator              none                  refused               none                  refused
    viewer                none                  refused               none                  refused
    admin, read token     none                  refused               none                  refused
    admin, write token    none                  refused               none                  refused
    no membership         none                  refused               none                  refused
    ended membership      none                  refused               none                  refused
    suspended company     none                  refused               none                  refused
    expired session       none                  refused               none                  refused
    deactivated account   none                  refused               none                  refused
    other company         none                  refused               none                  refused
    random                none                  refused               none                  refused
    empty                 none                  refused               none                  refused
    unset                 none                  refused               none                  refused
    reporting_user        refused               refused               refused               refused
  `,
)

policyTest(
  world,
  'webhook_deliveries',
  {
    insert: `INSERT INTO webhook_deliveries (company_id, webhook_id, event_type, attempt, status, duration_ms) SELECT $1, id, 'x', 1, 'delivered', 1 FROM webhooks RETURNING 1`,
    update: `UPDATE webhook_deliveries SET status = 'failed' WHERE company_id = $1 RETURNING 1`,
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

test('nobody reads what signs, the owner neither', async () => {
  for (const who of ['admin', 'viewer'] as const) expect(await refusalOf(() => world.sqlAs('andina', who, (q) => q('SELECT * FROM webhook_secrets')))).toBe('42501')
  await world.sqlAdmin(async (q) => {
    await q('SET LOCAL ROLE bitcorp_owner')
    expect(await q('SELECT * FROM webhook_secrets')).toEqual([])
  })
})
