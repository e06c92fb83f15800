// The programs that are measured, each a process of its own: the product as it is shipped, and the floor.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runningUrls } from '../src/base/embedded.ts'
import { bench } from './data.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
export type Server = { address: string; pid: number; stop: () => Promise<void> }
/** `superuser`: where the product's own database listens; `database`: the process of its postmaster. */
export type Product = Server & { superuser: string; database: number; startedMs: number }

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as { port: number }
  await new Promise((done) => probe.close(done))
  return port
}

async function start(args: string[], env: Record<string, string>, log: string): Promise<Server> {
  const port = await freePort()
  const out = openSync(log, 'w')
  const child: ChildProcess = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...env, PORT: String(port) }, stdio: ['ignore', out, out] })
  closeSync(out)
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const address = `http://127.0.0.1:${port}`
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended: ${readFileSync(log, 'utf8').slice(-1000)}`)
    if (
      await fetch(`${address}/readyz`).then(
        (reply) => reply.status !== 503,
        () => false,
      )
    )
      break
    await new Promise((done) => setTimeout(done, 20))
  }
  return {
    address,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The production build with its own database, everything on: sign-in, row security, rate limit, log, metrics. `more`: further settings. */
export async function startProduct(dataDir: string, more: Record<string, string> = {}): Promise<Product> {
  mkdirSync(dataDir, { recursive: true })
  const began = Date.now()
  const env = { NODE_ENV: 'production', BITCORP_DATA_DIR: dataDir, BITCORP_DEMO: '0', BITCORP_RATE_LIMIT: '10000000', BITCORP_LOG_LEVEL: 'info', BITCORP_BACKUP_AT: 'off', ...more }
  const server = await start(['bin/bitcorp.js', 'serve'], env, join(dataDir, 'server.log'))
  const startedMs = Date.now() - began
  const urls = runningUrls(dataDir)
  if (!urls) throw new Error('the product runs without its database')
  const database = Number(readFileSync(join(realpathSync(join(dataDir, 'postgres')), 'postmaster.pid'), 'utf8').split('\n')[0])
  return { ...server, superuser: urls.superuser, database, startedMs }
}

export const startFloor = (dataDir: string, superuser: string): Promise<Server> =>
  start(['--import', 'tsx', 'bench/floor.ts'], { NODE_ENV: 'production', DATABASE_URL: superuser }, join(dataDir, 'floor.log'))

/** Signs in as a browser does; what each request carries from then on. */
export async function signIn(address: string, email: string = bench.email): Promise<Record<string, string>> {
  const reply = await fetch(`${address}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password: bench.password }) })
  if (!reply.ok) throw new Error(`signing in: ${reply.status} ${await reply.text()}`)
  const { csrf_token: token } = (await reply.json()) as { csrf_token: string }
  const cookie = reply.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  return { cookie, 'x-csrf-token': token, 'content-type': 'application/json' }
}
