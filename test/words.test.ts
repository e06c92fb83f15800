// Every sentence that the pages say exists, in both languages.
import { expect, test } from 'vitest'
import { words as machineWords } from '../src/features/equipment/pages/words.ts'
import { words as historyPageWords } from '../src/features/history/pages/words.ts'
import type { Language } from '../src/plain/words.ts'
import { allWords } from '../src/server.ts'
import { words as webWords } from '../src/web/words.ts'
import { filesUnder, textOf } from './sources.ts'

const languages: Language[] = ['es', 'en']
const rooms = [webWords, machineWords, historyPageWords, ...allWords]
const keysOf = (language: Language): Set<string> =>
  new Set(rooms.flatMap((room) => Object.entries(room[language] as Record<string, object>).flatMap(([space, sentences]) => Object.keys(sentences).map((key) => `${space}.${key}`))))
const known = { es: keysOf('es'), en: keysOf('en') }
const spaces = [...new Set([...known.en].map((key) => key.split('.')[0] ?? ''))]

const files = [...filesUnder('src/web', /\.tsx?$/), ...filesUnder('src/features', /(pages\.tsx|pages\/[\w-]+\.tsx?)$/), 'src/browser.tsx'].filter((path) => !path.endsWith('words.ts'))
const said = files.flatMap((path) =>
  [...textOf(path).matchAll(new RegExp(`['"\`]((?:${spaces.join('|')})\\.[a-z0-9_]*)(['"\`]|\\$\\{)`, 'g'))].map(([, key = '', end]) => ({ path, key, isWhole: end !== '${' && !key.endsWith('_') })),
)

/** A counted sentence has a form for each number. */
const hasSentence = (language: Language, key: string) => known[language].has(key) || (known[language].has(`${key}_one`) && known[language].has(`${key}_other`))

test('both languages have the same sentences', () => {
  const bare = (language: Language) => [...new Set([...known[language]].map((key) => key.replace(/_(one|many|other)$/, '')))].sort()
  expect(bare('es')).toEqual(bare('en'))
  expect(known.es.size).toBeGreaterThan(500)
})

test.each(languages)('every sentence that a page asks for stands in %s', (language) => {
  const whole = said.filter(({ isWhole }) => isWhole)
  expect(whole.length).toBeGreaterThan(500)
  expect(whole.filter(({ key }) => !hasSentence(language, key)).map(({ path, key }) => `${path}: ${key}`)).toEqual([])
})

test.each(languages)('every sentence that a page puts together has some form in %s', (language) => {
  const begun = said.filter(({ key, isWhole }) => !isWhole && !key.endsWith('.'))
  expect(begun.length).toBeGreaterThan(20)
  expect(begun.filter(({ key }) => ![...known[language]].some((one) => one.startsWith(key))).map(({ path, key }) => `${path}: ${key}…`)).toEqual([])
})
