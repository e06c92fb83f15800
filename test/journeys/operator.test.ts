// An operator with a phone in the sun: sees their machines, takes a free one, gives it back, and reads why the rest is not theirs to do.
import { beforeAll, describe, expect, test } from 'vitest'
import { transfer } from '../../src/features/assignments/contract.ts'
import { changeEquipment, changeStatus } from '../../src/features/equipment/contract.ts'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

describe('an operator on a phone', () => {
  let operator: Visitor
  let grader: Body
  let roller: Body
  let other: Body
  const holders = (id: string) => world.sqlAdmin((query) => query('SELECT user_id, returned_at IS NOT NULL AS is_back, notes, return_notes FROM equipment_assignments WHERE equipment_id = $1', [id]))

  beforeAll(async () => {
    grader = await world.machine({ name: 'Motoniveladora', fleet_code: 'MOT-01' })
    roller = await world.machine({ name: 'Rodillo', fleet_code: 'ROD-07' })
    other = await world.machine({ name: 'Cargador frontal', fleet_code: 'CAR-02' })
    // Since the day before yesterday, and due yesterday: late.
    await world.sqlAs(
      'andina',
      'manager',
      (query) =>
        query("INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by, assigned_at, due_at) VALUES ($1, $2, $3, $4, now() - interval '2 days', now() - interval '1 day')", [
          world.companies.andina.id,
          grader.id,
          world.person('andina', 'operator').userId,
          world.person('andina', 'manager').userId,
        ]),
      { commit: true },
    )
    const handed = await world.as('andina', 'manager').post(`/equipment/${other.id}/assign`, { user_id: world.person('andina', 'operator2').userId })
    expect(handed.status).toBe(201)
    operator = await stage.visit({ phone: true })
  })

  test('sees at home the machines they have', async () => {
    await operator.signIn('operator@andina.test')
    await operator.sees(operator.heading(operator.t('equipment.home_mine')))
    expect(await operator.main.locator('.mine > li').count()).toBe(1)
    await operator.sees(operator.main.getByRole('link', { name: 'Motoniveladora' }))
    await inspect(operator, 'home on a phone')
  })

  test('takes a free machine', async () => {
    await operator.link('equipment.home_take').tap()
    await operator.seesRows(['Rodillo'])
    await inspect(operator, 'free machines on a phone')
    await operator.row('Rodillo').getByRole('link').first().tap()
    await operator.sees(operator.heading('Rodillo'))
    await inspect(operator, 'machine on a phone')
    await operator.button('assignments.take').tap()
    await inspect(operator, 'taking on a phone')
    await operator.fill({ 'assignments.notes': 'Para la obra norte' }, operator.dialog)
    await operator.button('assignments.take', {}, operator.dialog).tap()
    await operator.sees(operator.t('assignments.you_have_it'))
    expect(await holders(roller.id)).toMatchObject([{ user_id: world.person('andina', 'operator').userId, is_back: false, notes: 'Para la obra norte' }])
  })

  test('may not pass it on, change its status or edit it, and reads why', async () => {
    await operator.seesRefused(operator.button('assignments.transfer'), operator.reasonFor(transfer, 'operator'))
    await operator.seesRefused(operator.button('machine.change_status'), operator.reasonFor(changeStatus, 'operator'))
    await operator.seesRefused(operator.button('web.edit'), operator.reasonFor(changeEquipment, 'operator'))
    await operator.goTo(`${new URL(operator.page.url()).pathname}/edit`)
    await operator.sees(operator.reasonFor(changeEquipment, 'operator'))
    await inspect(operator, 'editing refused on a phone')
  })

  test("may not return a colleague's machine", async () => {
    await operator.goTo(`/c/${world.companies.andina.id}/equipment/${other.id}`)
    await operator.seesRefused(operator.button('assignments.return'), operator.t('assignments.not_yours', { name: 'operator2 de andina' }))
  })

  test('gives both back from home, with a word about them', async () => {
    await operator.button('web.menu').tap()
    await inspect(operator, 'menu on a phone')
    await operator.link('web.nav_home', {}, operator.dialog).tap()
    await operator.sees(operator.main.getByRole('link', { name: 'Rodillo' }))
    await operator.button('assignments.return_title', { name: 'Rodillo ROD-07' }).tap()
    await inspect(operator, 'returning on a phone')
    await operator.fill({ 'assignments.return_notes': 'Falta lavar' }, operator.dialog)
    await operator.button('assignments.return', {}, operator.dialog).tap()
    await operator.isTold(operator.t('assignments.return_done', { name: 'Rodillo ROD-07' }))
    expect(await holders(roller.id)).toMatchObject([{ is_back: true, return_notes: 'Falta lavar' }])
    await operator.button('assignments.return_title', { name: 'Motoniveladora MOT-01' }).tap()
    await operator.button('assignments.return', {}, operator.dialog).tap()
    await operator.sees(operator.heading(operator.t('equipment.home_mine_none')))
    await inspect(operator, 'empty home on a phone')
    expect(await holders(grader.id)).toMatchObject([{ is_back: true }])
  })
})
