// The frame of a page: its heading, actions, title of the browser tab, and the focus after going there.
import { Group, Text, Title } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { useRouterState } from '@tanstack/react-router'
import { type ReactNode, useEffect, useRef } from 'react'
import { useTranslation } from './i18n.ts'
import { PageLink, useMoment } from './url.tsx'

let lastPath: string | null = null

/** The moment that a page shows goes along with its links. */
export function BackLink({ to, label }: { to: string; label: string }) {
  return (
    <PageLink to={to} search={useMoment() ?? {}} className="back-link">
      <IconArrowLeft size={16} aria-hidden />
      {label}
    </PageLink>
  )
}

export function Page({ title, subtitle, actions, above, children }: { title: string; subtitle?: ReactNode; actions?: ReactNode; above?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation()
  const heading = useRef<HTMLHeadingElement>(null)
  const path = useRouterState({ select: (state) => state.location.pathname })
  useEffect(() => {
    document.title = `${title} · ${t('web.product')}`
  }, [title, t])
  // A screen reader hears the new page's name; the first page leaves the focus where the browser puts it.
  // The wait lets a dialog that closes by the same step give its focus back first.
  useEffect(() => {
    const isNew = lastPath !== null && lastPath !== path
    lastPath = path
    if (!isNew) return
    const timer = setTimeout(() => heading.current?.focus({ preventScroll: true }), 60)
    return () => clearTimeout(timer)
  }, [path])
  return (
    <>
      {above}
      <Group justify="space-between" align="flex-start" mb="md" gap="sm" className="page-head">
        <div>
          <Title order={1} ref={heading} tabIndex={-1} className="page-title">
            {title}
          </Title>
          {subtitle && (
            <Text component="div" c="dimmed" size="sm">
              {subtitle}
            </Text>
          )}
        </div>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </>
  )
}
