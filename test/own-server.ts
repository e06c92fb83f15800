// A server of somebody's own: Debian's PostgreSQL 15, run by a person who is not root, reached through a socket.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { type Config, readConfig } from '../src/base/config.ts'
import { openDatabase } from '../src/base/database.ts'
import { Database } from '../src/base/db.ts'
import { nobody } from '../src/base/embedded.ts'
import { connect } from '../src/features/backups/base.ts'
import { type Checks, plain, takeChecks } from '../src/features/backups/checks.ts'
import { makePlace, type Place, type Scratch, startScratch } from '../src/features/backups/scratch.ts'
import { createServer, rooms } from '../src/server.ts'
import { quiet } from './backups.ts'
import { connected } from './harness.ts'

export const bin = '/usr/lib/postgresql/15/bin'
export const isHere = existsSync(bin)
export type OwnServer = { url: string; place: Place; scratch: Scratch }

export class OwnServers {
  readonly folder = mkdtempSync(join(tmpdir(), 'bitcorp-own-'))
  private readonly all: OwnServer[] = []
  constructor() {
    chmodSync(this.folder, 0o755)
    afterAll(async () => {
      for (const { place, scratch } of this.all) {
        await scratch.stop('immediate')
        place.remove()
      }
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** An empty cluster with an empty database in it. */
  async make(name: string): Promise<OwnServer> {
    const place = makePlace(join(this.folder, name))
    const made = spawnSync(join(bin, 'initdb'), ['-D', place.cluster, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-A', 'trust', '--no-sync'], { ...nobody, cwd: '/', encoding: 'utf8' })
    expect(made.stderr).toBe('')
    const server = await this.start(place)
    await connected(server.scratch.url('postgres'), (q) => q('CREATE DATABASE bitcorp'))
    return server
  }

  /** A server on a cluster that is there. */
  async start(place: Place, extra: Record<string, string> = {}): Promise<OwnServer> {
    const hba = join(this.folder, 'pg_hba.conf')
    writeFileSync(hba, 'local all all trust\nlocal replication all trust\nhost all,replication all 127.0.0.1/32 trust\n', { mode: 0o644 })
    const scratch = await startScratch(bin, place, 'postgres', { fsync: 'off', wal_level: 'replica', hba_file: hba, ...extra })
    const url = new URL(scratch.url('bitcorp'))
    url.password = 'trusted'
    const server = { url: url.href, place, scratch }
    this.all.push(server)
    return server
  }

  config(url: string, more: Record<string, string> = {}): Config {
    const [data, backups, keys] = ['data', 'backups', 'keys.json'].map((name) => join(this.folder, name)) as [string, string, string]
    return readConfig({ DATABASE_URL: url, BITCORP_DATA_DIR: data, BITCORP_BACKUP_DIR: backups, BITCORP_KEYS_FILE: keys, PATH: process.env.PATH ?? '', ...more })
  }
}

export async function withApp<T>(config: Config, work: (app: Awaited<ReturnType<typeof createServer>>, owner: string) => Promise<T>): Promise<T> {
  const database = await openDatabase(config, rooms, quiet)
  const db = new Database(database.urls.app, { size: 4 })
  const app = await createServer({ ...config, rateLimitPerMinute: 1_000_000 }, db)
  try {
    return await work(app, database.urls.owner)
  } finally {
    await app.close()
    await db.close()
    await database.stop()
  }
}

export async function checksOf(at: string): Promise<Checks> {
  const client = await connect(at)
  try {
    await plain(client)
    return await takeChecks(client)
  } finally {
    await client.end()
  }
}
