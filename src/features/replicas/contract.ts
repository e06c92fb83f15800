// The replicas that reports and exports are read from: how each is, and how often it could not be.
import { type Static, Type } from 'typebox'
import { Choice, Instant, Nullable, operation } from '../../plain/operation.ts'

export const replicaStates = ['unknown', 'up', 'late', 'down', 'promoted', 'strange', 'mighty'] as const
export const fallbackReasons = ['none', 'late', 'down', 'promoted', 'behind', 'busy', 'error'] as const

export const ReplicaView = Type.Object(
  {
    name: Type.String({ description: 'Host, port and database' }),
    state: Choice(replicaStates),
    since: Instant,
    lag_seconds: Nullable(Type.Number({ description: 'How long the primary has been further than this replica; null while it does not answer' })),
    position: Nullable(Type.String({ description: 'How far it has read the record of writes' })),
    reads: Type.Integer({ description: 'Reads it answered since this server started' }),
    last_error: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type ReplicaView = Static<typeof ReplicaView>
export const listReplicas = operation({
  id: 'listReplicas',
  method: 'GET',
  path: '/api/v1/installation/replicas',
  who: 'installation',
  summary: 'The replicas that this server reads reports and exports from, and why it read them on the primary instead',
  reply: Type.Object(
    {
      items: Type.Array(ReplicaView),
      next_cursor: Type.Null(),
      fallbacks: Type.Array(Type.Object({ reason: Choice(fallbackReasons), count: Type.Integer() }, { additionalProperties: false })),
      max_lag_seconds: Type.Integer(),
      wait_ms: Type.Integer(),
      embedded: Type.Boolean({ description: 'This server brings its own PostgreSQL' }),
    },
    { additionalProperties: false },
  ),
})
