// Who belongs to two companies, in English: each shows its own machines alone, and an address does not carry over.
import { beforeAll, describe, expect, test } from 'vitest'
import { asOwner } from '../../src/base/owner.ts'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const { andina, sur } = world.companies

describe('a person of two companies', () => {
  let both: Visitor
  let ours: Body
  let theirs: Body
  beforeAll(async () => {
    ours = await world.machine({ name: 'Excavadora andina' })
    theirs = await world.machine({ name: 'Pavimentadora del sur' }, 'sur')
    // A manager in one, a viewer in the other; the account is the one of Andina.
    await asOwner(world.ownerUrl, (owner) => owner.query("SELECT put_membership($1, $2, 'viewer')", [sur.id, world.person('andina', 'manager').userId]))
    both = await stage.visit({ language: 'en' })
    await both.signIn('manager@andina.test')
  })
  const switchTo = async (name: string) => {
    await both.page.getByRole('button', { name: new RegExp(`^${both.t('web.switch_company')}:`) }).click()
    await both.page.getByRole('menuitem', { name: new RegExp(name) }).click()
    await both.page.getByRole('button', { name: `${both.t('web.switch_company')}: ${name}` }).waitFor()
  }

  test('switches, and sees the other machines with the other role', async () => {
    await switchTo('Constructora Andina')
    await both.open('web.nav_equipment')
    await both.seesRows(['Excavadora andina'])
    await both.page.getByRole('button', { name: new RegExp(`^${both.t('web.switch_company')}:`) }).click()
    await inspect(both, 'company switch')
    await both.page.keyboard.press('Escape')
    await switchTo('Vial del Sur')
    await both.open('web.nav_equipment')
    await both.seesRows(['Pavimentadora del sur'])
    expect(new URL(both.page.url()).pathname).toBe(`/c/${sur.id}/equipment`)
    expect(await both.button('equipment.register').getAttribute('aria-disabled')).toBe('true')
    await switchTo('Constructora Andina')
    await both.open('web.nav_equipment')
    await both.seesRows(['Excavadora andina'])
  })

  test("finds the other company's machine not here, as one that exists nowhere", async () => {
    const missing = async (company: string, id: string) => {
      await both.refused(/status of 404/, async () => {
        await both.goTo(`/c/${company}/equipment/${id}`)
        await both.sees(both.heading(both.t('machine.missing')))
      })
      return (await both.main.textContent()) ?? ''
    }
    await both.goTo(`/c/${andina.id}/equipment/${ours.id}`)
    await both.sees(both.heading('Excavadora andina'))
    const elsewhere = await missing(andina.id, theirs.id)
    expect(await missing(andina.id, '01900000-0000-7000-8000-000000000000')).toBe(elsewhere)
    await inspect(both, 'machine not here')
    await both.goTo(`/c/${sur.id}/equipment/${theirs.id}`)
    await both.sees(both.heading('Pavimentadora del sur'))
  })

  test('a stranger to a company finds nothing at its address', async () => {
    const manager = await stage.visit()
    await manager.signIn('viewer@andina.test')
    await manager.goTo(`/c/${sur.id}/equipment/${theirs.id}`)
    await manager.sees(manager.heading(manager.t('web.not_found_title')))
    expect(await manager.page.getByText('Pavimentadora').count()).toBe(0)
    await inspect(manager, 'not found')
  })
})
