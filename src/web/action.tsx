// Buttons for operations: what a person may not do stays visible, disabled, and says why, also to keyboard and screen reader.
import { Button, type ButtonProps, Menu, type MenuItemProps, Text, Tooltip, VisuallyHidden } from '@mantine/core'
import { type MouseEvent, type ReactNode, useId } from 'react'
import type { Operation } from '../plain/operation.ts'
import { useTranslation } from './i18n.ts'
import { useMay } from './session.tsx'
import { PageLink, type Search, useMoment } from './url.tsx'

type Guard = {
  op: Pick<Operation, 'who'> & { method?: Operation['method'] }
  /** A sentence when the state of things forbids it, as "the machine is retired". */
  unless?: string | false | null | undefined
}

/** undefined when it may be done, else the sentence that says why not. */
export function useReason({ op, unless }: Guard): string | undefined {
  const { t } = useTranslation()
  const may = useMay()(op)
  const moment = useMoment()
  return may.reason ?? (moment && op.method !== 'GET' ? t('web.past_reason') : unless || undefined)
}

type ActionButtonProps = Omit<ButtonProps, 'disabled'> &
  Guard & { onClick?: (event: MouseEvent<HTMLElement>) => void; to?: string; search?: Search; type?: 'button' | 'submit'; children: ReactNode; 'aria-label'?: string }

export function ActionButton({ op, unless, onClick, to, search, children, type = 'button', ...rest }: ActionButtonProps) {
  const reason = useReason({ op, unless })
  const id = useId()
  if (reason === undefined) {
    if (to !== undefined)
      return (
        <Button component={PageLink} to={to} {...(search ? { search } : {})} {...rest}>
          {children}
        </Button>
      )
    return (
      <Button type={type} {...(onClick ? { onClick } : {})} {...rest}>
        {children}
      </Button>
    )
  }
  return (
    <Tooltip label={reason}>
      <Button {...rest} data-disabled aria-disabled="true" aria-describedby={id} onClick={(event: MouseEvent) => event.preventDefault()}>
        {children}
        <VisuallyHidden id={id} aria-hidden>
          {reason}
        </VisuallyHidden>
      </Button>
    </Tooltip>
  )
}

type ActionItemProps = Omit<MenuItemProps, 'disabled'> & Guard & { onClick: () => void; children: ReactNode }

/** The same in a menu: the reason stands below the words. */
export function ActionItem({ op, unless, onClick, children, ...rest }: ActionItemProps) {
  const reason = useReason({ op, unless })
  if (reason === undefined)
    return (
      <Menu.Item {...rest} onClick={onClick}>
        {children}
      </Menu.Item>
    )
  return (
    <Menu.Item {...rest} component="div" aria-disabled="true" closeMenuOnClick={false} className="menu-refused">
      {children}
      <Text size="xs" c="dimmed" maw={260}>
        {reason}
      </Text>
    </Menu.Item>
  )
}
