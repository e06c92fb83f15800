// The sentences of the page as a person reads them, in both languages.
import i18next from 'i18next'
import { words as machineWords } from '../../src/features/equipment/pages/words.ts'
import { words as historyPageWords } from '../../src/features/history/pages/words.ts'
import type { Language } from '../../src/plain/words.ts'
import { allWords } from '../../src/server.ts'
import { words as webWords } from '../../src/web/words.ts'

const rooms = [webWords, ...allWords, machineWords, historyPageWords]

function merged(language: Language): Record<string, Record<string, string>> {
  const spaces: Record<string, Record<string, string>> = {}
  for (const room of rooms) for (const [space, sentences] of Object.entries(room[language] as Record<string, Record<string, string>>)) spaces[space] = { ...spaces[space], ...sentences }
  return spaces
}

const i18n = i18next.createInstance()
await i18n.init({ lng: 'es', resources: { es: { translation: merged('es') }, en: { translation: merged('en') } }, interpolation: { escapeValue: false } })

export type Values = Record<string, string | number>

/** Fails for a key that has no sentence in this very language. */
export function sentence(language: Language, key: string, values: Values = {}): string {
  const { count } = values
  if (!i18n.exists(key, { lng: language, fallbackLng: false, ...(typeof count === 'number' ? { count } : {}) } as never)) throw new Error(`${language} has no sentence ${key}`)
  return i18n.getFixedT(language)(key, values)
}

/** What a page shows in place of a sentence that is missing: "equipment.name". */
export const keyName = new RegExp(`\\b(${Object.keys(merged('en')).join('|')})\\.[a-z]+(_[a-z]+)*\\b`)
