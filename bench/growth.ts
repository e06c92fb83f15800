// `npm run bench:growth [SMALL LARGE]`: how much longer the product takes where there is more, beside how much longer it may take.
// Without names: the newest results of the smallest size and of the largest.
import { readdirSync, readFileSync } from 'node:fs'

type Measured = { rps: number; p50: number; serverMs: number; databaseMs: number }
type Result = { date: string; machines: number; operations?: Record<string, { product: Measured }> }
const read = (file: string): Result => JSON.parse(readFileSync(file, 'utf8')) as Result

function smallestAndLargest(): [string, string] {
  const folder = new URL('results/', import.meta.url)
  const found = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => new URL(name, folder).pathname)
    .map((file) => ({ file, result: read(file) }))
    .filter(({ result }) => result.operations)
  const sizes = found.map(({ result }) => result.machines)
  const newest = (machines: number) => found.findLast(({ result }) => result.machines === machines)?.file
  const [small, large] = [newest(Math.min(...sizes)), newest(Math.max(...sizes))]
  if (!small || !large || small === large) throw new Error('bench/results holds no two results of different sizes; run `npm run bench -- --scale 10k` and `--scale 1m`.')
  return [small, large]
}

/** How many times as long each may take in the larger one. */
const bounds: Record<string, number> = { get: 1.5, list: 1.3, page: 1.3, common: 1.3, timeline: 1.3, handover: 1.3, status: 1.3, search: 4 }

const [small, large] = process.argv.length >= 4 ? [process.argv[2] ?? '', process.argv[3] ?? ''] : smallestAndLargest()
const [before, after] = [read(small), read(large)]
const lines = [`${before.machines} machines (${before.date}) → ${after.machines} (${after.date})`]
let broken = 0
function tell(what: string, value: number | undefined, bound: number | undefined, isAtLeast = false, more = ''): void {
  if (value === undefined || Number.isNaN(value)) return void lines.push(`${what.padEnd(24)} not measured in both`)
  const isKept = bound === undefined || (isAtLeast ? value >= bound : value <= bound)
  if (!isKept) broken++
  lines.push(`${what.padEnd(24)} ${value.toFixed(2).padStart(7)}${more}${bound === undefined ? '' : `  ${isAtLeast ? '≥' : '≤'} ${bound} ${isKept ? '' : 'BROKEN'}`}`)
}

for (const [name, { product: now }] of Object.entries(after.operations ?? {})) {
  const was = before.operations?.[name]?.product
  tell(`${name} p50`, was && now.p50 / was.p50, bounds[name], false, was ? `  (database ${(now.databaseMs / was.databaseMs).toFixed(2)})` : '')
}
const figure = (name: string, of: keyof Measured): number => after.operations?.[name]?.product[of] ?? Number.NaN
tell('rate of report to get', figure('report', 'rps') / figure('get', 'rps'), 0.8, true)
// Questions about the past take turns within a company: what they cost is compared, not how long sixteen at once wait for each other.
const cost = (name: string): number => figure(name, 'serverMs') + figure(name, 'databaseMs')
tell('cost of past to list', cost('past') / cost('list'), 3)
process.stdout.write(`${lines.join('\n')}\n${broken} broken\n`)
process.exitCode = broken > 0 ? 1 : 0
