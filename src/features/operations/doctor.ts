// `bitcorp doctor`: what could be wrong with this installation, and what to do about it.
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { type Alarm, examineBackups, onOneDisk } from '../../base/backup-health.ts'
import { type CommandContext, progress } from '../../base/command.ts'
import { isLoopback, programDir, programVersion } from '../../base/config.ts'
import { findRunning, reachDatabase } from '../../base/database.ts'
import { Keyring, troubleWith } from '../../base/keys.ts'
import { migrationStatus } from '../../base/migrate.ts'
import { differences, picture } from '../../base/picture.ts'
import { examineReplicas } from './doctor-replicas.ts'
import { type Exposure, exposedDemo, exposedInTheClear, plainConnections } from './exposure.ts'

export type Finding = { name: string; ok: boolean; found: string; advice?: string }
type Ask = (sql: string) => Promise<Record<string, unknown>[]>

/** Looks at everything and changes nothing. A database that cannot be reached is a finding, not an error. */
export async function examine(context: CommandContext): Promise<Finding[]> {
  const findings = examineMachine(context)
  const running = await findRunning(context.config)
  let database: { urls: { owner: string; app: string }; stop: () => Promise<void> }
  try {
    database = running ? { urls: running, stop: async () => {} } : await reachDatabase(context.config, context.rooms, progress)
  } catch (error) {
    return [...findings, { name: 'database', ok: false, found: (error as Error).message }]
  }
  const client = new pg.Client({ connectionString: database.urls.owner, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const ask: Ask = async (sql) => (await client.query(sql)).rows
    findings.push(...(await examineServer(ask)))
    const migrations = await examineMigrations(database.urls.owner)
    findings.push(...migrations)
    if (migrations.every((m) => m.ok)) {
      findings.push(...(await examineSchema(ask)), await examineDrift(ask))
      await ask('SET ROLE bitcorp_owner')
      findings.push(await examineKeys(ask, context), ...(await examinePartitions(ask)))
      await ask('RESET ROLE')
      findings.push(findingOf('demo accounts', await exposedDemo(context.config, database.urls.owner), 'none that other machines reach'))
      findings.push(...(await examineRoles(ask)), await examineMonitoring(ask))
    }
    findings.push(await examineAppUser(database.urls.app), await examineJobs(context), ...(await examineReplicas(context, database.urls.app)))
  } catch (error) {
    findings.push({ name: 'database', ok: false, found: (error as Error).message, advice: 'Check DATABASE_URL and that the server runs.' })
  } finally {
    await client.end().catch(() => {})
    await database.stop()
  }
  return findings
}

function examineMachine({ config }: CommandContext): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const findings: Finding[] = [
    { name: 'program', ok: major > 20 || (major === 20 && minor >= 19), found: `Bitcorp ERP ${programVersion} on Node ${process.versions.node}`, advice: 'Install Node 20.19 or newer.' },
  ]
  for (const warning of config.warnings) findings.push({ name: 'secret files', ok: false, found: warning })
  // A name without a dot is a container's, mostly on the same machine: told, and not called wrong.
  for (const plain of plainConnections(config)) findings.push({ name: 'connections', ok: !/\(.*[.:].*\)/.test(plain), found: `not encrypted: ${plain}` })
  if (!isLoopback(config.host)) findings.push(findingOf('address', exposedInTheClear(config), `serves ${config.host}, with TLS in front`))
  findings.push(...examineCopies(config))
  if (config.databaseUrl || !existsSync(config.dataDir)) return findings
  const disk = statfsSync(config.dataDir)
  const free = disk.bavail * disk.bsize
  findings.push({ name: 'disk', ok: free > 1e9, found: `${(free / 1e9).toFixed(1)} GB free under ${config.dataDir}`, advice: 'Make room: below 1 GB the database may stop.' })
  const secrets = join(config.dataDir, 'secrets.json')
  if (existsSync(secrets))
    findings.push({ name: 'passwords', ok: !(statSync(secrets).mode & 0o077), found: `${secrets} has mode ${(statSync(secrets).mode & 0o777).toString(8)}`, advice: `chmod 600 ${secrets}` })
  return findings
}

/** What keeps a server from starting is wrong; what a switch allows is told all the same. */
function findingOf(name: string, exposure: Exposure | undefined, fine: string): Finding {
  if (!exposure) return { name, ok: true, found: fine }
  const { what, advice, allowedBy, allowed } = exposure
  return { name, ok: allowed, found: `${what}${allowed ? `; served because of ${allowedBy}` : ''}`, advice: `${advice}; until then the server does not start.` }
}

const alarms: Record<Alarm, string> = {
  none_proven: 'none was ever proven',
  too_old: 'the last proven one is older than a day',
  last_failed: 'the last one failed',
  archive_stuck: 'the write-ahead log is not archived',
}

function examineCopies(config: CommandContext['config']): Finding[] {
  if (config.backupAt === undefined) return []
  const { alarm, newest, failure, receiving } = examineBackups(config)
  const proven = newest?.manifest ? `the last proven one is of ${newest.manifest.created_at}` : 'the first is taken tonight'
  return [
    {
      name: 'backups',
      ok: alarm === null,
      found:
        alarm === null
          ? `${proven}${onOneDisk(config) ? ', on the same disk as the data: set BITCORP_BACKUP_DIR' : ''}`
          : `${alarms[alarm]}${alarm === 'last_failed' && failure ? `: ${failure.reason}` : alarm === 'archive_stuck' && receiving?.trouble ? `: ${receiving.trouble}` : ''}`,
      advice: '`bitcorp backup` takes and proves one now, or says why it cannot.',
    },
  ]
}

/** The oldest minor release of each major that has the security fixes of May 2026. */
const least: Record<number, number> = { 15: 18, 16: 14, 17: 10, 18: 4 }

async function examineServer(ask: Ask): Promise<Finding[]> {
  const before = Date.now()
  const [row] = await ask(`SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, extract(epoch FROM clock_timestamp()) * 1000 AS now,
    current_setting('server_encoding') AS encoding, current_setting('max_connections')::int AS connections, pg_is_in_recovery() AS standby,
    (SELECT string_agg(name, ', ') FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off') AS unsafe`)
  const major = Math.floor(Number(row?.number) / 10_000)
  const drift = Math.round(Math.abs(Number(row?.now) - (before + Date.now()) / 2))
  return [
    {
      name: 'server version',
      ok: Number(row?.number) % 10_000 >= (least[major] ?? Number.POSITIVE_INFINITY),
      found: `PostgreSQL ${row?.version}`,
      advice: least[major] === undefined ? 'Bitcorp ERP is tested on 15 to 18.' : `Update to ${major}.${least[major]} or newer: older ones have known holes.`,
    },
    {
      name: 'server settings',
      ok: row?.unsafe === null && row?.encoding === 'UTF8' && Number(row?.connections) >= 20 && !row?.standby,
      found: `${row?.unsafe ? `${row.unsafe} off; ` : ''}encoding ${row?.encoding}, ${row?.connections} connections${row?.standby ? ', a standby' : ''}`,
      advice: 'Needs fsync, full_page_writes and synchronous_commit on, UTF8, at least 20 connections, and the primary server.',
    },
    { name: 'clock', ok: drift < 2000, found: `database and program are ${drift} ms apart`, advice: 'Let both machines follow a time server.' },
  ]
}

async function examineMigrations(owner: string): Promise<Finding[]> {
  const list = await migrationStatus(owner)
  const wrong = list.filter((m) => m.state !== 'applied')
  const found = wrong.length ? wrong.map((m) => `${m.version} ${m.state}`).join(', ') : `${list.length} applied`
  const advice = wrong.some((m) => m.state === 'unknown')
    ? 'The database is newer than this program: install the newer release.'
    : wrong.some((m) => m.state === 'edited')
      ? 'Restore the edited file; a change needs a new migration.'
      : 'Run `bitcorp migrate up`, or start the server.'
  return [{ name: 'migrations', ok: wrong.length === 0, found, advice }]
}

async function examineSchema(ask: Ask): Promise<Finding[]> {
  const names = (rows: Record<string, unknown>[], none: string) => (rows.length ? rows.map((r) => r.name).join(', ') : none)
  const invalid = await ask('SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid OR NOT indisready')
  const unvalidated = await ask("SELECT conname AS name FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace")
  const open = await ask(`SELECT oid::regclass::text AS name FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT (relrowsecurity AND relforcerowsecurity) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped)`)
  return [
    { name: 'indexes', ok: invalid.length === 0, found: names(invalid, 'all valid'), advice: 'DROP INDEX CONCURRENTLY each and let the migration make it again.' },
    { name: 'constraints', ok: unvalidated.length === 0, found: names(unvalidated, 'all validated'), advice: 'ALTER TABLE … VALIDATE CONSTRAINT each.' },
    {
      name: 'row security',
      ok: open.length === 0,
      found: open.length ? `not forced on ${names(open, '')}` : 'forced on every table of companies',
      advice: 'ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY.',
    },
  ]
}

/** What somebody changed by hand: every table, rule, index, trigger, policy, view, function and right against the picture of this release. */
async function examineDrift(ask: Ask): Promise<Finding> {
  const live = await picture(async (sql) => (await ask(sql)) as Record<string, string>[])
  const found = differences(readFileSync(join(programDir, 'db', 'schema.sql'), 'utf8'), live)
  const words = { missing: 'is missing', different: 'was changed', extra: 'is not of this program' }
  const named = found.slice(0, 20).map(({ object, is }) => `${object} ${words[is]}`)
  return {
    name: 'schema',
    ok: found.length === 0,
    found: found.length === 0 ? 'as this release makes it' : `${named.join('; ')}${found.length > 20 ? `; and ${found.length - 20} more` : ''}`,
    advice:
      'Functions, triggers, policies, views and rights come back with `SET ROLE bitcorp_owner; DELETE FROM schema_logic` and then `bitcorp migrate up`. A table, column, rule or index: put back by hand what db/schema.sql says, drop what it does not know.',
  }
}

/** The page and the collectors see less without these; the program works, so it is no fault. */
async function examineMonitoring(ask: Ask): Promise<Finding> {
  await ask('SET ROLE monitoring_user')
  const [row] = await ask(`SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS made,
    (SELECT s.setting LIKE '%pg_stat_statements%' FROM pg_settings s WHERE s.name = 'shared_preload_libraries') AS loaded,
    pg_has_role('monitoring_user', 'pg_monitor', 'USAGE') AS sees`)
  await ask('RESET ROLE')
  const missing = [
    row?.loaded === false ? 'add pg_stat_statements to shared_preload_libraries and restart PostgreSQL' : '',
    row?.made ? '' : 'CREATE EXTENSION pg_stat_statements in this database, then run db/roles.sql again',
    row?.sees ? '' : 'GRANT pg_monitor TO monitoring_user',
  ].filter(Boolean)
  return {
    name: 'monitoring',
    ok: true,
    found: missing.length ? `slow statements or the work of others are not seen; to see them, the server’s administrator may: ${missing.join('; ')}` : 'slow statements and the work of all are seen',
  }
}

/** Asks the server that runs on this machine. None runs: nothing to say about its jobs. */
async function examineJobs({ config }: CommandContext): Promise<Finding> {
  const address = `http://${/^(0\.0\.0\.0|::)$/.test(config.host) ? '127.0.0.1' : config.host}:${config.port}`
  const text = await fetch(`${address}/metrics`, { signal: AbortSignal.timeout(5000) }).then(
    (reply) => (reply.ok ? reply.text() : undefined),
    () => undefined,
  )
  if (text === undefined) return { name: 'jobs', ok: true, found: `not looked at: no server answers at ${address} (PORT says where)` }
  const values = (name: string) => new Map([...text.matchAll(new RegExp(`^${name}\\{job="(\\w+)"\\} (\\S+)$`, 'gm'))].map((match) => [match[1] ?? '', Number(match[2])]))
  const [failing, succeeded, every] = [values('job_failing'), values('job_last_success_timestamp_seconds'), values('job_interval_seconds')]
  const late = ([job, seconds]: [string, number]) => succeeded.has(job) && Date.now() / 1000 - (succeeded.get(job) ?? 0) > 3 * seconds + 300
  const wrong = [...every].filter((job) => failing.get(job[0]) === 1 || late(job)).map(([job]) => job)
  return {
    name: 'jobs',
    ok: wrong.length === 0,
    found: wrong.length ? `${wrong.join(', ')} failed, or did not go well for long` : `${every.size} run as they should`,
    advice: 'The page Installation says why, and runs a job again; so does the log.',
  }
}

async function examineKeys(ask: Ask, { config }: CommandContext): Promise<Finding> {
  const path = config.keysFile
  const used = (await ask('SELECT key_id, used::int FROM list_encryption_keys()')) as { key_id: string; used: number }[]
  const finding = (ok: boolean, found: string, advice?: string): Finding => ({ name: 'encryption keys', ok, found, ...(advice ? { advice } : {}) })
  try {
    const trouble = troubleWith(new Keyring(path), used)
    if (trouble) return finding(false, trouble, 'Without the file these values are lost: they can only be written again.')
    if (!existsSync(path)) return finding(true, 'none yet: the first start makes them')
    const mode = statSync(path).mode & 0o777
    return finding(!(mode & 0o077), `${path} has mode ${mode.toString(8)} and all keys in use`, `chmod 600 ${path}`)
  } catch (error) {
    return finding(false, (error as Error).message)
  }
}

async function examinePartitions(ask: Ask): Promise<Finding[]> {
  const [row] = await ask('SELECT missing_months, stray_rows::int AS stray_rows FROM examine_equipment_logs()')
  const [missing, stray] = [Number(row?.missing_months), Number(row?.stray_rows)]
  return [
    {
      name: 'log partitions',
      ok: missing === 0,
      found: missing === 0 ? 'this month and three to come are there' : `${missing} of this month and three to come are missing`,
      advice: '`bitcorp logs tidy` makes them; a running server does it every minute.',
    },
    {
      name: 'default partition',
      ok: stray === 0,
      found: stray === 0 ? 'empty' : `holds ${stray} entries of months without a partition`,
      advice: 'Look at the clock of the database, then `bitcorp logs tidy` moves them.',
    },
  ]
}

async function examineRoles(ask: Ask): Promise<Finding[]> {
  const [row] = await ask(`SELECT
    (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) + (SELECT count(*)::int FROM pg_proc WHERE proowner = r.oid) AS owned,
    r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb AS mighty,
    pg_has_role(r.oid, 'bitcorp_owner', 'MEMBER') OR pg_has_role(r.oid, 'record_keeper', 'MEMBER') AS borrowed,
    (SELECT k.rolcanlogin OR k.rolsuper OR k.rolbypassrls FROM pg_roles k WHERE k.rolname = 'record_keeper') AS keeper
    FROM pg_roles r WHERE r.rolname = 'application_user'`)
  const wrong = [
    Number(row?.owned) ? 'application_user owns objects' : '',
    row?.mighty ? 'application_user has rights beyond serving' : '',
    row?.borrowed ? 'application_user may become the owner' : '',
    row?.keeper ? 'record_keeper may sign in or pass row security by' : '',
  ].filter(Boolean)
  return [
    { name: 'roles', ok: wrong.length === 0, found: wrong.join('; ') || 'application_user owns nothing and bypasses nothing', advice: 'Run db/roles.sql and take back what was granted by hand.' },
  ]
}

async function examineAppUser(url: string): Promise<Finding> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ user: string; seen: number }>('SELECT current_user AS user, (SELECT count(*)::int FROM equipment) AS seen')
    return {
      name: 'serving user',
      ok: rows[0]?.seen === 0,
      found: rows[0]?.seen ? `${rows[0].user} sees ${rows[0].seen} machines without being anybody` : `${rows[0]?.user} sees nothing without a signed-in person`,
      advice: 'Serve as application_user, never as the owner or a superuser.',
    }
  } catch (error) {
    return { name: 'serving user', ok: false, found: (error as Error).message, advice: 'Start the server once, or check DATABASE_APP_URL.' }
  } finally {
    await client.end().catch(() => {})
  }
}
