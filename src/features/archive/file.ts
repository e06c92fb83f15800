// The file of an archive: written under another name until it is whole and on the disk; read part by part, each proved before it counts.
import { createHash, type Hash } from 'node:crypto'
import { closeSync, createReadStream, createWriteStream, existsSync, fsyncSync, linkSync, openSync, rmSync, type WriteStream } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { extract, type Pack, pack } from 'tar-stream'
import { Value } from 'typebox/value'
import { CommandError } from '../../base/command.ts'
import { archiveFormat, archiveKind, Manifest, manifestName } from './contract.ts'

const partBytes = 4 * 1024 * 1024

/** Takes tables one after the other and lines of each; holds no more than a part of them in memory. */
export class ArchiveWriter {
  private readonly target: string
  private readonly temporary: string
  private readonly tar: Pack = pack()
  private readonly written: Promise<void>
  private readonly tables: Manifest['tables'] = []
  private readonly parts: Manifest['parts'] = []
  private lines: string[] = []
  private size = 0
  private digest: Hash = createHash('sha256')

  constructor(path: string) {
    this.target = resolve(path)
    if (existsSync(this.target)) throw new CommandError(`${path} is there already; give a new name.`)
    this.temporary = `${this.target}.${process.pid}.partial`
    let file: WriteStream
    try {
      file = createWriteStream(this.temporary, { fd: openSync(this.temporary, 'wx', 0o600), flush: true })
    } catch (error) {
      throw new CommandError(`${path} cannot be written: ${(error as Error).message}.`)
    }
    this.written = pipeline(this.tar, createGzip(), file)
    // Told to whoever writes next or finishes; until then nobody waits for it.
    this.written.catch(() => {})
  }

  begin(table: string): void {
    this.tables.push({ table, rows: 0, sha256: '' })
    this.digest = createHash('sha256')
  }

  async add(line: string): Promise<void> {
    const table = this.current()
    table.rows++
    this.lines.push(line)
    this.size += line.length
    this.digest.update(line).update('\n')
    if (this.size >= partBytes) await this.flush()
  }

  async end(): Promise<void> {
    await this.flush()
    this.current().sha256 = this.digest.digest('hex')
  }

  /** The manifest closes the archive; then the file appears under its name, unless another one came first. */
  async finish(rest: Pick<Manifest, 'made_at' | 'program' | 'schema' | 'company' | 'left_out'>): Promise<Manifest> {
    const manifest: Manifest = { kind: archiveKind, format: archiveFormat, ...rest, tables: this.tables, parts: this.parts }
    await this.entry(manifestName, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    this.tar.finalize()
    await this.written
    try {
      linkSync(this.temporary, this.target)
    } catch (error) {
      throw new CommandError(
        (error as NodeJS.ErrnoException).code === 'EEXIST' ? `${this.target} is there already; give a new name.` : `${this.target} cannot be written: ${(error as Error).message}.`,
      )
    }
    rmSync(this.temporary)
    const folder = openSync(dirname(this.target), 'r')
    fsyncSync(folder)
    closeSync(folder)
    return manifest
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    this.tar.destroy()
    await this.written.catch(() => {})
    rmSync(this.temporary, { force: true })
  }

  private current(): Manifest['tables'][number] {
    const table = this.tables.at(-1)
    if (!table) throw new Error('no table was begun')
    return table
  }

  private async flush(): Promise<void> {
    if (!this.lines.length) return
    const { table } = this.current()
    const number = this.parts.filter((part) => part.name.startsWith(`${table}/`)).length + 1
    const name = `${table}/${String(number).padStart(6, '0')}.ndjson`
    const content = Buffer.from(`${this.lines.join('\n')}\n`)
    this.lines = []
    this.size = 0
    this.parts.push({ name, bytes: content.length, sha256: sha256(content) })
    await this.entry(name, content)
  }

  /** Waits for the disk: what was not written yet stays small. A disk that takes no more ends it with its own reason. */
  private async entry(name: string, content: Buffer): Promise<void> {
    const taken = new Promise<void>((done, fail) => {
      this.tar.entry({ name, size: content.length, mode: 0o600, mtime: new Date(0) }, content, (error) => (error ? fail(error) : done()))
    })
    await Promise.race([taken, this.written.then(() => taken)])
  }
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

/** A sentence for a file that is not what it must be. */
export const damaged = (path: string, why: string): CommandError => new CommandError(`${path} is damaged or no archive of a company: ${why}. Nothing was imported.`)

/** Gives every line of the archive to `take`, part by part, and the manifest once all of it is proved against it. */
export async function readArchive(path: string, take: (table: string, lines: string[]) => Promise<void>): Promise<Manifest> {
  const seen: Manifest['parts'] = []
  let manifest: Manifest | undefined
  const tar = extract()
  const read = pipeline(createReadStream(path), createGunzip(), tar)
  // Its reason is told below, whoever of the two notices first.
  read.catch(() => {})
  try {
    for await (const entry of tar) {
      const { name, size } = entry.header
      if (manifest) throw damaged(path, `${name} stands behind its end`)
      const chunks: Buffer[] = []
      for await (const chunk of entry) chunks.push(chunk as Buffer)
      const content = Buffer.concat(chunks)
      if (content.length !== size) throw damaged(path, `${name} is cut short`)
      if (name === manifestName) manifest = parseManifest(path, content.toString('utf8'))
      else {
        seen.push({ name, bytes: content.length, sha256: sha256(content) })
        await take(name.split('/')[0] ?? '', content.toString('utf8').split('\n').slice(0, -1))
      }
    }
    await read
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') throw new CommandError(`${path} cannot be read: ${message}.`)
    if (/^Z_|ERR_STREAM_PREMATURE_CLOSE/.test(code ?? '') || /tar header|Unexpected end of data/i.test(message)) throw damaged(path, message)
    throw error
  } finally {
    tar.destroy()
  }
  if (!manifest) throw damaged(path, 'it ends before its manifest')
  compare(path, manifest, seen)
  return manifest
}

function parseManifest(path: string, text: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged(path, 'its manifest is no JSON')
  }
  const { kind, format } = (value ?? {}) as { kind?: unknown; format?: unknown }
  if (kind === archiveKind && typeof format === 'number' && format > archiveFormat) throw new CommandError(`${path} was written by a newer release. Install that one; nothing was imported.`)
  if (!Value.Check(Manifest, value)) throw damaged(path, 'its manifest lacks something')
  return value
}

function compare(path: string, manifest: Manifest, seen: Manifest['parts']): void {
  for (const part of manifest.parts) {
    const found = seen.find((one) => one.name === part.name)
    if (!found) throw damaged(path, `the part ${part.name} is missing`)
    if (found.sha256 !== part.sha256 || found.bytes !== part.bytes) throw damaged(path, `the part ${part.name} is not what was written`)
  }
  const extra = seen.find((one, at) => one.name !== manifest.parts[at]?.name)
  if (extra || seen.length !== manifest.parts.length) throw damaged(path, `the part ${extra?.name} does not belong to it, or stands elsewhere`)
}
