// The page's language: the account's, else what this browser chose before, else what it prefers.
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import type { Language, Words } from '../plain/words.ts'
import { setClientLanguage } from './client.ts'

const key = 'bitcorp-language'

export function startI18n(rooms: readonly Words[]): void {
  const words = mergeWords(rooms)
  void i18next.use(initReactI18next).init({
    lng: chosenLanguage(),
    fallbackLng: 'en',
    resources: { es: { translation: words.es }, en: { translation: words.en } },
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
    initAsync: false,
  })
  i18next.on('languageChanged', applyLanguage)
  applyLanguage(i18next.language)
}

export function changeLanguage(language: Language): void {
  try {
    localStorage.setItem(key, language)
  } catch {
    // Without storage the choice lasts for this visit.
  }
  if (i18next.language !== language) void i18next.changeLanguage(language)
}

/** A page together with the words of rooms that are needed there alone: they come with it, not with the first load. */
export async function withWords<M>(page: Promise<M>, ...rooms: Promise<{ words: Words }>[]): Promise<M> {
  const { es, en } = mergeWords((await Promise.all(rooms)).map((room) => room.words))
  i18next.addResourceBundle('es', 'translation', es, true)
  i18next.addResourceBundle('en', 'translation', en, true)
  return page
}

function applyLanguage(language: string): void {
  document.documentElement.lang = language
  setClientLanguage(language, i18next.t('web.offline'))
}

function chosenLanguage(): Language {
  let stored: string | null = null
  try {
    stored = localStorage.getItem(key)
  } catch {
    // Storage may be refused.
  }
  const wanted = stored ?? navigator.language
  return wanted.toLowerCase().startsWith('en') ? 'en' : 'es'
}

function mergeWords(rooms: readonly Words[]): Words {
  const merged: Words = { es: {}, en: {} }
  for (const room of rooms) {
    for (const language of ['es', 'en'] as const) {
      for (const [space, sentences] of Object.entries(room[language])) merged[language][space] = { ...merged[language][space], ...sentences }
    }
  }
  return merged
}
