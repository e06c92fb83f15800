// A real standby of the tests' own server, run by the program's own code, and the ways to hurt it.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { addStandby, removeStandby, runStandby } from '../src/base/standby.ts'
import { connected, type Rows } from './harness.ts'
import { makeFolder } from './program.ts'

export type TestStandby = Awaited<ReturnType<typeof makeStandby>>

export async function makeStandby() {
  const primary = await connected(inject('server').superuser, async (query) => dirname((await query('SHOW data_directory'))[0].data_directory))
  const folder = makeFolder()
  const said: string[] = []
  const { port } = await addStandby(primary, folder, undefined, () => {})
  let running = await runStandby(folder, (line) => said.push(line))
  const query = (text: string, values?: unknown[]): Promise<Rows> => connected(running.server.urls.superuser.replace(/\/[^/]+$/, '/postgres'), (q) => q(text, values))
  return {
    folder,
    port,
    url: `postgresql://127.0.0.1:${port}`,
    said,
    query,
    pid: () => running.server.pid() ?? 0,
    pause: () => query('SELECT pg_wal_replay_pause()'),
    resume: () => query('SELECT pg_wal_replay_resume()'),
    /** Every process of it, backends too, stands still or goes on. */
    signal: (signal: 'SIGSTOP' | 'SIGCONT') => {
      const pid = running.server.pid() ?? 0
      for (const child of [pid, ...childrenOf(pid)]) process.kill(child, signal)
    },
    stop: () => running.stop(),
    start: async () => {
      running = await runStandby(folder, (line) => said.push(line))
    },
    close: async () => {
      await running.stop()
      await removeStandby(primary, folder)
    },
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return (
          readFileSync(join('/proc', name, 'stat'), 'utf8')
            .split(') ')[1]
            ?.split(' ')[1] === String(pid)
        )
      } catch {
        return false
      }
    })
    .map(Number)
}
