// The log of a machine in a browser: an operator reads the meter with a phone, a manager looks for what matters, a viewer only looks.
import { beforeAll, describe, expect, test } from 'vitest'
import { addLog } from '../../src/features/logs/contract.ts'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const stage = await setStage()
const { world } = stage

describe('the log of a machine', () => {
  let machine: Body
  let address: string
  const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
  const readings = () =>
    world.sqlAdmin((q) => q("SELECT reading::text, is_correction, notes FROM equipment_logs WHERE equipment_id = $1 AND event_type = 'meter_hours' ORDER BY created_at", [machine.id]))

  beforeAll(async () => {
    machine = await world.machine({ name: 'Excavadora', fleet_code: 'EXC-12' })
    address = `/c/${world.companies.andina.id}/equipment/${machine.id}`
    const entries = [
      { entry_key: 'h-1', equipment_id: machine.id, event_type: 'meter_hours', created_at: ago(30), reading: '1240.5' },
      { entry_key: 'k-1', equipment_id: machine.id, event_type: 'meter_km', created_at: ago(29), reading: '18250' },
      ...[1, 2, 3].map((n) => ({ entry_key: `t-${n}`, equipment_id: machine.id, event_type: 'telemetry', created_at: ago(n), event_data: { fuel_percent: 80 - n, speed_kmh: n * 4, ignition: true } })),
    ]
    expect((await world.as('andina', 'operator').post('/equipment-logs/batch', { entries })).body.added).toBe(5)
    await world.as('andina', 'manager').post(`/equipment/${machine.id}/assign`, { user_id: world.person('andina', 'operator').userId })
  })

  test('an operator writes down what the meter shows, is told when it runs backwards, and leaves a note', async () => {
    const operator = await stage.visit({ phone: true })
    await operator.signIn('operator@andina.test')
    await operator.goTo(address)
    await operator.tab('machine.tab_log').tap()
    await operator.sees(operator.t('logs.unit_hours', { value: '1,240.5' }))
    await inspect(operator, 'log on a phone')
    await operator.button('logs.add_reading').tap()
    await inspect(operator, 'reading on a phone')
    await operator.button('logs.save', {}, operator.dialog).tap()
    await operator.sees(operator.t('logs.reading_needed'))
    await operator.field('logs.reading', operator.dialog).fill('1,239')
    await operator.refused(/422/, () => operator.button('logs.save', {}, operator.dialog).tap())
    await operator.sees(operator.t('problems.equipment_logs_meter_backwards'))
    await operator.field('logs.reading', operator.dialog).fill('1251,5')
    await operator.field('logs.notes', operator.dialog).fill('Fin de turno')
    await operator.button('logs.save', {}, operator.dialog).tap()
    await operator.isTold(operator.t('logs.reading_done', { name: 'Excavadora EXC-12' }))
    await operator.button('logs.add_note').tap()
    await operator.field('logs.notes', operator.dialog).fill('Fuga pequeña en el cilindro')
    await operator.button('logs.save', {}, operator.dialog).tap()
    await operator.sees(operator.row('Fuga pequeña en el cilindro'))
    expect(await readings()).toEqual([
      { reading: '1240.50', is_correction: false, notes: null },
      { reading: '1251.50', is_correction: false, notes: 'Fin de turno' },
    ])
  })

  test('a manager finds readings among the rest, corrects the meter, and sees it in the summary', async () => {
    const manager = await stage.visit({ language: 'en' })
    await manager.signIn('manager@andina.test')
    await manager.goTo(`${address}?tab=log`)
    await manager.sees(manager.row(manager.t('logs.handed_over', { name: 'operator de andina' })))
    await manager.sees(manager.row('Fuel percent: 79'))
    await inspect(manager, 'log')
    await manager.goTo(`${address}?tab=log&event_type=meter_hours`)
    await manager.sees(manager.row('1,240.5 h'))
    await expect.poll(() => manager.main.locator('tbody tr').count()).toBe(2)
    await manager.button('logs.add_reading').click()
    await manager.field('logs.reading', manager.dialog).fill('12')
    await manager.dialog.getByRole('checkbox', { name: manager.t('logs.is_correction') }).check()
    await inspect(manager, 'reading')
    await manager.button('logs.save', {}, manager.dialog).click()
    await manager.isTold(manager.t('logs.reading_done', { name: 'Excavadora EXC-12' }))
    await manager.sees(manager.row(manager.t('logs.corrected')))
    await manager.tab('machine.tab_summary').click()
    await manager.sees(manager.t('logs.unit_hours', { value: '12' }))
    await inspect(manager, 'summary with meters')
  })

  test('a viewer sees it all and reads why nothing may be written', async () => {
    const viewer = await stage.visit()
    await viewer.signIn('viewer@andina.test')
    await viewer.goTo(`${address}?tab=log`)
    await viewer.sees(viewer.row('Fuga pequeña en el cilindro'))
    await viewer.seesRefused(viewer.button('logs.add_reading'), viewer.reasonFor(addLog, 'viewer'))
    await viewer.seesRefused(viewer.button('logs.add_note'), viewer.reasonFor(addLog, 'viewer'))
    await viewer.goTo(`${address}?tab=log&until=2020-01-01`)
    await viewer.sees(viewer.heading(viewer.t('logs.none_found')))
  })
})
