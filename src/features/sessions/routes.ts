// Where the caller is signed in, over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function sessionRoutes(app: FastifyInstance): void {
  handle(app, contract.listSessions, async (ctx) => ({ items: await store.listSessions(ctx) }))

  handle(app, contract.endSession, async (ctx, { params }) => {
    if ((await store.endSessions(ctx, params.session_id)) === 0) throw new Refusal(404, 'not_found')
    return null
  })

  handle(app, contract.endOtherSessions, async (ctx) => ({ ended: await store.endSessions(ctx, null) }))
}
