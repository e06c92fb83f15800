// Looks at what is on the screen as axe does, in light and dark: no serious fault, no missing sentence, nothing wider than the screen.
import { AxeBuilder } from '@axe-core/playwright'
import { expect } from 'vitest'
import { keyName } from './sentences.ts'
import type { Visitor } from './visitor.ts'

// Colours change within a moment: what is measured on the way is neither scheme. What turns for ever is not waited for.
const settled = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const ending = document.getAnimations().filter((moving) => moving.effect?.getTiming().iterations !== Infinity)
  Promise.race([Promise.allSettled(ending.map((moving) => moving.finished)), new Promise((late) => setTimeout(late, 2000))]).then(() => done(null))
})))`

export async function inspect(visitor: Visitor, place: string): Promise<void> {
  const { page } = visitor
  const faults: string[] = []
  const shown = (await page.locator('#root').textContent()) ?? ''
  const missing = keyName.exec(shown)?.[0]
  if (missing) faults.push(`${place}: shows the key ${missing}`)
  const [wide, width] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
  if (wide > width) faults.push(`${place}: ${wide} wide on a screen of ${width}`)
  const before = await page.evaluate<string | null>("document.documentElement.getAttribute('data-mantine-color-scheme')")
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.evaluate(settled)
    const axe = new AxeBuilder({ page: page as never }).setLegacyMode(true).options({ resultTypes: ['violations'] })
    // In the dark nothing but colours is another.
    const { violations } = await (scheme === 'dark' ? axe.withRules(['color-contrast', 'link-in-text-block']) : axe).analyze()
    for (const { id, impact, nodes } of violations) {
      if (impact !== 'serious' && impact !== 'critical') continue
      faults.push(`${place}, ${scheme}: ${id}: ${nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary?.split('\n')[1]?.trim()}`).join(' | ')}`)
    }
  }
  await page.emulateMedia({ colorScheme: before === 'dark' ? 'dark' : 'light' })
  expect(faults).toEqual([])
}
