// The company and the tax ids it keeps, over HTTP.
import type { FastifyInstance } from 'fastify'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import { changeCompany, getCompany } from './store.ts'
import { findPersonByTaxId, putTaxId, revealTaxId } from './tax-id.ts'

export function companyRoutes(app: FastifyInstance): void {
  const { keys } = app.ground
  handle(app, contract.getCompany, (ctx) => getCompany(ctx))
  handle(app, contract.changeCompany, (ctx, { body }) => changeCompany(ctx, ctx.version, body))

  handle(app, contract.changeTaxId, async (ctx, { params, body }) => {
    await putTaxId(ctx, keys, { companyId: params.company_id, personId: null, version: ctx.version }, body.tax_id)
    return getCompany(ctx)
  })
  handle(app, contract.revealTaxId, async (ctx, { params }) => ({ tax_id: await revealTaxId(ctx, keys, params.company_id, null) }))
  handle(app, contract.changePersonTaxId, async (ctx, { params, body }) => {
    await putTaxId(ctx, keys, { companyId: params.company_id, personId: params.person_id, version: ctx.version }, body.tax_id)
    return null
  })
  handle(app, contract.revealPersonTaxId, async (ctx, { params }) => ({ tax_id: await revealTaxId(ctx, keys, params.company_id, params.person_id) }))
  handle(app, contract.findPersonByTaxId, async (ctx, { params, body }) => ({ person_id: (await findPersonByTaxId(ctx, keys, params.company_id, body.tax_id)) ?? null }))
}
