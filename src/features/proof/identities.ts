// People made up for one transaction: every role, and everyone who must see nothing. They and their companies are gone with it.
import { randomBytes, randomUUID } from 'node:crypto'
import { hashSecret } from '../../base/db.ts'
import type { Look } from './look.ts'

/** `company`: whose rows are theirs; null for those who are nobody. `user`: their account, when it can sign in. `member`: where they are or will be. */
export type Identity = {
  name: string
  role: 'application_user' | 'reporting_user'
  credential: string | null
  chosen: string | null
  company: string | null
  user: string | null
  writes: boolean
  member: string | null
  isAdmin: boolean
  /** The company whose administrator they make themselves out to be, under a seal of their own. */
  claims?: string
}
export type Stage = { own: string; other: string; identities: Identity[] }

const mark = randomBytes(4).toString('hex')

/** Sets the stage inside the caller's transaction, as bitcorp_owner and record_keeper. `real`: companies of the installation to try as well. */
export async function setStage(query: Look, real: readonly string[]): Promise<Stage> {
  await query('SET LOCAL ROLE bitcorp_owner')
  const own = await company(query, 'own')
  const other = await company(query, 'other')
  const suspended = await company(query, 'suspended')
  for (const where of [own, other, suspended]) await furnish(query, where)
  const identities: Identity[] = []
  const keeper = (text: string, value: string) => asKeeper(query, text, value)
  const add = async (name: string, where: string, role: string | null, how: Partial<Identity> & { after?: (user: string, hash: string) => Promise<unknown> } = {}) => {
    const { after, ...rest } = how
    const { user, hash } = await person(query, where, role)
    await after?.(user, hash)
    identities.push({
      name,
      role: 'application_user',
      credential: hash,
      chosen: where,
      company: null,
      user,
      writes: false,
      member: role && where,
      isAdmin: role === 'admin' && rest.company !== undefined,
      ...rest,
    })
  }
  for (const role of ['admin', 'manager', 'operator', 'viewer']) await add(role, own, role, { company: own, writes: role !== 'viewer' })
  await add('admin, for reports', own, 'admin', { company: own, role: 'reporting_user' })
  await add('admin of the other', other, 'admin', { company: other, writes: true })
  for (const id of real) await add(`admin of ${id}`, id, 'admin', { company: id, writes: true })
  await add('admin choosing the other', own, 'admin', { chosen: other })
  await add('without a company', own, null)
  await add('membership over', own, 'manager', { member: null, after: (user) => keeper('UPDATE user_company_roles SET ended_at = now() WHERE user_id = $1', user) })
  await add('company suspended', suspended, 'admin', { after: () => query("SELECT set_company_status($1, 'suspended')", [suspended]) })
  await add('membership to come', own, 'manager', { member: null, after: (user) => keeper("UPDATE user_company_roles SET assigned_at = now() + interval '1 day' WHERE user_id = $1", user) })
  await add('account deactivated', own, 'manager', { user: null, member: null, after: (user) => keeper("UPDATE users SET status = 'deactivated' WHERE id = $1", user) })
  await add('session over', own, 'manager', { user: null, member: null, after: (_user, hash) => keeper('UPDATE sessions SET expires_at = now() WHERE token_hash = $1', hash) })
  const nobody = { role: 'application_user' as const, company: null, user: null, writes: false, member: null, isAdmin: false }
  identities.push({ ...nobody, name: 'unknown', credential: hashSecret(randomUUID()), chosen: own })
  identities.push({ ...nobody, name: 'no credential', credential: '', chosen: own })
  identities.push({ ...nobody, name: 'empty', credential: '', chosen: null })
  identities.push({ ...nobody, name: 'forged seal', credential: null, chosen: null, claims: own })
  return { own, other, identities }
}

async function asKeeper(query: Look, text: string, value: unknown): Promise<void> {
  await query('SET LOCAL ROLE record_keeper')
  await query(text, [value])
  await query('SET LOCAL ROLE bitcorp_owner')
}

async function company(query: Look, name: string): Promise<string> {
  return (await query<{ id: string }>('SELECT create_company($1, NULL) AS id', [`verify isolation ${mark} ${name}`]))[0]?.id ?? ''
}

async function person(query: Look, where: string, role: string | null): Promise<{ user: string; hash: string }> {
  const email = `${randomBytes(6).toString('hex')}@verify.invalid`
  const hash = hashSecret(randomUUID())
  const [row] = await query<{ id: string }>("SELECT put_user($1, 'Verify', NULL, 'es') AS id", [email])
  if (role) {
    await query('SELECT put_membership($1, $2, $3)', [where, row?.id, role])
    // The transaction's own time stands still: what it makes would begin after it.
    await asKeeper(query, "UPDATE user_company_roles SET assigned_at = now() - interval '1 day' WHERE user_id = $1", row?.id)
  }
  await query('SELECT open_command_session($1, $2)', [email, hash])
  return { user: row?.id ?? '', hash }
}

/** Rows of this company in the main tables, so that there is something to be seen. */
async function furnish(query: Look, where: string): Promise<void> {
  const { user, hash } = await person(query, where, 'admin')
  await query('SET LOCAL ROLE application_user')
  await query('SELECT begin_request($1, $2, NULL, NULL)', [hash, where])
  const [category] = await query<{ id: string }>("INSERT INTO equipment_categories (company_id, name, path) VALUES ($1, 'Verify', '') RETURNING id", [where])
  const machine = async () =>
    (await query<{ id: string }>("INSERT INTO equipment (company_id, name, ownership, category_id) VALUES ($1, 'Verify', 'rented', $2) RETURNING id", [where, category?.id]))[0]?.id
  const held = await machine()
  await query('INSERT INTO equipment_assignments (company_id, equipment_id, user_id) VALUES ($1, $2, $3)', [where, held, user])
  await query("INSERT INTO equipment_logs (company_id, equipment_id, event_type, notes, recorded_by) VALUES ($1, $2, 'note', 'Verify', $3)", [where, held, user])
  await query("INSERT INTO import_batches (company_id, file_name, row_count) VALUES ($1, 'verify.csv', 0)", [where])
  await query("INSERT INTO api_tokens (company_id, user_id, name, token_hash, scopes, expires_at) VALUES ($1, $2, 'verify', $3, '{read}', now() + interval '1 hour')", [
    where,
    user,
    hashSecret(randomUUID()),
  ])
  await query("SELECT put_tax_id(NULL, NULL, 'deadbeef', decode(repeat('00', 31), 'hex'), ARRAY[repeat('a', 64)])")
  const [hook] = await query<{ id: string }>("INSERT INTO webhooks (company_id, name, url) VALUES ($1, 'verify', 'https://verify.invalid/') RETURNING id", [where])
  await query('SELECT renew_webhook_secret($1), record_webhook_test($1, true, 200, NULL, NULL, 1)', [hook?.id])
  await query("INSERT INTO idempotency_keys (company_id, user_id, key, request_hash) VALUES ($1, $2, 'verify', 'verify')", [where, user])
  await query('SET LOCAL ROLE bitcorp_owner')
}
