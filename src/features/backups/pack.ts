// Many files as one: tar, gzip and, with a key, sealed; and back, with nothing trusted that comes out of it.
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { basename, dirname, join, normalize } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { extract, type Pack, pack } from 'tar-stream'
import type { Entry } from '../../base/base-backup.ts'
import { nobody } from '../../base/embedded.ts'
import type { StoredFile } from '../../base/shelf.ts'
import { Meter, seal, unseal } from '../../base/vault.ts'

/** Writes the archive and gives what to note of it in the manifest. */
export async function packInto(path: string, key: Buffer | undefined, entries: AsyncIterable<Entry>): Promise<StoredFile> {
  const tar = pack()
  const meter = new Meter()
  const steps = [tar, createGzip({ level: 1 }), ...(key ? [seal(key)] : []), meter, createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true })]
  const stop = new AbortController()
  const written = pipeline(steps as never, { signal: stop.signal } as never) as unknown as Promise<void>
  const filled = (async () => {
    for await (const entry of entries) await add(tar, entry)
    tar.finalize()
  })()
  try {
    await Promise.race([filled, written.then(() => filled)])
    await written
  } catch (error) {
    stop.abort()
    await written.catch(() => {})
    throw error
  }
  return { name: basename(path), bytes: meter.bytes, sha256: meter.digest() }
}

async function add(tar: Pack, { name, isFolder, size, chunks }: Entry): Promise<void> {
  if (isFolder) {
    await new Promise<void>((done, fail) => tar.entry({ name, type: 'directory', mode: 0o700 }, (error) => (error ? fail(error) : done())))
    return
  }
  await new Promise<void>((done, fail) => {
    const sink = tar.entry({ name, size, mode: 0o600 }, (error) => (error ? fail(error) : done())) as unknown as Writable
    sink.on('error', fail)
    fill(sink, size, chunks ?? []).catch(fail)
  })
}

/** `size` bytes are written whatever `chunks` gives: a file that shrank is filled up, one that grew is cut. */
async function fill(sink: Writable, size: number, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  let left = size
  const write = async (data: Buffer): Promise<void> => {
    left -= data.length
    if (!sink.write(data)) await new Promise<void>((done) => sink.once('drain', done))
  }
  for await (const chunk of chunks) {
    if (left === 0) break
    await write(chunk.length > left ? chunk.subarray(0, left) : chunk)
  }
  while (left > 0) await write(Buffer.alloc(Math.min(left, 1 << 20)))
  sink.end()
}

/** Unpacks into a folder, for whoever runs PostgreSQL. A name that leads out of the folder is refused. */
export async function unpackInto(path: string, key: Buffer | undefined, folder: string, told: (bytes: number) => void = () => {}): Promise<void> {
  const tar = extract()
  const steps = [createReadStream(path, { highWaterMark: 1 << 20 }), ...(key ? [unseal(key)] : []), createGunzip(), tar]
  const read = pipeline(steps as never) as unknown as Promise<void>
  read.catch(() => {})
  for await (const entry of tar) {
    const { name, type } = entry.header
    const place = join(folder, normalize(name))
    if (place !== folder && !place.startsWith(`${folder}/`)) throw new Error(`${path} holds a file that leads out of its folder`)
    if (type === 'directory') await makeFolder(place)
    else if (type === 'file') {
      await makeFolder(dirname(place))
      await pipeline(entry as unknown as Readable, createWriteStream(place, { mode: 0o600 }))
      await give(place, 0o600)
      told(entry.header.size)
    }
    entry.resume()
  }
  await read
}

async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 })
  if (made !== undefined) await give(path, 0o700)
}

async function give(path: string, mode: number): Promise<void> {
  await chmod(path, mode)
  if (nobody.uid) await chown(path, nobody.uid, nobody.gid)
}
