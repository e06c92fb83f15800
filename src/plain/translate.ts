// Sentences from words: {{values}} filled in, counted ones in the form of their number. One way for the server and the page.
import type { Language, Words } from './words.ts'

export type Translate = (key: string, values?: Record<string, unknown>) => string
type Spaces = Words[Language]

const rules = { es: new Intl.PluralRules('es'), en: new Intl.PluralRules('en') }

/** Later rooms add to earlier ones. */
export function addWords(into: Words, rooms: readonly Words[]): Words {
  for (const room of rooms) {
    for (const language of ['es', 'en'] as const) {
      for (const [space, sentences] of Object.entries(room[language])) into[language][space] = { ...into[language][space], ...sentences }
    }
  }
  return into
}

function find(spaces: Spaces, key: string): string | undefined {
  const dot = key.indexOf('.')
  const sentences = spaces[key.slice(0, dot)]
  const name = key.slice(dot + 1)
  return sentences && Object.hasOwn(sentences, name) ? sentences[name] : undefined
}

export const hasSentence = (words: Words, language: Language, key: string): boolean => find(words[language], key) !== undefined

/** A key without a sentence is said as it is; `space.key`. */
export function translator(words: Words, language: Language): Translate {
  return (key, values = {}) => {
    const { count } = values
    const counted = typeof count === 'number' ? find(words[language], `${key}_${rules[language].select(count)}`) : undefined
    const sentence = counted ?? find(words[language], key) ?? key
    return sentence.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(values[name] ?? ''))
  }
}
