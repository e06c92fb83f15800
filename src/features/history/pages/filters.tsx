// What of the history is shown: by person, kind, action, days and record, all in the address.
import { CloseButton, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { ChoiceFilter, FilterBar, TextFilter } from '../../../web/filters.tsx'
import { instantOf, useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { useUrl } from '../../../web/url.tsx'
import { listPeople } from '../../access/contract.ts'
import { offered } from './entries.ts'

const names = ['person', 'kind', 'action', 'from', 'to', 'record'] as const
const isDay = (text: string | undefined): text is string => text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
const isId = (text: string | undefined): text is string => text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)

/** The filters of the address as both lists take them. Days begin and end by the company's clock. */
export function useFilters() {
  const [search] = useUrl()
  const { timeZone } = useFormat()
  const dayAfter = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
  const period = {
    ...(isDay(search.from) ? { from: instantOf(search.from, '00:00', timeZone) } : {}),
    ...(isDay(search.to) ? { to: instantOf(dayAfter(search.to), '00:00', timeZone) } : {}),
  }
  const person = isId(search.person) ? search.person : undefined
  const record = isId(search.record) ? search.record : undefined
  return {
    events: {
      ...period,
      ...(person ? { recorded_by: person } : {}),
      ...(record ? { aggregate_id: record } : {}),
      ...(search.kind ? { aggregate_type: search.kind } : {}),
      ...(search.action ? { event_type: offered.events.kinds.flatMap((kind) => search.action?.split(',').map((action) => `${kind}_${action}`)).join(',') } : {}),
    },
    audit: {
      ...period,
      ...(person ? { user_id: person } : {}),
      ...(record ? { any_id: record } : {}),
      ...(search.kind ? { entity_type: search.kind } : {}),
      ...(search.action ? { action: search.action } : {}),
    },
  }
}

export function Filters({ of }: { of: keyof typeof offered }) {
  const { t } = useTranslation()
  const { kinds, actions } = offered[of]
  const [search, setSearch] = useUrl()
  return (
    <div className="list-bar filter-line">
      <FilterBar
        mainNames={names}
        main={
          <>
            <PersonSelect value={search.person ?? null} onChange={(person) => setSearch({ person })} />
            <ChoiceFilter name="kind" label={t('history.kind')} choices={kinds.map((kind) => ({ value: kind, label: t(`history.kind_${kind}`) }))} />
            <ChoiceFilter name="action" label={t('history.action')} choices={actions.map((action) => ({ value: action, label: t(`history.action_${action}`) }))} />
            <DayFilter name="from" label={t('history.from')} />
            <DayFilter name="to" label={t('history.to')} />
            <RecordFilter />
          </>
        }
      />
    </div>
  )
}

function DayFilter({ name, label }: { name: 'from' | 'to'; label: string }) {
  return (
    <div className="day-filter">
      <TextFilter name={name} label={label} type="date" />
    </div>
  )
}

/** One record by its id, as a link of another page or a fault of the check gives it; half an id finds nothing and says so. */
function RecordFilter() {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const stored = search.record ?? ''
  const [text, setText] = useState(stored)
  const [shown, setShown] = useState(stored)
  if (shown !== stored) {
    setShown(stored)
    setText(stored)
  }
  const take = (value: string) => {
    setText(value)
    const id = value.trim().toLowerCase()
    if (id === '' || isId(id)) setSearch({ record: id || undefined })
  }
  return (
    <TextInput
      className="record-filter"
      label={t('history.record')}
      placeholder={t('history.record_hint')}
      value={text}
      onChange={(event) => take(event.currentTarget.value)}
      error={text.trim() !== '' && !isId(text.trim()) ? t('history.record_invalid') : undefined}
      rightSection={text ? <CloseButton size="sm" aria-label={t('web.clear')} onClick={() => take('')} /> : null}
    />
  )
}

/** Everyone who belongs or belonged to the company, found by name on the server. */
function PersonSelect({ value, onChange }: { value: string | null; onChange: (person: string | undefined) => void }) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const [wanted] = useDebouncedValue(text.trim(), 200)
  const chosen = useRead(listPeople, { query: { limit: 200 } }, { staleTime: 300_000 }).data?.items ?? []
  const isChosenName = chosen.some((person) => person.display_name === wanted)
  const found = useRead(listPeople, { query: { limit: 50, ...(wanted && !isChosenName ? { q: wanted } : {}) } }, { keep: true }).data?.items ?? []
  const data = new Map([...chosen.filter((person) => person.user_id === value), ...found].map((person) => [person.user_id, person.display_name]))
  if (value && !data.has(value)) data.set(value, t('history.one_person'))
  return (
    <Select
      className="filter"
      label={t('history.person')}
      placeholder={t('web.all')}
      clearable
      searchable
      data={[...data].map(([id, label]) => ({ value: id, label }))}
      filter={({ options }) => options}
      value={value}
      onChange={(person) => onChange(person ?? undefined)}
      onSearchChange={setText}
      nothingFoundMessage={t('history.nobody')}
    />
  )
}
