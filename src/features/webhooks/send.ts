// One signed message over HTTP: to the address that was checked, without redirects, within bounds of time and size.
import { lookup } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import { programVersion } from '../../base/config.ts'
import { bareHost, isListed, isPublic, portOf, type Rules, refusalOfUrl } from './address.ts'

export type Message = { url: string; message_id: string; sent_at: number; body: string; signature: string }
/** `error`: why it counts as failed, by a name that the words know. */
export type Answer = { delivered: boolean; code: number | null; text: string | null; error: string | null; ms: number }
/** Gives every address of a name. Asked once for a message: the connection goes to what was checked. */
export type Resolve = (name: string) => Promise<string[]>
export type Sending = { rules: Rules; timeoutMs?: number; resolve?: Resolve }

const bodyLimit = 500
const resolveName: Resolve = async (name) => (await lookup(name, { all: true })).map((found) => found.address)

/** Never throws: what went wrong is in the answer. */
export async function send(message: Message, { rules, timeoutMs = 10_000, resolve = resolveName }: Sending): Promise<Answer> {
  const began = performance.now()
  const refused = refusalOfUrl(message.url, rules)
  const failed = (error: string): Answer => ({ delivered: false, code: null, text: null, error, ms: Math.round(performance.now() - began) })
  if (refused) return failed(refused)
  const closer = new AbortController()
  const late = setTimeout(() => closer.abort(), timeoutMs)
  try {
    const url = new URL(message.url)
    const address = await orLate(addressOf(url, rules, resolve), closer.signal)
    if (!address) return failed('webhook_address_private')
    const { code, text } = await orLate(post(url, address, message, closer.signal), closer.signal)
    const error = code >= 200 && code < 300 ? null : code >= 300 && code < 400 ? 'webhook_redirected' : 'webhook_refused'
    return { delivered: error === null, code, text, error, ms: Math.round(performance.now() - began) }
  } catch (error) {
    return failed(closer.signal.aborted ? 'webhook_too_slow' : reasonOf(error as NodeJS.ErrnoException))
  } finally {
    clearTimeout(late)
    closer.abort()
  }
}

/** One of the name's addresses when all of them may be reached. */
async function addressOf(url: URL, rules: Rules, resolve: Resolve): Promise<string | undefined> {
  const host = bareHost(url)
  const found = isIP(host) ? [host] : await resolve(host)
  if (found.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' })
  if (!isListed(url, rules) && !found.every(isPublic)) return undefined
  return found.find((address) => isIP(address) === 4) ?? found[0]
}

function post(url: URL, address: string, { message_id, sent_at, body, signature }: Message, signal: AbortSignal): Promise<{ code: number; text: string }> {
  const payload = Buffer.from(body)
  return new Promise((done, fail) => {
    const request = (url.protocol === 'https:' ? https : http).request({
      host: address,
      port: portOf(url),
      ...(isIP(bareHost(url)) ? {} : { servername: bareHost(url) }),
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      agent: false,
      signal,
      maxHeaderSize: 16_384,
      headers: {
        host: url.host,
        'content-type': 'application/json',
        'content-length': payload.length,
        'user-agent': `bitcorp-erp/${programVersion}`,
        'webhook-id': message_id,
        'webhook-timestamp': String(sent_at),
        'webhook-signature': signature,
      },
    })
    request.on('error', fail)
    request.on('response', (response) => {
      const pieces: Buffer[] = []
      let size = 0
      const end = () => {
        done({ code: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8').slice(0, bodyLimit).replaceAll('\0', '') })
        request.destroy()
      }
      response.on('data', (piece: Buffer) => {
        pieces.push(piece)
        size += piece.length
        // Enough to show; the rest is not waited for.
        if (size >= bodyLimit * 4) end()
      })
      response.on('end', end)
      response.on('error', fail)
    })
    request.end(payload)
  })
}

function orLate<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((done, fail) => {
    signal.addEventListener('abort', () => fail(new Error('too slow')), { once: true })
    work.then(done, fail)
  })
}

function reasonOf({ code = '', message }: NodeJS.ErrnoException): string {
  if (/ENOTFOUND|EAI_/.test(code)) return 'webhook_name_unknown'
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(`${code} ${message}`)) return 'webhook_tls_failed'
  return 'webhook_not_reached'
}
