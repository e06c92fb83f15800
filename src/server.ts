// The HTTP door: the rooms in order, and what every installation answers beside them.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Config, programDir } from './base/config.ts'
import type { Database } from './base/db.ts'
import { createHttp } from './base/http.ts'
import { createTranslator } from './base/i18n.ts'
import { traceRequests } from './base/trace.ts'
import { accessRoutes } from './features/access/routes.ts'
import { startSession, withOwnPassword } from './features/access/sign-in.ts'
import { words as accessWords } from './features/access/words.ts'
import { assignmentRoutes } from './features/assignments/routes.ts'
import { words as assignmentWords } from './features/assignments/words.ts'
import { BackupRunner, backupJobs, backupMetrics } from './features/backups/jobs.ts'
import { backupRoutes } from './features/backups/routes.ts'
import { words as backupWords } from './features/backups/words.ts'
import { categoryRoutes } from './features/categories/routes.ts'
import { words as categoryWords } from './features/categories/words.ts'
import { companyRoutes } from './features/companies/routes.ts'
import { words as companyWords } from './features/companies/words.ts'
import { equipmentRoutes } from './features/equipment/routes.ts'
import { equipmentWhere } from './features/equipment/store.ts'
import { words as equipmentWords } from './features/equipment/words.ts'
import { historyJobs } from './features/history/jobs.ts'
import { historyRoutes } from './features/history/routes.ts'
import { words as historyWords } from './features/history/words.ts'
import { importRoutes } from './features/imports/routes.ts'
import { words as importWords } from './features/imports/words.ts'
import { logJobs } from './features/logs/jobs.ts'
import { logRoutes } from './features/logs/routes.ts'
import { words as logWords } from './features/logs/words.ts'
import { digestWords } from './features/maintenance/digest-words.ts'
import { maintenanceJobs } from './features/maintenance/jobs.ts'
import { maintenanceRoutes } from './features/maintenance/routes.ts'
import { words as maintenanceWords } from './features/maintenance/words.ts'
import { serveMetrics } from './features/monitoring/metrics.ts'
import { monitoringRoutes } from './features/monitoring/routes.ts'
import { words as monitoringWords } from './features/monitoring/words.ts'
import { replicaMetrics, replicaRoutes } from './features/replicas/routes.ts'
import { words as replicaWords } from './features/replicas/words.ts'
import { checkSecondFactor } from './features/second-factor/codes.ts'
import { secondFactorRoutes } from './features/second-factor/routes.ts'
import { words as secondFactorWords } from './features/second-factor/words.ts'
import { sessionRoutes } from './features/sessions/routes.ts'
import { words as sessionWords } from './features/sessions/words.ts'
import { singleSignOnRoutes } from './features/single-sign-on/routes.ts'
import { words as singleSignOnWords } from './features/single-sign-on/words.ts'
import { utilizationJobs } from './features/utilization/jobs.ts'
import { utilizationRoutes } from './features/utilization/routes.ts'
import { words as utilizationWords } from './features/utilization/words.ts'
import { valuationRoutes } from './features/valuation/routes.ts'
import { words as valuationWords } from './features/valuation/words.ts'
import { webhookJobs } from './features/webhooks/jobs.ts'
import { webhookRoutes } from './features/webhooks/routes.ts'
import { words as webhookWords } from './features/webhooks/words.ts'
import { words as groundWords } from './plain/words.ts'

/** The rooms, in the order their SQL builds on each other. */
export const rooms = [
  'access',
  'sessions',
  'second-factor',
  'single-sign-on',
  'history',
  'companies',
  'categories',
  'equipment',
  'assignments',
  'maintenance',
  'logs',
  'utilization',
  'valuation',
  'imports',
  'webhooks',
  'proof',
  'monitoring',
  'archive',
] as const
export const allWords = [
  groundWords,
  accessWords,
  sessionWords,
  secondFactorWords,
  singleSignOnWords,
  historyWords,
  companyWords,
  categoryWords,
  equipmentWords,
  assignmentWords,
  maintenanceWords,
  digestWords,
  logWords,
  utilizationWords,
  valuationWords,
  importWords,
  webhookWords,
  monitoringWords,
  replicaWords,
  backupWords,
]

/** `ownerUrl`: for the work that the owner alone may do by the clock; left out, this server leaves it to others. */
export async function createServer(config: Config, db: Database, ownerUrl?: string): Promise<FastifyInstance> {
  const app = await createHttp(config, db, createTranslator(allWords))
  await traceRequests(app, config)
  const watch = serveMetrics(app, ownerUrl)
  replicaMetrics(watch.registry, app.ground.replicas)
  backupMetrics(watch.registry, config)
  accessRoutes(app, checkSecondFactor)
  sessionRoutes(app)
  secondFactorRoutes(app, withOwnPassword)
  singleSignOnRoutes(app, startSession)
  historyRoutes(app)
  historyJobs(app)
  companyRoutes(app)
  categoryRoutes(app)
  equipmentRoutes(app)
  assignmentRoutes(app)
  maintenanceRoutes(app)
  if (ownerUrl) maintenanceJobs(app, ownerUrl)
  logRoutes(app)
  if (ownerUrl) logJobs(app, ownerUrl)
  utilizationRoutes(app)
  utilizationJobs(app)
  valuationRoutes(app)
  importRoutes(app, equipmentWhere)
  webhookRoutes(app)
  if (ownerUrl) webhookJobs(app, ownerUrl)
  monitoringRoutes(app, watch, ownerUrl)
  replicaRoutes(app)
  const backups = new BackupRunner(app)
  backupRoutes(app, backups)
  if (ownerUrl) backupJobs(app, backups, ownerUrl)
  await serveDocuments(app)
  await servePage(app)
  return app
}

/** The readable page is large and seldom read: its package is loaded, into a server of its own, by the first who asks. */
async function serveDocuments(app: FastifyInstance): Promise<void> {
  app.get('/api/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  let readable: Promise<FastifyInstance> | undefined
  // The reader makes style elements as it runs, which no hash can name beforehand; its scripts are named one by one.
  const policyFor = (html: string) =>
    `default-src 'self'; script-src 'self' ${hashesOf(html)}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'`
  for (const url of ['/api/docs', '/api/docs/*']) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => {
      readable ??= makeReadable()
      const page = await (await readable).inject({ url: request.url })
      if (page.statusCode === 404) return reply.callNotFound()
      for (const name of ['content-type', 'location', 'cache-control', 'etag']) if (page.headers[name] !== undefined) reply.header(name, page.headers[name])
      return reply
        .status(page.statusCode)
        .header('content-security-policy', policyFor(/html/.test(String(page.headers['content-type'])) ? page.payload : ''))
        .send(page.rawPayload)
    })
  }
}

/** The scripts that stand in this page, as its policy names them. */
const hashesOf = (html: string): string =>
  [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`).join(' ')

async function makeReadable(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const pages = Fastify()
  await pages.register(scalar, { routePrefix: '/api/docs', configuration: { url: '/api/v1/openapi.json', withDefaultFonts: false, telemetry: false } as never })
  await pages.ready()
  return pages
}

/** The built web page; every address that is no file and no API is the page's own. */
async function servePage(app: FastifyInstance): Promise<void> {
  const root = join(programDir, 'dist', 'web')
  if (!existsSync(join(root, 'index.html'))) return
  const page = readFileSync(join(root, 'index.html'), 'utf8')
  await app.register(fastifyStatic, {
    root,
    index: false,
    wildcard: false,
    // As the build packed them.
    preCompressed: true,
    globIgnore: ['**/*.{br,gz}'],
    cacheControl: false,
    // Only files named after their content may be kept for good.
    setHeaders: (reply, path) => reply.header('cache-control', path.includes(`${sep}assets${sep}`) ? 'public, max-age=31536000, immutable' : 'no-cache'),
  })
  app.get('/*', { schema: { hide: true } }, async (request, reply) => {
    if (/^\/(api|healthz|readyz|metrics|assets)(\/|$)/.test(request.url)) return reply.callNotFound()
    return reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(page)
  })
}
