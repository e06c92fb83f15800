// Days and instants as SQL: the company's present day, and the moments of the past that a request asks about.
import { type RawBuilder, sql } from 'kysely'

/** The day it is in the company's time zone. A sub-select is worked out once a statement, so that the day is a constant to an index. */
export const today = sql`(SELECT (clock_timestamp() AT TIME ZONE c.time_zone)::date FROM caller c)`

export type MomentQuery = { as_of?: string | undefined; known_at?: string | undefined }

/** asOf: the instant asked about; knownAt: the instant whose knowledge answers; recordedAt: the earlier of the two, until which fields count as written. */
export type Moment = { asOf: RawBuilder<string>; knownAt: RawBuilder<string>; recordedAt: RawBuilder<string>; table: RawBuilder<unknown>; join: RawBuilder<unknown> }

/**
 * Undefined when a request asks about now. `table` goes into the statement's WITH list; the instants are scalars read from it. `join` has them
 * as m.as_of and m.known_at for get_equipment_at and the like: PostgreSQL opens up no function that is given a sub-select, and calls it for each row.
 * An instant that has not come is refused: what is said about it could still change.
 */
export function momentOf({ as_of, known_at }: MomentQuery): Moment | undefined {
  if (as_of === undefined && known_at === undefined) return undefined
  const instant = (value: string | undefined, name: string) => (value === undefined ? sql`clock_timestamp()` : sql`require_past(${value}::timestamptz, ${name})`)
  const read = (name: string) => sql<string>`(SELECT ${sql.ref(`moment.${name}`)} FROM moment)`
  return {
    asOf: read('as_of'),
    knownAt: read('known_at'),
    recordedAt: read('recorded_at'),
    join: sql`CROSS JOIN moment m`,
    table: sql`moment AS MATERIALIZED (SELECT given.*, least(given.as_of, given.known_at) AS recorded_at
      FROM (SELECT ${instant(as_of, 'as_of')} AS as_of, ${instant(known_at, 'known_at')} AS known_at OFFSET 0) given)`,
  }
}
