// The door of the page: lists every page by hand, in the order of the navigation, and starts.
import { MantineProvider } from '@mantine/core'
import { IconArrowsExchange, IconBinaryTree2, IconChartBar, IconFileImport, IconHistory, IconHome, IconServer, IconSettings, IconTir, IconTool, IconUsers } from '@tabler/icons-react'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRootRoute, createRoute, createRouter, Navigate, Outlet, RouterProvider, useRouterState } from '@tanstack/react-router'
import { lazy, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import 'virtual:theme.css'
import './web/surfaces.css'
import './web/list.css'
import './web/styles.css'
import './web/parts.css'
import './web/month.css'
import './web/record.css'
import { changeMe, getMe, signOut } from './features/access/contract.ts'
import { listEquipment } from './features/equipment/contract.ts'
import { words as equipmentWords } from './features/equipment/words.ts'
import { listEvents } from './features/history/contract.ts'
import { managers } from './plain/roles.ts'
import { call, ProblemError } from './web/client.ts'
import { startI18n, withWords } from './web/i18n.ts'
import { Layout, NotFound } from './web/layout.tsx'
import { Notifications } from './web/notify.tsx'
import { page, reloadPage } from './web/pages.tsx'
import type { PaletteSearch } from './web/palette.tsx'
import { type AccountDoor, meKey, SessionProvider, useSession } from './web/session.tsx'
import { ErrorState, LoadingState } from './web/states.tsx'
import { resolveVariables, theme } from './web/theme.ts'
import { parseSearch, stringifySearch } from './web/url.tsx'
import { words as webWords } from './web/words.ts'

const accessWords = () => import('./features/access/words.ts')
const assignmentWords = () => import('./features/assignments/words.ts')
const categoryWords = () => import('./features/categories/words.ts')
const companyWords = () => import('./features/companies/words.ts')
const historyWords = () => import('./features/history/words.ts')
const machineWords = () => import('./features/equipment/pages/words.ts')
const maintenanceWords = () => import('./features/maintenance/words.ts')
const secondFactorWords = () => import('./features/second-factor/words.ts')
const singleSignOnWords = () => import('./features/single-sign-on/words.ts')
const usageWords = () => import('./features/utilization/words.ts')
const worthWords = () => import('./features/valuation/words.ts')
const recordWords = () => import('./features/history/pages/words.ts')
const hookWords = () => import('./features/webhooks/words.ts')
const logWords = () => import('./features/logs/words.ts')
const installationWords = () => import('./features/monitoring/words.ts')
const sessionWords = () => import('./features/sessions/words.ts')
const backupWords = () => import('./features/backups/words.ts')
const importWords = () => import('./features/imports/words.ts')
const replicaWords = () => import('./features/replicas/words.ts')

const listPage = () => import('./features/equipment/pages/list.tsx')
// The history tells of every room.
const pastPage = () =>
  withWords(
    import('./features/history/pages/lists.tsx'),
    historyWords(),
    recordWords(),
    accessWords(),
    assignmentWords(),
    companyWords(),
    maintenanceWords(),
    secondFactorWords(),
    singleSignOnWords(),
    hookWords(),
    sessionWords(),
  )

// One line a page: where it stands below /c/<company>, its file, its component, and its place in the navigation.
// `who` names the roles that may open it; left out, everyone may.
const pages = [
  page('/', () => withWords(import('./features/equipment/pages/home.tsx'), assignmentWords(), machineWords()), 'HomePage', { label: 'web.nav_home', icon: IconHome }),
  page('/equipment', listPage, 'EquipmentListPage', { label: 'web.nav_equipment', icon: IconTir }),
  page('/equipment/new', () => withWords(import('./features/equipment/pages/form.tsx'), machineWords()), 'NewMachinePage'),
  page('/equipment/$equipmentId', () => withWords(import('./features/equipment/pages/machine.tsx'), machineWords(), assignmentWords(), maintenanceWords(), worthWords(), logWords()), 'MachinePage'),
  page('/equipment/$equipmentId/edit', () => withWords(import('./features/equipment/pages/form.tsx'), machineWords()), 'EditMachinePage'),
  page('/import', () => withWords(import('./features/imports/pages/import.tsx'), importWords()), 'ImportPage', { label: 'web.nav_import', icon: IconFileImport, who: managers }),
  page('/assignments', () => withWords(import('./features/assignments/pages/list.tsx'), assignmentWords()), 'AssignmentsPage', { label: 'web.nav_assignments', icon: IconArrowsExchange }),
  page('/assignments/calendar', () => withWords(import('./features/assignments/pages/calendar.tsx'), assignmentWords()), 'AssignmentCalendarPage'),
  page('/maintenance', () => withWords(import('./features/maintenance/pages/board.tsx'), maintenanceWords()), 'MaintenanceBoardPage', { label: 'web.nav_maintenance', icon: IconTool }),
  page('/maintenance/calendar', () => withWords(import('./features/maintenance/pages/calendar.tsx'), maintenanceWords()), 'MaintenanceCalendarPage'),
  page('/maintenance/records', () => withWords(import('./features/maintenance/pages/records.tsx'), maintenanceWords()), 'MaintenanceRecordsPage'),
  page('/utilization', () => withWords(import('./features/utilization/pages/utilization.tsx'), usageWords(), worthWords()), 'UtilizationPage', { label: 'web.nav_utilization', icon: IconChartBar }),
  page('/fleet-value', () => withWords(import('./features/valuation/pages.tsx'), usageWords(), worthWords()), 'FleetValuePage'),
  page('/categories', () => withWords(import('./features/categories/pages/tree.tsx'), categoryWords()), 'CategoriesPage', { label: 'web.nav_categories', icon: IconBinaryTree2 }),
  page('/categories/new', () => withWords(import('./features/categories/pages/form.tsx'), categoryWords()), 'NewCategoryPage'),
  page('/categories/$categoryId/edit', () => withWords(import('./features/categories/pages/form.tsx'), categoryWords()), 'EditCategoryPage'),
  page('/people', () => withWords(import('./features/access/pages/people.tsx'), accessWords(), companyWords()), 'PeoplePage', { label: 'web.nav_people', icon: IconUsers }),
  page('/history', pastPage, 'EventsPage', {
    label: 'web.nav_history',
    icon: IconHistory,
    who: listEvents.who,
  }),
  page('/history/audit', pastPage, 'AuditPage'),
  page('/settings', () => withWords(import('./features/companies/pages.tsx'), companyWords()), 'SettingsPage', { label: 'web.nav_settings', icon: IconSettings }),
  page('/settings/webhooks', () => withWords(import('./features/webhooks/pages/list.tsx'), hookWords(), historyWords()), 'WebhooksPage'),
  page('/settings/webhooks/$webhookId', () => withWords(import('./features/webhooks/pages/deliveries.tsx'), hookWords()), 'DeliveriesPage'),
  page('/installation', () => withWords(import('./features/monitoring/pages/installation.tsx'), installationWords()), 'InstallationPage', {
    label: 'web.nav_installation',
    icon: IconServer,
    who: 'installation',
    hidden: true,
  }),
  page('/installation/replicas', () => withWords(import('./features/replicas/pages.tsx'), replicaWords()), 'ReplicasPage'),
  page('/installation/backups', () => withWords(import('./features/backups/pages.tsx'), backupWords()), 'BackupsPage'),
  page('/account/tokens', () => withWords(import('./features/access/pages/tokens.tsx'), accessWords()), 'TokensPage'),
  page('/account/second-factor', () => withWords(import('./features/second-factor/pages.tsx'), secondFactorWords(), accessWords()), 'SecondFactorPage'),
  page('/account/sessions', () => withWords(import('./features/sessions/pages.tsx'), sessionWords()), 'SessionsPage'),
  page('/account', () => withWords(import('./features/access/pages/account.tsx'), accessWords(), secondFactorWords()), 'AccountPage'),
]

startI18n([webWords, equipmentWords])

const account: AccountDoor = { load: () => call(getMe), signOut: () => call(signOut), saveLanguage: (language) => call(changeMe, { body: { language } }) }
const search: PaletteSearch = {
  label: 'web.nav_equipment',
  find: async (companyId, text, signal) => {
    const { items } = await call(listEquipment, { params: { company_id: companyId }, query: { q: text, limit: 8 }, signal })
    return items.map((machine) => ({
      id: machine.id,
      label: machine.name,
      description: [machine.fleet_code ?? machine.serial_number, machine.manufacturer, machine.model, machine.plate].filter(Boolean).join(' · '),
      to: `/equipment/${machine.id}`,
    }))
  },
}

const BackupAlarm = lazy(() => withWords(import('./features/backups/pages.tsx'), backupWords()).then((module) => ({ default: module.BackupAlarm })))

/** Others neither load it nor ask for it; the page of the backups says it itself. */
function InstallationNotice() {
  const { me } = useSession()
  const isThere = useRouterState({ select: (state) => state.location.pathname.endsWith('/installation/backups') })
  return me.user.is_installation_admin && !isThere ? <BackupAlarm /> : null
}

function Start() {
  const { me } = useSession()
  const last = me.companies.find((company) => company.company_id === readLast()) ?? me.companies.find((company) => company.status === 'active') ?? me.companies[0]
  return last ? <Navigate to={`/c/${last.company_id}`} replace /> : <Layout pages={pages} search={search} />
}

function readLast(): string | null {
  try {
    return localStorage.getItem('bitcorp-company')
  } catch {
    return null
  }
}

const root = createRootRoute({ component: Outlet })
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: page('', () => withWords(import('./features/access/pages/sign-in.tsx'), accessWords(), secondFactorWords(), singleSignOnWords()), 'SignInPage').component,
})
const password = createRoute({
  getParentRoute: () => root,
  path: '/password',
  component: page('', () => withWords(import('./features/access/pages/password.tsx'), accessWords()), 'PasswordPage').component,
})
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: () => (
    <SessionProvider door={account}>
      <Outlet />
    </SessionProvider>
  ),
})
const start = createRoute({ getParentRoute: () => signedIn, path: '/', component: Start })
const company = createRoute({ getParentRoute: () => signedIn, path: '/c/$companyId', component: () => <Layout pages={pages} search={search} notice={<InstallationNotice />} /> })
const tree = root.addChildren([
  signIn,
  password,
  signedIn.addChildren([start, company.addChildren(pages.map(({ path, component }) => createRoute({ getParentRoute: () => company, path, component })))]),
])

const router = createRouter({
  routeTree: tree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultPendingComponent: LoadingState,
  defaultErrorComponent: ({ error }) => <ErrorState error={error} retry={reloadPage} />,
  defaultNotFoundComponent: NotFound,
})
router.subscribe('onResolved', ({ toLocation }) => {
  const id = /^\/c\/([0-9a-f-]{36})/.exec(toLocation.pathname)?.[1]
  try {
    if (id) localStorage.setItem('bitcorp-company', id)
  } catch {
    // Without storage the first company opens next time.
  }
})

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 15_000, retry: (count, error) => !(error instanceof ProblemError) && count < 2 } },
})

// What the page at this address needs is fetched while the rest still begins: its code, who is signed in, and its first rows.
const isOutside = /^\/(sign-in|password)$/.test(location.pathname)
const fetched = Promise.all([router.load(), isOutside ? undefined : fetchFirst()])
// Drawn once, when all that is there: placeholders that rows soon replace take a slow machine as long as the rows. Who waits longer sees them.
const patience = new Promise((resolve) => setTimeout(resolve, 400))
void Promise.race([fetched, patience]).then(begin, begin)

async function fetchFirst(): Promise<void> {
  const [, listed] = /^\/c\/([0-9a-f-]{36})\/equipment$/.exec(location.pathname) ?? []
  const [me, list] = await Promise.all([
    queries.fetchQuery({ queryKey: meKey, queryFn: account.load, staleTime: 60_000, retry: false }).catch(() => undefined),
    listed ? listPage().catch(() => undefined) : undefined,
  ])
  const company = me?.companies.find(({ company_id }) => company_id === listed)
  if (list && company?.status === 'active' && !company.needs) await list.fetchMachines(queries, company.company_id, parseSearch(location.search))
}

function begin(): void {
  const place = document.getElementById('root')
  if (!place) return
  createRoot(place).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={resolveVariables} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
        <QueryClientProvider client={queries}>
          <Notifications />
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  )
}
