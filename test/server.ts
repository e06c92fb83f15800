// Before all tests: one real PostgreSQL in a temporary folder with a migrated template, from which each test file clones its own.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { prepareEmbedded, startEmbedded, type Urls } from '../src/base/embedded.ts'
import { migrate, prepareServer } from '../src/base/migrate.ts'
import { rooms } from '../src/server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    server: Urls
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'bitcorp-test-'))
  chmodSync(folder, 0o755)
  const server = await startEmbedded(folder, () => {})
  const guard = cleanUpAfter(folder, server.pid() ?? 0)
  await prepareEmbedded(server.urls)
  await speedUp(server.urls.superuser)
  await prepareServer(server.urls.superuser)
  await migrate(server.urls.owner, rooms, () => {})
  project.provide('server', server.urls)
  return async () => {
    await server.stop()
    guard.stdin?.end()
    removeCluster(folder)
  }
}

/** No test here pulls the plug: what only protects against that is switched off. The crash tests start their own server. */
async function speedUp(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit']) await client.query(`ALTER SYSTEM SET ${setting} = off`)
  await client.query('SELECT pg_reload_conf()')
  await client.end()
}

/** The cluster may stand elsewhere, behind a link, when root runs the tests. */
export function removeCluster(folder: string): void {
  try {
    rmSync(realpathSync(join(folder, 'postgres')), { recursive: true, force: true })
  } catch {
    // Nothing was made yet.
  }
  rmSync(folder, { recursive: true, force: true })
}

/** A small process of its own that sees this one's end, however it comes, and then stops the database and empties the folder. */
function cleanUpAfter(folder: string, databasePid: number) {
  const script = `
    const fs = require('node:fs'), path = require('node:path')
    process.stdin.resume().on('close', () => {
      try { process.kill(${databasePid}, 'SIGQUIT') } catch {}
      setTimeout(() => {
        try { fs.rmSync(fs.realpathSync(path.join(${JSON.stringify(folder)}, 'postgres')), { recursive: true, force: true }) } catch {}
        fs.rmSync(${JSON.stringify(folder)}, { recursive: true, force: true })
      }, 1500)
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.unref()
  ;(child.stdin as unknown as { unref?: () => void }).unref?.()
  return child
}
