// From when to when a membership holds, as days of the company.
import { TextInput } from '@mantine/core'
import type { SaveForm } from '../../../web/form.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import type { Person } from '../contract.ts'

export type Days = { begins_at: string; ends_at: string }

const dayAfter = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)

/** Days of a form from and to instants. The last day of access ends where the next one begins. */
export function usePeriod() {
  const { timeZone } = useFormat()
  const dayOf = (instant: string, earlier: number) => new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(Date.parse(instant) - earlier))
  return {
    shown: (person: Pick<Person, 'assigned_at' | 'ended_at'>): Days => ({ begins_at: dayOf(person.assigned_at, 0), ends_at: person.ended_at ? dayOf(person.ended_at, 1) : '' }),
    /** Only what was changed: a day says less than the instant that is stored. */
    sent: (days: Days, base: Days = { begins_at: '', ends_at: '' }) => ({
      ...(days.begins_at && days.begins_at !== base.begins_at ? { begins_at: instantOf(days.begins_at, '00:00', timeZone) } : {}),
      ...(days.ends_at === base.ends_at ? {} : { ends_at: days.ends_at ? instantOf(dayAfter(days.ends_at), '00:00', timeZone) : null }),
    }),
  }
}

export function PeriodFields({ state }: { state: SaveForm<Days> }) {
  const { t } = useTranslation()
  return (
    <div className="fields-grid">
      <TextInput type="date" label={t('access.begins')} description={t('access.begins_hint')} {...state.form.getInputProps('begins_at')} />
      <TextInput type="date" label={t('access.ends')} description={t('access.ends_hint')} {...state.form.getInputProps('ends_at')} />
    </div>
  )
}
