// `npm run bench:compare [BASE] [BRANCH]`: tells two files of results apart (without names: the last two of the same size). Only what
// differs by more than a share and by more than a plain amount counts; noise on a busy machine stays below one of them.
import { readdirSync, readFileSync } from 'node:fs'

type Measured = { rps: number; p99: number; serverMs: number; databaseMs: number }
type Result = { date: string; machines: number; operations: Record<string, { product: Measured; against: { limit?: number; floor?: number } }> }
const read = (file: string): Result => JSON.parse(readFileSync(file, 'utf8')) as Result

function lastTwo(): [string, string] {
  const folder = new URL('results/', import.meta.url)
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => new URL(name, folder).pathname)
    .filter((file) => 'operations' in read(file))
  const branch = files.at(-1)
  const base = branch && files.slice(0, -1).findLast((file) => read(file).machines === read(branch).machines)
  if (!base) throw new Error('bench/results holds no two results of the same size; run `npm run bench` before and after the change.')
  return [base, branch]
}

/** What is compared: ratios to the limit and the floor of the same run, and processor time; `worse` says in which direction. */
const figures = [
  { name: 'of the floor', worse: 'less', share: 0.1, amount: 0.05, of: (one: Result['operations'][string]) => one.against.floor },
  { name: 'of the limit', worse: 'less', share: 0.1, amount: 0.02, of: (one: Result['operations'][string]) => one.against.limit },
  { name: 'server ms', worse: 'more', share: 0.15, amount: 0.03, of: (one: Result['operations'][string]) => one.product.serverMs },
  { name: 'database ms', worse: 'more', share: 0.15, amount: 0.03, of: (one: Result['operations'][string]) => one.product.databaseMs },
] as const

const [base, branch] = process.argv.length >= 4 ? [process.argv[2] ?? '', process.argv[3] ?? ''] : lastTwo()
const [before, after] = [read(base), read(branch)]
const lines = [`${before.machines} machines: ${before.date} → ${after.date}`]
let slower = 0
for (const [name, now] of Object.entries(after.operations)) {
  const was = before.operations[name]
  if (!was) continue
  for (const { name: figure, worse, share, amount, of } of figures) {
    const [a, b] = [of(was), of(now)]
    if (a === undefined || b === undefined) continue
    const counts = Math.abs(b - a) > share * a && Math.abs(b - a) > amount
    const isWorse = counts && (worse === 'less' ? b < a : b > a)
    if (isWorse) slower++
    lines.push(`${name.padEnd(10)} ${figure.padEnd(12)} ${a.toFixed(3).padStart(8)} → ${b.toFixed(3).padStart(8)}  ${isWorse ? 'WORSE' : counts ? 'better' : ''}`)
  }
}
process.stdout.write(`${lines.join('\n')}\n${slower} worse\n`)
process.exitCode = slower > 0 ? 1 : 0
