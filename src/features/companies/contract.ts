// The company itself: its name, how to reach it, and the settings its days and amounts follow.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Email, Id, Nullable, operation, Text } from '../../plain/operation.ts'
import { admins, everyone } from '../../plain/roles.ts'

const path = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })
export const CompanySettings = Type.Object(
  {
    time_zone: Type.Optional(Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9_+/-]+$' })),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
    language: Type.Optional(Choice(['es', 'en'])),
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
