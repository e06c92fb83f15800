// The machines a person has now, each with a large button to give it back.
import { Button, Group, Text, Title } from '@mantine/core'
import { IconArrowBackUp, IconClock, IconTir } from '@tabler/icons-react'
import { useState } from 'react'
import { Dialog } from '../../../web/dialog.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { useSession } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import { type Equipment, listEquipment } from '../contract.ts'
import { Acceptance } from './handover.tsx'
import { Reservations } from './reservations.tsx'
import { ReturnForm } from './returning.tsx'
import { fullName, StatusBadge } from './status.tsx'

/** `always`: for whom this is the page: all of them, and a word when there are none. Else the first few. */
export function MyMachines({ always }: { always?: boolean }) {
  const { t } = useTranslation()
  const { me } = useSession()
  const { items, query } = useList(listEquipment, { query: { holder_id: me.user.id } })
  const [returning, setReturning] = useState<Equipment | null>(null)
  const take = (
    <Button
      component={PageLink}
      to="/equipment"
      search={{ status: 'active', in_use: 'false' }}
      size="md"
      variant={items?.length ? 'default' : 'filled'}
      leftSection={<IconTir size={20} aria-hidden />}
    >
      {t('equipment.home_take')}
    </Button>
  )
  if (query.error && !items) return <ErrorState error={query.error} retry={query.refetch} />
  if (!items) return always ? <LoadingState /> : null
  if (items.length === 0)
    return always ? (
      <div className="surface">
        <EmptyState icon={<IconTir size={40} stroke={1.3} />} title={t('equipment.home_mine_none')} action={take}>
          {t('equipment.home_mine_none_text')}
        </EmptyState>
        <Reservations of={{ user_id: me.user.id }} />
      </div>
    ) : null
  return (
    <section aria-labelledby="my-machines">
      <Group justify="space-between" mb="xs">
        <Title order={2} id="my-machines">
          {t('equipment.home_mine')}
        </Title>
        {!always && items.length > 3 && (
          <Button component={PageLink} to="/equipment" search={{ holder_id: me.user.id }} variant="subtle" size="compact-sm" aria-label={`${t('equipment.home_all')}: ${t('equipment.home_mine')}`}>
            {t('equipment.home_all')}
          </Button>
        )}
      </Group>
      <ul className="mine">
        {(always ? items : items.slice(0, 3)).map((machine) => (
          <li key={machine.id}>
            <MineCard machine={machine} onReturn={() => setReturning(machine)} {...(always ? { large: true } : {})} />
          </li>
        ))}
      </ul>
      {always && <Group mt="md">{take}</Group>}
      {always && <Reservations of={{ user_id: me.user.id }} />}
      {returning && (
        <Dialog opened onClose={() => setReturning(null)} title={t('assignments.return_title', { name: fullName(returning) })}>
          <ReturnForm machine={returning} onClose={() => setReturning(null)} onDone={() => setReturning(null)} />
        </Dialog>
      )}
    </section>
  )
}

function MineCard({ machine, onReturn, large }: { machine: Equipment; onReturn: () => void; large?: boolean }) {
  const { t } = useTranslation()
  const format = useFormat()
  const due = machine.holder?.due_at ?? null
  const isLate = due !== null && Date.parse(due) < Date.now()
  return (
    <article className="card mine-card">
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <div>
          <PageLink to={`/equipment/${machine.id}`} className="row-link mine-name">
            {machine.name}
          </PageLink>
          <Text size="sm" c="dimmed">
            <span className="mono">{machine.fleet_code ?? machine.serial_number}</span> {[machine.manufacturer, machine.model].filter(Boolean).join(' ')}
          </Text>
        </div>
        <StatusBadge status={machine.status} />
      </Group>
      <Group gap="xs" fz="sm">
        <span className="dimmed">{t('equipment.home_since', { since: format.relative(machine.holder?.assigned_at) })}</span>
        {due && (
          <ToneBadge tone={isLate ? 'bad' : 'info'} icon={IconClock}>
            {t('equipment.home_due', { when: format.instant(due) })}
          </ToneBadge>
        )}
      </Group>
      {machine.holder && !machine.holder.accepted_at && machine.holder.notes && (
        <Text size="sm" className="written quote">
          {machine.holder.notes}
        </Text>
      )}
      {machine.holder && <Acceptance holder={machine.holder} {...(large ? { large } : {})} />}
      <Button
        size={large ? 'lg' : 'sm'}
        variant={large && machine.holder?.accepted_at ? 'filled' : 'default'}
        fullWidth
        leftSection={<IconArrowBackUp size={22} aria-hidden />}
        onClick={onReturn}
        aria-label={t('assignments.return_title', { name: fullName(machine) })}
      >
        {t('assignments.return')}
      </Button>
    </article>
  )
}
