// Dates in the company's time zone, money and numbers as the person's language writes them.
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useMaybeCompany } from './session.tsx'

export type Format = {
  /** A calendar day, `2026-11-23`: no zone moves it. */
  day: (day: string | null | undefined) => string
  instant: (instant: string | null | undefined) => string
  /** "hace 3 días", "in 2 hours". */
  relative: (instant: string | null | undefined) => string
  money: (money: { amount: string; currency: string } | null | undefined) => string
  number: (value: number | null | undefined) => string
  percent: (fraction: string | number | null | undefined) => string
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

export function makeFormat(language: string, timeZone: string): Format {
  const locale = language === 'en' ? 'en-GB' : 'es-PE'
  const days = new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', timeZone: 'UTC' })
  const instants = new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
  const relatives = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  const numbers = new Intl.NumberFormat(locale)
  return {
    timeZone,
    day: (day) => (day ? days.format(new Date(`${day.slice(0, 10)}T00:00:00Z`)) : none),
    instant: (instant) => (instant ? instants.format(new Date(instant)) : none),
    relative: (instant) => {
      if (!instant) return none
      const seconds = (Date.parse(instant) - Date.now()) / 1000
      const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ['minute', 60]
      return relatives.format(Math.round(seconds / size), unit)
    },
    money: (money) => (money ? new Intl.NumberFormat(locale, { style: 'currency', currency: money.currency, currencyDisplay: 'code' }).format(money.amount as unknown as number) : none),
    number: (value) => (value === null || value === undefined ? none : numbers.format(value)),
    percent: (fraction) =>
      fraction === null || fraction === undefined || fraction === '' ? none : new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 2 }).format(Number(fraction)),
    today: () => new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date()),
  }
}

export function useFormat(): Format {
  const { i18n } = useTranslation()
  const timeZone = useMaybeCompany()?.settings.time_zone ?? 'America/Lima'
  return useMemo(() => makeFormat(i18n.language, timeZone), [i18n.language, timeZone])
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
