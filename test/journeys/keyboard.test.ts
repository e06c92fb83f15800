// Without a mouse: signs in, finds a machine, hands it over and takes it back by keys alone, and always sees where the focus is.
import type { Locator } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const isFocused = async (place: Locator) => (await place.and(place.page().locator(':focus')).count()) > 0

describe('a manager without a mouse', () => {
  let manager: Visitor
  let machine: Body
  const press = (key: string) => manager.page.keyboard.press(key)
  const type = (text: string) => manager.page.keyboard.type(text)
  /** Tabs on until the focus is there; each stop on the way shows an outline. */
  const tabTo = async (place: Locator) => {
    await place.first().waitFor()
    for (let stops = 0; stops < 60; stops++) {
      if (await isFocused(place.first())) return
      await press('Tab')
      // No faster than a hand: after a day or a time the dialog looks a moment later where the focus went.
      await manager.page.waitForTimeout(60)
      const shown = await manager.page.evaluate<boolean>(
        "(() => { const at = document.activeElement; if (!at || at === document.body) return true; const box = [at, at.parentElement].map((one) => getComputedStyle(one)); return box.some((style) => style.outlineStyle !== 'none' || style.boxShadow !== 'none') || at.matches('input, textarea, select') })()",
      )
      if (!shown) throw new Error(`no focus to be seen at ${await manager.page.evaluate('document.activeElement.outerHTML.slice(0, 200)')}`)
    }
    throw new Error(`${place} is not reached by Tab`)
  }
  const open = () => world.sqlAdmin((query) => query('SELECT user_id FROM equipment_assignments WHERE equipment_id = $1 AND returned_at IS NULL', [machine.id]))

  beforeAll(async () => {
    machine = await world.machine({ name: 'Motoniveladora', fleet_code: 'MOT-0042' })
    await world.machine({ name: 'Bomba' })
    manager = await stage.visit()
  })

  test('signs in and skips to the content', async () => {
    await manager.goTo('/')
    await manager.button('access.sign_in').waitFor()
    await expect.poll(() => isFocused(manager.field('access.email'))).toBe(true)
    await type('manager@andina.test')
    await tabTo(manager.field('access.password'))
    await type('bitcorp-test-2026')
    await press('Enter')
    await manager.sees(manager.heading(manager.t('equipment.home_hello', { name: 'manager' })))
    await manager.page.evaluate('document.activeElement.blur()')
    await tabTo(manager.link('web.skip'))
    await manager.sees(manager.link('web.skip'))
    await press('Enter')
    await expect.poll(() => manager.page.evaluate('document.activeElement.id')).toBe('main')
  })

  test('finds the machine by Ctrl-K', async () => {
    await press('Control+k')
    await manager.page.getByPlaceholder(manager.t('web.palette_hint')).waitFor()
    await type('0042')
    await manager.sees(manager.dialog.getByText('Motoniveladora'))
    await press('Enter')
    await manager.sees(manager.heading('Motoniveladora'))
  })

  test('hands it over, and finds the focus where the dialog left it', async () => {
    await tabTo(manager.button('assignments.assign'))
    await press('Enter')
    await expect.poll(() => isFocused(manager.field('assignments.person'))).toBe(true)
    await type('operator2')
    await manager.sees(manager.page.getByRole('option', { name: /^operator2/ }))
    await expect.poll(() => manager.page.getByRole('option').count()).toBe(1)
    await press('ArrowDown')
    await press('Enter')
    await tabTo(manager.button('assignments.assign', {}, manager.dialog))
    await press('Enter')
    await manager.sees(manager.t('assignments.has_it', { name: 'operator2 de andina' }))
    expect(await open()).toEqual([{ user_id: world.person('andina', 'operator2').userId }])
    await expect.poll(() => manager.page.evaluate('document.activeElement !== document.body')).toBe(true)
  })

  test('takes it back; Escape changes nothing', async () => {
    await tabTo(manager.button('assignments.return'))
    await press('Enter')
    await manager.dialog.waitFor()
    await press('Escape')
    await manager.dialog.waitFor({ state: 'detached' })
    expect(await open()).toHaveLength(1)
    await expect.poll(() => isFocused(manager.button('assignments.return'))).toBe(true)
    await press('Enter')
    await expect.poll(() => isFocused(manager.field('assignments.return_notes'))).toBe(true)
    await type('Sin novedad')
    await tabTo(manager.button('assignments.return', {}, manager.dialog))
    await press('Enter')
    await manager.sees(manager.t('assignments.nobody'))
    expect(await open()).toEqual([])
  })
})
