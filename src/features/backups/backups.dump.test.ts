// Your own server: Debian's PostgreSQL 15 with its client programs. The same SQL runs there, its dump is proven, and an empty cluster takes it.
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { quiet } from '../../../test/backups.ts'
import { connected } from '../../../test/harness.ts'
import { bin, checksOf, isHere, OwnServers, withApp } from '../../../test/own-server.ts'
import type { Config } from '../../base/config.ts'
import { demoPassword, loadDemo } from '../operations/demo.ts'
import { firstDifference } from './checks.ts'
import { loadDump } from './dump.ts'
import { recover } from './recover.ts'
import { findPrograms, makePlace } from './scratch.ts'
import { backUp, openShelf } from './take.ts'

const servers = new OwnServers()
const { folder } = servers
const path = process.env.PATH ?? ''
const message = (work: Promise<unknown>) => work.then(() => 'done').catch((error: Error) => error.message)
const configOf = (url: string, more: Record<string, string> = {}): Config => servers.config(url, more)
const makeServer = async (name: string): Promise<string> => (await servers.make(name)).url
const keyFile = join(folder, 'backup.key')

let url = ''
beforeAll(async () => {
  if (!isHere) return
  mkdirSync(join(folder, 'data'))
  writeFileSync(keyFile, `${'0f'.repeat(32)}\n`, { mode: 0o600 })
  url = await makeServer('first')
  await withApp(configOf(url), (app, owner) => loadDemo(app, owner, quiet))
}, 240_000)

test.skipIf(!isHere)(
  'a dump with roles and schema is proven, and an empty cluster that takes it serves the same people',
  async () => {
    const shelf = openShelf(configOf(url))
    const made = await backUp(configOf(url), url, shelf, quiet)
    expect(made).toMatchObject({ state: 'proven', reason: null })
    expect(made?.manifest).toMatchObject({ kind: 'dump', major: 15, encrypted: false })
    expect(readdirSync(made?.folder ?? '').sort()).toEqual(['checks.tar.gz', 'database.dump', 'manifest.json', 'proof.json', 'roles.sql', 'schema.sql'])
    const roles = readFileSync(join(made?.folder ?? '', 'roles.sql'), 'utf8')
    expect(roles).toContain('CREATE ROLE application_user')
    expect(roles).not.toMatch(/PASSWORD '/)

    const second = await makeServer('second')
    if (!made) return
    const done = await loadDump(configOf(second), second, shelf, made, quiet)
    expect(done).toEqual({ rows: made.manifest?.rows, tables: made.manifest?.tables })
    expect(await message(loadDump(configOf(second), second, shelf, made, quiet))).toMatch(/holds tables\. A dump goes into an empty one/)
    const reply = await withApp(configOf(second), (app) => app.inject({ method: 'POST', url: '/api/v1/session', payload: { email: 'manager@andina.example', password: demoPassword } }))
    expect([reply.statusCode, reply.json().companies[0].name]).toEqual([200, 'Constructora Andina'])
    const [one, two] = [await checksOf(url), await checksOf(second)]
    // The second has been signed in to; what an expression looks like after it was read again is not compared letter by letter.
    const ofDatabase = (lines: string[] | undefined) => lines?.filter((line) => !line.startsWith('database'))
    for (const kind of ['roles', 'grants', 'extensions', 'tables']) expect(ofDatabase(two.catalogue[kind]), kind).toEqual(ofDatabase(one.catalogue[kind]))
    for (const kind of ['policies', 'triggers', 'constraints', 'indexes', 'functions']) expect(two.catalogue[kind]?.length, kind).toBe(one.catalogue[kind]?.length)
    for (const table of ['public.equipment', 'public.domain_events', 'public.equipment_assignments']) expect(two.tables[table], table).toEqual(one.tables[table])
    // Loosely is not blindly: another value in a rule is told.
    const other = { ...one, catalogue: { ...one.catalogue, constraints: (one.catalogue.constraints ?? []).map((line) => line.replace("'suspended'", "'suspendid'")) } }
    expect(firstDifference(one, other, { loosely: true })).toMatch(/^constraints: missing.*suspended/)
  },
  300_000,
)

test.skipIf(!isHere)(
  'a role that row security holds back is refused before anything is written, and told what is needed',
  async () => {
    await connected(url, (q) => q('CREATE ROLE plain LOGIN IN ROLE pg_read_all_data'))
    const held = new URL(url)
    held.username = 'plain'
    const shelf = openShelf(configOf(url))
    const before = shelf.list().length
    expect(await message(backUp(configOf(url), held.href, shelf, quiet))).toMatch(/row security holds plain back: its dump would miss rows.*BYPASSRLS/)
    expect(shelf.list().length).toBe(before)
    await connected(url, (q) => q('ALTER ROLE plain BYPASSRLS'))
    expect((await backUp(configOf(url), held.href, shelf, quiet))?.state).toBe('proven')
  },
  300_000,
)

test.skipIf(!isHere)(
  'a dump that was cut short after it was made is never loaded nor proven',
  async () => {
    const shelf = openShelf(configOf(url))
    const newest = shelf.newestProven()
    if (!newest) throw new Error('no dump')
    const path = join(newest.folder, 'database.dump')
    truncateSync(path, 1000)
    expect(await message(loadDump(configOf(url), url, shelf, newest, quiet))).toMatch(/holds tables/)
    const third = await makeServer('third')
    expect(await message(loadDump(configOf(third), third, shelf, newest, quiet))).toContain(`${path} is damaged`)
  },
  120_000,
)

test.skipIf(!isHere)(
  'its files, encrypted: proven by a server of its own version; without the key, or with another, nothing is to be had',
  async () => {
    const config = configOf(url, { BITCORP_BACKUP_KEY_FILE: keyFile })
    const shelf = openShelf(config)
    const made = await backUp(config, url, shelf, quiet, () => true, 'base')
    expect(made).toMatchObject({ state: 'proven', manifest: { kind: 'base', encrypted: true, major: 15 } })
    if (!made) return
    expect(readFileSync(join(made.folder, 'base.tar.gz')).subarray(0, 4).toString()).toBe('BCV1')
    expect(openShelf(configOf(url)).find(made.id)).toMatchObject({ state: 'damaged', reason: expect.stringContaining('BITCORP_BACKUP_KEY_FILE') })
    writeFileSync(join(folder, 'other.key'), 'ab'.repeat(32), { mode: 0o600 })
    expect(openShelf(configOf(url, { BITCORP_BACKUP_KEY_FILE: join(folder, 'other.key') })).find(made.id)).toMatchObject({ state: 'damaged', reason: expect.stringContaining('another key') })
    const place = makePlace(join(folder, 'data'))
    try {
      const recovering = await recover({ shelf, backup: made, place, sources: { archive: undefined, oldLog: undefined }, target: {}, path, say: quiet })
      try {
        expect(firstDifference(recovering.checks, await checksOf(recovering.scratch.url('bitcorp')))).toBeUndefined()
      } finally {
        await recovering.scratch.stop('immediate')
        await recovering.finish()
      }
    } finally {
      place.remove()
    }
  },
  300_000,
)

test('a program of another version than the server is not taken', () => {
  expect(findPrograms('pg_dump', 99, path)).toBeUndefined()
  if (isHere) expect(findPrograms('pg_dump', 15, path)).toBe(bin)
})
