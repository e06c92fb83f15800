// A person sets up a second factor with the QR code, signs in with it, loses the phone, looks where they are signed in, switches it off; a company demands it.
import { generateSync } from 'otplib'
import { beforeAll, expect, test } from 'vitest'
import { password } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const email = 'manager@andina.test'
let person: Visitor
let secret = ''
let recovery: string[] = []
const code = () => generateSync({ secret })
const forgetStep = () => world.sqlAdmin((q) => q('UPDATE totp_secrets SET last_step = 1'))
const openAccount = async (visitor: Visitor, key: string) => {
  await visitor.openAccountMenu()
  await visitor.menuItem('web.account').click()
  await visitor.sees(visitor.heading(visitor.t('web.account')))
  await visitor.link(key).click()
}
/** The first step of a sign-in: the page then asks for the code. */
const enterPassword = async (visitor: Visitor) => {
  await visitor.field('access.email').fill(email)
  await visitor.field('access.password').fill(password)
  await visitor.refused(/status of 401 .*\/api\/v1\/session\)$/, () => visitor.button('access.sign_in').click())
  await visitor.sees(visitor.t('second_factor.ask'))
}

beforeAll(async () => {
  person = await stage.visit({ language: 'es' })
  await person.signIn(email)
})

test('sets it up: password, QR code, a wrong code refused at its field, recovery codes shown once', async () => {
  await openAccount(person, 'second_factor.title')
  await person.sees(person.t('second_factor.off_text'))
  await inspect(person, 'second factor, off')
  await person.button('second_factor.begin').click()
  await person.field('second_factor.password', person.dialog).fill(password)
  await person.button('second_factor.begin', {}, person.dialog).click()
  await person.sees(person.page.getByRole('img', { name: person.t('second_factor.qr') }))
  secret = await person.field('second_factor.secret').inputValue()
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  await inspect(person, 'second factor, QR code')
  await person.field('second_factor.code').fill('000000')
  await person.refused(/status of 422/, () => person.button('second_factor.confirm').click())
  await person.sees(person.t('problems.totp_wrong'))
  await person.field('second_factor.code').fill(code())
  await person.button('second_factor.confirm').click()
  await person.sees(person.heading(person.t('second_factor.codes_title')))
  recovery = await person.main.locator('.recovery-codes code').allInnerTexts()
  expect(recovery.length).toBe(10)
  await inspect(person, 'recovery codes')
  await person.button('web.secret_kept').click()
  await person.sees(person.t('second_factor.codes_left', { count: 10 }))
})

test('signs in with password and code; a wrong code is refused, a recovery code helps, in both languages', async () => {
  await person.signOut()
  await enterPassword(person)
  await inspect(person, 'sign-in, code asked')
  await person.field('second_factor.code_or_recovery').fill('000000')
  await person.refused(/status of 401/, () => person.button('access.sign_in').click())
  await person.sees(person.t('problems.totp_wrong'))
  await forgetStep()
  await person.field('second_factor.code_or_recovery').fill(code())
  await person.button('access.sign_in').click()
  await person.page.getByRole('banner').waitFor()

  const lost = await stage.visit({ language: 'en' })
  await lost.goTo('/sign-in')
  await lost.page.getByText('English', { exact: true }).click()
  await enterPassword(lost)
  await lost.field('second_factor.code_or_recovery').fill(recovery[0] ?? '')
  await lost.button('access.sign_in').click()
  await lost.page.getByRole('banner').waitFor()
  await openAccount(lost, 'second_factor.title')
  await lost.sees(lost.t('second_factor.codes_left', { count: 9 }))
  await inspect(lost, 'second factor, on')
  await lost
    .link('web.account', {}, lost.main)
    .or(lost.main.getByRole('link', { name: `← ${lost.t('web.account')}` }))
    .click()
  await lost.link('access.sessions_open').click()
  await lost.sees(lost.t('sessions.this_one'))
  await lost.sees(lost.t('sessions.subtitle'))
  await inspect(lost, 'where signed in')
  await lost.button('sessions.end_others').click()
  await lost.button('sessions.end_others', {}, lost.dialog).click()
  await lost.sees(lost.t('sessions.only_here'))
  await person.goTo('/')
  await person.button('access.sign_in').waitFor()

  await openAccount(lost, 'second_factor.title')
  await lost.button('second_factor.end').click()
  await lost.field('second_factor.password', lost.dialog).fill(password)
  await lost.field('second_factor.code_or_recovery', lost.dialog).fill(recovery[1] ?? '')
  await lost.button('second_factor.end', {}, lost.dialog).click()
  await lost.sees(lost.t('second_factor.off_text'))
})

test('where the administrator demands it, a manager is told so after the password, sets it up, and gets to the machines', async () => {
  expect((await world.as('sur', 'manager').post('/equipment', { name: 'Rodillo', ownership: 'rented' })).status).toBe(201)
  const admin = await stage.visit({ language: 'en' })
  await admin.signIn('admin@sur.test')
  await admin.open('web.nav_settings')
  await admin.field('companies.second_factor').check()
  await admin.button('web.save').click()
  await admin.isTold(admin.t('companies.saved'))
  // It concerns who saved as well.
  await admin.sees(admin.t('second_factor.demanded'))
  await inspect(admin, 'second factor, demanded')

  const manager = await stage.visit({ language: 'es', phone: true })
  await manager.signIn('manager@sur.test')
  await manager.sees(manager.t('second_factor.demanded'))
  await manager.goTo(`/c/${world.companies.sur.id}/equipment`)
  await manager.sees(manager.t('second_factor.demanded'))
  expect(await manager.button('web.menu').count(), 'ways that only lead back').toBe(0)
  await inspect(manager, 'second factor, demanded, on a phone')
  await manager.button('second_factor.begin').click()
  await manager.field('second_factor.password', manager.dialog).fill(password)
  await manager.button('second_factor.begin', {}, manager.dialog).click()
  const shown = await manager.field('second_factor.secret').inputValue()
  await manager.field('second_factor.code').fill(generateSync({ secret: shown }))
  await manager.button('second_factor.confirm').click()
  await manager.sees(manager.heading(manager.t('second_factor.codes_title')))
  await inspect(manager, 'recovery codes on a phone')
  await manager.button('web.secret_kept').click()
  await manager.sees(manager.t('second_factor.codes_left', { count: 10 }))
  await manager.open('web.nav_equipment')
  await manager.seesRows(['Rodillo'])
})
