// What is wider than a phone: it scrolls sideways by itself, with fingers and by keyboard.
import type { ReactNode } from 'react'

/** `label` names the region, as it can be reached by Tab. */
export function Sideways({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard (WCAG 2.1.1), and there may be nothing to press in it.
    <section className="list-scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}
