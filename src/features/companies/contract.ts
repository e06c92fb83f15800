// The company itself: its name, how to reach it, and the settings its days and amounts follow.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Email, Id, Instant, Nothing, Nullable, operation, Text } from '../../plain/operation.ts'
import { admins, everyone } from '../../plain/roles.ts'

const path = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })
const Clock = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'Time of a day, as 07:00' })
export const CompanySettings = Type.Object(
  {
    time_zone: Type.Optional(Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9_+/-]+$' })),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
    language: Type.Optional(Choice(['es', 'en'])),
    maintenance_digest_hour: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 23, description: "Hour of the company's day of the mail about due services; null: none, left out: 7" }))),
    second_factor_demanded: Type.Optional(Type.Boolean({ description: 'Who signs in with a password alone can do nothing here but set up a second factor' })),
    working_days: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7, uniqueItems: true, description: '1 is Monday, 7 Sunday' })),
    working_hours: Type.Optional(Type.Object({ from: Clock, to: Clock }, { additionalProperties: false })),
  },
  { additionalProperties: false },
)
export const Address = Type.Object(
  {
    street: Type.Optional(Type.String({ maxLength: 300 })),
    city: Type.Optional(Type.String({ maxLength: 100 })),
    region: Type.Optional(Type.String({ maxLength: 100 })),
    country: Type.Optional(Type.String({ maxLength: 100 })),
    postal_code: Type.Optional(Type.String({ maxLength: 20 })),
  },
  { additionalProperties: false },
)
export const Company = Type.Object(
  {
    ...baseFields,
    name: Type.String(),
    email: Nullable(Type.String()),
    phone: Nullable(Type.String()),
    address: Nullable(Address),
    status: Choice(['active', 'inactive', 'suspended']),
    settings: CompanySettings,
    tax_id_mask: Nullable(Type.String({ description: 'Dots where a tax id is stored. The value itself: POST …/tax-id/reveal' })),
    tax_id_changed_at: Nullable(Instant),
  },
  { additionalProperties: false },
)
export type Company = Static<typeof Company>

export const getCompany = operation({ id: 'getCompany', method: 'GET', path, who: everyone, summary: 'The company', params, reply: Company })
export const changeCompany = operation({
  id: 'changeCompany',
  method: 'PATCH',
  path,
  who: admins,
  summary: 'Change the company',
  params,
  ifMatch: true,
  body: Type.Object(
    {
      name: Type.Optional(Text(200)),
      email: Type.Optional(Nullable(Email)),
      phone: Type.Optional(Nullable(Text(20))),
      address: Type.Optional(Nullable(Address)),
      settings: Type.Optional(CompanySettings),
    },
    { additionalProperties: false },
  ),
  reply: Company,
})

const TaxId = Type.String({ minLength: 3, maxLength: 50, pattern: '^[A-Za-z0-9 ./-]+$', description: 'Letters and digits; spaces, dots, slashes and dashes between them do not count.' })
const TaxIdGiven = Type.Object({ tax_id: Nullable(TaxId) }, { additionalProperties: false })
const TaxIdShown = Type.Object({ tax_id: Type.String() }, { additionalProperties: false })
const onePerson = Type.Object({ company_id: Id, person_id: Id })

export const changeTaxId = operation({
  id: 'changeTaxId',
  method: 'PATCH',
  path: `${path}/tax-id`,
  who: admins,
  summary: 'Store, replace or (null) erase the tax id of the company; it is stored encrypted',
  params,
  ifMatch: true,
  body: TaxIdGiven,
  reply: Company,
})
export const revealTaxId = operation({
  id: 'revealTaxId',
  method: 'POST',
  path: `${path}/tax-id/reveal`,
  who: admins,
  summary: 'Show the tax id of the company; the audit notes who asked',
  params,
  keyed: false,
  reply: TaxIdShown,
})
export const changePersonTaxId = operation({
  id: 'changePersonTaxId',
  method: 'PATCH',
  path: `${path}/users/{person_id}/tax-id`,
  who: admins,
  summary: 'Store, replace or (null) erase the tax id of a person; it is stored encrypted',
  params: onePerson,
  ifMatch: true,
  status: 204,
  body: TaxIdGiven,
  reply: Nothing,
})
export const revealPersonTaxId = operation({
  id: 'revealPersonTaxId',
  method: 'POST',
  path: `${path}/users/{person_id}/tax-id/reveal`,
  who: admins,
  summary: 'Show the tax id of a person; the audit notes who asked',
  params: onePerson,
  keyed: false,
  reply: TaxIdShown,
})
export const findPersonByTaxId = operation({
  id: 'findPersonByTaxId',
  method: 'POST',
  path: `${path}/users/by-tax-id`,
  who: admins,
  summary: 'The person of the company with this tax id',
  params,
  keyed: false,
  body: Type.Object({ tax_id: TaxId }, { additionalProperties: false }),
  reply: Type.Object({ person_id: Nullable(Id) }, { additionalProperties: false }),
})
