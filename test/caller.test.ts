// Who is calling stands in a setting that anyone may write: only what the database sealed itself, for this very transaction, counts.
import { expect, test } from 'vitest'
import { hashSecret } from '../src/base/db.ts'
import { connected, createWorld, type Query } from './harness.ts'

const world = await createWorld()
const { andina, sur } = world.companies
const admin = hashSecret(world.person('andina', 'admin').secret)
const viewer = hashSecret(world.person('andina', 'viewer').secret)
await world.machine({ name: 'Rodillo' })
const identify = (q: Query, credential: string) => q('SELECT identify_caller($1, $2)', [credential, andina.id])
const sealed = async (q: Query): Promise<string> => (await q("SELECT current_setting('app.caller', true) AS seal"))[0]?.seal
const put = (q: Query, seal: string) => q("SELECT set_config('app.caller', $1, true)", [seal])
const seen = async (q: Query): Promise<number> => (await q('SELECT FROM equipment')).length
const inTransaction = <T>(work: (q: Query) => Promise<T>) =>
  connected(world.appUrl, async (q) => {
    await q('BEGIN')
    const done = await work(q)
    await q('ROLLBACK')
    return done
  })

test('the seal holds in its transaction, and what it says is what was found', async () => {
  await inTransaction(async (q) => {
    await identify(q, admin)
    expect(await seen(q)).toBe(1)
    const own = await sealed(q)
    await put(q, '')
    expect(await seen(q)).toBe(0)
    await put(q, own)
    expect(await seen(q)).toBe(1)
    await identify(q, 'unknown')
    expect(await seen(q)).toBe(0)
  })
})

test('a seal that was altered, made up, or belongs to another transaction or connection is nobody’s', async () => {
  const own = await inTransaction(async (q) => {
    await identify(q, viewer)
    return sealed(q)
  })
  expect(own).toContain(andina.id)
  const forged = {
    'another role': (seal: string) => seal.replace('viewer', 'admin'),
    'another company': (seal: string) => seal.replace(andina.id, sur.id),
    'a seal made up': (seal: string) => 'f'.repeat(64) + seal.slice(64),
    'no seal': (seal: string) => seal.slice(64),
    'half of it': (seal: string) => seal.slice(0, 90),
    words: () => "' OR true --",
  }
  for (const [name, alter] of Object.entries(forged))
    await inTransaction(async (q) => {
      await identify(q, viewer)
      await put(q, alter(await sealed(q)))
      expect(await seen(q), name).toBe(0)
      expect(await q('SELECT * FROM caller_account'), name).toEqual([])
    })
  await inTransaction(async (q) => {
    await put(q, own)
    expect(await seen(q), 'kept from another transaction').toBe(0)
  })
  await inTransaction(async (first) => {
    await identify(first, viewer)
    const live = await sealed(first)
    await inTransaction(async (second) => {
      await put(second, live)
      expect(await seen(second), 'taken from another connection').toBe(0)
    })
  })
  await connected(world.appUrl, async (q) => {
    await q('BEGIN')
    await identify(q, viewer)
    const kept = await sealed(q)
    await q('COMMIT')
    await q('BEGIN')
    await put(q, kept)
    expect(await seen(q), 'kept for the next transaction').toBe(0)
    await q('ROLLBACK')
  })
})

test('who serves can neither read the key nor take over what reads it', async () => {
  for (const url of [world.appUrl, world.reportingUrl])
    for (const sql of [
      'SELECT key FROM caller_seals',
      'UPDATE caller_seals SET key = key',
      'ALTER FUNCTION identify_caller(text, uuid) OWNER TO CURRENT_USER',
      'ALTER VIEW caller OWNER TO CURRENT_USER',
    ])
      await expect(
        connected(url, (q) => q(sql)),
        sql,
      ).rejects.toMatchObject({ code: '42501' })
})
