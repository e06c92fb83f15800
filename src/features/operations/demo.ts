// The demo companies: made by the owner's functions, filled through the API like any company would be.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import { type Api, actIn } from '../../base/command.ts'
import { programDir } from '../../base/config.ts'
import { asOwner, type Owner } from '../../base/owner.ts'
import { listPeople } from '../access/contract.ts'
import { assign, reserve, takeBack, transfer } from '../assignments/contract.ts'
import { createCategory, listCategories } from '../categories/contract.ts'
import { changeCompany, getCompany } from '../companies/contract.ts'
import { changeStatus, createEquipment, type Equipment, type EquipmentInput, listEquipment } from '../equipment/contract.ts'
import { importEquipment } from '../imports/contract.ts'
import { cancelMaintenance, completeMaintenance, createMaintenance, listMaintenance, sendToMaintenance } from '../maintenance/contract.ts'
import { andinaTree, type Branch, crew, type Machine, reasons, surMachines, surTree, works } from './demo-data.ts'

export const demoPassword = 'bitcorp-demo-2026'
export const demoAccounts = ['admin@andina.example', 'manager@andina.example', 'operator@andina.example', 'viewer@andina.example', 'both@andina.example', 'admin@sur.example'] as const

const andina = 'Constructora Andina'
const sur = 'Vial del Sur'
const people: Record<string, string> = { admin: 'Rosa Quispe', manager: 'Luis Huamán', operator: 'Pedro Mamani', viewer: 'Carmen Flores' }

/** All accounts that the demo makes, with the password above. */
export const everyDemoAccount: readonly string[] = [
  ...Object.keys(people).flatMap((role) => [`${role}@andina.example`, `${role}@sur.example`]),
  'both@andina.example',
  ...crew.map(([name]) => `${name}@andina.example`),
]

/** Fills an empty database with the demo; goes on where an earlier filling was cut short. Gives whether it did anything. */
export async function loadDemo(app: FastifyInstance, ownerUrl: string, say: (line: string) => void): Promise<boolean> {
  return asOwner(ownerUrl, async (owner) => {
    const known = (await owner.query<{ known: boolean }>('SELECT has_companies() AS known'))[0]?.known
    if (known && !(await isHalfFilled(app, owner))) return false
    if (!known) {
      say('Making the demo companies and their people …')
      await makePeople(owner)
    }
    await actIn(app, owner, { as: 'manager@sur.example', company: sur }, (api) => fillSur(api, say))
    await actIn(app, owner, { as: 'manager@andina.example', company: andina }, (api) => fillAndina(app, api, say))
    // Plans made without knowing how much there is would be slow until the database looks for itself.
    await owner.query('ANALYZE')
    // The address comes last: it tells that the filling came to its end.
    await actIn(app, owner, { as: 'admin@sur.example', company: sur }, (api) =>
      api.call(changeCompany, { body: { phone: '+51 53 461 200', address: { street: 'Av. Balta 310', city: 'Moquegua', country: 'Perú' } } }),
    )
    await actIn(app, owner, { as: 'admin@andina.example', company: andina }, (api) =>
      api.call(changeCompany, { body: { phone: '+51 51 365 400', address: { street: 'Jr. Puno 812', city: 'Juliaca', region: 'Puno', country: 'Perú' } } }),
    )
    return true
  })
}

async function isHalfFilled(app: FastifyInstance, owner: Owner): Promise<boolean> {
  if ((await owner.query('SELECT FROM find_company($1)', [andina])).length === 0) return false
  if ((await owner.query('SELECT FROM find_account($1)', ['admin@andina.example'])).length === 0) return false
  try {
    return await actIn(app, owner, { as: 'admin@andina.example', company: andina }, async (api) => {
      const company = await api.call(getCompany, {})
      return company.address === null && company.version === 1
    })
  } catch {
    return false // whoever took the demo's accounts away keeps what there is
  }
}

async function makePeople(owner: Owner): Promise<void> {
  const passwordHash = await hash(demoPassword)
  await owner.query('BEGIN')
  const first = await createCompany(owner, andina)
  const second = await createCompany(owner, sur)
  for (const [role, name] of Object.entries(people)) {
    await addUser(owner, `${role}@andina.example`, name, passwordHash, [[first, role]])
    await addUser(owner, `${role}@sur.example`, `${name.split(' ')[0]} Condori`, passwordHash, [[second, role]])
  }
  await addUser(owner, 'both@andina.example', 'Elena Vargas', passwordHash, [
    [first, 'manager'],
    [second, 'viewer'],
  ])
  await owner.query('SELECT put_installation_admin($1, true)', ['admin@andina.example'])
  for (const [account, name] of crew) await addUser(owner, `${account}@andina.example`, name, passwordHash, [[first, 'operator']])
  await owner.query('COMMIT')
}

async function createCompany(owner: Owner, name: string): Promise<string> {
  return (await owner.query<{ id: string }>('SELECT create_company($1, NULL) AS id', [name]))[0]?.id ?? ''
}

async function addUser(owner: Owner, email: string, name: string, passwordHash: string, memberships: [string, string][]): Promise<void> {
  const id = (await owner.query<{ id: string }>("SELECT put_user($1, $2, $3, 'es') AS id", [email, name, passwordHash]))[0]?.id
  for (const [company, role] of memberships) await owner.query('SELECT put_membership($1, $2, $3)', [company, id, role])
}

async function fillSur(api: Api, say: (line: string) => void): Promise<void> {
  say(`${sur}: categories and machines …`)
  const categories = await growTree(api, surTree)
  if ((await listAll(api)).length === 0) await inTurns(surMachines, (machine) => api.call(createEquipment, { body: describe(machine, categories) }))
  await bringToLife(api, 8)
  await maintain(api, 1)
}

async function fillAndina(app: FastifyInstance, api: Api, say: (line: string) => void): Promise<void> {
  say(`${andina}: categories and machines …`)
  const categories = await growTree(api, andinaTree)
  const file = join(programDir, 'demo', 'equipment-300.csv')
  if ((await listAll(api)).length === 0) {
    if (existsSync(file) && app.hasRoute({ method: 'POST', url: importEquipment.path.replace(/\{(\w+)\}/g, ':$1') })) {
      await api.call(importEquipment, { query: { dry_run: 'false', date_order: 'dmy', file_name: 'equipment-300.csv' } }, { body: readFileSync(file), type: 'text/csv' })
    } else {
      await inTurns(
        surMachines.filter((m) => categories.has(m[1])),
        (machine) => api.call(createEquipment, { body: describe(machine, categories) }),
      )
    }
  }
  say(`${andina}: hand-overs and service …`)
  await bringToLife(api, 60)
  await maintain(api, 2)
}

/** Makes the categories that are missing; gives the id of each name. */
async function growTree(api: Api, tree: readonly Branch[]): Promise<Map<string, string>> {
  const ids = new Map((await api.call(listCategories, {})).items.map((c) => [c.name, c.id]))
  const grow = async (branches: readonly Branch[], parent: string | null): Promise<void> => {
    for (const { name, code, days, fields, below } of branches) {
      if (!ids.has(name))
        ids.set(
          name,
          (await api.call(createCategory, { body: { name, parent_id: parent, type_code: code ?? null, maintenance_interval_days: days ?? null, specification_template: fields ?? [] } })).id,
        )
      await grow(below ?? [], ids.get(name) ?? null)
    }
  }
  await grow(tree, null)
  return ids
}

function describe([fleet_code, category, name, manufacturer, model, serial, year, price, location, days]: Machine, categories: Map<string, string>): EquipmentInput {
  const day = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)
  const bought = price
    ? { ownership: 'owned' as const, purchase_date: `${year}-03-15`, purchase_price: price, depreciation_rate: '0.1', salvage_value: (Number(price) * 0.1).toFixed(2) }
    : { ownership: 'rented' as const }
  return {
    fleet_code,
    category_id: categories.get(category) ?? null,
    name,
    manufacturer,
    model,
    manufacturer_serial_number: serial,
    year,
    location,
    currency: 'USD',
    last_maintenance_date: day(days),
    ...bought,
  }
}

async function listAll(api: Api): Promise<Equipment[]> {
  const items: Equipment[] = []
  let cursor: string | null = null
  do {
    const page: { items: Equipment[]; next_cursor: string | null } = await api.call(listEquipment, { query: { limit: 200, sort: 'serial_number', ...(cursor ? { cursor } : {}) } })
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  return items
}

/** Hand-overs, returns, transfers and changes of status, so that lists, timelines and the first page have something to tell. */
async function bringToLife(api: Api, count: number): Promise<void> {
  const machines = (await listAll(api)).filter((m) => m.status === 'active')
  if (machines.length === 0 || machines.some((m) => m.holder)) return
  const takers = (await api.call(listPeople, { query: { role: 'operator,manager', limit: 200 } })).items.map((p) => p.user_id)
  const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T
  // Spread over the fleet: every machine once at most, in an order that mixes the categories.
  const chosen = machines.filter((_, i) => i % Math.max(1, Math.floor(machines.length / (count + 12))) === 0)
  const at = (m: Equipment) => ({ company_id: api.companyId, equipment_id: m.id })
  await inTurns(chosen.slice(0, count), async (machine, i) => {
    const days = (i % 21) + 1
    // Every ninth is due at once: a hand-over that nobody brought back in time.
    const due_at = i % 3 === 2 ? null : new Date(Date.now() + (i % 9 === 0 ? 10_000 : days * 86_400_000)).toISOString()
    await api.call(assign, { params: at(machine), body: { user_id: pick(takers, i), notes: pick(reasons.handOver, i), due_at } })
    if (i % 4 === 3) await api.call(takeBack, { params: at(machine), body: { notes: pick(reasons.back, i) } })
    else if (i % 10 === 5) await api.call(transfer, { params: at(machine), body: { user_id: pick(takers, i + 1), notes: 'Cambio de turno' } })
    else if (i % 6 === 1) {
      const [reserved_from, reserved_until] = [days + 1, days + 5].map((day) => new Date(Date.now() + day * 86_400_000).toISOString()) as [string, string]
      await api.call(reserve, { params: at(machine), body: { user_id: pick(takers, i + 2), reserved_from, reserved_until, notes: pick(reasons.handOver, i + 1) } })
    }
  })
  await inTurns(chosen.slice(count), async (machine, i) => {
    await api.call(changeStatus, { params: at(machine), body: { status: 'maintenance', reason: pick(reasons.maintenance, i) } })
    if (i % 4 === 1) await api.call(changeStatus, { params: at(machine), body: { status: 'active', reason: pick(reasons.active, i) } })
    if (i % 9 === 8) await api.call(changeStatus, { params: at(machine), body: { status: 'retired', reason: pick(reasons.retired, i) } })
  })
}

/** Services and repairs of the past months with what they cost, some that are planned, some under way, one that was called off. */
async function maintain(api: Api, rounds: number): Promise<void> {
  if ((await api.call(listMaintenance, { query: { limit: 1 } })).items.length > 0) return
  const machines = (await listAll(api)).filter((m) => m.status === 'active' && m.category_id !== null)
  const jobs = Array.from({ length: rounds }, () => works).flat()
  const day = (offset: number) => new Date(Date.now() - 5 * 3600_000 + offset * 86_400_000).toISOString().slice(0, 10)
  const step = Math.max(1, Math.floor(machines.length / (jobs.length + 4)))
  const machineFor = (i: number) => machines[(i * step) % machines.length] as Equipment
  const inRecord = (id: string) => ({ company_id: api.companyId, maintenance_id: id })
  if (machines.length === 0) return
  await inTurns(jobs, async ([type, title, technician, parts, cost, offset], i) => {
    const body = { equipment_id: machineFor(i).id, type, title, technician, scheduled_date: day(offset - (offset < 0 && i % 3 === 0 ? 2 : 0)) }
    const { id } = await api.call(createMaintenance, { body })
    if (offset < 0) await api.call(completeMaintenance, { params: inRecord(id), body: { completed_date: day(offset), parts, cost: { amount: cost, currency: 'PEN' } } })
  })
  await inTurns([0, 1, 2], async (n) => {
    const machine = machineFor(jobs.length + n)
    const body = { type: n === 1 ? ('emergency' as const) : ('corrective' as const), reason: reasons.maintenance[n] ?? '', title: reasons.maintenance[n] ?? null, technician: 'Taller Central Juliaca' }
    await api.call(sendToMaintenance, { params: { company_id: api.companyId, equipment_id: machine.id }, body })
  })
  const { id } = await api.call(createMaintenance, { body: { equipment_id: machineFor(jobs.length + 3).id, type: 'preventive', title: 'Servicio de 500 horas', scheduled_date: day(-6) } })
  await api.call(cancelMaintenance, { params: inRecord(id), body: { reason: 'El equipo vuelve a su dueño: lo hace él' } })
}

/** Four at a time: quick, and each machine's own steps stay in order. */
async function inTurns<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}
