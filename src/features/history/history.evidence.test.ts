// The audit as evidence: an export that an outsider can recompute, and a check that finds what owner and superuser changed.
import { createHash } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import readXlsx from 'read-excel-file/node'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Query } from '../../../test/harness.ts'
import { filesUnder, textOf } from '../../../test/sources.ts'
import { allWords } from '../../server.ts'
import { readCheckpoint, takeCheckpoint, verifyAudit } from '../proof/audit.ts'
import { offered } from './pages/entries.ts'
import { words as pageWords } from './pages/words.ts'

const world = await createWorld()
const admin = world.as('andina', 'admin')
const companyId = world.companies.andina.id
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const lines = (text: string): Body[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

const machine = await world.machine({ name: '=HYPERLINK("http://x")', specifications: { peso_t: '1.50', nota: 'ñandú "a"' } })
await world.as('andina', 'manager').patch(`/equipment/${machine.id}`, { name: '=1+1', purchase_price: '10.50' }, { version: 1 })
await world.as('andina', 'manager').post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: 'Aceite' })

test('the form of a hash is what it always was', async () => {
  const row = {
    company_id: '01900000-0000-7000-8000-000000000001',
    id: '01900000-0000-7000-8000-000000000002',
    entity_type: 'equipment',
    entity_id: null,
    action: 'changed',
    user_id: '01900000-0000-7000-8000-000000000003',
    old_values: null,
    new_values: { name: 'Ñ "x"', a: 1.5 },
    metadata: {},
    created_at: '2026-01-02T03:04:05.678901Z',
    transaction_id: '77',
  }
  const text =
    '["v1", 12, "2026-01-02T03:04:06.000000Z", "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002", "equipment", null, "changed", ' +
    '"01900000-0000-7000-8000-000000000003", null, {"a": 1.5, "name": "Ñ \\"x\\""}, {}, "2026-01-02T03:04:05.678901Z", "77"]'
  const [got] = await world.sqlAdmin((q) => q("SELECT hash_audit_row(repeat('a', 64), 12, '2026-01-02T03:04:06Z', jsonb_populate_record(NULL::audit_logs, $1)) AS hash", [JSON.stringify(row)]))
  expect(got.hash).toBe(sha256(`${'a'.repeat(64)} ${text}`))
})

test('as lines of JSON each row carries what proves it, and the chain goes from the first to the last', async () => {
  const reply = await admin.get('/audit-logs/export?format=ndjson')
  expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/x-ndjson; charset=utf-8'])
  expect(reply.headers['content-disposition']).toMatch(/^attachment; filename="audit-\d{4}-\d\d-\d\d\.ndjson"$/)
  const rows = lines(reply.text)
  expect(rows.length).toBeGreaterThan(10)
  for (const row of rows) {
    expect(row.hash).toBe(sha256(`${row.previous_hash} ${row.hashed_text}`))
    // The text that was hashed says what the row says.
    const [, position, , company, id, type, entity, action, user, old, now, metadata, at] = JSON.parse(row.hashed_text)
    expect([position, company, id, type, entity, action, user, old, now, metadata, Date.parse(at)]).toEqual([
      row.position,
      companyId,
      row.id,
      row.entity_type,
      row.entity_id,
      row.action,
      row.user_id,
      row.old_values,
      row.new_values,
      row.metadata,
      Date.parse(row.created_at),
    ])
  }
  const links = rows.toSorted((a, b) => a.position - b.position)
  expect(links.map((row) => row.position)).toEqual(links.map((_, at) => at + 1))
  for (const [at, row] of links.entries()) expect(row.previous_hash).toBe(at ? links[at - 1].hash : '0'.repeat(64))
  // As stored, not as a number that lost its zero.
  expect(reply.text).toContain('10.50')
})

test('as CSV and as a workbook it is the same, no cell runs as a formula, and filters choose as they do in the list', async () => {
  const query = `entity_id=${machine.id}&action=changed,status_changed`
  const listed = (await admin.get(`/audit-logs?${query}`)).body.items
  expect(listed.length).toBe(2)
  const csv = await admin.get(`/audit-logs/export?format=csv&${query}`)
  const rows = parse(csv.text, { bom: true, columns: true }) as Record<string, string>[]
  expect(rows.map((row) => row['Entry id'])).toEqual(listed.map((row: Body) => row.id).reverse())
  for (const row of rows) {
    expect(row.Hash).toBe(sha256(`${row['Hash before']} ${row['Hashed text']}`))
    expect(row.About).toMatch(/^'=1\+1 · /)
    for (const cell of Object.values(row)) expect(cell).not.toMatch(/^[=+\-@]/)
  }
  const spanish = await admin.get(`/audit-logs/export?${query}`, { headers: { 'accept-language': 'es' } })
  expect(spanish.text).toMatch(/^\ufeffEslabón,Encadenado el,Cuándo,Persona/)
  const base = await world.app.inject({ method: 'GET', url: `${admin.base}/audit-logs/export?format=xlsx&${query}`, headers: { ...admin.auth, 'accept-language': 'en' } })
  const [sheet] = (await readXlsx(base.rawPayload)) as unknown as { data: unknown[][] }[]
  const [head = [], ...cells] = sheet?.data ?? []
  expect(cells.map((row) => row[head.indexOf('Entry id')])).toEqual(rows.map((row) => row['Entry id']))
  for (const one of [`any_id=${listed[0].id}`, `any_id=${machine.id}`, `user_id=${world.person('andina', 'manager').userId}`, `to=${listed[0].created_at}&from=${listed[1].created_at}`]) {
    const ids = (await admin.get(`/audit-logs?limit=200&${one}`)).body.items.map((row: Body) => row.id).reverse()
    expect(ids.length).toBeGreaterThan(0)
    expect(lines((await admin.get(`/audit-logs/export?format=ndjson&${one}`)).text).map((row) => row.id)).toEqual(ids)
  }
  expect((await admin.get('/audit-logs/export?any_id=x')).status).toBe(400)
  expect((await admin.get('/audit-logs/export?format=pdf')).status).toBe(400)
})

test('an export stands in the audit itself, with its filters and how many rows left; so does a checkpoint', async () => {
  await admin.get('/audit-logs/export?format=csv&action=created')
  const [row] = (await admin.get('/audit-logs?entity_type=audit_log&limit=1')).body.items
  const created = (await admin.get('/audit-logs?action=created&limit=200')).body.items
  expect(row).toMatchObject({ action: 'exported', user_id: world.person('andina', 'admin').userId, new_values: { format: 'csv', action: 'created', count: created.length } })
  const { companies } = (await admin.get('/audit-logs/checkpoint')).body
  expect((await admin.get('/audit-logs?entity_type=audit_checkpoint')).body.items[0]).toMatchObject({ action: 'exported', new_values: { position: companies[0].position, hash: companies[0].hash } })
})

const ways: [string, string, Body][] = [
  ['GET', '/audit-logs/export', undefined],
  ['GET', '/audit-logs/chain', undefined],
  ['GET', '/audit-logs/checkpoint', undefined],
  ['POST', '/audit-logs/check', {}],
]
test.each(ways)('%s %s is for admins of the company alone, whatever they hold', async (method, path, body) => {
  const before = await world.sqlAdmin((q) => q('SELECT count(*) AS n FROM audit_logs'))
  for (const who of ['manager', 'operator', 'viewer'] as const) expect([who, (await world.as('andina', who).call(method, path, body, {})).status]).toEqual([who, 403])
  for (const who of ['ended', 'stranger'] as const) expect([who, (await world.as('andina', who).call(method, path, body, {})).status]).toEqual([who, 404])
  expect((await world.nobody('andina').call(method, path, body, {})).status).toBe(401)
  expect((await world.as('sur', 'admin').call(method, admin.base + path, body, {})).status).toBe(404)
  expect(await world.sqlAdmin((q) => q('SELECT count(*) AS n FROM audit_logs'))).toEqual(before)
  for (const [scopes, status] of [
    [['read'], 403],
    [['write'], 403],
    [['admin'], 200],
  ] as const) {
    const made = await admin.post('/api/v1/tokens', { name: 't', company_id: companyId, scopes, expires_at: new Date(Date.now() + 86_400_000).toISOString() })
    expect([scopes, (await world.withToken('andina', made.body.token).call(method, path, body, {})).status]).toEqual([scopes, status])
  }
})

/** All steps of a check, as the page takes them. */
async function check(client: typeof admin, checkpoint?: Body): Promise<{ faults: Body[]; steps: number }> {
  const faults: Body[] = []
  for (let after: string | null = null, steps = 1; ; steps++) {
    const reply: Body = await client.post('/audit-logs/check', after ? { after } : checkpoint ? { checkpoint } : {})
    expect([reply.status, reply.text]).toEqual([200, reply.text])
    faults.push(...reply.body.faults)
    after = reply.body.next
    if (!after) return { faults, steps }
  }
}
const asSuperuser = (work: (q: Query) => Promise<unknown>) =>
  world.sqlAdmin(async (q) => {
    await q("SET LOCAL session_replication_role = 'replica'")
    await work(q)
  })
const linkOf = async (position: number) =>
  (
    await world.sqlAdmin((q) =>
      q('SELECT to_jsonb(l)::text AS row, l.id FROM audit_chain c JOIN audit_logs l ON l.company_id = c.company_id AND l.id = c.audit_id WHERE c.company_id = $1 AND c.position = $2', [
        companyId,
        position,
      ]),
    )
  )[0]
/** Changes what only a superuser can, checks, and puts it back. */
async function tampered(checkpoint: Body, how: (q: Query) => Promise<unknown>, undo: (q: Query) => Promise<unknown>): Promise<Body[]> {
  await asSuperuser(how)
  try {
    return (await check(admin, checkpoint)).faults
  } finally {
    await asSuperuser(undo)
    expect((await check(admin, checkpoint)).faults).toEqual([])
  }
}
/** As text all the way: a number that loses its zeros is another row. */
const put = (q: Query, { id, row }: Body) =>
  q('DELETE FROM audit_logs WHERE id = $1', [id]).then(() => q('INSERT INTO audit_logs SELECT * FROM jsonb_populate_record(NULL::audit_logs, $1::jsonb)', [row]))

test('an edit by a superuser before and after the checkpoint is found through the API; so is a chain made anew, a deleted and a slipped-in row', async () => {
  const checkpoint = (await admin.get('/audit-logs/checkpoint')).body
  const [head] = checkpoint.companies
  for (let i = 0; i < 5; i++) await world.machine()
  expect((await check(admin, checkpoint)).faults).toEqual([])
  for (const position of [head.position - 2, head.position + 3]) {
    const row = await linkOf(position)
    const edited = await tampered(
      checkpoint,
      (q) => q('UPDATE audit_logs SET metadata = metadata || \'{"ip_address": "10.0.0.1"}\' WHERE id = $1', [row.id]),
      (q) => put(q, row),
    )
    expect(edited).toMatchObject([{ rule: 'row_or_place_changed', position, audit_id: row.id }])
    const gone = await tampered(
      checkpoint,
      (q) => q('DELETE FROM audit_logs WHERE id = $1', [row.id]),
      (q) => put(q, row),
    )
    expect(gone).toMatchObject([{ rule: 'row_missing', position, audit_id: row.id }])
  }
  const row = await linkOf(head.position - 2)
  const anew = async (q: Query) => {
    for (const { position } of await q('SELECT position FROM audit_chain WHERE company_id = $1 AND position >= $2 ORDER BY position', [companyId, head.position - 2]))
      await q(
        `UPDATE audit_chain c SET hash = hash_audit_row(p.hash, c.position, c.chained_at, l) FROM audit_chain p, audit_logs l
         WHERE c.company_id = $1 AND c.position = $2 AND p.company_id = $1 AND p.position = $2 - 1 AND l.company_id = $1 AND l.id = c.audit_id`,
        [companyId, position],
      )
  }
  const forge = (q: Query) => q('UPDATE audit_logs SET user_id = NULL WHERE id = $1', [row.id]).then(() => anew(q))
  const back = (q: Query) => put(q, row).then(() => anew(q))
  expect(await tampered(undefined, forge, back), 'without the checkpoint').toEqual([])
  expect(await tampered(checkpoint, forge, back)).toMatchObject([{ rule: 'chain_made_anew', position: head.position, expected: head.hash }])
  const id = '01900000-0000-7000-8000-00000000abcd'
  const ghost = { id, row: JSON.stringify({ ...JSON.parse(row.row), id, transaction_id: '3' }) }
  const slipped = await tampered(
    undefined,
    (q) => put(q, ghost),
    (q) => q('DELETE FROM audit_logs WHERE id = $1', [ghost.id]),
  )
  expect(slipped).toMatchObject([{ rule: 'row_inserted_behind_chain', audit_id: ghost.id }])
  const beyond = { ...checkpoint, companies: [{ ...head, position: head.position + 1000 }] }
  expect((await check(admin, beyond)).faults).toMatchObject([{ rule: 'chain_made_anew', found: null }])
})

test('a checkpoint of another company is refused like one of a company that is not there, and tells nothing', async () => {
  const own = (await admin.get('/audit-logs/checkpoint')).body
  const other = (await world.as('sur', 'admin').get('/audit-logs/checkpoint')).body
  const nowhere = { ...other, companies: [{ ...other.companies[0], company_id: '01900000-0000-7000-8000-00000000abcd' }] }
  const wrong = { ...other, companies: [{ ...other.companies[0], hash: 'f'.repeat(64) }] }
  const replies = []
  for (const checkpoint of [other, nowhere, wrong, { ...own, companies: [] }]) {
    const { status, body } = await admin.post('/audit-logs/check', { checkpoint })
    replies.push({ status, ...body, request_id: '' })
  }
  expect(replies[0]).toMatchObject({ status: 422, code: 'audit_checkpoint_foreign' })
  for (const reply of replies) expect(reply).toEqual(replies[0])
  for (const body of [{ checkpoint: {} }, { checkpoint: { ...own, kind: 'x' } }, { checkpoint: 'x' }, { after: 'link-0' }, { after: 'row-1' }])
    expect((await admin.post('/audit-logs/check', body)).status).toBe(400)
})

test('the same file is good for the command line, and that of the command line for the page', async () => {
  const own = (await admin.get('/audit-logs/checkpoint')).body
  const read = readCheckpoint(JSON.stringify(own))
  expect(read).toEqual(own)
  const verify = (checkpoint: Body) => verifyAudit(world.ownerUrl, () => {}, { checkpoint })
  expect((await verify(read)).faults).toEqual([])
  expect((await verify({ ...own, companies: [{ ...own.companies[0], hash: 'f'.repeat(64) }] })).faults).toMatchObject([{ rule: 'chain_made_anew', company_id: companyId }])
  expect((await verify({ ...own, companies: [{ ...own.companies[0], rows: own.companies[0].rows - 1 }] })).faults).toMatchObject([{ rule: 'chain_made_anew' }])
  const all = await takeCheckpoint(world.ownerUrl)
  expect(all.companies.length).toBe(2)
  expect((await check(admin, JSON.parse(JSON.stringify(all)))).faults).toEqual([])
})

test('the state tells the newest link and how many wait', async () => {
  await admin.get('/audit-logs/checkpoint')
  await world.machine()
  const before = (await admin.get('/audit-logs/chain')).body
  const after = (await admin.get('/audit-logs/checkpoint')).body.companies[0]
  expect(before.waiting).toBe(after.position - before.newest.position)
  expect(before.waiting).toBeGreaterThan(0)
  const [link] = await world.sqlAdmin((q) => q('SELECT hash FROM audit_chain WHERE company_id = $1 AND position = $2', [companyId, before.newest.position]))
  expect(before.newest.hash).toBe(link.hash)
})

test('the filters offer every kind and action that the audit can hold, each with its words', async () => {
  const kinds = (
    await world.sqlAdmin((q) => q("SELECT DISTINCT split_part(encode(g.tgargs, 'escape'), '\\000', 1) AS kind FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid AND f.proname = 'record_change'"))
  ).map((row) => row.kind as string)
  expect(kinds.length).toBeGreaterThan(8)
  const written = filesUnder('src', /\.(ts|sql)$/)
    .filter((path) => !path.endsWith('.test.ts'))
    .flatMap((path) => [...textOf(path).matchAll(/record_audit\('(\w+)', [^,]+, '(\w+)'/g)].map((match) => [match[1] ?? '', match[2] ?? ''] as const))
  expect(written.length).toBeGreaterThan(5)
  const byAccounts = filesUnder('src', /\.sql$/).flatMap((path) => [...textOf(path).matchAll(/record_account_audit\([\w.]+, '(\w+)'/g)].map((match) => match[1] ?? ''))
  const ofChanges = [...(/v_action := CASE\n([\s\S]*?)ELSE '(\w+)' END;/.exec(textOf('db/logic.sql'))?.[0].matchAll(/(?:THEN|ELSE) '(\w+)'/g) ?? [])].map((match) => match[1] ?? '')
  expect([byAccounts.length > 4, ofChanges.length > 8]).toEqual([true, true])
  const missing = (known: readonly string[], all: string[]) => [...new Set(all)].filter((one) => !known.includes(one))
  expect(missing(offered.audit.kinds, [...kinds, ...written.map(([kind]) => kind)])).toEqual([])
  expect(missing(offered.audit.actions, [...written.map(([, action]) => action), ...byAccounts, ...ofChanges])).toEqual([])
  for (const language of ['es', 'en'] as const) {
    const said = Object.assign({}, ...[...allWords, pageWords].map((room) => (room[language] as Record<string, object>).history ?? {}))
    for (const list of [offered.audit, offered.events])
      expect([...list.kinds.map((kind) => `kind_${kind}`), ...list.actions.map((action) => `action_${action}`)].filter((key) => !(key in said))).toEqual([])
  }
})
