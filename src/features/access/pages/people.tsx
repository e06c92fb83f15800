// The people of the company: who they are, their role, and whether their membership is open.
import { ActionIcon, Menu, Text } from '@mantine/core'
import { IconClock, IconDots, IconHistory, IconId, IconMailForward, IconPencil, IconUserCheck, IconUserMinus, IconUserOff, IconUserPlus, IconUsers } from '@tabler/icons-react'
import { useState } from 'react'
import { roles } from '../../../plain/roles.ts'
import { ActionButton, ActionItem } from '../../../web/action.tsx'
import { ChoiceFilter, FilterBar, SearchBox } from '../../../web/filters.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useAction, useList } from '../../../web/query.ts'
import { SecretPanel } from '../../../web/secret.tsx'
import { useSession } from '../../../web/session.tsx'
import { EmptyState } from '../../../web/states.tsx'
import { type Column, DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { useGo, useUrl } from '../../../web/url.tsx'
import { revealPersonTaxId } from '../../companies/contract.ts'
import { addPerson, anonymisePerson, changePerson, listPeople, type Person, sendPasswordLink } from '../contract.ts'
import { AnonymiseDialog, PasswordLinkDialog, PersonTaxIdDialog } from './more.tsx'
import { AddPersonDialog, ChangePersonDialog, EndMembershipDialog, type FirstPassword } from './person.tsx'

type Open = { what: 'add' } | { what: 'change' | 'end' | 'link' | 'tax_id' | 'anonymise'; person: Person } | null

export function PeoplePage() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const [open, setOpen] = useState<Open>(null)
  const [first, setFirst] = useState<FirstPassword | null>(null)
  const state = search.state ?? 'active'
  const rows = useList(listPeople, {
    query: {
      ...(search.q ? { q: search.q } : {}),
      ...(search.role ? { role: search.role } : {}),
      ...(state === 'all' ? {} : { is_active: String(state === 'active') }),
      ...(search.sort ? { sort: search.sort } : {}),
    },
  })
  const add = (
    <ActionButton op={addPerson} leftSection={<IconUserPlus size={16} aria-hidden />} onClick={() => setOpen({ what: 'add' })}>
      {t('access.person_add')}
    </ActionButton>
  )
  const isFiltered = Boolean(search.q || search.role || search.state)
  return (
    <Page title={t('web.nav_people')} subtitle={t('access.people_subtitle')} actions={add}>
      {first && (
        <SecretPanel
          title={t('access.first_password_title', { name: first.name })}
          text={t('access.first_password_text')}
          onDone={() => setFirst(null)}
          fields={[
            { label: t('access.email'), value: first.email },
            { label: t('access.first_password'), value: first.password },
          ]}
        />
      )}
      <DataList
        id="people"
        caption={t('web.nav_people')}
        columns={useColumnsOf(setOpen)}
        rows={rows}
        rowKey={(person) => person.id}
        defaultSort="display_name"
        toolbar={
          <>
            <SearchBox label={t('access.people_find')} />
            <Filters />
          </>
        }
        card={(person) => <PersonCard person={person} setOpen={setOpen} />}
        rowClass={(person) => (person.is_active ? undefined : 'row-ended')}
        empty={
          <EmptyState icon={<IconUsers size={40} />} title={t('access.people_empty')}>
            {isFiltered ? t('access.people_empty_filtered') : null}
          </EmptyState>
        }
      />
      <Dialogs open={open} onClose={() => setOpen(null)} onFirstPassword={setFirst} />
    </Page>
  )
}

function Dialogs({ open, onClose, onFirstPassword }: { open: Open; onClose: () => void; onFirstPassword: (first: FirstPassword) => void }) {
  if (!open) return null
  if (open.what === 'add') return <AddPersonDialog onClose={onClose} onFirstPassword={onFirstPassword} />
  const About = { change: ChangePersonDialog, end: EndMembershipDialog, link: PasswordLinkDialog, tax_id: PersonTaxIdDialog, anonymise: AnonymiseDialog }[open.what]
  return <About person={open.person} onClose={onClose} />
}

function Filters() {
  const { t } = useTranslation()
  const [search] = useUrl()
  const choices = (values: readonly string[], words: string) => values.map((value) => ({ value, label: t(`${words}${value}`) }))
  return (
    <FilterBar
      mainNames={['role', 'state']}
      main={
        <>
          <ChoiceFilter name="role" label={t('access.role')} choices={choices(roles, 'web.role_')} />
          <ChoiceFilter name="state" label={t(search.state ? 'access.membership' : 'access.state_active')} choices={choices(['ended', 'all'], 'access.state_')} single />
        </>
      }
    />
  )
}

function useColumnsOf(setOpen: (open: Open) => void): Column<Person>[] {
  const { t } = useTranslation()
  const format = useFormat()
  return [
    { key: 'display_name', title: t('access.full_name'), sort: 'display_name', render: (person) => <Name person={person} /> },
    { key: 'email', title: t('access.email'), render: (person) => <span className="break-words">{person.email}</span> },
    { key: 'role', title: t('access.role'), sort: 'role', render: (person) => t(`web.role_${person.role}`) },
    {
      key: 'assigned_at',
      title: t('access.since'),
      sort: 'assigned_at',
      render: (person) => (
        <span className="nowrap" title={format.instant(person.assigned_at)}>
          {format.relative(person.assigned_at)}
        </span>
      ),
    },
    { key: 'state', title: t('access.membership'), render: (person) => <Membership person={person} /> },
    { key: 'actions', title: t('access.actions'), align: 'right', width: 80, render: (person) => <PersonMenu person={person} setOpen={setOpen} /> },
  ]
}

function Name({ person }: { person: Person }) {
  const { t } = useTranslation()
  const { me } = useSession()
  return (
    <span className="with-icon">
      <Text component="span" fw={600} size="sm" className="break-words">
        {person.display_name}
      </Text>
      {person.user_id === me.user.id && <ToneBadge tone="info">{t('access.you')}</ToneBadge>}
    </span>
  )
}

function Membership({ person }: { person: Person }) {
  const { t } = useTranslation()
  const format = useFormat()
  if (person.anonymised_at)
    return (
      <ToneBadge tone="idle" icon={IconUserOff}>
        {t('access.anonymous')}
      </ToneBadge>
    )
  if (!person.is_active && Date.parse(person.assigned_at) > Date.now())
    return (
      <span title={format.instant(person.assigned_at)}>
        <ToneBadge tone="info" icon={IconClock}>
          {t('access.to_come', { when: format.relative(person.assigned_at) })}
        </ToneBadge>
      </span>
    )
  return person.is_active ? (
    <ToneBadge tone="ok" icon={IconUserCheck}>
      {person.ended_at ? t('access.until', { when: format.instant(person.ended_at) }) : t('access.active')}
    </ToneBadge>
  ) : (
    <span title={format.instant(person.ended_at)}>
      <ToneBadge tone="idle" icon={IconUserOff}>
        {t('access.ended', { when: format.relative(person.ended_at) })}
      </ToneBadge>
    </span>
  )
}

function PersonCard({ person, setOpen }: { person: Person; setOpen: (open: Open) => void }) {
  const { t } = useTranslation()
  return (
    <div className="card-head">
      <div>
        <Name person={person} />
        <Text size="sm" c="dimmed" className="break-words">
          {person.email}
        </Text>
        <div className="card-line">
          <Text component="span" size="sm">
            {t(`web.role_${person.role}`)}
          </Text>
          <Membership person={person} />
        </div>
      </div>
      <PersonMenu person={person} setOpen={setOpen} />
    </div>
  )
}

function PersonMenu({ person, setOpen }: { person: Person; setOpen: (open: Open) => void }) {
  const { t } = useTranslation()
  const go = useGo()
  const reopen = useAction(changePerson, { done: t('access.reopened', { name: person.display_name }) })
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" className="quiet" size="lg" aria-label={t('access.actions_of', { name: person.display_name })}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <ActionItem op={changePerson} leftSection={<IconPencil size={16} aria-hidden />} onClick={() => setOpen({ what: 'change', person })}>
          {t('access.person_change')}
        </ActionItem>
        {person.is_active && (
          <ActionItem op={sendPasswordLink} leftSection={<IconMailForward size={16} aria-hidden />} onClick={() => setOpen({ what: 'link', person })}>
            {t('access.link_send')}
          </ActionItem>
        )}
        {!person.anonymised_at && (
          <ActionItem op={revealPersonTaxId} leftSection={<IconId size={16} aria-hidden />} onClick={() => setOpen({ what: 'tax_id', person })}>
            {t('access.tax_id')}
          </ActionItem>
        )}
        <ActionItem op={{ who: ['admin'] }} leftSection={<IconHistory size={16} aria-hidden />} onClick={() => go('/history/audit', { search: { person: person.user_id } })}>
          {t('access.person_history')}
        </ActionItem>
        <Menu.Divider />
        {person.is_active ? (
          <ActionItem op={changePerson} leftSection={<IconUserOff size={16} aria-hidden />} onClick={() => setOpen({ what: 'end', person })}>
            {t('access.person_end')}
          </ActionItem>
        ) : (
          <ActionItem
            op={changePerson}
            leftSection={<IconUserCheck size={16} aria-hidden />}
            onClick={() => reopen.mutate({ params: { person_id: person.id }, body: { is_active: true }, version: person.version })}
          >
            {t('access.person_reopen')}
          </ActionItem>
        )}
        {!person.anonymised_at && (
          <ActionItem op={anonymisePerson} leftSection={<IconUserMinus size={16} aria-hidden />} onClick={() => setOpen({ what: 'anonymise', person })}>
            {t('access.anonymise')}
          </ActionItem>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
