// `bitcorp replica`: standbys of the embedded server, and what this installation sees of its replicas.
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, printTable, progress, UsageError } from '../../base/command.ts'
import { joinDatabase } from '../../base/database.ts'
import { Database } from '../../base/db.ts'
import { Replicas } from '../../base/replicas.ts'
import { addStandby, judgeStandbys, listStandbys, promoteStandby, removeStandby, runStandby, slotsOf } from '../../base/standby.ts'

type Json = { json?: boolean }

export function replicaCommands(program: Command, context: CommandContext): void {
  const replica = program.command('replica').description('Standbys that reports and exports are read from, and that take over when the primary is lost')
  replica
    .command('add')
    .argument('<dir>', 'a new folder, best on another disk')
    .description('Copy the running embedded database into a folder that follows it')
    .option('--port <port>', 'where the replica will listen; a free one when left out')
    .option('--json', 'for machines')
    .action((dir: string, o: Json & { port?: string }) => add(context, dir, o))
  replica
    .command('serve')
    .argument('<dir>', 'the folder of the replica')
    .description('Run the replica until Ctrl-C or SIGTERM, or until it is promoted')
    .option('--json', 'one line of JSON when ready')
    .action((dir: string, o: Json) => serve(dir, o))
  replica
    .command('status')
    .description('How each replica is; exit code 1 when one needs somebody')
    .option('--json', 'for machines')
    .action((o: Json) => status(context, o))
  replica
    .command('promote')
    .argument('<dir>', 'the folder of the replica')
    .description('Make the replica the primary; the old one must be stopped and is kept from starting again')
    .option('--json', 'for machines')
    .action((dir: string, o: Json) => promote(dir, o))
  replica
    .command('remove')
    .argument('<dir>', 'the folder of the replica')
    .description('Take a stopped replica away with its folder')
    .action((dir: string) => remove(context, dir))
}

/** These words make and run the embedded server's standbys alone: another server has tools of its own. */
function refuseOwnServer({ config }: CommandContext): void {
  if (config.databaseUrl) throw new CommandError('DATABASE_URL names your own PostgreSQL: make its standby with pg_basebackup (docs/growing.md, "Replicas"), then give it as DATABASE_REPLICA_URL.')
}

async function add(context: CommandContext, dir: string, { port, json }: Json & { port?: string }): Promise<void> {
  refuseOwnServer(context)
  const wanted = port === undefined ? undefined : Number(port)
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted > 0 && wanted < 65_536)) throw new UsageError(`--port is "${port}"; it must be a whole number from 1 to 65535.`)
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    const standby = await addStandby(context.config.dataDir, dir, wanted, progress)
    const url = addressOf(standby.port)
    if (json) return printJson({ dir: resolve(dir), url, port: standby.port })
    print(`The replica is made in ${resolve(dir)}. Run it beside the server:\n  bitcorp replica serve ${dir}\nand start the server with\n  DATABASE_REPLICA_URL=${url} bitcorp serve`)
  } finally {
    await database.stop()
  }
}

// Without a user: the server reads it as the one it serves as, so that no password stands in the environment.
const addressOf = (port: number) => `postgresql://127.0.0.1:${port}/bitcorp_erp`

async function serve(dir: string, { json }: Json): Promise<void> {
  const starting = runStandby(dir, (line) => void process.stderr.write(`${line}\n`))
  const asked = new Promise<void>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => done())
  })
  const { standby, ended, stop } = await starting
  const url = addressOf(standby.port)
  print(json ? JSON.stringify({ ready: true, url, pid: process.pid }) : `The replica is ready: DATABASE_REPLICA_URL=${url}`)
  const isPromoted = await Promise.race([asked.then(() => false), ended.then(() => true)])
  await stop()
  if (isPromoted && !json) print(`It was promoted and is no replica any more. Serve it: BITCORP_DATA_DIR=${resolve(dir)} bitcorp serve`)
  process.exit(0)
}

async function status(context: CommandContext, { json }: Json): Promise<void> {
  const { config } = context
  const database = await joinDatabase(config, context.rooms, progress)
  const db = new Database(database.urls.app, { ...config.pool, size: 2, overflow: 0 })
  const replicas = new Replicas(db, config.replicaUrls, { waitMs: 0, maxLagSeconds: config.replicaMaxLagSeconds })
  try {
    await replicas.look()
    const read = replicas.all.map(({ name, state, lagMs, lastError }) => ({ name, state, lag_seconds: lagMs === undefined ? null : lagMs / 1000, last_error: lastError }))
    const made = config.databaseUrl ? [] : judgeStandbys(config.dataDir, await slotsOf(config.dataDir))
    if (json) printJson({ read, made })
    else {
      if (read.length === 0) print('No replica is read: DATABASE_REPLICA_URL is not set here.')
      else
        printTable(
          ['read from', 'state', 'lag', 'last error'],
          read.map((one) => [one.name, one.state, one.lag_seconds === null ? '' : `${one.lag_seconds} s`, one.last_error]),
        )
      for (const { dir, state, kept } of made) print(`${dir}: ${state}${kept ? `, ${kept} kept for it` : ''}`)
      if (made.length === 0 && !config.databaseUrl) print('None was made from this data folder: bitcorp replica add DIR makes one.')
    }
    if (read.some((one) => one.state !== 'up') || made.some((one) => one.needs)) throw new CommandError('A replica needs somebody: `bitcorp doctor` says what to do.')
  } finally {
    await replicas.close()
    await db.close()
    await database.stop()
  }
}

async function promote(dir: string, { json }: Json): Promise<void> {
  const old = await promoteStandby(dir, progress)
  if (json) return printJson({ dir: resolve(dir), replaced: old })
  print(
    `${resolve(dir)} is the primary now, with passwords and keys. Serve it:\n  BITCORP_DATA_DIR=${resolve(dir)} bitcorp serve\n${old} is kept from starting again. Make its other replicas anew from here.`,
  )
}

async function remove(context: CommandContext, dir: string): Promise<void> {
  refuseOwnServer(context)
  if (listStandbys(context.config.dataDir).length === 0) throw new CommandError(`${context.config.dataDir} has no replicas.`)
  const database = await joinDatabase(context.config, context.rooms, progress)
  try {
    await removeStandby(context.config.dataDir, dir)
  } finally {
    await database.stop()
  }
  print(`${resolve(dir)} is gone.`)
}
