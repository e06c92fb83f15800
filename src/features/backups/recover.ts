// From a backup to a server: files unpacked, the log fed to it segment by segment, up to the point that is asked for.
import { chownSync, createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Archive, ArchiveError } from '../../base/archive.ts'
import { nobody } from '../../base/embedded.ts'
import type { Backup, Manifest, Shelf } from '../../base/shelf.ts'
import { connect } from './base.ts'
import type { Checks } from './checks.ts'
import { unpackInto } from './pack.ts'
import { findServer, lastWords, type Place, type Scratch, startScratch } from './scratch.ts'

const feedName = 'bitcorp_feed'
const own = (path: string) => {
  if (nobody.uid) chownSync(path, nobody.uid, nobody.gid)
}

/** Where the log comes from, first to last: the backup itself, the archive, and what the old cluster still has, or what arrived last. */
export type Sources = { archive: Archive | undefined; oldLog: string | undefined }
/** `name`: of a restore point, and wait there. `time`: the last moment to keep. Neither: all there is. */
export type Target = { name?: string; time?: string }

/** PostgreSQL asks for a segment by an empty file, and waits for the content or for a word that there is none. */
const restoreCommand = `d=${feedName}; touch $d/%f.want; i=0; while test ! -f $d/%f.have; do if test -f $d/%f.none; then rm -f $d/%f.none; exit 1; fi; i=$((i+1)); if test $i -gt 2400; then exit 200; fi; sleep 0.05; done; mv $d/%f.have %p`

/** Answers what PostgreSQL asks for. A hole or a damaged file is no end of the log: it ends the whole, by name. */
class Feeder {
  trouble: Error | undefined
  last = ''
  private readonly feed: string
  private readonly local: string
  private readonly sources: Sources
  private isOver = false
  private readonly loop: Promise<void>
  constructor(cluster: string, local: string, sources: Sources) {
    this.feed = join(cluster, feedName)
    this.local = local
    this.sources = sources
    mkdirSync(this.feed, { mode: 0o700 })
    own(this.feed)
    this.loop = this.run()
  }
  private async run(): Promise<void> {
    while (!this.isOver && !this.trouble) {
      for (const asked of readdirSync(this.feed).filter((name) => name.endsWith('.want'))) {
        rmSync(join(this.feed, asked), { force: true })
        await this.answer(asked.slice(0, -5)).catch((error: Error) => {
          this.trouble = error
        })
      }
      await sleep(10)
    }
  }
  private async answer(name: string): Promise<void> {
    const half = join(this.feed, `${name}.half`)
    const isThere = await this.fetch(name, () => createWriteStream(half, { mode: 0o600 }))
    if (!isThere) writeFileSync(half, '', { mode: 0o600 })
    own(half)
    renameSync(half, join(this.feed, `${name}.${isThere ? 'have' : 'none'}`))
    if (isThere && name.length === 24) this.last = name
  }
  private async fetch(name: string, into: () => Writable): Promise<boolean> {
    if (existsSync(join(this.local, name))) return copy(join(this.local, name), into())
    const { archive, oldLog } = this.sources
    const all = archive?.list() ?? []
    const entry = all.find((one) => one.name === name)
    if (archive && entry) return archive.read(entry, into()).then(() => true)
    const later = all.find((one) => name.length === 24 && one.name.length === 24 && one.name.slice(0, 8) === name.slice(0, 8) && one.name > name)
    if (archive && later) throw new ArchiveError(`${archive.pathOf(name)} is missing: the archive goes on with ${later.name}.`)
    const rest = [name, `${name}.partial`].find((file) => oldLog && existsSync(join(oldLog, file)))
    return oldLog && rest ? copy(join(oldLog, rest), into()) : false
  }
  async end(): Promise<void> {
    this.isOver = true
    await this.loop
    rmSync(this.feed, { recursive: true, force: true })
  }
}

async function copy(from: string, into: Writable): Promise<boolean> {
  await pipeline(createReadStream(from), into)
  return true
}

/** The lines of a timeline's history: which timelines it came from, and up to where. */
function ancestorsOf(text: string): { timeline: number; until: string }[] {
  return text.split('\n').flatMap((line) => {
    const found = /^(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line)
    return found?.[1] && found[2] ? [{ timeline: Number(found[1]), until: found[2] }] : []
  })
}

const before = (a: string, b: string): boolean => {
  const [[ah = '', al = ''], [bh = '', bl = '']] = [a.split('/'), b.split('/')] as [string[], string[]]
  return ah.padStart(8, '0') + al.padStart(8, '0') <= bh.padStart(8, '0') + bl.padStart(8, '0')
}

/** Each restore begins a new timeline. The one meant is the newest that had begun at that time and that this backup leads to. */
export async function chooseTimeline(wal: NonNullable<Manifest['wal']>, archive: Archive | undefined, time: string | undefined): Promise<number> {
  const histories = (archive?.list() ?? []).filter((entry) => entry.name.endsWith('.history') && (time === undefined || new Date(entry.at) <= new Date(time)))
  for (const entry of histories.sort((a, b) => (a.name < b.name ? 1 : -1))) {
    const chunks: Buffer[] = []
    await archive?.read(entry, new Writable({ write: (chunk, _encoding, done) => done(void chunks.push(chunk)) }))
    const from = ancestorsOf(Buffer.concat(chunks).toString('utf8')).find((line) => line.timeline === wal.timeline)
    if (from && before(wal.target_lsn, from.until)) return Number.parseInt(entry.name.slice(0, 8), 16)
  }
  return wal.timeline
}

export type Recovering = { scratch: Scratch; checks: Checks; finish: () => Promise<void> }
type Options = { shelf: Shelf; backup: Backup; place: Place; sources: Sources; target: Target; path: string; extra?: Record<string, string>; say: (line: string) => void }

/** Unpacks the backup into the place and replays. Comes back when the point is reached: paused there (`name`), or open for work. */
export async function recover({ shelf, backup, place, sources, target, path, extra, say }: Options): Promise<Recovering> {
  const { manifest } = backup
  if (!manifest?.wal) throw new Error(`${backup.folder} is no base backup`)
  const key = manifest.encrypted ? shelf.key : undefined
  await shelf.check(backup)
  const local = join(place.folder, 'wal')
  const checks = await unpackAll(backup, key, place, local, manifest.unpacked_bytes, say)
  const bin = await findServer(manifest.major, place, path)
  const timeline = target.name ? manifest.wal.timeline : await chooseTimeline(manifest.wal, sources.archive, target.time)
  const { wal_segment_size: _, ...least } = manifest.wal.settings
  writeFileSync(join(place.cluster, 'recovery.signal'), '', { mode: 0o600 })
  own(join(place.cluster, 'recovery.signal'))
  const feeder = new Feeder(place.cluster, local, sources)
  let scratch: Scratch | undefined
  try {
    const settings = {
      ...least,
      ...extra,
      restore_command: restoreCommand,
      recovery_target_timeline: String(timeline),
      recovery_target_action: target.name ? 'pause' : 'promote',
      ...(target.name ? { recovery_target_name: target.name } : {}),
      ...(target.time ? { recovery_target_time: target.time.replace(/Z$/, '+00') } : {}),
    }
    scratch = await startScratch(bin, place, manifest.superuser, settings, () => feeder.trouble)
    await reach(scratch, feeder, target, say)
  } catch (error) {
    await scratch?.stop('immediate')
    await feeder.end()
    throw feeder.trouble ?? inWords(error as Error, place, target)
  }
  const finish = async () => {
    await feeder.end()
    rmSync(local, { recursive: true, force: true })
  }
  return { scratch, checks, finish }
}

async function unpackAll(backup: Backup, key: Buffer | undefined, place: Place, local: string, total: number, say: (line: string) => void): Promise<Checks> {
  let [done, told] = [0, 0]
  await unpackInto(join(backup.folder, 'base.tar.gz'), key, place.cluster, (bytes) => {
    done += bytes
    const percent = Math.floor((100 * done) / Math.max(1, total))
    if (percent < told + 10) return
    told = percent
    say(`Unpacking: ${percent} %`)
  })
  mkdirSync(join(place.cluster, 'pg_wal'), { recursive: true, mode: 0o700 })
  own(join(place.cluster, 'pg_wal'))
  await unpackInto(join(backup.folder, 'wal.tar.gz'), key, local)
  await unpackInto(join(backup.folder, 'checks.tar.gz'), key, local)
  return JSON.parse(readFileSync(join(local, 'checks.json'), 'utf8')) as Checks
}

async function reach(scratch: Scratch, feeder: Feeder, target: Target, say: (line: string) => void): Promise<void> {
  const client = await connect(scratch.url('postgres'), 'restore')
  let told = ''
  try {
    for (;;) {
      if (feeder.trouble) throw feeder.trouble
      if (feeder.last !== told) say(`Replaying the log: ${feeder.last}`)
      told = feeder.last
      const { rows } = await client.query("SELECT pg_is_in_recovery() AS recovering, CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE false END AS paused")
      if (target.name ? rows[0].paused : !rows[0].recovering) return
      if (target.name && !rows[0].recovering) throw new Error('the log ended before the backup’s own end')
      await sleep(50)
    }
  } finally {
    await client.end().catch(() => {})
  }
}

function inWords(error: Error, place: Place, target: Target): Error {
  const log = join(place.folder, 'scratch.log')
  const words = existsSync(log) ? readFileSync(log, 'utf8') : ''
  if (/recovery ended before configured recovery target was reached/.test(words)) {
    const last = /last completed transaction was at log time ([^\n]+)/.exec(words)?.[1]
    return new Error(
      target.time ? `the write-ahead log ends${last ? ` at ${last}` : ''}, before ${target.time}; without --to-time all there is comes back` : 'the write-ahead log of the backup is incomplete',
    )
  }
  return /FATAL|PANIC/.test(words) && !/scratch server/.test(error.message) ? new Error(`${error.message} (${lastWords(words)})`) : error
}
