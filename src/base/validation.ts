// Input against the contract: what is wrong, field by field, in words of the registry.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { Operation } from '../plain/operation.ts'
import type { ProblemField } from '../plain/problem.ts'

const options = { allErrors: false, strict: false, removeAdditional: false, useDefaults: true } as const
const exact = addFormats(new Ajv({ ...options, coerceTypes: false }))
const fromText = addFormats(new Ajv({ ...options, coerceTypes: 'array' }))

// Surrogates without their partner and NUL can be written in JSON but not stored as text.
const unstorable = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/**
 * A check of one part of a request. Query, path and headers are text and are read as numbers or flags; a body is taken as it is.
 * It is made when the first request comes: a server that starts needs few of them.
 */
export function compileValidator(schema: object, isText: boolean): (data: unknown) => { value?: unknown; error?: Error } {
  let made: ValidateFunction | undefined
  return (data) => {
    const strange = findUnstorable(data, '', 0)
    if (strange !== undefined) return { error: Object.assign(new Error('unstorable'), { validation: [{ keyword: 'unstorable', instancePath: strange, params: {} }] }) }
    made ??= (isText ? fromText : exact).compile(schema)
    return made(data) ? { value: data } : { error: Object.assign(new Error('invalid'), { validation: made.errors ?? [] }) }
  }
}

export function fieldsOf(errors: ErrorObject[], context = 'body'): ProblemField[] {
  return errors.slice(0, 20).map((error) => {
    const params = error.params as Record<string, unknown>
    const extra = params.missingProperty ?? params.additionalProperty
    const path = `${error.instancePath}${extra === undefined ? '' : `/${extra}`}`
    const limit = params.limit ?? (Array.isArray(params.allowedValues) ? params.allowedValues.join(', ') : (params.format ?? params.type ?? ''))
    return {
      field: context === 'body' ? path.slice(1).replaceAll('/', '.') : `${context}${path}`.replaceAll('/', '.'),
      code: `input_${keywords.has(error.keyword) ? error.keyword : 'wrong'}`,
      values: { limit: String(limit) },
    }
  })
}

const keywords = new Set(['required', 'type', 'minLength', 'maxLength', 'pattern', 'format', 'enum', 'additionalProperties', 'minimum', 'maximum', 'minItems', 'maxItems', 'uniqueItems', 'unstorable'])

const replyChecks = new Map<string, ReturnType<typeof exact.compile>>()

/** Throws when a reply is not what its contract says. On in tests. */
export function checkReply(op: Operation, answer: unknown): void {
  const check = replyChecks.get(op.id) ?? exact.compile(op.reply as object)
  replyChecks.set(op.id, check)
  if (op.status !== 204 && !check(JSON.parse(JSON.stringify(answer ?? null)))) {
    throw new Error(`${op.id} replied outside its contract: ${exact.errorsText(check.errors)}`)
  }
}

const isUnstorable = (text: string) => text.includes('\0') || unstorable.test(text)

function findUnstorable(data: unknown, path: string, depth: number): string | undefined {
  if (typeof data === 'string') return isUnstorable(data) ? path : undefined
  if (data === null || typeof data !== 'object') return undefined
  if (depth > 20) return path
  for (const [key, value] of Object.entries(data)) {
    if (isUnstorable(key)) return path
    const found = findUnstorable(value, `${path}/${key}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

function addFormats(ajv: Ajv): Ajv {
  ;(formats as unknown as (ajv: Ajv) => void)(ajv)
  return ajv
}
