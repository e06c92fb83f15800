// The part `load`: so many people at once that read machines and lists. No error, no wrong answer, nobody waits far longer than others.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bed, judged, type Part, rounded } from './bed.ts'
import { measureLoad, memory, type Request } from './load.ts'
import { operationsOn } from './operations.ts'

const mostSpread = 20
const pageSize = 50

export const crowd: Part = { measure: measureCrowd, rounds: 1, seconds: 60, connections: 500 }

async function measureCrowd({ product, headers, machines, seconds, connections, say }: Bed): Promise<object> {
  const [get, list] = (await operationsOn(product.superuser, machines)).filter(({ name }) => name === 'get' || name === 'list')
  let turn = 0
  const next = (): Request => (turn++ % 2 === 0 ? get : list)?.next() as Request
  const load = { address: product.address, headers, expected: [200], next, right: isRight }
  await measureLoad({ ...load, connections: 16, seconds: 2 })
  const before = memory(product.pid)
  const figures = await measureLoad({ ...load, connections, seconds })
  const after = memory(product.pid)
  await sleep(15_000)
  const kept = { before: Math.round(before), after: Math.round(after), later: Math.round(memory(product.pid)) }
  const { rps, p50, p95, p99, errors } = figures
  const wrong = figures.wrong - errors
  const spread = rounded(p99 / p50, 2)
  say(
    `${connections} connections, get and list in turn: ${rps.toFixed(0)}/s, ${errors} errors, ${wrong} wrong answers, p50 ${p50.toFixed(0)} p95 ${p95.toFixed(0)} p99 ${p99.toFixed(0)} ms, p99/p50 ${judged(spread, mostSpread)}`,
  )
  say(`Memory of the product: ${kept.before} MiB before, ${kept.after} at the end, ${kept.later} 15 s later`)
  return { rps: rounded(rps), p50: rounded(p50), p95: rounded(p95), p99: rounded(p99), p99_of_p50: spread, errors, wrong, memory_mib: kept }
}

/** A machine is the one that was asked for; a page is whole and holds no machine of another status. */
function isRight(path: string, body: string): boolean {
  const id = /\/equipment\/([^/?]+)$/.exec(path)?.[1]
  if (id) return body.includes(`"id":"${id}"`)
  return body.endsWith('}') && body.split('"status":"active"').length - 1 === pageSize
}
