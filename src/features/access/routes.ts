// Signing in and out, the caller's account, tokens and people over HTTP.
import { hash } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import { hashSecret } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { type Ctx, cookieName, csrfToken, handle, sessionCookie } from '../../base/http.ts'
import { MailError, sendMail } from '../../base/mail.ts'
import { refuseWeak } from '../../base/weak-password.ts'
import * as contract from './contract.ts'
import { type CheckSecondFactor, deviceHashOf, giveDevice, makeSecret, signIn, withOwnPassword } from './sign-in.ts'
import * as store from './store.ts'

/** `checkSecondFactor`: what else an account demands beside its password; lent by the door, which knows the room that asks for it. */
export function accessRoutes(app: FastifyInstance, checkSecondFactor: CheckSecondFactor): void {
  handle(app, contract.signIn, (ctx, { body }) => signIn(app, ctx, body, checkSecondFactor))

  handle(app, contract.signOut, async (ctx) => {
    await store.closeSession(ctx)
    ctx.reply.clearCookie(cookieName(app.ground.config, sessionCookie), { path: '/' })
    // Not its storage and other cookies: language, columns and the mark of a known browser hold nothing of the company.
    ctx.reply.header('clear-site-data', '"cache"')
    return null
  })

  handle(app, contract.getMe, async (ctx) => {
    const me = await readMe(ctx)
    await store.touchSession(ctx.db.as({ credential: ctx.secret ? hashSecret(ctx.secret) : null, companyId: null, metadata: '{}', roles: null }))
    return me
  })

  handle(app, contract.changeMe, async (ctx, { body }) => {
    if (body.new_password !== undefined) await changePassword(app, ctx, body.current_password, body.new_password)
    if (body.full_name !== undefined || body.language !== undefined) await store.changeAccount(ctx, body)
    return readMe(ctx)
  })

  tokenRoutes(app)
  peopleRoutes(app)
  linkRoutes(app)
}

function tokenRoutes(app: FastifyInstance): void {
  handle(app, contract.createToken, async (ctx, { body }) => {
    if (Date.parse(body.expires_at) <= Date.now()) throw new Refusal(422, 'token_end_past', {}, [{ field: 'expires_at', code: 'token_end_past' }])
    const secret = makeSecret()
    const identity = {
      credential: ctx.secret ? hashSecret(ctx.secret) : null,
      companyId: body.company_id,
      metadata: JSON.stringify({ request_id: ctx.request.id, ip_address: ctx.ip, source: 'api' }),
      roles: null,
    }
    const token = await store.createToken(ctx.db.as(identity, false, ctx.tell), { name: body.name, tokenHash: hashSecret(secret), scopes: body.scopes, expiresAt: body.expires_at })
    return { ...token, token: secret }
  })

  handle(app, contract.listTokens, (ctx, { query }) => store.listTokens(ctx, query))

  handle(app, contract.revokeToken, async (ctx, { params }) => {
    if (!(await store.revokeToken(ctx, params.token_id))) throw new Refusal(404, 'not_found')
    return null
  })
}

function peopleRoutes(app: FastifyInstance): void {
  handle(app, contract.listPeople, (ctx, { query }) => store.listPeople(ctx, query))

  handle(app, contract.getPerson, async (ctx, { params }) => (await store.findPerson(ctx, params.person_id)) ?? notFound())

  handle(app, contract.addPerson, async (ctx, { body }) => {
    if (body.password !== undefined) refuseWeak(body.password, { email: body.email, name: body.display_name, companies: [await store.getCompanyName(ctx)] }, 'password')
    const passwordHash = body.password === undefined ? null : await hash(body.password)
    const id = await store.addPerson(ctx, { ...body, passwordHash, language: ctx.language })
    // Written before anything is mailed: a mail cannot be taken back.
    const mail = passwordHash === null && !hasEnded(body.ends_at) ? await mailLink(app, ctx, id, true) : null
    return { ...((await store.findPerson(ctx, id)) ?? notFound()), mail }
  })

  handle(app, contract.changePerson, async (ctx, { params, body }) => {
    if (!(await store.changePerson(ctx, params.person_id, ctx.version, body))) notFound()
    return (await store.findPerson(ctx, params.person_id)) ?? notFound()
  })
}

function linkRoutes(app: FastifyInstance): void {
  handle(app, contract.sendPasswordLink, async (ctx, { params }) => ({ mail: await mailLink(app, ctx, params.person_id, false) }))

  handle(app, contract.anonymisePerson, async (ctx, { params }) => {
    await store.anonymisePerson(ctx, params.person_id, ctx.version)
    return (await store.findPerson(ctx, params.person_id)) ?? notFound()
  })

  handle(app, contract.readPasswordLink, async (ctx, { body }) => {
    const { company_names: _, ...link } = await findLink(ctx, body.token)
    return link
  })

  handle(app, contract.usePasswordLink, async (ctx, { body }) => {
    const link = await findLink(ctx, body.token)
    refuseWeak(body.password, { email: link.email, name: link.full_name, companies: link.company_names }, 'password')
    await store.usePasswordLink(ctx.db, hashSecret(body.token), await hash(body.password), giveDevice(app, ctx))
    return null
  })
}

async function findLink(ctx: Ctx, token: string) {
  const link = await store.findPasswordLink(ctx.db, hashSecret(token))
  if (!link) throw new Refusal(422, 'password_links_spent')
  return link
}

const linkDays = 7
const hasEnded = (end: string | null | undefined) => typeof end === 'string' && Date.parse(end) <= Date.now()

/** Mails a link, or (to who has a password and is new here) a word. The secret goes to the person's own address alone. */
async function mailLink(app: FastifyInstance, ctx: Ctx, personId: string, forNew: boolean): Promise<'sent' | 'kept' | 'failed'> {
  const { config, translate } = app.ground
  const secret = makeSecret()
  const expiresAt = new Date(Date.now() + linkDays * 86_400_000).toISOString()
  const row = await store.makePasswordLink(ctx, personId, { tokenHash: hashSecret(secret), expiresAt, forNew })
  const t = translate(row.language)
  const kind = row.is_link ? (row.is_new ? 'invitation' : 'reset') : 'welcome'
  // After the #: what stands there is sent to no server and written to no log.
  const link = row.is_link ? `${config.publicUrl}/password#${secret}` : config.publicUrl
  const values = { name: row.display_name, company: row.company_name, link, days: linkDays }
  try {
    const file = await sendMail(config, { to: row.email, subject: t(`access.mail_${kind}_subject`, values), text: t(`access.mail_${kind}`, values) })
    return file === undefined ? 'sent' : 'kept'
  } catch (error) {
    if (!(error instanceof MailError)) throw error
    ctx.request.log.warn({ err: { message: error.message } }, 'a mail did not leave')
    return 'failed'
  }
}

async function readMe(ctx: Ctx): Promise<contract.Me> {
  const { companies, ...user } = await store.getAccount(ctx)
  const bySession = ctx.request.headers.authorization === undefined
  return { user, companies, csrf_token: bySession && ctx.secret ? csrfToken(ctx.secret) : null }
}

async function changePassword(app: FastifyInstance, ctx: Ctx, current: string | undefined, next: string): Promise<void> {
  const { email, full_name: name, companies } = await store.getAccount(ctx)
  // Before the current one is looked at: a weak new one is no failed try.
  refuseWeak(next, { email, name, companies: companies.map((company) => company.name) }, 'new_password')
  await withOwnPassword(ctx, 'current_password', current ?? '', async () => store.changeOwnPassword(ctx, await hash(next), deviceHashOf(app, ctx)))
}

function notFound(): never {
  throw new Refusal(404, 'not_found')
}
