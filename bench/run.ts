// `npm run bench`: limit, floor and product over the same data, in turn, several rounds; ratios, a table, and a file of results.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { fill } from './data.ts'
import { measureLimit } from './limit.ts'
import { type Figures, measureLoad, memory, processorSeconds } from './load.ts'
import { type Operation, operationsOn } from './operations.ts'
import { type Server, signIn, startFloor, startProduct } from './servers.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '10k' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '16' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
})
const scales: Record<string, number> = { '10k': 10_000, '100k': 100_000, '1m': 1_000_000 }
const machines = scales[options.scale.toLowerCase()]
if (!machines) throw new Error('--scale is one of 10k, 100k, 1m')
const [rounds, seconds, connections] = [Number(options.rounds), Number(options.seconds), Number(options.connections)]
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const say = (line: string) => void process.stderr.write(`${line}\n`)

type Measured = Figures & { serverMs: number; databaseMs: number }
type Series = Record<'limit', number[]> & Record<'floor' | 'product', Measured[]>

export const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
const spread = (numbers: number[]): number => (Math.max(...numbers) - Math.min(...numbers)) / median(numbers)

async function main(): Promise<void> {
  const dataDir = here(`data/${options.scale.toLowerCase()}`)
  const product = await startProduct(dataDir)
  let floor: Server | undefined
  try {
    await fill(product.superuser, machines ?? 0, say)
    floor = await startFloor(dataDir, product.superuser)
    const headers = await signIn(product.address)
    const wanted = options.only?.split(',')
    const operations = (await operationsOn(product.superuser, machines ?? 0)).filter(({ name }) => !wanted || wanted.includes(name))
    const atRest = memory(product.pid)
    const results: Record<string, object> = {}
    for (const operation of operations) {
      const series: Series = { limit: [], floor: [], product: [] }
      // The first round warms caches and prepares statements; it does not count.
      for (let round = 0; round <= rounds; round++) {
        const forSeconds = round === 0 ? 2 : seconds
        const limit = operation.limit ? await measureLimit(product.superuser, operation.name, machines ?? 0, connections, forSeconds) : undefined
        const ofFloor = operation.floor ? await measure(floor, product.database, operation, { 'content-type': 'application/json' }, forSeconds) : undefined
        const ofProduct = await measure(product, product.database, operation, headers, forSeconds)
        if (round === 0) continue
        if (limit) series.limit.push(limit)
        if (ofFloor) series.floor.push(ofFloor)
        series.product.push(ofProduct)
      }
      results[operation.name] = summed(operation, series)
      say(line(operation.name, results[operation.name] as Row))
    }
    const { rows } = await query(product.superuser, 'SHOW server_version')
    const result = {
      date: new Date().toISOString(),
      machine: { processors: cpus().length, model: cpus()[0]?.model, memory_gib: Math.round(totalmem() / 2 ** 30), system: release() },
      versions: { node: process.version, postgresql: rows[0]?.server_version },
      machines,
      connections,
      rounds,
      seconds,
      start_ms: product.startedMs,
      memory_mib: { at_rest: Math.round(atRest), after: Math.round(memory(product.pid)) },
      operations: results,
    }
    mkdirSync(here('results'), { recursive: true })
    const file = options.out ?? here(`results/${result.date.slice(0, 16).replaceAll(':', '')}-${options.scale}.json`)
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
    say(`Started in ${product.startedMs} ms; memory ${result.memory_mib.at_rest} MiB at rest, ${result.memory_mib.after} after. Kept in ${file}`)
  } finally {
    await floor?.stop()
    await product.stop()
  }
}

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

async function measure(server: Server, database: number, { next, expected }: Operation, headers: Record<string, string>, forSeconds: number): Promise<Measured> {
  const before = [processorSeconds(server.pid), processorSeconds(database, true)] as const
  const figures = await measureLoad({ address: server.address, headers, connections, seconds: forSeconds, next, expected })
  const answers = figures.rps * forSeconds
  return { ...figures, serverMs: ((processorSeconds(server.pid) - before[0]) * 1000) / answers, databaseMs: ((processorSeconds(database, true) - before[1]) * 1000) / answers }
}

type Row = { limit?: number; floor?: Measured; product: Measured; against: { limit?: number; floor?: number }; spread: number }
function summed({ requests }: Operation, { limit, floor, product }: Series): Row {
  const middle = (all: Measured[]): Measured =>
    Object.fromEntries(Object.keys(all[0] ?? {}).map((key) => [key, Math.round(median(all.map((one) => one[key as keyof Measured])) * 1000) / 1000])) as Measured
  // Ratios are taken round by round, so that a machine that is slower for a while is slower for both.
  const ratio = (to: number[]) => Math.round(median(product.map((one, at) => one.rps / requests / (to[at] ?? Number.NaN))) * 1000) / 1000
  return {
    ...(limit.length ? { limit: Math.round(median(limit)) } : {}),
    ...(floor.length ? { floor: middle(floor) } : {}),
    product: middle(product),
    against: { ...(limit.length ? { limit: ratio(limit) } : {}), ...(floor.length ? { floor: ratio(floor.map((one) => one.rps)) } : {}) },
    spread: Math.round(spread(product.map((one) => one.rps)) * 100) / 100,
  }
}

function line(name: string, { limit, floor, product, against, spread: wide }: Row): string {
  const show = (one: Measured) =>
    `${one.rps.toFixed(0)}/s p50 ${one.p50.toFixed(1)} p99 ${one.p99.toFixed(1)} cpu ${one.serverMs.toFixed(2)}+${one.databaseMs.toFixed(2)} ms${one.wrong ? ` WRONG ${one.wrong}` : ''}`
  return `${name.padEnd(9)} limit ${limit ?? '-'}/s | floor ${floor ? show(floor) : '-'} | product ${show(product)} ±${Math.round(wide * 50)} % | ${against.floor === undefined ? '' : `${against.floor} of the floor`} ${against.limit === undefined ? '' : `${against.limit} of the limit`}`
}

await main()
