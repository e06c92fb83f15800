// Where a webhook may reach: public addresses on the usual ports, and what the installation's owner lists.
import { BlockList, isIP } from 'node:net'

/** `allow`: hosts (`erp.internal`, `127.0.0.1:4010`) that are reached whatever they are. `http`: without TLS to anybody. */
export type Rules = { allow: readonly string[]; http: boolean }

const refused4 = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  refused4.addSubnet(net, bits)

// Only 2000::/3 is given to the public. Of it, what carries another address inside (6to4, Teredo) or belongs to nobody is refused;
// mapped, compatible, NAT64, unique local, link-local and multicast addresses lie outside.
const public6 = new BlockList()
public6.addSubnet('2000::', 3, 'ipv6')
const refused6 = new BlockList()
for (const [net, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  refused6.addSubnet(net, bits, 'ipv6')

export function isPublic(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !refused4.check(address)
  // An IPv4 address in the last bytes is checked in no list of IPv6: 2000::/3 leaves no such form.
  return family === 6 && !address.includes('%') && public6.check(address, 'ipv6') && !refused6.check(address, 'ipv6')
}

export const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')
export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))
export const isListed = (url: URL, rules: Rules): boolean => rules.allow.includes(url.hostname) || rules.allow.includes(`${url.hostname}:${portOf(url)}`)

/** Why this address is refused before anything is looked up; undefined when it is not. The names are decimal, hex and octal forms made plain. */
export function refusalOfUrl(text: string, rules: Rules): 'webhook_url_invalid' | 'webhook_http_refused' | 'webhook_port_refused' | 'webhook_address_private' | undefined {
  if (!URL.canParse(text)) return 'webhook_url_invalid'
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.hash || !url.hostname) return 'webhook_url_invalid'
  if (isListed(url, rules)) return undefined
  if (url.protocol === 'http:' && !rules.http) return 'webhook_http_refused'
  if (![80, 443].includes(portOf(url))) return 'webhook_port_refused'
  const host = bareHost(url)
  if (isIP(host) ? !isPublic(host) : /(^|\.)(localhost|local|internal)\.?$/.test(host)) return 'webhook_address_private'
  return undefined
}
