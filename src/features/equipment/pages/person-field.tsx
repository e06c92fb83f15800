// To whom: a member of the company, found by name or e-mail.
import { useTranslation } from '../../../web/i18n.ts'
import { Lookup, type LookupOption } from '../../../web/lookup.tsx'
import { useCall } from '../../../web/query.ts'
import { useCompany } from '../../../web/session.tsx'
import { listPeople } from '../../access/contract.ts'

export function PersonField({
  value,
  without,
  error,
  onChange,
}: {
  value: LookupOption | null
  without?: string | undefined
  error: React.ReactNode
  onChange: (option: LookupOption | null) => void
}) {
  const { t } = useTranslation()
  const call = useCall()
  const { company_id } = useCompany()
  const find = async (q: string, signal: AbortSignal) => {
    const { items } = await call(listPeople, { query: { ...(q ? { q } : {}), is_active: 'true', limit: 50, sort: 'display_name' }, signal })
    return items.filter((person) => person.user_id !== without).map((person) => ({ value: person.user_id, label: person.display_name, hint: `${t(`web.role_${person.role}`)} · ${person.email}` }))
  }
  return (
    <Lookup
      id={['people', company_id, without ?? '']}
      find={find}
      value={value}
      onChange={onChange}
      label={t('assignments.person')}
      placeholder={t('assignments.person_hint')}
      error={error}
      required
      autoFocus
    />
  )
}
