// `bitcorp user unlink`: the way out when a person is another one at the identity provider now.
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, withOwner } from '../../base/command.ts'

/** `user`: the word that accounts stand under. */
export function singleSignOnCommands(user: Command, context: CommandContext): void {
  user
    .command('unlink <email>')
    .description('Forget which person of the identity provider an account is; the next sign-in there finds it by its verified address anew')
    .option('--json', 'for machines')
    .action((email: string, o: { json?: boolean }) => unlink(context, email, o))
}

async function unlink(context: CommandContext, email: string, { json }: { json?: boolean }): Promise<void> {
  await withOwner(context, async (owner) => {
    const [row] = await owner.query<{ state: 'off' | 'none' | null }>('SELECT put_identity_off($1) AS state', [email])
    if (!row?.state) throw new CommandError(`There is no account ${email}.`)
    if (json) return printJson({ email, was_linked: row.state === 'off' })
    print(row.state === 'off' ? `${email} is no person of the identity provider any more.` : `${email} has not signed in through an identity provider.`)
  })
}
