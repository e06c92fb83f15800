// The files of a running cluster, read by SQL alone while everybody goes on writing: a backup packs them, a standby begins from them.
import { appendFileSync, chownSync, closeSync, fsyncSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { nobody, stagingName } from './embedded.ts'

/** `size` is what was seen at first: `chunks` gives less when the file shrank or went meanwhile; replay puts it right. */
export type Entry = { name: string; isFolder?: boolean; size: number; chunks?: AsyncIterable<Buffer> | Iterable<Buffer> }
export const textEntry = (name: string, text: string): Entry => ({ name, size: Buffer.byteLength(text), chunks: [Buffer.from(text)] })

/** Folders whose content belongs to the running server alone; the folders themselves are needed. */
const emptied = ['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans', stagingName]
const leftOut =
  /(^|\/)(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|backup_manifest|current_logfiles|pg_internal\.init(\.\d+)?|pgsql_tmp[^/]*|t\d+_\d+.*|[^/]*\.signal|global\/pg_control)(\/|$)/
const block = 4 << 20
const small = 256 << 10

export type Found = { name: string; size: number; isdir: boolean }

/** Gives `take` all the files of the cluster. `client`: a superuser's. Who calls keeps the log from `start_lsn` on, by a slot. */
export async function copyCluster<T>(
  client: pg.Client,
  label: string,
  take: (files: AsyncGenerator<Entry>) => Promise<T>,
  told: (done: number, total: number) => void = () => {},
): Promise<{ taken: T; start_lsn: string; stop_lsn: string; bytes: number }> {
  const start_lsn = (await client.query('SELECT pg_backup_start($1, true)::text AS lsn', [label])).rows[0].lsn as string
  const files = await listFiles(client)
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  let stop_lsn = ''
  async function* entries(): AsyncGenerator<Entry> {
    let done = 0
    for await (const entry of readFiles(client, files)) {
      yield entry
      done += entry.size
      told(done, bytes)
    }
    // The control file goes last: what it says is then true of all the others.
    yield* readFiles(client, [{ name: 'global/pg_control', size: 8192, isdir: false }])
    // The end must come over the same connection: one that breaks gives the backup up.
    const [end] = (await client.query('SELECT lsn::text, labelfile FROM pg_backup_stop(false)')).rows
    stop_lsn = end.lsn
    yield textEntry('backup_label', end.labelfile)
  }
  return { taken: await take(entries()), start_lsn, stop_lsn, bytes }
}

async function listFiles(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<Found>(
    `WITH RECURSIVE found AS (
       SELECT n AS name, s.size, s.isdir FROM pg_ls_dir('.', true, false) n, LATERAL pg_stat_file(n, true) s
       UNION ALL SELECT f.name || '/' || n, s.size, s.isdir FROM found f, LATERAL pg_ls_dir(f.name, true, false) n, LATERAL pg_stat_file(f.name || '/' || n, true) s
       WHERE f.isdir AND f.name <> ALL ($1))
     SELECT name, CASE WHEN isdir THEN 0 ELSE size END::float8 AS size, isdir FROM found WHERE isdir IS NOT NULL ORDER BY name`,
    [emptied],
  )
  const kept = rows.filter(({ name, isdir }) => !leftOut.test(isdir ? `${name}/` : name))
  if (kept.some(({ name }) => name.startsWith('pg_tblspc/'))) throw new Error('the server has tablespaces outside its data folder, which are not copied')
  // The content of an unlogged table means nothing after a restore: its empty beginning (_init) is taken, and made anew from there.
  const unlogged = new Set(kept.flatMap(({ name }) => /^(.*\/\d+)_init$/.exec(name)?.[1] ?? []))
  return kept.filter(({ name }) => !unlogged.has(/^(.*\/\d+)(?:_(?:fsm|vm))?(?:\.\d+)?$/.exec(name)?.[1] ?? ''))
}

export async function readBlock(client: pg.Client, name: string, at: number, length: number): Promise<Buffer | null> {
  const { rows } = await client.query<{ data: Buffer | null }>('SELECT pg_read_binary_file($1, $2, $3, true) AS data', [name, at, length])
  return rows[0]?.data ?? null
}

export async function* chunksOf(client: pg.Client, { name, size }: Found): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; at += block) {
    const data = await readBlock(client, name, at, Math.min(block, size - at))
    // Gone or shorter by now: replay of the log removes or completes it.
    if (data === null || data.length === 0) return
    yield data
  }
}

/** Small files come many at a time: there are thousands, and each would be a way to the server and back. */
async function* readFiles(client: pg.Client, files: readonly Found[]): AsyncGenerator<Entry> {
  let batch: Found[] = []
  let held = 0
  const read = async (): Promise<Entry[]> => {
    const text = 'SELECT pg_read_binary_file(n, 0, $2, true) AS data FROM unnest($1::text[]) WITH ORDINALITY AS f (n, place) ORDER BY place'
    const { rows } = await client.query<{ data: Buffer | null }>(text, [batch.map((file) => file.name), small])
    const entries = batch.map(({ name }, at) => ({ name, data: rows[at]?.data ?? null }))
    batch = []
    held = 0
    return entries.flatMap(({ name, data }) => (data === null ? [] : [{ name, size: data.length, chunks: [data] }]))
  }
  for (const file of files) {
    if (file.isdir) yield { name: file.name, isFolder: true, size: 0 }
    else if (file.size < small / 2) {
      batch.push(file)
      held += file.size
      if (batch.length >= 200 || held > block) yield* await read()
    } else yield { name: file.name, size: file.size, chunks: chunksOf(client, file) }
  }
  if (batch.length) yield* await read()
}

/** Writes files into a folder, for whoever runs PostgreSQL; all are on the disk when this returns. */
export async function putFiles(folder: string, files: AsyncIterable<Entry>): Promise<void> {
  const folders = [folder]
  for await (const { name, isFolder, chunks = [] } of files) {
    const path = join(folder, name)
    if (isFolder) {
      mkdirSync(path, { mode: 0o700 })
      folders.push(path)
    } else {
      writeFileSync(path, '', { mode: 0o600 })
      for await (const chunk of chunks) appendFileSync(path, chunk)
      keep(path)
    }
  }
  for (const path of folders) keep(path)
}

export function putFile(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  keep(path)
}

function keep(path: string): void {
  if (nobody.uid) chownSync(path, nobody.uid, nobody.gid)
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
