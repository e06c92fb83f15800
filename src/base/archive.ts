// The archive of the write-ahead log: what PostgreSQL hands out (the embedded one) or sends (your own) is taken, compressed, sealed and kept.
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { stagingName } from './embedded.ts'
import { flushFolder, Meter, seal, unseal, writeWhole } from './vault.ts'

const segment = /^[0-9A-F]{24}$/
const history = /^[0-9A-F]{8}\.history$/

/** What makes PostgreSQL hand out each full segment, at least one a minute when something was written. Never over a different one. */
export function archiveSettings(): Record<string, string> {
  const to = `${stagingName}/%f`
  const copy = process.platform === 'darwin' ? `cp %p ${to}.new && sync && mv ${to}.new ${to}` : `dd if=%p of=${to}.new bs=1M conv=fsync status=none && mv ${to}.new ${to} && sync ${stagingName}`
  return { archive_mode: 'on', archive_timeout: '60', archive_command: `if test -f ${to}; then cmp -s %p ${to}; else ${copy}; fi` }
}

/** One line of the archive's index: a file that is there, or the archive has a hole. `sha256` is of the content, `stored_sha256` of the file as it lies there. */
export type Archived = { name: string; bytes: number; sha256: string; stored_sha256: string; at: string; sealed: boolean }
export class ArchiveError extends Error {}

export class Archive {
  readonly folder: string
  private readonly key: Buffer | undefined
  constructor(folder: string, key: Buffer | undefined) {
    this.folder = folder
    this.key = key
  }
  private get index(): string {
    return join(this.folder, 'index.ndjson')
  }
  pathOf(name: string): string {
    return join(this.folder, `${name}.gz`)
  }

  /** What must be here, in the order it came. An index that cannot be read is an archive that cannot be trusted. */
  list(): Archived[] {
    if (!existsSync(this.index)) return []
    const lines = readFileSync(this.index, 'utf8').split('\n')
    // The last line may have been cut short by a kill: its file was not yet counted as kept, and is handed out again.
    const last = lines.pop() ?? ''
    const all = lines.map((line, at) => this.parse(line) ?? this.refuse(`line ${at + 1} of ${this.index} was altered`))
    const end = last === '' ? undefined : this.parse(last)
    return end ? [...all, end] : all
  }
  private parse(line: string): Archived | undefined {
    try {
      const found = JSON.parse(line) as Archived
      return /^[0-9a-f]{64}$/.test(found.sha256) && (segment.test(found.name) || history.test(found.name)) ? found : undefined
    } catch {
      return undefined
    }
  }
  private refuse(why: string): never {
    throw new ArchiveError(`The archive of the write-ahead log is damaged: ${why}.`)
  }

  /** The content, checked against the index as it passes; an error at its end names the file. */
  async read(entry: Archived, into: Writable): Promise<void> {
    const path = this.pathOf(entry.name)
    if (!existsSync(path)) throw new ArchiveError(`${path} is missing.`)
    const [meter, stored] = [new Meter(), new Meter()]
    try {
      if (entry.sealed && !this.key) throw new Error('it is encrypted and BITCORP_BACKUP_KEY_FILE is not set')
      const steps = [createReadStream(path), stored, ...(entry.sealed && this.key ? [unseal(this.key)] : []), createGunzip(), meter, into]
      await pipeline(steps as never)
    } catch (error) {
      throw new ArchiveError(`${path} is damaged: ${(error as Error).message}.`)
    }
    if (meter.bytes !== entry.bytes || meter.digest() !== entry.sha256 || stored.digest() !== entry.stored_sha256) throw new ArchiveError(`${path} is damaged: it does not hold what was archived.`)
  }

  /**
   * Looks at all that a restore will ask for, before anything is unpacked: from after this segment on, up to the first that was written
   * after `time`. Each must be there, follow the one before, and lie as it was stored.
   */
  async check(after: string, time: string | undefined, size = usualSize): Promise<void> {
    const last = new Map<string, number>([[after.slice(0, 8), placeOf(after, size)]])
    for (const { name, stored_sha256, at } of this.list().filter((entry) => segment.test(entry.name) && entry.name.slice(8) > after.slice(8))) {
      const [timeline, place] = [name.slice(0, 8), placeOf(name, size)]
      const expected = (last.get(timeline) ?? place - 1) + 1
      if (place > expected) throw new ArchiveError(`${this.pathOf(nameAt(timeline, expected, size))} is missing: the archive goes on with ${name}.`)
      last.set(timeline, place)
      if (!existsSync(this.pathOf(name))) throw new ArchiveError(`${this.pathOf(name)} is missing.`)
      const stored = new Meter()
      await pipeline(createReadStream(this.pathOf(name), { highWaterMark: 1 << 20 }), stored, new Writable({ write: (_chunk, _encoding, done) => done() }))
      if (stored.digest() !== stored_sha256) throw new ArchiveError(`${this.pathOf(name)} is damaged: it does not hold what was archived.`)
      if (time !== undefined && at > time) return
    }
  }

  /** Keeps what is handed out in this folder; gives the names. `restMs`: a file that got its name just now is left to who is still at it. */
  async collect(staging: string, restMs = 0): Promise<string[]> {
    if (!existsSync(staging)) return []
    const names = readdirSync(staging).sort()
    const known = new Map((names.some(isHandedOut) ? this.list() : []).map((entry) => [entry.name, entry]))
    const taken: string[] = []
    for (const name of names) {
      const path = join(staging, name)
      if (isHandedOut(name)) {
        if (restMs > 0 && Date.now() - statSync(path).ctimeMs < restMs) continue
        await this.keep(path, name, known.get(name))
        taken.push(name)
      } else if (/\.(new|tmp|partial|left)$/.test(name)) continue
      rmSync(path, { force: true })
    }
    return taken
  }

  /** The segment that ought to stand just before one of these and does not, though the archive began earlier; undefined: no hole. */
  missingBefore(names: readonly string[], size: number): string | undefined {
    const mine = names.filter((name) => segment.test(name))
    if (mine.length === 0) return undefined
    const all = new Set(this.list().flatMap(({ name }) => (segment.test(name) ? [name] : [])))
    const oldest = [...all].sort()[0] ?? ''
    const before = (name: string) => nameAt(name.slice(0, 8), placeOf(name, size) - 1, size)
    return mine
      .filter((name) => name > oldest)
      .map(before)
      .find((name) => !all.has(name))
  }

  private async keep(path: string, name: string, known: Archived | undefined): Promise<void> {
    const [content, stored] = [new Meter(), new Meter()]
    if (known) {
      await pipeline(createReadStream(path), content, new Writable({ write: (_chunk, _encoding, done) => done() }))
      if (content.digest() === known.sha256) return
      throw new ArchiveError(`${this.pathOf(name)} is there and holds something else than the database hands out now. Does another database use ${this.folder}?`)
    }
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    const beside = `${this.pathOf(name)}.new`
    try {
      const steps = [createReadStream(path), content, createGzip({ level: 3 }), ...(this.key ? [seal(this.key)] : []), stored, createWriteStream(beside, { mode: 0o600, flush: true })]
      await pipeline(steps as never)
      renameSync(beside, this.pathOf(name))
      flushFolder(this.folder)
    } catch (error) {
      rmSync(beside, { force: true })
      throw error
    }
    const { size, mtime } = statSync(path)
    if (size !== content.bytes) throw new ArchiveError(`${path} changed while it was archived.`)
    await this.note({ name, bytes: content.bytes, sha256: content.digest(), stored_sha256: stored.digest(), at: mtime.toISOString(), sealed: this.key !== undefined })
  }

  private async note(entry: Archived): Promise<void> {
    // A line cut short by a kill ends here, so that the new one stands on its own.
    if (existsSync(this.index) && !readFileSync(this.index, 'utf8').endsWith('\n')) this.write(this.list())
    await appendFile(this.index, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
    const handle = await open(this.index, 'r')
    await handle.sync().finally(() => handle.close())
  }
  private write(entries: readonly Archived[]): void {
    writeWhole(this.index, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  }

  /** Removes segments from before this one, and no file that the index does not name. */
  prune(before: string): number {
    const all = this.list()
    const isOld = ({ name }: Archived) => segment.test(name) && name.slice(8) < before.slice(8)
    const old = all.filter(isOld)
    if (old.length === 0) return 0
    this.write(all.filter((entry) => !isOld(entry)))
    for (const { name } of old) rmSync(this.pathOf(name), { force: true })
    return old.length
  }
}

const isHandedOut = (name: string): boolean => segment.test(name) || history.test(name)

/** Segments of 16 MB, unless your own server was made with others: 256 to each step of the middle number. */
const usualSize = 16 << 20
const placeOf = (name: string, size: number): number => (Number.parseInt(name.slice(8, 16), 16) * 2 ** 32) / size + Number.parseInt(name.slice(16), 16)
const nameAt = (timeline: string, place: number, size: number): string => {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  const each = 2 ** 32 / size
  return timeline + hex(Math.floor(place / each)) + hex(place % each)
}

/** How many files wait to be taken, and since when: none for long, or the archive stands still. */
export function waiting(dataDir: string): { count: number; since: string | null } {
  try {
    const staging = join(realpathSync(join(dataDir, 'postgres')), stagingName)
    const times = readdirSync(staging).map((name) => statSync(join(staging, name)).mtimeMs)
    return { count: times.length, since: times.length ? new Date(Math.min(...times)).toISOString() : null }
  } catch {
    return { count: 0, since: null }
  }
}

/** Collects each second while the database runs; `stop` takes what its end still handed out. */
export function startCollecting(archive: Archive, cluster: string, say: (line: string) => void): { stop: () => Promise<void> } {
  let running: Promise<void> | undefined
  let told = ''
  const tick = () => {
    running ??= archive
      .collect(join(cluster, stagingName))
      .then(() => {
        if (told) say('The write-ahead log is archived again.')
        told = ''
      })
      .catch((error: Error) => {
        if (error.message !== told) say(`The write-ahead log is not archived: ${error.message}`)
        told = error.message
      })
      .finally(() => (running = undefined))
  }
  const timer = setInterval(tick, 1000)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await running
      tick()
      await running
    },
  }
}
