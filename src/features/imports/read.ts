// From the bytes of a file to sheets of cells: CSV in any usual encoding and separator, XLSX with its merged cells.
import { parse } from 'csv-parse/sync'
import { unzipSync, zipSync } from 'fflate'
import readXlsxFile, { InvalidInputError } from 'read-excel-file/node'
import { Refusal } from '../../base/errors.ts'

export type Cell = string | number | boolean | Date | null
/** rows[0] is the first line of the file, so that a row's number is its index + 1, as a spreadsheet counts. */
export type Sheet = { name: string; rows: Cell[][] }

export const rowLimit = 50_000
const unpackedLimit = 512 * 1024 * 1024

export async function readSheets(bytes: Buffer): Promise<Sheet[]> {
  if (bytes.length === 0) throw new Refusal(422, 'import_empty')
  if (bytes.subarray(0, 4).equals(Buffer.from([0xd0, 0xcf, 0x11, 0xe0]))) throw new Refusal(422, 'import_old_excel')
  const isZip = bytes.subarray(0, 2).toString('latin1') === 'PK'
  const sheets = isZip ? await readXlsx(bytes) : [{ name: '', rows: readCsv(decode(bytes)) }]
  if (sheets.every((sheet) => sheet.rows.every(isBlankRow))) throw new Refusal(422, 'import_empty')
  if (sheets.some((sheet) => sheet.rows.length > rowLimit + 100)) throw new Refusal(422, 'import_too_many_rows', { limit: rowLimit })
  return sheets
}

/** Text without the differences that files lose: line ends, control characters, no-break spaces and blanks around. */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]|\p{Cs}|[\ufffe\uffff]/gu, '')
    .replace(/[\u00a0\u202f]/g, ' ')
    .trim()
}

// The same signs that the database counts as blank.
const blank = /^(?:[\s\u0085\u00a0\u00ad\u061c\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f])*$/

// Most cells: letters and signs of Western languages, single spaces between them, nothing around. They stand as they are.
const plain = /^[!-~\u00a1-\u00ac\u00ae-\u024f](?:[ -~\u00a1-\u00ac\u00ae-\u024f]*[!-~\u00a1-\u00ac\u00ae-\u024f])?$/

/** The cell as a person would read it; empty for a blank one. */
export function textOf(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'string' && plain.test(cell)) return cell
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? '' : cell.toISOString().slice(0, 10)
  const text = cleanText(String(cell))
  return blank.test(text) ? '' : text
}

export function isBlankRow(row: Cell[]): boolean {
  return row.every((cell) => textOf(cell) === '')
}

/** Takes away the apostrophe that an export put in front of what would have run as a formula. */
export function restoreFormula(text: string): string {
  return /^'+[=+\-@\t\r]/.test(text) ? text.slice(1) : text
}

/** UTF-8 with or without mark, UTF-16 with its mark, else Windows-1252, which holds Latin-1. */
export function decode(bytes: Buffer): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
  if (isUtf16) return new TextDecoder(isUtf16).decode(bytes)
  if (bytes.includes(0)) throw new Refusal(422, 'import_not_spreadsheet')
  if (/^(%PDF|\x89PNG|\xff\xd8\xff|GIF8|\{\\rtf|<!doctype|<html)/i.test(bytes.subarray(0, 16).toString('latin1'))) throw new Refusal(422, 'import_not_spreadsheet')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bytes.toString('latin1').replace(/[\u0080-\u009f]/g, (sign) => windows1252[sign.charCodeAt(0) - 0x80] ?? sign)
  }
}

// Node's own decoder of this name may read these 32 as Latin-1 controls.
const windows1252 = [...'€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ']

const separators = [';', ',', '\t', '|']

export function readCsv(text: string): Cell[][] {
  const hint = /^sep=(.)\r?\n/i.exec(text)
  const separator = hint?.[1] ?? sniffSeparator(text)
  return parseCsv(text, separator).map((row, index) => (index === 0 && hint ? [] : row.map(restoreFormula)))
}

/** The separator that cuts most lines of the beginning into the same number of cells, more than one. */
function sniffSeparator(text: string): string {
  const start = text.slice(0, 64 * 1024)
  const scored = separators.map((separator) => {
    let rows: string[][] = []
    try {
      rows = parseCsv(start, separator, 60)
    } catch {
      // A separator under which the quotes do not close is not the one.
    }
    const counts = new Map<number, number>()
    for (const row of rows) if (row.length > 1) counts.set(row.length, (counts.get(row.length) ?? 0) + 1)
    const [width = 1, lines = 0] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? []
    return { separator, score: lines * Math.min(width, 40) }
  })
  return scored.sort((a, b) => b.score - a.score)[0]?.separator ?? ','
}

function parseCsv(text: string, delimiter: string, to = rowLimit + 101): string[][] {
  try {
    return parse(text, { delimiter, to, bom: true, relax_quotes: true, relax_column_count: true, skip_empty_lines: false, max_record_size: 1_000_000 })
  } catch (error) {
    throw new Refusal(422, 'import_broken_csv', { line: (error as { lines?: number }).lines ?? 0 })
  }
}

async function readXlsx(bytes: Buffer): Promise<Sheet[]> {
  const files = unpack(bytes)
  try {
    // Packed anew without compression: the reader then sees only what was measured.
    const sheets = await readXlsxFile(Buffer.from(zipSync(files, { level: 0 })), { trim: false })
    const extras = sheetFiles(files)
    return sheets.map(({ sheet, data }) => {
      const xml = extras.get(sheet) ?? ''
      const rows = data as unknown as Cell[][]
      showFormulaErrors(rows, xml)
      fillMerged(rows, xml)
      return { name: sheet, rows }
    })
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(422, error instanceof InvalidInputError ? 'import_not_spreadsheet' : 'import_broken_xlsx')
  }
}

function unpack(bytes: Buffer): Record<string, Uint8Array> {
  let size = 0
  try {
    const files = unzipSync(bytes, {
      filter: (file) => {
        if (!/\.(xml|rels)$/.test(file.name)) return false
        size += file.originalSize
        if (size > unpackedLimit) throw new Refusal(413, 'too_large')
        return true
      },
    })
    if (!files['xl/workbook.xml']) throw new Refusal(422, 'import_not_spreadsheet')
    return files
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(422, 'import_not_spreadsheet')
  }
}

const attribute = (tag: string, name: string) => unescapeXml(new RegExp(`(?:^|[\\s:])${name}="([^"]*)"`).exec(tag)?.[1] ?? '')
const unescapeXml = (text: string) =>
  text.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[\da-f]+);/gi, (_, name: string) =>
    name.startsWith('#x')
      ? String.fromCodePoint(Number.parseInt(name.slice(2), 16))
      : name.startsWith('#')
        ? String.fromCodePoint(Number(name.slice(1)))
        : ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[name] ?? ''),
  )

/** The XML of each sheet by its name: the reader gives cells, not which of them are merged. */
function sheetFiles(files: Record<string, Uint8Array>): Map<string, string> {
  const text = (path: string) => (files[path] ? new TextDecoder().decode(files[path]) : '')
  const targets = new Map([...text('xl/_rels/workbook.xml.rels').matchAll(/<Relationship\s[^>]*>/g)].map(([tag]) => [attribute(tag, 'Id'), attribute(tag, 'Target')]))
  return new Map(
    [...text('xl/workbook.xml').matchAll(/<(?:\w+:)?sheet\s[^>]*>/g)].map(([tag]) => {
      const target = targets.get(attribute(tag, 'id')) ?? ''
      return [attribute(tag, 'name'), text(target.startsWith('/') ? target.slice(1) : `xl/${target}`)]
    }),
  )
}

/** A formula that failed stands as its error's name, so that it is not taken for an empty cell. */
function showFormulaErrors(rows: Cell[][], xml: string): void {
  for (const [, column = '', row = '', error = ''] of xml.matchAll(/<c r="([A-Z]+)(\d+)"[^>]*?\st="e"[^>]*>(?:<f[^>]*>[^<]*<\/f>|<f[^>]*\/>)?<v>([^<]+)<\/v>/g)) {
    const cells = rows[Number(row) - 1]
    if (cells) cells[columnIndex(column)] = error
  }
}

/** A cell merged over several rows counts for each of them; one merged over columns stays where it begins. */
function fillMerged(rows: Cell[][], xml: string): void {
  for (const [, column = '', from = '', to = ''] of xml.matchAll(/<(?:\w+:)?mergeCell ref="([A-Z]+)(\d+):[A-Z]+(\d+)"/g)) {
    const index = columnIndex(column)
    const value = rows[Number(from) - 1]?.[index] ?? null
    for (let row = Number(from); row < Math.min(Number(to), rows.length); row++) {
      const cells = rows[row]
      if (cells && !isBlankRow(cells)) cells[index] = value
    }
  }
}

const columnIndex = (letters: string) => [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1
