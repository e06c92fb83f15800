// One shape for events and audit entries, and which of their values a person wants to read.
import type { AuditEntry, DomainEvent } from '../contract.ts'

type Values = Record<string, unknown>
export type Entry = {
  id: string
  at: string
  who: string | null
  kind: string
  action: string
  subjectId: string | null
  subjectName: string | null
  equipmentId: string | null
  old: Values
  now: Values
  metadata: Values
  version: number | null
}

export function entryOfEvent(event: DomainEvent): Entry {
  const data = event.event_data as { old?: Values; new?: Values }
  return {
    id: event.id,
    at: event.occurred_at,
    who: event.recorded_by_name,
    kind: event.aggregate_type,
    action: event.event_type.slice(event.aggregate_type.length + 1),
    subjectId: event.aggregate_id,
    subjectName: event.subject_name,
    equipmentId: event.equipment_id,
    old: data.old ?? {},
    now: data.new ?? {},
    metadata: event.metadata as Values,
    version: event.event_version,
  }
}

export function entryOfAudit(entry: AuditEntry): Entry {
  return {
    id: entry.id,
    at: entry.created_at,
    who: entry.user_name,
    kind: entry.entity_type,
    action: entry.action,
    subjectId: entry.entity_id,
    subjectName: entry.subject_name,
    equipmentId: entry.equipment_id,
    old: (entry.old_values ?? {}) as Values,
    now: (entry.new_values ?? {}) as Values,
    metadata: entry.metadata as Values,
    version: null,
  }
}

// Kept by the database with every write; they say nothing that the line does not say already.
const kept = new Set([
  'id',
  'company_id',
  'version',
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'deleted_at',
  'deleted_by',
  'is_deleted',
  'path',
  'search_key',
  'subject_id',
  'assigned_by',
  'is_active',
])

export type Change = { field: string; old: unknown; now: unknown }

/** What is worth reading; of something new only what it holds. Specifications are compared key by key. */
export function changesOf(entry: Entry): Change[] {
  return Object.keys(entry.now)
    .filter((field) => !kept.has(field))
    .flatMap((field) => {
      const [old, now] = [entry.old[field], entry.now[field]]
      if (field === 'specifications' || field === 'settings' || field === 'address') return inner(old, now)
      return [{ field, old, now }]
    })
    .filter(({ old, now }) => !(isEmpty(old) && isEmpty(now)))
}

function inner(old: unknown, now: unknown): Change[] {
  const [before, after] = [old, now].map((value) => (value && typeof value === 'object' ? (value as Values) : {}))
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
    .filter((key) => JSON.stringify(before?.[key]) !== JSON.stringify(after?.[key]))
    .map((key) => ({ field: key, old: before?.[key], now: after?.[key] }))
}

const isEmpty = (value: unknown) => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)

const kindsOfEvents = ['equipment', 'assignment', 'maintenance', 'maintenance_file', 'category', 'user', 'company', 'api_token', 'import_batch', 'webhook'] as const
const actionsOfEvents = [
  'created',
  'changed',
  'status_changed',
  'status_corrected',
  'reserved',
  'picked_up',
  'accepted',
  'returned',
  'started',
  'completed',
  'cancelled',
  'moved',
  'deleted',
  'restored',
] as const
/** What the records hold, as the filters of each list offer it. A test compares it with what the database can write. */
export const offered = {
  events: { kinds: kindsOfEvents, actions: actionsOfEvents },
  audit: {
    kinds: [...kindsOfEvents, 'utilization', 'audit_log', 'audit_checkpoint'] as const,
    actions: [
      ...actionsOfEvents,
      'signed_in',
      'signed_out',
      'sign_in_failed',
      'password_changed',
      'totp_enabled',
      'totp_disabled',
      'recovery_code_used',
      'recovery_codes_renewed',
      'sessions_ended',
      'identity_linked',
      'identity_unlinked',
      'password_link_sent',
      'installation_granted',
      'installation_taken',
      'exported',
      'imported',
      'tax_id_revealed',
      'tax_id_unreadable',
      'secret_renewed',
      'replayed',
      'anonymised',
    ] as const,
  },
}
