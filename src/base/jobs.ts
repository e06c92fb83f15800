// What the server does by the clock: each job is named, never overlaps itself, and tells when it ran, how long, and what went wrong.
import type { FastifyBaseLogger } from 'fastify'

export type Job = Readonly<{
  name: string
  everyMs: number
  run: () => Promise<unknown>
  /** What the log says when it fails. */
  trouble: string
  /** Also at once, when the server begins to listen. */
  atStart?: boolean
  /** Lets a run come to its end soon, and gives back what the job holds. */
  close?: () => Promise<unknown>
}>

export type JobState = {
  name: string
  every_ms: number
  is_running: boolean
  runs: number
  failures: number
  started_at: string | null
  ended_at: string | null
  duration_ms: number | null
  succeeded_at: string | null
  /** The failure of the last run; null once a run went well. */
  error: string | null
  next_at: string | null
}

type Entry = { job: Job; state: JobState; running: Promise<void> | undefined; timer: NodeJS.Timeout | undefined }

export class Jobs {
  private readonly entries = new Map<string, Entry>()
  private readonly log: FastifyBaseLogger
  private isClosed = false
  constructor(log: FastifyBaseLogger) {
    this.log = log
  }

  add(job: Job): void {
    if (this.entries.has(job.name)) throw new Error(`two jobs are called ${job.name}`)
    const { name, everyMs } = job
    const never = { started_at: null, ended_at: null, duration_ms: null, succeeded_at: null, error: null, next_at: null }
    this.entries.set(name, { job, running: undefined, timer: undefined, state: { name, every_ms: everyMs, is_running: false, runs: 0, failures: 0, ...never } })
  }

  /** Begins the clock. Several servers on one database take turns by themselves, in the database. */
  start(): void {
    for (const entry of this.entries.values()) {
      this.wait(entry)
      if (entry.job.atStart) void this.once(entry)
    }
  }

  private wait(entry: Entry): void {
    entry.state.next_at = new Date(Date.now() + entry.job.everyMs).toISOString()
    entry.timer = setInterval(() => {
      entry.state.next_at = new Date(Date.now() + entry.job.everyMs).toISOString()
      void this.once(entry)
    }, entry.job.everyMs)
  }

  /** Runs it now, or joins the run under way; undefined when there is no such job. A failure stands in the state. */
  async run(name: string): Promise<JobState | undefined> {
    const entry = this.entries.get(name)
    if (!entry || this.isClosed) return undefined
    await this.once(entry)
    return { ...entry.state }
  }

  private once(entry: Entry): Promise<void> {
    entry.running ??= this.work(entry).finally(() => {
      entry.running = undefined
    })
    return entry.running
  }

  private async work({ job, state }: Entry): Promise<void> {
    const began = Date.now()
    Object.assign(state, { is_running: true, started_at: new Date(began).toISOString() })
    try {
      await job.run()
      Object.assign(state, { error: null, succeeded_at: new Date().toISOString() })
    } catch (error) {
      const { message } = error as Error
      Object.assign(state, { error: message.slice(0, 300), failures: state.failures + 1 })
      this.log.warn({ job: job.name, err: { message } }, job.trouble)
    }
    Object.assign(state, { is_running: false, runs: state.runs + 1, ended_at: new Date().toISOString(), duration_ms: Date.now() - began })
  }

  list(): JobState[] {
    return [...this.entries.values()].map(({ state }) => ({ ...state }))
  }

  /** No run begins any more; those under way come to their end. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const { timer } of this.entries.values()) clearInterval(timer)
    await Promise.all([...this.entries.values()].flatMap(({ job, running }) => [running, job.close?.()]))
  }
}
