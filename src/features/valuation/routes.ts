// What machines are worth, over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function valuationRoutes(app: FastifyInstance): void {
  handle(app, contract.getDepreciation, async (ctx, { params }) => {
    const found = await store.findDepreciation(ctx, params.equipment_id)
    if (!found) throw new Refusal(404, 'not_found')
    return found
  })
  handle(app, contract.getFleetValue, (ctx, { query }) => store.getFleetValue(ctx, query))
}
