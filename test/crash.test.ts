// Pulling the plug: the server or PostgreSQL is killed while eight write; every write that was acknowledged is there afterwards, whole.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { runningUrls } from '../src/base/embedded.ts'
import { type Body, connected, freePort } from './harness.ts'
import { removeCluster } from './server.ts'
import { whole } from './whole.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitcorp-crash-'))
chmodSync(folder, 0o755)
const port = await freePort()
const address = `http://127.0.0.1:${port}`
let server: ChildProcess | undefined

function start(): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'serve'], {
    cwd: programDir,
    env: { ...process.env, PORT: String(port), BITCORP_DATA_DIR: folder, BITCORP_DEMO: '1', BITCORP_RATE_LIMIT: '1000000', BITCORP_LOG_LEVEL: 'silent' },
    stdio: 'ignore',
  })
  server = child
  return child
}

async function ready(withinMs: number): Promise<number> {
  const began = Date.now()
  while (Date.now() - began < withinMs) {
    const ok = await fetch(`${address}/readyz`).then(
      (reply) => reply.ok,
      () => false,
    )
    if (ok) return Date.now() - began
    await sleep(50)
  }
  throw new Error(`not ready within ${withinMs} ms`)
}

const databasePid = () => Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
const query = <T = Body>(sql: string, values: unknown[] = []): Promise<T[]> => connected(runningUrls(folder)?.superuser ?? '', (q) => q(sql, values) as Promise<T[]>)

afterAll(async () => {
  if (server && server.exitCode === null && server.signalCode === null) {
    const ended = new Promise((done) => server?.once('exit', done))
    server.kill('SIGTERM')
    await ended
  }
  removeCluster(folder)
})

type Session = { company: string; headers: Record<string, string>; users: string[] }
async function signIn(): Promise<Session> {
  const reply = await fetch(`${address}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@andina.example', password: 'bitcorp-demo-2026' }),
  })
  const body = (await reply.json()) as Body
  const company = body.companies[0].company_id
  const headers = { cookie: reply.headers.getSetCookie()[0]?.split(';')[0] ?? '', 'x-csrf-token': body.csrf_token, 'content-type': 'application/json' }
  const people = (await (await fetch(`${address}/api/v1/companies/${company}/users`, { headers })).json()) as Body
  return { company, headers, users: people.items.map((p: Body) => p.user_id) }
}

/** What was acknowledged: a machine made, its status changed, a hand-over. */
type Acknowledged = { machines: { id: string; name: string; statuses: string[]; version: number; holder: string | null }[]; refusals: Record<string, number>; unexplained: string[] }

/** One of the eight: registers, hands over, takes back, changes status, until told to stop; notes only what was answered with success. */
async function write(session: Session, n: number, done: { stop: boolean }, seen: Acknowledged): Promise<void> {
  const call = async (path: string, body: object, wanted: number): Promise<Body> => {
    try {
      const reply = await fetch(`${address}/api/v1/companies/${session.company}${path}`, { method: 'POST', headers: session.headers, body: JSON.stringify(body), signal: AbortSignal.timeout(15_000) })
      const text = await reply.text()
      if (reply.status === wanted) return JSON.parse(text)
      seen.refusals[reply.status] = (seen.refusals[reply.status] ?? 0) + 1
      // A request cut off may have been done; its repetition is then refused as done already.
      if (reply.status !== 503 && reply.status !== 409) seen.unexplained.push(`${path} ${reply.status} ${text}`)
      if (reply.status === 503 && !reply.headers.get('retry-after')) seen.unexplained.push(`503 without Retry-After: ${text}`)
    } catch {
      seen.refusals.cut = (seen.refusals.cut ?? 0) + 1
    }
    await sleep(100)
    return undefined
  }
  for (let i = 0; !done.stop; i++) {
    const made = await call('/equipment', { name: `Corte ${n}-${i}`, ownership: 'rented' }, 201)
    if (!made) continue
    const machine = { id: made.id, name: made.name, statuses: ['active'], version: 1, holder: null as string | null }
    seen.machines.push(machine)
    const user_id = session.users[(n + i) % session.users.length] ?? ''
    if (await call(`/equipment/${made.id}/assign`, { user_id }, 201)) machine.holder = user_id
    else continue
    const changed = await call(`/equipment/${made.id}/status`, { status: 'maintenance', reason: 'corte' }, 200)
    if (!changed) continue
    machine.statuses.push('maintenance')
    machine.version = 2
  }
}

/** Everything acknowledged is stored with its history, event and audit, and nothing stored lacks a part. */
async function check(seen: Acknowledged): Promise<void> {
  expect(seen.unexplained).toEqual([])
  expect(seen.machines.length).toBeGreaterThan(5)
  const rows = await query(
    `SELECT e.id, e.name, e.version, (SELECT array_agg(h.status::text ORDER BY h.effective_from) FROM equipment_status_history h WHERE h.equipment_id = e.id) AS statuses,
    (SELECT a.user_id FROM equipment_assignments a WHERE a.equipment_id = e.id AND a.returned_at IS NULL) AS holder FROM equipment e WHERE e.id = ANY ($1)`,
    [seen.machines.map((m) => m.id)],
  )
  const stored = new Map(rows.map((row) => [row.id, row]))
  for (const machine of seen.machines) {
    const row = stored.get(machine.id)
    expect(row, `${machine.name} was acknowledged`).toBeDefined()
    expect(row.statuses.slice(0, machine.statuses.length), machine.name).toEqual(machine.statuses)
    expect(row.version, machine.name).toBeGreaterThanOrEqual(machine.version)
    if (machine.holder) expect(row.holder, machine.name).toBe(machine.holder)
  }
  expect(await query(whole)).toEqual([])
}

async function writeWhile(session: Session, work: () => Promise<void>): Promise<Acknowledged> {
  const seen: Acknowledged = { machines: [], refusals: {}, unexplained: [] }
  const done = { stop: false }
  const writers = Array.from({ length: 8 }, (_, n) => write(session, n, done, seen))
  await sleep(3000)
  await work()
  done.stop = true
  await Promise.all(writers)
  return seen
}

test('it starts', async () => {
  start()
  await ready(120_000)
})

test('PostgreSQL dies while eight write: the server stays up, says so, and is ready again', async () => {
  const session = await signIn()
  const before = server?.pid
  const killed = databasePid()
  let back = 0
  const seen = await writeWhile(session, async () => {
    process.kill(killed, 'SIGKILL')
    await sleep(30)
    expect((await fetch(`${address}/healthz`)).status, 'the process is up').toBe(200)
    back = await ready(30_000)
    await sleep(2000)
  })
  process.stdout.write(`database killed: ready after ${back} ms, ${seen.machines.length} machines acknowledged, other answers ${JSON.stringify(seen.refusals)}\n`)
  expect([server?.pid, server?.exitCode]).toEqual([before, null])
  expect(databasePid()).not.toBe(killed)
  expect(back).toBeLessThan(15_000)
  expect(seen.refusals[503] ?? 0, 'requests that were told to come again').toBeGreaterThan(0)
  await check(seen)
})

test.each([1, 2])('the server dies while eight write, kill %i: the next start has all of it', async () => {
  const session = await signIn()
  const seen = await writeWhile(session, async () => {
    const ended = new Promise((done) => server?.once('exit', done))
    server?.kill('SIGKILL')
    await ended
    await sleep(300)
  })
  start()
  const back = await ready(60_000)
  process.stdout.write(`server killed: ready after ${back} ms, ${seen.machines.length} machines acknowledged, other answers ${JSON.stringify(seen.refusals)}\n`)
  await check(seen)
})

test('both die at once', async () => {
  const session = await signIn()
  const seen = await writeWhile(session, async () => {
    const ended = new Promise((done) => server?.once('exit', done))
    process.kill(databasePid(), 'SIGKILL')
    server?.kill('SIGKILL')
    await ended
  })
  start()
  await ready(60_000)
  await check(seen)
})
