// The company over HTTP.
import type { FastifyInstance } from 'fastify'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import { changeCompany, getCompany } from './store.ts'

export function companyRoutes(app: FastifyInstance): void {
  handle(app, contract.getCompany, (ctx) => getCompany(ctx))
  handle(app, contract.changeCompany, (ctx, { body }) => changeCompany(ctx, ctx.version, body))
}
