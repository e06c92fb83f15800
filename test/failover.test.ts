// `bitcorp replica` as a person uses it: make a standby, run it, read from it, lose the primary, promote, go on; and never two primaries.
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildWhenStale, cleanUp, isAlive, makeFolder, nameOf, type Program, register, run, signIn, start, until } from './program.ts'

const [first, second, third] = [makeFolder(), makeFolder(), makeFolder()]
const [email, password] = ['ana@constructora.test', 'motoniveladora-al-alba-2026']
const names = new Map<string, string>()
let server: Program
let replica: Program
let url = ''
beforeAll(async () => {
  buildWhenStale()
  server = start(['serve'], first, { env: { BITCORP_DEMO: '0' } })
  url = await server.ready(120_000)
  const made = [
    await run(['company', 'add', 'Constructora'], first),
    await run(['user', 'add', email, '--name', 'Ana', '--company', 'Constructora', '--role', 'admin', '--password', '-'], first, { input: `${password}\n` }),
  ]
  expect(made.map(({ code, errors }) => [code, errors])).toEqual([
    [0, ''],
    [0, ''],
  ])
}, 200_000)
afterAll(cleanUp, 60_000)

/** Six write at once until told to stop; what was acknowledged is noted with its name. */
async function writeWhile(work: () => Promise<void>): Promise<void> {
  const session = await signIn(url, email, password)
  let done = false
  const writers = Array.from({ length: 6 }, async (_, n) => {
    for (let i = 0; !done; i++) {
      const name = `Máquina ${names.size} de ${n}.${i}`
      const made = await register(url, session, name).catch(() => undefined)
      if (made?.status === 201) names.set(made.id, name)
      await sleep(20)
    }
  })
  await work()
  done = true
  await Promise.all(writers)
}

async function lose(program: Program): Promise<void> {
  const database = program.databasePid()
  program.child.kill('SIGKILL')
  process.kill(database, 'SIGKILL')
  await program.ended()
  await until(() => !isAlive(database), 10_000)
}

async function expectAll(): Promise<void> {
  const session = await signIn(url, email, password)
  const missing: string[] = []
  for (const [id, name] of names) if ((await nameOf(url, session, id)) !== name) missing.push(name)
  expect([names.size > 0, missing]).toEqual([true, []])
}

const refused = async (words: string[], folder: string, sentence: RegExp, env: Record<string, string> = {}) => {
  const program = await run(words, folder, { env })
  expect([program.code, program.errors]).toEqual([1, expect.stringMatching(sentence)])
  expect(program.errors).not.toMatch(/\n\s+at /)
}

test('a standby is made while people write, keeps passwords from others, and runs beside the server', async () => {
  await writeWhile(async () => {
    const made = await run(['replica', 'add', second], first)
    expect([made.code, made.errors]).toEqual([0, expect.stringMatching(/MB are copied/)])
    expect(made.output).toMatch(/DATABASE_REPLICA_URL=postgresql:\/\/127\.0\.0\.1:\d+\/bitcorp_erp bitcorp serve/)
  })
  for (const name of ['secrets.json', 'keys.json', 'postgres/postgresql.auto.conf']) expect(statSync(join(second, name)).mode & 0o077).toBe(0)
  await refused(['replica', 'add', second], first, /is there already/)
  await refused(['replica', 'add', third], first, /own PostgreSQL.*pg_basebackup/, { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' })
  await refused(['serve'], second, /is a replica of .*`bitcorp replica promote/)
  await refused(['replica', 'promote', second], first, /runs. Stop it first/)
  replica = start(['replica', 'serve', second], first)
  expect(await replica.ready()).toMatch(/^DATABASE_REPLICA_URL=/)
})

test('the server is started again on another port: the standby finds it, reports are read there, status and doctor say so', async () => {
  await server.stop()
  const address = (await replica.ready()).replace('DATABASE_REPLICA_URL=', '')
  server = start(['serve'], first, { env: { DATABASE_REPLICA_URL: address } })
  url = await server.ready(120_000)
  const env = { DATABASE_REPLICA_URL: address }
  await until(async () => (await run(['replica', 'status'], first, { env })).code === 0, 60_000)
  const status = JSON.parse((await run(['replica', 'status', '--json'], first, { env })).output)
  expect(status).toMatchObject({ read: [{ state: 'up', last_error: null }], made: [{ dir: second, state: 'follows', needs: false }] })
  const session = await signIn(url, email, password)
  const read = async () => {
    await fetch(`${url}/api/v1/companies/${session.companyId}/fleet-value`, { headers: { cookie: session.cookie } })
    return Number(/^replica_reads_total\{replica="[^"]+"\} (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1])
  }
  await until(async () => (await read()) > 0, 60_000)
  const doctor = await run(['doctor'], first, { env: { DATABASE_REPLICA_URL: `${address},postgresql://x:hidden-secret@127.0.0.1:1/none` } })
  expect(doctor.code).toBe(1)
  expect(doctor.output).toMatch(/127\.0\.0\.1:1\/none.*down.*ECONNREFUSED/)
  expect(doctor.output).toMatch(/correct DATABASE_REPLICA_URL/)
  expect(doctor.output).not.toMatch(/hidden-secret/)
})

test('the primary is lost under load: promoted, the standby serves all that was acknowledged, and the old one stays away', async () => {
  await writeWhile(async () => {
    await sleep(2000)
    await lose(server)
  })
  const promoted = await run(['replica', 'promote', second], first)
  expect([promoted.code, promoted.output]).toEqual([0, expect.stringContaining(`BITCORP_DATA_DIR=${second} bitcorp serve`)])
  expect(await replica.ended()).toBe(0)
  expect(replica.output).toMatch(/It was promoted/)
  server = start(['serve'], second)
  url = await server.ready(120_000)
  await expectAll()

  await refused(['serve'], first, /was replaced by its replica .*two truths/)
  rmSync(join(first, 'replaced.json'))
  await refused(['serve'], first, /was replaced by its replica/)
  await refused(['replica', 'promote', second], first, /no replica that could be promoted/)
})

test('what the primary had never sent is read from its folder: a standby that did not run loses nothing', async () => {
  expect((await run(['replica', 'add', third, '--json'], second)).code).toBe(0)
  const before = names.size
  await writeWhile(async () => {
    await until(() => names.size >= before + 20, 60_000)
    await lose(server)
  })
  expect((await run(['replica', 'promote', third], second)).code).toBe(0)
  server = start(['serve'], third)
  url = await server.ready(120_000)
  await expectAll()
  const doctor = await run(['doctor'], third)
  expect([doctor.code, doctor.output]).toEqual([0, expect.stringMatching(/migrations/)])
})

test('a standby is taken away with what the primary kept for it; a folder that is none is not', async () => {
  const fourth = makeFolder()
  expect((await run(['replica', 'add', fourth], third)).code).toBe(0)
  expect((await run(['doctor'], third)).output).toMatch(/does not run: bitcorp replica serve .* are kept for it/)
  const other = makeFolder()
  writeFileSync(other, 'mine')
  await refused(['replica', 'remove', other], third, /is no replica of/)
  expect(existsSync(other)).toBe(true)
  rmSync(other)
  expect((await run(['replica', 'remove', fourth], third)).code).toBe(0)
  expect(existsSync(fourth)).toBe(false)
  expect((await run(['replica', 'status'], third)).output).toMatch(/None was made from this data folder/)
})
