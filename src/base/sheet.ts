// Rows as files: CSV page by page and XLSX whole for spreadsheets, lines of JSON for programs.
import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import type { FastifyReply } from 'fastify'
import writeXlsxFile, { type SheetData } from 'write-excel-file/node'
import { Refusal } from './errors.ts'

export const xlsxRowLimit = 50_000

/** A column of a file: its header, and what it holds of a row: text, or a value that stays a number. */
export type SheetColumn<Row> = { header: string; isDay?: boolean; value: (row: Row) => string | number | null }

/** Texts that a spreadsheet would run as a formula get an apostrophe in front; so do those that begin with such apostrophes, so that it can be undone. */
export function neutralizeFormula(text: string): string {
  return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text
}

/** CSV as spreadsheets open it by themselves: UTF-8 with its mark, and no cell that would run as a formula. */
export function csvStream<Row>(columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>): Readable {
  const text = (value: string | number | null) => (typeof value === 'string' ? neutralizeFormula(value) : value === null ? '' : String(value))
  async function* lines() {
    yield `\ufeff${stringify([columns.map(({ header }) => text(header))], { record_delimiter: '\r\n' })}`
    for await (const page of pages)
      yield stringify(
        page.map((row) => columns.map((column) => text(column.value(row)))),
        { record_delimiter: '\r\n' },
      )
  }
  return Readable.from(lines())
}

export async function xlsxFile<Row>(columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>, sheet: string): Promise<Buffer> {
  const data: SheetData = [columns.map(({ header }) => ({ value: header, fontWeight: 'bold' as const }))]
  for await (const page of pages) {
    for (const row of page) data.push(columns.map((column) => asCell(column.value(row), column.isDay ?? false)))
  }
  return writeXlsxFile(data, { sheet, stickyRowsCount: 1, columns: columns.map(({ header }) => ({ width: Math.min(Math.max(header.length + 2, 12), 40) })) }).toBuffer()
}

function asCell(value: string | number | null, isDay: boolean) {
  if (value === null || value === '') return null
  if (isDay) return { value: new Date(`${value}T00:00:00Z`), type: Date, format: 'yyyy-mm-dd' }
  return typeof value === 'number' ? { value, type: Number } : { value, type: String }
}

/** Answers with the rows as a file to save. An XLSX of more rows than spreadsheets bear is refused: `count` says how many. */
export async function sendSheet<Row>(reply: FastifyReply, file: { name: string; sheet: string; format: 'csv' | 'xlsx'; count: number }, columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>) {
  if (file.format === 'xlsx' && file.count > xlsxRowLimit) throw new Refusal(422, 'export_too_large', { limit: xlsxRowLimit })
  // Made before anything is answered, so that what goes wrong meanwhile is a refusal.
  const workbook = file.format === 'xlsx' ? await xlsxFile(columns, pages, file.sheet) : undefined
  asAttachment(reply, `${file.name}-${today()}.${file.format}`)
  if (workbook) await reply.type('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet').send(workbook)
  else await reply.type('text/csv; charset=utf-8').send(csvStream(columns, pages))
  return reply
}

/** Answers with a line for each row (`line` ends it), page by page. */
export async function sendLines<Row>(reply: FastifyReply, name: string, line: (row: Row) => string, pages: AsyncIterable<Row[]>) {
  async function* lines() {
    for await (const page of pages) yield page.map(line).join('')
  }
  asAttachment(reply, `${name}-${today()}.ndjson`)
  await reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines()))
  return reply
}

const today = () => new Date().toISOString().slice(0, 10)
const asAttachment = (reply: FastifyReply, name: string) => reply.header('content-disposition', `attachment; filename="${name}"`).header('cache-control', 'no-store')
