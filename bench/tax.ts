// The part `tax`: what row security costs the database. The same product, the same statements; for half of the time its user has BYPASSRLS.
import { ask, type Bed, judged, type Measured, measure, middle, type Part, query, rounded } from './bed.ts'
import { operationsOn } from './operations.ts'

const most = 1.15

// An even number of rounds: with and without go first equally often.
export const tax: Part = { measure: measureTax, rounds: 4, seconds: 4, connections: 16 }

async function measureTax(bed: Bed): Promise<object> {
  const { product, headers, rounds, seconds, connections, say } = bed
  const operations = (await operationsOn(product.superuser, bed.machines)).filter(({ name }) => name === 'get' || name === 'list')
  const series = operations.map(() => ({ with: [] as Measured[], without: [] as Measured[] }))
  const answers = new Set<string>()
  const samples = operations.map(({ next }) => next().path)
  try {
    for (let round = 0; round <= rounds; round++) {
      // Each is the first one in turn, and round 0 warms the server and does not count: neither finds it warmer.
      for (const kind of round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
        await setRowSecurity(product.superuser, kind === 'with')
        for (const [at, { next, expected }] of operations.entries()) {
          const load = { headers, connections, next, expected }
          // New connections: their first statements are planned, which does not count.
          await measure(product, product.database, { ...load, seconds: 2 })
          const figures = await measure(product, product.database, { ...load, seconds })
          if (round > 0) series[at]?.[kind].push(figures)
        }
        answers.add(JSON.stringify(await Promise.all(samples.map((path) => ask(bed, 'GET', path)))))
      }
    }
  } finally {
    await setRowSecurity(product.superuser, true)
  }
  // Each statement names the company by itself too, so that the answers are the same and the work is comparable.
  if (answers.size > 1) throw new Error('without row security the answers are others: nothing can be said of its price')
  return Object.fromEntries(
    operations.map(({ name }, at) => {
      const { with: on = [], without: off = [] } = series[at] ?? {}
      const figures = { with: middle(on), without: middle(off), databaseMs: rounded(sum(on) / sum(off)) }
      const shown = (one: Measured) => `${one.databaseMs.toFixed(3)} ms (${one.rps.toFixed(0)}/s)${one.wrong ? ` WRONG ${one.wrong}` : ''}`
      say(`${name.padEnd(9)} database: under row security ${shown(figures.with)} | without ${shown(figures.without)} | ratio ${judged(figures.databaseMs, most)}`)
      return [name, figures]
    }),
  )
}

const sum = (all: Measured[]): number => all.reduce((found, one) => found + one.databaseMs, 0)

/** Plans are made for a role as it was: all its connections begin anew. */
async function setRowSecurity(superuser: string, isOn: boolean): Promise<void> {
  await query(superuser, `ALTER ROLE application_user ${isOn ? 'NOBYPASSRLS' : 'BYPASSRLS'}`)
  await query(superuser, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'application_user' AND pid <> pg_backend_pid()")
}
