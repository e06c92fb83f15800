// The list of machines, measured in the browser: how much script it needs at first, that nothing moves while it loads, and that scrolling brings
// what follows and no more.
import { expect, test } from 'vitest'
import { measurePage } from '../../bench/page.ts'
import { fillFleet } from '../fleet.ts'
import { password } from '../harness.ts'
import { setStage } from './browser.ts'

const stage = await setStage()
const { world } = stage
await fillFleet(world, 400)

test('the first load of the list needs less than 250 kB of script, nothing moves meanwhile, and scrolling fetches what follows', async () => {
  const figures = await measurePage({ address: stage.url, email: 'viewer@andina.test', password, companyId: world.companies.andina.id, runs: 1, rows: 200 })
  expect(figures.scripts).toBeGreaterThan(5)
  expect(figures.scriptBytes).toBeLessThan(250_000)
  expect(figures.shiftLoading).toBe(0)
  expect(figures.rowsScrolled).toBeGreaterThanOrEqual(200)
})

test('who stops scrolling is sent some pages ahead, and not all there are', async () => {
  const viewer = await stage.visit()
  await viewer.signIn('viewer@andina.test')
  await viewer.goTo(`/c/${world.companies.andina.id}/equipment`)
  const rows = async () => Number(await viewer.main.locator('.list-table').getAttribute('data-rows'))
  await viewer.sees(viewer.main.locator('.list-table tbody tr[data-clickable]').first())
  expect(await rows()).toBe(50)
  await viewer.page.mouse.move(600, 500)
  await viewer.page.mouse.wheel(0, 600)
  await expect.poll(rows).toBeGreaterThan(50)
  await viewer.page.waitForTimeout(3000)
  expect(await rows()).toBeLessThan(250)
})

test('rows far from the screen are put away, those before it are there, and the way back finds the first ones again', async () => {
  const viewer = await stage.visit()
  await viewer.signIn('viewer@andina.test')
  await viewer.goTo(`/c/${world.companies.andina.id}/equipment`)
  const { page } = viewer
  const drawn = viewer.main.locator('.list-table tbody tr[data-clickable]')
  await viewer.sees(drawn.first())
  const firstOne = await drawn.first().textContent()
  await page.mouse.move(600, 500)
  // What stands at the middle of the screen is a machine, under the number of its row.
  const before = () => page.evaluate<number>("Number(document.elementFromPoint(600, 500)?.closest('tr[data-clickable]')?.getAttribute('aria-rowindex') ?? 0)")
  const further = async () => {
    await page.mouse.wheel(0, 1500)
    return before()
  }
  await expect.poll(further, { timeout: 30_000 }).toBeGreaterThan(250)
  await expect.poll(() => drawn.count()).toBeLessThan(160)
  await page.evaluate('scrollTo({ top: 0, behavior: "instant" })')
  await expect.poll(() => drawn.first().textContent()).toBe(firstOne)
  expect(await drawn.first().getAttribute('aria-rowindex')).toBe('2')
})
