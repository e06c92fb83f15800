// The queries of what machines are worth. The formula is get_book_value's alone.
import { type RawBuilder, sql } from 'kysely'
import type { Runner } from '../../base/db.ts'
import { today } from '../../base/moment.ts'
import type { Depreciation, FleetValue } from './contract.ts'

const own = (alias: string) => sql`${sql.ref(`${alias}.company_id`)} = (SELECT c.company_id FROM caller c)`
const money = (amount: RawBuilder<unknown>, currency: RawBuilder<unknown>) =>
  sql`CASE WHEN ${amount} IS NOT NULL THEN json_build_object('amount', round(${amount}, 2)::text, 'currency', ${currency}) END`

export async function findDepreciation(ctx: Runner, equipmentId: string): Promise<Depreciation | undefined> {
  const inCurrency = (column: string) => money(sql`s.${sql.ref(column)}`, sql`e.currency`)
  const [row] = await ctx.run<Depreciation>(sql`
    SELECT e.id AS equipment_id, ${today}::text AS as_of, e.purchase_date, ${money(sql`e.purchase_price`, sql`e.currency`)} AS purchase_price,
      ${money(sql`e.salvage_value`, sql`e.currency`)} AS salvage_value, e.depreciation_rate::text,
      ${money(sql`get_book_value(e.purchase_price, e.salvage_value, e.depreciation_rate, e.purchase_date, ${today})`, sql`e.currency`)} AS book_value,
      plan.written_off_on::text, coalesce(plan.items, '[]') AS items, NULL AS next_cursor
    FROM equipment e
    CROSS JOIN LATERAL (
      SELECT max(CASE WHEN get_book_value(e.purchase_price, e.salvage_value, e.depreciation_rate, e.purchase_date, s.to_date) = e.salvage_value
          THEN s.to_date ELSE s.to_date + 1 END) FILTER (WHERE s.closing_value = e.salvage_value) AS written_off_on,
        json_agg(json_build_object('year', s.year, 'from_date', s.from_date, 'to_date', s.to_date, 'opening_value', ${inCurrency('opening_value')},
          'depreciation', ${inCurrency('depreciation')}, 'closing_value', ${inCurrency('closing_value')}) ORDER BY s.year) AS items
      FROM get_depreciation_schedule(e.purchase_price, e.salvage_value, e.depreciation_rate, e.purchase_date) s) plan
    WHERE ${own('e')} AND e.id = ${equipmentId}::uuid`)
  return row
}

export async function getFleetValue(ctx: Runner, { as_of, parent_id }: { as_of?: string; parent_id?: string }): Promise<FleetValue> {
  const depth = parent_id ? sql`(SELECT nlevel(p.path) FROM equipment_categories p WHERE ${own('p')} AND p.id = ${parent_id}::uuid)` : sql`0`
  const inside = parent_id
    ? sql`e.category_id = ANY (ARRAY(SELECT b.id FROM equipment_categories p JOIN equipment_categories b ON b.company_id = p.company_id AND b.path <@ p.path WHERE ${own('p')} AND p.id = ${parent_id}::uuid))`
    : sql`true`
  // A machine is there from its purchase until the day it was disposed of or deleted.
  const [row] = await ctx.run<FleetValue>(sql`
    WITH asked AS MATERIALIZED (
      SELECT coalesce(${as_of ?? null}::date, ${today}) AS day, coalesce(co.settings ->> 'time_zone', 'UTC') AS zone
      FROM companies co WHERE co.id = (SELECT c.company_id FROM caller c)
    ), home AS MATERIALIZED (
      SELECT k.id, head.id AS head_id FROM equipment_categories k
      JOIN equipment_categories head ON head.company_id = k.company_id AND head.id = (string_to_array(k.path::text, '.')::uuid[])[${depth}::int + 1] WHERE ${own('k')}
    ), machine AS MATERIALIZED (
      SELECT e.currency, e.purchase_price, h.head_id, get_book_value(e.purchase_price, e.salvage_value, e.depreciation_rate, e.purchase_date, a.day) AS book
      FROM asked a CROSS JOIN equipment e LEFT JOIN home h ON h.id = e.category_id
      WHERE ${own('e')} AND e.ownership <> 'rented' AND coalesce(e.purchase_date <= a.day, true) AND ${inside}
        AND (NOT e.is_deleted OR (e.deleted_at AT TIME ZONE a.zone)::date > a.day)
        AND (e.status <> 'disposed' OR EXISTS (SELECT FROM equipment_status_history s WHERE s.company_id = e.company_id AND s.equipment_id = e.id
          AND s.status = 'disposed' AND s.effective_to IS NULL AND (s.effective_from AT TIME ZONE a.zone)::date > a.day))
    ), part AS (
      SELECT m.head_id, m.currency, GROUPING(m.head_id) = 1 AS is_total, count(*)::int AS machine_count, sum(m.purchase_price) AS bought, sum(m.book) AS book
      FROM machine m WHERE m.book IS NOT NULL GROUP BY GROUPING SETS ((m.head_id, m.currency), (m.currency))
    ), shown AS (
      SELECT p.is_total, head.name, p.currency, json_build_object('currency', p.currency, 'machine_count', p.machine_count,
          'purchase_total', ${money(sql`p.bought`, sql`p.currency`)}, 'book_total', ${money(sql`p.book`, sql`p.currency`)},
          'depreciated', ${money(sql`p.bought - p.book`, sql`p.currency`)})::jsonb AS worth,
        jsonb_build_object('category_id', head.id, 'category_name', head.name, 'has_children', EXISTS (SELECT FROM equipment_categories below
          WHERE below.company_id = head.company_id AND below.parent_id = head.id AND NOT below.is_deleted)) AS category
      FROM part p LEFT JOIN equipment_categories head ON ${own('head')} AND head.id = p.head_id
    )
    SELECT a.day::text AS as_of, (SELECT count(*)::int FROM machine m WHERE m.book IS NULL) AS unvalued_count, NULL AS next_cursor,
      (SELECT coalesce(jsonb_agg(s.worth ORDER BY s.currency), '[]') FROM shown s WHERE s.is_total) AS totals,
      (SELECT coalesce(jsonb_agg(s.category || s.worth ORDER BY s.name NULLS LAST, s.currency), '[]') FROM shown s WHERE NOT s.is_total) AS items
    FROM asked a`)
  if (!row) throw new Error('a sum gives its row')
  return row
}
