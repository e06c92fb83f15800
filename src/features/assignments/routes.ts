// Hand-overs over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function assignmentRoutes(app: FastifyInstance): void {
  handle(app, contract.assign, (ctx, { params, body }) => store.assignEquipment(ctx, params.equipment_id, body))
  handle(app, contract.takeBack, (ctx, { params, body }) => store.returnEquipment(ctx, params.equipment_id, body))
  handle(app, contract.transfer, (ctx, { params, body }) => store.transferEquipment(ctx, params.equipment_id, body))
  handle(app, contract.reserve, (ctx, { params, body }) => store.reserveEquipment(ctx, params.equipment_id, body))
  handle(app, contract.pickUp, (ctx, { params, body }) => store.pickUpReservation(ctx, params.assignment_id, body))
  handle(app, contract.cancelReservation, (ctx, { params, body }) => store.cancelReservation(ctx, params.assignment_id, body.reason))
  handle(app, contract.accept, (ctx, { params }) => store.acceptAssignment(ctx, params.assignment_id))
  handle(app, contract.availability, async (ctx, { params, query }) => {
    const answer = await store.findAvailability(ctx, params.equipment_id, query)
    if (!answer) throw new Refusal(404, 'not_found')
    return answer
  })
  handle(app, contract.calendar, async (ctx, { query }) => store.listCalendar(ctx, query))
  handle(app, contract.listAssignments, (ctx, { query }) => store.listAssignments(ctx, query))
  handle(app, contract.listMachineAssignments, async (ctx, { params, query }) => {
    const page = await store.listAssignments(ctx, { ...query, equipment_id: params.equipment_id })
    if (page.items.length === 0 && !(await store.machineExists(ctx, params.equipment_id))) throw new Refusal(404, 'not_found')
    return page
  })
}
