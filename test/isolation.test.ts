// Another company's ids are as good as none: every operation answers for them what it answers for an id that exists nowhere.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Body, type Client, createWorld, type Reply } from './harness.ts'

const world = await createWorld()
const { andina, sur } = world.companies
const canary = (word: string) => `canario-${createHash('sha1').update(word).digest('hex').slice(0, 8)}`
const nowhere = (id: string) => `${id.slice(0, -6)}${id.slice(-6) === 'ffffff' ? '000000' : 'ffffff'}`

/** Everything a company can own, with texts that must never leave it. */
async function settle() {
  const manager = world.as('sur', 'manager')
  const admin = world.as('sur', 'admin')
  const category = (await manager.post('/equipment-categories', { name: canary('category'), type_code: 'ZZ' })).body
  const machine = await world.machine(
    { name: canary('machine'), fleet_code: canary('fleet'), plate: 'CAN-999', manufacturer: canary('maker'), tags: [canary('tag')], category_id: category.id, location: canary('place') },
    'sur',
  )
  const deleted = await world.machine({ name: canary('deleted') }, 'sur')
  await manager.delete(`/equipment/${deleted.id}`, { version: 1 })
  const assignment = (await manager.post(`/equipment/${machine.id}/assign`, { user_id: sur.people.operator.userId, notes: canary('notes') })).body
  await manager.post(`/equipment/${machine.id}/status`, { status: 'maintenance', reason: canary('reason') })
  const token = (await admin.post('/api/v1/tokens', { name: canary('token'), company_id: sur.id, scopes: ['read'], expires_at: new Date(Date.now() + 86_400_000).toISOString() })).body
  const person = (await admin.post('/users', { email: 'canario@sur.test', display_name: canary('person'), role: 'viewer' })).body
  const work = (await manager.post('/maintenance-records', { equipment_id: machine.id, type: 'preventive', title: canary('work'), scheduled_date: '2030-01-15' })).body
  const photo = `--x\r\ncontent-disposition: form-data; name="file"; filename="${canary('file')}.pdf"\r\n\r\n%PDF-${canary('content')}\r\n--x--\r\n`
  const file = (await manager.call('POST', `/maintenance-records/${work.id}/files`, photo, { headers: { 'content-type': 'multipart/form-data; boundary=x' } })).body
  for (const at of ['', `/users/${person.id}`]) await admin.patch(`${at}/tax-id`, { tax_id: 'CAN-9990' }, { version: '*' })
  const { webhook } = (await admin.post('/webhooks', { name: canary('webhook'), url: 'https://canario.test/' })).body
  const event = (await manager.get('/events?limit=1')).body.items[0]
  return { category, machine, deleted, assignment, token, person, work, file, webhook, event }
}
const theirs = await settle()
const machine = await world.machine({ name: 'Propia', fleet_code: 'PROPIA-1' })
const category = (await world.as('andina', 'manager').post('/equipment-categories', { name: 'Propia' })).body
const ownWork = (await world.as('andina', 'manager').post('/maintenance-records', { equipment_id: machine.id, type: 'preventive', scheduled_date: '2030-01-15' })).body

const idsOfTheirs: Record<string, string> = {
  company_id: sur.id,
  equipment_id: theirs.machine.id,
  category_id: theirs.category.id,
  person_id: theirs.person.id,
  token_id: theirs.token.id,
  progress_id: theirs.event.id,
  maintenance_id: theirs.work.id,
  assignment_id: theirs.assignment.id,
  file_id: theirs.file.id,
  webhook_id: theirs.webhook.id,
  // Not of a company: a person's own, tried in the room of sessions, and the installation's.
  session_id: theirs.event.id,
  job: 'audit',
  user_id: sur.people.operator.userId,
  parent_id: theirs.category.id,
  holder_id: sur.people.operator.userId,
  aggregate_id: theirs.machine.id,
  entity_id: theirs.machine.id,
}
const idsOfOurs: Record<string, string> = {
  company_id: andina.id,
  equipment_id: machine.id,
  category_id: category.id,
  maintenance_id: ownWork.id,
  user_id: andina.people.operator.userId,
}

type Parameter = { name: string; in: string; required?: boolean; schema: Body }
type Operation = { id: string; method: string; path: string; parameters: Parameter[]; body: Body; raw: boolean }
const document = (await world.app.inject({ url: '/api/v1/openapi.json' })).json()
const operations: Operation[] = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs as Record<string, Body>).map(([method, op]) => ({
    id: op.operationId,
    method: method.toUpperCase(),
    path,
    parameters: op.parameters ?? [],
    body: op.requestBody?.content?.['application/json']?.schema,
    raw: path.endsWith('/import'),
  })),
)

/** The least that a schema takes, with `ids` where it asks for an id by name. */
function sample(schema: Body, name: string, ids: Record<string, string>): Body {
  if (!schema) return undefined
  if (ids[name] && (schema.format === 'uuid' || schema.anyOf)) return ids[name]
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return sample(schema.anyOf[0], name, ids)
  if (schema.type === 'object') {
    const keys = Object.keys(schema.properties ?? {}).filter((key) => schema.required?.includes(key) || (key in ids && schema.properties[key]?.anyOf))
    return Object.fromEntries(keys.map((key) => [key, sample(schema.properties[key], key, ids)]))
  }
  if (schema.type === 'array') return schema.minItems ? [sample(schema.items, name, ids)] : []
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1
  if (schema.type === 'boolean') return true
  if (schema.format === 'uuid') return '01900000-0000-7000-8000-000000000000'
  if (schema.format === 'email') return 'alguien@andina.test'
  if (schema.format === 'date') return '2030-01-01'
  if (schema.format === 'date-time') return '2030-01-01T00:00:00Z'
  if (schema.pattern) return { '^[a-z][a-z0-9_]{0,49}$': 'clave', '^[A-Za-z0-9 ./-]+$': 'ABC-123' }[schema.pattern as string] ?? 'x'
  return 'x'.repeat(Math.max(1, schema.minLength ?? 1))
}

/** The query with what the operation demands beside it, so that it is not refused for that. */
function withRequired(op: Operation, query: string): string {
  const asked = new URLSearchParams(query)
  for (const { name, schema } of op.parameters.filter((p) => p.in === 'query' && p.required && !asked.has(p.name))) asked.set(name, name === 'to' ? '2030-02-01T00:00:00Z' : sample(schema, name, {}))
  const text = asked.toString()
  return text ? `?${text}` : ''
}

/** Sends an operation with these ids in its path, and anywhere the changes say. */
function send(client: Client, op: Operation, path: Record<string, string>, body: Body, query = ''): Promise<Reply> {
  const url = op.path.replace(/\{(\w+)\}/g, (_, name) => path[name] ?? '01900000-0000-7000-8000-000000000000')
  const version = op.parameters.some((p) => p.name === 'if-match') ? { version: '*' as const } : {}
  if (op.raw) return client.call('POST', `${url}${query || '?dry_run=true'}`, 'nombre\nx', { ...version, headers: { 'content-type': 'text/csv' } })
  return client.call(op.method, url + withRequired(op, query), op.method === 'GET' ? undefined : body, version)
}

const replies: string[] = []
/** Status and words of a reply, without what differs by nature: the request's number and the id that was asked for. */
function seen(reply: Reply, ...ids: string[]): string {
  replies.push(reply.text)
  let text = reply.text.replace(/"request_id":"[^"]*"/, '')
  for (const id of ids) text = text.replaceAll(id, '<id>')
  return `${reply.status} ${text}`
}

const far = () => new Date(Date.now() + 86_400_000).toISOString()
const token = async (who: 'admin' | 'viewer') => (await world.as('andina', who).post('/api/v1/tokens', { name: 't', company_id: andina.id, scopes: ['admin'], expires_at: far() })).body.token
const callers: [string, Client][] = [
  ...(['admin', 'manager', 'operator', 'viewer', 'ended', 'stranger'] as const).map((who): [string, Client] => [who, world.as('andina', who)]),
  ['admin’s token', world.withToken('andina', await token('admin'))],
  ['viewer’s token', world.withToken('andina', await token('viewer'))],
]

const spent = new Set(['signOut', 'signIn'])
const inPath = operations.filter((op) => op.path.includes('{company_id}'))
let tried = 0

test('the document lists the operations that are tried', () => {
  expect(operations.length).toBeGreaterThan(30)
  expect(inPath.length).toBeGreaterThan(25)
  for (const op of operations) for (const [, name] of op.path.matchAll(/\{(\w+)\}/g)) expect(idsOfTheirs, `an id for {${name}} of ${op.id}`).toHaveProperty(name ?? '')
})

test.each(callers)('as %s, each id of a path', async (who, client) => {
  for (const op of inPath) {
    const names = [...op.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
    for (const name of names) {
      const id = idsOfTheirs[name] ?? ''
      const other = nowhere(id)
      const rest = name === 'company_id' ? idsOfTheirs : idsOfOurs
      const body = sample(op.body, '', idsOfOurs)
      const foreign = await send(client, op, { ...rest, [name]: id }, body)
      const none = await send(
        client,
        op,
        { ...(name === 'company_id' ? Object.fromEntries(Object.entries(idsOfTheirs).map(([key, value]) => [key, nowhere(value)])) : idsOfOurs), [name]: other },
        body,
      )
      expect(seen(foreign, id), `${op.id} {${name}}`).toBe(seen(none, other))
      expect(foreign.status, `${op.id} {${name}}: ${foreign.text}`).toBeGreaterThanOrEqual(400)
      if (who === 'admin') expect([foreign.status, foreign.body.code], `${op.id} {${name}}`).toEqual([404, 'not_found'])
      tried++
    }
  }
})

/** Every place of a body where an id can stand. */
const idFields = (op: Operation): string[] =>
  Object.entries((op.body?.properties ?? {}) as Record<string, Body>)
    .filter(([name, schema]) => name in idsOfTheirs && /uuid/.test(JSON.stringify(schema)))
    .map(([name]) => name)

test.each(callers)('as %s, each id of a body', async (who, client) => {
  let found = 0
  const codes = new Set<string>()
  for (const op of operations.filter((op) => !spent.has(op.id))) {
    for (const name of idFields(op)) {
      found++
      const id = idsOfTheirs[name] ?? ''
      const other = nowhere(id)
      const [foreign, none] = [id, other].map((value) => ({ ...sample(op.body, '', idsOfOurs), ...(op.id === 'createEquipment' ? { ownership: 'rented' } : {}), [name]: value }))
      const reply = await send(client, op, idsOfOurs, foreign)
      codes.add(reply.body?.code)
      const first = seen(reply, id)
      expect(first, `${op.id} ${name}`).toBe(seen(await send(client, op, idsOfOurs, none), other))
      expect(first, `${op.id} ${name}`).toMatch(/^4/)
    }
  }
  expect(found).toBeGreaterThanOrEqual(7)
  // For who may write, it is the id that is refused and nothing else about the request.
  if (who === 'admin') expect([...codes].sort()).toEqual(['ea_nothing_to_return', 'fk_category_parent', 'fk_ea_user', 'fk_equipment_category', 'fk_mr_equipment', 'not_found'])
})

test.each(callers)('as %s, each id and text of a filter, and each cursor', async (_name, client) => {
  const lists = operations.filter((op) => op.method === 'GET' && op.path.startsWith('/api/v1/companies/{company_id}/') && op.parameters.some((p) => p.in === 'query'))
  expect(lists.length).toBeGreaterThan(6)
  for (const op of lists) {
    const filters = op.parameters.filter((p) => p.in === 'query' && p.name in idsOfTheirs).map((p) => [p.name, idsOfTheirs[p.name] ?? ''])
    if (op.id === 'listEquipment') filters.push(['created_by', sur.people.manager.userId], ['category_id', `${theirs.category.id},${category.id}`])
    for (const [name = '', id = ''] of filters) {
      const other = id
        .split(',')
        .map((one) => (one === category.id ? one : nowhere(one)))
        .join(',')
      const [foreign, none] = [await send(client, op, idsOfOurs, undefined, `?${name}=${id}`), await send(client, op, idsOfOurs, undefined, `?${name}=${other}`)]
      expect(seen(foreign), `${op.id} ?${name}`).toBe(seen(none))
    }
    const cursor = (await send(world.as('sur', 'admin'), op, idsOfTheirs, undefined, '?limit=1')).body?.next_cursor
    if (cursor) {
      const [mark, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
      const made = Buffer.from(JSON.stringify([mark, value === id ? nowhere(id) : value, nowhere(id)])).toString('base64url')
      expect(seen(await send(client, op, idsOfOurs, undefined, `?cursor=${cursor}`)), `${op.id} ?cursor`).toBe(seen(await send(client, op, idsOfOurs, undefined, `?cursor=${made}`)))
    }
  }
  for (const word of ['machine', 'fleet', 'maker', 'tag', 'place', 'deleted']) {
    const found = await client.get(`/equipment?q=${canary(word)}&count=true`)
    const none = await client.get(`/equipment?q=${canary(`${word} of nobody`)}&count=true`)
    expect(seen(found)).toBe(seen(none))
  }
  const codes = await client.get(`/equipment?q=${theirs.machine.serial_number}`)
  expect((codes.body.items ?? []).map((m: Body) => m.id)).not.toContain(theirs.machine.id)
})

test('another company’s codes and addresses are free here', async () => {
  const manager = world.as('andina', 'manager')
  const made = await manager.post('/equipment', { name: 'Igual', ownership: 'rented', serial_number: theirs.machine.serial_number, fleet_code: theirs.machine.fleet_code })
  expect(made.status).toBe(201)
  expect((await manager.post('/equipment-categories', { name: theirs.category.name, type_code: 'ZZ' })).status).toBe(201)
})

test('no reply held a text of the other company', () => {
  expect(tried).toBeGreaterThan(250)
  expect(replies.length).toBeGreaterThan(900)
  const words = ['category', 'machine', 'fleet', 'maker', 'tag', 'place', 'deleted', 'notes', 'reason', 'token', 'person', 'work', 'file', 'content'].map(canary)
  const leaks = replies.filter((text) => [...words, 'Vial del Sur', 'CAN-999', 'de sur', '@sur.test'].some((word) => text.includes(word)))
  expect(leaks).toEqual([])
})
