// How many of the serving connections work at once while each works only for a moment: more than the processors keep up with slow each other down.

/** Lets `atOnce` in; who has waited `waitMs` behind work that takes long, or waits for a lock, goes in as well. */
export class Gate {
  private readonly atOnce: number
  private readonly waitMs: number
  private inside = 0
  private readonly waiting: (() => void)[] = []
  constructor(atOnce: number, waitMs: number) {
    this.atOnce = atOnce
    this.waitMs = waitMs
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside < this.atOnce && this.waiting.length === 0) this.inside++
    else await this.turn()
    try {
      return await work()
    } finally {
      this.inside--
      if (this.inside < this.atOnce) this.waiting[0]?.()
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(late)
        this.waiting.splice(this.waiting.indexOf(go), 1)
        this.inside++
        resolve()
      }
      const late = setTimeout(go, this.waitMs)
      this.waiting.push(go)
    })
  }
}
