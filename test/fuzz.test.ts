// Strange input against the served OpenAPI document: no fault of ours, every refusal explained, every reply as declared.
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Body, createWorld, type Reply } from './harness.ts'

const world = await createWorld()
const seed = Date.now() & 0x7fffffff
process.stdout.write(`fuzz seed ${seed}\n`)
const runs = { numRuns: 60, seed, endOnFailure: true } as const

const clients = [world.as('andina', 'admin'), world.as('andina', 'operator'), world.withToken('andina', 'x'.repeat(43)), world.nobody('andina')]
const admin = world.as('andina', 'admin')
const machine = await world.machine({ name: 'Probada' })
const category = (await admin.post('/equipment-categories', { name: 'Probada' })).body
const ids: Record<string, string> = { company_id: world.companies.andina.id, equipment_id: machine.id, category_id: category.id, user_id: world.person('andina', 'operator').userId }

type Operation = { id: string; method: string; path: string; query: Record<string, Body>; body: Body; replies: Record<string, Body>; headers: string[] }
const document = (await world.app.inject({ url: '/api/v1/openapi.json' })).json()
const operations: Operation[] = Object.entries(document.paths).flatMap(([path, verbs]) =>
  Object.entries(verbs as Record<string, Body>).map(([method, op]) => ({
    id: op.operationId,
    method: method.toUpperCase(),
    path,
    query: Object.fromEntries((op.parameters ?? []).filter((p: Body) => p.in === 'query').map((p: Body) => [p.name, p.schema])),
    headers: (op.parameters ?? []).filter((p: Body) => p.in === 'header').map((p: Body) => p.name),
    body: op.requestBody?.content?.['application/json']?.schema,
    replies: op.responses,
  })),
)

const ajv = new Ajv({ strict: false, allErrors: false })
;(formats as unknown as (ajv: Ajv) => void)(ajv)
ajv.addSchema(document, 'document')
const checks = new Map<string, ReturnType<typeof ajv.compile>>()
function declared(op: Operation, status: number): ReturnType<typeof ajv.compile> {
  const key = `${op.id} ${status}`
  const schema = op.replies[String(status)]?.content?.['application/json']?.schema
  const check = checks.get(key) ?? ajv.compile(schema ?? { not: {} })
  checks.set(key, check)
  return check
}

/** What every reply must be, whatever was sent. */
function judge(op: Operation, reply: Reply, what: string): void {
  const at = `${op.id} (${op.method} ${op.path}) given ${what.slice(0, 600)} answered ${reply.status} ${reply.text.slice(0, 600)}`
  expect(reply.status, at).toBeLessThan(500)
  if (reply.status >= 400) {
    expect(reply.headers['content-type'], at).toMatch(/^application\/problem\+json/)
    expect(
      Object.keys(reply.body)
        .filter((key) => key !== 'blocked_by')
        .sort(),
      at,
    ).toEqual(['code', 'detail', 'errors', 'request_id', 'status', 'title', 'type'])
    expect([reply.body.status, reply.body.type], at).toEqual([reply.status, `urn:bitcorp:problem:${reply.body.code}`])
    expect(reply.body.detail.length, at).toBeGreaterThan(10)
    expect(reply.body.detail, at).not.toMatch(/^problems\.|\{\{|SELECT |INSERT |at .+\.ts:/)
    expect(
      reply.body.errors.every((e: Body) => e.detail.length > 5 && !e.detail.startsWith('problems.')),
      at,
    ).toBe(true)
  } else if (reply.status !== 204 && /json/.test(String(reply.headers['content-type']))) {
    const check = declared(op, reply.status)
    expect(check(reply.body), `${at}: ${ajv.errorsText(check.errors)}`).toBe(true)
  }
}

const strange = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\ud800',
    '\u200b',
    'NaN',
    'Infinity',
    '-0',
    'null',
    'true',
    '1e999',
    '%00',
    '%',
    "' OR 1=1 --",
    '\\',
    '../../etc/passwd',
    '<script>',
    '{"a":1}',
    '9'.repeat(400),
    'x'.repeat(70_000),
    'infinity',
    '2026-02-30',
    '0000-00-00',
    '𝕏',
    'İ',
    '00000000-0000-0000-0000-000000000000',
  ),
  fc.string({ maxLength: 60, unit: 'binary' }),
  fc.string({ maxLength: 30 }),
)
const anything = fc.oneof(
  strange,
  fc.anything({ maxDepth: 2, withNullPrototype: false }).filter((v) => v !== undefined && typeof v !== 'bigint'),
  fc.constantFrom(null, [], {}, 0, -1, 1.5, 1e308, 2 ** 53, true),
)

/** Values that a schema takes. */
function valid(schema: Body, name = ''): fc.Arbitrary<Body> {
  if (ids[name] && /uuid/.test(JSON.stringify(schema))) return fc.constant(ids[name])
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one: Body) => valid(one, name)))
  switch (schema.type) {
    case 'object': {
      const properties = Object.entries((schema.properties ?? {}) as Record<string, Body>)
      return fc.record(Object.fromEntries(properties.map(([key, one]) => [key, valid(one, key)])), { requiredKeys: schema.required ?? [] })
    }
    case 'array':
      return fc.uniqueArray(valid(schema.items ?? {}, name), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 3, 3), selector: JSON.stringify })
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return text(schema)
  }
}

function text(schema: Body): fc.Arbitrary<string> {
  if (schema.format === 'uuid') return fc.uuid()
  if (schema.format === 'email') return fc.integer({ min: 0, max: 1e6 }).map((n) => `alguien${n}@andina.test`)
  if (schema.format === 'date') return fc.date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }).map((d) => d.toISOString().slice(0, 10))
  if (schema.format === 'date-time') return fc.date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }).map((d) => d.toISOString())
  if (schema.pattern && schema.pattern !== '\\S') return fc.stringMatching(new RegExp(schema.pattern, 'u')).filter((s) => s.length <= (schema.maxLength ?? 1000))
  const least = schema.minLength ?? 0
  return fc.string({ minLength: least, maxLength: Math.min(schema.maxLength ?? 40, least + 40) }).filter((s) => schema.pattern !== '\\S' || /\S/.test(s))
}

const escaped = (value: Body) => {
  try {
    return encodeURIComponent(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  } catch {
    return '%ED%A0%80'
  }
}
const pathOf = (op: Operation, values: Record<string, string | undefined>) => op.path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '01900000-0000-7000-8000-000000000000')
const keeps = (op: Operation) => !['signOut', 'deleteEquipment', 'deleteCategory', 'revokeToken', 'changePerson', 'changePersonTaxId'].includes(op.id)

const codesSeen: Record<string, number> = {}
async function send(op: Operation, input: { client?: number; path?: Record<string, string | undefined>; query?: Record<string, Body>; body?: Body; headers?: Record<string, string> }): Promise<Reply> {
  const query = Object.entries(input.query ?? {})
    .map(([key, value]) => `${escaped(key)}=${escaped(value)}`)
    .join('&')
  const headers = { 'if-match': op.headers.includes('if-match') ? '*' : '', ...input.headers }
  if (!headers['if-match']) Reflect.deleteProperty(headers, 'if-match')
  // Nobody signs the admin out for the tests to come.
  const client = clients[op.id === 'signOut' ? 3 : (input.client ?? 0)] ?? admin
  const reply = await client.call(op.method, pathOf(op, { ...ids, ...input.path }) + (query ? `?${query}` : ''), op.method === 'GET' ? undefined : input.body, { headers })
  codesSeen[reply.status] = (codesSeen[reply.status] ?? 0) + 1
  return reply
}

test('a broken form is refused', async () => {
  const op = operations.find((one) => one.id === 'importEquipment')
  if (!op) throw new Error('there is an import')
  for (const type of ['multipart/form-data', 'multipart/form-data; boundary=x']) {
    for (const body of ['x', '--x\r\n', '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nnombre\nx']) {
      const reply = await send(op, { body, headers: { 'content-type': type } })
      judge(op, reply, `${type} ${body}`)
      expect(reply.status).toBe(400)
    }
  }
})

test('brackets by the thousand are no fault anywhere, also where no body is read or any value is taken', async () => {
  const nest = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  for (const op of operations.filter((one) => one.method !== 'GET' && keeps(one))) {
    for (const [n, body] of [nest(50_000), `{"specifications":{"a":${nest(50_000)}}}`, `{"a":${'{"a":'.repeat(50_000)}1`].entries()) {
      judge(op, await send(op, { body, headers: { 'idempotency-key': `brackets ${op.id} ${n}` } }), `${op.id} ${body.slice(0, 40)}`)
    }
  }
})

test('an address that leads nowhere, and a verb that an address does not know, are explained as every refusal', async () => {
  for (const [method, path] of [
    ['GET', '/api/v1/nothing'],
    ['POST', '/api/nowhere'],
    ['PUT', `/equipment/${machine.id}`],
    ['DELETE', '/equipment'],
    ['OPTIONS', '/equipment'],
    ['GET', '/equipment/%E0%A4%A'],
    ['GET', `/equipment/${'x'.repeat(3000)}`],
  ] as const) {
    const reply = await admin.call(method, path, undefined, {})
    expect([400, 404, 405, 414], `${method} ${path.slice(0, 60)} answered ${reply.status} ${reply.text.slice(0, 200)}`).toContain(reply.status)
    judge({ id: 'none', method, path, query: {}, body: undefined, replies: {}, headers: [] }, reply, 'nothing')
  }
})

test('the document is one of OpenAPI 3.1 with all operations and their refusals', () => {
  expect(document.openapi).toBe('3.1.0')
  expect(operations.length).toBeGreaterThan(30)
  for (const op of operations) {
    expect(op.id, op.path).toMatch(/^[a-z][A-Za-z]+$/)
    expect(Object.keys(op.replies), op.id).toEqual(expect.arrayContaining(['4XX', '5XX']))
  }
})

// A stream does not end by itself; its refusals are in the room's own test.
const ending = operations.filter((op) => op.id !== 'streamEvents')

test.each(ending.map((op) => [op.id, op] as const))('%s takes malformed input without a fault', async (_id, op) => {
  const names = [...op.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  const broken = fc.record({
    client: fc.nat(3),
    path: fc.oneof(
      { weight: 3, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.record(Object.fromEntries(names.map((name) => [name, strange.map(escaped).filter((s) => s.length < 300)])), { requiredKeys: [] }) },
    ),
    query: fc.oneof(
      fc.constant({}),
      fc.dictionary(
        fc.oneof(fc.constantFrom(...Object.keys(op.query), 'q', 'cursor', 'sort', 'year.gte', 'specifications.a.gt', '__proto__', 'constructor'), fc.string({ maxLength: 20 })),
        strange.filter((s) => s.length < 3000),
        { maxKeys: 3 },
      ),
    ),
    body: fc.oneof(
      anything.map((value) => JSON.stringify(value) ?? ''),
      strange,
      fc.constantFrom('{', '[[[[', '{"a":', '"\\ud800"', `${'['.repeat(5000)}${']'.repeat(5000)}`, '{"__proto__":{"x":1},"constructor":{"prototype":1}}'),
      op.body?.properties
        ? fc.tuple(valid(op.body), fc.constantFrom(...Object.keys(op.body.properties), 'extra'), anything).map(([body, key, value]) => JSON.stringify({ ...body, [key]: value }))
        : fc.constant('{}'),
    ),
    headers: fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Record<string, string>>(
          { 'content-type': 'text/plain' },
          { 'content-type': 'multipart/form-data' },
          { 'content-type': 'application/json; charset=utf-16' },
          { 'if-match': '"99999999999"' },
          { 'if-match': 'W/"x"' },
          { 'idempotency-key': ' ' },
          { 'idempotency-key': 'x'.repeat(300) },
          { authorization: 'Bearer ' },
          { cookie: 'bitcorp_session=%E0%A4%A' },
          { 'accept-language': '*;q=x,'.repeat(50) },
          { accept: 'image/png' },
        ),
      },
    ),
  })
  await fc.assert(
    fc.asyncProperty(broken, async (input) => judge(op, await send(op, input), JSON.stringify(input))),
    runs,
  )
})

const exceptions = /import|export|Progress|File/i
test.each(ending.filter((op) => keeps(op) && !exceptions.test(op.id)).map((op) => [op.id, op] as const))('%s answers valid input as declared', async (_id, op) => {
  const input = fc.record({
    query: fc.record(Object.fromEntries(Object.entries(op.query).map(([key, schema]) => [key, valid(schema, key)])), { requiredKeys: [] }).map(({ cursor: _, sort: __, ...query }: Body) => query),
    body: op.body ? valid(op.body) : fc.constant(undefined),
  })
  await fc.assert(
    fc.asyncProperty(input, async (given) => judge(op, await send(op, given), JSON.stringify(given))),
    { ...runs, numRuns: op.id === 'signIn' || op.id === 'changeMe' || op.id === 'addPerson' ? 10 : 25 },
  )
})

test('the input was both taken and refused, in every way', () => {
  for (const status of [200, 201, 400, 401, 403, 404, 415, 422]) expect(codesSeen[status] ?? 0, `replies of ${status} in ${JSON.stringify(codesSeen)}`).toBeGreaterThan(0)
  expect((codesSeen[200] ?? 0) + (codesSeen[201] ?? 0)).toBeGreaterThan(200)
})
