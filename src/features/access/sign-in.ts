// The way into a session: the throttle, the password, the second factor, the cookies. The door lends parts of it to other rooms.
import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import { hashSecret } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, cookieName, csrfToken, sessionCookie } from '../../base/http.ts'
import type { Me } from './contract.ts'
import * as store from './store.ts'

const sessionDays = 30
const deviceDays = 180
/** Shown by a browser in which somebody signed in before; opens nothing by itself. */
const deviceCookie = 'bitcorp_device'

/** How the account proved itself beside its password, or a refusal (totp_needed, totp_wrong). */
export type CheckSecondFactor = (app: FastifyInstance, ctx: Ctx, userId: string, code: string | undefined) => Promise<'password' | 'totp' | 'recovery_code'>
export type SignedIn = Omit<Me, 'csrf_token'> & { csrf_token: string }

export const makeSecret = (): string => randomBytes(32).toString('base64url')

// Verified against when the address is unknown, so that the answer takes as long as for a wrong password.
let decoy: Promise<string> | undefined

export async function signIn(app: FastifyInstance, ctx: Ctx, body: { email: string; password: string; totp?: string }, check: CheckSecondFactor): Promise<SignedIn> {
  const { db } = ctx
  const attempt = { email: body.email.trim().toLowerCase(), address: ctx.ip, deviceHash: deviceHashOf(app, ctx) }
  refuseEarly(ctx, await store.beginSignIn(db, attempt))
  const known = await store.findSignIn(db, attempt.email)
  decoy ??= hash(makeSecret())
  const right = await verify(known?.password_hash ?? (await decoy), body.password)
  if (!known?.password_hash || !right) {
    await store.recordFailedSignIn(db, attempt.email, ctx.ip)
    throw new Refusal(401, 'sign_in_failed')
  }
  const method = await check(app, ctx, known.user_id, body.totp).catch(async (refusal) => {
    // Asking for the code is no failed try; a wrong code is one.
    if (refusal instanceof Refusal && refusal.code === 'totp_needed') await store.passSignIn(db, attempt, false)
    if (refusal instanceof Refusal && refusal.code === 'totp_wrong') await store.recordFailedSignIn(db, attempt.email, ctx.ip)
    throw refusal
  })
  const signedIn = await startSession(app, ctx, known.user_id, method)
  await store.passSignIn(db, attempt, true)
  return signedIn
}

/** A new session with a new secret for this person, in the place of one that the browser still had. */
export async function startSession(app: FastifyInstance, ctx: Ctx, userId: string, method: string): Promise<SignedIn> {
  const { config } = app.ground
  const secret = makeSecret()
  const replaced = ctx.request.cookies[cookieName(config, sessionCookie)]
  const device = chooseDevice(app, ctx)
  await store.openSession(ctx.db, {
    userId,
    tokenHash: hashSecret(secret),
    expiresAt: new Date(Date.now() + sessionDays * 86_400_000).toISOString(),
    ip: ctx.ip,
    userAgent: ctx.userAgent,
    deviceHash: device.hash,
    replacedHash: replaced ? hashSecret(replaced) : null,
    method,
  })
  // The session's cookie comes first: a simple client keeps but one.
  setCookie(app, ctx, sessionCookie, secret, sessionDays)
  if (device.made) setCookie(app, ctx, deviceCookie, device.made, deviceDays)
  const { companies, ...user } = await store.getAccount(ctx.db.as({ credential: hashSecret(secret), companyId: null, metadata: '{}', roles: null }))
  return { user, companies, csrf_token: csrfToken(secret) }
}

/** Runs what a stolen session must not do, once the person has given their password again. What `work` refuses counts as a failed try. */
export async function withOwnPassword<T>(ctx: Ctx, field: string, password: string, work: (account: { id: string; email: string }) => Promise<T>): Promise<T> {
  refuseEarly(ctx, await store.beginOwnCheck(ctx))
  const { id, email } = await store.getAccount(ctx)
  const known = await store.findSignIn(ctx.db, email)
  if (!known?.password_hash || !(await verify(known.password_hash, password))) throw new Refusal(422, 'password_wrong', {}, [{ field, code: 'password_wrong' }])
  const done = await work({ id, email })
  await store.passOwnCheck(ctx)
  return done
}

export function deviceHashOf(app: FastifyInstance, ctx: Ctx): string | null {
  const device = ctx.request.cookies[cookieName(app.ground.config, deviceCookie)]
  return device && /^[\w-]{43}$/.test(device) ? hashSecret(device) : null
}

/** The browser's mark by its hash; `made`: a new one, which it does not have yet. */
function chooseDevice(app: FastifyInstance, ctx: Ctx): { hash: string; made?: string } {
  const known = deviceHashOf(app, ctx)
  if (known) return { hash: known }
  const made = makeSecret()
  return { hash: hashSecret(made), made }
}

/** The hash of the browser's mark, which it gets now when it has none. */
export function giveDevice(app: FastifyInstance, ctx: Ctx): string {
  const device = chooseDevice(app, ctx)
  if (device.made) setCookie(app, ctx, deviceCookie, device.made, deviceDays)
  return device.hash
}

function setCookie(app: FastifyInstance, ctx: Ctx, name: string, value: string, days: number): void {
  const { config } = app.ground
  ctx.reply.setCookie(cookieName(config, name), value, { path: '/', httpOnly: true, sameSite: 'lax', secure: config.behindProxy, maxAge: days * 86_400 })
}

/** The same sentence whether there is such an account or not. */
function refuseEarly(ctx: Ctx, seconds: number): void {
  if (seconds <= 0) return
  ctx.reply.header('retry-after', String(seconds))
  const [amount, unit] = seconds < 60 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute']
  const wait = new Intl.NumberFormat(ctx.language, { style: 'unit', unit: unit as string, unitDisplay: 'long' }).format(amount as number)
  throw new Refusal(429, 'too_many_sign_ins', { wait })
}
