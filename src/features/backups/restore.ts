// From a backup to a data folder that the program starts on: as of any moment, over nothing that is there unless told.
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Archive, archiveSettings } from '../../base/archive.ts'
import type { Config } from '../../base/config.ts'
import { nobody, placeCluster, readSecrets, restoringNote, runningUrls, StartError, stagingName } from '../../base/embedded.ts'
import { Keyring, troubleWith } from '../../base/keys.ts'
import { lockDataDir } from '../../base/lock.ts'
import { readReceiving, receivingFolder } from '../../base/receiving.ts'
import type { Backup, Shelf } from '../../base/shelf.ts'
import { connect, segmentsBetween } from './base.ts'
import { type firstDifference, plain, takeChecks, totalOf } from './checks.ts'
import { refuseWithoutRoom } from './prove.ts'
import { recover, type Sources } from './recover.ts'
import { makePlace, type Scratch, sweepPlaces } from './scratch.ts'
import { openWal, type Say, sourceUrl } from './take.ts'

export type Wish = { id?: string | undefined; time?: string | undefined; into?: string | undefined; force: boolean }
export type Restored = { backup: string; data_dir: string; to: string; major: number; tables: number; rows: number; moved_aside: string | null; keys: string | null }

/** The newest proven one from before the time, or the one that is asked for. */
export function choose(shelf: Shelf, { id, time }: Pick<Wish, 'id' | 'time'>): Backup {
  const all = shelf.list()
  if (all.length === 0) throw new StartError(`There is no backup in ${shelf.folder}. BITCORP_BACKUP_DIR names the folder.`)
  const asked = id === undefined ? undefined : all.find((backup) => backup.id === id || backup.folder.endsWith(`/${id}`))
  if (id !== undefined && !asked) throw new StartError(`There is no backup ${id} in ${shelf.folder}. There are: ${all.map((backup) => backup.id).join(', ')}.`)
  const backup = asked ?? all.find(({ state, manifest }) => state === 'proven' && manifest?.kind === 'base' && (time === undefined || manifest.finished_at <= time))
  if (!backup) {
    const damaged = all.find(({ state }) => state === 'damaged')
    throw new StartError(`No proven backup in ${shelf.folder} is ${time === undefined ? 'there' : `from before ${time}`}.${damaged ? ` ${damaged.reason}.` : ''}`)
  }
  if (backup.state !== 'proven')
    throw new StartError(`The backup ${backup.id} is ${backup.state === 'unproven' ? 'not proven' : backup.state}${backup.reason ? `: ${backup.reason}` : ''}. It is not restored.`)
  if (time !== undefined && (backup.manifest?.finished_at ?? '') > time) throw new StartError(`The backup ${backup.id} ended at ${backup.manifest?.finished_at}, after ${time}. Choose an older one.`)
  if (backup.manifest?.kind !== 'base') throw new StartError(`The backup ${backup.id} is a dump: give DATABASE_URL of an empty database to load it into.`)
  return backup
}

export function chooseDump(shelf: Shelf, id: string | undefined): Backup {
  const backup = shelf.list().find((one) => (id === undefined ? one.state === 'proven' : one.id === id || one.folder.endsWith(`/${id}`)) && (one.manifest?.kind === 'dump' || id !== undefined))
  if (!backup) throw new StartError(`There is no ${id === undefined ? 'proven dump' : `dump ${id}`} in ${shelf.folder}. BITCORP_BACKUP_DIR names the folder.`)
  if (backup.state !== 'proven' || backup.manifest?.kind !== 'dump') throw new StartError(`${backup.id} is no proven dump${backup.reason ? `: ${backup.reason}` : ''}. It is not loaded.`)
  return backup
}

export async function restore(config: Config, shelf: Shelf, wish: Wish, say: Say): Promise<Restored> {
  const dataDir = wish.into ?? config.dataDir
  const backup = choose(shelf, wish)
  if (runningUrls(dataDir)) throw new StartError(`The database of ${dataDir} runs. Stop the server first: nothing was changed.`)
  const release = lockDataDir(dataDir)
  try {
    const cluster = join(dataDir, 'postgres')
    if (existsSync(cluster) && readdirSync(cluster).length > 0 && !wish.force)
      throw new StartError(`${dataDir} holds a database already. --force moves it aside and puts the backup in its place; --into DIR takes another folder. Nothing was changed.`)
    await sweepPlaces(dataDir)
    refuseWithoutRoom(dataDir, backup.manifest?.unpacked_bytes ?? 0)
    say(`Restoring ${backup.id} (${backup.manifest?.rows} rows) into ${dataDir}${wish.time ? ` as of ${wish.time}` : ''} …`)
    return await putIn(config, shelf, backup, wish, dataDir, say)
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The restore failed: ${(error as Error).message}. What was there before stands as it was.`)
  } finally {
    release()
  }
}

/** The log up to now: what the running server has not handed out yet, or what a stopped one left lying. */
async function gatherLog(config: Config, backup: Backup, say: Say): Promise<Sources> {
  const archive = openWal(config)
  if (config.databaseUrl) {
    const slot = readReceiving(config)?.slot
    // Dead or silent: what it sent last lies where it arrives, the end of it under the name of a part.
    if (slot !== undefined)
      await askForNewest(sourceUrl(config) ?? '', archive, say, slot).catch((error: Error) => say(`Your server does not answer (${error.message}): what it had not sent is left out.`))
    return { archive, oldLog: receivingFolder(config) }
  }
  const running = runningUrls(config.dataDir)
  if (running && config.backupAt !== undefined) {
    await askForNewest(running.superuser, archive, say)
    return { archive, oldLog: undefined }
  }
  const cluster = join(config.dataDir, 'postgres')
  if (running || !existsSync(join(cluster, 'global', 'pg_control')) || systemOf(cluster) !== backup.manifest?.system) return { archive, oldLog: undefined }
  await archive.collect(join(realpathSync(cluster), stagingName))
  return { archive, oldLog: join(realpathSync(cluster), 'pg_wal') }
}

/** Lets the running server hand out what it wrote last, and waits until it is in the archive. `slot`: only while somebody receives. */
async function askForNewest(url: string, archive: Archive, say: Say, slot?: string): Promise<void> {
  const client = await connect(url, 'restore')
  try {
    if (slot !== undefined && !(await client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])).rowCount) return
    // A record of its own: without anything new there would be no segment to hand out, and none to wait for.
    const { rows } = await client.query("SELECT pg_walfile_name(pg_create_restore_point('bitcorp restore')) AS name")
    await client.query('SELECT pg_switch_wal()')
    const isHere = () => archive.list().some((entry) => entry.name >= rows[0].name)
    for (let tries = 0; tries < 300 && !isHere(); tries++) await sleep(100)
    if (!isHere()) say('The running server has not archived its newest entries within 30 seconds; they are left out.')
  } finally {
    await client.end().catch(() => {})
  }
}

/** The first eight bytes of pg_control tell which server it is. */
function systemOf(cluster: string): string {
  const bytes = Buffer.alloc(8)
  const handle = openSync(join(cluster, 'global', 'pg_control'), 'r')
  try {
    readSync(handle, bytes)
  } finally {
    closeSync(handle)
  }
  return bytes.readBigUInt64LE().toString()
}

async function putIn(config: Config, shelf: Shelf, backup: Backup, wish: Wish, dataDir: string, say: Say): Promise<Restored> {
  const note = join(dataDir, restoringNote)
  const sources = await gatherLog(config, backup, say)
  const wal = backup.manifest?.wal
  if (wal) await sources.archive?.check(segmentsBetween(wal.timeline, wal.start_lsn, wal.target_lsn, wal.segment_bytes).at(-1) ?? '', wish.time, wal.segment_bytes)
  const cluster = placeCluster(dataDir)
  const aside = readdirSync(cluster).length > 0 ? `${cluster}-before-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}` : undefined
  if (aside) {
    renameSync(cluster, aside)
    if (sources.oldLog === join(cluster, 'pg_wal')) sources.oldLog = join(aside, 'pg_wal')
  }
  writeFileSync(note, `A restore of ${backup.id} is under way here, or was cut short.\n`, { mode: 0o600 })
  const place = makePlace(dataDir, cluster)
  try {
    // The copy of your own server goes back to it as it was: its passwords and its archive are its administrator's.
    const isOwn = config.databaseUrl !== undefined
    if (!isOwn) makeStaging(cluster)
    const extra = isOwn || config.backupAt === undefined ? {} : archiveSettings()
    const recovering = await recover({ shelf, backup, place, sources, target: wish.time ? { time: wish.time } : {}, path: config.searchPath, extra, say })
    let done: Omit<Restored, 'moved_aside'>
    try {
      done = await examine(recovering.scratch, recovering.checks, backup, dataDir, { keys: wish.into ? join(dataDir, 'keys.json') : config.keysFile, isOwn }, say)
      await recovering.scratch.stop('fast')
    } finally {
      await recovering.scratch.stop('immediate')
      await recovering.finish()
    }
    rmSync(note, { force: true })
    return { ...done, moved_aside: aside ?? null }
  } catch (error) {
    // Half a database helps nobody: what stood here before comes back.
    for (const name of readdirSync(cluster)) rmSync(join(cluster, name), { recursive: true, force: true })
    if (aside) {
      rmSync(cluster, { recursive: true, force: true })
      renameSync(aside, cluster)
    }
    rmSync(note, { force: true })
    throw error
  } finally {
    place.remove()
  }
}

function makeStaging(cluster: string): void {
  mkdirSync(join(cluster, 'bitcorp_wal'), { recursive: true, mode: 0o700 })
  for (const path of [cluster, join(cluster, 'bitcorp_wal')]) {
    chmodSync(path, 0o700)
    if (nobody.uid) chownSync(path, nobody.uid, nobody.gid)
  }
}

/** Every row is read once, passwords are those of this folder, and what the backup cannot hold is told. */
async function examine(
  scratch: Scratch,
  before: Parameters<typeof firstDifference>[0],
  backup: Backup,
  dataDir: string,
  how: { keys: string; isOwn: boolean },
  say: Say,
): Promise<Omit<Restored, 'moved_aside'>> {
  const { manifest } = backup
  const client = await connect(scratch.url(manifest?.database ?? ''), 'restore')
  try {
    await plain(client)
    say('Reading every row once …')
    const checks = await takeChecks(client)
    const changed = Object.keys(before.catalogue).filter((kind) => before.catalogue[kind]?.join('\n') !== checks.catalogue[kind]?.join('\n'))
    if (changed.length) say(`Since the backup these changed: ${changed.join(', ')}.`)
    const broken = await client.query('SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid LIMIT 1')
    if (broken.rows[0]) say(`The index ${broken.rows[0].name} is not valid; bitcorp doctor says what to do.`)
    if (!how.isOwn) await putPasswords(client, manifest?.superuser ?? 'postgres', dataDir)
    const used = await usedKeys(client)
    const { rows } = await client.query('SELECT to_char(coalesce(pg_last_xact_replay_timestamp(), now()) AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\') AS at')
    return { backup: backup.id, data_dir: dataDir, to: rows[0].at, major: manifest?.major ?? 0, ...totalOf(checks), keys: keysTrouble(how.keys, used) }
  } finally {
    await client.end().catch(() => {})
  }
}

async function putPasswords(client: pg.Client, superuser: string, dataDir: string): Promise<void> {
  const secrets = readSecrets(dataDir)
  for (const [role, secret] of [
    [superuser, secrets.superuser],
    ['bitcorp_owner', secrets.owner],
    ['application_user', secrets.app],
    ['reporting_user', secrets.reporting],
  ] as const)
    await client.query(`ALTER ROLE ${pg.escapeIdentifier(role)} PASSWORD ${pg.escapeLiteral(secret)}`)
}

async function usedKeys(client: pg.Client): Promise<{ key_id: string; used: number }[]> {
  await client.query('SET search_path = public; RESET row_security')
  const isThere = (await client.query("SELECT to_regprocedure('list_encryption_keys()') IS NOT NULL AS there")).rows[0].there
  return isThere ? (await client.query('SELECT key_id, used::int FROM list_encryption_keys()')).rows : []
}

function keysTrouble(path: string, used: { key_id: string; used: number }[]): string | null {
  if (!used.some((key) => key.used > 0)) return null
  try {
    return troubleWith(new Keyring(path), used) ?? null
  } catch (error) {
    return (error as Error).message
  }
}
