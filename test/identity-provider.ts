// A real OpenID provider on loopback, whose people are whoever a test says: the login is the subject.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { freePort } from './harness.ts'

export type Claims = { email?: string; email_verified?: boolean }

/** `people`: what the provider tells of each subject; may be changed at any time. `publicUrl`: where the page of the installation is. */
export async function startProvider(publicUrl: string, people: Record<string, Claims>) {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const clientSecret = randomBytes(24).toString('base64url')
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'bitcorp', client_secret: clientSecret, redirect_uris: [`${publicUrl}/api/v1/single-sign-on/callback`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_ctx, subject) => ({ accountId: subject, claims: () => ({ sub: subject, ...people[subject] }) }),
  })
  const server = createServer(provider.callback())
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    issuer,
    env: { BITCORP_OIDC_ISSUER: issuer, BITCORP_OIDC_CLIENT_ID: 'bitcorp', BITCORP_OIDC_CLIENT_SECRET: clientSecret, BITCORP_PUBLIC_URL: publicUrl },
    close: () => {
      server.closeAllConnections()
      return new Promise<void>((done) => server.close(() => done()))
    },
  }
}

/** Walks through the provider's own forms as a browser does, and gives the address it sends the person back to. */
export async function walkThrough(start: string, publicUrl: string, login: string): Promise<string> {
  const jar = new Map<string, string>()
  let request: { url: string; body?: URLSearchParams } = { url: start }
  for (let steps = 0; steps < 15; steps++) {
    if (request.url.startsWith(publicUrl)) return request.url
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const reply = await fetch(request.url, { redirect: 'manual', headers: { cookie }, ...(request.body ? { method: 'POST', body: request.body } : {}) })
    for (const line of reply.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
    const location = reply.headers.get('location')
    const page = await reply.text()
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1]
    if (location) request = { url: new URL(location, request.url).href }
    else if (action) {
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? ''
      request = { url: new URL(action, request.url).href, body: new URLSearchParams({ prompt, ...(prompt === 'login' ? { login, password: 'any' } : {}) }) }
    } else throw new Error(`the provider answers ${reply.status}: ${page.slice(0, 300)}`)
  }
  throw new Error('the provider goes round in a circle')
}
