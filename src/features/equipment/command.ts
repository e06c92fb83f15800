// Machines on the command line, as a person sees them through the API.
import { type Command, Option } from 'commander'
import { type Api, asPerson, type CommandContext, CommandError, type Person, print, printJson, printTable, UsageError } from '../../base/command.ts'
import { type Equipment, getEquipment, getTimeline, listEquipment, statuses } from './contract.ts'

type List = Person & { search?: string; status?: string; filter: string[]; sort?: string; limit: string; json?: boolean }

/** Gives the `equipment` word, for rooms that add to it. */
export function equipmentCommands(program: Command, context: CommandContext): Command {
  const equipment = program.command('equipment').description('Machines, as the person --as names sees them in --company')
  whoAndWhere(equipment.command('list').description('List or search machines'))
    .option('-q, --search <words>', 'words, starts of words, fragments of codes')
    .addOption(new Option('--status <status>').choices([...statuses]))
    .option('--filter <field=value>', 'any field of a machine, or specifications.KEY; several times', collect, [])
    .option('--sort <field>', 'with - in front: descending')
    .option('--limit <number>', 'at most so many, or all', '50')
    .option('--json', 'for machines')
    .action((o: List) => list(context, o))
  whoAndWhere(equipment.command('show <code>').description('One machine by its code, painted code or id, with its last events'))
    .option('--json', 'for machines')
    .action((code: string, o: Person & { json?: boolean }) => show(context, code, o))
  return equipment
}

/** The two options every word that acts as a person has. */
function whoAndWhere(command: Command): Command {
  return command.requiredOption('--as <email>', 'the person who acts').requiredOption('--company <name>', 'name or id of the company')
}

const collect = (value: string, all: string[]): string[] => [...all, value]

async function list(context: CommandContext, o: List): Promise<void> {
  const limit = o.limit === 'all' ? Number.POSITIVE_INFINITY : Number(o.limit)
  if (!(limit >= 1)) throw new UsageError(`--limit is "${o.limit}"; it must be a number from 1, or all.`)
  const filters = o.filter.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new UsageError(`--filter is "${pair}"; it must be field=value.`)
    return [pair.slice(0, at), pair.slice(at + 1)] as const
  })
  await asPerson(context, o, async (api) => {
    const items: Equipment[] = []
    let cursor: string | null = null
    do {
      const query: Record<string, string> = { ...Object.fromEntries(filters), limit: String(Math.min(200, limit - items.length)) }
      if (o.search) query.q = o.search
      if (o.status) query.status = o.status
      if (o.sort) query.sort = o.sort
      if (cursor) query.cursor = cursor
      const page: { items: Equipment[]; next_cursor: string | null } = await api.call(listEquipment, { query: query as never })
      items.push(...page.items)
      cursor = page.next_cursor
    } while (cursor && items.length < limit)
    if (o.json) return printJson(items)
    printTable(
      ['code', 'painted', 'name', 'status', 'held by', 'location'],
      items.map((e) => [e.serial_number, e.fleet_code, e.name, e.status, e.holder?.display_name, e.location]),
    )
    if (cursor) print(`… and more; --limit all lists every one.`)
  })
}

async function show(context: CommandContext, code: string, o: Person & { json?: boolean }): Promise<void> {
  await asPerson(context, o, async (api) => {
    const machine = await find(api, code)
    const { items: timeline } = await api.call(getTimeline, { params: { company_id: api.companyId, equipment_id: machine.id }, query: { limit: 10 } })
    if (o.json) return printJson({ ...machine, timeline })
    for (const [field, value] of Object.entries(machine)) {
      if (value !== null && !['version', 'is_deleted', 'holder', 'specifications', 'tags'].includes(field))
        print(`${field.padEnd(28)} ${typeof value === 'object' ? Object.values(value).join(' ') : value}`)
    }
    for (const [key, value] of Object.entries(machine.specifications)) print(`${`specifications.${key}`.padEnd(28)} ${value}`)
    print(`${'held by'.padEnd(28)} ${machine.holder ? `${machine.holder.display_name} since ${machine.holder.assigned_at}` : 'nobody'}`)
    print('')
    printTable(
      ['when', 'what', 'by', 'reason'],
      timeline.map((t) => [t.occurred_at.slice(0, 19), t.event_type, t.recorded_by_name, t.reason]),
    )
  })
}

async function find(api: Api, code: string): Promise<Equipment> {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(code)) return api.call(getEquipment, { params: { company_id: api.companyId, equipment_id: code } })
  for (const field of ['serial_number', 'fleet_code']) {
    const { items } = await api.call(listEquipment, { query: { [field]: code } as never })
    if (items[0]) return items[0]
  }
  throw new CommandError(`There is no machine with the code ${code}. Look for it: bitcorp equipment list -q "${code}" …`)
}
