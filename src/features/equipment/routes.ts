// Machines over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function equipmentRoutes(app: FastifyInstance): void {
  handle(app, contract.listEquipment, (ctx, { query }) => store.listEquipment(ctx, query))
  handle(app, contract.getSummary, (ctx) => store.getSummary(ctx))
  handle(app, contract.getEquipment, async (ctx, { params, query }) => (await store.findEquipment(ctx, params.equipment_id, query)) ?? notFound())

  handle(app, contract.createEquipment, (ctx, { body }) => store.createEquipment(ctx, body))

  handle(app, contract.changeEquipment, async (ctx, { params, body }) => (await store.changeEquipment(ctx, params.equipment_id, ctx.version, body)) ?? notFound())

  handle(app, contract.deleteEquipment, async (ctx, { params }) => {
    if (!(await store.setDeleted(ctx, params.equipment_id, ctx.version, true))) notFound()
    return null
  })

  handle(app, contract.restoreEquipment, async (ctx, { params }) => (await store.setDeleted(ctx, params.equipment_id, null, false).catch(tellTakenCode)) ?? notFound())

  handle(app, contract.changeStatus, async (ctx, { params, body }) => (await store.changeStatus(ctx, params.equipment_id, body.version ?? null, body.status, body.reason)) ?? notFound())

  handle(app, contract.correctStatus, async (ctx, { params, body }) => (await store.correctStatus(ctx, params.equipment_id, body)) ?? notFound())

  handle(app, contract.listStatusHistory, async (ctx, { params, query }) => ofMachine(ctx, params.equipment_id, await store.listStatusHistory(ctx, params.equipment_id, query)))
  handle(app, contract.getTimeline, async (ctx, { params, query }) => ofMachine(ctx, params.equipment_id, await store.getTimeline(ctx, params.equipment_id, query)))
}

/** Every machine has a history, so only an empty first page asks whether there is such a machine. */
async function ofMachine<T extends { items: unknown[] } | { isEmpty: boolean }>(ctx: Ctx, id: string, page: T): Promise<T> {
  if (('items' in page ? page.items.length === 0 : page.isEmpty) && !(await store.machineExists(ctx, id))) notFound()
  return page
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}

/** A deleted machine has lost its codes to whoever took them meanwhile: said so, instead of that the code is taken. */
function tellTakenCode(error: unknown): never {
  const { constraint } = error as { constraint?: string }
  const field = constraint === 'idx_equipment_serial_number' ? 'serial_number' : constraint === 'idx_equipment_fleet_code' ? 'fleet_code' : undefined
  throw field ? new Refusal(409, 'equipment_restore_code_taken', {}, [{ field, code: 'equipment_restore_code_taken' }]) : error
}
