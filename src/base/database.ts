// The database of this installation: the embedded one of the data folder, or the one DATABASE_URL names; migrated and ready.
import { createHmac } from 'node:crypto'
import pg from 'pg'
import type { Config } from './config.ts'
import { prepareEmbedded, runningUrls, StartError, startEmbedded } from './embedded.ts'
import { lockDataDir } from './lock.ts'
import { migrate, prepareServer } from './migrate.ts'

export type DatabaseUrls = { owner: string; app: string; reporting: string | undefined }
export type OpenDatabase = { urls: DatabaseUrls; databasePid: () => number | undefined; stop: () => Promise<void> }

/** Starts or reaches the database and brings it to this program's schema. `rooms`: whose SQL is applied, in order. */
export async function openDatabase(config: Config, rooms: readonly string[], say: (line: string) => void): Promise<OpenDatabase> {
  const opened = await reachDatabase(config, say)
  try {
    await migrate(opened.urls.owner, rooms, say)
    await makeLogPartitions(opened.urls.owner)
    return opened
  } catch (error) {
    await opened.stop()
    throw error
  }
}

/** The same without migrating: for commands that look at or change the schema themselves. */
export async function reachDatabase(config: Config, say: (line: string) => void): Promise<OpenDatabase> {
  if (config.databaseUrl) {
    await prepareServer(config.databaseUrl)
    const urls = { owner: config.databaseUrl, app: config.databaseAppUrl ?? (await letAppIn(config.databaseUrl)), reporting: undefined }
    return { urls, databasePid: () => undefined, stop: async () => {} }
  }
  const release = lockDataDir(config.dataDir)
  try {
    const embedded = await startEmbedded(config.dataDir, say)
    try {
      await prepareEmbedded(embedded.urls)
      await prepareServer(embedded.urls.superuser)
    } catch (error) {
      await embedded.stop()
      throw error
    }
    return {
      urls: embedded.urls,
      databasePid: embedded.pid,
      stop: async () => {
        await embedded.stop()
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** For a command beside a running server: its database when one runs, else the database is started for the command alone. */
export async function joinDatabase(config: Config, rooms: readonly string[], say: (line: string) => void): Promise<OpenDatabase> {
  const running = config.databaseUrl ? undefined : runningUrls(config.dataDir)
  if (running) return { urls: running, databasePid: () => undefined, stop: async () => {} }
  return openDatabase(config, rooms, say)
}

/** Gives application_user a password made from the owner's, so that one connection string is enough to begin with. */
async function letAppIn(ownerUrl: string): Promise<string> {
  const url = new URL(ownerUrl)
  const password = createHmac('sha256', `${url.username}:${url.password}`).update('application_user').digest('base64url')
  const client = new pg.Client({ connectionString: ownerUrl })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query("SELECT pg_advisory_lock(hashtextextended('bitcorp migrate', 0))")
    await client.query(`ALTER ROLE application_user LOGIN PASSWORD ${pg.escapeLiteral(password)}`)
  } catch (error) {
    throw new StartError(`application_user could not be given a password (${(error as Error).message}). Give its connection string as DATABASE_APP_URL.`)
  } finally {
    await client.end().catch(() => {})
  }
  url.username = 'application_user'
  url.password = password
  return url.href
}

/** This month's partition of the logs and three to come; called at each start and once a day. */
export async function makeLogPartitions(ownerUrl: string): Promise<void> {
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
