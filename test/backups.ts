// A whole installation for the tests of backups: a data folder, a folder of backups elsewhere, writers that do not stop.
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll } from 'vitest'
import { type Config, readConfig } from '../src/base/config.ts'
import { type OpenDatabase, openDatabase } from '../src/base/database.ts'
import { asOwner } from '../src/base/owner.ts'
import { type Checks, plain, takeChecks } from '../src/features/backups/checks.ts'
import { rooms } from '../src/server.ts'

export const quiet = (): void => {}

export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), 'bitcorp-backups-'))
  readonly config: Config
  database: OpenDatabase | undefined
  constructor(env: Record<string, string> = {}) {
    chmodSync(this.folder, 0o755)
    this.config = readConfig({ BITCORP_DATA_DIR: join(this.folder, 'data'), BITCORP_BACKUP_DIR: join(this.folder, 'backups'), PATH: process.env.PATH ?? '', ...env })
    afterAll(() => this.remove())
  }
  async open(): Promise<string> {
    this.database = await openDatabase(this.config, rooms, quiet)
    return this.url
  }
  /** As superuser: sees all rows. */
  get url(): string {
    return this.database?.urls.superuser ?? ''
  }
  async close(): Promise<void> {
    await this.database?.stop()
    this.database = undefined
  }
  async remove(): Promise<void> {
    await this.close()
    for (const name of readdirSync(this.folder)) {
      try {
        rmSync(realpathSync(join(this.folder, name, 'postgres')), { recursive: true, force: true })
      } catch {
        // Not a data folder.
      }
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
  query = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => {})
    await client.connect()
    try {
      const answer = await client.query(text, values)
      return [answer].flat().at(-1)?.rows ?? []
    } finally {
      await client.end()
    }
  }
  checks = async (): Promise<Checks> => {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    try {
      await plain(client)
      return await takeChecks(client)
    } finally {
      await client.end()
    }
  }
  /** Two companies and some people, written as the installation's owner does. */
  async settle(): Promise<void> {
    await asOwner(this.database?.urls.owner ?? '', async (owner) => {
      for (const name of ['Andina', 'Sur']) {
        const [company] = await owner.query<{ id: string }>('SELECT create_company($1, NULL) AS id', [name])
        for (let n = 0; n < 5; n++) {
          const [user] = await owner.query<{ id: string }>("SELECT put_user($1, $2, NULL, 'es') AS id", [`p${n}@${name.toLowerCase()}.test`, `Persona ${n}`])
          await owner.query('SELECT put_membership($1, $2, $3)', [company?.id, user?.id, n === 0 ? 'admin' : 'operator'])
        }
      }
    })
  }
  /** Writes without a pause until told to stop; gives how often. */
  write(many = 3): () => Promise<number> {
    const done = { stop: false, count: 0 }
    const writer = (n: number) =>
      asOwner(this.database?.urls.owner ?? '', async (owner) => {
        for (let i = 0; !done.stop; i++) {
          await owner.query("SELECT put_user($1, $2, NULL, 'es') AS id", [`w${n}-${i % 50}-${this.folder.slice(-6)}@test.test`, `Escritor ${n} ${i}`])
          done.count++
        }
      })
    const all = Array.from({ length: many }, (_, n) => writer(n))
    return async () => {
      done.stop = true
      await Promise.all(all)
      return done.count
    }
  }
}
