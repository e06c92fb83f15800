// Every page, on a desk and on a phone, in light and dark, in both languages, by keyboard: nothing a person could stumble over.
import { beforeAll, describe, expect, test } from 'vitest'
import { desktop, phone, setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import { sentence } from './sentences.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const home = `/c/${world.companies.andina.id}`
let machineId = ''
let categoryId = ''

beforeAll(async () => {
  const manager = world.as('andina', 'manager')
  const category = await manager.post('/equipment-categories', { name: 'Excavadoras', type_code: 'EX', specification_template: [{ key: 'power', label: 'Potencia', type: 'number', unit: 'kW' }] })
  categoryId = category.body.id
  const soon = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)
  const machine = await world.machine({
    name: 'Excavadora sobre orugas con martillo hidráulico y cabina ampliada',
    fleet_code: 'EXC-0003',
    manufacturer: 'Komatsu',
    model: 'PC350LC-8',
    year: 2019,
    location: 'Obra Desaguadero Km 1.420, campamento de la margen derecha',
    category_id: categoryId,
    specifications: { power: 184 },
    next_maintenance_date: soon,
    tags: ['GPS', 'crítico'],
  })
  machineId = machine.id
  await world.machine({ name: 'Bomba', status: 'maintenance', next_maintenance_date: '2026-01-15' })
  await manager.post(`/equipment/${machineId}/assign`, { user_id: world.person('andina', 'operator').userId, due_at: new Date(Date.now() + 86_400_000).toISOString() })
})

const pages = () =>
  [
    '',
    '/equipment',
    '/equipment/new',
    `/equipment/${machineId}`,
    `/equipment/${machineId}/edit`,
    '/import',
    `/equipment/${machineId}?tab=value`,
    '/utilization',
    `/utilization?category_id=${categoryId}`,
    `/utilization?equipment_id=${machineId}`,
    '/fleet-value',
    '/assignments',
    '/assignments?show=all',
    '/assignments?show=overdue',
    '/assignments?show=reserved',
    '/assignments/calendar',
    '/categories',
    `/categories?category=${categoryId}`,
  ].concat(['/categories/new', `/categories/${categoryId}/edit`, '/people', '/people?state=all', '/history', '/history/audit', '/settings', '/settings/webhooks', '/account', '/account/tokens'])

const walk = async (visitor: Visitor, screen: string) => {
  for (const path of pages()) {
    await visitor.goTo(`${home}${path}`)
    await visitor.page.getByRole('heading', { level: 1 }).waitFor()
    await visitor.page.waitForLoadState('networkidle')
    await inspect(visitor, `${screen} ${path || '/'}`)
  }
}

describe('every page', () => {
  test('stands on a desk, in English', async () => {
    const admin = await stage.visit({ language: 'en' })
    await admin.signIn('admin@andina.test')
    await walk(admin, 'desk')
    await admin.page.context().close()
  })

  test('stands on a phone, in Spanish', async () => {
    const manager = await stage.visit({ phone: true })
    await manager.signIn('manager@andina.test')
    await walk(manager, 'phone')
    await manager.page.context().close()
  })

  test('turns with the screen: cards on a phone, a table on a desk', async () => {
    const viewer = await stage.visit()
    await viewer.signIn('viewer@andina.test')
    await viewer.goTo(`${home}/equipment`)
    await viewer.sees(viewer.main.getByRole('table'))
    await viewer.page.setViewportSize(phone)
    await viewer.sees(viewer.main.locator('ul.cards > li').first())
    expect(await viewer.main.getByRole('table').count()).toBe(0)
    await viewer.button('web.filters').click()
    await inspect(viewer, 'filters on a phone')
    await viewer.button('web.show_results').click()
    await viewer.page.setViewportSize(desktop)
    await viewer.sees(viewer.main.getByRole('table'))
  })
})

describe('language and light', () => {
  test('the language changes everywhere at once, and stays with the account', async () => {
    const operator = await stage.visit()
    await operator.signIn('operator2@andina.test')
    await operator.goTo(`${home}/equipment/${machineId}`)
    await operator.sees(operator.t('equipment.status_active'))
    await operator.button('web.language').click()
    await operator.page.getByRole('menuitem', { name: 'English', exact: true }).click()
    operator.language = 'en'
    const english = operator
    for (const key of ['machine.tab_summary', 'equipment.status_active', 'web.nav_assignments', 'assignments.transfer']) await english.sees(english.t(key))
    expect(await english.page.evaluate('document.documentElement.lang')).toBe('en')
    for (const key of ['machine.tab_summary', 'web.nav_people']) expect(await english.page.getByText(sentence('es', key), { exact: true }).count()).toBe(0)
    await inspect(english, 'machine in English')
    await expect.poll(async () => (await world.sqlAdmin((query) => query("SELECT language FROM users WHERE email = 'operator2@andina.test'")))[0].language).toBe('en')
    await english.page.reload()
    await english.sees(english.t('web.nav_assignments'))
  })

  test('dark stays dark', async () => {
    const viewer = await stage.visit()
    await viewer.signIn('viewer@andina.test')
    const scheme = () => viewer.page.evaluate<string>("document.documentElement.getAttribute('data-mantine-color-scheme') + ' ' + getComputedStyle(document.body).backgroundColor")
    expect(await scheme()).toMatch(/^light rgb\(24\d/)
    await viewer.button('web.to_dark').click()
    expect(await scheme()).toMatch(/^dark rgb\((1|2)?\d,/)
    await viewer.page.reload()
    await viewer.button('web.to_light').waitFor()
    expect(await scheme()).toMatch(/^dark/)
  })
})
