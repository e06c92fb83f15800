// Traces by a switch: a span for each request and each statement, sent by OTLP over HTTP. Without the switch nothing of it is loaded.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import pg from 'pg'
import { type Config, ConfigError, programVersion } from './config.ts'

type Kit = Awaited<ReturnType<typeof load>>
type Asked = string | { text?: string; submit?: unknown; callback?: (error: Error | null, result: unknown) => void }

let kit: Promise<Kit> | undefined

async function load() {
  try {
    const [api, { BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ])
    const resource = resourceFromAttributes({ 'service.name': 'bitcorp-erp', 'service.version': programVersion })
    const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
    provider.register()
    const tracer = provider.getTracer('bitcorp-erp', programVersion)
    traceStatements(api, tracer)
    return { api, provider, tracer }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError('Traces are switched on, but the packages they need are not installed. Run npm ci without --omit=optional, or leave BITCORP_OTEL and OTEL_EXPORTER_OTLP_ENDPOINT out.')
  }
}

/** Comes before the routes: only what is registered after it is traced. */
export async function traceRequests(app: FastifyInstance, config: Config): Promise<void> {
  if (!config.tracing) return
  kit ??= load()
  const { api, provider, tracer } = await kit
  const spans = new WeakMap<FastifyRequest, ReturnType<typeof tracer.startSpan>>()
  app.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    const attributes = { 'http.request.method': request.method, 'http.route': route, 'bitcorp.request_id': request.id }
    const span = tracer.startSpan(`${request.method} ${route}`, { kind: api.SpanKind.SERVER, attributes }, api.propagation.extract(api.context.active(), request.headers))
    spans.set(request, span)
    api.context.with(api.trace.setSpan(api.context.active(), span), done)
  })
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request)
    span?.setAttribute('http.response.status_code', reply.statusCode)
    if (reply.statusCode >= 500) span?.setStatus({ code: api.SpanStatusCode.ERROR })
    span?.end()
  })
  app.addHook('onClose', () => provider.forceFlush().catch(() => {}))
}

/** The text of a statement whose values travel apart from it; of every other one the verb alone, as ALTER ROLE holds a password. */
function sayable(text: string): { verb: string; text?: string } {
  const verb = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'SQL'
  return /^(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)$/.test(verb) ? { verb, text: text.slice(0, 4000) } : { verb }
}

/** Both ways of asking: with a callback (or an object that holds one), and with a promise. */
function traceStatements(api: Kit['api'], tracer: Kit['tracer']): void {
  const prototype = pg.Client.prototype as unknown as { query: (...parts: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function (this: unknown, ...parts: unknown[]) {
    const asked = parts[0] as Asked
    const said = sayable((typeof asked === 'string' ? asked : asked?.text) ?? '')
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': said.verb, ...(said.text === undefined ? {} : { 'db.query.text': said.text }) }
    const span = tracer.startSpan(said.verb, { kind: api.SpanKind.CLIENT, attributes })
    const end = (error?: unknown) => {
      const code = (error as { code?: string } | undefined)?.code
      if (error) span.setStatus({ code: api.SpanStatusCode.ERROR, ...(code ? { message: code } : {}) })
      span.end()
    }
    const ending =
      (callback: (error: Error | null, result: unknown) => void) =>
      (error: Error | null, result: unknown): void => {
        end(error)
        callback(error, result)
      }
    const last = parts.length - 1
    if (typeof asked === 'object' && typeof asked.submit === 'function' && asked.callback) asked.callback = ending(asked.callback)
    else if (typeof parts[last] === 'function') parts[last] = ending(parts[last] as never)
    const answer = query.apply(this, parts)
    if (answer instanceof Promise) answer.then(() => end(), end)
    return answer
  }
}
