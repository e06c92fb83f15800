// The thread that writes a workbook: takes slices of rows until there is none, answers with the file.
import { parentPort, workerData } from 'node:worker_threads'
import writeXlsxFile, { type SheetData } from 'write-excel-file/node'
import type { Cell, Shape } from './workbook.ts'

const { sheet, headers, days } = workerData as Shape
const data: SheetData = [headers.map((value) => ({ value, fontWeight: 'bold' as const }))]

function asCell(value: Cell, isDay: boolean) {
  if (value === null || value === '') return null
  if (isDay) return { value: new Date(`${value}T00:00:00Z`), type: Date, format: 'yyyy-mm-dd' }
  return typeof value === 'number' ? { value, type: Number } : { value, type: String }
}

parentPort?.on('message', async (slice: Cell[][] | null) => {
  if (slice) return void data.push(...slice.map((row) => row.map((value, at) => asCell(value, days[at] ?? false))))
  const file = await writeXlsxFile(data, { sheet, stickyRowsCount: 1, columns: headers.map((header) => ({ width: Math.min(Math.max(header.length + 2, 12), 40) })) }).toBuffer()
  parentPort?.postMessage(new Uint8Array(file))
})
