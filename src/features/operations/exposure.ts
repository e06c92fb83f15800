// What other machines reach: a server that is open to them without TLS, or with accounts whose password is published, does not start by itself.
import { verify } from '@node-rs/argon2'
import { type Config, isLoopback } from '../../base/config.ts'
import { StartError } from '../../base/embedded.ts'
import { asOwner } from '../../base/owner.ts'
import { demoPassword, everyDemoAccount } from './demo.ts'

export type Exposure = { what: string; advice: string; allowedBy: string; allowed: boolean }

/** Everything sent in the clear; undefined when only this machine is served, or a proxy with TLS is in front. */
export function exposedInTheClear({ host, behindProxy, allowHttp }: Config): Exposure | undefined {
  if (isLoopback(host) || behindProxy) return undefined
  return {
    what: `HOST is ${host}, which other machines reach, and nothing encrypts the passwords they send`,
    advice: 'Put a proxy with TLS in front and set BITCORP_BEHIND_PROXY=1',
    allowedBy: 'BITCORP_ALLOW_HTTP=1',
    allowed: allowHttp,
  }
}

/** Accounts that the published password opens. A proxy does not help against it, so any address but this machine's own counts. */
export async function exposedDemo({ host, behindProxy, demo, allowDemoPublic }: Config, ownerUrl: string): Promise<Exposure | undefined> {
  if (isLoopback(host) && !behindProxy) return undefined
  const { open, empty } = await openDemoAccounts(ownerUrl)
  if (open.length === 0 && !(demo && empty)) return undefined
  const more = open.length > 2 ? ` and ${open.length - 2} more` : ''
  return {
    what: open.length
      ? `Other machines reach this server, and everyone knows the password of its demo accounts (${open.slice(0, 2).join(', ')}${more})`
      : 'Other machines reach this server, and the demo accounts it is about to make have a password that everyone knows',
    advice: open.length ? 'Give each another one (`bitcorp user password EMAIL`) or begin with an empty database and BITCORP_DEMO=0' : 'BITCORP_DEMO=0 begins without them',
    allowedBy: 'BITCORP_ALLOW_DEMO_PUBLIC=1',
    allowed: allowDemoPublic,
  }
}

/** Connections over the network that nothing encrypts, each by the setting that makes it. Passwords and data go along in them. */
export function plainConnections(config: Config): string[] {
  const { databaseUrl, databaseAppUrl, backupUrl, replicaUrls, smtpUrl } = config
  const databases = [['DATABASE_URL', databaseUrl], ['DATABASE_APP_URL', databaseAppUrl], ['BITCORP_BACKUP_URL', backupUrl], ...replicaUrls.map((url) => ['DATABASE_REPLICA_URL', url])] as const
  const plain = databases.filter(([, url]) => url && isPlainDatabase(url)).map(([name, url]) => `${name} (${hostOf(url ?? '')}): add sslmode=verify-full`)
  const isPlainMail = smtpUrl !== undefined && !isLocal(smtpUrl) && new URL(smtpUrl).protocol !== 'smtps:' && new URL(smtpUrl).searchParams.get('requireTLS') !== 'true'
  return isPlainMail ? [...plain, `BITCORP_SMTP_URL (${hostOf(smtpUrl)}): use smtps://, or add ?requireTLS=true`] : plain
}

/** A folder in the place of a host is a socket of this machine. */
const hostOf = (url: string): string => (new URL(url).searchParams.get('host') ?? new URL(url).hostname.replace(/^\[|\]$/g, '')) || 'localhost'
const isLocal = (url: string): boolean => isLoopback(hostOf(url)) || /^(\/|%2f)/i.test(hostOf(url))

function isPlainDatabase(url: string): boolean {
  const { searchParams } = new URL(url)
  return !isLocal(url) && !/^(require|verify-ca|verify-full|no-verify)$/.test(searchParams.get('sslmode') ?? '') && !/^(true|1)$/.test(searchParams.get('ssl') ?? '')
}

async function openDemoAccounts(ownerUrl: string): Promise<{ open: string[]; empty: boolean }> {
  return asOwner(ownerUrl, async (owner) => {
    const [known] = await owner.query<{ any: boolean }>('SELECT has_companies() AS any')
    await owner.query('SET ROLE record_keeper')
    const accounts = await owner.query<{ email: string; password_hash: string }>(
      "SELECT email, password_hash FROM users WHERE email = ANY ($1) AND status = 'active' AND password_hash IS NOT NULL ORDER BY email",
      [everyDemoAccount],
    )
    const open: string[] = []
    for (const { email, password_hash } of accounts) if (await verify(password_hash, demoPassword)) open.push(email)
    return { open, empty: !known?.any }
  })
}

/** Refuses with a sentence; says it loudly where a switch allows it. */
export function refuseExposure(exposure: Exposure | undefined, say: (line: string) => void): void {
  if (!exposure) return
  const { what, advice, allowedBy, allowed } = exposure
  if (!allowed) throw new StartError(`${what}. ${advice}; ${allowedBy} serves all the same.`)
  say(`CAREFUL: ${what}. It is served because of ${allowedBy}. ${advice}.`)
}
