// Ctrl-K: goes to any page, and finds what the door searches for, by keyboard alone.

import { useDebouncedValue } from '@mantine/hooks'
import { createSpotlight, Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight'
import { IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useEffect, useState } from 'react'
import { useTranslation } from './i18n.ts'
import '@mantine/spotlight/styles.css'
import type { PageEntry } from './pages.tsx'
import { useCompany, useMay } from './session.tsx'
import { useGo } from './url.tsx'

export type PaletteHit = { id: string; label: string; description: string; to: string }
/** What the palette searches besides pages; given by the door. */
export type PaletteSearch = { label: string; find: (companyId: string, text: string, signal: AbortSignal) => Promise<PaletteHit[]> }

const [store, spotlight] = createSpotlight()

/** `signal` grows with each wish to open. */
export function Palette({ entries, search, signal }: { entries: readonly PageEntry[]; search: PaletteSearch; signal: number }) {
  const { t } = useTranslation()
  const go = useGo()
  const may = useMay()
  const company = useCompany()
  const [text, setText] = useState('')
  const [wanted] = useDebouncedValue(text.trim(), 180)
  const { data: hits = [], isPlaceholderData } = useQuery({
    queryKey: ['palette', company.company_id, wanted],
    queryFn: (query) => search.find(company.company_id, wanted, query.signal),
    enabled: wanted.length > 1,
    placeholderData: keepPreviousData,
  })
  useEffect(() => {
    if (signal > 0) spotlight.open()
  }, [signal])

  const pages = entries
    .filter((entry) => may({ who: entry.nav?.who ?? 'account' }).allowed && matches(t(entry.nav?.label ?? ''), text))
    .map((entry) => {
      const PageIcon = entry.nav?.icon ?? IconSearch
      return { id: entry.path, label: t(entry.nav?.label ?? ''), leftSection: <PageIcon size={20} aria-hidden />, onClick: () => go(entry.path) }
    })
  const found = text.trim().length > 1 ? hits.map((hit) => ({ id: hit.id, label: hit.label, description: hit.description, onClick: () => go(hit.to) })) : []
  const groups = [
    { group: t(search.label), actions: found },
    { group: t('web.palette_pages'), actions: pages },
  ].filter((group) => group.actions.length > 0)
  const first = groups[0]?.actions[0]
  // Enter goes to the first when none was chosen by arrows, once the answer belongs to what is written.
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || text.trim() === '' || store.getState().selected >= 0 || wanted !== text.trim() || isPlaceholderData) return
    first?.onClick()
    spotlight.close()
  }
  return (
    <Spotlight
      store={store}
      actions={groups satisfies SpotlightActionGroupData[]}
      filter={(_, actions) => actions}
      query={text}
      onQueryChange={setText}
      shortcut={null}
      lockScroll={false}
      overlayProps={{ backgroundOpacity: 0.5, blur: 0 }}
      attributes={{ content: { 'aria-label': t('web.palette') } }}
      scrollable
      maxHeight={420}
      nothingFound={t('web.palette_nothing')}
      searchProps={{ onKeyDown, leftSection: <IconSearch size={20} aria-hidden />, placeholder: t('web.palette_hint'), 'aria-label': t('web.palette_hint') }}
    />
  )
}

const simple = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
const matches = (label: string, text: string) => simple(label).includes(simple(text.trim()))
