// Who looks after the installation reads how its replicas are, and how to make the first one; others read why it is not for them.
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { createServer } from '../../src/server.ts'
import { freePort } from '../harness.ts'
import { openVisitor, setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const port = await freePort()
const stage = await setStage({ env: { DATABASE_REPLICA_URL: `postgresql://someone:hidden-secret@127.0.0.1:${port}/none` } })
const { world } = stage
await world.sqlAdmin((query) => query("SELECT put_installation_admin('admin@andina.test', true)"))
const place = `/c/${world.companies.andina.id}/installation/replicas`
const alone = await createServer(readConfig({ BITCORP_DATA_DIR: world.config.dataDir, BITCORP_LOG_LEVEL: 'fatal' }), world.db)
await alone.listen({ port: 0, host: '127.0.0.1' })
afterAll(() => alone.close())

test('a replica that does not answer is told of in words, with its error and without its password', async () => {
  const admin = await stage.visit({ language: 'es' })
  await admin.signIn('admin@andina.test')
  await admin.goTo(place)
  await admin.sees(admin.heading(admin.t('replicas.title')))
  await admin.sees(admin.heading(`127.0.0.1:${port}/none`))
  await admin.sees(admin.t('replicas.text_down'))
  await admin.sees(admin.main.getByText(/ECONNREFUSED/))
  expect(await admin.page.content()).not.toMatch(/hidden-secret|someone/)
  // A report is there all the same, and the page says where it was read.
  await admin.goTo(`/c/${world.companies.andina.id}/fleet-value`)
  await admin.sees(admin.t('valuation.none'))
  await admin.goTo(place)
  await admin.sees(admin.main.getByRole('cell', { name: admin.t('replicas.reason_down') }))
  await inspect(admin, 'a replica that does not answer')
})

test('a report from a replica that is behind says how old it is; another page does not', async () => {
  const manager = await stage.visit({ language: 'es' })
  await manager.signIn('manager@andina.test')
  // What a replica adds to its answer, as the server of this test has none that answers.
  await manager.page.route(/api.*fleet-value/, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, headers: { ...response.headers(), 'x-bitcorp-data-age': '12' } })
  })
  await manager.goTo(`/c/${world.companies.andina.id}/fleet-value`)
  await manager.sees(manager.t('web.data_age', { count: 12 }))
  await inspect(manager, 'a report of a while ago')
  await manager.open('web.nav_settings')
  await expect.poll(() => manager.page.getByText(manager.t('web.data_age', { count: 12 })).count()).toBe(0)
})

test('without any, the page teaches how to make the first one', async () => {
  const { port: other } = alone.server.address() as AddressInfo
  const admin = await openVisitor(stage.browser(), `http://127.0.0.1:${other}`, { language: 'en' })
  await admin.signIn('admin@andina.test')
  await admin.goTo(place)
  await admin.sees(admin.t('replicas.empty'))
  expect(await admin.main.getByLabel(admin.t('replicas.step_1'), { exact: true }).inputValue()).toBe('bitcorp replica add /mnt/disk2/replica')
  await inspect(admin, 'no replicas')
  expect(admin.faults).toEqual([])
})

test('others read why it is not for them', async () => {
  const manager = await stage.visit({ language: 'en', phone: true })
  await manager.signIn('manager@andina.test')
  await manager.goTo(place)
  await manager.sees(manager.t('replicas.refused'))
  await manager.sees(manager.t('web.may_not_installation'))
  await inspect(manager, 'replicas, refused')
})
