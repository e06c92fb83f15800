// A choice among more than a page can hold: what is typed is searched on the server.
import { Loader, Select, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useState } from 'react'
import { useTranslation } from './i18n.ts'

export type LookupOption = { value: string; label: string; hint?: string; disabled?: boolean }
type Props = {
  /** Names what is searched, with everything else the answer depends on. */
  id: readonly unknown[]
  find: (text: string, signal: AbortSignal) => Promise<LookupOption[]>
  /** What is chosen, with its words: it need not be among the options. */
  value: LookupOption | null
  onChange: (option: LookupOption | null) => void
  label: string
  hideLabel?: boolean
  description?: ReactNode
  placeholder?: string
  error?: ReactNode
  required?: boolean
  clearable?: boolean
  autoFocus?: boolean
}

export function Lookup({ id, find, value, onChange, label, hideLabel, description, placeholder, error, required, clearable, autoFocus }: Props) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const typed = text === value?.label ? '' : text.trim()
  const [wanted] = useDebouncedValue(typed, 200)
  const { data, isFetching, error: failed } = useQuery({ queryKey: ['lookup', ...id, wanted], queryFn: ({ signal }) => find(wanted, signal), placeholderData: keepPreviousData })
  const options = data ?? []
  const all = value && !options.some((option) => option.value === value.value) ? [value, ...options] : options
  return (
    <Select
      {...(hideLabel ? { 'aria-label': label } : { label })}
      data={all.map((option) => ({ value: option.value, label: option.label, disabled: option.disabled ?? false }))}
      value={value?.value ?? null}
      onChange={(chosen) => onChange(all.find((option) => option.value === chosen) ?? null)}
      className="lookup"
      searchable
      searchValue={text}
      onSearchChange={setText}
      filter={({ options: shown }) => shown}
      renderOption={({ option }) => <Option option={all.find((one) => one.value === option.value)} />}
      nothingFoundMessage={failed ? failed.message : isFetching ? t('web.loading') : t('web.lookup_nothing')}
      rightSection={isFetching ? <Loader size={16} /> : undefined}
      error={error}
      required={required ?? false}
      clearable={clearable ?? false}
      clearButtonProps={{ 'aria-label': t('web.clear') }}
      openOnFocus={false}
      {...(description ? { description } : {})}
      {...(placeholder ? { placeholder } : {})}
      {...(autoFocus ? { 'data-autofocus': true } : {})}
    />
  )
}

function Option({ option }: { option: LookupOption | undefined }) {
  return (
    <span className="lookup-option">
      <span>{option?.label}</span>
      {option?.hint && (
        <Text component="span" size="xs" c="dimmed">
          {option.hint}
        </Text>
      )}
    </span>
  )
}
