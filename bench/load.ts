// Load on an HTTP server: so many connections, each sending its next request when the last is answered; what it took of the processors.
import { readdirSync, readFileSync } from 'node:fs'
import autocannon, { type Result } from 'autocannon'

export type Request = { method: 'GET' | 'POST'; path: string; body?: string }
export type Load = {
  address: string
  headers: Record<string, string>
  connections: number
  seconds: number
  next: () => Request
  expected: readonly number[]
  /** Whether this is the answer to that path; left out, the state alone counts. */
  right?: (path: string, body: string) => boolean
}
/** `rps`: answers a second; `p50`, `p95`, `p99`: milliseconds; `bytes`: of a mean answer; `wrong`: answers other than expected, with `errors`: those that never came. */
export type Figures = { rps: number; p50: number; p95: number; p99: number; bytes: number; wrong: number; errors: number }

export async function measureLoad({ address, headers, connections, seconds, next, expected, right }: Load): Promise<Figures> {
  const times: number[] = []
  let bytes = 0
  let wrong = 0
  const asked = (request: object, context: object) => {
    const made = next()
    Object.assign(context, { path: made.path })
    // Its own headers: the length of a body that is written among them would go along with the next request that has none.
    return { ...request, headers: { ...headers }, ...made } as never
  }
  const answered = (status: number, body: string, context: object) => {
    if (expected.includes(status) && right && !right((context as { path: string }).path, body)) wrong++
  }
  const options = { url: address, connections, duration: seconds, timeout: 30, headers, requests: [{ setupRequest: asked, ...(right ? { onResponse: answered } : {}) }] }
  const heard = new Map<object, number>()
  const began = performance.now()
  const result = await new Promise<Result>((done, fail) => {
    const run = autocannon(options, (error, found) => (error ? fail(error) : done(found)))
    run.on('response', (client, status, size, ms) => {
      heard.set(client, performance.now())
      times.push(ms)
      bytes += size
      if (!expected.includes(status)) wrong++
    })
  })
  const answers = times.length
  times.sort((a, b) => a - b)
  // Whoever still waits at the end waited at least as long as this: left out, a server that answers nobody would look quick.
  const end = began + seconds * 1000
  const middle = times[Math.floor(answers / 2)] ?? 0
  const since = [...heard.values(), ...Array.from({ length: connections - heard.size }, () => began)]
  times.push(...since.map((from) => end - from).filter((ms) => ms > middle))
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { rps: answers / result.duration, p50: at(0.5), p95: at(0.95), p99: at(0.99), bytes: bytes / answers, wrong: wrong + result.errors, errors: result.errors }
}

/** Processor seconds used so far by a process and, with `tree`, by all its children, also those that ended. */
export function processorSeconds(pid: number, tree = false): number {
  const stat = (of: number) =>
    readFileSync(`/proc/${of}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  const ticks = (fields: string[], from: number, count: number) => fields.slice(from, from + count).reduce((sum, field) => sum + Number(field), 0)
  if (!tree) return ticks(stat(pid), 11, 2) / 100
  let sum = ticks(stat(pid), 11, 4)
  for (const child of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = stat(Number(child))
      if (Number(fields[1]) === pid) sum += ticks(fields, 11, 4)
    } catch {
      // Ended meanwhile: its parent has its time by now.
    }
  }
  return sum / 100
}

/** Resident memory of a process in MiB. */
export const memory = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
