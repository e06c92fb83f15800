// Measures the list of machines in a real browser: what is fetched at first, when it can be used on a slow machine, what moves, and frames lost while scrolling.
// Run: npx tsx bench/page.ts ADDRESS EMAIL PASSWORD [COMPANY_ID]. Wants 10,000 machines or more in the company.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { launch } from '../test/journeys/chromium.ts'

export type PageQuestion = { address: string; email: string; password: string; companyId?: string; runs?: number; rows?: number }
export type PageFigures = {
  /** Scripts of the first load, each by gzip, and how many. */
  scriptBytes: number
  scripts: number
  /** What of them went over the wire, as this browser and the server agreed on. */
  scriptBytesSent: number
  /** Milliseconds until a row is painted and the search box takes input, with a processor slowed four times; median and all. */
  interactive: number
  interactiveRuns: number[]
  shiftLoading: number
  shiftScrolling: number
  rowsScrolled: number
  frames: Frames
  /** The same scrolling over an empty page of the same height. */
  framesOfEmptyPage: Frames
}
type Frames = { drawn: number; dropped: number; longest: number }

const rowsShown = '.list-table tbody tr[data-clickable]'
const median = (figures: readonly number[]): number => [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? 0

export async function measurePage({ address, email, password, companyId, runs = 5, rows = 10_000 }: PageQuestion): Promise<PageFigures> {
  const browser = await launch()
  try {
    const visit = () => openSignedIn(browser, address, email, password, companyId)
    const scripts = await weigh(await visit())
    const loads: { interactive: number; shift: number }[] = []
    for (let run = 0; run < runs; run++) loads.push(await load(await visit()))
    const scrolled = await scrollList(await visit(), rows)
    const framesOfEmptyPage = await scrollEmpty(await visit(), scrolled.height)
    return {
      ...scripts,
      interactive: median(loads.map((one) => one.interactive)),
      interactiveRuns: loads.map((one) => one.interactive),
      shiftLoading: Math.max(...loads.map((one) => one.shift)),
      shiftScrolling: scrolled.shift,
      rowsScrolled: scrolled.rows,
      frames: scrolled.frames,
      framesOfEmptyPage,
    }
  } finally {
    await browser.close()
  }
}

type Seen = { interactive: number; shift: number; height: number; rows: number }
type Visit = { context: BrowserContext; page: Page; cdp: CDPSession; list: string }

/** A new browser profile, so that nothing is cached, already signed in. */
async function openSignedIn(browser: Browser, address: string, email: string, password: string, companyId: string | undefined): Promise<Visit> {
  const context = await browser.newContext({ baseURL: address, viewport: { width: 1280, height: 800 }, locale: 'es-PE' })
  const reply = await context.request.post('/api/v1/session', { data: { email, password } })
  if (!reply.ok()) throw new Error(`signing in: ${reply.status()} ${await reply.text()}`)
  const me = (await reply.json()) as { companies: { company_id: string }[] }
  const page = await context.newPage()
  await page.addInitScript({ path: join(import.meta.dirname, 'in-page.js') })
  return { context, page, cdp: await context.newCDPSession(page), list: `/c/${companyId ?? me.companies[0]?.company_id}/equipment` }
}

async function weigh({ context, page, cdp, list }: Visit): Promise<Pick<PageFigures, 'scriptBytes' | 'scripts' | 'scriptBytesSent'>> {
  const scripts = new Set<string>()
  let sent = 0
  await cdp.send('Network.enable')
  cdp.on('Network.responseReceived', ({ requestId, type }) => type === 'Script' && scripts.add(requestId))
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) sent += encodedDataLength
  })
  await page.goto(list)
  await page.locator(rowsShown).first().waitFor()
  await page.waitForLoadState('networkidle')
  const bodies = await Promise.all([...scripts].map((requestId) => cdp.send('Network.getResponseBody', { requestId })))
  await context.close()
  const bytes = bodies.map(({ body, base64Encoded }) => gzipSync(base64Encoded ? Buffer.from(body, 'base64') : body).length)
  return { scriptBytes: bytes.reduce((sum, one) => sum + one, 0), scripts: bytes.length, scriptBytesSent: sent }
}

async function load({ context, page, cdp, list }: Visit): Promise<{ interactive: number; shift: number }> {
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.goto(list, { waitUntil: 'commit' })
  await page.evaluate('watched.ready')
  await page.waitForLoadState('networkidle')
  await page.waitForTimeout(500)
  const { interactive, shift } = (await page.evaluate('watched.end()')) as Seen
  // What was called interactive takes a key.
  await page.locator('input[type=search]').focus()
  await page.keyboard.press('x')
  if ((await page.locator('input[type=search]').inputValue()) !== 'x') throw new Error('the search box takes no input')
  await context.close()
  return { interactive: Math.round(interactive), shift }
}

async function scrollList({ context, page, cdp, list }: Visit, rows: number): Promise<{ shift: number; rows: number; height: number; frames: Frames }> {
  await page.goto(list)
  await page.locator(rowsShown).first().waitFor()
  await page.waitForLoadState('networkidle')
  await page.evaluate('watched.shift = 0')
  const frames = await framesWhile(page, cdp, () => page.evaluate(`watched.wheel(${rows})`))
  const end = (await page.evaluate('watched.end()')) as Seen
  await context.close()
  return { shift: end.shift, rows: end.rows, height: end.height, frames }
}

async function scrollEmpty({ context, page, cdp, list }: Visit, height: number): Promise<Frames> {
  await page.goto(list)
  await page.evaluate(`watched.empty(${height})`)
  const frames = await framesWhile(page, cdp, () => page.evaluate('watched.wheel(0)'))
  await context.close()
  return frames
}

async function framesWhile(page: Page, cdp: CDPSession, work: () => Promise<unknown>): Promise<Frames> {
  const seen: Record<string, number> = {}
  cdp.on('Tracing.dataCollected', ({ value }) => {
    for (const { name } of value as unknown as { name: string }[]) seen[name] = (seen[name] ?? 0) + 1
  })
  await page.evaluate('watched.noteFrames()')
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline.frame'] } })
  await work()
  const ended = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
  await cdp.send('Tracing.end')
  await ended
  const times = (await page.evaluate('watched.frames')) as number[]
  const longest = Math.max(0, ...times.slice(1).map((at, place) => at - (times[place] ?? at)))
  return { drawn: seen.DrawFrame ?? 0, dropped: seen.DroppedFrame ?? 0, longest: Math.round(longest) }
}

if (process.argv[1] === import.meta.filename) {
  const [address, email = 'admin@demo.test', password = '', companyId] = process.argv.slice(2)
  if (!address) throw new Error('npx tsx bench/page.ts ADDRESS EMAIL PASSWORD [COMPANY_ID]')
  process.stdout.write(`${JSON.stringify(await measurePage({ address, email, password, ...(companyId ? { companyId } : {}) }), null, 2)}\n`)
}
