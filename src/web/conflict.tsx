// Somebody else saved first: both versions side by side, one choice a field, nothing lost.
import { Button, Group, Radio, Stack, Table, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Dialog } from './dialog.tsx'
import { useTranslation } from './i18n.ts'

export type Conflict<V> = { base: V; mine: V; theirs: { values: V; version: number } }
type Side = 'mine' | 'theirs'

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null)

/** The fields in which the two versions differ, each with the side that is likely meant: mine only where I changed it. */
export function differences<V extends object>({ base, mine, theirs }: Conflict<V>): { field: keyof V & string; likely: Side; both: boolean }[] {
  return (Object.keys(mine) as (keyof V & string)[])
    .filter((field) => !same(mine[field], theirs.values[field]))
    .map((field) => ({ field, likely: same(mine[field], base[field]) ? 'theirs' : 'mine', both: !same(mine[field], base[field]) && !same(theirs.values[field], base[field]) }))
}

type Props<V> = { conflict: Conflict<V>; labels: Partial<Record<string, string>>; show?: (field: keyof V & string, value: unknown) => ReactNode; onResolve: (values: V) => void; onClose: () => void }

export function ConflictDialog<V extends object>({ conflict, labels, show = (_, value) => plain(value), onResolve, onClose }: Props<V>) {
  const { t } = useTranslation()
  const rows = differences(conflict)
  const [picks, setPicks] = useState<Record<string, Side>>(() => Object.fromEntries(rows.map((row) => [row.field, row.likely])))
  const merge = () => {
    const values = { ...conflict.theirs.values, ...Object.fromEntries(rows.map(({ field }) => [field, picks[field] === 'mine' ? conflict.mine[field] : conflict.theirs.values[field]])) } as V
    onResolve(values)
  }
  const cell = (field: keyof V & string, side: Side, value: unknown) => (
    <Radio
      name={`conflict-${field}`}
      checked={picks[field] === side}
      onChange={() => setPicks({ ...picks, [field]: side })}
      label={<span className="conflict-value">{show(field, value)}</span>}
      aria-label={`${labels[field] ?? field}: ${t(side === 'mine' ? 'web.conflict_mine' : 'web.conflict_theirs')}`}
    />
  )
  return (
    <Dialog opened onClose={onClose} title={t('web.conflict_title')} size="xl">
      <Stack>
        <Text>{t(rows.length ? 'web.conflict_text' : 'web.conflict_same')}</Text>
        {rows.length > 0 && (
          <div className="list-scroll">
            <Table verticalSpacing="sm">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('web.conflict_field')}</Table.Th>
                  <Table.Th>{t('web.conflict_mine')}</Table.Th>
                  <Table.Th>{t('web.conflict_theirs')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map(({ field, both }) => (
                  <Table.Tr key={field}>
                    <Table.Th scope="row">
                      {labels[field] ?? field}
                      {both && (
                        <Text size="xs" className="tone-warn-text">
                          {t('web.conflict_both')}
                        </Text>
                      )}
                    </Table.Th>
                    <Table.Td>{cell(field, 'mine', conflict.mine[field])}</Table.Td>
                    <Table.Td>{cell(field, 'theirs', conflict.theirs.values[field])}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </div>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('web.conflict_back')}
          </Button>
          <Button onClick={merge}>{t('web.conflict_save')}</Button>
        </Group>
      </Stack>
    </Dialog>
  )
}

function plain(value: unknown): ReactNode {
  if (value === null || value === undefined || value === '') return '–'
  if (Array.isArray(value)) return value.join(', ')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, inner]) => `${key}: ${String(inner)}`)
      .join(' · ')
  return String(value)
}
