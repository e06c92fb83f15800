// A short table whose rows are all there: rows on a screen, cards on a phone, the first few until more are asked for.

import { Button, Table, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { useTranslation } from '../../../web/i18n.ts'
import { usePhone } from '../../../web/phone.ts'
import { Sideways } from '../../../web/sideways.tsx'

export type Fact<T> = { key: string; title: string; render: (row: T) => ReactNode; align?: 'right' }
type FactsProps<T> = { caption: string; columns: Fact<T>[]; rows: T[]; rowKey: (row: T) => string; first?: number }

export function Facts<T>({ first = 8, ...props }: FactsProps<T>) {
  const { t } = useTranslation()
  const phone = usePhone()
  const [isOpen, setOpen] = useState(false)
  const rows = isOpen ? props.rows : props.rows.slice(0, first)
  const Shown = phone ? Cards : Rows
  return (
    <>
      <Shown {...props} rows={rows} />
      {props.rows.length > first && (
        <Button variant="subtle" size="compact-sm" mt="xs" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? t('monitoring.show_fewer') : t('monitoring.show_all', { count: props.rows.length })}
        </Button>
      )}
    </>
  )
}

function Rows<T>({ caption, columns, rows, rowKey }: FactsProps<T>) {
  return (
    <Sideways label={caption}>
      <Table className="list-table load-rows" verticalSpacing={4} horizontalSpacing="xs">
        <caption className="visually-hidden">{caption}</caption>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.key} scope="col" ta={column.align ?? 'left'}>
                {column.title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={rowKey(row)}>
              {columns.map((column) => (
                <Table.Td key={column.key} ta={column.align ?? 'left'}>
                  {column.render(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Sideways>
  )
}

function Cards<T>({ caption, columns: [head, ...others], rows, rowKey }: FactsProps<T>) {
  return (
    <ul className="cards" aria-label={caption}>
      {rows.map((row) => (
        <li key={rowKey(row)}>
          <div className="card">
            <Text component="div" fw={600} className="break-words">
              {head?.render(row)}
            </Text>
            <dl className="card-fields">
              {others.map((column) => (
                <div key={column.key}>
                  <dt>{column.title}</dt>
                  <dd>{column.render(row)}</dd>
                </div>
              ))}
            </dl>
          </div>
        </li>
      ))}
    </ul>
  )
}

/** A number with its name; `tone` where it asks for somebody's eyes. */
export function Tile({ value, label, tone }: { value: ReactNode; label: ReactNode; tone?: 'bad' | undefined }) {
  return (
    <div className="tile">
      <span className={`tile-number${tone ? ' tone-bad-text' : ''}`}>{value}</span>
      <span className="tile-label">{label}</span>
    </div>
  )
}
