// A mail server for tests: takes what is sent to it by SMTP and keeps it in memory.
import { createServer, type Socket } from 'node:net'

export type Received = { from: string; to: string[]; text: string }

/** `refuse`: addresses it takes no mail for. `locked`: it asks for a password and takes none. */
export async function receiveMail({ refuse = [], locked = false }: { refuse?: readonly string[]; locked?: boolean } = {}) {
  const mails: Received[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let rest = ''
    let data: string[] | null = null
    let mail: Received = { from: '', to: [], text: '' }
    const say = (line: string) => socket.write(`${line}\r\n`)
    const hear = (line: string) => {
      if (data) {
        if (line !== '.') return void data.push(line.replace(/^\./, ''))
        mails.push({ ...mail, text: data.join('\n') })
        data = null
        return say('250 kept')
      }
      const address = /<(.*?)>/.exec(line)?.[1] ?? ''
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO' && locked) return say('250-mailbox\r\n250 AUTH PLAIN')
      if (verb === 'AUTH') return say('535 not let in')
      if (verb === 'EHLO' || verb === 'HELO' || verb === 'RSET' || verb === 'NOOP') return say('250 mailbox')
      if (verb === 'MAIL') {
        mail = { from: address, to: [], text: '' }
        return say('250 ok')
      }
      if (verb === 'RCPT') {
        if (refuse.includes(address)) return say('550 no such person')
        mail.to.push(address)
        return say('250 ok')
      }
      if (verb === 'DATA') {
        data = []
        return say('354 go on')
      }
      if (verb === 'QUIT') return void socket.end('221 bye\r\n')
      return say('502 not known here')
    }
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) hear(line)
    })
    say('220 mailbox')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  return {
    mails,
    port: typeof address === 'object' && address ? address.port : 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((done) => server.close(() => done()))
    },
  }
}
