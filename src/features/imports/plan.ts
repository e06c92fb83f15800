// What an import would do: each row is held against the machine it means, checked by the rules, and becomes create, update, unchanged or error.
import { setImmediate as pause } from 'node:timers/promises'
import type { SpecificationField } from '../categories/contract.ts'
import type { ImportRow } from './contract.ts'
import { cleanText } from './read.ts'
import type { Category, Given, Machine, ReadRow, RowError } from './rows.ts'
import { canonicalDecimal, readAsked } from './values.ts'

export type Existing = Machine & { id: string; version: number; category_path: string | null }
export type PlanRow = { row: number; outcome: ImportRow['outcome']; existing: Existing | undefined; machine: Machine; changed: string[]; errors: RowError[] }

const listSeparator = '; '
const pauseAfter = 250
const blank: Machine = {
  serial_number: null,
  fleet_code: null,
  name: null,
  description: null,
  manufacturer: null,
  model: null,
  manufacturer_serial_number: null,
  year: null,
  plate: null,
  ownership: 'owned',
  purchase_date: null,
  purchase_price: null,
  current_value: null,
  salvage_value: '0',
  depreciation_rate: null,
  currency: null,
  status: 'active',
  location: null,
  last_maintenance_date: null,
  next_maintenance_date: null,
  maintenance_interval_days: null,
  maintenance_rule: 'floating',
  warranty_expires_at: null,
  category_id: null,
  specifications: {},
  tags: [],
}
const plainFields = Object.keys(blank).filter((field) => field !== 'specifications' && field !== 'tags') as Exclude<keyof Machine, 'specifications' | 'tags'>[]
const decimals = new Set(['purchase_price', 'current_value', 'salvage_value', 'depreciation_rate'])

/** The text by which files and people see a specification or the tags. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(listSeparator)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Others are answered now and then while it goes through the rows. */
export async function planRows(rows: ReadRow[], existing: Existing[], categories: Category[]): Promise<PlanRow[]> {
  const asked = new Map(categories.map(({ id, fields }) => [id, new Map(fields.map((field) => [field.key, field]))]))
  const match = matcher(existing)
  const planOf = (read: ReadRow): PlanRow => {
    const errors = [...read.errors]
    const found = match(read.given)
    if (found.length > 1) errors.push({ field: 'manufacturer_serial_number', code: 'import_match_ambiguous', values: { count: found.length } })
    const machine = merge(found[0], read, asked)
    if (found[0] && relabelsAmount(found[0], read)) errors.push({ field: 'currency', code: 'equipment_one_currency', values: {} })
    const changed = found[0] ? changedFields(found[0], machine) : givenFields(read.given)
    if (!read.errors.length || !found[0]) errors.push(...breaches(machine, new Set(errors.map(({ field }) => field))))
    const outcome = errors.length ? 'error' : !found[0] ? 'create' : changed.length ? 'update' : 'unchanged'
    return { row: read.row, outcome, existing: found[0], machine, changed, errors }
  }
  const plans: PlanRow[] = []
  for (const [at, read] of rows.entries()) {
    if (at % pauseAfter === pauseAfter - 1) await pause()
    plans.push(planOf(read))
  }
  refuseDuplicates(plans, rows)
  return plans
}

function matcher(existing: Existing[]): (given: Given) => Existing[] {
  const by = (key: (machine: Existing) => string | null | undefined) => {
    const map = new Map<string, Existing[]>()
    for (const machine of existing) {
      const value = key(machine)
      if (value) map.set(value, [...(map.get(value) ?? []), machine])
    }
    return map
  }
  const serial = by((machine) => machine.serial_number)
  const fleet = by((machine) => machine.fleet_code?.toLowerCase())
  const maker = by((machine) => machine.manufacturer_serial_number)
  return (given) => {
    if (given.serial_number) return serial.get(given.serial_number) ?? []
    if (given.fleet_code) return fleet.get(given.fleet_code.toLowerCase()) ?? []
    return (given.manufacturer_serial_number && maker.get(given.manufacturer_serial_number)) || []
  }
}

/** The specification fields of each category by key. */
type Asked = ReadonlyMap<string, ReadonlyMap<string, SpecificationField>>

/** The machine as it will be. What the row does not give, and what it gives as it already stands, stays as it is. */
function merge(existing: Existing | undefined, read: ReadRow, asked: Asked): Machine {
  const { given, texts } = read
  const machine: Machine = { ...blank, ...(existing && pick(existing)), specifications: { ...existing?.specifications }, tags: existing?.tags ?? [] }
  for (const field of plainFields) {
    const value = given[field]
    if (value !== undefined && !isSame(field, machine[field], value)) Object.assign(machine, { [field]: value })
  }
  if (given.tags && valueText(machine.tags) !== texts.get('tags')) machine.tags = given.tags
  const fields = asked.get(machine.category_id ?? '')
  for (const [key, value] of Object.entries(given.specifications ?? {})) {
    const before = machine.specifications[key]
    const [text, field, from] = [texts.get(`specifications.${key}`) ?? '', fields?.get(key), read.cells.get(key)]
    const fitted = field && from ? readAsked(field, from.cell, text, from.style) : undefined
    const stands = before !== undefined && before !== null && (fitted === undefined ? cleanText(valueText(before)) === text : JSON.stringify(before) === JSON.stringify(fitted))
    const next = fitted ?? (typeof before === 'string' ? text : value)
    if (!stands) Object.defineProperty(machine.specifications, key, { value: next, enumerable: true, writable: true, configurable: true })
  }
  return machine
}

/** An amount in another currency must not turn the machine's other amount into that currency; a currency column says so outright. */
function relabelsAmount(existing: Existing, { given, texts }: ReadRow): boolean {
  if (given.currency === undefined || texts.has('currency') || given.currency === existing.currency) return false
  return (['purchase_price', 'current_value', 'salvage_value'] as const).some((field) => Number(existing[field]) > 0 && given[field] === undefined)
}

const pick = (existing: Existing): Partial<Machine> => Object.fromEntries(plainFields.map((field) => [field, existing[field]]))

function isSame(field: string, before: unknown, after: unknown): boolean {
  if (before === null || before === undefined) return false
  if (decimals.has(field)) return canonicalDecimal(String(before)) === canonicalDecimal(String(after))
  return typeof before === 'string' ? cleanText(before) === after : before === after
}

const givenFields = (given: Given): string[] =>
  Object.keys(given).flatMap((field) => (field === 'specifications' ? Object.keys(given.specifications ?? {}).map((key) => `specifications.${key}`) : [field]))

function changedFields(existing: Existing, machine: Machine): string[] {
  const changed: string[] = plainFields.filter((field) => existing[field] !== machine[field])
  if (JSON.stringify(existing.tags) !== JSON.stringify(machine.tags)) changed.push('tags')
  for (const key of Object.keys(machine.specifications)) {
    if (JSON.stringify(existing.specifications[key]) !== JSON.stringify(machine.specifications[key])) changed.push(`specifications.${key}`)
  }
  return changed
}

/** The rules of the database by the names of its constraints, so that a look tells all faults of a row at once. */
function breaches(machine: Machine, told: ReadonlySet<string>): RowError[] {
  const found: RowError[] = []
  const refuse = (field: string, code: string, isBroken: boolean) => {
    if (isBroken && !told.has(field)) found.push({ field, code, values: {} })
  }
  const days = ['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'] as const
  refuse('name', 'equipment_name_not_empty', !machine.name)
  refuse('serial_number', 'equipment_serial_format', machine.serial_number !== null && !/^EQ-[0-9]{4}-[A-Z]{2}-[0-9]{6}$/.test(machine.serial_number))
  refuse('year', 'equipment_year_range', machine.year !== null && (machine.year < 1900 || machine.year > 2100))
  const lacksPurchase = machine.ownership === 'owned' && (!machine.purchase_date || !machine.purchase_price) && !told.has('purchase_date') && !told.has('purchase_price')
  refuse(machine.purchase_date ? 'purchase_price' : 'purchase_date', 'equipment_owned_needs_purchase', lacksPurchase)
  refuse('purchase_price', 'equipment_purchase_price_positive', machine.purchase_price !== null && Number(machine.purchase_price) <= 0)
  for (const day of days) refuse(day, 'equipment_dates_range', machine[day] !== null && (machine[day] < '1900-01-01' || machine[day] > '2200-12-31'))
  refuse('next_maintenance_date', 'equipment_maintenance_dates_logical', isNotLater(machine.next_maintenance_date, machine.last_maintenance_date))
  refuse('warranty_expires_at', 'equipment_warranty_future', isNotLater(machine.warranty_expires_at, machine.purchase_date))
  refuse('tags', 'equipment_tags_valid', machine.tags.length > 50 || machine.tags.some((tag) => [...tag].length > 50))
  refuse('specifications', 'equipment_specifications_schema', Object.keys(machine.specifications).length > 100 || JSON.stringify(machine.specifications).length > 19_000)
  return found
}

const isNotLater = (later: string | null, earlier: string | null) => later !== null && earlier !== null && later <= earlier

/** Two rows for one machine: which of them is right only a person knows, so both are refused. */
function refuseDuplicates(plans: PlanRow[], rows: ReadRow[]): void {
  const seen = new Map<string, { plan: PlanRow; field: string }[]>()
  const note = (key: string, plan: PlanRow, field: string) => {
    const group = seen.get(key)
    if (group) group.push({ plan, field })
    else seen.set(key, [{ plan, field }])
  }
  plans.forEach((plan, index) => {
    const given = rows[index]?.given ?? {}
    if (given.serial_number) note(`serial ${given.serial_number}`, plan, 'serial_number')
    if (given.fleet_code) note(`fleet ${given.fleet_code.toLowerCase()}`, plan, 'fleet_code')
    if (!given.serial_number && !given.fleet_code && given.manufacturer_serial_number) note(`maker ${given.manufacturer_serial_number}`, plan, 'manufacturer_serial_number')
    if (plan.existing) note(`machine ${plan.existing.id}`, plan, given.serial_number ? 'serial_number' : given.fleet_code ? 'fleet_code' : 'manufacturer_serial_number')
  })
  for (const group of seen.values()) {
    for (const { plan, field } of group.length > 1 ? group : []) {
      if (plan.errors.some((error) => error.field === field && error.code === 'import_duplicate')) continue
      const others = group
        .slice(0, 7)
        .filter((other) => other.plan !== plan)
        .map((other) => other.plan.row)
      plan.errors.push({ field, code: 'import_duplicate', values: { rows: `${others.slice(0, 5).join(', ')}${others.length > 5 ? ' …' : ''}` } })
      plan.outcome = 'error'
    }
  }
}
