// Which machines are due: past, within a week, within a month, later; each with what can be done about it.
import { Button, Checkbox, Group, Menu, Text } from '@mantine/core'
import { IconCalendarPlus, IconCircleCheck, IconDotsVertical, IconTool } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton, ActionItem } from '../../../web/action.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { useAction, useList, useRead } from '../../../web/query.ts'
import { useCompany, useMay } from '../../../web/session.tsx'
import { ErrorState, LoadingState } from '../../../web/states.tsx'
import { changeDigestChoice, createMaintenance, type DueMachine, type DueState, dueStates, getDigestChoice, listDue, sendToMaintenance } from '../contract.ts'
import { type Asked, guards, stepsOf, useAsked, WorkDialog } from './dialogs.tsx'
import { DaysLeft, dueLooks, MachineName, useWorkTitle, Views, WorkStatus } from './marks.tsx'

type Ask = (asked: Asked) => void

export function MaintenanceBoardPage() {
  const { t } = useTranslation()
  const { asked, ask, close } = useAsked()
  return (
    <Page title={t('maintenance.title')} subtitle={t('maintenance.board_text')} actions={<PlanButtons ask={ask} />}>
      <Views here="/maintenance" />
      <div className="board">
        {dueStates.map((due) => (
          <Bucket key={due} due={due} ask={ask} />
        ))}
      </div>
      <DigestSwitch />
      <WorkDialog asked={asked} onClose={close} />
    </Page>
  )
}

/** Whether this person gets the daily mail about what stands here; for whom it goes to. */
function DigestSwitch() {
  const { t } = useTranslation()
  const may = useMay()(changeDigestChoice)
  const { data } = useRead(getDigestChoice, {}, { enabled: may.allowed })
  // Shown at once; what the server says stands again when it refuses.
  const [wanted, setWanted] = useState<boolean | null>(null)
  const change = useAction(changeDigestChoice)
  const choose = (is_wanted: boolean) => {
    setWanted(is_wanted)
    change.mutate({ body: { is_wanted } }, { onError: () => setWanted(null) })
  }
  if (!may.allowed || !data) return null
  return (
    <Checkbox
      mt="md"
      label={t('maintenance.digest_wanted')}
      description={data.hour === null ? t('maintenance.digest_none') : t('maintenance.digest_hour', { hour: `${String(data.hour).padStart(2, '0')}:00` })}
      checked={wanted ?? data.is_wanted}
      onChange={(event) => choose(event.currentTarget.checked)}
    />
  )
}

export function PlanButtons({ ask, machine = null }: { ask: Ask; machine?: { id: string; name: string } | null }) {
  const { t } = useTranslation()
  const operator = useCompany().role === 'operator'
  return (
    <>
      <ActionButton op={createMaintenance} variant={operator ? 'filled' : 'default'} leftSection={<IconCalendarPlus size={18} aria-hidden />} onClick={() => ask({ step: 'plan', machine })}>
        {t(operator ? 'maintenance.report' : 'maintenance.plan')}
      </ActionButton>
      {!operator && (
        <ActionButton op={sendToMaintenance} leftSection={<IconTool size={18} aria-hidden />} onClick={() => ask({ step: 'send', machine })}>
          {t('maintenance.send')}
        </ActionButton>
      )}
    </>
  )
}

function Bucket({ due, ask }: { due: DueState; ask: Ask }) {
  const { t } = useTranslation()
  const { items, total, query } = useList(listDue, { query: { due, count: 'true', limit: 6 } })
  const Icon = dueLooks[due].icon
  return (
    <section className="surface bucket" aria-labelledby={`due-${due}`} aria-busy={query.isFetching}>
      <h2 id={`due-${due}`} className={`with-icon tone-${dueLooks[due].tone}-text`}>
        <Icon size={18} aria-hidden />
        {t(`maintenance.due_${due}`)}
        {total !== undefined && <span className="bucket-count">{total}</span>}
      </h2>
      {query.error && !items ? <ErrorState error={query.error} retry={query.refetch} /> : !items ? <LoadingState /> : null}
      {items?.length === 0 && (
        <p className="quiet-note">
          <IconCircleCheck size={18} aria-hidden />
          {t('maintenance.due_none')}
        </p>
      )}
      <ul className="plain-list">
        {items?.map((machine) => (
          <li key={machine.id}>
            <DueCard machine={machine} ask={ask} />
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <Button variant="default" fullWidth loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('web.load_more')}
        </Button>
      )}
    </section>
  )
}

function DueCard({ machine, ask }: { machine: DueMachine; ask: Ask }) {
  const { t } = useTranslation()
  const format = useFormat()
  const title = useWorkTitle()
  const { open_work: open } = machine
  return (
    <article className="due-card">
      <div className="card-head">
        <MachineName id={machine.id} name={machine.name} code={machine.serial_number} />
        <DaysLeft days={machine.days_left} due={machine.due} />
      </div>
      <Text size="sm" c="dimmed">
        {t('maintenance.next_on', { day: format.day(machine.next_maintenance_date) })}
        {machine.interval_days !== null && ` · ${t('maintenance.every', { count: machine.interval_days })}`}
        {machine.location && ` · ${machine.location}`}
      </Text>
      {open && (
        <Text size="sm" component="div" className="inline">
          <WorkStatus status={open.status} /> {title(open)} <span className="dimmed">{format.day(open.scheduled_date)}</span>
        </Text>
      )}
      <CardActions machine={machine} ask={ask} />
    </article>
  )
}

function CardActions({ machine, ask }: { machine: DueMachine; ask: Ask }) {
  const { t } = useTranslation()
  const { open_work: open } = machine
  const target = { id: machine.id, name: machine.name }
  const [first, ...others] = open ? stepsOf(open.status) : []
  const work = open && { ...open, machine: target }
  const operator = useCompany().role === 'operator'
  if (operator) return null
  return (
    <Group gap="xs">
      {first && work ? (
        <ActionButton op={guards[first]} variant="default" size="compact-md" aria-label={`${t(`maintenance.${first}`)}: ${machine.name}`} onClick={() => ask({ step: first, work })}>
          {t(`maintenance.${first}`)}
        </ActionButton>
      ) : (
        <ActionButton op={createMaintenance} variant="default" size="compact-md" aria-label={`${t('maintenance.plan')}: ${machine.name}`} onClick={() => ask({ step: 'plan', machine: target })}>
          {t('maintenance.plan')}
        </ActionButton>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <button type="button" className="icon-button" aria-label={`${t('web.more')}: ${machine.name}`}>
            <IconDotsVertical size={18} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {work &&
            others.map((step) => (
              <ActionItem key={step} op={guards[step]} onClick={() => ask({ step, work })}>
                {t(`maintenance.${step}`)}
              </ActionItem>
            ))}
          {first && (
            <ActionItem op={createMaintenance} onClick={() => ask({ step: 'plan', machine: target })}>
              {t('maintenance.plan')}
            </ActionItem>
          )}
          <ActionItem op={sendToMaintenance} unless={machine.status === 'maintenance' && t('maintenance.there_already')} onClick={() => ask({ step: 'send', machine: target })}>
            {t('maintenance.send')}
          </ActionItem>
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}
