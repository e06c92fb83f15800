// What is measured: each operation as the product is asked for it. The floor answers the same addresses, the limit has scripts of the same names.
import { sql } from 'kysely'
import pg from 'pg'
import { paging } from '../src/base/list.ts'
import { afterAll, companyId, largest, userId } from './data.ts'
import type { Request } from './load.ts'

export type Operation = {
  name: string
  /** What it is held against. What has neither is held against itself: how it grows with the data, and against `get` or `list`. */
  floor: boolean
  limit: boolean
  expected: readonly number[]
  /** Requests of the product that make up one of the limit's transactions. */
  requests: number
  next: () => Request
}

type Machine = { id: string; status: 'active' | 'maintenance'; held: boolean }

const base = `/api/v1/companies/${companyId(1)}/equipment`
const get = (path: string): Request => ({ method: 'GET', path })
const post = (path: string, body: object): Request => ({ method: 'POST', path, body: JSON.stringify(body) })
const random = (below: number): number => Math.floor(Math.random() * below)

/** `url`: the superuser's, to see which machines are held and in which state they are; `machines`: in the whole database. */
export async function operationsOn(url: string, machines: number): Promise<Operation[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<Machine>(
    `SELECT e.id, e.status, a.id IS NOT NULL AS held FROM equipment e
     LEFT JOIN equipment_assignments a ON a.company_id = e.company_id AND a.equipment_id = e.id AND a.assigned_at IS NOT NULL AND a.returned_at IS NULL
     WHERE e.company_id = $1 AND e.status IN ('active', 'maintenance') AND e.id < $2 ORDER BY e.id LIMIT 100000`,
    [companyId(1), afterAll],
  )
  const deep = await client.query<{ sort_value: string; id: string }>(
    'SELECT e.created_at::text AS sort_value, e.id FROM equipment e WHERE e.company_id = $1 AND NOT e.is_deleted AND e.id < $3 ORDER BY e.created_at DESC, e.id DESC OFFSET $2 LIMIT 2',
    [companyId(1), Math.floor(machines / 25), afterAll],
  )
  await client.end()
  const order = paging({ limit: 1 }, { created_at: { column: sql`created_at`, type: 'instant' } }, '-created_at', sql`id`)
  const cursor = encodeURIComponent(order.finish(deep.rows).next_cursor ?? '')
  const anyone = () => `${base}/${largest(random(machines / 5))}`
  const reading = (name: string, path: () => string, against: { floor: boolean; limit: boolean } = { floor: true, limit: true }): Operation => ({
    name,
    ...against,
    expected: [200],
    requests: 1,
    next: () => get(path()),
  })
  const alone = { floor: false, limit: false }
  const free = rows.filter((row) => !row.held && row.status === 'active').slice(0, 40)
  const writing = (name: string, next: () => Request, more: Partial<Operation> = {}): Operation => ({ name, floor: false, limit: true, expected: [200, 201], requests: 1, next, ...more })
  return [
    reading('get', anyone),
    reading('list', () => `${base}?status=active&limit=50`),
    reading('search', () => `${base}?q=komatsu%20excavator&limit=50`),
    reading('timeline', () => `${anyone()}/timeline`),
    // In a company where nothing else is measured: what is registered is the newest there, which lists and searches look at first.
    writing('create', () => post(`/api/v1/companies/${companyId(3)}/equipment`, { name: 'Hoist', manufacturer: 'Bench', model: 'B1', location: 'Obra 1', ownership: 'rented' }), { floor: true }),
    writing('status', changeStatusOf(rows.filter((row) => !row.held && !free.includes(row)))),
    writing('handover', takeBackAndHandOver(free, rows), { requests: 2 }),
    reading('page', () => `${base}?limit=50&cursor=${cursor}`, alone),
    reading('common', () => `${base}?q=diesel&limit=50`, alone),
    reading('report', () => `/api/v1/companies/${companyId(2)}/utilization`, alone),
    reading('past', () => `${base}?as_of=2025-06-01T00:00:00Z&limit=50`, alone),
  ]
}

function changeStatusOf(machines: Machine[]): () => Request {
  let turn = 0
  return () => {
    const machine = machines[turn++ % machines.length]
    if (!machine) throw new Error('no machine whose status could change')
    machine.status = machine.status === 'active' ? 'maintenance' : 'active'
    return post(`${base}/${machine.id}/status`, { status: machine.status, reason: 'as seen on site' })
  }
}

/** Free machines are handed over and held ones taken back, each long after the answer to the other: in the end as many are held as before. */
function takeBackAndHandOver(free: Machine[], machines: Machine[]): () => Request {
  const held = machines.filter((one) => one.held && one.status === 'active')
  if (free.length < 40 || held.length < 100) throw new Error('too few machines to hand over: remove the data of this size, it is worn')
  const all = [...free, ...held]
  let turn = 0
  const of = (n: number) => all[n % all.length]?.id
  return () => {
    const at = turn++
    return at % 2 === 0 ? post(`${base}/${of(free.length + at / 2)}/return`, {}) : post(`${base}/${of((at - 1) / 2)}/assign`, { user_id: userId(3) })
  }
}
