// The frame around every page of a company: header, navigation, command palette, and the place of the page.
import { Burger, Button, Drawer, NavLink, Tooltip, VisuallyHidden } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { IconLock, IconWifiOff } from '@tabler/icons-react'
import { Navigate, Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useId, useState, useSyncExternalStore } from 'react'
import { dataAge } from './client.ts'
import { HeaderTools } from './header.tsx'
import { useTranslation } from './i18n.ts'
import type { PageEntry } from './pages.tsx'
import type { PaletteSearch } from './palette.tsx'
import { usePhone } from './phone.ts'
import { useMay, useMaybeCompany, useSession } from './session.tsx'
import { EmptyState, LoadingState } from './states.tsx'
import { PageLink, useCompanyPath } from './url.tsx'

const Palette = lazy(() => import('./palette.tsx').then((module) => ({ default: module.Palette })))

/** `notice`: what stands above every page while it has something to say. */
export type LayoutProps = { pages: readonly PageEntry[]; search: PaletteSearch; notice?: ReactNode }

export function Layout({ pages, search, notice }: LayoutProps) {
  const { t } = useTranslation()
  const member = useMaybeCompany()
  // Until the person did what the company demands first, every page leads back there: none is offered.
  const company = member?.needs ? null : member
  const phone = usePhone()
  const [palette, openPalette] = usePaletteKey()
  const path = useRouterState({ select: (state) => state.location.pathname })
  // The menu belongs to the place it was opened at: going somewhere closes it.
  const [openedAt, setOpenedAt] = useState<string | null>(null)
  const opened = openedAt === path
  const close = () => setOpenedAt(null)
  const may = useMay()
  const entries = company ? pages.filter(({ nav }) => nav && !(nav.hidden && !may({ who: nav.who ?? 'account' }).allowed)) : []
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        {t('web.skip')}
      </a>
      <header className="shell-header">
        {phone && company && <Burger opened={opened} onClick={() => setOpenedAt(opened ? null : path)} size="sm" aria-label={t('web.menu')} aria-expanded={opened} />}
        <PageLink to="/" account={!member} className="brand" aria-label={`${t('web.product')}: ${t('web.nav_home')}`}>
          <img src="/icon.svg" alt="" width={28} height={28} />
          <span>Bitcorp</span>
        </PageLink>
        <HeaderTools {...(company ? { onPalette: openPalette } : {})} />
      </header>
      <Offline />
      <div className="shell-body">
        {company && !phone && (
          <nav className="shell-nav" aria-label={t('web.main_navigation')}>
            <Navigation entries={entries} />
          </nav>
        )}
        {company && phone && (
          <Drawer opened={opened} onClose={close} size={288} title={t('web.menu')} closeButtonProps={{ 'aria-label': t('web.close') }}>
            <nav aria-label={t('web.main_navigation')}>
              <Navigation entries={entries} />
            </nav>
          </Drawer>
        )}
        <main id="main" className="shell-main" tabIndex={-1}>
          <Suspense>{notice}</Suspense>
          <DataAge key={path} />
          <Suspense fallback={<LoadingState />}>
            <Content />
          </Suspense>
        </main>
      </div>
      {palette > 0 && company && (
        <Suspense>
          <Palette entries={entries} search={search} signal={palette} />
        </Suspense>
      )}
    </div>
  )
}

function Content() {
  const { t } = useTranslation()
  const { me } = useSession()
  const company = useMaybeCompany()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const shown = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  if (me.companies.length === 0)
    return (
      <EmptyState order={1} title={t('web.no_company_title')}>
        {t('web.no_company_text', { email: me.user.email })}
      </EmptyState>
    )
  if (!company) return <NotFound />
  if (company.status !== 'active')
    return (
      <EmptyState order={1} title={company.name}>
        {t('web.company_inactive')}
      </EmptyState>
    )
  const first = company.needs && `/c/${company.company_id}/account${company.needs === 'second_factor' ? '/second-factor' : ''}`
  if (!first) return <Outlet />
  if (path !== first) return <Navigate to={first} replace />
  // On the way there the page before is still the one to be shown: it would only be refused.
  return shown === first ? <Outlet /> : <LoadingState />
}

export function NotFound() {
  const { t } = useTranslation()
  return (
    <EmptyState
      order={1}
      title={t('web.not_found_title')}
      action={
        <Button component={PageLink} to="/" account variant="default">
          {t('web.to_home')}
        </Button>
      }
    >
      {t('web.not_found_text')}
    </EmptyState>
  )
}

function Navigation({ entries }: { entries: readonly PageEntry[] }) {
  return (
    <ul className="nav-list">
      {entries.map((entry) => (
        <li key={entry.path}>
          <NavItem entry={entry} />
        </li>
      ))}
    </ul>
  )
}

function NavItem({ entry }: { entry: PageEntry }) {
  const { t } = useTranslation()
  const id = useId()
  const may = useMay()({ who: entry.nav?.who ?? 'account' })
  const here = useRouterState({ select: (state) => state.location.pathname })
  const target = useCompanyPath()(entry.path)
  if (!entry.nav) return null
  const label = t(entry.nav.label)
  const NavIcon = entry.nav.icon
  const active = entry.path === '/' ? here === target : here === target || here.startsWith(`${target}/`)
  if (!may.allowed) {
    return (
      <Tooltip label={may.reason} position="right">
        <NavLink
          component="button"
          type="button"
          label={label}
          leftSection={<NavIcon size={20} aria-hidden />}
          rightSection={<IconLock size={14} aria-hidden />}
          aria-disabled="true"
          aria-describedby={id}
          className="nav-refused"
          description={
            <VisuallyHidden id={id} aria-hidden>
              {may.reason}
            </VisuallyHidden>
          }
        />
      </Tooltip>
    )
  }
  return <NavLink component={PageLink} to={entry.path} label={label} leftSection={<NavIcon size={20} aria-hidden />} active={active} aria-current={active ? 'page' : undefined} className="nav-link" />
}

/** A report that a replica gave which is behind says so; another page begins without. */
function DataAge() {
  const { t } = useTranslation()
  const seconds = useSyncExternalStore(dataAge.subscribe, dataAge.read)
  useEffect(() => () => dataAge.keep(0), [])
  return <div role="status">{seconds > 0 && <p className="data-age">{t('web.data_age', { count: seconds })}</p>}</div>
}

function Offline() {
  const { t } = useTranslation()
  const { online } = useNetwork()
  return (
    <div role="status" aria-live="polite">
      {online ? null : (
        <p className="offline">
          <IconWifiOff size={18} aria-hidden /> {t('web.offline_banner')}
        </p>
      )}
    </div>
  )
}

/** Ctrl-K or Cmd-K anywhere opens the palette, whose code is fetched on first use. Counts the openings. */
function usePaletteKey(): [number, () => void] {
  const [signal, setSignal] = useState(0)
  const open = useCallback(() => setSignal((count) => count + 1), [])
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        open()
      }
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [open])
  return [signal, open]
}
