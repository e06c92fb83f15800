// What each row would do: counts as filters, errors in words, changes from and to.
import { Button, Text } from '@mantine/core'
import { type Icon, IconAlertTriangle, IconCirclePlus, IconEdit, IconEqual } from '@tabler/icons-react'
import { type ReactNode, useState } from 'react'
import { useFormat } from '../../../web/format.ts'
import { useTranslation } from '../../../web/i18n.ts'
import { type Tone, ToneBadge } from '../../../web/tone.tsx'
import { PageLink } from '../../../web/url.tsx'
import type { ImportResult, ImportRow } from '../contract.ts'

type Outcome = ImportRow['outcome']
const outcomes: readonly Outcome[] = ['error', 'create', 'update', 'unchanged']
const looks: Record<Outcome, { tone: Tone; icon: Icon }> = {
  error: { tone: 'bad', icon: IconAlertTriangle },
  create: { tone: 'ok', icon: IconCirclePlus },
  update: { tone: 'info', icon: IconEdit },
  unchanged: { tone: 'idle', icon: IconEqual },
}
const step = 50

export function RowList({ look, apply }: { look: ImportResult; apply: ReactNode }) {
  const { t } = useTranslation()
  const format = useFormat()
  const [chosen, setChosen] = useState<Outcome | null>(null)
  const [limit, setLimit] = useState(step)
  const counts: Record<Outcome, number> = { error: look.error_count, create: look.created_count, update: look.updated_count, unchanged: look.unchanged_count }
  const rows = look.rows.filter((row) => chosen === null || row.outcome === chosen)
  const show = (outcome: Outcome | null) => {
    setChosen(outcome)
    setLimit(step)
  }
  return (
    <section className="surface" aria-label={t('imports.rows')}>
      <div className="import-bar">
        <fieldset className="import-counts" aria-label={t('imports.rows')}>
          <button type="button" className="import-count" aria-pressed={chosen === null} onClick={() => show(null)}>
            <strong>{format.number(look.row_count)}</strong> {t('imports.all_rows')}
          </button>
          {outcomes.map((outcome) => (
            <button key={outcome} type="button" className="import-count" aria-pressed={chosen === outcome} disabled={counts[outcome] === 0} onClick={() => show(outcome)}>
              <strong className={counts[outcome] > 0 ? `import-${outcome}` : undefined}>{format.number(counts[outcome])}</strong> {t(`imports.outcome_${outcome}`)}
            </button>
          ))}
        </fieldset>
        {apply}
      </div>
      {look.row_count > look.rows.length && (
        <Text size="sm" c="dimmed" mb="xs">
          {t('imports.rows_cut', { shown: format.number(look.rows.length), total: format.number(look.row_count) })}
        </Text>
      )}
      {rows.length === 0 && <Text c="dimmed">{t('imports.no_rows')}</Text>}
      <ul className="import-rows">
        {rows.slice(0, limit).map((row) => (
          <RowLine key={row.row} row={row} />
        ))}
      </ul>
      {rows.length > limit && (
        <Button variant="default" onClick={() => setLimit(limit + 4 * step)}>
          {t('imports.more_rows')}
        </Button>
      )}
    </section>
  )
}

function RowLine({ row }: { row: ImportRow }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { tone, icon } = looks[row.outcome]
  const show = (text: string | null) => (text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) ? format.day(text) : text)
  const name = [row.code, row.name].filter(Boolean).join(' · ')
  return (
    <li className="import-row">
      <div className="import-row-head">
        <span className="import-row-number">{t('imports.row', { row: row.row })}</span>
        <ToneBadge tone={tone} icon={icon}>
          {t(`imports.row_${row.outcome}`)}
        </ToneBadge>
        <span className="break-words">{row.equipment_id ? <PageLink to={`/equipment/${row.equipment_id}`}>{name}</PageLink> : name}</span>
      </div>
      {row.errors.length > 0 && (
        <ul className="import-errors">
          {row.errors.map((error) => (
            <li key={`${error.field} ${error.code}`}>
              {error.field && <strong>{fieldLabel(t, error.field)}: </strong>}
              {error.detail}
            </li>
          ))}
        </ul>
      )}
      {row.outcome === 'update' && (
        <ul className="changes">
          {row.changes.map((change) => (
            <li key={change.field}>
              {fieldLabel(t, change.field)}:{' '}
              {change.old !== null && (
                <>
                  <del>{show(change.old)}</del> →
                </>
              )}{' '}
              <ins>{show(change.new)}</ins>
            </li>
          ))}
        </ul>
      )}
      {row.outcome === 'create' && (
        <Text size="sm" c="dimmed" lineClamp={2}>
          {row.changes
            .filter((change) => change.field !== 'name' && change.new !== null)
            .map((change) => `${fieldLabel(t, change.field)}: ${show(change.new)}`)
            .join(' · ')}
        </Text>
      )}
    </li>
  )
}

function fieldLabel(t: (key: string) => string, field: string): string {
  if (field.startsWith('specifications.')) return field.slice('specifications.'.length)
  return field === 'specifications' ? field : t(`imports.field_${field === 'category_id' ? 'category' : field}`)
}
