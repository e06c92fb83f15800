// The two records of a machine: who had it from when to when, and which status it had.
import { Checkbox, Group, Text } from '@mantine/core'
import { IconHistoryToggle } from '@tabler/icons-react'
import { useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { EmptyState } from '../../../web/states.tsx'
import { DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { useMoment, useUrl } from '../../../web/url.tsx'
import { listMachineAssignments } from '../../assignments/contract.ts'
import { correctStatus, type Equipment, listStatusHistory, type StatusPeriod } from '../contract.ts'
import { CorrectionDialog } from './correction.tsx'
import { StatusBadge } from './status.tsx'

export function HandOvers({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const rows = useList(listMachineAssignments, { params: { equipment_id: machine.id }, query: useMoment() ?? {} })
  return (
    <DataList
      id="machine-hand-overs"
      fixed
      caption={t('machine.tab_hand_overs')}
      rows={rows}
      rowKey={(row) => row.id}
      empty={<EmptyState title={t('assignments.none_here')}>{t('assignments.none_here_text')}</EmptyState>}
      columns={[
        {
          key: 'holder',
          title: t('assignments.holder'),
          render: (row) => (
            <Text component="span" fw={600} size="sm">
              {row.holder_name}
            </Text>
          ),
        },
        { key: 'assigned', title: t('assignments.assigned_at'), render: (row) => <When instant={row.assigned_at} by={row.assigned_by_name} /> },
        { key: 'due', title: t('assignments.due_at'), render: (row) => format.instant(row.due_at) },
        {
          key: 'returned',
          title: t('assignments.returned_at'),
          render: (row) => (row.returned_at ? <When instant={row.returned_at} by={row.returned_by_name} /> : <ToneBadge tone="info">{t('assignments.still')}</ToneBadge>),
        },
        { key: 'notes', title: t('assignments.notes'), render: (row) => <Notes lines={[row.notes, row.return_notes]} /> },
      ]}
    />
  )
}

export function StatusHistory({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [search, setSearch] = useUrl()
  const [corrects, setCorrects] = useState(false)
  const superseded = search.superseded === 'true'
  const rows = useList(listStatusHistory, { params: { equipment_id: machine.id }, query: superseded ? { superseded: 'true' } : {} })
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Checkbox label={t('machine.show_superseded')} checked={superseded} onChange={(event) => setSearch({ superseded: event.currentTarget.checked ? 'true' : undefined }, { replace: true })} />
        <ActionButton
          op={correctStatus}
          unless={machine.is_deleted && t('machine.is_deleted')}
          variant="default"
          leftSection={<IconHistoryToggle size={18} aria-hidden />}
          onClick={() => setCorrects(true)}
        >
          {t('machine.correct')}
        </ActionButton>
      </Group>
      <DataList
        id="machine-statuses"
        fixed
        caption={t('machine.tab_statuses')}
        rows={rows}
        rowKey={(row) => row.id}
        rowClass={(row) => (row.superseded_at ? 'superseded' : undefined)}
        empty={<EmptyState title={t('machine.no_statuses')} />}
        columns={[
          { key: 'status', title: t('equipment.status'), render: (row) => <PeriodStatus period={row} /> },
          { key: 'from', title: t('machine.from'), render: (row) => <When instant={row.effective_from} by={row.changed_by_name} /> },
          { key: 'to', title: t('machine.to'), render: (row) => (row.effective_to ? format.instant(row.effective_to) : t('machine.until_now')) },
          { key: 'reason', title: t('machine.reason'), render: (row) => row.reason ?? '–' },
        ]}
      />
      <CorrectionDialog machine={machine} opened={corrects} onClose={() => setCorrects(false)} />
    </>
  )
}

/** What was recorded later than it happened, and what was corrected since, says so. */
function PeriodStatus({ period }: { period: StatusPeriod }) {
  const { t } = useTranslation()
  const format = useFormat()
  const isLate = Date.parse(period.recorded_at) - Date.parse(period.effective_from) > 1000
  return (
    <>
      <StatusBadge status={period.status} />
      {period.superseded_at ? (
        <Text size="xs" c="dimmed" component="span" display="block" mt={2}>
          {t('machine.superseded', { when: format.instant(period.superseded_at), name: period.superseded_by_name ?? '–' })}
        </Text>
      ) : (
        isLate && (
          <Text size="xs" c="dimmed" component="span" display="block" mt={2}>
            {t('machine.recorded', { when: format.instant(period.recorded_at) })}
          </Text>
        )
      )}
    </>
  )
}

function When({ instant, by }: { instant: string | null; by: string | null }) {
  const { t } = useTranslation()
  const format = useFormat()
  return (
    <span>
      <span className="nowrap">{format.instant(instant)}</span>
      {by && (
        <Text size="xs" c="dimmed" component="span" display="block">
          {t('machine.by', { name: by })}
        </Text>
      )}
    </span>
  )
}

function Notes({ lines }: { lines: (string | null)[] }) {
  const written = [...new Set(lines.filter((line) => line !== null))]
  if (written.length === 0) return '–'
  return written.map((line) => (
    <Text key={line} size="sm" className="written">
      {line}
    </Text>
  ))
}
