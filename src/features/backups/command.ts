// `bitcorp backup` and `bitcorp restore`: on the command line, beside a running server or without one.
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, progress } from '../../base/command.ts'
import { joinDatabase } from '../../base/database.ts'
import { backUp, openShelf, sourceUrl } from './take.ts'

type Json = { json?: boolean }

export function backupCommands(program: Command, context: CommandContext): void {
  program
    .command('backup')
    .description('Back up the database and prove the backup by restoring it into a scratch server')
    .option('--into <dir>', 'folder of the backups; default: BITCORP_BACKUP_DIR, or backups in the data folder')
    .option('--json', 'for machines')
    .action((o: Json & { into?: string }) => backup(context, o))
}

async function backup(context: CommandContext, { into, json }: Json & { into?: string }): Promise<void> {
  const { config } = context
  const shelf = openShelf(config, into)
  const database = await joinDatabase(config, context.rooms, progress)
  try {
    const url = sourceUrl(config)
    if (!url) throw new CommandError('The database does not run.')
    const made = await backUp(config, url, shelf, progress)
    if (!made) throw new CommandError('Another backup of this database is under way. Try again when it is done.')
    const { manifest, proof, folder } = made
    if (json) return printJson({ id: made.id, folder, state: made.state, proven_at: proof?.at, tables: manifest?.tables, rows: manifest?.rows, files: manifest?.files })
    print(`${folder} is proven: restored, and all ${manifest?.rows} rows of ${manifest?.tables} tables, policies, grants and triggers are the same.`)
  } finally {
    await database.stop()
  }
}
