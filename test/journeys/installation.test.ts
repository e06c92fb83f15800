// Looking after the installation: who has the right sees how it works and runs a job again; everyone else does not even see the way there.
import { beforeAll, expect, test } from 'vitest'
import { asOwner } from '../../src/base/owner.ts'
import { getLoad } from '../../src/features/monitoring/contract.ts'
import { connected } from '../harness.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'
import type { Visitor } from './visitor.ts'

const stage = await setStage({ owner: true })
const { world } = stage
let keeper: Visitor
beforeAll(async () => {
  await asOwner(world.ownerUrl, (owner) => owner.query('SELECT put_installation_admin($1, true)', ['admin@andina.test']))
  await connected(world.appUrl, (q) => q("SELECT pg_sleep(0.15), 'hidden' AS slow_marker"))
  keeper = await stage.visit({ language: 'es' })
  await keeper.signIn('admin@andina.test')
})

test('the keeper sees the last hour, the jobs, the database, its slow statements without values', async () => {
  await keeper.open('web.nav_installation')
  await keeper.sees(keeper.heading(keeper.t('web.installation_load')))
  await keeper.sees(keeper.t('monitoring.job_audit_chain'))
  await keeper.sees(/SELECT pg_sleep\(\$1\), \$2 AS slow_marker/)
  expect(await keeper.main.textContent()).not.toContain('hidden')
  await keeper.sees(keeper.main.getByRole('img', { name: keeper.t('monitoring.chart_text', { title: keeper.t('monitoring.chart_requests') }) }))
  await keeper.main.getByText(keeper.t('monitoring.as_table')).click()
  await keeper.sees(keeper.main.getByRole('table', { name: keeper.t('monitoring.chart_requests') }))
  await inspect(keeper, 'the installation')
})

test('a job that failed is seen, run again by keyboard, and well', async () => {
  await world.sqlAdmin((q) => q('ALTER FUNCTION merge_company_usage() RENAME TO merge_nothing'))
  const name = keeper.t('monitoring.job_utilization_sums')
  const again = keeper.button('monitoring.run_now_of', { name })
  await again.focus()
  await keeper.page.keyboard.press('Enter')
  await keeper.isTold(keeper.t('monitoring.ran_failed', { name, error: '' }).trim())
  await keeper.sees(keeper.row(name).getByText(keeper.t('monitoring.job_failing')))
  await inspect(keeper, 'a failed job')
  await world.sqlAdmin((q) => q('ALTER FUNCTION merge_nothing() RENAME TO merge_company_usage'))
  await again.focus()
  await keeper.page.keyboard.press('Enter')
  await keeper.isTold(keeper.t('monitoring.ran', { name }))
  await keeper.sees(keeper.row(name).getByText(keeper.t('monitoring.job_ok'), { exact: true }))
})

test('on a phone, in English, the same stands in cards', async () => {
  const onPhone = await stage.visit({ language: 'en', phone: true })
  await onPhone.signIn('admin@andina.test')
  await onPhone.open('web.nav_installation')
  await onPhone.sees(onPhone.row(onPhone.t('monitoring.job_webhooks')))
  await onPhone.sees(onPhone.heading(onPhone.t('monitoring.migrations')))
  await inspect(onPhone, 'the installation on a phone')
})

test('an admin of a company without the right is shown no way there, and a reason when they come by the address', async () => {
  const other = await stage.visit({ language: 'en' })
  await other.signIn('admin@sur.test')
  const navigation = other.page.getByRole('navigation', { name: other.t('web.main_navigation') })
  await other.link('web.nav_settings', {}, navigation).waitFor()
  expect(await other.link('web.nav_installation', {}, navigation).count()).toBe(0)
  await other.goTo(`/c/${world.companies.sur.id}/installation`)
  await other.sees(other.t('monitoring.refused'))
  await other.sees(other.t('web.may_not_installation'))
  expect(getLoad.who).toBe('installation')
  await inspect(other, 'the installation, refused')
})
