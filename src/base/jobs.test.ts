// Work by the clock: never twice at once, never silent when it fails, and ended before the server is.
import type { FastifyBaseLogger } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Jobs } from './jobs.ts'

const told: { job: string; err: { message: string } }[] = []
const log = { warn: (what: (typeof told)[number]) => told.push(what) } as unknown as FastifyBaseLogger
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  told.length = 0
})
afterEach(() => vi.useRealTimers())

/** A job that works until it is let go, and counts how often it began and how many worked at once. */
function slowJob() {
  const seen = { begun: 0, atOnce: 0, most: 0 }
  const waiting: ((error?: Error) => void)[] = []
  const run = async () => {
    seen.begun++
    seen.most = Math.max(seen.most, ++seen.atOnce)
    await new Promise<void>((done, fail) => waiting.push((error) => (error ? fail(error) : done())))
    seen.atOnce--
  }
  return { seen, run, end: (error?: Error) => waiting.splice(0).forEach((let_) => void let_(error)) }
}
const settle = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test('a run that lasts longer than its interval is never joined by a second one, not even by hand', async () => {
  const jobs = new Jobs(log)
  const { seen, run, end } = slowJob()
  jobs.add({ name: 'slow', everyMs: 1000, trouble: 'it failed', run })
  jobs.start()
  expect(jobs.list()[0]).toMatchObject({ runs: 0, is_running: false, next_at: new Date(Date.now() + 1000).toISOString() })
  vi.advanceTimersByTime(3500)
  const byHand = [jobs.run('slow'), jobs.run('slow')]
  expect(jobs.list()[0]).toMatchObject({ is_running: true, ended_at: null })
  end()
  expect((await Promise.all(byHand)).map((state) => state?.runs)).toEqual([1, 1])
  expect(seen).toEqual({ begun: 1, atOnce: 0, most: 1 })
  vi.advanceTimersByTime(1000)
  expect(seen.begun).toBe(2)
  end()
  await jobs.close()
})

test('a failure is counted, said with the name of the job, and forgotten only by a run that goes well', async () => {
  const jobs = new Jobs(log)
  let trouble: Error | undefined = new Error('no such table')
  jobs.add({ name: 'frail', everyMs: 1000, atStart: true, trouble: 'it failed', run: async () => trouble && Promise.reject(trouble) })
  jobs.start()
  await settle()
  expect(jobs.list()[0]).toMatchObject({ runs: 1, failures: 1, error: 'no such table', succeeded_at: null, is_running: false })
  expect(told).toEqual([{ job: 'frail', err: { message: 'no such table' } }])
  trouble = undefined
  expect(await jobs.run('frail')).toMatchObject({ runs: 2, failures: 1, error: null, succeeded_at: new Date().toISOString() })
  trouble = new Error('again')
  expect(await jobs.run('frail')).toMatchObject({ runs: 3, failures: 2, error: 'again', succeeded_at: expect.any(String) })
  expect(await jobs.run('unknown')).toBeUndefined()
  expect(() => jobs.add({ name: 'frail', everyMs: 1, trouble: '', run: async () => {} })).toThrow('two jobs')
  await jobs.close()
})

test('closing waits for the run under way, lets the job give back what it holds, and nothing begins afterwards', async () => {
  const jobs = new Jobs(log)
  const { seen, run, end } = slowJob()
  let isBack = false
  jobs.add({ name: 'slow', everyMs: 1000, trouble: 'it failed', run, close: async () => (isBack = true) })
  jobs.start()
  vi.advanceTimersByTime(1000)
  let isClosed = false
  const closing = jobs.close().then(() => (isClosed = true))
  await settle()
  expect([isClosed, isBack]).toEqual([false, true])
  vi.advanceTimersByTime(5000)
  expect(await jobs.run('slow')).toBeUndefined()
  end()
  await closing
  vi.advanceTimersByTime(5000)
  expect([isClosed, seen.begun]).toEqual([true, 1])
})
