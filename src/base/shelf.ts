// The folder of backups: the only truth about them, since the database that is backed up may be gone. Manifests, proofs, what failed last.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { flushFolder, Meter, writeWhole } from './vault.ts'

export type Kind = 'base' | 'dump'
export type StoredFile = { name: string; bytes: number; sha256: string }
export type Manifest = {
  format: 1
  id: string
  kind: Kind
  created_at: string
  finished_at: string
  /** Versions of the program, of the newest migration, and of the server. */
  program: string
  schema: string | null
  server: string
  major: number
  /** Which server's backup it is: two on one folder leave each other's alone. */
  system: string
  database: string
  superuser: string
  encrypted: boolean
  /** What it takes on a disk when it is unpacked. */
  unpacked_bytes: number
  tables: number
  rows: number
  files: StoredFile[]
  /** Of a base backup: from where to where the write-ahead log is replayed. */
  wal?: { timeline: number; segment_bytes: number; start_lsn: string; stop_lsn: string; target: string; target_lsn: string; settings: Record<string, string> }
}
type Proof = { manifest: string; state: 'proven' | 'failed'; at: string; ms: number; reason: string | null }
export type Backup = { id: string; folder: string; state: 'proven' | 'failed' | 'unproven' | 'damaged'; reason: string | null; manifest: Manifest | undefined; proof: Proof | undefined }
export type Progress = { id: string; pid: number; began_at: string; step: 'copy' | 'compare' | 'prove' | 'prune'; done: number; total: number }
type Status = { last_failure: { at: string; reason: string } | null; last_success: string | null }

const nameOf = /^(base|dump)-(\d{8}T\d{6}Z-[0-9a-f]{6})$/
const partialOf = /^(?:base|dump)-\d{8}T\d{6}Z-[0-9a-f]{6}\.(\d+)\.partial$/

export class Shelf {
  readonly folder: string
  readonly key: Buffer | undefined
  constructor(folder: string, key: Buffer | undefined) {
    this.folder = folder
    this.key = key
  }

  /** Newest first. What is no backup of this program is not looked at. */
  list(): Backup[] {
    if (!existsSync(this.folder)) return []
    return readdirSync(this.folder)
      .flatMap((name) => nameOf.exec(name)?.[2] ?? [])
      .map((id) => this.find(id))
      .filter((backup) => backup !== undefined)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  find(id: string): Backup | undefined {
    const folder = (['base', 'dump'] as const).map((kind) => join(this.folder, `${kind}-${id}`)).find((path) => existsSync(path))
    if (!folder) return undefined
    const read = this.readManifest(folder)
    if (typeof read === 'string') return { id, folder, state: 'damaged', reason: read, manifest: undefined, proof: undefined }
    const proof = readJson<Proof>(join(folder, 'proof.json'))
    // A proof counts for the manifest that was proven, and for no other.
    const state = proof?.manifest === read.seal && (proof.state === 'proven' || proof.state === 'failed') ? proof.state : 'unproven'
    return { id, folder, state, reason: state === 'failed' ? (proof?.reason ?? null) : null, manifest: read.manifest, proof: state === 'unproven' ? undefined : proof }
  }

  newestProven(): Backup | undefined {
    return this.list().find((backup) => backup.state === 'proven')
  }

  /** A folder for a backup that is being taken. It gets its name at the end. */
  begin(kind: Kind, at: Date): { id: string; folder: string } {
    const id = `${at.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}-${randomBytes(3).toString('hex')}`
    const folder = join(this.folder, `${kind}-${id}.${process.pid}.partial`)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return { id, folder }
  }

  /** The manifest is written last; only then the folder takes its name: whoever sees the name sees the whole. */
  finish(folder: string, manifest: Manifest): Backup {
    const text = JSON.stringify(manifest)
    writeWhole(join(folder, 'manifest.json'), `${JSON.stringify({ ...manifest, seal: this.sealOf(text) }, null, 1)}\n`)
    const place = join(this.folder, `${manifest.kind}-${manifest.id}`)
    renameSync(folder, place)
    flushFolder(this.folder)
    return this.find(manifest.id) ?? fail(`${place} is gone`)
  }

  notePartial(folder: string): void {
    rmSync(folder, { recursive: true, force: true })
  }

  /** What a backup that was cut short left behind. Called while no other one can be under way. */
  sweep(): number {
    if (!existsSync(this.folder)) return 0
    const left = readdirSync(this.folder).filter((name) => partialOf.test(name))
    for (const name of left) rmSync(join(this.folder, name), { recursive: true, force: true })
    rmSync(join(this.folder, 'progress.json'), { force: true })
    return left.length
  }

  noteProof(backup: Backup, state: Proof['state'], ms: number, reason: string | null): Backup {
    const read = this.readManifest(backup.folder)
    if (typeof read === 'string') throw new Error(read)
    const proof: Proof = { manifest: read.seal, state, at: new Date().toISOString(), ms, reason }
    writeWhole(join(backup.folder, 'proof.json'), `${JSON.stringify(proof)}\n`)
    return this.find(backup.id) ?? fail(`${backup.folder} is gone`)
  }

  /** Removes what is older and was made by this program for this server, but never the newest that is proven, nor anything after it. */
  prune(keepDays: number, system: string, now = Date.now()): string[] {
    const all = this.list()
    const newest = all.find((backup) => backup.state === 'proven' && backup.manifest?.system === system)
    if (!newest) return []
    const old = all.filter(({ id, manifest }) => manifest !== undefined && manifest.system === system && id < newest.id && now - new Date(manifest.created_at).getTime() > keepDays * 86_400_000)
    for (const { folder } of old) {
      // Its manifest goes first: half removed, it is no backup any more.
      rmSync(join(folder, 'manifest.json'), { force: true })
      rmSync(folder, { recursive: true, force: true })
    }
    return old.map(({ id }) => id)
  }

  /** The files as the manifest says, byte for byte; the first that is not is named. */
  async check({ folder, manifest }: Backup): Promise<void> {
    if (!manifest) throw new Error(`${join(folder, 'manifest.json')} cannot be read`)
    for (const { name, bytes, sha256 } of manifest.files) {
      const path = join(folder, name)
      if (!existsSync(path)) throw new Error(`${path} is missing`)
      const meter = new Meter()
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), meter, new Writable({ write: (_chunk, _encoding, done) => done() }))
      if (meter.bytes !== bytes || meter.digest() !== sha256) throw new Error(`${path} is damaged: it does not hold what was backed up`)
    }
  }

  private readManifest(folder: string): { manifest: Manifest; seal: string } | string {
    const path = join(folder, 'manifest.json')
    if (!existsSync(path)) return `${path} is missing`
    const found = readJson<Manifest & { seal: string }>(path)
    if (found?.format !== 1 || !Array.isArray(found.files)) return `${path} is damaged`
    const { seal, ...manifest } = found
    if (manifest.encrypted && !this.key) return `${path} belongs to an encrypted backup; BITCORP_BACKUP_KEY_FILE names its key`
    if (seal !== this.sealOf(JSON.stringify(manifest), manifest.encrypted)) return manifest.encrypted ? `${path} is damaged, or was made with another key` : `${path} is damaged`
    return { manifest, seal }
  }
  private sealOf(text: string, encrypted = this.key !== undefined): string {
    return encrypted && this.key ? createHmac('sha256', this.key).update(text).digest('hex') : createHash('sha256').update(text).digest('hex')
  }

  status(): Status {
    return readJson<Status>(join(this.folder, 'status.json')) ?? { last_failure: null, last_success: null }
  }
  private noteStatus(change: Partial<Status>): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    writeWhole(join(this.folder, 'status.json'), `${JSON.stringify({ ...this.status(), ...change })}\n`)
  }
  noteFailure(reason: string): void {
    this.noteStatus({ last_failure: { at: new Date().toISOString(), reason } })
  }
  noteSuccess(): void {
    this.noteStatus({ last_success: new Date().toISOString() })
  }

  noteProgress(progress: Progress | undefined): void {
    const path = join(this.folder, 'progress.json')
    if (progress) writeWhole(path, JSON.stringify(progress))
    else rmSync(path, { force: true })
  }
  /** What is under way. Nothing, when the program that said so is gone. */
  progress(): Progress | undefined {
    const path = join(this.folder, 'progress.json')
    const found = readJson<Progress>(path)
    return found && Date.now() - statSync(path).mtimeMs < 60_000 ? found : undefined
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch {
    return undefined
  }
}

function fail(reason: string): never {
  throw new Error(reason)
}
