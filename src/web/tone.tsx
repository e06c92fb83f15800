// A state as a small label: icon, words and colour together, since colour alone says nothing to many.
import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export type Tone = 'ok' | 'warn' | 'bad' | 'idle' | 'info'

/** `title`: what the label stands for, said before it to a screen reader and shown on hover. */
export function ToneBadge({ tone, icon: ToneIcon, title, children }: { tone: Tone; icon?: Icon; title?: string; children: ReactNode }) {
  return (
    <span className={`tone tone-${tone}`} title={title}>
      {ToneIcon && <ToneIcon size={14} stroke={2.2} aria-hidden />}
      {title && <span className="visually-hidden">{title}: </span>}
      {children}
    </span>
  )
}
