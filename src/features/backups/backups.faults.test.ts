// Backups under attack: killed at ten points, a full disk, flipped bytes, a missing segment. None is ever reported as good, older ones stay.
import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { Installation, quiet } from '../../../test/backups.ts'
import { buildWhenStale, start } from '../../../test/program.ts'
import { examineBackups } from '../../base/backup-health.ts'
import { readConfig } from '../../base/config.ts'
import type { Backup } from '../../base/shelf.ts'
import { prove } from './prove.ts'
import { restore } from './restore.ts'
import { backUp, openShelf, openWal } from './take.ts'

const home = new Installation()
const shelf = openShelf(home.config)
const message = (work: Promise<unknown>) => work.then(() => 'done').catch((error: Error) => error.message)
let good: Backup
const into = () => join(home.folder, `into-${Math.random().toString(36).slice(2, 8)}`)
const idsOf = (backups: readonly Backup[]) => backups.filter((backup) => backup.state === 'proven').map((backup) => backup.id)

beforeAll(async () => {
  buildWhenStale()
  await home.open()
  await home.settle()
  const made = await backUp(home.config, home.url, shelf, quiet)
  if (!made) throw new Error('no backup')
  good = made
}, 240_000)

/** Changes one byte in the middle of a file for the length of `work`. */
async function flipped<T>(path: string, work: () => Promise<T>, at = Math.floor(statSync(path).size / 2)): Promise<T> {
  copyFileSync(path, `${path}.whole`)
  const handle = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(handle, byte, 0, 1, at)
  writeSync(handle, Buffer.from([(byte[0] ?? 0) ^ 0x01]), 0, 1, at)
  closeSync(handle)
  try {
    return await work()
  } finally {
    renameSync(`${path}.whole`, path)
  }
}

test('one flipped byte in the data or the log of a backup: not proven again, not restored, and the file is named', async () => {
  for (const name of ['base.tar.gz', 'wal.tar.gz', 'checks.tar.gz']) {
    const path = join(good.folder, name)
    const proof = readFileSync(join(good.folder, 'proof.json'))
    await flipped(path, async () => {
      expect(await message(restore(home.config, shelf, { into: into(), force: false }, quiet))).toContain(`${path} is damaged`)
      const again = await prove(home.config, shelf, good, quiet)
      expect(again).toMatchObject({ state: 'failed' })
      expect(again.reason).toContain(`${path} is damaged`)
      expect(shelf.newestProven()).toBeUndefined()
    })
    writeFileSync(join(good.folder, 'proof.json'), proof)
  }
  expect(shelf.newestProven()?.id).toBe(good.id)
})

test('one flipped byte anywhere in the manifest: the backup is damaged, and never the one that is restored', async () => {
  const path = join(good.folder, 'manifest.json')
  const text = readFileSync(path, 'utf8')
  for (const at of [text.indexOf('"rows"') + 9, text.indexOf('sha256') + 20, text.indexOf('"seal"') + 12, text.indexOf('target_lsn') + 16]) {
    await flipped(
      path,
      async () => {
        expect(shelf.find(good.id)).toMatchObject({ state: 'damaged' })
        expect(shelf.newestProven()).toBeUndefined()
        expect(await message(restore(home.config, shelf, { into: into(), force: false }, quiet))).toContain(`${path} is damaged`)
      },
      at,
    )
  }
  rmSync(join(good.folder, 'proof.json.copy'), { force: true })
  copyFileSync(join(good.folder, 'proof.json'), join(good.folder, 'proof.json.copy'))
  writeFileSync(join(good.folder, 'proof.json'), readFileSync(join(good.folder, 'proof.json.copy'), 'utf8').replace(/"manifest":"./, '"manifest":"_'))
  expect(shelf.find(good.id)?.state, 'a proof of something else').toBe('unproven')
  renameSync(join(good.folder, 'proof.json.copy'), join(good.folder, 'proof.json'))
})

test('a missing, damaged or swapped segment of the archive: the restore refuses and names it', async () => {
  const names: string[] = []
  for (let n = 0; n < 3; n++) {
    await home.query(`SELECT put_user('seg${n}@test.test', 'Segmento', NULL, 'es')`)
    names.push(String((await home.query('SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name, pg_switch_wal()'))[0]?.name))
  }
  const wal = openWal(home.config)
  await expect.poll(() => wal.list().some((entry) => entry.name === names[2]), { timeout: 60_000 }).toBe(true)
  const [first = '', second = ''] = names.map((name) => wal.pathOf(name))
  const refused = async () => message(restore(home.config, shelf, { into: into(), force: false }, quiet))
  renameSync(second, `${second}.away`)
  expect(await refused()).toContain(`${second} is missing`)
  copyFileSync(first, second)
  expect(await refused()).toContain(`${second} is damaged`)
  renameSync(`${second}.away`, second)
  await flipped(second, async () => expect(await refused()).toContain(`${second} is damaged`))
  const index = join(wal.folder, 'index.ndjson')
  const whole = readFileSync(index, 'utf8')
  writeFileSync(
    index,
    whole
      .split('\n')
      .filter((line) => !line.includes(names[1] ?? '-'))
      .join('\n'),
  )
  expect(await refused(), 'a segment that the index forgot').toContain(`${second} is missing`)
  writeFileSync(index, whole)
})

test('a different file in the archive is never overwritten, and the same one is taken as done', async () => {
  const wal = openWal(home.config)
  const [known] = wal.list()
  const cluster = join(home.folder, 'other')
  mkdirSync(join(cluster, 'bitcorp_wal'), { recursive: true })
  writeFileSync(join(cluster, 'bitcorp_wal', known?.name ?? ''), 'something else')
  expect(await message(wal.collect(join(cluster, 'bitcorp_wal')))).toContain('holds something else')
  expect(existsSync(join(cluster, 'bitcorp_wal', known?.name ?? '')), 'what was handed out stays').toBe(true)
  expect(wal.list()[0]).toEqual(known)
})

test('kill -9 at ten points of a backup: never reported good, the older one stays, the next run cleans up and works', async () => {
  const before = idsOf(shelf.list())
  const env = { BITCORP_BACKUP_DIR: home.config.backupDir }
  let interrupted = 0
  for (let n = 0; n < 10; n++) {
    const program = start(['backup', '--json'], home.config.dataDir, { env })
    // From the first words on, later each time: copying, comparing, proving.
    await expect.poll(() => /Backing up/.test(program.errors) || program.code !== undefined, { timeout: 60_000, interval: 20 }).toBe(true)
    await sleep(n * n * 60 + Math.random() * 200)
    program.child.kill('SIGKILL')
    await program.ended()
    if (/Backing up/.test(program.errors) && program.code === -1) interrupted++
    const fresh = shelf.list().filter((backup) => !before.includes(backup.id))
    // It may have come to its end just before; then it was proven indeed, and its files are whole.
    for (const backup of fresh.filter(({ state }) => state === 'proven')) {
      expect(await message(shelf.check(backup))).toBe('done')
      before.push(backup.id)
    }
    expect(idsOf(shelf.list()).sort()).toEqual([...before].sort())
  }
  expect(interrupted).toBeGreaterThanOrEqual(7)
  const made = await backUp(home.config, home.url, shelf, quiet)
  expect(made?.state).toBe('proven')
  expect(readdirSync(shelf.folder).filter((name) => /partial|progress/.test(name))).toEqual([])
  expect(readdirSync(home.config.dataDir).filter((name) => name.startsWith('scratch-'))).toEqual([])
  expect(idsOf(shelf.list())).toContain(good.id)
  // The slot is gone with its session, which ends a moment after the program.
  await expect.poll(async () => (await home.query('SELECT count(*)::int AS n FROM pg_replication_slots'))[0]?.n).toBe(0)
}, 600_000)

test('pruning: only after a proof, only what is older, only its own, never the newest proven one', async () => {
  const now = Date.now()
  const system = good.manifest?.system ?? ''
  const stranger = join(shelf.folder, 'base-20200101T000000Z-aaaaaa')
  mkdirSync(stranger)
  writeFileSync(join(stranger, 'manifest.json'), JSON.stringify({ ...good.manifest, system: '1', seal: 'x' }))
  writeFileSync(join(shelf.folder, 'payroll.backup'), 'of another team')
  const all = idsOf(shelf.list())
  const older = shelf.list().flatMap((backup) => (backup.manifest && backup.id !== all[0] ? [backup.id] : []))
  expect(older).toContain(good.id)
  expect(shelf.prune(30, system, now)).toEqual([])
  expect(shelf.prune(30, 'another server', now + 400 * 86_400_000)).toEqual([])
  expect(shelf.prune(30, system, now + 400 * 86_400_000)).toEqual(older)
  expect(idsOf(shelf.list())).toEqual(all.slice(0, 1))
  expect(existsSync(stranger) && existsSync(join(shelf.folder, 'payroll.backup'))).toBe(true)
  const wal = openWal(home.config)
  const kept = wal.list().length
  writeFileSync(join(wal.folder, '000000010000000000000001.copy'), 'of somebody')
  expect(wal.prune('0000000100000000FFFFFFFF')).toBeGreaterThan(0)
  expect(wal.list().length).toBeLessThan(kept)
  expect(existsSync(join(wal.folder, '000000010000000000000001.copy'))).toBe(true)
})

const isRoot = process.getuid?.() === 0
test.skipIf(!isRoot || process.platform !== 'linux')('the disk is full (needs root, to mount a small one): it fails, says so, and the alarm is raised', async () => {
  const small = join(home.folder, 'small')
  mkdirSync(small)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small]).status !== 0) return expect(isRoot, 'this machine lets nobody mount').toBe(true)
  try {
    const config = readConfig({ BITCORP_DATA_DIR: home.config.dataDir, BITCORP_BACKUP_DIR: small })
    const there = openShelf(config)
    expect(await message(backUp(config, home.url, there, quiet))).toMatch(/The backup failed: the disk is full/)
    expect(there.list()).toEqual([])
    expect(readdirSync(small).filter((name) => name.endsWith('.partial'))).toEqual([])
    expect(examineBackups(config)).toMatchObject({ alarm: 'last_failed', newest: undefined })
    expect(examineBackups(config, Date.now() + 30 * 3600_000).alarm).toBe('none_proven')
  } finally {
    spawnSync('umount', [small])
  }
  expect(examineBackups(home.config, Date.now() + 30 * 3600_000).alarm).toBe('too_old')
})
