// An archive that is not what was written, a program that is killed, and others at work meanwhile: all of a company comes in, or nothing.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import pg from 'pg'
import { extract, pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Body, type Clone, cloneDatabase, connected, createWorld, dropDatabase, type Query, transaction } from '../../../test/harness.ts'
import { buildWhenStale, cleanUp, makeFolder, type Program, run, start, until } from '../../../test/program.ts'
import { asOwner } from '../../base/owner.ts'
import { verifyEvents } from '../proof/events.ts'
import { type Manifest, manifestName } from './contract.ts'
import { exportCompany } from './export.ts'
import { importCompany } from './import.ts'

const world = await createWorld()
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-damage-'))
const whole = join(folder, 'whole.tar.gz')
const sur = { id: world.companies.sur.id, name: 'Vial del Sur' }
const silent = () => {}
const clones: Clone[] = []
type Part = [name: string, content: Buffer]
let parts: Part[] = []

async function elsewhere(): Promise<Clone> {
  const clone = await cloneDatabase()
  clones.push(clone)
  return clone
}

const target = await elsewhere()
afterAll(async () => {
  await cleanUp()
  rmSync(folder, { recursive: true, force: true })
  for (const clone of clones) await dropDatabase(clone.name)
})

/** Another company in an installation, with a manager. */
async function settleOther(clone: Clone): Promise<{ id: string; asManager: (work: (q: Query) => Promise<Body>) => Promise<Body> }> {
  const { id, secret } = await asOwner(clone.owner, async (owner) => {
    const [company] = await owner.query<{ id: string }>("SELECT create_company('Otra empresa', NULL) AS id")
    const [user] = await owner.query<{ id: string }>("SELECT put_user('jefe@otra.test', 'Jefe', NULL, 'es') AS id")
    await owner.query("SELECT put_membership($1, $2, 'manager')", [company?.id, user?.id])
    return { id: company?.id ?? '', secret: (await owner.actAs('jefe@otra.test'))?.secret ?? '' }
  })
  const asManager = (work: (q: Query) => Promise<Body>) =>
    transaction(clone.app, true, async (q) => {
      await q("SELECT begin_request($1, $2, '{}', NULL)", [hashOf(secret), id])
      return work(q)
    })
  return { id, asManager }
}

const older = await elsewhere()
beforeAll(async () => {
  buildWhenStale()
  const { id, asManager } = await settleOther(older)
  await asManager((q) => q("INSERT INTO equipment (company_id, name, ownership, currency) VALUES ($1, 'De antes', 'rented', 'PEN')", [id]))
  for (let n = 0; n < 6; n++) {
    const machine = await world.machine({ name: `Volquete ${n}` }, 'sur')
    const reply = await world.as('sur', 'manager').post(`/equipment/${machine.id}/assign`, { user_id: world.person('sur', 'operator').userId })
    if (reply.status >= 300) throw new Error(reply.text)
  }
  await exportCompany(world.ownerUrl, sur, whole, silent)
  parts = await partsOf(readFileSync(whole))
}, 120_000)

async function partsOf(content: Buffer): Promise<Part[]> {
  const found: Part[] = []
  const tar = extract()
  tar.end(gunzipSync(content))
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    found.push([entry.header.name, Buffer.concat(chunks)])
  }
  return found
}

let made = 0
const fileOf = (content: Buffer): string => {
  const path = join(folder, `made-${made++}.tar.gz`)
  writeFileSync(path, content)
  return path
}

async function packed(of: Part[]): Promise<string> {
  const tar = pack()
  const chunks: Buffer[] = []
  tar.on('data', (chunk) => chunks.push(chunk as Buffer))
  for (const [name, content] of of) await new Promise<void>((done, fail) => tar.entry({ name }, content, (error) => (error ? fail(error) : done())))
  tar.finalize()
  await new Promise<void>((done) => tar.once('end', () => done()))
  return fileOf(gzipSync(Buffer.concat(chunks)))
}

const hashOf = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')

/** An archive that is whole in itself but holds something else: every sum is made anew. */
function retold(change: (lines: Record<string, string>[], table: string) => Record<string, string>[], more: (manifest: Manifest) => void = () => {}): Promise<string> {
  const manifest: Manifest = JSON.parse(parts.at(-1)?.[1].toString() ?? '')
  const told = parts.slice(0, -1).map(([name, content]): Part => {
    const table = name.split('/')[0] ?? ''
    const lines = content.toString().split('\n').slice(0, -1)
    // A row that stays keeps its very text.
    const texts = new Map(lines.map((line) => [JSON.stringify(JSON.parse(line)), line]))
    const news = change(
      lines.map((line) => JSON.parse(line)),
      table,
    ).map((row) => texts.get(JSON.stringify(row)) ?? JSON.stringify(row))
    return [name, Buffer.from(`${news.join('\n')}\n`)]
  })
  manifest.parts = told.map(([name, content]) => ({ name, bytes: content.length, sha256: hashOf(content) }))
  manifest.tables = manifest.tables.map((t) => {
    const content = told.find(([name]) => name.startsWith(`${t.table}/`))?.[1]
    return content ? { table: t.table, rows: content.toString().split('\n').length - 1, sha256: hashOf(content) } : t
  })
  more(manifest)
  return packed([...told, [manifestName, Buffer.from(JSON.stringify(manifest))]])
}

const tryOut = async (path: string, into = target): Promise<string> => {
  const outcome = await importCompany(into.owner, path, {}, silent).then(
    () => 'done',
    (error: Error & { constraint?: string }) => error.constraint ?? error.message,
  )
  if (outcome !== 'done') await nothingIn(into)
  return outcome
}

async function nothingIn(clone: Clone): Promise<void> {
  await connected(clone.superuser, async (q) => {
    for (const table of ['companies', 'users', 'user_company_roles', 'equipment', 'equipment_logs', 'domain_events', 'audit_logs', 'audit_chain', 'equipment_search_documents'])
      expect((await q(`SELECT count(*) AS n FROM ${table}`))[0]?.n, table).toBe(0)
    expect(await q("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O'")).toEqual([])
  })
}

describe('a file that is not what was written', () => {
  it('one byte of it flipped, anywhere: refused with a sentence, nothing stored', async () => {
    const content = readFileSync(whole)
    for (let n = 0; n < 16; n++) {
      // From the tenth byte on: those before are the time and the system of gzip's header, which say nothing.
      const at = 10 + Math.floor(((content.length - 11) * n) / 15)
      const bad = Buffer.from(content)
      bad[at] = (bad[at] ?? 0) ^ 0x10
      expect(await tryOut(fileOf(bad)), `byte ${at}`).toMatch(/is damaged or no archive of a company: .*Nothing was imported\.$/)
    }
  })

  it('one byte of the tar inside flipped: found by the sum of its part', async () => {
    for (const [at, [name, content]] of parts.slice(0, -1).entries()) {
      const bad = Buffer.from(content)
      bad[bad.length >> 1] = (bad[bad.length >> 1] ?? 0) ^ 0x01
      expect(await tryOut(await packed(parts.map((part, n): Part => (n === at ? [name, bad] : part)))), name).toMatch(/is damaged/)
    }
  })

  it('cut short anywhere, empty, or something else', async () => {
    const content = readFileSync(whole)
    for (const part of [0.01, 0.3, 0.7, 0.99]) expect(await tryOut(fileOf(content.subarray(0, Math.floor(content.length * part)))), String(part)).toMatch(/is damaged/)
    expect(await tryOut(fileOf(content.subarray(0, -1)))).toMatch(/is damaged/)
    expect(await tryOut(fileOf(Buffer.alloc(0)))).toMatch(/is damaged/)
    expect(await tryOut(fileOf(Buffer.from('PK\x03\x04 something else')))).toMatch(/is damaged/)
    expect(await tryOut(fileOf(gzipSync('no tar at all')))).toMatch(/is damaged/)
    expect(await tryOut(join(folder, 'nowhere.tar.gz'))).toMatch(/cannot be read: ENOENT/)
  })

  it('without a part or the manifest, with another part, or with parts in another order', async () => {
    const [first, second, ...rest] = parts as [Part, Part, ...Part[]]
    expect(await tryOut(await packed([second, ...rest]))).toMatch(/the part accounts\/000001\.ndjson is missing/)
    expect(await tryOut(await packed(parts.slice(0, -1)))).toMatch(/ends before its manifest/)
    expect(await tryOut(await packed([second, first, ...rest]))).toMatch(/does not belong to it, or stands elsewhere/)
    expect(await tryOut(await packed([first, second, ['equipment/000009.ndjson', second[1]], ...rest]))).toMatch(/does not belong to it/)
    expect(await tryOut(await packed([...parts, ['equipment/000009.ndjson', second[1]]]))).toMatch(/stands behind its end/)
  })

  it('of another schema or a newer form is refused by name', async () => {
    const other = await retold(
      (rows) => rows,
      (manifest) => {
        manifest.schema = { newest: '20991231001', fingerprint: hashOf('another') }
        manifest.program = '9.9.9'
      },
    )
    expect(await tryOut(other)).toMatch(/was written by Bitcorp ERP 9\.9\.9 with schema 20991231001; this database has schema \d{11}\. Import it into an installation of that release/)
    expect(
      await tryOut(
        await retold(
          (rows) => rows,
          (manifest) => Object.assign(manifest, { format: 2 }),
        ),
      ),
    ).toMatch(/written by a newer release/)
  })

  it('and made whole again with rows that break a rule: the constraints hold, and no row is another company’s', async () => {
    const on = (wanted: string, fields: Record<string, unknown>) =>
      retold((rows, table) => (table === wanted ? rows.map((row, n) => (n === 0 ? { ...row, ...(fields as Record<string, string>) } : row)) : rows))
    expect(await tryOut(await on('equipment', { purchase_price: -1 }))).toBe('equipment_purchase_price_positive')
    expect(await tryOut(await on('equipment_assignments', { equipment_id: '00000000-0000-7000-8000-00000000dead' }))).toBe('fk_ea_equipment')
    expect(await tryOut(await on('user_company_roles', { user_id: '00000000-0000-7000-8000-00000000dead' }))).toBe('fk_ucr_user')
    expect(await tryOut(await on('equipment', { company_id: world.companies.andina.id }))).toMatch(/violates row-level security policy/)
    expect(
      await tryOut(await retold((rows, table) => (table === 'equipment_status_history' ? [...rows, { ...rows[0], id: '00000000-0000-7000-8000-00000000beef' } as Record<string, string>] : rows))),
    ).toBe('esh_one_status_at_a_time')
    // What a row means is not what its line says: it is read back and compared.
    expect(await tryOut(await on('equipment', { name: 'Volquete 0', purchase_price: '1.000' }))).toMatch(/What was stored of equipment is not what the archive's manifest tells/)
  })
})

describe('in the middle of it', () => {
  const command = (words: string[], of: { owner: string; app: string }): Program => start(words, makeFolder(), { env: { DATABASE_URL: of.owner, DATABASE_APP_URL: of.app } })
  const waits = (url: string) =>
    until(
      async () =>
        connected(url, async (q) => (await q("SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bitcorp_erp archive' AND wait_event_type = 'Lock'")).length > 0),
      60_000,
    )
  const gone = (url: string) =>
    until(async () => connected(url, async (q) => (await q("SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bitcorp_erp archive'")).length === 0), 60_000)

  /** Holds a lock until `release`, so that whoever needs the table stops there. */
  async function hold(url: string, lock: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(`BEGIN; LOCK TABLE ${lock} MODE`)
    return async () => {
      await client.query('ROLLBACK')
      await client.end()
    }
  }

  it('kill -9 of an export leaves no file under its name, and the next one goes through', async () => {
    const path = join(folder, 'killed.tar.gz')
    const release = await hold(world.superuserUrl, 'equipment_assignments IN ACCESS EXCLUSIVE')
    const program = command(['company', 'export', sur.name, '--into', path], { owner: world.ownerUrl, app: world.appUrl })
    await waits(world.superuserUrl)
    expect(readdirSync(folder).filter((name) => name.startsWith('killed')).length).toBe(1)
    program.child.kill('SIGKILL')
    await program.ended()
    await release()
    await gone(world.superuserUrl)
    expect(existsSync(path)).toBe(false)
    const again = await run(['company', 'export', sur.name, '--into', path, '--json'], makeFolder(), { env: { DATABASE_URL: world.ownerUrl, DATABASE_APP_URL: world.appUrl } })
    expect(again.code, again.errors).toBe(0)
    expect((JSON.parse(again.output) as Manifest).company).toEqual(sur)
  })

  it('kill -9 of an import stores nothing, and the next one goes through', async () => {
    const release = await hold(target.superuser, 'equipment_fleet_periods IN SHARE')
    const program = command(['company', 'import', whole], target)
    await waits(target.superuser)
    program.child.kill('SIGKILL')
    await program.ended()
    await release()
    await gone(target.superuser)
    await nothingIn(target)
    const again = await run(['company', 'import', whole], makeFolder(), { env: { DATABASE_URL: target.owner, DATABASE_APP_URL: target.app } })
    expect(again.code, again.errors).toBe(0)
    expect(again.output).toMatch(/Vial del Sur is here: \d+ rows, compared with the archive/)
    expect(again.output).toMatch(/Without a password yet: .*manager@sur\.test/)
    expect((await verifyEvents(target.owner, silent)).faults).toEqual([])
  })

  it('of an import, what others write waits and then has its events: no row slips past a trigger that is off', async () => {
    const shared = await elsewhere()
    const { id, asManager } = await settleOther(shared)
    const release = await hold(shared.superuser, 'equipment_fleet_periods IN SHARE')
    const coming = importCompany(shared.owner, whole, {}, silent)
    await waits(shared.superuser)
    // Reading goes on.
    expect((await asManager((q) => q('SELECT count(*) AS n FROM equipment')))[0]?.n).toBe(0)
    let written = false
    const writing = asManager((q) => q("INSERT INTO equipment (company_id, name, ownership, currency) VALUES ($1, 'Mientras tanto', 'rented', 'PEN') RETURNING id", [id])).then((rows) => {
      written = true
      return rows
    })
    await until(async () => connected(shared.superuser, async (q) => (await q("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")).length > 1), 30_000)
    expect(written).toBe(false)
    await release()
    await coming
    const [machine] = await writing
    const events = await transaction(shared.superuser, false, (q) => q('SELECT event_type FROM domain_events WHERE aggregate_id = $1', [machine.id]))
    expect(events).toEqual([{ event_type: 'equipment_created' }])
    expect((await verifyEvents(shared.owner, silent)).faults).toEqual([])
  })
})

it('a company whose old months of the log left it is proved beside one whose did not', async () => {
  const path = await retold((rows, table) => (table === 'equipment_logs' ? rows.filter((row) => row.event_type !== 'status') : rows))
  await importCompany(older.owner, path, {}, silent)
  expect((await verifyEvents(older.owner, silent)).faults).toEqual([])
})
