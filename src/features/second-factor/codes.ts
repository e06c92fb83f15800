// Codes of an app (TOTP, RFC 6238) and on paper: made, recognised, and checked at sign-in.
import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { generateSecret, generateURI, verifySync } from 'otplib'
import { hashSecret } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import type { Ctx } from '../../base/http.ts'
import { placeOfSecret } from './contract.ts'
import * as store from './store.ts'

/** 160 bits, as RFC 4226 advises, in base32. */
export const makeTotpSecret = (): string => generateSecret({ length: 20 })
export const uriOf = (secret: string, email: string): string => generateURI({ issuer: 'Bitcorp ERP', label: email, secret })

/** The time step that a code of six digits belongs to, the one before or after the current one at most; undefined: none. */
export function stepOf(secret: string, code: string, atSeconds: number = Date.now() / 1000): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined
  const found = verifySync({ secret, token: code, epoch: Math.floor(atSeconds), epochTolerance: 30 })
  return found.valid && 'timeStep' in found ? found.timeStep : undefined
}

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
/** Ten codes of 24 characters, 120 bits: guessing one from its hash is hopeless. No letter is mistaken for a digit. */
export const makeRecoveryCodes = (): string[] =>
  Array.from({ length: 10 }, () =>
    Array.from(randomBytes(24), (byte) => letters[byte % 32])
      .join('')
      .replace(/(.{4})(?=.)/g, '$1-'),
  )
export const hashRecoveryCode = (code: string): string => hashSecret(code.toUpperCase().replace(/[^A-Z0-9]/g, ''))

/** Uses a code of either kind, once. */
export async function usesCode(app: FastifyInstance, ctx: Ctx, userId: string, code: string): Promise<'totp' | 'recovery_code' | undefined> {
  const sealed = await store.findSecret(ctx.db, userId)
  if (!sealed) return undefined
  const given = code.replace(/\s/g, '')
  if (!/^\d{6}$/.test(given)) return (await store.usesRecoveryCode(ctx.db, userId, hashRecoveryCode(given))) ? 'recovery_code' : undefined
  const step = stepOf(app.ground.keys.open(placeOfSecret(userId), sealed), given)
  return step !== undefined && (await store.usesStep(ctx.db, userId, step)) ? 'totp' : undefined
}

/** What a sign-in asks beside the right password. Nothing tells of a second factor before that. */
export async function checkSecondFactor(app: FastifyInstance, ctx: Ctx, userId: string, code: string | undefined): Promise<'password' | 'totp' | 'recovery_code'> {
  if (!(await store.findSecret(ctx.db, userId))) return 'password'
  if (!code) throw new Refusal(401, 'totp_needed')
  const used = await usesCode(app, ctx, userId, code)
  if (!used) throw new Refusal(401, 'totp_wrong')
  return used
}
