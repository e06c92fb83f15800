// Sentences in the caller's language, from the words of the rooms.
import { addWords, type Translate, translator } from '../plain/translate.ts'
import type { Language, Words } from '../plain/words.ts'

/** Gives a translator for each language. Words: {language: {namespace: {key: sentence with {{values}}}}}, later rooms add to earlier ones. */
export function createTranslator(rooms: readonly Words[]): (language: Language) => Translate {
  const words = addWords({ es: {}, en: {} }, rooms)
  const both = { es: translator(words, 'es'), en: translator(words, 'en') }
  return (language) => both[language]
}

/** The language of an Accept-Language header: Spanish unless English is asked for before it. */
export function languageOf(header: string | undefined): Language {
  const first = (header ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim().slice(0, 2))
    .find((part) => part === 'es' || part === 'en')
  return first === 'en' ? 'en' : 'es'
}
