// Dumps of your own server by its own client programs: custom format, schema alone, roles; proven in an empty cluster of the same version.
import { spawn, spawnSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { type Entry, textEntry } from '../../base/base-backup.ts'
import type { Config } from '../../base/config.ts'
import { nobody, StartError } from '../../base/embedded.ts'
import type { Backup, Shelf, StoredFile } from '../../base/shelf.ts'
import { Meter, seal, unseal } from '../../base/vault.ts'
import { connect } from './base.ts'
import { type Checks, firstDifference, plain, takeChecks, totalOf } from './checks.ts'
import { packInto, unpackInto } from './pack.ts'
import { findPrograms, makePlace, refuseMissing, startScratch } from './scratch.ts'

/** As the client programs take it: a password in the list of processes would be read by everybody. */
export function environmentOf(url: string, path: string): NodeJS.ProcessEnv {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url)
  const mode = searchParams.get('sslmode')
  return {
    PATH: path,
    LC_ALL: 'C',
    PGHOST: searchParams.get('host') ?? hostname,
    PGPORT: port || '5432',
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGCONNECT_TIMEOUT: '10',
    ...(mode ? { PGSSLMODE: mode } : {}),
  }
}

/** Runs a client program; its own last words say what went wrong. */
async function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  how: { into?: (out: Readable) => Promise<unknown>; from?: (input: Writable) => Promise<unknown> } = {},
): Promise<void> {
  const child = spawn(program, args, { env, stdio: [how.from ? 'pipe' : 'ignore', how.into ? 'pipe' : 'ignore', 'pipe'] })
  let words = ''
  child.stderr?.on('data', (text) => {
    words = (words + text).slice(-4000)
  })
  const ended = new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  const flows = [
    how.into && child.stdout ? how.into(child.stdout) : undefined,
    how.from && child.stdin ? how.from(child.stdin).catch((error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : Promise.reject(error))) : undefined,
  ]
  const flowed = Promise.all(flows)
  flowed.catch(() => child.kill('SIGKILL'))
  const code = await ended
  if (code !== 0 && code !== null) throw new Error(`${basename(program)} ended with ${code}: ${words.trim().split('\n').slice(-3).join(' ')}`)
  await flowed
  if (code !== 0) throw new Error(`${basename(program)} was ended from outside`)
}

function programs(major: number, path: string): string {
  const folder = findPrograms('pg_dump', major, path) ?? refuseMissing('pg_dump', major)
  for (const program of ['pg_dumpall', 'pg_restore', 'psql']) if (findPrograms(program, major, folder) === undefined) refuseMissing(program, major)
  return folder
}

/** A dump that misses rows must be impossible: a role that row security holds back is refused before anything is written. */
export async function refuseHeldBack(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(`SELECT current_user AS name, rolsuper OR (rolbypassrls AND pg_has_role(oid, 'pg_read_all_data', 'USAGE')) AS free FROM pg_roles WHERE rolname = current_user`)
  if (rows[0].free) return
  throw new StartError(
    `row security holds ${rows[0].name} back: its dump would miss rows. Let the server's administrator run CREATE ROLE bitcorp_backup LOGIN BYPASSRLS PASSWORD '…' IN ROLE pg_read_all_data, and give BITCORP_BACKUP_URL of that role`,
  )
}

/** Dump and comparison see one and the same snapshot: nobody waits, and nothing in between is missed. */
export async function takeDump(
  url: string,
  folder: string,
  key: Buffer | undefined,
  major: number,
  path: string,
  told: () => void,
): Promise<{ files: StoredFile[]; checks: Checks; unpacked: number }> {
  const bin = programs(major, path)
  const env = environmentOf(url, path)
  const client = await connect(url)
  try {
    await refuseHeldBack(client)
    await plain(client)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const snapshot = (await client.query('SELECT pg_export_snapshot() AS id')).rows[0].id as string
    const unpacked = Number((await client.query('SELECT pg_database_size(current_database())::float8 AS n')).rows[0].n)
    const write = async (name: string, program: string, args: readonly string[]): Promise<StoredFile> => {
      const meter = new Meter()
      const steps = (out: Readable) => [out, ...(key ? [seal(key)] : []), meter, createWriteStream(join(folder, name), { mode: 0o600, flags: 'wx', flush: true })]
      await runProgram(join(bin, program), args, env, { into: (out) => pipeline(steps(out) as never) as unknown as Promise<void> })
      told()
      return { name, bytes: meter.bytes, sha256: meter.digest() }
    }
    const files = [
      await write('database.dump', 'pg_dump', ['--format=custom', '--compress=6', `--snapshot=${snapshot}`]),
      await write('schema.sql', 'pg_dump', ['--schema-only', `--snapshot=${snapshot}`]),
      await write('roles.sql', 'pg_dumpall', ['--roles-only', '--no-role-passwords', `--database=${env.PGDATABASE}`]),
    ]
    const checks = await takeChecks(client)
    async function* one(): AsyncGenerator<Entry> {
      yield textEntry('checks.json', JSON.stringify(checks))
    }
    return { files: [...files, await packInto(join(folder, 'checks.tar.gz'), key, one())], checks, unpacked }
  } finally {
    await client.end().catch(() => {})
  }
}

function contentOf(backup: Backup, name: string, key: Buffer | undefined): (into: Writable) => Promise<void> {
  const path = join(backup.folder, name)
  return (into) => pipeline([createReadStream(path), ...(key ? [unseal(key)] : []), into] as never) as unknown as Promise<void>
}

async function readChecks(backup: Backup, key: Buffer | undefined): Promise<Checks> {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-checks-'))
  try {
    await unpackInto(join(backup.folder, 'checks.tar.gz'), key, folder)
    return JSON.parse(readFileSync(join(folder, 'checks.json'), 'utf8')) as Checks
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Roles and database into an empty cluster, then everything is compared. Gives the first difference. */
export async function differenceOfDump(config: Config, shelf: Shelf, backup: Backup): Promise<string | undefined> {
  const { manifest } = backup
  if (!manifest) return 'it has no manifest'
  await shelf.check(backup)
  const key = manifest.encrypted ? shelf.key : undefined
  const bin = programs(manifest.major, config.searchPath)
  const server = findPrograms('initdb', manifest.major, config.searchPath) ?? refuseMissing('postgres', manifest.major)
  const place = makePlace(config.dataDir)
  try {
    const made = spawnSync(join(server, 'initdb'), ['-D', place.cluster, '-U', manifest.superuser, '-E', 'UTF8', '--locale=C', '-A', 'trust', '--no-sync'], { ...nobody, cwd: '/', encoding: 'utf8' })
    if (made.status !== 0) throw new Error(`the scratch cluster could not be made: ${made.stderr.trim().split('\n').pop()}`)
    const scratch = await startScratch(server, place, manifest.superuser)
    try {
      const env = environmentOf(scratch.url('postgres'), config.searchPath)
      // The superuser is there already, which psql complains of; a role that is missing or other is told by the comparison.
      await runProgram(join(bin, 'psql'), ['-X', '-q'], env, { from: contentOf(backup, 'roles.sql', key) })
      await runProgram(join(bin, 'pg_restore'), ['--create', '--exit-on-error', '--dbname=postgres'], env, { from: contentOf(backup, 'database.dump', key) })
      return firstDifference(await readChecks(backup, key), await checksOf(scratch.url(manifest.database)), { loosely: true })
    } finally {
      await scratch.stop('immediate')
    }
  } finally {
    place.remove()
  }
}

async function checksOf(url: string): Promise<Checks> {
  const client = await connect(url)
  try {
    await plain(client)
    return await takeChecks(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** What belongs to the whole server or to the database itself may be there already, and other. */
function ofDatabase({ tables, catalogue: { roles: _, settings: __, ...rest } }: Checks): Checks {
  return { tables, catalogue: { ...rest, grants: (rest.grants ?? []).filter((line) => !line.startsWith('database')) } }
}

/** Loads a dump into an empty database of your own server. */
export async function loadDump(config: Config, url: string, shelf: Shelf, backup: Backup, say: (line: string) => void): Promise<{ tables: number; rows: number }> {
  const { manifest } = backup
  if (!manifest) throw new StartError(`${backup.folder} has no manifest.`)
  const client = await connect(url, 'restore')
  let major: number
  try {
    const { rows } = await client.query(
      "SELECT current_setting('server_version_num')::int / 10000 AS major, (SELECT count(*)::int FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')) AS tables",
    )
    if (rows[0].tables > 0) throw new StartError('The database of DATABASE_URL holds tables. A dump goes into an empty one: createdb NAME, and give its address. Nothing was changed.')
    major = rows[0].major
  } finally {
    await client.end().catch(() => {})
  }
  if (major < manifest.major) throw new StartError(`The dump is of PostgreSQL ${manifest.major}, the server of DATABASE_URL is ${major}: it must not be older.`)
  await shelf.check(backup)
  const key = manifest.encrypted ? shelf.key : undefined
  const bin = programs(major, config.searchPath)
  const env = environmentOf(url, config.searchPath)
  say('Making the roles that are missing …')
  // Roles that are there already stay as they are; a role that could not be made is told by the restore.
  await runProgram(join(bin, 'psql'), ['-X', '-q'], env, { from: contentOf(backup, 'roles.sql', key) })
  say('Loading the dump, in one transaction …')
  await runProgram(join(bin, 'pg_restore'), ['--exit-on-error', '--single-transaction', `--dbname=${env.PGDATABASE}`], env, { from: contentOf(backup, 'database.dump', key) })
  say('Comparing …')
  const found = await checksOf(url)
  const difference = firstDifference(ofDatabase(await readChecks(backup, key)), ofDatabase(found), { loosely: true })
  if (difference) throw new StartError(`The database was loaded but is not what was dumped: ${difference}.`)
  return totalOf(found)
}
