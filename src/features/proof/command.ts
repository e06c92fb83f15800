// `bitcorp verify` on the command line: the records prove themselves, or the first fault is named and the exit code is 1.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Config } from '../../base/config.ts'
import { joinDatabase, type OpenDatabase } from '../../base/database.ts'
import { asOwner } from '../../base/owner.ts'
import { type Checkpoint, readCheckpoint, takeCheckpoint, verifyAudit } from './audit.ts'
import { verifyEvents } from './events.ts'
import type { Fault } from './look.ts'

type Context = { config: Config; rooms: readonly string[] }
type Json = { json?: boolean }

const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (line: string): void => void process.stdout.write(`${line}\n`)

export function proofCommands(program: Command, context: Context): void {
  const verify = program.command('verify').description('Prove the records; exit code 1 when something is not as it must be')
  verify
    .command('events')
    .description('Every row equals what its events tell, byte for byte, and so does all that is derived from them')
    .option('--rebuild', 'also build the tables again beside the live ones, from events alone, and compare')
    .option('--json', 'for machines')
    .action((o: Json & { rebuild?: boolean }) =>
      withDatabase(context, async ({ urls }) => {
        const { rows, events, faults } = await verifyEvents(urls.owner, progress, { rebuild: Boolean(o.rebuild) })
        conclude({ rows, events }, faults, o, `${rows} rows equal what ${events} events tell.`)
      }),
    )
}

async function withDatabase(context: Context, work: (database: OpenDatabase) => Promise<void>): Promise<void> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    await work(database)
  } finally {
    await database.stop()
  }
}

/** Says what was found; the first fault first. */
function conclude(counts: object, faults: Fault[], { json }: Json, whole: string): void {
  if (faults.length) process.exitCode = 1
  if (json) print(JSON.stringify({ ok: faults.length === 0, ...counts, faults }, null, 2))
  else if (!faults.length) print(`OK: ${whole}`)
  else list(faults)
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
