// Work on machines over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function maintenanceRoutes(app: FastifyInstance): void {
  handle(app, contract.listMaintenance, (ctx, { query }) => store.listMaintenance(ctx, query))
  handle(app, contract.getMaintenance, async (ctx, { params }) => (await store.findMaintenance(ctx, params.maintenance_id)) ?? notFound())
  handle(app, contract.createMaintenance, (ctx, { body }) => store.createMaintenance(ctx, body))
  handle(app, contract.changeMaintenance, async (ctx, { params, body }) => (await store.changeMaintenance(ctx, params.maintenance_id, ctx.version, body)) ?? notFound())
  handle(app, contract.startMaintenance, async (ctx, { params, body }) => (await store.startMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.completeMaintenance, async (ctx, { params, body }) => (await store.completeMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.cancelMaintenance, async (ctx, { params, body }) => (await store.cancelMaintenance(ctx, params.maintenance_id, body)) ?? notFound())
  handle(app, contract.sendToMaintenance, async (ctx, { params, body }) => (await store.sendToMaintenance(ctx, params.equipment_id, body)) ?? notFound())
  handle(app, contract.listDue, (ctx, { query }) => store.listDue(ctx, query))
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}
