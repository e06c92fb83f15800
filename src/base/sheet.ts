// Rows as files, page by page: CSV and XLSX for spreadsheets, lines of JSON for programs.
import { Readable } from 'node:stream'
import { setImmediate as pause } from 'node:timers/promises'
import { stringify } from 'csv-stringify/sync'
import type { FastifyReply } from 'fastify'
import { Refusal } from './errors.ts'
import { type Cell, room, writeWorkbook } from './workbook.ts'

/** A column of a file: its header, and what it holds of a row: text, or a value that stays a number. */
export type SheetColumn<Row> = { header: string; isDay?: boolean; value: (row: Row) => Cell }

/** Texts that a spreadsheet would run as a formula get an apostrophe in front; so do those that begin with such apostrophes, so that it can be undone. */
export function neutralizeFormula(text: string): string {
  return /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text
}

const sliceSize = 100

/** Rows in slices, with a pause after each in which others are answered. */
async function* slicesOf<Row, T>(pages: AsyncIterable<Row[]>, from: (row: Row) => T): AsyncGenerator<T[]> {
  for await (const page of pages) {
    for (let at = 0; at < page.length; at += sliceSize) {
      yield page.slice(at, at + sliceSize).map(from)
      await pause()
    }
  }
}

/** CSV as spreadsheets open it by themselves: UTF-8 with its mark, and no cell that would run as a formula. */
function csvStream<Row>(columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>): Readable {
  const text = (value: Cell) => (typeof value === 'string' ? neutralizeFormula(value) : value === null ? '' : String(value))
  async function* lines() {
    yield `\ufeff${stringify([columns.map(({ header }) => text(header))], { record_delimiter: '\r\n' })}`
    for await (const slice of slicesOf(pages, (row) => columns.map((column) => text(column.value(row))))) yield stringify(slice, { record_delimiter: '\r\n' })
  }
  return Readable.from(lines())
}

function xlsxStream<Row>(columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>, sheet: string): Readable {
  const shape = { sheet, headers: columns.map(({ header }) => header), days: columns.map(({ isDay }) => isDay ?? false) }
  return Readable.from(
    writeWorkbook(
      shape,
      slicesOf(pages, (row) => columns.map((column) => column.value(row))),
    ),
  )
}

/** Answers with the rows as a file to save. More than a spreadsheet has room for is refused as XLSX: `count` says how many rows there are. */
export async function sendSheet<Row>(reply: FastifyReply, file: { name: string; sheet: string; format: 'csv' | 'xlsx'; count: number }, columns: SheetColumn<Row>[], pages: AsyncIterable<Row[]>) {
  if (file.format === 'xlsx' && (file.count >= room.rows || columns.length > room.columns)) throw new Refusal(422, 'export_too_large', { rows: room.rows - 1, columns: room.columns })
  asAttachment(reply, `${file.name}-${today()}.${file.format}`)
  if (file.format === 'xlsx') await reply.type('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet').send(xlsxStream(columns, pages, file.sheet))
  else await reply.type('text/csv; charset=utf-8').send(csvStream(columns, pages))
  return reply
}

/** Answers with a line for each row (`line` ends it), page by page. */
export async function sendLines<Row>(reply: FastifyReply, name: string, line: (row: Row) => string, pages: AsyncIterable<Row[]>) {
  async function* lines() {
    for await (const slice of slicesOf(pages, line)) yield slice.join('')
  }
  asAttachment(reply, `${name}-${today()}.ndjson`)
  await reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines()))
  return reply
}

const today = () => new Date().toISOString().slice(0, 10)
const asAttachment = (reply: FastifyReply, name: string) => reply.header('content-disposition', `attachment; filename="${name}"`).header('cache-control', 'no-store')
