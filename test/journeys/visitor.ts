// A person at a screen: finds things by role and label, in their language, and remembers every fault that the page met.
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Operation } from '../../src/plain/operation.ts'
import type { Role } from '../../src/plain/roles.ts'
import type { Language } from '../../src/plain/words.ts'
import { password } from '../harness.ts'
import { sentence, type Values } from './sentences.ts'

export type { Language }

export class Visitor {
  readonly page: Page
  language: Language
  readonly isTouch: boolean
  /** Page errors and console errors that no test expected. */
  readonly faults: string[] = []
  private expected: { pattern: RegExp; seen: number } | null = null

  constructor(page: Page, language: Language, isTouch: boolean) {
    this.page = page
    this.language = language
    this.isTouch = isTouch
    page.on('pageerror', (error) => this.faults.push(`page error: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      const text = `${message.text()} (${message.location().url})`
      // Whoever is not signed in learns it from this reply.
      if (/status of 401 .*\/api\/v1\/me\)$/.test(text)) return
      // A page that lost its server asks by itself whether it is back.
      if (/ERR_CONNECTION_REFUSED \(.*\/healthz\)$/.test(text)) return
      if (this.expected?.pattern.test(text)) this.expected.seen++
      else this.faults.push(text)
    })
  }

  t(key: string, values?: Values): string {
    return sentence(this.language, key, values)
  }

  /** Runs a step whose refusal is wanted: the browser must report it, and then it is no fault. */
  async refused(pattern: RegExp, step: () => Promise<unknown>): Promise<void> {
    const expected = { pattern, seen: 0 }
    this.expected = expected
    try {
      await step()
      await expect.poll(() => expected.seen, { timeout: 10_000, message: `the browser reports ${pattern}` }).toBeGreaterThan(0)
    } finally {
      this.expected = null
    }
  }

  // Where things are.

  get main(): Locator {
    return this.page.getByRole('main')
  }
  /** The dialog that is open. */
  get dialog(): Locator {
    return this.page.getByRole('dialog').last()
  }
  button(key: string, values?: Values, within: Locator | Page = this.page): Locator {
    return within.getByRole('button', { name: this.t(key, values), exact: true })
  }
  link(key: string, values?: Values, within: Locator | Page = this.page): Locator {
    return within.getByRole('link', { name: this.t(key, values), exact: true })
  }
  tab(key: string): Locator {
    return this.page.getByRole('tab', { name: this.t(key), exact: true })
  }
  /** A field by its label's key, or by the label itself where a person wrote it, as a specification. */
  field(key: string, within: Locator | Page = this.page): Locator {
    const label = /^[a-z_]+\.[a-z_]+$/.test(key) ? this.t(key) : key
    return within.getByLabel(new RegExp(`^${literal(label)}( \\*)?$`)).and(this.page.locator('input, textarea, select'))
  }
  /** A row of a table, or a card of a list, that holds this text. */
  row(text: string): Locator {
    return this.main.locator('tbody tr, ul.cards > li').filter({ hasText: text })
  }
  heading(text: string): Locator {
    return this.page.getByRole('heading', { name: text, exact: true })
  }

  // What a person does.

  async goTo(path: string): Promise<void> {
    await this.page.goto(path)
  }
  async signIn(email: string, secret: string = password): Promise<void> {
    if (this.page.url() === 'about:blank') await this.goTo('/sign-in')
    // The account takes on the language that is chosen here.
    if (this.language === 'en') await this.page.getByText('English', { exact: true }).click()
    await this.field('access.email').fill(email)
    await this.field('access.password').fill(secret)
    await this.button('access.sign_in').click()
    await this.page.getByRole('banner').waitFor()
    await this.page.waitForURL((url) => url.pathname !== '/sign-in')
    await this.page.getByRole('heading', { level: 1 }).waitFor()
  }
  async signOut(): Promise<void> {
    await this.openAccountMenu()
    await this.menuItem('web.sign_out').click()
    await this.button('access.sign_in').waitFor()
  }
  async openAccountMenu(): Promise<void> {
    await this.page.getByRole('button', { name: new RegExp(`^${literal(this.t('web.account'))}:`) }).click()
  }
  menuItem(key: string): Locator {
    return this.page.getByRole('menuitem', { name: this.t(key), exact: true })
  }
  /** Walks by the navigation, as by foot. */
  async open(key: string): Promise<void> {
    const navigation = this.page.getByRole('navigation', { name: this.t('web.main_navigation') })
    if (!(await navigation.isVisible())) await this.button('web.menu').click()
    await this.link(key, {}, navigation).click()
    await this.page.getByRole('heading', { level: 1 }).waitFor()
  }
  async fill(values: Record<string, string>, within: Locator | Page = this.page): Promise<void> {
    for (const [key, value] of Object.entries(values)) await this.field(key, within).fill(value)
  }
  /** Chooses in a list that opens below its field; opens it again, as a person would, when a dialog that just arrived took the focus back. */
  async choose(key: string, option: string | RegExp, within: Locator | Page = this.page, typed?: string): Promise<void> {
    const field = this.field(key, within)
    const wanted = this.page.getByRole('option', { name: option }).first()
    for (let tries = 3; tries > 0; tries--) {
      await field.click()
      if (typed !== undefined) await field.fill(typed)
      const isTaken = await wanted.click({ timeout: tries === 1 ? 20_000 : 5000 }).then(
        () => true,
        (error) => {
          if (tries === 1) throw error
          return false
        },
      )
      if (isTaken) return
    }
  }
  /** Types into the search box of the list, and waits until the list has answered. */
  async searchFor(text: string): Promise<void> {
    await this.main.getByRole('searchbox').first().fill(text)
    await this.page.waitForURL((url) => (url.searchParams.get('q') ?? '') === text)
    await this.settled()
  }
  /** No list on the page waits for the server. */
  async settled(): Promise<void> {
    await this.main.locator('section.list[aria-busy="false"]').first().waitFor()
  }

  // What a person sees.

  async sees(what: string | RegExp | Locator): Promise<void> {
    const place = typeof what === 'string' || what instanceof RegExp ? this.page.getByText(what).filter({ visible: true }) : what
    await place.first().waitFor({ state: 'visible' })
  }
  async isTold(text: string): Promise<void> {
    await this.sees(this.page.locator('.mantine-Notification-root').filter({ hasText: text }))
  }
  /** The list shows these machines, in this order, and no other. */
  async seesRows(names: readonly string[]): Promise<void> {
    await this.settled()
    const links = this.main.locator('tbody tr td:first-child a, ul.cards > li a')
    await expect.poll(async () => (await links.allInnerTexts()).map((text) => text.trim().split('\n')[0] ?? ''), { timeout: 15_000, interval: 100 }).toEqual(names)
  }
  /** The control is there, does nothing, and says why to eyes, keyboard and screen reader. */
  async seesRefused(control: Locator, reason: string): Promise<void> {
    await control.waitFor()
    expect(await control.getAttribute('aria-disabled')).toBe('true')
    const id = await control.getAttribute('aria-describedby')
    expect(await this.page.locator(`[id="${id}"]`).first().textContent()).toContain(reason)
    // A page that still moves under the finger takes the explanation away again: whoever wants it touches once more.
    const told = this.page.getByRole('tooltip').filter({ hasText: reason }).first()
    for (let tries = 4; tries > 0; tries--) {
      await (this.isTouch ? control.tap({ force: true }) : control.hover())
      const isTold = await told.waitFor({ timeout: tries === 1 ? 20_000 : 3000 }).then(
        () => true,
        () => false,
      )
      if (isTold) break
      if (tries === 1) await this.sees(told)
      if (!this.isTouch) await this.page.mouse.move(0, 0)
    }
    if (!this.isTouch) await this.page.mouse.move(0, 0)
  }
  /** Why this role may not do it, as the page says it. */
  reasonFor(op: Pick<Operation, 'who'>, role: Role): string {
    const names = Array.isArray(op.who) ? op.who.map((name) => this.t(`web.role_${name}`).toLowerCase()) : []
    return this.t('web.may_not', { roles: new Intl.ListFormat(this.language, { type: 'disjunction' }).format(names), role: this.t(`web.role_${role}`).toLowerCase() })
  }
}

export const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
