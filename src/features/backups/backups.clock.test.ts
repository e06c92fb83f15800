// When a backup is due, who may ask, and what collectors are told; from the folder alone, without taking one.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'
import { examineBackups } from '../../base/backup-health.ts'
import { type Config, readConfig } from '../../base/config.ts'
import type { Manifest } from '../../base/shelf.ts'
import { isDue, lastDue } from './jobs.ts'
import { openShelf } from './take.ts'

const world = await createWorld()
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** An installation whose cluster was made this many hours ago. */
function installation(hoursOld: number, env: Record<string, string> = {}): Config {
  const dataDir = mkdtempSync(join(tmpdir(), 'bitcorp-clock-'))
  folders.push(dataDir)
  const mark = join(dataDir, 'postgres', 'PG_VERSION')
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(mark, '18')
  const born = new Date(Date.now() - hoursOld * 3600_000)
  utimesSync(mark, born, born)
  return readConfig({ BITCORP_DATA_DIR: dataDir, ...env })
}

function putProven(config: Config, at: Date): void {
  const shelf = openShelf(config)
  const { id, folder } = shelf.begin('base', at)
  const instant = at.toISOString()
  const of = { schema: null, server: '18.4', major: 18, system: '1', database: 'd', superuser: 'p', encrypted: false, unpacked_bytes: 1, tables: 1, rows: 1, files: [] }
  const manifest: Manifest = { format: 1, id, kind: 'base', created_at: instant, finished_at: instant, program: '0', ...of }
  shelf.noteProof(shelf.finish(folder, manifest), 'proven', 1, null)
}

test('a backup is due once after its hour; a new installation, a proven one, and half an hour after a failure are left alone', () => {
  const at = (hour: number, minute = 0) => new Date(2026, 10, 28, hour, minute)
  expect(lastDue(3, at(2, 59))).toEqual(new Date(2026, 10, 27, 3))
  expect(lastDue(3, at(3))).toEqual(at(3))
  const now = new Date()
  const old = installation(72, { BITCORP_BACKUP_AT: String(now.getHours()) })
  expect(isDue(old, now)).toBe(true)
  expect(isDue(installation(72, { BITCORP_BACKUP_AT: 'off' }), now)).toBe(false)
  expect(isDue(installation(0, { BITCORP_BACKUP_AT: String(now.getHours()) }), now)).toBe(false)
  openShelf(old).noteFailure('the disk is full')
  expect(isDue(old, now)).toBe(false)
  expect(isDue(old, new Date(now.getTime() + 31 * 60_000))).toBe(true)
  putProven(old, new Date(now.getTime() + 1000))
  expect(isDue(old, new Date(now.getTime() + 31 * 60_000))).toBe(false)
})

test('the alarm: none proven for a day, too old, the last failed; none on a new installation, nor where backups are off', () => {
  expect(examineBackups(installation(1)).alarm).toBeNull()
  expect(examineBackups(installation(30)).alarm).toBe('none_proven')
  expect(examineBackups(installation(30, { BITCORP_BACKUP_AT: 'off' })).alarm).toBeNull()
  const config = installation(72)
  putProven(config, new Date(Date.now() - 27 * 3600_000))
  expect(examineBackups(config).alarm).toBe('too_old')
  putProven(config, new Date())
  expect(examineBackups(config).alarm).toBeNull()
  openShelf(config).noteFailure('the disk is full')
  expect(examineBackups(config)).toMatchObject({ alarm: 'last_failed', failure: { reason: 'the disk is full' } })
  openShelf(config).noteSuccess()
  expect(examineBackups(config).alarm).toBeNull()
  mkdirSync(join(config.dataDir, 'postgres', 'bitcorp_wal'))
  const stuck = join(config.dataDir, 'postgres', 'bitcorp_wal', '000000010000000000000001')
  writeFileSync(stuck, '')
  expect(examineBackups(config).alarm).toBeNull()
  expect(examineBackups(config, Date.now() + 6 * 60_000).alarm).toBe('archive_stuck')
})

test('only who looks after the installation sees backups or begins one, and collectors are told', async () => {
  const path = '/api/v1/installation/backups'
  await world.sqlAdmin((q) => q("SELECT put_installation_admin('admin@sur.test', true)"))
  expect((await world.nobody('andina').get(path)).status).toBe(401)
  for (const who of ['admin', 'manager', 'viewer'] as const) {
    expect((await world.as('andina', who).get(path)).status).toBe(403)
    expect((await world.as('andina', who).post(path)).status).toBe(403)
  }
  const keeper = world.as('sur', 'admin')
  expect((await keeper.get(path)).body).toMatchObject({ hour: 3, keep_days: 30, alarm: null, last_proven_at: null, running: null, items: [] })
  expect((await keeper.post(path)).body.code).toBe('backup_without_source')
  putProven(world.config, new Date('2026-11-28T03:00:00Z'))
  expect((await keeper.get(path)).body.items).toMatchObject([{ state: 'proven', rows: 1 }])
  const told = (await world.app.inject({ url: '/metrics' })).payload
  expect(told).toContain(`backup_last_proven_timestamp_seconds ${Date.parse('2026-11-28T03:00:00Z') / 1000}`)
  expect(told).toMatch(/^backup_alarm [01]$/m)
})
