// What other machines reach: when a server refuses to start, and what switches that off.
import { hash } from '@node-rs/argon2'
import { expect, it } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { readConfig } from '../../base/config.ts'
import { asOwner } from '../../base/owner.ts'
import { demoPassword, everyDemoAccount } from './demo.ts'
import { exposedDemo, exposedInTheClear, plainConnections, refuseExposure } from './exposure.ts'

const world = await createWorld()
const behindProxy = { BITCORP_BEHIND_PROXY: '1' }
const quick = { memoryCost: 1024, timeCost: 1 }

it('a public address without TLS in front is refused, and served loudly where a switch says so', () => {
  for (const HOST of ['0.0.0.0', '::', '192.168.1.7', 'erp.example.com']) {
    expect(() => refuseExposure(exposedInTheClear(readConfig({ HOST })), () => {}), HOST).toThrow(
      /Put a proxy with TLS in front and set BITCORP_BEHIND_PROXY=1; BITCORP_ALLOW_HTTP=1 serves all the same/,
    )
    expect(exposedInTheClear(readConfig({ HOST, ...behindProxy }))).toBeUndefined()
    const said: string[] = []
    refuseExposure(exposedInTheClear(readConfig({ HOST, BITCORP_ALLOW_HTTP: '1' })), (line) => said.push(line))
    expect(said).toEqual([expect.stringMatching(new RegExp(`^CAREFUL: HOST is ${HOST}.*because of BITCORP_ALLOW_HTTP=1`))])
  }
  expect(exposedInTheClear(readConfig({ HOST: '127.0.0.1' }))).toBeUndefined()
})

it('a connection to another machine that nothing encrypts is told, by its setting, and its password is not', () => {
  const told = (env: Record<string, string>) => plainConnections(readConfig(env))
  const pg = 'postgresql://app:hidden@db.example.com:5432/bitcorp'
  const all = told({
    DATABASE_URL: pg,
    DATABASE_APP_URL: `${pg}?sslmode=prefer`,
    BITCORP_BACKUP_URL: `${pg}?sslmode=disable`,
    DATABASE_REPLICA_URL: `${pg},${pg}?sslmode=require`,
    BITCORP_SMTP_URL: 'smtp://me:hidden@mail.example.com',
  })
  expect(all).toEqual([
    'DATABASE_URL (db.example.com): add sslmode=verify-full',
    'DATABASE_APP_URL (db.example.com): add sslmode=verify-full',
    'BITCORP_BACKUP_URL (db.example.com): add sslmode=verify-full',
    'DATABASE_REPLICA_URL (db.example.com): add sslmode=verify-full',
    'BITCORP_SMTP_URL (mail.example.com): use smtps://, or add ?requireTLS=true',
  ])
  for (const DATABASE_URL of [
    'postgresql://a@127.0.0.1/b',
    'postgresql://a@localhost/b',
    'postgresql://a@[::1]/b',
    'postgresql:///b?host=/var/run/postgresql',
    `${pg}?sslmode=verify-full`,
    `${pg}?ssl=true`,
  ])
    expect(told({ DATABASE_URL }), DATABASE_URL).toEqual([])
  for (const BITCORP_SMTP_URL of ['smtp://localhost:25', 'smtps://u:p@mail.example.com', 'smtp://mail.example.com:587?requireTLS=true'])
    expect(told({ BITCORP_SMTP_URL }), BITCORP_SMTP_URL).toEqual([])
})

it('a demo account counts while it is active and the published password opens it', async () => {
  const look = (env: Record<string, string>) => exposedDemo(readConfig(env), world.ownerUrl)
  expect(await look(behindProxy), 'companies, but none of the demo').toBeUndefined()
  const put = (text: string, values: unknown[]) => asOwner(world.ownerUrl, (owner) => owner.query(text, values))
  expect(everyDemoAccount.length).toBeGreaterThan(10)
  for (const email of everyDemoAccount) {
    await put("SELECT put_user($1, 'Demo', $2, 'es')", [email, await hash(demoPassword, quick)])
    const found = await look(behindProxy)
    expect(found?.what, email).toContain(email)
    expect(() => refuseExposure(found, () => {})).toThrow(/BITCORP_ALLOW_DEMO_PUBLIC=1 serves all the same/)
    expect(await look({ HOST: '0.0.0.0', BITCORP_ALLOW_HTTP: '1' })).toBeDefined()
    expect(await look({}), 'this machine alone').toBeUndefined()
    expect((await look({ ...behindProxy, BITCORP_ALLOW_DEMO_PUBLIC: '1' }))?.allowed).toBe(true)
    await put('SELECT put_password($1, $2)', [email, await hash('another one, chosen here', quick)])
    expect(await look(behindProxy), email).toBeUndefined()
  }
  const [first] = everyDemoAccount
  await put('SELECT put_password($1, $2)', [first, await hash(demoPassword, quick)])
  await put("SELECT set_account_status($1, 'deactivated')", [first])
  expect(await look(behindProxy), 'deactivated').toBeUndefined()
})
