// Runs the real command, as a person at a terminal would: starts it, waits for its words, signals it, reads its exit code.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const root = resolve(import.meta.dirname, '..')
const command = join(root, 'bin', 'bitcorp.js')
type Options = { env?: Record<string, string>; uid?: number; input?: string; cwd?: string; npm?: boolean; command?: string }

const running = new Set<ChildProcess>()

export class Program {
  readonly child: ChildProcess
  readonly dataDir: string
  output = ''
  errors = ''
  code: number | null | undefined
  readonly began = Date.now()
  constructor(words: string[], dataDir: string, options: Options = {}) {
    this.dataDir = dataDir
    const identity = options.uid ? { uid: options.uid, gid: options.uid } : {}
    const { DATABASE_URL: _, DATABASE_APP_URL: __, ...env } = process.env
    const [program, args] = options.npm ? ['npm', ['start', '--silent']] : [process.execPath, [options.command ?? command, ...words]]
    this.child = spawn(program, args, { env: { ...env, PORT: '0', BITCORP_DATA_DIR: dataDir, ...options.env }, cwd: options.cwd ?? root, stdio: 'pipe', ...identity })
    running.add(this.child)
    this.child.stdout?.on('data', (text) => (this.output += text))
    this.child.stderr?.on('data', (text) => (this.errors += text))
    this.child.once('exit', (code, signal) => {
      this.code = code ?? (signal ? -1 : null)
      running.delete(this.child)
    })
    this.child.stdin?.on('error', () => {})
    if (options.input !== undefined) this.child.stdin?.end(options.input)
  }

  /** The address it serves, once it says that it is ready. Fails with its own words when it ends instead. */
  async ready(within = 90_000): Promise<string> {
    await until(() => /is ready: \S+/.test(this.output) || this.code !== undefined, within)
    const url = /is ready: (\S+)/.exec(this.output)?.[1]
    if (!url) throw new Error(`it ended with ${this.code}: ${this.output}${this.errors}`)
    return url
  }

  async ended(within = 60_000): Promise<number> {
    await until(() => this.code !== undefined, within)
    return this.code ?? -1
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.child.kill(signal)
    return this.ended()
  }

  databasePid(): number {
    return Number(readFileSync(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  }
}

export function start(words: string[], dataDir: string, options: Options = {}): Program {
  return new Program(words, dataDir, options)
}

/** Runs a command to its end. */
export async function run(words: string[], dataDir: string, options: Options = {}): Promise<Program> {
  const program = new Program(words, dataDir, { input: '', ...options })
  await program.ended(120_000)
  return program
}

export async function until(condition: () => boolean | Promise<boolean>, within: number): Promise<void> {
  for (const end = Date.now() + within; !(await condition()); await sleep(20)) {
    if (Date.now() > end) throw new Error(`waited ${within} ms in vain`)
  }
}

/** A process that ended but whose parent never asked for its end (a zombie) is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !existsSync(`/proc/${pid}/stat`) || readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z'
  } catch {
    return false
  }
}

const folders: string[] = []
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-start-'))
  chmodSync(folder, 0o755)
  folders.push(folder)
  return join(folder, 'data')
}

/** After a file's tests: whatever still runs is stopped, and the folders go. */
export async function cleanUp(): Promise<void> {
  for (const child of running) child.kill('SIGTERM')
  await until(() => running.size === 0, 15_000).catch(() => {
    for (const child of running) child.kill('SIGKILL')
  })
  for (const folder of folders) {
    const cluster = join(folder, 'data', 'postgres')
    const pidFile = join(cluster, 'postmaster.pid')
    if (existsSync(pidFile)) {
      const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
      if (isAlive(pid)) process.kill(pid, 'SIGQUIT')
      await until(() => !isAlive(pid), 10_000).catch(() => {})
    }
    if (existsSync(cluster)) rmSync(realpathSync(cluster), { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The tests run what is built: it is built again when a source is newer. */
export function buildWhenStale(): void {
  const built = join(root, 'dist', 'cli.js')
  const newest = Math.max(...readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs))
  if (existsSync(built) && existsSync(join(root, 'dist', 'web', 'index.html')) && statSync(built).mtimeMs > newest) return
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'build.js')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed: ${stderr}`)
}

export type Session = { cookie: string; csrf: string; companyId: string }
export async function signIn(url: string, email = 'manager@andina.example', password = 'bitcorp-demo-2026'): Promise<Session> {
  const reply = await fetch(`${url}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password }) })
  if (reply.status !== 200) throw new Error(`sign-in answered ${reply.status}: ${await reply.text()}`)
  const body = (await reply.json()) as { csrf_token: string; companies: { company_id: string }[] }
  return { cookie: /bitcorp_session=[\w-]+/.exec(reply.headers.get('set-cookie') ?? '')?.[0] ?? '', csrf: body.csrf_token, companyId: body.companies[0]?.company_id ?? '' }
}

/** Registers a rented machine; gives the status and the reply. */
export async function register(url: string, session: Session, name: string): Promise<{ status: number; headers: Headers; id: string }> {
  const reply = await fetch(`${url}/api/v1/companies/${session.companyId}/equipment`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie: session.cookie, 'x-csrf-token': session.csrf },
    body: JSON.stringify({ name, ownership: 'rented' }),
  })
  const body = (await reply.json().catch(() => ({}))) as { id?: string }
  return { status: reply.status, headers: reply.headers, id: body.id ?? '' }
}

export async function nameOf(url: string, session: Session, id: string): Promise<string | undefined> {
  const reply = await fetch(`${url}/api/v1/companies/${session.companyId}/equipment/${id}`, { headers: { cookie: session.cookie } })
  return ((await reply.json()) as { name?: string }).name
}
