// How the file is read, to be corrected by hand: what each column means, the order of days, the sign of decimals.
import { NativeSelect, Text, Title } from '@mantine/core'
import { useTranslation } from '../../../web/i18n.ts'
import { type ImportColumn, type ImportResult, importFields, specificationKey } from '../contract.ts'
import type { Answers, ImportFlow } from './flow.tsx'

export function ReadingChoices({ flow }: { flow: ImportFlow }) {
  const { t } = useTranslation()
  const { answers, answer } = flow
  return (
    <div className="surface fields-grid">
      <NativeSelect
        label={t('imports.date_order')}
        value={answers.dateOrder ?? ''}
        onChange={(event) => answer({ dateOrder: (event.currentTarget.value || undefined) as Answers['dateOrder'] })}
        data={[{ value: '', label: t('imports.date_order_guess') }, ...(['dmy', 'mdy', 'iso'] as const).map((value) => ({ value, label: t(`imports.date_order_${value}`) }))]}
      />
      <NativeSelect
        label={t('imports.decimal')}
        value={answers.decimal ?? ''}
        onChange={(event) => answer({ decimal: (event.currentTarget.value || undefined) as Answers['decimal'] })}
        data={[{ value: '', label: t('imports.decimal_guess') }, ...(['comma', 'point'] as const).map((value) => ({ value, label: t(`imports.decimal_${value}`) }))]}
      />
    </div>
  )
}

export function MappingTable({ flow, look }: { flow: ImportFlow; look: ImportResult }) {
  const { t } = useTranslation()
  const choose = (column: ImportColumn, field: string) => {
    // A field has one column: whoever takes it by hand takes it from the column that had it by hand.
    const others = Object.entries(flow.answers.mapping).filter(([index, taken]) => Number(index) !== column.index && (taken === 'ignore' || taken !== field))
    flow.answer({ mapping: { ...Object.fromEntries(others), [column.index]: field } })
  }
  return (
    <section className="surface" aria-labelledby="import-columns">
      <Title order={2} size="h4" id="import-columns" mb="xs">
        {t('imports.columns')}
      </Title>
      <ul className="import-columns">
        {look.columns.map((column) => (
          <li key={column.index}>
            <Text fw={600} className="break-words">
              {column.header || t('imports.column_number', { number: column.index + 1 })}
            </Text>
            <Samples column={column} />
            <Meaning column={{ ...column, field: flow.answers.mapping[column.index] ?? column.field }} choose={choose} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Samples({ column }: { column: ImportColumn }) {
  return (
    <Text size="sm" c="dimmed" lineClamp={1} className="break-words">
      {column.samples.join(' · ')}
    </Text>
  )
}

function Meaning({ column, choose }: { column: ImportColumn; choose: (column: ImportColumn, field: string) => void }) {
  const { t } = useTranslation()
  const own = column.field.startsWith('specifications.') ? column.field : `specifications.${specificationKey(column.header) || `columna_${column.index + 1}`}`
  const fields = importFields.map((value) => ({ value: value as string, label: t(`imports.field_${value}`) }))
  return (
    <NativeSelect
      aria-label={`${t('imports.meaning')}: ${column.header || t('imports.column_number', { number: column.index + 1 })}`}
      value={column.field}
      onChange={(event) => choose(column, event.currentTarget.value)}
      data={[...fields, { value: own, label: t('imports.as_specification', { key: own.slice('specifications.'.length) }) }, { value: 'ignore', label: t('imports.ignored') }]}
    />
  )
}
