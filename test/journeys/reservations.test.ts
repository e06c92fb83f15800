// A machine promised ahead: a manager reserves and reads who is in the way; an operator confirms, reserves, picks up, gives back; all in the calendar.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '../harness.ts'
import { root } from '../program.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const day = (days: number) => new Intl.DateTimeFormat('en-CA', { timeZone: 'America/Lima' }).format(new Date(Date.now() + days * 86_400_000))
const home = `/c/${world.companies.andina.id}`
const id = (who: 'operator' | 'operator2') => world.person('andina', who).userId

/** Looked at by eyes when BITCORP_PICTURES asks for it. */
async function look(visitor: Visitor, name: string): Promise<void> {
  await inspect(visitor, name)
  if (!process.env.BITCORP_PICTURES) return
  mkdirSync(join(root, '.screenshots'), { recursive: true })
  await visitor.page.screenshot({ path: join(root, '.screenshots', `reservations ${name}.png`), fullPage: true })
}

let grader: Body
let roller: Body
const ledger = (machine: Body) =>
  world.sqlAdmin((query) =>
    query(
      'SELECT user_id, assigned_at IS NOT NULL AS is_begun, accepted_at IS NOT NULL AS is_accepted, cancel_reason, condition, return_condition, return_meter_reading FROM equipment_assignments WHERE equipment_id = $1 ORDER BY created_at',
      [machine.id],
    ),
  )

beforeAll(async () => {
  grader = await world.machine({ name: 'Motoniveladora', fleet_code: 'MOT-01' })
  roller = await world.machine({ name: 'Rodillo', fleet_code: 'ROD-07' })
  const due = new Date(Date.now() + 2 * 86_400_000).toISOString()
  const given = await world.as('andina', 'manager').post(`/equipment/${grader.id}/assign`, { user_id: id('operator'), due_at: due, notes: 'Con llave de repuesto', condition: 'good' })
  expect(given.status).toBe(201)
})

describe('a manager who plans ahead', () => {
  let manager: Visitor
  const panel = () => manager.page.getByRole('region', { name: manager.t('equipment.holder') })
  const fillPeriod = (from: number, until: number) => manager.fill({ 'assignments.reserved_from_day': day(from), 'assignments.reserved_until_day': day(until) }, manager.dialog)

  beforeAll(async () => {
    manager = await stage.visit()
    await manager.signIn('manager@andina.test')
    await manager.goTo(`${home}/equipment/${grader.id}`)
  })

  test('sees that the hand-over is not confirmed, and who is in the way of a reservation', async () => {
    await manager.sees(panel().getByText(manager.t('assignments.pending')))
    await manager.button('assignments.reserve', {}, panel()).click()
    await fillPeriod(1, 4)
    await manager.sees(manager.dialog.getByText(manager.t('assignments.not_free')))
    await manager.sees(manager.dialog.getByText('operator de andina'))
    await look(manager, 'not free')
    await manager.choose('assignments.person', /^operator2 de andina/, manager.dialog, 'operator2')
    await manager.refused(/409/, async () => {
      await manager.button('assignments.reserve', {}, manager.dialog).click()
      await manager.sees(manager.dialog.getByRole('alert').filter({ hasText: 'operator de andina' }))
    })
  })

  test('chooses a time that is free', async () => {
    await fillPeriod(5, 8)
    await manager.sees(manager.dialog.getByText(manager.t('assignments.is_free')))
    await look(manager, 'free')
    await manager.button('assignments.reserve', {}, manager.dialog).click()
    await manager.isTold(manager.t('assignments.reserve_done', { name: 'Motoniveladora MOT-01', person: 'operator2 de andina' }))
    await manager.sees(manager.heading(manager.t('assignments.reserved_next')))
    await look(manager, 'machine with a reservation')
    expect(await ledger(grader)).toMatchObject([{ is_begun: true }, { user_id: id('operator2'), is_begun: false }])
  })

  test('finds it in the list and in the calendar, of all and of one machine', async () => {
    await manager.goTo(`${home}/assignments?show=reserved`)
    await manager.sees(manager.row('operator2 de andina'))
    await look(manager, 'list of reservations')
    await manager.link('assignments.view_calendar').click()
    await manager.sees(manager.heading(manager.t('assignments.title')))
    for (const path of ['', `?equipment_id=${grader.id}&machine=Motoniveladora`]) {
      await manager.goTo(`${home}/assignments/calendar${path}`)
      if (day(5).slice(0, 7) !== day(0).slice(0, 7)) await manager.button('web.month_after').click()
      await manager.sees(manager.main.getByRole('link', { name: new RegExp(`^${manager.t('assignments.mark_reserved')}: .*operator2 de andina`) }))
      await look(manager, path ? 'calendar of a machine' : 'calendar')
    }
  })

  test('gives it up again, with the reason', async () => {
    await manager.goTo(`${home}/equipment/${grader.id}`)
    await manager.button('assignments.cancel_title', { name: 'Motoniveladora MOT-01' }).click()
    await manager.button('assignments.cancel', {}, manager.dialog).click()
    await manager.sees(manager.t('assignments.reason_needed'))
    await manager.fill({ 'assignments.reason': 'La obra se aplaza' }, manager.dialog)
    await look(manager, 'cancel')
    await manager.button('assignments.cancel', {}, manager.dialog).click()
    await manager.isTold(manager.t('assignments.cancel_done', { name: 'Motoniveladora MOT-01' }))
    expect(await ledger(grader)).toMatchObject([{}, { cancel_reason: 'La obra se aplaza' }])
    await manager.tab('machine.tab_timeline').click()
    await manager.sees(manager.t('machine.event_reservation_cancelled', { person: 'operator2 de andina' }))
    await look(manager, 'timeline')
  })
})

describe('an operator with a phone, in English', () => {
  let operator: Visitor

  test('confirms at home what was handed to them', async () => {
    operator = await stage.visit({ phone: true, language: 'en' })
    await operator.signIn('operator@andina.test')
    await operator.sees(operator.main.getByText(operator.t('assignments.pending_mine')))
    await look(operator, 'home on a phone')
    await operator.button('assignments.accept').tap()
    await operator.isTold(operator.t('assignments.accept_done'))
    await expect.poll(() => operator.main.getByText(operator.t('assignments.pending_mine')).count()).toBe(0)
    expect((await ledger(grader))[0].is_accepted).toBe(true)
  })

  test('reserves a machine for themselves and picks it up from home', async () => {
    await operator.goTo(`${home}/equipment/${roller.id}`)
    await operator.button('assignments.reserve').tap()
    await operator.fill({ 'assignments.reserved_from_day': day(1), 'assignments.reserved_until_day': day(2) }, operator.dialog)
    await operator.sees(operator.dialog.getByText(operator.t('assignments.is_free')))
    await look(operator, 'reserving on a phone')
    await operator.button('assignments.reserve', {}, operator.dialog).tap()
    await operator.sees(operator.heading(operator.t('assignments.reserved_next')))
    await operator.goTo(home)
    await operator.sees(operator.heading(operator.t('assignments.reserved_mine')))
    await operator.button('assignments.pick_up_title', { name: 'Rodillo ROD-07' }).tap()
    await operator.dialog.getByRole('radio', { name: operator.t('assignments.condition_worn') }).check()
    await look(operator, 'pick up on a phone')
    await operator.button('assignments.pick_up', {}, operator.dialog).tap()
    await operator.isTold(operator.t('assignments.pick_up_done', { name: 'Rodillo ROD-07', person: 'operator de andina' }))
    expect(await ledger(roller)).toMatchObject([{ is_begun: true, is_accepted: true, condition: 'worn' }])
  })

  test('gives it back with its condition and meter; damage needs words', async () => {
    await operator.button('assignments.return_title', { name: 'Rodillo ROD-07' }).tap()
    await operator.dialog.getByRole('radio', { name: operator.t('assignments.condition_damaged') }).check()
    await operator.fill({ 'assignments.meter': '1204,5' }, operator.dialog)
    await operator.refused(/422/, async () => {
      await operator.button('assignments.return', {}, operator.dialog).tap()
      await operator.sees(operator.t('problems.ea_damage_described'))
    })
    await look(operator, 'damage on a phone')
    await operator.fill({ 'assignments.return_notes': 'Rueda trasera rota' }, operator.dialog)
    await operator.button('assignments.return', {}, operator.dialog).tap()
    await operator.isTold(operator.t('assignments.return_done', { name: 'Rodillo ROD-07' }))
    expect(await ledger(roller)).toMatchObject([{ return_condition: 'damaged', return_meter_reading: '1204.5' }])
    await operator.goTo(`${home}/assignments/calendar?equipment_id=${roller.id}&machine=Rodillo`)
    await operator.sees(operator.main.locator('ul.cards > li').first())
    await look(operator, 'calendar on a phone')
  })
})
