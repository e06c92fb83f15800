// A workbook of one sheet, packed while its rows are read: no more of it is in memory than a slice of rows.
import { once } from 'node:events'
import { createDeflateRaw } from 'node:zlib'
import { Zip, ZipPassThrough } from 'fflate'

export type Cell = string | number | null
/** `days`: which columns hold days (2026-11-28). */
export type Shape = { sheet: string; headers: string[]; days: boolean[] }

/** What a sheet of a spreadsheet has room for, the header included. */
export const room = { rows: 1_048_576, columns: 16_384 }
/** Larger parts need a form of ZIP that not every program reads. */
const partLimit = 0xffff_ffff
const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const types = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

/** The file, piece by piece. Each slice of rows may hold as many as please; the end comes when there are no more. */
export async function* writeWorkbook(shape: Shape, slices: AsyncIterable<Cell[][]>): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = []
  const zip = new Zip((error, piece) => {
    if (error) throw error
    pieces.push(piece)
  })
  for (const [name, xml] of Object.entries(frame(shape.sheet))) {
    const part = new ZipPassThrough(name)
    zip.add(part)
    part.push(Buffer.from(declaration + xml), true)
  }
  const sheet = new PackedPart('xl/worksheets/sheet1.xml')
  zip.add(sheet)
  try {
    await sheet.write(`${declaration}${beginning(shape)}${row(shape.headers, 1, () => headerStyle)}`)
    let at = 2
    for await (const slice of slices) {
      await sheet.write(slice.map((cells) => row(cells, at++, (column) => (shape.days[column] ? dayStyle : 0))).join(''))
      yield* pieces.splice(0)
    }
    await sheet.finish('</sheetData></worksheet>')
    zip.end()
    yield* pieces.splice(0)
  } finally {
    sheet.packer.destroy()
  }
}

/** Packed by Node's own zlib, beside the program; fflate keeps the frame of the ZIP. */
class PackedPart extends ZipPassThrough {
  readonly packer = createDeflateRaw({ level: 3 })
  constructor(name: string) {
    super(name)
    this.compression = 8
    this.packer.on('data', (piece: Buffer<ArrayBuffer>) => this.ondata(null, piece, false))
  }
  protected override process(chunk: Uint8Array, isLast: boolean): void {
    this.packer.write(chunk)
    if (isLast) this.packer.end()
  }
  async write(text: string): Promise<void> {
    this.push(Buffer.from(text), false)
    if (this.size > partLimit) throw new Error('more than a workbook bears')
    if (this.packer.writableNeedDrain) await once(this.packer, 'drain')
  }
  async finish(text: string): Promise<void> {
    const over = once(this.packer, 'end')
    this.push(Buffer.from(text), true)
    await over
    this.ondata(null, new Uint8Array(0), true)
  }
}

/** Places in the list of styles below; the first one is plain. */
const headerStyle = 1
const dayStyle = 2
/** Everything but the sheet. */
const frame = (sheet: string) => ({
  '[Content_Types].xml': `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${types}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${types}.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="${types}.styles+xml"/></Types>`,
  '_rels/.rels': `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="${relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
  'xl/_rels/workbook.xml.rels': `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="${relations}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${relations}/styles" Target="styles.xml"/></Relationships>`,
  'xl/workbook.xml': `<workbook xmlns="${main}" xmlns:r="${relations}"><bookViews><workbookView/></bookViews><sheets><sheet name="${written(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  'xl/styles.xml': `<styleSheet xmlns="${main}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`,
})

function beginning({ headers }: Shape): string {
  const widths = headers.map((header, at) => `<col min="${at + 1}" max="${at + 1}" width="${Math.min(Math.max(header.length + 2, 12), 40)}" customWidth="1"/>`)
  return `<worksheet xmlns="${main}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>${widths.join('')}</cols><sheetData>`
}

function row(cells: Cell[], number: number, style: (column: number) => number): string {
  return `<row r="${number}">${cells.map((value, column) => cell(value, `${columnName(column)}${number}`, style(column))).join('')}</row>`
}

function cell(value: Cell, place: string, style: number): string {
  if (value === null || value === '') return ''
  if (typeof value === 'number') return `<c r="${place}"><v>${value}</v></c>`
  const day = style === dayStyle ? dayNumber(value) : undefined
  if (day !== undefined) return `<c r="${place}" s="${style}"><v>${day}</v></c>`
  return `<c r="${place}"${style ? ` s="${style}"` : ''} t="inlineStr"><is><t${/^\s|\s$/.test(value) ? ' xml:space="preserve"' : ''}>${written(value)}</t></is></c>`
}

/** Days as spreadsheets count them; from 1900-03-01 on all of them count alike. */
function dayNumber(day: string): number | undefined {
  const number = (Date.parse(`${day}T00:00:00Z`) - Date.UTC(1899, 11, 30)) / 86_400_000
  return number >= 61 ? number : undefined
}

const names: string[] = []
function columnName(column: number): string {
  const known = names[column]
  if (known) return known
  const name = `${column < 26 ? '' : columnName(Math.floor(column / 26) - 1)}${String.fromCharCode(65 + (column % 26))}`
  names[column] = name
  return name
}

/** What XML has no place for, or would not give back, is written as spreadsheets do: a return is _x000D_. */
const written = (text: string): string =>
  text
    .replace(/_(?=x[\da-f]{4}_)|[^\P{Cc}\t\n\x7f-\x9f]|[\ufffe\uffff]/giu, (sign) => `_x${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`)
    .replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? '&quot;')
