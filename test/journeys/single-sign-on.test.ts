// Signing in through the organisation, with a real provider: the button, its forms, back where one was going; and a stranger reads why not.
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { createServer } from '../../src/server.ts'
import { freePort } from '../harness.ts'
import { type Claims, startProvider } from '../identity-provider.ts'
import { openVisitor, setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const people: Record<string, Claims> = { ana: { email: 'manager@andina.test', email_verified: true }, someone: { email: 'someone@elsewhere.pe', email_verified: true } }
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const provider = await startProvider(url, people)
const app = await createServer(readConfig({ BITCORP_DATA_DIR: world.config.dataDir, BITCORP_LOG_LEVEL: 'fatal', ...provider.env }), world.db)
await app.listen({ port, host: '127.0.0.1' })
afterAll(async () => {
  app.server.closeAllConnections()
  await app.close()
  await provider.close()
})
const name = new URL(provider.issuer).host
// The provider's page asks the network for a font.
const fontless = (visitor: Visitor) => visitor.page.route('**/fonts.googleapis.com/**', (route) => route.fulfill({ contentType: 'text/css', body: '' }))
const giveName = async (visitor: Visitor, login: string) => {
  await visitor.page.getByPlaceholder('Enter any login').fill(login)
  await visitor.page.getByPlaceholder('and password').fill('any')
  await visitor.page.getByRole('button', { name: 'Sign-in' }).click()
  await visitor.page.getByRole('button', { name: 'Continue' }).click()
}

test('a manager comes in through the organisation, to the page they were going to', async () => {
  expect((app.server.address() as AddressInfo).port).toBe(port)
  const manager = await openVisitor(stage.browser(), url, { language: 'es' })
  await manager.goTo('/sign-in')
  const button = manager.page.getByRole('link', { name: manager.t('single_sign_on.button', { provider: name }) })
  await manager.sees(button)
  await inspect(manager, 'sign-in with a provider')
  await manager.goTo(`/c/${world.companies.andina.id}/people`)
  await fontless(manager)
  await button.click()
  await giveName(manager, 'ana')
  await manager.page.getByRole('banner').waitFor()
  await manager.sees(manager.heading(manager.t('web.nav_people')))
  expect(manager.faults).toEqual([])
})

test('a stranger reads in English that there is no account, and may use a password', async () => {
  const stranger = await openVisitor(stage.browser(), url, { language: 'en' })
  await fontless(stranger)
  await stranger.goTo('/sign-in')
  await stranger.page.getByText('English', { exact: true }).click()
  await stranger.page.getByRole('link', { name: stranger.t('single_sign_on.button', { provider: name }) }).click()
  await giveName(stranger, 'someone')
  await stranger.sees(stranger.t('single_sign_on.sso_stranger'))
  await inspect(stranger, 'sign-in, a stranger')
  await stranger.signIn('viewer@andina.test')
  expect(stranger.faults).toEqual([])
})
