// The thread that reads a large file.
import { parentPort, workerData } from 'node:worker_threads'
import { Refusal } from '../../base/errors.ts'
import { type Asked, readFile, type Said } from './reading.ts'

const sliceSize = 250
const say = (said: Said) => parentPort?.postMessage(said)

try {
  const { rows, ...reading } = await readFile(workerData as Asked)
  say({ reading: { ...reading, rows: [] } })
  for (let at = 0; at < rows.length; at += sliceSize) say({ slice: rows.slice(at, at + sliceSize) })
  say(null)
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  const { status, code, values, fields } = error
  say({ refused: { status, code, values, fields } })
}
