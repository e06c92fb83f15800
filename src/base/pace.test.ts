// A crowd that comes in one turn of the event loop begins in many, in its order, so that each turn takes a new connection.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { pace } from './pace.ts'

test('so many begin in a turn, in the order they came; who comes later comes after them; a few begin at once', async () => {
  const hook = pace(3)
  const begun: number[] = []
  const come = (n: number) => hook(undefined, undefined, () => begun.push(n))
  const turns: number[][] = []
  for (let n = 0; n < 8; n++) come(n)
  turns.push([...begun])
  for (let turn = 0; turn < 4; turn++) {
    if (turn === 0) come(8)
    await nextTurn()
    turns.push([...begun])
  }
  expect(turns.map((all) => all.length)).toEqual([3, 6, 9, 9, 9])
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  for (const n of [9, 10, 11, 12]) come(n)
  expect(begun.length, 'three of the next four').toBe(12)
  await nextTurn()
  expect(begun.length).toBe(13)
})
