// Looking at the past: a button that leads there, and the bar that says which moment is shown, moves it, and leads back.
import { Button, Checkbox, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconHistory } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { instantOfWallClock, useFormat, wallClockOf } from './format.ts'
import { useTranslation } from './i18n.ts'
import { useMoment, useUrl } from './url.tsx'

const day = 86_400_000

/** `since`: the first instant there is something to see of. */
export function MomentButton({ since }: { since: string | undefined }) {
  const { t } = useTranslation()
  const [, setSearch] = useUrl()
  if (useMoment()) return null
  const open = () => {
    const yesterday = Date.now() - day
    setSearch({ as_of: since !== undefined && Date.parse(since) > yesterday ? since : new Date(yesterday).toISOString() })
  }
  return (
    <Button variant="default" leftSection={<IconHistory size={18} aria-hidden />} onClick={open}>
      {t('web.past_open')}
    </Button>
  )
}

export function MomentBar({ since }: { since: string | undefined }) {
  const moment = useMoment()
  return moment ? <Bar key={since} asOf={moment.as_of} isKnown={moment.known_at !== undefined} since={since} /> : null
}

function Bar({ asOf, isKnown, since }: { asOf: string; isKnown: boolean; since: string | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [, setSearch] = useUrl()
  const go = (as_of: string, known = isKnown) => setSearch({ as_of, known_at: known ? as_of : undefined }, { replace: true })
  return (
    <section className="moment-bar" aria-label={t('web.past_region')}>
      <div className="moment-head">
        <IconHistory size={22} aria-hidden />
        <strong role="status">{t('web.past_was', { when: format.instant(asOf) })}</strong>
        <Button onClick={() => setSearch({ as_of: undefined, known_at: undefined })}>{t('web.past_end')}</Button>
      </div>
      <div className="moment-tools">
        <Slider asOf={asOf} since={since ?? new Date(Date.now() - 3 * 365 * day).toISOString()} onChange={go} />
        <Clock asOf={asOf} onChange={go} />
        <Checkbox label={t('web.past_known')} description={t('web.past_known_hint')} checked={isKnown} onChange={(event) => go(asOf, event.currentTarget.checked)} />
      </div>
    </section>
  )
}

type Chooser = { asOf: string; onChange: (asOf: string) => void }

/** Moves by the day; by the hour or the minute where there is less than that to see. Steps are counted back from now, so that both ends are reached. */
function Slider({ asOf, since, onChange }: Chooser & { since: string }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [end] = useState(Date.now)
  const first = Date.parse(since)
  const step = end - first > 14 * day ? day : end - first > day ? 3_600_000 : 60_000
  const steps = Math.max(1, Math.ceil((end - first) / step))
  const instant = (place: number) => (place <= 0 ? since : new Date(end - (steps - place) * step).toISOString())
  const placeOf = (at: string) => Math.max(0, steps - Math.round((end - Date.parse(at)) / step))
  // Where it was pushed to counts until the address says something else.
  const [pushed, setPushed] = useState<{ asOf: string; place: number }>()
  const place = pushed?.asOf === asOf ? pushed.place : placeOf(asOf)
  const send = useDebouncedCallback((chosen: number) => onChange(instant(chosen)), 250)
  return (
    <input
      type="range"
      className="moment-slider"
      aria-label={t('web.past_slider')}
      aria-valuetext={format.instant(instant(place))}
      min={0}
      max={steps}
      value={place}
      onChange={(event) => {
        setPushed({ asOf, place: Number(event.currentTarget.value) })
        send(Number(event.currentTarget.value))
      }}
    />
  )
}

/** Day and time where the company works. Half of a date, or one that has not come, waits. */
function Clock({ asOf, onChange }: Chooser) {
  const { t } = useTranslation()
  const { timeZone } = useFormat()
  const [text, setText] = useState(wallClockOf(asOf, timeZone))
  const send = useDebouncedCallback(onChange, 400)
  useEffect(() => setText(wallClockOf(asOf, timeZone)), [asOf, timeZone])
  return (
    <TextInput
      type="datetime-local"
      label={t('web.past_at')}
      value={text}
      max={wallClockOf(new Date().toISOString(), timeZone)}
      onChange={(event) => {
        setText(event.currentTarget.value)
        const instant = instantOfWallClock(event.currentTarget.value, timeZone)
        if (instant !== undefined && Date.parse(instant) <= Date.now() && instant > '1900') send(instant)
      }}
    />
  )
}
