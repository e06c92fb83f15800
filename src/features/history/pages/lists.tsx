// Two lists of what happened: the events of the company's records, and the audit of every write and sign-in.
import { Text, Tooltip, VisuallyHidden } from '@mantine/core'
import { IconHistory, IconLock } from '@tabler/icons-react'
import { type ReactNode, useId } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { type ListResult, useList } from '../../../web/query.ts'
import { useMay } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { Footer } from '../../../web/table.tsx'
import { groupBy } from '../../../web/text.ts'
import { PageLink } from '../../../web/url.tsx'
import { listAudit, listEvents } from '../contract.ts'
import { ChainPanel } from './chain.tsx'
import { type Entry, entryOfAudit, entryOfEvent } from './entries.ts'
import { EntryLine } from './entry.tsx'
import { ExportMenu } from './export.tsx'
import { Filters, useFilters } from './filters.tsx'

export function EventsPage() {
  const { t } = useTranslation()
  const may = useMay()(listEvents)
  const { events } = useFilters()
  const rows = useList(listEvents, { query: events }, { enabled: may.allowed })
  if (!may.allowed) return <Refused reason={may.reason} />
  return (
    <Page title={t('web.nav_history')}>
      <Tabs here="/history">{t('history.events_text')}</Tabs>
      <Filters of="events" />
      <Entries rows={rows} entries={rows.items?.map(entryOfEvent)} />
    </Page>
  )
}

export function AuditPage() {
  const { t } = useTranslation()
  const may = useMay()(listAudit)
  const { audit } = useFilters()
  const rows = useList(listAudit, { query: audit }, { enabled: may.allowed })
  if (!may.allowed) return <Refused reason={may.reason} />
  return (
    <Page title={t('web.nav_history')} actions={<ExportMenu filters={audit} />}>
      <Tabs here="/history/audit">{t('history.audit_text')}</Tabs>
      <ChainPanel />
      <Filters of="audit" />
      <Entries rows={rows} entries={rows.items?.map(entryOfAudit)} />
    </Page>
  )
}

function Refused({ reason }: { reason: string }) {
  const { t } = useTranslation()
  return (
    <Page title={t('web.nav_history')}>
      <EmptyState icon={<IconLock size={40} />} title={t('history.refused')}>
        {reason}
      </EmptyState>
    </Page>
  )
}

function Tabs({ here, children }: { here: string; children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <>
      <nav className="subnav" aria-label={t('web.nav_history')}>
        <Tab to="/history" here={here} who={listEvents}>
          {t('history.events')}
        </Tab>
        <Tab to="/history/audit" here={here} who={listAudit}>
          {t('history.audit')}
        </Tab>
      </nav>
      <Text size="sm" c="dimmed" mb="md">
        {children}
      </Text>
    </>
  )
}

function Tab({ to, here, who, children }: { to: string; here: string; who: typeof listEvents | typeof listAudit; children: ReactNode }) {
  const may = useMay()(who)
  const id = useId()
  if (may.allowed)
    return (
      <PageLink to={to} aria-current={to === here ? 'page' : undefined}>
        {children}
      </PageLink>
    )
  return (
    <Tooltip label={may.reason}>
      <button type="button" aria-disabled="true" aria-describedby={id}>
        {children} <IconLock size={14} aria-hidden />
        <VisuallyHidden id={id} aria-hidden>
          {may.reason}
        </VisuallyHidden>
      </button>
    </Tooltip>
  )
}

function Entries({ rows, entries }: { rows: ListResult<unknown>; entries: Entry[] | undefined }) {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  if (!entries) return rows.query.error ? <ErrorState error={rows.query.error} retry={rows.query.refetch} /> : <LoadingState />
  if (entries.length === 0)
    return (
      <EmptyState icon={<IconHistory size={40} />} title={t('history.empty')}>
        {t('history.empty_text')}
      </EmptyState>
    )
  const dayOf = new Intl.DateTimeFormat('en-CA', { timeZone: format.timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  const dayName = new Intl.DateTimeFormat(i18n.language === 'en' ? 'en-GB' : 'es-PE', { timeZone: 'UTC', weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
  const days = groupBy(entries, (entry) => dayOf.format(new Date(entry.at)))
  return (
    <section aria-label={t('history.list')} aria-busy={rows.query.isFetching}>
      {[...days].map(([day, lines]) => (
        <div key={day} className="surface entry-day">
          <h2 id={`day-${day}`}>{dayName.format(new Date(`${day}T00:00:00Z`))}</h2>
          <ol className="plain-list" aria-labelledby={`day-${day}`}>
            {lines.map((entry) => (
              <EntryLine key={entry.id} entry={entry} />
            ))}
          </ol>
        </div>
      ))}
      <Footer rows={rows} />
    </section>
  )
}
