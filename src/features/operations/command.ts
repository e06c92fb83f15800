// Running the installation: serve, migrate, demo, connection strings.
import type { Command } from 'commander'
import { openDatabase } from '../../base/database.ts'
import type { Config } from '../../base/config.ts'
import { serve } from './serve.ts'
import type { CreateServer } from './serve.ts'

export type Context = { config: Config; rooms: readonly string[]; createServer: CreateServer }

export function operationsCommands(program: Command, context: Context): void {
  program
    .command('serve')
    .description('Start the database, the API and the page')
    .action(() => serve(context.config, context.rooms, context.createServer))

  program
    .command('migrate')
    .description('Bring the database to this program’s schema')
    .command('up')
    .action(async () => {
      const database = await openDatabase(context.config, context.rooms, (line) => process.stdout.write(`${line}\n`))
      await database.stop()
    })
}
