// The code of an app beside the password: setting it up, recovery codes, and switching it off.
import { Type } from 'typebox'
import { Instant, Nothing, Nullable, operation } from '../../plain/operation.ts'

const path = '/api/v1/me/second-factor'
const Password = Type.String({ minLength: 1, maxLength: 200 })
/** Six digits of the app, or a recovery code with or without its dashes. */
export const SecondCode = Type.String({ minLength: 6, maxLength: 40 })
const RecoveryCodes = Type.Object({ recovery_codes: Type.Array(Type.String()) }, { additionalProperties: false })

export const getSecondFactor = operation({
  id: 'getSecondFactor',
  method: 'GET',
  path,
  who: 'account',
  summary: 'Whether the account demands a code of an app beside its password',
  reply: Type.Object({ is_active: Type.Boolean(), active_since: Nullable(Instant), recovery_codes_left: Type.Integer() }, { additionalProperties: false }),
})
export const beginSecondFactor = operation({
  id: 'beginSecondFactor',
  method: 'POST',
  path,
  who: 'account',
  summary: 'Make a secret for the app, shown this once; it counts once a code confirms it',
  status: 201,
  body: Type.Object({ password: Password }, { additionalProperties: false }),
  reply: Type.Object({ secret: Type.String(), uri: Type.String({ description: 'otpauth:// for a QR code' }) }, { additionalProperties: false }),
})
export const confirmSecondFactor = operation({
  id: 'confirmSecondFactor',
  method: 'POST',
  path: `${path}/confirm`,
  who: 'account',
  summary: 'Show that the app works: from now on the account demands its code; other sessions end. Gives recovery codes, shown this once',
  body: Type.Object({ code: SecondCode }, { additionalProperties: false }),
  reply: RecoveryCodes,
})
export const renewRecoveryCodes = operation({
  id: 'renewRecoveryCodes',
  method: 'POST',
  path: `${path}/recovery-codes`,
  who: 'account',
  summary: 'New recovery codes, shown this once; those before are over',
  body: Type.Object({ password: Password, code: SecondCode }, { additionalProperties: false }),
  reply: RecoveryCodes,
})
export const endSecondFactor = operation({
  id: 'endSecondFactor',
  method: 'POST',
  path: `${path}/end`,
  who: 'account',
  summary: 'Demand no code any more; takes the password and a code',
  status: 204,
  body: Type.Object({ password: Password, code: SecondCode }, { additionalProperties: false }),
  reply: Nothing,
})

/** What the secret of a person is bound to when it is encrypted. It belongs to no company. */
export const placeOfSecret = (userId: string) => ({ companyId: '', table: 'totp_secrets', column: 'secret', rowId: userId })
