// Machines as CSV or XLSX whose headers and values an import understands, so that an export comes back unchanged.
import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import writeXlsxFile, { type SheetData } from 'write-excel-file/node'
import type { Translate } from '../../base/errors.ts'
import { headerOfSpecification } from './columns.ts'
import { importFields } from './contract.ts'
import { type Existing, valueText } from './plan.ts'
import { neutralizeFormula } from './read.ts'

export const xlsxRowLimit = 50_000
const days = new Set(['purchase_date', 'last_maintenance_date', 'next_maintenance_date', 'warranty_expires_at'])
const numbers = new Set(['purchase_price', 'current_value', 'depreciation_rate', 'year'])

/** What a column holds of a machine: text, or a value that stays a number. */
type ExportColumn = { header: string; isDay: boolean; value: (machine: Existing) => string | number | null }

export function exportColumns(keys: string[], labels: ReadonlyMap<string, string>, t: Translate): ExportColumn[] {
  const fields = importFields.map(
    (field): ExportColumn => ({
      header: t(`imports.field_${field}`),
      isDay: days.has(field),
      value: (machine) => {
        if (field === 'category') return machine.category_path
        if (field === 'status' || field === 'ownership') return t(`imports.${field}_${machine[field]}`)
        if (field === 'tags') return machine.tags.length ? valueText(machine.tags) : null
        const value = machine[field]
        return value !== null && numbers.has(field) ? Number(value) : value
      },
    }),
  )
  const specifications = keys.map(
    (key): ExportColumn => ({
      header: headerOfSpecification(key, labels),
      isDay: false,
      value: ({ specifications: all }) => {
        const value = Object.hasOwn(all, key) ? all[key] : null
        return typeof value === 'number' ? value : value === null || value === undefined ? null : valueText(value)
      },
    }),
  )
  return [...fields, ...specifications]
}

/** CSV as spreadsheets open it by themselves: UTF-8 with its mark, and no cell that would run as a formula. */
export function csvStream(columns: ExportColumn[], pages: AsyncIterable<Existing[]>): Readable {
  const text = (value: string | number | null) => (typeof value === 'string' ? neutralizeFormula(value) : value === null ? '' : String(value))
  async function* lines() {
    yield `\ufeff${stringify([columns.map(({ header }) => text(header))], { record_delimiter: '\r\n' })}`
    for await (const page of pages)
      yield stringify(
        page.map((machine) => columns.map((column) => text(column.value(machine)))),
        { record_delimiter: '\r\n' },
      )
  }
  return Readable.from(lines())
}

export async function xlsxFile(columns: ExportColumn[], pages: AsyncIterable<Existing[]>, sheet: string): Promise<Buffer> {
  const data: SheetData = [columns.map(({ header }) => ({ value: header, fontWeight: 'bold' as const }))]
  for await (const page of pages) {
    for (const machine of page) data.push(columns.map((column) => asCell(column.value(machine), column.isDay)))
  }
  return writeXlsxFile(data, { sheet, stickyRowsCount: 1, columns: columns.map(({ header }) => ({ width: Math.min(Math.max(header.length + 2, 12), 40) })) }).toBuffer()
}

function asCell(value: string | number | null, isDay: boolean) {
  if (value === null || value === '') return null
  if (isDay) return { value: new Date(`${value}T00:00:00Z`), type: Date, format: 'yyyy-mm-dd' }
  return typeof value === 'number' ? { value, type: Number } : { value, type: String }
}
