// From the cells of a row to the values of a machine, by what each column means and shows. An empty cell says nothing.
import type { SpecificationField } from '../categories/contract.ts'
import type { Column, Table } from './columns.ts'
import { type Cell, textOf } from './read.ts'
import {
  canonicalDecimal,
  type DateOrder,
  type Decimal,
  plainWords,
  readCurrency,
  readDay,
  readNumber,
  readOwnership,
  readRule,
  readStatus,
  type Style,
  splitNumber,
  styleOf,
  ValueError,
} from './values.ts'

export type Specifications = Record<string, unknown>
/** A machine as a row can give it. Numbers are decimal text, so that no cent is lost. */
export type Machine = {
  serial_number: string | null
  fleet_code: string | null
  name: string | null
  description: string | null
  manufacturer: string | null
  model: string | null
  manufacturer_serial_number: string | null
  year: number | null
  plate: string | null
  ownership: string
  purchase_date: string | null
  purchase_price: string | null
  current_value: string | null
  salvage_value: string
  depreciation_rate: string | null
  currency: string | null
  status: string
  location: string | null
  last_maintenance_date: string | null
  next_maintenance_date: string | null
  maintenance_interval_days: number | null
  maintenance_rule: string
  warranty_expires_at: string | null
  category_id: string | null
  specifications: Specifications
  tags: string[]
}
export type Given = Partial<Machine>
export type RowError = { field: string; code: string; values: Record<string, unknown> }
/** texts: the cells of the fields whose written form must come back unchanged. cells: those of specifications, as they stand in the sheet. */
export type ReadRow = { row: number; given: Given; texts: Map<string, string>; cells: Map<string, { cell: Cell; style: Style }>; errors: RowError[] }
export type Question = { code: string; values: Record<string, unknown> }
export type Category = { id: string; name: string; path: string; fields: SpecificationField[] }
export type Answers = { dateOrder: DateOrder | undefined; decimal: Decimal | undefined }

export const textLimits = { name: 200, description: 10_000, serial_number: 18, fleet_code: 50, manufacturer: 100, model: 100, manufacturer_serial_number: 100, plate: 20, location: 200 } as const
const dayFields = new Set(['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'])
const amountFields = new Set(['purchase_price', 'current_value', 'salvage_value'])

type ColumnReader = Column & { style: Style; currency: string | undefined; isPercent: boolean; isNumeric: boolean }

export function readRows(table: Table, categories: Category[], answers: Answers): { rows: ReadRow[]; questions: Question[]; dateOrder: DateOrder } {
  const questions: Question[] = []
  const { readers, dateOrder } = prepare(table, answers, questions)
  const findCategory = categoryFinder(categories)
  const isMachine = ({ cells }: { cells: Cell[] }) => !isTotal(cells, readers.length) && !isHeading(cells, readers)
  const skipped = table.rows.filter((row) => !isMachine(row)).map(({ row }) => row)
  if (skipped.length) questions.push({ code: 'import_rows_skipped', values: { rows: `${skipped.slice(0, 10).join(', ')}${skipped.length > 10 ? ' …' : ''}` } })
  const rows = table.rows.filter(isMachine).map(({ row, cells }) => readRow(row, cells, readers, findCategory))
  return { rows, questions, dateOrder }
}

function prepare(table: Table, answers: Answers, questions: Question[]): { readers: ColumnReader[]; dateOrder: DateOrder } {
  const used = table.columns.filter((column) => column.field !== 'ignore')
  const cellsOf = (columns: Column[]) => columns.flatMap(({ index }) => table.rows.map(({ cells }) => cells[index] ?? null))
  const isNumber = ({ field }: Column) => amountFields.has(field) || field === 'depreciation_rate' || field.startsWith('specifications.')
  const days = styleOf(cellsOf(used.filter(({ field }) => dayFields.has(field))))
  const numbers = styleOf(cellsOf(used.filter(isNumber)))
  const readers = used.map((column): ColumnReader => {
    const cells = cellsOf([column])
    const own = styleOf(cells)
    const shared = numbers.decimal === 'mixed' ? undefined : numbers.decimal
    const decimal = own.decimal === ',' || own.decimal === '.' ? own.decimal : (answers.decimal ?? own.decimal ?? shared)
    const order = answers.dateOrder ?? (own.orderShown ? own.order : days.order)
    const style = { ...own, decimal, order }
    ask(column, own, style, answers, questions)
    const hinted = /us\s?\$|\busd\b|d[oó]lares|\bdollars/i.test(column.header) ? 'USD' : /s\/|\bpen\b|\bsoles\b/i.test(column.header) ? 'PEN' : undefined
    return {
      ...column,
      style,
      currency: hinted,
      isPercent: column.header.includes('%') && cells.some((cell) => isAbove(cell, 1, style)),
      isNumeric: column.field.startsWith('specifications.') && cells.every((cell) => isPlainNumber(cell, style)),
    }
  })
  return { readers, dateOrder: answers.dateOrder ?? days.order }
}

function ask(column: Column, own: Style, style: Style, answers: Answers, questions: Question[]): void {
  const values = { column: column.header || `#${column.index + 1}` }
  if (dayFields.has(column.field) && !answers.dateOrder) {
    if (own.orderShown === 'mixed') questions.push({ code: 'import_dates_mixed', values: { ...values, order: pattern(style.order) } })
    else if (own.hasAmbiguousDay && !own.orderShown) questions.push({ code: 'import_dates_assumed', values: { ...values, order: pattern(style.order) } })
    else if (own.orderShown === 'mdy') questions.push({ code: 'import_dates_month_first', values })
  }
  if (amountFields.has(column.field) && own.hasAmbiguousNumber && style.decimal !== ',' && style.decimal !== '.') questions.push({ code: 'import_numbers_open', values })
  if (column.field === 'name' && plainWords(column.header).startsWith('desc')) questions.push({ code: 'import_name_from_description', values })
}

const pattern = (order: DateOrder) => (order === 'mdy' ? 'MM/DD/YYYY' : order === 'dmy' ? 'DD/MM/YYYY' : 'YYYY-MM-DD')

function isAbove(cell: Cell, limit: number, style: Style): boolean {
  try {
    return cell !== null && textOf(cell) !== '' && Number(readNumber(cell, style).value) > limit
  } catch {
    return false
  }
}

/** A whole column of plain numbers becomes numbers; codes with leading zeros, long numbers and mixtures stay text. */
function isPlainNumber(cell: Cell, style: Style): boolean {
  const text = textOf(cell)
  if (text === '' || typeof cell === 'number') return true
  if (typeof cell !== 'string' || !/^-?[\d.,]+$/.test(text) || /^-?0\d/.test(text) || text.length > 15) return false
  try {
    return readNumber(cell, style).value !== ''
  } catch {
    return false
  }
}

function isTotal(cells: Cell[], width: number): boolean {
  const texts = cells.map(textOf).filter((text) => text !== '')
  return /^(sub)?\s?total(es)?\b/i.test(texts[0] ?? '') && texts.length <= Math.max(2, width / 2)
}

/** A line between or below the machines, such as the title of a group or a signature: nothing that tells a machine. */
function isHeading(cells: Cell[], readers: ColumnReader[]): boolean {
  const filled = readers.filter(({ index }) => textOf(cells[index]) !== '')
  const [only] = filled
  const tells = new Set(['name', 'serial_number', 'fleet_code', 'manufacturer_serial_number'])
  return filled.length === 0 || (filled.length === 1 && readers.length >= 4 && !tells.has(only?.field ?? ''))
}

function readRow(row: number, cells: Cell[], readers: ColumnReader[], findCategory: CategoryFinder): ReadRow {
  const read: ReadRow = { row, given: {}, texts: new Map(), cells: new Map(), errors: [] }
  const currencies = new Map<string, string>()
  for (const reader of readers) {
    const cell = cells[reader.index] ?? null
    const text = textOf(cell)
    if (text === '') continue
    read.texts.set(reader.field, text)
    try {
      if (/^#(N\/A|REF!|DIV\/0!|VALUE!|NAME\?|NUM!|NULL!|N\/D|¡REF!|¡DIV\/0!|¡VALOR!|¿NOMBRE\?)$/.test(text)) throw new ValueError('import_value_formula', { text })
      readCell(reader, cell, text, read, currencies, findCategory)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      read.errors.push({ field: reader.field, code: error.code, values: { text: text.slice(0, 80), ...error.values } })
    }
  }
  const named = new Set(currencies.values())
  if (read.given.currency) named.add(read.given.currency)
  if (named.size > 1) read.errors.push({ field: 'currency', code: 'import_currency_conflict', values: { currencies: [...named].join(', ') } })
  const [currency] = named
  if (currency) read.given.currency = currency
  return read
}

function readCell(reader: ColumnReader, cell: Cell, text: string, read: ReadRow, currencies: Map<string, string>, findCategory: CategoryFinder): void {
  const { field, style } = reader
  const { given } = read
  if (field in textLimits) {
    const limit = textLimits[field as keyof typeof textLimits]
    if (field !== 'serial_number' && [...text].length > limit) throw new ValueError('import_value_too_long', { limit })
    given[field as keyof typeof textLimits] = field === 'serial_number' ? text.toUpperCase() : text
  } else if (dayFields.has(field)) given[field as 'purchase_date'] = readDay(cell, style.order)
  else if (amountFields.has(field)) {
    const { value, currency } = readNumber(cell, style)
    given[field as 'purchase_price'] = asAmount(cell, value)
    const shown = currency ?? reader.currency
    if (shown) currencies.set(field, shown)
  } else if (field === 'depreciation_rate') given.depreciation_rate = asRate(cell, readNumber(cell, style).value, reader.isPercent)
  else if (field === 'year') {
    if (!/^\d{4}(\.0+)?$/.test(text)) throw new ValueError('import_value_year')
    given.year = Number.parseInt(text, 10)
  } else if (field === 'tags')
    given.tags = [
      ...new Set(
        text
          .split(/[;,]/)
          .map((tag) => tag.trim())
          .filter((tag) => tag !== ''),
      ),
    ]
  else if (field === 'status') given.status = known(readStatus(text), 'import_value_status')
  else if (field === 'maintenance_rule') given.maintenance_rule = known(readRule(text), 'import_value_rule')
  else if (field === 'maintenance_interval_days') given.maintenance_interval_days = asInterval(text)
  else if (field === 'ownership') given.ownership = known(readOwnership(text), 'import_value_ownership')
  else if (field === 'currency') given.currency = known(readCurrency(text), 'import_value_currency')
  else if (field === 'category') given.category_id = findCategory(text)
  else {
    given.specifications ??= Object.create(null) as Specifications
    const key = field.slice('specifications.'.length)
    given.specifications[key] = asSpecification(cell, text, reader)
    read.cells.set(key, { cell, style })
  }
}

function known(value: string | undefined, code: string): string {
  if (value === undefined) throw new ValueError(code)
  return value
}

/** "90", "90 días". */
function asInterval(text: string): number {
  const days = Number(/^(\d{1,4})(?:[.,]0+)?(?:\s*(?:d[ií]as?|days?))?$/i.exec(text)?.[1])
  if (!(days >= 1 && days <= 3650)) throw new ValueError('equipment_maintenance_interval_range')
  return days
}

function asAmount(cell: Cell, value: string): string {
  // Only what a spreadsheet worked out is rounded to cents; what somebody wrote stands or is refused.
  const rounded = typeof cell === 'number' ? canonicalDecimal(Number(value).toFixed(2)) : value
  if (!/^\d{1,12}(\.\d{1,2})?$/.test(rounded)) throw new ValueError(rounded.startsWith('-') ? 'import_value_negative' : 'import_value_amount')
  return rounded
}

function asRate(cell: Cell, value: string, isPercent: boolean): string {
  const fraction = isPercent ? Number(value) / 100 : Number(value)
  const rate = canonicalDecimal(fraction.toFixed(typeof cell === 'number' || isPercent ? 4 : 10))
  if (!/^(0(\.\d{1,4})?|1)$/.test(rate)) throw new ValueError('equipment_depreciation_rate_range')
  return rate
}

function asSpecification(cell: Cell, text: string, reader: ColumnReader): unknown {
  if (typeof cell === 'boolean') return cell
  if (text === 'true' || text === 'false') return text === 'true'
  if (reader.isNumeric && splitNumber(text)) return Number(readNumber(cell, reader.style).value)
  if (typeof cell === 'number') return cell
  if (/^[[{]/.test(text) && !/\\u(0000|d[89a-f])/i.test(text)) {
    try {
      return JSON.parse(text) as unknown
    } catch {
      // Text that only looks like data stays text.
    }
  }
  return text
}

type CategoryFinder = (text: string) => string

/** By its path "Heavy > Excavators", else by its name when only one has it, in one or many. */
function categoryFinder(categories: Category[]): CategoryFinder {
  const index = (keyOf: (category: Category) => string) => {
    const map = new Map<string, string[]>()
    for (const category of categories) map.set(keyOf(category), [...(map.get(keyOf(category)) ?? []), category.id])
    return map
  }
  const pathKey = (path: string) => path.split('>').map(plainWords).join('>')
  const one = (name: string) =>
    plainWords(name)
      .split(' ')
      .map((word) => word.replace(/(es|s)$/, ''))
      .join(' ')
  const exact = index(({ path }) => path)
  const paths = index(({ path }) => pathKey(path))
  const names = index(({ name }) => plainWords(name))
  const singular = index(({ name }) => one(name))
  const found = new Map<string, string>()
  return (text) => {
    const before = found.get(text)
    if (before) return before
    const ids = exact.get(text) ?? paths.get(pathKey(text)) ?? names.get(plainWords(text)) ?? singular.get(one(text)) ?? []
    if (ids.length > 1) throw new ValueError('import_category_ambiguous')
    const [id] = ids
    if (!id) throw new ValueError('import_category_unknown')
    found.set(text, id)
    return id
  }
}
