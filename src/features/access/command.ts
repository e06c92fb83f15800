// Accounts, roles and tokens on the command line, for who runs the installation.
import { randomBytes } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { type Command, Option } from 'commander'
import { asPerson, type CommandContext, CommandError, findCompany, print, printJson, readSecret, UsageError, withOwner } from '../../base/command.ts'
import type { Owner } from '../../base/owner.ts'
import { type Surroundings, weaknessOf } from '../../base/weak-password.ts'
import { roles } from '../../plain/roles.ts'
import { createToken, scopes } from './contract.ts'

type Add = { name?: string; company: string; role: string; password?: string; language: string; json?: boolean }

/** Gives the word that accounts stand under, for rooms that add to it. */
export function accessCommands(program: Command, context: CommandContext): Command {
  const user = program.command('user').description('Accounts and what they may do in which company')
  user
    .command('add <email>')
    .description('Add a person to a company, making the account when the address is new')
    .option('--name <name>', 'full name; needed for a new account')
    .requiredOption('--company <name>', 'name or id of the company')
    .addOption(new Option('--role <role>', 'what the person may do').choices([...roles]).makeOptionMandatory())
    .option('--password <->', '- reads it from stdin; without it, it is asked for or generated')
    .addOption(new Option('--language <language>').choices(['es', 'en']).default('es'))
    .option('--json', 'for machines')
    .action((email: string, o: Add) => addUser(context, email, o))
  user
    .command('password <email>')
    .description('Give an account a new password and end its sessions')
    .option('--password <->', '- reads it from stdin; without it, it is asked for or generated')
    .option('--json', 'for machines')
    .action((email: string, o: { password?: string; json?: boolean }) => changePassword(context, email, o))
  user
    .command('role <email>')
    .description('Change what a person may do in a company; none ends the membership')
    .requiredOption('--company <name>', 'name or id of the company')
    .addOption(new Option('--role <role>').choices([...roles, 'none']).makeOptionMandatory())
    .option('--json', 'for machines')
    .action((email: string, o: { company: string; role: string; json?: boolean }) => changeRole(context, email, o))

  user
    .command('status <email> <status>')
    .description('active, or deactivated: then the account signs in nowhere; its history stays')
    .option('--json', 'for machines')
    .action((email: string, status: string, o: { json?: boolean }) => setStatus(context, email, status, o))
  user
    .command('anonymise <email>')
    .description('Take name, address and password out of an account and all its companies, for good; what it did stays under a number')
    .option('--yes', 'do it: it cannot be undone')
    .option('--json', 'for machines')
    .action((email: string, o: { yes?: boolean; json?: boolean }) => anonymise(context, email, o))

  user
    .command('installation <email>')
    .description('Let a person look after the installation in the page (load, backups, replicas), or no longer')
    .option('--on', 'they may')
    .option('--off', 'they may not')
    .option('--json', 'for machines')
    .action((email: string, o: { on?: boolean; off?: boolean; json?: boolean }) => setInstallation(context, email, o))

  program
    .command('token <email>')
    .description('Make a bearer token for a person; it is shown this once')
    .requiredOption('--company <name>', 'name or id of the company')
    .requiredOption('--name <name>', 'what the token is for')
    .option('--scopes <list>', `of ${scopes.join(', ')}, with commas`, 'read')
    .option('--days <number>', 'how long it holds', '90')
    .option('--json', 'for machines')
    .action((email: string, o: { company: string; name: string; scopes: string; days: string; json?: boolean }) => makeToken(context, email, o))
  return user
}

async function addUser(context: CommandContext, email: string, o: Add): Promise<void> {
  checkEmail(email)
  checkPasswordOption(o.password)
  await withOwner(context, async (owner) => {
    const company = await findCompany(owner, o.company)
    const known = await findAccount(owner, email)
    if (!known && !o.name) throw new UsageError('A new account needs --name.')
    const secret = known ? undefined : await choosePassword(o.password, { email, name: o.name ?? '', companies: [o.company] })
    const id = known?.user_id ?? (await owner.query<{ id: string }>('SELECT put_user($1, $2, $3, $4) AS id', [email, o.name, await hash(secret?.password ?? ''), o.language]))[0]?.id
    if (secret?.generated) await owner.query('SELECT mark_password_given($1)', [email])
    await owner.query('SELECT put_membership($1, $2, $3)', [company, id, o.role])
    if (o.json) return printJson({ user_id: id, email, role: o.role, new_account: !known, ...(secret?.generated ? { password: secret.password } : {}) })
    print(known ? `${email} has an account and keeps its password; it is ${o.role} of ${o.company} now.` : `${email} is ${o.role} of ${o.company} now.`)
    if (secret?.generated) print(`Password for the first sign-in within a week, where another one is chosen; shown this once: ${secret.password}`)
  })
}

async function changePassword(context: CommandContext, email: string, o: { password?: string; json?: boolean }): Promise<void> {
  checkPasswordOption(o.password)
  await withOwner(context, async (owner) => {
    const known = await findAccount(owner, email)
    if (!known) throw new CommandError(`There is no account ${email}.`)
    const secret = await choosePassword(o.password, { email, name: known.full_name, companies: known.company_names })
    await owner.query('SELECT put_password($1, $2)', [email, await hash(secret.password)])
    if (secret.generated) await owner.query('SELECT mark_password_given($1)', [email])
    if (o.json) return printJson({ email, ...(secret.generated ? { password: secret.password } : {}) })
    print(`${email} has a new password; its sessions ended.`)
    if (secret.generated) print(`Password for the first sign-in within a week, where another one is chosen; shown this once: ${secret.password}`)
  })
}

async function setInstallation(context: CommandContext, email: string, o: { on?: boolean; off?: boolean; json?: boolean }): Promise<void> {
  if (Boolean(o.on) === Boolean(o.off)) throw new UsageError('Give --on or --off.')
  await withOwner(context, async (owner) => {
    const [row] = await owner.query<{ id: string | null }>('SELECT put_installation_admin($1, $2) AS id', [email, Boolean(o.on)])
    if (!row?.id) throw new CommandError(`There is no account ${email}.`)
    if (o.json) return printJson({ email, is_installation_admin: Boolean(o.on) })
    print(o.on ? `${email} looks after this installation now.` : `${email} no longer looks after this installation.`)
  })
}

async function changeRole(context: CommandContext, email: string, o: { company: string; role: string; json?: boolean }): Promise<void> {
  await withOwner(context, async (owner) => {
    const company = await findCompany(owner, o.company)
    const known = await findAccount(owner, email)
    if (!known) throw new CommandError(`There is no account ${email}. \`bitcorp user add\` makes one.`)
    await owner.query('SELECT put_membership($1, $2, $3)', [company, known.user_id, o.role === 'none' ? null : o.role])
    if (o.json) return printJson({ email, company_id: company, role: o.role === 'none' ? null : o.role })
    print(o.role === 'none' ? `${email} is no longer in ${o.company}.` : `${email} is ${o.role} of ${o.company} now.`)
  })
}

async function setStatus(context: CommandContext, email: string, status: string, { json }: { json?: boolean }): Promise<void> {
  if (status !== 'active' && status !== 'deactivated') throw new UsageError(`"${status}" is no status; it must be active or deactivated.`)
  await withOwner(context, async (owner) => {
    const [row] = await owner.query<{ id: string | null }>('SELECT set_account_status($1, $2) AS id', [email, status])
    if (!row?.id) throw new CommandError(`There is no account ${email}.`)
    if (json) return printJson({ email, status })
    print(`${email} is ${status} now.`)
  })
}

async function anonymise(context: CommandContext, email: string, { yes, json }: { yes?: boolean; json?: boolean }): Promise<void> {
  if (!yes) throw new UsageError(`This takes the name of ${email} out of every company and cannot be undone. Call it with --yes.`)
  await withOwner(context, async (owner) => {
    const [row] = await owner.query<{ id: string | null }>('SELECT anonymise_account($1) AS id', [email])
    if (!row?.id) throw new CommandError(`There is no account ${email}.`)
    if (json) return printJson({ user_id: row.id })
    print('The account is anonymous now. Mails that were sent or lie in the outbox folder, and backups, still name the person.')
  })
}

async function makeToken(context: CommandContext, email: string, o: { company: string; name: string; scopes: string; days: string; json?: boolean }): Promise<void> {
  const wanted = o.scopes.split(',').map((s) => s.trim())
  const known = scopes.filter((s) => wanted.includes(s))
  if (known.length !== wanted.length) throw new UsageError(`--scopes is "${o.scopes}"; it must be of ${scopes.join(', ')}, with commas.`)
  const days = Number(o.days)
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new UsageError(`--days is "${o.days}"; it must be a whole number from 1 to 3650.`)
  await asPerson(context, { as: email, company: o.company }, async (api) => {
    const made = await api.call(createToken, { body: { name: o.name, company_id: api.companyId, scopes: known, expires_at: new Date(Date.now() + days * 86_400_000).toISOString() } })
    if (o.json) return printJson(made)
    print(`Token for ${email}, ${known.join(' and ')}, until ${made.expires_at.slice(0, 10)}, shown this once:\n${made.token}`)
  })
}

type Account = { user_id: string; full_name: string; company_names: string[] }
async function findAccount(owner: Owner, email: string): Promise<Account | undefined> {
  return (await owner.query<Account>('SELECT user_id, full_name, company_names FROM find_account($1)', [email]))[0]
}

function checkEmail(email: string): void {
  if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email)) throw new UsageError(`"${email}" is no e-mail address.`)
}

/** Never from an argument: the list of processes would show it to every user of the machine. */
function checkPasswordOption(option: string | undefined): void {
  if (option !== undefined && option !== '-') throw new UsageError('A password is no argument: other users of the machine would see it. Use --password - and give it on stdin.')
}

async function choosePassword(option: string | undefined, around: Surroundings): Promise<{ password: string; generated: boolean }> {
  const given = await readSecret('Password (empty: one is generated)', option === '-')
  if (given && given.length < 12) throw new CommandError('The password needs at least 12 characters.')
  if (option === '-' && !given) throw new CommandError('The password needs at least 12 characters.')
  const weakness = given ? weaknessOf(given, around) : undefined
  if (weakness === 'password_common') throw new CommandError('Too many people have this password: intruders try it first. Choose another one.')
  if (weakness) throw new CommandError('The password is made of the names of the program, the company or the person. Choose another one.')
  return given ? { password: given, generated: false } : { password: randomBytes(15).toString('base64url'), generated: true }
}
