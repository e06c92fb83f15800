// The second factor of the caller's account over HTTP.
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, handle } from '../../base/http.ts'
import { hashRecoveryCode, makeRecoveryCodes, makeTotpSecret, stepOf, uriOf, usesCode } from './codes.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

/** Runs `work` once the caller has given their password again; what it refuses counts as a failed try. */
export type WithOwnPassword = <T>(ctx: Ctx, field: string, password: string, work: (account: { id: string; email: string }) => Promise<T>) => Promise<T>

export function secondFactorRoutes(app: FastifyInstance, withOwnPassword: WithOwnPassword): void {
  const { keys } = app.ground
  const requireCode = async (ctx: Ctx, userId: string, code: string) => {
    if (!(await usesCode(app, ctx, userId, code))) throw new Refusal(422, 'totp_wrong', {}, [{ field: 'code', code: 'totp_wrong' }])
  }

  handle(app, contract.getSecondFactor, (ctx) => store.getState(ctx))

  handle(app, contract.beginSecondFactor, (ctx, { body }) =>
    withOwnPassword(ctx, 'password', body.password, async ({ id, email }) => {
      const secret = makeTotpSecret()
      await store.beginSecret(ctx, keys.seal(contract.placeOfSecret(id), secret))
      return { secret, uri: uriOf(secret, email) }
    }),
  )

  handle(app, contract.confirmSecondFactor, async (ctx, { body }) => {
    const pending = await store.findPending(ctx)
    if (!pending) throw new Refusal(409, 'totp_not_begun')
    const step = stepOf(keys.open(contract.placeOfSecret(pending.userId), pending), body.code.replace(/\s/g, ''))
    if (step === undefined) throw new Refusal(422, 'totp_wrong', {}, [{ field: 'code', code: 'totp_wrong' }])
    const codes = makeRecoveryCodes()
    await store.confirmSecret(ctx, pending.ciphertext, step, codes.map(hashRecoveryCode))
    return { recovery_codes: codes }
  })

  handle(app, contract.renewRecoveryCodes, (ctx, { body }) =>
    withOwnPassword(ctx, 'password', body.password, async ({ id }) => {
      await requireCode(ctx, id, body.code)
      const codes = makeRecoveryCodes()
      await store.renewCodes(ctx, codes.map(hashRecoveryCode))
      return { recovery_codes: codes }
    }),
  )

  handle(app, contract.endSecondFactor, (ctx, { body }) =>
    withOwnPassword(ctx, 'password', body.password, async ({ id }) => {
      await requireCode(ctx, id, body.code)
      await store.endSecret(ctx)
      return null
    }),
  )
}
