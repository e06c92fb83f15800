// Companies on the command line: only who runs the installation makes or suspends one.
import { type Command, Option } from 'commander'
import { type CommandContext, CommandError, findCompany, print, printJson, printTable, withOwner } from '../../base/command.ts'

type Add = { timeZone: string; currency: string; language: string; json?: boolean }
type Json = { json?: boolean }

export function companyCommands(program: Command, context: CommandContext): void {
  const company = program.command('company').description('The companies of this installation')
  company
    .command('list')
    .description('List them')
    .option('--json', 'for machines')
    .action((o: Json) => list(context, o))
  company
    .command('add <name>')
    .description('Make a company')
    .option('--time-zone <zone>', 'whose days it counts', 'America/Lima')
    .option('--currency <code>', 'of its amounts', 'PEN')
    .addOption(new Option('--language <language>').choices(['es', 'en']).default('es'))
    .option('--json', 'for machines')
    .action((name: string, o: Add) => add(context, name, o))
  company
    .command('status <name> <status>')
    .description('active, or suspended: then all its people are refused')
    .option('--json', 'for machines')
    .action((name: string, status: string, o: Json) => setStatus(context, name, status, o))
}

type Row = { id: string; name: string; status: string; created_at: string }

async function list(context: CommandContext, { json }: Json): Promise<void> {
  await withOwner(context, async (owner) => {
    const rows = await owner.query<Row>('SELECT id, name, status, created_at::text FROM list_companies()')
    if (json) return printJson(rows)
    printTable(
      ['name', 'status', 'id'],
      rows.map((r) => [r.name, r.status, r.id]),
    )
  })
}

async function add(context: CommandContext, name: string, o: Add): Promise<void> {
  await withOwner(context, async (owner) => {
    const twin = await owner.query('SELECT FROM find_company($1)', [name])
    if (twin.length) throw new CommandError(`There is a company "${name}" already.`)
    const [made] = await owner.query<{ id: string }>('SELECT create_company($1, $2) AS id', [name, JSON.stringify({ time_zone: o.timeZone, currency: o.currency, language: o.language })])
    if (o.json) return printJson({ id: made?.id, name })
    print(`${name} is made. Its first admin: bitcorp user add EMAIL --name "Full name" --company "${name}" --role admin`)
  })
}

async function setStatus(context: CommandContext, name: string, status: string, { json }: Json): Promise<void> {
  await withOwner(context, async (owner) => {
    const id = await findCompany(owner, name)
    await owner.query('SELECT set_company_status($1, $2)', [id, status])
    if (json) return printJson({ id, status })
    print(`${name} is ${status} now.`)
  })
}
