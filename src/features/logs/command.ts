// `bitcorp logs …`: the months of machines' logs, for the installation's owner.
import type { Command } from 'commander'
import { type CommandContext, print, printJson, printTable, progress, UsageError } from '../../base/command.ts'
import { joinDatabase } from '../../base/database.ts'
import { retain, takeTurn, tidy } from './retain.ts'

type Json = { json?: boolean }

export function logCommands(program: Command, context: CommandContext): void {
  const logs = program.command('logs').description('The log of the machines, a table a month')
  logs
    .command('status')
    .description('Which months there are, and whether every entry stands in its own')
    .option('--json', 'for machines')
    .action((o: Json) => status(context, o))
  logs
    .command('tidy')
    .description('Make the partitions that are missing and move every entry into the one of its month')
    .option('--json', 'for machines')
    .action((o: Json) => tidyUp(context, o))
  logs
    .command('retain')
    .description('Export the months before the last N whole ones to files, prove the files, and drop the months from the database')
    .requiredOption('--keep-months <n>', 'whole months to keep beside the current one')
    .option('--into <dir>', 'folder of the files; default: BITCORP_LOG_EXPORT_DIR, or log-exports in the data folder')
    .option('--json', 'for machines')
    .action((o: Json & { keepMonths: string; into?: string }) => retainMonths(context, o))
}

async function withOwnerUrl<T>(context: CommandContext, work: (url: string) => Promise<T>): Promise<T> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    return await work(database.urls.owner)
  } finally {
    await database.stop()
  }
}

const status = (context: CommandContext, { json }: Json): Promise<void> =>
  withOwnerUrl(context, async (url) => {
    const found = await takeTurn(url, true, async (client) => {
      const months = await client.query(`SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes, greatest(c.reltuples, 0)::float8 AS about_rows
        FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'public.equipment_logs'::regclass ORDER BY c.relname`)
      const health = await client.query('SELECT missing_months, stray_rows::int AS stray_rows FROM examine_equipment_logs()')
      return { months: months.rows, ...health.rows[0] }
    })
    if (!found) return
    if (found.missing_months > 0 || found.stray_rows > 0) process.exitCode = 1
    if (json) return printJson(found)
    printTable(
      ['partition', 'about rows', 'MB'],
      found.months.map((m: { name: string; about_rows: number; bytes: number }) => [m.name, String(m.about_rows), (m.bytes / 1e6).toFixed(1)]),
    )
    print(found.stray_rows > 0 ? `WRONG: ${found.stray_rows} entries stand in the default partition. \`bitcorp logs tidy\` moves them.` : 'Every entry stands in the partition of its month.')
    if (found.missing_months > 0) print(`WRONG: ${found.missing_months} partitions are missing. \`bitcorp logs tidy\` makes them.`)
  })

const tidyUp = (context: CommandContext, { json }: Json): Promise<void> =>
  withOwnerUrl(context, async (url) => {
    const done = await takeTurn(url, true, (client) => tidy(client, 10_000_000))
    if (json) return printJson(done)
    print(`${done?.created ?? 0} partitions made, ${done?.moved ?? 0} entries moved.`)
  })

async function retainMonths(context: CommandContext, o: Json & { keepMonths: string; into?: string }): Promise<void> {
  const months = Number(o.keepMonths)
  if (!Number.isInteger(months) || months < 1 || months > 1200) throw new UsageError('--keep-months is a whole number from 1 to 1200.')
  await withOwnerUrl(context, async (url) => {
    const done = await takeTurn(url, true, async (client) => {
      await tidy(client)
      return retain(client, months, o.into ?? context.config.logExportDir, progress)
    })
    if (o.json) return printJson({ months: done })
    print(done?.length ? `${done.length} months exported and dropped.` : 'No month is older than that.')
  })
}
