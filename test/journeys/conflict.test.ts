// Two people change the same machine: the second sees both versions, chooses field by field, and nothing that either wrote is lost.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

describe('two people and one machine', () => {
  let first: Visitor
  let second: Visitor
  let machine: Body
  const stored = async () => (await world.sqlAdmin((query) => query('SELECT name, location, plate, model, version FROM equipment WHERE id = $1', [machine.id])))[0]
  beforeAll(async () => {
    machine = await world.machine({ name: 'Grúa', location: 'Patio', plate: 'AAA-111', model: 'LTM' })
    first = await stage.visit()
    second = await stage.visit({ phone: true })
    await first.signIn('manager@andina.test')
    await second.signIn('admin@andina.test')
    for (const person of [first, second]) {
      await person.goTo(`/c/${world.companies.andina.id}/equipment/${machine.id}/edit`)
      await person.field('machine.name').waitFor()
    }
  })

  test('the first saves', async () => {
    await first.fill({ 'equipment.location': 'Obra norte', 'equipment.plate': 'BBB-222' })
    await first.button('web.save').click()
    await first.isTold(first.t('machine.changed', { name: 'Grúa' }))
  })

  test('the second is shown both versions and writes nothing unasked', async () => {
    await second.fill({ 'equipment.location': 'Obra sur', 'equipment.model': 'LTM 1100' })
    await second.refused(/status of 412/, async () => {
      await second.button('web.save').click()
      await second.sees(second.dialog.getByText(second.t('web.conflict_title')))
    })
    await inspect(second, 'both versions on a phone')
    const line = (field: string) => second.dialog.getByRole('row').filter({ has: second.page.getByRole('rowheader', { name: new RegExp(`^${second.t(field)}`) }) })
    for (const text of ['Obra sur', 'Obra norte', second.t('web.conflict_both')]) await second.sees(line('equipment.location').getByText(text, { exact: true }))
    for (const text of ['AAA-111', 'BBB-222']) await second.sees(line('equipment.plate').getByText(text, { exact: true }))
    await second.sees(line('equipment.model').getByText('LTM 1100', { exact: true }))
    expect(await stored()).toMatchObject({ location: 'Obra norte', model: 'LTM', version: machine.version + 1 })
  })

  test('going back keeps what was typed; choosing saves both people’s work', async () => {
    await second.button('web.conflict_back', {}, second.dialog).click()
    expect(await second.field('equipment.location').inputValue()).toBe('Obra sur')
    await second.refused(/status of 412/, async () => {
      await second.button('web.save').click()
      await second.sees(second.dialog.getByText(second.t('web.conflict_title')))
    })
    await second.page.getByRole('radio', { name: `${second.t('equipment.location')}: ${second.t('web.conflict_theirs')}` }).check()
    await second.button('web.conflict_save', {}, second.dialog).click()
    await second.isTold(second.t('machine.changed', { name: 'Grúa' }))
    expect(await stored()).toEqual({ name: 'Grúa', location: 'Obra norte', plate: 'BBB-222', model: 'LTM 1100', version: machine.version + 2 })
  })
})
