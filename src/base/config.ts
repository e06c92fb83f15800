// The only file that reads the environment: read once, checked, frozen, passed on.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How the serving connections are kept. Times are in milliseconds. */
export type PoolSettings = Readonly<{
  /** Connections that are kept open, and how many more may be opened while all of them work. */
  size: number
  overflow: number
  /** How long one of the overflow stays open without work. */
  overflowIdleMs: number
  /** The longest that a request waits for a connection, and that opening one takes. */
  checkoutMs: number
  connectMs: number
  /** A connection older than this is replaced; one that stood idle for longer than the other is asked before it is used. */
  recycleMs: number
  pingAfterMs: number
  /** What the database itself ends: statements of the pool and of the shared readers, waiting for a lock, an idle transaction. */
  statementMs: number
  readMs: number
  lockMs: number
  idleTransactionMs: number
  /** A database that says nothing at all for this long is taken for frozen: who waits is told to come again. */
  silenceMs: number
  /** Statements that take longer are logged; 0: none. */
  slowMs: number
  logStatements: boolean
  /** A pooler in transaction mode stands between: no named statements, no startup options. */
  pooler: boolean
}>

export type Config = Readonly<{
  host: string
  port: number
  dataDir: string
  /** Owner's connection for migrating; undefined means: the embedded database. */
  databaseUrl: string | undefined
  /** Serving connection; undefined means: application_user on the owner's server, with a derived password. */
  databaseAppUrl: string | undefined
  pool: PoolSettings
  /** Standbys for reports and exports; without a user in them, reached as who serves. */
  replicaUrls: readonly string[]
  /** How long a read waits for a replica to reach the reader's own last write. */
  replicaWaitMs: number
  /** A replica further behind is not read. */
  replicaMaxLagSeconds: number
  demo: boolean
  logLevel: string
  /** Traces are sent; where to, OpenTelemetry's own variables say. */
  tracing: boolean
  /** Address of the proxy in front, when there is one: makes cookies Secure and believes X-Forwarded-For. */
  behindProxy: boolean
  /** Throws when a reply does not match its contract. Set by the tests. */
  checkReplies: boolean
  rateLimitPerMinute: number
  /** Reports, exports and questions about the past that one company has worked on at a time. */
  reportsAtOnce: number
  /** The keys that values are encrypted with; the same file for all servers on one database. */
  keysFile: string
  /** Hosts, with or without a port, that webhooks reach whatever their address; every other one must be public. */
  webhookAllow: readonly string[]
  /** Webhooks may go without TLS to anybody. */
  webhookHttp: boolean
  /** The server that takes mail; undefined means: mail is written to mailDir. Holds a password: never shown. */
  smtpUrl: string | undefined
  mailFrom: string
  mailDir: string
  /** Where people reach the page, for links in mail; without a slash at its end. */
  publicUrl: string
  /** The identity provider (OpenID Connect) that people may sign in through. Holds a secret: never shown. */
  oidc: Readonly<{ issuer: string; clientId: string; clientSecret: string }> | undefined
  /** Whole months of machines' logs that are kept in the database; undefined means: all of them. */
  logKeepMonths: number | undefined
  /** Where older months are written before they leave the database. */
  logExportDir: string
  /** Serves other machines without TLS, and the demo accounts to them: only for who says so. */
  allowHttp: boolean
  allowDemoPublic: boolean
  /** What a start and `doctor` say about the settings themselves. */
  warnings: readonly string[]
  /** Where backups and the archive of the write-ahead log are kept. */
  backupDir: string
  /** The hour of the day of the daily backup; undefined: none is taken by the clock and nothing is archived. */
  backupAt: number | undefined
  backupKeepDays: number
  /** `base`: the files, and between backups the archive of the log; `dump`: of your own server, what a role that reads everything can take. */
  backupKind: 'base' | 'dump'
  /** The file with the key that backups are encrypted with; undefined: they are not. */
  backupKeyFile: string | undefined
  /** Connection to your own server as a role that may read everything; undefined: DATABASE_URL. */
  backupUrl: string | undefined
  /** Folders where PostgreSQL's own programs are looked for. */
  searchPath: string
}>

export class ConfigError extends Error {}

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** Settings that hold a secret: each may be given as NAME_FILE, the file that holds it. */
export const secretSettings = ['DATABASE_URL', 'DATABASE_APP_URL', 'DATABASE_REPLICA_URL', 'BITCORP_SMTP_URL', 'BITCORP_OIDC_CLIENT_SECRET'] as const

export function readConfig(given: NodeJS.ProcessEnv = process.env): Config {
  const { env, warnings } = readSecretFiles(given)
  const port = readNumber(env, 'PORT', 3000, 0, 65_535)
  const dataDir = resolve(env.BITCORP_DATA_DIR || './data')
  const config = {
    host: env.HOST || '127.0.0.1',
    port,
    dataDir,
    databaseUrl: readUrl(env, 'DATABASE_URL'),
    databaseAppUrl: readUrl(env, 'DATABASE_APP_URL'),
    pool: readPool(env),
    replicaUrls: readUrls(env, 'DATABASE_REPLICA_URL'),
    replicaWaitMs: readNumber(env, 'BITCORP_REPLICA_WAIT_MS', 500, 0, 60_000),
    replicaMaxLagSeconds: readNumber(env, 'BITCORP_REPLICA_MAX_LAG', 30, 1, 86_400),
    demo: readFlag(env, 'BITCORP_DEMO', true),
    logLevel: env.BITCORP_LOG_LEVEL || 'warn',
    tracing: readFlag(env, 'BITCORP_OTEL', Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)),
    behindProxy: readFlag(env, 'BITCORP_BEHIND_PROXY', false),
    checkReplies: readFlag(env, 'BITCORP_CHECK_REPLIES', false),
    rateLimitPerMinute: readNumber(env, 'BITCORP_RATE_LIMIT', 3000, 1, 10_000_000),
    reportsAtOnce: readNumber(env, 'BITCORP_REPORTS_AT_ONCE', Math.max(1, Math.floor(availableParallelism() / 2)), 1, 200),
    keysFile: resolve(env.BITCORP_KEYS_FILE || join(dataDir, 'keys.json')),
    webhookAllow: readHosts(env, 'BITCORP_WEBHOOK_ALLOW'),
    webhookHttp: readFlag(env, 'BITCORP_WEBHOOK_HTTP', false),
    smtpUrl: readAddress(env, 'BITCORP_SMTP_URL', /^smtps?:$/, 'smtp://user:password@host:587 or smtps://…'),
    mailFrom: env.BITCORP_MAIL_FROM || 'Bitcorp ERP <bitcorp@localhost>',
    mailDir: resolve(env.BITCORP_MAIL_DIR || join(dataDir, 'outbox')),
    publicUrl: (readAddress(env, 'BITCORP_PUBLIC_URL', /^https?:$/, 'https://erp.example.com') ?? `http://localhost:${port}`).replace(/\/+$/, ''),
    oidc: readOidc(env),
    logKeepMonths: env.BITCORP_LOG_KEEP_MONTHS ? readNumber(env, 'BITCORP_LOG_KEEP_MONTHS', 1, 1, 1200) : undefined,
    logExportDir: resolve(env.BITCORP_LOG_EXPORT_DIR || join(dataDir, 'log-exports')),
    allowHttp: readFlag(env, 'BITCORP_ALLOW_HTTP', false),
    allowDemoPublic: readFlag(env, 'BITCORP_ALLOW_DEMO_PUBLIC', false),
    warnings,
    backupDir: resolve(env.BITCORP_BACKUP_DIR || join(dataDir, 'backups')),
    backupAt: (env.BITCORP_BACKUP_AT || (env.DATABASE_URL ? 'off' : '3')) === 'off' ? undefined : readNumber(env, 'BITCORP_BACKUP_AT', 3, 0, 23, ', or off'),
    backupKeepDays: readNumber(env, 'BITCORP_BACKUP_KEEP_DAYS', 30, 1, 3650),
    backupKind: readBackupKind(env),
    backupKeyFile: env.BITCORP_BACKUP_KEY_FILE ? resolve(env.BITCORP_BACKUP_KEY_FILE) : undefined,
    backupUrl: readUrl(env, 'BITCORP_BACKUP_URL'),
    searchPath: env.PATH ?? '',
  }
  if (!levels.includes(config.logLevel)) {
    throw new ConfigError(`BITCORP_LOG_LEVEL is "${config.logLevel}"; it must be one of ${levels.join(', ')}.`)
  }
  return Object.freeze(config)
}

/** The guidelines' 20 connections and 30 more, on a machine of four processors; a smaller one gets fewer, in the same proportion. */
function readPool(env: NodeJS.ProcessEnv): PoolSettings {
  const seconds = (name: string, fallback: number, least: number, most: number) => readNumber(env, `BITCORP_DB_${name}`, fallback, least, most) * 1000
  const size = readNumber(env, 'BITCORP_DB_POOL_SIZE', Math.min(20, 5 * availableParallelism()), 1, 200)
  return Object.freeze({
    size,
    overflow: readNumber(env, 'BITCORP_DB_POOL_OVERFLOW', Math.min(30, Math.ceil(1.5 * size)), 0, 300),
    overflowIdleMs: 10_000,
    checkoutMs: seconds('CHECKOUT_TIMEOUT', 10, 1, 300),
    connectMs: seconds('CONNECT_TIMEOUT', 10, 1, 300),
    recycleMs: seconds('RECYCLE', 3600, 10, 86_400),
    pingAfterMs: seconds('PING_AFTER', 30, 0, 3600),
    statementMs: seconds('STATEMENT_TIMEOUT', 30, 1, 3600),
    readMs: seconds('READ_TIMEOUT', 10, 1, 3600),
    lockMs: seconds('LOCK_TIMEOUT', 10, 1, 3600),
    idleTransactionMs: seconds('IDLE_TRANSACTION_TIMEOUT', 30, 1, 3600),
    silenceMs: seconds('SILENCE_TIMEOUT', 5, 2, 300),
    slowMs: readNumber(env, 'BITCORP_DB_SLOW_MS', 1000, 0, 3_600_000),
    logStatements: readFlag(env, 'BITCORP_DB_LOG_STATEMENTS', false),
    pooler: readFlag(env, 'BITCORP_DB_POOLER', false),
  })
}

/** What holds where nothing is said. */
export const poolDefaults: PoolSettings = readPool({})

/** The environment with each secret that a file holds. A file that cannot be used is refused: without it the program would serve something else. */
function readSecretFiles(env: NodeJS.ProcessEnv): { env: NodeJS.ProcessEnv; warnings: string[] } {
  const read = { ...env }
  const warnings: string[] = []
  for (const name of secretSettings) {
    const path = env[`${name}_FILE`]
    if (!path) continue
    if (env[name]) throw new ConfigError(`${name} and ${name}_FILE are both given. Give one of them.`)
    try {
      // A container's own secrets are readable by all of its users, of whom there is one.
      if (!path.startsWith('/run/secrets/') && statSync(path).mode & 0o004) warnings.push(`Every user of this machine may read ${path}, the secret of ${name}_FILE: chmod 600 ${path}`)
      read[name] = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      throw new ConfigError(`${name}_FILE is "${path}", which cannot be read: ${(error as Error).message}.`)
    }
    if (!read[name]) throw new ConfigError(`${name}_FILE is "${path}", which is empty.`)
  }
  return { env: read, warnings }
}

function readNumber(env: NodeJS.ProcessEnv, name: string, fallback: number, least: number, most: number, other = ''): number {
  const text = env[name]
  if (!text) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ConfigError(`${name} is "${text}"; it must be a whole number from ${least} to ${most}${other}.`)
  }
  return value
}

function readBackupKind(env: NodeJS.ProcessEnv): 'base' | 'dump' {
  const kind = env.BITCORP_BACKUP_KIND || (env.DATABASE_URL ? 'dump' : 'base')
  if (kind === 'base' || (kind === 'dump' && env.DATABASE_URL)) return kind
  throw new ConfigError(`BITCORP_BACKUP_KIND is "${kind}"; it must be base${env.DATABASE_URL ? ' or dump' : ': a dump is of your own server'}.`)
}

function readFlag(env: NodeJS.ProcessEnv, name: string, fallback: boolean): boolean {
  const text = env[name]
  if (!text) return fallback
  if (text === '1' || text === 'true') return true
  if (text === '0' || text === 'false') return false
  throw new ConfigError(`${name} is "${text}"; it must be 1 or 0.`)
}

function readUrl(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const text = env[name]
  if (!text) return undefined
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw new ConfigError(`${name} is not a connection string of the form postgresql://user:password@host:5432/database.`)
  }
  return text
}

/** Several, separated by commas: a comma inside of one is written %2C. */
function readUrls(env: NodeJS.ProcessEnv, name: string): string[] {
  const urls = (env[name] ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean)
  return urls.map((url) => readUrl({ [name]: url }, name) ?? '')
}

/** The sentence names the form and not what was given: an address may hold a password. */
function readAddress(env: NodeJS.ProcessEnv, name: string, protocol: RegExp, form: string): string | undefined {
  const text = env[name]
  if (!text) return undefined
  if (!URL.canParse(text) || !protocol.test(new URL(text).protocol)) throw new ConfigError(`${name} is not an address of the form ${form}.`)
  return text
}

/** All three or none. Plain http would show the code to the network: it is for a provider on this machine alone. */
function readOidc(env: NodeJS.ProcessEnv): Config['oidc'] {
  const { BITCORP_OIDC_CLIENT_ID: clientId, BITCORP_OIDC_CLIENT_SECRET: clientSecret } = env
  const issuer = readAddress(env, 'BITCORP_OIDC_ISSUER', /^https?:$/, 'https://login.example.com')
  if (!issuer && !clientId && !clientSecret) return undefined
  if (!issuer || !clientId || !clientSecret) throw new ConfigError('Single sign-on needs all of BITCORP_OIDC_ISSUER, BITCORP_OIDC_CLIENT_ID and BITCORP_OIDC_CLIENT_SECRET.')
  const { protocol, hostname } = new URL(issuer)
  if (protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
    throw new ConfigError('BITCORP_OIDC_ISSUER must begin with https://: over plain http anyone on the way could sign in.')
  return Object.freeze({ issuer, clientId, clientSecret })
}

function readHosts(env: NodeJS.ProcessEnv, name: string): string[] {
  const hosts = (env[name] ?? '')
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter(Boolean)
  const wrong = hosts.find((host) => !/^([a-z0-9._-]+|\[[0-9a-f:]+\])(:\d{1,5})?$/.test(host))
  if (wrong) throw new ConfigError(`${name} holds "${wrong}"; it must be hosts with or without a port, separated by commas: erp.internal, 192.168.1.20:8443.`)
  return hosts
}

/** Whether only this machine reaches what is served at this host. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|localhost|::1)$/.test(host)

/** The folder of the program: where package.json, db/ and dist/ stand, whether run from source or built. */
export const programDir: string = (() => {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir)
  return dir
})()

export const programVersion: string = JSON.parse(readFileSync(join(programDir, 'package.json'), 'utf8')).version
