// The rows of a long list: what follows is fetched before it is reached, and pages far from the screen are one empty row of their height.
import { Table } from '@mantine/core'
import { memo, type ReactNode, type RefObject, startTransition, useEffect, useRef, useState } from 'react'
import type { ListResult } from './query.ts'
import { PageLink, useGo, useMoment } from './url.tsx'

/** Pixels above and below the screen within which rows are there. */
const near = 1600
const usualHeight = 50
/** More than a screen shows: the rest of the first page comes right after it, without holding up a key. */
const atFirst = 20

type PageProps<T> = {
  rows: readonly T[]
  /** The page that the list begins with is there at once; others come without holding up a frame. */
  first: boolean
  /** How many rows stand before this page. */
  from: number
  shown: readonly { key: string; render: (row: T) => ReactNode; align?: 'right' }[]
  rowKey: (row: T) => string
  rowTo: ((row: T) => string) | undefined
  rowClass: ((row: T) => string | undefined) | undefined
}

function PageOfRows<T>({ rows, first, from, shown, rowKey, rowTo, rowClass }: PageProps<T>) {
  const go = useGo()
  const moment = useMoment() ?? {}
  const [body, folded] = useFolded(first ? null : rows.length * usualHeight)
  const [most, setMost] = useState(first ? atFirst : rows.length)
  useEffect(() => startTransition(() => setMost(Number.POSITIVE_INFINITY)), [])
  if (folded !== null)
    return (
      <Table.Tbody ref={body} aria-hidden>
        <tr style={{ height: folded }}>
          <td colSpan={shown.length} />
        </tr>
      </Table.Tbody>
    )
  return (
    <Table.Tbody ref={body}>
      {rows.slice(0, most).map((row, place) => (
        <tr
          key={rowKey(row)}
          aria-rowindex={from + place + 2}
          className={`${Table.classes.tr} ${rowClass?.(row) ?? ''}`}
          data-with-row-border
          data-hover
          data-clickable={rowTo ? true : undefined}
          onClick={(event) => {
            if (rowTo && !(event.target as HTMLElement).closest('a,button,input,label') && !getSelection()?.toString()) go(rowTo(row), { search: moment })
          }}
        >
          {shown.map((column, at) => (
            <td key={column.key} className={Table.classes.td} style={column.align && { textAlign: column.align }}>
              {at === 0 && rowTo ? (
                <PageLink to={rowTo(row)} search={moment} className="row-link">
                  {column.render(row)}
                </PageLink>
              ) : (
                column.render(row)
              )}
            </td>
          ))}
        </tr>
      ))}
    </Table.Tbody>
  )
}

// The kit's own cells take three times as long to draw, and there are hundreds of them: these wear its classes.
/** Drawn anew only when its own rows or columns change, however many pages come after it. */
export const RowsOfPage = memo(PageOfRows) as typeof PageOfRows

/** The height that stands for the rows while they are far from the screen; null while they are there. Where the focus is, they stay. */
function useFolded(start: number | null): [RefObject<HTMLTableSectionElement | null>, number | null] {
  const body = useRef<HTMLTableSectionElement>(null)
  const [folded, setFolded] = useState(start)
  useEffect(() => {
    const element = body.current
    if (!element) return
    const observer = new IntersectionObserver(
      (entries) => {
        // Of several in one call the last is true.
        const isNear = entries.at(-1)?.isIntersecting !== false
        if (!isNear && element.contains(document.activeElement)) return
        startTransition(() => setFolded((now) => (isNear ? null : (now ?? element.offsetHeight))))
      },
      { rootMargin: `${near}px 0px` },
    )
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [body, folded]
}

/** Fetches what follows when whoever scrolls comes near the end; without scrolling there is the button. */
export function useFurther(query: ListResult<unknown>['query']): RefObject<HTMLDivElement | null> {
  const end = useRef<HTMLDivElement>(null)
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = query
  useEffect(() => {
    if (!end.current || !hasNextPage || isFetchingNextPage || isError) return
    const element = end.current
    const observer = new IntersectionObserver((entries) => entries.at(-1)?.isIntersecting && void fetchNextPage(), { rootMargin: `0px 0px ${2 * near}px` })
    const begin = () => observer.observe(element)
    // Asked in the next frame, which lays the page out in any case: at once it would be laid out twice.
    const frame = requestAnimationFrame(() => {
      if (scrollY > 0) begin()
      else addEventListener('scroll', begin, { once: true, passive: true })
    })
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', begin)
      observer.disconnect()
    }
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage])
  return end
}
