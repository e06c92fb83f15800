// Sentences in the caller's language, from the words of the rooms.
import i18next from 'i18next'
import type { Language, Words } from '../plain/words.ts'
import type { Translate } from './errors.ts'

/** Gives a translator for each language. Words: {language: {namespace: {key: sentence with {{values}}}}}, later rooms add to earlier ones. */
export async function createTranslator(words: readonly Words[]): Promise<(language: Language) => Translate> {
  const i18n = i18next.createInstance()
  const merged: Words = { es: {}, en: {} }
  for (const room of words) {
    for (const language of ['es', 'en'] as const) {
      for (const [space, sentences] of Object.entries(room[language])) merged[language][space] = { ...merged[language][space], ...sentences }
    }
  }
  await i18n.init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { es: { translation: merged.es }, en: { translation: merged.en } },
    interpolation: { escapeValue: false },
  })
  return (language) => i18n.getFixedT(language) as Translate
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
