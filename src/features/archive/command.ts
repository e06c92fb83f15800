// `bitcorp company export` and `import`: one company with all its data, in one file, out of one installation and into another.
import type { Command } from 'commander'
import { type CommandContext, CommandError, findCompany, print, printJson, progress } from '../../base/command.ts'
import { joinDatabase } from '../../base/database.ts'
import { asOwner } from '../../base/owner.ts'
import { leftOut } from './catalogue.ts'
import { exportCompany } from './export.ts'
import { importCompany } from './import.ts'

type Json = { json?: boolean }
type Import = Json & { name?: string; dryRun?: boolean }

/** Words of `bitcorp company`. */
export function archiveCommands(company: Command, context: CommandContext): void {
  company
    .command('export <name>')
    .description('Write a company with all its data into one file; its people’s passwords and tax ids stay behind')
    .requiredOption('--into <file>', 'a new file, such as company.tar.gz; readable by you alone')
    .option('--json', 'for machines')
    .action((name: string, o: Json & { into: string }) => write(context, name, o))
  company
    .command('import <file>')
    .description('Make the company of such a file here, whole or not at all, beside others or as the first')
    .option('--name <name>', 'another name for it')
    .option('--dry-run', 'try everything and store nothing')
    .option('--json', 'for machines')
    .action((file: string, o: Import) => read(context, file, o))
}

async function write(context: CommandContext, nameOrId: string, o: Json & { into: string }): Promise<void> {
  await withOwnerUrl(context, async (url) => {
    const company = await asOwner(url, async (owner) => {
      const id = await findCompany(owner, nameOrId)
      const [found] = await owner.query<{ id: string; name: string }>('SELECT id, name FROM list_companies() WHERE id = $1', [id])
      if (!found) throw new CommandError(`There is no company "${nameOrId}". \`bitcorp company list\` names them.`)
      return found
    })
    const manifest = await exportCompany(url, company, o.into, progress)
    if (o.json) return printJson(manifest)
    print(
      `${o.into} holds ${company.name}: ${manifest.tables.reduce((sum, t) => sum + t.rows, 0)} rows of schema ${manifest.schema.newest}. It tells all of the company: keep it as safe as the database.`,
    )
    for (const [table, reason] of Object.entries(leftOut)) print(`Left out: ${table}: ${reason}.`)
  })
}

async function read(context: CommandContext, file: string, o: Import): Promise<void> {
  await withOwnerUrl(context, async (url) => {
    const done = await importCompany(url, file, { ...(o.name ? { name: o.name } : {}), dryRun: Boolean(o.dryRun) }, progress)
    if (o.json) return printJson({ ...done, stored: !o.dryRun })
    const { company, rows, moved, without_password } = done
    print(
      o.dryRun
        ? `${company.name} could be imported: ${rows} rows. Nothing was stored.`
        : `${company.name} is here: ${rows} rows, compared with the archive. Prove it: bitcorp verify events, verify audit.`,
    )
    for (const { email } of moved) print(`${email} had an account here already, which now has the same place; what the person did before stands under the account that came with the archive.`)
    if (without_password.length) print(`Without a password yet: ${without_password.join(', ')}. bitcorp user password EMAIL gives one; an admin of the company sends a link to choose one.`)
  })
}

async function withOwnerUrl(context: CommandContext, work: (ownerUrl: string) => Promise<void>): Promise<void> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    await work(database.urls.owner)
  } finally {
    await database.stop()
  }
}
