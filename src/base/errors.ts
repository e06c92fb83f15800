// From what went wrong to what the caller is told: RFC 9457 problems, never SQL, stack or another company's existence.
import type { Problem, ProblemField } from '../plain/problem.ts'
import type { Translate } from '../plain/translate.ts'
import { constraintFields } from './constraint-fields.ts'

/** Thrown where the program itself refuses. `values` fill the sentence of the code. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly values: Record<string, unknown>
  readonly fields: ProblemField[]
  /** The record that stands in the way, when the caller may see it. */
  readonly blockedBy: Record<string, unknown> | undefined
  constructor(status: number, code: string, values: Record<string, unknown> = {}, fields: ProblemField[] = [], blockedBy?: Record<string, unknown>) {
    super(code)
    this.status = status
    this.code = code
    this.values = values
    this.fields = fields
    this.blockedBy = blockedBy
  }
}

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
  'ea_claims_do_not_overlap',
  'ea_due_needed',
  'ea_not_reserved',
  'ea_reservation_over',
  'ea_nothing_to_accept',
  'ea_machine_in_service',
  'ea_leaves_while_reserved',
  'equipment_disposed_final',
  'equipment_retire_while_assigned',
  'esh_correction_while_assigned',
  'esh_correction_changes_nothing',
  'equipment_delete_while_assigned',
  'category_in_use',
  'category_no_circle',
  'category_parent_deleted',
  'base_never_deleted',
  'idx_maintenance_records_open',
  'mr_status_step',
  'mr_facts_fixed',
  'mr_machine_in_service',
  'mr_next_date_needed',
  'idx_maintenance_files_once',
  'mf_record_full',
  'idx_encrypted_tax_ids_person_hash',
  'totp_active',
  'totp_not_begun',
])
// Rules of several columns, or of the logic, that a person puts right at one field. Constraints of one column: constraint-fields.ts.
const places: Readonly<Record<string, string>> = {
  ...constraintFields,
  idx_equipment_categories_sibling_name: 'name',
  category_parent_deleted: 'parent_id',
  category_no_circle: 'parent_id',
  category_depth: 'parent_id',
  companies_time_zone_known: 'settings.time_zone',
  ea_due_after_assigned: 'due_at',
  ea_not_in_future: 'assigned_at',
  ea_transfer_to_another: 'user_id',
  ea_due_needed: 'due_at',
  ea_reserved_ahead: 'reserved_from',
  ea_reserved_period: 'reserved_until',
  ea_damage_described: 'notes',
  ea_meter_runs_forward: 'meter_reading',
  equipment_maintenance_dates_logical: 'next_maintenance_date',
  equipment_warranty_future: 'warranty_expires_at',
  equipment_disposed_final: 'status',
  equipment_retire_while_assigned: 'status',
  esh_correction_changes_nothing: 'status',
  esh_correction_while_assigned: 'status',
  esh_correction_after_start: 'effective_from',
  esh_correction_not_in_future: 'effective_from',
  esh_effective_period: 'effective_to',
  mr_next_date_needed: 'next_maintenance_date',
  mr_done_not_in_future: 'completed_date',
  idx_maintenance_records_open: 'scheduled_date',
}
const missing = new Set(['fk_ea_equipment'])
const forbidden = new Set(['ea_accepted_by_holder'])
/** Constraints whose DETAIL is a word made for the sentence. */
const telling = new Set(['ea_machine_active', 'ea_machine_in_service'])
const unavailable = new Set(['53100', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT', '57P01', '57P02', '57P03', '25P03', '53300', '25006'])

/** The problem for any error. 5xx are only ours: those keep their cause for the log and tell the caller nothing of it. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const e = error as DatabaseError & { statusCode?: number }
  const code = e.code ?? ''
  if (code === 'BC400') return new Refusal(400, 'input_invalid', {}, [{ field: `query.${e.detail ?? ''}`, code: e.hint ?? 'input_wrong' }])
  if (code === 'BC401') return new Refusal(401, 'signed_out')
  if (code === 'BC403') return new Refusal(403, e.hint ?? 'role_required', { roles: e.detail ?? '' })
  if (code === 'BC404') return new Refusal(404, 'not_found')
  if (code === 'BC412') return new Refusal(412, 'version_conflict', { version: e.detail ?? '' })
  if (code === '42501') return new Refusal(403, 'not_allowed')
  if (e.constraint && /^23/.test(code)) {
    if (missing.has(e.constraint)) return new Refusal(404, 'not_found')
    if (forbidden.has(e.constraint)) return new Refusal(403, e.constraint)
    const status = conflicts.has(e.constraint) ? 409 : 422
    const fields = fieldsOfRefusal(e.constraint, e.detail)
    const named = fields.flatMap(({ values }) => values?.label ?? []).join(', ')
    if (e.hint !== 'blocked_by') return new Refusal(status, e.constraint, { detail: telling.has(e.constraint) ? e.detail : '', fields: named }, fields)
    const { says, ...record } = JSON.parse(e.detail ?? '{}') as Record<string, unknown>
    return new Refusal(
      status,
      e.constraint,
      { detail: says },
      fields.map((field) => ({ ...field, values: { detail: says } })),
      record,
    )
  }
  if (code === '23502') return new Refusal(422, 'value_missing', {}, [{ field: e.column ?? '', code: 'value_missing' }])
  if (code === '40001' || code === '40P01' || code === '55P03') return new Refusal(409, 'try_again')
  if (code === '57014') return new Refusal(503, 'took_too_long')
  if (/^22/.test(code)) return new Refusal(400, 'value_invalid')
  if (unavailable.has(code) || /^08/.test(code) || /Connection terminated|connection error|read timeout|timeout expired|Client was closed/i.test(e.message ?? '')) {
    return new Refusal(503, 'database_unavailable')
  }
  if (e.statusCode && e.statusCode >= 400 && e.statusCode < 500) return new Refusal(e.statusCode, codeOfStatus(e.statusCode))
  return new Refusal(500, 'internal')
}

/** The fields a refusal speaks of: those its detail lists itself ([{field, code, values}]), else the one its constraint belongs to. */
export function fieldsOfRefusal(constraint: string, detail: string | null | undefined): ProblemField[] {
  if (constraint === 'equipment_specifications_template' && detail) return (JSON.parse(detail) as ProblemField[]).slice(0, 100)
  const field = Object.hasOwn(places, constraint) ? places[constraint] : undefined
  return field === undefined ? [] : [{ field, code: constraint }]
}

export function toProblem(refusal: Refusal, t: Translate, requestId: string): Problem {
  const detail = t(`problems.${refusal.code}`, refusal.values).trim()
  return {
    type: `urn:bitcorp:problem:${refusal.code}`,
    title: t(`titles.${refusal.status}`),
    status: refusal.status,
    code: refusal.code,
    detail,
    errors: refusal.fields.map((f) => ({ ...f, detail: f.detail ?? t(`problems.${f.code}`, f.values) })).map(({ values: _, ...f }) => f),
    request_id: requestId,
    ...(refusal.blockedBy ? { blocked_by: refusal.blockedBy } : {}),
  }
}

function codeOfStatus(status: number): string {
  return (
    { 404: 'not_found', 405: 'method_not_allowed', 406: 'not_acceptable', 408: 'too_slow', 413: 'too_large', 415: 'media_type', 429: 'too_many_requests', 431: 'too_large' }[status] ?? 'bad_request'
  )
}
