// How much machines are used and what they are worth: from the company down to one machine and back up, by address, in both languages.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { root } from '../program.ts'
import { rebuildUse, registerInThePast } from '../usage.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const stage = await setStage()
const { world } = stage
const home = `/c/${world.companies.andina.id}`
let machineId = ''
const past = new Date(Date.now() - 30 * 86_400_000).toISOString()

/** Looked at by eyes when BITCORP_PICTURES asks for it. */
async function picture(page: Page, name: string): Promise<void> {
  if (!process.env.BITCORP_PICTURES) return
  mkdirSync(join(root, '.screenshots'), { recursive: true })
  await page.screenshot({ path: join(root, '.screenshots', `${name}.png`), fullPage: true })
}

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
  // Two machines were there when the hand-over began; one of them is gone since.
  const gone = await world.machine({ name: 'Zanjadora de antes' })
  await world.sqlAdmin(async (q) => {
    for (const id of [machineId, gone.id]) await registerInThePast(q, world.companies.andina.id, id, from as string)
    await rebuildUse(q, world.companies.andina.id)
  })
  await manager.patch(`/equipment/${gone.id}`, { name: 'Zanjadora' }, { version: '*' })
  await manager.delete(`/equipment/${gone.id}`, { version: '*' })
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

  test('looks at the months as they were told then: by button, slider and clock; the export follows', async () => {
    const viewer = await stage.visit({ language, phone: language === 'en' })
    await viewer.signIn('viewer@andina.test')
    await viewer.goTo(`${home}/utilization?months=3`)
    await viewer.sees(viewer.main.getByText(viewer.t('utilization.machines_now')))
    await viewer.button('web.past_open').click()
    await viewer.sees(viewer.main.getByText(viewer.t('utilization.machines_then')))
    await viewer.sees(language === 'es' ? /^Así era el / : /^As it was on /)
    await viewer.goTo(`${home}/utilization?months=3&as_of=${past}`)
    // Ten days of what became thirty, and of the machine that is gone since under its name of then.
    await viewer.sees(viewer.main.getByText('240', { exact: true }).first())
    await viewer.sees(viewer.main.getByRole('link', { name: 'Zanjadora de antes' }))
    expect(await viewer.main.getByRole('link', { name: 'Rodillo parado' }).count()).toBe(0)
    await picture(viewer.page, `utilization past ${language}`)
    await inspect(viewer, `utilization of the past ${language}`)
    const [file] = await Promise.all([
      viewer.page.waitForEvent('download'),
      viewer
        .button('utilization.export')
        .click()
        .then(() => viewer.page.getByRole('menuitem', { name: 'CSV' }).click()),
    ])
    const csv = readFileSync(await file.path(), 'utf8')
    expect(csv).toContain('Zanjadora de antes')
    expect(csv).not.toContain('Rodillo parado')
    await viewer.main.getByRole('link', { name: 'Zanjadora de antes' }).click()
    await viewer.sees(viewer.link('utilization.to_machine'))
    await viewer.link('utilization.whole_company').click()
    expect(new URL(viewer.page.url()).searchParams.get('as_of'), 'the way up stays in the past').toBe(past)
    await viewer.page.getByRole('slider', { name: viewer.t('web.past_slider') }).focus()
    await viewer.page.keyboard.press('End')
    await viewer.sees(viewer.main.getByRole('link', { name: 'Rodillo parado' }))
    await viewer.button('web.past_end').click()
    await viewer.sees(viewer.main.getByText(viewer.t('utilization.machines_now')))
    expect(new URL(viewer.page.url()).searchParams.get('as_of')).toBeNull()
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
