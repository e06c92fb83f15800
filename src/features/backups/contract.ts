// Backups of the installation, for who looks after it: what there is, whether it is proven, and taking one now.
import { type Static, Type } from 'typebox'
import { Choice, Instant, Nullable, operation } from '../../plain/operation.ts'

const path = '/api/v1/installation/backups'

export const Backup = Type.Object(
  {
    id: Type.String(),
    kind: Type.Union([Choice(['base', 'dump']), Type.Null()]),
    state: Choice(['proven', 'failed', 'unproven', 'damaged']),
    reason: Nullable(Type.String()),
    created_at: Nullable(Instant),
    proven_at: Nullable(Instant),
    bytes: Nullable(Type.Number()),
    rows: Nullable(Type.Number()),
    tables: Nullable(Type.Integer()),
    encrypted: Nullable(Type.Boolean()),
    schema: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type Backup = Static<typeof Backup>

export const alarms = ['none_proven', 'too_old', 'last_failed', 'archive_stuck'] as const
export const Backups = Type.Object(
  {
    folder: Type.String(),
    /** The hour of the day; null: none is taken by the clock. */
    hour: Nullable(Type.Integer()),
    keep_days: Type.Integer(),
    same_disk: Type.Boolean({ description: 'The folder stands on the disk of the data: a broken disk takes both' }),
    point_in_time: Type.Boolean({ description: 'Every moment since the oldest backup can be restored, not only those of the backups' }),
    archived_at: Nullable(Instant),
    archive_trouble: Nullable(Type.String({ description: 'Why the log of your own server does not come, in its own words' })),
    archive_missing: Nullable(Type.String({ description: 'A part of the log that will not come; no moment after it can be restored until the next base backup' })),
    alarm: Nullable(Choice(alarms)),
    last_proven_at: Nullable(Instant),
    last_failure: Nullable(Type.Object({ at: Instant, reason: Type.String() }, { additionalProperties: false })),
    running: Nullable(Type.Object({ step: Choice(['copy', 'compare', 'prove', 'prune']), began_at: Instant, done: Type.Number(), total: Type.Number() }, { additionalProperties: false })),
    items: Type.Array(Backup),
  },
  { additionalProperties: false },
)
export type Backups = Static<typeof Backups>

export const listBackups = operation({
  id: 'listBackups',
  method: 'GET',
  path,
  who: 'installation',
  summary: 'The backups of the installation, the last that was proven, and what is wrong',
  reply: Backups,
})
export const startBackup = operation({
  id: 'startBackup',
  method: 'POST',
  path,
  who: 'installation',
  summary: 'Back up now; how it goes is in the list',
  status: 202,
  reply: Type.Object({ started: Type.Boolean({ description: 'False: one is under way already' }) }, { additionalProperties: false }),
})
