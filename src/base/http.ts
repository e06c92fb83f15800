// The HTTP ground: identifies the caller, checks input against the contract, hands it to the room, and shapes reply and refusal.
import { createHmac, timingSafeEqual } from 'node:crypto'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { Type } from 'typebox'
import type { InputOf, Operation, ReplyOf } from '../plain/operation.ts'
import { formatPosition, laterOf, type Position, parsePosition, positionHeader } from '../plain/position.ts'
import { Problem } from '../plain/problem.ts'
import type { Translate } from '../plain/translate.ts'
import type { Language } from '../plain/words.ts'
import { type Config, programVersion } from './config.ts'
import { type Database, hashSecret, type Identity, type Runner, type TellPosition } from './db.ts'
import { Refusal, toProblem, toRefusal } from './errors.ts'
import { languageOf } from './i18n.ts'
import { onceForKey } from './idempotency.ts'
import { Jobs } from './jobs.ts'
import { Keyring } from './keys.ts'
import { JsonText } from './list.ts'
import { logStream } from './log.ts'
import { pace } from './pace.ts'
import { Replicas } from './replicas.ts'
import { logStatements } from './statement-log.ts'
import { Turns } from './turns.ts'
import { checkReply, compileValidator, fieldsOf } from './validation.ts'

export const sessionCookie = 'bitcorp_session'
/** Behind TLS the browser itself keeps such a cookie to this very host: no other one, and nobody on plain http, can set it. */
export const cookieName = (config: Config, name: string): string => (config.behindProxy ? `__Host-${name}` : name)

/** What a handler works with: the database as the caller, and what the request said of itself. */
export type Ctx = Runner & {
  db: Database
  /** For what a report must write or read on the primary. Elsewhere the same as the context itself. */
  primary: Runner
  /** Hears where a write ended that is made beside this context; there when somebody wants to know. */
  tell: TellPosition | undefined
  /** The version of If-Match; null when the operation takes none or the caller sent `*`. */
  version: number | null
  language: Language
  t: Translate
  /** The secret of the caller's session or token; null for nobody. */
  secret: string | null
  ip: string
  userAgent: string
  request: FastifyRequest
  reply: FastifyReply
}
export type Handler<O extends Operation> = (ctx: Ctx, input: InputOf<O>) => Promise<ReplyOf<O> | JsonText<ReplyOf<O>> | FastifyReply>

declare module 'fastify' {
  interface FastifyInstance {
    ground: { config: Config; db: Database; keys: Keyring; jobs: Jobs; replicas: Replicas; turns: Turns; translate: (language: Language) => Translate }
  }
}

/** How the API's own document begins; its operations are added as they are registered. */
const apiDocument: Parameters<typeof swagger>[1] = {
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Bitcorp ERP', version: programVersion, description: 'Equipment of contractors: what there is, where it is, who has it, and its whole history.' },
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie, description: 'From POST /api/v1/session; unsafe verbs also need X-CSRF-Token.' },
        token: { type: 'http', scheme: 'bearer', description: 'From POST /api/v1/tokens.' },
      },
    },
  },
  refResolver: { buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `def-${i}`) },
}

export async function createHttp(config: Config, db: Database, translate: (language: Language) => Translate): Promise<FastifyInstance> {
  const app = Fastify({
    logger: { level: config.logLevel, redact: ['req.headers.authorization', 'req.headers.cookie'], stream: logStream },
    // Fastify's own lines hold whole addresses, with what stands behind the ?: logRequest writes one without.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: 1024 * 1024,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    // One hop: what a client writes into X-Forwarded-For itself is not believed.
    trustProxy: config.behindProxy ? (_address, hop) => hop === 0 : false,
    genReqId: () => crypto.randomUUID(),
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => refuse(error, request, reply),
    clientErrorHandler: (error, socket) => answerBrokenRequest(app.log, error, socket),
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
  })
  app.decorate('ground', { config, db, keys: new Keyring(config.keysFile), jobs: new Jobs(app.log), replicas: openReplicas(app, config, db), turns: new Turns(config.reportsAtOnce), translate })
  addHooks(app)
  logStatements(db, app.log, config.pool)
  app.setValidatorCompiler(({ schema, httpPart }) => compileValidator(schema as object, httpPart !== 'body'))
  app.setSerializerCompiler(() => (data) => (data instanceof JsonText ? data.text : JSON.stringify(data)))
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply))
  app.setNotFoundHandler((request, reply) => refuse(new Refusal(404, 'not_found'), request, reply))

  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'data:', 'blob:'],
        'frame-ancestors': ["'none'"],
        'upgrade-insecure-requests': null,
      },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: config.behindProxy,
  })
  await app.register(cookie)
  await app.register(compress, { threshold: 2048, encodings: ['gzip', 'identity'] })
  await app.register(multipart, { limits: { fileSize: 64 * 1024 * 1024, files: 1, fields: 20 } })
  await app.register(rateLimit, { max: config.rateLimitPerMinute, timeWindow: 60_000, errorResponseBuilder: () => new Refusal(429, 'too_many_requests') })
  await app.register(swagger, apiDocument)
  app.addSchema(Problem)
  for (const type of ['text/csv', 'text/plain', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'application/octet-stream']) {
    app.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: 64 * 1024 * 1024 }, (_request, body, done) => done(null, body))
  }
  return app
}

function addHooks(app: FastifyInstance): void {
  app.addHook('onRequest', pace(8))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  app.addHook('onResponse', logRequest)
  app.addHook('onListen', async () => app.ground.jobs.start())
  app.addHook('onClose', () => app.ground.jobs.close())
}

/** Refusals that an intruder collects: of rights, of the session, of what was sent, of too much. The rules of the business are none. */
const suspicious = new Set([400, 401, 403, 408, 413, 415, 429, 431])
const isSuspicious = (refusal: Refusal, error: unknown): boolean => suspicious.has(refusal.status) || (error as { code?: string }).code === 'BC404'

/** A line at level warn, which is the usual one: what was refused to whom, and never what was sent. `credential`: how the hash in `sessions` or `api_tokens` begins. */
function logRefusal(request: FastifyRequest, refusal: Refusal): void {
  const secret = secretOf(request)
  const told = { event: 'security', refused: refusal.code, method: request.method, route: request.routeOptions.url ?? 'none', status: refusal.status, ip: request.ip }
  request.log.warn({ ...told, user: userOf(request), ...(secret ? { credential: hashSecret(secret).slice(0, 16) } : {}) }, 'refused')
}

const callers = new WeakMap<FastifyRequest, Runner>()

/** One line a request, with the route's pattern: an address, a header or a body may hold a secret, and none of them is written. */
async function logRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { company_id: company } = (request.params ?? {}) as { company_id?: string }
  request.log.info(
    {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ...(company && /^[0-9a-f-]{36}$/.test(company) ? { company } : {}),
      user: userOf(request),
    },
    'request',
  )
}

function openReplicas(app: FastifyInstance, config: Config, db: Database): Replicas {
  const replicas = new Replicas(db, config.replicaUrls, { waitMs: config.replicaWaitMs, maxLagSeconds: config.replicaMaxLagSeconds })
  app.addHook('onClose', () => replicas.close())
  return replicas
}

/** Known once the database has verified who calls; undefined for nobody. */
function userOf(request: FastifyRequest): string | undefined {
  const runner = callers.get(request)
  return runner && callerOf(runner)
}

/** Registers one operation of a contract. */
export function handle<O extends Operation>(app: FastifyInstance, op: O, handler: Handler<O>): void {
  const problem = { description: 'Refused, with the reason', content: { 'application/problem+json': { schema: Type.Ref('Problem') } } }
  app.route({
    method: op.method,
    url: op.path.replace(/\{(\w+)\}/g, ':$1'),
    ...(op.stream ? { compress: false } : {}),
    schema: {
      operationId: op.id,
      summary: op.summary,
      tags: [tagOf(op.path)],
      ...(op.who === 'public' ? { security: [] } : { security: [{ session: [] }, { token: [] }] }),
      description:
        op.who === 'public'
          ? 'Open to everyone.'
          : op.who === 'account'
            ? 'Any signed-in person.'
            : op.who === 'installation'
              ? 'Who looks after the installation, signed in.'
              : `Roles: ${op.who.join(', ')}.`,
      ...(op.path.includes('{') ? { params: op.params } : {}),
      ...(op.method === 'GET' || Object.keys(propertiesOf(op.query)).length ? { querystring: op.query } : {}),
      ...(op.method === 'GET' || op.rawBody || isNone(op.body) ? {} : { body: op.body }),
      ...(op.rawBody ? { consumes: [...op.media] } : {}),
      ...(op.ifMatch
        ? { headers: Type.Object({ 'if-match': Type.Optional(Type.String({ description: 'The version that was read, as in ETag. Missing: 428. Another one is there by now: 412.' })) }) }
        : {}),
      ...(op.keyed
        ? {
            headers: Type.Object({
              'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'The same key gives the same reply.' })),
              ...(op.ifMatch ? { 'if-match': Type.Optional(Type.String()) } : {}),
            }),
          }
        : {}),
      ...(op.replica
        ? {
            headers: Type.Object({
              [positionHeader]: Type.Optional(Type.String({ maxLength: 100, description: 'What your last write answered in this header: the reply is not older. It is kept for you here as well' })),
            }),
          }
        : {}),
      response: { [op.status]: op.stream ? { description: 'Events as they come', content: { 'text/event-stream': { schema: op.reply } } } : op.reply, '4xx': problem, '5xx': problem },
    },
    handler: async (request, reply) => {
      const ctx = createCtx(app, op, request, reply)
      const input = { params: request.params, query: request.query, body: isNone(op.body) ? {} : request.body } as InputOf<O>
      const key = request.headers['idempotency-key']
      const answer = key && op.keyed ? await onceForKey(ctx, String(key), { method: op.method, url: request.url, body: input.body }, (tx) => handler(tx, input)) : await handler(ctx, input)
      if (reply.sent || answer === reply) return reply
      const version = versionOf(answer)
      if (version !== undefined) reply.header('etag', `"${version}"`)
      if (app.ground.config.checkReplies) checkReply(op, answer)
      reply.header('cache-control', 'no-store')
      reply.status(op.status)
      return op.status === 204 ? reply.send() : reply.type('application/json; charset=utf-8').send(answer)
    },
  })
}

const versionOf = (answer: unknown) => (answer && typeof answer === 'object' && 'version' in answer ? answer.version : undefined)

const bearerOf = (request: FastifyRequest): string | undefined => /^Bearer ([\w-]{20,200})$/.exec(request.headers.authorization ?? '')?.[1]
const secretOf = (request: FastifyRequest): string | null => bearerOf(request) ?? request.cookies?.[cookieName(request.server.ground.config, sessionCookie)] ?? null

function createCtx(app: FastifyInstance, op: Operation, request: FastifyRequest, reply: FastifyReply): Ctx {
  const { db, translate } = app.ground
  const bearer = bearerOf(request)
  const secret = secretOf(request)
  if (op.who !== 'public') {
    if (!secret) throw new Refusal(401, 'signed_out')
    if (!bearer && op.method !== 'GET' && !sameText(request.headers['x-csrf-token'], csrfToken(secret))) throw new Refusal(403, 'csrf_missing')
  }
  const companyId = (request.params as { company_id?: string } | undefined)?.company_id ?? null
  const userAgent = String(request.headers['user-agent'] ?? '').slice(0, 400)
  const identity: Identity = {
    credential: secret ? hashSecret(secret) : null,
    companyId,
    metadata: JSON.stringify({ request_id: request.id, ip_address: request.ip, user_agent: userAgent, source: 'api' }),
    roles: Array.isArray(op.who) ? op.who : op.who === 'installation' ? ['installation'] : null,
  }
  const language = languageOf(request.headers['accept-language'])
  const runners = runnersOf(app, op, identity, request, reply)
  callers.set(request, runners)
  return { ...runners, db, version: readIfMatch(op, request), language, t: translate(language), secret, ip: request.ip, userAgent, request, reply }
}

/** With replicas, a write tells where it ended, and a report is read where that has arrived. */
function runnersOf(app: FastifyInstance, op: Operation, identity: Identity, request: FastifyRequest, reply: FastifyReply): Pick<Ctx, keyof Runner | 'primary' | 'tell'> {
  const { db, replicas, turns } = app.ground
  const { as_of, known_at } = (request.query ?? {}) as Record<string, string>
  // What reads much, or turns many machines back, stays off the shared connections and takes turns within its company.
  const isMuch = op.method === 'GET' && (op.slow || as_of !== undefined || known_at !== undefined)
  const shared = op.method === 'GET' && !isMuch
  const inTurn = <R extends Runner>(runner: R): Runner => (isMuch && identity.companyId ? turns.runner(identity.companyId, runner) : runner)
  const isReport = replicas.all.length > 0 && goesToReplica(op, request.query as Record<string, string>, replicas.maxLagMs)
  if (replicas.all.length === 0 || (op.method === 'GET' && !isReport)) {
    const primary = inTurn(db.as(identity, shared))
    return { ...primary, primary, tell: undefined }
  }
  let ended: Position | undefined
  const tell: TellPosition = (position) => {
    ended = laterOf(ended, position)
    if (ended && !reply.raw.headersSent) reply.header(positionHeader, formatPosition(ended))
    replicas.remember([identity.credential ?? '', callerOf(primary) ?? ''].filter(Boolean), position)
  }
  const primary = db.as(identity, false, tell)
  if (!isReport) return { ...primary, primary, tell }
  const given = request.headers[positionHeader]
  const sent = given === undefined ? undefined : (parsePosition(String(given)) ?? 'unknown')
  const wanted = () => (sent === 'unknown' ? sent : laterOf(sent, ended))
  const tellAge = (ms: number) => ms >= 3000 && !reply.raw.headersSent && reply.header('x-bitcorp-data-age', String(Math.round(ms / 1000)))
  return { ...inTurn(replicas.reader(identity, shared, { wanted, tellAge })), primary, tell }
}

/** An answer about an instant never changes: a replica gives it when all that counts is sure to be there. A day is no instant. */
function goesToReplica(op: Operation, { as_of, known_at }: Record<string, string>, maxLagMs: number): boolean {
  const instants = [as_of, known_at].filter((instant) => instant?.includes('T') === true)
  const areLongAgo = instants.every((instant) => Date.parse(instant ?? '') < Date.now() - maxLagMs - 10_000)
  return areLongAgo && (op.replica === true || (op.replica === 'past' && instants.length > 0))
}

function callerOf(runner: Runner): string | undefined {
  try {
    return runner.caller().userId
  } catch {
    return undefined
  }
}

function readIfMatch(op: Operation, request: FastifyRequest): number | null {
  if (!op.ifMatch) return null
  const header = request.headers['if-match']
  if (header === undefined) throw new Refusal(428, 'if_match_missing')
  if (header === '*') return null
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(header)?.[1]
  if (!version) throw new Refusal(412, 'version_conflict', { version: '?' })
  return Number(version)
}

/** The token a browser must repeat in a header: another site can send the cookie but not know this. */
export function csrfToken(secret: string): string {
  return createHmac('sha256', secret).update('csrf').digest('base64url')
}

function sameText(given: string | string[] | undefined, expected: string): boolean {
  const a = Buffer.from(String(given ?? ''))
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const validation = (error as { validation?: unknown[]; validationContext?: string }).validation
  const refusal = validation ? new Refusal(400, 'input_invalid', {}, fieldsOf(validation as never, (error as { validationContext?: string }).validationContext)) : toRefusal(error)
  if (refusal.status >= 500)
    request.log[refusal.status === 500 ? 'error' : 'warn']({ err: { message: (error as Error).message, code: (error as { code?: string }).code, stack: (error as Error).stack } }, 'request failed')
  if (isSuspicious(refusal, error)) logRefusal(request, refusal)
  const t = request.server.ground.translate(languageOf(request.headers['accept-language']))
  if (refusal.status === 503) reply.header('retry-after', '2')
  return reply
    .status(refusal.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(toProblem(refusal, t, request.id)))
}

/** What is too broken to become a request: Node's own timeouts and parse errors. */
function answerBrokenRequest(log: FastifyInstance['log'], error: NodeJS.ErrnoException, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  log.warn({ event: 'security', refused: 'request_broken', reason: error.code, ip: socket.remoteAddress }, 'refused')
  const [status, code] = error.code === 'HPE_HEADER_OVERFLOW' ? [431, 'too_large'] : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? [408, 'too_slow'] : [400, 'bad_request']
  const body = JSON.stringify({ type: `urn:bitcorp:problem:${code}`, title: String(status), status, code, detail: 'The request could not be read.', errors: [], request_id: '' })
  socket.end(
    `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : status === 408 ? 'Request Timeout' : 'Bad Request'}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

const propertiesOf = (schema: unknown): object => (schema as { properties?: object }).properties ?? {}
const isNone = (schema: unknown): boolean => (schema as { type?: string }).type === 'object' && Object.keys(propertiesOf(schema)).length === 0

function tagOf(path: string): string {
  return /^\/api\/v1\/companies\/\{company_id\}\/([\w-]+)/.exec(path)?.[1] ?? /^\/api\/v1\/([\w-]+)/.exec(path)?.[1] ?? 'server'
}
