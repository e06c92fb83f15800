// A real browser on the real page: the built page, the server on a free port over the file's own database, and people at their screens.
import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createWorld, type World } from '../harness.ts'
import { buildWhenStale, root } from '../program.ts'
import { launch } from './chromium.ts'
import { type Language, Visitor } from './visitor.ts'

export const desktop = { width: 1280, height: 800 }
export const phone = { width: 390, height: 844 }

export type VisitOptions = { language?: Language; phone?: boolean; dark?: boolean }
export type Stage = { world: World; url: string; browser: () => Browser; visit: (options?: VisitOptions) => Promise<Visitor> }

/** Call it at the top of a file: `const stage = await setStage()`. Every fault that a page meets unasked fails the test it happened in. */
export async function setStage(options: Parameters<typeof createWorld>[0] = {}): Promise<Stage> {
  buildWhenStale()
  const world = await createWorld(options)
  await world.app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${(world.app.server.address() as AddressInfo).port}`
  const visitors: Visitor[] = []
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await Promise.all(visitors.map((visitor, at) => photograph(visitor, `${task.name} ${at}`)))
    const faults = visitors.flatMap((visitor) => visitor.faults.splice(0))
    expect(faults).toEqual([])
  })
  const current = () => {
    if (!browser) throw new Error('the browser is not there yet')
    return browser
  }
  return {
    world,
    url,
    browser: current,
    visit: async (options = {}) => {
      const visitor = await openVisitor(current(), url, options)
      visitors.push(visitor)
      return visitor
    },
  }
}

/** Someone new at a screen: nothing stored, nobody signed in. */
export async function openVisitor(browser: Browser, url: string, { language = 'es', phone: onPhone = false, dark = false }: VisitOptions = {}): Promise<Visitor> {
  const screen: BrowserContextOptions = onPhone ? { viewport: phone, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } : { viewport: desktop }
  const context = await browser.newContext({
    ...screen,
    baseURL: url,
    locale: 'es-PE',
    timezoneId: 'America/Lima',
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  })
  context.setDefaultTimeout(20_000)
  return new Visitor(await context.newPage(), language, onPhone)
}

/** What the person saw when a test failed, kept in .screenshots/. */
async function photograph(visitor: Visitor, name: string): Promise<void> {
  if (visitor.page.isClosed()) return
  const folder = join(root, '.screenshots')
  mkdirSync(folder, { recursive: true })
  await visitor.page.screenshot({ path: join(folder, `failed ${name.replace(/[^\p{L}\d]+/gu, '-').slice(0, 80)}.png`) }).catch(() => {})
}
