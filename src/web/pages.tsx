// How the door lists pages: an address, where the page is, and whether the navigation shows it.
import type { Icon } from '@tabler/icons-react'
import { lazyRouteComponent, type RouteComponent } from '@tanstack/react-router'
import type { Who } from '../plain/operation.ts'
import { say } from './i18n.ts'

/** `hidden`: who may not go there does not see it at all; others are shown locked, with the reason. */
export type NavEntry = { label: string; icon: Icon; who?: Who; hidden?: boolean }
/** `path` stands below /c/<company>; `$name` in it is a parameter. */
export type PageEntry = { path: string; component: RouteComponent; nav?: NavEntry }

/** A page that is fetched when somebody goes there (or points at a link to it). */
export function page<M extends Record<string, unknown>, K extends keyof M & string>(path: string, load: () => Promise<M>, name: K, nav?: NavEntry): PageEntry {
  return { path, component: lazyRouteComponent(() => load().catch(tellAway), name) as RouteComponent, ...(nav ? { nav } : {}) }
}

const isServerThere = () =>
  fetch('/healthz', { method: 'HEAD' }).then(
    () => true,
    () => false,
  )

/** Without the server the person reads a sentence and stays; with it, a newer version replaced the file, and the router reloads. */
async function tellAway(error: unknown): Promise<never> {
  throw (await isServerThere()) ? error : new Error(say('web.offline'))
}

/** Starts the page anew, but never trades it for the browser's own error page. */
export async function reloadPage(): Promise<void> {
  if (await isServerThere()) location.reload()
}
