// The shape that a distributed PostgreSQL needs: the tenant leads every key and reference, and the manual says where each table goes.
import { afterAll, expect, test } from 'vitest'
import { cloneDatabase, dropDatabase, type Query, transaction } from './harness.ts'
import { textOf } from './sources.ts'

const classes = ['distributed', 'reference', 'local'] as const
type Classes = Record<(typeof classes)[number], string[]>

/** The table of docs/growing.md: a row a class, the names in backticks. */
function readClasses(manual: string): Classes {
  const rows = classes.map((name) => [name, [...(new RegExp(`^\\| ${name} +\\|(.*)\\|$`, 'm').exec(manual)?.[1] ?? '').matchAll(/`([a-z_]+)`/g)].map((match) => match[1] ?? '')] as const)
  return Object.fromEntries(rows) as Classes
}
const { distributed, reference, local } = readClasses(textOf('docs/growing.md'))

const clone = await cloneDatabase()
afterAll(() => dropDatabase(clone.name))

/** What is broken inside is whole again afterwards. */
const inClone = <T>(work: (query: Query) => Promise<T>): Promise<T> => transaction(clone.superuser, false, work)

const tables = `SELECT c.oid, c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`

/** Each breach in words: a table in no class or in two, or whose rules a distributed table could not keep. */
async function breaches(query: Query, of: Classes): Promise<string[]> {
  const placed = classes.flatMap((name) => of[name])
  const known = (await query(tables)).map((row) => row.name as string)
  const unplaced = known.filter((name) => !placed.includes(name)).map((name) => `${name} is in no class of the table under "Growing" in docs/growing.md`)
  const unknown = placed.filter((name) => !known.includes(name)).map((name) => `${name} is in docs/growing.md but not in the database`)
  const twice = placed.filter((name, i) => placed.indexOf(name) !== i).map((name) => `${name} is in two classes`)
  const rules = await query(
    `WITH t AS (${tables}), d AS (SELECT t.*, a.attnum, a.attnotnull FROM t LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'company_id' WHERE t.name = ANY ($1))
     SELECT name || ' has no company_id that is always given' AS breach FROM d WHERE attnotnull IS NOT TRUE
     UNION ALL SELECT name || ' has no primary key' FROM d WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = d.oid AND i.indisprimary)
     UNION ALL SELECT i.indexrelid::regclass || ' does not lead with company_id' FROM d JOIN pg_index i ON i.indrelid = d.oid WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] IS DISTINCT FROM d.attnum
     UNION ALL SELECT k.conname || ' does not compare company_id with =' FROM d JOIN pg_constraint k ON k.conrelid = d.oid AND k.contype = 'x' JOIN pg_operator o ON o.oid = k.conexclop[1] WHERE o.oprname <> '='
     UNION ALL SELECT k.conname || ' refers to another company''s rows' FROM d JOIN pg_constraint k ON k.conrelid = d.oid AND k.contype = 'f' AND k.conparentid = 0 JOIN d AS r ON r.oid = k.confrelid
       WHERE k.conkey[1] IS DISTINCT FROM d.attnum OR k.confkey[1] IS DISTINCT FROM r.attnum
     UNION ALL SELECT k.conname || ' refers to a local table' FROM d JOIN pg_constraint k ON k.conrelid = d.oid AND k.contype = 'f' JOIN t ON t.oid = k.confrelid WHERE t.name = ANY ($3)
     UNION ALL SELECT k.conname || ' refers from a reference table to one that is none' FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' JOIN t AS r ON r.oid = k.confrelid WHERE t.name = ANY ($2) AND NOT r.name = ANY ($2)
     ORDER BY 1`,
    [of.distributed, of.reference, of.local],
  )
  return [...unplaced, ...unknown, ...twice, ...rules.map((row) => row.breach)]
}

test('every table has its place in a distributed database, and its keys, unique rules, exclusions and references allow that', async () => {
  expect(distributed.length).toBeGreaterThan(20)
  expect(await inClone((query) => breaches(query, { distributed, reference, local }))).toEqual([])
})

test('every table with a company is distributed, but for those that tell who the caller is', async () => {
  const withCompany = await inClone((query) => query(`SELECT t.name FROM (${tables}) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'company_id'`))
  expect(
    withCompany
      .map((row) => row.name)
      .filter((name) => !distributed.includes(name))
      .sort(),
  ).toEqual(['api_tokens', 'sessions', 'user_company_roles'].filter((name) => withCompany.some((row) => row.name === name)))
})

test.each([
  ['CREATE TABLE forgotten (id uuid PRIMARY KEY)', 'forgotten is in no class of the table under "Growing" in docs/growing.md'],
  ['CREATE UNIQUE INDEX idx_plate ON equipment (plate)', 'idx_plate does not lead with company_id'],
  ['ALTER TABLE equipment DROP CONSTRAINT equipment_pkey CASCADE', 'equipment has no primary key'],
  ['ALTER TABLE equipment_assignments ADD CONSTRAINT ea_other EXCLUDE USING gist (equipment_id WITH =, company_id WITH =)', 'ea_other does not lead with company_id'],
  ['ALTER TABLE import_batches ADD CONSTRAINT fk_other FOREIGN KEY (id) REFERENCES password_links (id)', 'fk_other refers to a local table'],
  [
    'ALTER TABLE users ADD COLUMN company_id uuid, ADD COLUMN machine uuid, ADD CONSTRAINT fk_machine FOREIGN KEY (company_id, machine) REFERENCES equipment (company_id, id)',
    'fk_machine refers from a reference table to one that is none',
  ],
])('it is seen when that is broken: %s', async (broken, expected) => {
  const found = await inClone(async (query) => {
    await query(broken)
    return breaches(query, { distributed, reference, local })
  })
  expect(found.join('\n')).toContain(expected)
})
