// `bitcorp serve`: everything in one process, started in order, stopped in the opposite one.
import type { FastifyInstance } from 'fastify'
import type { Config } from '../../base/config.ts'
import { makeLogPartitions, openDatabase } from '../../base/database.ts'
import { Database } from '../../base/db.ts'
import { StartError } from '../../base/embedded.ts'
import { demoAccounts, demoPassword, loadDemo } from './demo.ts'

export type CreateServer = (config: Config, db: Database) => Promise<FastifyInstance>

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Serves until SIGTERM or SIGINT; the process then ends with 0. Throws StartError when it cannot start. */
export async function serve(config: Config, rooms: readonly string[], createServer: CreateServer): Promise<void> {
  const database = await openDatabase(config, rooms, say)
  const db = new Database(database.urls.app)
  const daily = setInterval(() => makeLogPartitions(database.urls.owner).catch(() => {}), 86_400_000)
  let app: FastifyInstance | undefined
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= (async () => {
      clearInterval(daily)
      await app?.close()
      await db.close()
      await database.stop()
    })()
    return stopping
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void stop().then(() => process.exit(0), () => process.exit(1)))
  }
  try {
    app = await createServer(config, db)
    if (config.demo) await loadDemo(app, database.urls.owner, say)
    await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    await stop()
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new StartError(`Port ${config.port} is taken by another program. Give another one: PORT=3001 npm start.`)
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw new StartError(`Port ${config.port} may not be opened by this user. Give one above 1023: PORT=3000 npm start.`)
    throw error
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : config.port
  say(`Bitcorp ERP is ready: http://${config.host === '127.0.0.1' ? 'localhost' : config.host}:${port}`)
  if (config.demo) say(`Demo: sign in as ${demoAccounts[0]} (or ${demoAccounts.slice(1).join(', ')}), password ${demoPassword}`)
}
