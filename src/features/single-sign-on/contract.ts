// Signing in through the identity provider of the installation (OpenID Connect): whether there is one, the way there, and the way back.
import { Type } from 'typebox'
import { Nothing, Nullable, operation } from '../../plain/operation.ts'

export const getSingleSignOn = operation({
  id: 'getSingleSignOn',
  method: 'GET',
  path: '/api/v1/single-sign-on',
  who: 'public',
  summary: 'The provider that people may sign in through; null when none is set',
  reply: Type.Object({ provider: Nullable(Type.String()) }, { additionalProperties: false }),
})
export const startSingleSignOn = operation({
  id: 'startSingleSignOn',
  method: 'GET',
  path: '/api/v1/single-sign-on/start',
  who: 'public',
  summary: 'Go to the provider; for browsers',
  query: Type.Object({ next: Type.Optional(Type.String({ maxLength: 2000, description: 'The path of this site to go to afterwards' })) }, { additionalProperties: false }),
  status: 302,
  reply: Nothing,
})
export const finishSingleSignOn = operation({
  id: 'finishSingleSignOn',
  method: 'GET',
  path: '/api/v1/single-sign-on/callback',
  who: 'public',
  summary: 'Come back from the provider: opens the session, or goes to the sign-in page with the reason',
  // Whatever the provider adds is read by the library that checks it.
  query: Type.Object({ code: Type.Optional(Type.String({ maxLength: 4000 })), state: Type.Optional(Type.String({ maxLength: 500 })) }, { additionalProperties: true }),
  status: 302,
  reply: Nothing,
})

/** Why the provider's answer opened no session; the sign-in page has a sentence for each. */
export const ssoProblems = ['sso_unavailable', 'sso_refused', 'sso_stranger', 'sso_unverified', 'sso_other_person', 'company_suspended'] as const
export type SsoProblem = (typeof ssoProblems)[number]
