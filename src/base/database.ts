// The database of this installation: the embedded one of the data folder, or the one DATABASE_URL names; migrated and ready.
import { createHmac } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { Archive, archiveSettings, startCollecting } from './archive.ts'
import type { Config } from './config.ts'
import { type Embedded, prepareEmbedded, runningUrls, StartError, startEmbedded } from './embedded.ts'
import { prepareKeys } from './keys.ts'
import { lockDataDir } from './lock.ts'
import { isCurrent, migrate, prepareServer, takeLock } from './migrate.ts'
import { asOwner } from './owner.ts'
import { refuseStandby } from './standby.ts'
import { readVaultKey } from './vault.ts'

/** `superuser`: of the embedded server alone. */
export type DatabaseUrls = { owner: string; app: string; reporting: string | undefined; superuser?: string }
export type OpenDatabase = { urls: DatabaseUrls; databasePid: () => number | undefined; stop: () => Promise<void> }

/** Starts or reaches the database and brings it to this program's schema. `rooms`: whose SQL is applied, in order. */
export async function openDatabase(config: Config, rooms: readonly string[], say: (line: string) => void): Promise<OpenDatabase> {
  const opened = await reachDatabase(config, rooms, say)
  try {
    await migrate(opened.urls.owner, rooms, say)
    await makeLogPartitions(opened.urls.owner)
    const trouble = prepareKeys(config.keysFile, await asOwner(opened.urls.owner, (owner) => owner.query<{ key_id: string; used: number }>('SELECT key_id, used::int FROM list_encryption_keys()')))
    if (trouble) say(trouble)
    return opened
  } catch (error) {
    await opened.stop()
    throw error
  }
}

/** The same without migrating: for commands that look at or change the schema themselves. */
export async function reachDatabase(config: Config, rooms: readonly string[], say: (line: string) => void): Promise<OpenDatabase> {
  if (config.databaseUrl) {
    if (!(await isCurrent(config.databaseUrl, rooms))) await prepareServer(config.databaseUrl)
    const urls = { owner: config.databaseUrl, app: config.databaseAppUrl ?? (await letAppIn(config.databaseUrl)), reporting: undefined }
    if (config.databaseAppUrl) await checkApp(config.databaseAppUrl, config.pool.pooler)
    return { urls, databasePid: () => undefined, stop: async () => {} }
  }
  const release = lockDataDir(config.dataDir)
  let embedded: Embedded | undefined
  let collecting: ReturnType<typeof startCollecting> | undefined
  const stop = async () => {
    await embedded?.stop()
    await collecting?.stop()
    release()
  }
  try {
    refuseStandby(config.dataDir)
    const archive = openArchive(config)
    embedded = await startEmbedded(config.dataDir, say, archive ? archiveSettings() : {})
    if (archive) collecting = startCollecting(archive, realpathSync(join(config.dataDir, 'postgres')), say)
    if (!(await isCurrent(embedded.urls.owner, rooms))) {
      await prepareEmbedded(embedded.urls)
      await prepareServer(embedded.urls.superuser)
    }
    return { urls: embedded.urls, databasePid: embedded.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Where the write-ahead log is kept; undefined when it is not. */
function openArchive(config: Config): Archive | undefined {
  if (config.backupAt === undefined) return undefined
  return new Archive(join(config.backupDir, 'wal'), config.backupKeyFile ? readVaultKey(config.backupKeyFile) : undefined)
}

/** For a command beside a running server: its database when one runs, else the database is started for the command alone. */
export async function joinDatabase(config: Config, rooms: readonly string[], say: (line: string) => void): Promise<OpenDatabase> {
  const running = config.databaseUrl ? undefined : runningUrls(config.dataDir)
  if (running) return { urls: running, databasePid: () => undefined, stop: async () => {} }
  return openDatabase(config, rooms, say)
}

/** The connection strings of the database that runs now, for other programs. */
export async function findRunning(config: Config): Promise<DatabaseUrls | undefined> {
  if (!config.databaseUrl) return runningUrls(config.dataDir)
  return { owner: config.databaseUrl, app: config.databaseAppUrl ?? derivedAppUrl(config.databaseUrl), reporting: undefined }
}

/** One connection string is enough to begin with: application_user's password is made from the owner's. */
function derivedAppUrl(ownerUrl: string): string {
  const url = new URL(ownerUrl)
  url.password = createHmac('sha256', `${url.username}:${url.password}`).update('application_user').digest('base64url')
  url.username = 'application_user'
  return url.href
}

/** Lets application_user in with the derived password; touches the server only when the password does not fit yet. */
async function letAppIn(ownerUrl: string): Promise<string> {
  const appUrl = derivedAppUrl(ownerUrl)
  if ((await signsIn(appUrl)) === undefined) return appUrl
  const client = new pg.Client({ connectionString: ownerUrl })
  client.on('error', () => {})
  try {
    await client.connect()
    await takeLock(client)
    const { rows } = await client.query(`SELECT datname FROM pg_database d, aclexplode(d.datacl) a WHERE datname <> current_database() AND a.grantee = 'application_user'::regrole LIMIT 1`)
    if (rows[0]) throw new Error(`the database ${rows[0].datname} on this server uses it with another one`)
    await client.query(`ALTER ROLE application_user LOGIN PASSWORD ${pg.escapeLiteral(new URL(appUrl).password)}`)
  } catch (error) {
    throw new StartError(`application_user could not be given a password (${(error as Error).message}). Set DATABASE_APP_URL to its connection string.`)
  } finally {
    await client.end().catch(() => {})
  }
  await checkApp(appUrl, true)
  return appUrl
}

async function checkApp(appUrl: string, pooler: boolean): Promise<void> {
  const trouble = (await signsIn(appUrl)) ?? (pooler ? undefined : await isPooled(appUrl))
  if (trouble) throw new StartError(`The serving user cannot sign in to the database: ${trouble}. Check DATABASE_APP_URL and the server's pg_hba.conf.`)
}

/** Why this connection string does not work; undefined when it does. */
async function signsIn(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query('SELECT rolsuper OR rolbypassrls AS mighty FROM pg_roles WHERE rolname = current_user')
    if (rows[0]?.mighty) return 'its user passes row security by (a superuser, or BYPASSRLS); use application_user'
    return undefined
  } catch (error) {
    return (error as Error).message || String((error as { code?: string }).code)
  } finally {
    await client.end().catch(() => {})
  }
}

/** A pooler refuses or forgets a setting that is given at the start of a connection; the server itself knows it then. */
async function isPooled(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, options: '-c bitcorp.direct=1' })
  client.on('error', () => {})
  const { rows } = await client
    .connect()
    .then(() => client.query("SELECT current_setting('bitcorp.direct', true) = '1' AS direct"))
    .catch(() => ({ rows: [] }))
    .finally(() => client.end().catch(() => {}))
  return rows[0]?.direct ? undefined : 'it leads to a pooler; set BITCORP_DB_POOLER=1'
}

/** The partitions of the logs from last month to three months ahead, at each start; later a job makes them. */
async function makeLogPartitions(ownerUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SET ROLE bitcorp_owner')
    await client.query('SELECT create_equipment_log_partitions(3)')
  } finally {
    await client.end().catch(() => {})
  }
}
