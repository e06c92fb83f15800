// The part `background`: what people wait for while the product works by itself: sums and partitions, webhooks, a backup, all of them.
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Bed, judged, type Measured, measure, middle, type Part, query, ratio, settle } from './bed.ts'
import { forgetCompanies, makeCompany } from './company.ts'
import { bench, companyId } from './data.ts'
import type { Request } from './load.ts'
import { operationsOn } from './operations.ts'

const most = 1.1

export const background: Part = { measure: measureBackground, rounds: 3, seconds: 10, connections: 16, env: { BITCORP_WEBHOOK_HTTP: '1', BITCORP_WEBHOOK_ALLOW: '127.0.0.1' } }

/** Begins it, for the company that machines are made in; gives what ends it and says how much was done. */
type Work = (bed: Bed, company: string) => Promise<() => Promise<number>>
/** `quiet`: what the clock does by itself goes on in all of them. */
const works: Record<string, Work[]> = { quiet: [], jobs: [runJobs], webhooks: [sendWebhooks], backup: [backUp], all: [runJobs, sendWebhooks, backUp] }

async function measureBackground(bed: Bed): Promise<object> {
  const { product, dataDir, rounds, say } = bed
  const [get, create] = (await operationsOn(product.superuser, bed.machines)).filter(({ name }) => name === 'get' || name === 'create')
  let turn = 0
  await forgetCompanies(bed)
  const company = await makeCompany(bed)
  const make = create?.next() as Request
  const next = (): Request => (turn++ % 2 === 0 ? (get?.next() as Request) : { ...make, path: make.path.replace(companyId(1), company) })
  const forSeconds = (seconds: number) => measure(product, product.database, { headers: bed.headers, connections: bed.connections, seconds, next, expected: [200, 201] })
  const series: Record<string, { figures: Measured[]; done: number[][] }> = {}
  await query(product.superuser, 'SELECT put_installation_admin($1, true)', [bench.email])
  try {
    await forSeconds(2)
    for (let round = 0; round < rounds; round++) {
      for (const [name, parts] of Object.entries(works)) {
        await settle(bed)
        const ends = await Promise.all(parts.map((begin) => begin(bed, company)))
        await sleep(500)
        const figures = await forSeconds(bed.seconds)
        const done = await Promise.all(ends.map((end) => end()))
        series[name] ??= { figures: [], done: [] }
        series[name].figures.push(figures)
        series[name].done.push(done)
      }
    }
  } finally {
    await query(product.superuser, 'SELECT put_installation_admin($1, false)', [bench.email])
    rmSync(join(dataDir, 'backups'), { recursive: true, force: true })
    await forgetCompanies(bed)
  }
  const p95 = (name: string) => (series[name]?.figures ?? []).map((one) => one.p95)
  return Object.fromEntries(
    Object.entries(series).map(([name, { figures, done }]) => {
      const found = { ...middle(figures), done, ratio: ratio(p95(name), p95('quiet')) }
      say(
        `${name.padEnd(9)} get and create: p95 ${found.p95.toFixed(1)} ms, ${found.rps.toFixed(0)}/s${found.wrong ? ` WRONG ${found.wrong}` : ''}${name === 'quiet' ? '' : `, done beside it ${done.at(-1)?.join(' + ')} | ratio ${judged(found.ratio, most)}`}`,
      )
      return [name, found]
    }),
  )
}

/** Again and again until it is ended; what one turn gives is added up. */
function repeat(everyMs: number, work: () => Promise<number>): () => Promise<number> {
  let isOver = false
  const running = (async () => {
    let sum = 0
    while (!isOver) {
      sum += await work()
      await sleep(everyMs)
    }
    return sum
  })()
  // A failure is told by who ends it.
  running.catch(() => {})
  return () => {
    isOver = true
    return running
  }
}

/** The sums of utilization and the partitions of the logs each second, which the clock does each ten and sixty. Gives how often. */
async function runJobs(bed: Bed): Promise<() => Promise<number>> {
  return repeat(1000, async () => {
    for (const job of ['utilization_sums', 'log_partitions']) {
      const { error } = await ask<{ error: string | null }>(bed, 'POST', `/api/v1/installation/jobs/${job}/run`, {})
      if (error) throw new Error(`the job ${job}: ${error}`)
    }
    return 1
  })
}

/** All events of the company to a receiver in this process. Gives how many arrived. */
async function sendWebhooks(bed: Bed, company: string): Promise<() => Promise<number>> {
  let arrived = 0
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => {
      arrived++
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  const { port } = receiver.address() as AddressInfo
  const path = `/api/v1/companies/${company}/webhooks`
  const { webhook } = await ask<{ webhook: { id: string } }>(bed, 'POST', path, { name: 'bench', url: `http://127.0.0.1:${port}/` })
  return async () => {
    await ask(bed, 'DELETE', `${path}/${webhook.id}`)
    receiver.closeAllConnections()
    await new Promise((done) => receiver.close(done))
    return arrived
  }
}

const backups = '/api/v1/installation/backups'
type Backups = { running: object | null; items: { state: string }[]; last_failure: object | null }

/** A backup with its proof, the next one when it is done, and none when it is over. Gives how many were begun. */
async function backUp(bed: Bed): Promise<() => Promise<number>> {
  const stop = repeat(500, async () => ((await ask<{ started: boolean }>(bed, 'POST', backups, {})).started ? 1 : 0))
  return async () => {
    const begun = await stop()
    for (;;) {
      const { running, last_failure: failure } = await ask<Backups>(bed, 'GET', backups)
      if (failure) throw new Error(`a backup failed: ${JSON.stringify(failure)}`)
      if (!running) break
      await sleep(500)
    }
    // Kept, they would fill the disk at a million machines.
    rmSync(join(bed.dataDir, 'backups'), { recursive: true, force: true })
    return begun
  }
}
