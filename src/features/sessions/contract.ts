// Where a person is signed in, and ending that.
import { type Static, Type } from 'typebox'
import { Choice, Id, Instant, Nothing, Nullable, operation } from '../../plain/operation.ts'

export const Session = Type.Object(
  {
    id: Id,
    kind: Choice(['browser', 'command']),
    ip_address: Nullable(Type.String()),
    user_agent: Nullable(Type.String()),
    created_at: Instant,
    last_seen_at: Instant,
    is_current: Type.Boolean({ description: 'Whether this request came with it' }),
  },
  { additionalProperties: false },
)
export type Session = Static<typeof Session>

export const listSessions = operation({
  id: 'listSessions',
  method: 'GET',
  path: '/api/v1/me/sessions',
  who: 'account',
  summary: 'Where the caller is signed in; the session of this request comes first',
  reply: Type.Object({ items: Type.Array(Session) }, { additionalProperties: false }),
})
export const endSession = operation({
  id: 'endSession',
  method: 'DELETE',
  path: '/api/v1/me/sessions/{session_id}',
  who: 'account',
  summary: 'Sign out there, now',
  params: Type.Object({ session_id: Id }),
  status: 204,
  reply: Nothing,
})
export const endOtherSessions = operation({
  id: 'endOtherSessions',
  method: 'DELETE',
  path: '/api/v1/me/sessions',
  who: 'account',
  summary: 'Sign out everywhere but here, now',
  reply: Type.Object({ ended: Type.Integer() }, { additionalProperties: false }),
})
