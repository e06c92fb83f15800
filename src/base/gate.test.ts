// The gate before the serving connections: few at once, in the order they came, and nobody for long behind one that waits.
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Gate } from './gate.ts'

test('so many work at once as are let in, the others in the order they came, also after one that failed', async () => {
  const gate = new Gate(2, 60_000)
  const ended: number[] = []
  let inside = 0
  let most = 0
  const work = (n: number) =>
    gate.during(async () => {
      most = Math.max(most, ++inside)
      await turn()
      inside--
      ended.push(n)
      if (n === 1) throw new Error('refused')
    })
  const all = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(work))
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(ended).toEqual([0, 1, 2, 3, 4, 5])
  expect(most).toBe(2)
  // What ended made room: two can begin at once again.
  await Promise.all([work(6), work(7)])
  expect(most).toBe(2)
})

test('who has waited behind work that does not end goes in beside it', async () => {
  const gate = new Gate(1, 20)
  let end = () => {}
  const long = gate.during(() => new Promise<void>((resolve) => (end = resolve)))
  expect(await gate.during(async () => 'done')).toBe('done')
  end()
  await long
  expect(await gate.during(async () => 'at once')).toBe('at once')
})
