// `bitcorp user totp`: the way out for a person who lost their app and their recovery codes.
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, UsageError, withOwner } from '../../base/command.ts'

/** `user`: the word that accounts stand under. */
export function secondFactorCommands(user: Command, context: CommandContext): void {
  user
    .command('totp <email>')
    .description('Switch off the second factor of a person who lost it; the audit of their companies tells')
    .option('--off', 'do it')
    .option('--json', 'for machines')
    .action((email: string, o: { off?: boolean; json?: boolean }) => switchOff(context, email, o))
}

async function switchOff(context: CommandContext, email: string, { off, json }: { off?: boolean; json?: boolean }): Promise<void> {
  if (!off) throw new UsageError(`Make sure that it is ${email} who asks, then call it with --off. A second factor is switched on by its person alone, in the page.`)
  await withOwner(context, async (owner) => {
    const [row] = await owner.query<{ state: 'off' | 'none' | null }>('SELECT put_totp_off($1) AS state', [email])
    if (!row?.state) throw new CommandError(`There is no account ${email}.`)
    if (json) return printJson({ email, was_active: row.state === 'off' })
    print(row.state === 'off' ? `${email} signs in with the password alone now.` : `${email} had no second factor.`)
  })
}
