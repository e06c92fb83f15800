// Who may read and write the sums of utilization, tried out in SQL: everyone of the company reads, nobody writes.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()

policyTest(
  world,
  'equipment_fleet_periods',
  {
    insert: `INSERT INTO equipment_fleet_periods (company_id, equipment_id, entered_at) VALUES ($1, $2, now()) RETURNING 1`,
    update: `UPDATE equipment_fleet_periods SET left_at = now() WHERE company_id = $1 RETURNING 1`,
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
  'equipment_usage_months',
  {
    insert: `INSERT INTO equipment_usage_months (company_id, equipment_id, month) VALUES ($1, $2, '2026-01-01') RETURNING 1`,
    update: `UPDATE equipment_usage_months SET assigned_rest = 0 WHERE company_id = $1 RETURNING 1`,
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
  'company_usage_months',
  {
    insert: `INSERT INTO company_usage_months (company_id, month) VALUES ($1, '2026-01-01') RETURNING 1`,
    update: `UPDATE company_usage_months SET assigned_rest = 0 WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 3                 refused               refused               refused
    manager               own 3                 refused               refused               refused
    operator              own 3                 refused               refused               refused
    viewer                own 3                 refused               refused               refused
    admin, read token     own 3                 refused               refused               refused
    admin, write token    own 3                 refused               refused               refused
    outsiders             none                  refused               refused               refused
    reporting_user        own 3                 refused               refused               refused
  `,
)

policyTest(
  world,
  'equipment_utilization_monthly',
  {
    insert: `INSERT INTO equipment_utilization_monthly (company_id) VALUES ($1) RETURNING 1`,
    update: `UPDATE equipment_utilization_monthly SET month = '2026-01-01' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 2                 55000                 55000                 55000
    manager               own 2                 55000                 55000                 55000
    operator              own 2                 55000                 55000                 55000
    viewer                own 2                 55000                 55000                 55000
    admin, read token     own 2                 55000                 55000                 55000
    admin, write token    own 2                 55000                 55000                 55000
    outsiders             none                  55000                 55000                 55000
    reporting_user        own 2                 55000                 55000                 55000
  `,
)
