// The log of your own server (PostgreSQL 15), received as it is written: back to any moment, whoever is killed; what is missing is told, never skipped.
import { mkdirSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quiet } from '../../../test/backups.ts'
import { connected, type Rows } from '../../../test/harness.ts'
import { checksOf, isHere, type OwnServer, OwnServers } from '../../../test/own-server.ts'
import { examineBackups } from '../../base/backup-health.ts'
import type { Config } from '../../base/config.ts'
import { openDatabase } from '../../base/database.ts'
import { asOwner } from '../../base/owner.ts'
import { readReceiving, receivingFolder } from '../../base/receiving.ts'
import { rooms } from '../../server.ts'
import { firstDifference } from './checks.ts'
import { isDue } from './jobs.ts'
import { Receiver } from './receive.ts'
import { restore } from './restore.ts'
import { makePlace } from './scratch.ts'
import { backUp, openShelf, openWal } from './take.ts'

const servers = new OwnServers()
const message = (work: Promise<unknown>) => work.then(() => 'done').catch((error: Error) => error.message)
let server: OwnServer
let config: Config
const sql = (text: string): Promise<Rows> => connected(server.scratch.url('bitcorp'), (q) => q(text))
const shelf = () => openShelf(config)
const wal = () => openWal(config)
const segments = () =>
  wal()
    .list()
    .map(({ name }) => name)
    .filter((name) => name.length === 24)

/** The receiver as the clock drives it, only faster. */
class Driven {
  readonly receiver = new Receiver(config, quiet)
  trouble = ''
  private isOver = false
  private readonly loop = (async () => {
    while (!this.isOver) {
      this.trouble = await message(this.receiver.run())
      await sleep(200)
    }
  })()
  get pid(): number {
    return (this.receiver as unknown as { child?: { pid: number } }).child?.pid ?? 0
  }
  async stop(): Promise<void> {
    this.isOver = true
    await this.loop
    await this.receiver.stop()
  }
}
let driven: Driven | undefined
afterAll(() => driven?.stop())

/** Writes until told to stop; gives how often. */
function write(): () => Promise<number> {
  const done = { stop: false, count: 0 }
  const all = [0, 1].map((n) =>
    asOwner(server.url, async (owner) => {
      for (let i = 0; !done.stop; i++, done.count++) await owner.query("SELECT put_user($1, $2, NULL, 'es') AS id", [`w${n}-${i % 50}@test.test`, `Escritor ${n} ${i}`])
    }),
  )
  return async () => {
    done.stop = true
    await Promise.all(all)
    return done.count
  }
}

/** Ends the segment under way and waits until it is archived. */
async function archiveAll(): Promise<string> {
  const { name } = (await sql("SELECT pg_walfile_name(pg_create_restore_point('test')) AS name"))[0] as { name: string }
  await sql('SELECT pg_switch_wal()')
  await expect.poll(() => segments().includes(name), { timeout: 60_000 }).toBe(true)
  return name
}

/** Restores, starts the server of that version on it, and gives what it holds. */
async function holds(time?: string) {
  const into = join(servers.folder, `into-${Math.random().toString(36).slice(2, 8)}`)
  const done = await restore(config, shelf(), { time, into, force: false }, quiet)
  expect(done.major).toBe(15)
  const place = makePlace(join(into, 'at'), join(into, 'postgres'))
  const restored = await servers.start(place)
  return { place, restored, checks: await checksOf(restored.scratch.url('bitcorp')) }
}

const now = async () => String((await sql(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS t`))[0]?.t)

describe.skipIf(!isHere)('your own server', () => {
  beforeAll(async () => {
    mkdirSync(join(servers.folder, 'data'))
    writeFileSync(join(servers.folder, 'backup.key'), '0f'.repeat(32), { mode: 0o600 })
    server = await servers.make('first')
    config = servers.config(server.url, { BITCORP_BACKUP_AT: '3', BITCORP_BACKUP_KIND: 'base', BITCORP_BACKUP_KEY_FILE: join(servers.folder, 'backup.key') })
    await (await openDatabase(config, rooms, quiet)).stop()
    driven = new Driven()
  }, 240_000)

  test('under writers, and with the receiver killed again and again: each segment is archived, sealed, and a DROP TABLE is undone', async () => {
    const stop = write()
    const made = await backUp(config, server.url, shelf(), quiet)
    expect(made).toMatchObject({ state: 'proven', manifest: { kind: 'base', major: 15 } })
    let killed = 0
    for (let n = 0; n < 8; n++) {
      await expect.poll(() => driven?.pid, { timeout: 20_000 }).not.toBe(0)
      await sql('SELECT pg_switch_wal()')
      await sleep(n * 100)
      const pid = driven?.pid
      if (!pid) continue
      process.kill(pid, 'SIGKILL')
      killed++
      await expect.poll(() => driven?.pid, { timeout: 20_000 }).not.toBe(pid)
    }
    expect(killed).toBeGreaterThanOrEqual(4)
    expect(await stop()).toBeGreaterThan(20)
    // Killed while it made room for a segment: what it left has the wrong length, which it would refuse for ever.
    const part = () => readdirSync(receivingFolder(config)).find((name) => name.endsWith('.partial')) ?? ''
    await expect.poll(() => (driven?.pid ? part() : ''), { timeout: 30_000 }).not.toBe('')
    const pid = driven?.pid ?? 0
    expect(pid).toBeGreaterThan(1)
    process.kill(pid, 'SIGKILL')
    truncateSync(join(receivingFolder(config), part()), 5 << 20)
    const last = await archiveAll()
    const numbers = segments().map((name) => Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16))
    expect(numbers).toEqual(Array.from(numbers, (_, n) => (numbers[0] ?? 0) + n))
    expect(
      wal()
        .list()
        .every(({ sealed }) => sealed),
    ).toBe(true)
    expect(segments().at(-1)).toBe(last)
    expect(readReceiving(config)?.missing).toBeNull()

    const before = await checksOf(server.scratch.url('bitcorp'))
    const time = await now()
    await sleep(50)
    await sql('DROP TABLE equipment CASCADE')
    expect(firstDifference(before, await checksOf(server.scratch.url('bitcorp')))).toBeDefined()
    const { checks } = await holds(time)
    expect(firstDifference(before, checks)).toBeUndefined()
  })

  test('the server is lost: what it sent last comes back too, though its segment never ended', async () => {
    await expect.poll(() => driven?.trouble, { timeout: 20_000 }).toBe('done')
    const early = await now()
    await sleep(50)
    await sql("SELECT put_user('mid@test.test', 'Media', NULL, 'es')")
    for (let n = 0; n < 3; n++) await archiveAll()
    await sql("SELECT put_user('last@test.test', 'Última', NULL, 'es')")
    const before = await checksOf(server.scratch.url('bitcorp'))
    const { at } = (await sql('SELECT pg_current_wal_flush_lsn()::text AS at'))[0] as { at: string }
    await expect.poll(async () => (await sql(`SELECT FROM pg_stat_replication WHERE write_lsn >= '${at}'`)).length, { timeout: 20_000 }).toBe(1)
    await server.scratch.stop('immediate')
    expect(firstDifference(before, (await holds()).checks)).toBeUndefined()
    expect(driven?.trouble).not.toBe('done')
    // One of an earlier moment takes its place: another timeline that the end of the old one is not on, without the slot. The log goes on, and a backup begins anew.
    await driven?.stop()
    const { place, restored } = await holds(early)
    server = { ...restored, place }
    config = servers.config(server.url, { BITCORP_BACKUP_AT: '3', BITCORP_BACKUP_KIND: 'base', BITCORP_BACKUP_KEY_FILE: join(servers.folder, 'backup.key') })
    driven = new Driven()
    await archiveAll()
    expect(segments().at(-1)?.slice(0, 8)).toBe('00000002')
    expect(readdirSync(receivingFolder(config)).filter((name) => name.endsWith('.left')).length).toBeGreaterThan(0)
    expect(examineBackups(config).alarm).toBe('archive_stuck')
    expect(isDue(config)).toBe(true)
    expect((await backUp(config, server.url, shelf(), quiet))?.state).toBe('proven')
    expect(examineBackups(config).alarm).toBeNull()
  })

  test('a segment that is gone from the archive, and one that never came, are named: no restore goes past them', async () => {
    const first = await archiveAll()
    await archiveAll()
    const path = wal().pathOf(first)
    renameSync(path, `${path}.away`)
    expect(await message(holds())).toContain(`${path} is missing`)
    renameSync(`${path}.away`, path)

    const state = readReceiving(config)
    await driven?.stop()
    await sql(`SELECT pg_drop_replication_slot('${state?.slot}')`)
    for (const name of readdirSync(receivingFolder(config))) renameSync(join(receivingFolder(config), name), join(servers.folder, name))
    await sql('SELECT pg_create_restore_point($$a$$); SELECT pg_switch_wal(); SELECT pg_create_restore_point($$b$$); SELECT pg_switch_wal(); CHECKPOINT')
    driven = new Driven()
    await archiveAll()
    // That of the log's other timeline is still noted.
    await expect.poll(() => readReceiving(config)?.missing?.name, { timeout: 20_000 }).not.toBe(state?.missing?.name)
    const missing = readReceiving(config)?.missing?.name ?? ''
    expect(missing).toMatch(/^00000002/)
    expect(segments()).not.toContain(missing)
    expect(examineBackups(config)).toMatchObject({ alarm: 'archive_stuck' })
    expect(await message(holds())).toMatch(/is missing: the archive goes on with/)
  })

  test('nothing received for five minutes raises the alarm, with the reason; a second server on the database leaves the first alone', async () => {
    expect((await backUp(config, server.url, shelf(), quiet))?.state).toBe('proven')
    expect(examineBackups(config).alarm).toBeNull()
    const second = new Receiver({ ...config, dataDir: join(servers.folder, 'elsewhere') }, quiet)
    await second.run()
    expect((second as unknown as { child?: unknown }).child === undefined).toBe(true)
    await second.stop()
    expect(await message(driven?.receiver.run() ?? Promise.resolve())).toBe('done')
    await server.scratch.stop('immediate')
    await expect.poll(() => readReceiving(config)?.trouble, { timeout: 20_000 }).toMatch(/connect|terminat|server/)
    expect(examineBackups(config).alarm).toBeNull()
    expect(examineBackups(config, Date.now() + 6 * 60_000)).toMatchObject({ alarm: 'archive_stuck', receiving: { trouble: expect.stringMatching(/\w/) } })
  })
})
