// Copies the folder of a running server so that another server can begin from it: the database's own low-level backup.
import { chmodSync, chownSync, closeSync, copyFileSync, fstatSync, fsyncSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import pg from 'pg'

/** What the copy needs from the record of writes: everything from `from` to `to`. */
export type BaseCopy = { label: string; from: string; to: string; bytes: number }
type Owner = { uid?: number; gid?: number }

// What a server makes anew at its start, or what belongs to the running one alone.
const emptied = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'])
const left = /(^|\/)(postmaster\.(pid|opts)|pg_internal\.init.*|backup_label(\.old)?|backup_manifest|tablespace_map|standby\.signal|recovery\.signal|current_logfiles|pgsql_tmp[^/]*)$/

/** `url`: a superuser's. `cluster`: the server's own folder. `into`: an empty folder; its files will belong to `owner`. */
export async function copyCluster(url: string, cluster: string, into: string, owner: Owner = {}): Promise<BaseCopy> {
  const client = new pg.Client({ connectionString: url, application_name: 'bitcorp_erp base copy' })
  client.on('error', () => {})
  await client.connect()
  try {
    // The end must come over the same connection: a connection that breaks gives the backup up.
    const begun = await client.query<{ at: string }>("SELECT pg_backup_start('bitcorp', true)::text AS at")
    const bytes = copyFolder(cluster, into, owner)
    const { rows } = await client.query<{ lsn: string; labelfile: string; spcmapfile: string }>('SELECT lsn::text, labelfile, spcmapfile FROM pg_backup_stop(false)')
    const [end] = rows
    if (!end) throw new Error('the backup did not end')
    if (end.spcmapfile.trim() !== '') throw new Error('the database has tablespaces outside of its folder, which are not copied')
    putFile(join(into, 'backup_label'), end.labelfile, owner)
    return { label: end.labelfile, from: begun.rows[0]?.at ?? '', to: end.lsn, bytes }
  } finally {
    await client.end().catch(() => {})
  }
}

/** A file that is on the disk when this returns. */
export function putFile(path: string, text: string, owner: Owner): void {
  writeFileSync(path, text, { mode: 0o600 })
  keep(path, owner)
}

function copyFolder(from: string, into: string, owner: Owner): number {
  let bytes = 0
  const walk = (folder: string): void => {
    const place = join(into, relative(from, folder))
    mkdirSync(place, { recursive: true, mode: 0o700 })
    chmodSync(place, 0o700)
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      const name = relative(from, path)
      if (left.test(`/${name}`) || emptied.has(relative(from, folder).split('/')[0] ?? '')) {
        // pg_wal itself has folders that a server expects.
        if (!(entry.isDirectory() && folder === join(from, 'pg_wal'))) continue
      }
      if (entry.isDirectory()) walk(path)
      // The control file goes last: what it says is then true of all the others.
      else if (entry.isFile() && name !== 'global/pg_control') bytes += copyFile(path, join(into, name), owner)
    }
    keep(place, owner)
  }
  walk(from)
  return bytes + copyFile(join(from, 'global', 'pg_control'), join(into, 'global', 'pg_control'), owner)
}

/** Files come and go under a running server: one that is gone will be made again from the record of writes. */
function copyFile(from: string, into: string, owner: Owner): number {
  try {
    copyFileSync(from, into)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
  chmodSync(into, 0o600)
  return keep(into, owner)
}

function keep(path: string, owner: Owner): number {
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(path, owner.uid, owner.gid)
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
    return fstatSync(file).size
  } finally {
    closeSync(file)
  }
}
