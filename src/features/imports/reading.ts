// From the bytes of a file to the values of machines. What is large is read by a thread of its own.
import { Refusal } from '../../base/errors.ts'
import { answerOf, startThread } from '../../base/thread.ts'
import { findTable, type Mapping, type Table } from './columns.ts'
import { readSheets } from './read.ts'
import { type Answers, type Category, type Question, type ReadRow, readRows } from './rows.ts'
import { type DateOrder, plainWords } from './values.ts'

export type Asked = { bytes: Uint8Array; mapping: Mapping; headerRow: number | undefined; categories: Category[]; answers: Answers }
export type Reading = { table: Omit<Table, 'rows'>; rows: ReadRow[]; questions: Question[]; dateOrder: DateOrder }
/** What the thread says: rows in slices behind the rest, then nothing more; or why it refuses the file. */
export type Said = { reading: Reading } | { slice: ReadRow[] } | { refused: Pick<Refusal, 'status' | 'code' | 'values' | 'fields'> } | null

const smallBytes = 32_768

export async function readFile({ bytes, mapping, headerRow, categories, answers }: Asked): Promise<Reading> {
  const { rows, ...table } = findTable(await readSheets(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)), mapping, headerRow, labelsOf(categories))
  return { table, ...readRows({ ...table, rows }, categories, answers) }
}

/** Ten thousand rows take seconds, in which nobody else must wait. */
export async function readAside(asked: Asked): Promise<Reading> {
  if (asked.bytes.length <= smallBytes) return readFile(asked)
  const worker = startThread(import.meta.url, 'reading-worker', asked)
  return answerOf<Reading>(worker, (done, fail) => {
    let reading: Reading | undefined
    worker.on('message', (said: Said) => {
      if (said === null) return reading && done(reading)
      if ('reading' in said) reading = said.reading
      else if ('slice' in said) reading?.rows.push(...said.slice)
      else fail(new Refusal(said.refused.status, said.refused.code, said.refused.values, said.refused.fields))
    })
  })
}

/** Each template label with its key, where all categories agree. */
export function labelsOf(categories: Category[]): Map<string, string> {
  const keys = new Map<string, string | undefined>()
  for (const { key, label } of categories.flatMap(({ fields }) => fields)) {
    const words = plainWords(label)
    keys.set(words, keys.has(words) && keys.get(words) !== key ? undefined : key)
  }
  return new Map([...keys].filter((entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== ''))
}
