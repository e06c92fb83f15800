// The command line door: `bitcorp <word>`. Each room brings its words; the list below is the whole of it.
import { Command } from 'commander'
import { ConfigError, programVersion, readConfig } from './base/config.ts'
import { StartError } from './base/embedded.ts'
import { operationsCommands } from './features/operations/command.ts'
import { createServer, rooms } from './server.ts'

const program = new Command('bitcorp').description('Equipment ERP: what there is, where it is, who has it, and its whole history.').version(programVersion)

try {
  const config = readConfig()
  operationsCommands(program, { config, rooms, createServer })
  await program.parseAsync()
} catch (error) {
  const known = error instanceof StartError || error instanceof ConfigError
  process.stderr.write(`${known ? error.message : ((error as Error).stack ?? String(error))}\n`)
  process.exit(1)
}
