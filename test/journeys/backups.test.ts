// Looking after the backups: who may see them, none yet, one proven, one that failed, and a try that says why it cannot.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Manifest } from '../../src/base/shelf.ts'
import { openShelf } from '../../src/features/backups/take.ts'
import { setStage } from './browser.ts'
import { inspect } from './inspect.ts'

const stage = await setStage()
const { world } = stage
const shelf = openShelf(world.config)
const place = `/c/${world.companies.andina.id}/installation/backups`

beforeAll(() => world.sqlAdmin((q) => q("SELECT put_installation_admin('admin@andina.test', true)")))

const manifestOf = (id: string, at: Date): Manifest => ({
  format: 1,
  id,
  kind: 'base',
  created_at: at.toISOString(),
  finished_at: at.toISOString(),
  program: '0.1.0',
  schema: '20261128001',
  server: '18.4',
  major: 18,
  system: '7400000000000000001',
  database: 'bitcorp_erp',
  superuser: 'postgres',
  encrypted: false,
  unpacked_bytes: 42_000_000,
  tables: 41,
  rows: 4544,
  files: [{ name: 'base.tar.gz', bytes: 5_600_000, sha256: '0'.repeat(64) }],
})

test('a manager reads why this is not for them', async () => {
  const manager = await stage.visit({ language: 'es' })
  await manager.signIn('manager@andina.test')
  await manager.goTo(stage.url + place)
  await manager.sees(manager.t('backups.refused'))
  await inspect(manager, 'backups, refused')
})

test('who looks after the installation finds no backup yet, tries one, and is told why it cannot be from here', async () => {
  const admin = await stage.visit({ language: 'es' })
  await admin.signIn('admin@andina.test')
  await admin.goTo(stage.url + place)
  await admin.sees(admin.t('backups.empty_text'))
  await admin.sees('npx bitcorp restore --force')
  await inspect(admin, 'no backups')
  await admin.refused(/status of 409/, async () => {
    await admin.button('backups.now').click()
    await admin.isTold(admin.t('problems.backup_without_source'))
  })
})

test('a proven backup is shown with its age, a failed one raises the alarm with its reason; in English, on a phone', async () => {
  const now = new Date()
  const { id, folder } = shelf.begin('base', now)
  shelf.noteProof(shelf.finish(folder, manifestOf(id, now)), 'proven', 16_000, null)
  const admin = await stage.visit({ language: 'en', phone: true })
  await admin.signIn('admin@andina.test')
  await admin.goTo(stage.url + place)
  await admin.sees(admin.main.getByText(admin.t('backups.state_proven'), { exact: true }))
  await admin.sees(admin.main.getByText(id))
  expect(await admin.main.getByRole('alert').count()).toBe(0)
  await inspect(admin, 'a proven backup')
  shelf.noteFailure('the disk is full')
  await admin.sees(admin.main.getByRole('alert').filter({ hasText: 'the disk is full' }))
  await inspect(admin, 'a failed backup')
  await admin.goTo(`${stage.url}/c/${world.companies.andina.id}/equipment`)
  await admin.sees(admin.main.getByRole('alert').filter({ hasText: admin.t('backups.short_last_failed') }))
  await inspect(admin, 'the alarm on another page')
  const manager = await stage.visit({ language: 'es' })
  await manager.signIn('manager@andina.test')
  await manager.goTo(`${stage.url}/c/${world.companies.andina.id}/equipment`)
  await manager.sees(manager.t('equipment.title'))
  expect(await manager.main.getByRole('alert').count()).toBe(0)
  await admin.goTo(stage.url + place)
  writeFileSync(join(shelf.folder, `base-${id}`, 'manifest.json'), '{}')
  await admin.sees(admin.main.getByText(admin.t('backups.state_damaged'), { exact: true }))
})
