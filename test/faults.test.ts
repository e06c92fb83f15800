// The database is killed twenty times under load, then stopped in its tracks: the server lives, says so, and is back by itself.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runningUrls } from '../src/base/embedded.ts'
import { type Body, connected } from './harness.ts'
import { buildWhenStale, cleanUp, isAlive, makeFolder, type Program, type Session, signIn, start, until } from './program.ts'
import { whole } from './whole.ts'

const kills = 20
const frozenMs = 20_000
/** The promise: back within this after each kill. */
const backWithinMs = 10_000
/** No request may take longer: five seconds until the silence is noticed, and ten for whoever waits for a connection. */
const answeredWithinMs = 15_000

const folder = makeFolder()
let server: Program
let url: string
let session: Session

beforeAll(async () => {
  buildWhenStale()
  server = start(['serve'], folder, { env: { BITCORP_DEMO: '1', BITCORP_RATE_LIMIT: '10000000', BITCORP_LOG_LEVEL: 'silent' } })
  url = await server.ready()
  session = await signIn(url)
})
afterAll(cleanUp)

type Answer = { at: number; ms: number; status: number }
type Load = { stop: boolean; answers: Answer[]; machines: Map<string, string>; wrong: string[] }

/** One request, and whether its answer is one that the promise allows: success, or "come again" with a time. */
async function call(load: Load, method: 'GET' | 'POST', path: string, body?: object, key?: string): Promise<Body> {
  const began = Date.now()
  const note = (status: number) => load.answers.push({ at: Date.now(), ms: Date.now() - began, status })
  try {
    const reply = await fetch(`${url}/api/v1/companies/${session.companyId}${path}`, {
      method,
      headers: { cookie: session.cookie, 'x-csrf-token': session.csrf, ...(body ? { 'content-type': 'application/json' } : {}), ...(key ? { 'idempotency-key': key } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(answeredWithinMs),
    })
    const text = await reply.text()
    note(reply.status)
    if (reply.status < 300) return JSON.parse(text)
    if (reply.status !== 503 || !reply.headers.get('retry-after')) load.wrong.push(`${method} ${path} ${reply.status} ${text}`)
    else if (!/problem\+json/.test(reply.headers.get('content-type') ?? '')) load.wrong.push(`503 in no words: ${text}`)
  } catch (error) {
    note(0)
    load.wrong.push(`${method} ${path} after ${Date.now() - began} ms: ${error}`)
  }
  await sleep(50)
  return undefined
}

/** Registers machine after machine; each with its key, so that one whose answer was lost is asked for again and made once. */
async function write(load: Load, n: number): Promise<void> {
  for (let i = 0; !load.stop; i++) {
    const name = `Falla ${n}-${i}-${Date.now()}`
    for (;;) {
      const made = await call(load, 'POST', '/equipment', { name, ownership: 'rented' }, name)
      if (made) load.machines.set(name, made.id)
      if (made || load.stop) break
    }
  }
}
async function read(load: Load, n: number): Promise<void> {
  const paths = ['/equipment?limit=50', '/equipment-summary', '/equipment?q=falla', '/assignments', '/equipment/export?format=csv']
  for (let i = n; !load.stop; i++) {
    const path = paths[i % paths.length] ?? ''
    if (path.includes('export')) await exportOnce(load, path)
    else await call(load, 'GET', path)
  }
}
/** A file, not JSON; one that had begun when the database died may only be cut. */
async function exportOnce(load: Load, path: string): Promise<void> {
  const reply = await fetch(`${url}/api/v1/companies/${session.companyId}${path}`, { headers: { cookie: session.cookie }, signal: AbortSignal.timeout(answeredWithinMs) }).catch((error) =>
    String(error),
  )
  if (typeof reply === 'string') return void load.wrong.push(`${path}: ${reply}`)
  if (reply.status !== 200 && reply.status !== 503) load.wrong.push(`${path} ${reply.status}`)
  await reply.text().catch(() => '')
  await sleep(50)
}

async function underLoad(work: (load: Load) => Promise<void>): Promise<Load> {
  const load: Load = { stop: false, answers: [], machines: new Map(), wrong: [] }
  const callers = [...Array.from({ length: 4 }, (_, n) => write(load, n)), ...Array.from({ length: 4 }, (_, n) => read(load, n))]
  try {
    await work(load)
  } finally {
    load.stop = true
    await Promise.all(callers)
  }
  return load
}

/** What was acknowledged is there, once; and nothing is half written. */
async function check(load: Load): Promise<void> {
  expect([...new Set(load.wrong)]).toEqual([])
  expect(load.machines.size).toBeGreaterThan(20)
  await connected(runningUrls(folder)?.superuser ?? '', async (query) => {
    const rows = await query('SELECT name, array_agg(id::text) AS ids FROM equipment WHERE name = ANY ($1) GROUP BY name', [[...load.machines.keys()]])
    expect(new Map(rows.map((row) => [row.name, row.ids.join()]))).toEqual(load.machines)
    expect(await query(whole)).toEqual([])
  })
}

const processes = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop()?.split(' ')[1])
        return [{ pid: Number(name), parent, command: readFileSync(`/proc/${name}/cmdline`, 'utf8') }]
      } catch {
        return []
      }
    })
const childrenOf = (pid: number) => processes().filter((process) => process.parent === pid)

/** From the kill to the first success after the last refusal: how long the service was not whole. Waits until it is. */
async function back(load: Load, killed: number): Promise<number> {
  const after = () => load.answers.filter((answer) => answer.at - answer.ms >= killed)
  const inRow = () => after().length - 1 - after().findLastIndex(({ status }) => status >= 300 || status === 0)
  await until(() => inRow() >= 12, 60_000)
  const answers = after()
  return (answers[answers.findLastIndex(({ status }) => status >= 300 || status === 0) + 1]?.at ?? 0) - killed
}

const percentile = (values: number[], share: number) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0
const countBy = (answers: Answer[]) => {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

test(`the database is killed ${kills} times under load: the server lives, requests are told to come again, it is back each time`, async () => {
  const times: number[] = []
  const load = await underLoad(async (load) => {
    await until(() => load.answers.length > 50, 30_000)
    for (let i = 0; i < kills; i++) {
      const postmaster = server.databasePid()
      const backend = childrenOf(postmaster).find(({ command }) => command.includes('application_user'))
      // In turns: the whole server, and one of its processes, after which it restarts all the others itself.
      process.kill(i % 2 === 0 || !backend ? postmaster : backend.pid, 'SIGKILL')
      times.push(await back(load, Date.now()))
      expect(isAlive(server.child.pid ?? 0), 'the server process').toBe(true)
    }
  })
  process.stdout.write(
    `${kills} kills: back after ${percentile(times, 0.5)} ms (median), ${percentile(times, 0.95)} ms (95 %), ${Math.max(...times)} ms (worst); answers ${JSON.stringify(countBy(load.answers))}, the longest ${Math.max(...load.answers.map(({ ms }) => ms))} ms; ${load.machines.size} machines acknowledged\n`,
  )
  expect(
    load.answers.some(({ status }) => status === 503),
    'requests were told to come again',
  ).toBe(true)
  expect(times.filter((ms) => ms > backWithinMs)).toEqual([])
  await check(load)
})

test('the database is stopped in its tracks: nobody hangs, the server lives, and all goes on when it does', async () => {
  let thawed = 0
  let recovered = 0
  const load = await underLoad(async (load) => {
    await until(() => load.answers.length > 50, 30_000)
    const postmaster = server.databasePid()
    const all = [postmaster, ...childrenOf(postmaster).map(({ pid }) => pid)]
    for (const pid of all) process.kill(pid, 'SIGSTOP')
    const frozen = Date.now()
    try {
      await sleep(frozenMs / 2)
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      expect((await fetch(`${url}/readyz`)).status).toBe(503)
      await sleep(frozenMs - (Date.now() - frozen))
    } finally {
      thawed = Date.now()
      for (const pid of all) if (isAlive(pid)) process.kill(pid, 'SIGCONT')
    }
    recovered = await back(load, thawed)
    const during = load.answers.filter(({ at, ms }) => at - ms > frozen && at < thawed)
    expect(during.length, 'requests answered while it was frozen').toBeGreaterThan(50)
    expect(countBy(during)).toEqual({ 503: during.length })
  })
  process.stdout.write(
    `frozen for ${frozenMs} ms: the longest request ${Math.max(...load.answers.map(({ ms }) => ms))} ms, back ${recovered} ms after; answers ${JSON.stringify(countBy(load.answers))}\n`,
  )
  expect(recovered).toBeLessThan(backWithinMs)
  expect(isAlive(server.child.pid ?? 0)).toBe(true)
  await check(load)
})

test('after all of that it stops as it should', async () => {
  expect(await server.stop()).toBe(0)
})
