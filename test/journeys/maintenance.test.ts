// Service of machines from plan to bill, in both languages: planned, sent, changed, done, with its photos, on a desk and on a phone.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import { type Language, literal, type Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const day = (offset: number) => new Date(Date.now() - 5 * 3600_000 + offset * 86_400_000).toISOString().slice(0, 10)
const photo = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
const bill = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(400)])

describe.each<[Language, boolean]>([
  ['es', false],
  ['en', true],
])('in %s (on a phone: %s)', (language, phone) => {
  let manager: Visitor
  let machine: Body
  const named = `Volquete ${language}`
  const records = async () => (await world.as('andina', 'manager').get(`/maintenance-records?equipment_id=${machine.id}&sort=created_at`)).body.items
  const step = async (title: string, key: string, values = {}) => {
    await manager
      .row(title)
      .getByRole('button', { name: new RegExp(`^${manager.t('maintenance.actions')}`) })
      .click()
    await manager.page.getByRole('menuitem', { name: manager.t(key, values), exact: true }).click()
    await manager.dialog.waitFor()
  }
  const toRecords = () => manager.goTo(`/c/${world.companies.andina.id}/maintenance/records?equipment_id=${machine.id}`)
  /** Measured as a browser sees it, and kept to be looked at. */
  const look = async (place: string) => {
    await inspect(manager, place)
    mkdirSync('.screenshots', { recursive: true })
    await manager.page.screenshot({ path: `.screenshots/maintenance ${place} ${language}.png` })
  }
  beforeAll(async () => {
    machine = await world.machine({ name: named, fleet_code: `VQ-${language}`, next_maintenance_date: day(3), maintenance_interval_days: 60 })
    manager = await stage.visit({ language, phone })
    await manager.signIn('manager@andina.test')
  })

  test('the board shows what is due, and whether a mail tells of it', async () => {
    await manager.goTo(`/c/${world.companies.andina.id}/maintenance`)
    await manager.sees(manager.page.getByRole('link', { name: named }))
    await manager.sees(manager.t('maintenance.days_left', { count: 3 }))
    const wanted = manager.page.getByRole('checkbox', { name: manager.t('maintenance.digest_wanted') })
    await wanted.uncheck()
    await expect.poll(async () => (await world.as('andina', 'manager').get('/maintenance-digest')).body.is_wanted).toBe(false)
    await wanted.check()
    await expect.poll(async () => (await world.as('andina', 'manager').get('/maintenance-digest')).body.is_wanted).toBe(true)
    await look('board')
  })

  test('work is planned and stands in the calendar', async () => {
    await toRecords()
    await manager.button('maintenance.plan').click()
    await manager.fill({ 'maintenance.scheduled_date': day(0), 'maintenance.work': 'Engrase', 'maintenance.technician': 'Taller Sur' }, manager.dialog)
    await manager.button('maintenance.plan', {}, manager.dialog).click()
    await manager.isTold(manager.t('maintenance.plan_done', { name: named }))
    await manager.link('maintenance.view_calendar').click()
    await manager.sees(manager.page.getByText(new RegExp(literal(named))))
    await look('calendar')
  })

  test('the machine is sent to maintenance in one step', async () => {
    await toRecords()
    await manager.button('maintenance.send').click()
    await manager.fill({ 'maintenance.reason': 'Fuga de aceite', 'maintenance.work': 'Cambiar sello' }, manager.dialog)
    await manager.button('maintenance.send', {}, manager.dialog).click()
    await manager.isTold(manager.t('maintenance.send_done', { name: named }))
    expect((await records()).map((r: Body) => [r.title, r.status])).toEqual([
      ['Engrase', 'scheduled'],
      ['Cambiar sello', 'in_progress'],
    ])
  })

  test('a record is changed; somebody else’s change is shown first and nothing is lost', async () => {
    await step('Engrase', 'maintenance.edit')
    await manager.field('maintenance.technician', manager.dialog).waitFor()
    const [before] = await records()
    await world.as('andina', 'admin').patch(`/maintenance-records/${before.id}`, { notes: 'Traer filtro' }, { version: before.version })
    await manager.fill({ 'maintenance.technician': 'Taller Norte', 'maintenance.scheduled_date': day(2) }, manager.dialog)
    await look('edit')
    await manager.refused(/status of 412/, async () => {
      await manager.button('web.save', {}, manager.dialog).click()
      await manager.sees(manager.dialog.getByText(manager.t('web.conflict_title')))
    })
    await manager.button('web.conflict_save', {}, manager.dialog).click()
    await manager.isTold(manager.t('maintenance.edit_done', { name: named }))
    expect((await records())[0]).toMatchObject({ technician: 'Taller Norte', scheduled_date: day(2), notes: 'Traer filtro' })
  })

  test('photos and the bill are added, refused when they are neither, saved, taken away and put back', async () => {
    await step('Cambiar sello', 'maintenance.files')
    await manager.sees(manager.t('maintenance.files_none'))
    const picker = manager.dialog.locator('input[type=file]').first()
    await picker.setInputFiles([
      { name: 'sello.png', mimeType: 'image/png', buffer: photo },
      { name: 'factura.pdf', mimeType: 'application/pdf', buffer: bill },
    ])
    await manager.sees(manager.dialog.getByText('sello.png', { exact: true }))
    await manager.sees(manager.dialog.getByText('factura.pdf', { exact: true }))
    await look('files')
    await manager.refused(/status of 422/, async () => {
      await picker.setInputFiles({ name: 'virus.pdf', mimeType: 'application/pdf', buffer: Buffer.from('MZ nothing of the kind') })
      await manager.sees(manager.dialog.getByRole('alert').filter({ hasText: manager.t('problems.mf_kind_known') }))
    })
    const saving = manager.page.waitForEvent('download')
    await manager.button('maintenance.file_save', { name: 'factura.pdf' }, manager.dialog).click()
    const saved = await saving
    expect(saved.suggestedFilename()).toBe('factura.pdf')
    expect(readFileSync(await saved.path()).equals(bill)).toBe(true)
    await manager.button('maintenance.file_remove', { name: 'sello.png' }, manager.dialog).click()
    await manager.sees(manager.t('maintenance.file_removed', { name: 'sello.png' }))
    expect((await records())[1].file_count).toBe(1)
    await manager.button('maintenance.file_restore', {}, manager.dialog).click()
    await manager.sees(manager.dialog.getByText('sello.png', { exact: true }))
    expect((await records())[1].file_count).toBe(2)
    if (phone) await manager.sees(manager.button('maintenance.photo_take', {}, manager.dialog))
    await manager.button('web.close', {}, manager.dialog).last().click()
  })

  test('the work is completed; then it takes its bill only', async () => {
    await step('Cambiar sello', 'maintenance.complete')
    await manager.fill({ 'maintenance.cost': '1250,50' }, manager.dialog)
    await manager.button('maintenance.complete', {}, manager.dialog).click()
    await manager.isTold(manager.t('maintenance.complete_done', { name: named }))
    expect((await records())[1]).toMatchObject({ status: 'done', cost: { amount: '1250.50', currency: 'PEN' } })
    await step('Cambiar sello', 'maintenance.edit')
    await manager.sees(manager.t('maintenance.edit_finished'))
    expect(await manager.field('maintenance.scheduled_date', manager.dialog).count()).toBe(0)
    await manager.fill({ 'maintenance.cost': '1300' }, manager.dialog)
    await manager.button('web.save', {}, manager.dialog).click()
    await manager.isTold(manager.t('maintenance.edit_done', { name: named }))
    expect((await records())[1]).toMatchObject({ status: 'done', cost: { amount: '1300.00' } })
    await look('records')
  })
})
