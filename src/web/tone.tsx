// A state as a small label: icon, words and colour together, since colour alone says nothing to many.
import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export type Tone = 'ok' | 'warn' | 'bad' | 'idle' | 'info'

export function ToneBadge({ tone, icon: ToneIcon, children }: { tone: Tone; icon?: Icon; children: ReactNode }) {
  return (
    <span className={`tone tone-${tone}`}>
      {ToneIcon && <ToneIcon size={14} stroke={2.2} aria-hidden />}
      {children}
    </span>
  )
}
