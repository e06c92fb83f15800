// Looking at the past: the register and a machine as they were, by slider, clock and link; and putting right what was recorded wrongly.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { correctStatus } from '../../src/features/equipment/contract.ts'
import type { Body } from '../harness.ts'
import { root } from '../program.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const home = `/c/${world.companies.andina.id}`
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()

/** Looked at by eyes when BITCORP_PICTURES asks for it. */
async function picture(visitor: Visitor, name: string): Promise<void> {
  if (!process.env.BITCORP_PICTURES) return
  mkdirSync(join(root, '.screenshots'), { recursive: true })
  await visitor.page.screenshot({ path: join(root, '.screenshots', `past ${name}.png`), fullPage: true })
}

let machine: Body
beforeAll(async () => {
  machine = await world.machine({ name: 'Excavadora de antes', fleet_code: 'EXC-1', manufacturer: 'Komatsu', location: 'Obra Puno' })
  const sold = await world.machine({ name: 'Rodillo vendido', fleet_code: 'ROD-1' })
  // All of it happened forty days ago.
  await world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    const ago = "- interval '40 days'"
    await q(`UPDATE equipment SET created_at = created_at ${ago}, updated_at = updated_at ${ago}`)
    await q(`UPDATE equipment_status_history SET effective_from = effective_from ${ago}, recorded_at = recorded_at ${ago}`)
    await q(`UPDATE domain_events SET occurred_at = occurred_at ${ago} WHERE aggregate_type = 'equipment'`)
  })
  const manager = world.as('andina', 'manager')
  await manager.patch(`/equipment/${machine.id}`, { name: 'Excavadora de hoy', location: 'Obra Tacna' }, { version: '*' })
  await manager.post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: 'aceite' })
  await manager.post(`/equipment/${machine.id}/status`, { status: 'active', reason: 'listo' })
  await manager.delete(`/equipment/${sold.id}`, { version: '*' })
  await world.machine({ name: 'Bomba nueva' })
})

describe('a manager', () => {
  let manager: Visitor
  beforeAll(async () => {
    manager = await stage.visit()
    await manager.signIn('manager@andina.test')
  })

  test('sees the register as it was: what was there, under its name of then, and nothing to change', async () => {
    await manager.open('web.nav_equipment')
    await manager.seesRows(['Bomba nueva', 'Excavadora de hoy'])
    await manager.button('web.past_open').click()
    await manager.seesRows(['Rodillo vendido', 'Excavadora de antes'])
    await manager.sees(/^Así era el /)
    expect(new URL(manager.page.url()).searchParams.get('as_of')).toMatch(/^\d{4}-/)
    await manager.seesRefused(manager.button('equipment.register'), manager.t('web.past_reason'))
    expect(await manager.button('equipment.export').isDisabled()).toBe(true)
    await picture(manager, 'list')
    await inspect(manager, 'list of the past')
    await manager.goTo(`${home}/equipment?as_of=2001-01-01T12:00:00Z`)
    await manager.sees(manager.t('equipment.none_then'))
    await picture(manager, 'nothing then')
    await inspect(manager, 'list of the past without a machine')
  })

  test('opens a machine of then, moves the slider by keys and the clock, and goes back to now', async () => {
    await manager.goTo(`${home}/equipment?as_of=${daysAgo(1)}`)
    await manager.row('Excavadora de antes').getByRole('link').first().click()
    await manager.sees(manager.heading('Excavadora de antes'))
    await manager.seesRefused(manager.button('machine.change_status'), manager.t('web.past_reason'))
    await picture(manager, 'machine')
    await inspect(manager, 'machine of the past')
    const slider = manager.page.getByRole('slider', { name: manager.t('web.past_slider') })
    await slider.focus()
    await manager.page.keyboard.press('Home')
    await manager.page.waitForURL((url) => Date.parse(url.searchParams.get('as_of') ?? '') < Date.parse(daysAgo(39)))
    await manager.sees(manager.heading('Excavadora de antes'))
    await manager.page.keyboard.press('End')
    await manager.sees(manager.heading('Excavadora de hoy'))
    const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: 'America/Lima', dateStyle: 'short', timeStyle: 'short' }).format(Date.parse(daysAgo(5))).replace(' ', 'T')
    await manager.fill({ 'web.past_at': clock })
    await manager.sees(manager.heading('Excavadora de antes'))
    // Shared by its address alone.
    await manager.page.reload()
    await manager.sees(manager.heading('Excavadora de antes'))
    await manager.refused(/status of 404/, async () => {
      await manager.fill({ 'web.past_at': '2020-01-01T08:00' })
      await manager.sees(manager.heading(manager.t('machine.not_yet')))
    })
    await manager.button('web.past_end').click()
    await manager.sees(manager.heading('Excavadora de hoy'))
    expect(new URL(manager.page.url()).search).toBe('')
  })

  test('corrects the past: told what is missing, and what was recorded before can still be seen', async () => {
    await manager.goTo(`${home}/equipment/${machine.id}?tab=statuses`)
    await manager.button('machine.correct').click()
    await manager.button('machine.correct_save').click()
    await manager.sees(manager.t('machine.from_needed'))
    const clock = (days: number) => new Intl.DateTimeFormat('sv-SE', { timeZone: 'America/Lima', dateStyle: 'short', timeStyle: 'short' }).format(Date.parse(daysAgo(days))).replace(' ', 'T')
    await manager.dialog.getByRole('radio', { name: manager.t('equipment.status_active') }).check()
    await manager.fill({ 'machine.from': clock(30), 'machine.to': clock(20), 'machine.reason': 'El parte del taller llegó tarde' }, manager.dialog)
    await manager.refused(/409/, async () => {
      await manager.button('machine.correct_save').click()
      await manager.sees(manager.t('problems.esh_correction_changes_nothing'))
    })
    await manager.dialog.getByRole('radio', { name: manager.t('equipment.status_maintenance') }).check()
    await picture(manager, 'dialog')
    await inspect(manager, 'correction')
    await manager.button('machine.correct_save').click()
    await manager.isTold('Excavadora de hoy EXC-1')
    await expect.poll(() => manager.main.locator('tbody tr').count()).toBe(5)
    await manager.main.getByRole('checkbox', { name: manager.t('machine.show_superseded') }).check()
    await expect.poll(() => manager.main.locator('tbody tr').count()).toBe(6)
    await manager.sees(/^Corregido el .* por manager de andina$/)
    await picture(manager, 'history')
    await inspect(manager, 'corrected history')
    // What was true then, and what was known then.
    await manager.goTo(`${home}/equipment?as_of=${daysAgo(25)}`)
    await manager.sees(manager.row('Excavadora de antes').getByText(manager.t('equipment.status_maintenance')))
    await manager.page.getByRole('checkbox', { name: manager.t('web.past_known') }).check()
    await manager.sees(manager.row('Excavadora de antes').getByText(manager.t('equipment.status_active')))
  })
})

describe('a viewer', () => {
  test('on a phone, in English, looks at the past; correcting it is for others', async () => {
    const viewer = await stage.visit({ phone: true, language: 'en' })
    await viewer.signIn('viewer@andina.test')
    await viewer.goTo(`${home}/equipment?as_of=${daysAgo(3)}`)
    await viewer.sees(/^As it was on /)
    await viewer.seesRows(['Rodillo vendido', 'Excavadora de antes'])
    await picture(viewer, 'phone list')
    await inspect(viewer, 'list of the past on a phone')
    await viewer.goTo(`${home}/equipment/${machine.id}?tab=statuses`)
    await viewer.seesRefused(viewer.button('machine.correct'), viewer.reasonFor(correctStatus, 'viewer'))
    await viewer.button('web.past_open').click()
    await viewer.sees(viewer.heading('Excavadora de antes'))
    await picture(viewer, 'phone machine')
    await inspect(viewer, 'machine of the past on a phone')
    await viewer.button('web.past_end').click()
    await viewer.sees(viewer.heading('Excavadora de hoy'))
  })
})
