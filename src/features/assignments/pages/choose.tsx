// What the pages of hand-overs are narrowed to, kept in the address: which ones, whose, of which machine.
import { SegmentedControl } from '@mantine/core'
import { useTranslation } from '../../../web/i18n.ts'
import { Lookup, type LookupOption } from '../../../web/lookup.tsx'
import { usePhone } from '../../../web/phone.ts'
import { useCall } from '../../../web/query.ts'
import { useCompany, useSession } from '../../../web/session.tsx'
import { PageLink, type Search, useUrl } from '../../../web/url.tsx'
import { listPeople } from '../../access/contract.ts'
import { listEquipment } from '../../equipment/contract.ts'

/** The states of each choice, and the order that its list is read in. */
export const shows = {
  open: { state: 'out,overdue', sort: '-assigned_at' },
  overdue: { state: 'overdue', sort: 'due_at' },
  reserved: { state: 'reserved', sort: 'starts_at' },
  returned: { state: 'returned', sort: '-assigned_at' },
  all: { state: 'out,overdue,returned', sort: '-assigned_at' },
} as const
type Show = keyof typeof shows

export type Chosen = { show: Show; mine: boolean; person: LookupOption | null; machine: LookupOption | null }

/** What the address asks for. An operator sees their own first. Names travel along so that a shared link reads well. */
export function useChosen(): [Chosen, (patch: Record<string, string | undefined>) => void] {
  const [search, setSearch] = useUrl()
  const operator = useCompany().role === 'operator'
  const option = (id: string | undefined, label: string | undefined) => (id ? { value: id, label: label ?? id } : null)
  const show = search.show !== undefined && search.show in shows ? (search.show as Show) : 'open'
  return [{ show, mine: (search.whose ?? (operator ? 'mine' : 'all')) === 'mine', person: option(search.user_id, search.person), machine: option(search.equipment_id, search.machine) }, setSearch]
}

const views = { '/assignments': 'list', '/assignments/calendar': 'calendar' } as const

/** The two ways to look at the same ledger. Who and what is chosen stays chosen. */
export function Views({ here }: { here: keyof typeof views }) {
  const { t } = useTranslation()
  const [{ user_id, person, equipment_id, machine, whose }] = useUrl()
  const kept: Search = { user_id, person, equipment_id, machine, whose }
  return (
    <nav className="subnav" aria-label={t('assignments.title')}>
      {Object.entries(views).map(([to, name]) => (
        <PageLink key={to} to={to} search={kept} {...(to === here ? { 'aria-current': 'page' as const } : {})}>
          {t(`assignments.view_${name}`)}
        </PageLink>
      ))}
    </nav>
  )
}

/** The person of the list: oneself, the one chosen, or nobody in particular. */
export function useUserId(): string | undefined {
  const { me } = useSession()
  const [chosen] = useChosen()
  return chosen.mine ? me.user.id : chosen.person?.value
}

export function Filters({ byState }: { byState?: boolean }) {
  const { t } = useTranslation()
  const full = { fullWidth: usePhone() ?? false }
  const [chosen, setSearch] = useChosen()
  return (
    <>
      {byState && (
        <SegmentedControl
          {...full}
          aria-label={t('assignments.show')}
          data={(Object.keys(shows) as Show[]).map((value) => ({ value, label: t(`assignments.show_${value}`) }))}
          value={chosen.show}
          onChange={(show) => setSearch({ show: show === 'open' ? undefined : show, sort: undefined })}
        />
      )}
      <SegmentedControl
        {...full}
        aria-label={t('assignments.whose')}
        data={['all', 'mine'].map((value) => ({ value, label: t(`assignments.whose_${value}`) }))}
        value={chosen.mine ? 'mine' : 'all'}
        onChange={(whose) => setSearch({ whose, user_id: undefined, person: undefined })}
      />
      {!chosen.mine && <PersonChoice />}
      <MachineChoice />
    </>
  )
}

function PersonChoice() {
  const { t } = useTranslation()
  const call = useCall()
  const { company_id } = useCompany()
  const [chosen, setSearch] = useChosen()
  const find = async (q: string, signal: AbortSignal) =>
    (await call(listPeople, { query: { ...(q ? { q } : {}), limit: 50, sort: 'display_name' }, signal })).items.map((person) => ({
      value: person.user_id,
      label: person.display_name,
      hint: t(`web.role_${person.role}`),
    }))
  return (
    <Lookup
      id={['people', company_id]}
      find={find}
      value={chosen.person}
      onChange={(option) => setSearch({ user_id: option?.value, person: option?.label })}
      label={t('assignments.holder')}
      hideLabel
      placeholder={t('assignments.any_person')}
      clearable
    />
  )
}

function MachineChoice() {
  const { t } = useTranslation()
  const call = useCall()
  const { company_id } = useCompany()
  const [chosen, setSearch] = useChosen()
  const find = async (q: string, signal: AbortSignal) =>
    (await call(listEquipment, { query: q ? { q, limit: 30 } : { limit: 30, sort: 'name' }, signal })).items.map((machine) => ({
      value: machine.id,
      label: machine.name,
      hint: [machine.fleet_code, machine.serial_number].filter(Boolean).join(' · '),
    }))
  return (
    <Lookup
      id={['machines', company_id]}
      find={find}
      value={chosen.machine}
      onChange={(option) => setSearch({ equipment_id: option?.value, machine: option?.label })}
      label={t('assignments.machine')}
      hideLabel
      placeholder={t('assignments.any_machine')}
      clearable
    />
  )
}
