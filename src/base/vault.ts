// Files that must be whole: written beside, flushed, renamed; and sealed in chunks (AES-256-GCM) when a key is given.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'
import { StartError } from './embedded.ts'

/** What was renamed or removed in a folder stays so after a power cut. */
export function flushFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Whole or not at all, for its owner's eyes only. */
export function writeWhole(path: string, text: string): void {
  const beside = `${path}.new`
  try {
    const handle = openSync(beside, 'w', 0o600)
    try {
      writeSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  flushFolder(dirname(path))
}

/** The key of a file: 32 bytes as 64 hexadecimal digits. Made with `openssl rand -hex 32`. */
export function readVaultKey(path: string): Buffer {
  let text: string
  try {
    if (statSync(path).mode & 0o077) throw new StartError(`The backups' key ${path} can be read by others. chmod 600 ${path}`)
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The backups' key cannot be read: ${(error as Error).message}. BITCORP_BACKUP_KEY_FILE names it.`)
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new StartError(`The backups' key ${path} must hold 64 hexadecimal digits. \`openssl rand -hex 32\` makes one.`)
  return Buffer.from(text, 'hex')
}

const magic = Buffer.from('BCV1')
const saltLength = 16
const chunkLength = 1 << 20
const tagLength = 16

const derive = (key: Buffer, salt: Buffer): Buffer => Buffer.from(hkdfSync('sha256', key, salt, 'bitcorp vault', 32))

/** A chunk's place and whether it is the last are part of its nonce: none can be moved, repeated, or cut off unseen. */
function nonceOf(place: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(place, 2, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** Cuts a stream into chunks of one length; the last may be shorter and comes with the end. */
abstract class Chunked extends Transform {
  private held: Buffer[] = []
  private length = 0
  private place = 0
  protected readonly size: number
  constructor(size: number) {
    super()
    this.size = size
  }
  protected abstract work(chunk: Buffer, place: number, isLast: boolean): Buffer
  override _transform(data: Buffer, _encoding: string, done: TransformCallback): void {
    try {
      this.held.push(data)
      this.length += data.length
      // One chunk is always kept back: only the end tells that it is the last.
      if (this.length > this.size) {
        const all = Buffer.concat(this.held)
        let at = 0
        for (; all.length - at > this.size; at += this.size) this.push(this.work(all.subarray(at, at + this.size), this.place++, false))
        this.held = [all.subarray(at)]
        this.length = all.length - at
      }
      done()
    } catch (error) {
      done(error as Error)
    }
  }
  override _flush(done: TransformCallback): void {
    try {
      this.push(this.work(Buffer.concat(this.held), this.place, true))
      done()
    } catch (error) {
      done(error as Error)
    }
  }
}

class Seal extends Chunked {
  private readonly key: Buffer
  private readonly head: Buffer
  constructor(key: Buffer) {
    super(chunkLength)
    const salt = randomBytes(saltLength)
    this.key = derive(key, salt)
    this.head = Buffer.concat([magic, salt])
  }
  protected work(chunk: Buffer, place: number, isLast: boolean): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.key, nonceOf(place, isLast))
    const body = Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
    return place === 0 ? Buffer.concat([this.head, body]) : body
  }
}

class Unsealed extends Chunked {
  private readonly secret: Buffer
  private key: Buffer | undefined
  private head: Buffer = Buffer.alloc(0)
  constructor(key: Buffer) {
    super(chunkLength + tagLength)
    this.secret = key
  }
  override _transform(data: Buffer, encoding: string, done: TransformCallback): void {
    if (this.key) super._transform(data, encoding, done)
    else this.begin(Buffer.concat([this.head, data]), encoding, done)
  }
  /** Salt and key stand before the first chunk. */
  private begin(head: Buffer, encoding: string, done: TransformCallback): void {
    const length = magic.length + saltLength
    this.head = head
    if (head.length < length) done()
    else if (!head.subarray(0, magic.length).equals(magic)) done(new Error('it is not encrypted as this program encrypts'))
    else {
      this.key = derive(this.secret, head.subarray(magic.length, length))
      super._transform(head.subarray(length), encoding, done)
    }
  }
  protected work(chunk: Buffer, place: number, isLast: boolean): Buffer {
    if (!this.key || chunk.length < tagLength) throw new Error('it is cut short')
    const decipher = createDecipheriv('aes-256-gcm', this.key, nonceOf(place, isLast), { authTagLength: tagLength })
    decipher.setAuthTag(chunk.subarray(chunk.length - tagLength))
    try {
      return Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - tagLength)), decipher.final()])
    } catch {
      throw new Error('it was altered, cut short, or encrypted with another key')
    }
  }
}

export const seal = (key: Buffer): Transform => new Seal(key)
export const unseal = (key: Buffer): Transform => new Unsealed(key)

/** Lets bytes through and counts and hashes them. */
export class Meter extends Transform {
  bytes = 0
  private readonly hash = createHash('sha256')
  override _transform(data: Buffer, _encoding: string, done: TransformCallback): void {
    this.bytes += data.length
    this.hash.update(data)
    done(null, data)
  }
  digest(): string {
    return this.hash.digest('hex')
  }
}
