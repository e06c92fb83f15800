// A place in the record of all writes: what a write answers, and what a read that must not be older sends along.

/** `timeline` counts the promotions: what is behind a place on an older one is in every newer one, as far as it was kept. */
export type Position = Readonly<{ timeline: number; lsn: bigint }>

export const positionHeader = 'x-bitcorp-position'
const form = /^(\d{1,10})-([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i

/** Undefined for what is no position. */
export function parsePosition(text: string): Position | undefined {
  const [, timeline, high, low] = form.exec(text) ?? []
  return timeline && high && low ? { timeline: Number(timeline), lsn: (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`) } : undefined
}

export function formatPosition({ timeline, lsn }: Position): string {
  return `${timeline}-${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase()
}

/** Whether everything up to `wanted` is behind `reached`. */
export function isReached(wanted: Position, reached: Position): boolean {
  return wanted.timeline === reached.timeline ? wanted.lsn <= reached.lsn : wanted.timeline < reached.timeline
}

export function laterOf(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (!a || !b) return a ?? b
  return isReached(a, b) ? b : a
}
