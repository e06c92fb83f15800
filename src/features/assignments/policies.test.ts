// Who may read and write hand-overs, tried out in SQL.
import { createPolicyWorld, policyTest } from '../../../test/policies.ts'

const world = await createPolicyWorld()
const machines = { andina: world.freeMachine }

policyTest(
  world,
  'equipment_assignments',
  {
    insert: `INSERT INTO equipment_assignments (company_id, equipment_id, user_id) SELECT $1, '${machines.andina}', $2 RETURNING 1`,
    update: `UPDATE equipment_assignments SET notes = 'x' WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 done                  done                  refused
    manager               own 1                 done                  done                  refused
    operator              own 1                 done                  none                  refused
    viewer                own 1                 refused               none                  refused
    admin, read token     own 1                 refused               none                  refused
    admin, write token    own 1                 done                  done                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 1                 refused               refused               refused
  `,
)

// A reservation: made for oneself by an operator, for anyone by managers; and accepted by nobody but the holder.
policyTest(
  world,
  'equipment_assignments',
  {
    insert: `INSERT INTO equipment_assignments (company_id, equipment_id, user_id, reserved_from, reserved_until)
      SELECT $1, '${machines.andina}', $2, now() + interval '1 day', now() + interval '2 days' RETURNING 1`,
    update: `UPDATE equipment_assignments SET accepted_at = now() WHERE company_id = $1 RETURNING 1`,
  },
  `
                          select                insert                update                delete
    admin                 own 1                 done                  done                  refused
    manager               own 1                 done                  ea_accepted_by_holder refused
    operator              own 1                 done                  none                  refused
    viewer                own 1                 refused               none                  refused
    admin, read token     own 1                 refused               none                  refused
    admin, write token    own 1                 done                  done                  refused
    outsiders             none                  refused               none                  refused
    reporting_user        own 1                 refused               refused               refused
  `,
)
