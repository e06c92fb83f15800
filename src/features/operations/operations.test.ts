// What other machines reach: when a server refuses to start, and what switches that off.
import { hash } from '@node-rs/argon2'
import { expect, it } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { readConfig } from '../../base/config.ts'
import { asOwner } from '../../base/owner.ts'
import { demoPassword, everyDemoAccount } from './demo.ts'
import { exposedDemo, exposedInTheClear, refuseExposure } from './exposure.ts'

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
