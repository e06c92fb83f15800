// A company leaves in one file and comes in elsewhere, row for row, or not at all; what the file may not tell stays behind.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Body, type Clone, cloneDatabase, connected, createWorld, dropDatabase, type Query, type Reply, transaction } from '../../../test/harness.ts'
import { uploads } from '../../../test/uploads.ts'
import { hashSecret } from '../../base/db.ts'
import { Keyring } from '../../base/keys.ts'
import { asOwner } from '../../base/owner.ts'
import { sealTaxId } from '../companies/tax-id.ts'
import { verifyAudit } from '../proof/audit.ts'
import { verifyEvents } from '../proof/events.ts'
import { verifyIsolation } from '../proof/isolation.ts'
import { leftOut } from './catalogue.ts'
import type { Manifest } from './contract.ts'
import { exportCompany } from './export.ts'
import { importCompany } from './import.ts'

const world = await createWorld()
const folder = mkdtempSync(join(tmpdir(), 'bitcorp-archive-'))
const clones: Clone[] = []
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  for (const clone of clones) await dropDatabase(clone.name)
})

const silent = () => {}
const andina = { id: world.companies.andina.id, name: 'Constructora Andina' }
const sur = { id: world.companies.sur.id, name: 'Vial del Sur' }
const file = (name: string) => join(folder, name)

async function elsewhere(): Promise<Clone> {
  const clone = await cloneDatabase()
  clones.push(clone)
  return clone
}

/** Every table of companies as the catalogue has it, with the columns that go along. Asked apart from the program's own list. */
async function tablesOf(q: Query): Promise<{ name: string; company: string; own: string[] }[]> {
  return q(`SELECT c.relname AS name, CASE c.relname WHEN 'companies' THEN 'id' ELSE 'company_id' END AS company,
      array_agg(a.attname::text) FILTER (WHERE a.attidentity <> '' OR (c.relname, a.attname) IN (('domain_events', 'transaction_id'), ('api_tokens', 'token_hash'))) AS own
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.relname
    HAVING bool_or(a.attname = 'company_id') OR c.relname = 'companies' ORDER BY c.relname`)
}

/** The rows of a company as sorted lines, without what is an installation's own. */
async function rowsOf(url: string, companyId: string): Promise<Record<string, string[]>> {
  return connected(url, async (q) => {
    const rows: Record<string, string[]> = {}
    for (const { name, company, own } of await tablesOf(q)) {
      if (leftOut[name]) continue
      rows[name] = (await q(`SELECT (to_jsonb(t) - $2::text[])::text AS line FROM ${name} t WHERE t.${company} = $1 ORDER BY 1`, [companyId, own ?? []])).map((row) => row.line)
    }
    return rows
  })
}

/** What proves a whole installation: nothing else of it may suffer either. */
async function expectProved(url: string): Promise<void> {
  expect((await verifyEvents(url, silent, { rebuild: true })).faults).toEqual([])
  expect((await verifyAudit(url, silent)).faults).toEqual([])
}

async function nothingIn(clone: Clone): Promise<void> {
  await connected(clone.superuser, async (q) => {
    for (const { name } of await tablesOf(q)) expect((await q(`SELECT count(*) AS n FROM ${name}`))[0]?.n, name).toBe(0)
    expect((await q('SELECT count(*) AS n FROM users'))[0]?.n).toBe(0)
    expect((await q("SELECT count(*) AS n FROM pg_trigger WHERE tgenabled <> 'O'"))[0]?.n).toBe(0)
  })
}

const refusal = async (work: Promise<unknown>): Promise<string> => work.then(() => 'done').catch((error: Error) => error.message)

const moved = 'both@andina.test'

beforeAll(async () => {
  await fill('andina', 24)
  await fill('sur', 9)
  await secrets()
}, 120_000)

/** Something in every table of a company. */
async function fill(name: 'andina' | 'sur', machines: number): Promise<void> {
  const [manager, operator] = [world.as(name, 'manager'), world.as(name, 'operator')]
  const done = async (reply: Promise<Reply>): Promise<Body> => {
    const { status, body, text } = await reply
    if (status >= 300) throw new Error(`${status} ${text}`)
    return body
  }
  const fields = { specification_template: [{ key: 'peso', type: 'number', label: 'Peso', unit: 't' }], maintenance_interval_days: 90 }
  const child = await done(manager.post('/equipment-categories', { name: 'Excavadoras', ...fields }))
  // A parent younger than its child: in the order of their ids the child would come first.
  const parent = await done(manager.post('/equipment-categories', { name: 'Maquinaria «pesada»' }))
  await done(manager.patch(`/equipment-categories/${child.id}`, { parent_id: parent.id }, { version: '*' }))
  for (let n = 0; n < machines; n++) {
    const bought = { ownership: 'owned', purchase_date: '2020-02-29', purchase_price: { amount: `${100000 + n}.50`, currency: 'PEN' }, last_maintenance_date: '2026-01-15' }
    const made = await done(
      manager.post('/equipment', {
        name: `Excavadora ñandú ${n} 🚜 "comillas" \\ barra`,
        category_id: n % 2 ? child.id : null,
        specifications: n % 2 ? { peso: 21.5 + n } : { libre: 'x' },
        tags: [`obra-${n}`],
        ...(n % 3 ? { ownership: 'rented' } : bought),
      }),
    )
    const path = `/equipment/${made.id}`
    await done(operator.post(`${path}/assign`, { user_id: world.person(name, 'operator').userId, ...(n % 2 ? { notes: 'con llaves' } : {}) }))
    await done(operator.post(`${path}/logs`, { event_type: 'meter_hours', reading: `${100 + n}.5` }))
    if (n % 4 === 0) await done(manager.post(`${path}/return`, {}))
    if (n % 8 === 0)
      await done(manager.post(`${path}/status-corrections`, { status: 'maintenance', reason: 'dicho tarde', effective_from: new Date(Date.now() - 5).toISOString(), effective_to: null }))
    if (n % 5 === 0) await done(manager.post(`${path}/send-to-maintenance`, { type: 'corrective', reason: 'fuga' }))
  }
  await uploads(world).apply('nombre,propiedad\nDesde la planilla,alquilado\n', { company: name })
  const record = (await manager.get('/maintenance-records')).body.items[0]
  const head = '--grenze\r\ncontent-disposition: form-data; name="file"; filename="acta.pdf"\r\ncontent-type: application/pdf\r\n\r\n'
  const body = Buffer.concat([Buffer.from(head), Buffer.from('%PDF-1.7\n'), randomBytes(name === 'andina' ? 5_000_000 : 500), Buffer.from('\r\n--grenze--\r\n')])
  await done(manager.call('POST', `/maintenance-records/${record.id}/files`, body, { headers: { 'content-type': 'multipart/form-data; boundary=grenze' } }))
  await world.sqlAdmin((q) => q("INSERT INTO maintenance_digest_mails (company_id, user_id, day) VALUES ($1, $2, '2026-11-01')", [world.companies[name].id, world.person(name, 'manager').userId]))
}

/** What no archive may hold, all of it andina's: a tax id, a token, a webhook's secret, a person who was made anonymous, and one who is in both companies. */
async function secrets(): Promise<void> {
  const admin = world.as('andina', 'admin')
  const { keyId, ciphertext, hashes } = sealTaxId(new Keyring(world.config.keysFile), andina.id, null, '20123456789')
  await asOwner(world.ownerUrl, async (owner) => {
    await owner.query('SELECT put_company_tax_id($1, $2, $3, $4)', [andina.id, keyId, ciphertext, hashes])
    for (const [email, role] of [
      [moved, 'manager'],
      ['gone@andina.test', 'operator'],
    ] as const) {
      const [user] = await owner.query<{ id: string }>("SELECT put_user($1, 'Elena Vargas', $2, 'es') AS id", [email, '$argon2id$secreto'])
      await owner.query('SELECT put_membership($1, $2, $3)', [andina.id, user?.id, role])
      await owner.query("SELECT put_membership($1, $2, 'viewer')", [sur.id, user?.id])
    }
  })
  const statuses = [
    (await admin.post('/api/v1/tokens', { company_id: andina.id, name: 'informe', scopes: ['read'], expires_at: '2099-01-01T00:00:00Z' })).status,
    (await admin.post('/webhooks', { name: 'ERP', url: 'https://erp.example.com/hook' })).status,
    (await admin.post('/equipment-categories', { name: 'Repetida' }, { key: 'una-vez' })).status,
  ]
  const gone = (await admin.get('/users')).body.items.find((one: Body) => one.email === 'gone@andina.test')
  statuses.push((await admin.post(`/users/${gone.id}/anonymise`, {}, { version: '*' })).status)
  expect(statuses.map((status) => status < 300)).toEqual([true, true, true, true])
}

/** The parts of an archive. */
async function partsOf(path: string): Promise<[string, Buffer][]> {
  const parts: [string, Buffer][] = []
  const tar = extract()
  tar.end(gunzipSync(readFileSync(path)))
  for await (const entry of tar) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    parts.push([entry.header.name, Buffer.concat(chunks)])
  }
  return parts
}

const manifestOf = (parts: [string, Buffer][]): Manifest => JSON.parse(parts.at(-1)?.[1].toString() ?? '')

describe('into an empty installation', () => {
  let target: Clone
  let before: Record<string, string[]>

  it('a company comes with every row as it was, under its own ids, and the records prove it', async () => {
    target = await elsewhere()
    before = await rowsOf(world.superuserUrl, sur.id)
    await exportCompany(world.ownerUrl, sur, file('sur.tar.gz'), silent)
    expect(statSync(file('sur.tar.gz')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['sur.tar.gz'])
    const done = await importCompany(target.owner, file('sur.tar.gz'), {}, silent)
    const after = await rowsOf(target.superuser, sur.id)
    expect(Object.keys(before).length).toBeGreaterThan(15)
    // Its audit was chained for the way, and tells that it came in.
    for (const [table, rows] of Object.entries(after)) {
      const known = new Set(before[table])
      const news = rows.filter((row) => !known.has(row))
      expect(rows.length - news.length, table).toBe(known.size)
      if (table === 'audit_chain') continue
      expect(
        news.map((row) => JSON.parse(row).action),
        table,
      ).toEqual(table === 'audit_logs' ? ['imported'] : [])
    }
    expect(done.rows).toBe(Object.values(after).reduce((sum, rows) => sum + rows.length, 0) - 1)
    for (const table of Object.keys(before)) if (!/^(api_tokens|audit_chain|webhooks)$/.test(table)) expect(before[table]?.length, table).toBeGreaterThan(0)
    await expectProved(target.owner)
  })

  it('without a table that nobody decided about', async () => {
    await connected(world.superuserUrl, async (q) => {
      const manifest = manifestOf(await partsOf(file('sur.tar.gz')))
      const decided = [...manifest.tables.map((t) => t.table), ...Object.keys(manifest.left_out)]
      expect(
        (await tablesOf(q)).map((t) => t.name).filter((name) => !decided.includes(name)),
        'name them in src/features/archive/catalogue.ts',
      ).toEqual([])
      expect(manifest.left_out).toEqual(leftOut)
    })
    await connected(world.ownerUrl, async (q) => {
      await q('SET ROLE bitcorp_owner')
      await q('CREATE TABLE newcomers (company_id uuid NOT NULL)')
    })
    expect(await refusal(exportCompany(world.ownerUrl, sur, file('unknown.tar.gz'), silent))).toMatch(/does not say whether the rows of newcomers belong/)
    await connected(world.ownerUrl, (q) => q('SET ROLE bitcorp_owner; DROP TABLE newcomers'))
  })

  it('where it is searched, counted and written to like before, and its people choose new passwords', async () => {
    const people = await transaction(target.superuser, false, (q) => q('SELECT email, password_hash FROM users ORDER BY email'))
    expect(people.map((p) => p.password_hash).filter(Boolean)).toEqual([])
    const secret = await asOwner(target.owner, async (owner) => (await owner.actAs('manager@sur.test'))?.secret ?? '')
    await transaction(target.app, true, async (q) => {
      await q("SELECT begin_request($1, $2, '{}', NULL)", [hashSecret(secret), sur.id])
      expect((await q("SELECT count(*) AS n FROM search_equipment('ñandú')"))[0]?.n).toBe(9)
      expect((await q("SELECT count(*) AS n FROM search_equipment('exkavadora')"))[0]?.n).toBe(9)
      const [made] = await q("INSERT INTO equipment (company_id, name, ownership, currency) VALUES ($1, 'La primera aquí', 'rented', 'PEN') RETURNING serial_number, version", [sur.id])
      expect(made.serial_number).toMatch(/000011$/)
      const [machine] = await q("UPDATE equipment SET location = 'Nuevo patio' WHERE name LIKE 'Excavadora ñandú 3%' RETURNING version")
      expect(machine.version).toBeGreaterThan(1)
      const feed = await q('SELECT event_type, count(*) OVER () AS n FROM domain_events ORDER BY transaction_id DESC, sequence DESC LIMIT 1')
      expect(feed[0]).toMatchObject({ event_type: 'equipment_changed', n: (before.domain_events?.length ?? 0) + 2 })
    })
    await expectProved(target.owner)
  })
})

describe('beside others', () => {
  let manifest: Manifest

  it('a company comes in under another name; the others keep every row; what stayed behind is said', async () => {
    const target = clones[0] as Clone
    const others = await rowsOf(target.superuser, sur.id)
    const before = await rowsOf(world.superuserUrl, andina.id)
    // Somebody of the archive has an account here, made here.
    const [here] = await asOwner(target.owner, async (owner) => {
      await owner.query("SELECT create_company('Constructora Andina', NULL)")
      return owner.query<{ id: string }>("SELECT put_user($1, 'Elena', $2, 'es') AS id", ['operator2@andina.test', 'her own'])
    })
    manifest = await exportCompany(world.ownerUrl, andina, file('andina.tar.gz'), silent)
    expect(await refusal(importCompany(target.owner, file('andina.tar.gz'), {}, silent))).toMatch(/another company "Constructora Andina" here\. Give a name/)
    const done = await importCompany(target.owner, file('andina.tar.gz'), { name: 'Andina Norte' }, silent)
    expect(done.company).toEqual({ id: andina.id, name: 'Andina Norte' })
    expect(done.moved.map((m) => [m.email, m.known_id])).toEqual([['operator2@andina.test', here?.id]])
    expect(done.without_password).toContain('manager@andina.test')

    const after = await rowsOf(target.superuser, andina.id)
    const changed = ['api_tokens', 'companies', 'user_company_roles', 'webhooks']
    for (const [table, rows] of Object.entries(before))
      if (!changed.includes(table))
        expect(
          rows.filter((row) => !after[table]?.includes(row)),
          table,
        ).toEqual([])
    const news = (after.domain_events ?? []).filter((row) => !before.domain_events?.includes(row)).map((row) => JSON.parse(row).event_type)
    expect(news.sort()).toEqual(['api_token_changed', 'company_changed', 'company_changed', 'user_changed', 'user_created', 'webhook_changed'])
    expect(await rowsOf(target.superuser, sur.id)).toEqual({ ...others, audit_chain: expect.anything() })
    await expectProved(target.owner)
    expect((await verifyIsolation(target.owner, silent, { companies: 1 })).faults).toEqual([])
  })

  it('brings no secret: no password, token, webhook secret, tax id or name of who was made anonymous', async () => {
    const text = (await partsOf(file('andina.tar.gz'))).map(([, content]) => content.toString('latin1')).join('')
    const stored = await world.sqlAdmin((q) =>
      q(`SELECT token_hash AS secret FROM api_tokens UNION SELECT secret FROM webhook_secrets UNION SELECT password_hash FROM users WHERE password_hash IS NOT NULL
         UNION SELECT encode(ciphertext, 'hex') FROM encrypted_tax_ids UNION SELECT lookup_hash FROM encrypted_tax_ids UNION SELECT token_hash FROM sessions`),
    )
    expect(stored.length).toBeGreaterThan(5)
    for (const { secret } of [...stored, { secret: 'gone@andina.test' }, { secret: '$argon2id' }, { secret: 'una-vez' }]) expect(text.includes(secret), secret).toBe(false)
    expect(text).toContain('manager@andina.test')
    expect(text).toMatch(/"former-[0-9a-f-]{36}@anonymised\.invalid"/)
    const target = clones[0] as Clone
    await transaction(target.superuser, false, async (q) => {
      expect(await q('SELECT tax_id_changed_at FROM companies WHERE id = $1', [andina.id])).toEqual([{ tax_id_changed_at: null }])
      expect(await q('SELECT revoked_at IS NOT NULL AS off FROM api_tokens WHERE company_id = $1', [andina.id])).toEqual([{ off: true }])
      expect(await q('SELECT is_active, disabled_reason FROM webhooks WHERE company_id = $1', [andina.id])).toEqual([{ is_active: false, disabled_reason: 'moved' }])
      // The two accounts of one person: what was done stands under the old one, today's place is the known one's.
      const places = await q('SELECT u.email, u.status, r.is_active FROM user_company_roles r JOIN users u ON u.id = r.user_id WHERE r.company_id = $1 AND r.display_name = $2 ORDER BY r.is_active', [
        andina.id,
        'operator2 de andina',
      ])
      expect(places.map((p) => [/^imported-.*@imported\.invalid$/.test(p.email) || p.email, p.status, p.is_active])).toEqual([
        [true, 'deactivated', false],
        ['operator2@andina.test', 'active', true],
      ])
    })
  })

  it('a second time, or where it came from, it is refused', async () => {
    for (const url of [clones[0]?.owner ?? '', world.ownerUrl]) {
      expect(await refusal(importCompany(url, file('andina.tar.gz'), { name: 'Otra' }, silent))).toMatch(/is here already, as "(Andina Norte|Constructora Andina)" .*Nothing was imported/)
    }
    expect(await refusal(exportCompany(world.ownerUrl, andina, file('andina.tar.gz'), silent))).toMatch(/is there already/)
    expect(manifestOf(await partsOf(file('andina.tar.gz')))).toEqual(manifest)
  })

  it('tried with --dry-run it stores nothing', async () => {
    const target = await elsewhere()
    const done = await importCompany(target.owner, file('andina.tar.gz'), { dryRun: true }, silent)
    expect(done.rows).toBeGreaterThan(200)
    await nothingIn(target)
  })
})
