// Which columns of a list are shown: by the address, else as this person chose before, else the usual ones.
import { useCallback, useMemo, useState } from 'react'
import { useSession } from './session.tsx'
import { useUrl } from './url.tsx'

type Choosable = { key: string; extra?: boolean }

export function useColumns<C extends Choosable>(id: string, columns: C[]): { shown: C[]; keys: string[]; choose: (keys: string[]) => void; reset: () => void } {
  const storageKey = `bitcorp-columns-${useSession().me.user.id}-${id}`
  const [search, setSearch] = useUrl()
  const [stored, setStored] = useState(() => readStored(storageKey))
  const usual = useMemo(() => columns.filter((column) => !column.extra).map((column) => column.key), [columns])
  const wanted = search.cols?.split(',') ?? stored ?? usual
  const names = wanted.join(',')
  const shown = useMemo(() => columns.filter((column, place) => place === 0 || names.split(',').includes(column.key)), [columns, names])
  const keys = useMemo(() => shown.map((column) => column.key), [shown])

  const choose = useCallback(
    (keys: string[] | null) => {
      try {
        if (keys) localStorage.setItem(storageKey, keys.join(','))
        else localStorage.removeItem(storageKey)
      } catch {
        // Without storage the choice stays in the address alone.
      }
      setStored(keys)
      setSearch({ cols: keys?.join(',') }, { replace: true })
    },
    [storageKey, setSearch],
  )
  const reset = useCallback(() => choose(null), [choose])
  return { shown, keys, choose, reset }
}

function readStored(key: string): string[] | null {
  try {
    return localStorage.getItem(key)?.split(',') ?? null
  } catch {
    return null
  }
}
