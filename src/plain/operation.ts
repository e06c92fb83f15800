// One operation of the API as data: the server registers it, the page and the command line call it, the document lists it.
import { type Static, type TSchema, Type } from 'typebox'
import type { Role } from './roles.ts'

/**
 * public: nobody needs to be signed in. account: any signed-in person. installation: who looks after the installation itself.
 * A list: these roles in the company of the path.
 */
export type Who = 'public' | 'account' | 'installation' | readonly Role[]

export type Operation<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema, R extends TSchema = TSchema> = Readonly<{
  id: string
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** With {braces} for path parameters. */
  path: string
  summary: string
  who: Who
  params: P
  query: Q
  body: B
  reply: R
  status: number
  /** Needs If-Match with the version that was read. */
  ifMatch: boolean
  /** Takes files or raw text instead of a JSON body. */
  rawBody: boolean
  /** The kinds of body that a raw one may be. */
  media: readonly string[]
  /** A read that may take long: it gets a connection of its own. */
  slow: boolean
  /** A report or export: read from a replica where there is one. past: only what is asked about an instant long enough ago. */
  replica: boolean | 'past'
  /** Answers with events as they come: never compressed, open for as long as the caller may listen. */
  stream: boolean
  /** A POST that takes an Idempotency-Key. False where the reply holds a secret, or where others are waited for. */
  keyed: boolean
}>

const None = Type.Object({}, { additionalProperties: false })
type None = typeof None

type Parts<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema> = {
  id: string
  method: Operation['method']
  path: string
  summary: string
  who: Who
  params?: P
  query?: Q
  body?: B
  reply: R
  status?: number
  ifMatch?: boolean
  rawBody?: boolean
  media?: readonly string[]
  slow?: boolean
  replica?: boolean | 'past'
  stream?: boolean
  keyed?: boolean
}

/** Fills what an operation leaves out: no parameters, no query, no body, status 200. */
export function operation<R extends TSchema, P extends TSchema = None, Q extends TSchema = None, B extends TSchema = None>(parts: Parts<P, Q, B, R>): Operation<P, Q, B, R> {
  return {
    params: None as unknown as P,
    query: None as unknown as Q,
    body: None as unknown as B,
    status: 200,
    ifMatch: false,
    rawBody: false,
    media: ['text/csv', 'multipart/form-data', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
    slow: false,
    replica: false,
    stream: false,
    ...parts,
    keyed: parts.method === 'POST' && Array.isArray(parts.who) && !parts.rawBody && parts.keyed !== false,
  }
}

export type InputOf<O extends Operation> = { params: Static<O['params']>; query: Static<O['query']>; body: Static<O['body']> }
export type ReplyOf<O extends Operation> = Static<O['reply']>

/** The reply of an operation that has nothing to say. */
export const Nothing = Type.Null()

export const Id = Type.String({ format: 'uuid' })
export const Instant = Type.String({ format: 'date-time', description: 'RFC 3339 instant' })
export const Day = Type.String({ format: 'date', description: 'A calendar day' })
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const Choice = <const T extends readonly string[]>(values: T) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values] })
export const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '\\S' })
export const Email = Type.String({ format: 'email', maxLength: 255 })
export const Money = Type.Object(
  { amount: Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,2})?$', description: 'Decimal as text, at most two places' }), currency: Type.String({ pattern: '^[A-Z]{3}$' }) },
  { additionalProperties: false },
)
export type Money = Static<typeof Money>

/** Base fields every entity has. */
export const baseFields = {
  id: Id,
  version: Type.Integer(),
  created_at: Instant,
  updated_at: Instant,
  created_by: Nullable(Id),
  updated_by: Nullable(Id),
}

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 2000 })),
}

/** Reads that can be asked about the past. The answer for two given instants never changes. */
export const momentQuery = {
  as_of: Type.Optional(Type.String({ format: 'date-time', description: 'What was true at this instant; now when left out' })),
  known_at: Type.Optional(Type.String({ format: 'date-time', description: 'By what was recorded up to this instant: corrections made later are left out; now when left out' })),
}

export const Page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), next_cursor: Nullable(Type.String()), total: Type.Optional(Type.Integer()) }, { additionalProperties: false })
