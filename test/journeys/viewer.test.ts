// Who only looks: filters, sorts and chooses columns by an address that can be sent on, takes a file along, and changes nothing.
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { addPerson } from '../../src/features/access/contract.ts'
import { assign, takeBack, transfer } from '../../src/features/assignments/contract.ts'
import { createCategory } from '../../src/features/categories/contract.ts'
import { changeCompany } from '../../src/features/companies/contract.ts'
import { changeEquipment, changeStatus, createEquipment, deleteEquipment } from '../../src/features/equipment/contract.ts'
import { listEvents } from '../../src/features/history/contract.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage

describe('a viewer', () => {
  let viewer: Visitor
  const home = `/c/${world.companies.andina.id}`
  beforeAll(async () => {
    const machines = [
      { name: 'Excavadora', manufacturer: 'Komatsu', year: 2019, status: 'active' },
      { name: 'Cargador', manufacturer: 'Volvo', year: 2021, status: 'active' },
      { name: 'Grúa', manufacturer: 'Liebherr', year: 2015, status: 'maintenance' },
      { name: 'Bomba', manufacturer: 'Putzmeister', year: 2017, status: 'active' },
    ]
    for (const machine of machines) await world.machine(machine)
    viewer = await stage.visit()
    await viewer.signIn('viewer@andina.test')
  })

  test('filters, sorts and chooses columns; the address keeps it all', async () => {
    await viewer.open('web.nav_equipment')
    await viewer.seesRows(['Bomba', 'Grúa', 'Cargador', 'Excavadora'])
    const tools = viewer.main.locator('.list-tools')
    await viewer.button('equipment.status', {}, tools).click()
    await viewer.dialog.getByRole('checkbox', { name: viewer.t('equipment.status_active'), exact: true }).check()
    await inspect(viewer, 'a filter')
    await viewer.page.keyboard.press('Escape')
    await viewer.seesRows(['Bomba', 'Cargador', 'Excavadora'])
    await viewer.button('web.more_filters').click()
    await viewer.field('equipment.year_from').fill('2018')
    await inspect(viewer, 'more filters')
    await viewer.page.keyboard.press('Escape')
    await viewer.seesRows(['Cargador', 'Excavadora'])
    await viewer.main
      .getByRole('columnheader', { name: viewer.t('equipment.name') })
      .getByRole('button')
      .click()
    await viewer.main
      .getByRole('columnheader', { name: viewer.t('equipment.name') })
      .getByRole('button')
      .click()
    await viewer.seesRows(['Excavadora', 'Cargador'])
    await viewer.button('web.columns').click()
    await viewer.dialog.getByRole('checkbox', { name: viewer.t('equipment.year'), exact: true }).check()
    await inspect(viewer, 'columns')
    await viewer.page.keyboard.press('Escape')
    await viewer.sees(viewer.main.getByRole('cell', { name: '2021', exact: true }))
  })

  test('comes back to the same list by reload, and sends its address to a colleague', async () => {
    const address = viewer.page.url()
    const sees = async (who: Visitor) => {
      await who.seesRows(['Excavadora', 'Cargador'])
      await who.sees(who.main.getByRole('columnheader', { name: who.t('equipment.year'), exact: true }))
    }
    await viewer.page.reload()
    await sees(viewer)
    const colleague = await stage.visit()
    await colleague.goTo(address)
    await colleague.signIn('manager@andina.test')
    expect(colleague.page.url()).toBe(address)
    await sees(colleague)
    await colleague.page.context().close()
  })

  test('takes along as CSV what the filters show', async () => {
    await viewer.button('equipment.export').click()
    await inspect(viewer, 'export')
    const [file] = await Promise.all([viewer.page.waitForEvent('download'), viewer.page.getByRole('menuitem', { name: 'CSV' }).click()])
    expect(file.suggestedFilename()).toMatch(/\.csv$/)
    const lines = readFileSync(await file.path(), 'utf8')
      .trim()
      .split('\r\n')
    expect(lines).toHaveLength(3)
    expect(
      lines
        .slice(1)
        .map((line) => /Cargador|Excavadora/.exec(line)?.[0])
        .sort(),
    ).toEqual(['Cargador', 'Excavadora'])
    const [audited] = await world.sqlAdmin((query) => query("SELECT count(*)::int AS n FROM audit_logs WHERE action = 'exported' AND user_id = $1", [world.person('andina', 'viewer').userId]))
    expect(audited.n).toBe(1)
  })

  test('finds every write refused, with the reason', async () => {
    const refused = async (key: string, op: Parameters<Visitor['reasonFor']>[0]) => viewer.seesRefused(viewer.button(key, {}, viewer.main), viewer.reasonFor(op, 'viewer'))
    await refused('equipment.register', createEquipment)
    await viewer.row('Cargador').getByRole('link').first().click()
    await refused('assignments.assign', assign)
    await refused('assignments.transfer', transfer)
    await refused('assignments.return', takeBack)
    await refused('machine.change_status', changeStatus)
    await refused('web.edit', changeEquipment)
    await inspect(viewer, 'machine, refused')
    await viewer.button('web.more', {}, viewer.main).click()
    await viewer.sees(viewer.page.getByRole('menuitem', { disabled: true }).filter({ hasText: viewer.reasonFor(deleteEquipment, 'viewer') }))
    await viewer.page.keyboard.press('Escape')
    await viewer.open('web.nav_categories')
    await refused('categories.add', createCategory)
    await viewer.open('web.nav_people')
    await refused('access.person_add', addPerson)
    await viewer.open('web.nav_settings')
    await viewer.sees(viewer.reasonFor(changeCompany, 'viewer'))
    await inspect(viewer, 'settings, refused')
    const navigation = viewer.page.getByRole('navigation', { name: viewer.t('web.main_navigation') })
    await viewer.seesRefused(viewer.button('web.nav_history', {}, navigation), viewer.reasonFor(listEvents, 'viewer'))
    for (const path of ['equipment/new', 'history', 'history/audit', 'categories/new']) {
      await viewer.goTo(`${home}/${path}`)
      await viewer.sees(new RegExp(viewer.t('web.role_viewer').toLowerCase()))
      await inspect(viewer, path)
    }
  })
})
