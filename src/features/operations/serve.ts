// `bitcorp serve`: everything in one process, started in order, stopped in the opposite one.
import { createServer as createProbe } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type CommandContext, print } from '../../base/command.ts'
import type { Config } from '../../base/config.ts'
import { type OpenDatabase, openDatabase } from '../../base/database.ts'
import { Database } from '../../base/db.ts'
import { StartError } from '../../base/embedded.ts'
import { asOwner } from '../../base/owner.ts'
import { demoAccounts, demoPassword, loadDemo } from './demo.ts'
import { exposedDemo, exposedInTheClear, plainConnections, refuseExposure } from './exposure.ts'

type Running = { database?: OpenDatabase; db?: Database; app?: FastifyInstance }

/** Serves until SIGTERM or SIGINT; the process then ends with 0. Throws StartError when it cannot start. */
export async function serve(context: CommandContext, json: boolean): Promise<void> {
  const running: Running = {}
  const say = json ? (line: string) => void process.stderr.write(`${line}\n`) : print
  const started = start(context, running, say)
  let asked = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A start under way comes to its end first: cut short, it would leave a database behind without a master.
      if (!asked)
        started
          .catch(() => {})
          .then(() => stop(running))
          .then(
            () => process.exit(0),
            () => process.exit(1),
          )
      asked = true
    })
  }
  try {
    await started
  } catch (error) {
    await stop(running)
    if (asked) process.exit(0)
    throw sentenceOf(error, context.config)
  }
  if (!asked) await greet(context.config, running, say, json)
}

async function start(context: CommandContext, running: Running, say: (line: string) => void): Promise<void> {
  const { config, rooms, createServer } = context
  for (const warning of config.warnings) say(warning)
  for (const plain of plainConnections(config)) say(`CAREFUL: a connection to another machine is not encrypted. ${plain}.`)
  refuseExposure(exposedInTheClear(config), say)
  await refuseTakenPort(config)
  running.database = await openDatabase(config, rooms, say)
  const { owner, app } = running.database.urls
  refuseExposure(await exposedDemo(config, owner), say)
  running.db = new Database(app, config.pool)
  running.app = await createServer(config, running.db, owner)
  if (config.demo) await loadDemo(running.app, owner, say)
  await running.app.listen({ host: config.host, port: config.port })
}

/** Before the database is touched: a taken port is found out in milliseconds, not after the first start's work. */
async function refuseTakenPort(config: Config): Promise<void> {
  await new Promise<void>((done, fail) => {
    const probe = createProbe()
    probe.once('error', fail)
    probe.listen({ host: config.host, port: config.port }, () => probe.close(() => done()))
  })
}

async function stop(running: Running): Promise<void> {
  if (running.app) {
    // Requests under way may end; a connection that only stays open may not hold the stop up.
    const late = setTimeout(() => running.app?.server.closeAllConnections(), 5000)
    await running.app.close()
    clearTimeout(late)
  }
  await running.db?.close()
  await running.database?.stop()
}

function sentenceOf(error: unknown, config: Config): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return new StartError(`Port ${config.port} is taken by another program. Give another one: PORT=${config.port + 1} npm start.`)
  if (code === 'EACCES') return new StartError(`Port ${config.port} may not be opened by this user. Give one above 1023: PORT=3000 npm start.`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new StartError(`HOST is "${config.host}", which is no address of this machine. 127.0.0.1 serves this machine alone, 0.0.0.0 all that reach it.`)
  return error
}

async function greet(config: Config, running: Running, say: (line: string) => void, json: boolean): Promise<void> {
  const address = running.app?.server.address()
  const port = typeof address === 'object' && address ? address.port : config.port
  const url = `http://${['127.0.0.1', '0.0.0.0', '::'].includes(config.host) ? 'localhost' : config.host}:${port}`
  if (json) print(JSON.stringify({ ready: true, url, pid: process.pid }))
  const known = await asOwner(running.database?.urls.owner ?? '', async (owner) => ({
    any: (await owner.query<{ any: boolean }>('SELECT has_companies() AS any'))[0]?.any,
    demo: (await owner.query('SELECT FROM find_company($1)', ['Constructora Andina'])).length > 0,
  }))
  say(`Bitcorp ERP is ready: ${url}`)
  if (known.demo && config.demo) say(`Demo: sign in as ${demoAccounts[0]} (or ${demoAccounts.slice(1).join(', ')}), password ${demoPassword}`)
  if (!known.any) say('No company yet. Make one: bitcorp company add "Name", then bitcorp user add EMAIL --name "Name" --company "Name" --role admin')
}
