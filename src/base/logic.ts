// The replaceable SQL: applied after the migrations when it changed, without standing in the way of who works with the tables.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { programDir } from './config.ts'
import { whenLocked } from './wait.ts'

type File = { name: string; sql: string }
/** A statement that locks what people use, by what it makes; applied only when it reads otherwise than the last time. */
type Part = { key: string; sql: string }

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const rolesName = 'db/roles.sql'
const partName = (key: string) => `part ${key}`

/** Roles and extensions, which the server's administrator may run too. */
export const rolesSql = (): string => readFileSync(join(programDir, 'db', 'roles.sql'), 'utf8')

/** The replaceable SQL in the order it runs: the ground, then each room's, in the doors' order. */
export function readLogic(rooms: readonly string[]): File[] {
  const files = [join('db', 'logic.sql'), ...rooms.map((room) => join('src', 'features', room, 'logic.sql'))]
  return files.map((name) => ({ name, sql: readFileSync(join(programDir, name), 'utf8') }))
}

/** What the database is compared with: every file by the hash of its text. */
export function logicChecksums(rooms: readonly string[]): [name: string, checksum: string][] {
  return [...readLogic(rooms), { name: rolesName, sql: rolesSql() }].map(({ name, sql }) => [name, hash(sql)])
}

/** Of the files alone; the parts are the runner's own memory. */
export const readApplied = "SELECT name, checksum FROM schema_logic WHERE name NOT LIKE 'part %'"

// A policy, a trigger and a view lock their table or themselves even when nothing about them changes.
const locking = [
  { kind: 'policy', form: /^DROP POLICY IF EXISTS (\w+) ON (\w+);\s*CREATE POLICY \1 ON \2\b[^;]*;/gm },
  { kind: 'trigger', form: /^CREATE OR REPLACE TRIGGER (\w+)\b[^;]*?\sON (\w+)\b[^;]*;/gm },
  { kind: 'view', form: /^CREATE OR REPLACE VIEW (\w+)()\b[^;]*;/gm },
  { kind: 'no policy', form: /^DROP POLICY IF EXISTS (\w+) ON (\w+);/gm },
  { kind: 'no trigger', form: /^DROP TRIGGER IF EXISTS (\w+) ON (\w+);/gm },
] as const

const standing = `
  SELECT 'policy ' || p.polname || ' ' || c.relname AS key FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'trigger ' || t.tgname || ' ' || c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND t.tgenabled = 'O'
  UNION ALL SELECT 'view ' || c.relname || ' ' FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace`

/** Leaves out of a file what stands already as it is written there. Gives what is left, and the parts it holds. */
export function leaveOut(sql: string, stands: ReadonlySet<string>, known: ReadonlyMap<string, string>): { sql: string; parts: Part[] } {
  const parts: Part[] = []
  let left = sql
  for (const { kind, form } of locking) {
    left = left.replace(form, (text, name: string, on: string) => {
      if (kind === 'no policy' || kind === 'no trigger') return stands.has(`${kind.slice(3)} ${name} ${on}`) ? text : ''
      const key = `${kind} ${name} ${on}`
      parts.push({ key, sql: text })
      return stands.has(key) && known.get(partName(key)) === hash(text) ? '' : text
    })
  }
  return { sql: left, parts }
}

/** All files in one transaction whenever one changed: they are quick, safe to run again, and lean on each other's order. */
export async function applyLogic(client: pg.Client, rooms: readonly string[], force: boolean): Promise<void> {
  const known = new Map((await client.query('SELECT name, checksum FROM schema_logic')).rows.map((r) => [r.name as string, r.checksum as string]))
  if (!force && logicChecksums(rooms).every(([name, checksum]) => known.get(name) === checksum)) return
  const stands = new Set((await client.query(standing)).rows.map((r) => r.key as string))
  const files = readLogic(rooms).map(({ name, sql }) => ({ name, ...leaveOut(sql, stands, known) }))
  const noted = [...logicChecksums(rooms), ...files.flatMap(({ parts }) => parts.map(({ key, sql }): [string, string] => [partName(key), hash(sql)]))]
  await whenLocked(client, async () => {
    await client.query('BEGIN')
    try {
      for (const { name, sql } of files) {
        await client.query(sql).catch((error: Error) => {
          error.message = `${name}: ${error.message}`
          throw error
        })
      }
      const [names, checksums] = [noted.map(([name]) => name), noted.map(([, checksum]) => checksum)]
      await client.query('DELETE FROM schema_logic WHERE name <> ALL ($1)', [names])
      await client.query(
        `INSERT INTO schema_logic (name, checksum) SELECT * FROM unnest($1::text[], $2::text[])
         ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now() WHERE schema_logic.checksum <> excluded.checksum`,
        [names, checksums],
      )
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  })
}
