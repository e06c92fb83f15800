// Short messages in the corner: what went well, and what was refused and why. Fetched with the first one.
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { lazy, Suspense, useSyncExternalStore } from 'react'
import { say } from './i18n.ts'

const load = () => import('@mantine/notifications')
const Corner = lazy(() => load().then((module) => ({ default: module.Notifications })))

const state = { isAsked: false, listeners: new Set<() => void>() }

function ask(): ReturnType<typeof load> {
  state.isAsked = true
  for (const listener of state.listeners) listener()
  return load()
}

/** Where the messages appear, from the first one on. */
export function Notifications() {
  const isAsked = useSyncExternalStore(
    (listener) => {
      state.listeners.add(listener)
      return () => state.listeners.delete(listener)
    },
    () => state.isAsked,
  )
  return isAsked ? (
    <Suspense>
      <Corner position="bottom-right" limit={4} />
    </Suspense>
  ) : null
}

export function notifyDone(message: string): void {
  void ask().then(({ notifications }) =>
    notifications.show({ message, color: 'teal', icon: <IconCheck size={18} aria-hidden />, autoClose: 5000, role: 'status', closeButtonProps: { 'aria-label': say('web.close') } }),
  )
}

export function notifyProblem(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  void ask().then(({ notifications }) =>
    notifications.show({ message, color: 'red', icon: <IconAlertTriangle size={18} aria-hidden />, autoClose: 12_000, role: 'alert', closeButtonProps: { 'aria-label': say('web.close') } }),
  )
}
