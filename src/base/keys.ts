// The keys that values are encrypted with: a file beside the database, never in it. AES-256-GCM bound to a place, HMAC for look-up.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartError } from './embedded.ts'
import { Refusal } from './errors.ts'

export type Key = { id: string; secret: string; created_at: string; retired_at: string | null }
type KeyFile = { current: string; keys: Key[] }
/** Where a value stands. A ciphertext that is moved anywhere else does not open. companyId is empty for what belongs to no company. */
export type Place = { companyId: string; table: string; column: string; rowId: string }
export type Sealed = { keyId: string; ciphertext: Buffer }

const nonceLength = 12
const tagLength = 16
/** Values are filled up to this many characters, so that the length of a ciphertext tells nothing. */
const padded = 64

/** Reads the file again whenever it changed: a key added by a command is known to a running server at once. */
export class Keyring {
  readonly path: string
  private known: { stamp: string; file: KeyFile } | undefined
  constructor(path: string) {
    this.path = path
  }

  seal(place: Place, value: string): Sealed {
    const { current } = this.read()
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', this.derive(current, 'encryption'), nonce)
    cipher.setAAD(boundTo(place, current))
    const body = Buffer.concat([cipher.update(value.padEnd(padded), 'utf8'), cipher.final()])
    return { keyId: current, ciphertext: Buffer.concat([nonce, cipher.getAuthTag(), body]) }
  }

  /** Refuses (secret_unreadable) what was altered, moved, or encrypted with a key that is not here. */
  open(place: Place, { keyId, ciphertext }: Sealed): string {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.derive(keyId, 'encryption'), ciphertext.subarray(0, nonceLength), { authTagLength: tagLength })
      decipher.setAAD(boundTo(place, keyId))
      decipher.setAuthTag(ciphertext.subarray(nonceLength, nonceLength + tagLength))
      return Buffer.concat([decipher.update(ciphertext.subarray(nonceLength + tagLength)), decipher.final()])
        .toString('utf8')
        .trimEnd()
    } catch {
      throw new Refusal(409, 'secret_unreadable')
    }
  }

  /** What a value is found by, under the current key and then the others. `scope`: among what it is looked up. */
  hashes(scope: string, value: string): string[] {
    const { current, keys } = this.read()
    const others = keys.map((key) => key.id).filter((id) => id !== current)
    return [current, ...others].map((id) => createHmac('sha256', this.derive(id, 'look-up')).update(`${scope}\n${value}`).digest('hex'))
  }

  list(): { current: string; keys: Key[] } {
    return this.read()
  }

  /** Makes a key that is used from the next `use` on. Makes the file when there is none. */
  add(): string {
    const key = makeKey()
    const file = existsSync(this.path) ? this.read() : { current: key.id, keys: [] }
    this.write({ ...file, keys: [...file.keys, key] })
    return key.id
  }

  /** From now on values are encrypted with this key. */
  use(id: string): void {
    const now = new Date().toISOString()
    const { keys } = this.read()
    this.write({ current: id, keys: keys.map((key) => ({ ...key, retired_at: key.id === id ? null : (key.retired_at ?? now) })) })
  }

  remove(ids: readonly string[]): void {
    const { current, keys } = this.read()
    this.write({ current, keys: keys.filter((key) => key.id === current || !ids.includes(key.id)) })
  }

  /** Makes the file with a first key, unless another start was quicker. */
  create(): void {
    const key = makeKey()
    const mine = writeBeside(this.path, { current: key.id, keys: [key] })
    try {
      linkSync(mine, this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
  }

  private derive(id: string, purpose: string): Buffer {
    const key = this.read().keys.find((one) => one.id === id)
    if (!key) throw new Refusal(409, 'secret_unreadable')
    return Buffer.from(hkdfSync('sha256', Buffer.from(key.secret, 'base64'), '', `bitcorp_erp tax_id ${purpose}`, 32))
  }

  private read(): KeyFile {
    let stamp: string
    try {
      const { mtimeMs, ino, size } = statSync(this.path)
      stamp = `${mtimeMs} ${ino} ${size}`
    } catch {
      throw new Refusal(409, 'keys_missing')
    }
    if (this.known?.stamp !== stamp) this.known = { stamp, file: parse(readFileSync(this.path, 'utf8'), this.path) }
    return this.known.file
  }

  private write(file: KeyFile): void {
    renameSync(writeBeside(this.path, file), this.path)
    this.known = undefined
  }
}

/** What is wrong between the key file and the database, in a sentence; undefined when nothing is. Makes the file for a database that needs none yet. */
export function prepareKeys(path: string, used: readonly { key_id: string; used: number }[]): string | undefined {
  const keyring = new Keyring(path)
  if (!existsSync(path) && used.length === 0) keyring.create()
  return troubleWith(keyring, used)
}

export function troubleWith(keyring: Keyring, used: readonly { key_id: string; used: number }[]): string | undefined {
  const count = (rows: readonly { used: number }[]) => rows.reduce((sum, row) => sum + Number(row.used), 0)
  if (!existsSync(keyring.path))
    return used.length ? `The key file ${keyring.path} is missing: ${count(used)} encrypted values cannot be read. Put it back from your copy, or set BITCORP_KEYS_FILE.` : undefined
  const ours = new Set(keyring.list().keys.map((key) => key.id))
  const unknown = used.filter((row) => !ours.has(row.key_id))
  if (!unknown.length) return undefined
  return `The key file ${keyring.path} lacks the keys ${unknown.map((row) => row.key_id).join(', ')}: ${count(unknown)} encrypted values cannot be read. All servers on one database need the same file; copy it from the one that has these keys.`
}

const boundTo = (place: Place, keyId: string) => Buffer.from([place.companyId, place.table, place.column, place.rowId, keyId].join('\n'))

const makeKey = (): Key => ({ id: randomBytes(4).toString('hex'), secret: randomBytes(32).toString('base64'), created_at: new Date().toISOString(), retired_at: null })

/** Never the file's words in the sentence: they are the keys. */
function parse(text: string, path: string): KeyFile {
  try {
    const file = JSON.parse(text) as KeyFile
    const whole = file.keys.every((key) => /^[0-9a-f]{8,16}$/.test(key.id) && Buffer.from(key.secret, 'base64').length === 32)
    if (whole && file.keys.some((key) => key.id === file.current)) return file
  } catch {
    // falls through: unreadable is the same as incomplete
  }
  throw new StartError(`The key file ${path} is damaged. Put it back from your copy.`)
}

/** On disk before it takes the place of the old one: a cut power leaves one or the other. */
function writeBeside(path: string, file: KeyFile): string {
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${path}.${process.pid}.${randomBytes(3).toString('hex')}`
  const handle = openSync(mine, 'wx', 0o600)
  try {
    writeSync(handle, `${JSON.stringify(file, null, 2)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  return mine
}
