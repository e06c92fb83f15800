// The way to the identity provider and back. Nothing of the provider's answer is believed before the library has checked it.
import type { FastifyInstance, FastifyReply } from 'fastify'
import * as oidc from 'openid-client'
import { Refusal, toRefusal } from '../../base/errors.ts'
import { type Ctx, cookieName, handle } from '../../base/http.ts'
import * as contract from './contract.ts'
import * as store from './store.ts'

/** Opens a session for a person who proved who they are; lent by the door. */
export type StartSession = (app: FastifyInstance, ctx: Ctx, userId: string, method: string) => Promise<unknown>
/** What must come back with the answer, kept in the browser that was sent to the provider and nowhere else. */
type Trip = { state: string; nonce: string; verifier: string; next: string }

const tripCookie = 'bitcorp_single_sign_on'
const tripSeconds = 600

export function singleSignOnRoutes(app: FastifyInstance, startSession: StartSession): void {
  const { oidc: settings, publicUrl } = app.ground.config
  const redirectUri = `${publicUrl}/api/v1/single-sign-on/callback`
  const discover = makeDiscovery(app)

  handle(app, contract.getSingleSignOn, async () => ({ provider: settings ? new URL(settings.issuer).host : null }))

  handle(app, contract.startSingleSignOn, async (ctx, { query }) => {
    // Another site may lead here but not sign anybody in: the person presses the button.
    if (ctx.request.headers['sec-fetch-site'] === 'cross-site') return ctx.reply.redirect('/sign-in', 302)
    const provider = await discover().catch(unavailable(ctx))
    if (!provider) return goToSignIn(ctx, 'sso_unavailable')
    const trip: Trip = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier(), next: safePath(query.next) }
    ctx.reply.setCookie(cookieName(app.ground.config, tripCookie), Buffer.from(JSON.stringify(trip)).toString('base64url'), { ...cookieOf(app), maxAge: tripSeconds })
    const url = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: redirectUri,
      scope: 'openid email',
      state: trip.state,
      nonce: trip.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(trip.verifier),
      code_challenge_method: 'S256',
    })
    return ctx.reply.header('cache-control', 'no-store').redirect(url.href, 302)
  })

  handle(app, contract.finishSingleSignOn, async (ctx) => {
    const trip = readTrip(app, ctx)
    // Gone with the first answer, so that none is heard twice.
    ctx.reply.clearCookie(cookieName(app.ground.config, tripCookie), cookieOf(app))
    if (!trip) return goToSignIn(ctx, 'sso_refused')
    const provider = await discover().catch(unavailable(ctx))
    if (!provider) return goToSignIn(ctx, 'sso_unavailable')
    const answer = new URL(redirectUri)
    answer.search = new URL(ctx.request.url, publicUrl).search
    const problem = await finish(app, ctx, provider, answer, trip, startSession)
    return problem ? goToSignIn(ctx, problem) : ctx.reply.header('cache-control', 'no-store').redirect(trip.next, 302)
  })
}

/** Opens the session, or says why not. */
async function finish(app: FastifyInstance, ctx: Ctx, provider: oidc.Configuration, answer: URL, trip: Trip, startSession: StartSession): Promise<contract.SsoProblem | undefined> {
  try {
    const tokens = await oidc.authorizationCodeGrant(provider, answer, { pkceCodeVerifier: trip.verifier, expectedState: trip.state, expectedNonce: trip.nonce, idTokenExpected: true })
    const claims = await readClaims(provider, tokens)
    const userId = await store.findIdentity(ctx.db, claims)
    if (!userId) return claims.email && !claims.emailVerified ? 'sso_unverified' : 'sso_stranger'
    await startSession(app, ctx, userId, 'single_sign_on')
    return undefined
  } catch (error) {
    const { code } = toRefusal(error)
    if (code === 'sso_other_person' || code === 'company_suspended') return code
    if (code === 'database_unavailable') throw error
    // The library's words name what did not fit, and hold neither code nor token.
    ctx.request.log.warn({ err: { message: (error as Error).message, code: (error as { code?: string }).code } }, 'single sign-on refused')
    return 'sso_refused'
  }
}

type Person = { issuer: string; subject: string; email: string | null; emailVerified: boolean }

/** From the signed ID token; some providers tell the address at their userinfo endpoint alone. */
async function readClaims(provider: oidc.Configuration, tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers): Promise<Person> {
  const claims = tokens.claims()
  if (!claims) throw new Error('no ID token')
  const told = claims.email === undefined && provider.serverMetadata().userinfo_endpoint ? await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub) : claims
  const email = typeof told.email === 'string' && told.email.length <= 255 ? told.email : null
  return { issuer: claims.iss, subject: claims.sub, email, emailVerified: told.email_verified === true }
}

/** The provider's own description, fetched when first needed and kept; asked again after a failure. */
function makeDiscovery(app: FastifyInstance): () => Promise<oidc.Configuration> {
  const { oidc: settings } = app.ground.config
  let known: Promise<oidc.Configuration> | undefined
  return () => {
    if (!settings) throw new Refusal(404, 'not_found')
    const issuer = new URL(settings.issuer)
    // Plain http is for a provider on this very machine alone; the setting is checked where it is read.
    const execute = issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : []
    known ??= oidc.discovery(issuer, settings.clientId, settings.clientSecret, undefined, { execute, timeout: 10 }).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

const unavailable = (ctx: Ctx) => (error: unknown) => {
  if (error instanceof Refusal) throw error
  ctx.request.log.warn({ err: { message: (error as Error).message } }, 'the identity provider does not answer')
  return undefined
}

const cookieOf = (app: FastifyInstance) => ({ path: '/', httpOnly: true, sameSite: 'lax', secure: app.ground.config.behindProxy }) as const

function readTrip(app: FastifyInstance, ctx: Ctx): Trip | undefined {
  try {
    const trip = JSON.parse(Buffer.from(ctx.request.cookies[cookieName(app.ground.config, tripCookie)] ?? '', 'base64url').toString()) as Trip
    return [trip.state, trip.nonce, trip.verifier].every((part) => typeof part === 'string' && part.length >= 20) ? { ...trip, next: safePath(trip.next) } : undefined
  } catch {
    return undefined
  }
}

const goToSignIn = (ctx: Ctx, problem: contract.SsoProblem): FastifyReply => ctx.reply.header('cache-control', 'no-store').redirect(`/sign-in?problem=${problem}`, 302)

const base = 'http://this-site.invalid'

/** A path of this site and nothing else, however it is written: what is after `next` may come from anyone. */
export function safePath(next: unknown): string {
  if (typeof next !== 'string' || !URL.canParse(next, base)) return '/'
  const url = new URL(next, base)
  const path = url.pathname + url.search + url.hash
  return url.origin === base && next.startsWith('/') && /^\/(?![/\\])/.test(path) && !path.startsWith('/sign-in') ? path : '/'
}
