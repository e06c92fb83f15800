// Standbys of the embedded server: made in another folder, run, promoted; and what keeps an old primary from coming back beside a new one.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { copyCluster, putFile, putFiles } from './base-backup.ts'
import { type Embedded, placeCluster, readSecrets, runningUrls, StartError, startStandby, writeData } from './embedded.ts'
import { lockDataDir } from './lock.ts'
import { freePort } from './port.ts'

/** `primary`: the data folder it follows. `port`: where it listens, always the same. */
export type Standby = { primary: string; slot: string; port: number; made_at: string }
type Known = { dir: string; slot: string }
type Promoted = Standby & { promoted_at: string }

const roleName = 'bitcorp_replication'
const files = { standby: 'replica.json', promoted: 'promoted.json', known: 'replicas.json', fence: 'replaced.json' }
const settings = { wal_retrieve_retry_interval: '500ms', max_standby_streaming_delay: '10s', max_standby_archive_delay: '10s' }

const read = <T>(path: string): T | undefined => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined)
const write = (path: string, value: unknown) => writeData(path, `${JSON.stringify(value, null, 2)}\n`)

export const readStandby = (dir: string): Standby | undefined => read<Standby>(join(dir, files.standby))
export const listStandbys = (primary: string): Known[] => read<Known[]>(join(primary, files.known)) ?? []

/** Before a data folder is served: a standby is no primary, and a primary whose standby took over must stay away. */
export function refuseStandby(dataDir: string): void {
  const standby = readStandby(dataDir)
  if (standby)
    throw new StartError(`The data folder ${dataDir} is a replica of ${standby.primary}. \`bitcorp replica serve ${dataDir}\` runs it; \`bitcorp replica promote ${dataDir}\` makes it the primary.`)
  const fence = read<{ by: string; at: string }>(join(dataDir, files.fence)) ?? takenOver(dataDir)
  if (fence)
    throw new StartError(
      `The data folder ${dataDir} was replaced by its replica ${fence.by} at ${fence.at}: started again, there would be two truths. Serve that one (BITCORP_DATA_DIR=${fence.by}). Only when it is to be thrown away instead, remove ${join(dataDir, files.fence)} and ${join(fence.by, files.promoted)}.`,
    )
}

/** The replica's own word, for when the note could not be left here. */
function takenOver(dataDir: string): { by: string; at: string } | undefined {
  for (const { dir } of listStandbys(dataDir)) {
    const promoted = read<Promoted>(join(dir, files.promoted))
    if (promoted?.primary === resolve(dataDir)) return { by: dir, at: promoted.promoted_at }
  }
  return undefined
}

/** Copies the running server of `primary` into `dir`, to follow it from there on. */
export async function addStandby(primary: string, dir: string, wanted: number | undefined, say: (line: string) => void): Promise<Standby> {
  const [from, into] = [resolve(primary), resolve(dir)]
  if (existsSync(into) && (!statSync(into).isDirectory() || readdirSync(into).length > 0)) throw new StartError(`${into} is there already. Give a folder that is not there yet, best on another disk.`)
  const urls = runningUrls(from)
  if (!urls) throw new StartError(`The database of ${from} does not run. Start it first: bitcorp serve.`)
  const standby: Standby = { primary: from, slot: `bitcorp_${randomBytes(4).toString('hex')}`, port: wanted ?? (await freePort()), made_at: new Date().toISOString() }
  mkdirSync(into, { recursive: true, mode: 0o755 })
  try {
    await prepare(urls.superuser, from, standby.slot)
    say(`Copying the database into ${into} …`)
    const cluster = placeCluster(into)
    const copy = await withServer(urls.superuser, (client) => copyCluster(client, 'bitcorp', (entries) => putFiles(cluster, entries)))
    say(`${Math.ceil(copy.bytes / 1e6)} MB are copied.`)
    putFile(join(cluster, 'standby.signal'), '')
    follow(into, standby)
    copySecrets(standby, into)
    write(join(from, files.known), [...listStandbys(from).filter((known) => known.dir !== into), { dir: into, slot: standby.slot }])
    write(join(into, files.standby), standby)
    return standby
  } catch (error) {
    await dropSlot(from, standby.slot).catch(() => {})
    forget(into)
    throw error
  }
}

/** The user that standbys sign in as, and the slot that keeps for this one what it has not read yet. */
async function prepare(url: string, primary: string, slot: string): Promise<void> {
  const secrets = readSecrets(primary)
  const password = secrets.replication ?? randomBytes(24).toString('base64url')
  if (!secrets.replication) write(join(primary, 'secrets.json'), { ...secrets, replication: password })
  await withServer(url, async (client) => {
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby, EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS known', [roleName])
    if (rows[0].standby) throw new StartError(`${primary} is a replica itself. Make the new one from its primary.`)
    await client.query(`${rows[0].known ? 'ALTER' : 'CREATE'} ROLE ${roleName} LOGIN REPLICATION NOINHERIT PASSWORD ${pg.escapeLiteral(password)}`)
    await client.query('SELECT pg_create_physical_replication_slot($1, true)', [slot])
  })
}

async function dropSlot(primary: string, slot: string): Promise<void> {
  const urls = runningUrls(primary)
  if (!urls) return
  await withServer(urls.superuser, async (client) => {
    // One that is still being read from is let go of first.
    await client.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL', [slot])
    for (let i = 0; i < 50; i++) {
      const { rows } = await client.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot])
      if (!rows[0]) return
      if (!rows[0].active) return void (await client.query('SELECT pg_drop_replication_slot($1)', [slot]))
      await sleep(100)
    }
  })
}

function forget(dir: string): void {
  try {
    rmSync(realpathSync(join(dir, 'postgres')), { recursive: true, force: true })
  } catch {
    // It had not come to that.
  }
  rmSync(dir, { recursive: true, force: true })
}

/** Takes a standby's folder away, and what the primary keeps for it. */
export async function removeStandby(primary: string, dir: string): Promise<void> {
  const into = resolve(dir)
  const known = listStandbys(primary).find((one) => one.dir === into)
  const standby = readStandby(into)
  if (!known && standby?.primary !== resolve(primary)) throw new StartError(`${into} is no replica of ${primary}.`)
  if (runningUrls(into)) throw new StartError(`The replica ${into} runs. Stop it first.`)
  const slot = known?.slot ?? standby?.slot
  if (slot) {
    if (!runningUrls(primary)) throw new StartError(`The database of ${primary} does not run, and it keeps what ${into} has not read. Start it first: bitcorp serve.`)
    await dropSlot(primary, slot)
  }
  write(
    join(primary, files.known),
    listStandbys(primary).filter((one) => one.dir !== into),
  )
  if (standby) forget(into)
}

/** The embedded server takes another port at each start: the standby looks where it is now. */
function follow(dir: string, { primary, slot }: Standby): boolean {
  const urls = runningUrls(primary)
  const secrets = readSecrets(primary)
  if (!urls || !secrets.replication) return false
  const { port } = new URL(urls.superuser)
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`
  return configure(dir, {
    primary_conninfo: quote(`host=127.0.0.1 port=${port} user=${roleName} password=${secrets.replication} application_name=${slot} connect_timeout=5`),
    primary_slot_name: quote(slot),
  })
}

/** Sets (or, with null, takes out) settings in the file that the server's own ALTER SYSTEM writes. Says whether anything changed. */
function configure(dir: string, values: Record<string, string | null>): boolean {
  const cluster = realpathSync(join(dir, 'postgres'))
  const path = join(cluster, 'postgresql.auto.conf')
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const others = before.split('\n').filter((line) => line.trim() !== '' && !Object.hasOwn(values, /^\w+/.exec(line)?.[0] ?? ''))
  const lines = Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [`${name} = ${value}`]))
  const after = `${[...others, ...lines].join('\n')}\n`
  if (after === before) return false
  putFile(`${path}.new`, after)
  renameSync(`${path}.new`, path)
  return true
}

/** What a promoted standby serves with: the passwords, and the keys that values are encrypted with. */
function copySecrets({ primary }: Standby, dir: string): void {
  for (const name of ['secrets.json', 'keys.json']) {
    const from = join(primary, name)
    if (!existsSync(from)) continue
    const text = readFileSync(from, 'utf8')
    const into = join(dir, name)
    if (!existsSync(into) || readFileSync(into, 'utf8') !== text) writeData(into, text)
  }
}

/** Runs the standby of `dir` and keeps it on its primary. `ended` comes true when it was promoted. */
export async function runStandby(dir: string, say: (line: string) => void): Promise<{ server: Embedded; standby: Standby; ended: Promise<void>; stop: () => Promise<void> }> {
  const into = resolve(dir)
  const standby = readStandby(into)
  if (!standby) throw new StartError(`${into} is no replica. \`bitcorp replica add ${dir}\` makes one.`)
  const release = lockDataDir(into)
  try {
    const reachable = () => existsSync(join(standby.primary, 'secrets.json'))
    if (reachable()) {
      follow(into, standby)
      copySecrets(standby, into)
    }
    const server = await startStandby(into, standby.port, settings, say)
    let timer: NodeJS.Timeout | undefined
    const ended = new Promise<void>((done) => {
      timer = setInterval(() => {
        if (!readStandby(into)) return done()
        try {
          if (!reachable()) return
          copySecrets(standby, into)
          if (follow(into, standby)) void reload(server.urls.superuser).catch(() => {})
        } catch (error) {
          say((error as Error).message)
        }
      }, 1000)
    })
    const stop = async () => {
      clearInterval(timer)
      await server.stop()
      release()
    }
    return { server, standby, ended, stop }
  } catch (error) {
    release()
    throw error
  }
}

const reload = (url: string) => withServer(url, (client) => client.query('SELECT pg_reload_conf()'))

/** Makes the standby the primary. The old one must be stopped, and is kept from starting again; what it wrote last is read from its folder. */
export async function promoteStandby(dir: string, say: (line: string) => void): Promise<string> {
  const into = resolve(dir)
  const standby = readStandby(into)
  if (!standby) throw new StartError(`${into} is no replica that could be promoted.`)
  if (runningUrls(standby.primary)) throw new StartError(`The primary ${standby.primary} runs. Stop it first, so that nothing is written there that the replica does not get.`)
  const isThere = existsSync(join(standby.primary, 'postgres'))
  const release = isThere ? lockDataDir(standby.primary) : () => {}
  try {
    const promoted_at = new Date().toISOString()
    if (isThere) write(join(standby.primary, files.fence), { by: into, at: promoted_at })
    else say(`${standby.primary} cannot be reached: what it had not sent is lost. Never start it again.`)
    const segments = isThere ? join(realpathSync(join(standby.primary, 'postgres')), 'pg_wal') : undefined
    if (segments) configure(into, { restore_command: `'cp "${segments.replaceAll("'", "''").replaceAll('%', '%%')}/%f" "%p"'` })
    const running = runningUrls(into)
    const server = running ? undefined : await startStandby(into, standby.port, settings, say)
    try {
      await promote(running?.superuser ?? server?.urls.superuser ?? '')
      configure(into, { restore_command: null, primary_conninfo: null, primary_slot_name: null })
      write(join(into, files.promoted), { ...standby, promoted_at })
      rmSync(join(into, files.standby))
    } finally {
      await server?.stop()
    }
    // Who runs it as a standby sees that it is none any more, and ends.
    for (let i = 0; i < 300 && runningUrls(into); i++) await sleep(100)
    return standby.primary
  } finally {
    release()
  }
}

async function promote(url: string): Promise<void> {
  await withServer(url, async (client) => {
    await client.query('SELECT pg_reload_conf()')
    await sleep(200)
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby')
    // Promoted in an earlier try that was cut short.
    if (rows[0].standby && !(await client.query('SELECT pg_promote(true, 120) AS done')).rows[0].done)
      throw new StartError('The replica was not promoted within two minutes. Its own words are at the end of its postgres.log.')
    await client.query('CHECKPOINT')
  })
}

type Slot = { slot: string; active: boolean; wal_status: string | null; kept: string | null }
type Made = { dir: string; state: string; kept: string | null; needs: boolean }

/** The slots of the running embedded server; none when it does not run. */
export async function slotsOf(dataDir: string): Promise<Slot[]> {
  const urls = runningUrls(dataDir)
  if (!urls) return []
  return withServer(urls.superuser, async (client) => {
    const { rows } = await client.query<Slot>(`SELECT slot_name AS slot, active, wal_status, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) AS kept
      FROM pg_replication_slots WHERE slot_type = 'physical' AND slot_name LIKE 'bitcorp\\_%'`)
    return rows
  })
}

/** Each standby made from this folder: whether it follows, and whether somebody must do something. */
export function judgeStandbys(dataDir: string, slots: readonly Slot[]): Made[] {
  return listStandbys(dataDir).map(({ dir, slot }) => {
    const found = slots.find((one) => one.slot === slot)
    if (!found) return { dir, state: 'cannot follow any more: make it anew', kept: null, needs: true }
    if (found.wal_status === 'lost') return { dir, state: 'was away for too long and cannot follow any more: make it anew', kept: null, needs: true }
    if (found.active) return { dir, state: 'follows', kept: null, needs: false }
    return { dir, state: `does not run: bitcorp replica serve ${dir}`, kept: found.kept, needs: true }
  })
}

async function withServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url.replace(/\/[^/]+$/, '/postgres'), application_name: 'bitcorp_erp replica', connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
