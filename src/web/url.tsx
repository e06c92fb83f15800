// State in the address: what is filtered, sorted and shown can be shared by link and reached with the back button.
import { createLink, useNavigate, useParams, useRouter, useRouterState } from '@tanstack/react-router'
import { type AnchorHTMLAttributes, type ReactNode, type Ref, useCallback, useMemo, useRef } from 'react'

export type Search = Record<string, string | undefined>

/** Plain text in the query: `?status=active,maintenance`, not JSON. */
export const parseSearch = (text: string): Search => Object.fromEntries(new URLSearchParams(text))
export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== null && value !== '') query.set(name, String(value))
  const text = query.toString().replaceAll('%2C', ',')
  return text ? `?${text}` : ''
}

/** The query of the address, and a way to change some of it; `undefined` takes a name out. */
export function useUrl(): [Search, (patch: Search, options?: { replace?: boolean }) => void] {
  const search = useRouterState({ select: (state) => state.location.search as Search })
  const navigate = useNavigate()
  const change = useCallback(
    (patch: Search, options: { replace?: boolean } = {}) => {
      void navigate({ to: '.', search: ((now: Search) => ({ ...now, ...patch })) as never, replace: options.replace ?? false, resetScroll: false })
    },
    [navigate],
  )
  return [search, change]
}

export type Moment = { as_of: string; known_at?: string }

/** The past instant that the address asks about; undefined when the page shows now. */
export function useMoment(): Moment | undefined {
  const { as_of, known_at } = useRouterState({ select: (state) => state.location.search as Search })
  return useMemo(() => momentOf({ as_of, known_at }), [as_of, known_at])
}

export function momentOf({ as_of, known_at }: Search): Moment | undefined {
  const isPast = (instant: string | undefined) => instant !== undefined && /^\d{4}-\d{2}-\d{2}T/.test(instant) && Date.parse(instant) <= Date.now()
  if (!isPast(as_of)) return undefined
  return { as_of: as_of as string, ...(isPast(known_at) ? { known_at: known_at as string } : {}) }
}

/** A path inside the active company: `/equipment/1` becomes `/c/<company>/equipment/1`. */
export function useCompanyPath(): (path: string) => string {
  const { companyId } = useParams({ strict: false }) as { companyId?: string }
  return (path) => (companyId && !path.startsWith('/c/') ? `/c/${companyId}${path === '/' ? '' : path}` : path)
}

/** Goes to a path inside the active company. */
export function useGo(): (path: string, options?: { search?: Search; replace?: boolean }) => void {
  const navigate = useNavigate()
  const at = useCompanyPath()
  return (path, options = {}) => void navigate({ to: at(path), search: (options.search ?? {}) as never, replace: options.replace ?? false })
}

/** What makes an `<a>` a link inside the active company: for the many of a long list, as `PageLink` costs a fifth of a millisecond each. */
export function usePlainLinks(): (path: string, search: Search) => Pick<AnchorProps, 'href' | 'onClick' | 'onFocus' | 'onMouseEnter'> {
  const router = useRouter()
  const at = useCompanyPath()
  const isAsked = useRef(false)
  return (path, search) => {
    const to = { to: at(path), search: search as never }
    // The page they lead to is fetched as by any other link: when the first of them is pointed at or reached by Tab.
    const preload = () => {
      if (!isAsked.current) void router.preloadRoute(to)
      isAsked.current = true
    }
    return {
      href: `${to.to}${stringifySearch(search)}`,
      onClick: (event) => {
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        void router.navigate(to)
      },
      onFocus: preload,
      onMouseEnter: preload,
    }
  }
}

type AnchorProps = AnchorHTMLAttributes<HTMLAnchorElement> & { ref?: Ref<HTMLAnchorElement> }
const RouterLink = createLink((props: AnchorProps) => <a {...props} />)

/** A link inside the active company; also as `component` of the kit's buttons. `account` links stand outside of a company. */
export function PageLink({ to, search, account, children, ...rest }: Omit<AnchorProps, 'href'> & { to: string; search?: Search; account?: boolean; children?: ReactNode }) {
  const at = useCompanyPath()
  return (
    <RouterLink to={account ? to : at(to)} search={(search ?? {}) as never} activeOptions={{ exact: true }} {...(rest as object)}>
      {children}
    </RouterLink>
  )
}
