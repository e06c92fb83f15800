// Companies on the command line: only who runs the installation makes or suspends one.
import { type Command, Option } from 'commander'
import { type CommandContext, CommandError, findCompany, print, printJson, printTable, readSecret, UsageError, withOwner } from '../../base/command.ts'
import { Keyring } from '../../base/keys.ts'
import { keyCommands } from './keys-command.ts'
import { normalise, sealTaxId } from './tax-id.ts'

type Add = { timeZone: string; currency: string; language: string; json?: boolean }
type Json = { json?: boolean }

export function companyCommands(program: Command, context: CommandContext): Command {
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
  company
    .command('tax-id <name>')
    .description('Store the tax id of a company, read from stdin or asked for; it is stored encrypted')
    .option('--json', 'for machines')
    .action((name: string, o: Json) => setTaxId(context, name, o))
  company
    .command('find')
    .description('The companies with a tax id, read from stdin or asked for')
    .option('--json', 'for machines')
    .action((o: Json) => findByTaxId(context, o))
  keyCommands(program, context)
  return company
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

/** Not from an argument, which other users of the machine would see. */
async function readTaxId(): Promise<string> {
  const given = (await readSecret('Tax id', !process.stdin.isTTY))?.trim()
  if (!given) throw new UsageError('Give the tax id on stdin.')
  return given
}

async function setTaxId(context: CommandContext, name: string, { json }: Json): Promise<void> {
  const taxId = await readTaxId()
  await withOwner(context, async (owner) => {
    const id = await findCompany(owner, name)
    const { keyId, ciphertext, hashes } = sealTaxId(new Keyring(context.config.keysFile), id, null, taxId)
    await owner.query('SELECT put_company_tax_id($1, $2, $3, $4)', [id, keyId, ciphertext, hashes])
    if (json) return printJson({ id, key_id: keyId })
    print(`The tax id of ${name} is stored, encrypted with key ${keyId}.`)
  })
}

async function findByTaxId(context: CommandContext, { json }: Json): Promise<void> {
  const taxId = await readTaxId()
  await withOwner(context, async (owner) => {
    const hashes = new Keyring(context.config.keysFile).hashes('companies', normalise(taxId))
    const rows = await owner.query<Row>('SELECT id, name, status FROM find_companies_by_tax_id($1)', [hashes])
    if (json) return printJson(rows)
    if (!rows.length) throw new CommandError('No company has this tax id.')
    printTable(
      ['name', 'status', 'id'],
      rows.map((r) => [r.name, r.status, r.id]),
    )
  })
}
