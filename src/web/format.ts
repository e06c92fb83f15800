// Dates in the company's time zone, money and numbers as the person's language writes them.
import { useMemo } from 'react'
import { useTranslation } from './i18n.ts'
import { useMaybeCompany } from './session.tsx'
import { useMoment } from './url.tsx'

export type Format = {
  /** A calendar day, `2026-11-23`: no zone moves it. */
  day: (day: string | null | undefined) => string
  instant: (instant: string | null | undefined) => string
  /** "hace 3 días", "in 2 hours". */
  relative: (instant: string | null | undefined) => string
  money: (money: { amount: string; currency: string } | null | undefined) => string
  number: (value: number | null | undefined) => string
  percent: (fraction: string | number | null | undefined) => string
  /** The instant the page shows: now, or the moment of the past that was chosen. `relative` and `today` count from it. */
  now: () => number
  /** The company's today, as a calendar day. */
  today: () => string
  timeZone: string
}

const none = '–'
const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** Formatters are dear to make and there for good: a list of fifty rows asked for six hundred. */
const made = new Map<string, unknown>()
function once<T>(name: string, make: () => T): T {
  if (!made.has(name)) made.set(name, make())
  return made.get(name) as T
}
const dayFormat = (locale: string, timeZone: string) => once(`day ${locale} ${timeZone}`, () => new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', timeZone }))
const instantFormat = (locale: string, timeZone: string) =>
  once(`instant ${locale} ${timeZone}`, () => new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone }))
const relativeFormat = (locale: string) => once(`relative ${locale}`, () => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }))
const numberFormat = (locale: string, options: Intl.NumberFormatOptions = {}) => once(`number ${locale} ${JSON.stringify(options)}`, () => new Intl.NumberFormat(locale, options))

export function makeFormat(language: string, timeZone: string, now = Date.now): Format {
  const locale = language === 'en' ? 'en-GB' : 'es-PE'
  return {
    timeZone,
    // Both languages write it so; the first formatter of a page takes a slow machine a twentieth of a second.
    day: (day) => (day ? day.slice(0, 10).split('-').reverse().join('/') : none),
    instant: (instant) => (instant ? instantFormat(locale, timeZone).format(new Date(instant)) : none),
    relative: (instant) => {
      if (!instant) return none
      const seconds = (Date.parse(instant) - now()) / 1000
      const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ['minute', 60]
      return relativeFormat(locale).format(Math.round(seconds / size), unit)
    },
    money: (money) => (money ? numberFormat(locale, { style: 'currency', currency: money.currency, currencyDisplay: 'code' }).format(money.amount as unknown as number) : none),
    number: (value) => (value === null || value === undefined ? none : numberFormat(locale).format(value)),
    percent: (fraction) => (fraction === null || fraction === undefined || fraction === '' ? none : numberFormat(locale, { style: 'percent', maximumFractionDigits: 2 }).format(Number(fraction))),
    now,
    today: () => dayFormat('en-CA', timeZone).format(now()),
  }
}

export function useFormat(): Format {
  const { i18n } = useTranslation()
  const timeZone = useMaybeCompany()?.settings.time_zone ?? 'America/Lima'
  const asOf = useMoment()?.as_of
  return useMemo(() => makeFormat(i18n.language, timeZone, asOf === undefined ? undefined : () => Date.parse(asOf)), [i18n.language, timeZone, asOf])
}

/** The instant of a wall-clock day and time in a zone: what a form's "due on" means. */
export function instantOf(day: string, time: string, timeZone: string): string {
  const guess = Date.parse(`${day}T${time}:00Z`)
  const shown = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(new Date(guess))
  const part = (type: string) => shown.find((piece) => piece.type === type)?.value ?? '00'
  const offset = Date.parse(`${part('year')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}:${part('second')}Z`) - guess
  return new Date(guess - offset).toISOString()
}

/** The wall clock of an instant in a zone, as a field for day and time wants it. */
export function wallClockOf(instant: string, timeZone: string): string {
  const at = new Date(instant)
  const day = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at)
  return `${day}T${new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at)}`
}

/** The other way round; undefined when it is not filled in. */
export function instantOfWallClock(clock: string, timeZone: string): string | undefined {
  const [, day, time] = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})/.exec(clock) ?? []
  return day && time ? instantOf(day, time, timeZone) : undefined
}
