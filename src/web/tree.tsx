// A tree to walk by keyboard: one stop for Tab, then arrows, Home and End; Enter chooses; a letter goes to the next such name.
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { bare, groupBy } from './text.ts'

export type TreeRow = { id: string; parent_id: string | null; name: string }
type Placed<T> = { row: T; level: number; place: number; siblings: number; isParent: boolean }

export type TreeProps<T extends TreeRow> = {
  label: string
  /** Each row after its parent. */
  rows: readonly T[]
  selected: string | null
  onSelect: (id: string) => void
  /** What stands beside the name. */
  aside?: (row: T) => ReactNode
  /** Why a row cannot be chosen; such a row still says so when it is. */
  refused?: (row: T) => boolean
  /** Shows only rows whose name holds this, and what lies above them. */
  filter?: string
  autoFocus?: boolean
}

export function Tree<T extends TreeRow>({ label, rows, selected, onSelect, aside, refused, filter = '', autoFocus }: TreeProps<T>) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [current, setCurrent] = useState<string | null>(null)
  const list = useRef<HTMLDivElement>(null)
  const shown = useMemo(() => place(rows, filter, closed), [rows, filter, closed])
  const stop = [current, selected].find((id) => shown.some(({ row }) => row.id === id)) ?? shown[0]?.row.id
  // What is chosen elsewhere, as by a link, is shown: all above it open.
  useEffect(() => setClosed((now) => without(now, above(rows, selected))), [selected, rows])
  const focus = (id: string | undefined) => {
    if (id === undefined) return
    setCurrent(id)
    list.current?.querySelector<HTMLElement>(`[data-id="${id}"]`)?.focus()
  }
  const toggle = (id: string) => setClosed((now) => (now.has(id) ? without(now, [id]) : new Set([...now, id])))
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const move = keyMove(
      event.key,
      shown,
      shown.findIndex(({ row }) => row.id === stop),
      closed,
    )
    if (!move) return
    event.preventDefault()
    if (move.choose !== undefined) onSelect(move.choose)
    if (move.toggle !== undefined) toggle(move.toggle)
    focus(move.focus)
  }
  return (
    <div role="tree" aria-label={label} className="tree" ref={list} onKeyDown={onKeyDown}>
      {shown.map(({ row, level, place: at, siblings, isParent }) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the tree listens for the keys of all its rows.
        <div
          key={row.id}
          role="treeitem"
          data-id={row.id}
          className="tree-row"
          data-level={Math.min(level, 9)}
          tabIndex={row.id === stop ? 0 : -1}
          data-autofocus={(autoFocus && row.id === stop) || undefined}
          aria-level={level}
          aria-posinset={at}
          aria-setsize={siblings}
          aria-selected={row.id === selected}
          aria-disabled={refused?.(row) || undefined}
          aria-expanded={isParent ? !closed.has(row.id) || filter !== '' : undefined}
          onClick={() => {
            setCurrent(row.id)
            onSelect(row.id)
          }}
        >
          <Knob isParent={isParent} isClosed={closed.has(row.id) && filter === ''} onToggle={() => toggle(row.id)} />
          <span className="tree-name">{row.name}</span>
          {aside && <span className="tree-aside">{aside(row)}</span>}
        </div>
      ))}
    </div>
  )
}

/** For the mouse alone: the keyboard has its arrows, and the state is the row's own. */
function Knob({ isParent, isClosed, onToggle }: { isParent: boolean; isClosed: boolean; onToggle: () => void }) {
  if (!isParent) return <span className="tree-knob" aria-hidden />
  const KnobIcon = isClosed ? IconChevronRight : IconChevronDown
  return (
    <span
      className="tree-knob"
      aria-hidden
      onClick={(event) => {
        event.stopPropagation()
        onToggle()
      }}
    >
      <KnobIcon size={16} />
    </span>
  )
}

/** The rows to show, each with its place among its siblings. */
function place<T extends TreeRow>(rows: readonly T[], filter: string, closed: ReadonlySet<string>): Placed<T>[] {
  const wanted = bare(filter.trim())
  const hits = wanted === '' ? null : new Set(rows.filter((row) => bare(row.name).includes(wanted)).flatMap((row) => [row.id, ...above(rows, row.id)]))
  const visible = hits ? rows.filter((row) => hits.has(row.id)) : rows
  const children = groupBy(visible, (row) => row.parent_id)
  const walk = (parent: string | null, level: number): Placed<T>[] =>
    (children.get(parent) ?? []).flatMap((row, index, siblings) => [
      { row, level, place: index + 1, siblings: siblings.length, isParent: children.has(row.id) },
      ...(closed.has(row.id) && !hits ? [] : walk(row.id, level + 1)),
    ])
  return walk(null, 1)
}

function above(rows: readonly TreeRow[], id: string | null): string[] {
  const parent = rows.find((row) => row.id === id)?.parent_id ?? null
  return parent === null ? [] : [parent, ...above(rows, parent)]
}

function without(set: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  return ids.some((id) => set.has(id)) ? new Set([...set].filter((id) => !ids.includes(id))) : set
}

type Move = { focus?: string; toggle?: string; choose?: string }

function keyMove(key: string, shown: readonly Placed<TreeRow>[], at: number, closed: ReadonlySet<string>): Move | null {
  const here = shown[at]
  if (!here) return null
  const go = (place: number): Move => (shown[place] ? { focus: shown[place].row.id } : {})
  const isOpen = here.isParent && !closed.has(here.row.id)
  switch (key) {
    case 'ArrowDown':
      return go(at + 1)
    case 'ArrowUp':
      return go(at - 1)
    case 'Home':
      return go(0)
    case 'End':
      return go(shown.length - 1)
    case 'ArrowRight':
      return isOpen ? go(at + 1) : here.isParent ? { toggle: here.row.id } : {}
    case 'ArrowLeft':
      return isOpen ? { toggle: here.row.id } : here.row.parent_id ? { focus: here.row.parent_id } : {}
    case 'Enter':
    case ' ':
      return { choose: here.row.id }
    default:
      return key.length === 1 ? go(nextNamed(key, shown, at)) : null
  }
}

function nextNamed(letter: string, shown: readonly Placed<TreeRow>[], at: number): number {
  const order = [...shown.keys()].map((offset) => (at + 1 + offset) % shown.length)
  return order.find((index) => bare(shown[index]?.row.name ?? '').startsWith(bare(letter))) ?? at
}
