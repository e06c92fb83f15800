// `bitcorp backup` and `bitcorp restore`: on the command line, beside a running server or without one.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, printTable, progress, UsageError } from '../../base/command.ts'
import { joinDatabase } from '../../base/database.ts'
import { loadDump } from './dump.ts'
import { rehearse } from './rehearse.ts'
import { choose, chooseDump, restore } from './restore.ts'
import { backUp, openShelf, sourceUrl } from './take.ts'

type Json = { json?: boolean }
type BackupOptions = Json & { into?: string; base?: boolean }

export function backupCommands(program: Command, context: CommandContext): void {
  program
    .command('backup')
    .description('Back up the database and prove the backup by restoring it into a scratch server')
    .option('--into <dir>', 'folder of the backups; default: BITCORP_BACKUP_DIR, or backups in the data folder')
    .option('--base', 'of your own server: its files instead of a dump; needs a superuser')
    .option('--json', 'for machines')
    .action((o: BackupOptions) => backup(context, o))
  program
    .command('restore [backup]')
    .description('Make a data folder from a proven backup; without a name the newest, up to the last thing that was written')
    .option('--to-time <time>', 'as of this moment: 2026-11-28T14:30:00-05:00')
    .option('--into <dir>', 'this data folder instead of BITCORP_DATA_DIR')
    .option('--from <dir>', 'folder of the backups; default: BITCORP_BACKUP_DIR, or backups in the data folder')
    .option('--force', 'where a database stands already: move it aside')
    .option('--json', 'for machines')
    .action((id: string | undefined, o: RestoreOptions) => restoreCommand(context, id, o))
  program
    .command('upgrade [backup]')
    .description('Try this release’s migrations on a copy of the database, made from the newest proven backup')
    .option('--rehearse', 'on a copy; the real database is not touched')
    .option('--from <dir>', 'folder of the backups; default: BITCORP_BACKUP_DIR, or backups in the data folder')
    .option('--json', 'for machines')
    .action((id: string | undefined, o: UpgradeOptions) => upgrade(context, id, o))
}

type UpgradeOptions = Json & { rehearse?: boolean; from?: string }

async function upgrade({ config, rooms }: CommandContext, id: string | undefined, o: UpgradeOptions): Promise<void> {
  if (!o.rehearse) throw new UsageError('An upgrade is: stop, install the new release, start. `bitcorp upgrade --rehearse` tries its migrations on a copy before.')
  const shelf = openShelf(config, o.from ? resolve(o.from) : undefined)
  const found = await rehearse(config, rooms, shelf, choose(shelf, { id, time: undefined }), progress)
  if (found.failure !== null) process.exitCode = 1
  if (o.json) return printJson(found)
  printTable(
    ['migration', 'ms', 'keeps others waiting'],
    found.steps.map((step) => [step.version, String(step.ms), step.locks.map((lock) => `${lock.table} (${lock.mode}, ${lock.ms} ms)`).join(', ') || 'nobody']),
  )
  const changed = found.rows.filter((row) => row.before !== row.after)
  for (const row of changed) print(`${row.table}: ${row.before} rows before, ${row.after ?? 'no such table'} after`)
  print(`${found.rows.length - changed.length} of ${found.rows.length} tables have as many rows as before.`)
  if (found.failure !== null) print(`WRONG: ${found.failure}. Nothing was done to the real database; do not install this release.`)
  else print(`OK: ${found.steps.length} migrations on a copy of ${found.backup} in ${(found.ms / 1000).toFixed(1)} s. The real database was not touched.`)
}

type RestoreOptions = Json & { toTime?: string; into?: string; from?: string; force?: boolean }

/** A moment with its zone: "just before it happened" may not depend on where the server stands. */
function readMoment(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!/(Z|[+-]\d{2}:?\d{2})$/.test(text) || Number.isNaN(Date.parse(text))) throw new UsageError(`--to-time is "${text}"; it must be a moment with its zone, as 2026-11-28T14:30:00-05:00.`)
  return new Date(text).toISOString()
}

/** With a server of your own, a dump goes into the database that DATABASE_URL names. */
async function loadCommand(config: CommandContext['config'], id: string | undefined, time: string | undefined, o: RestoreOptions): Promise<void> {
  if (time !== undefined) throw new UsageError('--to-time goes with --into DIR and a base backup; a dump holds the moment it was taken at.')
  const shelf = openShelf(config, o.from ? resolve(o.from) : undefined)
  const chosen = chooseDump(shelf, id)
  const done = await loadDump(config, config.databaseUrl ?? '', shelf, chosen, progress)
  if (o.json) return printJson({ backup: chosen.id, ...done })
  print(`The database of DATABASE_URL holds the dump ${chosen.id}: ${done.rows} rows in ${done.tables} tables, compared. Start: npm start`)
}

async function restoreCommand({ config }: CommandContext, id: string | undefined, o: RestoreOptions): Promise<void> {
  const time = readMoment(o.toTime)
  const into = o.into === undefined ? undefined : resolve(o.into)
  if (config.databaseUrl && into === undefined) return loadCommand(config, id, time, o)
  const done = await restore(config, openShelf(config, o.from ? resolve(o.from) : undefined), { id, time, into, force: Boolean(o.force) }, progress)
  if (o.json) return printJson(done)
  print(`${done.data_dir} holds the database as of ${time ?? done.to}: ${done.rows} rows in ${done.tables} tables, each read once.`)
  if (done.moved_aside) print(`What stood there is in ${done.moved_aside}. Remove it when all is well.`)
  if (done.keys) print(`Not in any backup, on purpose: ${done.keys}`)
  if (config.databaseUrl) print(`${done.data_dir}/postgres is a cluster of PostgreSQL ${done.major}, for your own server's programs: docs/operate.md, "Your own server's backups".`)
  else print(into ? `Start on it: BITCORP_DATA_DIR=${into} npm start` : 'Start: npm start')
}

async function backup(context: CommandContext, { into, json, base }: BackupOptions): Promise<void> {
  const { config } = context
  const shelf = openShelf(config, into ? resolve(into) : undefined)
  const database = await joinDatabase(config, context.rooms, progress)
  try {
    const url = sourceUrl(config)
    if (!url) throw new CommandError('The database does not run.')
    const made = await backUp(config, url, shelf, progress, () => true, base ? 'base' : config.backupKind)
    if (!made) throw new CommandError('Another backup of this database is under way. Try again when it is done.')
    const { manifest, proof, folder } = made
    if (json) return printJson({ id: made.id, folder, state: made.state, proven_at: proof?.at, tables: manifest?.tables, rows: manifest?.rows, files: manifest?.files })
    print(`${folder} is proven: restored, and all ${manifest?.rows} rows of ${manifest?.tables} tables, policies, grants and triggers are the same.`)
  } finally {
    await database.stop()
  }
}
