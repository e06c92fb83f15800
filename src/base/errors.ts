// From what went wrong to what the caller is told: RFC 9457 problems, never SQL, stack or another company's existence.
import type { Problem, ProblemField } from '../plain/problem.ts'

/** Thrown where the program itself refuses. `values` fill the sentence of the code. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly values: Record<string, unknown>
  readonly fields: ProblemField[]
  constructor(status: number, code: string, values: Record<string, unknown> = {}, fields: ProblemField[] = []) {
    super(code)
    this.status = status
    this.code = code
    this.values = values
    this.fields = fields
  }
}

export type Translate = (key: string, values?: Record<string, unknown>) => string

type DatabaseError = Error & { code?: string; constraint?: string; detail?: string; hint?: string; column?: string }

// Constraints whose breach is not a fault of the input (422) but of the moment (409) or of an id that is nowhere (404).
const conflicts = new Set([
  'idx_equipment_serial_number',
  'idx_equipment_fleet_code',
  'idx_equipment_categories_sibling_name',
  'ucr_one_membership',
  'ucr_last_admin',
  'ea_one_holder_at_a_time',
  'idx_equipment_assignments_open',
  'ea_machine_active',
  'ea_nothing_to_return',
  'ea_facts_fixed',
  'ea_transfer_to_another',
  'equipment_disposed_final',
  'equipment_retire_while_assigned',
  'equipment_delete_while_assigned',
  'category_in_use',
  'category_no_circle',
  'idx_maintenance_records_open',
  'mr_status_step',
  'mr_facts_fixed',
  'mr_machine_in_service',
  'mr_next_date_needed',
])
const missing = new Set(['fk_ea_equipment'])
const unavailable = new Set(['53100', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT', '57P01', '57P02', '57P03', '53300', '25006'])

/** The problem for any error. 5xx are only ours: those keep their cause for the log and tell the caller nothing of it. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const e = error as DatabaseError & { statusCode?: number }
  const code = e.code ?? ''
  if (code === 'BC401') return new Refusal(401, 'signed_out')
  if (code === 'BC403') return new Refusal(403, e.hint ?? 'role_required', { roles: e.detail ?? '' })
  if (code === 'BC404') return new Refusal(404, 'not_found')
  if (code === 'BC412') return new Refusal(412, 'version_conflict', { version: e.detail ?? '' })
  if (code === '42501') return new Refusal(403, 'not_allowed')
  if (e.constraint && /^23/.test(code)) {
    if (missing.has(e.constraint)) return new Refusal(404, 'not_found')
    const status = conflicts.has(e.constraint) ? 409 : 422
    return new Refusal(status, e.constraint, { detail: e.constraint === 'ea_machine_active' ? e.detail : undefined })
  }
  if (code === '23502') return new Refusal(422, 'value_missing', {}, [{ field: e.column ?? '', code: 'value_missing' }])
  if (code === '40001' || code === '40P01' || code === '55P03') return new Refusal(409, 'try_again')
  if (code === '57014') return new Refusal(503, 'took_too_long')
  if (/^22/.test(code)) return new Refusal(400, 'value_invalid')
  if (unavailable.has(code) || /^08/.test(code) || /Connection terminated|connection error|timeout exceeded when trying to connect|Client was closed/i.test(e.message ?? '')) {
    return new Refusal(503, 'database_unavailable')
  }
  if (e.statusCode && e.statusCode >= 400 && e.statusCode < 500) return new Refusal(e.statusCode, codeOfStatus(e.statusCode))
  return new Refusal(500, 'internal')
}

export function toProblem(refusal: Refusal, t: Translate, requestId: string): Problem {
  const detail = t(`problems.${refusal.code}`, refusal.values)
  return {
    type: `urn:bitcorp:problem:${refusal.code}`,
    title: t(`titles.${refusal.status}`),
    status: refusal.status,
    code: refusal.code,
    detail,
    errors: refusal.fields.map((f) => ({ ...f, detail: f.detail ?? t(`problems.${f.code}`, f.values) })).map(({ values: _, ...f }) => f),
    request_id: requestId,
  }
}

function codeOfStatus(status: number): string {
  return (
    { 404: 'not_found', 405: 'method_not_allowed', 406: 'not_acceptable', 408: 'too_slow', 413: 'too_large', 415: 'media_type', 429: 'too_many_requests', 431: 'too_large' }[status] ?? 'bad_request'
  )
}
