// Lists by keyset: filters, sort and cursor of a request become one statement whose page after row 40,000 costs what the first does.
import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from './db.ts'
import { Refusal } from './errors.ts'

export type FieldType = 'text' | 'number' | 'date' | 'instant' | 'uuid' | 'tags' | 'boolean'
/** column: how the statement names the field. filter or sort false: not allowed by it. */
export type ListField = { column: RawBuilder<unknown>; type: FieldType; sort?: boolean; nullable?: boolean }
export type ListFields = Record<string, ListField>

const casts: Record<FieldType, RawBuilder<unknown>> = {
  text: sql`text`,
  number: sql`numeric`,
  date: sql`date`,
  instant: sql`timestamptz`,
  uuid: sql`uuid`,
  tags: sql`text`,
  boolean: sql`boolean`,
}
const operators = { eq: sql`=`, ne: sql`<>`, gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` } as const

/** What a map itself holds: `constructor` and its like are no names of ours. */
function own<T>(map: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/**
 * The condition for every filter in the query: `field=a`, `field=a,b` (any of), `field.gte=1` (also gt, lt, lte, ne),
 * `field.contains=text`, `field.empty=true`. `specifications.<key>` works when `specifications` is given.
 */
export function filters(query: Record<string, unknown>, fields: ListFields, known: readonly string[], specifications?: RawBuilder<unknown>): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = [sql`true`]
  for (const [name, raw] of Object.entries(query)) {
    if (known.includes(name) || raw === undefined) continue
    const spec = /^specifications\.([a-z][a-z0-9_]{0,49})(?:\.(\w+))?$/.exec(name)
    const [fieldName = '', operator = 'eq'] = name.split('.')
    const field = own(fields, fieldName)
    if (spec && specifications) conditions.push(specificationFilter(specifications, spec[1] ?? '', spec[2] ?? 'eq', String(raw), name))
    else if (field && name.split('.').length <= 2) conditions.push(fieldFilter(field, operator, raw, name))
    else throw new Refusal(400, 'input_invalid', {}, [{ field: `query.${name}`, code: 'filter_unknown', values: { fields: Object.keys(fields).join(', ') } }])
  }
  return sql.join(conditions, sql` AND `)
}

function fieldFilter(field: ListField, operator: string, raw: unknown, name: string): RawBuilder<unknown> {
  const values = (Array.isArray(raw) ? raw : String(raw).split(',')).map(String)
  const bad = (): never => {
    throw new Refusal(400, 'input_invalid', {}, [{ field: `query.${name}`, code: 'filter_value', values: { type: field.type } }])
  }
  if (operator === 'empty') {
    if (values[0] !== 'true' && values[0] !== 'false') bad()
    return values[0] === 'true' ? sql`${field.column} IS NULL` : sql`${field.column} IS NOT NULL`
  }
  if (operator === 'contains' && field.type === 'text') return sql`position(lower(${values.join(',')}) IN lower(${field.column})) > 0`
  if (!values.every((value) => isOf(field.type, value))) bad()
  if (field.type === 'tags' && operator === 'eq') return sql`${field.column} && ${values}::text[]`
  if (operator === 'eq' && values.length > 1) return sql`${field.column} = ANY (${values}::${casts[field.type]}[])`
  const sign = own(operators, operator)
  if (!sign || values.length !== 1 || field.type === 'tags') return bad()
  return sql`${field.column} ${sign} ${values[0]}::${casts[field.type]}`
}

function specificationFilter(specifications: RawBuilder<unknown>, key: string, operator: string, value: string, name: string): RawBuilder<unknown> {
  const at = sql`${specifications} ->> ${key}`
  if (operator === 'empty') return value === 'true' ? sql`${at} IS NULL` : sql`${at} IS NOT NULL`
  if (operator === 'contains') return sql`position(lower(${value}) IN lower(${at})) > 0`
  if (operator === 'eq') return sql`${at} = ANY (${value.split(',')}::text[])`
  const sign = own(operators, operator)
  if (!sign || !isOf('number', value)) throw new Refusal(400, 'input_invalid', {}, [{ field: `query.${name}`, code: 'filter_value', values: { type: 'number' } }])
  return sql`CASE WHEN jsonb_typeof(${specifications} -> ${key}) = 'number' THEN (${at})::numeric ${sign} ${value}::numeric ELSE false END`
}

function isOf(type: FieldType, value: string): boolean {
  switch (type) {
    case 'number':
      return /^-?\d{1,15}(\.\d{1,6})?$/.test(value)
    case 'date':
      return /^\d{4}-\d{2}-\d{2}$/.test(value) && isRealDay(value)
    case 'instant':
      return /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(value) && isRealDay(value.slice(0, 10)) && !Number.isNaN(Date.parse(value))
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
    case 'boolean':
      return value === 'true' || value === 'false'
    default:
      return value.length <= 500
  }
}

function isRealDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === day && day >= '0001-01-01'
}

export type Paging = {
  /** The sort value and id of the row that the page comes after. */
  last: [string | null, string] | undefined
  order: RawBuilder<unknown>
  after: RawBuilder<unknown>
  /** Written into the statement: not knowing how few rows are wanted, the planner would plan anew in each request. */
  limit: RawBuilder<unknown>
  finish: <Row extends Record<string, unknown>>(rows: Row[]) => { items: Row[]; next_cursor: string | null }
  /** The page of rows whose items the database wrote as JSON. */
  join: <Page>(rows: Written[]) => JsonText<Page>
  /** The page as JSON that the database writes: of many columns that costs half of reading each and writing them again. */
  read: <Page>(ctx: Runner, parts: PageParts) => Promise<JsonText<Page>>
}

export type Written = { item: string; id: string; sort_value: string | null }

/** `page`: gives `limit` rows with id, sort_value and place (from 1). `item`: the columns of an item; `from`: where they are, beside `page`. */
type PageParts = { before?: RawBuilder<unknown>; page: RawBuilder<unknown>; item: RawBuilder<unknown>; from: RawBuilder<unknown>; total?: RawBuilder<unknown> | undefined }

/** A reply that is JSON already and is passed on as it is. `version`: of the one row it tells of, for its ETag. `isEmpty`: a page without items. */
export class JsonText<T> {
  declare readonly says: T
  declare readonly version: number
  declare readonly isEmpty: boolean
  readonly text: string
  constructor(text: string, about: { version?: number; isEmpty?: boolean } = {}) {
    this.text = text
    Object.assign(this, about)
  }
  toJSON(): T {
    return JSON.parse(this.text)
  }
}

/** An instant in the JSON of the database as it is everywhere else: RFC 3339 with Z. */
export const instant = (column: RawBuilder<unknown>) => sql`replace(replace((${column})::text, ' ', 'T'), '+00', 'Z')`

/**
 * Order and cursor. `sort` is a field name, with - in front for descending; ties go by id in the same direction; empty values come last.
 * The statement must select the sort value as `sort_value` (text) beside `id`, and fetch `limit` rows, which is one more than the page.
 */
export function paging(query: { limit?: number; cursor?: string; sort?: string }, fields: ListFields, fallback: string, id: RawBuilder<unknown>): Paging {
  const sort = query.sort ?? fallback
  const descending = sort.startsWith('-')
  const field = own(fields, descending ? sort.slice(1) : sort)
  if (!field || field.sort === false) {
    const names = Object.entries(fields)
      .filter(([, f]) => f.sort !== false)
      .map(([name]) => name)
    throw new Refusal(400, 'input_invalid', {}, [{ field: 'query.sort', code: 'sort_unknown', values: { fields: names.join(', ') } }])
  }
  const direction = descending ? sql`DESC` : sql`ASC`
  const size = query.limit ?? 50
  const mark = createHash('sha1').update(sort).digest('base64url').slice(0, 6)
  const last = query.cursor ? readCursor(query.cursor, mark, field) : undefined
  const cursorAfter = (value: unknown, lastId: unknown) => Buffer.from(JSON.stringify([mark, value ?? null, lastId])).toString('base64url')
  return {
    last,
    order: field.nullable ? sql`(${field.column} IS NULL), ${field.column} ${direction}, ${id} ${direction}` : sql`${field.column} ${direction}, ${id} ${direction}`,
    after: last ? keyset(field, last, descending, id) : sql`true`,
    limit: sql.lit(size + 1),
    finish: (rows) => {
      const items = rows.slice(0, size)
      const last = items.at(-1)
      const next = rows.length > size && last ? cursorAfter(last.sort_value, last.id) : null
      // Undefined is left out of a reply; copying each row without it would cost more than all else here.
      for (const item of items as { sort_value?: unknown }[]) item.sort_value = undefined
      return { items, next_cursor: next }
    },
    join: (rows) => {
      const end = rows.length > size ? rows[size - 1] : undefined
      const cursor = end ? `"${cursorAfter(end.sort_value, end.id)}"` : 'null'
      const items = rows.slice(0, size).map(({ item }) => item)
      return new JsonText(`{"items":[${items.join(',')}],"next_cursor":${cursor}}`, { isEmpty: rows.length === 0 })
    },
    read: async (ctx, { before, page, item, from, total }) => {
      const [read] = await ctx.run<{ items: string; last: [string | null, string] | null; total?: number }>(sql`
        WITH ${before ? sql`${before},` : sql``} page AS MATERIALIZED (${page})
        SELECT coalesce(json_agg(item ORDER BY page.place), '[]')::text AS items,
          (SELECT json_build_array(p.sort_value, p.id) FROM page p WHERE p.place = ${sql.lit(size)} AND (SELECT count(*) FROM page) > ${sql.lit(size)}) AS last
          ${total ? sql`, ${total} AS total` : sql``}
        FROM ${from} CROSS JOIN LATERAL (SELECT ${item}) item WHERE page.place <= ${sql.lit(size)}`)
      if (!read) throw new Error('an aggregate gives one row')
      const cursor = read.last ? `"${cursorAfter(...read.last)}"` : 'null'
      return new JsonText(`{"items":${read.items},"next_cursor":${cursor}${total ? `,"total":${read.total}` : ''}}`)
    },
  }
}

function keyset(field: ListField, [value, last]: [string | null, string], descending: boolean, id: RawBuilder<unknown>): RawBuilder<unknown> {
  const beyond = descending ? sql`<` : sql`>`
  const at = sql`${value}::${casts[field.type]}`
  if (!field.nullable) return sql`(${field.column}, ${id}) ${beyond} (${at}, ${last}::uuid)`
  if (value === null) return sql`(${field.column} IS NULL AND ${id} ${beyond} ${last}::uuid)`
  return sql`(${field.column} ${beyond} ${at} OR (${field.column} = ${at} AND ${id} ${beyond} ${last}::uuid) OR ${field.column} IS NULL)`
}

function readCursor(cursor: string, mark: string, field: ListField): [string | null, string] {
  try {
    const [given, value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    const whole = given === mark && typeof id === 'string' && isOf('uuid', id)
    if (whole && value === null && field.nullable) return [null, id]
    if (whole && typeof value === 'string' && (field.type === 'instant' ? !Number.isNaN(Date.parse(value)) : isOf(field.type, value)) && !value.includes('\u0000')) return [value, id]
  } catch {
    // falls through: unreadable is the same as foreign
  }
  throw new Refusal(400, 'input_invalid', {}, [{ field: 'query.cursor', code: 'cursor_invalid' }])
}
