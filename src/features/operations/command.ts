// Running the installation: serve, migrate, demo, connection strings, doctor.
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, printTable, progress, UsageError } from '../../base/command.ts'
import { findRunning, joinDatabase, openDatabase, reachDatabase } from '../../base/database.ts'
import { Database } from '../../base/db.ts'
import { migrationStatus } from '../../base/migrate.ts'
import { demoAccounts, demoPassword, loadDemo } from './demo.ts'
import { examine } from './doctor.ts'
import { serve } from './serve.ts'

type Json = { json?: boolean }

export function operationsCommands(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('Start the database, the API and the page; Ctrl-C or SIGTERM stops them')
    .option('--json', 'one line of JSON when ready')
    .action((o: Json) => serve(context, Boolean(o.json)))

  const migrate = program.command('migrate').description('The database’s schema: which migrations it has, and bringing it up to this program')
  migrate
    .command('status')
    .description('List the migrations, applied and pending; exit code 0 also when some are pending')
    .option('--json', 'for machines')
    .action((o: Json) => showMigrations(context, o))
  migrate
    .command('up')
    .description('Apply what is pending, then the replaceable logic')
    .option('--json', 'for machines')
    .action((o: Json) => migrateUp(context, o))

  program
    .command('demo')
    .description('Fill an empty database with the demo companies')
    .option('--json', 'for machines')
    .action((o: Json) => demo(context, o))

  program
    .command('db')
    .description('The database itself')
    .command('url')
    .description('Print a connection string to the running database')
    .option('--as <role>', 'owner, app or reporting', 'app')
    .option('--json', 'for machines')
    .action((o: Json & { as: string }) => showUrl(context, o))

  program
    .command('doctor')
    .description('Examine the installation and say what to do; exit code 1 when something is wrong')
    .option('--json', 'for machines')
    .action((o: Json) => doctor(context, o))
}

async function showMigrations(context: CommandContext, { json }: Json): Promise<void> {
  const running = await findRunning(context.config)
  const database = running ? { urls: running, stop: async () => {} } : await reachDatabase(context.config, context.rooms, progress)
  try {
    const list = await migrationStatus(database.urls.owner)
    if (json) return printJson(list)
    printTable(
      ['version', 'state', 'applied at', 'by', 'description'],
      list.map((m) => [m.version, m.state, m.applied_at, m.applied_by, m.description]),
    )
  } finally {
    await database.stop()
  }
}

async function migrateUp(context: CommandContext, { json }: Json): Promise<void> {
  const before: string[] = []
  const database = await openDatabase(context.config, context.rooms, (line) => {
    before.push(line)
    progress(line)
  })
  await database.stop()
  const applied = before.flatMap((line) => /^Applying (\d{11})/.exec(line)?.[1] ?? [])
  if (json) return printJson({ applied })
  print(applied.length ? `${applied.length} migrations applied; the database is up to date.` : 'The database is up to date.')
}

async function demo(context: CommandContext, { json }: Json): Promise<void> {
  const database = await joinDatabase(context.config, context.rooms, progress)
  const db = new Database(database.urls.app, { ...context.config.pool, size: 8, overflow: 0 })
  try {
    const app = await context.createServer({ ...context.config, rateLimitPerMinute: 10_000_000 }, db)
    try {
      if (!(await loadDemo(app, database.urls.owner, progress)))
        throw new CommandError('The database holds a company already; demo data goes only into an empty one. Another BITCORP_DATA_DIR gives one.')
    } finally {
      await app.close()
    }
  } finally {
    await db.close()
    await database.stop()
  }
  if (json) return printJson({ accounts: demoAccounts, password: demoPassword })
  print(`Demo companies are ready: sign in as ${demoAccounts.join(', ')}; password ${demoPassword}`)
}

async function showUrl(context: CommandContext, { as, json }: Json & { as: string }): Promise<void> {
  if (as !== 'owner' && as !== 'app' && as !== 'reporting') throw new UsageError(`--as is "${as}"; it must be owner, app or reporting.`)
  const running = await findRunning(context.config)
  if (!running) throw new CommandError(`No database runs on the data folder ${context.config.dataDir}. Start it: npm start.`)
  const url = running[as]
  if (!url) throw new CommandError('On your own PostgreSQL reporting_user signs in as its administrator set it up: give it a password with ALTER ROLE reporting_user LOGIN PASSWORD ….')
  if (json) return printJson({ as, url })
  print(url)
}

async function doctor(context: CommandContext, { json }: Json): Promise<void> {
  const findings = await examine(context)
  if (json) printJson({ healthy: findings.every((f) => f.ok), findings })
  else for (const f of findings) print(`${f.ok ? 'ok   ' : 'WRONG'}  ${f.name}: ${f.found}${f.ok || !f.advice ? '' : `\n         → ${f.advice}`}`)
  if (findings.some((f) => !f.ok)) throw new CommandError(json ? '' : `${findings.filter((f) => !f.ok).length} of ${findings.length} checks found something wrong.`)
}
