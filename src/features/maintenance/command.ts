// Maintenance on the command line: the daily mail about what is due, at once or into a folder.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type CommandContext, CommandError, findCompany, print, printJson, withOwner } from '../../base/command.ts'
import { createTranslator } from '../../base/i18n.ts'
import { sendDigests } from './digest.ts'
import { digestWords } from './digest-words.ts'

type Digest = { company?: string; toFolder?: string; json?: boolean }

export function maintenanceCommands(program: Command, context: CommandContext): void {
  program
    .command('maintenance')
    .description('Service of machines')
    .command('digest')
    .description('Mail admins and managers what is overdue or due in 7 and 30 days, now; who got it today gets it once')
    .option('--company <name>', 'name or id of the company; all of them without it')
    .option('--to-folder <folder>', 'write the mails there as .eml to look at; they count as not sent')
    .option('--json', 'for machines')
    .action((o: Digest) => sendDigest(context, o))
}

async function sendDigest(context: CommandContext, o: Digest): Promise<void> {
  const config = o.toFolder === undefined ? context.config : { ...context.config, smtpUrl: undefined, mailDir: resolve(o.toFolder) }
  const translate = createTranslator([digestWords])
  const sent = await withOwner(context, async (owner) => {
    const companyId = o.company ? await findCompany(owner, o.company) : null
    // What is only written to a folder counts as not sent.
    if (o.toFolder !== undefined) await owner.query('BEGIN')
    const mails = await sendDigests(owner, { config, translate, companyId, isAsked: true })
    if (o.toFolder !== undefined) await owner.query('ROLLBACK')
    return mails
  })
  const failed = sent.filter(({ problem }) => problem !== null)
  if (o.json) printJson({ sent: sent.length - failed.length, failed: failed.length, mails: sent })
  else {
    for (const { company, email, file } of sent.filter(({ problem }) => problem === null)) print(`${company}: ${email}${file ? ` (${file})` : ''}`)
    if (sent.length === 0) print('Nothing to send: nothing is due, nobody wants it, or it was sent today.')
  }
  if (failed.length) throw new CommandError([...new Set(failed.map(({ problem }) => problem))].join('\n'))
}
