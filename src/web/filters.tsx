// Filters of lists, kept in the address: a search box, choices, texts, and the panel that holds the rarer ones.
import { Badge, Button, Checkbox, CloseButton, Group, Popover, Radio, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconChevronDown, IconFilter, IconSearch, IconX } from '@tabler/icons-react'
import { type ReactNode, type Ref, useEffect, useRef, useState } from 'react'
import { Dialog } from './dialog.tsx'
import { useTranslation } from './i18n.ts'
import { usePhone } from './phone.ts'
import { type Search, useUrl } from './url.tsx'

/** What of the address the list asks the server for. */
export function pickSearch(search: Search, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (search[name] ? [[name, search[name]]] : [])))
}

/** A text that reaches the address when the person pauses; follows the address when it changes by other means. */
function useDebouncedUrl(name: string): [string, (text: string) => void] {
  const [search, setSearch] = useUrl()
  const stored = search[name] ?? ''
  const [text, setText] = useState(stored)
  const sent = useRef(stored)
  const send = useDebouncedCallback((value: string) => {
    sent.current = value.trim()
    setSearch({ [name]: value.trim() || undefined }, { replace: true })
  }, 300)
  useEffect(() => {
    if (stored !== sent.current) {
      sent.current = stored
      setText(stored)
    }
  }, [stored])
  return [
    text,
    (value) => {
      setText(value)
      send(value)
    },
  ]
}

export function SearchBox({ name = 'q', label }: { name?: string; label: string }) {
  const { t } = useTranslation()
  const [text, setText] = useDebouncedUrl(name)
  return (
    <TextInput
      type="search"
      role="searchbox"
      className="search-box"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      leftSection={<IconSearch size={18} aria-hidden />}
      rightSection={text ? <CloseButton aria-label={t('web.clear')} onClick={() => setText('')} /> : null}
    />
  )
}

export function TextFilter({ name, label, type = 'text', placeholder }: { name: string; label: string; type?: 'text' | 'date' | 'number'; placeholder?: string }) {
  const [text, setText] = useDebouncedUrl(name)
  return <TextInput label={label} type={type} value={text} {...(placeholder ? { placeholder } : {})} onChange={(event) => setText(event.currentTarget.value)} />
}

export type Choice = { value: string; label: string; indent?: number }

/** One or several of a list; several travel with commas. */
export function ChoiceFilter({ name, label, choices, single }: { name: string; label: string; choices: readonly Choice[]; single?: boolean }) {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const [opened, setOpened] = useState(false)
  const chosen = search[name]?.split(',') ?? []
  const names = choices.filter((choice) => chosen.includes(choice.value)).map((choice) => choice.label)
  const choose = (values: string[]) => setSearch({ [name]: values.join(',') || undefined })
  const items = choices.map(({ value, label: text, indent = 0 }) =>
    single ? <Radio key={value} value={value} label={text} className="choice" /> : <Checkbox key={value} value={value} label={text} className="choice" pl={indent * 18} />,
  )
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          className="filter-button"
          data-on={names.length > 0 || undefined}
          aria-expanded={opened}
          onClick={() => setOpened(!opened)}
          rightSection={<IconChevronDown size={16} aria-hidden />}
        >
          {label}
          {names.length > 0 && <span className="filter-value">: {names.length > 2 ? names.length : names.join(', ')}</span>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className="choices" aria-label={label}>
        {single ? (
          <Radio.Group aria-label={label} value={chosen[0] ?? null} onChange={(value) => choose([value])}>
            {items}
          </Radio.Group>
        ) : (
          <Checkbox.Group aria-label={label} value={chosen} onChange={choose}>
            {items}
          </Checkbox.Group>
        )}
        {choices.length === 0 && (
          <Text size="sm" c="dimmed">
            {t('web.none')}
          </Text>
        )}
        {chosen.length > 0 && (
          <Button variant="subtle" size="compact-sm" mt="xs" leftSection={<IconX size={14} aria-hidden />} onClick={() => choose([])}>
            {t('web.clear')}
          </Button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}

function PanelButton({ count, label, opened, ...rest }: { count: number; label: string; opened: boolean; onClick: () => void; ref?: Ref<HTMLButtonElement> }) {
  const badge = count > 0 && (
    <Badge size="sm" circle variant="filled">
      {count}
    </Badge>
  )
  return (
    <Button variant="default" leftSection={<IconFilter size={16} aria-hidden />} {...rest} aria-expanded={opened} rightSection={badge || null}>
      {label}
    </Button>
  )
}

/** `main` (the filters `mainNames`) stands in the row on a wide screen and in the panel on a phone; `children` (`panelNames`) are always in the panel. */
export function FilterBar({ mainNames, panelNames = [], main, children }: { mainNames: readonly string[]; panelNames?: readonly string[]; main: ReactNode; children?: ReactNode }) {
  const { t } = useTranslation()
  const phone = usePhone()
  const [search, setSearch] = useUrl()
  const [opened, setOpened] = useState(false)
  const names = [...mainNames, ...panelNames]
  const active = names.filter((name) => search[name]).length
  const inPanel = (phone ? names : panelNames).filter((name) => search[name]).length
  const clear = () => setSearch(Object.fromEntries(names.map((name) => [name, undefined])))
  const button = <PanelButton opened={opened} onClick={() => setOpened(!opened)} count={inPanel} label={t(phone ? 'web.filters' : 'web.more_filters')} />
  const clearButton = active > 0 && (
    <Button variant="subtle" color="gray" className="quiet" leftSection={<IconX size={16} aria-hidden />} onClick={clear}>
      {t('web.clear_filters')}
    </Button>
  )
  if (phone) {
    return (
      <>
        {button}
        <Dialog opened={opened} onClose={() => setOpened(false)} title={t('web.filters')}>
          <Stack>
            {main}
            {children}
            <Group grow mt="md">
              {clearButton}
              <Button onClick={() => setOpened(false)}>{t('web.show_results')}</Button>
            </Group>
          </Stack>
        </Dialog>
      </>
    )
  }
  return (
    <>
      {main}
      {children && (
        <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus width={340}>
          <Popover.Target>{button}</Popover.Target>
          <Popover.Dropdown aria-label={t('web.filters')}>
            <Stack gap="sm">{children}</Stack>
          </Popover.Dropdown>
        </Popover>
      )}
      {clearButton}
    </>
  )
}
