// How many requests begin in one turn of the event loop. Node takes one new connection a turn (libuv since 1.45): where hundreds of busy
// connections make a turn last half a second, whoever comes then would wait for minutes.

/** A hook for onRequest: at most `most` begin in a turn, the others in the turns after it, in the order they came. */
export function pace(most: number): (request: unknown, reply: unknown, done: () => void) => void {
  const waiting: (() => void)[] = []
  let begun = 0
  const turn = () => {
    begun = Math.min(waiting.length, most)
    if (begun > 0) setImmediate(turn)
    for (const begin of waiting.splice(0, begun)) begin()
  }
  return (_request, _reply, done) => {
    if (begun === most) return void waiting.push(done)
    if (begun === 0) setImmediate(turn)
    begun++
    done()
  }
}
