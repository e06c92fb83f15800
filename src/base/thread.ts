// Threads for work that would keep everyone waiting: the answers of all companies come from one thread.
import { Worker } from 'node:worker_threads'

// Most of what a thread makes is kept until its end: a large nursery would only be memory more.
const resourceLimits = { maxYoungGenerationSizeMb: 8 }

/** Runs the file `name` beside the module `from`, or beside the program when that was built, with `data` as its workerData. */
export function startThread(from: string, name: string, data: unknown): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, from), { workerData: data, resourceLimits })
  // From the sources, as in tests: a thread learns by itself to read TypeScript.
  const file = JSON.stringify(new URL(`./${name}.ts`, from).href)
  return new Worker(`import('tsx/esm/api').then(({ register }) => register()).then(() => import(${file}))`, { eval: true, workerData: data, resourceLimits })
}

/** What the thread answers with `answer`; rejected when it fails, or ends without one. It is over then. */
export async function answerOf<T>(worker: Worker, talk: (done: (answer: T) => void, fail: (error: Error) => void) => void): Promise<T> {
  try {
    return await new Promise<T>((done, fail) => {
      worker.once('error', fail)
      worker.once('exit', () => fail(new Error('the thread ended before it answered')))
      talk(done, fail)
    })
  } finally {
    await worker.terminate()
  }
}
