// The manual's recipe for a replica of your own server, as it is written there: pg_basebackup of PostgreSQL 15, two servers, the program reads from the second.
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../src/base/database.ts'
import { Database } from '../src/base/db.ts'
import { nobody } from '../src/base/embedded.ts'
import { demoPassword, loadDemo } from '../src/features/operations/demo.ts'
import { createServer, rooms } from '../src/server.ts'
import { quiet } from './backups.ts'
import { connected, freePort } from './harness.ts'
import { bin, isHere, OwnServers } from './own-server.ts'
import { until } from './program.ts'

const servers = new OwnServers()
const standby = join(servers.folder, 'standby')
const run = (program: string, args: string[], env: Record<string, string> = {}) => {
  const ended = spawnSync(join(bin, program), args, { ...nobody, cwd: '/', encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  return { code: ended.status, words: ended.stderr }
}
let primary = ''
const stop = (folder: string) => run('pg_ctl', ['-D', folder, '-w', '-m', 'immediate', 'stop'])
afterAll(() => {
  stop(standby)
  if (primary) stop(primary)
})

test.skipIf(!isHere)('the standby that the recipe makes is read from, is followed, and takes over', async () => {
  const [port, other] = [await freePort(), await freePort()]
  const made = await servers.make('primary')
  await made.scratch.stop('fast')
  primary = made.place.cluster
  // Two on one machine: a port and a folder of sockets for each.
  const start = (folder: string, n: number) => run('pg_ctl', ['-D', folder, '-w', '-l', join(folder, 'log'), '-o', `-p ${n} -k ${made.place.sockets}`, 'start'])
  expect(start(primary, port)).toEqual({ code: 0, words: '' })
  const at = (n: number, user = 'postgres') => `postgresql://${user}:trusted@127.0.0.1:${n}/bitcorp`
  await connected(at(port), (q) => q("CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'secret'"))
  mkdirSync(standby, { mode: 0o700 })
  if (nobody.uid) chownSync(standby, nobody.uid, nobody.gid)
  const copied = run('pg_basebackup', ['-h', '127.0.0.1', '-p', String(port), '-U', 'replicator', '-D', standby, '-R', '-C', '-S', 'bitcorp_1', '-X', 'stream', '--no-sync'], { PGPASSWORD: 'secret' })
  expect(copied).toEqual({ code: 0, words: '' })
  expect(start(standby, other)).toEqual({ code: 0, words: '' })

  const config = { ...servers.config(at(port), { DATABASE_REPLICA_URL: `postgresql://127.0.0.1:${other}/bitcorp`, BITCORP_REPLICA_WAIT_MS: '20000' }), rateLimitPerMinute: 1_000_000 }
  const database = await openDatabase(config, rooms, quiet)
  const db = new Database(database.urls.app, { size: 4 })
  const app = await createServer(config, db)
  try {
    await loadDemo(app, database.urls.owner, quiet)
    const { replicas } = app.ground
    await until(() => replicas.all.every((replica) => replica.state === 'up'), 60_000)
    const signed = await app.inject({ method: 'POST', url: '/api/v1/session', payload: { email: 'manager@andina.example', password: demoPassword } })
    const headers = { cookie: String(signed.headers['set-cookie']).split(';')[0] }
    const report = await app.inject({ url: `/api/v1/companies/${signed.json().companies[0].company_id}/fleet-value`, headers })
    expect([report.statusCode, report.json().totals[0].machine_count > 0]).toEqual([200, true])
    expect([replicas.all[0]?.served, replicas.all[0]?.lastError]).toEqual([1, null])
  } finally {
    await app.close()
    await db.close()
    await database.stop()
  }
  expect(stop(primary).code).toBe(0)
  const promoted = run('pg_ctl', ['-D', standby, '-w', 'promote'])
  expect(promoted.code, promoted.words).toBe(0)
  expect(await connected(at(other), (q) => q('SELECT pg_is_in_recovery() AS standby'))).toEqual([{ standby: false }])
})
