// How the door lists pages: an address, where the page is, and whether the navigation shows it.
import type { Icon } from '@tabler/icons-react'
import { lazyRouteComponent, type RouteComponent } from '@tanstack/react-router'
import type { Who } from '../plain/operation.ts'

export type NavEntry = { label: string; icon: Icon; who?: Who }
/** `path` stands below /c/<company>; `$name` in it is a parameter. */
export type PageEntry = { path: string; component: RouteComponent; nav?: NavEntry }

/** A page that is fetched when somebody goes there (or points at a link to it). */
export function page<M extends Record<string, unknown>, K extends keyof M & string>(path: string, load: () => Promise<M>, name: K, nav?: NavEntry): PageEntry {
  return { path, component: lazyRouteComponent(load, name) as RouteComponent, ...(nav ? { nav } : {}) }
}
