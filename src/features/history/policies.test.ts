// Who may read and write events and audit, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()
await world.sqlAdmin((q) => q('SELECT chain_audit_logs(10000)'))

policyTest(
  world,
  'domain_events',
  {
    insert: `INSERT INTO domain_events (company_id, aggregate_id, aggregate_type, event_type, event_version, event_data) VALUES ($1, $2, 'user', 'x', 1, '{}') RETURNING 1`,
    update: `UPDATE domain_events SET metadata = '{}' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 24                refused               refused               refused
    manager               own 24                refused               refused               refused
    operator              own 3                 refused               refused               refused
    viewer                own 3                 refused               refused               refused
    admin, read token     own 3                 refused               refused               refused
    admin, write token    own 24                refused               refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 24                refused               refused               refused
  `,
)

policyTest(
  world,
  'audit_logs',
  {
    insert: `INSERT INTO audit_logs (company_id, entity_type, action, user_id) VALUES ($1, 'x', 'x', $2) RETURNING 1`,
    update: `UPDATE audit_logs SET metadata = '{}' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 24                refused               refused               refused
    manager               none                  refused               refused               refused
    operator              none                  refused               refused               refused
    viewer                none                  refused               refused               refused
    admin, read token     none                  refused               refused               refused
    admin, write token    none                  refused               refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        none                  refused               refused               refused
  `,
)

policyTest(
  world,
  'audit_chain',
  {
    insert: `INSERT INTO audit_chain (company_id, position, audit_id, hash, chained_at) SELECT $1, 999, l.id, repeat('a', 64), now() FROM audit_logs l LIMIT 1`,
    update: `UPDATE audit_chain SET hash = repeat('b', 64) WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 24                refused               refused               refused
    manager               none                  refused               refused               refused
    operator              none                  refused               refused               refused
    viewer                none                  refused               refused               refused
    admin, read token     none                  refused               refused               refused
    admin, write token    none                  refused               refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        refused               refused               refused               refused
  `,
)
