// `bitcorp keys`: which keys values are encrypted with, a new one, everything under it, and the end of old ones.
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { type CommandContext, CommandError, print, printJson, printTable, progress, withOwner } from '../../base/command.ts'
import { Refusal } from '../../base/errors.ts'
import { Keyring } from '../../base/keys.ts'
import type { Owner } from '../../base/owner.ts'
import { placeOfSecret } from '../second-factor/contract.ts'
import { placeOf, sealTaxId } from './tax-id.ts'

type Json = { json?: boolean }
type Used = { key_id: string; used: number }

export function keyCommands(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('The keys that tax ids and second factors are encrypted with; the file is never in the database')
  keys
    .command('list')
    .description('List them, and how many values each encrypts')
    .option('--json', 'for machines')
    .action((o: Json) => list(context, o))
  keys
    .command('add')
    .description('Make a key for later, so that the file can first be copied to your other servers')
    .option('--json', 'for machines')
    .action((o: Json) => {
      add(context, o)
    })
  keys
    .command('rotate')
    .description('Use the newest key (or a new one) and encrypt everything with it; people go on working. Cut short, call it again')
    .option('--json', 'for machines')
    .action((o: Json) => rotate(context, o))
  keys
    .command('prune')
    .description('Remove the keys that nothing uses any more; copies of the database from before then need them')
    .option('--json', 'for machines')
    .action((o: Json) => prune(context, o))
}

const readUsed = (owner: Owner) => owner.query<Used>('SELECT key_id, used::int FROM list_encryption_keys()')

async function list(context: CommandContext, { json }: Json): Promise<void> {
  const keyring = new Keyring(context.config.keysFile)
  await withOwner(context, async (owner) => {
    const used = new Map((await readUsed(owner)).map((row) => [row.key_id, row.used]))
    const { current, keys } = existsSync(keyring.path) ? keyring.list() : { current: '', keys: [] }
    const here = keys.map((key) => ({ id: key.id, state: key.id === current ? 'current' : key.retired_at ? 'old' : 'waiting', values: used.get(key.id) ?? 0, created_at: key.created_at }))
    const gone = [...used].filter(([id]) => !keys.some((key) => key.id === id)).map(([id, values]) => ({ id, state: 'missing', values, created_at: '' }))
    if (json) return printJson({ file: keyring.path, keys: [...here, ...gone] })
    print(keyring.path)
    printTable(
      ['key', 'state', 'values', 'made'],
      [...here, ...gone].map((key) => [key.id, key.state, String(key.values), key.created_at]),
    )
  })
}

function add({ config }: CommandContext, { json }: Json): void {
  const id = new Keyring(config.keysFile).add()
  if (json) printJson({ id, file: config.keysFile })
  else print(`Key ${id} is made. Copy ${config.keysFile} to your other servers on this database, then: bitcorp keys rotate`)
}

async function rotate(context: CommandContext, { json }: Json): Promise<void> {
  const keyring = new Keyring(context.config.keysFile)
  await withOwner(context, async (owner) => {
    const { key, resumed, done, unreadable } = await rotateKeys(owner, keyring, (line) => progress(line))
    if (json) printJson({ key, resumed, reencrypted: done, unreadable })
    else print(`${resumed ? 'The rotation that was cut short is complete' : 'Done'}: ${done} values are under key ${key} now. Keep a copy of ${keyring.path}.`)
    if (unreadable > 0) throw new CommandError(`${unreadable} values could not be read with the keys of ${keyring.path} and stayed as they are. \`bitcorp keys list\` shows which keys are missing.`)
  })
}

type Rotation = { key: string; resumed: boolean; done: number; unreadable: number }

/** What is not under the current key was left by a rotation that was cut short: that one is ended first, else a newer key begins. */
export async function rotateKeys(owner: Owner, keyring: Keyring, say: (line: string) => void, batch = 200): Promise<Rotation> {
  const { current, keys } = keyring.list()
  const used = await readUsed(owner)
  const left = used.filter((row) => row.key_id !== current && keys.some((key) => key.id === row.key_id))
  const resumed = left.length > 0
  const key = resumed ? current : (keys.findLast((one) => one.id !== current && !one.retired_at)?.id ?? keyring.add())
  if (!resumed) keyring.use(key)
  const total = (resumed ? left : used).reduce((sum, row) => sum + row.used, 0)
  const how = { total, batch, say }
  const taxIds = await reencrypt(owner, how, 0, taxIdKind(keyring, key))
  const secrets = await reencrypt(owner, how, taxIds.done, secretKind(keyring, key))
  return { key, resumed, done: secrets.done, unreadable: taxIds.unreadable + secrets.unreadable }
}

/** One kind of encrypted value: the next ones under other keys, and one of them put under this key (false: it changed meanwhile). */
type Kind<Row> = { next: (owner: Owner, after: Row | undefined, limit: number) => Promise<Row[]>; put: (owner: Owner, row: Row) => Promise<boolean> }
type TaxId = { company_id: string; id: string; person_id: string | null; key_id: string; ciphertext: Buffer }
type Secret = { user_id: string; key_id: string; ciphertext: Buffer }
const first = '00000000-0000-0000-0000-000000000000'

const taxIdKind = (keyring: Keyring, key: string): Kind<TaxId> => ({
  next: (owner, after, limit) => owner.query('SELECT * FROM list_tax_ids_under_other_keys($1, $2, $3, $4)', [key, after?.company_id ?? first, after?.id ?? first, limit]),
  put: async (owner, row) => {
    const value = keyring.open(placeOf(row.company_id, row.person_id), { keyId: row.key_id, ciphertext: row.ciphertext })
    const sealed = sealTaxId(keyring, row.company_id, row.person_id, value)
    const put = 'SELECT FROM reencrypt_tax_id($1, $2, $3, $4, $5, $6) AS put WHERE put'
    return (await owner.query(put, [row.company_id, row.id, row.ciphertext, sealed.keyId, sealed.ciphertext, sealed.hashes[0]])).length > 0
  },
})

const secretKind = (keyring: Keyring, key: string): Kind<Secret> => ({
  next: (owner, after, limit) => owner.query('SELECT * FROM list_totp_under_other_keys($1, $2, $3)', [key, after?.user_id ?? first, limit]),
  put: async (owner, row) => {
    const place = placeOfSecret(row.user_id)
    const sealed = keyring.seal(place, keyring.open(place, { keyId: row.key_id, ciphertext: row.ciphertext }))
    return (await owner.query('SELECT FROM reencrypt_totp($1, $2, $3, $4) AS put WHERE put', [row.user_id, row.ciphertext, sealed.keyId, sealed.ciphertext])).length > 0
  },
})

/** Value by value, each in its own short transaction: nobody waits, and what was done before a kill stays done. */
async function reencrypt<Row>(owner: Owner, how: { total: number; batch: number; say: (line: string) => void }, before: number, kind: Kind<Row>): Promise<{ done: number; unreadable: number }> {
  let [done, unreadable] = [before, 0]
  let after: Row | undefined
  for (;;) {
    const rows = await kind.next(owner, after, how.batch)
    for (const row of rows) {
      try {
        if (await kind.put(owner, row)) done++
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        unreadable++
      }
    }
    after = rows.at(-1)
    if (!after) return { done, unreadable }
    how.say(`${done} of ${how.total} …`)
  }
}

/** A server may still be writing with a key that has just been replaced; no statement of it lasts this long. */
const restMs = 60_000

async function prune(context: CommandContext, { json }: Json): Promise<void> {
  const keyring = new Keyring(context.config.keysFile)
  await withOwner(context, async (owner) => {
    const used = new Set((await readUsed(owner)).map((row) => row.key_id))
    const old = keyring.list().keys.filter((key) => key.retired_at && !used.has(key.id))
    const ripe = old.filter((key) => Date.parse(key.retired_at ?? '') < Date.now() - restMs)
    if (!ripe.length && old.length) throw new CommandError('The last rotation has only just ended. Try again in a minute.')
    keyring.remove(ripe.map((key) => key.id))
    if (json) return printJson({ removed: ripe.map((key) => key.id) })
    print(ripe.length ? `Removed: ${ripe.map((key) => key.id).join(', ')}. Copies of the database from before the rotation need an older copy of the key file.` : 'Every key is in use.')
  })
}
