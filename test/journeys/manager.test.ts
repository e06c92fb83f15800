// A manager's day: registers a machine, finds it however it is written, hands it over, passes it on, takes it back, sends it to the workshop.
import { beforeAll, describe, expect, test } from 'vitest'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

describe('a manager', () => {
  let manager: Visitor
  beforeAll(async () => {
    const admin = world.as('andina', 'admin')
    const template = [
      { key: 'bucket_capacity', label: 'Capacidad de cucharón', type: 'number', unit: 'm³' },
      { key: 'cabin', label: 'Cabina', type: 'choice', choices: ['Abierta', 'Cerrada'], required: true },
    ]
    const earth = await admin.post('/equipment-categories', { name: 'Movimiento de tierras', maintenance_interval_days: 90 })
    await admin.post('/equipment-categories', { name: 'Excavadoras', parent_id: earth.body.id, type_code: 'EX', specification_template: template })
    await world.machine({ name: 'Rodillo compactador', manufacturer: 'Bomag' })
    await world.machine({ name: 'Camión volquete', manufacturer: 'Volvo' })
    manager = await stage.visit()
  })

  test('signs in and is greeted', async () => {
    await manager.goTo('/')
    await manager.button('access.sign_in').waitFor()
    await inspect(manager, 'sign-in')
    await manager.refused(/status of 401/, async () => {
      await manager.fill({ 'access.email': 'manager@andina.test', 'access.password': 'not-the-password' })
      await manager.button('access.sign_in').click()
      await manager.sees(manager.page.getByRole('alert').filter({ hasText: manager.t('problems.sign_in_failed') }))
    })
    await manager.signIn('manager@andina.test')
    await manager.sees(manager.heading(manager.t('equipment.home_hello', { name: 'manager' })))
    await inspect(manager, 'home')
  })

  test('registers an owned machine: told at the field what is missing, asked what its category asks', async () => {
    await manager.open('web.nav_equipment')
    await manager.link('equipment.register').click()
    await manager.fill({ 'machine.name': 'Excavadora hidráulica Ñandú', 'equipment.fleet_code': 'EXC-0003', 'equipment.manufacturer': 'Komatsu', 'equipment.model': 'PC200-8' })
    await manager.button('equipment.register').click()
    await manager.sees(manager.t('machine.owned_needs_date'))
    await manager.sees(manager.t('machine.owned_needs_price'))
    expect(await manager.field('equipment.purchase_date').getAttribute('aria-invalid')).toBe('true')
    await manager.choose('machine.category_id', 'Excavadoras')
    await manager.fill({ 'equipment.purchase_date': '2024-03-05', 'equipment.purchase_price': '385,000.50', 'equipment.last_maintenance_date': '2026-09-01' })
    await manager.button('equipment.register').click()
    await manager.sees(manager.t('machine.specification_needed', { label: 'Cabina' }))
    await manager.field('Capacidad de cucharón (m³)').fill('1,2')
    await manager.field('Cabina').selectOption('Cerrada')
    await inspect(manager, 'new machine')
    await manager.button('equipment.register').click()
    await manager.sees(manager.heading('Excavadora hidráulica Ñandú'))
    const [stored] = await world.sqlAdmin((query) => query("SELECT * FROM equipment WHERE fleet_code = 'EXC-0003'"))
    expect(stored).toMatchObject({ purchase_date: '2024-03-05', purchase_price: '385000.50', currency: 'PEN', next_maintenance_date: '2026-11-30', status: 'active' })
    expect(stored.specifications).toEqual({ bucket_capacity: 1.2, cabin: 'Cerrada' })
    expect(stored.serial_number).toMatch(/^EQ-\d{4}-EX-\d{6}$/)
    await manager.isTold(stored.serial_number)
  })

  test('finds it by a fragment of the code, with a typo, and without accents', async () => {
    await manager.open('web.nav_equipment')
    await inspect(manager, 'equipment list')
    for (const text of ['0003', 'exscavadora hidraulca', 'nandu', 'PC200']) {
      await manager.searchFor(text)
      await manager.seesRows(['Excavadora hidráulica Ñandú'])
    }
    await manager.searchFor('no hay tal cosa')
    await manager.sees(manager.heading(manager.t('equipment.none_found')))
    await inspect(manager, 'nothing found')
    await manager.button('web.clear_filters').click()
    await manager.row('Excavadora hidráulica Ñandú').getByRole('link').first().click()
    await manager.sees(manager.heading('Excavadora hidráulica Ñandú'))
  })
})

const step = async (manager: Visitor, key: string) => manager.button(key, {}, manager.page.getByRole('region', { name: manager.t('equipment.holder') })).click()

describe('a manager with the machine in hand', () => {
  // Machines of one kind share their name; the code tells them apart.
  const name = 'Excavadora hidráulica Ñandú EXC-0003'
  let manager: Visitor
  let machineId: string
  const open = () => world.sqlAdmin((query) => query('SELECT * FROM equipment_assignments WHERE equipment_id = $1 AND returned_at IS NULL', [machineId]))

  beforeAll(async () => {
    const [stored] = await world.sqlAdmin((query) => query("SELECT id FROM equipment WHERE fleet_code = 'EXC-0003'"))
    machineId = stored.id
    manager = await stage.visit()
    await manager.signIn('manager@andina.test')
    await manager.goTo(`/c/${world.companies.andina.id}/equipment/${machineId}`)
  })

  test('hands it over to the operator', async () => {
    await step(manager, 'assignments.assign')
    await manager.sees(manager.dialog.getByText(manager.t('assignments.assign_title', { name })))
    await manager.button('assignments.assign', {}, manager.dialog).click()
    await manager.sees(manager.t('assignments.person_needed'))
    await inspect(manager, 'hand over')
    await manager.choose('assignments.person', /^operator de andina/, manager.dialog, 'operator@')
    await manager.fill({ 'assignments.notes': 'Tanque lleno' }, manager.dialog)
    await manager.button('assignments.assign', {}, manager.dialog).click()
    await manager.isTold(manager.t('assignments.assign_done', { name, person: 'operator de andina' }))
    await manager.sees(manager.t('assignments.has_it', { name: 'operator de andina' }))
    expect(await open()).toMatchObject([{ user_id: world.person('andina', 'operator').userId, notes: 'Tanque lleno' }])
  })

  test('passes it on in one step, and takes it back', async () => {
    await step(manager, 'assignments.transfer')
    await manager.choose('assignments.person', /^operator2 de andina/, manager.dialog, 'operator2')
    await inspect(manager, 'pass on')
    await manager.button('assignments.transfer', {}, manager.dialog).click()
    await manager.sees(manager.t('assignments.has_it', { name: 'operator2 de andina' }))
    expect(await open()).toMatchObject([{ user_id: world.person('andina', 'operator2').userId }])
    await step(manager, 'assignments.return')
    await manager.fill({ 'assignments.return_notes': 'Espejo roto' }, manager.dialog)
    await inspect(manager, 'take back')
    await manager.button('assignments.return', {}, manager.dialog).click()
    await manager.sees(manager.t('assignments.nobody'))
    expect(await open()).toEqual([])
  })

  test('sends it to the workshop, with the reason', async () => {
    await manager.button('machine.change_status').click()
    await manager.button('machine.change_status', {}, manager.dialog).click()
    await manager.sees(manager.t('machine.reason_needed'))
    await manager.dialog.getByRole('radio', { name: manager.t('equipment.status_maintenance') }).check()
    await manager.fill({ 'machine.reason': 'Fuga de aceite' }, manager.dialog)
    await inspect(manager, 'change status')
    await manager.button('machine.change_status', {}, manager.dialog).click()
    await manager.isTold(manager.t('machine.status_done', { name, status: manager.t('equipment.status_maintenance') }))
    await manager.seesRefused(manager.button('assignments.assign', {}, manager.main), manager.t('assignments.only_active'))
    const history = await world.sqlAdmin((query) => query('SELECT status, reason FROM equipment_status_history WHERE equipment_id = $1 ORDER BY effective_from DESC', [machineId]))
    expect(history).toMatchObject([{ status: 'maintenance', reason: 'Fuga de aceite' }, { status: 'active' }])
  })

  test('reads its whole life in the timeline, and signs out', async () => {
    await manager.tab('machine.tab_timeline').click()
    const told = [
      manager.t('machine.event_status_changed', { old: manager.t('equipment.status_active'), new: manager.t('equipment.status_maintenance') }),
      manager.t('machine.event_returned', { person: 'operator2 de andina' }),
      manager.t('machine.event_transferred', { from: 'operator de andina', person: 'operator2 de andina' }),
      manager.t('machine.event_handed_over', { person: 'operator de andina' }),
      manager.t('machine.event_created'),
    ]
    await expect.poll(async () => (await manager.main.locator('.timeline-body > :first-child').allInnerTexts()).map((text) => text.trim())).toEqual(told)
    for (const text of ['Fuga de aceite', 'Espejo roto', 'Tanque lleno']) await manager.sees(new RegExp(text))
    await inspect(manager, 'timeline')
    for (const tab of ['machine.tab_specifications', 'machine.tab_hand_overs', 'machine.tab_statuses', 'machine.tab_summary']) {
      await manager.tab(tab).click()
      await inspect(manager, tab)
    }
    await manager.signOut()
    const secret = (await manager.page.context().cookies()).find((cookie) => cookie.name === 'bitcorp_session')
    expect(secret).toBeUndefined()
  })
})
