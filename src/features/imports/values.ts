// What a cell means: numbers, days and the words of lists, read by what the whole column shows, never guessed cell by cell.
import type { SpecificationField } from '../categories/contract.ts'
import { type Cell, textOf } from './read.ts'

/** Thrown for a cell that cannot be read; `code` names the sentence. */
export class ValueError extends Error {
  readonly code: string
  readonly values: Record<string, unknown>
  constructor(code: string, values: Record<string, unknown> = {}) {
    super(code)
    this.code = code
    this.values = values
  }
}

export type Decimal = ',' | '.'
type Reading = Decimal | 'either' | 'whole'
type NumberText = { body: string; currency: string | undefined; isPercent: boolean }

const symbols: [RegExp, string][] = [
  [/US\s?\$|USD|\$\s?US|d[oó]lares(?: americanos)?|dollars/i, 'USD'],
  [/S\/\.?|PEN|soles/i, 'PEN'],
  [/\u20ac|EUR(?:OS?)?/i, 'EUR'],
  [/\$/, 'USD'],
]

/** The digits of a number with what stands around them; undefined when it is no number. */
export function splitNumber(text: string): NumberText | undefined {
  const found = symbols.find(([symbol]) => symbol.test(text))
  const bare = (found ? text.replace(found[0], '') : text).replace(/\s/g, '')
  const isPercent = bare.endsWith('%')
  const marked = isPercent ? bare.slice(0, -1) : bare
  // 1'234,567.89 has its millions apart: the apostrophe stands for the sign of thousands.
  const body = marked.replace(/['\u2019]/g, /[.,].*[.,]/.test(marked) ? (/[.,]/.exec(marked)?.[0] ?? '') : '')
  return /^-?(\d[\d.,]*|[.,]\d+)$/.test(body) ? { body, currency: found?.[1], isPercent } : undefined
}

/** What a number alone shows of its decimal sign; undefined when its signs fit no way of writing. */
export function readingOf(body: string): Reading | undefined {
  const digits = body.replace('-', '')
  const dots = digits.split('.').length - 1
  const commas = digits.split(',').length - 1
  if (dots + commas === 0) return 'whole'
  if (dots && commas) {
    const decimal: Decimal = digits.lastIndexOf('.') > digits.lastIndexOf(',') ? '.' : ','
    return isGrouped(digits.slice(0, digits.lastIndexOf(decimal)), decimal === '.' ? ',' : '.') ? decimal : undefined
  }
  const sign: Decimal = dots ? '.' : ','
  const other: Decimal = dots ? ',' : '.'
  if (dots + commas > 1) return isGrouped(digits, sign) ? other : undefined
  const [whole = '', part = ''] = digits.split(sign)
  return part.length === 3 && /^[1-9]\d{0,2}$/.test(whole) ? 'either' : sign
}

const isGrouped = (digits: string, sign: Decimal) => digits.split(sign).every((group, index) => (index === 0 ? /^\d{1,3}$/ : /^\d{3}$/).test(group))

export type Style = { decimal: Decimal | 'mixed' | undefined; order: DateOrder; orderShown: DateOrder | 'mixed' | undefined; hasAmbiguousDay: boolean; hasAmbiguousNumber: boolean }
export type DateOrder = 'dmy' | 'mdy' | 'iso'

/** What the cells of a column, taken together, show: the decimal sign and the order of day and month. */
export function styleOf(cells: Cell[]): Style {
  const decimals = new Set<Reading>()
  let [dayFirst, monthFirst, hasAmbiguousDay] = [0, 0, false]
  for (const cell of cells) {
    if (typeof cell !== 'string') continue
    const text = textOf(cell)
    const number = splitNumber(text)
    const reading = number && readingOf(number.body)
    if (reading) decimals.add(reading)
    const parts = dayParts(text)
    if (!parts || 'day' in parts) continue
    if (parts.first > 12 && parts.second <= 12) dayFirst++
    else if (parts.second > 12 && parts.first <= 12) monthFirst++
    else if (parts.first !== parts.second) hasAmbiguousDay = true
  }
  const decimal = decimals.has(',') && decimals.has('.') ? 'mixed' : decimals.has(',') ? ',' : decimals.has('.') ? '.' : undefined
  const orderShown = dayFirst && monthFirst ? 'mixed' : dayFirst ? 'dmy' : monthFirst ? 'mdy' : undefined
  return { decimal, order: monthFirst > dayFirst ? 'mdy' : 'dmy', orderShown, hasAmbiguousDay, hasAmbiguousNumber: decimals.has('either') }
}

/** The number as decimal text with a point, such as -1234.5. Numbers of a spreadsheet are taken as they are. */
export function readNumber(cell: Cell, style: Style): { value: string; currency: string | undefined } {
  if (typeof cell === 'number') return { value: plainDecimal(cell), currency: undefined }
  const number = typeof cell === 'string' ? splitNumber(textOf(cell)) : undefined
  const reading = number && readingOf(number.body)
  if (!number || !reading) throw new ValueError('import_value_number')
  if (reading === 'either' && (style.decimal === 'mixed' || style.decimal === undefined)) throw new ValueError('import_value_number_ambiguous')
  const decimal = reading === 'either' ? style.decimal : reading
  const [whole = '', part = ''] = (decimal === ',' ? number.body.replaceAll('.', '').replace(',', '.') : number.body.replaceAll(',', '')).split('.')
  const value = canonicalDecimal(`${whole || '0'}.${part}`)
  return { value: number.isPercent ? shiftPercent(value) : value, currency: number.currency }
}

/** Without needless zeros: 01234.50 and 1234.5 become the same. */
export function canonicalDecimal(text: string): string {
  const [, minus = '', whole = '', part = ''] = /^(-?)0*(\d*)\.?(\d*?)0*$/.exec(text) ?? []
  const digits = `${whole || '0'}${part ? `.${part}` : ''}`
  return digits === '0' ? '0' : minus + digits
}

// Sums of a spreadsheet carry the noise of binary fractions beyond the tenth place.
const plainDecimal = (value: number) => (Number.isInteger(value) ? BigInt(value).toString() : canonicalDecimal(value.toFixed(10)))

function shiftPercent(value: string): string {
  const [whole = '', part = ''] = value.replace('-', '').split('.')
  const digits = whole.padStart(3, '0')
  return canonicalDecimal(`${value.startsWith('-') ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}${part}`)
}

const months: Record<string, number> = {
  ene: 1,
  enero: 1,
  jan: 1,
  january: 1,
  feb: 2,
  febrero: 2,
  february: 2,
  mar: 3,
  marzo: 3,
  march: 3,
  abr: 4,
  abril: 4,
  apr: 4,
  april: 4,
  may: 5,
  mayo: 5,
  jun: 6,
  junio: 6,
  june: 6,
  jul: 7,
  julio: 7,
  july: 7,
  ago: 8,
  agosto: 8,
  aug: 8,
  august: 8,
  set: 9,
  setiembre: 9,
  sep: 9,
  sept: 9,
  septiembre: 9,
  september: 9,
  oct: 10,
  octubre: 10,
  october: 10,
  nov: 11,
  noviembre: 11,
  november: 11,
  dic: 12,
  diciembre: 12,
  dec: 12,
  december: 12,
}

type DayParts = { day: string } | { first: number; second: number; year: number }

/** A written day: as it stands (ISO, month by name, day number of a spreadsheet), or two numbers whose order the column tells. */
function dayParts(text: string): DayParts | undefined {
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?$/.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text)
  if (iso) return asDay(Number(iso[1]), Number(iso[2]), Number(iso[3]))
  const numbers = /^(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?:,?[T ]\d{1,2}:\d{2}.*)?$/.exec(text)
  if (numbers) return { first: Number(numbers[1]), second: Number(numbers[3]), year: fullYear(numbers[4] ?? '') }
  const named = /^(\d{1,2})[-/. ]*(?:de )?([a-zA-Z]+)\.?[-/. ]*(?:de |del )?(\d{4}|\d{2})$/.exec(text)
  if (named) return asDay(fullYear(named[3] ?? ''), months[(named[2] ?? '').toLowerCase()] ?? 0, Number(named[1]))
  const english = /^([a-zA-Z]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/.exec(text)
  if (english) return asDay(Number(english[3]), months[(english[1] ?? '').toLowerCase()] ?? 0, Number(english[2]))
  return /^\d{5}(?:[.,]\d+)?$/.test(text) ? serialDay(Number.parseInt(text, 10)) : undefined
}

const fullYear = (text: string) => (text.length === 4 ? Number(text) : Number(text) > new Date().getUTCFullYear() - 1980 ? 1900 + Number(text) : 2000 + Number(text))

function asDay(year: number, month: number, day: number): { day: string } | undefined {
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year, month - 1, day)
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && year >= 1000
  return isReal ? { day: date.toISOString().slice(0, 10) } : undefined
}

/** The day behind a spreadsheet's day number, from 1954 to 2119; outside it is rather something else. */
function serialDay(serial: number): { day: string } | undefined {
  if (!(serial >= 20_000 && serial < 80_400)) return undefined
  return { day: new Date(Date.UTC(1899, 11, 30) + Math.floor(serial) * 86_400_000).toISOString().slice(0, 10) }
}

/** The day as YYYY-MM-DD. A day whose order contradicts its column's is refused, not turned round. */
export function readDay(cell: Cell, order: DateOrder): string {
  if (cell instanceof Date) return textOf(cell)
  const parts = typeof cell === 'number' ? serialDay(cell) : typeof cell === 'string' ? dayParts(textOf(cell)) : undefined
  if (!parts) throw new ValueError('import_value_date')
  if ('day' in parts) return parts.day
  if (order === 'iso') throw new ValueError('import_value_date_order', { order: 'YYYY-MM-DD' })
  const [day, month] = order === 'dmy' ? [parts.first, parts.second] : [parts.second, parts.first]
  const found = asDay(parts.year, month, day)
  if (found) return found.day
  throw new ValueError(month > 12 && day <= 12 ? 'import_value_date_order' : 'import_value_date', { order: order === 'dmy' ? 'DD/MM/YYYY' : 'MM/DD/YYYY' })
}

/** Small letters without accents, words joined by one space. */
export function plainWords(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
}

const statusWords: Record<string, readonly string[]> = {
  active: [
    'active',
    'activo',
    'activa',
    'operativo',
    'operativa',
    'operational',
    'operating',
    'en operacion',
    'en servicio',
    'in service',
    'en uso',
    'in use',
    'disponible',
    'available',
    'bueno',
    'ok',
    'en obra',
    'stand by',
    'standby',
  ],
  maintenance: [
    'maintenance',
    'mantenimiento',
    'en mantenimiento',
    'in maintenance',
    'taller',
    'en taller',
    'in workshop',
    'workshop',
    'reparacion',
    'en reparacion',
    'repair',
    'in repair',
    'inoperativo',
    'inoperativa',
    'malogrado',
    'malograda',
    'averiado',
    'averiada',
    'fuera de servicio',
    'out of service',
    'down',
  ],
  retired: ['retired', 'retirado', 'retirada', 'inactivo', 'inactiva', 'inactive', 'desactivado', 'paralizado', 'paralizada'],
  disposed: ['disposed', 'dado de baja', 'dada de baja', 'baja', 'de baja', 'vendido', 'vendida', 'sold', 'scrapped', 'chatarra', 'desechado', 'disposed of', 'written off'],
}
const ownershipWords: Record<string, readonly string[]> = {
  owned: ['owned', 'own', 'propio', 'propia', 'p', 'propiedad', 'company owned'],
  rented: ['rented', 'rental', 'hired', 'alquilado', 'alquilada', 'alquiler', 'arrendado', 'arrendada', 'tercero', 'terceros', 'subcontratado', 'a', 'rentado', 'rentada', 'renta'],
  leased: ['leased', 'lease', 'leasing', 'arrendamiento financiero', 'en leasing', 'financial lease'],
}
const ruleWords: Record<string, readonly string[]> = {
  fixed: ['fixed', 'fija', 'fijo', 'desde lo programado', 'segun lo programado', 'segun programa', 'planned', 'from the planned day'],
  floating: ['floating', 'flotante', 'movil', 'desde lo realizado', 'segun lo realizado', 'done', 'from the day done'],
}
const currencyWords: Record<string, readonly string[]> = {
  PEN: ['pen', 'sol', 'soles', 'nuevos soles', 's', 'mn', 'm n'],
  USD: ['usd', 'dolar', 'dolares', 'dolares americanos', 'us', 'us dolares', 'dollar', 'dollars', 'us dollars', 'me', 'm e', ''],
  EUR: ['eur', 'euro', 'euros'],
}
const lookup = (words: Record<string, readonly string[]>) => new Map(Object.entries(words).flatMap(([key, list]) => list.map((word) => [word, key] as const)))
const statusOf = lookup(statusWords)
const ownershipOf = lookup(ownershipWords)
const ruleOf = lookup(ruleWords)
const currencyOf = lookup(currencyWords)

export function readStatus(text: string): string | undefined {
  return statusOf.get(plainWords(text))
}

export function readOwnership(text: string): string | undefined {
  return ownershipOf.get(plainWords(text))
}

/** How the next service is counted: from the planned day (fixed) or from the day it was done (floating). */
export function readRule(text: string): string | undefined {
  return ruleOf.get(plainWords(text))
}

/** The three letters of a currency from its code, word or sign. */
export function readCurrency(text: string): string | undefined {
  if (text === '€') return 'EUR'
  const word = plainWords(text)
  return currencyOf.get(word === '' && text !== '$' ? '?' : word) ?? (/^[A-Za-z]{3}$/.test(text) ? text.toUpperCase() : undefined)
}

const yes = new Set(['si', 's', 'yes', 'y', 'true', 'verdadero', 'x', '1'])
const no = new Set(['no', 'n', 'false', 'falso', '0'])

/** What a cell says in the form that the category's field asks for; undefined when it cannot be read so. */
export function readAsked(asked: SpecificationField, cell: Cell, text: string, style: Style): unknown {
  const words = plainWords(text)
  try {
    if (asked.type === 'number') {
      if (typeof cell === 'number') return cell
      const bare = asked.unit && text.toLowerCase().endsWith(asked.unit.toLowerCase()) ? text.slice(0, -asked.unit.length).trim() : text
      return Number(readNumber(bare, style).value)
    }
    if (asked.type === 'date') return readDay(cell, style.order)
    if (asked.type === 'boolean') return yes.has(words) ? true : no.has(words) ? false : undefined
    if (asked.type === 'choice') return asked.choices?.find((choice) => choice === text) ?? asked.choices?.find((choice) => plainWords(choice) === words)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    return undefined
  }
  return text
}
