// What is measured: each operation as the product is asked for it. The floor answers the same addresses, the limit has scripts of the same names.
import pg from 'pg'
import { companyId, largest, userId } from './data.ts'
import type { Request } from './load.ts'

export type Operation = {
  name: string
  /** Whether the floor has it; changes of state are held against the limit. */
  floor: boolean
  expected: readonly number[]
  /** Requests of the product that make up one of the limit's transactions. */
  requests: number
  next: () => Request
}

const base = `/api/v1/companies/${companyId(1)}/equipment`
const get = (path: string): Request => ({ method: 'GET', path })
const post = (path: string, body: object): Request => ({ method: 'POST', path, body: JSON.stringify(body) })
const random = (below: number): number => Math.floor(Math.random() * below)

/** `url`: the superuser's, to see which machines are held and in which state they are; `machines`: in the whole database. */
export async function operationsOn(url: string, machines: number): Promise<Operation[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ id: string; status: 'active' | 'maintenance'; held: boolean }>(
    `SELECT e.id, e.status, a.id IS NOT NULL AS held FROM equipment e
     LEFT JOIN equipment_assignments a ON a.company_id = e.company_id AND a.equipment_id = e.id AND a.assigned_at IS NOT NULL AND a.returned_at IS NULL
     WHERE e.company_id = $1 AND e.status IN ('active', 'maintenance') AND e.id < '01500000-0000-7000-8000-000000000000' ORDER BY e.id LIMIT 100000`,
    [companyId(1)],
  )
  await client.end()
  const anyone = () => `${base}/${largest(random(machines / 5))}`
  const reading = (name: string, path: () => string): Operation => ({ name, floor: true, expected: [200], requests: 1, next: () => get(path()) })
  return [
    reading('get', anyone),
    reading('list', () => `${base}?status=active&limit=50`),
    reading('search', () => `${base}?q=komatsu%20excavator&limit=50`),
    reading('timeline', () => `${anyone()}/timeline`),
    { name: 'create', floor: true, expected: [201], requests: 1, next: () => post(base, { name: 'Excavator new', manufacturer: 'Komatsu', model: 'M1', location: 'Obra 1', ownership: 'rented' }) },
    { name: 'status', floor: false, expected: [200], requests: 1, next: changeStatusOf(rows.filter((row) => !row.held)) },
    { name: 'handover', floor: false, expected: [200, 201], requests: 2, next: takeBackAndHandOver(rows.filter((row) => row.held && row.status === 'active').map((row) => row.id)) },
  ]
}

function changeStatusOf(machines: { id: string; status: 'active' | 'maintenance' }[]): () => Request {
  let turn = 0
  return () => {
    const machine = machines[turn++ % machines.length]
    if (!machine) throw new Error('no machine whose status could change')
    machine.status = machine.status === 'active' ? 'maintenance' : 'active'
    return post(`${base}/${machine.id}/status`, { status: machine.status, reason: 'as seen on site' })
  }
}

/** Each machine is handed over again long after the answer that it was taken back. */
function takeBackAndHandOver(held: string[]): () => Request {
  const behind = 40
  let turn = 0
  const of = (n: number) => held[n % held.length]
  return () => {
    const at = turn++ - behind
    if (at < 0) return post(`${base}/${of(at + behind)}/return`, {})
    return at % 2 === 0 ? post(`${base}/${of(behind + at / 2)}/return`, {}) : post(`${base}/${of((at - 1) / 2)}/assign`, { user_id: userId(3) })
  }
}
