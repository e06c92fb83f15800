// The rows of a long list: what follows is fetched before it is reached, and rows far from the screen are one empty row of their height.
import { Table } from '@mantine/core'
import { memo, type ReactNode, type RefObject, startTransition, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { ListResult } from './query.ts'
import { useGo, useMoment, usePlainLinks } from './url.tsx'

/** Pixels above and below the screen within which rows are there. */
const near = 1600
const usualHeight = 50
/** Rows that come and go together: what comes at once fits into a frame. */
const together = 10

type RowsProps<T> = {
  rows: readonly T[]
  /** The page that the list begins with: what of it is seen is there at once, the rest right after, without holding up a key. */
  first: boolean
  /** How many rows stand before these. */
  from: number
  shown: readonly { key: string; render: (row: T) => ReactNode; align?: 'right' }[]
  rowKey: (row: T) => string
  rowTo: ((row: T) => string) | undefined
  rowClass: ((row: T) => string | undefined) | undefined
}
/** `start`: what stood for the block when it was there last. */
type Folding = { start: number | null | undefined; place: number; told: (place: number, height: number | null) => void }

function PageOfRows<T>({ rows, from, ...rest }: RowsProps<T>): ReactNode {
  const blocks = useMemo(() => Array.from({ length: Math.ceil(rows.length / together) }, (_, place) => rows.slice(place * together, (place + 1) * together)), [rows])
  // Blocks that are all far become one: what the browser lays out anew for a row grows with the bodies that the table has.
  const heights = useRef<(number | null)[]>([])
  const [body, folded, setFolded] = useFolded(rest.first ? null : rows.length * usualHeight)
  const told = useCallback(
    (place: number, height: number | null) => {
      const isGone = height !== null && heights.current[place] === null
      heights.current[place] = height
      const all = heights.current.slice(0, blocks.length)
      if (isGone && !all.includes(null)) setFolded(all.reduce<number>((sum, one) => sum + (one ?? 0), 0))
    },
    [blocks, setFolded],
  )
  if (folded !== null) return <Fold body={body} height={folded} columns={rest.shown.length} />
  return blocks.map((block, place) => {
    const before = from + place * together
    return <BlockOfRows key={before} rows={block} from={before} start={heights.current[place]} place={place} told={told} {...rest} />
  })
}

function Fold({ body, height, columns }: { body: RefObject<HTMLTableSectionElement | null>; height: number; columns: number }) {
  return (
    <tbody ref={body} aria-hidden>
      <tr style={{ height }}>
        <td colSpan={columns} />
      </tr>
    </tbody>
  )
}

// Drawn anew only when its own rows or columns change, however many pages come after it.
export const RowsOfPage = memo(PageOfRows) as typeof PageOfRows
const BlockOfRows = memo(Block) as typeof Block

// The kit's own cells and the router's own links take three times as long to draw, and there are hundreds of them: these wear the kit's classes.
function Block<T>({ rows, first, from, shown, rowKey, rowTo, rowClass, start, place, told }: RowsProps<T> & Folding) {
  const go = useGo()
  const link = usePlainLinks()
  const moment = useMoment() ?? {}
  const isSeen = first && from * usualHeight < innerHeight
  const [body, folded, setFolded] = useFolded(start === undefined ? (isSeen ? null : rows.length * usualHeight) : start, first)
  useEffect(() => {
    if (first) startTransition(() => setFolded(null))
  }, [first, setFolded])
  useEffect(() => told(place, folded), [told, place, folded])
  if (folded !== null) return <Fold body={body} height={folded} columns={shown.length} />
  return (
    <tbody ref={body}>
      {rows.map((row, place) => (
        <tr
          key={rowKey(row)}
          aria-rowindex={from + place + 2}
          className={`${Table.classes.tr} list-row ${rowClass?.(row) ?? ''}`}
          data-hover
          data-clickable={rowTo ? true : undefined}
          onClick={(event) => {
            if (rowTo && !(event.target as HTMLElement).closest('a,button,input,label') && !getSelection()?.toString()) go(rowTo(row), { search: moment })
          }}
        >
          {shown.map((column, at) => (
            <td key={column.key} className={Table.classes.td} style={column.align && { textAlign: column.align }}>
              {at === 0 && rowTo ? (
                <a {...link(rowTo(row), moment)} className="row-link">
                  {column.render(row)}
                </a>
              ) : (
                column.render(row)
              )}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  )
}

const watched = new WeakMap<Element, (entry: IntersectionObserverEntry) => void>()
let observer: IntersectionObserver | undefined

/** One observer for all: a long list has hundreds of blocks. */
function watch(element: Element, tell: (entry: IntersectionObserverEntry) => void): () => void {
  // Of several entries of one element in one call the last is true, and told last.
  observer ??= new IntersectionObserver((entries) => startTransition(() => entries.forEach((entry) => void watched.get(entry.target)?.(entry))), { rootMargin: `${near}px 0px` })
  watched.set(element, tell)
  observer.observe(element)
  return () => observer?.unobserve(element)
}

/** The height that stands for rows while they are far from the screen; null while they are there. Where the focus is, they stay. */
function useFolded(start: number | null, isKept = false): [RefObject<HTMLTableSectionElement | null>, number | null, (height: number | null) => void] {
  const body = useRef<HTMLTableSectionElement>(null)
  const [folded, setFolded] = useState(start)
  const isFolded = folded !== null
  useEffect(() => {
    const element = body.current
    if (!element) return
    return watch(element, ({ isIntersecting, boundingClientRect }) => {
      if (isIntersecting) return setFolded(null)
      // The first page stays whole until it is scrolled past: who searches a short list with the browser finds all of it.
      if (isFolded || element.contains(document.activeElement) || (isKept && boundingClientRect.bottom > 0)) return
      setFolded(boundingClientRect.height)
    })
  }, [isFolded, isKept])
  return [body, folded, setFolded]
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
