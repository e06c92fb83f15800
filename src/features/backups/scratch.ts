// A scratch server: a cluster in a folder of its own, reached through a socket there by nobody else, gone when the work is done.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { embeddedPrograms, nobody, reachable, StartError, stopOrphan } from '../../base/embedded.ts'
import { type Holder, isAlive, thisProgram } from '../../base/lock.ts'

export type Place = { dataDir: string; folder: string; cluster: string; sockets: string; remove: () => void }
export type Scratch = { child: ChildProcess; url: (database: string, user?: string) => string; log: () => string; stop: (how?: 'fast' | 'immediate') => Promise<void> }

const own = (path: string) => {
  if (nobody.uid) chownSync(path, nobody.uid, nobody.gid)
}

/** A folder that whoever runs PostgreSQL may enter. A note in the data folder tells of it until it is gone. */
export function makePlace(dataDir: string, cluster?: string): Place {
  mkdirSync(dataDir, { recursive: true })
  const name = `scratch-${randomBytes(6).toString('hex')}`
  const folder = nobody.uid && !reachable(dataDir) ? join('/var/lib/bitcorp-erp', name) : join(resolve(dataDir), name)
  const note = join(dataDir, `${name}.json`)
  // A socket's path may be 107 letters long: it stands in the short folder of temporary things.
  const sockets = mkdtempSync(join(tmpdir(), 'bitcorp-'))
  writeFileSync(note, JSON.stringify({ folder, sockets, cluster: cluster ?? join(folder, 'cluster'), holder: thisProgram() }), { mode: 0o600 })
  mkdirSync(folder, { recursive: true })
  for (const path of [folder, sockets, cluster ?? join(folder, 'cluster')]) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o700)
    own(path)
  }
  const remove = () => {
    for (const path of [folder, sockets, note]) rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  return { dataDir, folder, cluster: cluster ?? join(folder, 'cluster'), sockets, remove }
}

/** Ends and removes what a program that was killed left behind here. */
export async function sweepPlaces(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return
  for (const name of readdirSync(dataDir).filter((file) => /^scratch-[0-9a-f]{12}\.json$/.test(file))) {
    const { folder, sockets, cluster, holder } = JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as { folder: string; sockets: string; cluster: string; holder: Holder }
    if (isAlive(holder)) continue
    await stopOrphan(cluster)
    for (const path of [folder, sockets]) if (/(scratch-[0-9a-f]{12}|bitcorp-\w{6})$/.test(path)) rmSync(path, { recursive: true, force: true })
    rmSync(join(dataDir, name), { force: true })
  }
}

/** The folder with the programs of this version of PostgreSQL: the embedded ones, or the system's. */
export async function findServer(major: number, { cluster, dataDir }: Place, path: string): Promise<string> {
  if (major === 18) {
    const native = await embeddedPrograms(cluster, dataDir).catch(() => undefined)
    if (native) return join(native, 'bin')
  }
  return findPrograms('postgres', major, path) ?? refuseMissing('postgres', major)
}

/** Where a program of exactly this version stands: Debian's folders, then PATH. */
export function findPrograms(program: string, major: number, path: string): string | undefined {
  return placesOf(path).find((folder) => {
    if (!existsSync(join(folder, program))) return false
    const { stdout } = spawnSync(join(folder, program), ['--version'], { encoding: 'utf8' })
    return Number(/(\d+)(?:\.\d+|devel|beta|rc)/.exec(stdout ?? '')?.[1]) === major
  })
}

export function refuseMissing(program: string, major: number): never {
  throw new StartError(
    `\`${program}\` of PostgreSQL ${major} is not on this machine: it must be of the server's own version. Install it (Debian: apt install postgresql${program === 'postgres' ? '' : '-client'}-${major}), or put its folder on PATH.`,
  )
}

function placesOf(path: string): string[] {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []
  return [...versions, ...path.split(delimiter).filter(Boolean)]
}

// On the command line, so that what ALTER SYSTEM once set starts no program and reaches no other machine from here.
const settings = {
  listen_addresses: '',
  port: '5432',
  archive_mode: 'off',
  shared_preload_libraries: '',
  primary_conninfo: '',
  ssl: 'off',
  fsync: 'on',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  hot_standby: 'on',
  jit: 'off',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  autovacuum: 'off',
  session_preload_libraries: '',
  local_preload_libraries: '',
  external_pid_file: '',
}

/** Starts a server on the place's cluster and waits until it lets somebody in. `trouble`: why it need not wait on. */
export async function startScratch(bin: string, place: Place, superuser: string, extra: Record<string, string> = {}, trouble: () => Error | undefined = () => undefined): Promise<Scratch> {
  const files = { 'scratch.conf': '', 'scratch.hba': 'local all all trust\n', 'scratch.ident': '' }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(place.folder, name), text, { mode: 0o600 })
    own(join(place.folder, name))
  }
  const all = {
    ...settings,
    unix_socket_directories: place.sockets,
    unix_socket_permissions: '0700',
    hba_file: join(place.folder, 'scratch.hba'),
    ident_file: join(place.folder, 'scratch.ident'),
    ...extra,
  }
  const args = ['-D', place.cluster, '-c', `config_file=${join(place.folder, 'scratch.conf')}`, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const logPath = join(place.folder, 'scratch.log')
  const log = openSync(logPath, 'a', 0o600)
  const child = spawn(join(bin, 'postgres'), args, { ...nobody, cwd: '/', detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  let ended = false
  child.once('exit', () => (ended = true))
  child.once('error', () => (ended = true))
  const url = (database: string, user = superuser) => `postgresql://${encodeURIComponent(user)}@localhost/${encodeURIComponent(database)}?host=${encodeURIComponent(place.sockets)}`
  const stop = async (how: 'fast' | 'immediate' = 'fast'): Promise<void> => {
    if (ended) return
    const over = new Promise((done) => child.once('exit', done))
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
    await over
    clearTimeout(late)
  }
  const scratch: Scratch = { child, url, log: () => readFileSync(logPath, 'utf8'), stop }
  try {
    await answers(scratch, () => (ended ? new Error(`the scratch server ended: ${lastWords(scratch.log())}`) : trouble()))
    return scratch
  } catch (error) {
    await stop('immediate')
    throw error
  }
}

async function answers(scratch: Scratch, trouble: () => Error | undefined): Promise<void> {
  for (;;) {
    const found = trouble()
    if (found) throw found
    const client = new pg.Client({ connectionString: scratch.url('postgres'), connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch {
      await sleep(50)
    }
  }
}

/** What the server itself said went wrong. */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => /FATAL|PANIC|ERROR|DETAIL/.test(line))
  return (lines.find((line) => !/the database system is/.test(line)) ?? lines.at(-1) ?? 'it gives no reason').replace(/^.*?(FATAL|PANIC|ERROR):\s*/, '')
}
