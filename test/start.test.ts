// What `npm start` promises: it starts, says where to go, stops cleanly, recovers from any kill, and refuses with one sentence.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statfsSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbedded } from '../src/base/embedded.ts'
import { buildWhenStale, cleanUp, isAlive, makeFolder, nameOf, type Program, register, root, run, signIn, start, until } from './program.ts'

beforeAll(buildWhenStale, 120_000)
afterAll(cleanUp)

const asRoot = process.getuid?.() === 0

/** One sentence on stderr, no stack, exit code 1. */
function expectRefusal(program: Program, sentence: RegExp): void {
  expect(program.errors).toMatch(sentence)
  expect(program.errors).not.toMatch(/\n\s+at |Error:/)
  expect(program.errors.trim().split('\n')).toHaveLength(1)
  expect(program.code).toBe(1)
}

describe('a data folder, from the first start on', () => {
  const folder = makeFolder()
  let machine = ''

  it('the first start shows its progress, where to go and how to sign in; the page and the API answer', async () => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    expect(program.output).toMatch(/Creating the database/)
    expect(program.output).toMatch(/Applying \d{11}/)
    await until(() => /sign in as admin@andina\.example.*password bitcorp-demo-2026/.test(program.output), 30_000)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await (await fetch(url)).text()).toMatch(/<div id="root">/)
    const made = await register(url, await signIn(url), 'Written before the stop')
    expect(made.status).toBe(201)
    machine = made.id
    expect(await program.stop()).toBe(0)
    expect(program.errors).toBe('')
  })

  it('from the second start on it is ready soon (it says how soon), and what was saved is there', async () => {
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const program = start(['serve'], folder)
      const url = await program.ready()
      times.push(Date.now() - program.began)
      expect(await nameOf(url, await signIn(url), machine)).toBe('Written before the stop')
      expect(await program.stop()).toBe(0)
    }
    // Told, not asserted: how long it takes is the machine's doing as much as the program's.
    process.stdout.write(`ready after ${times.join(', ')} ms\n`)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('%s stops server and database, though connections are kept open', async (signal) => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    const database = program.databasePid()
    const { port } = new URL(url)
    const idle = connect(Number(port), 'localhost').on('error', () => {})
    idle.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n')
    await new Promise((done) => idle.once('data', done))
    const half = connect(Number(port), 'localhost').on('error', () => {})
    half.write('POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
    const asked = Date.now()
    expect(await program.stop(signal)).toBe(0)
    // Less than a request may take: nobody was waited for.
    expect(Date.now() - asked).toBeLessThan(25_000)
    expect(isAlive(database)).toBe(false)
    expect(existsSync(join(folder, 'bitcorp.lock'))).toBe(false)
    idle.destroy()
    half.destroy()
  })

  it('SIGTERM to `npm start` reaches the program: it ends with 0 and leaves nothing running', async () => {
    const program = start([], folder, { npm: true })
    const url = await program.ready()
    const database = program.databasePid()
    expect(await program.stop()).toBe(0)
    expect(isAlive(database)).toBe(false)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('a second start on the folder is refused and the first goes on', async () => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    expectRefusal(await run(['serve'], folder), /already runs on the data folder .* Stop it first/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await program.stop()).toBe(0)
  })

  it('a taken port is refused before anything is touched', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => other.once('listening', done))
    const { port } = other.address() as { port: number }
    const fresh = makeFolder()
    expectRefusal(await run(['serve'], fresh, { env: { PORT: String(port) } }), new RegExp(`Port ${port} is taken.*PORT=`))
    expect(existsSync(fresh)).toBe(false)
    other.close()
  })

  it('kill -9 of the server: the next start ends the orphan and has all that was acknowledged', async () => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    const database = program.databasePid()
    const made = await register(url, await signIn(url), 'Written before the kill')
    program.child.kill('SIGKILL')
    await program.ended()
    expect(isAlive(database)).toBe(true)
    const next = start(['serve'], folder)
    const again = await next.ready()
    expect(isAlive(database)).toBe(false)
    expect(await nameOf(again, await signIn(again), made.id)).toBe('Written before the kill')
    expect(await next.stop()).toBe(0)
  })

  it('a log that nobody reads any more ends nothing', async () => {
    const program = start(['serve'], folder, { env: { BITCORP_LOG_LEVEL: 'info' } })
    const url = await program.ready()
    program.child.stdout?.destroy()
    const session = await signIn(url)
    for (let n = 0; n < 5; n++) {
      expect((await register(url, session, `Written unheard ${n}`)).status).toBe(201)
      await sleep(50)
    }
    expect(program.code).toBeUndefined()
    expect(await program.stop()).toBe(0)
  })

  it('kill -9 of the database: the server lives, answers 503 with Retry-After, and serves again by itself', async () => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    const session = await signIn(url)
    const made = await register(url, session, 'Written before the database died')
    process.kill(program.databasePid(), 'SIGKILL')
    const seen = new Map<number, string | null>()
    await until(async () => {
      const reply = await register(url, session, 'Written while it was away')
      seen.set(reply.status, reply.headers.get('retry-after'))
      return reply.status === 201 && seen.has(503)
    }, 60_000)
    expect([...seen.keys()].sort()).toEqual([201, 503])
    expect(Number(seen.get(503))).toBeGreaterThan(0)
    expect(await nameOf(url, session, made.id)).toBe('Written before the database died')
    expect(program.code).toBeUndefined()
    expect(await program.stop()).toBe(0)
  })

  it('kill -9 of both: the next start recovers', async () => {
    const program = start(['serve'], folder)
    const url = await program.ready()
    const made = await register(url, await signIn(url), 'Written before both died')
    process.kill(program.databasePid(), 'SIGKILL')
    program.child.kill('SIGKILL')
    await program.ended()
    const next = start(['serve'], folder)
    const again = await next.ready()
    expect(await nameOf(again, await signIn(again), made.id)).toBe('Written before both died')
    expect(await next.stop()).toBe(0)
  })
})

describe('a start that would let others in', () => {
  const proxy = { BITCORP_BEHIND_PROXY: '1' }
  it('without TLS is refused before anything is touched; with the demo before it is made', async () => {
    const fresh = makeFolder()
    expectRefusal(await run(['serve'], fresh, { env: { HOST: '0.0.0.0' } }), /HOST is 0\.0\.0\.0, which other machines reach, and nothing encrypts/)
    expect(existsSync(fresh)).toBe(false)
    expectRefusal(await run(['serve'], fresh, { env: proxy }), /the demo accounts it is about to make .* BITCORP_DEMO=0 begins without them/)
    const empty = start(['serve'], fresh, { env: { ...proxy, BITCORP_DEMO: '0' } })
    await empty.ready()
    expect(await empty.stop()).toBe(0)
  })

  it('with the demo accounts as they are is refused and found by doctor, and served where a switch says so', async () => {
    const folder = makeFolder()
    expect((await run(['demo'], folder)).code).toBe(0)
    expectRefusal(await run(['serve'], folder, { env: { ...proxy, BITCORP_DEMO: '0' } }), /everyone knows the password of its demo accounts \(admin@andina\.example.*BITCORP_ALLOW_DEMO_PUBLIC=1/)
    const doctor = await run(['doctor'], folder, { env: { ...proxy, HOST: '0.0.0.0' } })
    expect(doctor.code).toBe(1)
    expect(doctor.output).toMatch(/ok +address: serves 0\.0\.0\.0, with TLS in front/)
    expect(doctor.output).toMatch(/WRONG {2}demo accounts: .*\n +→ Give each another one/)
    const program = start(['serve'], folder, { env: { ...proxy, BITCORP_ALLOW_DEMO_PUBLIC: '1' } })
    await signIn(await program.ready())
    expect(program.output).toMatch(/CAREFUL: Other machines reach this server/)
    expect(await program.stop()).toBe(0)
  })
})

describe('a first start that is cut short', () => {
  it('by SIGTERM ends with 0, by kill -9 at any time leaves a folder that the next start brings to its end', async () => {
    const folder = makeFolder()
    const gentle = start(['serve'], folder)
    await until(() => /Creating the database/.test(gentle.output), 60_000)
    expect(await gentle.stop()).toBe(0)
    for (const words of [/Applying \d+/, /categories and machines/, /hand-overs and service/]) {
      const harsh = start(['serve'], folder)
      await until(() => words.test(harsh.output) || /ready/.test(harsh.output), 60_000)
      harsh.child.kill('SIGKILL')
      await harsh.ended()
    }
    const last = start(['serve'], folder)
    const url = await last.ready()
    const session = await signIn(url)
    const list = (await (await fetch(`${url}/api/v1/companies/${session.companyId}/assignments?open=true`, { headers: { cookie: session.cookie } })).json()) as { items: unknown[] }
    expect(list.items.length).toBeGreaterThan(0)
    expect(await last.stop()).toBe(0)
  })

  it('in the middle of initdb begins again', async () => {
    const folder = makeFolder()
    const program = start(['serve'], folder)
    await until(() => existsSync(join(folder, 'postgres', 'PG_VERSION')), 60_000)
    program.child.kill('SIGKILL')
    await program.ended()
    expect(existsSync(join(folder, 'initialising'))).toBe(true)
    const next = start(['serve'], folder, { env: { BITCORP_DEMO: '0' } })
    await next.ready()
    expect(existsSync(join(folder, 'initialising'))).toBe(false)
    await until(() => /No company yet/.test(next.output), 30_000)
    expect(await next.stop()).toBe(0)
  })
})

describe('what stands in the way of a start', () => {
  it('a folder that cannot be written', async () => {
    expectRefusal(await run(['serve'], join(root, 'package.json', 'data')), /The data folder .*package\.json\/data cannot be written/)
  })

  it('settings that mean nothing', async () => {
    expectRefusal(await run(['serve'], makeFolder(), { env: { PORT: 'http' } }), /PORT is "http"; it must be a whole number/)
    expectRefusal(await run(['serve'], makeFolder(), { env: { DATABASE_URL: 'mysql://x' } }), /DATABASE_URL is not a connection string/)
  })

  const small = makeFolder()
  const mount = (...args: string[]): boolean => spawnSync('mount', [...args, small]).status === 0
  if (asRoot) mkdirSync(small, { recursive: true })
  const make = ['-t', 'tmpfs', '-o', 'size=20m,mode=755', 'tmpfs']
  const canMount = asRoot && mount(...make) && spawnSync('umount', [small]).status === 0
  it.skipIf(!canMount)('a full disk, at the first start and later; with room again all is there', async () => {
    expect(mount(...make)).toBe(true)
    try {
      expectRefusal(await run(['serve'], small), /no space left on device|could not be created|disk is full/i)
      expect(mount('-o', 'remount,size=400m')).toBe(true)
      const program = start(['serve'], small)
      const url = await program.ready()
      const made = await register(url, await signIn(url), 'Written while there was room')
      expect(await program.stop()).toBe(0)
      const { bavail, bsize } = statfsSync(small)
      spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'filler')}`, 'bs=1M', `count=${Math.ceil((bavail * bsize) / 1048576)}`])
      expectRefusal(await run(['serve'], small), /no space left on device|disk is full/i)
      rmSync(join(small, 'filler'))
      const next = start(['serve'], small)
      const again = await next.ready()
      expect(await nameOf(again, await signIn(again), made.id)).toBe('Written while there was room')
      expect(await next.stop()).toBe(0)
    } finally {
      spawnSync('umount', ['-l', small])
    }
  })
})

describe('a PostgreSQL of one’s own', () => {
  let stop: () => Promise<void>
  let superuser = ''
  let owner = ''
  const none = makeFolder()
  beforeAll(async () => {
    const server = await startEmbedded(makeFolder(), () => {})
    stop = server.stop
    superuser = server.urls.superuser.replace(/\/[^/]*$/, '/postgres')
    const client = new pg.Client({ connectionString: superuser })
    await client.connect()
    await client.query("CREATE ROLE site_owner LOGIN CREATEROLE PASSWORD 'p@ss/word'")
    await client.query('CREATE DATABASE site_erp OWNER site_owner')
    await client.end()
    owner = superuser.replace(/\/\/[^@]+@/, '//site_owner:p%40ss%2Fword@').replace(/\/[^/]*$/, '/site_erp')
  })
  afterAll(() => stop?.())

  it('is filled and served by an owner who is no superuser, with nothing but keys and mail in the data folder', async () => {
    for (const demo of [/Making the demo companies/, /ready/]) {
      const program = start(['serve'], none, { env: { DATABASE_URL: owner } })
      const url = await program.ready()
      expect(program.output).toMatch(demo)
      expect((await signIn(url)).companyId).not.toBe('')
      expect(await program.stop()).toBe(0)
    }
    expect(readdirSync(none).filter((name) => name !== 'outbox')).toEqual(['keys.json'])
    const doctor = await run(['doctor'], none, { env: { DATABASE_URL: owner } })
    expect(doctor.code, doctor.output).toBe(0)
  })

  it('is refused with a sentence when host, password or name are wrong, or the serving user may too much', async () => {
    const env = (url: string, app?: string): { env: Record<string, string> } => ({ env: { DATABASE_URL: url, ...(app ? { DATABASE_APP_URL: app } : {}) } })
    expectRefusal(await run(['serve'], none, env(owner.replace('127.0.0.1', 'nowhere.invalid'))), /cannot be reached: .*nowhere\.invalid.*Check DATABASE_URL/)
    expectRefusal(await run(['serve'], none, env(owner.replace('p%40ss', 'wrong'))), /password authentication failed for user "site_owner"/)
    expectRefusal(await run(['serve'], none, env(owner.replace('site_erp', 'site_lost'))), /database "site_lost" does not exist/)
    expectRefusal(await run(['serve'], none, env(owner, superuser.replace(/\/[^/]*$/, '/site_erp'))), /passes row security by/)
  })

  it('that is newer than the program is left as it is', async () => {
    const client = new pg.Client({ connectionString: owner })
    await client.connect()
    await client.query('SET ROLE bitcorp_owner')
    await client.query("INSERT INTO schema_migrations (version, description, checksum) VALUES ('20991231001', 'from the future', 'x')")
    const before = (await client.query('SELECT max(applied_at)::text AS at FROM schema_logic')).rows
    expectRefusal(await run(['serve'], none, { env: { DATABASE_URL: owner } }), /newer than this program: it has migration 20991231001.*nothing was changed/)
    expect((await client.query('SELECT max(applied_at)::text AS at FROM schema_logic')).rows).toEqual(before)
    await client.query("DELETE FROM schema_migrations WHERE version = '20991231001'")
    await client.end()
  })
})

describe.skipIf(!asRoot)('who starts it', () => {
  it('root, with the data under a folder that nobody else may enter', async () => {
    const folder = join(makeFolder(), '..', 'closed')
    mkdirSync(folder, { mode: 0o700 })
    const data = join(folder, 'data')
    const program = start(['serve'], data, { env: { BITCORP_DEMO: '0' } })
    await program.ready()
    expect(await program.stop()).toBe(0)
    rmSync(realpathSync(join(data, 'postgres')), { recursive: true })
  })

  it('an ordinary user', async () => {
    const folder = join(makeFolder(), '..')
    spawnSync('chmod', ['777', folder])
    const reachable = spawnSync('test', ['-r', join(root, 'dist', 'cli.js')], { uid: 65534, gid: 65534 }).status === 0
    const program = start(['serve'], join(folder, 'data'), { uid: 65534, cwd: '/', env: { BITCORP_DEMO: '0' } })
    if (!reachable) return expect(await program.ended()).not.toBe(0)
    await program.ready()
    expect(await program.stop()).toBe(0)
  })
})
