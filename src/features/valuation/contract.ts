// What machines are worth: how one loses its value year by year, and the fleet's value by category at any day.
import { type Static, Type } from 'typebox'
import { Day, Id, Money, Nullable, operation } from '../../plain/operation.ts'
import { everyone } from '../../plain/roles.ts'

const company = '/api/v1/companies/{company_id}'

export const DepreciationYear = Type.Object({ year: Type.Integer(), from_date: Day, to_date: Day, opening_value: Money, depreciation: Money, closing_value: Money }, { additionalProperties: false })
export const Depreciation = Type.Object(
  {
    equipment_id: Id,
    as_of: Type.String({ format: 'date', description: 'The day of book_value: today where the company works' }),
    purchase_date: Nullable(Day),
    purchase_price: Nullable(Money),
    salvage_value: Money,
    depreciation_rate: Nullable(Type.String({ description: 'Yearly fraction, 0 to 1' })),
    book_value: Nullable(Money),
    written_off_on: Nullable(Type.String({ format: 'date', description: 'The first day at the salvage value' })),
    items: Type.Array(DepreciationYear),
    next_cursor: Type.Null(),
  },
  { additionalProperties: false },
)
export type Depreciation = Static<typeof Depreciation>
export const getDepreciation = operation({
  id: 'getDepreciation',
  method: 'GET',
  path: `${company}/equipment/{equipment_id}/depreciation`,
  who: everyone,
  summary: 'How the machine loses its value by calendar year, straight line down to the salvage value; empty where price, rate or day is missing',
  params: Type.Object({ company_id: Id, equipment_id: Id }),
  reply: Depreciation,
})

const worth = {
  currency: Type.String(),
  machine_count: Type.Integer(),
  purchase_total: Money,
  book_total: Money,
  depreciated: Money,
}
export const CategoryValue = Type.Object({ category_id: Nullable(Id), category_name: Nullable(Type.String()), has_children: Type.Boolean(), ...worth }, { additionalProperties: false })
export type CategoryValue = Static<typeof CategoryValue>
export const FleetValue = Type.Object(
  {
    as_of: Day,
    totals: Type.Array(Type.Object(worth, { additionalProperties: false }), { description: 'One for each currency: they are never added' }),
    unvalued_count: Type.Integer({ description: 'Own machines there on that day whose price, rate or day of purchase is not known' }),
    items: Type.Array(CategoryValue),
    next_cursor: Type.Null(),
  },
  { additionalProperties: false },
)
export type FleetValue = Static<typeof FleetValue>
export const getFleetValue = operation({
  id: 'getFleetValue',
  method: 'GET',
  path: `${company}/fleet-value`,
  who: everyone,
  summary: 'Book value of the own machines at a day by category (with all below) and currency; without the disposed and deleted ones',
  params: Type.Object({ company_id: Id }),
  query: Type.Object(
    {
      as_of: Type.Optional(Type.String({ format: 'date', pattern: '^(19|20|21)\\d\\d-', description: 'Today where the company works when left out' })),
      parent_id: Type.Optional(Type.String({ format: 'uuid', description: 'The categories right below this one; the topmost ones when left out' })),
    },
    { additionalProperties: false },
  ),
  reply: FleetValue,
  slow: true,
  replica: true,
})
