// What a category asks of its machines, as people meet it: counts that roll up, fields from above, refusals at the field, and the way back of a deleted category.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../program.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const stage = await setStage()
const { world } = stage
const admin = world.as('andina', 'admin')
const path = '/equipment-categories'
const pictures = join(root, '.screenshots')
mkdirSync(pictures, { recursive: true })

describe.each(['es', 'en'] as const)('in %s, a manager', (language) => {
  const named = (name: string) => `${name} ${language}`
  test('sees what rolls up, finds what lacks something, is refused at the field, and brings a category back', async () => {
    const power = { key: 'potencia', label: 'Potencia', type: 'number', unit: 'kW' }
    const drive = { key: 'traccion', label: 'Tracción', type: 'choice', choices: ['Orugas', 'Ruedas'] }
    const top = (await admin.post(path, { name: named('Maquinaria'), maintenance_interval_days: 90, specification_template: [power] })).body
    const leaf = (await admin.post(path, { name: named('Excavadoras'), parent_id: top.id, type_code: 'EX', specification_template: [drive] })).body
    const empty = (await admin.post(path, { name: named('Vacía'), parent_id: top.id })).body
    const lacking = await world.machine({ name: named('Sin potencia'), category_id: leaf.id, specifications: { traccion: 'Ruedas' } })
    await world.machine({ name: named('Completa'), category_id: leaf.id, specifications: { potencia: 110, traccion: 'Orugas' } })
    const inside = await world.machine({ name: named('En taller'), category_id: top.id, specifications: { potencia: 90 } })
    await admin.post(`/equipment/${inside.id}/status`, { status: 'maintenance', reason: 'x' })
    await admin.patch(`${path}/${top.id}`, { specification_template: [{ ...power, required: true }] }, { version: 1 })

    const manager = await stage.visit({ language })
    const inTree = (name: string) =>
      manager.page
        .getByRole('treeitem')
        .filter({ hasText: named(name) })
        .locator('.tree-name')
        .last()
    await manager.signIn('manager@andina.test')
    await manager.open('web.nav_categories')
    await manager.page
      .getByRole('treeitem')
      .filter({ hasText: named('Maquinaria') })
      .locator('.tree-name')
      .first()
      .click()
    await manager.sees(manager.t('categories.here_one', { count: 1 }))
    await manager.sees(manager.t('categories.count_active', { count: 2 }))
    await manager.sees(manager.t('categories.count_maintenance', { count: 1 }))
    await manager.sees(manager.t('categories.lacking_one', { count: 1 }))
    await inspect(manager, 'category with counts')
    await manager.page.screenshot({ path: join(pictures, `category-${language}.png`) })
    await manager.main.getByRole('link', { name: manager.t('categories.lacking_one', { count: 1 }) }).click()
    await manager.seesRows([named('Sin potencia')])
    await manager.main
      .getByRole('link', { name: named('Sin potencia') })
      .first()
      .click()
    await manager.tab('machine.tab_specifications').click()
    await manager.sees(manager.t('machine.asked_missing'))
    await inspect(manager, 'specifications that lack something')
    await manager.page.screenshot({ path: join(pictures, `specifications-${language}.png`) })

    // While the form is open somebody takes a choice away: only the database can tell.
    await manager.link('web.edit').click()
    await manager.field('Potencia (kW)').fill('75')
    await manager.sees(manager.t('machine.field_from', { category: named('Maquinaria') }))
    await admin.patch(`${path}/${leaf.id}`, { specification_template: [{ ...drive, choices: ['Orugas'] }] }, { version: '*' })
    await manager.refused(/status of 422/, async () => {
      await manager.button('web.save').click()
      await manager.sees(manager.t('problems.equipment_specifications_template', { fields: 'Tracción' }))
    })
    const sentence = manager.t('problems.specification_choice', { label: 'Tracción', choices: 'Orugas' })
    await manager.sees(sentence)
    const field = manager.field('Tracción')
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    await inspect(manager, 'refused at the field')
    await manager.page.evaluate("document.querySelector('[aria-invalid=true]').scrollIntoView({ block: 'center' })")
    await manager.page.screenshot({ path: join(pictures, `refused-${language}.png`) })
    await field.selectOption('Orugas')
    await manager.button('web.save').click()
    await manager.sees(manager.heading(named('Sin potencia')))
    expect((await admin.get(`/equipment/${lacking.id}`)).body.specifications).toEqual({ potencia: 75, traccion: 'Orugas' })

    // Deleted with its who and when, and back again.
    await admin.delete(`${path}/${empty.id}`, { version: 1 })
    await manager.open('web.nav_categories')
    await manager.button('categories.deleted_list').click()
    await manager.sees(manager.dialog.getByText(named('Vacía')))
    await manager.sees(manager.dialog.getByText('admin de andina').first())
    await inspect(manager, 'deleted categories')
    await manager.page.screenshot({ path: join(pictures, `deleted-${language}.png`) })
    await manager.button('categories.restore_one', { name: named('Vacía') }, manager.dialog).click()
    await manager.isTold(manager.t('categories.restored', { name: named('Vacía') }))
    await manager.sees(inTree('Vacía'))
    expect((await admin.get(`${path}/${empty.id}`)).status).toBe(200)
    await manager.page.context().close()
  })
})
