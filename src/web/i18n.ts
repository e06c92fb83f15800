// The page's language: the account's, else what this browser chose before, else what it prefers.
import { useSyncExternalStore } from 'react'
import { addWords, hasSentence, type Translate, translator } from '../plain/translate.ts'
import type { Language, Words } from '../plain/words.ts'
import { setClientLanguage } from './client.ts'

const key = 'bitcorp-language'
const words: Words = { es: {}, en: {} }
const listeners = new Set<() => void>()

type Speech = { t: Translate; i18n: { language: Language; exists: (key: string) => boolean } }
const speeches: Record<Language, Speech> = { es: speechOf('es'), en: speechOf('en') }
let current = speeches[chosenLanguage()]

function speechOf(language: Language): Speech {
  return { t: translator(words, language), i18n: { language, exists: (key) => hasSentence(words, language, key) } }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useTranslation(): Speech {
  return useSyncExternalStore(subscribe, () => current)
}

/** Outside of a component: in the language of now. */
export const say: Translate = (key, values) => current.t(key, values)

export function startI18n(rooms: readonly Words[]): void {
  addWords(words, rooms)
  applyLanguage()
}

export function changeLanguage(language: Language): void {
  try {
    localStorage.setItem(key, language)
  } catch {
    // Without storage the choice lasts for this visit.
  }
  if (current.i18n.language === language) return
  current = speeches[language]
  applyLanguage()
  for (const listener of listeners) listener()
}

/** A page together with the words of rooms that the first load leaves out: nothing is shown before its words are there. */
export async function withWords<M>(page: Promise<M>, ...rooms: Promise<{ words: Words }>[]): Promise<M> {
  // Together: when the server is away each of them fails, and each failure is heard.
  const [opened, ...found] = await Promise.all([page, ...rooms])
  addWords(
    words,
    found.map((room) => room.words),
  )
  return opened
}

function applyLanguage(): void {
  document.documentElement.lang = current.i18n.language
  setClientLanguage(current.i18n.language, say('web.offline'))
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
