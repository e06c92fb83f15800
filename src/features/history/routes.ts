// Events and audit over HTTP.
import type { FastifyInstance } from 'fastify'
import { handle } from '../../base/http.ts'
import { sendLines, sendSheet } from '../../base/sheet.ts'
import * as contract from './contract.ts'
import { auditColumns, auditLine, auditPages, checkAudit, takeCheckpoint } from './evidence.ts'
import { beginAuditExport, chainAudit, findChainState, listAudit, listEvents, readFeed } from './store.ts'
import { Streams } from './stream.ts'

export function historyRoutes(app: FastifyInstance): void {
  handle(app, contract.listEvents, (ctx, { query }) => listEvents(ctx, query))
  handle(app, contract.readFeed, (ctx, { query }) => readFeed(ctx, query))
  const streams = new Streams(app)
  handle(app, contract.streamFeed, (ctx, { params, query }) => streams.open(ctx, params.company_id, query.after))
  handle(app, contract.listAudit, (ctx, { query }) => listAudit(ctx, query))

  handle(app, contract.exportAudit, async (ctx, { query }) => {
    const { format = 'csv', ...filters } = query
    await chainAudit(ctx.primary)
    const { count, last } = await beginAuditExport(ctx.primary, filters, format)
    const pages = auditPages(ctx, filters, last)
    const name = ctx.t('history.export_name')
    if (format === 'ndjson') return sendLines(ctx.reply, name, auditLine, pages)
    return sendSheet(ctx.reply, { name, sheet: ctx.t('history.audit'), format, count }, auditColumns(ctx.t, format), pages)
  })

  handle(app, contract.getAuditChain, async (ctx) => {
    const state = await findChainState(ctx)
    const { position = null, hash = '', chained_at = '', waiting = 0 } = state ?? {}
    return { newest: position === null ? null : { position, hash, chained_at }, waiting }
  })

  handle(app, contract.getAuditCheckpoint, async (ctx) => {
    const checkpoint = await takeCheckpoint(ctx)
    ctx.reply.header('content-disposition', `attachment; filename="${ctx.t('history.checkpoint_name')}-${checkpoint.made_at.slice(0, 10)}-${checkpoint.companies[0]?.position}.json"`)
    return checkpoint
  })

  handle(app, contract.checkAudit, (ctx, { body }) => checkAudit(ctx, body))
}
