// The logs over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal, toRefusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

export function logRoutes(app: FastifyInstance): void {
  handle(app, contract.listLogs, async (ctx, { params, query }) => {
    const page = await store.listLogs(ctx, params.equipment_id, query)
    return page.items.length > 0 || (await store.machineExists(ctx, params.equipment_id)) ? page : notFound()
  })
  handle(app, contract.listMeters, async (ctx, { params }) => {
    const items = await store.listMeters(ctx, params.equipment_id)
    return items.length > 0 || (await store.machineExists(ctx, params.equipment_id)) ? { items } : notFound()
  })
  handle(app, contract.addLog, async (ctx, { params, body }) => (await store.addLog(ctx, params.equipment_id, body).catch(nameField)) ?? notFound())
  handle(app, contract.batchLogs, async (ctx, { body }) => {
    const outcomes = await store.batchLogs(ctx, body.entries)
    const count = (outcome: string) => outcomes.filter((line) => line.outcome === outcome).length
    const results = outcomes.map(({ place, id, outcome, refusal }) => ({
      entry_key: body.entries[place]?.entry_key ?? '',
      outcome,
      id,
      code: refusal,
      field: refusal ? (store.fieldOf.get(refusal) ?? null) : null,
      detail: refusal ? ctx.t(`problems.${refusal}`) : null,
    }))
    return { added: count('added'), repeated: count('repeated'), refused: count('refused'), results }
  })
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}

/** A refusal of the database, with the field that it is about. */
function nameField(error: unknown): never {
  const { status, code } = toRefusal(error)
  const field = store.fieldOf.get(code)
  if (!field) throw error
  throw new Refusal(status, code, {}, [{ field, code }])
}
