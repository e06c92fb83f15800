// An administrator and what is secret: the tax id of the company, a person invited by mail who chooses a password, one made anonymous.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { changeTaxId, revealTaxId } from '../../src/features/companies/contract.ts'
import { root } from '../program.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

async function picture(visitor: Visitor, name: string): Promise<void> {
  mkdirSync(join(root, '.screenshots'), { recursive: true })
  await visitor.page.screenshot({ path: join(root, '.screenshots', `keys ${name}.png`), fullPage: true })
}
const link = () =>
  readdirSync(world.config.mailDir)
    .map((file) => readFileSync(join(world.config.mailDir, file), 'utf8').replace(/=\r\n/g, ''))
    .map((text) => /password#([\w-]{43})/.exec(text)?.[1] ?? '')
    .at(-1)

test.each(['es', 'en'] as const)('in %s: stores and shows the tax id, chooses working days, invites and makes anonymous', async (language) => {
  const admin = await stage.visit({ language })
  await admin.signIn('admin@andina.test')
  await admin.open('web.nav_settings')
  const group = admin.page.getByRole('group', { name: admin.t('companies.tax_id') })
  await group.getByRole('button', { name: admin.t(language === 'es' ? 'web.enter' : 'web.change') }).click()
  await admin.fill({ 'companies.tax_id': '20512345672' }, admin.dialog)
  await admin.sees(admin.t('companies.tax_id_doubt'))
  await inspect(admin, 'tax id dialog')
  await picture(admin, `dialog ${language}`)
  await admin.button('web.save', {}, admin.dialog).click()
  await admin.isTold(admin.t('companies.tax_id_saved'))
  await group.getByRole('button', { name: admin.t('web.reveal') }).click()
  await admin.sees(group.getByText('20512345672'))
  await inspect(admin, 'settings')
  await picture(admin, `settings ${language}`)
  await group.getByRole('button', { name: admin.t('web.hide') }).click()
  expect(await group.textContent()).not.toContain('20512345672')

  const [name, email] = [`Rosa ${language}`, `rosa-${language}@x.pe`]
  await admin.open('web.nav_people')
  await admin.button('access.person_add').click()
  await admin.fill({ 'access.email': email, 'access.full_name': name }, admin.dialog)
  await inspect(admin, 'inviting')
  await picture(admin, `invite ${language}`)
  await admin.button('access.person_add', {}, admin.dialog).click()
  await admin.isTold(admin.t('access.mail_kept', { email }))
  const rosa = await stage.visit({ language: 'es' })
  await rosa.goTo(`/password#${link()}`)
  await rosa.sees(rosa.t('access.link_page_text', { name, email }))
  await inspect(rosa, 'choosing a password')
  await picture(rosa, `password ${language}`)
  await rosa.fill({ 'access.new_password': 'una-clave-bien-larga' })
  await rosa.button('access.link_page_save').click()
  await rosa.isTold(rosa.t('access.link_page_done'))
  await rosa.signIn(email, 'una-clave-bien-larga')

  await admin.page.getByRole('button', { name: admin.t('access.actions_of', { name }) }).click()
  await picture(admin, `menu ${language}`)
  await admin.menuItem('access.anonymise').click()
  await inspect(admin, 'making anonymous')
  await picture(admin, `anonymise ${language}`)
  await admin.button('access.anonymise', {}, admin.dialog).click()
  await admin.isTold(admin.t('access.anonymised_done'))
  await expect.poll(() => admin.row(name).count()).toBe(0)
  await admin.page.context().close()
  await rosa.page.context().close()
})

test('a viewer sees dots, and why there is no more', async () => {
  const viewer = await stage.visit({ language: 'en' })
  await viewer.signIn('viewer@andina.test')
  await viewer.open('web.nav_settings')
  await viewer.sees('••••••••')
  await viewer.seesRefused(viewer.button('web.reveal'), viewer.reasonFor(revealTaxId, 'viewer'))
  await viewer.seesRefused(viewer.button('web.change'), viewer.reasonFor(changeTaxId, 'viewer'))
})
