// A relay between the program and PostgreSQL: counts what the client sends, and falls silent like a frozen server or a dead line.
import { connect, createServer, type Socket } from 'node:net'

export type Relay = Awaited<ReturnType<typeof startRelay>>

export async function startRelay(target: string) {
  const to = new URL(target)
  const counts = new Map<string, number>()
  const pairs = new Set<{ client: Socket; upstream: Socket; silent: boolean }>()
  let frozen = false
  const server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname)
    const pair = { client, upstream, silent: frozen }
    pairs.add(pair)
    const count = createCounter((type) => counts.set(type, (counts.get(type) ?? 0) + 1))
    for (const [from, into] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => {})
      from.on('data', (data) => {
        if (from === client) count(data)
        into.write(data)
      })
      from.on('close', () => {
        into.destroy()
        pairs.delete(pair)
      })
      if (pair.silent) from.pause()
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = new URL(target)
  url.port = String((server.address() as { port: number }).port)
  const hush = () => {
    for (const pair of pairs) {
      pair.silent = true
      pair.client.pause()
      pair.upstream.pause()
    }
  }
  return {
    url: url.href,
    /** Messages of this type that clients sent: S is Sync, Q a simple statement. */
    sent: (type: string) => counts.get(type) ?? 0,
    /** The connections that are open now carry nothing any more; new ones do. */
    silenceOpen: hush,
    /** Nothing is carried, and new connections are taken but not answered, as by a server that is stopped. */
    freeze: () => {
      frozen = true
      hush()
    },
    thaw: () => {
      frozen = false
      for (const { client, upstream } of pairs) {
        client.resume()
        upstream.resume()
      }
    },
    close: async () => {
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
      await new Promise((done) => server.close(done))
    },
  }
}

function createCounter(found: (type: string) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0)
  let greeted = false
  return (data) => {
    rest = Buffer.concat([rest, data])
    for (;;) {
      const head = greeted ? 1 : 0
      if (rest.length < head + 4) break
      const size = head + rest.readInt32BE(head)
      if (rest.length < size) break
      if (greeted) found(String.fromCharCode(rest[0] ?? 0))
      greeted = true
      rest = rest.subarray(size)
    }
  }
}
