// `npm run bench`: the parts that are asked for, each on a server of its own over the same data; a table, and a file of results.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { background } from './background.ts'
import { type Part, query } from './bed.ts'
import { bulk } from './bulk.ts'
import { crowd } from './crowd.ts'
import { fill } from './data.ts'
import { fairness } from './fairness.ts'
import { signIn, startProduct } from './servers.ts'
import { tax } from './tax.ts'
import { measureOperations } from './turns.ts'

const parts: Record<string, Part> = { operations: { measure: measureOperations, rounds: 3, seconds: 4, connections: 16 }, tax, load: crowd, fairness, background, bulk }
const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '10k' },
    part: { type: 'string', default: 'operations' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
})
const scales: Record<string, number> = { '10k': 10_000, '100k': 100_000, '1m': 1_000_000 }
const scale = options.scale.toLowerCase()
const machines = scales[scale]
if (!machines) throw new Error('--scale is one of 10k, 100k, 1m')
const wanted = options.part === 'all' ? Object.keys(parts) : options.part.split(',')
for (const name of wanted) if (!parts[name]) throw new Error(`--part is some of ${Object.keys(parts).join(',')}, or all; how it grows: npm run bench:growth`)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const say = (line: string) => void process.stderr.write(`${line}\n`)

async function main(machines: number): Promise<void> {
  const results: Record<string, unknown> = {}
  let about: Record<string, unknown> = {}
  for (const name of wanted) {
    const part = parts[name]
    if (!part) continue
    const found = await run(name, part, machines)
    about = Object.keys(about).length ? about : found.about
    Object.assign(results, found.result)
  }
  const result = { ...about, ...results }
  mkdirSync(here('results'), { recursive: true })
  const named = options.part === 'operations' ? scale : `${scale}-${wanted.length > 1 ? 'parts' : wanted[0]}`
  const file = options.out ?? here(`results/${new Date().toISOString().slice(0, 16).replaceAll(':', '')}-${named}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  say(`Kept in ${file}`)
}

async function run(name: string, part: Part, machines: number) {
  const dataDir = here(`data/${scale}`)
  const product = await startProduct(dataDir, part.env)
  try {
    await fill(product.superuser, machines, say)
    // Only where `tax` was killed half-way; what is measured is the product as it is shipped.
    await query(product.superuser, 'ALTER ROLE application_user NOBYPASSRLS')
    const [rounds, seconds, connections] = [Number(options.rounds ?? part.rounds), Number(options.seconds ?? part.seconds), Number(options.connections ?? part.connections)]
    say(`${name}: started in ${product.startedMs} ms; ${rounds} rounds, ${seconds} s, ${connections} connections`)
    const bed = { product, dataDir, headers: await signIn(product.address), machines, rounds, seconds, connections, only: options.only?.split(','), say }
    const found = await part.measure(bed)
    const [server] = await query<{ server_version: string }>(product.superuser, 'SHOW server_version')
    const about = {
      date: new Date().toISOString(),
      machine: { processors: cpus().length, model: cpus()[0]?.model, memory_gib: Math.round(totalmem() / 2 ** 30), system: release() },
      versions: { node: process.version, postgresql: server?.server_version },
      machines,
      connections,
      rounds,
      seconds,
      start_ms: product.startedMs,
    }
    return { about, result: name === 'operations' ? found : { [name]: { connections, rounds, seconds, ...found } } }
  } finally {
    await product.stop()
  }
}

await main(machines)
