// Signing in, who I am, tokens, and the people of a company with their roles.
import { type Static, Type } from 'typebox'
import { baseFields, Choice, Email, Id, Instant, Nothing, Nullable, operation, Page, pageQuery, Text } from '../../plain/operation.ts'
import { admins, everyone, roles } from '../../plain/roles.ts'

export const scopes = ['read', 'write', 'admin'] as const
const company = '/api/v1/companies/{company_id}'
const params = Type.Object({ company_id: Id })

export const Account = Type.Object({ id: Id, email: Email, full_name: Type.String(), language: Choice(['es', 'en']), is_installation_admin: Type.Boolean() }, { additionalProperties: false })
export const Membership = Type.Object(
  {
    company_id: Id,
    name: Type.String(),
    role: Choice(roles),
    status: Choice(['active', 'inactive', 'suspended']),
    /** What the person must do before anything else: choose a password of their own, or set up the second factor that the company demands. */
    needs: Nullable(Choice(['password', 'second_factor'])),
    settings: Type.Object({ time_zone: Type.Optional(Type.String()), currency: Type.Optional(Type.String()), language: Type.Optional(Type.String()) }, { additionalProperties: true }),
  },
  { additionalProperties: false },
)
export type Membership = Static<typeof Membership>
export const Me = Type.Object({ user: Account, companies: Type.Array(Membership), csrf_token: Nullable(Type.String()) }, { additionalProperties: false })
export type Me = Static<typeof Me>

export const signIn = operation({
  id: 'signIn',
  method: 'POST',
  path: '/api/v1/session',
  who: 'public',
  summary: 'Sign in: sets the session cookie',
  body: Type.Object(
    {
      email: Type.String({ minLength: 1, maxLength: 255 }),
      password: Type.String({ minLength: 1, maxLength: 200 }),
      totp: Type.Optional(Type.String({ maxLength: 40, description: 'Six digits of the app, or a recovery code; asked for with totp_needed' })),
    },
    { additionalProperties: false },
  ),
  reply: Type.Object({ user: Account, companies: Type.Array(Membership), csrf_token: Type.String() }, { additionalProperties: false }),
})
export const signOut = operation({ id: 'signOut', method: 'DELETE', path: '/api/v1/session', who: 'account', summary: 'Sign out', status: 204, reply: Nothing })
export const getMe = operation({ id: 'getMe', method: 'GET', path: '/api/v1/me', who: 'account', summary: 'The caller, and the companies they belong to', reply: Me })
export const changeMe = operation({
  id: 'changeMe',
  method: 'PATCH',
  path: '/api/v1/me',
  who: 'account',
  summary: "Change the caller's name, language or password",
  body: Type.Object(
    {
      full_name: Type.Optional(Text(200)),
      language: Type.Optional(Choice(['es', 'en'])),
      current_password: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      new_password: Type.Optional(Type.String({ minLength: 12, maxLength: 200 })),
    },
    { additionalProperties: false },
  ),
  reply: Me,
})

export const Token = Type.Object(
  {
    id: Id,
    name: Type.String(),
    scopes: Type.Array(Choice(scopes)),
    expires_at: Instant,
    revoked_at: Nullable(Instant),
    created_at: Instant,
    user_id: Id,
    user_name: Nullable(Type.String()),
    version: Type.Integer(),
  },
  { additionalProperties: false },
)
export type Token = Static<typeof Token>
export const createToken = operation({
  id: 'createToken',
  method: 'POST',
  path: '/api/v1/tokens',
  who: 'account',
  summary: 'Make a bearer token; its secret is shown this once',
  status: 201,
  body: Type.Object({ name: Text(100), company_id: Id, scopes: Type.Array(Choice(scopes), { minItems: 1, uniqueItems: true }), expires_at: Instant }, { additionalProperties: false }),
  reply: Type.Object({ id: Id, token: Type.String(), expires_at: Instant }, { additionalProperties: false }),
})
export const listTokens = operation({
  id: 'listTokens',
  method: 'GET',
  path: `${company}/tokens`,
  who: everyone,
  summary: "The caller's tokens; all of the company's for an admin",
  params,
  query: Type.Object(pageQuery, { additionalProperties: false }),
  reply: Page(Token),
})
export const revokeToken = operation({
  id: 'revokeToken',
  method: 'DELETE',
  path: `${company}/tokens/{token_id}`,
  who: everyone,
  summary: 'End a token now',
  params: Type.Object({ company_id: Id, token_id: Id }),
  status: 204,
  reply: Nothing,
})

/** How a mail left: by the mail server, into the server's folder, or not at all; null when none was due. */
const Mail = Nullable(Choice(['sent', 'kept', 'failed']))
export const Person = Type.Object(
  {
    ...baseFields,
    user_id: Id,
    email: Nullable(Type.String({ description: 'None for a person who was made anonymous' })),
    display_name: Type.String(),
    role: Choice(roles),
    assigned_at: Instant,
    ended_at: Nullable(Instant),
    is_active: Type.Boolean({ description: 'Whether the membership holds now' }),
    anonymised_at: Nullable(Instant),
    tax_id_mask: Nullable(Type.String({ description: 'Dots where a tax id is stored' })),
  },
  { additionalProperties: false },
)
export type Person = Static<typeof Person>
export const listPeople = operation({
  id: 'listPeople',
  method: 'GET',
  path: `${company}/users`,
  who: everyone,
  summary: 'People of the company and their roles',
  params,
  query: Type.Object(
    {
      ...pageQuery,
      q: Type.Optional(Type.String({ maxLength: 200 })),
      role: Type.Optional(Type.String({ maxLength: 100 })),
      is_active: Type.Optional(Type.String({ maxLength: 5 })),
      sort: Type.Optional(Type.String({ maxLength: 50 })),
    },
    { additionalProperties: false },
  ),
  reply: Page(Person),
})
export const addPerson = operation({
  id: 'addPerson',
  method: 'POST',
  path: `${company}/users`,
  who: admins,
  summary: 'Add a person to the company, making the account if the address is new',
  params,
  status: 201,
  // Its reply would be kept with a name, its hash with a password. A second one is refused anyway: the person is there.
  keyed: false,
  body: Type.Object(
    {
      email: Email,
      display_name: Text(200),
      role: Choice(roles),
      password: Type.Optional(
        Type.String({ minLength: 12, maxLength: 200, description: 'First password of a new account; an existing account keeps its own. Left out: a mail with a link to choose one.' }),
      ),
      begins_at: Type.Optional(Instant),
      ends_at: Type.Optional(Nullable(Instant)),
    },
    { additionalProperties: false },
  ),
  reply: Type.Object({ ...Person.properties, mail: Mail }, { additionalProperties: false }),
})
const onePerson = Type.Object({ company_id: Id, person_id: Id })
export const getPerson = operation({ id: 'getPerson', method: 'GET', path: `${company}/users/{person_id}`, who: everyone, summary: 'One person of the company', params: onePerson, reply: Person })
export const changePerson = operation({
  id: 'changePerson',
  method: 'PATCH',
  path: `${company}/users/{person_id}`,
  who: admins,
  summary: "Change a person's role or name, end their membership or open it again",
  params: onePerson,
  ifMatch: true,
  body: Type.Object(
    {
      display_name: Type.Optional(Text(200)),
      role: Type.Optional(Choice(roles)),
      is_active: Type.Optional(Type.Boolean()),
      begins_at: Type.Optional(Instant),
      ends_at: Type.Optional(Nullable(Instant)),
    },
    { additionalProperties: false },
  ),
  reply: Person,
})

export const sendPasswordLink = operation({
  id: 'sendPasswordLink',
  method: 'POST',
  path: `${company}/users/{person_id}/password-link`,
  who: admins,
  summary: 'Mail a person a link to choose a password, to their own address',
  params: onePerson,
  keyed: false,
  reply: Type.Object({ mail: Mail }, { additionalProperties: false }),
})
export const anonymisePerson = operation({
  id: 'anonymisePerson',
  method: 'POST',
  path: `${company}/users/{person_id}/anonymise`,
  who: admins,
  summary: "Take a person's name, address and tax id out of the company for good; what they did stays, under a number",
  params: onePerson,
  ifMatch: true,
  keyed: false,
  reply: Person,
})

const LinkToken = Type.String({ minLength: 20, maxLength: 200, pattern: '^[A-Za-z0-9_-]+$' })
export const readPasswordLink = operation({
  id: 'readPasswordLink',
  method: 'POST',
  path: '/api/v1/password-link/read',
  who: 'public',
  summary: 'Whose link this is, while it can be used',
  body: Type.Object({ token: LinkToken }, { additionalProperties: false }),
  reply: Type.Object({ email: Type.String(), full_name: Type.String(), is_new: Type.Boolean() }, { additionalProperties: false }),
})
export const usePasswordLink = operation({
  id: 'usePasswordLink',
  method: 'POST',
  path: '/api/v1/password-link',
  who: 'public',
  summary: 'Choose a password with a link from a mail; the link works once',
  status: 204,
  body: Type.Object({ token: LinkToken, password: Type.String({ minLength: 12, maxLength: 200 }) }, { additionalProperties: false }),
  reply: Nothing,
})
