// `bitcorp verify …` and `bitcorp audit checkpoint`: the records prove themselves, or the first fault is named and the exit code is 1.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type CommandContext, CommandError, findCompany, print, printJson, progress, UsageError } from '../../base/command.ts'
import { joinDatabase, type OpenDatabase } from '../../base/database.ts'
import { asOwner } from '../../base/owner.ts'
import { type Checkpoint, readCheckpoint, takeCheckpoint, verifyAudit } from './audit.ts'
import { verifyEvents } from './events.ts'
import { printEvidence } from './evidence.ts'
import { verifyIsolation } from './isolation.ts'
import type { Fault } from './look.ts'

type Json = { json?: boolean }
type AuditOptions = Json & { company?: string; checkpoint?: string }

export function proofCommands(program: Command, context: CommandContext): void {
  const verify = program.command('verify').description('Prove the records; exit code 1 when something is not as it must be')
  verify
    .command('events')
    .description('Every row equals what its events tell, byte for byte, and so does all that is derived from them')
    .option('--rebuild', 'also build the tables again beside the live ones, from events alone, and compare')
    .option('--json', 'for machines')
    .action((o: Json & { rebuild?: boolean }) => events(context, o))
  verify
    .command('audit')
    .description('No audit row was edited, deleted, inserted or moved')
    .option('--company <name>', 'this company alone')
    .option('--checkpoint <file>', 'and the chain is the one it was at this checkpoint')
    .option('--json', 'for machines')
    .action((o: AuditOptions) => audit(context, o))
  verify
    .command('isolation')
    .description('No identity reaches a row that is not its company’s: every table, view and secret, every kind of identity, every verb, tried out and taken back')
    .option('--all', 'every table with every identity on a line of its own')
    .option('--json', 'for machines: every line')
    .action((o: Json & { all?: boolean }) => isolation(context, o))

  const records = program.command('audit').description('The audit: who did what')
  records
    .command('checkpoint')
    .description('Write where each company’s audit stands now; kept elsewhere, it shows later that nobody made the past anew')
    .requiredOption('--out <file>', 'a new file')
    .option('--json', 'for machines')
    .action((o: Json & { out: string }) => checkpoint(context, o))
}

const events = (context: CommandContext, o: Json & { rebuild?: boolean }): Promise<void> =>
  withDatabase(context, async ({ urls }) => {
    const report = await verifyEvents(urls.owner, progress, { rebuild: Boolean(o.rebuild) })
    conclude(report, o, `${report.rows} rows equal what ${report.events} events tell.`)
  })

async function audit(context: CommandContext, o: AuditOptions): Promise<void> {
  const past = o.checkpoint === undefined ? undefined : readCheckpointFile(o.checkpoint)
  await withDatabase(context, async ({ urls }) => {
    const companyId = o.company ? await asOwner(urls.owner, (owner) => findCompany(owner, o.company ?? '')) : undefined
    const report = await verifyAudit(urls.owner, progress, { ...(companyId ? { companyId } : {}), ...(past ? { checkpoint: past } : {}) })
    conclude(report, o, `${report.rows} audit rows of ${report.companies} companies are as they were written${past ? `, and as at the checkpoint of ${past.made_at}` : ''}.`)
  })
}

const isolation = (context: CommandContext, o: Json & { all?: boolean }): Promise<void> =>
  withDatabase(context, async ({ urls }) => {
    const report = await verifyIsolation(urls.owner, () => {})
    if (!o.json) printEvidence(report, Boolean(o.all))
    const definers = report.objects.filter((object) => object.kind.startsWith('function with') && object.for).length
    const views = new Set(report.views.map((e) => e.view)).size
    conclude(
      report,
      o,
      `${report.identities} identities in ${report.tables} tables and ${views} views: each reaches its own company's rows alone, and nobody reaches none; ${report.objects.length} objects looked at, ${definers} functions with their owner's rights for who serves.`,
    )
  })

function readCheckpointFile(path: string): Checkpoint {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}.`)
  }
  const past = readCheckpoint(text)
  if (!past) throw new UsageError(`${path} is not a checkpoint. \`bitcorp audit checkpoint --out FILE\` writes one.`)
  return past
}

const checkpoint = (context: CommandContext, o: Json & { out: string }): Promise<void> =>
  withDatabase(context, async ({ urls }) => {
    const taken = await takeCheckpoint(urls.owner)
    try {
      // Never over an older one: that is what the newer ones are measured by.
      writeFileSync(o.out, `${JSON.stringify(taken, null, 2)}\n`, { flag: 'wx' })
    } catch (error) {
      throw new CommandError((error as NodeJS.ErrnoException).code === 'EEXIST' ? `${o.out} is there already; give a new name.` : `${o.out} cannot be written: ${(error as Error).message}.`)
    }
    if (o.json) return printJson(taken)
    print(`${o.out} holds where the audit of ${taken.companies.length} companies stands. Keep it where nobody of this installation can change it.`)
  })

async function withDatabase(context: CommandContext, work: (database: OpenDatabase) => Promise<void>): Promise<void> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    await work(database)
  } finally {
    await database.stop()
  }
}

/** Says what was found, the first fault first; the exit code says it too. */
function conclude({ faults, ...counts }: { faults: Fault[] }, { json }: Json, whole: string): void {
  if (faults.length) process.exitCode = 1
  if (json) printJson({ ok: faults.length === 0, ...counts, faults })
  else if (faults.length) list(faults)
  else print(`OK: ${whole}`)
}

function list(faults: Fault[]): void {
  for (const fault of faults.slice(0, 20)) {
    print(`${fault.rule}: ${fault.where}`)
    if (fault.company_id) print(`  company   ${fault.company_id}`)
    print(`  expected  ${shorten(fault.expected)}`)
    print(`  found     ${shorten(fault.found)}`)
  }
  print(`WRONG: ${faults.length}${faults.length > 20 ? ' faults, of which the first 20 are shown; --json shows more' : faults.length === 1 ? ' fault' : ' faults'}.`)
}

function shorten(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 299)}…` : text
}
