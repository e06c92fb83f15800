// What a refusal looks like on the wire (RFC 9457), for every door.
import { type Static, Type } from 'typebox'

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:bitcorp:problem:<code>' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable word for programs' }),
    detail: Type.String({ description: "A sentence for a person, in the caller's language" }),
    errors: Type.Array(Type.Object({ field: Type.String(), code: Type.String(), detail: Type.String() }, { additionalProperties: false })),
    request_id: Type.String(),
    blocked_by: Type.Optional(Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true, description: 'The record that stands in the way, when the caller may see it' }))),
  },
  { $id: 'Problem', additionalProperties: false },
)
export type Problem = Static<typeof Problem>

export type ProblemField = { field: string; code: string; detail?: string; values?: Record<string, unknown> }
