// The category tree over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function categoryRoutes(app: FastifyInstance): void {
  handle(app, contract.listCategories, async (ctx, { query }) => ({
    items: await (query.deleted === 'true' ? store.listDeletedCategories(ctx, query) : store.listCategories(ctx, query)),
    next_cursor: null,
  }))
  handle(app, contract.getCategory, async (ctx, { params, query }) => (await store.findCategory(ctx, params.category_id, query)) ?? notFound())
  handle(app, contract.createCategory, async (ctx, { body }) => {
    const id = await store.createCategory(ctx, body)
    return (await store.findCategory(ctx, id)) ?? notFound()
  })
  handle(app, contract.changeCategory, async (ctx, { params, body }) => {
    if (!(await store.changeCategory(ctx, params.category_id, ctx.version, body))) notFound()
    return (await store.findCategory(ctx, params.category_id)) ?? notFound()
  })
  handle(app, contract.deleteCategory, async (ctx, { params }) => {
    if (!(await store.setDeleted(ctx, params.category_id, ctx.version, true))) notFound()
    return null
  })
  handle(app, contract.restoreCategory, async (ctx, { params }) => {
    if (!(await store.setDeleted(ctx, params.category_id, null, false))) notFound()
    return (await store.findCategory(ctx, params.category_id)) ?? notFound()
  })
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}
