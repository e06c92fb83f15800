// The part `operations`: limit, floor and product over the same data, in turn, several rounds; ratios between them.
import { type Bed, type Measured, measure, median, middle, ratio, rounded } from './bed.ts'
import { measureLimit } from './limit.ts'
import { memory } from './load.ts'
import { type Operation, operationsOn } from './operations.ts'
import { startFloor } from './servers.ts'

type Series = Record<'limit', number[]> & Record<'floor' | 'product', Measured[]>
type Row = { limit?: number; floor?: Measured; product: Measured; against: { limit?: number; floor?: number; floorP99?: number }; spread: number }

const spread = (numbers: number[]): number => (Math.max(...numbers) - Math.min(...numbers)) / median(numbers)
/** How much longer than the floor the slowest of a hundred may take. */
const mostP99 = 1.5

export async function measureOperations({ product, dataDir, headers, machines, rounds, seconds, connections, only, say }: Bed): Promise<object> {
  const floor = await startFloor(dataDir, product.superuser)
  try {
    const operations = (await operationsOn(product.superuser, machines)).filter(({ name }) => !only || only.includes(name))
    const atRest = memory(product.pid)
    const results: Record<string, Row> = {}
    for (const operation of operations) {
      const series: Series = { limit: [], floor: [], product: [] }
      const { next, expected } = operation
      // The first round warms caches and prepares statements; it does not count.
      for (let round = 0; round <= rounds; round++) {
        const load = { connections, seconds: round === 0 ? 2 : seconds, next, expected }
        const limit = operation.limit ? await measureLimit(product.superuser, operation.name, machines, connections, load.seconds) : undefined
        const ofFloor = operation.floor ? await measure(floor, product.database, { ...load, headers: { 'content-type': 'application/json' } }) : undefined
        const ofProduct = await measure(product, product.database, { ...load, headers })
        if (round === 0) continue
        if (limit) series.limit.push(limit)
        if (ofFloor) series.floor.push(ofFloor)
        series.product.push(ofProduct)
      }
      const row = summed(operation, series)
      results[operation.name] = row
      say(line(operation.name, row))
    }
    const kept = { at_rest: Math.round(atRest), after: Math.round(memory(product.pid)) }
    say(`Memory of the product: ${kept.at_rest} MiB at rest, ${kept.after} after`)
    return { memory_mib: kept, operations: results }
  } finally {
    await floor.stop()
  }
}

function summed({ requests }: Operation, { limit, floor, product }: Series): Row {
  const rates = product.map((one) => one.rps / requests)
  return {
    ...(limit.length ? { limit: Math.round(median(limit)) } : {}),
    ...(floor.length ? { floor: middle(floor) } : {}),
    product: middle(product),
    against: {
      ...(limit.length ? { limit: ratio(rates, limit) } : {}),
      ...(floor.length
        ? {
            floor: ratio(
              rates,
              floor.map((one) => one.rps),
            ),
            floorP99: ratio(
              product.map((one) => one.p99),
              floor.map((one) => one.p99),
            ),
          }
        : {}),
    },
    spread: rounded(spread(product.map((one) => one.rps)), 2),
  }
}

function line(name: string, { limit, floor, product, against, spread: wide }: Row): string {
  const show = (one: Measured) =>
    `${one.rps.toFixed(0)}/s p50 ${one.p50.toFixed(1)} p99 ${one.p99.toFixed(1)} cpu ${one.serverMs.toFixed(2)}+${one.databaseMs.toFixed(2)} ms${one.wrong ? ` WRONG ${one.wrong}` : ''}`
  const ends = [
    against.floor === undefined ? '' : `${against.floor} of the floor`,
    against.limit === undefined ? '' : `${against.limit} of the limit`,
    against.floorP99 === undefined ? '' : `p99 ${against.floorP99} of the floor’s${(name === 'get' || name === 'list') && against.floorP99 > mostP99 ? ` (ABOVE ${mostP99})` : ''}`,
  ]
  return `${name.padEnd(9)} limit ${limit ?? '-'}/s | floor ${floor ? show(floor) : '-'} | product ${show(product)} ±${Math.round(wide * 50)} % | ${ends.filter(Boolean).join(', ')}`
}
