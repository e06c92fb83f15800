// Events and audit over HTTP.
import type { FastifyInstance } from 'fastify'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import { listAudit, listEvents, readFeed } from './store.ts'
import { Streams } from './stream.ts'

export function historyRoutes(app: FastifyInstance): void {
  handle(app, contract.listEvents, (ctx, { query }) => listEvents(ctx, query))
  handle(app, contract.readFeed, (ctx, { query }) => readFeed(ctx, query))
  const streams = new Streams(app)
  handle(app, contract.streamFeed, (ctx, { params, query }) => streams.open(ctx, params.company_id, query.after))
  handle(app, contract.listAudit, (ctx, { query }) => listAudit(ctx, query))
}
