// How much machines are used and what they are worth: from the company down to one machine and back up, by address, in both languages.
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const stage = await setStage()
const { world } = stage
const home = `/c/${world.companies.andina.id}`
let machineId = ''

beforeAll(async () => {
  const manager = world.as('andina', 'manager')
  const category = async (name: string, parent_id?: string) => (await manager.post('/equipment-categories', { name, parent_id })).body.id
  const top = await category('Maquinaria pesada')
  const below = await category('Excavadoras', top)
  await category('Vehículos')
  const machine = await world.machine({
    name: 'Excavadora 07',
    category_id: below,
    ownership: 'owned',
    purchase_date: '2024-01-01',
    purchase_price: '100000',
    depreciation_rate: '0.1',
    salvage_value: '10000',
  })
  machineId = machine.id
  await world.machine({ name: 'Rodillo parado', category_id: top })
  const [from, to] = [40, 10].map((days) => new Date(Date.now() - days * 86_400_000).toISOString())
  await world.sqlAdmin((q) =>
    q(`INSERT INTO equipment_assignments (company_id, equipment_id, user_id, assigned_by, assigned_at, returned_at, returned_by) VALUES ($1, $2, $3, $3, $4, $5, $3)`, [
      world.companies.andina.id,
      machineId,
      world.person('andina', 'operator').userId,
      from,
      to,
    ]),
  )
})

describe.each(['es', 'en'] as const)('in %s, a viewer', (language) => {
  test('goes down from the company to a machine, sees the numbers as a table, and comes back by the crumbs', async () => {
    const viewer = await stage.visit({ language })
    await viewer.signIn('viewer@andina.test')
    await viewer.open('web.nav_utilization')
    await viewer.sees(viewer.main.getByRole('img').locator('.recharts-bar-rectangle').first())
    await viewer.sees(viewer.main.getByText('720', { exact: true }).first())
    await inspect(viewer, `utilization ${language}`)
    await viewer.main.getByText(viewer.t('utilization.as_table')).click()
    await viewer.sees(viewer.main.locator('details').getByRole('table'))
    await viewer.main.getByRole('link', { name: 'Maquinaria pesada' }).click()
    await viewer.sees(viewer.main.getByText(viewer.t('utilization.directly_in', { name: 'Maquinaria pesada' })))
    await viewer.main.getByRole('link', { name: 'Excavadora 07' }).click()
    await viewer.sees(viewer.link('utilization.to_machine'))
    const address = viewer.page.url()
    await viewer.page.reload()
    await viewer.sees(viewer.main.getByRole('navigation', { name: viewer.t('utilization.where') }).getByText('Excavadora 07'))
    await inspect(viewer, `utilization of a machine ${language}`)
    expect(viewer.page.url()).toBe(address)
    await viewer.link('utilization.whole_company').click()
    await viewer.sees(viewer.main.getByText('Rodillo parado'))
    const [file] = await Promise.all([
      viewer.page.waitForEvent('download'),
      viewer
        .button('utilization.export')
        .click()
        .then(() => viewer.page.getByRole('menuitem', { name: 'CSV' }).click()),
    ])
    expect(readFileSync(await file.path(), 'utf8')).toContain('Excavadora 07,Excavadoras')
    await viewer.page.context().close()
  })

  test('sees what the fleet was worth on a day, and how one machine is written off', async () => {
    const viewer = await stage.visit({ language, phone: language === 'es' })
    await viewer.signIn('viewer@andina.test')
    await viewer.goTo(`${home}/fleet-value?as_of=2025-01-01`)
    await viewer.sees(viewer.main.getByText(/PEN\s90,000\.00/).first())
    await inspect(viewer, `fleet value ${language}`)
    await viewer.main.getByLabel(viewer.t('valuation.as_of')).fill('2026-01-01')
    await viewer.sees(viewer.main.getByText(/PEN\s80,000\.00/).first())
    await viewer.goTo(`${home}/equipment/${machineId}?tab=value`)
    await viewer.sees(viewer.main.getByText(viewer.t('valuation.schedule')).first())
    expect(await viewer.main.locator('tbody tr').count()).toBe(9)
    await inspect(viewer, `value of a machine ${language}`)
    await viewer.page.context().close()
  })
})
