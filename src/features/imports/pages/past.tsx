// The imports done so far, newest first.
import { Text, Title } from '@mantine/core'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { useList } from '../../../web/query.ts'
import { type Column, DataList } from '../../../web/table.tsx'
import { type ImportBatch, listImports } from '../contract.ts'

export function PastImports() {
  const { t } = useTranslation()
  const format = useFormat()
  const rows = useList(listImports, { query: { limit: 20 } })
  const count = (key: 'created_count' | 'updated_count' | 'unchanged_count', title: string): Column<ImportBatch> => ({ key, title, align: 'right', render: (row) => format.number(row[key]) })
  const columns: Column<ImportBatch>[] = [
    { key: 'file_name', title: t('imports.past_file'), render: (row) => <span className="break-words">{row.file_name}</span> },
    { key: 'created_at', title: t('imports.past_when'), render: (row) => format.instant(row.created_at) },
    { key: 'created_by_name', title: t('imports.past_who'), render: (row) => row.created_by_name ?? '–' },
    count('created_count', t('imports.outcome_create')),
    count('updated_count', t('imports.outcome_update')),
    count('unchanged_count', t('imports.outcome_unchanged')),
  ]
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('imports.past')}
      </Title>
      <DataList<ImportBatch> id="imports" caption={t('imports.past')} columns={columns} rows={rows} rowKey={(row) => row.id} empty={<Text c="dimmed">{t('imports.none_past')}</Text>} />
    </section>
  )
}
