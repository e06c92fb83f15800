// An import from file to result: read, plan, write in one transaction that only a faultless apply keeps.

import type { Runner } from '../../base/db.ts'
import { fieldsOfRefusal, Refusal } from '../../base/errors.ts'
import type { Translate } from '../../plain/translate.ts'
import { readMapping } from './columns.ts'
import type { ImportResult, ImportRow } from './contract.ts'
import { type Existing, type PlanRow, planRows, valueText } from './plan.ts'
import { type Reading, readAside } from './reading.ts'
import type { Category, Machine, RowError } from './rows.ts'
import * as store from './store.ts'
import type { DateOrder, Decimal } from './values.ts'

export type Request = { bytes: Buffer; fileName: string; dryRun: boolean; mapping: string | undefined; headerRow: number | undefined; dateOrder: DateOrder | undefined; decimal: Decimal | undefined }
export type Phase = 'reading' | 'checking' | 'writing' | 'done'
export type Tell = (phase: Phase, done: number, total: number) => void

const batchSize = 250
const shownRows = 500

/** Thrown to undo what a look wrote; carries what was seen. */
class Undo<T> extends Error {
  readonly seen: T
  constructor(seen: T) {
    super('undo')
    this.seen = seen
  }
}

export async function importFile(ctx: Runner, t: Translate, request: Request, tell: Tell): Promise<ImportResult> {
  tell('reading', 0, 0)
  const { bytes, headerRow, dateOrder, decimal } = request
  const mapping = readMapping(request.mapping)
  const categories = await store.listImportCategories(ctx)
  const reading = await readAside({ bytes, mapping, headerRow, categories, answers: { dateOrder, decimal } })
  const plan = async (tx: Runner): Promise<Plan> => {
    tell('checking', 0, reading.rows.length)
    const given = reading.rows.map((row) => row.given)
    return { ...reading, categories, plans: await planRows(reading.rows, await store.listMeantMachines(tx, given), categories) }
  }
  try {
    return request.dryRun ? await look(ctx, t, request, plan, tell) : await apply(ctx, t, request, plan, tell)
  } finally {
    tell('done', 0, 0)
  }
}

type Plan = Reading & { plans: PlanRow[]; categories: Category[] }
type MakePlan = (tx: Runner) => Promise<Plan>

/** Tries every row on the database and undoes it batch by batch, so that nobody waits long for a machine that is only looked at. */
async function look(ctx: Runner, t: Translate, request: Request, plan: MakePlan, tell: Tell): Promise<ImportResult> {
  const planned = await ctx.transaction(plan)
  const rows = writable(planned.plans)
  let written = await write((work) => undone(ctx, work), rows, tell)
  // A code that one batch frees and another takes shows only when all are tried together.
  if (rows.length > batchSize && written.some(({ problem }) => problem?.startsWith('idx_'))) written = await undone(ctx, (tx) => write((work) => work(tx), rows, tell))
  settle(rows, written)
  return describe(planned, request, t, new Map())
}

async function apply(ctx: Runner, t: Translate, request: Request, plan: MakePlan, tell: Tell): Promise<ImportResult> {
  return ctx.transaction(async (tx) => {
    if (!(await store.takeTurn(tx))) throw new Refusal(409, 'import_running')
    const id = await store.beginBatch(tx, t('imports.reason', { file: request.fileName }))
    const planned = await plan(tx)
    const rows = writable(planned.plans)
    const ids = settle(rows, await write((work) => work(tx), rows, tell))
    const result = describe(planned, request, t, ids)
    if (result.error_count > 0) throw refusedRows(result)
    const mapping = Object.fromEntries(planned.table.columns.map(({ header, index, field }) => [`${index} ${header}`.slice(0, 100), field]))
    await store.recordBatch(tx, { ...result, id, mapping })
    return { ...result, batch_id: id, applied: true }
  })
}

async function undone<T>(ctx: Runner, work: (tx: Runner) => Promise<T>): Promise<T> {
  try {
    return await ctx.transaction(async (tx) => {
      throw new Undo(await work(tx))
    })
  } catch (error) {
    if (error instanceof Undo) return error.seen as T
    throw error
  }
}

const writable = (plans: PlanRow[]) => plans.filter(({ outcome }) => outcome === 'create' || outcome === 'update')

/** Writes the rows in batches, each in what `inside` gives to write in. */
async function write(inside: (work: (tx: Runner) => Promise<store.Written[]>) => Promise<store.Written[]>, rows: PlanRow[], tell: Tell): Promise<store.Written[]> {
  const written: store.Written[] = []
  for (let from = 0; from < rows.length; from += batchSize) {
    tell('writing', from, rows.length)
    written.push(...(await inside((tx) => store.writeRows(tx, rows.slice(from, from + batchSize)))))
  }
  return written
}

/** The database's refusals become the errors of their rows; gives the machine of every other row. */
function settle(rows: PlanRow[], written: store.Written[]): Map<number, string> {
  const byRow = new Map(rows.map((plan) => [plan.row, plan]))
  const ids = new Map<number, string>()
  for (const { row_number, equipment_id, problem, detail } of written) {
    const plan = byRow.get(row_number)
    if (problem !== null && plan) {
      plan.outcome = 'error'
      const code = problem === 'BC412' ? 'version_conflict' : /^[0-9A-Z]{5}$/.test(problem) ? 'value_invalid' : problem
      const fields = fieldsOfRefusal(code, detail)
      plan.errors.push(...(fields.length ? fields : [{ field: '', code }]).map((fault) => ({ values: {}, ...fault })))
    } else if (equipment_id) ids.set(row_number, equipment_id)
  }
  return ids
}

const rank = { error: 0, update: 1, create: 2, unchanged: 3 }

function describe({ table, plans, categories, questions, dateOrder }: Plan, request: Request, t: Translate, written: Map<number, string>): ImportResult {
  const count = (outcome: PlanRow['outcome']) => plans.filter((plan) => plan.outcome === outcome).length
  const paths = new Map(categories.map(({ id, path }) => [id, path]))
  const shown = [...plans].sort((a, b) => rank[a.outcome] - rank[b.outcome] || a.row - b.row).slice(0, shownRows)
  return {
    batch_id: null,
    dry_run: request.dryRun,
    applied: false,
    file_name: request.fileName,
    sheet: table.sheet,
    header_row: table.headerRow,
    columns: table.columns,
    date_order: dateOrder,
    questions: questions.map(({ code, values }) => ({ code, detail: t(`imports.${code}`, values) })),
    row_count: plans.length,
    created_count: count('create'),
    updated_count: count('update'),
    unchanged_count: count('unchanged'),
    error_count: count('error'),
    rows: shown.map((plan) => describeRow(plan, t, paths, request.dryRun ? undefined : written.get(plan.row))),
  }
}

function describeRow(plan: PlanRow, t: Translate, paths: Map<string, string>, newId: string | undefined): ImportRow {
  const { machine, existing } = plan
  return {
    row: plan.row,
    outcome: plan.outcome,
    equipment_id: existing?.id ?? newId ?? null,
    name: machine.name,
    code: machine.fleet_code ?? machine.serial_number ?? machine.manufacturer_serial_number,
    changes: plan.changed.map((field) => ({ field, old: fieldText(existing, field, t, paths), new: fieldText(machine, field, t, paths) })),
    errors: plan.errors.map((error) => ({ field: error.field, code: error.code, detail: sentence(error, t) })),
  }
}

function fieldText(machine: Machine | Existing | undefined, field: string, t: Translate, paths: Map<string, string>): string | null {
  if (!machine) return null
  if (field === 'category_id') return machine.category_id ? (paths.get(machine.category_id) ?? null) : null
  if (field === 'status' || field === 'ownership') return t(`imports.${field}_${machine[field]}`)
  const value = field.startsWith('specifications.') ? machine.specifications[field.slice('specifications.'.length)] : machine[field as keyof Machine]
  return valueText(value) === '' ? null : valueText(value).slice(0, 500)
}

const sentence = ({ code, values }: RowError, t: Translate) => t(`problems.${code}`, values)

function refusedRows(result: ImportResult): Refusal {
  const faults = result.rows.flatMap((row) => row.errors.map((error) => ({ field: `rows.${row.row}${error.field ? `.${error.field}` : ''}`, code: error.code, detail: error.detail })))
  return new Refusal(422, 'import_rows_invalid', { count: result.error_count }, faults.slice(0, 100))
}
