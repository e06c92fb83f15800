// The audit as evidence: the columns of its export, a checkpoint of its chain, and the check that it is what it was.
import { Refusal } from '../../base/errors.ts'
import type { SheetColumn } from '../../base/sheet.ts'
import type { Translate } from '../../plain/translate.ts'
import { type AuditCheckpoint, type AuditFault, type AuditHead, checkpointKind } from './contract.ts'
import * as store from './store.ts'

type Ctx = Parameters<typeof store.listAudit>[0]
type Query = Parameters<typeof store.listAudit>[1]

const fields = [
  'position',
  'chained_at',
  'created_at',
  'user_name',
  'action',
  'entity_type',
  'subject_name',
  'old_values',
  'new_values',
  'metadata',
  'id',
  'user_id',
  'entity_id',
  'previous_hash',
  'hash',
  'hashed_text',
] as const
const json = ['old_values', 'new_values', 'metadata'] as const
/** More than a cell of a spreadsheet bears. */
const cellLimit = 32_767
const pageSize = 500

export function auditColumns(t: Translate, format: 'csv' | 'xlsx'): SheetColumn<store.AuditExportRow>[] {
  const bounded = (value: string | number | null) => (format === 'xlsx' && typeof value === 'string' && value.length > cellLimit ? t('history.export_too_long') : value)
  return fields.map((field) => ({ header: t(`history.column_${field}`), value: (row) => bounded(row[field]) }))
}

/** A row as one line: names and values as stored, JSON as PostgreSQL wrote it. */
export function auditLine(row: store.AuditExportRow): string {
  const parts = fields.map((field) => {
    const value = row[field]
    const isWritten = (json as readonly string[]).includes(field) && typeof value === 'string'
    return `${JSON.stringify(field)}:${isWritten ? value : JSON.stringify(value)}`
  })
  return `{${parts.join(',')}}\n`
}

/** The audit page by page up to the row that was the last when the export began, so that none but one page is in memory. */
export async function* auditPages(ctx: Ctx, query: Query, last: string | null) {
  let after: string | null = null
  while (last !== null) {
    const page: store.AuditExportRow[] = await store.listAuditExportPage(ctx, query, after, last, pageSize)
    if (page.length) yield page
    after = page.at(-1)?.id ?? null
    if (page.length < pageSize || after === null) return
  }
}

/** Where the chain stands now, for keeping elsewhere. */
export async function takeCheckpoint(ctx: Ctx): Promise<AuditCheckpoint> {
  await store.chainAudit(ctx)
  const state = await store.findChainState(ctx)
  if (!state?.position) throw new Refusal(409, 'audit_not_chained')
  const { company_id, name, position, hash, chained_at } = state
  const rows = await store.recordCheckpoint(ctx, position, hash)
  return { kind: checkpointKind, made_at: new Date().toISOString(), companies: [{ company_id, name, position, hash, chained_at, rows }] }
}

const linksAtOnce = 10_000
const rowsAtOnce = 20_000
const firstRow = 'row-00000000-0000-0000-0000-000000000000'

/** One step: first the checkpoint, then the links from the first to the newest, then the rows that have none. */
export async function checkAudit(ctx: Ctx, { checkpoint, after }: { checkpoint?: AuditCheckpoint; after?: string }) {
  if (!after) await store.chainAudit(ctx)
  const state = await store.findChainState(ctx)
  if (!state) throw new Refusal(404, 'not_found')
  const { position, hash, chained_at } = state
  const faults = checkpoint ? await compareCheckpoint(ctx, checkpoint, state.company_id) : []
  const newest = position === null ? null : { position, hash, chained_at }
  const at = after ?? 'link-1'
  if (at.startsWith('row-')) {
    const { ids, last } = await store.listUnchained(ctx, at.slice(4), state.chained_to, rowsAtOnce)
    faults.push(...ids.map((id): AuditFault => ({ rule: 'row_inserted_behind_chain', position: null, audit_id: id, found: null, expected: null })))
    return { newest, faults, next: last && `row-${last}` }
  }
  const from = Number(at.slice(5))
  faults.push(...(await store.listLinkFaults(ctx, from, linksAtOnce)))
  return { newest, faults, next: from + linksAtOnce > (position ?? 0) ? firstRow : `link-${from + linksAtOnce}` }
}

/** A checkpoint of others is refused alike, whoever they are and whatever it says. */
async function compareCheckpoint(ctx: Ctx, { companies }: AuditCheckpoint, companyId: string): Promise<AuditFault[]> {
  const own = companies.filter((head) => head.company_id.toLowerCase() === companyId)
  if (own.length === 0) throw new Refusal(422, 'audit_checkpoint_foreign')
  return (await Promise.all(own.map((head) => compareHead(ctx, head)))).flat()
}

async function compareHead(ctx: Ctx, { position, hash, rows }: AuditHead): Promise<AuditFault[]> {
  const now = await store.findLink(ctx, position)
  const whole = now.hash === hash && (rows === undefined || rows === now.rows)
  return whole ? [] : [{ rule: 'chain_made_anew', position, audit_id: null, found: now.hash, expected: hash }]
}
