// The two records of a machine: who had it from when to when, and which status it had.
import { Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../../web/format.ts'
import { useList } from '../../../web/query.ts'
import { EmptyState } from '../../../web/states.tsx'
import { DataList } from '../../../web/table.tsx'
import { ToneBadge } from '../../../web/tone.tsx'
import { listMachineAssignments } from '../../assignments/contract.ts'
import { type Equipment, listStatusHistory } from '../contract.ts'
import { StatusBadge } from './status.tsx'

export function HandOvers({ machine }: { machine: Equipment }) {
  const { t } = useTranslation()
  const format = useFormat()
  const rows = useList(listMachineAssignments, { params: { equipment_id: machine.id }, query: {} })
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
  const rows = useList(listStatusHistory, { params: { equipment_id: machine.id }, query: {} })
  return (
    <DataList
      id="machine-statuses"
      fixed
      caption={t('machine.tab_statuses')}
      rows={rows}
      rowKey={(row) => row.id}
      empty={<EmptyState title={t('machine.no_statuses')} />}
      columns={[
        { key: 'status', title: t('equipment.status'), render: (row) => <StatusBadge status={row.status} /> },
        { key: 'from', title: t('machine.from'), render: (row) => <When instant={row.effective_from} by={row.changed_by_name} /> },
        { key: 'to', title: t('machine.to'), render: (row) => (row.effective_to ? format.instant(row.effective_to) : t('machine.until_now')) },
        { key: 'reason', title: t('machine.reason'), render: (row) => row.reason ?? '–' },
      ]}
    />
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
