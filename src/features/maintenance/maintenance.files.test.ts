// Photos and invoices of a record: told by their bytes, bounded, given back unchanged, and reached by the company's people alone.
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { type Body, type Client, createWorld, refusalOf } from '../../../test/harness.ts'

const world = await createWorld()
const manager = world.as('andina', 'manager')
const operator = world.as('andina', 'operator')
const machine = await world.machine()
const nobodys = '01900000-0000-7000-8000-000000000000'

const jpeg = (size = 64) => Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), randomBytes(size - 4)])
const heads: Record<string, Buffer> = {
  jpeg: Buffer.from('ffd8ffe1', 'hex'),
  png: Buffer.from('89504e470d0a1a0a', 'hex'),
  webp: Buffer.from('524946460000000057454250', 'hex'),
  heic: Buffer.from('00000018667479706865696300000000', 'hex'),
  pdf: Buffer.from('%PDF-1.7\n'),
}
const form = (name: string, bytes: Buffer, type = 'application/octet-stream') => {
  const head = `--grenze\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`
  return { body: Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--grenze--\r\n')]), headers: { 'content-type': 'multipart/form-data; boundary=grenze' } }
}
let days = 0
const plan = async (client: Client = manager, fields: object = {}) => {
  const reply = await client.post('/maintenance-records', { equipment_id: machine.id, type: 'emergency', scheduled_date: `2031-01-${String(++days).padStart(2, '0')}`, ...fields })
  if (reply.status !== 201) throw new Error(reply.text)
  return reply.body
}
const add = (client: Client, id: string, name: string, bytes: Buffer) => {
  const { body, headers } = form(name, bytes)
  return client.call('POST', `/maintenance-records/${id}/files`, body, { headers })
}
const files = async (id: string) => (await manager.get(`/maintenance-records/${id}/files`)).body.items
const problem = (reply: { status: number; body: Body }) => `${reply.status} ${reply.body.code}`
/** The bytes as they came: the harness reads replies as text. */
const bytesOf = async (client: Client, path: string) => (await world.app.inject({ url: client.base + path, headers: client.auth })).rawPayload

test('a file is added, listed, given back byte for byte to be saved, and taken away; history keeps name, size and hash alone', async () => {
  const record = await plan()
  const bytes = jpeg(5000)
  const added = await add(manager, record.id, 'Factura ñandú (1).jpg', bytes)
  expect([added.status, added.body]).toMatchObject([
    201,
    { name: 'Factura ñandú (1).jpg', kind: 'jpeg', size_bytes: 5000, content_hash: createHash('sha256').update(bytes).digest('hex'), created_by_name: 'manager de andina' },
  ])
  expect(await files(record.id)).toEqual([added.body])
  expect((await manager.get(`/maintenance-records/${record.id}`)).body.file_count).toBe(1)
  const path = `/maintenance-records/${record.id}/files/${added.body.id}`
  expect((await bytesOf(world.as('andina', 'viewer'), path)).equals(bytes)).toBe(true)
  expect((await manager.get(path)).headers).toMatchObject({
    'content-type': 'image/jpeg',
    'content-disposition': `attachment; filename="Factura _and_ (1).jpg"; filename*=UTF-8''Factura%20%C3%B1and%C3%BA%20%281%29.jpg`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cache-control': 'no-store',
  })
  expect((await manager.delete(path)).status).toBe(204)
  expect(await files(record.id)).toEqual([])
  for (const gone of [await manager.get(path), await manager.delete(path)]) expect(problem(gone)).toBe('404 not_found')
  expect((await manager.post(`${path}/restore`)).body).toMatchObject({ id: added.body.id, version: 3 })
  expect((await bytesOf(manager, path)).equals(bytes)).toBe(true)
  await manager.delete(path)
  const [changes] = await world.sqlAdmin((q) =>
    q(
      `SELECT string_agg(e.event_type || ' ' || e.event_data::text, ' ' ORDER BY e.event_version) AS events,
    (SELECT string_agg(a.action || coalesce(a.old_values::text, '') || a.new_values::text, ' ') FROM audit_logs a WHERE a.entity_id = $1) AS audit,
    (SELECT deleted_by FROM maintenance_files f WHERE f.id = $1) AS deleted_by FROM domain_events e WHERE e.aggregate_id = $1`,
      [added.body.id],
    ),
  )
  for (const text of [changes.events, changes.audit]) {
    expect(text).toContain(added.body.content_hash)
    expect(text.length).toBeLessThan(3000)
    expect(text).not.toContain(bytes.subarray(0, 20).toString('hex'))
  }
  expect(changes.events).toMatch(/^maintenance_file_created .*maintenance_file_deleted .*maintenance_file_restored /)
  expect(changes.deleted_by).toBe(world.person('andina', 'manager').userId)
  const timeline = (await manager.get(`/equipment/${machine.id}/timeline`)).body.items
  expect(timeline[0].event_type).toBe('maintenance_file_deleted')
})

test('its bytes tell what a file is, and its name ends like it', async () => {
  const record = await plan()
  for (const [kind, head] of Object.entries(heads)) {
    const reply = await add(manager, record.id, kind === 'pdf' ? 'FACTURA.PDF' : `${kind}.exe`, Buffer.concat([head, randomBytes(30)]))
    expect([reply.status, reply.body.kind, reply.body.name]).toEqual([201, kind, kind === 'pdf' ? 'FACTURA.PDF' : `${kind}.exe.${kind === 'jpeg' ? 'jpg' : kind}`])
  }
  for (const [name, bytes] of [
    ['foto.jpg', Buffer.from('<html><script>alert(1)</script>')],
    ['factura.pdf', Buffer.from('MZ\x90\x00 %PDF-1.7')],
    ['vector.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ] as const)
    expect(problem(await add(manager, record.id, name, bytes))).toBe('422 mf_kind_known')
  expect(problem(await add(manager, record.id, 'nada.jpg', Buffer.alloc(0)))).toBe('422 mf_size_range')
  const named = await add(manager, record.id, `..\\\\..\\/etc/\u202egpj.\u0007${'x'.repeat(300)}.jpg`, jpeg())
  expect([named.status, named.body.name]).toEqual([201, `${'x'.repeat(196)}.jpg`])
  expect(problem(await manager.post(`/maintenance-records/${record.id}/files`, {}))).toBe('415 file_missing')
})

test('a file has 10 MB at most, a record 50 MB and 30 files, and the same file once', async () => {
  const record = await plan()
  const limit = 10 * 1024 * 1024
  expect(problem(await add(manager, record.id, 'a.jpg', jpeg(limit + 1)))).toBe('413 mf_size_range')
  expect((await Promise.all([1, 2, 3, 4, 5, 6].map((n) => add(manager, record.id, `${n}.jpg`, jpeg(limit))))).map((r) => r.status).sort()).toEqual([201, 201, 201, 201, 201, 409])
  expect(problem(await add(manager, record.id, 'a.jpg', jpeg()))).toBe('409 mf_record_full')
  const other = await plan()
  const same = jpeg()
  expect((await Promise.all([1, 2].map(() => add(manager, other.id, 'a.jpg', same)))).map(problem).filter((p) => p.startsWith('4'))).toEqual(['409 idx_maintenance_files_once'])
  const [gone] = await files(other.id)
  await manager.delete(`/maintenance-records/${other.id}/files/${gone.id}`)
  for (let n = 1; n <= 30; n++) expect((await add(manager, other.id, `${n}.jpg`, jpeg())).status).toBe(201)
  expect(problem(await manager.post(`/maintenance-records/${other.id}/files/${gone.id}/restore`))).toBe('409 mf_record_full')
  expect(problem(await add(manager, other.id, 'a.jpg', jpeg()))).toBe('409 mf_record_full')
})

test('an operator adds to the breakdown they reported while it is open; a viewer reads', async () => {
  const [own, others] = [await plan(operator), await plan()]
  const added = await add(operator, own.id, 'falla.jpg', jpeg())
  expect(added.status).toBe(201)
  expect(problem(await add(operator, others.id, 'falla.jpg', jpeg()))).toBe('403 not_allowed')
  expect(problem(await add(world.as('andina', 'operator2'), own.id, 'falla.jpg', jpeg()))).toBe('403 not_allowed')
  expect(problem(await add(world.as('andina', 'viewer'), own.id, 'falla.jpg', jpeg()))).toBe('403 role_required')
  expect(problem(await world.as('andina', 'operator2').delete(`/maintenance-records/${own.id}/files/${added.body.id}`))).toBe('404 not_found')
  expect((await world.as('andina', 'viewer').get(`/maintenance-records/${own.id}/files`)).body.items).toHaveLength(1)
  await manager.post(`/maintenance-records/${own.id}/complete`, {})
  expect(problem(await add(operator, own.id, 'tarde.jpg', jpeg()))).toBe('403 not_allowed')
  expect((await add(manager, own.id, 'factura.pdf', Buffer.concat([heads.pdf ?? jpeg(), randomBytes(9)]))).status, 'the bill comes later').toBe(201)
  expect((await operator.delete(`/maintenance-records/${own.id}/files/${added.body.id}`)).status).toBe(204)
})

test('who may not add is told so before the file is read', async () => {
  const record = await plan()
  /** A file whose first bytes arrive and whose end never does: only who does not wait for it answers. */
  const begin = (client: Client, id: string, patienceMs = 15_000) => {
    const endless = new Readable({ read: () => {} })
    endless.push(form('a.jpg', jpeg(2000)).body.subarray(0, 1000))
    const answered = world.app.inject({ method: 'POST', url: `${client.base}/maintenance-records/${id}/files`, headers: { ...client.auth, ...form('a.jpg', jpeg()).headers }, payload: endless })
    return Promise.race([answered.then((r) => `${r.statusCode} ${r.json().code}`), new Promise((done) => setTimeout(done, patienceMs, 'waits for the file').unref())])
  }
  expect(await begin(world.nobody('andina'), record.id)).toBe('401 signed_out')
  expect(await begin(world.withToken('andina', 'x'.repeat(43)), record.id)).toBe('401 signed_out')
  expect(await begin(world.as('andina', 'ended'), record.id)).toBe('404 not_found')
  expect(await begin(world.as('andina', 'viewer'), record.id)).toBe('403 role_required')
  expect(await begin(world.as('sur', 'admin'), record.id)).toBe('404 not_found')
  expect(await begin(manager, nobodys)).toBe('404 not_found')
  expect(await begin(manager, record.id, 700)).toBe('waits for the file')
})

test('another company’s record and file are as good as none, in the API and in SQL', async () => {
  const record = await plan()
  const file = (await add(manager, record.id, 'a.jpg', jpeg())).body
  const elsewhere = await plan()
  const stranger = world.as('sur', 'admin')
  for (const path of [`/maintenance-records/${record.id}/files`, `/maintenance-records/${record.id}/files/${file.id}`, `/maintenance-records/${elsewhere.id}/files/${file.id}`])
    expect(problem(await stranger.get(path)), path).toBe('404 not_found')
  expect(problem(await manager.get(`/maintenance-records/${elsewhere.id}/files/${file.id}`))).toBe('404 not_found')
  expect(problem(await stranger.delete(`/maintenance-records/${record.id}/files/${file.id}`))).toBe('404 not_found')
  expect(problem(await stranger.post(`/maintenance-records/${record.id}/files/${file.id}/restore`))).toBe('404 not_found')
  expect(await world.sqlAs('sur', 'admin', (q) => q('SELECT file_id FROM maintenance_file_contents'))).toEqual([])
  expect(await world.sqlAs('sur', 'admin', (q) => q("SELECT * FROM add_maintenance_file($1, 'a.jpg', $2)", [record.id, jpeg()]))).toEqual([])
})

test('in SQL nobody stores bytes beside their description, or changes either', async () => {
  const record = await plan()
  const file = (await add(manager, record.id, 'a.jpg', jpeg())).body
  const attempt = (sql: string, values: unknown[] = []) => refusalOf(() => world.sqlAs('andina', 'admin', (q) => q(sql, values)))
  expect(
    await attempt("INSERT INTO maintenance_files (company_id, maintenance_id, equipment_id, name, kind, size_bytes, content_hash) VALUES ($1, $2, $3, 'a', 'pdf', 1, repeat('0', 64))", [
      world.companies.andina.id,
      record.id,
      machine.id,
    ]),
  ).toBe('42501')
  expect(await attempt("INSERT INTO maintenance_file_contents VALUES ($1, $2, 'x')", [world.companies.andina.id, file.id])).toBe('42501')
  for (const change of ["content_hash = repeat('0', 64)", "name = 'b.jpg'", 'size_bytes = 1']) expect(await attempt(`UPDATE maintenance_files SET ${change}`)).toBe('42501')
  const beyond = (sql: string) => refusalOf(() => world.sqlAdmin((q) => q(sql, [file.id])))
  expect(await beyond("UPDATE maintenance_files SET name = 'b.jpg' WHERE id = $1")).toBe('mf_facts_fixed')
  expect(await beyond("UPDATE maintenance_file_contents SET content = 'x' WHERE file_id = $1")).toBe('records_append_only')
  expect(await beyond('DELETE FROM maintenance_file_contents WHERE file_id = $1')).toBe('records_append_only')
  expect(await beyond('DELETE FROM maintenance_files WHERE id = $1')).toBe('base_soft_delete_only')
})
