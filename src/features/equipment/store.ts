// The queries of machines.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { Refusal } from '../../base/errors.ts'
import { filters, instant, JsonText, type ListFields, paging } from '../../base/list.ts'
import { type Moment, type MomentQuery, momentOf, today } from '../../base/moment.ts'
import type { Money } from '../../plain/operation.ts'
import type { Equipment, EquipmentChange, EquipmentInput, Status, StatusPeriod, Summary, TimelineEntry } from './contract.ts'

const company = sql`e.company_id = (SELECT c.company_id FROM caller c)`

/** What someone set; else the book value of the company's day, worked out only for machines that depreciate. */
const currentValue = (day: RawBuilder<unknown>) => sql`CASE WHEN e.current_value IS NOT NULL OR e.depreciation_rate IS NULL THEN e.current_value
  ELSE get_book_value(e.purchase_price, e.salvage_value, e.depreciation_rate, e.purchase_date, ${day}) END`
const money = (column: RawBuilder<unknown>) => sql`CASE WHEN ${column} IS NOT NULL THEN json_build_object('amount', (${column})::text, 'currency', e.currency) END`

// Instants and numbers as text, as the API has them: replies are JSON that the database writes.
const columns = sql`e.id, e.version, ${instant(sql`e.created_at`)} AS created_at, ${instant(sql`e.updated_at`)} AS updated_at, e.created_by, e.updated_by,
  e.name, e.description, e.serial_number, e.fleet_code,
  e.manufacturer, e.model, e.manufacturer_serial_number, e.year, e.plate, e.ownership, e.purchase_date, ${money(sql`e.purchase_price`)} AS purchase_price,
  ${money(sql`w.current_value`)} AS current_value, e.current_value IS NOT NULL AS current_value_given, ${money(sql`e.salvage_value`)} AS salvage_value,
  e.depreciation_rate::text AS depreciation_rate, e.currency, e.status, e.location, e.last_maintenance_date, e.next_maintenance_date,
  e.maintenance_interval_days, e.maintenance_rule, e.maintenance_counted_from, e.warranty_expires_at, e.category_id, k.name AS category_name, e.specifications, e.tags,
  e.is_deleted, ${instant(sql`e.deleted_at`)} AS deleted_at, e.deleted_by,
  CASE WHEN a.id IS NOT NULL THEN json_build_object('assignment_id', a.id, 'user_id', a.user_id, 'display_name', p.display_name,
    'assigned_at', a.assigned_at, 'due_at', a.due_at, 'accepted_at', a.accepted_at, 'condition', a.condition, 'notes', a.notes) END AS holder`

/** Worked out once a row, for the amount and for whether there is one. */
const worth = (day: RawBuilder<unknown>) => sql`CROSS JOIN LATERAL (SELECT ${currentValue(day)} AS current_value OFFSET 0) w`

// Who holds a machine is asked as idx_equipment_assignments_open has it, handed over and not taken back; and of an array, which the dearer
// index of ea_claims_do_not_overlap cannot answer: it would give all that the machine was ever handed over.
const joins = sql`${worth(today)} LEFT JOIN equipment_categories k ON k.company_id = e.company_id AND k.id = e.category_id
  LEFT JOIN equipment_assignments a ON a.company_id = e.company_id AND a.equipment_id = ANY (ARRAY[e.id]) AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)
  LEFT JOIN user_company_roles p ON p.company_id = a.company_id AND p.user_id = a.user_id`

const dayAt = (moment: Moment) => sql`(SELECT get_company_day_at(${moment.asOf}, ${moment.recordedAt}))`

/** The hand-over by which someone had machine `e` at the moment. */
const heldAt = ({ asOf, join }: Moment) => sql`SELECT h.* FROM equipment_assignments x ${join} CROSS JOIN LATERAL get_assignment_at(x, m.as_of, m.known_at) h
  WHERE x.company_id = e.company_id AND x.equipment_id = e.id AND x.assigned_at <= ${asOf} AND h.returned_at IS NULL ORDER BY x.assigned_at DESC LIMIT 1`

/** The same joins for machines as they were: categories under the names they had, people under their own, which no event keeps. */
const joinsAt = (moment: Moment) => sql`${worth(dayAt(moment))} LEFT JOIN get_categories_at(${moment.recordedAt}) k ON k.id = e.category_id
  LEFT JOIN LATERAL (${heldAt(moment)}) a ON true
  LEFT JOIN user_company_roles p ON p.company_id = a.company_id AND p.user_id = a.user_id`

/** What a list of machines can be filtered and sorted by. */
export const equipmentFields: ListFields = {
  created_at: { column: sql`e.created_at`, type: 'instant' },
  updated_at: { column: sql`e.updated_at`, type: 'instant' },
  name: { column: sql`e.name`, type: 'text' },
  description: { column: sql`e.description`, type: 'text', sort: false, nullable: true },
  serial_number: { column: sql`e.serial_number`, type: 'text' },
  fleet_code: { column: sql`e.fleet_code`, type: 'text', nullable: true },
  manufacturer: { column: sql`e.manufacturer`, type: 'text', nullable: true },
  model: { column: sql`e.model`, type: 'text', nullable: true },
  manufacturer_serial_number: { column: sql`e.manufacturer_serial_number`, type: 'text', nullable: true },
  year: { column: sql`e.year`, type: 'number', nullable: true },
  plate: { column: sql`e.plate`, type: 'text', nullable: true },
  ownership: { column: sql`e.ownership`, type: 'text' },
  purchase_date: { column: sql`e.purchase_date`, type: 'date', nullable: true },
  purchase_price: { column: sql`e.purchase_price`, type: 'number', nullable: true },
  current_value: { column: currentValue(today), type: 'number', nullable: true },
  salvage_value: { column: sql`e.salvage_value`, type: 'number' },
  depreciation_rate: { column: sql`e.depreciation_rate`, type: 'number', nullable: true },
  currency: { column: sql`e.currency`, type: 'text' },
  status: { column: sql`e.status`, type: 'text' },
  location: { column: sql`e.location`, type: 'text', nullable: true },
  last_maintenance_date: { column: sql`e.last_maintenance_date`, type: 'date', nullable: true },
  next_maintenance_date: { column: sql`e.next_maintenance_date`, type: 'date', nullable: true },
  maintenance_interval_days: { column: sql`e.maintenance_interval_days`, type: 'number', nullable: true },
  maintenance_rule: { column: sql`e.maintenance_rule`, type: 'text' },
  warranty_expires_at: { column: sql`e.warranty_expires_at`, type: 'date', nullable: true },
  created_by: { column: sql`e.created_by`, type: 'uuid', sort: false, nullable: true },
  updated_by: { column: sql`e.updated_by`, type: 'uuid', sort: false, nullable: true },
  version: { column: sql`e.version`, type: 'number', sort: false },
  tags: { column: sql`e.tags`, type: 'tags', sort: false },
}
const known = ['q', 'limit', 'cursor', 'sort', 'count', 'deleted', 'category_id', 'holder_id', 'in_use', 'incomplete', 'format']

export type EquipmentQuery = MomentQuery & {
  q?: string
  limit?: number
  cursor?: string
  sort?: string
  count?: string
  deleted?: string
  category_id?: string
  holder_id?: string
  in_use?: string
  incomplete?: string
  [filter: string]: unknown
}

/** Filters by tag and by the value of a specification, asked of the index first: row security would keep the filters themselves from it. */
function signs(query: EquipmentQuery): RawBuilder<unknown>[] {
  return Object.entries(query).flatMap(([name, value]) => {
    const key = name === 'tags' ? '#' : /^specifications\.([a-z][a-z0-9_]{0,49})$/.test(name) ? `@${name.slice('specifications.'.length)}=` : undefined
    const wanted = key ? String(value).split(',') : []
    return wanted.length > 0 && wanted.every((one) => one.length <= 100) ? [sql`e.id IN (SELECT find_equipment_with(${wanted.map((one) => key + one)}::text[]))`] : []
  })
}

/** The condition a query sets on machines `e` (and, for search, the join that ranks the newest `most` that fit, as `s`). Shared by list and export. */
export function equipmentWhere(query: EquipmentQuery, most = 1000): { where: RawBuilder<unknown>; search: RawBuilder<unknown> } {
  const held = (more: RawBuilder<unknown>) => sql`EXISTS (SELECT FROM equipment_assignments h
    WHERE h.company_id = e.company_id AND h.equipment_id = e.id AND (h.returned_at IS NULL) > (h.assigned_at IS NULL) AND ${more})`
  const search = query.q?.trim() ? sql`JOIN search_equipment(${query.q}, ${most}::int) s ON s.equipment_id = e.id` : sql``
  return { where: sql.join([company, ...signs(query), ...conditions(query, present, held)], sql` AND `), search }
}

type Sources = { fields: ListFields; categories: RawBuilder<unknown>; templates: RawBuilder<unknown> }
const present: Sources = { fields: equipmentFields, categories: sql`equipment_categories`, templates: sql`category_specification_fields` }

/** Values, categories with their fields, and who holds what: those of now, or those of the moment asked about. */
function conditions(query: EquipmentQuery, { fields, categories, templates }: Sources, held: (more: RawBuilder<unknown>) => RawBuilder<unknown>): RawBuilder<unknown>[] {
  const found = [query.deleted === 'true' ? sql`e.is_deleted` : sql`NOT e.is_deleted`, filters(query, fields, known, sql`e.specifications`)]
  if (query.category_id) {
    found.push(sql`e.category_id IN (
      SELECT below.id FROM ${categories} own JOIN ${categories} below ON below.company_id = own.company_id AND below.path <@ own.path
      WHERE own.company_id = (SELECT c.company_id FROM caller c) AND own.id::text = ANY (${query.category_id.toLowerCase().split(',')}::text[]))`)
  }
  if (query.holder_id) found.push(held(sql`h.user_id = ${query.holder_id}::uuid`))
  if (query.in_use) found.push(query.in_use === 'true' ? held(sql`true`) : sql`NOT ${held(sql`true`)}`)
  if (query.incomplete) {
    const lacks = sql`EXISTS (SELECT FROM ${templates} f WHERE f.company_id = e.company_id AND f.category_id = e.category_id
      AND find_specification_fault(e.specifications -> f.key, f.field) IS NOT NULL)`
    found.push(query.incomplete === 'true' ? lacks : sql`NOT ${lacks}`)
  }
  return found
}

type EquipmentPage = JsonText<{ items: Equipment[]; next_cursor: string | null; total?: number }>

export async function listEquipment(ctx: Runner, query: EquipmentQuery): Promise<EquipmentPage> {
  const moment = momentOf(query)
  if (moment) return listEquipmentAt(ctx, query, moment)
  const ranked = Boolean(query.q?.trim()) && !query.sort
  const fields: ListFields = ranked ? { ...equipmentFields, rank: { column: sql`s.rank::numeric`, type: 'number' } } : equipmentFields
  const sort = ranked ? '-rank' : (query.sort ?? '-created_at')
  const page = paging({ ...query, sort }, fields, sort, sql`e.id`)
  // Where nothing else is asked, all that are found are in the list: fewer do.
  const isAlone = Object.keys(query).every((name) => ['q', 'limit', 'cursor'].includes(name))
  const { where, search } = equipmentWhere(query, isAlone ? 300 : 1000)
  const sortColumn = fields[sort.replace(/^-/, '')]?.column ?? sql`e.created_at`
  // The page is chosen first; names and holders are joined to its rows alone.
  return page.read(ctx, {
    page: sql`SELECT e.company_id, e.id, (${sortColumn})::text AS sort_value, row_number() OVER (ORDER BY ${page.order}) AS place
      FROM equipment e ${search} WHERE ${where} AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`,
    item: columns,
    from: sql`page JOIN equipment e ON e.company_id = page.company_id AND e.id = page.id ${joins}`,
    total: query.count === 'true' ? sql`(SELECT count(*)::int FROM equipment e ${search} WHERE ${where})` : undefined,
  })
}

/**
 * Whether a machine `b` may have had one of the statuses at the moment, asked of its history before the machine is turned back: of a
 * thousand machines that cost one look each, fifty are turned back. A superset: what the machine then says of itself still counts.
 */
function mayHaveHad(status: unknown, { asOf, knownAt, recordedAt }: Moment): RawBuilder<unknown>[] {
  if (status === undefined) return []
  return [
    sql`EXISTS (SELECT FROM equipment_status_history h WHERE h.company_id = b.company_id AND h.equipment_id = b.id AND h.status = ANY (${String(status).split(',')}::text[])
      AND h.effective_from <= ${asOf} AND (h.effective_to IS NULL OR h.effective_to > ${recordedAt})
      AND h.recorded_at <= ${knownAt} AND (h.superseded_at IS NULL OR h.superseded_at > ${knownAt}))`,
  ]
}

/**
 * The list as of a moment: the table's rows `b` in the order of their creation, each turned back into `e` when its turn comes.
 * The search index knows today's words only, so a search looks for each word in what the machine said then.
 */
async function listEquipmentAt(ctx: Runner, query: EquipmentQuery, moment: Moment): Promise<EquipmentPage> {
  const { as_of: _, known_at: __, ...rest } = query
  const day = dayAt(moment)
  const fields: ListFields = { ...equipmentFields, created_at: { column: sql`b.created_at`, type: 'instant' }, current_value: { column: currentValue(day), type: 'number', nullable: true } }
  const sort = query.sort ?? '-created_at'
  const page = paging({ ...rest, sort }, fields, sort, sql`b.id`)
  const held = (more: RawBuilder<unknown>) => sql`EXISTS (SELECT FROM (${heldAt(moment)}) h WHERE ${more})`
  const past = { fields, categories: sql`get_categories_at(${moment.recordedAt})`, templates: sql`get_specification_fields_at(${moment.recordedAt})` }
  const words = (query.q ?? '').trim().split(/\s+/).filter(Boolean).slice(0, 8)
  const said = words.map(
    (word) => sql`position(normalize_search_text(${word}) IN normalize_search_text(concat_ws(' ', e.name, e.serial_number, e.fleet_code, e.manufacturer, e.model, e.plate,
      e.manufacturer_serial_number, e.location, e.year::text, array_to_string(e.tags, ' '), e.description))) > 0`,
  )
  const where = sql.join(
    [sql`b.company_id = (SELECT c.company_id FROM caller c)`, sql`b.created_at <= ${moment.recordedAt}`, ...mayHaveHad(rest.status, moment), ...conditions(rest, past, held), ...said],
    sql` AND `,
  )
  const source = sql`equipment b ${moment.join} CROSS JOIN LATERAL get_equipment_at(b, m.as_of, m.known_at) e`
  const sortColumn = fields[sort.replace(/^-/, '')]?.column ?? sql`b.created_at`
  return page.read(ctx, {
    before: moment.table,
    page: sql`SELECT e AS machine, b.id, (${sortColumn})::text AS sort_value, row_number() OVER (ORDER BY ${page.order}) AS place
      FROM ${source} WHERE ${where} AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`,
    item: columns,
    from: sql`page CROSS JOIN LATERAL (SELECT (page.machine).*) e ${joinsAt(moment)}`,
    total: query.count === 'true' ? sql`(SELECT count(*)::int FROM ${source} WHERE ${where})` : undefined,
  })
}

type Machine = JsonText<Equipment>
/** The one machine `e` of a query, as JSON with its version. `before`: what stands in WITH. */
async function readMachine(ctx: Runner, { before = sql``, from, where = sql`true` }: { before?: RawBuilder<unknown>; from: RawBuilder<unknown>; where?: RawBuilder<unknown> }) {
  const [row] = await ctx.run<{ machine: string; version: number }>(
    sql`${before} SELECT row_to_json(item)::text AS machine, item.version FROM ${from} CROSS JOIN LATERAL (SELECT ${columns}) item WHERE ${where}`,
  )
  return row && new JsonText<Equipment>(row.machine, { version: row.version })
}

/** Undefined for a machine that is unknown, or was not yet registered at the moment asked about. */
export async function findEquipment(ctx: Runner, id: string, query: MomentQuery = {}): Promise<Machine | undefined> {
  const moment = momentOf(query)
  if (!moment) return readMachine(ctx, { from: sql`equipment e ${joins}`, where: sql`${company} AND e.id = ${id}::uuid` })
  return readMachine(ctx, {
    before: sql`WITH ${moment.table}`,
    from: sql`equipment b ${moment.join} CROSS JOIN LATERAL get_equipment_at(b, m.as_of, m.known_at) e ${joinsAt(moment)}`,
    where: sql`b.company_id = (SELECT c.company_id FROM caller c) AND b.id = ${id}::uuid AND b.created_at <= ${moment.recordedAt}`,
  })
}

const amountOf = (value: Money | string | null | undefined) => (value && typeof value === 'object' ? value.amount : value)

/** The one currency an input speaks of, if any. Two would make one of the amounts another sum than was meant. */
function currencyOf(input: EquipmentChange): string | undefined {
  const named = [input.currency, ...[input.purchase_price, input.current_value, input.salvage_value].map((value) => (value && typeof value === 'object' ? value.currency : undefined))].filter(
    (value) => value !== undefined,
  )
  if (new Set(named).size > 1) throw new Refusal(422, 'equipment_one_currency')
  return named[0]
}

/** Columns and values of an input; money splits into amount and currency. */
function assignments(input: EquipmentChange & { status?: Status }): [string, unknown][] {
  const { purchase_price, current_value, salvage_value, specifications, tags, ...plain } = input
  const entries: [string, unknown][] = Object.entries(plain)
  if (purchase_price !== undefined) entries.push(['purchase_price', amountOf(purchase_price)])
  if (current_value !== undefined) entries.push(['current_value', amountOf(current_value)])
  if (salvage_value !== undefined) entries.push(['salvage_value', amountOf(salvage_value) ?? '0'])
  if (specifications !== undefined) entries.push(['specifications', JSON.stringify(specifications)])
  if (tags !== undefined) entries.push(['tags', tags])
  const currency = currencyOf(input)
  if (currency && input.currency === undefined) entries.push(['currency', currency])
  return entries.filter(([, value]) => value !== undefined)
}

const typed = (column: string, value: unknown) => {
  const cast = {
    specifications: sql`::jsonb`,
    tags: sql`::text[]`,
    category_id: sql`::uuid`,
    year: sql`::smallint`,
    purchase_price: sql`::numeric`,
    current_value: sql`::numeric`,
    salvage_value: sql`::numeric`,
    depreciation_rate: sql`::numeric`,
    purchase_date: sql`::date`,
    last_maintenance_date: sql`::date`,
    next_maintenance_date: sql`::date`,
    maintenance_interval_days: sql`::int`,
    warranty_expires_at: sql`::date`,
  }[column]
  return cast ? sql`${value}${cast}` : sql`${value}`
}

/** Runs a write that gives machine rows, and gives the machine as the API shows it: one statement, one round trip. */
const changed = (ctx: Runner, write: RawBuilder<unknown>): Promise<Machine | undefined> => readMachine(ctx, { before: sql`WITH e AS (${write})`, from: sql`e ${joins}` })

export async function createEquipment(ctx: Runner, input: EquipmentInput): Promise<Machine> {
  const entries = assignments(input)
  const machine = await changed(
    ctx,
    sql`
    INSERT INTO equipment (company_id, ${sql.join(entries.map(([column]) => sql.ref(column)))})
    SELECT c.company_id, ${sql.join(entries.map(([column, value]) => typed(column, value)))} FROM caller c RETURNING *`,
  )
  if (!machine) throw new Error('an insert gives its row')
  return machine
}

/** Undefined when there is no such machine. A stale version is refused by the database. */
export async function changeEquipment(ctx: Runner, id: string, version: number | null, change: EquipmentChange): Promise<Machine | undefined> {
  const sets = assignments(change).map(([column, value]) => sql`${sql.ref(column)} = ${typed(column, value)}`)
  // An amount in a currency does not turn the machine's other amount into that currency unless `currency` says so.
  const currency = change.currency === undefined ? currencyOf(change) : undefined
  const others = (['purchase_price', 'current_value', 'salvage_value'] as const).filter((column) => change[column] === undefined)
  const keeps =
    currency && others.length > 0
      ? sql`(e.currency = ${currency} OR (${sql.join(
          others.map((column) => sql`coalesce(e.${sql.ref(column)}, 0) = 0`),
          sql` AND `,
        )}))`
      : sql`true`
  const machine = await changed(
    ctx,
    sql`
    UPDATE equipment e SET ${sql.join([version === null ? sql`version = e.version` : sql`version = ${version}`, ...sets])}
    WHERE ${company} AND e.id = ${id}::uuid AND NOT e.is_deleted AND ${keeps} RETURNING *`,
  )
  if (!machine && currency) {
    const there = await ctx.run(sql`SELECT FROM equipment e WHERE ${company} AND e.id = ${id}::uuid AND NOT e.is_deleted AND NOT ${keeps}`)
    if (there.length > 0) throw new Refusal(422, 'equipment_one_currency')
  }
  return machine
}

export async function setDeleted(ctx: Runner, id: string, version: number | null, deleted: boolean): Promise<Machine | undefined> {
  return changed(
    ctx,
    sql`
    UPDATE equipment e SET is_deleted = ${deleted}, version = ${version === null ? sql`e.version` : sql`${version}`}
    WHERE ${company} AND e.id = ${id}::uuid AND e.is_deleted <> ${deleted} RETURNING *`,
  )
}

export async function changeStatus(ctx: Runner, id: string, version: number | null, status: Status, reason: string): Promise<Machine | undefined> {
  return changed(ctx, sql`SELECT * FROM change_equipment_status(${id}::uuid, ${version}::int, ${status}, ${reason})`)
}

type Correction = { status: Status; effective_from: string; effective_to?: string | null; reason: string; version?: number }

export async function correctStatus(ctx: Runner, id: string, { status, effective_from, effective_to, reason, version }: Correction): Promise<Machine | undefined> {
  return changed(ctx, sql`SELECT * FROM correct_equipment_status(${id}::uuid, ${version ?? null}::int, ${status}, ${effective_from}::timestamptz, ${effective_to ?? null}::timestamptz, ${reason})`)
}

export async function machineExists(ctx: Runner, id: string): Promise<boolean> {
  return (await ctx.run(sql`SELECT FROM equipment e WHERE ${company} AND e.id = ${id}::uuid`)).length > 0
}

export async function listStatusHistory(ctx: Runner, id: string, query: { limit?: number; cursor?: string; superseded?: string }) {
  const page = paging(query, { effective_from: { column: sql`h.effective_from`, type: 'instant' } }, '-effective_from', sql`h.id`)
  const rows = await ctx.run<StatusPeriod & { sort_value: string }>(sql`
    SELECT h.id, h.status, h.effective_from, h.effective_to, h.changed_by, p.display_name AS changed_by_name, h.reason,
      h.recorded_at, h.superseded_at, h.superseded_by, c.display_name AS superseded_by_name, h.effective_from::text AS sort_value
    FROM equipment_status_history h LEFT JOIN user_company_roles p ON p.company_id = h.company_id AND p.user_id = h.changed_by
    LEFT JOIN user_company_roles c ON c.company_id = h.company_id AND c.user_id = h.superseded_by
    WHERE h.company_id = (SELECT c.company_id FROM caller c) AND h.equipment_id = ${id}::uuid AND ${query.superseded === 'true' ? sql`true` : sql`h.superseded_at IS NULL`} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

export async function getTimeline(ctx: Runner, id: string, query: { limit?: number; cursor?: string }): Promise<JsonText<{ items: TimelineEntry[]; next_cursor: string | null }>> {
  const page = paging(query, { id: { column: sql`v.id`, type: 'uuid' } }, '-id', sql`v.id`)
  return page.join(
    await ctx.run(sql`
    SELECT row_to_json(item)::text AS item, v.id, v.id::text AS sort_value FROM domain_events v
    LEFT JOIN user_company_roles p ON p.company_id = v.company_id AND p.user_id = v.recorded_by
    LEFT JOIN equipment_assignments a ON v.aggregate_type = 'assignment' AND a.company_id = v.company_id AND a.id = v.aggregate_id
    LEFT JOIN user_company_roles holder ON holder.company_id = a.company_id AND holder.user_id = a.user_id
    CROSS JOIN LATERAL (SELECT v.id, v.event_type, ${instant(sql`v.occurred_at`)} AS occurred_at, v.recorded_by, p.display_name AS recorded_by_name,
      v.metadata ->> 'reason' AS reason, holder.display_name AS holder_name, v.event_data -> 'old' AS old, v.event_data -> 'new' AS new) item
    WHERE v.company_id = (SELECT c.company_id FROM caller c) AND v.subject_id = ${id}::uuid AND ${page.after} ORDER BY ${page.order} LIMIT ${page.limit}`),
  )
}

export async function getSummary(ctx: Runner): Promise<Summary> {
  const [row] = await ctx.run<Summary>(sql`
    SELECT count(*)::int AS total, count(*) FILTER (WHERE e.status = 'active')::int AS active, count(*) FILTER (WHERE e.status = 'maintenance')::int AS maintenance,
      count(*) FILTER (WHERE e.status = 'retired')::int AS retired, count(*) FILTER (WHERE e.status = 'disposed')::int AS disposed,
      (SELECT count(*)::int FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c) AND (a.returned_at IS NULL) > (a.assigned_at IS NULL)) AS in_use,
      count(*) FILTER (WHERE e.status IN ('active', 'maintenance') AND e.next_maintenance_date < today.day)::int AS service_overdue,
      count(*) FILTER (WHERE e.status IN ('active', 'maintenance') AND e.next_maintenance_date BETWEEN today.day AND today.day + 7)::int AS service_soon,
      (SELECT count(*)::int FROM equipment_assignments a WHERE a.company_id = (SELECT c.company_id FROM caller c)
        AND a.user_id = (SELECT c.user_id FROM caller c) AND a.assigned_at IS NOT NULL AND a.returned_at IS NULL) AS held_by_me
    FROM equipment e, (SELECT (now() AT TIME ZONE coalesce(co.settings ->> 'time_zone', 'UTC'))::date AS day FROM companies co
      WHERE co.id = (SELECT c.company_id FROM caller c)) today
    WHERE ${company} AND NOT e.is_deleted`)
  if (!row) throw new Error('a count gives its row')
  return row
}
