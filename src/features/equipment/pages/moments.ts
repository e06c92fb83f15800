// What the timeline tells as one moment: most events stand alone, a return with a hand-over in one step is a transfer.
import type { TimelineEntry } from '../contract.ts'

export type Moment = {
  kind:
    | 'created'
    | 'changed'
    | 'status_changed'
    | 'handed_over'
    | 'taken'
    | 'returned'
    | 'transferred'
    | 'hand_over_changed'
    | 'reserved'
    | 'picked_up'
    | 'reservation_cancelled'
    | 'accepted'
    | 'deleted'
    | 'restored'
    | 'work_planned'
    | 'work_begun'
    | 'work_changed'
    | 'work_done'
    | 'work_cancelled'
    | 'file_added'
    | 'file_removed'
    | 'other'
  entry: TimelineEntry
  /** Who had it before a transfer. */
  from?: string | undefined
  notes?: string | undefined
}

const kinds: Record<string, Moment['kind']> = {
  equipment_created: 'created',
  equipment_changed: 'changed',
  equipment_status_changed: 'status_changed',
  equipment_deleted: 'deleted',
  equipment_restored: 'restored',
  assignment_created: 'handed_over',
  assignment_returned: 'returned',
  assignment_changed: 'hand_over_changed',
  assignment_reserved: 'reserved',
  assignment_picked_up: 'picked_up',
  assignment_cancelled: 'reservation_cancelled',
  assignment_accepted: 'accepted',
  maintenance_created: 'work_planned',
  maintenance_started: 'work_begun',
  maintenance_changed: 'work_changed',
  maintenance_completed: 'work_done',
  maintenance_cancelled: 'work_cancelled',
  maintenance_file_created: 'file_added',
  maintenance_file_deleted: 'file_removed',
  maintenance_file_restored: 'file_added',
}

/** Entries come newest first, so the return of a transfer follows its hand-over. */
export function momentsOf(entries: readonly TimelineEntry[]): Moment[] {
  const moments: Moment[] = []
  for (let place = 0; place < entries.length; place++) {
    const entry = entries[place] as TimelineEntry
    const before = entries[place + 1]
    const kind = entry.event_type === 'maintenance_created' && entry.new.status === 'in_progress' ? 'work_begun' : (kinds[entry.event_type] ?? 'other')
    const notes = text(entry.new[kind === 'returned' ? 'return_notes' : kind === 'file_added' ? 'name' : 'notes'])
    if (before && isTransfer(entry, before)) {
      moments.push({ kind: 'transferred', entry, from: before.holder_name ?? undefined, notes })
      place++
    } else if (kind === 'handed_over' && entry.new.user_id === entry.recorded_by) moments.push({ kind: 'taken', entry, notes })
    else moments.push({ kind, entry, notes })
  }
  return moments
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** One person, one moment, the same notes on both sides: that is what passing on in one step leaves. */
function isTransfer(entry: TimelineEntry, before: TimelineEntry): boolean {
  return (
    (entry.event_type === 'assignment_created' || entry.event_type === 'assignment_picked_up') &&
    before.event_type === 'assignment_returned' &&
    entry.recorded_by === before.recorded_by &&
    Math.abs(Date.parse(entry.occurred_at) - Date.parse(before.occurred_at)) < 250 &&
    (entry.new.notes ?? null) === (before.new.return_notes ?? null)
  )
}
