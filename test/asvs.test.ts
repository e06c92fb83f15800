// The table of ASVS 5.0 keeps itself: every requirement of levels 1 and 2 once, each with a verdict, and every file that is named is there.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { textOf } from './sources.ts'

/** Section and numbers, as the standard (5.0.0) has them. */
const standard = `
  1.1:1,2 1.2:1,2,3,4,5,6,7,8,9 1.3:1,2,3,4,5,6,7,8,9,10,11 1.4:1,2,3 1.5:1,2 2.1:1,2,3 2.2:1,2,3 2.3:1,2,3,4 2.4:1 3.2:1,2 3.3:1,2,3,4 3.4:1,2,3,4,5,6
  3.5:1,2,3,4,5 3.7:1,2 4.1:1,2,3 4.2:1 4.3:1,2 4.4:1,2,3,4 5.1:1 5.2:1,2,3 5.3:1,2 5.4:1,2,3 6.1:1,2,3 6.2:1,2,3,4,5,6,7,8,9,10,11,12 6.3:1,2,3,4
  6.4:1,2,3,4 6.5:1,2,3,4,5 6.6:1,2,3 6.8:1,2,3,4 7.1:1,2,3 7.2:1,2,3,4 7.3:1,2 7.4:1,2,3,4,5 7.5:1,2 7.6:1,2 8.1:1,2 8.2:1,2,3 8.3:1 8.4:1 9.1:1,2,3
  9.2:1,2,3,4 10.1:1,2 10.2:1,2 10.3:1,2,3,4 10.4:1,2,3,4,5,6,7,8,9,10,11 10.5:1,2,3,4,5 10.6:1,2 10.7:1,2,3 11.1:1,2 11.2:1,2,3 11.3:1,2,3 11.4:1,2,3,4
  11.5:1 11.6:1 12.1:1,2,3 12.2:1,2 12.3:1,2,3,4 13.1:1 13.2:1,2,3,4,5 13.3:1,2 13.4:1,2,3,4,5 14.1:1,2 14.2:1,2,3,4 14.3:1,2,3 15.1:1,2,3 15.2:1,2,3
  15.3:1,2,3,4,5,6,7 16.1:1 16.2:1,2,3,4,5 16.3:1,2,3,4 16.4:1,2,3 16.5:1,2,3 17.1:1 17.2:1,2,3,4 17.3:1,2`
const wanted = standard
  .trim()
  .split(/\s+/)
  .flatMap((section) => {
    const [name, list = ''] = section.split(':')
    return list.split(',').map((number) => `${name}.${number}`)
  })
const rows = textOf('docs/asvs.md')
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))

test('every requirement of levels 1 and 2 stands in the table once', () => {
  expect(wanted.length).toBe(253)
  expect(cells.map(([, number]) => number)).toEqual(wanted)
})

test('each has a verdict, what is met names what shows it, and every file is there', () => {
  const verdicts = cells.map(([, number, , verdict = '']) => [number, /^(met|not applicable|not met): (.{5,})$/.exec(verdict)] as const)
  expect(verdicts.filter(([, verdict]) => !verdict).map(([number]) => number)).toEqual([])
  const shown = verdicts.filter(([, verdict]) => verdict?.[1] === 'met')
  expect(shown.length).toBeGreaterThan(100)
  const filesOf = (text: string) => [...text.matchAll(/`([\w./-]+\.\w+)`/g)].map((match) => match[1] ?? '')
  const proofs = shown.map(([number, verdict]) => [number, filesOf(verdict?.[2] ?? '')] as const)
  expect(proofs.filter(([, files]) => files.length === 0).map(([number]) => number)).toEqual([])
  const missing = rows.flatMap(filesOf).filter((file) => !existsSync(join(programDir, file)))
  expect(missing).toEqual([])
})
