// The queries of signing in, accounts, tokens and people.
import { type RawBuilder, sql } from 'kysely'
import type { Database, Runner } from '../../base/db.ts'
import { filters, type ListFields, paging } from '../../base/list.ts'
import type { Role } from '../../plain/roles.ts'
import type { Membership, Person, Token } from './contract.ts'

export type SignInRow = { user_id: string; password_hash: string | null }
/** Who tries, from where, and the hash of what the browser shows of an earlier sign-in. */
export type Try = { email: string; address: string; deviceHash: string | null }

export async function findSignIn(db: Database, email: string): Promise<SignInRow | undefined> {
  return (await db.plain<SignInRow>(sql`SELECT user_id, password_hash FROM find_sign_in(${email})`))[0]
}

/** Counts a try before the password is looked at. Gives the seconds to wait; 0: go on. */
export async function beginSignIn(db: Database, { email, address, deviceHash }: Try): Promise<number> {
  return (await db.plain<{ wait: number }>(sql`SELECT begin_sign_in(${email}, ${address}, ${deviceHash}) AS wait`))[0]?.wait ?? 0
}

export async function passSignIn(db: Database, { email, address, deviceHash }: Try, isDone: boolean): Promise<void> {
  await db.plain(sql`SELECT pass_sign_in(${email}, ${address}, ${deviceHash}, ${isDone})`)
}

export async function beginOwnCheck(ctx: Runner): Promise<number> {
  return (await ctx.run<{ wait: number }>(sql`SELECT begin_own_check() AS wait`))[0]?.wait ?? 0
}

export async function passOwnCheck(ctx: Runner): Promise<void> {
  await ctx.run(sql`SELECT pass_own_check()`)
}

export type NewSession = { userId: string; tokenHash: string; expiresAt: string; ip: string; userAgent: string; deviceHash: string; replacedHash: string | null; method: string }

export async function openSession(db: Database, s: NewSession): Promise<void> {
  await db.plain(sql`SELECT open_session(${s.userId}::uuid, ${s.tokenHash}, ${s.expiresAt}::timestamptz, ${s.ip}, ${s.userAgent}, ${s.deviceHash}, ${s.replacedHash}, ${s.method})`)
}

export async function touchSession(ctx: Runner): Promise<void> {
  await ctx.run(sql`SELECT touch_session()`)
}

export async function recordFailedSignIn(db: Database, email: string, ip: string): Promise<void> {
  await db.plain(sql`SELECT record_failed_sign_in(${email}, ${ip})`)
}

export async function closeSession(ctx: Runner): Promise<void> {
  await ctx.run(sql`SELECT close_session()`)
}

type AccountRow = { id: string; email: string; full_name: string; language: 'es' | 'en'; is_installation_admin: boolean; companies: Membership[] }

/** The caller's account with the companies they may choose; suspended ones are not among them. */
export async function getAccount(ctx: Runner): Promise<AccountRow> {
  const [row] = await ctx.run<AccountRow>(sql`
    SELECT u.id, u.email, u.full_name, u.language, EXISTS (SELECT FROM installation_admins i WHERE i.user_id = u.id) AS is_installation_admin, coalesce((
      SELECT json_agg(json_build_object('company_id', m.company_id, 'name', m.name, 'role', m.role, 'status', m.status, 'settings', m.settings, 'needs', m.needs) ORDER BY m.name)
      FROM caller_memberships m WHERE m.status = 'active'), '[]') AS companies
    FROM users u WHERE u.id = (SELECT a.user_id FROM caller_account a)`)
  if (!row) throw new Error('a verified caller has an account')
  return row
}

export async function changeAccount(ctx: Runner, change: { full_name?: string; language?: string }): Promise<void> {
  await ctx.run(sql`
    UPDATE users SET full_name = coalesce(${change.full_name ?? null}, full_name), language = coalesce(${change.language ?? null}, language)
    WHERE id = (SELECT a.user_id FROM caller_account a)`)
}

export async function changeOwnPassword(ctx: Runner, passwordHash: string, deviceHash: string | null): Promise<void> {
  await ctx.run(sql`SELECT change_own_password(${passwordHash}, ${deviceHash})`)
}

export async function createToken(ctx: Runner, token: { name: string; tokenHash: string; scopes: string[]; expiresAt: string }): Promise<{ id: string; expires_at: string }> {
  const [row] = await ctx.run<{ id: string; expires_at: string }>(sql`
    INSERT INTO api_tokens (company_id, user_id, name, token_hash, scopes, expires_at)
    SELECT c.company_id, c.user_id, ${token.name}, ${token.tokenHash}, ${token.scopes}::text[], ${token.expiresAt}::timestamptz FROM caller c
    RETURNING id, expires_at`)
  if (!row) throw new Error('an insert gives its row')
  return row
}

export async function listTokens(ctx: Runner, query: { limit?: number; cursor?: string }) {
  const fields: ListFields = { created_at: { column: sql`t.created_at`, type: 'instant' } }
  const page = paging(query, fields, '-created_at', sql`t.id`)
  const rows = await ctx.run<Token & { sort_value: string }>(sql`
    SELECT t.id, t.name, t.scopes, t.expires_at, t.revoked_at, t.created_at, t.user_id, p.display_name AS user_name, t.version, t.created_at::text AS sort_value
    FROM api_tokens t LEFT JOIN user_company_roles p ON p.company_id = t.company_id AND p.user_id = t.user_id
    WHERE t.company_id = (SELECT c.company_id FROM caller c) AND NOT t.is_deleted AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

export async function revokeToken(ctx: Runner, id: string): Promise<boolean> {
  const rows = await ctx.run(sql`
    UPDATE api_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
    WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid RETURNING id`)
  return rows.length > 0
}

/** In force at this moment: a membership may begin and end in the future. */
const holds = sql`(r.assigned_at <= clock_timestamp() AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp()))`
const personFields: ListFields = {
  display_name: { column: sql`r.display_name`, type: 'text' },
  role: { column: sql`r.role`, type: 'text' },
  is_active: { column: holds, type: 'boolean', sort: false },
  assigned_at: { column: sql`r.assigned_at`, type: 'instant' },
}
const personColumns = sql`r.id, r.version, r.created_at, r.updated_at, r.created_by, r.updated_by, r.user_id, u.email, r.display_name, r.role,
  r.assigned_at, r.ended_at, ${holds} AS is_active, r.anonymised_at, CASE WHEN r.tax_id_changed_at IS NOT NULL THEN repeat(chr(8226), 8) END AS tax_id_mask`

export async function listPeople(ctx: Runner, query: { limit?: number; cursor?: string; sort?: string; q?: string }) {
  const page = paging(query, personFields, 'display_name', sql`r.id`)
  const where = filters(query, personFields, ['limit', 'cursor', 'sort', 'q'])
  const found: RawBuilder<unknown> = query.q ? sql`position(lower(${query.q}) IN lower(r.display_name || ' ' || coalesce(u.email, ''))) > 0` : sql`true`
  const sortColumn = personFields[(query.sort ?? 'display_name').replace(/^-/, '')]?.column ?? sql`r.display_name`
  const rows = await ctx.run<Person & { sort_value: string }>(sql`
    SELECT ${personColumns}, (${sortColumn})::text AS sort_value
    FROM user_company_roles r LEFT JOIN users u ON u.id = r.user_id AND r.anonymised_at IS NULL
    WHERE r.company_id = (SELECT c.company_id FROM caller c) AND NOT r.is_deleted AND ${where} AND ${found} AND ${page.after}
    ORDER BY ${page.order} LIMIT ${page.limit}`)
  return page.finish(rows)
}

export async function findPerson(ctx: Runner, id: string): Promise<Person | undefined> {
  const rows = await ctx.run<Person>(sql`
    SELECT ${personColumns} FROM user_company_roles r LEFT JOIN users u ON u.id = r.user_id AND r.anonymised_at IS NULL
    WHERE r.company_id = (SELECT c.company_id FROM caller c) AND r.id = ${id}::uuid`)
  return rows[0]
}

export async function addPerson(
  ctx: Runner,
  person: { email: string; display_name: string; role: Role; passwordHash: string | null; language: string; begins_at?: string; ends_at?: string | null },
): Promise<string> {
  const [row] = await ctx.run<{ id: string }>(sql`
    SELECT add_person(${person.email}, ${person.display_name}, ${person.role}, ${person.passwordHash}, ${person.language}, ${person.begins_at ?? null}::timestamptz, ${person.ends_at ?? null}::timestamptz) AS id`)
  return row?.id ?? ''
}

export async function getCompanyName(ctx: Runner): Promise<string> {
  return (await ctx.run<{ name: string }>(sql`SELECT name FROM companies WHERE id = (SELECT c.company_id FROM caller c)`))[0]?.name ?? ''
}

type PersonChange = { display_name?: string; role?: Role; is_active?: boolean; begins_at?: string; ends_at?: string | null }

export async function changePerson(ctx: Runner, id: string, version: number | null, change: PersonChange): Promise<boolean> {
  const sets = [sql`version = ${version === null ? sql`version` : sql`${version}`}`]
  if (change.display_name !== undefined) sets.push(sql`display_name = ${change.display_name}`)
  if (change.role !== undefined) sets.push(sql`role = ${change.role}`)
  if (change.begins_at !== undefined && change.is_active !== false) sets.push(sql`assigned_at = ${change.begins_at}::timestamptz`)
  if (change.is_active === false) sets.push(sql`assigned_at = least(assigned_at, clock_timestamp()), ended_at = least(ended_at, clock_timestamp())`)
  else if (change.is_active === true) sets.push(sql`ended_at = NULL`)
  else if (change.ends_at !== undefined) sets.push(sql`ended_at = ${change.ends_at}::timestamptz`)
  const rows = await ctx.run(sql`
    UPDATE user_company_roles SET ${sql.join(sets)} WHERE company_id = (SELECT c.company_id FROM caller c) AND id = ${id}::uuid RETURNING id`)
  return rows.length > 0
}

export type LinkRow = { email: string; display_name: string; language: 'es' | 'en'; company_name: string; is_link: boolean; is_new: boolean }

export async function makePasswordLink(ctx: Runner, personId: string, link: { tokenHash: string; expiresAt: string; forNew: boolean }): Promise<LinkRow> {
  const [row] = await ctx.run<LinkRow>(sql`
    SELECT email, display_name, language, company_name, is_link, is_new
    FROM make_password_link(${personId}::uuid, ${link.tokenHash}, ${link.expiresAt}::timestamptz, ${link.forNew})`)
  if (!row) throw new Error('a link has its person')
  return row
}

type OpenLink = { email: string; full_name: string; is_new: boolean; company_names: string[] }

export async function findPasswordLink(db: Database, tokenHash: string): Promise<OpenLink | undefined> {
  return (await db.plain<OpenLink>(sql`SELECT email, full_name, is_new, company_names FROM find_password_link(${tokenHash})`))[0]
}

export async function usePasswordLink(db: Database, tokenHash: string, passwordHash: string, deviceHash: string): Promise<void> {
  await db.plain(sql`SELECT use_password_link(${tokenHash}, ${passwordHash}, ${deviceHash})`)
}

export async function anonymisePerson(ctx: Runner, id: string, version: number | null): Promise<void> {
  await ctx.run(sql`SELECT anonymise_person(${id}::uuid, ${version}::integer)`)
}
