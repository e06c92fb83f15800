// What no password may be: one that many have and intruders try first, or one made of words that stand around it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { programDir } from './config.ts'
import { Refusal } from './errors.ts'

/** Small letters, a line each: of a million from breaches, those of twelve characters or more, and the ten thousand commonest of any length. */
const listFile = join(programDir, 'src', 'base', 'leaked-passwords.gz')
let leaked: Set<string> | undefined

/** Words of the place: the program, the company, the person. */
export type Surroundings = { email: string; name: string; companies: readonly string[] }

/** Why this password is refused, as the code of a sentence; undefined: it may be used. */
export function weaknessOf(password: string, around: Surroundings): 'password_common' | 'password_own_words' | undefined {
  leaked ??= new Set(gunzipSync(readFileSync(listFile)).toString('utf8').trimEnd().split('\n'))
  const small = password.toLowerCase()
  // Known words with digits and marks around them are what is tried next.
  const [word, core] = [repeated(small), small.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')]
  if (leaked.has(small) || (core !== small && leaked.has(core)) || word.length < 6 || (word !== small && leaked.has(word))) return 'password_common'
  return ownPart(small, around).length < 8 ? 'password_own_words' : undefined
}

/** `field`: where the refused password was typed. */
export function refuseWeak(password: string, around: Surroundings, field: string): void {
  const code = weaknessOf(password, around)
  if (code) throw new Refusal(422, code, {}, [{ field, code }])
}

/** What is said again and again: abcabcabcabc is abc. */
const repeated = (text: string): string => /^(.+?)\1+$/su.exec(text)?.[1] ?? text

const plain = (text: string): string => text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '')

/** Letters and digits that are left when the words of the place are taken out. */
function ownPart(password: string, { email, name, companies }: Surroundings): string {
  const words = ['bitcorp', email, name, ...companies].flatMap((text) => plain(text).match(/[\p{L}\p{N}]{4,}/gu) ?? [])
  const longestFirst = [...new Set(words)].sort((a, b) => b.length - a.length)
  return longestFirst.reduce((rest, word) => rest.replaceAll(word, ''), plain(password).replace(/[^\p{L}\p{N}]/gu, ''))
}
