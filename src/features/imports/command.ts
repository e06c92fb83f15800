// Spreadsheets in and out on the command line.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { asPerson, type CommandContext, CommandError, type Person, print, printJson, printTable, progress, UsageError } from '../../base/command.ts'
import { exportEquipment, type ImportResult, importEquipment } from './contract.ts'

type Import = Person & { dryRun?: boolean; mapping?: string; dateOrder?: string; decimal?: string; headerRow?: string; json?: boolean }
type Export = Person & { format: string; output?: string; search?: string; json?: boolean }

/** Adds import and export to the `equipment` word. */
export function importCommands(equipment: Command, context: CommandContext): void {
  equipment
    .command('import <file>')
    .description('Import machines from CSV or XLSX: all rows or none')
    .requiredOption('--as <email>', 'the person who acts')
    .requiredOption('--company <name>', 'name or id of the company')
    .option('--dry-run', 'only show what it would do')
    .option('--mapping <json>', 'which column is which field: {"0": "fleet_code"}')
    .addOption(new Option('--date-order <order>', 'how 03/04/2026 is meant').choices(['dmy', 'mdy', 'iso']))
    .addOption(new Option('--decimal <sign>', 'how 1.234 is meant: which sign comes before the decimals').choices(['comma', 'point']))
    .option('--header-row <number>', 'the row that names the columns, when it is not found by itself')
    .option('--json', 'for machines')
    .action((file: string, o: Import) => importFile(context, file, o))
  equipment
    .command('export')
    .description('Machines as CSV or XLSX; the file imports unchanged')
    .requiredOption('--as <email>', 'the person who acts')
    .requiredOption('--company <name>', 'name or id of the company')
    .addOption(new Option('--format <format>').choices(['csv', 'xlsx']).default('csv'))
    .option('-o, --output <file>', 'where to; CSV goes to stdout without it')
    .option('-q, --search <words>', 'only what a search finds')
    .option('--json', 'for machines: says what was written')
    .action((o: Export) => exportFile(context, o))
}

async function importFile(context: CommandContext, file: string, o: Import): Promise<void> {
  if (!existsSync(file)) throw new CommandError(`There is no file ${file}.`)
  const body = readFileSync(file)
  // A spreadsheet file is a ZIP archive and begins as one, whatever its name.
  const type = body.subarray(0, 2).toString('latin1') === 'PK' ? 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' : 'text/csv'
  progress(`Reading ${basename(file)} (${Math.ceil(body.length / 1024)} KB) …`)
  const query: Record<string, string> = { dry_run: o.dryRun ? 'true' : 'false', file_name: basename(file) }
  if (o.mapping) query.mapping = o.mapping
  if (o.dateOrder) query.date_order = o.dateOrder
  if (o.decimal) query.decimal = o.decimal
  if (o.headerRow) query.header_row = o.headerRow
  const result = await asPerson(context, o, (api) => api.call(importEquipment, { query: query as never }, { body, type }))
  if (o.json) printJson(result)
  else report(result)
  if (!result.dry_run && !result.applied) throw new CommandError('Nothing was imported: correct the rows above, or map the columns with --mapping.')
  if (result.error_count > 0) throw new CommandError('')
}

function report(result: ImportResult): void {
  const errors = result.rows.filter((r) => r.outcome === 'error')
  if (errors.length)
    printTable(
      ['row', 'machine', 'what is wrong'],
      errors.map((r) => [String(r.row), r.code ?? r.name, r.errors.map((e) => `${e.field}: ${e.detail}`).join('; ')]),
    )
  for (const question of result.questions) print(question.detail)
  print(
    `${result.applied ? 'Imported' : 'Looked at'} ${result.row_count} rows: ${result.created_count} new, ${result.updated_count} changed, ${result.unchanged_count} unchanged, ${result.error_count} with errors.`,
  )
}

async function exportFile(context: CommandContext, o: Export): Promise<void> {
  if (!o.output && o.format === 'xlsx' && process.stdout.isTTY) throw new UsageError('An XLSX file needs --output.')
  const query = { format: o.format, ...(o.search ? { q: o.search } : {}) }
  const file = await asPerson(context, o, (api) => api.fetch(exportEquipment, { query: query as never }))
  if (!o.output) return void process.stdout.write(file)
  writeFileSync(o.output, file)
  if (o.json) return printJson({ file: o.output, bytes: file.length })
  print(`${o.output} is written (${Math.ceil(file.length / 1024)} KB).`)
}
