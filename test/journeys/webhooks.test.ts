// Telling other programs what happens: an admin makes a webhook, tries it, looks at what was sent, and others see why they cannot.
import { beforeAll, expect, test } from 'vitest'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
let admin: Visitor
beforeAll(async () => {
  admin = await stage.visit({ language: 'es' })
  await admin.signIn('admin@andina.test')
})
const stored = async () => (await world.sqlAdmin((q) => q('SELECT name, url, is_active, is_deleted FROM webhooks ORDER BY created_at')))[0]

test('an admin makes one, whose secret is shown once; a private address is refused at its field', async () => {
  await admin.open('web.nav_settings')
  await admin.link('companies.webhooks').click()
  await admin.sees(admin.t('webhooks.empty'))
  await inspect(admin, 'no webhooks')
  await admin.button('webhooks.add').click()
  await admin.fill({ 'webhooks.name': 'Contabilidad', 'webhooks.url': 'https://192.168.1.20/in' }, admin.dialog)
  await admin.refused(/status of 422/, async () => {
    await admin.button('webhooks.add', {}, admin.dialog).click()
    await admin.sees(admin.dialog.getByText(admin.t('problems.webhook_address_private')).first())
  })
  await inspect(admin, 'a private address')
  await admin.fill({ 'webhooks.url': 'https://contabilidad.invalid/in' }, admin.dialog)
  await admin.button('webhooks.add', {}, admin.dialog).click()
  const secret = await admin.main.getByLabel(admin.t('webhooks.secret'), { exact: true }).inputValue()
  expect(secret).toMatch(/^whsec_/)
  await inspect(admin, 'the secret of a webhook')
  await admin.button('web.secret_kept').click()
  expect(await stored()).toMatchObject({ name: 'Contabilidad', url: 'https://contabilidad.invalid/in', is_active: true })
})

test('tries it and reads the answer, also in the log of deliveries', async () => {
  await admin.button('webhooks.test').click()
  await admin.sees(admin.main.getByRole('status').filter({ hasText: admin.t('webhooks.webhook_name_unknown') }))
  await inspect(admin, 'webhook tried')
  await admin.link('webhooks.log').click()
  await admin.sees(admin.heading(admin.t('webhooks.log_of', { name: 'Contabilidad' })))
  await admin.sees(admin.main.getByText(admin.t('webhooks.webhook_name_unknown')).first())
  await inspect(admin, 'deliveries')
  await admin.main.getByRole('link', { name: `← ${admin.t('webhooks.title')}` }).click()
})

test('switches it off, renews the secret, deletes it', async () => {
  await admin.button('webhooks.switch_off').click()
  await admin.sees(admin.main.getByText(admin.t('webhooks.off'), { exact: true }))
  expect(await stored()).toMatchObject({ is_active: false })
  await admin.button('webhooks.renew').click()
  await inspect(admin, 'renewing a secret')
  await admin.button('webhooks.renew', {}, admin.dialog).click()
  await admin.sees(admin.t('webhooks.renewed_text'))
  await admin.button('web.secret_kept').click()
  await admin.button('webhooks.delete').click()
  await admin.button('webhooks.delete', {}, admin.dialog).click()
  await admin.isTold(admin.t('webhooks.deleted', { name: 'Contabilidad' }))
  expect(await stored()).toMatchObject({ is_deleted: true })
})

test('a manager reads, in English, why there is nothing here', async () => {
  const manager = await stage.visit({ language: 'en' })
  await manager.signIn('manager@andina.test')
  await manager.open('web.nav_settings')
  await manager.link('companies.webhooks').click()
  await manager.sees(manager.heading(manager.t('webhooks.title')))
  await manager.sees(manager.t('history.refused'))
  await inspect(manager, 'webhooks, refused')
})
