// The demo as somebody meets it who just typed the two commands; its pictures go to .screenshots/, and to docs/ when BITCORP_PICTURES=1 asks for them.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildWhenStale, cleanUp, makeFolder, root, start } from '../program.ts'
import { openVisitor } from './browser.ts'
import { launch } from './chromium.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const password = 'bitcorp-demo-2026'
const folder = join(root, '.screenshots')

describe('the demo', () => {
  let browser: Browser
  let url = ''
  beforeAll(async () => {
    buildWhenStale()
    mkdirSync(folder, { recursive: true })
    const program = start(['serve'], makeFolder())
    ;[url, browser] = await Promise.all([program.ready(), launch()])
  })
  afterAll(async () => {
    await browser?.close()
    await cleanUp()
  })
  const picture = async (visitor: Visitor, name: string) => {
    await visitor.page.waitForLoadState('networkidle')
    await visitor.page.screenshot({ path: join(folder, `${name}.png`) })
  }

  test('shows a manager a fleet at work', async () => {
    const manager = await openVisitor(browser, url)
    await manager.signIn('manager@andina.example', password)
    await manager.sees(manager.heading(manager.t('equipment.home_hand_overs')))
    await picture(manager, 'home')
    await manager.open('web.nav_equipment')
    await manager.settled()
    expect(await manager.main.locator('tbody tr').count()).toBeGreaterThan(10)
    // Who has what, as a manager looks at it in the morning.
    await manager.goTo(`${new URL(manager.page.url()).pathname}?sort=next_maintenance_date`)
    await manager.settled()
    await picture(manager, 'list')
    await inspect(manager, 'demo list')
    await manager.page.emulateMedia({ colorScheme: 'dark' })
    await picture(manager, 'list dark')
    await manager.page.emulateMedia({ colorScheme: 'light' })
    await manager.main.locator('tbody tr').first().getByRole('link').first().click()
    await manager.tab('machine.tab_summary').waitFor()
    await picture(manager, 'machine')
    await manager.tab('machine.tab_timeline').click()
    await manager.main.locator('.timeline-line').first().waitFor()
    await picture(manager, 'timeline')
    await manager.goTo(`${new URL(manager.page.url()).pathname.split('/').slice(0, 3).join('/')}/equipment?status=active&in_use=false`)
    await manager.main.locator('tbody tr').first().getByRole('link').first().click()
    await manager.button('assignments.assign').click()
    await manager.choose('assignments.person', /operador|operator/i, manager.dialog, 'operator')
    await manager.fill({ 'assignments.notes': 'Tanque lleno, para la obra norte' }, manager.dialog)
    await picture(manager, 'assign')
    expect(manager.faults).toEqual([])
    if (process.env.BITCORP_PICTURES === '1') copyFileSync(join(folder, 'list.png'), join(root, 'docs', 'screenshot.png'))
  })

  test('shows an operator on a phone their machines', async () => {
    const operator = await openVisitor(browser, url, { phone: true })
    await operator.signIn('operator@andina.example', password)
    await operator.main.locator('.mine > li').first().waitFor()
    await picture(operator, 'phone home')
    await operator.link('equipment.home_take').tap()
    await operator.row('').first().waitFor()
    await picture(operator, 'phone list')
    await operator.row('').first().getByRole('link').first().tap()
    await operator.tab('machine.tab_summary').waitFor()
    await picture(operator, 'phone machine')
    expect(operator.faults).toEqual([])
  })
})
