// Every sentence that the pages say exists, in both languages.
import { dirname, join } from 'node:path'
import i18next from 'i18next'
import { expect, test } from 'vitest'
import { programDir } from '../src/base/config.ts'
import { words as machineWords } from '../src/features/equipment/pages/words.ts'
import { words as historyPageWords } from '../src/features/history/pages/words.ts'
import { addWords, type Translate, translator } from '../src/plain/translate.ts'
import type { Language, Words } from '../src/plain/words.ts'
import { allWords } from '../src/server.ts'
import { words as webWords } from '../src/web/words.ts'
import { filesUnder, textOf } from './sources.ts'

const keysIn = (room: Words) => Object.entries(room.es).flatMap(([space, sentences]) => Object.keys(sentences).map((key) => `${space}.${key}`))
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

const namesOf = (source: string) => new Map([...source.matchAll(/const (\w+Words) = \(\) => import\('\.\/([^']+)'\)/g)].map(([, name = '', path = '']) => [name, `src/${path}`]))
const importsOf = (path: string) =>
  [...textOf(path).matchAll(/^import (?!type)[^'"]*'(\.[^']+\.tsx?)'|\bimport\('(\.[^']+\.tsx?)'\)/gm)].map((match) => join(dirname(path), match[1] ?? match[2] ?? ''))

/** A file and all it reaches. */
function reachOf(path: string, seen = new Set<string>()): Set<string> {
  if (!seen.has(path)) {
    seen.add(path)
    for (const next of importsOf(path)) reachOf(next, seen)
  }
  return seen
}

test('every page comes with all the words that it says, though the first load has few', async () => {
  const door = textOf('src/browser.tsx')
  const named = namesOf(door)
  const wordsIn = async (path: string) => keysIn(((await import(join(programDir, path))) as { words: Words }).words)
  const first = new Set(await Promise.all([...door.matchAll(/^import \{ words as \w+ \} from '\.\/([^']+)'/gm)].map(([, path]) => wordsIn(`src/${path}`))).then((sets) => sets.flat()))
  const pages = [...door.matchAll(/import\('\.\/([^']+\.tsx)'\)((?:,\s*\w+Words\(\))*)/g)].map(([, path = '', words = '']) => ({
    path: `src/${path}`,
    words: [...words.matchAll(/\w+Words/g)].map(([name]) => named.get(name) ?? name),
  }))
  expect(pages.length).toBeGreaterThan(25)
  const silent: string[] = []
  for (const { path, words } of pages) {
    const there = new Set([...first, ...(await Promise.all(words.map(wordsIn))).flat()])
    const reach = reachOf(path)
    for (const { path: from, key, isWhole } of said.filter(({ path: from }) => reach.has(from)))
      for (const needed of isWhole ? [key] : [...known.es].filter((one) => one.startsWith(key))) if (!there.has(needed) && !there.has(`${needed}_one`)) silent.push(`${path}: ${needed} of ${from}`)
  }
  expect(silent).toEqual([])
  const shell = [...reachOf('src/browser.tsx')].filter((path) => path.startsWith('src/web/'))
  expect(said.filter(({ path, key, isWhole }) => (path === 'src/browser.tsx' || shell.includes(path)) && isWhole && !first.has(key) && !first.has(`${key}_one`))).toEqual([])
})

test('sentences read as the reference says them', async () => {
  const merged = addWords({ es: {}, en: {} }, rooms)
  const reference = i18next.createInstance()
  await reference.init({ lng: 'es', resources: { es: { translation: merged.es }, en: { translation: merged.en } }, interpolation: { escapeValue: false } })
  const wrong: string[] = []
  for (const language of languages) {
    const [ours, theirs] = [translator(merged, language), reference.getFixedT(language) as Translate]
    for (const key of known[language]) {
      const [space = '', name = ''] = key.split('.')
      const values = Object.fromEntries([...(merged[language][space]?.[name] ?? '').matchAll(/\{\{(\w+)\}\}/g)].map(([, value = '']) => [value, '$& <b> {{name}}']))
      const bare = key.replace(/_(one|many|other)$/, '')
      const tries = bare === key ? [values] : [0, 1, 2, 1_000_000].map((count) => ({ ...values, count }))
      for (const given of tries) if (ours(bare, given) !== theirs(bare, given)) wrong.push(`${language} ${key}: ${ours(bare, given)}`)
    }
  }
  expect(wrong).toEqual([])
})
