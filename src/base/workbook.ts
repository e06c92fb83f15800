// A workbook is written by a thread of its own, which takes the rows slice by slice.
import { answerOf, startThread } from './thread.ts'

export type Cell = string | number | null
/** `days`: which columns hold days (2026-11-28). */
export type Shape = { sheet: string; headers: string[]; days: boolean[] }

/** Gives the file. */
export function writeWorkbook(shape: Shape, slices: AsyncIterable<Cell[][]>): Promise<Buffer> {
  const worker = startThread(import.meta.url, 'workbook-worker', shape)
  return answerOf<Buffer>(worker, (done, fail) => {
    worker.once('message', (bytes: Uint8Array) => done(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
    const send = async () => {
      for await (const slice of slices) {
        // It died: nobody is left to take more.
        if (worker.threadId < 0) return
        worker.postMessage(slice)
      }
      worker.postMessage(null)
    }
    send().catch(fail)
  })
}
