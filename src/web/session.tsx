// Who is signed in, which company is active, and what they may do there, with the reason when they may not.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { createContext, type ReactNode, useContext, useEffect, useMemo } from 'react'
import type { Operation } from '../plain/operation.ts'
import type { Role } from '../plain/roles.ts'
import type { Language } from '../plain/words.ts'
import { onSignedOut, setCsrfToken } from './client.ts'
import { changeLanguage, useTranslation } from './i18n.ts'
import { ErrorState, LoadingState } from './states.tsx'

export type Member = Readonly<{
  company_id: string
  name: string
  role: Role
  status: string
  /** What must be done before anything else. */
  needs: 'password' | 'second_factor' | null
  settings: { time_zone?: string; currency?: string; working_days?: number[]; working_hours?: { from: string; to: string } }
}>
export type Me = Readonly<{ user: { id: string; email: string; full_name: string; language: Language; is_installation_admin: boolean }; companies: readonly Member[]; csrf_token: string | null }>

/** How the shell reaches the account; given by the door, since the ground knows no room. */
export type AccountDoor = Readonly<{ load: () => Promise<Me>; signOut: () => Promise<unknown>; saveLanguage: (language: Language) => Promise<unknown> }>

export type May = { allowed: true; reason: undefined } | { allowed: false; reason: string }
export type Session = Readonly<{
  me: Me
  signOut: () => Promise<void>
  setLanguage: (language: Language) => void
}>
const Context = createContext<Session | null>(null)
export const meKey = ['me'] as const

/** Loads the account; whoever is not signed in goes to the sign-in page, which brings them back here. */
export function SessionProvider({ door, children }: { door: AccountDoor; children: ReactNode }) {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { data: me, error, refetch } = useQuery({ queryKey: meKey, queryFn: door.load, staleTime: 60_000, retry: false })

  useEffect(() => {
    onSignedOut(() => {
      const here = location.pathname + location.search
      if (location.pathname !== '/sign-in') void navigate({ to: '/sign-in', search: here === '/' ? {} : ({ next: here } as never), replace: true }).then(() => queries.clear())
    })
    return () => onSignedOut(() => {})
  }, [navigate, queries])
  useEffect(() => {
    if (!me) return
    changeLanguage(me.user.language)
  }, [me])
  if (me) setCsrfToken(me.csrf_token)

  const session = useMemo<Session | null>(
    () =>
      me
        ? {
            me,
            signOut: async () => {
              // Also when the server is not reached, nothing stays in sight: who signs out may hand the device on.
              try {
                await door.signOut()
              } finally {
                setCsrfToken(null)
                await navigate({ to: '/sign-in' })
                queries.clear()
              }
            },
            setLanguage: (language) => {
              changeLanguage(language)
              queries.setQueryData(meKey, { ...me, user: { ...me.user, language } })
              void door.saveLanguage(language).then(() => queries.invalidateQueries())
            },
          }
        : null,
    [me, door, navigate, queries],
  )

  if (session) return <Context value={session}>{children}</Context>
  if (error && (error as { status?: number }).status !== 401) return <ErrorState error={error} retry={refetch} />
  return <LoadingState />
}

export function useSession(): Session {
  const session = useContext(Context)
  if (!session) throw new Error('useSession outside of SessionProvider')
  return session
}

/** The membership of the company in the address; null on pages of the account and for strangers' companies. */
export function useMaybeCompany(): Member | null {
  const { companyId } = useParams({ strict: false }) as { companyId?: string }
  const session = useContext(Context)
  return session?.me.companies.find((company) => company.company_id === companyId) ?? null
}

/** What counts where a company has said nothing of it. */
export const usualWork = { days: [1, 2, 3, 4, 5, 6], hours: { from: '07:00', to: '17:00' } }

export function useCompany(): Member & { timeZone: string; currency: string; workingDays: readonly number[]; workingHours: { from: string; to: string } } {
  const company = useMaybeCompany()
  if (!company) throw new Error('useCompany outside of a company page')
  const { time_zone, currency, working_days, working_hours } = company.settings
  return {
    ...company,
    timeZone: time_zone ?? 'America/Lima',
    currency: currency ?? 'PEN',
    workingDays: working_days ?? usualWork.days,
    workingHours: working_hours ?? usualWork.hours,
  }
}

/** Whether the active role may call an operation, and if not, the sentence that says who may. */
export function useMay(): (op: Pick<Operation, 'who'>) => May {
  const company = useMaybeCompany()
  const { t, i18n } = useTranslation()
  const isKeeper = useContext(Context)?.me.user.is_installation_admin === true
  return (op) => {
    if (op.who === 'public' || op.who === 'account' || (op.who === 'installation' && isKeeper)) return { allowed: true, reason: undefined }
    if (op.who === 'installation') return { allowed: false, reason: t('web.may_not_installation') }
    if (company && op.who.includes(company.role)) return { allowed: true, reason: undefined }
    const names = op.who.map((role) => t(`web.role_${role}`).toLowerCase())
    const roles = new Intl.ListFormat(i18n.language, { type: 'disjunction' }).format(names)
    return { allowed: false, reason: t('web.may_not', { roles, role: company ? t(`web.role_${company.role}`).toLowerCase() : '' }) }
  }
}
