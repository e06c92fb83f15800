// The base fields of every entity are the database's to write: attacked by SQL as who serves and as the superuser, and by the bodies of the API.
import { expect, test } from 'vitest'
import type { Body, Query } from './harness.ts'
import { createPolicyWorld } from './policies.ts'

const world = await createPolicyWorld()
const andina = world.companies.andina.id
const forged = '00000000-0000-7000-8000-00000000dead'
const lies: Record<string, string> = {
  created_at: "'2001-01-01'",
  updated_at: "'2001-01-01'",
  deleted_at: "'2001-01-01'",
  created_by: `'${forged}'`,
  updated_by: `'${forged}'`,
  deleted_by: `'${forged}'`,
  version: 'version + 10',
  id: `'${forged}'`,
}
const machine = (await world.sqlAdmin((q) => q('SELECT id FROM equipment WHERE company_id = $1 LIMIT 1', [andina])))[0]?.id
await world.as('andina', 'manager').post('/maintenance-records', { equipment_id: machine, type: 'preventive', scheduled_date: '2030-01-01' })

const entities: string[] = (
  await world.sqlAdmin((q) =>
    q(
      `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND 8 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY ($1)) ORDER BY 1`,
      [Object.keys(lies)],
    ),
  )
).map((row) => row.name)
const rowOf = async (q: Query, table: string): Promise<Body> => {
  const [column, value] = table === 'users' ? ['id', world.person('andina', 'admin').userId] : [table === 'companies' ? 'id' : 'company_id', andina]
  return (await q(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE ${column} = $1 ORDER BY created_at LIMIT 1`, [value]))[0]?.row
}
const rows: Record<string, Body> = Object.fromEntries(
  await world.sqlAdmin(async (q) => {
    const found: [string, Body][] = []
    for (const table of entities) found.push([table, await rowOf(q, table)])
    return found.filter(([, row]) => row)
  }),
)

/** What became of a lie: the SQLSTATE or constraint that refused it, or the row as it is afterwards. */
async function tell(q: Query, table: string, id: string, sets: string): Promise<Body> {
  await q('SAVEPOINT lie')
  try {
    const rows = await q(`UPDATE ${table} SET ${sets} WHERE id = $1 RETURNING id`, [id])
    const [after] = await q(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE id = $1`, [id])
    return rows.length ? after?.row : 'none'
  } catch (error) {
    const { code, constraint } = error as { code?: string; constraint?: string }
    return constraint ?? code
  } finally {
    await q('ROLLBACK TO lie')
  }
}

test('there are rows of every entity to attack', async () => {
  expect(entities.length).toBeGreaterThanOrEqual(9)
  for (const table of ['users', 'companies', 'equipment', 'equipment_categories', 'equipment_assignments', 'maintenance_records', 'import_batches', 'api_tokens', 'user_company_roles'])
    expect(rows[table], table).toBeDefined()
})

for (const [who, run] of [
  ['application_user, an admin', <T>(work: (q: Query) => Promise<T>) => world.sqlAs('andina', 'admin', work)],
  ['the superuser', <T>(work: (q: Query) => Promise<T>) => world.sqlAdmin(work)],
] as const) {
  test(`no base field takes what ${who} writes into it, on any entity`, async () => {
    for (const [table, before] of Object.entries(rows)) {
      await run(async (q) => {
        for (const [column, lie] of Object.entries(lies)) {
          const after = await tell(q, table, before.id, `${column} = ${lie}`)
          const where = `${table}.${column}`
          if (column === 'version') expect(['42501', 'BC412'], where).toContain(after)
          else if (column === 'id') expect(['42501', 'base_identity_fixed'], where).toContain(after)
          else if (typeof after === 'string') expect(after, where).toBe('42501')
          else {
            expect(String(after[column]), where).not.toMatch(/2001-01-01|dead/)
            if (/created|deleted/.test(column)) expect(after[column], where).toEqual(before[column])
          }
        }
      })
    }
  })
}

test('no row of any entity moves to another company, whoever writes', async () => {
  const sur = world.companies.sur.id
  const moving = Object.entries(rows).filter(([, before]) => 'company_id' in before)
  expect(moving.length).toBeGreaterThanOrEqual(7)
  for (const [table, { id }] of moving) {
    expect(['42501', 'base_identity_fixed'], table).toContain(await world.sqlAs('andina', 'admin', (q) => tell(q, table, id, `company_id = '${sur}'`)))
    expect(await world.sqlAdmin((q) => tell(q, table, id, `company_id = '${sur}'`)), table).toBe('base_identity_fixed')
    expect(await world.sqlAdmin((q) => tell(q, table, id, 'company_id = NULL')), table).toBe('23502')
  }
})

test('a change is signed by who made it and when, whatever else is written beside it', async () => {
  const admin = world.person('andina', 'admin').userId
  const changes = { equipment: "location = 'Puno'", equipment_categories: "description = 'x'", user_company_roles: "display_name = 'x'", maintenance_records: "title = 'x'", companies: "phone = '1'" }
  for (const [table, change] of Object.entries(changes)) {
    const before = rows[table]
    const after = await world.sqlAs('andina', 'admin', (q) =>
      tell(q, table, before.id, `${change}${['companies', 'user_company_roles'].includes(table) ? '' : `, updated_by = '${forged}', updated_at = '2001-01-01', is_deleted = false`}`),
    )
    expect([after.version, after.updated_by, after.created_at, after.created_by], table).toEqual([before.version + 1, admin, before.created_at, before.created_by])
    expect(Date.parse(after.updated_at), table).toBeGreaterThan(Date.parse(before.updated_at))
  }
})

test('a deletion is signed by who made it and when, and restoring takes the signature away', async () => {
  const admin = world.person('andina', 'admin').userId
  for (const table of ['equipment', 'equipment_categories']) {
    await world.sqlAs('andina', 'admin', async (q) => {
      const [made] = await q(
        table === 'equipment'
          ? `INSERT INTO equipment (company_id, name, ownership, created_by, version, is_deleted, deleted_at, deleted_by) VALUES ($1, 'x', 'rented', '${forged}', 7, true, '2001-01-01', '${forged}') RETURNING *`
          : `INSERT INTO equipment_categories (company_id, name, path, created_by, version, is_deleted, deleted_at, deleted_by) VALUES ($1, 'x', '', '${forged}', 7, true, '2001-01-01', '${forged}') RETURNING *`,
        [andina],
      )
      expect([made.created_by, made.version, made.is_deleted, made.deleted_at, made.deleted_by], 'born alive').toEqual([admin, 1, false, null, null])
      const [gone] = await q(
        `UPDATE ${table} SET is_deleted = true, deleted_at = '2001-01-01', deleted_by = '${forged}' WHERE id = $1 RETURNING deleted_by, deleted_at > now() - interval '1 minute' AS lately`,
        [made.id],
      )
      expect(gone).toEqual({ deleted_by: admin, lately: true })
      const [back] = await q(`UPDATE ${table} SET is_deleted = false WHERE id = $1 RETURNING deleted_by, deleted_at, version`, [made.id])
      expect(back).toEqual({ deleted_by: null, deleted_at: null, version: 3 })
    })
  }
})

test('what is ended, cancelled or suspended instead is not deleted, not even by the superuser', async () => {
  await world.sqlAdmin(async (q) => {
    for (const [table, row] of Object.entries(rows).filter(([name]) => !['equipment', 'equipment_categories', 'maintenance_files', 'webhooks'].includes(name)))
      expect(await tell(q, table, row.id, 'is_deleted = true'), table).toBe(table === 'equipment_assignments' ? 'ea_facts_fixed' : 'base_never_deleted')
  })
})

test('no body of the API takes a base field', async () => {
  const names = [...Object.keys(lies).filter((name) => name !== 'version'), 'is_deleted', 'company_id']
  const document = (await world.app.inject({ url: '/api/v1/openapi.json' })).json()
  const admin = world.as('andina', 'admin')
  const needed: Record<string, string[]> = {
    createToken: ['company_id'], // chosen by who makes it, among the companies they belong to
    addEquipmentLog: ['created_at'], // no entity: when the meter was read
  }
  let bodies = 0
  let tried = 0
  for (const [path, operations] of Object.entries<Body>(document.paths)) {
    for (const [method, operation] of Object.entries<Body>(operations)) {
      const schema = operation.requestBody?.content?.['application/json']?.schema
      if (schema?.type !== 'object') continue
      bodies++
      const allowed = needed[operation.operationId] ?? []
      expect(schema.additionalProperties, operation.operationId).toBe(false)
      expect(
        Object.keys(schema.properties).filter((name) => names.includes(name) && !allowed.includes(name)),
        operation.operationId,
      ).toEqual([])
      if (method !== 'patch' || schema.required?.length) continue
      for (const name of [...names, 'version']) {
        const reply = await admin.call('PATCH', path.replace('{company_id}', andina).replace(/\{\w+\}/g, forged), { [name]: '2001-01-01T00:00:00Z' }, { version: 1 })
        expect([reply.status, reply.body.errors[0]?.field, reply.body.errors[0]?.code], `${operation.operationId} ${name}`).toEqual([400, name, 'input_additionalProperties'])
        tried++
      }
    }
  }
  expect(bodies).toBeGreaterThan(15)
  expect(tried).toBeGreaterThan(30)
})
