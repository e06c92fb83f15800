// The log of your own server as it is written: its own pg_receivewal brings it, finished segments go into the archive, what falls is started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Archive } from '../../base/archive.ts'
import type { Config } from '../../base/config.ts'
import { isOurs } from '../../base/embedded.ts'
import { type Holder, isAlive, thisProgram } from '../../base/lock.ts'
import { noteReceiving, type Receiving, readReceiving, receivingFolder } from '../../base/receiving.ts'
import { writeWhole } from '../../base/vault.ts'
import { connect } from './base.ts'
import { environmentOf } from './dump.ts'
import { findPrograms, refuseMissing } from './scratch.ts'
import { openWal, type Say, sourceUrl } from './take.ts'

/** After it has its name, pg_receivewal still flushes a segment: taken away at once, it would end. */
const restMs = 3000
const quietMs = 30_000
// What was begun here goes on nowhere: the server is on another timeline, or another program has received since.
const stale = /not in this server's history|ahead of the WAL flush position|has already been removed/

type Server = { major: number; segment_bytes: number; flushed: string; slot: string | null; active: boolean; lost: boolean; written: string | null }

export class Receiver {
  private child: ChildProcess | undefined
  private client: pg.Client | undefined
  private words = ''
  private seen: string | undefined
  private isOver = false
  private running: Promise<void> = Promise.resolve()
  private readonly config: Config
  private readonly archive: Archive
  private readonly folder: string
  private readonly say: Say
  constructor(config: Config, say: Say) {
    this.config = config
    this.archive = openWal(config)
    this.folder = receivingFolder(config)
    this.say = say
  }

  /** One look, every few seconds. Throws what is wrong; the next look tries again. */
  run(): Promise<void> {
    this.running = this.running.catch(() => {}).then(() => (this.isOver ? undefined : this.look()))
    return this.running
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.running.catch(() => {})
    const { child } = this
    if (child) {
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGINT')
      const late = setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(late)
    }
    await this.archive.collect(this.folder).catch((error: Error) => this.say(`The write-ahead log is not archived: ${error.message}`))
    await this.client?.end().catch(() => {})
  }

  private async look(): Promise<void> {
    if (!(await this.takeFolder())) return
    const state = readReceiving(this.config) ?? { slot: `bitcorp_wal_${randomBytes(4).toString('hex')}`, good_at: new Date().toISOString(), trouble: null, missing: null }
    try {
      const found = await this.follow(state)
      if (found) this.note(state, found)
    } catch (error) {
      const { message } = error as Error
      await this.client?.end().catch(() => {})
      this.client = undefined
      this.note(state, { ...state, trouble: message })
      throw error
    }
  }

  /** A fsync now and then, and at once when something else is to be said. */
  private note(before: Receiving, now: Receiving): void {
    const isOld = Date.parse(now.good_at) - Date.parse(before.good_at) > quietMs
    if (isOld || now.trouble !== before.trouble || now.missing !== before.missing || readReceiving(this.config) === undefined) noteReceiving(this.config, now)
  }

  /** False when another program on this machine works in the folder. What a killed one left running is ended. */
  private async takeFolder(): Promise<boolean> {
    const path = join(this.config.dataDir, 'receiving.json')
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    const held = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { holder: Holder; pid: number | null }) : undefined
    if (held && held.holder.pid !== process.pid && isAlive(held.holder)) return false
    const pid = this.child?.pid ?? null
    if (held?.pid && held.pid !== pid && isOurs('pg_receivewal', held.pid, this.folder)) {
      process.kill(held.pid, 'SIGINT')
      for (let i = 0; i < 100 && isOurs('pg_receivewal', held.pid, this.folder); i++) await sleep(50)
    }
    if (held?.pid !== pid || held?.holder.pid !== process.pid) writeWhole(path, JSON.stringify({ holder: thisProgram(), pid }))
    return true
  }

  /** Undefined: another program receives. */
  private async follow(state: Receiving): Promise<Receiving | undefined> {
    const url = sourceUrl(this.config) ?? ''
    this.client ??= await connect(url, 'receiver')
    const server = await ask(this.client, state.slot)
    let { missing } = state
    const taken = await this.archive.collect(this.folder, this.child ? restMs : 0)
    const hole = this.archive.missingBefore(taken, server.segment_bytes)
    if (hole) missing = { name: hole, at: new Date().toISOString() }
    const trouble = this.child ? null : this.words.trim().replace(/^pg_receivewal: (error: )?/, '') || null
    if (!this.child && server.active) return undefined
    if (!this.child) await this.start(state.slot, server, url)
    // Whole is what the server had flushed at the last look and has been written here by now.
    const isWhole = server.written !== null && this.seen !== undefined && !isBefore(server.written, this.seen)
    this.seen = server.flushed
    if (trouble && !isWhole) {
      this.note(state, { ...state, trouble, missing })
      throw new Error(trouble)
    }
    return { ...state, good_at: isWhole ? new Date().toISOString() : state.good_at, trouble: isWhole ? null : state.trouble, missing }
  }

  /** Without a part the receiver begins where the slot stands, which is never past what arrived whole. One that is too short was cut while its room was made: it is empty. */
  private setAside(server: Server, isAll: boolean): void {
    for (const name of readdirSync(this.folder).filter((file) => file.endsWith('.partial'))) {
      const path = join(this.folder, name)
      if (![0, server.segment_bytes].includes(statSync(path).size)) rmSync(path)
      else if (isAll) renameSync(path, `${path.slice(0, -8)}.${Date.now()}.left`)
    }
  }

  private async start(slot: string, server: Server, url: string): Promise<void> {
    if (server.lost) await this.client?.query('SELECT pg_drop_replication_slot($1)', [slot])
    if (server.lost || server.slot === null) await this.client?.query('SELECT pg_create_physical_replication_slot($1, true)', [slot])
    this.setAside(server, server.lost || stale.test(this.words))
    const bin = findPrograms('pg_receivewal', server.major, this.config.searchPath) ?? refuseMissing('pg_receivewal', server.major)
    this.words = ''
    const args = ['-D', this.folder, '--slot', slot, '--no-loop', '--no-password', '--status-interval', '1']
    const child = spawn(join(bin, 'pg_receivewal'), args, { env: environmentOf(url, this.config.searchPath), stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.on('data', (text) => (this.words = (this.words + text).slice(-2000)))
    const gone = (said: string) => () => {
      if (this.child !== child) return
      this.child = undefined
      this.words ||= said
    }
    child.once('error', gone('pg_receivewal could not be started'))
    child.once('exit', gone('pg_receivewal ended'))
    this.child = child
    this.seen = undefined
    await this.takeFolder()
  }
}

async function ask(client: pg.Client, slot: string): Promise<Server> {
  const { rows } = await client.query(
    `SELECT current_setting('server_version_num')::int / 10000 AS major, pg_size_bytes(current_setting('wal_segment_size'))::float8 AS segment_bytes, pg_current_wal_flush_lsn()::text AS flushed,
       s.slot_name AS slot, coalesce(s.active, false) AS active, coalesce(s.wal_status = 'lost', false) AS lost, r.write_lsn::text AS written
     FROM (SELECT) one LEFT JOIN pg_replication_slots s ON s.slot_name = $1 LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid`,
    [slot],
  )
  return rows[0]
}

function isBefore(a: string, b: string): boolean {
  const place = (lsn: string) => lsn.split('/').map((part) => Number.parseInt(part, 16)) as [number, number]
  const [[ah, al], [bh, bl]] = [place(a), place(b)]
  return ah === bh ? al < bl : ah < bh
}
