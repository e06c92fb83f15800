// Proving the audit: an admin finds one entry, exports it, keeps a checkpoint, and checks the chain before and after somebody changed the past.
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Body } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Language, Visitor } from './visitor.ts'

const stage = await setStage()
const { world } = stage
const companyId = world.companies.andina.id
let machine: Body
beforeAll(async () => {
  machine = await world.machine({ name: 'Excavadora con historia' })
  await world.as('andina', 'manager').patch(`/equipment/${machine.id}`, { name: 'Excavadora corregida' }, { version: 1 })
})

const saved = async (visitor: Visitor, press: () => Promise<unknown>) => {
  const [file] = await Promise.all([visitor.page.waitForEvent('download'), press()])
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') }
}
const asSuperuser = (text: string, values: unknown[]) =>
  world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    await q(text, values)
  })

async function openAudit(language: Language, onPhone = false): Promise<Visitor> {
  const admin = await stage.visit({ language, phone: onPhone })
  await admin.signIn('admin@andina.test')
  await admin.goTo(`/c/${companyId}/history/audit`)
  await admin.sees(admin.heading(admin.t('history.chain')))
  return admin
}

// One language after the other: the account keeps the one that was chosen last.
describe.each(['es', 'en'] as const)('in %s', (language) => {
  test('finds one record by its id, exports what is shown, and reads where the chain stands', async () => {
    const admin = await openAudit(language)
    await inspect(admin, `audit in ${language}`)
    const id = admin.field('history.record')
    await id.fill(machine.id.slice(0, 20))
    await admin.sees(admin.t('history.record_invalid'))
    await inspect(admin, `half an id in ${language}`)
    await id.fill(machine.id)
    await expect.poll(() => admin.main.locator('.entry').count()).toBe(2)
    for (const [format, what] of [
      ['CSV', /^\ufeff/],
      [admin.t('history.export_ndjson'), /^\{"position":/],
    ] as const) {
      await admin.button('history.export').click()
      const file = await saved(admin, () => admin.page.getByRole('menuitem', { name: format, exact: true }).click())
      expect(file.text).toMatch(what)
      expect(
        file.text
          .trimEnd()
          .split(/\r?\n/)
          .filter((line) => line.includes(machine.id)).length,
      ).toBe(2)
    }
    await admin.button('web.clear_filters').click()
    await admin.sees(
      admin.main
        .locator('.entry')
        .filter({ hasText: admin.t('history.say_audit_log_exported') })
        .first(),
    )
  })

  test('keeps a checkpoint, checks against it, and is shown what a superuser changed', async () => {
    const admin = await openAudit(language, language === 'es')
    const checkpoint = await saved(admin, () => admin.button('history.checkpoint_save').click())
    expect(checkpoint.name).toMatch(/\.json$/)
    const [head] = JSON.parse(checkpoint.text).companies
    expect(head).toMatchObject({ company_id: companyId, rows: head.position })
    await admin.isTold(admin.t('history.checkpoint_saved'))
    await admin.button('history.check').click()
    const box = admin.field('history.check_paste', admin.dialog)
    await box.fill('{}')
    await admin.button('history.check_start', {}, admin.dialog).click()
    await admin.sees(admin.t('history.check_not_one'))
    await box.fill(JSON.stringify({ kind: 'bitcorp audit checkpoint', made_at: '', companies: [{ ...head, company_id: world.companies.sur.id }] }))
    await admin.button('history.check_start', {}, admin.dialog).click()
    await admin.sees(admin.t('history.check_foreign'))
    await admin.dialog.locator('input[type=file]').setInputFiles({ name: 'c.json', mimeType: 'application/json', buffer: Buffer.from(checkpoint.text) })
    await expect.poll(() => box.inputValue()).toBe(checkpoint.text)
    await admin.button('history.check_start', {}, admin.dialog).click()
    await admin.sees(admin.dialog.getByRole('status').filter({ hasText: admin.t('history.check_good_since', { position: head.position }) }))
    await inspect(admin, `audit unchanged in ${language}`)
    const [link] = await world.sqlAdmin((q) =>
      q('SELECT l.id, l.user_id FROM audit_chain c JOIN audit_logs l ON l.company_id = c.company_id AND l.id = c.audit_id WHERE c.company_id = $1 AND l.entity_id = $2 AND l.action = $3', [
        companyId,
        machine.id,
        'changed',
      ]),
    )
    await asSuperuser('UPDATE audit_logs SET user_id = NULL WHERE id = $1', [link.id])
    try {
      await admin.button('history.check_again', {}, admin.dialog).click()
      await admin.sees(admin.dialog.getByText(admin.t('history.fault_row_or_place_changed')))
      await inspect(admin, `audit changed in ${language}`)
      await admin.link('history.check_entry', {}, admin.dialog).click()
      await admin.page.waitForURL((url) => url.searchParams.get('record') === link.id)
    } finally {
      await asSuperuser('UPDATE audit_logs SET user_id = $2 WHERE id = $1', [link.id, link.user_id])
    }
  })
})
