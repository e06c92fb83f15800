// The one list: columns to choose, sort and paging by the address, and cards on a phone.
import { Button, Checkbox, Group, Popover, Select, Skeleton, Table, Text } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp, IconColumns3 } from '@tabler/icons-react'
import { memo, type ReactNode, useState } from 'react'
import { useColumns } from './columns.ts'
import { useTranslation } from './i18n.ts'
import { usePhone } from './phone.ts'
import type { ListResult } from './query.ts'
import { RowsOfPage, useFurther } from './rows.tsx'
import { ErrorState } from './states.tsx'
import { PageLink, useMoment, useUrl } from './url.tsx'

export type Column<T> = {
  key: string
  title: string
  render: (row: T) => ReactNode
  /** The field the server sorts by; left out: not sortable. */
  sort?: string
  /** Not shown until chosen. */
  extra?: boolean
  align?: 'right'
  width?: number
}

export type DataListProps<T> = {
  /** Names the list where the chosen columns are kept. */
  id: string
  caption: string
  columns: Column<T>[]
  rows: ListResult<T>
  rowKey: (row: T) => string
  /** Where a row leads; its first column becomes the link. */
  rowTo?: (row: T) => string
  /** How a row looks on a phone; left out: all columns below each other. */
  card?: (row: T) => ReactNode
  defaultSort?: string
  empty: ReactNode
  /** Shown above, beside the choice of columns. */
  toolbar?: ReactNode
  rowClass?: (row: T) => string | undefined
  /** Few columns that all matter: nothing to choose. */
  fixed?: boolean
  /** Columns keep their widths whatever the rows hold, so that nothing moves while rows come and go. */
  steady?: boolean
  /** Counts all rows when the person asks for it. */
  onCount?: () => void
}

export function DataList<T>(props: DataListProps<T>) {
  const phone = usePhone()
  const columns = useColumns(props.id, props.columns)
  const { items, query } = props.rows
  let body: ReactNode
  if (query.error && !items) body = <ErrorState error={query.error} retry={query.refetch} />
  else if (items?.length === 0) body = props.empty
  else body = phone ? <Cards {...props} shown={columns.shown} /> : <Rows {...props} shown={columns.shown} />
  return (
    <section className="list" aria-label={props.caption} aria-busy={query.isFetching}>
      {!props.fixed && (
        <div className="list-bar">
          <div className="list-tools">{props.toolbar}</div>
          {phone ? (
            <SortSelect columns={props.columns} defaultSort={props.defaultSort} />
          ) : (
            <ColumnMenu columns={props.columns as Column<unknown>[]} keys={columns.keys} choose={columns.choose} reset={columns.reset} />
          )}
        </div>
      )}
      {body}
      <Footer rows={props.rows} onCount={props.onCount} />
    </section>
  )
}

type Shown<T> = DataListProps<T> & { shown: Column<T>[] }

function Rows<T>({ caption, shown, rows, rowKey, rowTo, defaultSort, rowClass, steady }: Shown<T>) {
  const { items, pages, total, query } = rows
  return (
    <div className="list-scroll" data-still onScroll={({ currentTarget }) => currentTarget.toggleAttribute('data-still', currentTarget.scrollLeft === 0)}>
      <Table
        highlightOnHover
        verticalSpacing={6}
        horizontalSpacing="xs"
        className="list-table"
        data-stale={query.isPlaceholderData || undefined}
        data-rows={items?.length}
        aria-rowcount={total === undefined ? (items && !query.hasNextPage ? items.length + 1 : -1) : total + 1}
        {...(steady ? { layout: 'fixed' as const, miw: shown.reduce((sum, column) => sum + (column.width ?? usualWidth), 0) } : {})}
      >
        <caption className="visually-hidden">{caption}</caption>
        <Table.Thead>
          <HeadRow shown={shown as Column<unknown>[]} defaultSort={defaultSort} steady={steady ?? false} />
        </Table.Thead>
        {pages ? (
          pages.map((page, place) => {
            const from = placeOf(pages, place)
            return <RowsOfPage key={from} rows={page} first={place === 0} from={from} shown={shown} rowKey={rowKey} rowTo={rowTo} rowClass={rowClass} />
          })
        ) : (
          <Table.Tbody>
            <SkeletonRows columns={shown} />
          </Table.Tbody>
        )}
      </Table>
    </div>
  )
}

/** What a column of a steady table takes that says nothing of it. */
const usualWidth = 140

const placeOf = (pages: readonly (readonly unknown[])[], place: number): number => pages.slice(0, place).reduce((sum, page) => sum + page.length, 0)

const placeholders = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const

function SkeletonRows({ columns }: { columns: readonly { key: string }[] }) {
  return placeholders.map((row, i) => (
    <Table.Tr key={row} aria-hidden>
      {columns.map((column, j) => (
        <Table.Td key={column.key}>
          <Skeleton height={14} my={5} width={`${50 + ((i * 7 + j * 13) % 45)}%`} />
        </Table.Td>
      ))}
    </Table.Tr>
  ))
}

// Drawn anew only when its own columns change, however many pages come below it; so is the choice of columns.
const HeadRow = memo(({ shown, defaultSort, steady }: { shown: Column<unknown>[]; defaultSort: string | undefined; steady: boolean }) => (
  <Table.Tr aria-rowindex={1}>
    {shown.map((column) => (
      <HeadCell key={column.key} column={column} defaultSort={defaultSort} steady={steady} />
    ))}
  </Table.Tr>
))

function HeadCell({ column, defaultSort, steady }: { column: Column<unknown>; defaultSort: string | undefined; steady: boolean }) {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const width = column.width ?? (steady ? usualWidth : undefined)
  if (!column.sort)
    return (
      <Table.Th ta={column.align ?? 'left'} w={width}>
        {column.title}
      </Table.Th>
    )
  const sort = search.sort ?? defaultSort
  const direction = sort === column.sort ? 'ascending' : sort === `-${column.sort}` ? 'descending' : 'none'
  const SortIcon = direction === 'ascending' ? IconArrowUp : direction === 'descending' ? IconArrowDown : IconArrowsSort
  return (
    <Table.Th aria-sort={direction} ta={column.align ?? 'left'} w={width}>
      <button type="button" className="sort-button" title={t('web.sort_by', { column: column.title })} onClick={() => setSearch({ sort: direction === 'ascending' ? `-${column.sort}` : column.sort })}>
        {column.title}
        <SortIcon size={14} aria-hidden data-idle={direction === 'none' || undefined} />
      </button>
    </Table.Th>
  )
}

function Cards<T>({ caption, shown, rows, rowKey, rowTo, card, rowClass }: Shown<T>) {
  const moment = useMoment() ?? {}
  if (!rows.items)
    return (
      <div aria-hidden>
        {placeholders.map((row) => (
          <Skeleton key={row} height={84} mb="xs" />
        ))}
      </div>
    )
  return (
    <ul className="cards" aria-label={caption}>
      {rows.items.map((row) => {
        const content = card?.(row) ?? <Fields row={row} columns={shown} />
        return (
          <li key={rowKey(row)} className={rowClass?.(row)}>
            {rowTo ? (
              <PageLink to={rowTo(row)} search={moment} className="card card-link">
                {content}
              </PageLink>
            ) : (
              <div className="card">{content}</div>
            )}
          </li>
        )
      })}
    </ul>
  )
}

function Fields<T>({ row, columns: [first, ...others] }: { row: T; columns: Column<T>[] }) {
  return (
    <>
      <Text fw={600}>{first?.render(row)}</Text>
      <dl className="card-fields">
        {others.map((column) => (
          <div key={column.key}>
            <dt>{column.title}</dt>
            <dd>{column.render(row)}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}

function SortSelect<T>({ columns, defaultSort }: { columns: Column<T>[]; defaultSort: string | undefined }) {
  const { t } = useTranslation()
  const [search, setSearch] = useUrl()
  const options = columns
    .filter((column, place) => column.sort && columns.findIndex((other) => other.sort === column.sort) === place)
    .flatMap((column) => [
      { value: column.sort ?? '', label: `${column.title} ↑` },
      { value: `-${column.sort}`, label: `${column.title} ↓` },
    ])
  if (options.length === 0) return null
  const known = options.some((option) => option.value === (search.sort ?? defaultSort))
  return (
    <Select
      aria-label={t('web.sort')}
      placeholder={t('web.sort')}
      leftSection={<IconArrowsSort size={16} aria-hidden />}
      data={options}
      value={known ? (search.sort ?? defaultSort ?? null) : null}
      onChange={(sort) => setSearch({ sort: sort ?? undefined })}
      className="sort-select"
    />
  )
}

const ColumnMenu = memo(({ columns, keys, choose, reset }: { columns: Column<unknown>[]; keys: string[]; choose: (keys: string[]) => void; reset: () => void }) => {
  const { t } = useTranslation()
  const [opened, setOpened] = useState(false)
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<IconColumns3 size={16} aria-hidden />} aria-expanded={opened} onClick={() => setOpened(!opened)}>
          {t('web.columns')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className="choices" aria-label={t('web.columns')}>
        <Checkbox.Group aria-label={t('web.columns')} value={keys} onChange={(chosen) => choose(columns.map((column) => column.key).filter((key) => chosen.includes(key)))}>
          {columns.map((column, place) => (
            <Checkbox key={column.key} value={column.key} label={column.title} disabled={place === 0} className="choice" />
          ))}
        </Checkbox.Group>
        <Button variant="subtle" size="compact-sm" mt="xs" onClick={reset}>
          {t('web.columns_reset')}
        </Button>
      </Popover.Dropdown>
    </Popover>
  )
})

/** How many are shown, and the way to more. */
export function Footer<T>({ rows: { items, total, query }, onCount }: { rows: ListResult<T>; onCount?: (() => void) | undefined }) {
  const { t } = useTranslation()
  const end = useFurther(query)
  if (!items?.length) return null
  return (
    <>
      {/* Where the rows end; what is below stays on the screen. */}
      <div ref={end} />
      <Group justify="space-between" gap="xs" className="list-footer" data-more={query.hasNextPage || undefined}>
        <Group gap="xs">
          <Text size="sm" c="dimmed" role="status">
            {total === undefined ? t(query.hasNextPage ? 'web.shown_more' : 'web.shown_all', { count: items.length }) : t('web.shown_of', { count: items.length, total })}
          </Text>
          {onCount && query.hasNextPage && total === undefined && (
            <Button variant="subtle" size="compact-sm" onClick={onCount}>
              {t('web.count_all')}
            </Button>
          )}
        </Group>
        {query.hasNextPage && (
          <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('web.load_more')}
          </Button>
        )}
      </Group>
    </>
  )
}
