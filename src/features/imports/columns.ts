// Which row is the header and what each column means: by the words contractors use, by the column's values, or as told by hand.
import { Refusal } from '../../base/errors.ts'
import { type ImportField, importFields, specificationKey } from './contract.ts'
import { type Cell, isBlankRow, restoreFormula, type Sheet, textOf } from './read.ts'
import { plainWords, readOwnership, readStatus } from './values.ts'

/** field: one of the fields, `specifications.<key>`, or `ignore`. */
export type Column = { index: number; header: string; field: string; samples: string[] }
export type Table = { sheet: string; headerRow: number; columns: Column[]; rows: { row: number; cells: Cell[] }[] }

/** What a header says before the values decide: a field, or one of the words that mean different things in different files. */
type Meaning = ImportField | 'code' | 'serial' | 'condition' | 'ignore'

// Words as `headerWords` leaves them. In a list, earlier ones win over later ones when a file has several.
const meanings: Record<Meaning, readonly string[]> = {
  code: [
    'codigo',
    'codigo equipo',
    'codigo sistema',
    'code',
    'equipment code',
    'asset code',
    'codigo activo',
    'codigo maquina',
    'id equipo',
    'equipment id',
    'asset id',
    'asset n',
    'n equipo',
    'equipment n',
    'codigo patrimonial',
    'patrimonio',
    'id',
    'tag n',
  ],
  serial: ['serie', 'n serie', 'serial', 'serial n', 's n', 'sn', 'serie equipo', 'serie n'],
  condition: ['condicion', 'situacion', 'condition'],
  ignore: ['item', 'n', 'n orden', 'orden', 'fila', 'row', 'correlativo'],
  serial_number: ['codigo bitcorp', 'bitcorp code'],
  fleet_code: ['codigo flota', 'codigo interno', 'n interno', 'interno', 'fleet code', 'fleet n', 'unit n', 'unit', 'unidad', 'n economico', 'economico', 'codigo propio'],
  name: [
    'nombre',
    'name',
    'nombre equipo',
    'equipment name',
    'machine name',
    'asset name',
    'nombre maquina',
    'denominacion',
    'equipo',
    'maquina',
    'equipment',
    'machine',
    'activo',
    'asset',
    'maquinaria',
  ],
  description: [
    'descripcion',
    'description',
    'descripcion equipo',
    'equipment description',
    'detalle',
    'details',
    'observaciones',
    'observacion',
    'comentarios',
    'notas',
    'notes',
    'comments',
    'remarks',
  ],
  manufacturer: ['marca', 'fabricante', 'manufacturer', 'make', 'brand', 'maker'],
  model: ['modelo', 'model'],
  manufacturer_serial_number: [
    'serie fabricante',
    'n serie fabricante',
    'manufacturer serial n',
    'maker serial n',
    'maker s serial n',
    'manufacturer s serial n',
    'manufacturer serial',
    'n chasis',
    'chasis',
    'serie chasis',
    'chassis',
    'chassis n',
    'vin',
    'pin',
  ],
  year: ['ano', 'year', 'ano fabricacion', 'ano modelo', 'model year', 'year manufacture', 'manufacture year', 'year built'],
  plate: ['placa', 'plate', 'n placa', 'plate n', 'license plate', 'licence plate', 'placa rodaje', 'matricula', 'patente', 'registration', 'registration n'],
  ownership: ['propiedad', 'ownership', 'tenencia', 'propio alquilado', 'propio o alquilado', 'tipo propiedad', 'owned rented', 'owned or rented', 'regimen', 'modalidad'],
  purchase_date: ['fecha compra', 'purchase date', 'date purchase', 'fecha adquisicion', 'acquisition date', 'compra', 'purchased', 'purchased on'],
  purchase_price: [
    'precio',
    'precio compra',
    'purchase price',
    'price',
    'costo',
    'costo compra',
    'costo adquisicion',
    'precio adquisicion',
    'valor compra',
    'valor adquisicion',
    'cost',
    'purchase cost',
    'acquisition cost',
    'importe',
    'monto',
  ],
  current_value: ['valor actual', 'current value', 'valor libros', 'valor en libros', 'book value', 'valor neto', 'valor comercial', 'market value', 'valor', 'value'],
  salvage_value: ['valor residual', 'salvage value', 'valor rescate', 'valor salvamento', 'residual value', 'scrap value'],
  depreciation_rate: ['depreciacion', 'tasa depreciacion', 'depreciation', 'depreciation rate', 'depreciacion anual', 'yearly depreciation', 'annual depreciation'],
  currency: ['moneda', 'currency', 'divisa'],
  status: ['estado', 'status', 'estado actual', 'estado operativo', 'estado equipo', 'state', 'estatus'],
  location: ['ubicacion', 'location', 'ubicacion actual', 'current location', 'obra', 'obra actual', 'frente', 'sede', 'lugar', 'proyecto', 'site', 'project', 'almacen', 'base'],
  last_maintenance_date: [
    'ultimo mantenimiento',
    'fecha ultimo mantenimiento',
    'last maintenance',
    'last maintenance date',
    'last service',
    'last service date',
    'ultimo servicio',
    'fecha ultimo servicio',
  ],
  next_maintenance_date: [
    'proximo mantenimiento',
    'fecha proximo mantenimiento',
    'next maintenance',
    'next maintenance date',
    'next service',
    'next service date',
    'proximo servicio',
    'fecha proximo servicio',
    'siguiente mantenimiento',
    'vencimiento mantenimiento',
  ],
  maintenance_interval_days: [
    'intervalo mantenimiento',
    'intervalo mantenimiento dias',
    'intervalo servicio',
    'intervalo servicio dias',
    'frecuencia mantenimiento',
    'frecuencia mantenimiento dias',
    'mantenimiento cada dias',
    'maintenance interval',
    'maintenance interval days',
    'service interval',
    'service interval days',
    'service every days',
  ],
  maintenance_rule: ['regla mantenimiento', 'regla proximo mantenimiento', 'regla servicio', 'regla proximo servicio', 'maintenance rule', 'service rule', 'next service rule', 'rule next service'],
  warranty_expires_at: [
    'garantia',
    'fin garantia',
    'garantia hasta',
    'vencimiento garantia',
    'fecha garantia',
    'fecha fin garantia',
    'warranty',
    'warranty expires at',
    'warranty until',
    'warranty end',
    'warranty expires',
    'warranty expiry',
    'warranty expiration',
    'end warranty',
    'warranty ends',
  ],
  category: ['categoria', 'category', 'tipo', 'tipo equipo', 'equipment type', 'type', 'familia', 'family', 'clase', 'class', 'grupo', 'categoria equipo', 'equipment category'],
  tags: ['etiquetas', 'tags', 'etiqueta', 'tag', 'labels'],
}
const known = new Map((Object.entries(meanings) as [Meaning, readonly string[]][]).flatMap(([meaning, words]) => words.map((word, rank) => [word, { meaning, rank }] as const)))

const shortened: Record<string, string> = {
  nro: 'n',
  no: 'n',
  num: 'n',
  numero: 'n',
  number: 'n',
  cod: 'codigo',
  mantto: 'mantenimiento',
  mtto: 'mantenimiento',
  mant: 'mantenimiento',
  mto: 'mantenimiento',
  prox: 'proximo',
  ult: 'ultimo',
  fec: 'fecha',
  f: 'fecha',
  anio: 'ano',
  desc: 'descripcion',
  adq: 'adquisicion',
  fab: 'fabricacion',
  venc: 'vencimiento',
  vcto: 'vencimiento',
  vence: 'vencimiento',
  obs: 'observaciones',
  ubic: 'ubicacion',
}
const filler = new Set(['de', 'del', 'la', 'el', 'los', 'las', 'of', 'the', 'usd', 'pen', 'soles', 'dolares'])

/** A header as the lists above write it: no accents, no small words, no short forms. */
export function headerWords(header: string): string {
  const spoken = header
    .replace(/n\s?[°º]\.?|#/gi, ' n ')
    .replace(/us\s?\$|s\/\.?|\$|%/gi, ' ')
    .replace(/_/g, ' ')
  return plainWords(spoken)
    .split(' ')
    .map((word) => shortened[word] ?? word)
    .filter((word) => !filler.has(word))
    .join(' ')
}

type Guess = { meaning: Meaning; rank: number }

function meaningOf(header: string): Guess | undefined {
  return known.get(headerWords(header)) ?? known.get(headerWords(header.replace(/\([^)]*\)/g, ' ')))
}

const exactSpecification = /^specifications\.([\s\S]*)$/

export type Mapping = ReadonlyMap<number, string>

/** The mapping of the query: {"3": "purchase_date"}. */
export function readMapping(text: string | undefined): Mapping {
  if (!text) return new Map()
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    throw new Refusal(400, 'import_mapping_invalid')
  }
  if (given === null || typeof given !== 'object' || Array.isArray(given)) throw new Refusal(400, 'import_mapping_invalid')
  const mapping = new Map<number, string>()
  for (const [index, field] of Object.entries(given)) {
    const isField = typeof field === 'string' && (field === 'ignore' || (importFields as readonly string[]).includes(field) || /^specifications\.\P{Cc}{1,100}$/u.test(field))
    if (!/^\d{1,4}$/.test(index) || !isField) throw new Refusal(400, 'import_mapping_invalid', { index, field: String(field) })
    if (field !== 'ignore' && [...mapping.values()].includes(field)) throw new Refusal(400, 'import_field_twice', { field })
    mapping.set(Number(index), field)
  }
  return mapping
}

/** The sheet and row whose cells are most often known headers. A row given by hand is taken as it is. */
export function findTable(sheets: Sheet[], mapping: Mapping, headerRow: number | undefined, labels: ReadonlyMap<string, string>): Table {
  const candidates = sheets.flatMap((sheet) => sheet.rows.slice(0, 60).map((cells, index) => ({ sheet, index, score: scoreHeader(cells) })))
  const best =
    headerRow === undefined
      ? candidates.reduce<(typeof candidates)[number] | undefined>((top, one) => (one.score > (top?.score ?? 0) ? one : top), undefined)
      : candidates.find(({ sheet, index }) => index === headerRow - 1 && !isBlankRow(sheet.rows[index] ?? []))
  const chosen = best ?? (mapping.size ? candidates.find(({ sheet, index }) => !isBlankRow(sheet.rows[index] ?? [])) : undefined)
  if (!chosen) throw new Refusal(422, 'import_no_header')
  const header = chosen.sheet.rows[chosen.index] ?? []
  const rows = chosen.sheet.rows
    .slice(chosen.index + 1)
    .map((cells, offset) => ({ row: chosen.index + offset + 2, cells }))
    .filter(({ cells }) => !isBlankRow(cells) && !isSameRow(cells, header))
  if (rows.length === 0) throw new Refusal(422, 'import_no_rows')
  return { sheet: chosen.sheet.name, headerRow: chosen.index + 1, columns: mapColumns(header, rows, mapping, labels), rows }
}

function scoreHeader(cells: Cell[]): number {
  const found = new Set<Meaning>()
  for (const cell of cells) {
    const meaning = typeof cell === 'string' ? meaningOf(textOf(cell))?.meaning : undefined
    if (meaning && meaning !== 'ignore') found.add(meaning)
  }
  const alone = cells.filter((cell) => textOf(cell) !== '').length === 1
  // One known word may stand in a title; alone it is a header only when it names the machines.
  return found.size >= 2 ? found.size : alone && found.has('name') ? 0.5 : 0
}

const isSameRow = (cells: Cell[], header: Cell[]) => header.every((cell, index) => textOf(cells[index]) === textOf(cell))

function mapColumns(header: Cell[], rows: Table['rows'], mapping: Mapping, labels: ReadonlyMap<string, string>): Column[] {
  const width = rows.reduce((most, { cells }) => Math.max(most, cells.length), header.length)
  const columns = Array.from({ length: width }, (_, index) => {
    const values = rows.map(({ cells }) => cells[index] ?? null).filter((cell) => textOf(cell) !== '')
    const raw = typeof header[index] === 'string' ? String(header[index]) : textOf(header[index])
    return { index, raw, header: textOf(header[index]).replaceAll('\n', ' '), values, guess: meaningOf(textOf(header[index])) }
  }).filter((column) => column.header !== '' || column.values.length > 0)
  const taken = new Set(mapping.values())
  const fields = new Map<number, string>(mapping)
  const free = columns.filter((column) => column.guess && !mapping.has(column.index))
  nameByDescription(free, taken)
  const guessed = free.sort((a, b) => (a.guess?.rank ?? 0) - (b.guess?.rank ?? 0) || a.index - b.index)
  for (const column of guessed) {
    const field = decide(column.guess?.meaning ?? 'ignore', column.values)
    if (field === 'ignore' || taken.has(field)) continue
    taken.add(field)
    fields.set(column.index, field)
  }
  return columns.map((column): Column => {
    const field = fields.get(column.index) ?? (column.guess?.meaning === 'ignore' ? 'ignore' : otherField(column.raw, labels, taken))
    taken.add(field)
    return {
      index: column.index,
      header: column.header,
      field,
      samples: column.values
        .slice(0, 3)
        .map(textOf)
        .map((text) => text.slice(0, 80)),
    }
  })
}

/** Many lists have no name but a description of each machine: that is its name. Remarks are not. */
function nameByDescription(columns: { guess: Guess | undefined; header: string }[], taken: ReadonlySet<string>): void {
  if (taken.has('name') || columns.some(({ guess }) => guess?.meaning === 'name')) return
  const described = columns.find(({ guess, header }) => guess?.meaning === 'description' && /^(desc|detail|detalle)/.test(plainWords(header)))
  if (described) described.guess = { meaning: 'name', rank: 0 }
}

function decide(meaning: Meaning, values: Cell[]): ImportField | 'ignore' {
  const most = (test: (text: string) => boolean) => values.filter((value) => test(textOf(value))).length * 2 > values.length
  const isOwnCode = (text: string) => /^EQ-\d{4}-[A-Z]{2}-\d{6}$/.test(text)
  if (meaning === 'code') return most(isOwnCode) ? 'serial_number' : 'fleet_code'
  if (meaning === 'serial') return most(isOwnCode) ? 'serial_number' : 'manufacturer_serial_number'
  if (meaning === 'condition') return most((text) => readOwnership(text) !== undefined && readStatus(text) === undefined) ? 'ownership' : 'status'
  return meaning
}

/** A specification: named outright, by the label a category's template gives it, or by the header; a number follows a name already taken. */
function otherField(header: string, labels: ReadonlyMap<string, string>, taken: ReadonlySet<string>): string {
  const exact = exactSpecification.exec(restoreFormula(header).replace(/\0|\p{Cs}/gu, ''))?.[1]
  if (exact !== undefined && !taken.has(`specifications.${exact}`)) return `specifications.${exact}`
  const key = labels.get(plainWords(header)) ?? specificationKey(header)
  if (key === '') return 'ignore'
  for (let count = 1; ; count++) {
    const field = `specifications.${count === 1 ? key : `${key.slice(0, 46)}_${count}`}`
    if (!taken.has(field)) return field
  }
}

/** The header under which a specification comes back as the same key. */
export function headerOfSpecification(key: string, labels: ReadonlyMap<string, string>): string {
  const comesBack = !meaningOf(key) && specificationKey(key) === key && (labels.get(plainWords(key)) ?? key) === key
  return comesBack ? key : `specifications.${key}`
}
