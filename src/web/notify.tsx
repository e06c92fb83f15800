// Short messages in the corner: what went well, and what was refused and why. Fetched with the first one.
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import i18next from 'i18next'
import { lazy } from 'react'

const load = () => import('@mantine/notifications')

/** Where the messages appear. */
export const Notifications = lazy(() => load().then((module) => ({ default: module.Notifications })))

export function notifyDone(message: string): void {
  void load().then(({ notifications }) =>
    notifications.show({ message, color: 'teal', icon: <IconCheck size={18} aria-hidden />, autoClose: 5000, role: 'status', closeButtonProps: { 'aria-label': i18next.t('web.close') } }),
  )
}

export function notifyProblem(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  void load().then(({ notifications }) =>
    notifications.show({ message, color: 'red', icon: <IconAlertTriangle size={18} aria-hidden />, autoClose: 12_000, role: 'alert', closeButtonProps: { 'aria-label': i18next.t('web.close') } }),
  )
}
