// Machines in and out of spreadsheets: a look at what a file would do, one atomic import, and an export that imports unchanged.
import { type Static, Type } from 'typebox'
import { Choice, Id, Instant, Nullable, operation, Page, pageQuery } from '../../plain/operation.ts'
import { everyone, managers } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })

/** The fields a column can be mapped to. `specifications.<key>` takes any other column; `ignore` drops it. */
export const importFields = [
  'serial_number',
  'fleet_code',
  'name',
  'description',
  'manufacturer',
  'model',
  'manufacturer_serial_number',
  'year',
  'plate',
  'ownership',
  'purchase_date',
  'purchase_price',
  'current_value',
  'salvage_value',
  'depreciation_rate',
  'currency',
  'status',
  'location',
  'last_maintenance_date',
  'next_maintenance_date',
  'maintenance_interval_days',
  'maintenance_rule',
  'warranty_expires_at',
  'category',
  'tags',
] as const
export type ImportField = (typeof importFields)[number]

/** A key for a column that is no field: small letters without accents, digits and low lines; empty when nothing is left. */
export function specificationKey(header: string): string {
  const key = header
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 50)
  return /^[a-z]/.test(key) || key === '' ? key : `x_${key}`.slice(0, 50)
}

export const ImportRow = Type.Object(
  {
    row: Type.Integer({ description: 'Line in the file, as a spreadsheet counts' }),
    outcome: Choice(['create', 'update', 'unchanged', 'error']),
    equipment_id: Nullable(Id),
    name: Nullable(Type.String()),
    code: Nullable(Type.String()),
    changes: Type.Array(Type.Object({ field: Type.String(), old: Nullable(Type.String()), new: Nullable(Type.String()) }, { additionalProperties: false })),
    errors: Type.Array(Type.Object({ field: Type.String(), code: Type.String(), detail: Type.String() }, { additionalProperties: false })),
  },
  { additionalProperties: false },
)
export type ImportRow = Static<typeof ImportRow>

export const ImportColumn = Type.Object(
  { index: Type.Integer(), header: Type.String(), field: Type.String({ description: 'A field, specifications.<key>, or ignore' }), samples: Type.Array(Type.String()) },
  { additionalProperties: false },
)
export type ImportColumn = Static<typeof ImportColumn>

export const ImportResult = Type.Object(
  {
    batch_id: Nullable(Id),
    dry_run: Type.Boolean(),
    applied: Type.Boolean(),
    file_name: Type.String(),
    sheet: Type.String({ description: 'Of a workbook with several sheets, the one that was read; empty for CSV' }),
    header_row: Type.Integer({ description: 'The row whose cells name the columns' }),
    columns: Type.Array(ImportColumn),
    date_order: Choice(['dmy', 'mdy', 'iso']),
    questions: Type.Array(Type.Object({ code: Type.String(), detail: Type.String() }, { additionalProperties: false }), {
      description: 'What the file leaves open, such as the order of day and month; answer with the query and send again',
    }),
    row_count: Type.Integer(),
    created_count: Type.Integer(),
    updated_count: Type.Integer(),
    unchanged_count: Type.Integer(),
    error_count: Type.Integer(),
    rows: Type.Array(ImportRow, { description: 'Errors first, at most 500 rows' }),
  },
  { additionalProperties: false },
)
export type ImportResult = Static<typeof ImportResult>

export const importEquipment = operation({
  id: 'importEquipment',
  method: 'POST',
  path: `${company}/equipment/import`,
  who: managers,
  summary: 'Import machines from CSV or XLSX: with dry_run=true only a look, else all rows or none',
  params,
  rawBody: true,
  query: Type.Object(
    {
      dry_run: Type.Optional(Choice(['true', 'false'])),
      mapping: Type.Optional(Type.String({ maxLength: 20_000, description: 'JSON: {"column index": "field"}; columns not named are guessed' })),
      header_row: Type.Optional(Type.Integer({ minimum: 1, maximum: 60, description: 'The row that names the columns, when it is not found by itself' })),
      date_order: Type.Optional(Choice(['dmy', 'mdy', 'iso'])),
      decimal: Type.Optional(Choice(['comma', 'point'])),
      file_name: Type.Optional(Type.String({ maxLength: 255 })),
      progress_id: Type.Optional(Id),
    },
    { additionalProperties: false },
  ),
  reply: ImportResult,
})
export const getImportProgress = operation({
  id: 'getImportProgress',
  method: 'GET',
  path: `${company}/import-progress/{progress_id}`,
  who: managers,
  summary: 'How far a running import is',
  params: Type.Object({ company_id: Id, progress_id: Id }),
  reply: Type.Object({ phase: Choice(['reading', 'checking', 'writing', 'done']), done: Type.Integer(), total: Type.Integer() }, { additionalProperties: false }),
})
export const ImportBatch = Type.Object(
  {
    id: Id,
    file_name: Type.String(),
    row_count: Type.Integer(),
    created_count: Type.Integer(),
    updated_count: Type.Integer(),
    unchanged_count: Type.Integer(),
    created_at: Instant,
    created_by_name: Nullable(Type.String()),
  },
  { additionalProperties: false },
)
export type ImportBatch = Static<typeof ImportBatch>
export const listImports = operation({
  id: 'listImports',
  method: 'GET',
  path: `${company}/imports`,
  who: managers,
  summary: 'Imports done, newest first',
  params,
  query: Type.Object(pageQuery, { additionalProperties: false }),
  reply: Page(ImportBatch),
})
export const exportEquipment = operation({
  id: 'exportEquipment',
  method: 'GET',
  path: `${company}/equipment/export`,
  who: everyone,
  slow: true,
  replica: true,
  summary: 'Machines as CSV or XLSX, with the same filters as the list; imports unchanged',
  params,
  query: Type.Object({ format: Type.Optional(Choice(['csv', 'xlsx'])), q: Type.Optional(Type.String({ maxLength: 500 })) }, { additionalProperties: { type: 'string', maxLength: 1000 } as never }),
  reply: Type.Unknown(),
})
