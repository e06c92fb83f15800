// Webhooks over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { handle } from '../../base/http.ts'
import { type Rules, refusalOfUrl } from './address.ts'
import * as contract from './contract.ts'
import { send } from './send.ts'
import * as store from './store.ts'

export function webhookRoutes(app: FastifyInstance): void {
  const { config } = app.ground
  const rules: Rules = { allow: config.webhookAllow, http: config.webhookHttp }
  const check = (url: string | undefined) => {
    const refused = url === undefined ? undefined : refusalOfUrl(url, rules)
    if (refused) throw new Refusal(422, refused, {}, [{ field: 'url', code: refused }])
  }

  handle(app, contract.listWebhooks, (ctx, { query }) => store.listWebhooks(ctx, query))
  handle(app, contract.createWebhook, (ctx, { body }) =>
    ctx.transaction(async (tx) => {
      const id = await store.createWebhook(tx, body)
      check(body.url)
      const secret = await store.renewSecret(tx, id)
      return { webhook: (await store.findWebhook(tx, id)) ?? notFound(), secret: secret ?? notFound() }
    }),
  )
  handle(app, contract.changeWebhook, (ctx, { params, body }) =>
    ctx.transaction(async (tx) => {
      if (!(await store.changeWebhook(tx, params.webhook_id, ctx.version, body))) notFound()
      check(body.url)
      return (await store.findWebhook(tx, params.webhook_id)) ?? notFound()
    }),
  )
  handle(app, contract.deleteWebhook, async (ctx, { params }) => {
    if (!(await store.changeWebhook(ctx, params.webhook_id, ctx.version, { is_deleted: true }))) notFound()
    return null
  })
  handle(app, contract.renewWebhookSecret, async (ctx, { params }) => ({ secret: (await store.renewSecret(ctx, params.webhook_id)) ?? notFound() }))
  // No transaction is open while the receiver is waited for.
  handle(app, contract.testWebhook, async (ctx, { params }) => {
    const message = (await store.makeTest(ctx, params.webhook_id)) ?? notFound()
    const answer = await send(message, { rules })
    await store.recordTest(ctx, params.webhook_id, answer)
    return { delivered: answer.delivered, response_code: answer.code, response_text: answer.text, error: answer.error, duration_ms: answer.ms }
  })
  handle(app, contract.replayWebhook, async (ctx, { params, body }) => {
    const outcome = await store.replay(ctx, params.webhook_id, body.from ?? null)
    if (outcome === 'no event') throw new Refusal(410, 'feed_position_gone')
    return (await store.findWebhook(ctx, params.webhook_id)) ?? notFound()
  })
  handle(app, contract.listDeliveries, async (ctx, { params, query }) => {
    if (!(await store.findWebhook(ctx, params.webhook_id))) notFound()
    return store.listDeliveries(ctx, params.webhook_id, query)
  })
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}
