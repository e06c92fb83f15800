// The command line door: `bitcorp <word>`. Each room brings its words; the list below is the whole of it.
import { Command } from 'commander'
import { explain } from './base/command.ts'
import { programVersion, readConfig } from './base/config.ts'
import { createTranslator } from './base/i18n.ts'
import { accessCommands } from './features/access/command.ts'
import { archiveCommands } from './features/archive/command.ts'
import { backupCommands } from './features/backups/command.ts'
import { companyCommands } from './features/companies/command.ts'
import { equipmentCommands } from './features/equipment/command.ts'
import { importCommands } from './features/imports/command.ts'
import { logCommands } from './features/logs/command.ts'
import { maintenanceCommands } from './features/maintenance/command.ts'
import { operationsCommands } from './features/operations/command.ts'
import { proofCommands } from './features/proof/command.ts'
import { replicaCommands } from './features/replicas/command.ts'
import { secondFactorCommands } from './features/second-factor/command.ts'
import { singleSignOnCommands } from './features/single-sign-on/command.ts'
import { allWords, createServer, rooms } from './server.ts'

const program = new Command('bitcorp')
  .description('Equipment ERP: what there is, where it is, who has it, and its whole history.')
  .version(programVersion)
  .exitOverride()
  .showHelpAfterError('(--help shows what it takes)')
let verbose = false

try {
  const config = readConfig()
  verbose = ['debug', 'trace'].includes(config.logLevel)
  const context = { config, rooms, createServer }
  operationsCommands(program, context)
  const company = companyCommands(program, context)
  archiveCommands(company, context)
  const user = accessCommands(program, context)
  secondFactorCommands(user, context)
  singleSignOnCommands(user, context)
  backupCommands(program, context)
  const equipment = equipmentCommands(program, context)
  importCommands(equipment, context)
  logCommands(program, context)
  maintenanceCommands(program, context)
  proofCommands(program, context)
  replicaCommands(program, context)
  await program.parseAsync()
} catch (error) {
  const t = createTranslator(allWords)('en')
  const { message, code } = explain(error, (constraint) => t(`problems.${constraint}`), verbose)
  if (message) process.stderr.write(`${message}\n`)
  process.exit(code)
}
