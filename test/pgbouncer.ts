// The real PgBouncer in transaction mode before a database, for the length of a test file.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from './harness.ts'
import { until } from './program.ts'

/** Where Debian puts it, or wherever it is found. */
export const pgbouncer: string | undefined = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(
  (path) => existsSync(path) && spawnSync(path, ['--version']).status === 0,
)

/** `connections`: how many the pooler keeps to the server, for however many clients. */
export async function startPgbouncer(program: string, target: string, connections: number): Promise<{ url: string; stop: () => Promise<void> }> {
  const to = new URL(target)
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-pgbouncer-'))
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: connections,
    max_client_conn: 200,
  }
  const database = to.pathname.slice(1)
  const ini = `[databases]\n${database} = host=${to.hostname} port=${to.port}\n[pgbouncer]\n${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join('\n')}\n`
  writeFileSync(join(folder, 'pgbouncer.ini'), ini)
  writeFileSync(settings.auth_file, `"${to.username}" "${decodeURIComponent(to.password)}"\n`)
  chmodSync(folder, 0o755)
  // It refuses to run as root.
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  if (nobody.uid) for (const name of ['pgbouncer.ini', 'users.txt']) chownSync(join(folder, name), nobody.uid, nobody.gid)
  const child: ChildProcess = spawn(program, ['-q', join(folder, 'pgbouncer.ini')], { ...nobody, stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  child.stderr?.on('data', (text) => (words += text))
  to.port = String(port)
  const answers = async () => {
    const client = new pg.Client({ connectionString: to.href })
    client.on('error', () => {})
    try {
      await client.connect()
      return (await client.query('SELECT 1')).rowCount === 1
    } catch {
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }
  await until(async () => child.exitCode !== null || (await answers()), 20_000)
  if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${words}`)
  return {
    url: to.href,
    stop: async () => {
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGINT')
      const late = setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(late)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
