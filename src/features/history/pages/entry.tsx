// One line of what happened: who, what, about what; and opened, each value before and after.
import { Table, Text, UnstyledButton } from '@mantine/core'
import {
  type Icon,
  IconArrowsMove,
  IconCalendarPlus,
  IconChevronDown,
  IconChevronRight,
  IconCircleCheck,
  IconCirclePlus,
  IconCircleX,
  IconEdit,
  IconFileExport,
  IconHandGrab,
  IconHistory,
  IconKey,
  IconLogin,
  IconLogin2,
  IconLogout,
  IconRestore,
  IconShieldX,
  IconTrash,
} from '@tabler/icons-react'
import { useId, useState } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useRead } from '../../../web/query.ts'
import { PageLink, useUrl } from '../../../web/url.tsx'
import { listPeople } from '../../access/contract.ts'
import { listCategories } from '../../categories/contract.ts'
import { type Change, changesOf, type Entry } from './entries.ts'

const icons: Record<string, Icon> = {
  created: IconCirclePlus,
  changed: IconEdit,
  status_changed: IconEdit,
  moved: IconArrowsMove,
  deleted: IconTrash,
  restored: IconRestore,
  returned: IconLogin,
  reserved: IconCalendarPlus,
  picked_up: IconHandGrab,
  accepted: IconCircleCheck,
  cancelled: IconCircleX,
  signed_in: IconLogin2,
  signed_out: IconLogout,
  sign_in_failed: IconShieldX,
  password_changed: IconKey,
  exported: IconFileExport,
}
const tones: Record<string, string> = { created: 'ok', deleted: 'bad', sign_in_failed: 'bad', restored: 'ok', status_changed: 'warn', returned: 'ok' }

export function EntryLine({ entry }: { entry: Entry }) {
  const { t } = useTranslation()
  const format = useFormat()
  const id = useId()
  const [open, setOpen] = useState(false)
  const { label } = useReading()
  const changes = changesOf(entry)
  const fields = entry.action === 'created' ? [] : changes.map((change) => label(change.field))
  const LineIcon = entry.kind === 'assignment' && entry.action === 'created' ? IconHandGrab : (icons[entry.action] ?? IconHistory)
  const KnobIcon = open ? IconChevronDown : IconChevronRight
  const { reason } = entry.metadata as { reason?: string }
  return (
    <li className="entry">
      <span className={`entry-icon tone-${tones[entry.action] ?? 'idle'}`}>
        <LineIcon size={16} aria-hidden />
      </span>
      <div className="entry-body">
        <p id={id}>
          <strong>{entry.who ?? t('history.system')}</strong> <Sentence entry={entry} />
        </p>
        {reason && (
          <Text size="sm" className="keep-lines">
            {t('history.because', { reason })}
          </Text>
        )}
        {!open && fields.length > 0 && (
          <Text size="sm" c="dimmed" lineClamp={1}>
            {fields.join(', ')}
          </Text>
        )}
        {open && <Details entry={entry} changes={changes} />}
      </div>
      <time dateTime={entry.at} title={format.instant(entry.at)} className="entry-time">
        {format.instant(entry.at).slice(-5)}
      </time>
      <UnstyledButton className="entry-knob" aria-expanded={open} aria-label={t('history.details')} aria-describedby={id} onClick={() => setOpen(!open)}>
        <KnobIcon size={18} aria-hidden />
      </UnstyledButton>
    </li>
  )
}

/** "changed the machine Excavadora · EQ-…", with the name as a link to what it is about, and for a hand-over to whom. */
function Sentence({ entry }: { entry: Entry }) {
  const { t, i18n } = useTranslation()
  const { show } = useReading()
  const isForPerson = entry.kind === 'assignment' && (entry.action === 'created' || entry.action === 'reserved')
  const taker = isForPerson && typeof entry.now.user_id === 'string' ? show('user_id', entry.now.user_id) : null
  const isOwnTake = taker !== null && taker === entry.who
  const own =
    isOwnTake && entry.action === 'created'
      ? 'history.say_assignment_taken'
      : 'ended_at' in entry.now && 'ended_at' in entry.old
        ? `history.say_user_${entry.now.ended_at ? 'ended' : 'reopened'}`
        : `history.say_${entry.kind}_${entry.action}`
  const common = `history.say_${entry.action}`
  const what = i18n.exists(`history.the_${entry.kind}`) ? t(`history.the_${entry.kind}`) : entry.kind
  const verb = i18n.exists(own) ? t(own) : i18n.exists(common) ? t(common, { what }) : t('history.say_other', { action: entry.action, what })
  return (
    <>
      {verb} {!isAboutSelf(entry) && <Subject entry={entry} />} {taker !== null && !isOwnTake && t(entry.action === 'reserved' ? 'history.for_person' : 'history.to_person', { person: taker })}
    </>
  )
}

const isAboutSelf = (entry: Entry) => ['signed_in', 'signed_out', 'sign_in_failed', 'password_changed'].includes(entry.action) || entry.kind === 'company'

function Subject({ entry }: { entry: Entry }) {
  if (!entry.subjectName) return null
  if (entry.equipmentId) return <PageLink to={`/equipment/${entry.equipmentId}`}>{entry.subjectName}</PageLink>
  if (entry.kind === 'category' && entry.subjectId && entry.action !== 'deleted')
    return (
      <PageLink to="/categories" search={{ category: entry.subjectId }}>
        {entry.subjectName}
      </PageLink>
    )
  if (entry.kind === 'user')
    return (
      <PageLink to="/people" search={{ q: entry.subjectName, state: 'all' }}>
        {entry.subjectName}
      </PageLink>
    )
  return <strong>{entry.subjectName}</strong>
}

function Details({ entry, changes }: { entry: Entry; changes: Change[] }) {
  const { t } = useTranslation()
  const { label, show } = useReading()
  const isNew = Object.keys(entry.old).length === 0
  return (
    <div className="entry-details">
      {changes.length === 0 ? (
        isAboutSelf(entry) ? null : (
          <Text size="sm" c="dimmed">
            {t('history.no_values')}
          </Text>
        )
      ) : (
        <section className="list-scroll" aria-label={t('history.values')}>
          <Table className="list-table" verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('history.field')}</Table.Th>
                {!isNew && <Table.Th>{t('history.before')}</Table.Th>}
                <Table.Th>{t(isNew ? 'history.value' : 'history.after')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {changes.map((change) => (
                <Table.Tr key={change.field}>
                  <Table.Th scope="row">{label(change.field)}</Table.Th>
                  {!isNew && (
                    <Table.Td className="keep-lines">
                      <del>{show(change.field, change.old)}</del>
                    </Table.Td>
                  )}
                  <Table.Td className="keep-lines">{show(change.field, change.now)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </section>
      )}
      <Origin entry={entry} />
    </div>
  )
}

function Origin({ entry }: { entry: Entry }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [search] = useUrl()
  const { source, ip_address, user_agent, request_id } = entry.metadata as Record<string, string | undefined>
  const facts = [
    format.instant(entry.at),
    ip_address && t('history.from_address', { address: ip_address }),
    source && t('history.through', { source }),
    entry.version !== null && t('history.version', { version: entry.version }),
    request_id && t('history.request', { id: request_id }),
    user_agent,
  ].filter(Boolean)
  return (
    <Text size="xs" c="dimmed" component="div" className="break-words">
      {facts.join(' · ')}
      {entry.subjectId && search.record !== entry.subjectId && (
        <>
          {' '}
          ·{' '}
          <PageLink to={entry.version === null ? '/history/audit' : '/history'} search={{ record: entry.subjectId }}>
            {t('history.only_this')}
          </PageLink>
        </>
      )}
    </Text>
  )
}

const instants = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/
const daysOnly = /^\d{4}-\d{2}-\d{2}$/

/** Names for fields and readable values: ids of people and categories become their names. */
function useReading() {
  const { t, i18n } = useTranslation()
  const format = useFormat()
  const people = useRead(listPeople, { query: { limit: 200 } }, { staleTime: 300_000 }).data?.items
  const categories = useRead(listCategories, {}, { staleTime: 300_000 }).data?.items
  const label = (field: string) => (i18n.exists(`history.field_${field}`) ? t(`history.field_${field}`) : field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' '))
  const nameOf = (field: string, id: string) => {
    if (field === 'category_id' || field === 'parent_id') return categories?.find((category) => category.id === id)?.name
    if (field.endsWith('_by') || field === 'user_id') return people?.find((person) => person.user_id === id)?.display_name
    return undefined
  }
  const show = (field: string, value: unknown): string => {
    if (value === null || value === undefined || value === '') return '–'
    if (typeof value === 'boolean') return t(value ? 'web.yes' : 'web.no')
    if (typeof value === 'number') return field === 'year' ? String(value) : format.number(value)
    if (Array.isArray(value)) return value.map((item) => (item && typeof item === 'object' && 'label' in item ? String(item.label) : show('', item))).join(', ') || '–'
    if (typeof value === 'object')
      return Object.entries(value)
        .map(([key, item]) => `${label(key)}: ${show(key, item)}`)
        .join('\n')
    const text = String(value)
    if (field === 'role') return t(`web.role_${text}`)
    if (i18n.exists(`history.value_${text}`)) return t(`history.value_${text}`)
    if (daysOnly.test(text)) return format.day(text)
    if (instants.test(text)) return format.instant(text)
    return nameOf(field, text) ?? text
  }
  return { label, show }
}
