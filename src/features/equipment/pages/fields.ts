// Between a machine and its form: texts to type in on one side, what the server stores on the other.
import type { SpecificationField } from '../../categories/contract.ts'
import type { Equipment, EquipmentChange, EquipmentInput, Status } from '../contract.ts'

const texts = ['name', 'description', 'serial_number', 'fleet_code', 'manufacturer', 'model', 'manufacturer_serial_number', 'plate', 'location'] as const
const days = ['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'] as const
const amounts = ['purchase_price', 'current_value', 'salvage_value'] as const

export type MachineValues = Record<(typeof texts)[number] | (typeof days)[number] | (typeof amounts)[number] | 'year' | 'depreciation_rate' | 'currency' | 'maintenance_interval_days', string> & {
  ownership: Equipment['ownership']
  status: Status
  maintenance_rule: Equipment['maintenance_rule']
  category_id: string | null
  specifications: Record<string, unknown>
  tags: string[]
}

export const emptyMachine = (currency: string): MachineValues => ({
  ...(Object.fromEntries([...texts, ...days, ...amounts, 'year', 'depreciation_rate', 'maintenance_interval_days'].map((field) => [field, ''])) as Omit<
    MachineValues,
    'ownership' | 'status' | 'maintenance_rule' | 'category_id' | 'specifications' | 'tags' | 'currency'
  >),
  currency,
  ownership: 'owned',
  status: 'active',
  maintenance_rule: 'floating',
  category_id: null,
  specifications: {},
  tags: [],
})

export function valuesOf(machine: Equipment): MachineValues {
  const values = emptyMachine(machine.currency)
  for (const field of [...texts, ...days]) values[field] = machine[field] ?? ''
  for (const field of amounts) values[field] = machine[field] ? writeAmount(machine[field].amount) : ''
  // Worked out, not written: saved as it is shown, it would stand still.
  if (!machine.current_value_given) values.current_value = ''
  if (Number(machine.salvage_value.amount) === 0) values.salvage_value = ''
  values.maintenance_interval_days = machine.maintenance_interval_days === null ? '' : String(machine.maintenance_interval_days)
  values.year = machine.year === null ? '' : String(machine.year)
  values.depreciation_rate = machine.depreciation_rate === null ? '' : String(Number((Number(machine.depreciation_rate) * 100).toFixed(2)))
  return {
    ...values,
    ownership: machine.ownership,
    status: machine.status,
    maintenance_rule: machine.maintenance_rule,
    category_id: machine.category_id,
    specifications: machine.specifications,
    tags: machine.tags,
  }
}

/** `1,234.50`, `1.234,50`, `1234,5` and `1 234` as people write them; null when it is no amount. */
export function readAmount(text: string): string | null {
  const written = text.replace(/[\s\u00a0\u202f]/g, '')
  if (!/^\d[\d.,]*$/.test(written)) return null
  const marks = written.replace(/\d/g, '')
  const lastMark = marks.at(-1) ?? ''
  const tail = lastMark ? written.length - written.lastIndexOf(lastMark) - 1 : 0
  const isMixed = marks.includes('.') && marks.includes(',')
  const hasDecimals = lastMark !== '' && marks.indexOf(lastMark) === marks.length - 1 && (isMixed || tail !== 3)
  if (hasDecimals && (tail < 1 || tail > 2)) return null
  const whole = (hasDecimals ? written.slice(0, -tail - 1) : written).replace(/[.,]/g, '')
  const decimals = hasDecimals ? written.slice(written.length - tail).padEnd(2, '0') : '00'
  const groups = (hasDecimals ? written.slice(0, -tail - 1) : written).split(/[.,]/)
  if (groups.length > 1 && (groups.slice(1).some((group) => group.length !== 3) || (groups[0]?.length ?? 0) > 3)) return null
  return whole.length <= 12 ? `${whole.replace(/^0+(?=\d)/, '')}.${decimals.length === 2 ? decimals : '00'}` : null
}

export const writeAmount = (amount: string) => {
  const [whole = '0', decimals = ''] = amount.split('.')
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${decimals.padEnd(2, '0').slice(0, 2)}`
}

const readDecimal = (text: string): number | null => (/^-?\d{1,15}([.,]\d{1,6})?$/.test(text.trim()) ? Number(text.trim().replace(',', '.')) : null)

/** What the values say in the server's words. Only valid values come here. */
export function inputOf(values: MachineValues): EquipmentInput {
  const input: Record<string, unknown> = { ownership: values.ownership, maintenance_rule: values.maintenance_rule, currency: values.currency, category_id: values.category_id, tags: values.tags }
  for (const field of texts) input[field] = values[field].trim() || null
  for (const field of days) input[field] = values[field] || null
  for (const field of amounts) input[field] = readAmount(values[field])
  if (input.serial_number === null) delete input.serial_number
  input.maintenance_interval_days = values.maintenance_interval_days.trim() ? Number(values.maintenance_interval_days) : null
  input.year = values.year.trim() ? Number(values.year) : null
  input.depreciation_rate = values.depreciation_rate.trim() ? String(Number(((readDecimal(values.depreciation_rate) ?? 0) / 100).toFixed(4))) : null
  input.specifications = Object.fromEntries(Object.entries(values.specifications).filter(([, value]) => value !== '' && value !== null && value !== undefined))
  return input as EquipmentInput
}

/** Only what differs: what somebody else changed meanwhile in other fields stays theirs. */
export function changeOf(values: MachineValues, base: MachineValues): EquipmentChange {
  const [now, before] = [inputOf(values), inputOf(base)] as Record<string, unknown>[]
  return Object.fromEntries(Object.entries(now ?? {}).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(before?.[field])))
}

type Fault = { field: string; code: string; values?: Record<string, unknown> }

/** What can be said before asking the server: missing and unreadable values. Codes are sentences of this room's words. */
export function faultsOf(values: MachineValues, template: readonly SpecificationField[]): Fault[] {
  const faults: Fault[] = []
  if (!values.name.trim()) faults.push({ field: 'name', code: 'name_needed' })
  if (values.serial_number.trim() && !/^EQ-\d{4}-[A-Z]{2}-\d{6}$/.test(values.serial_number.trim())) faults.push({ field: 'serial_number', code: 'serial_form' })
  if (values.ownership === 'owned') {
    if (!values.purchase_date) faults.push({ field: 'purchase_date', code: 'owned_needs_date' })
    if (!values.purchase_price.trim()) faults.push({ field: 'purchase_price', code: 'owned_needs_price' })
  }
  for (const field of amounts) if (values[field].trim() && readAmount(values[field]) === null) faults.push({ field, code: 'amount_form' })
  if (values.year.trim() && !/^(19|20)\d\d$/.test(values.year.trim())) faults.push({ field: 'year', code: 'year_form' })
  const days = values.maintenance_interval_days.trim()
  if (days && !(/^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= 3650)) faults.push({ field: 'maintenance_interval_days', code: 'interval_form' })
  const rate = values.depreciation_rate.trim() ? readDecimal(values.depreciation_rate) : 0
  if (rate === null || rate < 0 || rate > 100) faults.push({ field: 'depreciation_rate', code: 'rate_form' })
  for (const field of template) {
    const value = values.specifications[field.key]
    if (field.required && (value === undefined || value === null || value === '')) faults.push({ field: `specifications.${field.key}`, code: 'specification_needed', values: { label: field.label } })
    if (field.type === 'number' && typeof value === 'string' && value !== '') faults.push({ field: `specifications.${field.key}`, code: 'number_form' })
  }
  return faults
}
