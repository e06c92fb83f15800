// Who looks after a company, in English: its category tree, its people, its settings, its tokens, and what the records say of all that.
import { beforeAll, describe, expect, test } from 'vitest'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const category = async (name: string) =>
  (await world.sqlAdmin((query) => query('SELECT c.*, p.name AS parent FROM equipment_categories c LEFT JOIN equipment_categories p ON p.id = c.parent_id WHERE c.name = $1', [name])))[0]
const member = async (email: string) => (await world.sqlAdmin((query) => query('SELECT r.* FROM user_company_roles r JOIN users u ON u.id = r.user_id WHERE u.email = $1', [email])))[0]

let admin: Visitor
beforeAll(async () => {
  admin = await stage.visit({ language: 'en' })
  await admin.signIn('admin@andina.test')
})

describe('an admin and the category tree', () => {
  const inTree = (name: string) => admin.page.getByRole('treeitem').filter({ hasText: name }).locator('.tree-name')
  const add = async (values: Record<string, string>) => {
    await admin.fill(values)
    await admin.button('categories.add').click()
    await admin.isTold(admin.t('categories.added', { name: values['categories.name'] ?? '' }))
  }

  test('grows it: two at the top, one below with its code and fields', async () => {
    await admin.open('web.nav_categories')
    await admin.sees(admin.heading(admin.t('categories.empty_title')))
    await inspect(admin, 'no categories')
    await admin.link('categories.add').first().click()
    await add({ 'categories.name': 'Earth moving', 'categories.interval': '90' })
    await admin.link('categories.add').first().click()
    await add({ 'categories.name': 'Paving' })
    await inTree('Earth moving').click()
    await admin.link('categories.add_below').click()
    await admin.button('categories.field_add').click()
    await admin.fill({ 'categories.field_label': 'Bucket capacity' })
    await admin.choose('categories.field_type', admin.t('categories.type_number'))
    await admin.fill({ 'categories.field_unit': 'm³' })
    await inspect(admin, 'new category')
    await add({ 'categories.name': 'Excavators', 'categories.type_code': 'ex' })
    await inspect(admin, 'category tree')
    expect(await category('Excavators')).toMatchObject({
      parent: 'Earth moving',
      type_code: 'EX',
      specification_template: [{ key: 'bucket_capacity', label: 'Bucket capacity', type: 'number', unit: 'm³' }],
    })
    expect(await category('Earth moving')).toMatchObject({ maintenance_interval_days: 90 })
  })

  test('moves a branch; below itself is refused', async () => {
    await admin.button('categories.move').click()
    await admin.dialog.locator('.tree-name', { hasText: 'Paving' }).click()
    await admin.sees(admin.t('categories.move_result', { parent: 'Paving' }))
    await inspect(admin, 'moving')
    await admin.button('categories.move', {}, admin.dialog).click()
    await admin.isTold(admin.t('categories.moved', { name: 'Excavators' }))
    expect(await category('Excavators')).toMatchObject({ parent: 'Paving' })
    await inTree('Paving').click()
    await admin.sees(admin.main.getByRole('heading', { name: 'Paving' }))
    await admin.button('categories.move').click()
    await admin.dialog.locator('.tree-name', { hasText: 'Excavators' }).click()
    await admin.sees(admin.t('problems.category_no_circle'))
    await admin.button('categories.move', {}, admin.dialog).click()
    await admin.sees(admin.t('problems.category_no_circle'))
    await inspect(admin, 'moving refused')
    await admin.button('web.cancel', {}, admin.dialog).click()
    expect(await category('Paving')).toMatchObject({ parent: null, version: 1 })
  })
})

describe('an admin and the people', () => {
  const act = async (name: string, key: string) => {
    await admin.button('access.actions_of', { name }).click()
    await admin.menuItem(key).click()
  }

  test('adds a person, who signs in with the first password', async () => {
    await admin.open('web.nav_people')
    await inspect(admin, 'people')
    await admin.button('access.person_add').click()
    await admin.fill({ 'access.email': 'ana@andina.test', 'access.full_name': 'Ana Quispe' }, admin.dialog)
    await admin.dialog.getByRole('radio', { name: admin.t('web.role_manager') }).check()
    await admin.button('access.generate').click()
    await inspect(admin, 'adding a person')
    await admin.button('access.person_add', {}, admin.dialog).click()
    const secret = await admin.main.getByLabel(admin.t('access.first_password'), { exact: true }).inputValue()
    await inspect(admin, 'the first password')
    await admin.button('web.secret_kept').click()
    await admin.sees(admin.row('Ana Quispe'))
    // Her account begins in the language of who made it.
    const ana = await stage.visit({ language: 'en' })
    await ana.signIn('ana@andina.test', secret)
    await ana.sees(ana.main.getByText(ana.t('access.given_password')))
    await inspect(ana, 'a password to change first')
    await ana.goTo(`/c/${world.companies.andina.id}/equipment`)
    await ana.sees(ana.main.getByText(ana.t('access.given_password')))
    await ana.fill({ 'access.current_password': secret, 'access.new_password': 'cuatro palabras sueltas' })
    await ana.button('access.change_password').click()
    await ana.isTold(ana.t('access.password_saved'))
    await ana.goTo('/')
    await ana.sees(ana.heading(ana.t('equipment.home_hello', { name: 'Ana' })))
    await ana.page.context().close()
  })

  test('changes a role and ends a membership', async () => {
    await act('Ana Quispe', 'access.person_change')
    await admin.dialog.getByRole('radio', { name: admin.t('web.role_viewer') }).check()
    await inspect(admin, 'changing a person')
    await admin.button('web.save', {}, admin.dialog).click()
    await admin.isTold(admin.t('access.person_saved', { name: 'Ana Quispe' }))
    expect(await member('ana@andina.test')).toMatchObject({ role: 'viewer', is_active: true })
    await act('Ana Quispe', 'access.person_end')
    await inspect(admin, 'ending a membership')
    await admin.button('access.person_end', {}, admin.dialog).click()
    await admin.isTold(admin.t('access.person_ended', { name: 'Ana Quispe' }))
    expect(await member('ana@andina.test')).toMatchObject({ is_active: false })
  })

  test('cannot end the last administrator', async () => {
    await act('admin de andina', 'access.person_end')
    await admin.refused(/status of (409|422)/, async () => {
      await admin.button('access.person_end', {}, admin.dialog).click()
      await admin.sees(admin.dialog.getByRole('alert').filter({ hasText: admin.t('problems.ucr_last_admin') }))
    })
    await inspect(admin, 'last administrator')
    await admin.button('web.cancel', {}, admin.dialog).click()
    expect(await member('admin@andina.test')).toMatchObject({ is_active: true, role: 'admin' })
  })
})

describe('an admin and the company', () => {
  test('changes its name and currency', async () => {
    await admin.open('web.nav_settings')
    await inspect(admin, 'settings')
    await admin.fill({ 'companies.name': '', 'companies.city': 'Juliaca' })
    await admin.button('web.save').click()
    await admin.sees(admin.t('problems.companies_name_not_empty'))
    await admin.fill({ 'companies.name': 'Andina Roads' })
    await admin.choose('companies.currency', /^USD/, admin.page, 'USD')
    await admin.button('web.save').click()
    await admin.isTold(admin.t('companies.saved'))
    const [stored] = await world.sqlAdmin((query) => query('SELECT name, address, settings FROM companies WHERE id = $1', [world.companies.andina.id]))
    expect(stored).toMatchObject({ name: 'Andina Roads', address: { city: 'Juliaca' }, settings: { currency: 'USD' } })
    await admin.sees(admin.page.getByRole('banner').getByText('Andina Roads'))
  })

  test('makes a token that works, and ends it', async () => {
    await admin.openAccountMenu()
    await inspect(admin, 'account menu')
    await admin.menuItem('web.account').click()
    await admin.sees(admin.heading(admin.t('access.change_password')))
    await inspect(admin, 'account')
    await admin.link('access.tokens').click()
    await admin.button('access.token_add').first().click()
    await admin.fill({ 'access.token_name': 'Telemetry' }, admin.dialog)
    await inspect(admin, 'new token')
    await admin.button('access.token_add', {}, admin.dialog).click()
    const token = await admin.main.getByLabel(admin.t('access.token_secret'), { exact: true }).inputValue()
    await inspect(admin, 'tokens')
    const call = async () => (await world.withToken('andina', token).get('/equipment')).status
    expect(await call()).toBe(200)
    await admin.button('web.secret_kept').click()
    await admin.button('access.token_revoke_of', { name: 'Telemetry' }).click()
    await inspect(admin, 'ending a token')
    await admin.button('access.token_revoke', {}, admin.dialog).click()
    await admin.sees(admin.row('Telemetry').getByText(admin.t('access.token_revoked')))
    expect(await call()).toBe(401)
  })

  test('reads in events and audit what happened', async () => {
    await admin.open('web.nav_history')
    await admin.sees(admin.main.locator('.entry').filter({ hasText: 'Excavators' }))
    await inspect(admin, 'events')
    await admin.link('history.audit').click()
    for (const text of ['Telemetry', 'Ana Quispe', admin.t('history.say_company_changed')]) await admin.sees(admin.main.locator('.entry').filter({ hasText: text }))
    const ended = admin.main.locator('.entry').filter({ hasText: 'Ana Quispe' }).first()
    await admin.button('history.details', {}, ended).click()
    await admin.sees(ended.getByText(admin.t('history.before')))
    await inspect(admin, 'audit')
  })
})
